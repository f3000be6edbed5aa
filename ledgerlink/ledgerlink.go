// Package ledgerlink is the link to the local books, both ways.
//
// In: an account and a bill date; fixes. Out: local records with a watermark,
// count and sum of the same snapshot; the result of each fix, applied exactly
// once. Called by the pipeline and by `tieout compare`.
//
// The local side is the built-in payment core, a CSV or Parquet file, or any
// SQLite, PostgreSQL or MySQL database. Fixes go to the payment core alone.
package ledgerlink

import (
	"context"
	"errors"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// ErrNoLookup says that a source cannot find rows outside an export.
var ErrNoLookup = errors.New("this source has no lookup by number")

// ExportRequest asks for the local rows of one account for one bill date and
// the windows on both sides of it.
type ExportRequest struct {
	Channel  string
	Account  string // its name in the configuration
	Merchant string // its number at the channel; records carry it
	Day      bizday.Day
	Date     bizday.Date
	Before   time.Duration // window before the bill date, >= 0
	After    time.Duration // window after it, >= 0
}

// query gives the interval: the bill date, wider by the windows.
func (r ExportRequest) query() schemas.LocalQuery {
	day := r.Day.Of(r.Date)
	return schemas.LocalQuery{Channel: r.Channel, Account: r.Account, Merchant: r.Merchant, Date: r.Date, Day: r.Day,
		From: day.From - r.Before.Microseconds(), To: day.To + r.After.Microseconds()}
}

// Source gives local rows.
//
// A database gives the rows whose event time lies in the interval of the
// request. A file gives all its rows, each with its event time: what belongs to
// another day is for the match stage to say.
type Source interface {
	// Export streams the rows in a stable order; the batch is reused after each
	// call of give. An error means that the export is not whole and must not be
	// used; the Export that comes with it is for messages.
	Export(ctx context.Context, req ExportRequest, give func(*schemas.Batch) error) (schemas.Export, error)
	// Lookup finds rows by number, whatever their date, in the order of the
	// keys, or says ErrNoLookup.
	Lookup(ctx context.Context, req ExportRequest, keys []schemas.LookupKey) ([]schemas.Record, error)
}
