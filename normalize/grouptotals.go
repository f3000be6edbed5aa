package normalize

import (
	"math/bits"

	"tieout/internal/money"
)

// countGroup adds the rows that are not odd to the totals: of those, everything
// that a total asks for is known.
func (r *rowReader) countGroup(s *stats) {
	g := &r.group
	rows := g.all() &^ g.odd
	n := int64(bits.OnesCount64(rows))
	s.rows += n
	for _, i := range r.p.counts {
		s.counts[i] += n
	}
	for _, t := range r.p.sums {
		g.add(&s.sums[t.total], t.col, rows)
	}
	for _, i := range r.p.chosen {
		t := &r.p.totals[i]
		taken := g.selected(&t.when, rows)
		if t.count {
			s.counts[i] += int64(bits.OnesCount64(taken))
			continue
		}
		for _, col := range t.sum {
			g.add(&s.sums[i], col, taken)
		}
	}
}

func (g *group) add(to *money.Sum, col int, rows uint64) {
	if rows == g.all() {
		to.AddAll(g.numbers[col][:g.n])
		return
	}
	for ; rows != 0; rows &= rows - 1 {
		to.Add(g.numbers[col][bits.TrailingZeros64(rows)])
	}
}
