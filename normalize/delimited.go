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
	ends       []int // of the cells but the last
	decoded    []byte
	unquoted   []byte
}

func newDelimitedCutter(f *channels.Format, names []string) *delimitedCutter {
	d := f.Delimited
	c := &delimitedCutter{delimiter: []byte(d.Delimiter), prefix: []byte(d.CellPrefix), trims: d.Trim != "",
		quoted: d.Quoting == "rfc4180", terminated: d.Terminated, gb: f.Encoding == "gb18030",
		names: names, cells: make([][]byte, len(names)), ends: make([]int, len(names)-1)}
	for i := range len(d.Trim) {
		c.trim[d.Trim[i]] = true
	}
	return c
}

func (c *delimitedCutter) cut(row []byte, bad *badCell) [][]byte {
	s, n := c.scan(row)
	if s.control {
		bad.set(0, nil, whyControl)
	}
	if !s.ascii {
		if decoded := c.decode(row, bad); c.gb {
			row = decoded
			_, n = c.scan(row)
		}
	}
	if c.terminated {
		if !bytes.HasSuffix(row, c.delimiter) {
			bad.set(0, nil, "no delimiter at the end of the row")
			return nil
		}
		row, n = row[:len(row)-len(c.delimiter)], n-1
	}
	switch {
	case c.quoted && bytes.IndexByte(row, '"') >= 0:
		if !c.splitQuoted(row, bad) {
			return nil
		}
		c.cutPrefix(bad)
	case n != len(c.ends):
		c.miscounted(row, n+1, bad)
		return nil
	default:
		c.split(row, bad)
	}
	if len(row) > maxCell {
		c.longCell(bad)
	}
	if c.trims {
		c.trimCells()
	}
	if s.tab {
		c.findTab(bad)
	}
	return c.cells
}

// scan looks at a row once: what kind of bytes it has, and where its delimiters
// stand. n counts them all, ends holds as many as a good row has.
func (c *delimitedCutter) scan(row []byte) (s scanned, n int) {
	if len(c.delimiter) == 1 {
		return scanFor(row, c.delimiter[0], c.ends)
	}
	s = scanLine(row)
	for at := 0; ; {
		i := bytes.Index(row[at:], c.delimiter)
		if i < 0 {
			return s, n
		}
		at += i
		if n < len(c.ends) {
			c.ends[n] = at
		}
		at += len(c.delimiter)
		n++
	}
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

// split cuts a row with the right number of delimiters, and the mark off its
// cells.
func (c *delimitedCutter) split(row []byte, bad *badCell) {
	from, width := 0, len(c.delimiter)
	cells := c.cells[:len(c.ends)+1]
	if len(c.prefix) != 1 {
		for i, end := range c.ends {
			cells[i] = row[from:end]
			from = end + width
		}
		cells[len(c.ends)] = row[from:]
		if len(c.prefix) > 1 {
			c.cutPrefix(bad)
		}
		return
	}
	mark := c.prefix[0]
	for i := range cells {
		end := len(row)
		if i < len(c.ends) {
			end = c.ends[i]
		}
		if from < end && row[from] == mark {
			from++
		} else {
			bad.set(i+1, row[from:end], whyMark)
		}
		cells[i] = row[from:end]
		from = end + width
	}
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
			bad.set(i+1, cell, whyMark)
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
