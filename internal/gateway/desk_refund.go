package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// Refund sends a refund of the books to its channel, once. nil: it was sent,
// now or before, and the desk goes on by itself until the channel has said how
// it ended. ErrBusy: it waits its turn. A *Refusal: it has failed.
func (d *Desk) Refund(ctx context.Context, refundNo string) error {
	r, l, err := d.refund(ctx, refundNo)
	if err != nil {
		return err
	}
	if r.State != paycore.Processing {
		return nil
	}
	t, err := d.tasks.Intend(ctx, Task{Subject: ForRefund, Number: refundNo, Account: r.Account, State: Intent, Next: d.opt.Now().UnixMicro()})
	if err != nil {
		return err
	}
	crashpoint.Hit("desk.intent")
	if t.State != Intent {
		return nil
	}
	return notMoved(d.sendRefund(ctx, l, r, &t))
}

// refund reads a refund with the line that it goes over.
func (d *Desk) refund(ctx context.Context, refundNo string) (*paycore.Refund, *line, error) {
	r, err := d.books.Refund(ctx, refundNo)
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, fmt.Errorf("no refund %s in the books", refundNo)
	}
	l := d.lines[r.Account]
	if l == nil {
		return nil, nil, fmt.Errorf("account %s has no gateway", r.Account)
	}
	return r, l, nil
}

// sendRefund sends what the channel knows nothing of. That it may know is
// written down first, and what it is told.
func (d *Desk) sendRefund(ctx context.Context, l *line, r *paycore.Refund, t *Task) error {
	if asVoid(t, r) && r.State == paycore.Failed { // on a person's word
		return d.refundInstead(ctx, l, t, r, "the refund is "+string(r.State))
	}
	p, err := d.books.Payment(ctx, r.PayNo)
	if err != nil {
		return err
	}
	send, void := l.Channel.Refund, asVoid(t, r) || d.mayVoid(l, t, p, r)
	if void {
		send = l.Channel.(Voider).Void
	}
	request := RefundRequest{RefundNo: r.Number(), PayNo: r.PayNo, AmountMinor: r.AmountMinor, TotalMinor: p.AmountMinor, Currency: r.Currency,
		ChannelRef: p.ChannelRef, CreatedAt: time.UnixMicro(r.CreatedAt)}
	var a schemas.QueryAnswer
	sent := false
	err = d.call(ctx, l, func(ctx context.Context) error {
		if void {
			t.Way = Voided
		}
		t.State, t.Next, t.Note = Sent, d.opt.Now().Add(d.opt.Call+d.opt.Ladder[0]).UnixMicro(), "sent"
		if err := d.save(ctx, t); err != nil {
			return err
		}
		sent = true
		var err error
		a, err = send(ctx, request)
		crashpoint.Hit("desk.called")
		return err
	})
	var no *Refusal
	switch {
	case err == nil:
		return d.concludeRefund(ctx, l, t, r, a)
	case !sent && errors.Is(err, ErrBusy):
		return errors.Join(err, notMoved(d.later(ctx, t, err)))
	case !sent:
		return err
	case errors.As(err, &no) && void:
		return d.refundInstead(ctx, l, t, r, no.Error())
	case errors.As(err, &no):
		if _, err := d.do(ctx, paycore.FailRefund{RefundNo: r.RefundNo, By: paycore.ByAnswer, Detail: clip(no.Error())}); err != nil {
			return err
		}
		// The payer is still owed: a person has it sent again, or gives it up.
		return errors.Join(no, notMoved(d.stuck(ctx, t, no.Error())))
	}
	return d.later(ctx, t, err)
}

// mayVoid tells whether a refund that never went out goes as a void: it gives
// the whole payment back on the settlement day that took it.
func (d *Desk) mayVoid(l *line, t *Task, p *paycore.Payment, r *paycore.Refund) bool {
	return l.VoidDay != nil && t.State == Intent && r.State == paycore.Processing && r.SentAs == "" &&
		r.AmountMinor == p.AmountMinor && l.VoidDay.DateOf(p.PaidAt) == l.VoidDay.DateOf(d.opt.Now().UnixMicro())
}

// asVoid tells whether the number that the channel has for a refund is that of
// a void.
func asVoid(t *Task, r *paycore.Refund) bool { return t.Way == Voided && r.SentAs == "" }

// refundInstead goes on as a refund, under a number of its own, with what the
// channel has refused for certain to void.
func (d *Desk) refundInstead(ctx context.Context, l *line, t *Task, r *paycore.Refund, why string) error {
	result, err := d.do(ctx, paycore.RenumberRefund{RefundNo: r.RefundNo, Number: InsteadNo(r.RefundNo), Detail: clip(why)})
	if err != nil {
		return err
	}
	if result.Effect == paycore.Refused {
		return d.later(ctx, t, errors.New("the void was refused, and the books say: "+result.Reason))
	}
	if r, err = d.books.Refund(ctx, r.RefundNo); err != nil {
		return err
	}
	return d.sendRefund(ctx, l, r, t)
}

// workRefund takes one step with a refund: what was sent is asked for, and only
// what the channel does not know is sent again, under the same number. One that
// has failed is sent again on a person's word alone, which makes it an intent.
func (d *Desk) workRefund(ctx context.Context, t *Task) error {
	r, l, err := d.refund(ctx, t.Number)
	if err != nil {
		return err
	}
	if r.State != paycore.Processing && r.State != paycore.Failed {
		return d.finish(ctx, t, "the refund is "+string(r.State))
	}
	if t.State == Sent {
		a, err := d.ask(ctx, l, schemas.Refund, r.PayNo, r.Number(), r.CreatedAt)
		if err != nil {
			return d.later(ctx, t, err)
		}
		if a.Found {
			return d.concludeRefund(ctx, l, t, r, a)
		}
		if r.State == paycore.Failed {
			return d.stuck(ctx, t, "the refund is "+string(r.State))
		}
	}
	return written(d.sendRefund(ctx, l, r, t))
}

// concludeRefund books what the channel said for certain.
func (d *Desk) concludeRefund(ctx context.Context, l *line, t *Task, r *paycore.Refund, a schemas.QueryAnswer) error {
	var c paycore.Command
	switch a.Status {
	case schemas.Success:
		c = paycore.MarkRefunded{RefundNo: r.RefundNo, ChannelRefundRef: a.ChannelRef, AmountMinor: a.AmountMinor, Currency: a.Currency,
			DoneAt: a.MovedAt, By: paycore.ByAnswer}
	case schemas.Failed, schemas.Closed:
		if asVoid(t, r) && r.State == paycore.Processing {
			return d.refundInstead(ctx, l, t, r, "the channel says "+string(a.Status))
		}
		c = paycore.FailRefund{RefundNo: r.RefundNo, By: paycore.ByAnswer, Detail: "the channel says " + string(a.Status)}
	default:
		return d.later(ctx, t, errors.New("the channel is at work on it"))
	}
	result, err := d.do(ctx, c)
	if err != nil {
		return err
	}
	if result.Effect == paycore.Refused && result.State == r.State {
		return d.stuck(ctx, t, "the books refuse what the channel says: "+result.Reason)
	}
	if result.State == paycore.Failed {
		return d.stuck(ctx, t, "the refund is "+string(result.State)) // the payer is still owed
	}
	return d.finish(ctx, t, "the refund is "+string(result.State))
}

// workExtra sees to a payment that its order did not need. It is refunded under
// a number that follows from the payment's, so once; or it waits for a person.
func (d *Desk) workExtra(ctx context.Context, t *Task) error {
	p, l, err := d.payment(ctx, t.Number)
	if err != nil {
		return err
	}
	refund, said := d.opt.RefundExtra[p.Merchant]
	if !said {
		refund = l.RefundExtra
	}
	if !refund {
		return d.stuck(ctx, t, "the channel has money that the order does not need; the payment is "+string(p.State))
	}
	no := ExtraRefundNo(p.PayNo)
	var c paycore.Command = paycore.CreateRefund{RefundNo: no, PayNo: p.PayNo, AmountMinor: p.AmountMinor, Currency: p.Currency}
	if p.State != paycore.Success {
		a, err := d.ask(ctx, l, schemas.Payment, p.PayNo, "", p.CreatedAt)
		if err == nil && (!a.Found || a.Status != schemas.Success) {
			err = errors.New("the channel does not say that it has the money")
		}
		if err != nil {
			return d.later(ctx, t, err)
		}
		c = paycore.RefundLate{PayNo: p.PayNo, RefundNo: no, ChannelRef: a.ChannelRef, AmountMinor: a.AmountMinor, Currency: a.Currency, PaidAt: a.MovedAt}
	}
	result, err := d.do(ctx, c)
	if err != nil {
		return err
	}
	if result.Effect == paycore.Refused {
		return d.stuck(ctx, t, "it cannot be refunded: "+result.Reason)
	}
	if err := d.finish(ctx, t, "refunded as "+no); err != nil {
		return err
	}
	return written(d.Refund(ctx, no))
}

// written forgets ends of a refund's call that its task tells.
func written(err error) error {
	var no *Refusal
	if errors.As(err, &no) || errors.Is(err, ErrBusy) {
		return nil
	}
	return err
}

// InsteadNo is the number under which a refund goes on that the channel refused
// to void; of letters and digits, as ExtraRefundNo.
func InsteadNo(refundNo string) string { return derived("INSTEAD", "void/"+refundNo) }

// ExtraRefundNo is the number under which an extra payment is refunded: letters
// and digits that every channel takes.
func ExtraRefundNo(payNo string) string {
	return derived("EXTRA", "extra payment "+payNo)
}

// derived is the one number that follows from a text.
func derived(prefix, text string) string {
	sum := sha256.Sum256([]byte(text))
	return prefix + strings.ToUpper(hex.EncodeToString(sum[:12]))
}
