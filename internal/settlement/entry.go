package settlement

import (
	"fmt"

	"tieout/internal/money"
	"tieout/internal/paycore"
)

// Kind of an entry.
type Kind string

// The kinds.
const (
	Payment     Kind = "PAYMENT"
	Refund      Kind = "REFUND"
	SplitOut    Kind = "SPLIT"        // what receivers got of a payment
	SplitBackIn Kind = "SPLIT_RETURN" // what one of them gave back
)

// Entry is the clearing (清分) of one payment, refund, split or return: who owes
// whom. Of a refund gross and fee are negative, of a split gross is.
type Entry struct {
	Kind            Kind   `json:"kind"`
	Ref             string `json:"ref"` // number of the payment, refund, split or return
	Merchant        string `json:"merchant"`
	OrderNo         string `json:"order_no"`
	PayNo           string `json:"pay_no"`
	Channel         string `json:"channel"`
	Account         string `json:"account"`
	Product         string `json:"product"`
	Currency        string `json:"currency"`
	GrossMinor      int64  `json:"gross_minor"`
	FeeMinor        int64  `json:"fee_minor"`         // the merchant owes us
	ChannelFeeMinor int64  `json:"channel_fee_minor"` // the channel keeps, as accrued
	NetMinor        int64  `json:"net_minor"`         // we owe the merchant
	FeeReturns      bool   `json:"fee_returns"`
	Terms           string `json:"terms"`
	At              int64  `json:"at"` // UTC microseconds
}

// ClearPayment makes the entry of a paid payment by the contract's rate at the
// time when it was paid; false: the contract has none.
func ClearPayment(c *Contract, p *paycore.Payment) (Entry, bool, error) {
	rate, ok := c.rate(p.Channel, p.TradeType, p.Currency, p.PaidAt)
	if !ok {
		return Entry{}, false, nil
	}
	fee, err := rate.Of(p.AmountMinor)
	if err != nil {
		return Entry{}, false, fmt.Errorf("fee of payment %s: %w", p.PayNo, err)
	}
	return Entry{Kind: Payment, Ref: p.PayNo, Merchant: p.Merchant, OrderNo: p.OrderNo, PayNo: p.PayNo, Channel: p.Channel, Account: p.Account,
		Product: p.TradeType, Currency: p.Currency, GrossMinor: p.AmountMinor, FeeMinor: fee, ChannelFeeMinor: known(p.Fee),
		NetMinor: p.AmountMinor - fee, FeeReturns: rate.Returns, Terms: rate.words(p.Currency), At: p.PaidAt}, true, nil
}

// Cleared is what the refunds of a payment that are in batches give back.
type Cleared struct {
	Minor    int64
	FeeMinor int64 // of the fee, not below zero
}

// ClearRefund makes the entry of a refund by the entry of its payment: the
// policy is the payment's, whatever the contract says today. It gives back what
// of the fee the refunds, it and those before, have not given back yet: however
// one of them left its batch and came again, all of them give back it once.
func ClearRefund(payment Entry, before Cleared, r *paycore.Refund) (Entry, error) {
	after, err := money.Add(before.Minor, r.AmountMinor)
	if err != nil || after > payment.GrossMinor {
		return Entry{}, fmt.Errorf("refund %s: payment %s of %d minor units cannot give back %d after %d", r.RefundNo, payment.Ref, payment.GrossMinor, r.AmountMinor, before.Minor)
	}
	e := payment
	e.Kind, e.Ref, e.GrossMinor, e.FeeMinor, e.ChannelFeeMinor, e.At = Refund, r.RefundNo, -r.AmountMinor, 0, known(r.Fee), r.DoneAt
	if payment.FeeReturns {
		e.FeeMinor = min(0, before.FeeMinor-returned(payment.FeeMinor, after, payment.GrossMinor))
	}
	e.NetMinor = e.GrossMinor - e.FeeMinor
	return e, nil
}

// ClearSplit makes the entry of a finished split by the entry of its payment.
// What the merchant owes us and the channel keeps is the payment's alone.
func ClearSplit(payment Entry, s *Split) Entry {
	return payment.besides(SplitOut, s.Number, -s.DoneMinor, s.FinishedAt)
}

// ClearReturn makes the entry of a return that has come.
func ClearReturn(payment Entry, r *SplitReturn) Entry {
	return payment.besides(SplitBackIn, r.Number, r.AmountMinor, r.DoneAt)
}

// besides is an entry about the money of a payment, without a fee.
func (e Entry) besides(kind Kind, ref string, minor, at int64) Entry {
	e.Kind, e.Ref, e.GrossMinor, e.NetMinor, e.At = kind, ref, minor, minor, at
	e.FeeMinor, e.ChannelFeeMinor, e.FeeReturns, e.Terms = 0, 0, false, ""
	return e
}

func known(f paycore.Fee) int64 {
	if !f.Known {
		return 0
	}
	return f.Minor
}

// Owed is one line of a clearing entry.
type Owed struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Minor int64  `json:"minor"`
	Why   string `json:"why"`
}

// The parties that are not merchants or channels.
const (
	us   = "platform"
	them = "receivers"
)

// Owed lists who owes whom what and why; nobody owes less than zero.
func (e Entry) Owed() []Owed {
	switch e.Kind {
	case SplitOut:
		return []Owed{{e.Merchant, them, -e.GrossMinor, "profit split"}}
	case SplitBackIn:
		return []Owed{{them, e.Merchant, e.GrossMinor, "profit split, returned"}}
	}
	lines := []Owed{
		{e.Channel, us, e.GrossMinor - e.ChannelFeeMinor, "the channel's settlement, less its fee"},
		{us, e.Merchant, e.GrossMinor, "what customers paid"},
		{e.Merchant, us, e.FeeMinor, "fee: " + e.Terms},
	}
	if e.Kind == Refund {
		lines[1].Why = "what customers got back"
	}
	list := lines[:0]
	for _, l := range lines {
		if l.Minor < 0 {
			l.From, l.To, l.Minor = l.To, l.From, -l.Minor
		}
		if l.Minor != 0 {
			list = append(list, l)
		}
	}
	return list
}
