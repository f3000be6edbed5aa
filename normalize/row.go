package normalize

import (
	"bytes"
	"math"

	"tieout/internal/bizday"
	"tieout/internal/money"
)

// cutter cuts one row into cells: one decoder's part of the work. Each worker
// has its own.
type cutter interface {
	// cut returns the cells of a row as parts of a text in UTF-8, as many as the
	// plan has columns; they are valid until the next call. The row comes without its line end; a
	// tagged row holds several lines. What is wrong with the row goes into bad,
	// whose first entry wins. Cells are nil if the row cannot be cut; else they
	// are as good as they can be, so that a row that is rejected for one cell
	// still counts in the totals.
	cut(row []byte, bad *badCell) (text []byte, cells []span)
}

// span is a part of a text, text[from:to]. Eight bytes without a pointer cost a
// third of what a slice costs to make, 27 times a row.
type span struct{ from, to int32 }

func (s span) of(text []byte) []byte { return text[s.from:s.to] }

// target is what all rows of a file must agree with.
type target struct {
	merchant []byte      // empty: not known
	date     bizday.Date // bizday.None: not known
	day      bizday.Interval
	source   string // sha256 of the raw file
	feeSign  int64  // +1: fees are printed positive; -1: negative; for formats that leave it to the summary
}

// rowReader reads the rows of one block after the other. Its slices are
// indexed by column.
type rowReader struct {
	p        *plan
	t        *target
	cut      cutter
	index    *index // nil: rows are cut one by one
	zone     zone
	currency []byte // with room behind it
	line     []byte // that the cells are parts of
	cells    []span
	amounts  []int64
	times    []int64
	days     []dayCell // of columns with a date
	words    []uint8
	valid    []bool  // amounts and times
	bad      badCell // of the row in hand; here so that no row allocates one
	group    group   // of rows that wait
}

func newRowReader(p *plan, t *target, c cutter) *rowReader {
	n := len(p.columns)
	return &rowReader{p: p, t: t, cut: c, zone: zone{loc: p.def.Day().Zone}, currency: append(make([]byte, 0, 32), p.def.Currency...),
		amounts: make([]int64, n), times: make([]int64, n), days: make([]dayCell, n), words: make([]uint8, n), valid: make([]bool, n), group: newGroup(p)}
}

// row reads one row into the block: a record, or a reject. line counts within
// the block, offset within the file; why is what is already known to be wrong.
func (r *rowReader) row(raw []byte, line, offset int64, b *block, why string) {
	bad := &r.bad
	*bad = badCell{reason: why}
	b.stats.rows++
	if r.line, r.cells = r.cut.cut(raw, bad); r.cells != nil {
		r.read(bad)
	}
	known := r.count(&b.stats)
	if bad.reason == "" {
		r.record(line, offset, b, bad)
	}
	if bad.reason != "" {
		b.stats.rejects++
		b.stats.held[bad.hold]++
		r.reject(raw, line, offset, bad, b)
	}
	if r.p.balanceCol >= 0 {
		r.balance(&b.stats, known)
	}
}

// read turns the cells into numbers, times and words.
func (r *rowReader) read(bad *badCell) {
	for _, i := range r.p.read {
		r.readCell(i, r.cell(i), bad)
	}
}

func (r *rowReader) readCell(i int, cell []byte, bad *badCell) {
	switch c := &r.p.columns[i]; c.op {
	case opID:
		if c.absent(cell) {
			r.cells[i] = span{}
		} else if why := checkID(cell, c.digits, c.max); why != "" {
			bad.set(i+1, cell, why)
		}
	case opAmount:
		r.valid[i] = r.amount(c, cell, i, bad)
	case opWord:
		if r.words[i] = c.word(cell); r.words[i] == noWord {
			bad.set(i+1, cell, "a word that the channel's documents do not have")
		}
	case opTime, opDate, opClock:
		r.valid[i] = r.time(c, cell, i, bad)
	case opMerchant:
		if len(r.t.merchant) > 0 && !bytes.Equal(cell, r.t.merchant) {
			bad.set(i+1, cell, "a row of another merchant")
			bad.hold = max(bad.hold, holdMerchant)
		}
	case opCurrency:
		if string(cell) != string(r.currency) {
			bad.set(i+1, cell, "a row in another currency")
			bad.hold = max(bad.hold, holdCurrency)
		}
	case opCount:
		if r.amounts[i], r.valid[i] = parseCount(cell); !r.valid[i] {
			bad.set(i+1, cell, "not a count")
		}
	}
}

func parseCount(cell []byte) (n int64, ok bool) {
	n, why := money.ParseDigits(cell, 0)
	return n, why == "" && n >= 0
}

// absent tells whether the cell of an id says that there is none.
func (c *column) absent(cell []byte) bool {
	for _, n := range c.none {
		if bytes.Equal(cell, n) {
			return true
		}
	}
	return false
}

func (r *rowReader) amount(c *column, cell []byte, i int, bad *badCell) bool {
	v, why := c.parseAmount(cell)
	r.amounts[i] = v
	if why != "" {
		bad.set(i+1, cell, findAmountDamage(cell, why))
		return false
	}
	if wrongSign(v, c.sign) {
		bad.set(i+1, cell, whySign)
	}
	return true
}

// parseAmount reads the amount of a cell; it is 0 if that cannot be read.
func (c *column) parseAmount(cell []byte) (v int64, why string) {
	switch {
	case len(cell) == 0 && c.optional:
		return 0, ""
	case c.cd:
		v, why = parseCD(cell, c.decimals)
	default:
		v, why = money.ParseDigits(cell, c.decimals)
	}
	if why != "" {
		return 0, why
	}
	if c.absolute && v < 0 && v != math.MinInt64 {
		v = -v
	}
	return v, ""
}

func wrongSign(v int64, sign int8) bool { return v < 0 && sign > 0 || v > 0 && sign < 0 }

const whySign = "the sign that this column never has"

func (c *column) word(cell []byte) uint8 {
	for k, w := range c.words {
		if string(w) == string(cell) {
			return uint8(k)
		}
	}
	if c.open {
		return otherWord
	}
	return noWord
}

func (r *rowReader) time(c *column, cell []byte, i int, bad *badCell) bool {
	if len(cell) == 0 && c.optional {
		return false
	}
	t, why := r.parseTime(c, cell, i)
	if why != "" {
		bad.set(i+1, cell, why)
		return false
	}
	r.times[i] = t
	return true
}

// parseTime reads a time, a date or a time of day.
func (r *rowReader) parseTime(c *column, cell []byte, i int) (t int64, why string) {
	if t, ok := r.sameDay(c, cell, i); ok {
		return t, ""
	}
	w, why := c.layout.parse(cell)
	if why == "" && c.op != opClock && w.year == 0 {
		w, why = w.nearestYear(r.t.date)
	}
	if why == "" {
		switch c.op {
		case opTime:
			t, why = r.zone.utc(w.date(), w.micros())
		case opDate:
			t = int64(w.date())
		case opClock:
			t = w.micros()
		}
	}
	if why == "" && c.dated > 0 {
		r.days[i].keep(cell[:c.dated], w.date())
	}
	return t, why
}

// sameDay reads a cell that has the date of the one before. It is false if it
// has not, or if anything is wrong.
func (r *rowReader) sameDay(c *column, cell []byte, i int) (t int64, ok bool) {
	before := &r.days[i]
	if c.dated == 0 || len(cell) != c.layout.length || string(cell[:c.dated]) != string(before.text) {
		return 0, false
	}
	if c.op == opDate {
		return int64(before.date), true
	}
	micros, ok := c.layout.clock(cell)
	if !ok {
		return 0, false
	}
	t, why := r.zone.utc(before.date, micros)
	return t, why == ""
}

// selected tells whether the row fits all conditions.
func (r *rowReader) selected(s *selection) bool {
	for _, c := range s.words {
		if c.set&(1<<r.words[c.col]) == 0 {
			return false
		}
	}
	for _, col := range s.nonzero {
		if r.amounts[col] == 0 {
			return false
		}
	}
	return true
}

// count adds the row to the totals, whether or not it becomes a record. It is
// false if the row's share is not wholly known.
func (r *rowReader) count(s *stats) bool {
	known := true
	s.movement = 0
	for _, i := range r.p.counts {
		s.counts[i]++
	}
	if r.cells == nil {
		known = len(r.p.totals) == 0
	} else {
		for _, t := range r.p.sums {
			known = r.add(s, t.total, t.col) && known
		}
		for _, i := range r.p.chosen {
			known = r.countChosen(s, i) && known
		}
	}
	if !known {
		s.unknown++
	}
	return known
}

// countChosen adds the row to a total that does not take every row, or several
// columns of it.
func (r *rowReader) countChosen(s *stats, i int) bool {
	t, known := &r.p.totals[i], true
	switch {
	case !r.selected(&t.when):
	case t.count:
		s.counts[i]++
	default:
		for _, col := range t.sum {
			known = r.add(s, i, col) && known
		}
	}
	return known
}

func (r *rowReader) add(s *stats, total, col int) (known bool) {
	if !r.valid[col] {
		return false
	}
	s.sums[total].Add(r.amounts[col])
	s.movement += int64(r.p.balanceSign[total]) * r.amounts[col]
	return true
}
