package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// DELTA_BINARY_PACKED: differences in blocks of 256, each as its distance to
// the block's smallest, bit-packed in miniblocks of 64. Sixty-four values of w
// bits are w whole words, so packing has no ragged end.
const (
	blockValues = 256
	miniValues  = 64
	minis       = blockValues / miniValues
)

// AppendInts packs numbers of 64 bits, or of 32, whose differences wrap there.
func AppendInts[T ~int32 | ~int64](dst []byte, values []T) []byte {
	if len(values) == 0 {
		return appendIntsHead(dst, 0, 0)
	}
	dst = appendIntsHead(dst, len(values), int64(values[0]))
	var block [blockValues]int64
	for ; len(values) > 1; values = values[min(len(values)-1, blockValues):] {
		dst = appendBlock(dst, &block, values[:min(len(values), blockValues+1)])
	}
	return dst
}

func appendIntsHead(dst []byte, n int, first int64) []byte {
	dst = binary.AppendUvarint(dst, blockValues)
	dst = binary.AppendUvarint(dst, minis)
	dst = binary.AppendUvarint(dst, uint64(n))
	return binary.AppendVarint(dst, first)
}

// appendStep packs n numbers that are alike, all but the first.
func appendStep(dst []byte, first, then, n int) []byte {
	var values [blockValues + 1]int64
	for i := range values {
		values[i] = int64(then)
	}
	values[0] = int64(first)
	dst = appendIntsHead(dst, n, values[0])
	var block [blockValues]int64
	dst = appendBlock(dst, &block, values[:min(n, len(values))])
	for n -= len(values); n > 0; n -= blockValues {
		dst = append(dst, make([]byte, 1+minis)...) // no difference, in no bits
	}
	return dst
}

// appendBlock packs the differences between neighbours.
func appendBlock[T ~int32 | ~int64](dst []byte, block *[blockValues]int64, values []T) []byte {
	n := len(values) - 1
	least, most := int64(math.MaxInt64), [minis]int64{}
	for m := 0; m*miniValues < n; m++ {
		from, end := m*miniValues, min((m+1)*miniValues, n)
		var low int64
		low, most[m] = differences(block[from:end], values[from:end+1])
		least = min(least, low)
	}
	dst = binary.AppendVarint(dst, least)
	widths := len(dst)
	dst = append(dst, make([]byte, minis)...)
	for m := 0; m*miniValues < n; m++ {
		from, end := m*miniValues, (m+1)*miniValues
		for i := n; i < end; i++ {
			block[i] = least
		}
		w := uint(bits.Len64(uint64(most[m] - least)))
		dst[widths+m] = byte(w)
		dst = appendBits(dst, (*[miniValues]int64)(block[from:end]), least, w)
	}
	return dst
}

// differences fills to with the differences between neighbours, and returns
// the least and the most. Inlined it would keep them in memory, for want of
// registers, at twice the time.
//
//go:noinline
func differences[T ~int32 | ~int64](to []int64, values []T) (least, most int64) {
	least, most = math.MaxInt64, math.MinInt64
	last, values := values[0], values[1:len(to)+1]
	for i, v := range values {
		d := int64(v - last)
		last = v
		to[i] = d
		least, most = min(least, d), max(most, d)
	}
	return least, most
}

// appendBits appends the distances of 64 values to the least in w bits each.
// Each is put in place by one store of eight bytes that the next ones run
// over: there is no branch that a processor could guess wrong. That holds 56
// bits, so two narrow values go at once; what is wider takes the way with a
// branch.
func appendBits(dst []byte, values *[miniValues]int64, least int64, w uint) []byte {
	if w == 0 {
		return dst
	}
	if w > 56 {
		return appendWideBits(dst, values, least, w)
	}
	at := len(dst)
	dst = grow(dst, int(8*w)+8)[:at+int(8*w)+8]
	to := dst[at:]
	if w <= 28 {
		putPairs(to, values, least, w)
	} else {
		putBits(to, values, least, w)
	}
	return dst[:at+int(8*w)]
}

func putBits(to []byte, values *[miniValues]int64, least int64, w uint) {
	var word uint64
	bit := uint(0)
	for _, v := range values {
		word |= uint64(v-least) << (bit & 7)
		at := bit >> 3
		binary.LittleEndian.PutUint64(to[at:at+8], word)
		next := bit + w
		word >>= (next&^7 - bit&^7) & 63
		bit = next
	}
}

func putPairs(to []byte, values *[miniValues]int64, least int64, w uint) {
	var word uint64
	bit := uint(0)
	for i := 0; i < len(values); i += 2 {
		pair := uint64(values[i]-least) | uint64(values[i+1]-least)<<(w&63)
		word |= pair << (bit & 7)
		at := bit >> 3
		binary.LittleEndian.PutUint64(to[at:at+8], word)
		next := bit + 2*w
		word >>= (next&^7 - bit&^7) & 63
		bit = next
	}
}

func appendWideBits(dst []byte, values *[miniValues]int64, least int64, w uint) []byte {
	var word uint64
	var used uint
	for _, v := range values {
		d := uint64(v - least)
		word |= d << used
		if used += w; used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, word)
			used -= 64
			word = d >> (w - used)
		}
	}
	return dst
}

var errCount = errors.New("a page holds another number of values than its header says")

// intsHead is what stands before the blocks.
type intsHead struct {
	first      int64
	parts, per int // miniblocks of a block, and values of a miniblock
}

// readIntsHead reads the head of n numbers. Blocks may have any size that the
// format allows.
func readIntsHead(b []byte, n int) (h intsHead, rest []byte, err error) {
	var head [3]uint64
	for i := range head {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return h, nil, errCut
		}
		head[i], b = v, b[size:]
	}
	first, size := binary.Varint(b)
	if size <= 0 {
		return h, nil, errCut
	}
	block, parts := head[0], head[1]
	if block == 0 || block > 1<<16 || parts == 0 || parts > 512 || block%parts != 0 || block/parts%8 != 0 {
		return h, nil, fmt.Errorf("blocks of %d values in %d parts", block, parts)
	}
	if head[2] != uint64(n) {
		return h, nil, errCount
	}
	return intsHead{first: first, parts: int(parts), per: int(block / parts)}, b[size:], nil
}

// block reads the head of a block: its smallest difference, and the width of
// each miniblock.
func (h *intsHead) block(b []byte) (least int64, widths, rest []byte, err error) {
	least, size := binary.Varint(b)
	if size <= 0 || len(b)-size < h.parts {
		return 0, nil, nil, errCut
	}
	return least, b[size : size+h.parts], b[size+h.parts:], nil
}

// packed returns the bytes of a miniblock of values of w bits.
func (h *intsHead) packed(b []byte, w byte) (size int, err error) {
	if size = h.per / 8 * int(w); w > 64 || size > len(b) {
		return 0, errCut
	}
	return size, nil
}

// Int64s appends the n numbers at the start of b to dst, and returns what
// follows them.
func Int64s(dst []int64, b []byte, n int) ([]int64, []byte, error) {
	head, b, err := readIntsHead(b, n)
	if err != nil || n == 0 {
		return dst, b, err
	}
	last := head.first
	dst = append(grow(dst, n), last)
	for n--; n > 0; {
		least, widths, rest, err := head.block(b)
		if err != nil {
			return dst, nil, err
		}
		b = rest
		for _, w := range widths {
			if n == 0 {
				break
			}
			size, err := head.packed(b, w)
			if err != nil {
				return dst, nil, err
			}
			take := min(n, head.per)
			dst = appendSums(dst, b, take, uint(w), least, last)
			last = dst[len(dst)-1]
			b, n = b[size:], n-take
		}
	}
	return dst, b, nil
}

// appendSums unpacks n differences and adds them up. b may go on behind them.
func appendSums(dst []int64, b []byte, n int, w uint, least, last int64) []int64 {
	at := len(dst)
	dst = dst[:at+n] // there is room
	to := dst[at:]
	if w == 0 {
		for i := range to {
			last += least
			to[i] = last
		}
		return dst
	}
	quick := min(n, quickValues(b, w))
	mask := uint64(1)<<w - 1
	bit := uint(0)
	for i := range to[:quick] {
		at := bit >> 3
		v := binary.LittleEndian.Uint64(b[at:at+8]) >> (bit & 7) & mask
		last += int64(v) + least
		to[i] = last
		bit += w
	}
	for i := quick; i < n; i++ {
		last += int64(bitsAt(b, uint(i)*w, w)) + least
		to[i] = last
	}
	return dst
}

// quickValues is how many values of w bits can be taken from one load of 8
// bytes, which holds a value whole up to 57 bits; the last ones, behind which
// there are no 8 bytes, are taken slowly.
func quickValues(b []byte, w uint) int {
	if w == 0 || w > 57 || len(b) < 8 {
		return 0
	}
	return ((len(b)-8)*8+7)/int(w) + 1
}

// bitsAt takes w bits that begin at a bit of b.
func bitsAt(b []byte, bit, w uint) uint64 {
	var v uint64
	for got := uint(0); got < w; {
		free := 8 - bit&7
		part := uint64(b[bit>>3]) >> (bit & 7)
		v |= part << got
		got += free
		bit += free
	}
	if w < 64 {
		v &= 1<<w - 1
	}
	return v
}
