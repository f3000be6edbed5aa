package normalize

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// AppendGB18030 appends src, decoded from GB18030 (of which GBK and GB2312 are
// subsets), to dst as UTF-8. bad is -1, or the offset in src of the first byte
// that begins no character: 0x80, 0xFF, a lead byte with no trail or with one
// that is none, a code without a character. out then holds what stands before
// it. A bad byte never becomes U+FFFD, and an encoded U+FFFD (84 31 A4 37:
// somebody upstream has already lost a character) is a bad byte too.
//
// Two-byte codes are those of GB 18030-2022 as the WHATWG Encoding Standard
// maps them, except the user-defined areas, which each sender fills as it
// likes: they are refused. Safe for concurrent use. It allocates only if dst
// has no room for 2*len(src)+4 more bytes.
func AppendGB18030(dst, src []byte) (out []byte, bad int) {
	dst = slices.Grow(dst, 2*len(src)+4)
	end, bad := decodeGB18030(gb18030Tables(), dst[:cap(dst)], len(dst), src)
	return dst[:end], bad
}

// asciiPrefix returns how many bytes of b come before the first one above 0x7F.
func asciiPrefix(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if above := word(b[i:]) & highs; above != 0 {
			return i + bits.TrailingZeros64(above)>>3
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// decodeGB18030 is the hot loop: it writes from buf[n] on. buf has room for the
// worst case plus four bytes, so that a character is stored as one word and n
// moves by its length.
func decodeGB18030(t *gbTables, buf []byte, n int, src []byte) (end, bad int) {
	const high = 0x8080808080808080 // the bits that ASCII does not have
	for i := 0; i < len(src); {
		for len(src)-i >= 8 {
			word := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(buf[n:], word)
			if other := word & high; other != 0 {
				ascii := bits.TrailingZeros64(other) / 8
				i, n = i+ascii, n+ascii
				break
			}
			i, n = i+8, n+8
		}
		for i < len(src) && src[i] >= utf8.RuneSelf {
			lead := src[i]
			if i+1 == len(src) || lead == 0x80 || lead == 0xFF {
				return n, i
			}
			trail := src[i+1]
			if trail < gbTrail {
				r := t.four(src[i:])
				if r == 0 {
					return n, i
				}
				n += utf8.EncodeRune(buf[n:], r)
				i += 4
				continue
			}
			packed := t.two[int(lead-gbLead)*gbTrails+int(trail-gbTrail)]
			binary.LittleEndian.PutUint32(buf[n:], packed)
			if packed>>24 == 3 { // as most are: a guess that the next round need not wait for
				n += 3
			} else if packed != 0 {
				n += int(packed >> 24)
			} else if r := beyondBMP(lead, trail); r != 0 {
				n += utf8.EncodeRune(buf[n:], r)
			} else {
				return n, i
			}
			i += 2
		}
		for len(src)-i < 8 && i < len(src) && src[i] < utf8.RuneSelf {
			buf[n] = src[i]
			i, n = i+1, n+1
		}
	}
	return n, -1
}
