// Package conformance is the one test suite for everything that fetches.
//
// In: a Factory that starts a server, publishes on it, and makes a Source which
// reaches it through a faulty line. Out: failed tests. Called by the tests of
// each protocol. What it asks of all of them: a file arrives whole or not at
// all, whatever the line does; a pause, a cut or a changed file never makes a
// mixture; every wait ends; the answer says what to do next.
package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/schemas"
)

// Subject is one account at one server, both made for one test. A nil function
// means that the protocol has no such thing; its tests are then left out.
type Subject struct {
	Source  fetchers.Source // reaches the server through the proxy, with Limits
	Request schemas.StatementRequest

	Publish  func(data []byte) // puts the statement there, whole, with a new time and whatever proves it; replaces the one before
	Withdraw func()            // takes it away: not published yet
	Quiet    func()            // says that the day had no transactions
	Deny     func()            // lets us see the file and not read it
	Corrupt  func(data []byte) // publishes with a digest that is not the data's
	Append   func(data []byte) // writes on, as a writer that is not finished

	Impostor fetchers.Source // expects another server than the one it reaches; nil if trust is no matter here
	NoLine   bool            // nothing goes over a network
	Slow     bool            // each connection costs much; lines are broken at fewer places
	Restarts bool            // a broken transfer is begun again from its first byte, never continued
}

// Factory starts the server and publishes nothing yet. Everything ends with t.
type Factory func(t *testing.T, p *Proxy) *Subject

// Limits are short: what hangs shows in a second. A machine that is busy with
// something else for as long must not look like a line that hangs.
func Limits() fetchers.Limits {
	return fetchers.Limits{Connect: 10 * time.Second, Reply: 10 * time.Second, Idle: 1200 * time.Millisecond, Total: 40 * time.Second,
		MinRate: 8 << 10, RateOver: 1200 * time.Millisecond, MaxBytes: 8 << 20, Pause: time.Millisecond}
}

// Policy is a Retry without long pauses.
func Policy() fetchers.Policy {
	return fetchers.Policy{Tries: 4, First: time.Millisecond, Max: 5 * time.Millisecond, Total: time.Minute}
}

// Run runs the suite.
func Run(t *testing.T, factory Factory) {
	line := func(s *Subject) bool { return !s.NoLine }
	for _, c := range []struct {
		name string
		test func(*bench)
		asks func(*Subject) bool // nil: asked of all
	}{
		{"WholeFile", wholeFile, nil},
		{"SameBytesSameAddress", sameBytes, nil},
		{"FaultD1_NotThere", notThere, nil},
		{"FaultD2_CutOnEveryConnection", cutOnEveryConnection, func(s *Subject) bool { return !s.NoLine && !s.Restarts }},
		{"FaultD6_DigestMismatch", digestMismatch, func(s *Subject) bool { return s.Corrupt != nil }},
		{"FaultD7_ChangedBetweenResume", changedBetweenResume, line},
		{"FaultD8_GrowingFile", growing, func(s *Subject) bool { return s.Append != nil }},
		{"FaultD12_StallOnce", stallOnce, line},
		{"FaultD12_StallForEver", stallForEver, line},
		{"FaultD12_Trickle", trickle, line},
		{"FaultD13_CutAtEveryKthByte", func(b *bench) { brokenAtEveryKthByte(b, Cut) }, line},
		{"FaultD13_ResetAtEveryKthByte", func(b *bench) { brokenAtEveryKthByte(b, Reset) }, line},
		{"SlowLine", slowLine, line},
		{"QuietDay", quietDay, func(s *Subject) bool { return s.Quiet != nil }},
		{"PermissionDenied", denied, func(s *Subject) bool { return s.Deny != nil }},
		{"Attack17_18_WrongServer", wrongServer, func(s *Subject) bool { return s.Impostor != nil }},
		{"Cancelled", cancelled, nil},
		{"KeepFails", keepFails, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time is spent waiting for guards
			b := newBench(t, factory)
			if c.asks == nil || c.asks(b.Subject) {
				c.test(b)
			}
		})
	}
}

// bench is a subject with its line and the place where files are kept.
type bench struct {
	*Subject
	*testing.T
	line *Proxy
	lake *lake.Lake
	kept [][]byte // contents, in order, of what was really kept
}

func newBench(t *testing.T, factory Factory) *bench {
	p := NewProxy(t)
	l, err := lake.Open(filepath.Join(t.TempDir(), "lake"), lake.OS)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Subject: factory(t, p), T: t, line: p, lake: l}
}

func (b *bench) keep(ctx context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
	blob, err := b.lake.PutRaw(ctx, r)
	if err != nil {
		return schemas.FileUsed{}, err
	}
	f, err := b.lake.OpenRaw(blob.SHA256)
	if err != nil {
		return schemas.FileUsed{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return schemas.FileUsed{}, err
	}
	b.kept = append(b.kept, data)
	return schemas.FileUsed{Name: name, SHA256: blob.SHA256, Size: blob.Size}, nil
}

// fetch is one attempt as the pipeline makes it: the source within Retry. An
// attempt that takes longer than every limit has hung.
func (b *bench) fetch() (schemas.Fetched, error) {
	b.Helper()
	ctx, cancel := context.WithTimeoutCause(b.Context(), 45*time.Second, errors.New("the fetch hung"))
	defer cancel()
	got, err := fetchers.Retry(b.Source, Policy()).Fetch(ctx, b.Request, b.keep)
	if ctx.Err() != nil {
		b.Fatalf("the fetch did not end by itself: %v", err)
	}
	return got, err
}

func (b *bench) mustFetch(want []byte) schemas.Fetched {
	b.Helper()
	got, err := b.fetch()
	if err != nil {
		b.Fatalf("fetch: %v", err)
	}
	b.wantWhole(got, want)
	return got
}

func (b *bench) wantWhole(got schemas.Fetched, want []byte) {
	b.Helper()
	if got.State != schemas.FetchFetched || len(got.Files) != 1 {
		b.Fatalf("state %s (%s), %d files; want FETCHED and one file", got.State, got.Detail, len(got.Files))
	}
	if last := b.kept[len(b.kept)-1]; !bytes.Equal(last, want) {
		b.Fatalf("kept %d bytes, which are not the %d bytes of the statement", len(last), len(want))
	}
	for _, p := range got.Proofs {
		if !p.OK && !p.Advisory {
			b.Errorf("proof %s: want %s, got %s", p.Name, p.Want, p.Got)
		}
	}
	if got.Files[0].Place == "" || got.Files[0].At.IsZero() {
		b.Errorf("the file does not say whence and when it came: %+v", got.Files[0])
	}
}

func (b *bench) wantNothingKept() {
	b.Helper()
	if len(b.kept) != 0 {
		b.Fatalf("%d files were kept, the first of %d bytes", len(b.kept), len(b.kept[0]))
	}
	b.wantNoLeftOver()
}

// wantNoLeftOver looks for half-written files.
func (b *bench) wantNoLeftOver() {
	b.Helper()
	if left, _ := filepath.Glob(filepath.Join(b.lake.Root(), "tmp", "*")); len(left) != 0 {
		b.Fatalf("left behind: %v", left)
	}
}

func (b *bench) wantExit(err error, codes ...int) {
	b.Helper()
	if err == nil {
		b.Fatal("no error")
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		b.Fatalf("not a fault: %v", err)
	}
	for _, code := range codes {
		if f.Exit() == code {
			b.checkMessage(f)
			return
		}
	}
	b.Fatalf("exit %d, want %v: %v", f.Exit(), codes, err)
}

// checkMessage fails on a message with an unfilled value.
func (b *bench) checkMessage(f *fault.Error) {
	b.Helper()
	for _, lang := range []fault.Lang{fault.English, fault.Chinese} {
		text := f.Message(lang)
		if bytes.ContainsAny([]byte(text), "{}") {
			b.Errorf("a value is missing in: %s", text)
		}
	}
}

// Statement returns n bytes of rows that look like a statement, the same for
// the same seed.
func Statement(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d|%016x|%d.%02d|SUCCESS\r\n", i, r.Uint64(), r.IntN(100000), r.IntN(100))
	}
	return b.Bytes()[:n]
}
