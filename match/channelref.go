package match

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// refKey is a number that the channel gave, within a kind.
type refKey struct {
	kind schemas.Kind
	ref  string
}

// refGroup is the unplaced rows of one number of the channel.
type refGroup struct {
	key              refKey
	locals, channels []int32
}

// channelRef pairs what is left by the channel's own number: of the refund, for
// refunds. Where both sides name a number of ours and the numbers differ, two
// rows are shown together as TYPE_MISMATCH, and more than two are left alone.
func (e *engine) channelRef(ctx context.Context) error {
	if !anyUnplaced(e.local) || !anyUnplaced(e.channel) {
		return nil
	}
	if err := e.haveRefs(ctx); err != nil {
		return err
	}
	byRef := map[refKey]*refGroup{}
	err := e.eachRef(ctx, e.channel, func(row int32, ref []byte) {
		k := refKey{e.channel.kind[row], string(ref)}
		if byRef[k] == nil {
			byRef[k] = &refGroup{key: k}
		}
		byRef[k].channels = append(byRef[k].channels, row)
	})
	if err != nil || len(byRef) == 0 {
		return err
	}
	var groups []*refGroup
	err = e.eachRef(ctx, e.local, func(row int32, ref []byte) {
		g := byRef[refKey{e.local.kind[row], string(ref)}]
		if g == nil {
			return
		}
		if len(g.locals) == 0 {
			groups = append(groups, g)
		}
		g.locals = append(g.locals, row)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(groups, func(a, b *refGroup) int {
		return cmp.Or(cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.ref, b.key.ref))
	})
	return e.settleRefs(ctx, groups, passChannelRef)
}

// haveRefs makes the channel's numbers of open rows of both sides at hand, side
// by side.
func (e *engine) haveRefs(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, e.in.Workers))
	for _, s := range []*side{e.local, e.channel} {
		g.Go(func() (err error) {
			defer recovered(&err)
			return s.haveRefs(ctx, e.openRows(s))
		})
	}
	return g.Wait()
}

func anyUnplaced(s *side) bool { return slices.Contains(s.class[:s.rows()], 0) }

// openRows are the fresh rows that are not placed, and those that show an
// unplaced carried row again.
func (e *engine) openRows(s *side) []int32 {
	copies := e.freshCopies(s)
	return rowsOf(s, func(row int32) bool {
		_, again := copies[row]
		return row < s.fresh && (s.class[row] == 0 || again)
	})
}

// freshCopies maps fresh rows to the unplaced carried rows that they show
// again.
func (e *engine) freshCopies(s *side) map[int32]int32 {
	copies := map[int32]int32{}
	if s == e.local {
		for carried, fresh := range e.twins {
			if s.class[carried] == 0 {
				copies[fresh] = carried
			}
		}
	}
	return copies
}

// eachRef calls fn with the channel's number of every unplaced fresh or carried
// row that has one. A carried row that the export shows again has the number of
// its fresh copy.
func (e *engine) eachRef(ctx context.Context, s *side, fn func(row int32, ref []byte)) error {
	copies := e.freshCopies(s)
	err := s.eachRef(ctx, e.openRows(s), func(row int32, ref []byte) {
		if carried, ok := copies[row]; ok {
			row = carried
		}
		fn(row, ref)
	})
	if err != nil {
		return err
	}
	for i := range s.carried {
		row := s.fresh + int32(i)
		if _, again := e.twins[row]; again && s == e.local || s.class[row] != 0 {
			continue
		}
		if ref := channelNumber(&s.carried[i].Record); ref != "" {
			fn(row, []byte(ref))
		}
	}
	return nil
}

// eachRef calls fn with the channel's number of every one of some fresh rows
// that has one.
func (s *side) eachRef(ctx context.Context, rows []int32, fn func(row int32, ref []byte)) error {
	if err := s.haveRefs(ctx, rows); err != nil {
		return err
	}
	for _, row := range rows {
		if ref := s.channelNumber(row); len(ref) > 0 {
			fn(row, ref)
		}
	}
	return nil
}

// channelNumber is the channel's number of a fresh row of which haveRefs knows.
func (s *side) channelNumber(row int32) []byte {
	if r := s.whole[row]; r != nil {
		return []byte(channelNumber(r))
	}
	return s.refs.At(int(row))
}

// haveRefs makes the channel's numbers of fresh rows at hand: they stand in the
// whole rows that are kept, or the numbers of all fresh rows are read, once.
func (s *side) haveRefs(ctx context.Context, rows []int32) error {
	if s.refs.Len() == int(s.fresh) || !slices.ContainsFunc(rows, func(row int32) bool { return s.whole[row] == nil }) {
		return nil
	}
	s.refs.Reset()
	err := s.set.Read(ctx, recordfile.Refs, func(first int64, b *schemas.Batch) error {
		end := int32(first) + int32(b.ChannelRef.Len())
		for row := s.refs.Len(); row < int(s.fresh) && s.orig[row] < end; row++ {
			i := int(s.orig[row]) - int(first)
			if hasOwnNumber(s.kind[row]) {
				s.refs.Append(b.ChannelRefundRef.At(i))
			} else {
				s.refs.Append(b.ChannelRef.At(i))
			}
		}
		return nil
	})
	if err == nil && s.refs.Len() != int(s.fresh) {
		err = fmt.Errorf("read %d of %d numbers of the channel", s.refs.Len(), s.fresh)
	}
	return err
}

// settleRefs settles groups that share a number.
func (e *engine) settleRefs(ctx context.Context, groups []*refGroup, by passID) error {
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
		ours, theirs := ls.of(g.locals), cs.of(g.channels)
		if !contradict(ours, theirs) {
			e.apply(resolve(ours, theirs), by)
			continue
		}
		if len(ours) == 1 && len(theirs) == 1 {
			e.pair(ours[0].row, theirs[0].row, verdict{schemas.TypeMismatch, ruleKeyDiffers}, by, note{})
		}
	}
	return nil
}

// contradict tells whether a local and a channel row of the group name
// different numbers of ours.
func contradict(ours, theirs []item) bool {
	theirNumbers := distinct(theirs)
	for n := range distinct(ours) {
		for m := range theirNumbers {
			if !n.fit(m) {
				return true
			}
		}
	}
	return false
}

func distinct(list []item) map[numbers]bool {
	set := map[numbers]bool{}
	for i := range list {
		set[list[i].numbers] = true
	}
	return set
}
