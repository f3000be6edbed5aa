package normalize

import (
	"slices"

	"github.com/zeebo/xxh3"
)

// uniques holds a hash of each value that must not repeat: eight bytes a row.
// Two of five million values share one once in a million files, which makes a
// warning too many, never a row less.
type uniques []uint64

// add adds the value of a column; an absent one repeats nothing.
func (u *uniques) add(col int, value []byte) {
	if len(value) > 0 {
		*u = append(*u, xxh3.HashSeed(value, uint64(col)))
	}
}

// repeated counts the values that an earlier one equals. It sorts u.
func (u uniques) repeated() (n int64) {
	slices.Sort(u)
	for i := 1; i < len(u); i++ {
		if u[i] == u[i-1] {
			n++
		}
	}
	return n
}
