package conformance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"tieout/schemas"
)

const usual = 300_000 // bytes of a usual statement here: several reads, several packets

func wholeFile(b *bench) {
	want := Statement(1, usual)
	b.Publish(want)
	got := b.mustFetch(want)
	if len(got.Proofs) == 0 {
		b.Error("nothing proves the file whole")
	}
	b.wantNoLeftOver()
}

func sameBytes(b *bench) {
	want := Statement(2, usual)
	b.Publish(want)
	first, second := b.mustFetch(want), b.mustFetch(want)
	if first.Files[0].SHA256 != second.Files[0].SHA256 {
		b.Errorf("two addresses, %s and %s, for the same bytes", first.Files[0].SHA256, second.Files[0].SHA256)
	}
}

// notThere: a statement that is not published is an answer, not an error, and
// the next attempt finds it.
func notThere(b *bench) {
	b.Publish(Statement(3, 1000))
	b.Withdraw()
	got, err := b.fetch()
	if err != nil || got.State != schemas.FetchNotReady {
		b.Fatalf("state %s, error %v; want NOT_READY", got.State, err)
	}
	if got.Detail == "" {
		b.Error("it does not say what is not there")
	}
	b.wantNothingKept()
	want := Statement(4, 1000)
	b.Publish(want)
	b.mustFetch(want)
}

// cutOnEveryConnection: no connection carries the whole file, and yet it comes.
func cutOnEveryConnection(b *bench) {
	want := Statement(5, usual)
	b.Publish(want)
	b.line.Set(Fault{Kind: Cut, After: 70_000})
	got := b.mustFetch(want)
	if b.line.Struck() < 3 || got.Files[0].Resumes == 0 {
		b.Errorf("%d cuts, %d resumes; the fault was not met", b.line.Struck(), got.Files[0].Resumes)
	}
}

func digestMismatch(b *bench) {
	b.Corrupt(Statement(6, usual))
	_, err := b.fetch()
	b.wantExit(err, 21)
	b.wantNothingKept()
}

// changedBetweenResume: the statement is replaced by another one of the same
// size while the line is cut. What is kept is never a mixture.
func changedBetweenResume(b *bench) {
	before, after := Statement(7, usual), Statement(8, usual)
	b.Publish(before)
	b.line.Set(Fault{Kind: Reset, After: 150_000, Times: 1, Then: func() { b.Publish(after) }})
	for range 3 {
		got, err := b.fetch()
		if err != nil {
			b.Fatalf("fetch: %v", err)
		}
		if got.State == schemas.FetchFetched {
			b.wantWhole(got, after)
			for _, kept := range b.kept {
				if !bytes.Equal(kept, after) && !bytes.Equal(kept, before) {
					b.Error("a mixture was kept")
				}
			}
			if b.line.Struck() == 0 {
				b.Error("the fault was not met")
			}
			return
		}
	}
	b.Fatal("the statement never came")
}

// growing: a file that is written on while it is read is not ready. If its
// marker says that it is, it is read again, and comes with all that was added
// or contradicts itself.
func growing(b *bench) {
	first, more := Statement(9, usual), Statement(10, 1000)
	b.Publish(first)
	appended := false
	during := func(ctx context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		return b.keep(ctx, name, io.MultiReader(io.LimitReader(r, 50_000), readerFunc(func(p []byte) (int, error) {
			if !appended {
				appended = true
				b.Append(more)
			}
			return r.Read(p)
		})))
	}
	want := append(append([]byte(nil), first...), more...)
	got, err := b.Source.Fetch(b.Context(), b.Request, during)
	switch {
	case !appended:
		b.Fatal("the file was not read")
	case err != nil:
		b.wantExit(err, 21)
	case got.State == schemas.FetchFetched:
		b.wantWhole(got, want)
		b.kept = b.kept[:len(b.kept)-1]
	case got.State != schemas.FetchNotReady:
		b.Fatalf("state %s; want NOT_READY", got.State)
	}
	b.wantNothingKept()
	b.Publish(want)
	b.mustFetch(want)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func stallOnce(b *bench) {
	want := Statement(11, usual)
	b.Publish(want)
	b.line.Set(Fault{Kind: Stall, After: 100_000, Times: 1})
	b.mustFetch(want)
	if b.line.Struck() != 1 {
		b.Error("the fault was not met")
	}
}

func stallForEver(b *bench) {
	b.Publish(Statement(12, usual))
	b.line.Set(Fault{Kind: Stall, After: 60_000})
	_, err := b.fetch()
	b.wantExit(err, 31)
	b.wantNothingKept()
}

func trickle(b *bench) {
	b.Publish(Statement(13, usual))
	b.line.Set(Fault{Kind: Trickle, After: 60_000})
	_, err := b.fetch()
	b.wantExit(err, 31)
	b.wantNothingKept()
}

// brokenAtEveryKthByte breaks one connection once, at each of many places: in
// the greeting, the login, the questions, the file, its last byte.
func brokenAtEveryKthByte(b *bench, kind Kind) {
	const size = 120_000
	want := Statement(14, size)
	b.Publish(want)
	places := []int64{size - 1, size, size + 1, 2 * size}
	for k := int64(0); k < size+8_000; k += k/5 + 97 {
		if places = append(places, k); b.Slow {
			k += k + 397
		}
	}
	met := 0
	for _, k := range places {
		b.line.Set(Fault{Kind: kind, After: k, Times: 1})
		b.mustFetch(want)
		met += b.line.Struck()
		b.wantNoLeftOver()
	}
	if met < len(places)/2 {
		b.Errorf("the fault was met at only %d of %d places", met, len(places))
	}
}

// slowLine: late is not broken.
func slowLine(b *bench) {
	want := Statement(19, usual)
	b.Publish(want)
	b.line.Set(Fault{Kind: Delay})
	if got := b.mustFetch(want); got.Files[0].Resumes != 0 || b.line.Struck() == 0 {
		b.Errorf("%d resumes, %d slow connections", got.Files[0].Resumes, b.line.Struck())
	}
}

func quietDay(b *bench) {
	b.Quiet()
	got, err := b.fetch()
	if err != nil || got.State != schemas.FetchEmptyConfirmed {
		b.Fatalf("state %s, error %v; want EMPTY_CONFIRMED", got.State, err)
	}
}

func denied(b *bench) {
	b.Publish(Statement(15, 1000))
	b.Deny()
	_, err := b.fetch()
	b.wantExit(err, 30)
	b.wantNothingKept()
}

// wrongServer: nothing is asked of a server that is not the pinned one, and
// nothing is tried again.
func wrongServer(b *bench) {
	b.Publish(Statement(16, 1000))
	b.Source = b.Impostor
	_, err := b.fetch()
	b.wantExit(err, 30)
	b.wantNothingKept()
}

// cancelled: the file is half read when the caller gives up.
func cancelled(b *bench) {
	b.Publish(Statement(17, usual))
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.line.Set(Fault{Kind: Stall, After: 100_000})
	start := time.Now()
	_, err := b.Source.Fetch(ctx, b.Request, func(ctx context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		return b.keep(ctx, name, io.MultiReader(io.LimitReader(r, 1000), readerFunc(func(p []byte) (int, error) {
			cancel()
			return r.Read(p)
		})))
	})
	if !errors.Is(err, context.Canceled) {
		b.Fatalf("error %v; want context.Canceled", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		b.Errorf("it took %s to stop", took)
	}
	b.wantNothingKept()
}

// keepFails: the error of a full disk is not taken for an error of the network.
func keepFails(b *bench) {
	b.Publish(Statement(18, usual))
	full := errors.New("no space left on device")
	calls := 0
	_, err := b.Source.Fetch(b.Context(), b.Request, func(_ context.Context, _ string, r io.Reader) (schemas.FileUsed, error) {
		calls++
		if _, err := io.CopyN(io.Discard, r, 100_000); err != nil {
			b.Fatalf("read: %v", err)
		}
		return schemas.FileUsed{}, full
	})
	if !errors.Is(err, full) || calls != 1 {
		b.Fatalf("error %v after %d calls; want the disk's, once", err, calls)
	}
}
