package recordfile

import (
	"encoding/binary"
	"math/bits"

	"tieout/schemas"
)

// words numbers the few different texts of a column in the order in which they
// come. It gives up at 257 texts or 64 KiB: then a dictionary saves little.
type words struct {
	slots [4 * maxWords]wordSlot
	ends  []uint32
	bytes []byte
}

// wordSlot holds a text of at most 16 bytes as it is, in two machine words,
// and of a longer one the hash.
type wordSlot struct {
	low, high uint64
	size      uint32
	number    uint16 // and one; 0 is free
}

const (
	maxWords     = 256
	maxWordBytes = 1 << 16
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
	for i := mix(key.low^bits.RotateLeft64(key.high, 29)) + uint64(key.size); ; i++ {
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
		if slot.low != key.low || slot.high != key.high || slot.size != key.size {
			continue
		}
		if code := uint8(slot.number - 1); len(v) <= 16 || string(w.at(int(code))) == string(v) {
			return code, true
		}
	}
}

// keyOf gives a text as a slot holds it.
func keyOf(v []byte) wordSlot {
	n := len(v)
	switch {
	case n > 16:
		return wordSlot{low: hash(v), size: uint32(n)}
	case n >= 8: // the last eight bytes may repeat some of the first
		return wordSlot{low: binary.LittleEndian.Uint64(v), high: binary.LittleEndian.Uint64(v[n-8:]), size: uint32(n)}
	case n >= 4:
		return wordSlot{low: uint64(binary.LittleEndian.Uint32(v)), high: uint64(binary.LittleEndian.Uint32(v[n-4:])), size: uint32(n)}
	case n > 0: // all bytes of up to three
		return wordSlot{low: uint64(v[0]) | uint64(v[n/2])<<8 | uint64(v[n-1])<<16, size: uint32(n)}
	default:
		return wordSlot{}
	}
}

// encode appends the numbers of the texts that are not empty. Neighbours are
// often equal: then nothing is looked up.
func (w *words) encode(codes []uint8, t *schemas.Text) ([]uint8, bool) {
	var last []byte
	var code uint8
	start := uint32(0)
	for _, end := range t.Ends {
		if end == start {
			continue
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
