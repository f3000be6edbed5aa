package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/compress/huff0"
)

// What is written and read here of the zstd format (RFC 8878): a frame is its
// head, the size of its content in four bytes, and blocks of at most 128 KiB of
// content, each behind three bytes. A compressed block has literals and then
// sequences: so many literals, and so many bytes as they stand a distance
// before. The literals that are left come last.
const (
	frameHead  = "\x28\xb5\x2f\xfd\xa0" // one segment, and a content size of four bytes
	frameStart = len(frameHead) + 4
	blockStart = 3
	blockMost  = 128 << 10

	lastOfFrame     = 1
	rawBlock        = 0
	compressedBlock = 2

	rawLiterals    = 0
	newHuffman     = 2
	sameHuffman    = 3         // the table is that of the literals before
	longSize       = 3 << 2    // of raw literals: 20 bits
	longSizes      = 3 << 2    // of others: four streams, and 18 bits for either size
	longSizeStart  = 3         // bytes
	longSizesStart = 5         // bytes
	literalsMost   = 1<<18 - 1 // what they hold

	codesOnce = 1<<6 | 1<<4 | 1<<2 // one code for the literals of all sequences, one for the distances, one for the matches
)

// matches are sequences that are alike: so many times literals, and a match.
type matches struct {
	times    int // at most mostMatches
	literals int // at most mostLiterals
	match    int // leastMatch to mostMatch
	distance int // at most mostDistance, and 0 if it is as before
}

// Up to these bounds no code has further bits, but for that of a distance: so a
// distance comes with a single match.
const (
	mostMatches  = 1<<15 - 1<<8 - 1
	mostLiterals = 15
	leastMatch   = 3
	mostMatch    = 32
	mostDistance = 255 - newDistance
	newDistance  = 3 // is added to a distance that is named
	sameDistance = 1
)

// frameWriter writes frames whose matches are known and need no search.
type frameWriter struct {
	out     []byte // the frame
	block   int    // where its last one begins
	huffman huff0.Scratch
	digits  bool   // the last table is that of digits
	own     []byte // see pattern
}

// begin starts a frame of so many bytes of content.
func (f *frameWriter) begin(size int) {
	f.out = binary.LittleEndian.AppendUint32(append(f.out[:0], frameHead...), uint32(size))
	f.huffman.Reuse = huff0.ReusePolicyNone // of another frame's table
	f.digits = false
}

func (f *frameWriter) beginBlock() {
	f.block = len(f.out)
	f.out = append(f.out, 0, 0, 0)
}

func (f *frameWriter) endBlock(kind int, last bool) {
	head := uint32(len(f.out)-f.block-blockStart)<<3 | uint32(kind)<<1
	if last {
		head |= lastOfFrame
	}
	to := f.out[f.block:]
	to[0], to[1], to[2] = byte(head), byte(head>>8), byte(head>>16)
}

// raw writes bytes as they are.
func (f *frameWriter) raw(b []byte, last bool) {
	for {
		n := min(len(b), blockMost)
		f.beginBlock()
		f.out = append(f.out, b[:n]...)
		b = b[n:]
		f.endBlock(rawBlock, last && len(b) == 0)
		if len(b) == 0 {
			return
		}
	}
}

// coded writes bytes as frequent as they are, at the end of a frame.
func (f *frameWriter) coded(b []byte) {
	for {
		n := min(len(b), blockMost)
		f.compressed(b[:n], matches{}, n == len(b))
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
}

// compressed writes a block of literals and matches.
func (f *frameWriter) compressed(literals []byte, m matches, last bool) {
	f.beginBlock()
	f.literals(literals)
	if m.times >= 128 {
		f.out = append(f.out, byte(m.times>>8)|128)
	}
	f.out = append(f.out, byte(m.times))
	if m.times > 0 {
		distance := uint8(sameDistance)
		if m.distance > 0 {
			distance = uint8(m.distance + newDistance)
		}
		// The distance in binary is, but for the topmost bit, what its code
		// leaves out, and that bit marks the end of such bits.
		f.out = append(f.out, codesOnce, byte(m.literals), byte(bits.Len8(distance)-1), byte(m.match-leastMatch), distance)
	}
	f.endBlock(compressedBlock, last)
}

func (f *frameWriter) literals(b []byte) {
	if evenDigits(b) && f.digitLiterals(b) {
		return
	}
	packed, same, err := huff0.Compress4X(b, &f.huffman)
	if err != nil { // too few, or all alike
		head := rawLiterals | longSize | uint32(len(b))<<4
		f.out = append(append(f.out, byte(head), byte(head>>8), byte(head>>16)), b...)
		return
	}
	f.huffman.Reuse, f.digits = huff0.ReusePolicyAllow, false
	f.literalsHead(same, len(b), len(packed))
	f.out = append(f.out, packed...)
}

// digitLiterals writes literals if they are digits only.
func (f *frameWriter) digitLiterals(b []byte) bool {
	before := len(f.out)
	f.literalsHead(f.digits, len(b), 0)
	start := len(f.out)
	if !f.digits {
		f.out = append(f.out, digitWeights...)
	}
	streams, ok := appendDigits(f.out, b)
	f.out = streams[:before]
	if !ok {
		return false
	}
	f.literalsHead(f.digits, len(b), len(streams)-start)
	f.out = streams
	f.huffman.Reuse, f.digits = huff0.ReusePolicyNone, true
	return true
}

func (f *frameWriter) literalsHead(same bool, size, packed int) {
	kind := uint64(newHuffman)
	if same {
		kind = sameHuffman
	}
	head := kind | longSizes | uint64(size)<<4 | uint64(packed)<<22
	f.out = append(f.out, byte(head), byte(head>>8), byte(head>>16), byte(head>>24), byte(head>>32))
}
