package normalize

import (
	"bytes"

	"tieout/internal/money"
)

// The loops over the cells of one column. Each leaves a row that it does not
// understand, or that is wrong, to the row's own path.

// readIDs looks at an id only if it is not the one before, as long as none was
// another: a column with one id has it in all rows.
func (g *group) readIDs(c *column, col int) {
	cells, before, repeats := g.cells[col][:g.n], []byte(nil), true
	for i, s := range cells {
		cell := s.of(g.text)
		if len(cell) <= c.longestNone && c.absent(cell) {
			cells[i] = span{}
			continue
		}
		if repeats = repeats && (before == nil || string(cell) == string(before)); repeats && before != nil {
			continue
		}
		if before = cell; c.digits && len(cell) <= c.max && onlyDigits(cell) {
			continue
		}
		if checkID(cell, c.digits, c.max) != "" {
			g.odd |= 1 << uint(i)
			repeats = false
		}
	}
}

// readAmounts reads a short amount only if the row before has another one:
// zeros stand one below the other. Rows that are not odd have no NUL, so a word
// tells the length as well.
func (g *group) readAmounts(c *column, col int) {
	const none = ^uint64(0)
	out, text, before, v := &g.numbers[col], g.text[:len(g.text)+room], none, int64(0)
	for i, s := range g.cells[col][:g.n] {
		n := s.to - s.from
		w := none
		if n <= 8 {
			w = word(text[s.from:]) << (64 - 8*uint(n))
			if w == before {
				out[i] = v
				continue
			}
		}
		before = w
		ok, why := false, ""
		if n <= 8 && !c.cd {
			if v, ok = money.ParseShort(w, int(n), c.decimals); ok && c.absolute {
				v = max(v, -v)
			}
		}
		if !ok {
			v, why = c.parseAmount(s.of(text))
		}
		if why != "" || wrongSign(v, c.sign) {
			g.odd |= 1 << uint(i)
			before = none
		}
		out[i] = v
	}
}

func (g *group) readCounts(c *column, col int) {
	for i := range g.rows[:g.n] {
		v, ok := parseCount(g.cell(col, i))
		g.numbers[col][i] = v
		if !ok {
			g.odd |= 1 << uint(i)
		}
	}
}

// readWords looks a word up only if it is not that of the row before, and none
// where any will do.
func (g *group) readWords(c *column, col int) {
	if len(c.words) == 0 && c.open {
		g.words[col] = otherWords
		return
	}
	out, before, w := &g.words[col], []byte(nil), c.word(nil)
	for i := range g.rows[:g.n] {
		if cell := g.cell(col, i); string(cell) != string(before) {
			w, before = c.word(cell), cell
		}
		if out[i] = w; w == noWord {
			g.odd |= 1 << uint(i)
		}
	}
}

var otherWords = func() (words [groupRows]uint8) {
	for i := range words {
		words[i] = otherWord
	}
	return words
}()

func (r *rowReader) readTimes(c *column, col int) {
	g, valid := &r.group, uint64(0)
	for i := range g.rows[:g.n] {
		cell := g.cell(col, i)
		if len(cell) == 0 && c.optional {
			continue
		}
		t, why := r.parseTime(c, cell, col)
		if why != "" {
			g.odd |= 1 << uint(i)
		}
		g.numbers[col][i] = t
		valid |= 1 << uint(i)
	}
	g.valid[col] = valid
}

// compare finds the rows that do not have the value that all must have.
func (g *group) compare(value []byte, col int) {
	for i := range g.rows[:g.n] {
		if !bytes.Equal(g.cell(col, i), value) {
			g.odd |= 1 << uint(i)
		}
	}
}

// empty has the bits of the rows without a value in the column.
func (g *group) empty(col int) (rows uint64) {
	for i := range g.rows[:g.n] {
		if s := g.cells[col][i]; s.from == s.to {
			rows |= 1 << uint(i)
		}
	}
	return rows
}

// nonzero has the bits of the rows whose amount in the column is not zero.
func (g *group) nonzero(col int) (rows uint64) {
	for i, v := range g.numbers[col][:g.n] {
		if v != 0 {
			rows |= 1 << uint(i)
		}
	}
	return rows
}

// selected returns those of the rows that fit all conditions.
func (g *group) selected(s *selection, rows uint64) uint64 {
	for _, c := range s.words {
		if rows == 0 {
			return 0
		}
		fit := uint64(0)
		for i, w := range g.words[c.col][:g.n] {
			fit |= c.set >> (w & 63) & 1 << uint(i)
		}
		rows &= fit
	}
	for _, col := range s.nonzero {
		rows &= g.nonzero(col)
	}
	return rows
}
