package fetchers

import (
	"context"
	"errors"
	"io"
	"time"

	"tieout/schemas"
)

// FileSource fetches statements that lie as files in a folder: the part that
// FTP, SFTP and a local folder have in common. Fill it, or take it from the New
// function of a protocol's package. Safe for concurrent use; each Fetch has a
// connection of its own.
type FileSource struct {
	Spec    FileSpec
	Limits  Limits
	Place   string // protocol, host and port, for people: "sftp://bank.example:22"; no user, no password
	Connect Connect
	Now     func() time.Time // the clock for FetchedFile.At and Spec.Ready; never for time-outs
	Notes   []schemas.Proof  // added to the proofs of each answer, such as "the connection is not encrypted"
}

// Connect opens a connection to the folder. Every time-out comes through ctx,
// which ends the connection attempt as soon as it is done.
type Connect func(ctx context.Context) (Folder, error)

// Folder is one open connection, used by one goroutine. A method whose ctx is
// done returns at once, even if it has to cut the connection; after any error
// that is not one of fs.ErrNotExist, fs.ErrPermission and ErrNotRegular the
// connection is closed and not used again.
type Folder interface {
	// Stat looks at a file without following a link. A missing file is
	// fs.ErrNotExist, anything but a regular file is ErrNotRegular.
	Stat(ctx context.Context, path string) (FileStat, error)
	// Open reads from the byte at offset. ctx bounds the reader too, until it
	// is closed. EOF of the reader proves nothing; an error of its Close means
	// that the server did not call the transfer complete.
	Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
	Close() error
}

// FileStat is what the other side says about a file.
type FileStat struct {
	Size    int64     // -1: it does not say
	ModTime time.Time // zero: it does not say
}

func (s FileStat) same(o FileStat) bool { return s.Size == o.Size && s.ModTime.Equal(o.ModTime) }

// ErrNotRegular is a link, a folder, a device or a pipe where a file should be.
var ErrNotRegular = errors.New("not a regular file")

// Limits bounds one Fetch. A zero field takes the default that it names.
type Limits struct {
	Connect  time.Duration // until logged in: 30 s
	Reply    time.Duration // until one question is answered: 30 s
	Idle     time.Duration // without a byte of a transfer: 30 s; less than RateOver
	Total    time.Duration // the whole Fetch: 1 h
	MinRate  int64         // bytes a second, on average over RateOver: 1,024
	RateOver time.Duration // 60 s
	MaxBytes int64         // size of one file: 4 GiB
	Pause    time.Duration // before a broken transfer is continued: 1 s, 2 s, 3 s
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&l.Connect, 30 * time.Second}, {&l.Reply, 30 * time.Second}, {&l.Idle, 30 * time.Second}, {&l.Total, time.Hour},
		{&l.RateOver, time.Minute}, {&l.Pause, time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.MinRate == 0 {
		l.MinRate = 1024
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = 4 << 30
	}
	return l
}
