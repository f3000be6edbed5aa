package match

import (
	"fmt"
	"io"
	"sync"
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
	open   []byte
	chunks []chunk
	in     *storage
}

// room returns the open chunk with room for need more bytes; hand the longer
// slice back to p.open.
func (p *pile) room(need int) ([]byte, error) {
	if cap(p.open)-len(p.open) >= need+slack {
		return p.open, nil
	}
	return p.next(need + slack)
}

// next begins a chunk with room for need bytes.
func (p *pile) next(need int) ([]byte, error) {
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

// all returns all that a pile holds, in the memory of buf if that is enough. It
// can be looked at for slack bytes behind its end.
func (p *pile) all(buf []byte) ([]byte, error) {
	size := len(p.open)
	for _, c := range p.chunks {
		size += c.n
	}
	buf = resized(buf, size+slack)[:0]
	for _, c := range p.chunks {
		if c.mem != nil {
			buf = append(buf, c.mem...)
			continue
		}
		at := len(buf)
		buf = buf[:at+c.n]
		if _, err := p.in.scratch.ReadAt(buf[at:], c.at); err != nil {
			return nil, fmt.Errorf("read from the scratch file: %w", err)
		}
	}
	return append(buf, p.open...), nil
}

// walk reads a pile from its start, chunk by chunk. Its zero value with a pile
// is ready.
type walk struct {
	pile *pile
	next int
	buf  []byte
}

// rest returns what is left of a chunk or, if that is nothing, the next one;
// nothing at the end.
func (w *walk) rest(left []byte) ([]byte, error) {
	for len(left) == 0 {
		b, err := w.chunk()
		if err != nil || b == nil {
			return nil, err
		}
		left = b
	}
	return left, nil
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
