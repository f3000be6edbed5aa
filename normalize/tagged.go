package normalize

import (
	"bytes"
	"fmt"
)

// taggedCutter reads a row of several lines, each a tag and its value, such as
//
//	TXN=20261120000001
//	AMT=12.30
//
// or ":61:…" of SWIFT-like texts, whose tag is ":61" and whose separator ":".
// A tag comes at most once a row; one that does not come is an empty cell;
// empty lines may stand behind the row, to part it from the next.
type taggedCutter struct {
	start     []byte // what the first line of a row begins with
	separator []byte
	tags      [][]byte
	gb        bool
	cells     []span
	seen      []bool
	decoded   []byte
}

func newTaggedCutter(p *plan) *taggedCutter {
	f := p.format.Tagged
	c := &taggedCutter{start: []byte(f.Start + f.Separator), separator: []byte(f.Separator),
		gb: p.format.Encoding == "gb18030", cells: make([]span, len(f.Tags)), seen: make([]bool, len(f.Tags))}
	for _, tag := range f.Tags {
		c.tags = append(c.tags, []byte(tag))
	}
	return c
}

func (c *taggedCutter) cut(row []byte, bad *badCell) ([]byte, []span) {
	clear(c.cells)
	clear(c.seen)
	c.decoded = c.decoded[:0]
	if !bytes.HasPrefix(row, c.start) {
		bad.set(0, nil, fmt.Sprintf("lines that stand before the first %q", c.start))
		bad.hold = max(bad.hold, holdIntact)
		return nil, nil
	}
	crlf := bytes.Contains(row, []byte("\r\n"))
	for rest, more := row, true; more; {
		var line []byte
		line, rest, more = bytes.Cut(rest, []byte("\n"))
		if more && crlf {
			trimmed, ok := bytes.CutSuffix(line, []byte("\r"))
			if !ok {
				bad.set(0, nil, "a line that ends LF among lines that end CR LF")
			}
			line = trimmed
		}
		if len(line) == 0 && len(bytes.Trim(rest, "\r\n")) == 0 {
			continue
		}
		if !c.line(line, bad) {
			return nil, nil
		}
	}
	return c.decoded, c.cells
}

// line puts one value into its cell. It is false if the line has no known tag.
func (c *taggedCutter) line(line []byte, bad *badCell) bool {
	if s := scanLine(line); s.control || s.tabs > 0 {
		bad.set(0, line, whyControl)
	}
	i, value := c.find(line)
	if i < 0 {
		bad.set(0, line, "a line without a known tag")
		return false
	}
	if c.seen[i] {
		bad.set(i+1, value, "a tag that comes twice in its row")
		return false
	}
	if len(value) > maxCell {
		bad.set(i+1, value[:80], fmt.Sprintf("a cell of more than %d bytes", maxCell))
		bad.hold = max(bad.hold, holdIntact)
	}
	c.seen[i], c.cells[i] = true, c.decode(i, value, bad)
	return true
}

// find returns the column of a line's tag, and its value; -1 if it has none. Of
// tags that begin alike the separator tells which it is.
func (c *taggedCutter) find(line []byte) (int, []byte) {
	for i, tag := range c.tags {
		if rest, ok := bytes.CutPrefix(line, tag); ok {
			if value, ok := bytes.CutPrefix(rest, c.separator); ok {
				return i, value
			}
		}
	}
	return -1, nil
}

// decode appends a value to the text of the row, in UTF-8.
func (c *taggedCutter) decode(i int, value []byte, bad *badCell) span {
	start, at, why := len(c.decoded), 0, whyEncoding
	if c.gb {
		c.decoded, at = AppendGB18030(c.decoded, value)
	} else {
		c.decoded = append(c.decoded, value...)
		at, why = badUTF8(value)
	}
	if at >= 0 {
		bad.set(i+1, value, why)
	}
	return span{int32(start), int32(len(c.decoded))}
}
