package settlement

import (
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/money"
)

// Payout is one try to pay a batch, under a number of its own for ever; in a
// file also a withdrawal, which belongs to no batch.
type Payout struct {
	Number      string `json:"number"`
	Batch       string `json:"batch"`
	Try         int    `json:"try"`
	File        string `json:"file"`
	Bank        string `json:"bank"`
	Merchant    string `json:"merchant"`
	Currency    string `json:"currency"`
	AmountMinor int64  `json:"amount_minor"`
	Payee       Payee  `json:"payee"`
	State       State  `json:"state"`
	Purpose     string `json:"purpose,omitempty"` // what the payee reads; "" = the settlement of the batch
	BankRef     string `json:"bank_ref,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Version     int64  `json:"version"`
	CreatedAt   int64  `json:"created_at"`
	UpdatedAt   int64  `json:"updated_at"`
}

// NewPayout is the next try of a batch.
func NewPayout(b *Batch, try int, file string) Payout {
	return Payout{Number: fmt.Sprintf("%s-%d", b.ID, try), Batch: b.ID, Try: try, File: file, Bank: b.Bank, Merchant: b.Merchant,
		Currency: b.Currency, AmountMinor: b.PayMinor, Payee: b.Payee, State: Paying}
}

// Answer is what the bank says about a payout.
type Answer struct {
	Number      string
	State       State // PAID, FAILED, UNKNOWN or RETURNED
	AmountMinor int64 // as the bank says; 0: it did not
	Currency    string
	BankRef     string
	Reason      string
}

// Heard is what an answer does.
type Heard string

// What an answer does.
const (
	Moved     Heard = "MOVED"     // payout and batch changed
	Known     Heard = "KNOWN"     // it was so before
	Conflict  Heard = "CONFLICT"  // the bank contradicts itself: nothing is paid again until people decide
	NotLegal  Heard = "NOT_LEGAL" // such an answer cannot follow
	NoPayout  Heard = "NO_PAYOUT" // we sent no such number
	WrongSums Heard = "WRONG_SUM" // another amount than we sent
)

// Hear judges an answer.
func (p *Payout) Hear(a Answer) Heard {
	switch {
	case a.AmountMinor != 0 && (a.AmountMinor != p.AmountMinor || a.Currency != p.Currency):
		return WrongSums
	case a.State == p.State:
		return Known
	case p.State.AllowsPayout(a.State):
		return Moved
	case a.State == Paid && p.State == Failed:
		return Conflict
	}
	return NotLegal
}

// BatchAfter is the state of the batch once its payout has this state: a first
// failure is due again by itself, a second one waits for people.
func (p *Payout) BatchAfter() State {
	if p.State == Failed && p.Try == 1 {
		return Approved
	}
	if p.State == Unknown {
		return Paying
	}
	return p.State
}

// File is one payout file.
type File struct {
	ID         string      `json:"id"`
	Bank       string      `json:"bank"`
	Currency   string      `json:"currency"`
	PayDate    bizday.Date `json:"pay_date"`
	Payouts    int64       `json:"payouts"`
	TotalMinor int64       `json:"total_minor"`
	Digest     string      `json:"digest"`
}

// FileID names the n-th file of a bank, currency and day.
func FileID(bank, currency string, date bizday.Date, n int) string {
	return fmt.Sprintf("P%s-%s-%s-%d", date.Compact(), bank, currency, n)
}

// Total adds up payouts.
func Total(list []Payout) (int64, error) {
	var sum money.Sum
	for i := range list {
		sum.Add(list[i].AmountMinor)
	}
	return sum.Int64()
}
