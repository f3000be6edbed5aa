package normalize

import (
	"bytes"
	"math/bits"
	"slices"
)

// finder goes over the bytes of whole lines and notes where their cells end. It
// does not tell a line feed from a delimiter: where all rows are in order, every
// so manieth place is one.
type finder struct {
	below     uint64 // eight times a byte: those below have a meaning
	delimiter uint64 // eight times the byte that ends a cell if that is not below, else 0
	back      int32  // that byte's place between two cells
	meaning   *[1 << 16]uint8
	fast      sweep

	hits    []uint64 // a bit of each byte that may have a meaning
	places  []int32  // where the cells end, and the lines
	feeds   int32    // so many bytes behind its place is a line feed
	noted   int      // so many of the places
	odd     bool     // some byte is one that a row in order does not have
	strange bool     // some byte above 0x7F is not of a character that most texts consist of
}

// What a byte means, together with the one behind it.
const (
	isText    = 0
	isCellEnd = 1 << iota >> 1 // or a line feed
	isOdd
)

// newFinder makes the finder of what stands between two cells: a delimiter of
// one or two bytes, or one byte and the prefix that begins every cell. If the
// second byte is below the digits and the first is not, such as in "|!", it looks
// for the second, and leaves it to the index to find the first in front of it.
func newFinder(between []byte, quoted, trimsTabs, crlf bool) finder {
	f := finder{below: 0x20 * ones, meaning: new([1 << 16]uint8), fast: newSweep(between, quoted, trimsTabs, crlf)}
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
	mean(isCellEnd, '\n')
	if trimsTabs {
		mean(isText, '\t', between[0], '\r', '\n') // with others behind it, it may be inside a cell
	}
	if crlf {
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

// find notes the places of text, behind which there is room.
func (f *finder) find(text []byte) {
	f.odd, f.strange, f.feeds = false, false, 0
	n := (len(text) + chunkSize - 1) / chunkSize
	f.hits = slices.Grow(f.hits[:0], n)[:n]
	if f.sweep(text) {
		return
	}
	f.look(text)
	if last := len(text) % chunkSize; last > 0 {
		f.hits[n-1] &= 1<<uint(last) - 1
	}
	f.note(text)
	f.odd = f.odd || bytes.IndexByte(text, 0x7F) >= 0
}

// look is the hot loop over all bytes, 64 at a time: each has a bit in the hits
// if it may have a meaning.
//
// It looks at every byte up to the delimiter, which four operations a word find:
// that pays for one below the digits and the letters, such as the comma.
func (f *finder) look(text []byte) {
	below, open := f.below, uint64(0)
	for i := range f.hits {
		at := i * chunkSize
		c := (*chunk)(text[at : at+len(chunk{})])
		w0, w1, w2, w3 := word(c[0:]), word(c[8:]), word(c[16:]), word(c[24:])
		hits := mask((w0-below)&^w0) | mask((w1-below)&^w1)<<8 | mask((w2-below)&^w2)<<16 | mask((w3-below)&^w3)<<24
		above := w0 | w1 | w2 | w3
		w0, w1, w2, w3 = word(c[32:]), word(c[40:]), word(c[48:]), word(c[56:])
		hits |= mask((w0-below)&^w0)<<32 | mask((w1-below)&^w1)<<40 | mask((w2-below)&^w2)<<48 | mask((w3-below)&^w3)<<56
		if f.delimiter != 0 {
			hits |= f.delimiters(c)
		}
		f.hits[i] = hits
		if above |= w0 | w1 | w2 | w3; above&highs != 0 && !f.strange {
			open = f.characters(c, aboves(c, len(text)-at), open)
		}
	}
}

// chunk is what is looked at at once, with the bytes behind that belong to its
// last delimiter or character.
type chunk [chunkSize + 2]byte

// note notes what the hits mean. Its inner loop has no branch that depends on
// that.
func (f *finder) note(text []byte) {
	f.feeds = f.back
	n, all, meaning := 0, uint8(0), f.meaning
	for k, hits := range f.hits {
		if len(f.places)-n < chunkSize {
			f.places = append(f.places, make([]int32, 16*chunkSize+len(f.places))...)
		}
		at := k * chunkSize
		c, out, from, m := (*chunk)(text[at:at+len(chunk{})]), (*[chunkSize]int32)(f.places[n:]), int32(at)-f.back, uint8(0)
		_, _ = c[0], meaning[0] // nil is not looked for in the loop
		next := uint(0)
		for ; hits != 0; hits &= hits - 1 {
			i := bits.TrailingZeros64(hits) & 63
			m = meaning[uint(c[i])|uint(c[i+1])<<8]
			out[next&63] = from + int32(i)
			next += uint(m & isCellEnd)
			all |= m
		}
		n += int(next)
	}
	f.noted, f.odd = n, all&isOdd != 0
}

// delimiters has the bits of the bytes that are the delimiter's.
func (f *finder) delimiters(c *chunk) (hits uint64) {
	for i := 0; i < chunkSize; i += 8 {
		x := word(c[i:]) ^ f.delimiter
		hits |= mask(^(x&lows + lows | x)) << uint(i)
	}
	return hits
}

// aboves has the bits of the bytes above 0x7F, of which so many are left.
func aboves(c *chunk, left int) (above uint64) {
	for i := 0; i < chunkSize; i += 8 {
		above |= mask(word(c[i:])) << uint(i)
	}
	if left < chunkSize {
		above &= 1<<uint(left&63) - 1
	}
	return above
}

// characters looks at the bytes above 0x7F: whether they are characters of three
// bytes in UTF-8 from U+1000 to U+CFFF or from U+F000 to U+FFBF, as those of
// Chinese and their punctuation are. Any other is strange. open has the bits of
// the first bytes that end a character of the chunk before, and is returned for
// the one behind.
func (f *finder) characters(c *chunk, above, open uint64) uint64 {
	above &^= open
	open = 0
	for above != 0 {
		i := uint(bits.TrailingZeros64(above)) & 63
		lead, second, third := c[i], c[i+1], c[i+2]
		if (second^0x80|third^0x80)&0xC0 != 0 || lead-0xE1 > 0xEC-0xE1 && (lead != 0xEF || second > 0xBE) {
			f.strange = true
			return 0
		}
		above &^= 7 << i
		open = 7 >> (64 - i)
	}
	return open
}
