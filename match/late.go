package match

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tieout/schemas"
)

// lateRows asks for the local rows of unplaced channel rows, whatever their
// date: the order may be older than the window, or its status may have moved
// it to another day.
func (e *engine) lateRows(ctx context.Context) error {
	if e.in.Late == nil {
		return nil
	}
	open, keys, err := e.lateKeys(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	rows, err := e.in.Late(ctx, keys)
	if err != nil {
		return fmt.Errorf("look up %d numbers: %w", len(keys), err)
	}
	e.local.late = rows
	free, others, err := e.sortLate(rows)
	if err != nil {
		return err
	}
	byKey := e.lateGroups(open, free, func(o *openRow) (string, bool) { return o.key, o.key != "" }, (*schemas.Record).Key)
	if err := e.settleRefs(ctx, byKey, passLate); err != nil {
		return err
	}
	byRef := e.lateGroups(open, free, func(o *openRow) (string, bool) { return o.ref, o.key == "" && o.ref != "" }, channelNumber)
	if err := e.settleRefs(ctx, byRef, passLate); err != nil {
		return err
	}
	e.takeLate(open, others)
	return nil
}

// openRow is an unplaced channel row with its numbers.
type openRow struct {
	row      int32
	kind     schemas.Kind
	key, ref string
}

// lateKeys returns the unplaced channel rows and what to ask for, sorted.
func (e *engine) lateKeys(ctx context.Context) ([]openRow, []schemas.LookupKey, error) {
	s := e.channel
	refs := map[int32]string{}
	if err := e.eachRef(ctx, s, func(row int32, ref []byte) {
		if len(s.key(row)) == 0 {
			refs[row] = string(ref)
		}
	}); err != nil {
		return nil, nil, err
	}
	var open []openRow
	for row := range s.rows() {
		if s.class[row] == 0 && (len(s.key(row)) > 0 || refs[row] != "") {
			open = append(open, openRow{row, s.kind[row], string(s.key(row)), refs[row]})
		}
	}
	slices.SortFunc(open, func(a, b openRow) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key), cmp.Compare(a.ref, b.ref), cmp.Compare(a.row, b.row))
	})
	var keys []schemas.LookupKey
	for _, o := range open {
		k := schemas.LookupKey{Kind: o.kind, Key: o.key, ChannelRef: o.ref}
		if len(keys) == 0 || keys[len(keys)-1] != k {
			keys = append(keys, k)
		}
	}
	return open, keys, nil
}

// lateRef is a late row: its position in the answer, and its row once it is
// part of the local side.
type lateRef struct {
	at, row int32
	run     string
	record  *schemas.Record
}

// sortLate tells free rows from those that another run has placed. A row that
// our own sets hold already is neither: it was there for every pass before, and
// where one of them placed it with a channel row, it is taken.
func (e *engine) sortLate(rows []LateRow) (free, others []lateRef, err error) {
	elsewhere := make([]*schemas.Record, len(rows)) // whose number no row left to the passes bears
	for i := range rows {
		if r := &rows[i].Record; e.table.lookup(uint8(r.Kind), r.Key()) == none {
			elsewhere[i] = r
		}
	}
	paired, err := e.agreed.paired(elsewhere)
	if err != nil {
		return nil, nil, err
	}
	for i := range rows {
		r := &rows[i].Record
		ref := lateRef{at: int32(i), row: none, run: rows[i].ClaimedBy, record: r}
		mine, placed := e.ownCopy(r)
		mine, placed = mine || paired[i], placed || paired[i]
		switch {
		case mine && !placed && rows[i].ClaimedBy == "":
			continue
		case mine && placed, rows[i].ClaimedBy != "":
			others = append(others, ref)
			continue
		}
		if err := e.local.addRecord(r, e.money); err != nil {
			return nil, nil, fmt.Errorf("late row %d: %w", i, err)
		}
		e.local.lateRows = append(e.local.lateRows, int32(i))
		ref.row = e.local.rows() - 1
		free = append(free, ref)
	}
	return free, others, nil
}

// ownCopy looks for a late row among the rows that are left to the passes:
// whether one of them is the same, and stands with a channel row.
func (e *engine) ownCopy(r *schemas.Record) (mine, placed bool) {
	head := e.table.lookup(uint8(r.Kind), r.Key())
	if head == none {
		return false, false
	}
	for _, l := range e.table.chain(head) {
		if e.local.time[l] != r.EventTime || e.local.amount[l] != r.AmountMinor {
			continue
		}
		if e.local.mate[l] != none {
			return true, true
		}
		mine = true
	}
	return mine, false
}

// lateGroups brings together open channel rows and free late rows of the same
// kind and number.
func (e *engine) lateGroups(open []openRow, free []lateRef, theirs func(*openRow) (string, bool), ours func(*schemas.Record) string) []*refGroup {
	byNumber := map[refKey]*refGroup{}
	for i := range open {
		o := &open[i]
		if number, ok := theirs(o); ok && e.channel.class[o.row] == 0 {
			k := refKey{o.kind, number}
			if byNumber[k] == nil {
				byNumber[k] = &refGroup{key: k}
			}
			byNumber[k].channels = append(byNumber[k].channels, o.row)
		}
	}
	var groups []*refGroup
	for _, f := range free {
		g := byNumber[refKey{f.record.Kind, ours(f.record)}]
		if g == nil || e.local.class[f.row] != 0 {
			continue
		}
		if len(g.locals) == 0 {
			groups = append(groups, g)
		}
		g.locals = append(g.locals, f.row)
	}
	slices.SortFunc(groups, func(a, b *refGroup) int {
		return cmp.Or(cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.ref, b.key.ref))
	})
	return groups
}

// takeLate notes which of the channel rows that are still open name a local row
// that is placed already.
func (e *engine) takeLate(open []openRow, others []lateRef) {
	byKey, byRef := map[refKey]lateRef{}, map[refKey]lateRef{}
	for _, o := range others {
		putFirst(byKey, refKey{o.record.Kind, o.record.Key()}, o)
		putFirst(byRef, refKey{o.record.Kind, channelNumber(o.record)}, o)
	}
	for i := range open {
		o := &open[i]
		if e.channel.class[o.row] != 0 {
			continue
		}
		found, ok := byKey[refKey{o.kind, o.key}]
		if !ok || o.key == "" {
			found, ok = byRef[refKey{o.kind, o.ref}]
			ok = ok && o.ref != ""
		}
		if ok {
			e.taken[o.row] = taken{row: none, late: found.at, run: found.run}
		}
	}
}

// putFirst keeps the row that comes first by what it says.
func putFirst(m map[refKey]lateRef, k refKey, v lateRef) {
	if old, ok := m[k]; !ok || compareLate(v, old) < 0 {
		m[k] = v
	}
}

// compareLate orders late rows by what they say, so that the order of the
// answer decides nothing.
func compareLate(a, b lateRef) int {
	if c := cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.record.EventTime, b.record.EventTime),
		cmp.Compare(channelNumber(a.record), channelNumber(b.record)), cmp.Compare(a.record.AmountMinor, b.record.AmountMinor)); c != 0 {
		return c
	}
	x, y := contentOf(a.record), contentOf(b.record)
	return cmp.Or(cmp.Compare(x.Hi, y.Hi), cmp.Compare(x.Lo, y.Lo))
}
