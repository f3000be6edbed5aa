package normalize

import (
	"math/bits"
	"slices"
)

// finder goes over the bytes of whole lines and notes where their cells end.
type finder struct {
	below     uint64 // eight times a byte: those below have a meaning
	delimiter uint64 // eight times the byte that ends a cell if that is not below, else 0
	back      int32  // that byte's place between two cells
	crlf      int32  // 1 if lines end CR LF
	meaning   *[1 << 16]uint8

	places []int32 // where the cells end
	noted  int     // so many of the places
	rows   int
	lines  [groupRows]lineEnd
	odd    uint64 // rows with a byte that a row in order does not have, one bit each
	above  []span // every byte above 0x7F stands in one of them; they hold whole characters
}

// lineEnd is the place of a line feed, and how many places are noted up to it,
// with that of the last cell.
type lineEnd struct{ at, places int32 }

// What a byte means, together with the one behind it.
const (
	isText = iota
	isCellEnd
	isLineFeed
	isOdd
)

// newFinder makes the finder of what stands between two cells: a delimiter of
// one or two bytes, or one byte and the prefix that begins every cell. If the
// second byte is below the digits and the first is not, such as in "|!", it looks
// for the second, and leaves it to the index to find the first in front of it.
func newFinder(between []byte, quoted, trimsTabs, crlf bool) finder {
	f := finder{below: 0x20 * ones, meaning: new([1 << 16]uint8)}
	mean := func(meaning uint8, first byte, second ...byte) {
		for c := range 256 {
			if len(second) == 0 || slices.Contains(second, byte(c)) {
				f.meaning[int(first)|c<<8] = meaning
			}
		}
	}
	for c := range byte(0x20) {
		mean(isOdd, c)
	}
	if len(between) == 2 && between[0] >= '0' && between[1] < '0' {
		f.back, between = 1, between[1:]
	}
	mean(isLineFeed, '\n')
	if trimsTabs {
		mean(isText, '\t', between[0], '\r', '\n') // with others behind it, it may be inside a cell
	}
	if crlf {
		f.crlf = 1
		mean(isText, '\r', '\n')
	}
	if quoted {
		f.below = ('"' + 1) * ones
		mean(isOdd, '"')
	}
	if between[0] < '0' {
		f.below = max(f.below, uint64(between[0]+1)*ones)
	} else {
		f.delimiter = uint64(between[0]) * ones
	}
	mean(isOdd, between[0])
	mean(isCellEnd, between[0], between[1:]...)
	return f
}

// find is the hot loop over all bytes, 64 at a time. There is room behind
// text, which holds at most groupRows lines.
//
// It looks at every byte up to the delimiter, which four operations a word find:
// that pays for one below the digits and the letters, such as the comma.
func (f *finder) find(text []byte) {
	f.above, f.odd, f.noted, f.rows = f.above[:0], 0, 0, 0
	below := f.below
	for at := 0; at < len(text); at += chunkSize {
		c := (*[room]byte)(text[at : at+room])
		w0, w1, w2, w3 := word(c[0:]), word(c[8:]), word(c[16:]), word(c[24:])
		w4, w5, w6, w7 := word(c[32:]), word(c[40:]), word(c[48:]), word(c[56:])
		hits := mask((w0-below)&^w0) | mask((w1-below)&^w1)<<8 | mask((w2-below)&^w2)<<16 | mask((w3-below)&^w3)<<24 |
			mask((w4-below)&^w4)<<32 | mask((w5-below)&^w5)<<40 | mask((w6-below)&^w6)<<48 | mask((w7-below)&^w7)<<56
		if above := w0 | w1 | w2 | w3 | w4 | w5 | w6 | w7; above&highs != 0 {
			f.noteAbove(at, min(at+chunkSize, len(text)))
		}
		if f.delimiter != 0 {
			hits |= f.delimiters(c)
		}
		if len(text)-at < chunkSize {
			hits &= 1<<(uint(len(text)-at)&63) - 1
		}
		f.note(hits, at, c)
	}
}

// note notes what the bytes of c, text[at:], mean that have a hit.
func (f *finder) note(hits uint64, at int, c *[room]byte) {
	if len(f.places)-f.noted < chunkSize {
		f.places = append(f.places, make([]int32, 16*chunkSize+len(f.places))...)
	}
	meaning, from, out, n := f.meaning, int32(at)-f.back, (*[chunkSize]int32)(f.places[f.noted:]), uint(0)
	for ; hits != 0; hits &= hits - 1 {
		i := bits.TrailingZeros64(hits) & 63
		m := meaning[uint(c[i])|uint(c[i+1])<<8]
		out[n&63] = from + int32(i)
		n += uint(m)
		if m > isCellEnd {
			n -= uint(m)
			if m == isOdd {
				f.odd |= 1 << (uint(f.rows) & 63)
				continue
			}
			out[n&63] = int32(at+i) - f.crlf
			n++
			f.lines[f.rows&63] = lineEnd{int32(at + i), int32(f.noted + int(n))}
			f.rows++
		}
	}
	f.noted += int(n)
}

// delimiters has the bits of the bytes that are the delimiter's.
func (f *finder) delimiters(c *[room]byte) (hits uint64) {
	for i := 0; i < chunkSize; i += 8 {
		x := word(c[i:]) ^ f.delimiter
		hits |= mask(^(x&lows + lows | x)) << uint(i)
	}
	return hits
}

func (f *finder) noteAbove(from, to int) {
	if n := len(f.above); n > 0 && int(f.above[n-1].to) == from {
		f.above[n-1].to = int32(to)
		return
	}
	f.above = append(f.above, span{int32(from), int32(to)})
}
