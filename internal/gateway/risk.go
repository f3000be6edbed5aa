package gateway

import (
	"context"
	"errors"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
)

// Risk says whether a payment may go to its channel, or be paid by accounts of
// ours alone. Asked again about the same
// payment it says the same, but for a review that people have ended.
type Risk interface {
	// Judge returns nil if it may, or ErrReview, ErrChallenge or ErrRejected.
	Judge(ctx context.Context, p *paycore.Payment, payer Payer) error
}

// What risk says instead of yes.
var (
	// ErrReview: a person decides; the channel is not called before that.
	ErrReview = errors.New("the payment is held for review")
	// ErrChallenge: only a payer whom the merchant has verified may pay so. The
	// payment has failed.
	ErrChallenge = errors.New("the payer must be verified")
	// ErrRejected: the payment has failed.
	ErrRejected = errors.New("risk refuses the payment")
)

// Judges tells whether risk is asked before a payment goes out.
func (d *Desk) Judges() bool { return d.opt.Risk != nil }

// mayGo asks risk about a payment that no channel knows of. What may never go
// fails.
func (d *Desk) mayGo(ctx context.Context, p *paycore.Payment, payer Payer, t *Task) error {
	if d.opt.Risk == nil || t.Prepaid != "" || t.State == Sent || p.State != paycore.Paying && p.State != paycore.Failed {
		return nil
	}
	no := d.opt.Risk.Judge(ctx, p, payer)
	crashpoint.Hit("desk.judged")
	if p.State != paycore.Paying || !errors.Is(no, ErrChallenge) && !errors.Is(no, ErrRejected) {
		return no
	}
	if _, err := d.do(ctx, paycore.FailPayment{PayNo: p.PayNo, By: paycore.ByAnswer, Detail: clip(no.Error())}); err != nil {
		return err
	}
	return errors.Join(no, notMoved(d.finish(ctx, t, no.Error())))
}
