package paycore

import (
	"fmt"
	"slices"
	"strings"

	"tieout/internal/money"
	"tieout/schemas"
)

// FixView holds what a fix reads, as it stands in the transaction.
type FixView struct {
	View
	Received int64       // what the fix's case holds in suspense received, >= 0
	Paid     int64       // what it holds in suspense paid, >= 0
	Earlier  *AppliedFix // REVERSE: the fix to undo; nil: there is none
	Refunds  []string    // live refunds of the payment, for a message
}

// AppliedFix is a fix in the books.
type AppliedFix struct {
	schemas.Fix
	Entries     []Entry
	TxnID       string // "" if no money moved
	StateBefore State
	TimeBefore  int64
	FeeBefore   Fee
	ReversedBy  string // key of the fix that undid it; "" if none
	AppliedAt   int64
}

// FixChange is what a fix writes besides its key.
type FixChange struct {
	Change
	CaseID      string // whose suspense the entries change
	StateBefore State
	TimeBefore  int64
	FeeBefore   Fee
}

// FixReads names the rows that a fix wants to see.
func FixReads(f schemas.Fix) Reads {
	r := Reads{Account: f.Account, Attempts: true, Split: true}
	switch {
	case f.RecordKind == schemas.Refund && f.RefundRef != "":
		r.RefundNo = f.RefundRef
	case f.MerchantRef != "":
		r.PayNo = f.MerchantRef
	}
	if f.Kind == schemas.FixSetSuccess {
		if f.RecordKind == schemas.Refund {
			r.ChannelRefundRef = f.ChannelRef
		} else {
			r.ChannelRef = f.ChannelRef
		}
	}
	return r
}

// DecideFix applies the rules of one fix. A refusal ("" = none) changes
// nothing, not even the fix key: the fix may be asked for again.
func DecideFix(f schemas.Fix, v FixView, at int64) (*FixChange, string) {
	by := ByFix
	if f.Checker != "" {
		by = ByApproved
	}
	if f.Kind == schemas.FixReverse {
		by = ByReverse
	}
	d := fixDecider{f: f, v: v, c: &FixChange{Change: Change{Cause: by, At: at}, CaseID: f.CaseID}}
	why := d.decide()
	if why != "" {
		return nil, why
	}
	return d.c, ""
}

type fixDecider struct {
	f schemas.Fix
	v FixView
	c *FixChange
}

func (d *fixDecider) decide() string {
	f := d.f
	switch {
	case f.Key == "" || f.RunID == "" || f.Maker == "":
		return "a fix has a key, a run and a maker"
	case SamePerson(f.Maker, f.Checker):
		return "maker and checker are the same person"
	case f.Channel == "" || f.Account == "":
		return "a fix names its channel and account"
	}
	if _, known := money.Currency(f.Currency).Exponent(); !known {
		return fmt.Sprintf("currency %.8q is not known", f.Currency)
	}
	switch f.Kind {
	case schemas.FixSuspend:
		return d.suspend()
	case schemas.FixReleaseSuspense:
		return d.release()
	case schemas.FixWriteOff:
		return d.writeOff()
	case schemas.FixReverse:
		return d.reverse()
	}
	if f.RecordKind == schemas.Refund {
		return d.refund()
	}
	if f.RecordKind != schemas.Payment {
		return fmt.Sprintf("%s of a %s is not possible", f.Kind, f.RecordKind)
	}
	return d.payment()
}

func (d *fixDecider) payment() string {
	f, p := d.f, d.v.Payment
	switch {
	case p == nil:
		return "no payment " + f.MerchantRef + " in the books"
	case p.Channel != f.Channel || p.Account != f.Account:
		return fmt.Sprintf("payment %s belongs to account %s", p.PayNo, p.Account)
	}
	if why := d.same(p.AmountMinor, p.Currency); why != "" {
		return why
	}
	switch f.Kind {
	case schemas.FixSetSuccess:
		return d.paid()
	case schemas.FixSetClosed:
		return d.closed()
	case schemas.FixSetFailed:
		return d.paymentFailed()
	case schemas.FixAdjustFee:
		return d.adjustFee(p.State, p.Fee, func(fee Fee) { d.setPayment(func(p *Payment) { p.Fee = fee }) })
	}
	return fmt.Sprintf("there is no fix %.20q", f.Kind)
}

// same refuses another amount or currency than ours. Where the channel has
// nothing, 0 stands for "no amount".
func (d *fixDecider) same(amount int64, currency string) string {
	none := d.f.AmountMinor == 0 && (d.f.Kind == schemas.FixSetClosed || d.f.Kind == schemas.FixSetFailed)
	if d.f.Currency != currency || (d.f.AmountMinor != amount && !none) {
		return fmt.Sprintf("the books say %s, the fix says %s", money.Both(amount, money.Currency(currency)),
			money.Both(d.f.AmountMinor, money.Currency(d.f.Currency)))
	}
	return ""
}

// legal refuses a state that the fix did not expect or the machine forbids.
func (d *fixDecider) legal(m machine, from, to State) string {
	if !slices.Contains(d.f.Expect, from.Record()) {
		return fmt.Sprintf("it is %s, the fix expected %s", from, expected(d.f.Expect))
	}
	if !m.allows(from, to, d.c.Cause) {
		return fmt.Sprintf("a move from %s to %s is not legal here", from, to)
	}
	d.c.StateBefore = from
	return ""
}

func expected(states []schemas.Status) string {
	words := make([]string, len(states))
	for i, s := range states {
		words[i] = s.String()
	}
	if len(words) == 0 {
		return "no state at all"
	}
	return strings.Join(words, " or ")
}

func (d *fixDecider) paid() string {
	p, o := d.v.Payment, d.v.Order
	if why := d.legal(paymentMoves, p.State, Success); why != "" {
		return why
	}
	switch {
	case d.v.RefOwner != "":
		return fmt.Sprintf("channel number %s belongs to payment %s", d.f.ChannelRef, d.v.RefOwner)
	case o.State == Paid && d.c.Cause == ByFix:
		return fmt.Sprintf("order %s was paid by %s meanwhile", o.OrderNo, o.PaidBy)
	}
	next := *p
	if !p.Fee.Known {
		next.Fee = Fee{d.f.FeeMinor, true}
	}
	d.c.pay(&next, d.v.View, d.f.ChannelRef, d.eventTime(), d.f.Key)
	return ""
}

func (d *fixDecider) eventTime() int64 {
	if d.f.EventTime == schemas.NoTime || d.f.EventTime == 0 {
		return d.c.At
	}
	return d.f.EventTime
}

func (d *fixDecider) closed() string {
	if why := d.legal(paymentMoves, d.v.Payment.State, Closed); why != "" {
		return why
	}
	d.c.close(d.v.Payment, d.v.View, d.f.Key)
	return ""
}

// paymentFailed sets a payment FAILED; one that was booked is taken back, if
// nothing used the money since.
func (d *fixDecider) paymentFailed() string {
	p, o := d.v.Payment, d.v.Order
	if why := d.legal(paymentMoves, p.State, Failed); why != "" {
		return why
	}
	if p.State == Success {
		if why := d.used(); why != "" {
			return why
		}
		d.c.Entries, d.c.Subject = Opposite(paid(p)), p.PayNo
		d.c.TimeBefore = p.PaidAt
		d.reopen()
	}
	d.c.release(d.v.Parts)
	d.setPayment(func(p *Payment) { p.State, p.PaidAt = Failed, 0 })
	d.c.move("PAYMENT", p.PayNo, p.State, Failed, d.f.Key)
	d.c.notify(o, "payment.failed", p, nil)
	return ""
}

// used says what has used the money of a payment.
func (d *fixDecider) used() string {
	p := d.v.Payment
	switch {
	case p.SettledIn != "":
		return fmt.Sprintf("payment %s was settled to %s in batch %s", p.PayNo, p.Merchant, p.SettledIn)
	case captured(d.v.Parts):
		return fmt.Sprintf("accounts of ours paid with payment %s: refund it, and all parts go back", p.PayNo)
	case p.RefundedMinor != 0:
		return fmt.Sprintf("%s of payment %s was refunded: %s", money.Both(p.RefundedMinor, money.Currency(p.Currency)), p.PayNo,
			strings.Join(d.v.Refunds, ", "))
	case d.v.Split != nil && d.v.Split.Minor > 0 && d.v.Order.PaidBy == p.PayNo:
		return fmt.Sprintf("receivers have %s of payment %s: they return it first", money.Both(d.v.Split.Minor, money.Currency(p.Currency)), p.PayNo)
	}
	return ""
}

// reopen takes an order back to PAYING if this payment was the one that paid
// it, or if it closed with it, which it did not with one that succeeded.
func (d *fixDecider) reopen() {
	p, o := d.v.Payment, d.v.Order
	if o.State == Paid && o.PaidBy != p.PayNo || o.State == Closed && p.State == Success || !orderMoves.allows(o.State, Paying, d.c.Cause) {
		return
	}
	order := *o
	order.State, order.PaidBy, order.UpdatedAt = Paying, "", d.c.At
	d.c.Order = &order
	d.c.move("ORDER", o.OrderNo, o.State, Paying, d.f.Key)
}

func (d *fixDecider) setPayment(set func(*Payment)) {
	next := *d.v.Payment
	set(&next)
	next.UpdatedAt = d.c.At
	d.c.Payment = &next
}

func (d *fixDecider) setRefund(set func(*Refund)) {
	next := *d.v.Refund
	set(&next)
	next.UpdatedAt = d.c.At
	d.c.Refund = &next
}

func (d *fixDecider) refund() string {
	f, r := d.f, d.v.Refund
	switch {
	case r == nil:
		return "no refund " + f.RefundRef + " in the books"
	case r.Channel != f.Channel || r.Account != f.Account:
		return fmt.Sprintf("refund %s belongs to account %s", r.RefundNo, r.Account)
	}
	if why := d.same(r.AmountMinor, r.Currency); why != "" {
		return why
	}
	switch f.Kind {
	case schemas.FixSetSuccess:
		if why := d.legal(refundMoves, r.State, Success); why != "" {
			return why
		}
		if d.v.RefOwner != "" {
			return fmt.Sprintf("channel number %s belongs to refund %s", f.ChannelRef, d.v.RefOwner)
		}
		d.c.giveBack(r, d.v.Payment, d.v.Order, f.ChannelRef, d.eventTime(), f.Key)
		return ""
	case schemas.FixSetFailed:
		if why := d.legal(refundMoves, r.State, Failed); why != "" {
			return why
		}
		d.c.TimeBefore = r.DoneAt
		d.c.failRefund(r, d.v.Payment, d.v.Order, f.Key)
		return ""
	case schemas.FixAdjustFee:
		return d.adjustFee(r.State, r.Fee, func(fee Fee) { d.setRefund(func(r *Refund) { r.Fee = fee }) })
	}
	return fmt.Sprintf("%s of a refund is not possible", f.Kind)
}

// adjustFee sets the accrued fee to what the channel charged.
func (d *fixDecider) adjustFee(state State, accrued Fee, set func(Fee)) string {
	if state != Success {
		return fmt.Sprintf("it is %s: no fee is booked", state)
	}
	delta, err := money.Sub(d.f.FeeMinor, accrued.minor())
	if err != nil {
		return "the fee is out of range"
	}
	if delta == 0 {
		return "the accrued fee is that already"
	}
	d.c.FeeBefore = accrued
	d.c.Entries, d.c.Subject = feeAdjusted(d.f.Channel, d.f.Account, d.f.Currency, delta), d.ref()
	set(Fee{d.f.FeeMinor, true})
	return ""
}

func (d *fixDecider) ref() string {
	if d.f.RefundRef != "" {
		return d.f.RefundRef
	}
	return d.f.MerchantRef
}

func (d *fixDecider) suspend() string {
	if d.f.AmountMinor == 0 || d.f.CaseID == "" {
		return "a suspended amount is not zero and belongs to a case"
	}
	d.c.Entries, d.c.Subject = suspended(d.f.Channel, d.f.Account, d.f.Currency, d.f.AmountMinor), d.f.CaseID
	return ""
}

// release posts a signed amount back: the sign is that of the suspense.
func (d *fixDecider) release() string {
	if why := d.held(d.f.AmountMinor); why != "" {
		return why
	}
	d.c.Entries, d.c.Subject = Opposite(suspended(d.f.Channel, d.f.Account, d.f.Currency, d.f.AmountMinor)), d.f.CaseID
	return ""
}

func (d *fixDecider) writeOff() string {
	if d.f.Checker == "" {
		return "a write-off is approved by a second person"
	}
	if why := d.held(d.f.AmountMinor); why != "" {
		return why
	}
	d.c.Entries, d.c.Subject = writtenOff(d.f.Channel, d.f.Account, d.f.Currency, d.f.AmountMinor), d.f.CaseID
	return ""
}

// held refuses to take more out of suspense than the case holds there.
func (d *fixDecider) held(signed int64) string {
	switch {
	case signed == 0 || d.c.CaseID == "":
		return "an amount out of suspense is not zero and belongs to a case"
	case signed > 0 && d.v.Received == 0:
		return fmt.Sprintf("case %s has no receipts in suspense", d.c.CaseID)
	case signed < 0 && d.v.Paid == 0:
		return fmt.Sprintf("case %s has no payments in suspense", d.c.CaseID)
	case signed > 0 && signed > d.v.Received:
		return fmt.Sprintf("case %s has only %s of receipts in suspense", d.c.CaseID, money.Both(d.v.Received, money.Currency(d.f.Currency)))
	case signed < 0 && -signed > d.v.Paid:
		return fmt.Sprintf("case %s has only %s of payments in suspense", d.c.CaseID, money.Both(d.v.Paid, money.Currency(d.f.Currency)))
	}
	return ""
}
