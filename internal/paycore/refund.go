package paycore

import (
	"cmp"
	"fmt"
	"strings"

	"tieout/internal/money"
)

// owed tells whether the customer still gets the money.
func (r *Refund) owed() bool { return r.State == Processing || r.State == Failed }

// CreateRefund asks for money back. The sum of a payment's refunds never
// exceeds the payment.
type CreateRefund struct {
	RefundNo    string // unique for ever; the number the channel gets
	PayNo       string
	AmountMinor int64
	Currency    string
	At          int64 // UTC microseconds; 0 = now
	rates       Rates
}

// Reads implements Command.
func (c CreateRefund) Reads() Reads {
	return Reads{RefundNo: c.RefundNo, PayNo: c.PayNo, Split: true}
}

func (c CreateRefund) Complete(now int64, rates Rates) (Command, error) {
	c.At, c.rates = cmp.Or(c.At, now), rates
	return c, nil
}

// Decide implements Command.
func (c CreateRefund) Decide(v View) (*Change, Result) {
	p := v.Payment
	if r := v.Refund; r != nil {
		if r.PayNo == c.PayNo && r.asked() == c.AmountMinor && r.Currency == c.Currency {
			return nil, Result{Already, r.State, ""}
		}
		return refuse(r.State, "refund number %s exists with other content", c.RefundNo)
	}
	switch {
	case p == nil:
		return refuse(None, "no payment %s in the books", c.PayNo)
	case c.RefundNo == "" || c.AmountMinor <= 0:
		return refuse(None, "a refund has a number and an amount above zero")
	case strings.Contains(c.RefundNo, partMark):
		return refuse(None, "a number has no ~ in it")
	case c.Currency != p.Currency:
		return refuse(None, "payment %s is in %s", c.PayNo, p.Currency)
	case p.State != Success:
		return refuse(None, "payment %s is %s", c.PayNo, p.State)
	case p.deposited():
		return refuse(None, "payment %s became a balance; it is withdrawn from there", c.PayNo)
	case p.Wallet != "" || p.Parts > 0:
		return c.inParts(v)
	}
	if why := c.above(v, p.AmountMinor-p.RefundedMinor); why != "" {
		return refuse(None, "%s", why)
	}
	ch := &Change{Cause: ByCore, At: c.At}
	if why := c.ask(ch, p, Refund{RefundNo: c.RefundNo, AmountMinor: c.AmountMinor}); why != "" {
		return refuse(None, "%s", why)
	}
	return ch, Result{Done, Processing, ""}
}

// above says that a refund is above what is left; "" if it is not.
func (c CreateRefund) above(v View, left int64) string {
	currency := money.Currency(c.Currency)
	switch {
	case c.AmountMinor > left:
		return "only " + money.Both(left, currency) + " is left to refund"
	case v.Split != nil && v.Split.ReturnFirst && v.Order.PaidBy == c.PayNo && c.AmountMinor > left-v.Split.Minor:
		return "receivers have " + money.Both(v.Split.Minor, currency) + " of it, which they return first"
	}
	return ""
}

// ask sets money of a payment aside for the payer, for its channel to give back.
func (c CreateRefund) ask(ch *Change, p *Payment, r Refund) string {
	fee, known, err := c.rates.refund(p.Channel, p.Account, r.AmountMinor)
	if err != nil {
		return fmt.Sprintf("fee of the refund: %v", err)
	}
	r.Fee = Fee{fee, known}
	ch.draw(p, r)
	ch.Entries = refundAsked(ch.Refund, p.Merchant)
	return ""
}

// draw adds a refund to a change, and to what its payment gave back.
func (ch *Change) draw(p *Payment, r Refund) {
	next := *p
	next.RefundedMinor += r.AmountMinor
	next.UpdatedAt = ch.At
	r.PayNo, r.Channel, r.Account, r.Currency, r.State, r.CreatedAt, r.UpdatedAt = p.PayNo, p.Channel, p.Account, p.Currency, Processing, ch.At, ch.At
	ch.Payment, ch.Refund, ch.Subject = &next, &r, r.RefundNo
	ch.move("REFUND", r.RefundNo, None, Processing, p.PayNo)
}

// MarkRefunded says that the channel gave the money back. Calling it again
// changes nothing.
type MarkRefunded struct {
	RefundNo         string
	PayNo            string // of the payment, where the channel says it; another one than ours is refused
	ChannelRefundRef string
	AmountMinor      int64 // as the channel says; another one than ours is refused
	Currency         string
	// TotalMinor replaces AmountMinor where a channel tells only the sum of all
	// refunds of the payment so far (Alipay's refund_fee): it must lie between
	// this refund and all that we asked for. 0: AmountMinor counts.
	TotalMinor int64
	DoneAt     int64 // UTC microseconds; 0 = now
	By         Cause // ByAnswer or ByNotice
	Detail     string
	at         int64
}

// Reads implements Command.
func (c MarkRefunded) Reads() Reads {
	return Reads{RefundNo: c.RefundNo, ChannelRefundRef: c.ChannelRefundRef, Payback: c.RefundNo}
}

func (c MarkRefunded) Complete(now int64, _ Rates) (Command, error) {
	c.DoneAt, c.at = cmp.Or(c.DoneAt, now), now
	return c, nil
}

// Decide implements Command.
func (c MarkRefunded) Decide(v View) (*Change, Result) {
	r := v.Refund
	switch {
	case r == nil:
		return nil, Result{Early, None, "no refund " + c.RefundNo + " in the books"}
	case c.PayNo != "" && c.PayNo != r.PayNo:
		return refuse(r.State, "refund %s is of payment %s, the channel says %s", c.RefundNo, r.PayNo, c.PayNo)
	case c.TotalMinor == 0 && r.AmountMinor != c.AmountMinor || r.Currency != c.Currency:
		return refuse(r.State, "refund %s is about %s, the channel says %s", c.RefundNo,
			money.Both(r.AmountMinor, money.Currency(r.Currency)), money.Both(c.AmountMinor, money.Currency(c.Currency)))
	case c.TotalMinor != 0 && (c.TotalMinor < r.AmountMinor || c.TotalMinor > v.Payment.RefundedMinor):
		return refuse(r.State, "refund %s is about %s of %s asked for, the channel says %s in total", c.RefundNo,
			money.Both(r.AmountMinor, money.Currency(r.Currency)), money.Both(v.Payment.RefundedMinor, money.Currency(r.Currency)),
			money.Both(c.TotalMinor, money.Currency(c.Currency)))
	case r.State == Success && (c.ChannelRefundRef == r.ChannelRefundRef || c.ChannelRefundRef == "" || r.ChannelRefundRef == ""):
		return nil, Result{Already, Success, ""}
	case r.State == Success:
		ch := &Change{Cause: c.By, At: c.at}
		reason := "refunded again under " + c.ChannelRefundRef + ", first under " + r.ChannelRefundRef
		ch.move("REFUND", r.RefundNo, r.State, r.State, string(DuplicatePayment)+": "+reason)
		return ch, Result{DuplicatePayment, r.State, reason}
	case v.RefOwner != "":
		return refuse(r.State, "channel number %s belongs to refund %s", c.ChannelRefundRef, v.RefOwner)
	case v.Payback != nil && v.Payback.State != Success:
		return refuse(r.State, "payback %s is %s", v.Payback.Number, v.Payback.State)
	case !refundMoves.allows(r.State, Success, c.By):
		ch := &Change{Cause: c.By, At: c.at}
		reason := "the channel paid it under " + c.ChannelRefundRef
		ch.move("REFUND", r.RefundNo, r.State, r.State, string(LateSuccess)+": "+reason)
		return ch, Result{LateSuccess, r.State, reason}
	}
	ch := &Change{Cause: c.By, At: c.at}
	ch.giveBack(r, v.Payment, v.Order, c.ChannelRefundRef, c.DoneAt, c.Detail)
	return ch, Result{Done, Success, ""}
}

// giveBack moves a refund to SUCCESS with all that belongs to it.
func (ch *Change) giveBack(r *Refund, p *Payment, o *Order, ref string, doneAt int64, detail string) {
	next := *r
	next.State, next.ChannelRefundRef, next.DoneAt, next.UpdatedAt = Success, ref, doneAt, ch.At
	ch.Refund, ch.Entries, ch.Subject = &next, refunded(&next, p.Merchant), r.RefundNo
	ch.move("REFUND", r.RefundNo, r.State, Success, detail)
	ch.notify(o, "refund.success", p, &next)
}

// FailRefund says that the channel refused the refund. The customer is still
// owed: the money stays set aside.
type FailRefund struct {
	RefundNo string
	By       Cause // ByAnswer or ByNotice
	At       int64
	Detail   string
}

// Reads implements Command.
func (c FailRefund) Reads() Reads { return Reads{RefundNo: c.RefundNo} }

func (c FailRefund) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c FailRefund) Decide(v View) (*Change, Result) {
	r := v.Refund
	switch {
	case r == nil:
		return nil, Result{Early, None, "no refund " + c.RefundNo + " in the books"}
	case r.State == Failed:
		return nil, Result{Already, Failed, ""}
	case !refundMoves.allows(r.State, Failed, c.By):
		return refuse(r.State, "refund %s is %s", c.RefundNo, r.State)
	}
	ch := &Change{Cause: c.By, At: c.At}
	ch.failRefund(r, v.Payment, v.Order, c.Detail)
	return ch, Result{Done, Failed, ""}
}

// failRefund moves a refund to FAILED. One that was booked as paid is taken
// back: the channel owes us the money again, and we the customer.
func (ch *Change) failRefund(r *Refund, p *Payment, o *Order, detail string) {
	next := *r
	next.State, next.DoneAt, next.UpdatedAt = Failed, 0, ch.At
	ch.Refund, ch.Subject = &next, r.RefundNo
	if r.State == Success {
		ch.Entries = Opposite(refunded(r, p.Merchant))
	}
	ch.move("REFUND", r.RefundNo, r.State, Failed, detail)
	ch.notify(o, "refund.failed", p, &next)
}

// RenumberRefund says that the channel has refused a refund's number for
// certain, and that the refund goes on there under another one.
type RenumberRefund struct {
	RefundNo string
	Number   string
	At       int64
	Detail   string
}

// Reads implements Command.
func (c RenumberRefund) Reads() Reads { return Reads{RefundNo: c.RefundNo} }

func (c RenumberRefund) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c RenumberRefund) Decide(v View) (*Change, Result) {
	r := v.Refund
	switch {
	case r == nil:
		return refuse(None, "no refund %s in the books", c.RefundNo)
	case c.Number != "" && r.SentAs == c.Number:
		return nil, Result{Already, r.State, ""}
	case c.Number == "" || c.Number == r.RefundNo || r.SentAs != "":
		return refuse(r.State, "refund %s goes on under one other number, once", c.RefundNo)
	case !r.owed():
		return refuse(r.State, "refund %s is %s", c.RefundNo, r.State)
	}
	ch := &Change{Cause: ByAnswer, At: c.At, Subject: r.RefundNo}
	next := *r
	next.SentAs, next.UpdatedAt = c.Number, c.At
	ch.Refund = &next
	ch.move("REFUND", r.RefundNo, r.State, r.State, "goes on as "+c.Number+": "+c.Detail)
	return ch, Result{Done, r.State, ""}
}

// CancelRefund gives a failed refund up: the money is the merchant's again and
// may be refunded under another number. One that was settled is not given up: no
// batch would pay the merchant again.
type CancelRefund struct {
	RefundNo string
	At       int64
	Detail   string
}

// Reads implements Command.
func (c CancelRefund) Reads() Reads { return Reads{RefundNo: c.RefundNo, Payback: c.RefundNo} }

func (c CancelRefund) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c CancelRefund) Decide(v View) (*Change, Result) {
	r := v.Refund
	switch {
	case r == nil:
		return refuse(None, "no refund %s in the books", c.RefundNo)
	case r.State == Closed:
		return nil, Result{Already, Closed, ""}
	case !refundMoves.allows(r.State, Closed, ByCore):
		return refuse(r.State, "refund %s is %s", c.RefundNo, r.State)
	case v.Payback != nil && v.Payback.State == Paying:
		return refuse(r.State, "payback %s is %s", v.Payback.Number, v.Payback.State) // the bank may have it
	case r.SettledIn != "":
		return refuse(r.State, "refund %s was settled in batch %s: the customer is owed it still", c.RefundNo, r.SettledIn)
	}
	ch := &Change{Cause: ByCore, At: c.At, Subject: r.RefundNo, Entries: Opposite(refundAsked(r, v.Payment.Merchant))}
	next, payment := *r, *v.Payment
	next.State, next.UpdatedAt = Closed, c.At
	payment.RefundedMinor -= r.AmountMinor
	payment.UpdatedAt = c.At
	ch.Refund, ch.Payment = &next, &payment
	ch.move("REFUND", r.RefundNo, r.State, Closed, c.Detail)
	return ch, Result{Done, Closed, ""}
}
