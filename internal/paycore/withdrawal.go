package paycore

import (
	"cmp"

	"tieout/internal/money"
)

// Withdraw asks for money of a wallet to go to a bank account. The money is set
// aside before any bank hears of it; Answer says what became of it.
type Withdraw struct {
	Number string // unique for ever; the number that the bank gets
	AccountKey
	AmountMinor int64
	Bank        string // our bank that pays
	Payee       string // where the bank sends it
	At          int64  // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c Withdraw) Reads() Reads {
	return Reads{Document: c.Number, Accounts: []AccountKey{c.AccountKey}}
}

func (c Withdraw) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c Withdraw) Decide(v View) (*Change, Result) {
	d := Document{Number: c.Number, Kind: WithdrawalDoc, AccountKey: c.AccountKey, About: c.Bank, AmountMinor: c.AmountMinor, Payee: c.Payee, State: Processing}
	if r, known := v.Document.again(d); known {
		return nil, r
	}
	if why := d.wrong(); why != "" {
		return refuse(None, "%s", why)
	}
	if c.Payee == "" {
		return refuse(None, "a withdrawal has a payee")
	}
	a := v.Accounts[c.AccountKey]
	if why := a.refuses(c.AccountKey, func(c Controls) bool { return c.Withdraw }); why != "" {
		return refuse(None, "%s", why)
	}
	if why := a.short(c.AmountMinor); why != "" {
		return refuse(None, "%s", why)
	}
	ch := &Change{Cause: ByCore, At: c.At, Holds: []Hold{{c.AccountKey, c.AmountMinor}}}
	ch.write(d)
	return ch, Result{Done, Processing, ""}
}

// AnswerWithdrawal is what the bank says about a withdrawal. No answer is no
// failure: the money stays set aside. A payment that comes back later is FAILED
// after PAID.
type AnswerWithdrawal struct {
	Number      string
	Paid        bool  // false: it failed, or came back
	AmountMinor int64 // as the bank says; another one than ours is refused
	BankRef     string
	At          int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c AnswerWithdrawal) Reads() Reads { return Reads{Document: c.Number} }

func (c AnswerWithdrawal) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c AnswerWithdrawal) Decide(v View) (*Change, Result) {
	d := v.Document
	if d == nil || d.Kind != WithdrawalDoc {
		return refuse(None, "no withdrawal %s in the books", c.Number)
	}
	next := *d
	next.BankRef, next.State = c.BankRef, Failed
	if c.Paid {
		next.State = Success
	}
	key := d.AccountKey
	left := []Entry{{key.Name, key.Currency, d.AmountMinor}, {"bank:" + d.About, key.Currency, -d.AmountMinor}}
	ch := &Change{Cause: ByAnswer, At: c.At}
	switch {
	case c.AmountMinor != d.AmountMinor:
		return refuse(d.State, "withdrawal %s is about %s, the bank says %s", c.Number,
			money.Both(d.AmountMinor, money.Currency(key.Currency)), money.Both(c.AmountMinor, money.Currency(key.Currency)))
	case d.State == next.State:
		return nil, Result{Already, d.State, ""}
	case !withdrawalMoves.allows(d.State, next.State, ByAnswer):
		return refuse(d.State, "withdrawal %s is %s", c.Number, d.State)
	case c.Paid:
		ch.Entries, ch.Holds = left, []Hold{{key, -d.AmountMinor}}
	case d.State == Success:
		ch.Entries = Opposite(left)
	default:
		ch.Holds = []Hold{{key, -d.AmountMinor}}
	}
	ch.write(next)
	return ch, Result{Done, next.State, ""}
}
