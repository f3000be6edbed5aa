package normalize

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tieout/internal/bizday"
)

// Rows whose cells repeat, change, are wrong, long or empty read alike by a
// reader that remembers the row before and by one for each row.
func TestRead_RememberedCells(t *testing.T) {
	def, f := letters(t)
	p, err := compile(def, f, f.Headers[0])
	if err != nil {
		t.Fatal(err)
	}
	p.columns[0].none, p.columns[0].max = [][]byte{[]byte("0")}, 12
	reader := func() *rowReader {
		return newRowReader(p, &target{date: bizday.None}, newDelimitedCutter(f, p.names))
	}
	rng := rand.New(rand.NewPCG(4, 4))
	ids := []string{"0", "a", "a", "ab", "", "a b", "longer-id", "much-longer-id", "\x00a"}
	amounts := []string{"0", "0", "1", "12", "", "-1", "x", "123456789", "00"}
	r := reader()
	remembered := 0
	for range 20_000 {
		row := ids[rng.IntN(len(ids))] + "," + amounts[rng.IntN(len(amounts))]
		if rng.IntN(8) == 0 {
			row += ",x"
		}
		held := []byte(row + strings.Repeat("#", 16))[:len(row)]
		if b := r.before[1]; b.length > 0 && strings.HasSuffix(row, fmt.Sprint(r.amounts[1])) {
			remembered++
		}
		read := func(r *rowReader) string {
			blk := block{stats: newStats(p)}
			r.row(held, 1, 0, &blk, "")
			return fmt.Sprintf("%+v %+v %+v %v", blk.batch, blk.rejects, blk.stats.sums, blk.stats.counts)
		}
		if got, want := read(r), read(reader()); got != want {
			t.Fatalf("%q: %s, want %s", row, got, want)
		}
	}
	if remembered < 1_000 {
		t.Errorf("only %d cells could be remembered", remembered)
	}
}
