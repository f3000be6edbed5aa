package paycore

import (
	"fmt"

	"tieout/internal/money"
)

// RemittanceKey names a remittance: the bank's number at one of our accounts.
type RemittanceKey struct{ Account, BankRef string }

// Remittance is money that a payer transferred to his virtual account, as the
// bank's statement shows it.
type Remittance struct {
	RemittanceKey
	Channel     string
	Number      string // virtual account
	AmountMinor int64
	LeftMinor   int64 // neither used for a payment nor on its way back
	Currency    string
	Fee         Fee     // what we expect the bank to keep
	Outcome     Outcome // "" until it was applied
	CameAt      int64   // when the bank booked it
	Version     int64   // 0 before it is stored
	CreatedAt   int64
	UpdatedAt   int64
}

// RemittanceUse is the part of a remittance that went into a payment.
type RemittanceUse struct {
	RemittanceKey
	PayNo       string
	AmountMinor int64
}

// Expectation is a payment that waits for remittances of one virtual account.
type Expectation struct {
	Payment   *Payment
	Order     *Order
	Parts     []*Payment // of a combined payment
	ExpiresAt int64
}

// Outcome says what became of a remittance when it came.
type Outcome string

// The outcomes. After all but Exact and Completed a person may have to look:
// money is left, or will be unless the payer sends the rest.
const (
	Exact      Outcome = "EXACT"      // it is what one payment waited for
	Completed  Outcome = "COMPLETED"  // with what came before, it is
	Partial    Outcome = "PARTIAL"    // less than what the payment waits for
	Overpaid   Outcome = "OVERPAID"   // the payment is paid, and money is left
	Unexpected Outcome = "UNEXPECTED" // nothing waits for it: too late, paid before, or never asked for
)

// remittanceReceived holds what payers transferred until a payment uses it.
func remittanceReceived(channel, account string) string {
	return "remittance_received:" + channel + ":" + account
}

// ReceiveRemittance books a credit of the bank's statement to a virtual
// account. The same line again is Already; a number that is not ours is Ignored
// and left to the reconciliation.
type ReceiveRemittance struct {
	RemittanceKey
	Channel     string
	Number      string
	AmountMinor int64
	Currency    string
	CameAt      int64
	at          int64
	fee         Fee
}

// Reads implements Command.
func (c ReceiveRemittance) Reads() Reads {
	return Reads{Remittance: c.RemittanceKey, VirtualNumber: c.Number}
}

func (c ReceiveRemittance) Complete(now int64, rates Rates) (Command, error) {
	c.at = now
	var err error
	c.fee, err = rates.fee(c.Channel, c.Account, c.AmountMinor, c.BankRef)
	return c, err
}

// Decide implements Command.
func (c ReceiveRemittance) Decide(v View) (*Change, Result) {
	if r := v.Remittance; r != nil {
		if r.Number == c.Number && r.AmountMinor == c.AmountMinor && r.Currency == c.Currency {
			return nil, Result{Effect: Already}
		}
		return refuse(None, "bank number %s stood in a statement before, with other content", c.BankRef)
	}
	switch {
	case v.Virtual == nil || v.Virtual.Account != c.Account:
		return nil, Result{Ignored, None, "no virtual account " + c.Number + " of account " + c.Account}
	case c.AmountMinor <= 0:
		return refuse(None, "an amount is above zero")
	case c.BankRef == "":
		return refuse(None, "a remittance has a number of the bank")
	}
	r := Remittance{RemittanceKey: c.RemittanceKey, Channel: c.Channel, Number: c.Number, AmountMinor: c.AmountMinor, LeftMinor: c.AmountMinor,
		Currency: c.Currency, Fee: c.fee, CameAt: c.CameAt, CreatedAt: c.at, UpdatedAt: c.at}
	clear := clearing(c.Channel, c.Account)
	return &Change{Cause: ByNotice, At: c.at, Subject: c.BankRef, Remittances: []Remittance{r}, Entries: compact([]Entry{
		{clear, c.Currency, c.AmountMinor}, {remittanceReceived(c.Channel, c.Account), c.Currency, -c.AmountMinor},
		{feeExpense(c.Channel), c.Currency, c.fee.minor()}, {clear, c.Currency, -c.fee.minor()},
	})}, Result{Effect: Done}
}

// ApplyRemittance pays with a remittance what its virtual account waits for, at
// most one payment: the oldest of exactly its amount; else, together with what
// is left of earlier ones, the oldest of all. It never pays a part of a payment,
// and never one that was opened after the money came or had expired by then.
type ApplyRemittance struct {
	RemittanceKey
	at int64
}

// Reads implements Command.
func (c ApplyRemittance) Reads() Reads { return Reads{Remittance: c.RemittanceKey, Expected: true} }

func (c ApplyRemittance) Complete(now int64, _ Rates) (Command, error) {
	c.at = now
	return c, nil
}

// Decide implements Command.
func (c ApplyRemittance) Decide(v View) (*Change, Result) {
	r := v.Remittance
	switch {
	case r == nil:
		return nil, Result{Ignored, None, "no remittance " + c.BankRef + " of account " + c.Account}
	case r.Outcome != "":
		return nil, Result{Effect: Already}
	}
	ch := &Change{Cause: ByNotice, At: c.at}
	x, outcome := v.awaited(r)
	next := *r
	next.UpdatedAt = c.at
	if outcome == Exact || outcome == Completed {
		ch.Remittances, ch.Uses, outcome = v.use(&next, x, c.at)
		ch.payByRemittance(x, r)
	}
	next.Outcome = outcome
	ch.Remittances = append(ch.Remittances, next)
	return ch, Result{Done, None, string(outcome)}
}

// awaited finds what a remittance pays, and whether alone or with earlier ones.
func (v View) awaited(r *Remittance) (Expectation, Outcome) {
	var oldest *Expectation
	for i, x := range v.Expected {
		if !x.takes(r) {
			continue
		}
		if x.Payment.AmountMinor == r.LeftMinor {
			return x, Exact
		}
		if oldest == nil {
			oldest = &v.Expected[i]
		}
	}
	if oldest == nil {
		return Expectation{}, Unexpected
	}
	var sum money.Sum
	sum.Add(r.LeftMinor)
	for _, w := range v.Waiting {
		if w.RemittanceKey != r.RemittanceKey && oldest.takes(w) {
			sum.Add(w.LeftMinor)
		}
	}
	if all, err := sum.Int64(); err != nil || all < oldest.Payment.AmountMinor {
		return Expectation{}, Partial
	}
	return *oldest, Completed
}

// takes tells whether a remittance may pay the payment. Banks book to the
// second.
func (x Expectation) takes(r *Remittance) bool {
	const second = 1_000_000
	p := x.Payment
	return p.State == Paying && p.Currency == r.Currency && p.Account == r.Account && r.CameAt+second > p.CreatedAt && r.CameAt <= x.ExpiresAt
}

// use takes the amount of a payment, from earlier remittances first; what is
// left stays with the last one. One of exactly the amount pays alone.
func (v View) use(last *Remittance, x Expectation, at int64) (changed []Remittance, uses []RemittanceUse, outcome Outcome) {
	need, outcome := x.Payment.AmountMinor, Exact
	if last.LeftMinor != need {
		outcome = Completed
		for _, w := range v.Waiting {
			if part := min(need, w.LeftMinor); part > 0 && w.RemittanceKey != last.RemittanceKey && x.takes(w) {
				next := *w
				next.LeftMinor, next.UpdatedAt = w.LeftMinor-part, at
				need -= part
				changed, uses = append(changed, next), append(uses, RemittanceUse{w.RemittanceKey, x.Payment.PayNo, part})
			}
		}
	}
	if part := min(need, last.LeftMinor); part > 0 {
		last.LeftMinor -= part
		uses = append(uses, RemittanceUse{last.RemittanceKey, x.Payment.PayNo, part})
	}
	if last.LeftMinor > 0 {
		outcome = Overpaid
	}
	return changed, uses, outcome
}

// payByRemittance moves a payment to SUCCESS. The bank's money was booked when
// it came, its fee too: here it only becomes the merchant's.
func (ch *Change) payByRemittance(x Expectation, r *Remittance) {
	p := *x.Payment
	p.Fee = Fee{}
	ch.pay(&p, View{Order: x.Order, Parts: x.Parts}, r.BankRef, r.CameAt, fmt.Sprintf("bank transfer to %s", r.Number))
	ch.Entries = []Entry{{remittanceReceived(p.Channel, p.Account), p.Currency, p.AmountMinor}, {Payable(p.Merchant), p.Currency, -p.AmountMinor}}
}
