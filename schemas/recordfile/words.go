package recordfile

import (
	"encoding/binary"
	"math/bits"

	"tieout/schemas"
)

// words numbers the few different texts of a column in the order in which they
// come. It gives up at 257 texts or 64 KiB: then a dictionary saves little.
type words struct {
	slots [4 * maxWords]uint16 // by hash; 0 is free, else a number and one
	ends  []uint32
	bytes []byte
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
	for slot := hash(v); ; slot++ {
		at := &w.slots[slot%uint64(len(w.slots))]
		if *at == 0 {
			if len(w.ends) == maxWords || len(w.bytes)+len(v) > maxWordBytes {
				return 0, false
			}
			w.add(v)
			*at = uint16(len(w.ends))
			return uint8(len(w.ends) - 1), true
		}
		if code := uint8(*at - 1); string(w.at(int(code))) == string(v) {
			return code, true
		}
	}
}

// encode appends the numbers of the texts that are not empty. Neighbours are
// often equal: then nothing is hashed.
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
