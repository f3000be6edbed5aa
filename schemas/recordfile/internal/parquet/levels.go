package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// AppendPresence writes which of n rows have a value: present of them do, and
// bit i of mask says whether row i does. The mask is not looked at if all rows
// or none have one.
func AppendPresence(dst []byte, n, present int, mask []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	switch present {
	case 0:
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 0)
	case n:
		dst = append(binary.AppendUvarint(dst, uint64(n)<<1), 1)
	default:
		bytes := (n + 7) / 8
		dst = append(binary.AppendUvarint(dst, uint64(bytes)<<1|1), mask[:bytes]...)
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// Presence reads which of n rows have a value. flags is 1 or 0 a row, in the
// memory of buf, and nil if all rows have one. rest follows.
func Presence(b []byte, n int, buf []byte) (flags []byte, present int, rest []byte, err error) {
	if len(b) < 4 {
		return nil, 0, nil, errCut
	}
	size := binary.LittleEndian.Uint32(b)
	if uint64(size) > uint64(len(b)-4) {
		return nil, 0, nil, errCut
	}
	levels, rest := b[4:4+size], b[4+size:]
	if v, runs := oneRun(levels, n, 1); runs {
		if v == 1 {
			return nil, n, rest, nil
		}
		flags = grow(buf[:0], n)[:n]
		clear(flags)
		return flags, 0, rest, nil
	}
	if mask, ok := oneMask(levels, n); ok {
		return spread(grow(buf[:0], n+7), mask, n), ones(mask, n), rest, nil
	}
	flags, err = Codes(buf[:0], levels, n, 1, 1)
	for _, f := range flags {
		present += int(f)
	}
	return flags, present, rest, err
}

// oneMask finds the bits of a page that is one bit-packed run.
func oneMask(levels []byte, n int) (mask []byte, ok bool) {
	head, size := binary.Uvarint(levels)
	bytes := (n + 7) / 8
	if size <= 0 || head != uint64(bytes)<<1|1 || len(levels)-size < bytes {
		return nil, false
	}
	return levels[size : size+bytes], true
}

// spread makes a byte of each of n bits, eight at a time: the product repeats
// the eight bits in each byte, the mask keeps another one in each, and the sum
// carries what is there into the topmost bit.
func spread(to []uint8, mask []byte, n int) []uint8 {
	to = to[:0]
	for _, m := range mask {
		x := uint64(m) * 0x0101010101010101 & 0x8040201008040201
		to = binary.LittleEndian.AppendUint64(to, (x+0x7f7f7f7f7f7f7f7f)>>7&0x0101010101010101)
	}
	return to[:n]
}

// ones counts the first n bits that are set.
func ones(mask []byte, n int) (count int) {
	for _, m := range mask {
		count += bits.OnesCount8(m)
	}
	if extra := n & 7; extra > 0 {
		count -= bits.OnesCount8(mask[len(mask)-1] >> extra)
	}
	return count
}

// AppendCodes packs dictionary codes; most is the largest.
func AppendCodes(dst []byte, codes []uint8, most uint8) []byte {
	w := uint(1)
	for most>>w > 0 {
		w++
	}
	dst = append(dst, byte(w))
	if same(codes) {
		dst = binary.AppendUvarint(dst, uint64(len(codes))<<1)
		return append(dst, codes[0])
	}
	groups := (len(codes) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	for ; len(codes) >= 8; codes = codes[8:] {
		dst = appendEight(dst, (*[8]uint8)(codes), w)
	}
	if len(codes) > 0 {
		var last [8]uint8
		copy(last[:], codes)
		dst = appendEight(dst, &last, w)
	}
	return dst
}

// appendEight packs eight codes, which take w bytes.
func appendEight(dst []byte, codes *[8]uint8, w uint) []byte {
	var word uint64
	for i, c := range codes {
		word |= uint64(c) << (uint(i) * w)
	}
	var packed [8]byte
	binary.LittleEndian.PutUint64(packed[:], word)
	return append(dst, packed[:w]...)
}

func same[C ~uint8 | ~uint32](codes []C) bool {
	for _, c := range codes {
		if c != codes[0] {
			return false
		}
	}
	return len(codes) > 0
}

var errCode = errors.New("a code stands for no entry of the dictionary")

// oneRun tells whether all n values are one run of a value.
func oneRun(b []byte, n int, w uint) (v uint64, ok bool) {
	head, size := binary.Uvarint(b)
	bytes := int(w+7) / 8
	if size <= 0 || head&1 != 0 || head>>1 != uint64(n) || len(b) < size+bytes {
		return 0, false
	}
	return bitsAt(b[size:], 0, w), true
}

// run is a stretch of values, all equal or bit-packed.
type run struct {
	count int
	equal bool
	value uint64 // of equal ones
	bits  []byte // of the others, and what follows
}

// nextRun reads the head of a run of values of w bits, of which n are left.
func nextRun(b []byte, n int, w uint) (r run, rest []byte, err error) {
	if w > 32 {
		return r, nil, fmt.Errorf("codes of %d bits", w)
	}
	head, size := binary.Uvarint(b)
	if size <= 0 {
		return r, nil, errCut
	}
	b = b[size:]
	if head&1 == 0 {
		bytes := int(w+7) / 8
		if bytes > len(b) {
			return r, nil, errCut
		}
		if head == 0 {
			return r, nil, errCode
		}
		return run{count: int(min(head>>1, uint64(n))), equal: true, value: bitsAt(b, 0, w)}, b[bytes:], nil
	}
	groups := head >> 1
	if groups == 0 || groups > uint64(n+7)/8 || groups*uint64(w) > uint64(len(b)) {
		return r, nil, errCut
	}
	return run{count: min(int(groups)*8, n), bits: b}, b[groups*uint64(w):], nil
}

// Codes appends n values of w bits, in runs and bit-packed, none above most.
func Codes[C ~uint8 | ~uint32](dst []C, b []byte, n int, w uint, most uint64) ([]C, error) {
	for n > 0 {
		r, rest, err := nextRun(b, n, w)
		if err != nil {
			return dst, err
		}
		at := len(dst)
		dst = slices.Grow(dst, r.count)[:at+r.count]
		switch {
		case r.equal && r.value <= most:
			fill(dst[at:], C(r.value))
		case r.equal || !unpackCodes(dst[at:], r.bits, w, most):
			return dst, errCode
		}
		b, n = rest, n-r.count
	}
	return dst, nil
}

// fill sets all values, a stretch twice as long each time.
func fill[C any](to []C, v C) {
	if len(to) == 0 {
		return
	}
	to[0] = v
	for n := 1; n < len(to); n *= 2 {
		copy(to[n:], to[:n])
	}
}

// unpackCodes takes values of w bits; false if one is above most.
func unpackCodes[C ~uint8 | ~uint32](to []C, b []byte, w uint, most uint64) bool {
	n := len(to)
	quick := min(n, quickValues(b, w))
	mask, largest, bit := uint64(1)<<w-1, uint64(0), uint(0)
	for i := range to[:quick] {
		at := bit >> 3
		v := binary.LittleEndian.Uint64(b[at:at+8]) >> (bit & 7) & mask
		largest = max(largest, v)
		to[i] = C(v)
		bit += w
	}
	for i := quick; i < n; i++ {
		v := bitsAt(b, uint(i)*w, w)
		largest = max(largest, v)
		to[i] = C(v)
	}
	return largest <= most
}
