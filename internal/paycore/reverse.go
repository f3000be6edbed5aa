package paycore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tieout/schemas"
)

// reverse undoes an earlier fix by opposite entries and the state of before,
// or says what stands in the way. Later fixes of the same row are undone first.
func (d *fixDecider) reverse() string {
	e := d.v.Earlier
	switch {
	case e == nil:
		return fmt.Sprintf("no fix %.120q was applied", d.f.Reverses)
	case e.ReversedBy != "":
		return "it was undone before by " + e.ReversedBy
	case e.Kind == schemas.FixReverse:
		return "a reversal is not reversed; propose the fix anew"
	case e.Account != d.f.Account || e.Currency != d.f.Currency || e.AmountMinor != d.f.AmountMinor:
		return "account, currency or amount are not those of the fix to undo"
	}
	d.c.CaseID = e.CaseID
	d.c.Entries, d.c.Subject = Opposite(e.Entries), e.TxnID
	switch e.Kind {
	case schemas.FixSuspend:
		return d.held(e.AmountMinor)
	case schemas.FixReleaseSuspense, schemas.FixWriteOff:
		return ""
	case schemas.FixAdjustFee:
		return d.reverseFee(e)
	}
	if e.RecordKind == schemas.Refund {
		return d.reverseRefund(e)
	}
	return d.reversePayment(e)
}

func (d *fixDecider) reverseFee(e *AppliedFix) string {
	now := Fee{e.FeeMinor, true}
	if e.RecordKind == schemas.Refund {
		if d.v.Refund == nil || d.v.Refund.Fee != now || d.v.Refund.State != Success {
			return "the fee of refund " + e.RefundRef + " changed since"
		}
		d.setRefund(func(r *Refund) { r.Fee = e.FeeBefore })
		return ""
	}
	if d.v.Payment == nil || d.v.Payment.Fee != now || d.v.Payment.State != Success {
		return "the fee of payment " + e.MerchantRef + " changed since"
	}
	d.setPayment(func(p *Payment) { p.Fee = e.FeeBefore })
	return ""
}

func (d *fixDecider) reversePayment(e *AppliedFix) string {
	p := d.v.Payment
	if p == nil {
		return "no payment " + e.MerchantRef + " in the books"
	}
	if why := d.stands(e, p.State); why != "" {
		return why
	}
	switch p.State {
	case Success:
		if why := d.used(); why != "" {
			return why
		}
		if !sameEntries(e.Entries, paid(p)) {
			return "its fee was adjusted since: undo that fix first"
		}
	}
	if !paymentMoves.allows(p.State, e.StateBefore, ByReverse) {
		return fmt.Sprintf("a move from %s to %s is not legal here", p.State, e.StateBefore)
	}
	d.setPayment(func(n *Payment) {
		if p.State == Success {
			n.ChannelRef = ""
		}
		n.State, n.PaidAt = e.StateBefore, e.TimeBefore
	})
	d.c.StateBefore = p.State
	d.c.move("PAYMENT", p.PayNo, p.State, e.StateBefore, d.f.Key)
	if e.StateBefore == Success {
		d.repay()
	} else {
		d.reopen()
	}
	d.c.notify(d.v.Order, "payment.reversed", p, nil)
	return ""
}

// repay makes the order PAID again by a payment whose taking back is undone.
func (d *fixDecider) repay() {
	o := d.v.Order
	if d.v.Payment.Parts > 0 || !orderMoves.allows(o.State, Paid, ByReverse) {
		return // the other parts have gone back
	}
	order := *o
	order.State, order.PaidBy, order.UpdatedAt = Paid, d.v.Payment.PayNo, d.c.At
	d.c.Order = &order
	d.c.move("ORDER", o.OrderNo, o.State, Paid, d.f.Key)
}

func (d *fixDecider) reverseRefund(e *AppliedFix) string {
	r := d.v.Refund
	if r == nil {
		return "no refund " + e.RefundRef + " in the books"
	}
	if why := d.stands(e, r.State); why != "" {
		return why
	}
	if r.State == Success && !sameEntries(e.Entries, refunded(r, d.v.Payment.Merchant)) {
		return "its fee was adjusted since: undo that fix first"
	}
	if !refundMoves.allows(r.State, e.StateBefore, ByReverse) {
		return fmt.Sprintf("a move from %s to %s is not legal here", r.State, e.StateBefore)
	}
	d.setRefund(func(n *Refund) {
		if r.State == Success {
			n.ChannelRefundRef = ""
		}
		n.State, n.DoneAt = e.StateBefore, e.TimeBefore
	})
	d.c.StateBefore = r.State
	d.c.move("REFUND", r.RefundNo, r.State, e.StateBefore, d.f.Key)
	d.c.notify(d.v.Order, "refund.reversed", d.v.Payment, r)
	return ""
}

// stands refuses if the row has moved on since the fix.
func (d *fixDecider) stands(e *AppliedFix, now State) string {
	after := map[schemas.FixKind]State{schemas.FixSetSuccess: Success, schemas.FixSetClosed: Closed, schemas.FixSetFailed: Failed}[e.Kind]
	if now != after {
		return fmt.Sprintf("it is %s now, the fix had made it %s", now, after)
	}
	return ""
}

func sameEntries(a, b []Entry) bool {
	order := func(x, y Entry) int {
		if c := strings.Compare(x.Account+x.Currency, y.Account+y.Currency); c != 0 {
			return c
		}
		return cmp.Compare(x.Minor, y.Minor)
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	return slices.Equal(a, b)
}
