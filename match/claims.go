package match

import (
	"cmp"
	"context"
	"slices"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// consumes tells whether a claim of the class takes the row away from other
// runs: it stands with a channel row, or in a group that people look at. A
// one-sided row stays free for a statement that comes later.
func consumes(c schemas.Class) bool {
	switch c {
	case schemas.NothingHappened, schemas.LocalInTransit, schemas.ChannelInTransit, schemas.LocalOnly, schemas.ChannelOnly,
		schemas.OtherDay, schemas.Claimed:
		return false
	}
	return true
}

// binds tells whether a claim takes a row away from this run. A row that was
// matched with what this very date carried out is still ours to match: then
// nothing is carried out, and the later run is made anew.
func (e *engine) binds(c schemas.Claim) bool { return consumes(c.Class) && c.CarriedFrom != e.in.Date }

// claimsByKey finds the keys that other runs claim, by their first local row,
// and marks them.
func (e *engine) claimsByKey(several *severalKeys) map[int32][]schemas.Claim {
	claims := map[int32][]schemas.Claim{}
	for _, c := range e.in.Claims {
		if !e.binds(c) {
			continue
		}
		if head := e.table.lookup(uint8(c.Kind), c.Key); head != none {
			claims[head] = append(claims[head], c)
			several.marked[head] = true
		}
	}
	for _, list := range claims {
		slices.SortFunc(list, compareClaims)
	}
	return claims
}

func compareClaims(a, b schemas.Claim) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key), cmp.Compare(a.EventTime, b.EventTime),
		cmp.Compare(a.ChannelRef, b.ChannelRef), cmp.Compare(a.Occurrence, b.Occurrence), cmp.Compare(a.Class, b.Class),
		cmp.Compare(a.CarriedFrom, b.CarriedFrom))
}

// dropClaimed places the fresh rows of a key that other runs have placed. One
// claim takes one row.
func (e *engine) dropClaimed(head int32, rows []item, claims []schemas.Claim) []item {
	slices.SortFunc(rows, func(a, b item) int { return canonical(&a, &b) })
	for _, c := range claims {
		i := slices.IndexFunc(rows, func(x item) bool {
			return e.isFresh(x.row) && x.time == c.EventTime && agreeOrEmpty(x.ref, c.ChannelRef)
		})
		if i < 0 && c.Class == schemas.LocalBehind {
			// The row was still open when it was placed; its time moved when it
			// succeeded.
			i = slices.IndexFunc(rows, func(x item) bool {
				return e.isFresh(x.row) && later(x.time, c.EventTime) && agreeOrEmpty(x.ref, c.ChannelRef)
			})
		}
		if i < 0 {
			continue
		}
		e.local.place(rows[i].row, verdict{schemas.Claimed, ruleClaimed}, passWindow, none)
		e.claimed[head] = rows[i].row
		rows = slices.Delete(rows, i, i+1)
	}
	return rows
}

func (e *engine) isFresh(row int32) bool { return row < e.local.fresh }

func agreeOrEmpty(a, b string) bool { return a == "" || b == "" || a == b }

// later tells whether t is a known time not before than.
func later(t, than int64) bool { return t != schemas.NoTime && than != schemas.NoTime && t >= than }

// dropCarriedCopies places the fresh rows that show again what was carried in.
// The carried row stays, with what our books say of it now: it may have
// succeeded, or been closed, since it was carried.
func (e *engine) dropCarriedCopies(rows []item) []item {
	for i := 0; i < len(rows); i++ {
		if rows[i].home != homeCarried {
			continue
		}
		old := rows[i]
		j := slices.IndexFunc(rows, func(x item) bool { return e.isFresh(x.row) && sameRow(&old, &x) && x.time == old.time })
		if j < 0 && old.status == schemas.Unknown {
			j = slices.IndexFunc(rows, func(x item) bool { return e.isFresh(x.row) && sameRow(&old, &x) && later(x.time, old.time) })
		}
		if j < 0 {
			continue
		}
		fresh := rows[j]
		e.adopt(old.row, fresh.row)
		fresh.row, fresh.home = old.row, homeCarried
		rows[i] = fresh
		rows = slices.Delete(rows, j, j+1)
		if j < i {
			i--
		}
	}
	return rows
}

// sameRow tells whether two local rows of one kind and key may be one row seen
// twice.
func sameRow(a, b *item) bool {
	return a.amount == b.amount && a.currency == b.currency && agreeOrEmpty(a.ref, b.ref)
}

// adopt lets a carried row say what its fresh copy says, and places the copy.
func (e *engine) adopt(carried, fresh int32) {
	s := e.local
	s.status[carried], s.time[carried] = s.status[fresh], s.time[fresh]
	s.fees.put(carried, s.fees.at(fresh))
	s.place(fresh, verdict{schemas.Claimed, ruleCarriedIn}, passWindow, none)
	e.twins[carried] = fresh
}

// dropKeyless does the same for rows without a number of ours, which only the
// channel's number and the time tell apart.
func (e *engine) dropKeyless(ctx context.Context) error {
	s := e.local
	claims := slices.DeleteFunc(slices.Clone(e.in.Claims), func(c schemas.Claim) bool {
		return c.Key != "" || c.ChannelRef == "" || !e.binds(c)
	})
	slices.SortFunc(claims, compareClaims)
	var carried, fresh []int32
	for row := range s.rows() {
		if len(s.key(row)) > 0 {
			continue
		}
		if s.isCarried(row) {
			carried = append(carried, row)
		} else {
			fresh = append(fresh, row)
		}
	}
	if len(fresh) == 0 || len(claims)+len(carried) == 0 {
		return nil
	}
	old, err := e.items(ctx, s, carried)
	if err != nil {
		return err
	}
	seen, err := e.items(ctx, s, fresh)
	if err != nil {
		return err
	}
	byTime := func(a, b item) int {
		return cmp.Or(cmp.Compare(s.kind[a.row], s.kind[b.row]), cmp.Compare(a.time, b.time), cmp.Compare(a.ref, b.ref), canonical(&a, &b))
	}
	slices.SortFunc(old, byTime)
	slices.SortFunc(seen, byTime)
	find := func(kind schemas.Kind, time int64, ref string, fits func(*item) bool) int32 {
		at, _ := slices.BinarySearchFunc(seen, time, func(x item, t int64) int {
			return cmp.Or(cmp.Compare(s.kind[x.row], kind), cmp.Compare(x.time, t), cmp.Compare(x.ref, ref))
		})
		for ; at < len(seen) && s.kind[seen[at].row] == kind && seen[at].time == time && seen[at].ref == ref; at++ {
			if s.class[seen[at].row] == 0 && fits(&seen[at]) {
				return seen[at].row
			}
		}
		return none
	}
	for _, c := range claims {
		if row := find(c.Kind, c.EventTime, c.ChannelRef, func(*item) bool { return true }); row != none {
			s.place(row, verdict{schemas.Claimed, ruleClaimed}, passWindow, none)
		}
	}
	for i := range old {
		x := &old[i]
		if row := find(s.kind[x.row], x.time, x.ref, func(f *item) bool { return sameRow(x, f) }); row != none {
			e.adopt(x.row, row)
		}
	}
	return nil
}

// nearEdge tells whether a neighbouring day's window shows a fresh local row
// of this time, or without one of this date.
func (e *engine) nearEdge(t int64, d bizday.Date) bool {
	if t == schemas.NoTime {
		return !e.ownDay(t, d)
	}
	return t < e.day.From+e.in.Rules.WindowAfter.Microseconds() || t >= e.day.To-e.in.Rules.WindowBefore.Microseconds()
}
