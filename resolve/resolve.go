// Package resolve says what to do with each difference.
//
// In: differences of match, the answers of active queries, the settings of the
// account. Out: decisions, the fixes that they ask for, case ids, the verdict.
// Called by the pipeline. Everything here is a pure function of its inputs: no
// clock, no file, no network; only a Fence counts what it admitted.
//
// What is decided stands in table.yaml, first row that fits; this package only
// reads it. A difference that no row fits is cell X0: two people look at it.
//
// # Suspense
//
// Every open break holds its exposure in suspense: what the channel moved less
// what our books moved, where only SUCCESS moves money and money out of our
// pocket (refunds, fees, payouts, …) counts negative. See Exposure. So:
//
//	LOCAL_ONLY, SUCCESS payment       -amount   paid      暂付
//	CHANNEL_ONLY, SUCCESS payment     +amount   received  暂收
//	AMOUNT_MISMATCH                   channel - local
//	… when we are behind as well      +channel amount
//	LOCAL_BEHIND                      +amount   (only if it is not fixed at once)
//	LOCAL_AHEAD                       -amount
//	DUPLICATE_CHANNEL, paid twice     +amount
//	DUPLICATE_CHANNEL, repeated row   0: one transaction, listed twice
//	DUPLICATE_LOCAL                   -amount
//	CURRENCY_MISMATCH                 0: no delta without an exchange rate
//	FEE_*, DATE_MISMATCH              0: the amounts agree
//	TYPE_MISMATCH                     each row by its own kind
//	AMBIGUOUS                         each row as if it were alone
//
// and the same with the sign turned for refunds.
package resolve

import "tieout/schemas"

// LateSuccess is what an account does with a payment that succeeds after its
// order was closed.
type LateSuccess string

// The settings of LateSuccess.
const (
	LateManual LateSuccess = "manual" // people decide between reopening and refunding
	LateRefund LateSuccess = "refund" // people refund it; reopening is not offered
)

// Settings are the choices of one account.
type Settings struct {
	LateSuccess LateSuccess // "" is LateManual
}

// Context is what Decide knows besides the difference.
type Context struct {
	Settings Settings
	// Answer of the active query; nil means that nobody asked yet.
	Answer *schemas.QueryAnswer
	// RateFee is the fee that the rate card gives for the row, minor units;
	// not valid means that there is no rate card.
	RateFee schemas.NullInt64
	// Repaid says that another attempt of the same order has succeeded.
	Repaid bool
	// OrderSplit says that the refunded order was split among receivers.
	OrderSplit bool
	// BlindSpot says that the row would stand in a bill that is not fetched.
	BlindSpot bool
}

// Decide returns what the table says about a difference. While ctx.Answer is
// nil the decision may ask for one (see NeedsQuery); decide again with the
// answer. An AUTO decision must still pass the Fence.
func (t *Table) Decide(d *schemas.Difference, ctx Context) schemas.Decision {
	row := t.find(factsOf(d, ctx))
	dec := schemas.Decision{
		Cell: row.Cell, Action: row.Action, Priority: row.Priority,
		Fixes: row.Fixes, Query: row.Query, DueDays: row.DueDays,
	}
	if dec.Action == schemas.ActionManual {
		dec.Suspend = Exposure(d)
	}
	return dec
}

// NeedsQuery tells whether the channel must be asked before the decision
// stands. After the answer it is Decide's business, so ask at most once.
func NeedsQuery(dec schemas.Decision) bool { return dec.Query }

// Find decides one difference and makes everything that the cases need of it.
// Call it in the order in which match gave the differences: the caps of the
// fence are spent in that order. A nil fence admits nothing.
func (t *Table) Find(d *schemas.Difference, ctx Context, fence *Fence, runID string) schemas.Finding {
	dec := t.Decide(d, ctx)
	fence.Admit(&dec, d, ctx.Answer)
	f := schemas.Finding{
		CaseID: CaseOf(d), Difference: d, Decision: dec,
		Exposure: Exposure(d), Evidence: Evidence(d),
	}
	f.Fixes = Fixes(dec, d, ctx.Answer, runID)
	return f
}
