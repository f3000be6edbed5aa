package parquet

import (
	"encoding/binary"
	"math"
)

// pattern is what ids of one length have in common: all begin alike, and have
// some bytes that are mostly those of the id before. Numbers that a channel
// gives out are of this kind: whose they are, a random part, the day, a counter.
//
//	4200037795202611200000000000
//	4200017924202611200000000001
//	prefix = 5, own = 5, same = 15, and an end of 3 that is own too
type pattern struct{ size, prefix, own, same int }

// tail is what is behind the prefix.
func (p *pattern) tail() int { return p.size - p.prefix }

// end is what is behind the bytes that are the same.
func (p *pattern) end() int { return p.tail() - p.own - p.same }

// The bounds of patterns: those of frames, loads of eight bytes, and what makes
// a pattern worth the while.
const (
	longestID      = 64
	leastSame      = 8
	patternSamples = 256
)

// findPattern looks at neighbours here and there. A column that changes more
// often than once in 256 is taken to change always.
func findPattern(text []byte, size int) (p pattern, ok bool) {
	if size > longestID || len(text) < patternSamples*size {
		return p, false
	}
	changes := changesOf(text, size)
	p.size = size
	for p.prefix < size && changes[p.prefix] <= 1 {
		p.prefix++
	}
	from := p.prefix
	for i := p.prefix; i < size; i++ {
		if changes[i] > 1 {
			from = i + 1
		} else if i+1-from > p.same {
			p.own, p.same = from-p.prefix, i+1-from
		}
	}
	p.same = min(p.same, mostMatch)
	return p, p.same >= leastSame && p.own+p.end() <= mostLiterals && p.tail() > mostLiterals && p.prefixed(text)
}

// changesOf counts by column, eight columns at once: a byte of a word for each.
// Which bytes differ is as good as random, so it adds what a comparison gives
// instead of branching on it.
func changesOf(text []byte, size int) (changes [longestID]uint8) {
	step := len(text)/size/patternSamples | 1
	if step%5 == 0 { // it must not beat with the carries of a counter
		step += 2
	}
	var sums [longestID / 8]uint64
	at := size
	for n := 0; n < math.MaxUint8 && at+longestID <= len(text); n++ {
		before, id := text[at-size:at-size+longestID], text[at:at+longestID]
		for i := 0; i < size; i += 8 {
			x := binary.LittleEndian.Uint64(before[i:]) ^ binary.LittleEndian.Uint64(id[i:])
			sums[i/8&7] += (x&lows + lows | x) >> 7 & lowest
		}
		at += step * size
	}
	for i, sum := range sums {
		binary.LittleEndian.PutUint64(changes[8*i:], sum)
	}
	return changes
}

// The low seven bits of each byte of a word, and the lowest one.
const (
	lows   = 0x7F7F7F7F7F7F7F7F
	lowest = 0x0101010101010101
)

// prefixed tells whether all ids begin alike.
func (p *pattern) prefixed(text []byte) bool {
	for from := 0; from < p.prefix; from += 8 {
		first, differ := binary.LittleEndian.Uint64(text[from:]), uint64(0)
		for at := from; at < len(text); at += p.size {
			differ |= first ^ binary.LittleEndian.Uint64(text[at:])
		}
		if more := from + 8 - p.prefix; more > 0 {
			differ <<= 8 * more
		}
		if differ != 0 {
			return false
		}
	}
	return true
}

// holds tells whether the id at a place is like the one before it where most
// are.
func (p *pattern) holds(text []byte, at int) bool {
	at += p.prefix + p.own
	a, b := text[at-p.size:][:p.same], text[at:][:p.same]
	differ := binary.LittleEndian.Uint64(a[len(a)-8:]) ^ binary.LittleEndian.Uint64(b[len(a)-8:])
	for ; len(a) > 8; a, b = a[8:], b[8:] {
		differ |= binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)
	}
	return differ == 0
}

// pack writes a frame of the head and the ids, all but the first without the
// prefix. It gives up if too many do not hold to the pattern.
func (f *frameWriter) pack(head, text []byte, p pattern) (size int, ok bool) {
	first := p.size // that holds to it
	for ; !p.holds(text, first); first += p.size {
		if first+p.size == len(text) {
			return 0, false
		}
	}
	size = len(head) + len(text) - (len(text)/p.size-1)*p.prefix
	f.begin(size)
	f.own = append(append(f.own[:0], head...), text[:p.size]...)
	for at := p.size; at < first; at += p.size {
		f.own = append(f.own, text[at+p.prefix:at+p.size]...)
	}
	f.raw(f.own, false)
	f.compressed(text[first+p.prefix:][:p.own], matches{times: 1, literals: p.own, match: p.same, distance: p.tail()}, false)
	for blocks := len(text)/p.size/leastRun + 2; blocks > 0; blocks-- {
		n, done := f.gather(text[first:], &p)
		first += done
		last := first+p.size == len(text)
		if last {
			f.own = append(f.own, text[len(text)-p.end():]...)
		}
		f.compressed(f.own, matches{times: n, literals: p.own + p.end(), match: p.same}, last)
		if last {
			return size, true
		}
	}
	return 0, false
}

// leastRun is how many ids hold to a pattern between two that do not, on
// average at least: each of these costs the time and room of a block.
const leastRun = 64

// gather collects the literals of a block: the end of the first id of text,
// and then of the ids behind it what is their own, up to one that does not hold
// to the pattern, and the whole of that but for its end. done is where the last
// of them begins, and n is how many hold to the pattern.
func (f *frameWriter) gather(text []byte, p *pattern) (n, done int) {
	most := min(len(text)/p.size-1, blockMost/p.tail()-1)
	end, literals := p.end(), p.own+p.end()
	f.own = grow(f.own[:0], most*literals+p.tail()+mostLiterals+1)
	own := f.own[:cap(f.own)]
	for n < most && p.holds(text, done+p.size) {
		done += p.size
		copyLiterals(own, text[done-end:])
		copyLiterals(own[end:], text[done+p.prefix:])
		own = own[literals:]
		n++
	}
	f.own = f.own[:n*literals]
	if n < most {
		done += p.size
		f.own = append(f.own, text[done-end:done]...)
		f.own = append(f.own, text[done+p.prefix:done+p.size-end]...)
	}
	return n, done
}

// copyLiterals copies up to mostLiterals bytes, and spoils as many behind them.
func copyLiterals(to, from []byte) {
	to, from = to[:mostLiterals+1], from[:mostLiterals+1]
	binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
	binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
}
