package paycore

import "tieout/schemas"

// State of an order, a payment or a refund.
type State string

// The states. A payment is PAYING until somebody tells; a refund PROCESSING.
const (
	None       State = "" // before it exists
	Paying     State = "PAYING"
	Processing State = "PROCESSING"
	Paid       State = "PAID"    // order
	Success    State = "SUCCESS" // payment, refund
	Failed     State = "FAILED"
	Closed     State = "CLOSED" // payment: gave up waiting; refund: given up, the money is the merchant's again
)

// Record returns the word that both sides of the reconciliation share.
func (s State) Record() schemas.Status {
	switch s {
	case Success, Paid:
		return schemas.Success
	case Failed:
		return schemas.Failed
	case Closed:
		return schemas.Closed
	case Returned:
		return schemas.Reversed
	}
	return schemas.Unknown
}

// Cause is who asks for a move.
type Cause string

// The causes.
const (
	ByCore     Cause = "core"         // our own program: create, close, give up
	ByAnswer   Cause = "answer"       // the channel's answer to our call or query
	ByNotice   Cause = "notification" // the channel's notification
	ByFix      Cause = "fix"          // the reconciliation by itself, confirmed by the channel
	ByApproved Cause = "fix_approved" // the reconciliation, approved by two people
	ByReverse  Cause = "reverse"      // an earlier fix is undone
	BySetting  Cause = "setting"      // the merchant's setting for money that came late
)

// move is one legal change of state.
type move struct {
	from, to State
	by       Cause
}

// machine is the set of legal moves; what is not in it never happens.
type machine map[move]bool

func (m machine) allows(from, to State, by Cause) bool { return m[move{from, to, by}] }

// orderMoves: a paid order stays paid, whatever is refunded later; a closed one
// is never reopened, not even by money that comes late.
var orderMoves = machine{
	{None, Paying, ByCore}:       true,
	{Paying, Paid, ByAnswer}:     true,
	{Paying, Paid, ByNotice}:     true,
	{Paying, Paid, ByFix}:        true,
	{Paying, Paid, ByApproved}:   true,
	{Paying, Closed, ByCore}:     true,
	{Paying, Closed, ByFix}:      true,
	{Paying, Closed, ByApproved}: true,
	{Paid, Paying, ByApproved}:   true,
	{Paying, Paid, ByReverse}:    true,
	{Paid, Paying, ByReverse}:    true,
	{Closed, Paying, ByReverse}:  true,
}

// paymentMoves: a notification that comes after CLOSED or FAILED moves nothing,
// it is logged; only the reconciliation brings such a payment back, and a
// CLOSED one only with the approval of two people, unless all of it goes back to
// the payer at once. So is a credit taken back.
var paymentMoves = machine{
	{None, Paying, ByCore}:        true,
	{Paying, Success, ByAnswer}:   true,
	{Paying, Success, ByNotice}:   true,
	{Paying, Success, ByFix}:      true,
	{Paying, Success, ByApproved}: true,
	{Paying, Failed, ByAnswer}:    true,
	{Paying, Failed, ByNotice}:    true,
	{Paying, Failed, ByFix}:       true,
	{Paying, Failed, ByApproved}:  true,
	{Paying, Closed, ByCore}:      true,
	{Paying, Closed, ByFix}:       true,
	{Paying, Closed, ByApproved}:  true,
	{Failed, Success, ByFix}:      true,
	{Failed, Success, ByApproved}: true,
	{Closed, Success, ByApproved}: true,
	{Closed, Success, BySetting}:  true, // with a refund of all of it, in the same step
	{Failed, Success, BySetting}:  true,
	{Success, Failed, ByApproved}: true,
	{Success, Paying, ByReverse}:  true,
	{Success, Failed, ByReverse}:  true,
	{Success, Closed, ByReverse}:  true,
	{Closed, Paying, ByReverse}:   true,
	{Failed, Paying, ByReverse}:   true,
	{Failed, Success, ByReverse}:  true,
}

// refundMoves: a FAILED refund is still owed to the customer: it succeeds
// later under the same number, or is given up (CLOSED), which hands the money
// back to the merchant. SUCCESS is taken back only by the reconciliation.
var refundMoves = machine{
	{None, Processing, ByCore}:        true,
	{Processing, Success, ByAnswer}:   true,
	{Processing, Success, ByNotice}:   true,
	{Processing, Success, ByFix}:      true,
	{Processing, Success, ByApproved}: true,
	{Processing, Failed, ByAnswer}:    true,
	{Processing, Failed, ByNotice}:    true,
	{Processing, Failed, ByFix}:       true,
	{Processing, Failed, ByApproved}:  true,
	{Failed, Success, ByAnswer}:       true,
	{Failed, Success, ByNotice}:       true,
	{Failed, Success, ByFix}:          true,
	{Failed, Success, ByApproved}:     true,
	{Failed, Closed, ByCore}:          true,
	{Success, Failed, ByFix}:          true,
	{Success, Failed, ByApproved}:     true,
	{Success, Processing, ByReverse}:  true,
	{Success, Failed, ByReverse}:      true,
	{Failed, Processing, ByReverse}:   true,
	{Failed, Success, ByReverse}:      true,
}
