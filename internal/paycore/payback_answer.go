package paycore

import (
	"cmp"

	"tieout/internal/money"
)

// PaybackAnswer is a line of the bank about a payback, or what two people saw of
// it. The bank's number of the line stands for it for ever: a payback may be
// sent a second time under its own number, and what was said about the first
// time says nothing about the second.
type PaybackAnswer struct {
	Account, BankRef string
	Number           string
	State            State  // SUCCESS, FAILED or RETURNED
	Of               string // RETURNED: the bank's number of the transfer that came back
	AmountMinor      int64
	Currency         string
	Act              int64 // by which two people said so; 0 = it stood in the statement
	EventAt          int64
	At               int64
}

// AnswerPayback is what the bank's statement shows of a payback.
type AnswerPayback struct {
	Number      string
	Account     string
	Paid        bool // false: it failed
	AmountMinor int64
	Currency    string
	BankRef     string
	DoneAt      int64
	at          int64
}

// Reads implements Command.
func (c AnswerPayback) Reads() Reads {
	return Reads{Payback: c.Number, RefundNo: c.Number, ChannelRefundRef: c.BankRef}
}

func (c AnswerPayback) Complete(now int64, _ Rates) (Command, error) {
	c.at = now
	return c, nil
}

// Decide implements Command. The refund moves with its payback. One that no
// payback was made for was paid past us, and is booked all the same.
func (c AnswerPayback) Decide(v View) (*Change, Result) {
	b, to := v.Payback, Failed
	if c.Paid {
		to = Success
	}
	answer := PaybackAnswer{c.Account, c.BankRef, c.Number, to, "", c.AmountMinor, c.Currency, 0, c.DoneAt, c.at}
	switch {
	case b == nil && v.Refund != nil && v.Refund.Account == c.Account:
		return c.ofRefund().Decide(v)
	case b == nil || b.Remittance.Account != c.Account:
		return nil, Result{Early, None, "no payback " + c.Number + " in the books"}
	}
	if known, result := b.heard(answer, v.Answered); known {
		return nil, result
	}
	ch, result := b.moved(to, ByNotice, c.at, func(b *Payback) {
		b.BankRef = c.BankRef
		if c.Paid {
			b.DoneAt = c.DoneAt
		}
	})
	switch {
	case ch == nil:
		return nil, result
	case b.Kind == RefundPayback:
		v.Payback = ch.Payback
		if of, _ := c.ofRefund().Decide(v); of != nil {
			of.Payback, ch = ch.Payback, of
		}
	case c.Paid:
		ch.Entries = sentBack(b)
	default:
		ch.leave(v.Remittance, b.AmountMinor)
	}
	ch.Answered = &answer
	return ch, result
}

// ofRefund is what the line says about the refund.
func (c AnswerPayback) ofRefund() Command {
	if !c.Paid {
		return FailRefund{RefundNo: c.Number, By: ByNotice, At: c.at, Detail: "bank statement"}
	}
	return MarkRefunded{RefundNo: c.Number, ChannelRefundRef: c.BankRef, AmountMinor: c.AmountMinor, Currency: c.Currency, DoneAt: c.DoneAt,
		By: ByNotice, Detail: "bank statement", at: c.at}
}

// heard tells whether a line was dealt with before, or cannot be; and what to
// say then.
func (b *Payback) heard(a PaybackAnswer, before []PaybackAnswer) (bool, Result) {
	for _, x := range before {
		switch {
		case x.BankRef != a.BankRef:
		case x.Number == a.Number && x.State == a.State && x.AmountMinor == a.AmountMinor && x.Currency == a.Currency:
			return true, Result{Already, b.State, ""}
		default:
			_, r := refuse(b.State, "bank number %s stood in a statement before, with other content", a.BankRef)
			return true, r
		}
	}
	var r Result
	switch {
	case a.BankRef == "":
		_, r = refuse(b.State, "an answer about a payback has a number of the bank")
	case b.AmountMinor != a.AmountMinor || b.Currency != a.Currency:
		_, r = refuse(b.State, "payback %s is about %s, the bank says %s", b.Number,
			money.Both(b.AmountMinor, money.Currency(b.Currency)), money.Both(a.AmountMinor, money.Currency(a.Currency)))
	}
	return r.Effect != "", r
}

// sentBack books that a part of a remittance left our account again.
func sentBack(b *Payback) []Entry {
	return []Entry{{remittanceReceived(b.Channel, b.Remittance.Account), b.Currency, b.AmountMinor},
		{clearing(b.Channel, b.Remittance.Account), b.Currency, -b.AmountMinor}}
}

// PaybackCameBack says that a payback which was paid came back, days or weeks
// later (退票): the bank's statement shows it, or two people saw it. What it gave
// back is ours to owe again: of a remittance it is left anew, a refund is open.
type PaybackCameBack struct {
	Number      string
	Account     string
	AmountMinor int64
	Currency    string
	BankRef     string // of the money that came back
	Of          string // of the transfer, as the bank names it there; "" = it does not
	CameAt      int64
	Act         int64 // by which two people said so; 0 = it stood in the statement
	At          int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c PaybackCameBack) Reads() Reads {
	return Reads{Payback: c.Number, RefundNo: c.Number, ChannelRefundRef: c.BankRef}
}

func (c PaybackCameBack) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c PaybackCameBack) Decide(v View) (*Change, Result) {
	b, by := v.Payback, ByNotice
	if c.Act != 0 {
		by = ByApproved
	}
	if b == nil || b.Remittance.Account != c.Account {
		return nil, Result{Early, None, "no payback " + c.Number + " in the books"}
	}
	answer := PaybackAnswer{c.Account, c.BankRef, c.Number, Returned, b.BankRef, c.AmountMinor, c.Currency, c.Act, c.CameAt, c.At}
	if known, result := b.heard(answer, v.Answered); known {
		return nil, result
	}
	switch {
	case c.Of != "" && c.Of != b.BankRef:
		return refuse(b.State, "payback %s went out under %s, what came back under %s", b.Number, b.BankRef, c.Of)
	case c.CameAt < b.DoneAt:
		return refuse(b.State, "payback %s went out after it came back", b.Number)
	}
	ch, result := b.moved(Returned, by, c.At, func(*Payback) {})
	switch {
	case ch == nil:
		return nil, result
	case b.Kind == ReturnPayback:
		ch.Entries = Opposite(sentBack(b))
		ch.leave(v.Remittance, b.AmountMinor)
	case v.Refund.State == Success:
		ch.failRefund(v.Refund, v.Payment, v.Order, "came back under "+c.BankRef)
	}
	ch.Answered = &answer
	return ch, result
}
