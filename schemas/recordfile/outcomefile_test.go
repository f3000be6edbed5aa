package recordfile

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

func someOutcomes(n int) []schemas.Outcome {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]schemas.Outcome, n)
	for i := range all {
		o := schemas.Outcome{Class: schemas.Class(1 + r.IntN(19)), Pass: "exact_key", Rule: "equal",
			Local: schemas.RowRef{In: schemas.InLocal, Row: int64(i)}, Channel: schemas.RowRef{In: schemas.InChannel, Row: r.Int64N(1 << 40)},
			Occurrence: int32(r.IntN(3)), Group: r.Int64N(4)}
		switch r.IntN(5) {
		case 0:
			o.Local = schemas.RowRef{}
		case 1:
			o.Channel = schemas.RowRef{}
			o.Rule = ""
		}
		all[i] = o
	}
	return all
}

func writeOutcomes(t *testing.T, all []schemas.Outcome, workers int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewOutcomeWriter(&out, workers)
	if err != nil {
		t.Fatal(err)
	}
	rowless := func(o schemas.Outcome) schemas.Outcome {
		o.Local.Row, o.Channel.Row = 0, 0
		return o
	}
	for len(all) > 0 {
		var local, channel []int64
		for n := 0; n < len(all) && rowless(all[n]) == rowless(all[0]); n++ {
			local, channel = append(local, all[n].Local.Row), append(channel, all[n].Channel.Row)
		}
		add := func() error { return w.Outcome(all[0]) }
		if len(local) > 1 {
			add = func() error { return w.Pairs(all[0], local, channel) }
		}
		if err := add(); err != nil {
			t.Fatal(err)
		}
		all = all[len(local):]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOutcomesRoundTrip(t *testing.T) {
	want := someOutcomes(4 * chunkRows)
	for i := 5; i < 3*chunkRows; i++ { // pairs that are alike
		want[i] = schemas.Outcome{Class: schemas.Matched, Pass: "exact_key", Rule: "equal",
			Local: schemas.RowRef{In: schemas.InLocal, Row: int64(i)}, Channel: schemas.RowRef{In: schemas.InChannel, Row: int64(i * 7919 % 10_007)}}
	}
	data := writeOutcomes(t, want, 1)
	if !bytes.Equal(data, writeOutcomes(t, want, 4)) {
		t.Fatal("four workers give other bytes")
	}
	path := filepath.Join(t.TempDir(), "o.parquet")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenOutcomesFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []schemas.Outcome
	for o, err := range r.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	if diff := cmp.Diff(want, got); diff != "" || r.Rows() != int64(len(want)) {
		t.Fatalf("(-want +got):\n%.1000s", diff)
	}
	for range r.All(context.Background()) {
		break // stopping early is not an error
	}
}

func readOutcomes(t *testing.T, data []byte) (got []schemas.Outcome) {
	t.Helper()
	r, err := OpenOutcomes(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range r.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	return got
}

func TestOutcomesDamaged(t *testing.T) {
	data := writeOutcomes(t, someOutcomes(500), 1)
	data[len(data)/3] ^= 4
	r, err := OpenOutcomes(bytes.NewReader(data))
	if err == nil {
		for _, e := range r.All(context.Background()) {
			err = errors.Join(err, e)
		}
	}
	if err == nil || fault.Of(err).ID != "E-4260" {
		t.Fatalf("got %v", err)
	}
}

func TestLinesRoundTrip(t *testing.T) {
	row := someRecords(2, 1)[0]
	want := []*schemas.Difference{
		{Outcome: schemas.Outcome{Class: schemas.AmountMismatch, Pass: "exact_key"}, Kind: schemas.Payment, Key: "<&>\ufffd\\ufffd",
			LocalRow: &row, BreakOn: bizday.None, DeltaMinor: -1 << 62},
		{Outcome: schemas.Outcome{Class: schemas.Ambiguous}, Kind: schemas.Refund, BreakOn: bizday.Make(2026, 11, 21),
			Nearest: &schemas.Candidate{Row: schemas.RowRef{In: schemas.InLate, Row: 1}, Record: row, Failed: "currency"}},
	}
	var out bytes.Buffer
	w := NewLineWriter[schemas.Difference](&out)
	for _, d := range want {
		if err := w.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || w.Rows() != 2 {
		t.Fatal(err)
	}
	var got []*schemas.Difference
	for d, err := range ReadLines[schemas.Difference](bytes.NewReader(out.Bytes()), "differences.jsonl") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestLinesRefuseBytesThatJSONWouldReplace(t *testing.T) {
	w := NewLineWriter[schemas.Claim](&bytes.Buffer{})
	if err := w.Add(&schemas.Claim{Kind: schemas.Payment, Class: schemas.Matched, Key: "a\xffb"}); err == nil {
		t.Fatal("an id was changed without an error")
	}
}

func TestLinesDamaged(t *testing.T) {
	for name, text := range map[string]string{
		"cut":     `{"kind":"PAYMENT"`,
		"unknown": `{"kind":"PAYMENT","kinds":1}` + "\n",
		"two":     `{"kind":"PAYMENT"} {}` + "\n",
		"word":    `{"kind":"GIFT"}` + "\n",
		"long":    `{"kind":"PAYMENT","key":"` + strings.Repeat("x", maxLine) + "\"}\n",
	} {
		var last error
		for _, err := range ReadLines[schemas.Claim](strings.NewReader(text), "claims.jsonl") {
			last = err
		}
		if last == nil || fault.Of(last).ID != "E-4260" {
			t.Errorf("%s: got %v", name, last)
		}
	}
}
