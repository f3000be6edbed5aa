package normalize

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
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
	class := classOf(b)
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

// classOf returns the classes of the bytes, or-ed. Digits and letters, of which
// most ids are, are told eight at a time.
func classOf(b []byte) (class uint8) {
	if len(b) < 8 {
		return classOfBytes(b)
	}
	letters, other := uint64(0), uint64(0)
	for i := 0; i < len(b); i += 8 {
		w := word(b[min(i, len(b)-8):])
		digit := between(w, '0', '9')
		letter := between(w|0x20*ones, 'a', 'z')
		letters |= letter
		other |= ^(digit | letter) | w
	}
	switch {
	case other&highs != 0:
		return classOfBytes(b)
	case letters&highs != 0:
		return idOther
	}
	return 0
}

// onlyDigits tells whether an id of eight bytes or more consists of digits.
func onlyDigits(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	last := b[len(b)-8:]
	other := otherThanDigits(word(last))
	for ; len(b) > 8; b = b[8:] {
		other |= otherThanDigits(word(b))
	}
	return other&highs == 0
}

// otherThanDigits sets the high bit of some byte if one of w is no digit.
func otherThanDigits(w uint64) uint64 { return (w - '0'*ones) | (w + (0x7F-'9')*ones) | w }

// between sets the high bit of each byte from first to last. A byte above 0x7F
// spoils the word.
func between(w, first, last uint64) uint64 {
	return (w + (0x80-first)*ones) &^ (w + (0x7F-last)*ones)
}

func classOfBytes(b []byte) (class uint8) {
	for _, c := range b {
		class |= idClass[c]
	}
	return class
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
	// Every byte above 0x7F stands in row[first:last], which holds whole
	// characters; first is not below last if there is none.
	first, last int
	control     bool // a control character other than TAB
	tabs        int
}

func (s *scanned) ascii() bool { return s.first >= s.last }

const (
	ones  = 0x0101010101010101
	lows  = 0x7F * ones
	highs = 0x80 * ones

	chunkSize = 64
	room      = chunkSize + 1 // bytes that loops may read behind a text
)

// filler stands behind the last bytes of a row: no delimiter, and nothing that
// is looked for.
var filler = [room]byte(bytes.Repeat([]byte{'~'}, room))

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// outside sets the high bit of some byte if one of w is a control character. So
// does a byte above 0x7F, unless its own bit is cleared.
func outside(w uint64) uint64 { return (w - 0x20*ones) | (w + ones) }

// mask gathers the high bits of the eight bytes.
func mask(h uint64) uint64 { return h & highs * 0x02040810204081 >> 56 }

// scanLine looks at a row that has no delimiter.
func scanLine(row []byte) (s scanned) {
	var control uint64
	var rest [chunkSize]byte
	s.first = len(row)
	for at := 0; at < len(row); at += chunkSize {
		c := &rest
		if len(row)-at >= chunkSize {
			c = (*[chunkSize]byte)(row[at:])
		} else {
			rest = [chunkSize]byte(filler[:])
			copy(rest[:], row[at:])
		}
		var above uint64
		for i := 0; i <= chunkSize-8; i += 8 {
			w := word(c[i:])
			above |= w
			control |= outside(w) &^ w
		}
		if above&highs != 0 {
			s.first, s.last = min(s.first, at), min(at+chunkSize, len(row))
		}
	}
	if control&highs != 0 {
		s.which(row)
	}
	return s
}

// which tells TABs, which Alipay puts behind its numbers, from other control
// characters.
func (s *scanned) which(row []byte) {
	var control uint64
	at := 0
	for ; len(row)-at >= 8; at += 8 {
		w := word(row[at:])
		x := w ^ '\t'*ones
		tabs := ^(x&lows + lows | x) & highs
		s.tabs += bits.OnesCount64(tabs)
		w |= tabs >> 2 // not a control character any more
		control |= outside(w) &^ w
	}
	for _, b := range row[at:] {
		if b == '\t' {
			s.tabs++
		} else if isControl(b) {
			s.control = true
		}
	}
	// A word's test may blame a byte for the one beside it.
	s.control = s.control || control&highs != 0 && slices.ContainsFunc(row, func(b byte) bool { return b != '\t' && isControl(b) })
}

func isControl(b byte) bool { return b < 0x20 || b == 0x7F }

// badUTF8 returns the offset of the first byte that is not UTF-8, or of a
// U+FFFD, or -1.
func badUTF8(b []byte) (int, string) {
	if isPlainText(b) {
		return -1, ""
	}
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

// isPlainText tells whether b is ASCII and characters from U+1000 to U+CFFF,
// where the Chinese ones are: they have three bytes, and nothing to look at but
// the first bits of each.
func isPlainText(b []byte) bool {
	for {
		b = b[asciiPrefix(b):]
		if len(b) == 0 {
			return true
		}
		for len(b) > 0 && b[0] >= utf8.RuneSelf {
			if len(b) < 3 || b[0] < 0xE1 || b[0] > 0xEC || (b[1]^0x80|b[2]^0x80)&0xC0 != 0 {
				return false
			}
			b = b[3:]
		}
	}
}

// digitsEnd returns where the run of digits at i ends.
func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
