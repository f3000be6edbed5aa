package fetchers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"tieout/internal/fault"
)

// Why a transfer must begin again from its first byte, or cannot end.
var (
	errChanged  = errors.New("the file changed while it was read")
	errDigest   = errors.New("the digest differs from the marker's")
	errUnclean  = errors.New("the server did not call the transfer complete")
	errNoResume = errors.New("the transfer cannot be continued, because the server does not tell the file's time")
	errLarge    = errors.New("the file is larger than the limit")
)

// errShort is a transfer that the server calls complete, though bytes are
// missing.
type errShort struct{ got, want int64 }

func (e errShort) Error() string {
	return fmt.Sprintf("the server called the transfer complete after %d of %d bytes", e.got, e.want)
}

// maxStrikes is how many streams in a row may end without any progress, or by a
// guard, before the transfer fails.
const maxStrikes = 3

// transfer reads one file to its proven end, across broken connections. It
// gives EOF to its reader only when size, time, digest and the server's own
// word agree.
type transfer struct {
	visit  *visit
	ctx    context.Context // of the whole Fetch; the transfer lives shorter
	path   string
	stat   FileStat // before the first byte
	want   string   // digest of the marker, lower case; "" if there is none
	digest hash.Hash

	stream  *paced // nil between two streams
	n       int64  // bytes given to the reader
	began   int64  // n at the beginning of this stream
	strikes int
	resumes int
	err     error // final; io.EOF when the file is whole
}

func (t *transfer) Read(b []byte) (int, error) {
	for t.err == nil {
		if t.stream == nil {
			t.err = t.open() // nil with no stream: the next turn tries again
			continue
		}
		n, err := t.stream.Read(b)
		if n > 0 {
			t.take(b[:n])
			if t.err != nil {
				break
			}
		}
		if err != nil {
			t.err = t.ended(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, t.err
}

func (t *transfer) take(b []byte) {
	t.n += int64(len(b))
	if t.digest != nil {
		t.digest.Write(b)
	}
	switch {
	case t.n > t.visit.src.Limits.MaxBytes:
		t.err = errLarge
	case t.stat.Size >= 0 && t.n > t.stat.Size:
		t.err = errChanged
	}
	if t.err != nil {
		t.abandon()
	}
}

// open begins the first stream, or one that continues. It continues only if the
// file is provably the same: size and time as before, or a digest will tell.
func (t *transfer) open() error {
	if t.resumes > 0 {
		now, err := t.visit.stat(t.ctx, t.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return errChanged
		case err != nil:
			return t.strike(err)
		case !now.same(t.stat):
			return errChanged
		}
	}
	folder, err := t.visit.connected(t.ctx)
	if err != nil {
		return t.strike(err)
	}
	stream, err := newPaced(t.ctx, t.visit.src.Limits, func(ctx context.Context) (io.ReadCloser, error) {
		return folder.Open(ctx, t.path, t.n)
	})
	if err != nil {
		if !answered(err) {
			t.visit.drop()
		}
		return t.strike(err)
	}
	t.stream, t.began = stream, t.n
	return nil
}

// ended decides what the end of a stream means. nil: go on with another stream.
func (t *transfer) ended(cause error) error {
	stream := t.stream
	t.stream = nil
	closing := stream.Close()
	if cause != io.EOF || closing != nil {
		t.visit.drop()
	}
	switch {
	case cause == io.EOF && (t.n == t.stat.Size || t.stat.Size < 0):
		if closing != nil {
			return fmt.Errorf("%w: %w", errUnclean, closing)
		}
		return t.whole()
	case cause != io.EOF && t.stat.Size < 0 && t.want == "":
		return fmt.Errorf("%w: %w", errNoResume, cause)
	case cause == io.EOF && closing != nil && ClassOf(closing) == Temporary:
		cause = closing // the connection broke before the server could say anything
	case cause == io.EOF && closing != nil:
		cause = fmt.Errorf("%w: %w", errUnclean, closing)
	case cause == io.EOF:
		cause = errShort{t.n, t.stat.Size}
	}
	return t.strike(cause)
}

// strike counts a broken stream. It returns nil as long as another one may
// continue, after a pause, and the cause when it may not.
func (t *transfer) strike(cause error) error {
	if err := t.ctx.Err(); err != nil {
		return context.Cause(t.ctx)
	}
	guarded := errors.Is(cause, errStalled) || errors.Is(cause, errTooSlow) || errors.Is(cause, errNoAnswer)
	if t.n > t.began && !guarded {
		t.strikes = 0
	}
	var short errShort
	var refused *fault.Error
	again := guarded || errors.As(cause, &short) || ClassOf(cause) == Temporary ||
		errors.Is(cause, errUnclean) && !errors.As(cause, &refused)
	if t.strikes++; t.strikes > maxStrikes || !again {
		return cause
	}
	if t.n > 0 && t.stat.ModTime.IsZero() && t.want == "" {
		return fmt.Errorf("%w: %w", errNoResume, cause)
	}
	t.resumes++
	t.began = t.n
	return t.visit.pause(t.ctx, t.strikes)
}

// whole proves the file after its last byte: it is still the same file, and its
// digest is the marker's.
func (t *transfer) whole() error {
	now, err := t.visit.stat(t.ctx, t.path)
	for err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return errChanged
		}
		if err := t.strike(err); err != nil {
			return err
		}
		now, err = t.visit.stat(t.ctx, t.path)
	}
	switch {
	case !now.same(t.stat):
		return errChanged
	case t.want != "" && t.got() != t.want:
		return errDigest
	}
	return io.EOF
}

// got is the digest of what was read.
func (t *transfer) got() string { return hex.EncodeToString(t.digest.Sum(nil)) }

// abandon ends the stream without asking for its end.
func (t *transfer) abandon() {
	if t.stream != nil {
		t.stream.cancel(errAbandoned)
		t.stream.Close() // the transfer has failed already; its own word no longer matters
		t.stream = nil
		t.visit.drop()
	}
}
