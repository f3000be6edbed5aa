package match

import (
	"encoding/binary"
	"fmt"
	"io"
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
// call.
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
	if cap(w.buf) < c.n {
		w.buf = make([]byte, max(c.n, chunkBytes))
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

// Flags of a packed row.
const (
	packedFee = 1 << iota
	packedSub
	packedTime
	packedSeconds // the time is whole seconds
	packedDate
)

// maxPacked is the size of a packed row without its key.
const maxPacked = 4 + 7*binary.MaxVarintLen64

// pack appends a row to b: about 20 bytes and the key. Rows come in order;
// before is the row packed before, base a time near the others.
func (x *cells) pack(b []byte, before int32, base int64) []byte {
	flags := byte(0)
	if x.fee.set {
		flags |= packedFee
	}
	if x.fee.sub != 0 {
		flags |= packedSub
	}
	t := x.time - base
	if x.time != schemas.NoTime {
		if flags |= packedTime; t%1_000_000 == 0 {
			flags |= packedSeconds
			t /= 1_000_000
		}
	}
	if x.date != bizday.None {
		flags |= packedDate
	}
	b = append(b, flags, byte(x.kind), byte(x.status), x.currency)
	b = binary.AppendUvarint(b, uint64(x.row-before))
	b = binary.AppendUvarint(b, uint64(x.amount))
	if flags&packedTime != 0 {
		b = binary.AppendVarint(b, t)
	}
	if flags&packedDate != 0 {
		b = binary.AppendVarint(b, int64(x.date))
	}
	if flags&packedFee != 0 {
		b = binary.AppendVarint(b, x.fee.minor)
	}
	if flags&packedSub != 0 {
		b = binary.AppendVarint(b, int64(x.fee.sub))
	}
	b = binary.AppendUvarint(b, uint64(len(x.key)))
	return append(b, x.key...)
}

// unpack reads the row at the start of b and returns what is behind it. The
// key points into b.
func (x *cells) unpack(b []byte, base int64) []byte {
	flags := b[0]
	x.kind, x.status, x.currency = schemas.Kind(b[1]), schemas.Status(b[2]), b[3]
	b = b[4:]
	v, n := binary.Uvarint(b)
	x.row += int32(v)
	b = b[n:]
	v, n = binary.Uvarint(b)
	x.amount = int64(v)
	b = b[n:]
	x.time, x.date, x.fee = schemas.NoTime, bizday.None, fee{set: flags&packedFee != 0}
	if flags&packedTime != 0 {
		t, n := binary.Varint(b)
		if flags&packedSeconds != 0 {
			t *= 1_000_000
		}
		x.time, b = base+t, b[n:]
	}
	if flags&packedDate != 0 {
		t, n := binary.Varint(b)
		x.date, b = bizday.Date(t), b[n:]
	}
	if flags&packedFee != 0 {
		t, n := binary.Varint(b)
		x.fee.minor, b = t, b[n:]
	}
	if flags&packedSub != 0 {
		t, n := binary.Varint(b)
		x.fee.sub, b = int32(t), b[n:]
	}
	v, n = binary.Uvarint(b)
	x.key = b[n : n+int(v)]
	return b[n+int(v):]
}
