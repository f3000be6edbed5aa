package unpack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"tieout/internal/fault"
)

// small is less than the files of these tests have.
var small = Limits{Memory: 10_000}

func begin(t *testing.T, raw []byte, lim Limits) ([]Entry, func() error, error) {
	t.Helper()
	return Begin(t.Context(), "bill.zip", bytes.NewReader(raw), int64(len(raw)), Auto, lim, func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "") })
}

// What comes later is the same as what comes at once, in the same order, from
// wherever it is read.
func TestBegin(t *testing.T) {
	defer goleak.VerifyNone(t)
	rng := rand.New(rand.NewPCG(2, 3))
	long := strings.Builder{}
	for range 60_000 {
		fmt.Fprintf(&long, "%d,", rng.Uint32())
	}
	inner := string(zipOf(t, file{"inside.csv", strings.Repeat("inside,", 100)}, file{"noise", long.String()[:90_000]}))
	for name, files := range map[string][]file{
		"alone":              {{"a.csv", long.String()}},
		"first":              {{"a.csv", long.String()}, {"b.csv", "sum"}, {"c.csv", "tail"}},
		"in the middle":      {{"b.csv", "sum"}, {"a.csv", long.String()}, {"c.csv", "tail"}},
		"an archive":         {{"b.csv", "sum"}, {"a.zip", inner}, {"c.csv", "tail"}},
		"two that are large": {{"b.csv", long.String()[:20_000]}, {"a.csv", long.String()}},
		"none":               {{"b.csv", "sum"}, {"c.csv", "tail"}},
	} {
		t.Run(name, func(t *testing.T) {
			raw := zipOf(t, files...)
			want, err := Open(t.Context(), "bill.zip", bytes.NewReader(raw), int64(len(raw)), Auto, small, func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "") })
			if err != nil {
				t.Fatal(err)
			}
			defer Close(want)
			got, whole, err := begin(t, raw, small)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%d files, not %d: %v", len(got), len(want), err)
			}
			defer Close(got)
			for i := range got {
				if got[i].Name != want[i].Name || got[i].Size != want[i].Size {
					t.Fatalf("file %d is %s of %d bytes, not %s of %d", i, got[i].Name, got[i].Size, want[i].Name, want[i].Size)
				}
				for _, from := range []int64{0, want[i].Size / 2, max(0, want[i].Size-100)} { // the end is not there yet
					a, b := make([]byte, 5000), make([]byte, 5000)
					n, errA := got[i].Reader.ReadAt(a, from)
					m, errB := want[i].Reader.ReadAt(b, from)
					if n != m || !bytes.Equal(a[:n], b[:m]) || fmt.Sprint(errA) != fmt.Sprint(errB) {
						t.Errorf("%s from %d: %d bytes, %v; not %d, %v", got[i].Name, from, n, errA, m, errB)
					}
				}
			}
			if err := whole(); err != nil {
				t.Error(err)
			}
		})
	}
}

// An archive that lies about a large file is refused by whole, whatever was
// read of it before, and a bomb while it unpacks.
func TestBegin_Refuses(t *testing.T) {
	defer goleak.VerifyNone(t)
	body := strings.Repeat("1234567,", 40_000)
	stored := zipWith(t, zip.FileHeader{Name: "a", Method: zip.Store}, body)
	stored[len(stored)/2] ^= 1
	for name, c := range map[string]struct {
		raw  []byte
		lim  Limits
		want fault.ID
	}{
		"checksum":   {stored, small, "E-2145"},
		"a workbook": {zipOf(t, file{"a", oleMagic + body}), small, "E-2445"},
		"bomb":       {zipOf(t, file{"a", strings.Repeat("0", 4<<20)}), Limits{Memory: 10_000, Ratio: 100}, "E-2146"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, whole, err := begin(t, c.raw, c.lim)
			if err == nil {
				defer Close(entries)
				if len(entries) != 1 {
					t.Fatalf("%d files", len(entries))
				}
				err = whole()
			}
			if fault.Of(err).ID != c.want {
				t.Fatalf("%v, not %s", err, c.want)
			}
			if len(entries) == 1 {
				if n, err := entries[0].Reader.ReadAt(make([]byte, 10), 0); n > 0 || err == nil {
					t.Errorf("%d bytes of it can still be read: %v", n, err)
				}
			}
		})
	}
}

// Begin does not wait for the large file, nor does who reads what is there of it.
func TestBegin_WaitsForNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	body := make([]byte, 1<<20)
	for i := range body {
		body[i] = "0123456789"[rng.IntN(10)]
	}
	raw := zipOf(t, file{"a", string(body)})
	temp := func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "") }
	synctest.Test(t, func(t *testing.T) { // who waits for the gate here is found out
		slow := &gate{ReaderAt: bytes.NewReader(raw), from: 100_000, to: int64(len(raw)) - 50_000, open: make(chan struct{})}
		entries, whole, err := Begin(t.Context(), "bill.zip", slow, int64(len(raw)), Auto, small, temp)
		if err != nil {
			t.Fatal(err)
		}
		defer Close(entries)
		head := make([]byte, 50_000)
		if _, err := entries[0].Reader.ReadAt(head, 0); err != nil || !bytes.Equal(head, body[:len(head)]) {
			t.Errorf("the head: %v", err)
		}
		close(slow.open)
		if err := whole(); err != nil {
			t.Error(err)
		}
	})
}

// gate lets nobody read between two places until it is open.
type gate struct {
	io.ReaderAt
	from, to int64
	open     chan struct{}
}

func (g *gate) ReadAt(p []byte, off int64) (int, error) {
	if off >= g.from && off < g.to {
		<-g.open
	}
	return g.ReaderAt.ReadAt(p, off)
}

// Who closes the files waits for nothing that is still to come.
func TestBegin_GivenUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	raw := zipOf(t, file{"a", strings.Repeat("1234567,", 400_000)})
	entries, _, err := begin(t, raw, Limits{Memory: 10_000, Ratio: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if err := Close(entries); err != nil {
		t.Error(err)
	}
}
