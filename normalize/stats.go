package normalize

import (
	"tieout/internal/money"
	"tieout/schemas"
)

// stats is what the rows of a block, and in the end of a file, add up to.
type stats struct {
	rows, rejects, otherDay int64
	unknown                 int64 // rows whose share of the totals cannot be read
	signedFees              int64 // records with a fee whose sign the summary must prove
	held                    [holds]int64
	counts                  []int64     // per total
	sums                    []money.Sum // per total
	kinds                   [schemas.Transfer + 1]kindStats
	warned                  uint64 // rules whose warning is due
	unique                  uniques

	movement int64 // of the row in hand
	run      balanceRun
}

type kindStats struct {
	rows       int64
	minor, fee money.Sum
}

func newStats(p *plan) stats {
	return stats{counts: make([]int64, len(p.totals)), sums: make([]money.Sum, len(p.totals))}
}

func (s *stats) reset() {
	counts, sums := s.counts, s.sums
	clear(counts)
	clear(sums)
	*s = stats{counts: counts, sums: sums, unique: s.unique[:0]}
}

// recorded counts records that a rule has made, by their amounts and fees.
func (s *stats) recorded(r *rule, amounts, fees []int64) {
	k := &s.kinds[r.kind]
	k.rows += int64(len(amounts))
	k.minor.AddAll(amounts)
	k.fee.AddAll(fees)
	for _, fee := range fees {
		if r.feeBySummary && fee != 0 {
			s.signedFees++
		}
	}
	s.warned |= r.warnBit
}

// merge adds the stats of the block that follows.
func (s *stats) merge(o *stats) {
	s.rows += o.rows
	s.rejects += o.rejects
	s.otherDay += o.otherDay
	s.unknown += o.unknown
	s.signedFees += o.signedFees
	s.warned |= o.warned
	s.unique = append(s.unique, o.unique...)
	for i := range o.held {
		s.held[i] += o.held[i]
	}
	for i := range o.counts {
		s.counts[i] += o.counts[i]
		s.sums[i].Merge(o.sums[i])
	}
	for i := range o.kinds {
		s.kinds[i].rows += o.kinds[i].rows
		s.kinds[i].minor.Merge(o.kinds[i].minor)
		s.kinds[i].fee.Merge(o.kinds[i].fee)
	}
	s.run.merge(&o.run)
}

// totals returns the totals per kind, in the order of the kinds.
func (s *stats) totals(c money.Currency) ([]schemas.SideTotal, error) {
	var out []schemas.SideTotal
	for kind, k := range s.kinds {
		if k.rows == 0 {
			continue
		}
		minor, err := k.minor.Int64()
		if err != nil {
			return nil, err
		}
		fee, err := k.fee.Int64()
		if err != nil {
			return nil, err
		}
		out = append(out, schemas.SideTotal{Kind: schemas.Kind(kind), Currency: string(c), Rows: k.rows, Minor: minor, FeeMinor: fee})
	}
	return out, nil
}

// balanceRun follows a running balance through the rows, in both directions:
// files may run oldest or newest first.
type balanceRun struct {
	rows               int64
	broken             int64 // rows whose balance or movement cannot be read
	first, last        step
	breaksUp, breaksDn int64 // places where it does not close, oldest or newest first
}

// step is one row: the balance after it and what moved it.
type step struct{ balance, movement int64 }

func (r *balanceRun) add(s step) {
	if r.rows == 0 {
		r.first = s
	} else {
		r.join(r.last, s)
	}
	r.last = s
	r.rows++
}

func (r *balanceRun) join(a, b step) {
	if b.balance-b.movement != a.balance {
		r.breaksUp++
	}
	if a.balance-a.movement != b.balance {
		r.breaksDn++
	}
}

func (r *balanceRun) merge(o *balanceRun) {
	r.broken += o.broken
	if o.rows == 0 {
		return
	}
	if r.rows == 0 {
		broken := r.broken
		*r = *o
		r.broken = broken
		return
	}
	r.join(r.last, o.first)
	r.breaksUp += o.breaksUp
	r.breaksDn += o.breaksDn
	r.last = o.last
	r.rows += o.rows
}

// closes returns the opening and closing balance if the run has no gap.
func (r *balanceRun) closes() (opening, closing int64, ok bool) {
	switch {
	case r.rows == 0 || r.broken > 0:
		return 0, 0, false
	case r.breaksUp == 0:
		return r.first.balance - r.first.movement, r.last.balance, true
	case r.breaksDn == 0:
		return r.last.balance - r.last.movement, r.first.balance, true
	}
	return 0, 0, false
}

// balance follows the running balance with the row in hand.
func (r *rowReader) balance(s *stats, known bool) {
	col := r.p.balanceCol
	if !known || !r.valid[col] {
		s.run.broken++
		return
	}
	s.run.add(step{r.amounts[col], s.movement})
}
