package normalize

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The words of eight bytes find what a loop over single bytes finds.
func TestScanFor_AgainstSingleBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	alphabet := []byte(",,,,-+abcdefgh \t\r\x00\x1f\x20\x7e\x7f\x80\xff\xac")
	for range 20_000 {
		row := make([]byte, rng.IntN(70))
		clean := rng.IntN(2) == 0
		for i := range row {
			row[i] = alphabet[rng.IntN(len(alphabet))]
			if clean {
				row[i] = alphabet[rng.IntN(14)]
			}
		}
		want := scanned{ascii: true}
		var places []int
		for i, b := range row {
			want.ascii = want.ascii && b < 0x80
			want.tab = want.tab || b == '\t'
			want.control = want.control || b != '\t' && (b < 0x20 || b == 0x7F)
			if b == ',' {
				places = append(places, i)
			}
		}
		ends := make([]int, 5)
		got, n := scanFor(row, ',', ends)
		if got != want || n != len(places) || !slices.Equal(ends[:min(n, 5)], places[:min(n, 5)]) {
			t.Fatalf("%q: %+v %d %v, want %+v %d %v", row, got, n, ends, want, len(places), places)
		}
	}
}
