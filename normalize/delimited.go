package normalize

import (
	"bytes"
	"fmt"

	"tieout/schemas/channels"
)

// delimitedCutter cuts a line at a delimiter, after decoding: in GBK the second
// byte of a character can be a '|'.
type delimitedCutter struct {
	delimiter  []byte
	prefix     []byte
	trim       [256]bool
	trims      bool
	quoted     bool
	terminated bool
	gb         bool
	names      []string
	cells      [][]byte
	decoded    []byte
	unquoted   []byte
}

func newDelimitedCutter(f *channels.Format, names []string) *delimitedCutter {
	d := f.Delimited
	c := &delimitedCutter{delimiter: []byte(d.Delimiter), prefix: []byte(d.CellPrefix), trims: d.Trim != "",
		quoted: d.Quoting == "rfc4180", terminated: d.Terminated, gb: f.Encoding == "gb18030",
		names: names, cells: make([][]byte, len(names))}
	for i := range len(d.Trim) {
		c.trim[d.Trim[i]] = true
	}
	return c
}

func (c *delimitedCutter) cut(row []byte, bad *badCell) [][]byte {
	s := scanLine(row)
	if s.control {
		bad.set(0, nil, whyControl)
	}
	if !s.ascii {
		row = c.decode(row, bad)
	}
	if c.terminated {
		if !bytes.HasSuffix(row, c.delimiter) {
			bad.set(0, nil, "no delimiter at the end of the row")
			return nil
		}
		row = row[:len(row)-len(c.delimiter)]
	}
	if c.quoted && bytes.IndexByte(row, '"') >= 0 {
		if !c.splitQuoted(row, bad) {
			return nil
		}
	} else if !c.split(row) {
		c.miscounted(row, bad)
		return nil
	}
	if len(row) > maxCell {
		c.longCell(bad)
	}
	if len(c.prefix) > 0 {
		c.cutPrefix(bad)
	}
	if c.trims {
		c.trimCells()
	}
	if s.tab {
		c.findTab(bad)
	}
	return c.cells
}

// decode returns the row in UTF-8. Of a row with a bad byte everything else is
// kept, so that its amounts still count.
func (c *delimitedCutter) decode(row []byte, bad *badCell) []byte {
	if !c.gb {
		if at, why := badUTF8(row); at >= 0 {
			bad.set(0, row[at:min(len(row), at+80)], why)
			bad.at = at
		}
		return row
	}
	var at int
	c.decoded, at = AppendGB18030(c.decoded[:0], row)
	for from := 0; at >= 0; {
		from += at
		if bad.reason == "" {
			bad.set(0, row[from:min(len(row), from+80)], whyEncoding)
			bad.at = from
		}
		from++
		c.decoded, at = AppendGB18030(c.decoded, row[from:])
	}
	return c.decoded
}

// split is the hot loop. It is false if the row has another number of cells.
func (c *delimitedCutter) split(row []byte) bool {
	last := len(c.cells) - 1
	if len(c.delimiter) == 1 {
		d := c.delimiter[0]
		for i := range last {
			at := bytes.IndexByte(row, d)
			if at < 0 {
				return false
			}
			c.cells[i], row = row[:at], row[at+1:]
		}
		c.cells[last] = row
		return bytes.IndexByte(row, d) < 0
	}
	for i := range last {
		at := bytes.Index(row, c.delimiter)
		if at < 0 {
			return false
		}
		c.cells[i], row = row[:at], row[at+len(c.delimiter):]
	}
	c.cells[last] = row
	return bytes.Index(row, c.delimiter) < 0
}

func (c *delimitedCutter) miscounted(row []byte, bad *badCell) {
	n := bytes.Count(row, c.delimiter) + 1
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
	if cap(c.unquoted) < len(row) {
		c.unquoted = make([]byte, 0, len(row)) // never grows below: cells point into it
	}
	n := 0
	for more := true; more; n++ {
		var cell []byte
		var why string
		cell, row, more, why = c.nextQuoted(row)
		if why != "" {
			bad.set(0, nil, why)
			return false
		}
		if n < len(c.cells) {
			c.cells[n] = cell
		}
	}
	if n != len(c.cells) {
		bad.set(0, nil, fmt.Sprintf("%d cells where the header has %d", n, len(c.cells)))
		return false
	}
	return true
}

func (c *delimitedCutter) nextQuoted(row []byte) (cell, rest []byte, more bool, why string) {
	if len(row) == 0 || row[0] != '"' {
		cell, rest, more = bytes.Cut(row, c.delimiter)
		if bytes.IndexByte(cell, '"') >= 0 {
			return nil, nil, false, "a quote inside a cell that is not quoted"
		}
		return cell, rest, more, ""
	}
	start := len(c.unquoted)
	for row = row[1:]; ; {
		at := bytes.IndexByte(row, '"')
		if at < 0 {
			return nil, nil, false, whyOpenQuote
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
	cell = c.unquoted[start:]
	switch {
	case len(row) == 0:
		return cell, nil, false, ""
	case bytes.HasPrefix(row, c.delimiter):
		return cell, row[len(c.delimiter):], true, ""
	}
	return nil, nil, false, "text behind a closing quote"
}

func (c *delimitedCutter) longCell(bad *badCell) {
	for i, cell := range c.cells {
		if len(cell) > maxCell {
			bad.set(i+1, cell[:80], fmt.Sprintf("a cell of more than %d bytes", maxCell))
			bad.hold = max(bad.hold, holdIntact)
		}
	}
}

func (c *delimitedCutter) cutPrefix(bad *badCell) {
	for i, cell := range c.cells {
		if len(cell) < len(c.prefix) || string(cell[:len(c.prefix)]) != string(c.prefix) {
			bad.set(i+1, cell, "the mark that begins every cell is missing")
			continue
		}
		c.cells[i] = cell[len(c.prefix):]
	}
}

func (c *delimitedCutter) trimCells() {
	for i, cell := range c.cells {
		for len(cell) > 0 && c.trim[cell[0]] {
			cell = cell[1:]
		}
		for len(cell) > 0 && c.trim[cell[len(cell)-1]] {
			cell = cell[:len(cell)-1]
		}
		c.cells[i] = cell
	}
}

func (c *delimitedCutter) findTab(bad *badCell) {
	for i, cell := range c.cells {
		if bytes.IndexByte(cell, '\t') >= 0 {
			bad.set(i+1, cell, whyControl)
		}
	}
}
