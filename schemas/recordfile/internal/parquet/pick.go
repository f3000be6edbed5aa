package parquet

import "encoding/binary"

// What stands here takes a few values out of a page and leaves the others
// packed. at are their places among the values of the page, ascending and
// below their number. The bytes behind the last of them are not looked at.

// PickInts appends those of the n numbers at the start of b. The differences
// between are added up, not stored.
func PickInts(dst []int64, b []byte, n int, at []int32) ([]int64, error) {
	head, b, err := readIntsHead(b, n)
	if err != nil {
		return dst, err
	}
	last, next := head.first, 1 // a number, and the place of the one behind it
	for ; len(at) > 0 && at[0] == 0; at = at[1:] {
		dst = append(dst, last)
	}
	for len(at) > 0 {
		least, widths, rest, err := head.block(b)
		if err != nil {
			return dst, err
		}
		b = rest
		for _, w := range widths {
			size, err := head.packed(b, w)
			if err != nil {
				return dst, err
			}
			done := 0
			for len(at) > 0 && int(at[0]) < next+head.per {
				end := int(at[0]) - next + 1
				last += sumOf(b, done, end, uint(w)) + int64(end-done)*least
				dst, at, done = append(dst, last), at[1:], end
			}
			if len(at) == 0 {
				break
			}
			last += sumOf(b, done, head.per, uint(w)) + int64(head.per-done)*least
			next += head.per
			b = b[size:]
		}
	}
	return dst, nil
}

// sumOf adds up the values [from, end) of w bits. b may go on behind them.
func sumOf(b []byte, from, end int, w uint) (sum int64) {
	if w == 0 {
		return 0
	}
	quick := min(end, quickValues(b, w))
	mask, bit := uint64(1)<<w-1, uint(from)*w
	for ; from < quick; from++ {
		at := bit >> 3
		sum += int64(binary.LittleEndian.Uint64(b[at:at+8]) >> (bit & 7) & mask)
		bit += w
	}
	for ; from < end; from++ {
		sum += int64(bitsAt(b, uint(from)*w, w))
	}
	return sum
}

// PickCodes appends those of n values that Codes would append.
func PickCodes(dst []uint32, b []byte, n int, w uint, most uint64, at []int32) ([]uint32, error) {
	next := 0 // the place of the run's first value
	for len(at) > 0 {
		r, rest, err := nextRun(b, n-next, w)
		if err != nil {
			return dst, err
		}
		for len(at) > 0 && int(at[0]) < next+r.count {
			v := r.value
			if !r.equal {
				v = bitsAt(r.bits, uint(int(at[0])-next)*w, w)
			}
			if v > most {
				return dst, errCode
			}
			dst, at = append(dst, uint32(v)), at[1:]
		}
		b, next = rest, next+r.count
	}
	return dst, nil
}

// PickPlainInts does what PlainInts does.
func PickPlainInts(dst []int64, b []byte, n, size int, at []int32) ([]int64, error) {
	if len(b) != n*size {
		return dst, errCount
	}
	for _, i := range at {
		dst, _ = PlainInts(dst, b[int(i)*size:int(i+1)*size], 1, size)
	}
	return dst, nil
}

// PickDeltas appends n rows. Those that flags name have the values at those
// places of a DELTA_BYTE_ARRAY page; flags is nil if all rows have one.
func (t *Texts) PickDeltas(b []byte, values int, at []int32, n int, flags []uint8) error {
	if a, ok := readAlike(b, values); ok {
		return a.appendTo(t, at, n, flags)
	}
	tails, _, err := t.lengths(b, values)
	if err != nil {
		return err
	}
	var size int64
	for _, i := range at {
		size += t.prefix[i] + t.rest[i]
	}
	if err := t.room(n, size); err != nil {
		return err
	}
	ends, from, tail := t.more(n), 0, 0 // the rests before place from are tail bytes
	var last []byte                     // the value before place from
	for i := range ends {
		if flags == nil || flags[i] != 0 {
			end := int(at[0]) + 1
			tail += total(t.rest[from:end])
			start := len(t.Bytes)
			t.Bytes = t.Bytes[:start+int(t.prefix[end-1]+t.rest[end-1])]
			value := t.Bytes[start:]
			missing := walkBack(value, tails[:tail], t.prefix[from:end], t.rest[from:end])
			copy(value[:missing], last)
			at, from, last = at[1:], end, value
		}
		ends[i] = uint32(len(t.Bytes))
	}
	return nil
}

// total adds up lengths.
func total(lengths []int64) (sum int) {
	for _, n := range lengths {
		sum += int(n)
	}
	return sum
}

// walkBack fills value, whose lengths come last, from the end: its own rest,
// then what the rests before it have of its prefix. How many bytes stay
// missing, those the value before all of them has. The lengths have been
// checked against each other and the bytes that are there.
func walkBack(value, tails []byte, prefix, rest []int64) (missing int) {
	missing, end := len(value), len(tails)
	rest = rest[:len(prefix)]
	for i := len(prefix) - 1; i >= 0 && missing > 0; i-- {
		end -= int(rest[i])
		if p := int(prefix[i]); p < missing {
			copy(value[p:missing], tails[end:])
			missing = p
		}
	}
	return missing
}

// PickPlain does what PickDeltas does for a PLAIN page.
func (t *Texts) PickPlain(b []byte, values int, at []int32, n int, flags []uint8) error {
	var all Texts
	if err := all.Plain(b, values, values, nil); err != nil {
		return err
	}
	codes := make([]uint32, len(at))
	for i, place := range at {
		codes[i] = uint32(place)
	}
	return t.Pick(&all, codes, n, flags)
}
