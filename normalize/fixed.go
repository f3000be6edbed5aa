package normalize

import (
	"bytes"
	"fmt"

	"tieout/schemas"
	"tieout/schemas/channels"
)

// fixedCutter cuts a row at byte offsets, before decoding: in GBK a width in
// bytes is no width in characters.
type fixedCutter struct {
	length     int
	separator  []byte
	separators []literal // their bytes, at the places of a row
	fields     []fixedField
	looked     []int // the fields whose content is looked at; the cells of the others stay empty
	gb         bool
	cells      []span
	decoded    []byte
}

// fixedField is one field of a row, compiled.
type fixedField struct {
	start, end int
	number     bool // padded with zeros, not with blanks
	unsigned   bool // nothing but digits
	right      bool // padded with blanks in front
}

func newFixedCutter(p *plan) *fixedCutter {
	f := p.format.Fixed
	c := &fixedCutter{length: f.Length, separator: []byte(f.Separator), gb: p.format.Encoding == "gb18030",
		cells: make([]span, len(f.Fields)), decoded: make([]byte, 0, 3*f.Length+4*len(f.Fields))}
	at := 0
	for i, field := range f.Fields {
		col := &p.columns[i]
		c.fields = append(c.fields, fixedField{
			start: at, end: at + field.Width,
			number:   col.op == opAmount || col.op == opCount,
			unsigned: col.op == opCount || col.op == opAmount && !col.cd && col.sign > 0 && col.decimals == 0,
			right:    field.Align == channels.AlignRight,
		})
		if col.op != opSkip {
			c.looked = append(c.looked, i)
		}
		at += field.Width
		for k := range len(f.Separator) {
			if i < len(f.Fields)-1 {
				c.separators = append(c.separators, literal{at + k, f.Separator[k]})
			}
		}
		at += len(f.Separator)
	}
	return c
}

func (c *fixedCutter) cut(row []byte, bad *badCell) ([]byte, []span) {
	if len(row) != c.length {
		bad.set(0, nil, fmt.Sprintf("%d bytes where a row has %d", len(row), c.length))
		bad.hold = max(bad.hold, holdCut)
		return nil, nil
	}
	s := scanLine(row)
	if s.control || s.tabs > 0 {
		bad.set(0, nil, whyControl)
	}
	text := row
	if c.gb && !s.ascii() {
		c.decoded = append(c.decoded[:0], row...) // decoded fields come behind it
	}
	for _, i := range c.looked {
		c.cells[i] = c.field(i, row, s, bad)
	}
	if c.gb && !s.ascii() {
		text = c.decoded
	}
	if !c.separated(row, bad) {
		return nil, nil
	}
	return text, c.cells
}

// field returns where the content of a field is, without its padding, in UTF-8.
// A number is padded with zeros, so a blank in it is damage and stays in it.
func (c *fixedCutter) field(i int, row []byte, s scanned, bad *badCell) span {
	f := &c.fields[i]
	start, cell := f.start, row[f.start:f.end]
	switch {
	case f.right:
		cell = bytes.TrimLeft(cell, " ")
		start = f.end - len(cell)
	case !f.number:
		cell = cutBlanks(cell)
	case cell[len(cell)-1] == ' ' && len(cutBlanks(cell)) == 0:
		cell = nil // no value, which only an optional column may have
	}
	if f.unsigned && digitsEnd(cell, 0) != len(cell) {
		bad.set(i+1, cell, "a character that is not a digit")
	}
	if f.end > s.first && f.start < s.last {
		return c.decode(i, start, cell, bad)
	}
	return span{int32(start), int32(start + len(cell))}
}

// cutBlanks cuts the blanks behind a cell, of which most are.
func cutBlanks(cell []byte) []byte {
	n := len(cell)
	for n >= 8 && word(cell[n-8:]) == ' '*ones {
		n -= 8
	}
	for n > 0 && cell[n-1] == ' ' {
		n--
	}
	return cell[:n]
}

func (c *fixedCutter) decode(i, start int, cell []byte, bad *badCell) span {
	if !c.gb {
		if at, why := badUTF8(cell); at >= 0 {
			bad.set(i+1, cell, why)
		}
		return span{int32(start), int32(start + len(cell))}
	}
	start = len(c.decoded)
	var at int
	c.decoded, at = AppendGB18030(c.decoded, cell)
	switch {
	case at < 0:
	case at == len(cell)-1 && cell[at] > 0x80 && cell[at] < 0xFF:
		bad.set(i+1, cell, "a character that the end of the field cuts in two")
	default:
		bad.set(i+1, cell, whyEncoding)
	}
	return span{int32(start), int32(len(c.decoded))}
}

// separated checks that the bytes between the fields are what they have to be;
// else the fields have moved and no cell is what it seems.
func (c *fixedCutter) separated(row []byte, bad *badCell) bool {
	wrong := byte(0)
	for _, lit := range c.separators {
		wrong |= row[lit.at] ^ lit.chr
	}
	if wrong == 0 {
		return true
	}
	for i := range c.fields[1:] {
		at := c.fields[i].end
		if !bytes.Equal(row[at:at+len(c.separator)], c.separator) {
			bad.set(i+1, row[c.fields[i].start:at+len(c.separator)], "no separator behind the field")
			return false
		}
	}
	return true
}

// proveLength proves that a file is a whole number of rows: what stands between
// its head and its tail has no other mark by which a cut would show.
func (o *opened) proveLength(rows int64, at *position) schemas.Proof {
	end := o.file.Size
	if at.tailAt >= 0 {
		end = at.tailAt
	}
	lineEnd := int64(1)
	if o.crlf {
		lineEnd = 2
	}
	got, want := end-o.start, rows*(int64(o.format.Fixed.Length)+lineEnd)
	if got == want-lineEnd && at.tailAt < 0 && rows > 0 {
		got = want // only the end of the last line is missing, which a file may leave out
	}
	return schemas.Proof{Name: proofLength, OK: got == want, Got: fmt.Sprintf("%d bytes", end-o.start),
		Want: fmt.Sprintf("%d bytes: %d rows of %d and their line ends", want, rows, o.format.Fixed.Length), Note: lastRow(at)}
}
