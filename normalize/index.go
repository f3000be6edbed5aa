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
	crlf    int32            // 1 if lines end CR LF
	starts  [groupRows]int32 // of the rows, in the group's text
	firsts  [groupRows]int32 // which of the finder's places is the first of the row
	lasts   [groupRows]int32 // and which the last, its line feed
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
	if crlf {
		x.crlf = 1
	}
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
	x.lineFeeds(g)
	x.rows(g)
	x.blame(g)
	for _, col := range x.used {
		x.column(g, col)
	}
}

// lineFeeds finds which of the places end a line.
func (x *index) lineFeeds(g *group) {
	marks := x.marks()
	regular := x.noted == g.n*marks
	for i := 0; i < g.n && regular; i++ {
		last := i*marks + marks - 1
		x.lasts[i] = int32(last)
		regular = g.text[x.places[last]+x.feeds] == '\n'
	}
	if regular { // with as many line feeds as lines, no other place is one
		return
	}
	i := 0
	for place, at := range x.places[:x.noted] {
		if g.text[at+x.feeds] == '\n' {
			x.lasts[i&63] = int32(place)
			i++
		}
	}
}

// marks is how many places a row in order has: the delimiters and the end.
func (x *index) marks() int {
	if x.closed {
		return x.columns + 1
	}
	return x.columns
}

// rows looks for the rows in order.
func (x *index) rows(g *group) {
	marks, first, start := int32(x.marks()), int32(0), int32(0)
	g.odd = 0
	for i, last := range x.lasts[:g.n] {
		feed := x.places[last] + x.feeds
		end := feed - x.crlf
		x.places[last] = end
		x.starts[i], x.firsts[i] = start, first
		if last+1-first != marks || g.rows[i].why != "" || !bytes.HasPrefix(g.text[start:feed], x.prefix) ||
			x.crlf > 0 && (end < start || g.text[end] != '\r') || // of the last line, which may do without
			x.feeds > 0 && !x.preceded(g.text, x.places[first:last], start) ||
			x.closed && x.places[last-1]+x.width != end {
			g.odd |= 1 << uint(i)
			x.firsts[i] = 0 // its cells are not looked at
		}
		first, start = last+1, feed+1
	}
}

// blame makes the rows odd that hold a byte that a row in order does not have,
// or what the encoding does not have.
func (x *index) blame(g *group) {
	strange := x.strange && !x.gb // else it has been decoded
	if !x.odd && !strange {
		return
	}
	for i, start := range x.starts[:g.n] {
		row := g.text[start:max(start, x.places[x.lasts[i]])]
		bad := -1
		if strange {
			bad, _ = badUTF8(row)
		}
		if bad >= 0 || x.oddIn(row) || bytes.IndexByte(row, 0x7F) >= 0 {
			g.odd |= 1 << uint(i)
		}
	}
}

// oddIn looks for an odd byte in a row, which has its line end behind it.
func (x *index) oddIn(row []byte) bool {
	behind := row[:len(row)+1]
	for i, c := range row {
		if x.meaning[uint(c)|uint(behind[i+1])<<8] == isOdd {
			return true
		}
	}
	return false
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
	ends := x.places[col:]
	if col == 0 {
		for i, first := range x.firsts[:len(cells)] {
			cells[i] = span{x.starts[i] + int32(len(x.prefix)), ends[first]}
		}
	} else {
		before, width := x.places[col-1:], x.width
		for i, first := range x.firsts[:len(cells)] {
			cells[i] = span{before[first] + width, ends[first]}
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
