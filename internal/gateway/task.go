package gateway

import (
	"context"
	"time"
)

// Subject is what a task is about.
type Subject string

// The subjects. An EXTRA is a payment that succeeded although its order was
// paid by another, or closed.
const (
	ForPayment Subject = "PAYMENT"
	ForRefund  Subject = "REFUND"
	ForExtra   Subject = "EXTRA"
)

// State is where a task stands.
type State string

// The states. A task is written before the first call, and moves to SENT before
// a call goes out, so that after a crash SENT means "perhaps", and INTENT "no".
const (
	Intent   State = "INTENT"   // the channel knows nothing of it
	Sent     State = "SENT"     // it may know: it is asked
	Closing  State = "CLOSING"  // a payment that shall not be paid any more
	Dropping State = "DROPPING" // the same, and the channel knows nothing of it
	Done     State = "DONE"
	Stuck    State = "STUCK" // waits for a person
)

// Way is how a refund's own number went out to its channel.
type Way string

// Voided: as a void. It never goes out as anything else; see Account.VoidDay.
const Voided Way = "VOID"

// Task is what is being done about one payment or refund.
type Task struct {
	Subject   Subject
	Number    string // of the payment or refund
	Account   string
	State     State
	Tries     int   // steps on the ladder since the state began
	Next      int64 // UTC microseconds, as all times here
	ExpiresAt int64 // of a payment; else 0
	Payer     string
	Prepaid   string
	Note      string
	Way       Way // of a refund
	Version   int64
	CreatedAt int64
	UpdatedAt int64
}

// Tasks keeps tasks. The store implements it.
type Tasks interface {
	// Intend writes a task unless there is one with its subject and number, and
	// returns what is there.
	Intend(ctx context.Context, t Task) (Task, error)
	// ClaimTasks takes up to limit tasks of an account that are due and hides
	// them from others for the lease. Oldest first.
	ClaimTasks(ctx context.Context, account string, now time.Time, lease time.Duration, limit int) ([]Task, error)
	// SaveTask writes state, tries, next, payer, note and way of a task that is still of
	// the version that was read, and returns it as it stands then; false: it
	// changed meanwhile.
	SaveTask(ctx context.Context, t Task) (Task, bool, error)
	// KeepPrepaid keeps what the payer of a payment was given, unless something
	// was kept before, and returns what is kept.
	KeepPrepaid(ctx context.Context, payNo, prepaid string) (string, error)
	// Follow reads the log of state moves on from where it was left, and writes
	// a task for every new payment, new refund and extra success of the
	// accounts; a refund that was done with and has failed since is STUCK. It
	// returns how many lines it read.
	Follow(ctx context.Context, accounts map[string]time.Duration, limit int) (int, error)
}
