package ledgerlink

import "encoding/binary"

// vocabulary maps words. It remembers the words that it has met: a file has a
// handful of them.
type vocabulary[T any] struct {
	all map[string]T
	met []metWord[T]
}

// metWord is a word of at most 16 bytes in two registers.
type metWord[T any] struct {
	lo, hi         uint64
	loMask, hiMask uint64
	size           int
	value          T
}

// maxMet keeps the search shorter than a look into the map.
const maxMet = 8

func (v *vocabulary[T]) find(word []byte) (T, bool) {
	lo, hi := load8(word, 0), uint64(0)
	if len(word) > 8 {
		hi = load8(word, 8)
	}
	for i := range v.met {
		if w := &v.met[i]; w.size == len(word) && w.lo == lo && w.hi == hi {
			return w.value, true
		}
	}
	value, ok := v.all[string(word)]
	if ok && len(word) <= 16 && len(v.met) < maxMet {
		v.met = append(v.met, metWord[T]{lo: lo, hi: hi, size: len(word), value: value,
			loMask: 1<<(8*min(len(word), 8)) - 1, hiMask: 1<<(8*max(len(word)-8, 0)) - 1})
	}
	return value, ok
}

// usual reads the word at p, which a comma or a line end follows.
func (v *vocabulary[T]) usual(d []byte, p int) (value T, end int, ok bool) {
	lo, hi := binary.LittleEndian.Uint64(d[p:]), binary.LittleEndian.Uint64(d[p+8:])
	for i := range v.met {
		if w := &v.met[i]; (lo^w.lo)&w.loMask|(hi^w.hi)&w.hiMask == 0 && d[p+w.size] <= ',' {
			return w.value, p + w.size, true
		}
	}
	end = cellEnd(d, p)
	value, ok = v.find(d[p:end])
	return value, end, ok
}
