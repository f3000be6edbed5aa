package match

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// Packed rows whose hashes are equal in all bits are still told apart by their
// kinds and bytes.
func TestFaultM09_EqualHashesOfPackedRows(t *testing.T) {
	for _, prefix := range []string{"", "a", "0", "00"} {
		t.Run("prefix="+prefix, func(t *testing.T) { equalHashes(t, []byte(prefix)) })
	}
}

func equalHashes(t *testing.T, text []byte) {
	prefix := newKeyPrefix(text)
	keys := []string{"a", "A", "a\x00", "\x00a", "0a", "00a", "a ", "ab", "a\x00b", "0", "00", fmt.Sprintf("%0255d", 1), fmt.Sprintf("%0256d", 1), fmt.Sprintf("%0512d", 1)}
	var rows packedRows
	for _, k := range keys {
		for _, kind := range []schemas.Kind{schemas.Payment, schemas.Refund} {
			x := cells{row: int32(len(rows.start)), kind: kind, key: []byte(k)}
			rows.start, rows.row = append(rows.start, uint32(len(rows.buf))), append(rows.row, x.row)
			rows.buf = x.pack(slices.Grow(rows.buf, maxPacked+len(k)+slack), 0xdeadbeef_00000003, max(0, x.row-1), 0, &prefix)
		}
	}
	j := joiner{local: rows}
	j.build()
	for i := range int32(rows.rows()) {
		if got := j.find(rows.at(i)); got != i {
			t.Errorf("row %d is found as row %d", i, got)
		}
	}
	if slices.Contains(j.marked, true) {
		t.Error("different keys were taken for one")
	}
}

// What is seen to agree without unpacking agrees for the passes too.
func TestSurelyAgreedRowsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for _, alone := range []bool{false, true} {
		in := baseInputs()
		in.Alone, in.Local, in.ChannelRows = alone, memory{}, memory{}
		in.Rules.CompareFee = []schemas.Kind{schemas.Payment}
		e := newEngine(in)
		surely, seen := newSure(e.agreed), map[bool]int{}
		edges := []int64{e.day.From, e.day.To, e.seen.From, e.seen.To, e.day.From + in.Rules.WindowAfter.Microseconds(), e.day.To - in.Rules.WindowBefore.Microseconds()}
		for range 20_000 {
			l := cells{kind: schemas.Kind(1 + r.IntN(2)), status: schemas.Success, amount: 1 << r.IntN(40), date: bizday.None, key: []byte("K"),
				time: edges[r.IntN(len(edges))] + int64(r.IntN(3)-1)*[]int64{0, 1, 1_000_000, 3_600_000_000}[r.IntN(4)]}
			if r.IntN(2) == 0 {
				l.fee = fee{minor: int64(r.IntN(600)), set: true}
			}
			c := l
			switch r.IntN(10) {
			case 0:
				c.status = schemas.Status(1 + r.IntN(5))
			case 1:
				l.status = schemas.Status(1 + r.IntN(5))
			case 2:
				c.amount++
			case 3:
				c.currency++
			case 4:
				c.fee.minor++
			case 5:
				c.fee.sub = 500_000
			case 6:
				c.fee.set = !c.fee.set
			case 7:
				l.time, l.date = schemas.NoTime, in.Date
			}
			got := surely.agree(packed(&l, e.agreed.base), packed(&c, e.agreed.base))
			seen[got]++
			if want := (verdict{schemas.Matched, ruleEqual}); got && e.agree(&l, &c) != want {
				t.Fatalf("%+v and %+v are %v", l, c, e.agree(&l, &c))
			}
		}
		if seen[true] < 2000 || seen[false] < 2000 {
			t.Errorf("seen: %v", seen)
		}
	}
}

func packed(x *cells, base int64) packedRow {
	row := x.pack(make([]byte, 0, maxPacked+len(x.key)+slack), 1, 0, base, &keyPrefix{})
	return row[:cap(row)]
}

// A part that does not hold what was counted is not matched.
func TestAPartWithoutARow(t *testing.T) {
	for _, off := range []int{-1, 1} {
		local, channel := largeDay(100, 5)
		in := baseInputs()
		in.Local, in.ChannelRows, in.Intake = local, channel, newIntake(1, in.Day.Of(in.Date), 0, nil)
		for which, rows := range []memory{local, channel} {
			for _, b := range batchesOf(rows) {
				if err := in.Intake.take(which, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		in.Intake.trays[onLocal][0].rows += int32(off)
		if _, err := Run(context.Background(), in, &collector{}); err == nil {
			t.Errorf("%+d row is not seen", off)
		}
	}
}
