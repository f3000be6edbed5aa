package parquet

import (
	"encoding/binary"
	"math/bits"
)

// A column of texts is two slices: value i is text[ends[i-1]:ends[i]], and an
// empty value is NULL.

// textPacker packs texts as DELTA_BYTE_ARRAY: of each value the length of the
// prefix that it shares with the one before, and the rest. Numbers given out
// in order share most of it.
type textPacker struct {
	prefix, rest []int64 // lengths
	tail         []byte  // all rests
}

// Append packs the values that are not empty.
func (p *textPacker) Append(dst []byte, ends []uint32, text []byte) []byte {
	p.prefix, p.rest = grow(p.prefix[:0], len(ends)), grow(p.rest[:0], len(ends))
	p.tail = grow(p.tail[:0], len(text)+shortText)
	n, size := cutPrefixes(p.prefix[:len(ends)], p.rest[:len(ends)], p.tail[:cap(p.tail)], ends, text)
	p.prefix, p.rest, p.tail = p.prefix[:n], p.rest[:n], p.tail[:size]
	dst = AppendInts(dst, p.prefix)
	dst = AppendInts(dst, p.rest)
	return append(dst, p.tail...)
}

// cutPrefixes returns how many values there are, and the bytes of the rests,
// for which tail has room and shortText more.
func cutPrefixes(prefix, rest []int64, tail []byte, ends []uint32, text []byte) (n, size int) {
	n = sharedPrefixes(prefix, rest, ends, text)
	rest = rest[:n]
	for i, same := range prefix[:n] {
		text = text[same:]
		copyShort(tail, text, int(rest[i]))
		text, tail, size = text[rest[i]:], tail[rest[i]:], size+int(rest[i])
	}
	return n, size
}

// sharedPrefixes is a loop of its own because both together would need more
// registers than there are. NULLs are empty, so texts follow each other without
// a gap.
func sharedPrefixes(prefix, rest []int64, ends []uint32, text []byte) (n int) {
	rest = rest[:len(prefix)]
	last, start := uint32(0), uint32(0)
	for _, end := range ends {
		if end == start || n >= len(prefix) {
			continue
		}
		same, most := 0, min(start-last, end-start)
		if most <= shortText && int(start)+shortText <= len(text) {
			same = min(int(most), sharedShort((*[shortText]byte)(text[last:]), (*[shortText]byte)(text[start:])))
		} else {
			same = shared(text[last:start], text[start:end])
		}
		prefix[n], rest[n] = int64(same), int64(end-start)-int64(same)
		last, start = start, end
		n++
	}
	return n
}

// sharedShort returns how many leading bytes of two short texts are equal, and
// perhaps of what stands behind them: it need not look at where they end, which
// is no whole word.
func sharedShort(a, b *[shortText]byte) int {
	for i := 0; i < shortText; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	return shortText
}

// shortText is how long most texts are at most.
const shortText = 32

// copyShort copies n bytes, and spoils the rest of the first 32 behind them:
// four loads and stores cost less than a call of copy, which looks at n first.
func copyShort(to, from []byte, n int) {
	if n <= shortText && len(to) >= shortText && len(from) >= shortText {
		to, from = to[:shortText], from[:shortText]
		binary.LittleEndian.PutUint64(to[0:], binary.LittleEndian.Uint64(from[0:]))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
		binary.LittleEndian.PutUint64(to[16:], binary.LittleEndian.Uint64(from[16:]))
		binary.LittleEndian.PutUint64(to[24:], binary.LittleEndian.Uint64(from[24:]))
		return
	}
	copy(to, from[:n])
}

// shared returns how many leading bytes are equal, eight at a time.
func shared(a, b []byte) (n int) {
	for len(a) >= 8 && len(b) >= 8 {
		if x := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		a, b, n = a[8:], b[8:], n+8
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return n + i
		}
	}
	return n + min(len(a), len(b))
}

// Texts is a column of texts that is being read.
type Texts struct {
	Ends  []uint32
	Bytes []byte

	prefix, rest []int64
}

// room makes room for n values of so many bytes, or refuses.
func (t *Texts) room(n int, size int64) error {
	if size > MaxPage || int64(len(t.Bytes))+size > 1<<31 {
		return errLarge
	}
	t.Ends, t.Bytes = grow(t.Ends, n), grow(t.Bytes, int(size)+shortText) // see copyShort
	return nil
}

// grow makes room for n more values, at least twice the room there was.
func grow[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	bigger := make([]T, len(s), max(len(s)+n, 2*cap(s)))
	copy(bigger, s)
	return bigger
}

// Nulls appends n rows without a value.
func (t *Texts) Nulls(n int) {
	t.Ends = grow(t.Ends, n)
	ends := t.more(n)
	for i := range ends {
		ends[i] = uint32(len(t.Bytes))
	}
}

// Deltas appends n rows out of a DELTA_BYTE_ARRAY page of present values;
// flags as Presence gives them.
func (t *Texts) Deltas(b []byte, n, present int, flags []uint8) error {
	if a, ok := readAlike(b, present); ok {
		return a.appendTo(t, nil, n, flags)
	}
	return t.deltas(b, n, present, flags)
}

func (t *Texts) deltas(b []byte, n, present int, flags []uint8) error {
	tails, size, err := t.lengths(b, present)
	if err != nil {
		return err
	}
	if err := t.room(n, size); err != nil {
		return err
	}
	t.join(b, len(b)-len(tails), t.more(n), flags)
	return nil
}

// lengths reads the lengths of the prefixes and rests of a page and checks
// them; tails are the rests, and size what the values take.
func (t *Texts) lengths(b []byte, values int) (tails []byte, size int64, err error) {
	if t.prefix, b, err = Int64s(t.prefix[:0], b, values); err != nil {
		return nil, 0, err
	}
	if t.rest, b, err = Int64s(t.rest[:0], b, values); err != nil {
		return nil, 0, err
	}
	size, err = t.sizes(int64(len(b)))
	return b, size, err
}

// sizes checks the lengths against each other and the bytes that are there,
// and adds them up.
func (t *Texts) sizes(tail int64) (size int64, err error) {
	last := int64(0)
	rest := t.rest[:len(t.prefix)]
	for i, p := range t.prefix {
		r := rest[i]
		if p < 0 || p > last || r < 0 || r > tail {
			return 0, errCut
		}
		last, tail = p+r, tail-r
		if size += last; size > MaxPage {
			return 0, errLarge
		}
	}
	if tail != 0 {
		return 0, errCount
	}
	return size, nil
}

// join puts checked values together, whose rests begin at a place of b. All
// memory is there. A short value stays in registers: what it has in common with
// the next one would, read back at another boundary from where it was just
// stored, wait for the stores.
func (t *Texts) join(b []byte, from int, ends []uint32, flags []uint8) {
	text, at, last, next := t.Bytes[:cap(t.Bytes)], len(t.Bytes), len(t.Bytes), 0
	prefixes, rests := t.prefix, t.rest[:len(t.prefix)]
	var v0, v1, v2, v3 uint64
	for i := range ends {
		if flags == nil || flags[i] != 0 {
			p, rest := int(prefixes[next]), int(rests[next])
			next++
			to := text[at:]
			if in := from - p; p+rest <= shortText && in >= 0 && in+shortText <= len(b) {
				src, keep := b[in:in+shortText], &firstBytes[p]
				v0 = blend(v0, binary.LittleEndian.Uint64(src[0:]), keep[0])
				v1 = blend(v1, binary.LittleEndian.Uint64(src[8:]), keep[1])
				v2 = blend(v2, binary.LittleEndian.Uint64(src[16:]), keep[2])
				v3 = blend(v3, binary.LittleEndian.Uint64(src[24:]), keep[3])
				to = to[:shortText]
				binary.LittleEndian.PutUint64(to[0:], v0)
				binary.LittleEndian.PutUint64(to[8:], v1)
				binary.LittleEndian.PutUint64(to[16:], v2)
				binary.LittleEndian.PutUint64(to[24:], v3)
			} else {
				copy(to, text[last:last+p])
				copy(to[p:], b[from:from+rest])
				v0, v1 = binary.LittleEndian.Uint64(to[0:]), binary.LittleEndian.Uint64(to[8:])
				v2, v3 = binary.LittleEndian.Uint64(to[16:]), binary.LittleEndian.Uint64(to[24:])
			}
			last, at, from = at, at+p+rest, from+rest
		}
		ends[i] = uint32(at)
	}
	t.Bytes = text[:at]
}

// blend keeps some bits of a word, and takes the others from another.
func blend(old, other, keep uint64) uint64 { return other ^ (other^old)&keep }

// firstBytes[n] has the bits of the first n bytes of a short text set.
var firstBytes = func() (masks [shortText + 1][4]uint64) {
	for n := range masks {
		for i := range n {
			masks[n][i/8] |= 0xff << (i % 8 * 8)
		}
	}
	return masks
}()

// more adds n rows, for which there is room, and returns their ends to be set.
func (t *Texts) more(n int) []uint32 {
	at := len(t.Ends)
	t.Ends = t.Ends[:at+n]
	return t.Ends[at:]
}

// Plain appends n rows out of a PLAIN page of present values.
func (t *Texts) Plain(b []byte, n, present int, flags []uint8) error {
	if err := t.room(n, int64(len(b))); err != nil {
		return err
	}
	for i := range n {
		if flags == nil || flags[i] != 0 {
			if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
				return errCut
			}
			size := binary.LittleEndian.Uint32(b)
			t.Bytes = append(t.Bytes, b[4:4+size]...)
			b = b[4+size:]
		}
		t.Ends = append(t.Ends, uint32(len(t.Bytes)))
	}
	if len(b) != 0 {
		return errCount
	}
	return nil
}

// AppendPlainText packs one value as PLAIN does.
func AppendPlainText(dst, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(v))), v...)
}

// Pick appends n rows out of codes of a dictionary.
func (t *Texts) Pick(dictionary *Texts, codes []uint32, n int, flags []uint8) error {
	if len(codes) > 0 && same(codes) && flags == nil {
		return t.repeat(dictionary.at(codes[0]), n)
	}
	var size int64
	for _, c := range codes {
		start, end := dictionary.bounds(c)
		size += int64(end - start)
	}
	if err := t.room(n, size); err != nil {
		return err
	}
	text, ends, at, next := t.Bytes[:cap(t.Bytes)], t.more(n), len(t.Bytes), 0
	for i := range ends {
		if flags == nil || flags[i] != 0 {
			from, end := dictionary.bounds(codes[next])
			copyShort(text[at:], dictionary.Bytes[from:], int(end-from))
			at += int(end - from)
			next++
		}
		ends[i] = uint32(at)
	}
	t.Bytes = text[:at]
	return nil
}

func (t *Texts) repeat(v []byte, n int) error {
	if err := t.room(n, int64(n)*int64(len(v))); err != nil {
		return err
	}
	at, ends := uint32(len(t.Bytes)), t.more(n)
	for i := range ends {
		at += uint32(len(v))
		ends[i] = at
	}
	first := len(t.Bytes)
	t.Bytes = append(t.Bytes, v...)
	for len(t.Bytes) < int(at) { // what is there, once more
		t.Bytes = append(t.Bytes, t.Bytes[first:min(len(t.Bytes), first+int(at)-len(t.Bytes))]...)
	}
	return nil
}

// Len returns the number of values.
func (t *Texts) Len() int { return len(t.Ends) }

// At returns a value.
func (t *Texts) At(i int) []byte { return t.at(uint32(i)) }

func (t *Texts) at(i uint32) []byte {
	start, end := t.bounds(i)
	return t.Bytes[start:end]
}

func (t *Texts) bounds(i uint32) (start, end uint32) {
	if i > 0 {
		start = t.Ends[i-1]
	}
	return start, t.Ends[i]
}

// Reset empties the column and keeps its memory.
func (t *Texts) Reset() { t.Ends, t.Bytes = t.Ends[:0], t.Bytes[:0] }

// PlainInts appends the n numbers of a PLAIN page of 8 or 4 bytes a value.
func PlainInts(dst []int64, b []byte, n, size int) ([]int64, error) {
	if len(b) != n*size {
		return dst, errCount
	}
	for ; len(b) > 0; b = b[size:] {
		if size == 4 {
			dst = append(dst, int64(int32(binary.LittleEndian.Uint32(b))))
		} else {
			dst = append(dst, int64(binary.LittleEndian.Uint64(b)))
		}
	}
	return dst, nil
}
