package normalize

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"tieout/internal/money"
)

// Limits of one file, so that no input makes memory grow.
const (
	maxLine  = 1 << 20  // bytes of a line, or of all lines of a tagged row
	maxCells = 512      // cells of a row
	maxCell  = 64 << 10 // bytes of a cell
	maxAttr  = 256      // bytes of a text that a record keeps
)

// Reasons of rejects that more than one place gives.
const (
	whySpreadsheet = "looks edited in a spreadsheet"
	whyOpenQuote   = "a quote that is not closed on its line"
	whyControl     = "a control character inside the row"
	whyEncoding    = "a byte that begins no character of the file's encoding"
	whyReplaced    = "U+FFFD: a character was lost before the file reached us"
)

// idClass sorts the bytes of ids: ASCII letters, digits and the punctuation
// that channels allow in order numbers. A digit is 0.
const (
	idOther = 1 << iota // a letter or punctuation
	idPlus
	idBad // anything else
)

var idClass = func() (class [256]uint8) {
	for i := range class {
		class[i] = idBad
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-|*@.:/=#~") {
		class[c] = idOther
	}
	for c := '0'; c <= '9'; c++ {
		class[c] = 0
	}
	class['+'] = idPlus
	return class
}()

// checkID returns "" or why b is not an id of the column.
func checkID(b []byte, digits bool, max int) string {
	if len(b) > max {
		return "longer than the channel's ids are"
	}
	class := uint8(0)
	for _, c := range b {
		class |= idClass[c]
	}
	switch {
	case class&idBad != 0:
		return "a character that ids do not have"
	case class&idPlus != 0 && spreadsheetNumber(b):
		return whySpreadsheet
	case digits && class != 0:
		return "not a number of digits"
	}
	return ""
}

// spreadsheetNumber knows what a spreadsheet makes of a long number:
// "4.2E+18", "4.20000092520E+27".
func spreadsheetNumber(b []byte) bool {
	e := bytes.LastIndexAny(b, "Ee")
	if e < 1 || e+2 >= len(b) || b[e+1] != '+' {
		return false
	}
	for i, c := range b {
		if i != e && i != e+1 && c-'0' > 9 && c != '.' {
			return false
		}
	}
	return true
}

// parseCD reads a direction and digits: 'C' (we receive) is positive, 'D' (we
// pay) is negative, a blank stands only before zero.
func parseCD(b []byte, exp int) (int64, string) {
	if len(b) < 2 {
		return 0, "no digit where one is needed"
	}
	if b[1]-'0' > 9 {
		return 0, "a character that is not a digit"
	}
	v, why := money.ParseDigits(b[1:], exp)
	if why != "" {
		return 0, why
	}
	switch b[0] {
	case 'C':
		return v, ""
	case 'D':
		return -v, ""
	case ' ':
		if v == 0 {
			return 0, ""
		}
		return 0, "no C or D before an amount that is not zero"
	}
	return 0, "neither C nor D before the amount"
}

// findAmountDamage improves the reason for an amount that cannot be read.
func findAmountDamage(b []byte, why string) string {
	if len(b) == 0 {
		return "an empty amount"
	}
	if spreadsheetNumber(b) {
		return whySpreadsheet
	}
	if bytes.IndexByte(b, ',') >= 0 {
		return "a thousands separator"
	}
	return why
}

// cutText returns at most max bytes of valid UTF-8, cut between characters.
func cutText(b []byte, max int) []byte {
	if len(b) <= max {
		return b
	}
	for max > 0 && !utf8.RuneStart(b[max]) {
		max--
	}
	return b[:max]
}

// scanned is what one pass over a row finds.
type scanned struct {
	ascii   bool // no byte above 0x7F
	control bool // a control character other than TAB
	tab     bool
}

// scanFor is the hot loop over the bytes of a row, eight at a time. It writes
// the places of the byte d into ends, as many as fit, and returns how many
// there are.
func scanFor(row []byte, d byte, ends []int) (s scanned, n int) {
	const (
		ones  = 0x0101010101010101
		lows  = 0x7F * ones
		highs = 0x80 * ones
	)
	pattern := uint64(d) * ones
	var above, control uint64
	at := 0
	for ; len(row)-at >= 8; at += 8 {
		w := binary.LittleEndian.Uint64(row[at:])
		above |= w
		// The high bit of each byte below 0x20, or equal to 0x7F; a byte above
		// 0x7F has its own high bit, which takes it out.
		low := w & lows
		control |= ^(low + 0x60*ones | w) | (low+ones)&^w
		x := w ^ pattern
		for hit := ^((x&lows + lows) | x | lows); hit != 0; hit &= hit - 1 {
			if n < len(ends) {
				ends[n] = at + bits.TrailingZeros64(hit)>>3
			}
			n++
		}
	}
	for ; at < len(row); at++ {
		b := row[at]
		above |= uint64(b)
		if b < 0x20 || b == 0x7F {
			control |= highs
		}
		if b == d {
			if n < len(ends) {
				ends[n] = at
			}
			n++
		}
	}
	s.ascii = above&highs == 0
	if control&highs != 0 {
		s.which(row)
	}
	return s, n
}

// scanLine looks at a row that has no delimiter.
func scanLine(row []byte) scanned {
	s, _ := scanFor(row, '\n', nil)
	return s
}

// which tells TABs from other control characters.
func (s *scanned) which(row []byte) {
	for _, b := range row {
		switch {
		case b == '\t':
			s.tab = true
		case b < 0x20 || b == 0x7F:
			s.control = true
		}
	}
}

// badUTF8 returns the offset of the first byte that is not UTF-8, or of a
// U+FFFD, or -1.
func badUTF8(b []byte) (int, string) {
	if utf8.Valid(b) {
		if i := bytes.Index(b, []byte("\uFFFD")); i >= 0 {
			return i, whyReplaced
		}
		return -1, ""
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError {
			if n == 1 {
				return i, whyEncoding
			}
			return i, whyReplaced
		}
		i += n
	}
	return -1, ""
}

// digitsEnd returns where the run of digits at i ends.
func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
