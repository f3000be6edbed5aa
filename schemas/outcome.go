package schemas

import "tieout/internal/bizday"

// Class says what became of a row. Every input row of either side stands in
// exactly one outcome, and every outcome has one class.
type Class uint8

// The classes.
const (
	Matched          Class = iota + 1 // both sides agree (平账)
	NothingHappened                   // local FAILED or CLOSED and no money moved at the channel; counted, not a difference
	LocalInTransit                    // local only, carried to a later statement until BreakOn (在途)
	ChannelInTransit                  // channel only, carried until BreakOn
	LocalOnly                         // our books say money moved, the statement does not (渠道漏单)
	ChannelOnly                       // the statement says money moved, our books do not (平台漏单)
	AmountMismatch                    // Delta = channel - local
	LocalBehind                       // STATUS_MISMATCH_LOCAL_BEHIND: a missed notification (漏通知)
	LocalAhead                        // STATUS_MISMATCH_LOCAL_AHEAD: we say paid, the channel says not
	FeeMismatch                       // amounts agree, fees do not
	FeeRounding                       // fees differ by at most one minor unit
	DuplicateChannel                  // the channel booked it once more than we did (重复支付)
	DuplicateLocal                    // we booked it once more than the channel did (重复入账)
	CurrencyMismatch
	DateMismatch // agrees, but on another day than the window allows; matched, with a flag
	TypeMismatch
	Ambiguous // several equally good candidates: all are shown, none is taken
	OtherDay  // a local row of the window that belongs to a neighbouring day and is left to it
	Claimed   // a local row of the window that another day's run has already placed
)

var classNames = names{"", "MATCHED", "NOTHING_HAPPENED", "LOCAL_IN_TRANSIT", "CHANNEL_IN_TRANSIT", "LOCAL_ONLY", "CHANNEL_ONLY",
	"AMOUNT_MISMATCH", "STATUS_MISMATCH_LOCAL_BEHIND", "STATUS_MISMATCH_LOCAL_AHEAD", "FEE_MISMATCH", "FEE_ROUNDING",
	"DUPLICATE_CHANNEL", "DUPLICATE_LOCAL", "CURRENCY_MISMATCH", "DATE_MISMATCH", "TYPE_MISMATCH", "AMBIGUOUS", "OTHER_DAY", "CLAIMED"}

func (c Class) String() string                { return classNames.text(uint8(c)) }
func (c Class) MarshalText() ([]byte, error)  { return []byte(c.String()), nil }
func (c *Class) UnmarshalText(b []byte) error { return classNames.parse(b, (*uint8)(c)) }

// Classes lists all classes in order.
func Classes() []Class {
	all := make([]Class, 0, len(classNames)-1)
	for i := 1; i < len(classNames); i++ {
		all = append(all, Class(i))
	}
	return all
}

// Break tells whether the class is a difference that somebody or something
// must deal with: not agreed, not carried, not left to another day.
func (c Class) Break() bool {
	switch c {
	case Matched, NothingHappened, LocalInTransit, ChannelInTransit, OtherDay, Claimed, DateMismatch, FeeRounding:
		return false
	}
	return true
}

// Input names one of the row sets that a match reads.
type Input uint8

// The row sets.
const (
	InLocal          Input = iota + 1 // the local export of the day with its windows
	InChannel                         // the statement of the day
	InCarriedLocal                    // local rows that the day before carried out
	InCarriedChannel                  // channel rows that the day before carried out
	InLate                            // local rows found by reference, without the date filter
)

var inputNames = names{"", "local", "channel", "carried_local", "carried_channel", "late"}

func (i Input) String() string                { return inputNames.text(uint8(i)) }
func (i Input) MarshalText() ([]byte, error)  { return []byte(i.String()), nil }
func (i *Input) UnmarshalText(b []byte) error { return inputNames.parse(b, (*uint8)(i)) }

// Side of the rows of an input.
func (i Input) Side() Side {
	if i == InChannel || i == InCarriedChannel {
		return Channel
	}
	return Local
}

// RowRef points at one input row: its row set and its 0-based position there.
// The zero value is no row.
type RowRef struct {
	In  Input `json:"in"`
	Row int64 `json:"row"`
}

// Outcome places one row, or one pair of rows. Group ties the outcomes of an
// AMBIGUOUS or duplicate group together; 0 means none.
type Outcome struct {
	Class      Class
	Pass       string // the pass that placed it: "exact_key", "channel_ref", "late", "carried", "window", "none"
	Rule       string // the rule within the pass, in the words of docs/glossary
	Local      RowRef
	Channel    RowRef
	Occurrence int32 // 1, 2, … among rows that are legitimately identical
	Group      int64
}

// Candidate is a row of the other side that came near, and the field that
// failed, for a row that did not match.
type Candidate struct {
	Row    RowRef `json:"row"`
	Record Record `json:"record"`
	Failed string `json:"failed"` // "amount_minor", "currency", "status", "merchant_ref", …
}

// Difference is an outcome that people or the resolve stage look at, with the
// whole rows. All outcomes except MATCHED, NOTHING_HAPPENED, OTHER_DAY and
// CLAIMED have one.
type Difference struct {
	Outcome
	Account    string      // account name of the configuration
	BillDate   bizday.Date // the run's date
	Kind       Kind
	Key        string // Record.Key() of whichever side is present; what the case id is made of
	Currency   string
	LocalRow   *Record
	ChannelRow *Record
	DeltaMinor int64  // channel - local, an absent side counts 0; signed by the amount only, not by direction
	FeeDelta   int64  // channel fee - local fee, minor units
	Reason     string // one English sentence, made of rule and values
	FirstSeen  bizday.Date
	BreakOn    bizday.Date // for carried rows: the date when it becomes a break; else bizday.None
	Nearest    *Candidate
	Candidates []Candidate // all of them, for AMBIGUOUS and duplicates; at most 32 shown

	// What resolve made of it; nil and "" before.
	Decision *Decision `json:",omitempty"`
	CaseID   string    `json:",omitempty"`
}

// Carried is a one-sided row handed to the next run.
type Carried struct {
	Side      Side        `json:"side"`
	Record    Record      `json:"record"`
	FirstSeen bizday.Date `json:"first_seen"`
	BreakOn   bizday.Date `json:"break_on"` // computed once, never moved
}

// Claim says that a run placed a local row which another day's window also
// shows.
type Claim struct {
	Kind       Kind   `json:"kind"`
	Key        string `json:"key"`
	ChannelRef string `json:"channel_ref,omitempty"`
	Occurrence int32  `json:"occurrence"`
	EventTime  int64  `json:"event_time"`
	Class      Class  `json:"class"`

	// CarriedFrom is the bill date whose carried statement row it was matched
	// with: a rerun of that date may still match the two itself. bizday.None if
	// the statement row was of the run's own date.
	CarriedFrom bizday.Date `json:"carried_from"`
}

// ClassTotal counts one class in one currency; amounts in minor units.
type ClassTotal struct {
	Class        Class  `json:"class"`
	Kind         Kind   `json:"kind"`
	Currency     string `json:"currency"`
	Outcomes     int64  `json:"outcomes"`
	LocalRows    int64  `json:"local_rows"`
	LocalMinor   int64  `json:"local_minor"`
	ChannelRows  int64  `json:"channel_rows"`
	ChannelMinor int64  `json:"channel_minor"`
	DeltaMinor   int64  `json:"delta_minor"` // Σ channel - local of the outcomes
	// Of the rows above only those with status SUCCESS: the money that each book
	// says has moved.
	LocalMoved   int64 `json:"local_moved_minor"`
	ChannelMoved int64 `json:"channel_moved_minor"`
}
