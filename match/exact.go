package match

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sort"

	"tieout/schemas"
)

// exactKey pairs rows of the same kind with the same number of ours. Nearly all
// keys have one row on each side and are done in one go; the others are settled
// with the whole rows at hand.
func (e *engine) exactKey(ctx context.Context) error {
	e.table = newKeyTable(e.local)
	several := e.join()
	claims := e.claimsByKey(several)
	e.pairSingles(several)
	if err := e.readOpen(ctx, func() error { return e.settleClean(ctx, several, claims) }); err != nil {
		return err
	}
	groups := e.groupsOf(several)
	if err := e.dropKeyless(ctx); err != nil {
		return err
	}
	return e.settleKeys(ctx, groups, claims)
}

// join hangs the channel rows behind the first local row of their key (mate of
// that row), and marks the keys with more than one row on a side.
func (e *engine) join() *severalKeys {
	s := &severalKeys{marked: make([]bool, e.local.rows())}
	if e.table.next != nil {
		for row := range e.local.rows() {
			if e.table.next[row] != none {
				s.marked[row] = true // a first row, or one behind it: join looks at first rows only
			}
		}
	}
	var hashes [probeBatch]uint64
	for from := int32(0); from < e.channel.rows(); from += probeBatch {
		n := e.table.hash(e.channel, from, &hashes)
		for i := range n {
			c := from + int32(i)
			if len(e.channel.key(c)) == 0 {
				continue
			}
			head := e.table.find(e.channel, c, hashes[i])
			if head == none {
				continue
			}
			if first := e.local.mate[head]; first == none {
				e.local.mate[head] = c
			} else {
				s.hang(e.channel, first, c)
				s.marked[head] = true
			}
		}
	}
	return s
}

// severalKeys knows the keys that need more than one look, by their first
// local row.
type severalKeys struct {
	marked []bool
	next   []int32 // channel row -> next channel row of the same key
}

func (s *severalKeys) hang(channel *side, first, c int32) {
	if s.next == nil {
		s.next = make([]int32, channel.rows())
		for i := range s.next {
			s.next[i] = none
		}
	}
	s.next[c], s.next[first] = s.next[first], c
}

// pairSingles pairs the keys that have one row on each side.
func (e *engine) pairSingles(several *severalKeys) {
	for l := range e.local.rows() {
		c := e.local.mate[l]
		if c == none || several.marked[l] || e.local.class[l] != 0 {
			continue
		}
		e.pair(l, c, e.verdictOf(l, c), passExactKey, note{})
	}
}

// keyGroup is all rows of one kind and key.
type keyGroup struct {
	head             int32
	locals, channels []int32
}

// groupsOf collects the marked keys in the order of kind and key, so that
// nothing depends on the order of the rows.
func (e *engine) groupsOf(several *severalKeys) []keyGroup {
	var groups []keyGroup
	for l := range e.local.rows() {
		if !several.marked[l] || !e.isHead(l) {
			continue
		}
		g := keyGroup{head: l, locals: e.table.chain(l)}
		for c := e.local.mate[l]; c != none; c = several.after(c) {
			g.channels = append(g.channels, c)
		}
		e.local.mate[l] = none
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b keyGroup) int {
		return cmp.Or(cmp.Compare(e.local.kind[a.head], e.local.kind[b.head]), bytes.Compare(e.local.key(a.head), e.local.key(b.head)))
	})
	return groups
}

func (s *severalKeys) after(c int32) int32 {
	if s.next == nil {
		return none
	}
	return s.next[c]
}

// isHead tells whether a row is the first of its key in the table.
func (e *engine) isHead(l int32) bool {
	return e.table.lookup(uint8(e.local.kind[l]), string(e.local.key(l))) == l
}

// settleKeys works through the keys with several rows.
func (e *engine) settleKeys(ctx context.Context, groups []keyGroup, claims map[int32][]schemas.Claim) error {
	var locals, channels []int32
	for _, g := range groups {
		locals, channels = append(locals, g.locals...), append(channels, g.channels...)
	}
	ls, err := e.items(ctx, e.local, locals)
	if err != nil {
		return err
	}
	cs, err := e.items(ctx, e.channel, channels)
	if err != nil {
		return err
	}
	for _, g := range groups {
		left := e.dropCarriedCopies(e.dropClaimed(g.head, ls.of(g.locals), claims[g.head]))
		theirs := cs.of(g.channels)
		if len(left) == 0 {
			if row, ok := e.claimed[g.head]; ok {
				for _, c := range theirs {
					e.taken[c.row] = taken{row: row, late: none}
				}
			}
			continue
		}
		if len(theirs) > 0 {
			e.apply(resolve(left, theirs), passExactKey)
		}
	}
	return nil
}

// items holds the details of some rows, sorted by row.
type items []item

// items reads the details of rows.
func (e *engine) items(ctx context.Context, s *side, rows []int32) (items, error) {
	rows = slices.Clone(rows)
	slices.Sort(rows)
	list := make(items, 0, len(rows))
	err := e.eachShown(ctx, s, rows, func(row int32, r *schemas.Record) error {
		h := homeDay
		if s == e.local {
			h = e.homeOf(row)
		}
		list = append(list, newItem(row, h, s.currency[row], r))
		return nil
	})
	slices.SortFunc(list, func(a, b item) int { return cmp.Compare(a.row, b.row) })
	return list, err
}

// of picks the details of some of the rows.
func (s items) of(rows []int32) []item {
	picked := make([]item, 0, len(rows))
	for _, row := range rows {
		i := sort.Search(len(s), func(i int) bool { return s[i].row >= row })
		picked = append(picked, s[i])
	}
	return picked
}
