package parquet

// alike is a DELTA_BYTE_ARRAY page of values of one length that begin alike, as
// those of ids with a pattern are: each stands where it can be computed to, and
// no lengths are unpacked.
type alike struct {
	text         []byte // the first value, and what the others have behind the prefix
	size, prefix int    // of a value, and of what it begins with as the first does
	values       int
}

// readAlike recognises such a page of so many values, and checks its sizes.
func readAlike(b []byte, values int) (a alike, ok bool) {
	prefix, b, ok := readStep(b, values)
	if !ok || prefix.first != 0 || prefix.then < 0 {
		return a, false
	}
	size, b, ok := readStep(b, values)
	if !ok || size.first < 0 || size.first > MaxPage || size.then < 0 || prefix.then+size.then != size.first ||
		int64(len(b)) != size.first+int64(values-1)*size.then {
		return a, false
	}
	return alike{b, int(size.first), int(prefix.then), values}, true
}

// appendTo appends n rows, as PickDeltas does, or as Deltas does if at is nil.
func (a *alike) appendTo(t *Texts, at []int32, n int, flags []uint8) error {
	values, rest := a.values, a.size-a.prefix
	if at != nil {
		values = len(at)
	}
	if err := t.room(n, int64(values)*int64(a.size)); err != nil {
		return err
	}
	text, end, next := t.Bytes[:cap(t.Bytes)], len(t.Bytes), 0
	ends := t.more(n)
	for i := range ends {
		if flags == nil || flags[i] != 0 {
			place := next
			if at != nil {
				place = int(at[next])
			}
			next++
			copyShort(text[end:], a.text, a.size)
			if place > 0 {
				copyShort(text[end+a.prefix:], a.text[a.size+(place-1)*rest:], rest)
			}
			end += a.size
		}
		ends[i] = uint32(end)
	}
	t.Bytes = text[:end]
	return nil
}

// step is some numbers of which all but the first are the same.
type step struct{ first, then int64 }

// readStep reads n numbers as appendStep writes them. It is false if they are
// others, or fewer than two.
func readStep(b []byte, n int) (s step, rest []byte, ok bool) {
	head, b, err := readIntsHead(b, n)
	if err != nil || n < 2 || head.per != miniValues {
		return s, nil, false
	}
	s = step{head.first, head.first}
	var values [miniValues]int64
	for left := n - 1; left > 0; {
		least, widths, behind, err := head.block(b)
		if err != nil {
			return s, nil, false
		}
		b = behind
		for _, w := range widths {
			if left == 0 {
				break
			}
			size, err := head.packed(b, w)
			if err != nil {
				return s, nil, false
			}
			many := min(left, miniValues)
			if w != 0 || least != 0 {
				last := s.then
				if left == n-1 {
					last = s.first
				}
				got := appendSums(values[:0], b, many, uint(w), least, last)
				if left == n-1 {
					s.then = got[0]
				}
				for _, v := range got {
					if v != s.then {
						return s, nil, false
					}
				}
			}
			b, left = b[size:], left-many
		}
	}
	return s, b, true
}
