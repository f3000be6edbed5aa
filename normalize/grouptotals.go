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
	if r.p.balanceCol >= 0 {
		r.moveGroup(rows)
	}
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

// moveGroup adds up what the rows add to the running balance.
func (r *rowReader) moveGroup(rows uint64) {
	g := &r.group
	clear(g.moved[:g.n])
	for i, sign := range r.p.balanceSign {
		if sign == 0 {
			continue
		}
		t := &r.p.totals[i]
		for taken := g.selected(&t.when, rows); taken != 0; taken &= taken - 1 {
			row := bits.TrailingZeros64(taken)
			for _, col := range t.sum {
				g.moved[row] += int64(sign) * g.numbers[col][row]
			}
		}
	}
}

// balanceGroup follows the running balance through the rows from first to end.
func (r *rowReader) balanceGroup(first, end int, s *stats) {
	col := r.p.balanceCol
	if col < 0 {
		return
	}
	for i := first; i < end; i++ {
		s.run.add(step{r.group.numbers[col][i], r.group.moved[i]})
	}
}
