package settlement

import (
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
)

// InteropDay is what wallets paid through a clearing organisation in a day and
// got back, and what we owe the organisation for it.
type InteropDay struct {
	Organisation string           `json:"organisation"`
	Currency     string           `json:"currency"`
	Day          bizday.Date      `json:"day"`
	Debits       int64            `json:"debits"`
	DebitMinor   int64            `json:"debit_minor"`
	Refunds      int64            `json:"refunds"`
	RefundMinor  int64            `json:"refund_minor"`
	Failed       int64            `json:"failed"`     // debits and refunds that moved nothing
	OwedMinor    int64            `json:"owed_minor"` // all until its end, less all that was paid; below zero: later days were paid too, or it owes us
	Payments     []InteropPayment `json:"payments,omitempty"`
}

// InteropPayment is one try to pay a clearing organisation what we owe it at the
// end of a day, under a number of its own for ever.
type InteropPayment struct {
	Payout
	Organisation string      `json:"organisation"`
	Day          bizday.Date `json:"day"`
	Maker        string      `json:"maker"`
	Checker      string      `json:"checker,omitempty"`
}

// The states that only payments to organisations have, before a bank is told.
const (
	Proposed State = "PROPOSED" // one person has seen it
	Closed   State = "CLOSED"   // given up; no bank was told
)

// interopMoves come before those of a payout. What failed and is paid after all
// is booked when two people say so.
var interopMoves = machine{
	{Proposed, Approved}: true, // by a second person
	{Proposed, Closed}:   true,
	{Approved, Closed}:   true,
	{Approved, Paying}:   true,
	{Failed, Paid}:       true,
}

// AllowsInterop tells whether a payment to an organisation may move so.
func (s State) AllowsInterop(to State) bool { return interopMoves[move{s, to}] || s.AllowsPayout(to) }

// NewInteropPayment is the next try to pay what a day leaves us owing.
func NewInteropPayment(d *InteropDay, try int, bank string, payee Payee, maker string) InteropPayment {
	p := InteropPayment{Organisation: d.Organisation, Day: d.Day, Maker: maker, Payout: Payout{Try: try, Bank: bank, Currency: d.Currency,
		AmountMinor: d.OwedMinor, Payee: payee, State: Proposed}}
	p.Number = fmt.Sprintf("I%s-%s-%s-%d", d.Day.Compact(), d.Organisation, d.Currency, try)
	return p
}

// InFile is the payment as the bank reads it.
func (p *InteropPayment) InFile() Payout {
	out := p.Payout
	out.Purpose = "clearing " + p.Organisation + " " + p.Day.String()
	return out
}

// InteropStarted moves the money out of what we owe the organisation before the
// bank is told.
func InteropStarted(p *InteropPayment) []paycore.Entry {
	return []paycore.Entry{{Account: paycore.InteropClearing(p.Organisation), Currency: p.Currency, Minor: p.AmountMinor},
		{Account: payoutClearing(p.Bank), Currency: p.Currency, Minor: -p.AmountMinor}}
}
