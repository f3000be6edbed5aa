package match

import (
	"hash/maphash"

	"tieout/schemas"
)

// keyTable finds the local rows of a kind and key: an open-addressing table of
// 8-byte slots, the high half of a slot a tag of the hash, the low half a row
// number + 1. A tag that fits leads to a comparison of the full keys. Rows of
// one key hang behind the first one.
type keyTable struct {
	rows  *side
	seed  maphash.Seed
	slots []uint64
	mask  uint64
	next  []int32 // next row of the same key; nil while all keys differ
}

// probeBatch is how many hashes are computed before their slots are visited,
// so that the processor loads several slots at once.
const probeBatch = 256

// newKeyTable builds the table of all rows that have a key.
func newKeyTable(rows *side) *keyTable {
	size := 16
	for size < 2*len(rows.kind) {
		size *= 2
	}
	t := &keyTable{rows: rows, seed: maphash.MakeSeed(), slots: make([]uint64, size), mask: uint64(size - 1)}
	var hashes [probeBatch]uint64
	for from := int32(0); from < rows.rows(); from += probeBatch {
		n := t.hash(rows, from, &hashes)
		for i := range n {
			if row := from + int32(i); len(rows.key(row)) > 0 {
				t.insert(row, hashes[i])
			}
		}
	}
	return t
}

// hash fills in the hashes of up to probeBatch rows of a side.
func (t *keyTable) hash(s *side, from int32, out *[probeBatch]uint64) int {
	n := min(probeBatch, int(s.rows()-from))
	for i := range n {
		row := from + int32(i)
		out[i] = hashOf(t.seed, s.kind[row], s.key(row))
	}
	return n
}

// hashOf is the hash of a kind and key.
func hashOf(seed maphash.Seed, kind schemas.Kind, key []byte) uint64 {
	return maphash.Bytes(seed, key) ^ uint64(kind)*0x9e3779b97f4a7c15
}

func (t *keyTable) insert(row int32, h uint64) {
	tag := h >> 32
	for at := h & t.mask; ; at = (at + 1) & t.mask {
		slot := t.slots[at]
		if slot == 0 {
			t.slots[at] = tag<<32 | uint64(uint32(row+1))
			return
		}
		if slot>>32 != tag {
			continue
		}
		if head := int32(uint32(slot)) - 1; t.same(head, t.rows, row) {
			if t.next == nil {
				t.next = make([]int32, len(t.rows.kind))
				for i := range t.next {
					t.next[i] = none
				}
			}
			t.next[row], t.next[head] = t.next[head], row
			return
		}
	}
}

// find returns the first local row with the kind and key of a row of s, or
// none.
func (t *keyTable) find(s *side, row int32, h uint64) int32 {
	tag := h >> 32
	for at := h & t.mask; ; at = (at + 1) & t.mask {
		slot := t.slots[at]
		if slot == 0 {
			return none
		}
		if slot>>32 != tag {
			continue
		}
		if head := int32(uint32(slot)) - 1; t.same(head, s, row) {
			return head
		}
	}
}

// same compares full keys.
func (t *keyTable) same(head int32, s *side, row int32) bool {
	return t.rows.kind[head] == s.kind[row] && string(t.rows.key(head)) == string(s.key(row))
}

// lookup returns the first local row of a kind and key, or none.
func (t *keyTable) lookup(kind uint8, key string) int32 {
	if key == "" {
		return none
	}
	h := hashOf(t.seed, schemas.Kind(kind), []byte(key))
	tag := h >> 32
	for at := h & t.mask; ; at = (at + 1) & t.mask {
		slot := t.slots[at]
		if slot == 0 {
			return none
		}
		if slot>>32 != tag {
			continue
		}
		if head := int32(uint32(slot)) - 1; uint8(t.rows.kind[head]) == kind && string(t.rows.key(head)) == key {
			return head
		}
	}
}

// after returns the next row of the same key, or none.
func (t *keyTable) after(row int32) int32 {
	if t.next == nil {
		return none
	}
	return t.next[row]
}

// chain returns all rows of the key of a first row.
func (t *keyTable) chain(head int32) []int32 {
	rows := []int32{head}
	for t.next != nil && t.next[rows[len(rows)-1]] != none {
		rows = append(rows, t.next[rows[len(rows)-1]])
	}
	return rows
}
