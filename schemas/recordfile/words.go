package recordfile

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"tieout/schemas"
)

// words numbers the few different texts of a column in the order in which they
// come. It gives up at 257 texts or 64 KiB: then a dictionary saves little.
type words struct {
	slots [4 * maxWords]wordSlot
	ends  []uint32
	bytes []byte
}

// wordSlot holds a short text as it is, in two machine words, and of a longer
// one the hash.
type wordSlot struct {
	low, high uint64
	size      uint32
	number    uint16 // and one; 0 is free
}

const (
	maxWords     = 256
	maxWordBytes = 1 << 16
	shortWord    = 16
)

func (w *words) reset() {
	if len(w.ends) > 0 {
		clear(w.slots[:])
		w.ends, w.bytes = w.ends[:0], w.bytes[:0]
	}
}

func (w *words) len() int { return len(w.ends) }

func (w *words) at(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = w.ends[i-1]
	}
	return w.bytes[start:w.ends[i]]
}

// add gives the next number to a text, without looking for it.
func (w *words) add(v []byte) {
	w.bytes = append(w.bytes, v...)
	w.ends = append(w.ends, uint32(len(w.bytes)))
}

// code returns the number of a text, a new one if it is new.
func (w *words) code(v []byte) (code uint8, few bool) {
	key := keyOf(v)
	for i := key.place(); ; i++ {
		slot := &w.slots[i%uint64(len(w.slots))]
		if slot.number == 0 {
			if len(w.ends) == maxWords || len(w.bytes)+len(v) > maxWordBytes {
				return 0, false
			}
			w.add(v)
			key.number = uint16(len(w.ends))
			*slot = key
			return uint8(len(w.ends) - 1), true
		}
		if !slot.is(&key) {
			continue
		}
		if code := uint8(slot.number - 1); len(v) <= shortWord || string(w.at(int(code))) == string(v) {
			return code, true
		}
	}
}

// keyOf gives a text as a slot holds it.
func keyOf(v []byte) wordSlot {
	if len(v) > shortWord {
		return wordSlot{low: hash(v), size: uint32(len(v))}
	}
	var b [shortWord]byte
	copy(b[:], v)
	return shortKey(&b, len(v))
}

// shortKey is keyOf the first n of the bytes.
func shortKey(b *[shortWord]byte, n int) wordSlot {
	mask := &shortMasks[n]
	return wordSlot{low: binary.LittleEndian.Uint64(b[:]) & mask[0], high: binary.LittleEndian.Uint64(b[8:]) & mask[1], size: uint32(n)}
}

// shortMasks leave the first bytes of sixteen.
var shortMasks = func() (masks [shortWord + 1][2]uint64) {
	for n := range masks {
		for i := range n {
			masks[n][i/8] |= 0xff << (i % 8 * 8)
		}
	}
	return masks
}()

// place is where to begin to look for a key.
func (s *wordSlot) place() uint64 {
	return mix(s.low^bits.RotateLeft64(s.high, 29)) + uint64(s.size)
}

func (s *wordSlot) is(key *wordSlot) bool {
	return s.low == key.low && s.high == key.high && s.size == key.size
}

// encode appends the numbers of the texts that are not empty. Short ones are
// mostly found at the first look, without a branch that depends on their length
// or on the text before; of long ones, neighbours are often equal.
func (w *words) encode(codes []uint8, t *schemas.Text) ([]uint8, bool) {
	if len(t.Bytes) == 0 {
		return codes, true
	}
	if only, ok := onlyText(t); ok {
		code, few := w.code(only)
		return appendSame(codes, code, t.Len()), few
	}
	codes = slices.Grow(codes, t.Len())
	var last []byte
	var code uint8
	start := uint32(0)
	for _, end := range t.Ends {
		n := int(end - start)
		if n == 0 {
			continue
		}
		if from := t.Bytes[start:]; n <= shortWord && len(from) >= shortWord {
			key := shortKey((*[shortWord]byte)(from), n)
			if slot := &w.slots[key.place()%uint64(len(w.slots))]; slot.is(&key) {
				codes = append(codes, uint8(slot.number-1))
				start = end
				continue
			}
		}
		if v := t.Bytes[start:end]; string(v) != string(last) {
			var few bool
			if code, few = w.code(v); !few {
				return codes, false
			}
			last = v
		}
		codes = append(codes, code)
		start = end
	}
	return codes, true
}

// onlyText returns the text that all rows of a column have, such as a currency:
// the column is the same as itself, one text further on.
func onlyText(t *schemas.Text) (text []byte, ok bool) {
	text = t.At(0)
	size := len(text)
	if size == 0 || len(t.Bytes) != t.Len()*size || !bytes.Equal(t.Bytes[size:], t.Bytes[:len(t.Bytes)-size]) {
		return nil, false
	}
	other, end := uint32(0), uint32(0)
	for _, got := range t.Ends {
		end += uint32(size)
		other |= got ^ end
	}
	return text, other == 0
}

// hash mixes a text, eight bytes at a time. It is the same in each process,
// though nothing in the file depends on it.
func hash(v []byte) uint64 {
	const k = 0x9e3779b97f4a7c15
	h := uint64(len(v)) * k
	for ; len(v) >= 8; v = v[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(v))
	}
	var tail uint64
	for _, c := range v {
		tail = tail<<8 | uint64(c)
	}
	return mix(h ^ tail)
}

// mix folds the product, so that the low bits depend on all.
func mix(v uint64) uint64 {
	high, low := bits.Mul64(v, 0x9e3779b97f4a7c15)
	return high ^ low
}
