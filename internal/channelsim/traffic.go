package channelsim

import (
	"time"

	"tieout/internal/bizday"
)

// Step is what our books do with a payment or a refund after they opened it.
type Step uint8

// The steps. The demo driver carries them out against the payment core.
const (
	StepAnswer Step = iota // take over the channel's synchronous answer: number, time, amount
	StepNotice             // wait: the notification sets it
	StepLeave              // leave it UNKNOWN
	StepPaid               // set it to SUCCESS at Local.At, whatever the channel says; the channel's number is taken over if it gave one
	StepClose              // close it at Local.At
	StepNone               // our books have no such payment or refund
)

// LocalSide is what our books do.
type LocalSide struct {
	CreatedAt   time.Time // when the payment or the refund is opened; zero with StepNone
	AmountMinor int64     // what our books ask for
	Step        Step
	At          time.Time // of StepPaid and StepClose
}

// Op is one payment or refund: what our books do, and what happens at the
// channel. Pay or Refund is nil when nothing happens there; with StepAnswer and
// StepNotice one of them is there.
type Op struct {
	At       time.Time // when it begins; ops come in this order
	Channel  string
	Account  string // our number at the channel
	Merchant string // whose sale it is
	Fault    Fault  // "" is an ordinary one

	MerchantRef string
	RefundRef   string // refunds only
	Product     string
	Local       LocalSide
	Pay         *PayRequest
	Refund      *RefundRequest
}

// FileFault is a fault of one channel's file of one bill date; give it to
// Sim.Inject before the statement is read.
type FileFault struct {
	Channel string
	Date    bizday.Date
	Kind    Fault
	Times   int // for the faults that pass by themselves
}

// Day is one day of traffic.
type Day struct {
	Date  bizday.Date // calendar day in the channels' zone
	Ops   []Op
	Files []FileFault // of the statements of this bill date
	Truth []Truth     // of the ops and files of this day
}
