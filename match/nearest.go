package match

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"tieout/schemas"
)

// neighbour is the row of the other side that came nearest to a one-sided row,
// and the field that failed.
type neighbour struct {
	row    entry
	failed string
}

// nearby bounds the search for a neighbour of equal amount: how many rows are
// looked at, and how far apart in time they may lie.
const (
	nearbyRows = 8
	nearbyTime = int64(10 * time.Minute / time.Microsecond)
)

// nearest finds, for the rows that stand alone, a row of the other side that
// stands alone too and looks as if it were meant: the same number under another
// kind, or the same money at nearly the same time under a similar number. It is
// a hint for people; nothing is matched by it.
func (e *engine) nearest(ctx context.Context) (map[entry]neighbour, error) {
	found := map[entry]neighbour{}
	locals, channels := lonely{s: e.local}, lonely{s: e.channel}
	if !locals.collect() || !channels.collect() {
		return found, nil
	}
	for _, n := range []*lonely{&locals, &channels} {
		if err := n.sort(ctx, e); err != nil {
			return nil, err
		}
	}
	for _, l := range locals.byKey {
		if c, failed := channels.near(e.local, l); c != none {
			found[entry{l, none}] = neighbour{entry{none, c}, failed}
		}
	}
	for _, c := range channels.byKey {
		if l, failed := locals.near(e.channel, c); l != none {
			found[entry{none, c}] = neighbour{entry{l, none}, failed}
		}
	}
	return found, nil
}

// lonely is the one-sided rows of a side, sorted for two kinds of search.
type lonely struct {
	s        *side
	byKey    []int32 // by key, kind, and what compareRow says
	byAmount []int32 // by kind, currency, amount, time, key
}

// collect finds the rows; it is false if there are none.
func (n *lonely) collect() bool {
	n.byKey = rowsOf(n.s, func(row int32) bool {
		switch n.s.class[row] {
		case schemas.LocalOnly, schemas.ChannelOnly, schemas.LocalInTransit, schemas.ChannelInTransit:
			return true
		}
		return false
	})
	return len(n.byKey) > 0
}

func (n *lonely) sort(ctx context.Context, e *engine) error {
	s := n.s
	n.byAmount = slices.Clone(n.byKey)
	err := e.sortRows(ctx, s, n.byKey, func(a, b int32) int {
		return cmp.Or(bytes.Compare(s.key(a), s.key(b)), cmp.Compare(s.kind[a], s.kind[b]), compareRow(s, a, b))
	})
	if err != nil {
		return err
	}
	return e.sortRows(ctx, s, n.byAmount, func(a, b int32) int {
		return cmp.Or(s.compareMoney(a, s, b), cmp.Compare(s.time[a], s.time[b]), bytes.Compare(s.key(a), s.key(b)), compareRow(s, a, b))
	})
}

// compareMoney orders rows by kind, currency and amount. The order of
// currencies has no meaning; only equality has.
func (s *side) compareMoney(a int32, other *side, b int32) int {
	return cmp.Or(cmp.Compare(s.kind[a], other.kind[b]), cmp.Compare(s.currency[a], other.currency[b]), cmp.Compare(s.amount[a], other.amount[b]))
}

// near finds the neighbour of a row of the other side.
func (n lonely) near(other *side, row int32) (int32, string) {
	key := other.key(row)
	if len(key) > 0 {
		at, ok := slices.BinarySearchFunc(n.byKey, key, func(x int32, k []byte) int { return bytes.Compare(n.s.key(x), k) })
		for ; ok && at < len(n.byKey) && bytes.Equal(n.s.key(n.byKey[at]), key); at++ {
			if n.s.kind[n.byKey[at]] != other.kind[row] {
				return n.byKey[at], "kind"
			}
		}
	}
	return n.nearInTime(other, row)
}

// nearInTime looks at the rows of equal money around the time.
func (n lonely) nearInTime(other *side, row int32) (int32, string) {
	t := other.time[row]
	if t == schemas.NoTime {
		return none, ""
	}
	mid, _ := slices.BinarySearchFunc(n.byAmount, t, func(x int32, t int64) int {
		return cmp.Or(n.s.compareMoney(x, other, row), cmp.Compare(n.s.time[x], t))
	})
	best := none
	for at := max(0, mid-nearbyRows/2); at < min(len(n.byAmount), mid+nearbyRows/2); at++ {
		x := n.byAmount[at]
		if n.s.compareMoney(x, other, row) != 0 || n.s.time[x] == schemas.NoTime || distance(n.s.time[x], t) > nearbyTime {
			continue
		}
		if similar(n.s.key(x), other.key(row)) && (best == none || n.closer(x, best, t)) {
			best = x
		}
	}
	if best == none {
		return none, ""
	}
	if n.s.kind[best] == schemas.Refund {
		return best, "refund_ref"
	}
	return best, "merchant_ref"
}

// closer tells whether a is a better neighbour than b. Of equal ones the first
// in the order of byAmount stays.
func (n lonely) closer(a, b int32, t int64) bool {
	return cmp.Or(cmp.Compare(distance(n.s.time[a], t), distance(n.s.time[b], t)), bytes.Compare(n.s.key(a), n.s.key(b))) < 0
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// similar tells whether two numbers may be one, mistyped or cut: one of them is
// missing, one begins or ends with the other, or they differ in case, in
// leading zeros, or in one or two characters.
func similar(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	a, b = bytes.TrimLeft(a, "0"), bytes.TrimLeft(b, "0")
	if bytes.EqualFold(a, b) {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < 6 || len(b) > 128 {
		return false
	}
	return bytes.HasPrefix(b, a) || bytes.HasSuffix(b, a) || edits(a, b) <= 2
}

// edits counts the insertions, deletions and replacements between two short
// texts; more than two are not counted further.
func edits(a, b []byte) int {
	if len(b)-len(a) > 2 {
		return 3
	}
	var rowA, rowB [130]int
	prev, cur := rowA[:len(b)+1], rowB[:len(b)+1]
	for j := range prev {
		prev[j] = j
	}
	for i := range a {
		cur[0] = i + 1
		least := cur[0]
		for j := range b {
			cost := prev[j]
			if a[i] != b[j] {
				cost = 1 + min(prev[j], prev[j+1], cur[j])
			}
			cur[j+1] = cost
			least = min(least, cost)
		}
		if least > 2 {
			return 3
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}
