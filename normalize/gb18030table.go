package normalize

import (
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	gbLead   = 0x81 // first lead byte
	gbLeads  = 0xFE - gbLead + 1
	gbTrail  = 0x40 // first trail byte of a two-byte code
	gbTrails = 0xFF - gbTrail + 1

	gbFourBMP    = 39420  // four-byte codes, counted from 81 30 81 30, that stand for U+0080 to U+FFFF
	gbFourSupply = 189000 // the code of 90 30 81 30, U+10000
)

// gbTables maps GB18030 codes to characters.
type gbTables struct {
	// two holds, for each two-byte code, up to three bytes of UTF-8, the first
	// one lowest, and their number in the top byte; 0 where there is none.
	two [gbLeads * gbTrails]uint32
	// bmp holds the character of each four-byte code of the basic plane; 0
	// where there is none.
	bmp [gbFourBMP]uint16
}

// gb18030Tables returns the tables, which are made at the first call from
// those of x/text. x/text maps what it does not know to U+FFFD and 0x80 to the
// euro sign, and takes 3A to 3F as a second byte; only its character map is used.
var gb18030Tables = sync.OnceValue(func() *gbTables {
	t := new(gbTables)
	decoder := simplifiedchinese.GB18030.NewDecoder()
	char := func(code ...byte) rune {
		text, err := decoder.Bytes(code)
		r, size := utf8.DecodeRune(text)
		if err != nil || r == utf8.RuneError || size != len(text) {
			return 0
		}
		return r
	}
	for lead := gbLead; lead <= 0xFE; lead++ {
		for trail := gbTrail; trail <= 0xFE; trail++ {
			if r := char(byte(lead), byte(trail)); trail != 0x7F && r != 0 {
				t.set(byte(lead), byte(trail), r)
			}
		}
	}
	for _, a := range gbAdditions {
		t.set(byte(a.code>>8), byte(a.code), a.char)
	}
	for i := range t.bmp {
		t.bmp[i] = uint16(char(byte(i/12600)+0x81, byte(i/1260%10)+0x30, byte(i/10%126)+0x81, byte(i%10)+0x30))
	}
	return t
})

func (t *gbTables) set(lead, trail byte, r rune) {
	var u [4]byte
	size := utf8.EncodeRune(u[:], r)
	t.two[int(lead-gbLead)*gbTrails+int(trail-gbTrail)] =
		uint32(u[0]) | uint32(u[1])<<8 | uint32(u[2])<<16 | uint32(size)<<24
}

// four returns the character of the four-byte code at the start of b, or 0.
func (t *gbTables) four(b []byte) rune {
	if len(b) < 4 || b[1]-0x30 > 9 || b[2] < 0x81 || b[2] == 0xFF || b[3]-0x30 > 9 {
		return 0
	}
	code := ((int(b[0]-gbLead)*10+int(b[1]-0x30))*126+int(b[2]-0x81))*10 + int(b[3]-0x30)
	switch {
	case code < gbFourBMP:
		return rune(t.bmp[code])
	case code >= gbFourSupply && code < gbFourSupply+0x100000:
		return rune(code - gbFourSupply + 0x10000)
	}
	return 0
}

// gbAdditions are the two-byte codes that GB 18030-2005 and -2022 gave a
// character and x/text does not know (WHATWG Encoding Standard, index gb18030).
var gbAdditions = [...]struct {
	code uint16
	char rune
}{
	{0xA6D9, '︐'}, {0xA6DA, '︒'}, {0xA6DB, '︑'}, {0xA6DC, '︓'}, {0xA6DD, '︔'}, {0xA6DE, '︕'}, {0xA6DF, '︖'},
	{0xA6EC, '︗'}, {0xA6ED, '︘'}, {0xA6F3, '︙'}, {0xA8BC, 'ḿ'},
	{0xFE59, 0x9FB4}, {0xFE61, 0x9FB5}, {0xFE66, 0x9FB6}, {0xFE67, 0x9FB7},
	{0xFE6D, 0x9FB8}, {0xFE7E, 0x9FB9}, {0xFE90, 0x9FBA}, {0xFEA0, 0x9FBB},
}

// beyondBMP returns the character of the six two-byte codes that stand for one
// outside the basic plane (same source), or 0. Their UTF-8 has four bytes, so
// the table has no place for them.
func beyondBMP(lead, trail byte) rune {
	switch uint16(lead)<<8 | uint16(trail) {
	case 0xFE51:
		return 0x20087
	case 0xFE52:
		return 0x20089
	case 0xFE53:
		return 0x200CC
	case 0xFE6C:
		return 0x215D7
	case 0xFE76:
		return 0x2298F
	case 0xFE91:
		return 0x241FE
	}
	return 0
}
