package normalize

import (
	"math/bits"
	"slices"

	"tieout/internal/fault"
)

// groupRows is how many rows are read together: one bit of a word for each, and
// their cells stay in the nearest cache.
const groupRows = 64

// group holds rows of a block that wait to be read together, column by column:
// a loop that knows what it reads guesses no branch, where a row asks each of
// its cells what it is. What a loop does not take for granted makes the row
// odd: it goes alone through rowReader.row, which knows every reason, and comes
// out at its place in the file. Cells, numbers, valid and words are indexed by
// column.
type group struct {
	n     int
	rows  [groupRows]waiting
	text  []byte // that the cells are parts of, with room behind it
	cells [][groupRows]span
	kept  []byte // texts of rows that were cut one by one

	odd     uint64 // one bit a row
	rules   [groupRows]*rule
	runs    []ruleRun          // of the rows that become records together
	numbers [][groupRows]int64 // amounts and times
	valid   []uint64           // times, one bit a row
	words   [][groupRows]uint8
	events  [groupRows]int64
	moved   [groupRows]int64 // what each row adds to a running balance
}

// waiting is one row of a group.
type waiting struct {
	raw          []byte
	line, offset int64
	why          string // what is already known to be wrong
}

func newGroup(p *plan) group {
	n := len(p.columns)
	return group{cells: make([][groupRows]span, n), numbers: make([][groupRows]int64, n), valid: make([]uint64, n), words: make([][groupRows]uint8, n)}
}

// all has the bit of each row.
func (g *group) all() uint64 { return 1<<uint(g.n) - 1 }

func (g *group) cell(col, i int) []byte { return g.cells[col][i].of(g.text) }

// take takes the next row of a block; why is what is already known to be wrong
// with it. Its memory must stay as it is until flush.
func (r *rowReader) take(raw []byte, line, offset int64, b *block, why string) error {
	g, i := &r.group, r.group.n
	g.n++
	g.rows[i] = waiting{raw: raw, line: line, offset: offset, why: why}
	bad := &r.bad
	*bad = badCell{reason: why}
	text, cells := r.cut.cut(raw, bad)
	if bad.reason != "" {
		g.odd |= 1 << uint(i)
		text, cells = nil, nil
	}
	at := int32(len(g.kept))
	g.kept = append(g.kept, text...)
	for _, col := range r.p.used {
		g.cells[col][i] = span{}
		if cells != nil {
			g.cells[col][i] = span{at + cells[col].from, at + cells[col].to}
		}
	}
	if g.n == groupRows {
		return r.flush(b)
	}
	return nil
}

// flush reads the rows that wait. Neighbours that are in order go into the block
// together.
func (r *rowReader) flush(b *block) error {
	g := &r.group
	if g.text == nil { // not yet cut by an index
		g.kept = slices.Grow(g.kept, room)
		g.text = g.kept
	}
	r.readGroup()
	r.ruleGroup()
	r.countGroup(&b.stats)
	for i := 0; i < g.n; {
		if g.rules[i] == nil {
			if err := r.alone(&g.rows[i], b); err != nil {
				return err
			}
			i++
			continue
		}
		end := i + 1
		for end < g.n && g.rules[end] != nil {
			end++
		}
		r.recordGroup(i, end, b)
		r.balanceGroup(i, end, &b.stats)
		i = end
	}
	g.reset()
	return nil
}

func (g *group) reset() { g.n, g.odd, g.text, g.kept = 0, 0, nil, g.kept[:0] }

// alone reads one row by itself.
func (r *rowReader) alone(w *waiting, b *block) error {
	r.row(w.raw, w.line, w.offset, b, w.why)
	if len(b.rejects) > maxBlockRejects {
		return fault.New("E-2437", fault.V{"file": b.body.file.Name, "offset": w.offset}, nil)
	}
	return nil
}

// readGroup turns the cells into numbers, times and words.
func (r *rowReader) readGroup() {
	for _, col := range r.p.read {
		switch c := &r.p.columns[col]; c.op {
		case opID:
			r.group.readIDs(c, col)
		case opAmount:
			r.group.readAmounts(c, col)
		case opCount:
			r.group.readCounts(c, col)
		case opWord:
			r.group.readWords(c, col)
		case opTime, opDate, opClock:
			r.readTimes(c, col)
		case opMerchant:
			if len(r.t.merchant) > 0 {
				r.group.compare(r.t.merchant, col)
			}
		case opCurrency:
			r.group.compare(r.currency, col)
		}
	}
}

// ruleGroup gives each row its rule. A row without one is odd, and so is one
// with which the rule finds fault.
func (r *rowReader) ruleGroup() {
	g := &r.group
	left := g.all() &^ g.odd
	clear(g.rules[:g.n])
	for i := range r.p.rules {
		rule := &r.p.rules[i]
		taken := g.selected(&rule.when, left)
		left &^= taken
		taken &^= r.checkGroup(rule, taken)
		for rest := taken; rest != 0; rest &= rest - 1 {
			g.rules[bits.TrailingZeros64(rest)] = rule
		}
		if left == 0 {
			break
		}
	}
	g.odd = g.all()
	for i, rule := range g.rules[:g.n] {
		if rule != nil {
			g.odd &^= 1 << uint(i)
		}
	}
}
