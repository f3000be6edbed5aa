package ledgerlink

import (
	"bytes"
	"math/bits"
)

// splitter cuts one line into cells. The cells point into the line, or into its
// own memory where quotes were doubled; they stay valid until the next split.
type splitter struct {
	cells   [][]byte
	scratch []byte
}

// split returns the cells; why is "" on success.
func (s *splitter) split(line []byte) (cells [][]byte, why string) {
	if bytes.IndexByte(line, '"') >= 0 {
		return s.quoted(line)
	}
	return s.plain(line)
}

// plain splits a line that holds no quote. It tests eight bytes at once: a call
// of bytes.IndexByte per cell costs more than twice as much, since the cells of
// a payment are short.
func (s *splitter) plain(line []byte) ([][]byte, string) {
	cells, start := s.cells[:0], 0
	for i := 0; i < len(line); i += 8 {
		for commas := equal8(load8(line, i), ','); commas != 0; commas &= commas - 1 {
			end := i + bits.TrailingZeros64(commas)/8
			if len(cells) == maxColumns {
				return nil, "more than 512 columns"
			}
			if end-start > maxCell {
				return nil, "a cell longer than 64 KiB"
			}
			cells = append(cells, line[start:end])
			start = end + 1
		}
	}
	if len(cells) == maxColumns {
		return nil, "more than 512 columns"
	}
	s.cells = append(cells, line[start:])
	return s.cells, ""
}

// quoted splits a line that holds quotes.
func (s *splitter) quoted(line []byte) ([][]byte, string) {
	s.cells, s.scratch = s.cells[:0], s.scratch[:0]
	if cap(s.scratch) < len(line) {
		s.scratch = make([]byte, 0, 2*len(line)) // never grows within a line: cells point into it
	}
	for {
		if len(s.cells) == maxColumns {
			return nil, "more than 512 columns"
		}
		cell, rest, more, why := s.cell(line)
		switch {
		case why != "":
			return nil, why
		case len(cell) > maxCell:
			return nil, "a cell longer than 64 KiB"
		}
		s.cells = append(s.cells, cell)
		if !more {
			return s.cells, ""
		}
		line = rest
	}
}

// cell cuts the first cell off a line; more tells whether another one follows.
func (s *splitter) cell(line []byte) (cell, rest []byte, more bool, why string) {
	if len(line) == 0 || line[0] != '"' {
		i := bytes.IndexByte(line, ',')
		if i < 0 {
			cell = line
		} else {
			cell, rest, more = line[:i], line[i+1:], true
		}
		if bytes.IndexByte(cell, '"') >= 0 {
			return nil, nil, false, "a quote inside a cell without quotes"
		}
		return cell, rest, more, ""
	}
	begin := len(s.scratch)
	for i := 1; ; {
		j := bytes.IndexByte(line[i:], '"')
		if j < 0 {
			return nil, nil, false, "a quote that is not closed on its line"
		}
		s.scratch = append(s.scratch, line[i:i+j]...)
		i += j + 1
		switch {
		case i == len(line):
			return s.scratch[begin:], nil, false, ""
		case line[i] == ',':
			return s.scratch[begin:], line[i+1:], true, ""
		case line[i] != '"':
			return nil, nil, false, "a character behind a closing quote"
		}
		s.scratch = append(s.scratch, '"')
		i++
	}
}
