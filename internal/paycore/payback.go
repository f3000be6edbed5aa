package paycore

import (
	"cmp"

	"tieout/internal/money"
)

// PaybackKind says what is paid back by transfer.
type PaybackKind string

// The kinds.
const (
	ReturnPayback PaybackKind = "RETURN" // what is left of a remittance
	RefundPayback PaybackKind = "REFUND" // a refund of a payment that remittances paid
)

// Payback is a transfer from our bank account to a payer's, under its own number
// for ever: the number that stands in the payout file and in the statement.
type Payback struct {
	Number      string
	Kind        PaybackKind
	Remittance  RemittanceKey // RETURN: what it gives back; of a REFUND the account alone
	Channel     string
	AmountMinor int64
	Currency    string
	Payee       Payee
	State       State
	Maker       string
	Checker     string
	File        string // payout file that it stands in; "" = none yet
	BankRef     string
	Version     int64 // 0 before it is stored
	CreatedAt   int64
	DoneAt      int64 // 0 unless SUCCESS, or RETURNED since
	UpdatedAt   int64
}

// Payee is where a transfer goes.
type Payee struct{ Name, Account, Bank string }

// The states that only paybacks have; the others are PAYING (approved, in the
// hands of the bank), SUCCESS, FAILED and CLOSED (never sent).
const (
	Waiting  State = "WAITING"  // for somebody who says where it goes
	Proposed State = "PROPOSED" // for a second person
	Returned State = "RETURNED" // paid, and sent back by the payee's bank (退票)
)

// paybackMoves: what the statement shows has happened, approved or not; a
// control tells of what was not.
var paybackMoves = machine{
	{None, Waiting, ByCore}:         true, // a refund
	{None, Proposed, ByCore}:        true, // a return
	{Waiting, Proposed, ByCore}:     true,
	{Proposed, Paying, ByApproved}:  true,
	{Proposed, Waiting, ByCore}:     true, // a refund that the second person sent back
	{Proposed, Closed, ByCore}:      true, // a return that he sent back
	{Waiting, Success, ByNotice}:    true,
	{Proposed, Success, ByNotice}:   true,
	{Paying, Success, ByNotice}:     true,
	{Paying, Failed, ByNotice}:      true,
	{Failed, Waiting, ByCore}:       true, // a refund is still owed
	{Success, Returned, ByNotice}:   true,
	{Success, Returned, ByApproved}: true,
	{Returned, Waiting, ByCore}:     true, // a refund is owed again
	{Returned, Proposed, ByCore}:    true, // to the payee that is named now
}

// RefundByTransfer hands a refund of a payment that came by transfer over to
// the paybacks: somebody has to say where the money goes.
type RefundByTransfer struct {
	RefundNo string
	At       int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c RefundByTransfer) Reads() Reads { return Reads{RefundNo: c.RefundNo, Payback: c.RefundNo} }

func (c RefundByTransfer) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c RefundByTransfer) Decide(v View) (*Change, Result) {
	r, b := v.Refund, v.Payback
	switch {
	case r == nil:
		return refuse(None, "no refund %s in the books", c.RefundNo)
	case !r.owed():
		return refuse(r.State, "refund %s is %s", r.RefundNo, r.State)
	case b == nil:
		b = &Payback{Number: r.RefundNo, Kind: RefundPayback, Remittance: RemittanceKey{Account: r.Account}, Channel: r.Channel,
			AmountMinor: r.AmountMinor, Currency: r.Currency, CreatedAt: c.At}
	case b.State != Failed && b.State != Returned:
		return nil, Result{Already, b.State, ""}
	}
	return b.moved(Waiting, ByCore, c.At, (*Payback).anew)
}

// anew forgets the last try; the bank's answers to it stay on record.
func (b *Payback) anew() {
	b.Payee, b.Maker, b.Checker, b.File, b.BankRef, b.DoneAt = Payee{}, "", "", "", "", 0
}

// moved changes a payback, if its machine allows it.
func (b *Payback) moved(to State, by Cause, at int64, how func(*Payback)) (*Change, Result) {
	if !paybackMoves.allows(b.State, to, by) {
		return refuse(b.State, "payback %s is %s", b.Number, b.State)
	}
	next := *b
	next.State, next.UpdatedAt = to, at
	how(&next)
	return &Change{Cause: by, At: at, Subject: b.Number, Payback: &next}, Result{Done, to, ""}
}

// ProposePayback says where money goes: that of a refund which waits, or, with a
// remittance, a part of what is left of it. That part is set aside.
type ProposePayback struct {
	Number      string
	Remittance  RemittanceKey // zero: Number is a refund that waits
	AmountMinor int64
	Payee       Payee
	Maker       string
	At          int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c ProposePayback) Reads() Reads {
	return Reads{Payback: c.Number, Remittance: c.Remittance, RefundNo: c.Number}
}

func (c ProposePayback) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c ProposePayback) Decide(v View) (*Change, Result) {
	b, r := v.Payback, v.Remittance
	switch {
	case SamePerson(c.Maker, "") || c.Payee.Name == "" || c.Payee.Account == "" || c.Payee.Bank == "":
		return refuse(None, "a payback has a maker, and a payee with name, account and bank")
	case c.Remittance == (RemittanceKey{}) && b == nil:
		return refuse(None, "no refund %s waits for a payee", c.Number)
	case c.Remittance == (RemittanceKey{}) && b.Kind == ReturnPayback:
		return refuse(b.State, "payback %s is %s", b.Number, b.State)
	case c.Remittance == (RemittanceKey{}) && !v.Refund.owed():
		return refuse(b.State, "refund %s is %s", v.Refund.RefundNo, v.Refund.State)
	case c.Remittance == (RemittanceKey{}):
		return b.moved(Proposed, ByCore, c.At, func(b *Payback) {
			b.anew()
			b.Payee, b.Maker = c.Payee, c.Maker
		})
	case b != nil:
		return refuse(b.State, "payback number %s exists", c.Number)
	case r == nil:
		return refuse(None, "no remittance %s of account %s", c.Remittance.BankRef, c.Remittance.Account)
	case c.Number == "" || c.AmountMinor <= 0:
		return refuse(None, "an amount is above zero")
	case c.AmountMinor > r.LeftMinor:
		return refuse(None, "only %s is left", money.Both(r.LeftMinor, money.Currency(r.Currency)))
	}
	b = &Payback{Number: c.Number, Kind: ReturnPayback, Remittance: c.Remittance, Channel: r.Channel, AmountMinor: c.AmountMinor, Currency: r.Currency, CreatedAt: c.At}
	ch, result := b.moved(Proposed, ByCore, c.At, func(b *Payback) { b.Payee, b.Maker = c.Payee, c.Maker })
	ch.leave(r, -c.AmountMinor)
	return ch, result
}

// leave changes what is left of a remittance.
func (ch *Change) leave(r *Remittance, delta int64) {
	next := *r
	next.LeftMinor, next.UpdatedAt = r.LeftMinor+delta, ch.At
	ch.Remittances = append(ch.Remittances, next)
}

// JudgePayback is the second person's word about exactly the version that he
// looked at: it goes to the bank, or back.
type JudgePayback struct {
	Number  string
	Version int64
	Approve bool
	Checker string
	At      int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c JudgePayback) Reads() Reads { return Reads{Payback: c.Number, RefundNo: c.Number} }

func (c JudgePayback) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c JudgePayback) Decide(v View) (*Change, Result) {
	b := v.Payback
	switch {
	case b == nil:
		return refuse(None, "no payback %s in the books", c.Number)
	case b.Version != c.Version:
		return refuse(b.State, "payback %s changed since it was looked at", c.Number)
	case b.State != Proposed:
		return refuse(b.State, "payback %s is %s", b.Number, b.State)
	case SamePerson(c.Checker, ""):
		return refuse(b.State, "a second person has a name")
	case c.Approve && SamePerson(c.Checker, b.Maker):
		return refuse(b.State, "%s proposed it; this is for a second person", c.Checker)
	case c.Approve && b.Kind == RefundPayback && !v.Refund.owed():
		return refuse(b.State, "refund %s is %s", v.Refund.RefundNo, v.Refund.State)
	case c.Approve:
		return b.moved(Paying, ByApproved, c.At, func(b *Payback) { b.Checker = c.Checker })
	case b.Kind == RefundPayback:
		return b.moved(Waiting, ByCore, c.At, func(b *Payback) { b.Payee, b.Maker = Payee{}, "" })
	}
	ch, result := b.moved(Closed, ByCore, c.At, func(*Payback) {})
	if ch != nil {
		ch.leave(v.Remittance, b.AmountMinor)
	}
	return ch, result
}
