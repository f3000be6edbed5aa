package settlement

import "tieout/internal/bizday"

// Collect is what a collection of a bill date knows.
type Collect struct {
	Date      bizday.Date
	Contracts map[string]*Contract // by merchant
	Calendar  Calendar
	Accounts  []AccountProof
	Override  int64 // act of two people that lets unproven days in; 0: none
}

// AccountProof is what the nights say about one account.
type AccountProof struct {
	Account string
	Until   int64                      // end of the bill date, in UTC microseconds; not included
	DateOf  func(at int64) bizday.Date // bill date of a moment
	Days    map[bizday.Date]Day        // the days that are proven
	Carried map[string]bool            // payments and refunds that wait for their row of the statement
}

// Account is the proof of an account; nil if there is none.
func (c *Collect) Account(name string) *AccountProof {
	for i := range c.Accounts {
		if c.Accounts[i].Account == name {
			return &c.Accounts[i]
		}
	}
	return nil
}

// Day is a proven day: the books up to Watermark were compared.
type Day struct {
	RunID     string
	Watermark int64 // last line of the log that the run saw
}

// Item is one payment or refund that asks to be settled, with what the books
// know about it.
type Item struct {
	No           string
	At           int64 // when the money moved
	LogSeq       int64 // line of the log with which it succeeded
	ByFix        bool  // the reconciliation made it succeed
	Disputed     bool  // its order has an open case
	Confirmed    bool  // the customer said that the goods came
	RefundsOpen  bool  // a refund of it is neither out nor given up
	PaymentWaits bool  // refund, split, return: its payment is not settled
	SplitHeld    bool  // its order is held back for splits
}

// Reason is why an item waits for a later batch.
type Reason string

// The reasons.
const (
	NoContract    Reason = "NO_CONTRACT"
	NoRate        Reason = "NO_RATE"         // the contract has no fee for its channel, product, currency and time
	Disputed      Reason = "DISPUTED"        // its order has an open case
	InTransit     Reason = "IN_TRANSIT"      // the channel's statement did not show it yet
	NotProven     Reason = "NOT_PROVEN"      // no run has compared it
	RefundOpen    Reason = "REFUND_OPEN"     // a refund of it is under way
	NotConfirmed  Reason = "NOT_CONFIRMED"   // the goods are on their way
	PaymentWaits  Reason = "PAYMENT_WAITS"   // refund, split, return: its payment is not settled yet
	HeldForSplit  Reason = "HELD_FOR_SPLIT"  // its order is held back for splits
	BatchIsClosed Reason = "BATCH_IS_CLOSED" // the batch of this date takes no more; the next one does
)

// Waits says why an item is left out of the batches of a date; "" if it is not.
func (c *Collect) Waits(a *AccountProof, contract *Contract, item Item) Reason {
	switch {
	case contract == nil:
		return NoContract
	case item.Disputed:
		return Disputed
	case a.Carried[item.No]:
		return InTransit
	case c.Override == 0 && !a.proven(item):
		return NotProven
	case item.PaymentWaits:
		return PaymentWaits
	case item.SplitHeld:
		return HeldForSplit
	case item.RefundsOpen:
		return RefundOpen
	case contract.HoldDays > 0 && !item.Confirmed && a.DateOf(item.At).Add(contract.HoldDays) > c.Date:
		return NotConfirmed
	}
	return ""
}

// WaitsBeside says why a split or a return is left out: no night compares it, it
// follows its payment.
func (c *Collect) WaitsBeside(contract *Contract, item Item) Reason {
	switch {
	case contract == nil:
		return NoContract
	case item.Disputed:
		return Disputed
	case item.PaymentWaits:
		return PaymentWaits
	}
	return ""
}

// proven: the run of its own day has compared it, or the reconciliation itself
// brought it in. What succeeded after the books were exported was in no
// comparison.
func (a *AccountProof) proven(item Item) bool {
	day, ok := a.Days[a.DateOf(item.At)]
	return ok && (item.ByFix || item.LogSeq <= day.Watermark)
}

// Left counts what was left out for a reason, in one currency.
type Left struct {
	Reason   Reason `json:"reason"`
	Currency string `json:"currency"`
	Items    int64  `json:"items"`
	Minor    int64  `json:"minor"` // payments less refunds
	First    string `json:"first"` // number of the first one
}

// Collected is what a collection did.
type Collected struct {
	Items   int64   `json:"items"`
	Batches []Batch `json:"batches"` // of the date, sorted
	Left    []Left  `json:"left"`    // sorted by reason and currency
}
