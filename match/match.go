// Package match places every row of both sides.
//
// In: the local rows of one account and day with their windows, the rows of the
// channel's statement, what the day before carried out, what other days have
// placed, and rules as data. Out: one outcome for every row, a difference for
// what people look at, the rows carried to the next day, and proofs that
// nothing was lost on the way. Called by the pipeline and by compare.
//
// It is a pure function: no clock, no environment, no state. The result does
// not depend on the order of the rows, on the number of workers or on the seed
// of its hash table.
//
// Rows are placed by passes in a fixed order:
//
//	occurrence    rows that are identical on both sides, one by one
//	exact_key     the same kind and the same order or refund number
//	carried       the same, where one of the rows was carried in
//	channel_ref   the same number of the channel, where our number is missing
//	late          local rows found by number whatever their date
//	window        one-sided rows near the cut-off: carried, or left to another day
//	none          one-sided rows: breaks
//
// A row is placed once. Nothing is ever matched by amount and time alone: such
// a neighbour is named as the nearest candidate of a break, for people.
package match

import (
	"context"

	"tieout/internal/bizday"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// RowSet is one side's rows; recordfile.Reader is one.
type RowSet interface {
	Rows() int64
	// Read calls fn with all rows in order, in batches of the asked columns;
	// a batch is valid during the call only.
	Read(ctx context.Context, cols recordfile.Columns, fn func(first int64, b *schemas.Batch) error) error
	// Fetch returns whole rows by their sorted numbers. orders holds the merchant
	// refs that are known, "" for others; nil is none. Several may run at once.
	Fetch(ctx context.Context, idx []int64, orders []string) ([]schemas.Record, error)
}

// Inputs are all that a match depends on.
type Inputs struct {
	Account, Channel string      // names in the configuration, for the differences
	Date             bizday.Date // the bill date
	Day              bizday.Day  // how the channel cuts time into bill dates

	Local       RowSet // our rows of the date and of the windows around it; of file sources, all rows
	ChannelRows RowSet // the statement's rows

	// Intake holds all rows of both sides, taken while they were written; nil:
	// they are read. It serves one match.
	Intake *Intake

	CarriedLocal, CarriedChannel []schemas.Carried // what the day before carried out
	Claims                       []schemas.Claim   // local rows that the runs of other days placed

	// Alone says that no other day is matched beside this one: nobody asks for
	// Result.Claims, and they are not made.
	Alone bool

	// Late finds local rows by number, whatever their date. It is called at
	// most once, with sorted keys. nil: there is no such lookup.
	Late func(ctx context.Context, keys []schemas.LookupKey) ([]LateRow, error)

	Rules   Rules
	Workers int     // 0 is 1; the result does not depend on it
	Memory  int64   // bytes that the tables may use; 0 is no bound. More is E-4161
	Scratch Scratch // takes the rows that a quarter of Memory does not hold; nil: memory takes them
}

// LateRow is an answer of Inputs.Late.
type LateRow struct {
	Record    schemas.Record `json:"record"`
	ClaimedBy string         `json:"claimed_by,omitempty"` // the other run that has placed it with a channel row; "" if it is free
}

// Sink takes the result while it is made, in one stable order: all outcomes by
// row, and all differences by kind and number. Difference is called beside the
// other two; no method is called beside itself. A difference may be kept.
type Sink interface {
	Outcome(schemas.Outcome) error
	// Pairs gives outcomes that are alike but for their rows: pair i has the
	// local row local[i] and the channel row channel[i], valid during the call.
	Pairs(alike schemas.Outcome, local, channel []int64) error
	Difference(*schemas.Difference) error
}

// Result is what is small about a match.
type Result struct {
	Totals     []schemas.ClassTotal
	Proofs     []schemas.Proof
	CarriedOut []schemas.Carried
	Claims     []schemas.Claim  // our placed rows that another day's window or late lookup may show
	Passes     map[string]int64 // outcomes by pass
}
