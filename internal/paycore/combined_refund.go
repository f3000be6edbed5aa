package paycore

import "tieout/internal/money"

// asked is what a refund gives back, all its parts together.
func (r *Refund) asked() int64 {
	if r.AskedMinor != 0 {
		return r.AskedMinor
	}
	return r.AmountMinor
}

// inParts refunds a combined payment: each part gives back in proportion to what
// is left of it, to the last minor unit by the largest remainder, among equals
// the part that was named first. So no part ever gives back more than it paid,
// and the last refund takes what is left of all. Accounts of ours have the money
// back at once; the channel's part goes its own way.
func (c CreateRefund) inParts(v View) (*Change, Result) {
	p := v.Payment
	if p.PartOf != "" {
		return refuse(None, "this is one part of what paid its order: refund payment %s", p.PartOf)
	}
	var parts []*Payment
	var left []int64
	var total int64
	for _, part := range append([]*Payment{p}, v.Parts...) {
		if part.State == Success {
			parts, left = append(parts, part), append(left, part.AmountMinor-part.RefundedMinor)
			total += part.AmountMinor - part.RefundedMinor // no more than the order is about
		}
	}
	if why := c.above(v, total); why != "" {
		return refuse(None, "%s", why)
	}
	shares, err := money.Share(c.AmountMinor, left)
	if err != nil {
		return refuse(None, "the refund cannot be shared")
	}
	first, state := &Change{Cause: ByCore, At: c.At}, Success
	for i, share := range shares {
		if share == 0 {
			continue
		}
		ch, r := first, Refund{RefundNo: c.RefundNo, AmountMinor: share, AskedMinor: c.AmountMinor}
		if first.Refund != nil {
			ch = &Change{Cause: ByCore, At: c.At}
			first.With = append(first.With, ch)
			r.RefundNo, r.PartOf, r.AskedMinor = partNo(c.RefundNo, len(first.With)), c.RefundNo, 0
		}
		if parts[i].Wallet == "" {
			if why := c.ask(ch, parts[i], r); why != "" {
				return refuse(None, "%s", why)
			}
			state = Processing
			continue
		}
		if a := v.Accounts[AccountKey{parts[i].Wallet, p.Currency}]; a == nil || !a.Active {
			return refuse(None, "account %s is closed", parts[i].Wallet)
		}
		ch.refundOwn(parts[i], r)
	}
	if state == Success {
		first.notify(v.Order, "refund.success", p, first.Refund)
	}
	return first, Result{Done, state, ""}
}

// refundOwn gives money back to an account of ours.
func (ch *Change) refundOwn(p *Payment, r Refund) {
	ch.draw(p, r)
	ch.Refund.State, ch.Refund.DoneAt = Success, ch.At
	ch.Entries = Opposite(paid(&Payment{Merchant: p.Merchant, Wallet: p.Wallet, Currency: p.Currency, AmountMinor: r.AmountMinor}))
	ch.move("REFUND", r.RefundNo, Processing, Success, "")
}
