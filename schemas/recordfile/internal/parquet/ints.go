package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
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

// AppendInt64s packs 64-bit numbers; AppendInt32s numbers that stand in a
// 32-bit column, whose differences wrap at 32 bits.
func AppendInt64s(dst []byte, values []int64) []byte { return appendDeltas(dst, values, 0) }

// AppendInt32s packs values that fit into 32 bits.
func AppendInt32s(dst []byte, values []int64) []byte { return appendDeltas(dst, values, 32) }

// appendDeltas packs differences that lose their upper narrow bits.
func appendDeltas(dst []byte, values []int64, narrow uint) []byte {
	dst = binary.AppendUvarint(dst, blockValues)
	dst = binary.AppendUvarint(dst, minis)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return binary.AppendVarint(dst, 0)
	}
	dst = binary.AppendVarint(dst, values[0])
	var block [blockValues]uint64
	for last, rest := values[0], values[1:]; len(rest) > 0; {
		n := min(len(rest), blockValues)
		least := differences(block[:n], rest[:n], last, narrow)
		dst = appendBlock(dst, &block, n, least, narrow)
		last, rest = rest[n-1], rest[n:]
	}
	return dst
}

// differences fills to with the differences between neighbours and returns the
// least.
func differences(to []uint64, values []int64, last int64, narrow uint) (least int64) {
	values = values[:len(to)]
	least = int64(^uint64(0) >> 1)
	for i := range to {
		d := (values[i] - last) << narrow >> narrow
		last = values[i]
		to[i] = uint64(d)
		least = min(least, d)
	}
	return least
}

func appendBlock(dst []byte, block *[blockValues]uint64, n int, least int64, narrow uint) []byte {
	dst = binary.AppendVarint(dst, least)
	widths := len(dst)
	dst = append(dst, make([]byte, minis)...)
	clear(block[n:])
	for m := 0; m*miniValues < n; m++ {
		mini := (*[miniValues]uint64)(block[m*miniValues:])
		var all uint64
		for i := range mini[:min(n-m*miniValues, miniValues)] {
			mini[i] = (mini[i] - uint64(least)) << narrow >> narrow
			all |= mini[i]
		}
		w := uint(bits.Len64(all))
		dst[widths+m] = byte(w)
		dst = appendBits64(dst, mini, w)
	}
	return dst
}

// appendBits64 appends 64 values of w bits.
func appendBits64(dst []byte, values *[miniValues]uint64, w uint) []byte {
	if w == 0 {
		return dst
	}
	var word uint64
	var used uint
	for _, v := range values {
		word |= v << used
		if used += w; used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, word)
			used -= 64
			word = v >> (w - used)
		}
	}
	return dst
}

var errCount = errors.New("a page holds another number of values than its header says")

// Int64s appends the n numbers at the start of b to dst, and returns what
// follows them. Blocks may have any size that the format allows.
func Int64s(dst []int64, b []byte, n int) ([]int64, []byte, error) {
	var head [3]uint64
	for i := range head {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return dst, nil, errCut
		}
		head[i], b = v, b[size:]
	}
	last, size := binary.Varint(b)
	if size <= 0 {
		return dst, nil, errCut
	}
	b = b[size:]
	block, parts := head[0], head[1]
	if block == 0 || block > 1<<16 || parts == 0 || parts > 512 || block%parts != 0 || block/parts%8 != 0 {
		return dst, nil, fmt.Errorf("blocks of %d values in %d parts", block, parts)
	}
	if head[2] != uint64(n) {
		return dst, nil, errCount
	}
	if n == 0 {
		return dst, b, nil
	}
	dst = append(dst, last)
	for n--; n > 0; {
		least, size := binary.Varint(b)
		if size <= 0 || len(b)-size < int(parts) {
			return dst, nil, errCut
		}
		widths := b[size : size+int(parts)]
		b = b[size+int(parts):]
		for _, w := range widths {
			if n == 0 {
				break
			}
			per := int(block / parts)
			packed := per / 8 * int(w)
			if w > 64 || packed > len(b) {
				return dst, nil, errCut
			}
			take := min(n, per)
			dst = appendSums(dst, b, take, uint(w), least, last)
			last = dst[len(dst)-1]
			b, n = b[packed:], n-take
		}
	}
	return dst, b, nil
}

// appendSums unpacks n differences and adds them up. b may go on behind them.
func appendSums(dst []int64, b []byte, n int, w uint, least, last int64) []int64 {
	at := len(dst)
	dst = append(dst, make([]int64, n)...)
	to := dst[at:]
	if w == 0 {
		for i := range to {
			last += least
			to[i] = last
		}
		return dst
	}
	// A value is taken from one load of 8 bytes, which holds it whole up to 57
	// bits; the last ones, behind which there are no 8 bytes, are taken slowly.
	quick := 0
	if w <= 57 && len(b) >= 8 {
		quick = min(n, ((len(b)-8)*8+7)/int(w)+1)
	}
	mask := uint64(1)<<w - 1
	bit := uint(0)
	for i := range to[:quick] {
		v := binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7) & mask
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
