package paycore

import "strings"

// DocumentKind says what a document of an account is about.
type DocumentKind string

// The kinds.
const (
	FreezeDoc     DocumentKind = "FREEZE"     // available -> frozen
	UnfreezeDoc   DocumentKind = "UNFREEZE"   // frozen -> available, of the freeze that About names
	TransferDoc   DocumentKind = "TRANSFER"   // to the account that About names
	WithdrawalDoc DocumentKind = "WITHDRAWAL" // to the bank that About names
	DepositDoc    DocumentKind = "DEPOSIT"    // from the payment that About names
)

// Document is one thing done with an account, under its own number for ever.
type Document struct {
	Number      string
	Kind        DocumentKind
	AccountKey  AccountKey
	About       string
	AmountMinor int64
	BackMinor   int64  // FREEZE: what was given back so far
	Payee       string // WITHDRAWAL: where the bank sends it
	BankRef     string // WITHDRAWAL: the bank's number, or why it failed
	State       State  // FREEZE, WITHDRAWAL: PROCESSING until it is over
	Version     int64  // 0 before it is stored
	CreatedAt   int64
	UpdatedAt   int64
}

// withdrawalMoves: a withdrawal that the bank paid may still come back; one
// that failed is over, and the money is asked for again under another number.
var withdrawalMoves = machine{
	{None, Processing, ByCore}:      true,
	{Processing, Success, ByAnswer}: true,
	{Processing, Failed, ByAnswer}:  true,
	{Success, Failed, ByAnswer}:     true,
}

// Hold moves money within an account: + from available to frozen, - back.
type Hold struct {
	AccountKey
	Minor int64
}

// same tells whether a document is the one that a command would make.
func (d *Document) same(o Document) bool {
	return d.Kind == o.Kind && d.AccountKey == o.AccountKey && d.About == o.About && d.AmountMinor == o.AmountMinor && d.Payee == o.Payee
}

// again answers a command whose number is taken; false if it is not.
func (d *Document) again(o Document) (Result, bool) {
	switch {
	case d == nil:
		return Result{}, false
	case d.same(o):
		return Result{Already, d.State, ""}, true
	}
	return Result{Refused, d.State, "number " + o.Number + " exists with other content"}, true
}

// wrong says what every document must have; "" if it has.
func (d *Document) wrong() string {
	switch {
	case d.Number == "" || d.About == "" && d.Kind != FreezeDoc:
		return "a number and what it is about are needed"
	case d.AmountMinor <= 0:
		return "an amount is above zero"
	}
	return ""
}

// depositPrefix marks payments that became the balance of a user, where the
// settlement batch stands otherwise: each is taken once.
const depositPrefix = "deposit:"

// deposited tells whether a payment became the balance of a user.
func (p *Payment) deposited() bool { return strings.HasPrefix(p.SettledIn, depositPrefix) }
