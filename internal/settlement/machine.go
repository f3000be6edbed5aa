package settlement

// State of a batch or of a payout.
type State string

// The states of a batch. Those from Paying on are a payout's too.
const (
	Collecting State = "COLLECTING" // takes items
	Checked    State = "CHECKED"    // sums, documents and ledger agree; one person has seen it
	Approved   State = "APPROVED"   // a second person has seen the same; fees are booked
	Paying     State = "PAYING"     // the bank was told, or is about to be
	Unknown    State = "UNKNOWN"    // payout: the bank does not know; it stays as it is until the bank says more
	Paid       State = "PAID"
	Failed     State = "FAILED"
	Returned   State = "RETURNED" // paid, and sent back by the payee's bank (退票)
)

type move struct{ from, to State }

// machine is the set of legal moves; what is not in it never happens.
type machine map[move]bool

// Allows tells whether a batch may move so.
func (s State) Allows(to State) bool { return batchMoves[move{s, to}] }

// AllowsPayout tells whether a payout may move so.
func (s State) AllowsPayout(to State) bool { return payoutMoves[move{s, to}] }

var batchMoves = machine{
	{Collecting, Checked}: true,
	{Checked, Collecting}: true, // sent back by a person
	{Checked, Approved}:   true,
	{Approved, Paying}:    true,
	{Approved, Paid}:      true, // nothing to pay
	{Approved, Failed}:    true, // the bank says of a failed payout that it was paid: nobody pays again
	{Paying, Paid}:        true,
	{Paying, Approved}:    true, // the first payout failed: it is due again, once
	{Paying, Failed}:      true,
	{Paid, Returned}:      true,
	{Failed, Approved}:    true, // by two people
	{Returned, Approved}:  true, // by two people
}

// payoutMoves: FAILED and RETURNED are the end of a number; another try gets
// another one.
var payoutMoves = machine{
	{Paying, Unknown}: true,
	{Paying, Paid}:    true,
	{Paying, Failed}:  true,
	{Unknown, Paid}:   true,
	{Unknown, Failed}: true,
	{Paid, Returned}:  true,
}
