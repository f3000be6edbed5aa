package parquet

import (
	"encoding/binary"
	"math/bits"
)

// A column of texts is two slices: value i is text[ends[i-1]:ends[i]], and an
// empty value is NULL.

// TextPacker packs texts as DELTA_BYTE_ARRAY: of each value the length of the
// prefix that it shares with the one before, and the rest. Numbers given out
// in order share most of it.
type TextPacker struct {
	prefix, rest []int64
	tail         []byte
}

// Append packs the values that are not empty.
func (p *TextPacker) Append(dst []byte, ends []uint32, text []byte) []byte {
	p.prefix, p.rest, p.tail = p.prefix[:0], p.rest[:0], p.tail[:0]
	var last []byte
	start := uint32(0)
	if len(ends) > 0 && cap(p.tail) < len(text) {
		p.tail = make([]byte, 0, len(text))
	}
	for _, end := range ends {
		if end == start {
			continue
		}
		v := text[start:end]
		n := shared(last, v)
		p.prefix, p.rest = append(p.prefix, int64(n)), append(p.rest, int64(len(v)-n))
		p.tail = append(p.tail, v[n:]...)
		last, start = v, end
	}
	dst = AppendInt64s(dst, p.prefix)
	dst = AppendInt64s(dst, p.rest)
	return append(dst, p.tail...)
}

// shared returns how many leading bytes are equal, eight at a time.
func shared(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
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
	t.Ends, t.Bytes = grow(t.Ends, n), grow(t.Bytes, int(size))
	return nil
}

// grow makes room for n more values.
func grow[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	bigger := make([]T, len(s), len(s)+n+n/8)
	copy(bigger, s)
	return bigger
}

// Nulls appends n rows without a value.
func (t *Texts) Nulls(n int) {
	for range n {
		t.Ends = append(t.Ends, uint32(len(t.Bytes)))
	}
}

// Deltas appends n rows out of a DELTA_BYTE_ARRAY page of present values;
// flags as Presence gives them.
func (t *Texts) Deltas(b []byte, n, present int, flags []uint8) (err error) {
	if t.prefix, b, err = Int64s(t.prefix[:0], b, present); err != nil {
		return err
	}
	if t.rest, b, err = Int64s(t.rest[:0], b, present); err != nil {
		return err
	}
	size, err := t.sizes(int64(len(b)))
	if err != nil {
		return err
	}
	if err := t.room(n, size); err != nil {
		return err
	}
	if flags == nil {
		t.join(b)
	} else {
		t.joinSome(b, flags)
	}
	return nil
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

// join puts checked values together. All memory is there.
func (t *Texts) join(b []byte) {
	text, ends := t.Bytes, t.Ends
	last := len(text)
	for i, p := range t.prefix {
		r := t.rest[i]
		start := len(text)
		text = append(text, text[last:last+int(p)]...)
		text = append(text, b[:r]...)
		b, last = b[r:], start
		ends = append(ends, uint32(len(text)))
	}
	t.Bytes, t.Ends = text, ends
}

func (t *Texts) joinSome(b []byte, flags []uint8) {
	last, next := len(t.Bytes), 0
	for _, f := range flags {
		if f != 0 {
			p, r, start := int(t.prefix[next]), int(t.rest[next]), len(t.Bytes)
			t.Bytes = append(t.Bytes, t.Bytes[last:last+p]...)
			t.Bytes = append(t.Bytes, b[:r]...)
			b, last = b[r:], start
			next++
		}
		t.Ends = append(t.Ends, uint32(len(t.Bytes)))
	}
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
		size += int64(len(dictionary.at(c)))
	}
	if err := t.room(n, size); err != nil {
		return err
	}
	text, ends, next := t.Bytes, t.Ends, 0
	for i := range n {
		if flags == nil || flags[i] != 0 {
			text = append(text, dictionary.at(codes[next])...)
			next++
		}
		ends = append(ends, uint32(len(text)))
	}
	t.Bytes, t.Ends = text, ends
	return nil
}

func (t *Texts) repeat(v []byte, n int) error {
	if err := t.room(n, int64(n)*int64(len(v))); err != nil {
		return err
	}
	for range n {
		t.Bytes = append(t.Bytes, v...)
		t.Ends = append(t.Ends, uint32(len(t.Bytes)))
	}
	return nil
}

// Len returns the number of values.
func (t *Texts) Len() int { return len(t.Ends) }

// At returns a value.
func (t *Texts) At(i int) []byte { return t.at(uint32(i)) }

func (t *Texts) at(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = t.Ends[i-1]
	}
	return t.Bytes[start:t.Ends[i]]
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
