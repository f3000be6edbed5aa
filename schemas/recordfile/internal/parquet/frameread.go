package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/compress/huff0"
)

// frameReader reads frames as frameWriter writes them. A frame with anything
// else in it, or with a fault, it leaves to the general decoder.
type frameReader struct {
	in       []byte // what is not read yet
	out      []byte
	room     []byte // out with what comes, and spareRoom
	distance int    // of the match before
	huffman  *huff0.Scratch
	table    bool // huffman has the table of the literals before
	literals []byte
}

// spareRoom is what may be spoiled behind the end: the stores for one match.
const spareRoom = 64

// read returns the content of a frame of so many bytes in the memory of buf,
// which has spareRoom more.
func (f *frameReader) read(frame, buf []byte, size int) (body []byte, ok bool) {
	if len(frame) < frameStart || string(frame[:len(frameHead)]) != frameHead ||
		binary.LittleEndian.Uint32(frame[len(frameHead):]) != uint32(size) || cap(buf) < size+spareRoom {
		return nil, false
	}
	f.in, f.room, f.out, f.distance, f.table = frame[frameStart:], buf[:size+spareRoom], buf[:0], 0, false
	for {
		if len(f.in) < blockStart {
			return nil, false
		}
		head := uint32(f.in[0]) | uint32(f.in[1])<<8 | uint32(f.in[2])<<16
		n := int(head >> 3)
		if n > min(len(f.in)-blockStart, blockMost) {
			return nil, false
		}
		block := f.in[blockStart : blockStart+n]
		f.in = f.in[blockStart+n:]
		switch head >> 1 & 3 {
		case rawBlock:
			ok = f.append(block)
		case compressedBlock:
			ok = f.compressed(block)
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
		if head&lastOfFrame != 0 {
			return f.out, len(f.in) == 0 && len(f.out) == size
		}
	}
}

// left is how much of the content is to come.
func (f *frameReader) left() int { return len(f.room) - spareRoom - len(f.out) }

func (f *frameReader) append(b []byte) bool {
	if len(b) > f.left() {
		return false
	}
	f.out = append(f.out, b...)
	return true
}

func (f *frameReader) compressed(block []byte) bool {
	literals, b, ok := f.readLiterals(block)
	if !ok {
		return false
	}
	m, ok := f.readMatches(b)
	if !ok || m.times*m.literals > len(literals) || m.times*(m.literals+m.match) > f.left() {
		return false
	}
	if m.times > 0 {
		f.repeat(literals, m)
		literals = literals[m.times*m.literals:]
	}
	return f.append(literals)
}

// readLiterals gives the literals of a block and what follows them.
func (f *frameReader) readLiterals(b []byte) (literals, rest []byte, ok bool) {
	if len(b) < longSizesStart {
		return nil, nil, false
	}
	head := binary.LittleEndian.Uint32(b)
	kind, n := head&3, int(head>>4)
	switch {
	case head&(3<<2) != longSize:
		return nil, nil, false
	case kind == rawLiterals:
		n &= 1<<20 - 1
		if b = b[longSizeStart:]; n > len(b) {
			return nil, nil, false
		}
		f.literals = append(grow(f.literals[:0], n+2*mostLiterals), b[:n]...)
		return f.literals, b[n:], true
	case kind == newHuffman || kind == sameHuffman:
		n &= literalsMost
		size := int(head>>22) | int(b[4])<<10
		if b = b[longSizesStart:]; size > len(b) || n > blockMost {
			return nil, nil, false
		}
		return f.decode(b[:size], n, kind == newHuffman), b[size:], len(f.literals) == n
	}
	return nil, nil, false
}

// decode unpacks n literals; on a fault there are fewer.
func (f *frameReader) decode(b []byte, n int, table bool) []byte {
	f.literals = grow(f.literals[:0], n+2*mostLiterals)
	var err error
	if table {
		if f.huffman, b, err = huff0.ReadTable(b, f.huffman); err != nil {
			return nil
		}
		f.table = true
	}
	if !f.table {
		return nil
	}
	out, err := f.huffman.Decoder().Decompress4X(f.literals[:n:n], b)
	if err == nil {
		f.literals = f.literals[:len(out)]
	}
	return f.literals
}

// readMatches reads the sequences of a block, and refuses what matches does
// not hold.
func (f *frameReader) readMatches(b []byte) (m matches, ok bool) {
	if len(b) == 0 {
		return m, false
	}
	m.times, b = int(b[0]), b[1:]
	if m.times >= 128 {
		if len(b) == 0 || m.times == 255 {
			return m, false
		}
		m.times, b = (m.times-128)<<8|int(b[0]), b[1:]
	}
	if m.times == 0 {
		return m, len(b) == 0
	}
	if len(b) != 5 || b[0] != codesOnce || b[1] == 0 || b[1] > mostLiterals || b[3] > mostMatch-leastMatch {
		return m, false
	}
	m.literals, m.match = int(b[1]), int(b[3])+leastMatch
	distance := b[4]
	if bits.Len8(distance)-1 != int(b[2]) {
		return m, false
	}
	switch {
	case distance > newDistance && m.times == 1:
		f.distance = int(distance) - newDistance
	case distance != sameDistance || m.times > 1 && f.distance != m.literals+m.match:
		return m, false
	}
	return m, f.distance >= m.literals+m.match && f.distance <= len(f.out)+m.literals
}

// repeat appends literals and a match so many times. The match is the same
// bytes each time, which stay in registers: to load what was just stored, at
// another boundary, would wait for the stores.
func (f *frameReader) repeat(literals []byte, m matches) {
	at := len(f.out)
	from := f.room[at+m.literals-f.distance:][:mostMatch]
	a, b := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
	c, d := binary.LittleEndian.Uint64(from[16:]), binary.LittleEndian.Uint64(from[24:])
	literals = literals[:m.times*m.literals+mostLiterals+1]
	for range m.times {
		to := f.room[at : at+mostLiterals+1+mostMatch]
		in := literals[:mostLiterals+1]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(in))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(in[8:]))
		to = to[m.literals : m.literals+mostMatch]
		binary.LittleEndian.PutUint64(to, a)
		binary.LittleEndian.PutUint64(to[8:], b)
		binary.LittleEndian.PutUint64(to[16:], c)
		binary.LittleEndian.PutUint64(to[24:], d)
		literals = literals[m.literals:]
		at += m.literals + m.match
	}
	f.out = f.room[:at]
}
