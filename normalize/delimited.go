package normalize

import (
	"bytes"
	"fmt"

	"tieout/schemas/channels"
)

// delimitedCutter cuts a line at a delimiter, after decoding: in GBK the second
// byte of a character can be a '|'. It knows what can be wrong with a row; of
// those in order an index cuts most.
type delimitedCutter struct {
	delimiter  []byte
	prefix     []byte
	trim       [256]bool
	trims      bool
	quoted     bool
	terminated bool
	gb         bool
	names      []string
	cells      []span
	decoded    []byte
	unquoted   []byte
}

func newDelimitedCutter(f *channels.Format, names []string) *delimitedCutter {
	d := f.Delimited
	c := &delimitedCutter{delimiter: []byte(d.Delimiter), prefix: []byte(d.CellPrefix), trims: d.Trim != "",
		quoted: d.Quoting == "rfc4180", terminated: d.Terminated, gb: f.Encoding == "gb18030",
		names: names, cells: make([]span, len(names))}
	for i := range len(d.Trim) {
		c.trim[d.Trim[i]] = true
	}
	return c
}

func (c *delimitedCutter) cut(row []byte, bad *badCell) ([]byte, []span) {
	text, damaged := row, -1
	if c.gb {
		text, damaged = c.decode(row)
	}
	s, n := scanLine(text), bytes.Count(text, c.delimiter)
	if s.control {
		bad.set(0, nil, whyControl)
	}
	c.checkEncoding(row, s, damaged, bad)
	row = text
	if c.terminated {
		if !bytes.HasSuffix(row, c.delimiter) {
			bad.set(0, nil, "no delimiter at the end of the row")
			return nil, nil
		}
		row, n = row[:len(row)-len(c.delimiter)], n-1
	}
	long := len(row) > maxCell
	switch {
	case c.quoted && bytes.IndexByte(row, '"') >= 0:
		if !c.splitQuoted(row, bad) {
			return nil, nil
		}
		row = c.unquoted
		c.cutPrefix(row, bad)
	case n != len(c.cells)-1:
		c.miscounted(row, n+1, bad)
		return nil, nil
	default:
		c.split(row, bad)
	}
	if long {
		c.longCell(row, bad)
	}
	trimmed := 0
	if c.trims {
		trimmed = c.trimCells(row)
	}
	if s.tabs > trimmed {
		c.findTab(row, bad)
	}
	return row, c.cells
}

// decode returns a GB18030 row in UTF-8, and the place of the first byte that
// begins no character, or -1. Of a row with such a byte everything else is kept,
// so that its amounts still count.
func (c *delimitedCutter) decode(row []byte) (text []byte, damaged int) {
	from := asciiPrefix(row)
	if from == len(row) {
		return row, -1
	}
	c.decoded = append(c.decoded[:0], row[:from]...)
	damaged = -1
	for at := 0; ; from++ {
		if c.decoded, at = AppendGB18030(c.decoded, row[from:]); at < 0 {
			return c.decoded, damaged
		}
		from += at
		if damaged < 0 {
			damaged = from
		}
	}
}

// checkEncoding says what is wrong with the characters of a row. damaged is
// what decode has found.
func (c *delimitedCutter) checkEncoding(row []byte, s scanned, damaged int, bad *badCell) {
	why := whyEncoding
	if !c.gb && !s.ascii() {
		if damaged, why = badUTF8(row[s.first:s.last]); damaged >= 0 {
			damaged += s.first
		}
	}
	if damaged >= 0 && bad.reason == "" {
		bad.set(0, row[damaged:min(len(row), damaged+80)], why)
		bad.at = damaged
	}
}

// split cuts a row with the right number of delimiters, and the mark off its
// cells.
func (c *delimitedCutter) split(row []byte, bad *badCell) {
	from := 0
	for i := range c.cells {
		to := len(row)
		if n := bytes.Index(row[from:], c.delimiter); n >= 0 {
			to = from + n
		}
		c.cells[i] = span{int32(from), int32(to)}
		from = to + len(c.delimiter)
	}
	c.cutPrefix(row, bad)
}

const whyMark = "the mark that begins every cell is missing"

func (c *delimitedCutter) miscounted(row []byte, n int, bad *badCell) {
	switch {
	case len(row) == 0:
		bad.set(0, nil, "an empty line")
	case n > maxCells:
		bad.set(0, nil, fmt.Sprintf("more than %d cells", maxCells))
		bad.hold = max(bad.hold, holdIntact)
	default:
		bad.set(0, nil, fmt.Sprintf("%d cells where the header has %d", n, len(c.cells)))
	}
}

// splitQuoted splits by RFC 4180, strictly: a quote opens only at the start of
// a cell, closes before a delimiter or the end of the row, and is doubled in
// between. A quoted cell cannot hold a line break, so that one open quote never
// swallows the rows behind it.
func (c *delimitedCutter) splitQuoted(row []byte, bad *badCell) bool {
	c.unquoted = c.unquoted[:0]
	n := 0
	for more := true; more; n++ {
		start := len(c.unquoted)
		var why string
		row, more, why = c.nextQuoted(row)
		if why != "" {
			bad.set(0, nil, why)
			return false
		}
		if n < len(c.cells) {
			c.cells[n] = span{int32(start), int32(len(c.unquoted))}
		}
	}
	if n != len(c.cells) {
		bad.set(0, nil, fmt.Sprintf("%d cells where the header has %d", n, len(c.cells)))
		return false
	}
	return true
}

// nextQuoted appends the first cell of row to unquoted.
func (c *delimitedCutter) nextQuoted(row []byte) (rest []byte, more bool, why string) {
	if len(row) == 0 || row[0] != '"' {
		cell, rest, more := bytes.Cut(row, c.delimiter)
		if bytes.IndexByte(cell, '"') >= 0 {
			return nil, false, "a quote inside a cell that is not quoted"
		}
		c.unquoted = append(c.unquoted, cell...)
		return rest, more, ""
	}
	for row = row[1:]; ; {
		at := bytes.IndexByte(row, '"')
		if at < 0 {
			return nil, false, whyOpenQuote
		}
		c.unquoted = append(c.unquoted, row[:at]...)
		row = row[at+1:]
		if len(row) > 0 && row[0] == '"' {
			c.unquoted = append(c.unquoted, '"')
			row = row[1:]
			continue
		}
		break
	}
	switch {
	case len(row) == 0:
		return nil, false, ""
	case bytes.HasPrefix(row, c.delimiter):
		return row[len(c.delimiter):], true, ""
	}
	return nil, false, "text behind a closing quote"
}

func (c *delimitedCutter) longCell(row []byte, bad *badCell) {
	for i, s := range c.cells {
		if cell := s.of(row); len(cell) > maxCell {
			bad.set(i+1, cell[:80], fmt.Sprintf("a cell of more than %d bytes", maxCell))
			bad.hold = max(bad.hold, holdIntact)
		}
	}
}

func (c *delimitedCutter) cutPrefix(row []byte, bad *badCell) {
	for i, s := range c.cells {
		cell := s.of(row)
		if !bytes.HasPrefix(cell, c.prefix) {
			bad.set(i+1, cell, whyMark)
			continue
		}
		c.cells[i].from += int32(len(c.prefix))
	}
}

// trimCells returns how many TABs it cut off.
func (c *delimitedCutter) trimCells(row []byte) (tabs int) {
	for i, s := range c.cells {
		start, end := s.from, s.to
		for start < end && c.trim[row[start]] {
			start++
		}
		for start < end && c.trim[row[end-1]] {
			end--
		}
		if start > s.from || end < s.to {
			c.cells[i] = span{start, end}
			tabs += countTabs(row[s.from:start]) + countTabs(row[end:s.to])
		}
	}
	return tabs
}

func countTabs(b []byte) (n int) {
	for _, c := range b {
		if c == '\t' {
			n++
		}
	}
	return n
}

func (c *delimitedCutter) findTab(row []byte, bad *badCell) {
	for i, s := range c.cells {
		if cell := s.of(row); bytes.IndexByte(cell, '\t') >= 0 {
			bad.set(i+1, cell, whyControl)
		}
	}
}
