package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// Pay gives what the payer of a payment in the books needs to pay. The same
// payment is given the same thing again. What was said of the payer when it was
// first sent counts. Errors: a *Refusal (the payment has failed), ErrUnknown and
// ErrBusy (ask again), ErrEnded, and what Risk says. Where accounts of ours pay
// all of it he needs nothing, and it is paid.
func (d *Desk) Pay(ctx context.Context, payNo string, payer Payer) (Prepaid, error) {
	p, l, err := d.payment(ctx, payNo)
	if err != nil {
		return Prepaid{}, err
	}
	text, err := toJSON(payer)
	if err != nil {
		return Prepaid{}, err
	}
	expires := l.deadline(p)
	t, err := d.tasks.Intend(ctx, Task{Subject: ForPayment, Number: payNo, Account: p.Account, State: Intent, Next: expires, ExpiresAt: expires, Payer: text})
	if err != nil {
		return Prepaid{}, err
	}
	crashpoint.Hit("desk.intent")
	if err := d.mayGo(ctx, p, payer, &t); err != nil {
		return Prepaid{}, err
	}
	switch {
	case t.Prepaid != "":
		return readPrepaid(t.Prepaid)
	case p.State != paycore.Paying || t.State != Intent && t.State != Sent || !d.opt.Now().Before(time.UnixMicro(t.ExpiresAt)):
		return Prepaid{}, ErrEnded
	case p.Wallet != "":
		return Prepaid{}, d.payOwn(ctx, p, &t)
	}
	if t.State == Intent {
		t.Payer = text
	}
	return d.prepay(ctx, l, p, t)
}

// payOwn pays what no channel has a part of. An order that another payment has
// paid meanwhile takes nothing: all is given back.
func (d *Desk) payOwn(ctx context.Context, p *paycore.Payment, t *Task) error {
	result, err := d.do(ctx, paycore.PayOwn{PayNo: p.PayNo})
	switch {
	case err != nil:
		return err
	case result.Effect == paycore.Refused:
		return errors.Join(ErrEnded, notMoved(d.closeInBooks(ctx, t, result.Reason)))
	}
	return notMoved(d.finish(ctx, t, "accounts of ours have paid it"))
}

// payment reads a payment with the line that it goes over.
func (d *Desk) payment(ctx context.Context, payNo string) (*paycore.Payment, *line, error) {
	p, err := d.books.Payment(ctx, payNo)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, fmt.Errorf("no payment %s in the books", payNo)
	}
	l := d.lines[p.Account]
	if l == nil {
		return nil, nil, fmt.Errorf("account %s has no gateway", p.Account)
	}
	return p, l, nil
}

// deadline is when the time of a payer is over: as the account says, but not
// later than the order's own end.
func (l *line) deadline(p *paycore.Payment) int64 {
	at := time.UnixMicro(p.CreatedAt).Add(l.PayWithin).UnixMicro()
	if p.ExpiresAt > 0 {
		at = min(at, p.ExpiresAt)
	}
	return at
}

func readPrepaid(text string) (Prepaid, error) {
	var p Prepaid
	err := json.Unmarshal([]byte(text), &p)
	return p, err
}

// prepay sends an order. Sending it again is safe under the same number, so a
// lost answer is simply asked for again.
func (d *Desk) prepay(ctx context.Context, l *line, p *paycore.Payment, t Task) (Prepaid, error) {
	o := Order{PayNo: p.PayNo, AmountMinor: p.AmountMinor, Currency: p.Currency, Method: Method(p.TradeType),
		CreatedAt: time.UnixMicro(p.CreatedAt), ExpiresAt: time.UnixMicro(t.ExpiresAt)}
	if t.Payer != "" {
		if err := json.Unmarshal([]byte(t.Payer), &o.Payer); err != nil {
			return Prepaid{}, err
		}
	}
	var got Prepaid
	first := false
	err := d.call(ctx, l, func(ctx context.Context) (err error) {
		if t.State == Intent {
			if err := d.move(ctx, &t, Sent, d.opt.Now().Add(d.opt.Ladder[0]), "sent"); err != nil {
				return err
			}
			first = true
		}
		got, err = l.Channel.Prepay(ctx, o)
		crashpoint.Hit("desk.called")
		return err
	})
	var no *Refusal
	switch {
	case errors.Is(err, errMoved): // another sends it, or closes it
		return Prepaid{}, ErrBusy
	case errors.As(err, &no) && first:
		if _, err := d.do(ctx, paycore.FailPayment{PayNo: p.PayNo, By: paycore.ByAnswer, Detail: clip(no.Error())}); err != nil {
			return Prepaid{}, err
		}
		return Prepaid{}, errors.Join(no, notMoved(d.finish(ctx, &t, no.Error())))
	case errors.As(err, &no): // an earlier call, whose answer is not known, may have had its effect
		return Prepaid{}, unknown("sent before, now: %w", errors.New(no.Error()))
	case err != nil:
		return Prepaid{}, err
	}
	text, err := toJSON(got)
	if err != nil {
		return Prepaid{}, err
	}
	kept, err := d.tasks.KeepPrepaid(context.WithoutCancel(ctx), p.PayNo, text)
	if err != nil {
		return Prepaid{}, err
	}
	return readPrepaid(kept)
}

// notMoved forgets that another was faster: he sees to it.
func notMoved(err error) error {
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// Close ends a payment that shall not be paid any more: at the channel first,
// then in the books. nil: it is closed. ErrEnded: it is not, it was paid or
// failed. ErrPending: the desk goes on by itself.
func (d *Desk) Close(ctx context.Context, payNo string) error {
	p, l, err := d.payment(ctx, payNo)
	if err != nil {
		return err
	}
	if p.State == paycore.Paying {
		expires := l.deadline(p)
		t, err := d.tasks.Intend(ctx, Task{Subject: ForPayment, Number: payNo, Account: p.Account, State: Intent, Next: expires, ExpiresAt: expires})
		if err != nil {
			return err
		}
		if err := notMoved(d.closeNow(ctx, l, p, &t)); err != nil {
			return err
		}
		if p, err = d.books.Payment(ctx, payNo); err != nil {
			return err
		}
	}
	switch p.State {
	case paycore.Closed:
		return nil
	case paycore.Paying:
		return ErrPending
	}
	return ErrEnded
}

// workPayment takes one step with a payment.
func (d *Desk) workPayment(ctx context.Context, t *Task) error {
	p, l, err := d.payment(ctx, t.Number)
	if err != nil {
		return err
	}
	over := !d.opt.Now().Before(time.UnixMicro(t.ExpiresAt))
	sent := t.State == Sent || t.State == Closing
	switch {
	case p.State != paycore.Paying && (p.State != paycore.Closed || !sent):
		return d.finish(ctx, t, "the payment is "+string(p.State))
	case p.State == paycore.Closed || t.State == Closing || t.State == Dropping || over: // closed in the books alone it can still be paid
		return d.closeNow(ctx, l, p, t)
	case t.State == Intent:
		t.Next = t.ExpiresAt
		return d.save(ctx, t)
	}
	a, err := d.ask(ctx, l, schemas.Payment, p.PayNo, "", p.CreatedAt)
	if err != nil {
		return d.later(ctx, t, err)
	}
	if ended, err := d.concludePayment(ctx, t, p, a); ended || err != nil {
		return err
	}
	if err := d.later(ctx, t, errors.New("nobody has paid yet")); err != nil || t.Next <= t.ExpiresAt {
		return err
	}
	t.Next = t.ExpiresAt // no question is missed when the time is over
	return d.save(ctx, t)
}

// concludePayment books what the channel said for certain; false: nothing yet.
func (d *Desk) concludePayment(ctx context.Context, t *Task, p *paycore.Payment, a schemas.QueryAnswer) (bool, error) {
	var c paycore.Command
	switch {
	case !a.Found:
		return false, nil
	case a.Status == schemas.Success:
		c = paycore.MarkPaid{PayNo: p.PayNo, ChannelRef: a.ChannelRef, AmountMinor: a.AmountMinor, Currency: a.Currency, PaidAt: a.MovedAt,
			By: paycore.ByAnswer, Detail: "active query"}
	case a.Status == schemas.Failed && p.State == paycore.Paying:
		c = paycore.FailPayment{PayNo: p.PayNo, By: paycore.ByAnswer, Detail: "active query"}
	case a.Status == schemas.Closed || a.Status == schemas.Failed:
		c = paycore.ClosePayment{PayNo: p.PayNo, Detail: "the channel has closed it"}
	case a.Status == schemas.Reversed:
		return true, d.stuck(ctx, t, "the channel took the money and gave it back")
	default:
		return false, nil
	}
	result, err := d.do(ctx, c)
	if err != nil {
		return true, err
	}
	if result.Effect == paycore.Refused && result.State == p.State {
		return true, d.stuck(ctx, t, "the books refuse what the channel says: "+result.Reason)
	}
	return true, d.finish(ctx, t, "the payment is "+string(result.State))
}

// closeNow takes one step towards the end of a payment. What was never sent
// needs no channel.
func (d *Desk) closeNow(ctx context.Context, l *line, p *paycore.Payment, t *Task) error {
	if t.State == Intent {
		if err := d.move(ctx, t, Dropping, d.opt.Now().Add(d.opt.Ladder[0]), "to be closed"); err != nil {
			return err
		}
	}
	if t.State == Dropping {
		return d.closeInBooks(ctx, t, "it was never sent to the channel")
	}
	if t.State != Closing {
		if err := d.move(ctx, t, Closing, d.opt.Now().Add(d.opt.Ladder[0]), "to be closed"); err != nil {
			return err
		}
	}
	err := d.call(ctx, l, func(ctx context.Context) error { return l.Channel.Close(ctx, p.PayNo) })
	crashpoint.Hit("desk.called")
	silent := errors.Is(err, ErrNotThere) || errors.Is(err, ErrNoClose)
	switch {
	case err == nil:
		return d.closeInBooks(ctx, t, "closed at the channel")
	case silent && d.opt.Now().UnixMicro() < t.ExpiresAt+closeSlack.Microseconds():
		// The payer may still open what he was given.
		t.Next, t.Note = t.ExpiresAt+closeSlack.Microseconds(), clip(err.Error())
		return d.save(ctx, t)
	case !silent && !errors.Is(err, ErrEnded):
		return d.later(ctx, t, err)
	}
	a, err := d.ask(ctx, l, schemas.Payment, p.PayNo, "", p.CreatedAt)
	if err != nil {
		return d.later(ctx, t, err)
	}
	if ended, err := d.concludePayment(ctx, t, p, a); ended || err != nil {
		return err
	}
	if silent && !a.Found {
		return d.closeInBooks(ctx, t, "its time is over and the channel does not know it")
	}
	return d.later(ctx, t, errors.New("the channel has not ended it yet"))
}

// closeSlack is how long after a payment's time the channel is asked whether
// somebody paid in the last moment.
const closeSlack = time.Minute

func (d *Desk) closeInBooks(ctx context.Context, t *Task, why string) error {
	result, err := d.do(ctx, paycore.ClosePayment{PayNo: t.Number, Detail: why})
	if err != nil {
		return err
	}
	return d.finish(ctx, t, "the payment is "+string(result.State)+": "+why)
}
