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

// decodeGB18030 is the hot loop: it writes from buf[n] on. buf has room for the
// worst case plus four bytes, so that a character is stored as one word and n
// moves by its length.
func decodeGB18030(t *gbTables, buf []byte, n int, src []byte) (end, bad int) {
	const high = 0x8080808080808080 // the bits that ASCII does not have
	for i := 0; i < len(src); {
		lead := src[i]
		for lead < utf8.RuneSelf && len(src)-i >= 8 {
			word := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(buf[n:], word)
			ascii := bits.TrailingZeros64(word&high) / 8
			i, n = i+ascii, n+ascii
			if i == len(src) {
				return n, -1
			}
			lead = src[i]
		}
		if lead < utf8.RuneSelf {
			buf[n] = lead
			i, n = i+1, n+1
			continue
		}
		if i+1 == len(src) || lead == 0x80 || lead == 0xFF {
			return n, i
		}
		if trail := src[i+1]; trail >= gbTrail {
			packed := t.two[int(lead-gbLead)*gbTrails+int(trail-gbTrail)]
			if packed == 0 {
				r := beyondBMP(lead, trail)
				if r == 0 {
					return n, i
				}
				n += utf8.EncodeRune(buf[n:], r)
			} else {
				binary.LittleEndian.PutUint32(buf[n:], packed)
				n += int(packed >> 24)
			}
			i += 2
			continue
		}
		r := t.four(src[i:])
		if r == 0 {
			return n, i
		}
		n += utf8.EncodeRune(buf[n:], r)
		i += 4
	}
	return n, -1
}
