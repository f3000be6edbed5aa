package ledgerlink

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
		v.met = append(v.met, newMetWord(word, value))
	}
	return value, ok
}

// newMetWord takes the first 16 bytes of a word.
func newMetWord[T any](word []byte, value T) metWord[T] {
	w := metWord[T]{lo: load8(word, 0), size: len(word), value: value,
		loMask: 1<<(8*min(len(word), 8)) - 1, hiMask: 1<<(8*min(max(len(word)-8, 0), 8)) - 1}
	if len(word) > 8 {
		w.hi = load8(word, 8)
	}
	return w
}

// at tells whether the word stands at p with the end of the cell behind it.
func (w *metWord[T]) at(d []byte, p int) bool {
	return (at8(d, p)^w.lo)&w.loMask|(at8(d, p+8)^w.hi)&w.hiMask == 0 && d[p+w.size] <= ','
}
