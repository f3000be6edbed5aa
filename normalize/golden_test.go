package normalize_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// collector keeps everything, in the text form of the golden files.
type collector struct {
	records []schemas.Record
	rejects []schemas.Reject
}

func (c *collector) Batch(b *schemas.Batch) error {
	for i := range b.Len() {
		c.records = append(c.records, b.Row(i))
	}
	return nil
}

func (c *collector) Reject(r schemas.Reject) error {
	c.rejects = append(c.rejects, r)
	return nil
}

var allChannels = sync.OnceValues(channels.All)

// definition returns the definition of a channel of the program.
func definition(t testing.TB, name string) *channels.Definition {
	t.Helper()
	defs, err := allChannels()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no channel %q", name)
	return nil
}

func file(name string, content []byte) normalize.File {
	return normalize.File{Name: name, SHA256: "0123", Size: int64(len(content)), Reader: bytes.NewReader(content)}
}

// read normalizes files in memory.
func read(t testing.TB, in normalize.Input) (schemas.Statement, *collector, error) {
	t.Helper()
	c := &collector{}
	st, err := normalize.Statement(t.Context(), in, c)
	return st, c, err
}

// canonical writes a statement as text, one row a line.
func canonical(st schemas.Statement, c *collector, err error) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "statement %s %s %s account=%s merchant=%s date=%s\n", st.Channel, st.Kind, st.Format, st.Account, st.Merchant, st.BillDate)
	if err != nil {
		fmt.Fprintf(&b, "error %v\n", err)
	} else if f := normalize.Incomplete(st); f != nil {
		fmt.Fprintf(&b, "incomplete %v\n", f)
	}
	for _, r := range c.records {
		fmt.Fprintf(&b, "%d@%d %s %s %s %s", r.Line, r.Offset, r.Kind, r.Status, r.Currency, money.Format(r.AmountMinor, money.Currency(r.Currency)))
		if r.SettleMinor.Valid {
			fmt.Fprintf(&b, " settle=%s", money.Format(r.SettleMinor.V, money.Currency(r.Currency)))
		}
		if r.FeeMinor.Valid {
			fmt.Fprintf(&b, " fee=%d+%d", r.FeeMinor.V, r.FeeSub)
		}
		fmt.Fprintf(&b, " order=%s refund=%s channel=%s channel_refund=%s status=%q at=%d day=%s type=%q bank=%q product=%q remark=%q\n",
			r.MerchantRef, r.RefundRef, r.ChannelRef, r.ChannelRefundRef, r.StatusRaw, r.EventTime, r.BillDate, r.TradeType, r.Bank, r.Product, r.Remark)
	}
	for _, r := range c.rejects {
		fmt.Fprintf(&b, "reject %d@%d column %d %q value %q: %s\n", r.Line, r.Offset, r.Column, r.Field, r.Value, r.Reason)
	}
	for _, t := range st.Totals {
		fmt.Fprintf(&b, "total %s %s rows=%d minor=%d fee=%d\n", t.Kind, t.Currency, t.Rows, t.Minor, t.FeeMinor)
	}
	if st.Opening.Valid {
		fmt.Fprintf(&b, "balance opening=%d closing=%d\n", st.Opening.V, st.Closing.V)
	}
	for _, p := range st.Proofs {
		mark := "ok  "
		if !p.OK {
			mark = "FAIL"
		}
		if p.Advisory && !p.OK {
			mark = "warn"
		}
		fmt.Fprintf(&b, "proof %s %s want %q got %q %s %s\n", mark, p.Name, p.Want, p.Got, p.Currency, p.Note)
	}
	for _, w := range st.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	fmt.Fprintf(&b, "rows=%d records=%d rejects=%d\n", st.Rows, st.Records, st.Rejects)
	return b.Bytes()
}

var update = flag.Bool("update", false, "rewrite the golden files")

// rawStatements returns the raw statements of a channel by name: each is a file
// of testdata/raw, or a folder with the files of one statement.
func rawStatements(t testing.TB, channel string) map[string][]normalize.File {
	t.Helper()
	root := filepath.Join("..", "schemas", "channels", channel, "testdata", "raw")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatalf("every channel has raw samples: %v", err)
	}
	all := map[string][]normalize.File{}
	for _, e := range entries {
		paths := []string{filepath.Join(root, e.Name())}
		if e.IsDir() {
			if paths, err = filepath.Glob(filepath.Join(root, e.Name(), "*")); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			all[e.Name()] = append(all[e.Name()], file(filepath.Base(p), b))
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no raw sample", root)
	}
	return all
}

// TestGolden reads each raw sample of each channel and compares the result with
// its golden file.
func TestGolden(t *testing.T) {
	defs, err := channels.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range defs {
		t.Run(def.Name, func(t *testing.T) {
			for name, files := range rawStatements(t, def.Name) {
				t.Run(name, func(t *testing.T) {
					st, c, err := read(t, normalize.Input{Definition: def, Date: bizday.None, Files: files})
					if st.Rows != st.Records+st.Rejects || st.Records != int64(len(c.records)) || st.Rejects != int64(len(c.rejects)) {
						t.Errorf("%d rows are not %d records (%d handed over) and %d rejects (%d handed over)", st.Rows, st.Records, len(c.records), st.Rejects, len(c.rejects))
					}
					got := canonical(st, c, err)
					path := filepath.Join("..", "schemas", "channels", def.Name, "testdata", "golden", strings.TrimSuffix(name, filepath.Ext(name))+".txt")
					if *update {
						if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
							t.Fatal(err)
						}
						if err := os.WriteFile(path, got, 0o644); err != nil {
							t.Fatal(err)
						}
					}
					want, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(string(want), string(got)); diff != "" {
						t.Errorf("result differs from the golden file (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}
