// Package normalize turns the files of a channel's statement into canonical
// records and rejects.
//
// In: unpacked statement files, the channel's definition, the account and the
// date. Out: record batches and rejects in file order, and a Statement with
// the proofs that nothing is missing. The pipeline calls it for a run; compare
// and describe call it for a single file.
//
// There is one decoder per shape of file (delimited, fixed width, tagged
// lines), never one per channel: what differs between channels is data. A file
// is cut into blocks of a fixed size that several workers decode; the blocks
// are put back into file order before anything is counted or handed on, so the
// output does not depend on the number of workers.
package normalize

import (
	"context"
	"io"

	"tieout/internal/bizday"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// File is one unpacked statement file.
type File struct {
	Name   string // as the channel called it; data only, never a path
	SHA256 string // of the raw file as it lies in the lake; records and rejects carry it
	Size   int64  // bytes that Reader holds
	Reader io.ReaderAt
}

// Input is one statement to read: one account, one date, all its files.
type Input struct {
	Definition *channels.Definition
	Account    string      // what records carry as their account
	Merchant   string      // number at the channel that file and rows must carry; "": take it from the file
	Date       bizday.Date // bill date that file and rows must have; bizday.None: take it from the file
	Statement  string      // "TRADE", "FUND", "BANK"; "": whatever the files are
	Variant    string      // bill type of the channel; "" any
	Files      []File
	Workers    int // goroutines that decode; below 1 means one per processor
}

// Sink receives what is found. All calls come from one goroutine, in file
// order. The batch and everything in it are valid only during the call. An
// error stops the work and is returned as it is.
type Sink interface {
	Batch(*schemas.Batch) error
	Reject(schemas.Reject) error
}

// Statement reads one statement. The Statement that it returns holds all that
// was found, also beside an error. A *fault.Error says that a file cannot be
// used at all (not in a known layout, of another day or merchant, cut off in
// the middle); a check that fails without making the file unreadable is a
// Proof with OK false, and Incomplete turns it into its fault.
func Statement(ctx context.Context, in Input, out Sink) (schemas.Statement, error) {
	r, err := newReading(in, out)
	if err != nil {
		return r.st, err
	}
	err = r.run(ctx)
	return r.st, err
}
