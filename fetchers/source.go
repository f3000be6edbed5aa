// Package fetchers brings statement files of payment channels, whole and
// unchanged, to whoever keeps them.
//
// In: a StatementRequest (one statement of one account and day). Out: the raw
// bytes, handed to a Keep function as a stream, and a Fetched that says which
// files there are, how they were proven whole, or why there are none. Called by
// the pipeline; cmd chooses the protocol and puts Retry around it.
//
// Each protocol is a subfolder: http, ftp, sftp, localdir. The three that read
// files from a folder share FileSource: how a file is named, when it is
// finished, how a broken transfer is continued. Nothing here deletes, renames
// or writes anything at the other side: that a file was processed is known by
// its content hash, never by where it lies.
package fetchers

import (
	"context"
	"io"

	"tieout/schemas"
)

// Keep stores the bytes of one file and returns its address. name is the file's
// name as the channel calls it, escaped for people.
//
// r is read as it arrives. EOF means that the transport has proven the file
// whole as far as it can (size, digest, clean end of the transfer); any other
// error means that it has not, and then Keep keeps no statement, at most evidence
// of what came, and returns that error as it is. A file whose Keep failed may be
// offered again from its first byte, so the same bytes must give the same address.
type Keep func(ctx context.Context, name string, r io.Reader) (schemas.FileUsed, error)

// Source asks one account at one channel for one statement.
//
// Without an error the state is FETCHED, EMPTY_CONFIRMED or NOT_READY; LATE and
// FAILED are the caller's words, who knows how long it has tried. ClassOf tells
// what an error means for the next try. Fetch changes nothing at the channel
// and may be repeated.
type Source interface {
	Fetch(ctx context.Context, req schemas.StatementRequest, keep Keep) (schemas.Fetched, error)
}
