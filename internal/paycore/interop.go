package paycore

import (
	"cmp"

	"tieout/internal/risk"
)

// InteropKey names a debit or a refund of one: the clearing organisation's
// number stands for it for ever.
type InteropKey struct{ Organisation, Number string }

// Debit is money of a wallet that a merchant of the other side took, through a
// clearing organisation. One that failed is kept too: under its number nothing
// ever succeeds.
type Debit struct {
	InteropKey
	Digest        string // of all that was asked for
	Token         string
	Wallet        string // "" = of a token that we do not know
	AmountMinor   int64
	RefundedMinor int64
	Currency      string
	Payee         string // the merchant, as the payer reads it
	State         State  // SUCCESS or FAILED
	Reason        InteropReason
	Version       int64 // 0 before it is stored
	CreatedAt     int64
	UpdatedAt     int64
}

// DebitRefund gives a debit back, or a part of it. It never changes.
type DebitRefund struct {
	InteropKey
	Debit       string // its number
	Digest      string
	AmountMinor int64
	Currency    string
	State       State
	Reason      InteropReason
	CreatedAt   int64
}

// InteropReason says why a debit or refund failed. The organisation is told it,
// and nothing else about the payer.
type InteropReason string

// The reasons.
const (
	BadToken    InteropReason = "TOKEN"    // not known, or unbound
	BadCurrency InteropReason = "CURRENCY" // another one than the wallet's, or the debit's
	BadAccount  InteropReason = "ACCOUNT"  // closed, frozen, or not for payments
	NoFunds     InteropReason = "FUNDS"
	OverLimit   InteropReason = "LIMIT"  // of one debit, or of the wallet's day
	AtRisk      InteropReason = "RISK"   // a rule speaks against it
	BadDebit    InteropReason = "DEBIT"  // there is none, or it failed
	BadAmount   InteropReason = "AMOUNT" // more than is left of the debit
)

// DebitLimit bounds what a wallet pays by tokens, in minor units; 0 is no bound.
type DebitLimit struct {
	Each    int64 // one debit
	Day     int64 // all of a day, through all organisations; refunds give no room back
	DayFrom int64 // when the day began, UTC microseconds
}

// InteropClearing names the account of what we owe a clearing organisation for debits, less refunds.
func InteropClearing(organisation string) string { return "interop_clearing:" + organisation }

// DebitByToken takes money of the wallet that a token stands for. The same
// number with the same digest again is Already; with another one it is refused.
type DebitByToken struct {
	InteropKey
	Digest      string
	Token       string
	AmountMinor int64
	Currency    string
	Payee       string
	Limit       DebitLimit
	Rules       *risk.Rules // nil: risk is not asked
	At          int64       // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c DebitByToken) Reads() Reads {
	r := Reads{Debit: c.InteropKey, Token: c.Token}
	if c.Limit.Day > 0 {
		r.DebitedFrom = c.Limit.DayFrom
	}
	if r.Rules = c.Rules; c.Rules != nil {
		r.Facts = risk.Facts{PayNo: c.Organisation + "/" + c.Number, Merchant: c.Organisation + "/" + c.Payee, AmountMinor: c.AmountMinor, Currency: c.Currency, At: c.At}
	}
	return r
}

func (c DebitByToken) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c DebitByToken) Decide(v View) (*Change, Result) {
	if d := v.Debit; d != nil {
		if d.Digest == c.Digest {
			return nil, Result{Already, d.State, string(d.Reason)}
		}
		return refuse(d.State, "number %s exists with other content", c.Number)
	}
	switch {
	case c.Number == "" || c.Organisation == "" || c.Digest == "":
		return refuse(None, "a number and what it is about are needed")
	case c.AmountMinor <= 0:
		return refuse(None, "an amount is above zero")
	case len(c.Currency) != 3:
		return refuse(None, "the currency is not known")
	}
	d := Debit{InteropKey: c.InteropKey, Digest: c.Digest, Token: c.Token, AmountMinor: c.AmountMinor, Currency: c.Currency, Payee: c.Payee,
		State: Success, CreatedAt: c.At, UpdatedAt: c.At}
	ch := &Change{Cause: ByCore, At: c.At, Debit: &d, Subject: c.Number}
	if v.Token != nil {
		d.Wallet = v.Token.Wallet
	}
	if d.Reason = c.fails(v); d.Reason == "" {
		d.Reason = ch.judge(v.Judged)
	}
	if d.Reason != "" {
		d.State = Failed
		return ch, Result{Done, Failed, string(d.Reason)}
	}
	ch.Entries = debited(d.Wallet, c.Organisation, c.Currency, c.AmountMinor)
	return ch, Result{Done, Success, ""}
}

// fails says why the wallet does not pay; "" if it does.
func (c DebitByToken) fails(v View) InteropReason {
	t := v.Token
	switch {
	case t == nil || t.State != TokenActive:
		return BadToken
	case t.Currency != c.Currency:
		return BadCurrency
	}
	a := v.Accounts[t.AccountKey()]
	switch {
	case a.refuses(t.AccountKey(), func(c Controls) bool { return c.Pay }) != "":
		return BadAccount
	case c.Limit.Each > 0 && c.AmountMinor > c.Limit.Each, c.Limit.Day > 0 && c.AmountMinor > c.Limit.Day-v.Debited:
		return OverLimit
	case a.short(c.AmountMinor) != "":
		return NoFunds
	}
	return ""
}

// judge keeps what risk decided about a debit that its wallet can pay. Nobody can
// be asked while the organisation waits: what is not let pass is not paid.
func (ch *Change) judge(j *risk.Judged) InteropReason {
	if ch.Judged = j; j != nil && j.Outcome != risk.Pass {
		return AtRisk
	}
	return ""
}

func debited(wallet, organisation, currency string, minor int64) []Entry {
	return []Entry{{wallet, currency, minor}, {InteropClearing(organisation), currency, -minor}}
}

// RefundDebit gives a debit back to its wallet, all of it or a part, never more
// than is left. It asks no token: a payer who unbound his gets his money back.
type RefundDebit struct {
	InteropKey
	Digest      string
	Debit       string
	AmountMinor int64
	Currency    string
	At          int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c RefundDebit) Reads() Reads {
	return Reads{DebitRefund: c.InteropKey, Debit: InteropKey{c.Organisation, c.Debit}}
}

func (c RefundDebit) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c RefundDebit) Decide(v View) (*Change, Result) {
	if r := v.DebitRefund; r != nil {
		if r.Digest == c.Digest {
			return nil, Result{Already, r.State, string(r.Reason)}
		}
		return refuse(r.State, "number %s exists with other content", c.Number)
	}
	switch {
	case c.Number == "" || c.Organisation == "" || c.Debit == "" || c.Digest == "":
		return refuse(None, "a number and what it is about are needed")
	case c.AmountMinor <= 0:
		return refuse(None, "an amount is above zero")
	case len(c.Currency) != 3:
		return refuse(None, "the currency is not known")
	}
	r := DebitRefund{InteropKey: c.InteropKey, Debit: c.Debit, Digest: c.Digest, AmountMinor: c.AmountMinor, Currency: c.Currency, State: Success, CreatedAt: c.At}
	ch := &Change{Cause: ByCore, At: c.At, DebitRefund: &r, Subject: c.Number}
	if r.Reason = c.fails(v); r.Reason != "" {
		r.State = Failed
		return ch, Result{Done, Failed, string(r.Reason)}
	}
	d := *v.Debit
	d.RefundedMinor += c.AmountMinor
	d.UpdatedAt = c.At
	ch.Debit, ch.Entries = &d, Opposite(debited(d.Wallet, c.Organisation, c.Currency, c.AmountMinor))
	return ch, Result{Done, Success, ""}
}

func (c RefundDebit) fails(v View) InteropReason {
	d := v.Debit
	switch {
	case d == nil || d.State != Success:
		return BadDebit
	case d.Currency != c.Currency:
		return BadCurrency
	case c.AmountMinor > d.AmountMinor-d.RefundedMinor:
		return BadAmount
	}
	if a := v.Accounts[AccountKey{d.Wallet, d.Currency}]; a == nil || !a.Active {
		return BadAccount
	}
	return ""
}

// Message is what a clearing organisation sent, once its signature holds. Its
// id stands for it for ever.
type Message struct {
	Organisation, ID string
	Digest           string // of all that was signed
	Kind             string
	Debit, Refund    string // the number that it is about, in one of them; "" = none
	At               int64  // UTC microseconds
}

// Standing is what a message led to: the result of its command, and how that
// which it is about stands then.
type Standing struct {
	Result Result
	Debit  *Debit
	Refund *DebitRefund
}
