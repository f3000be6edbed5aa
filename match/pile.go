package match

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// Scratch is a file that lives as long as one match: what memory does not hold
// is written to it, and read again. *os.File is one.
type Scratch interface {
	io.WriterAt
	io.ReaderAt
}

// chunkBytes is how much of a pile is written or read at a time.
const chunkBytes = 32 << 10

// chunk is some whole entries of a pile: in memory, or in the scratch file.
type chunk struct {
	mem []byte
	at  int64
	n   int
}

// storage holds the chunks of all piles, so many bytes of them in memory.
type storage struct {
	mu      sync.Mutex
	free    int64 // bytes that may still stay in memory
	scratch Scratch
	end     int64 // of what the scratch file holds
}

// pile is a list of packed entries that grows at its end.
type pile struct {
	in     *storage
	chunks []chunk
	open   []byte
}

// room returns the open chunk with room for need more bytes; hand the longer
// slice back to p.open.
func (p *pile) room(need int) ([]byte, error) {
	need += slack
	if cap(p.open)-len(p.open) >= need {
		return p.open, nil
	}
	if len(p.open) > 0 {
		if err := p.seal(); err != nil {
			return nil, err
		}
	}
	if cap(p.open) < need {
		p.open = make([]byte, 0, max(chunkBytes, need))
	}
	return p.open, nil
}

// seal ends the open chunk; its memory is used again if the chunk is written.
func (p *pile) seal() error {
	s := p.in
	s.mu.Lock()
	keep := s.scratch == nil || s.free >= int64(cap(p.open))
	at := s.end
	if keep {
		s.free -= int64(cap(p.open))
	} else {
		s.end += int64(len(p.open))
	}
	s.mu.Unlock()
	if keep {
		p.chunks = append(p.chunks, chunk{mem: p.open, n: len(p.open)})
		p.open = nil
		return nil
	}
	if _, err := s.scratch.WriteAt(p.open, at); err != nil {
		return fmt.Errorf("write to the scratch file: %w", err)
	}
	p.chunks = append(p.chunks, chunk{at: at, n: len(p.open)})
	p.open = p.open[:0]
	return nil
}

// walk reads a pile from its start, chunk by chunk. Its zero value with a pile
// is ready.
type walk struct {
	pile *pile
	next int
	buf  []byte
}

// chunk returns the next chunk, or nil at the end; it is valid until the next
// call, and can be looked at for slack bytes behind its end.
func (w *walk) chunk() ([]byte, error) {
	p := w.pile
	if w.next > len(p.chunks) {
		return nil, nil
	}
	w.next++
	if w.next > len(p.chunks) {
		return p.open, nil
	}
	c := p.chunks[w.next-1]
	if c.mem != nil {
		return c.mem, nil
	}
	if cap(w.buf) < c.n+slack {
		w.buf = make([]byte, max(c.n, chunkBytes)+slack)
	}
	if _, err := p.in.scratch.ReadAt(w.buf[:c.n], c.at); err != nil {
		return nil, fmt.Errorf("read from the scratch file: %w", err)
	}
	return w.buf[:c.n], nil
}

// cells is one row as matching sees it.
type cells struct {
	row      int32 // number in the row set
	kind     schemas.Kind
	status   schemas.Status
	currency uint8
	amount   int64
	time     int64 // schemas.NoTime if there is none
	date     bizday.Date
	fee      fee
	key      []byte
}

// A packed row is a head of 7 bytes, five numbers of as many bytes as they
// need, and the key:
//
//	0 kind   1 status   2 currency   3 flags
//	4 bytes of the row's distance (low half) and of the amount (high half)
//	5 bytes of the time, and of the fee
//	6 bytes of the key's length, and of what few rows have: date and fee's rest
//
// Lengths stand before the values, so that packing and unpacking branch on
// nothing that varies from row to row: half the time of one variable-length
// integer after the other.
const (
	packedHead = 7
	// maxPacked is the room that packing a row takes without its key: every
	// number is stored in 8 bytes, of which only the low ones stay.
	maxPacked = packedHead + 6*8
	// slack is how many bytes behind a packed row may be looked at.
	slack = 8
)

// Flags of a packed row.
const (
	packedFee     = 1 << iota
	packedTime    // absent: schemas.NoTime
	packedSeconds // the time is whole seconds
	packedDate
)

// pack writes a row to the end of b, which has room for maxPacked and the key.
// Rows come in order; before is the row packed before, base a time near the
// others.
func (x *cells) pack(b []byte, before int32, base int64) []byte {
	at := len(b)
	b = b[:at+maxPacked]
	head := b[at : at+packedHead : at+packedHead]
	flags, t := byte(0), x.time-base
	if x.fee.set {
		flags |= packedFee
	}
	if x.time == schemas.NoTime {
		t = 0
	} else {
		flags |= packedTime
		if t%1_000_000 == 0 {
			flags, t = flags|packedSeconds, t/1_000_000
		}
	}
	var rare uint64 // the date above, the fee's rest below
	if x.date != bizday.None || x.fee.sub != 0 {
		rare = uint64(uint32(x.fee.sub))
		if x.date != bizday.None {
			flags |= packedDate
			rare |= uint64(uint32(x.date)) << 32
		}
	}
	head[0], head[1], head[2], head[3] = byte(x.kind), byte(x.status), x.currency, flags
	at += packedHead
	n, m := 0, 0
	at, n = put(b, at, uint64(x.row-before))
	at, m = put(b, at, uint64(x.amount))
	head[4] = byte(n | m<<4)
	at, n = put(b, at, zigzag(t))
	at, m = put(b, at, zigzag(x.fee.minor))
	head[5] = byte(n | m<<4)
	at, n = put(b, at, uint64(len(x.key)))
	at, m = put(b, at, rare)
	head[6] = byte(n | m<<4)
	return append(b[:at], x.key...)
}

// unpack reads the row at the start of b and returns how long it is. b goes on
// for at least slack bytes behind the last row. The key points into b.
func (x *cells) unpack(b []byte, base int64) int {
	flags := b[3]
	x.kind, x.status, x.currency = schemas.Kind(b[0]), schemas.Status(b[1]), b[2]
	l4, l5, l6 := int(b[4]), int(b[5]), int(b[6])
	at := packedHead
	x.row += int32(take(b, at, l4&15))
	at += l4 & 15
	x.amount = int64(take(b, at, l4>>4))
	at += l4 >> 4
	t := unzigzag(take(b, at, l5&15))
	at += l5 & 15
	x.fee = fee{minor: unzigzag(take(b, at, l5>>4)), set: flags&packedFee != 0}
	at += l5 >> 4
	n := int(take(b, at, l6&15))
	at += l6 & 15
	if flags&packedSeconds != 0 {
		t *= 1_000_000
	}
	x.time, x.date = base+t, bizday.None
	if flags&packedTime == 0 {
		x.time = schemas.NoTime
	}
	rare := take(b, at, l6>>4)
	at += l6 >> 4
	x.fee.sub = int32(uint32(rare))
	if flags&packedDate != 0 {
		x.date = bizday.Date(int32(rare >> 32))
	}
	x.key = b[at : at+n]
	return at + n
}

// put stores v at b[at:] in as few bytes as it needs, and returns where the
// next value goes.
func put(b []byte, at int, v uint64) (next, size int) {
	binary.LittleEndian.PutUint64(b[at:], v)
	size = (bits.Len64(v) + 7) >> 3
	return at + size, size
}

// take reads a value of size bytes.
func take(b []byte, at, size int) uint64 {
	return binary.LittleEndian.Uint64(b[at:]) & masks[size&15]
}

// masks keeps so many low bytes.
var masks = [16]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
