package paycore

import (
	"cmp"

	"tieout/internal/money"
)

// RefundLate takes in money that the channel has for a closed or failed
// payment, and sets all of it aside for the payer in the same step: the merchant
// neither gains it nor owes it. The order stays as it is. It is for merchants
// who want their late payments refunded without asking anybody.
type RefundLate struct {
	PayNo, RefundNo string
	ChannelRef      string
	AmountMinor     int64 // as the channel says; another one than ours is refused
	Currency        string
	PaidAt          int64 // UTC microseconds; 0 = now
	at              int64
	rates           Rates
}

// Reads implements Command.
func (c RefundLate) Reads() Reads {
	return Reads{PayNo: c.PayNo, RefundNo: c.RefundNo, ChannelRef: c.ChannelRef}
}

func (c RefundLate) Complete(now int64, rates Rates) (Command, error) {
	c.PaidAt, c.at, c.rates = cmp.Or(c.PaidAt, now), now, rates
	return c, nil
}

// Decide implements Command.
func (c RefundLate) Decide(v View) (*Change, Result) {
	p := v.Payment
	switch r := v.Refund; {
	case p == nil:
		return refuse(None, "no payment %s in the books", c.PayNo)
	case p.Wallet != "":
		return refuse(p.State, "%s", p.notChannels())
	case r != nil && r.PayNo == c.PayNo && r.AmountMinor == p.AmountMinor:
		return nil, Result{Already, r.State, ""}
	case r != nil:
		return refuse(r.State, "refund number %s exists with other content", c.RefundNo)
	case c.RefundNo == "" || c.ChannelRef == "":
		return refuse(p.State, "a late payment is refunded under a number, and has one of the channel")
	case p.AmountMinor != c.AmountMinor || p.Currency != c.Currency:
		return refuse(p.State, "payment %s is about %s, the channel says %s", c.PayNo,
			money.Both(p.AmountMinor, money.Currency(p.Currency)), money.Both(c.AmountMinor, money.Currency(c.Currency)))
	case v.RefOwner != "":
		return refuse(p.State, "channel number %s belongs to payment %s", c.ChannelRef, v.RefOwner)
	case !paymentMoves.allows(p.State, Success, BySetting):
		return refuse(p.State, "payment %s is %s", c.PayNo, p.State)
	}
	fee, known, err := c.rates.refund(p.Channel, p.Account, p.AmountMinor)
	if err != nil {
		return refuse(p.State, "fee of the refund: %v", err)
	}
	next := *p
	next.State, next.ChannelRef, next.PaidAt, next.UpdatedAt = Success, c.ChannelRef, c.PaidAt, c.at
	next.RefundedMinor = p.AmountMinor
	ch := &Change{Payment: &next, Cause: BySetting, At: c.at, Subject: c.RefundNo}
	ch.Refund = &Refund{RefundNo: c.RefundNo, PayNo: c.PayNo, Channel: p.Channel, Account: p.Account, AmountMinor: p.AmountMinor,
		Currency: p.Currency, State: Processing, Fee: Fee{fee, known}, CreatedAt: c.at, UpdatedAt: c.at}
	ch.Entries = append(paid(&next), refundAsked(ch.Refund, p.Merchant)...)
	ch.move("PAYMENT", c.PayNo, p.State, Success, "late, to be refunded")
	ch.move("REFUND", c.RefundNo, None, Processing, c.PayNo)
	return ch, Result{Done, Processing, ""}
}
