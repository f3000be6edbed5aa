package normalize

import (
	"bytes"
	"math/bits"
)

// index cuts the rows of a group at once: its finder goes over all their bytes,
// and a row with as many delimiters as it must have needs no other look than at
// the cells that somebody reads. It knows no reasons: any other row is odd, and
// the delimitedCutter tells why.
type index struct {
	finder
	width   int32  // of what stands between two cells
	first   byte   // of that, if the finder looks for the second
	prefix  []byte // of the first cell
	closed  bool   // a delimiter stands behind the last cell too
	trims   bool
	trim    [256]bool
	gb      bool
	used    []int // columns
	columns int
	decoded []byte
	starts  [groupRows]int32 // of the rows, in the group's text
	firsts  [groupRows]int32 // which of the finder's places is the first of the row
}

// newIndex returns nil for a format that it does not know how to cut: what
// stands between two cells must have one or two bytes, not the same twice.
func newIndex(p *plan, crlf bool) *index {
	d := p.format.Delimited
	if d == nil {
		return nil
	}
	between := []byte(d.Delimiter + d.CellPrefix)
	if len(between) > 2 || len(between) == 2 && between[0] == between[1] || d.Terminated && d.CellPrefix != "" {
		return nil
	}
	x := &index{width: int32(len(between)), prefix: []byte(d.CellPrefix), closed: d.Terminated, trims: d.Trim != "",
		gb: p.format.Encoding == "gb18030", used: p.used, columns: len(p.names)}
	for i := range len(d.Trim) {
		x.trim[d.Trim[i]] = true
	}
	x.finder = newFinder(between, d.Quoting == "rfc4180", x.trim['\t'], crlf)
	x.first = between[0]
	x.places = make([]int32, x.columns+1)
	return x
}

// cut cuts the rows of a group, which stand in raw one after the other, each
// with its line end. There is room behind raw.
func (x *index) cut(raw []byte, g *group) {
	text := raw
	if x.gb && asciiPrefix(raw) < len(raw) {
		var damaged int
		x.decoded, damaged = AppendGB18030(x.decoded[:0], raw)
		if damaged >= 0 { // the rows go one by one
			g.odd = g.all()
			for _, col := range x.used {
				clear(g.cells[col][:g.n])
			}
			return
		}
		x.decoded = append(x.decoded, filler[:]...)
		text = x.decoded[:len(x.decoded)-room]
	}
	g.text = text
	x.find(text)
	g.odd = x.odd
	x.blame(g)
	x.rows(g)
	for _, col := range x.used {
		x.column(g, col)
	}
}

// blame makes the rows odd that hold what the encoding does not have, or a DEL,
// which the finder takes for text.
func (x *index) blame(g *group) {
	if !x.gb { // else it has been decoded
		for _, s := range x.above {
			if bad, _ := badUTF8(s.of(g.text)); bad >= 0 {
				x.blameRows(s, g)
			}
		}
	}
	if bytes.IndexByte(g.text, 0x7F) < 0 {
		return
	}
	start := int32(0)
	for i, line := range x.lines[:g.n] {
		if bytes.IndexByte(g.text[start:line.at], 0x7F) >= 0 {
			g.odd |= 1 << uint(i)
		}
		start = line.at
	}
}

// blameRows makes the rows odd that share a byte with a part of the text.
func (x *index) blameRows(s span, g *group) {
	start := int32(0)
	for i, line := range x.lines[:g.n] {
		if start < s.to && s.from < line.at {
			g.odd |= 1 << uint(i)
		}
		start = line.at
	}
}

// rows looks for the rows in order.
func (x *index) rows(g *group) {
	marks := int32(x.columns) // places of a row: the delimiters and the end
	if x.closed {
		marks++
	}
	place, start := int32(0), int32(0)
	for i, line := range x.lines[:g.n] {
		x.starts[i], x.firsts[i] = start, place
		row := g.text[start:line.at]
		if line.places-place != marks || g.rows[i].why != "" || !bytes.HasPrefix(row, x.prefix) ||
			x.crlf > 0 && !bytes.HasSuffix(row, []byte{'\r'}) || // of the last line, which may do without
			x.back > 0 && !x.preceded(g.text, x.places[place:line.places-1], start) ||
			x.closed && x.places[line.places-2]+x.width != x.places[line.places-1] {
			g.odd |= 1 << uint(i)
			x.firsts[i] = 0 // its cells are not looked at
		}
		place, start = line.places, line.at+1
	}
}

// preceded tells whether the first byte of what stands between two cells is at
// all these places of a row.
func (x *index) preceded(text []byte, places []int32, start int32) bool {
	odd := byte(0)
	for _, at := range places {
		if at < start {
			return false
		}
		odd |= text[at] ^ x.first
	}
	return odd == 0
}

// column finds the cells of a column.
func (x *index) column(g *group, col int) {
	cells := g.cells[col][:g.n]
	if col == 0 {
		for i := range cells {
			cells[i] = span{x.starts[i] + int32(len(x.prefix)), x.places[x.firsts[i]]}
		}
	} else {
		firsts, places, width := x.firsts[:len(cells)], x.places[col-1:], x.width
		for i := range cells {
			two := places[firsts[i]:][:2]
			cells[i] = span{two[0] + width, two[1]}
		}
	}
	for odd := g.odd; odd != 0; odd &= odd - 1 {
		cells[bits.TrailingZeros64(odd)] = span{}
	}
	if x.trims {
		x.trimCells(g.text, cells)
	}
}

func (x *index) trimCells(text []byte, cells []span) {
	for i, s := range cells {
		for s.from < s.to && x.trim[text[s.from]] {
			s.from++
		}
		for s.from < s.to && x.trim[text[s.to-1]] {
			s.to--
		}
		cells[i] = s
	}
}
