package match

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// A packed row says what it said before, whatever it says.
func TestPackedRowsSayTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(special ...int64) int64 {
		if i := r.IntN(len(special) + 2); i < len(special) {
			return special[i]
		}
		return int64(r.Uint64() >> r.IntN(64))
	}
	const base = 1_795_104_000_000_000
	prefix := newKeyPrefix([]byte("M20261120"))
	want := make([]cells, 5000)
	row := int32(0)
	for i := range want {
		x := &want[i]
		row += int32(r.IntN(1 << r.IntN(18)))
		*x = cells{row: row, kind: schemas.Kind(1 + r.IntN(9)), status: schemas.Status(1 + r.IntN(5)), currency: uint8(r.Uint32()),
			amount: pick(0, 1, math.MaxInt64) & math.MaxInt64, date: bizday.None, key: make([]byte, r.IntN(700))}
		for k := range x.key {
			x.key[k] = byte(r.Uint32())
		}
		if r.IntN(2) == 0 {
			x.key = slices.Concat(prefix.text, x.key)
		}
		switch r.IntN(4) {
		case 0:
			x.time, x.date = schemas.NoTime, bizday.Date(pick(int64(bizday.None), 0, -1, 20777))
		case 1:
			x.time = base + int64(r.IntN(86400)-100)*1_000_000
		default:
			x.time = base + pick(0, -1, 999_999)%(1<<60)
		}
		if r.IntN(3) > 0 {
			x.fee = fee{pick(0, -6, math.MinInt64, math.MaxInt64), int32(r.IntN(3)-1) * int32(r.IntN(1_000_000)), true}
		}
	}
	p := pile{in: &storage{free: math.MaxInt64}}
	before := int32(0)
	for i := range want {
		b, err := p.room(maxPacked + len(want[i].key))
		if err != nil {
			t.Fatal(err)
		}
		p.open = want[i].pack(b, r.Uint64(), before, base, &prefix)
		before = want[i].row
	}
	var x cells
	n := 0
	for w := (walk{pile: &p}); ; {
		b, err := w.chunk()
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		for at, end := 0, len(b); at < end; n++ {
			at += x.unpack(b[at:end+slack], base, &prefix)
			if diff := gocmp.Diff(want[n], x, gocmp.AllowUnexported(cells{}, fee{})); diff != "" {
				t.Fatalf("row %d:\n%s", n, diff)
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d rows of %d", n, len(want))
	}
}

// A key begins with a prefix, or not, whatever stands behind it in memory.
func TestKeyPrefix(t *testing.T) {
	memory := []byte("aaaabbbbccccddddeeee")
	for n := range 21 {
		p := newKeyPrefix(memory[:n])
		for length := range 21 {
			for _, room := range []int{length, 20} {
				key := memory[:length:room]
				if got, want := p.begins(key), n > 0 && length >= min(n, 16); got != want {
					t.Errorf("%q begins with %q: %v", key, p.text, got)
				}
				for at := range length {
					other := slices.Clone(memory)
					other[at] = 'x'
					if got, want := p.begins(other[:length:room]), n > 0 && length >= min(n, 16) && at >= min(n, 16); got != want {
						t.Errorf("%q begins with %q: %v", other[:length], p.text, got)
					}
				}
			}
		}
	}
}
