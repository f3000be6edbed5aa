package match

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// shownAtOnce bounds how many whole rows the differences hold in memory.
const shownAtOnce = 32_768

// entry is one difference to be: its local row, its channel row, or both.
type entry struct{ local, channel int32 }

// differences gives the differences in the order of kind and number.
func (e *engine) differences(ctx context.Context, give func(*schemas.Difference) error) error {
	entries := e.entries()
	if err := e.order(ctx, entries); err != nil {
		return err
	}
	near, err := e.nearest(ctx)
	if err != nil {
		return err
	}
	for len(entries) > 0 {
		n, wanted := e.portion(entries, near)
		rows, err := e.wholeRows(ctx, wanted)
		if err != nil {
			return err
		}
		for _, x := range entries[:n] {
			d, err := e.difference(x, rows, near)
			if err != nil {
				return err
			}
			if err := give(d); err != nil {
				return err
			}
		}
		entries = entries[n:]
	}
	return nil
}

// different tells which classes have a difference.
func different(c schemas.Class) bool {
	switch c {
	case 0, schemas.Matched, schemas.NothingHappened, schemas.OtherDay, schemas.Claimed:
		return false
	}
	return true
}

func (e *engine) entries() []entry {
	var list []entry
	for l := range e.local.rows() {
		if different(e.local.class[l]) {
			list = append(list, entry{l, e.local.mate[l]})
		}
	}
	for c := range e.channel.rows() {
		if different(e.channel.class[c]) && e.channel.mate[c] == none {
			list = append(list, entry{none, c})
		}
	}
	return list
}

// order sorts entries by what they say. Where the tables cannot tell two of
// them apart, their whole rows decide.
func (e *engine) order(ctx context.Context, list []entry) error {
	return sortEqual(list, e.compare, func(same []entry) error { return e.orderEqual(ctx, same) })
}

// sortRows sorts rows of one side in the same way.
func (e *engine) sortRows(ctx context.Context, s *side, rows []int32, compare func(a, b int32) int) error {
	return sortEqual(rows, compare, func(same []int32) error {
		details, err := e.items(ctx, s, same)
		if err != nil {
			return err
		}
		slices.SortFunc(details, func(a, b item) int { return canonical(&a, &b) })
		for i := range details {
			same[i] = details[i].row
		}
		return nil
	})
}

// sortEqual sorts a list, and hands what compares as equal to a second order.
func sortEqual[T any](list []T, compare func(a, b T) int, second func(same []T) error) error {
	slices.SortFunc(list, compare)
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && compare(list[from], list[to]) == 0 {
			to++
		}
		if to-from > 1 {
			if err := second(list[from:to]); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

func (e *engine) compare(a, b entry) int {
	return cmp.Or(
		cmp.Compare(e.kindOf(a), e.kindOf(b)), bytes.Compare(e.keyOf(a), e.keyOf(b)), cmp.Compare(e.classOf(a), e.classOf(b)),
		cmp.Compare(e.ruleOf(a), e.ruleOf(b)), compareRow(e.local, a.local, b.local), compareRow(e.channel, a.channel, b.channel))
}

func compareRow(s *side, a, b int32) int {
	if a == none || b == none {
		return cmp.Compare(a, b) // an absent row comes first; two absent ones are equal
	}
	return cmp.Or(cmp.Compare(s.time[a], s.time[b]), cmp.Compare(s.amount[a], s.amount[b]), cmp.Compare(s.status[a], s.status[b]),
		cmp.Compare(s.notes[a].occurrence, s.notes[b].occurrence))
}

// orderEqual sorts entries that look alike in the tables by their whole rows.
func (e *engine) orderEqual(ctx context.Context, list []entry) error {
	var locals, channels []int32
	for _, x := range list {
		if x.local != none {
			locals = append(locals, x.local)
		}
		if x.channel != none {
			channels = append(channels, x.channel)
		}
	}
	ls, err := e.items(ctx, e.local, locals)
	if err != nil {
		return err
	}
	cs, err := e.items(ctx, e.channel, channels)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(ls.compare(a.local, b.local), cs.compare(a.channel, b.channel)) })
	return nil
}

// compare orders two rows of the items; both are none, or neither.
func (s items) compare(a, b int32) int {
	if a == none || b == none {
		return cmp.Compare(a, b)
	}
	two := s.of([]int32{a, b})
	return canonical(&two[0], &two[1])
}

func (e *engine) kindOf(x entry) schemas.Kind {
	if x.local != none {
		return e.local.kind[x.local]
	}
	return e.channel.kind[x.channel]
}

// keyOf is the number that the difference is known by: ours if we have one.
func (e *engine) keyOf(x entry) []byte {
	if x.local != none {
		if key := e.local.key(x.local); len(key) > 0 || x.channel == none {
			return key
		}
	}
	return e.channel.key(x.channel)
}

func (e *engine) classOf(x entry) schemas.Class {
	if x.local != none {
		return e.local.class[x.local]
	}
	return e.channel.class[x.channel]
}

func (e *engine) ruleOf(x entry) rule {
	if x.local != none {
		return e.local.rule[x.local]
	}
	return e.channel.rule[x.channel]
}

// wanted is the rows whose whole records some differences need.
type wanted struct{ locals, channels []int32 }

// portion returns how many entries can be shown at once, and what they need.
func (e *engine) portion(list []entry, near map[entry]neighbour) (int, wanted) {
	var w wanted
	for i, x := range list {
		if len(w.locals)+len(w.channels) >= shownAtOnce {
			return i, w
		}
		w.add(x)
		if nb, ok := near[x]; ok {
			w.add(nb.row)
		}
		if x.local != none {
			w.channels = append(w.channels, e.candidates[onLocal][x.local]...)
		}
		if x.channel != none {
			w.locals = append(w.locals, e.candidates[onChannel][x.channel]...)
			if t, ok := e.taken[x.channel]; ok && t.row != none {
				w.locals = append(w.locals, t.row)
			}
		}
	}
	return len(list), w
}

func (w *wanted) add(x entry) {
	if x.local != none {
		w.locals = append(w.locals, x.local)
	}
	if x.channel != none {
		w.channels = append(w.channels, x.channel)
	}
}

// whole holds whole rows by their number.
type whole struct{ locals, channels map[int32]*schemas.Record }

func (e *engine) wholeRows(ctx context.Context, w wanted) (whole, error) {
	rows := whole{map[int32]*schemas.Record{}, map[int32]*schemas.Record{}}
	for _, x := range []struct {
		s    *side
		rows []int32
		to   map[int32]*schemas.Record
	}{{e.local, w.locals, rows.locals}, {e.channel, w.channels, rows.channels}} {
		slices.Sort(x.rows)
		err := e.eachShown(ctx, x.s, slices.Compact(x.rows), func(row int32, r *schemas.Record) error {
			x.to[row] = r
			return nil
		})
		if err != nil {
			return whole{}, err
		}
	}
	return rows, nil
}

// difference describes one entry.
func (e *engine) difference(x entry, rows whole, near map[entry]neighbour) (*schemas.Difference, error) {
	s, row := e.local, x.local
	if row == none {
		s, row = e.channel, x.channel
	}
	n := s.notes[row]
	d := &schemas.Difference{
		Outcome: schemas.Outcome{Class: s.class[row], Pass: s.pass[row].String(), Rule: s.rule[row].String(),
			Local: e.localRef(x.local), Channel: e.channelRowRef(x.channel), Occurrence: n.occurrence, Group: n.group},
		Account: e.in.Account, BillDate: e.in.Date, Kind: s.kind[row], Key: string(e.keyOf(x)), Currency: e.money.names[s.currency[row]],
		LocalRow: rows.locals[x.local], ChannelRow: rows.channels[x.channel],
	}
	d.FirstSeen, d.BreakOn = e.firstSeen(x)
	var err error
	if d.DeltaMinor, d.FeeDelta, err = deltas(d.LocalRow, d.ChannelRow); err != nil {
		return nil, err
	}
	if nb, ok := near[x]; ok {
		d.Nearest = e.candidate(nb.row, rows, nb.failed)
	}
	e.addCandidates(d, x, rows)
	d.Reason = reason(d, e.takenBy(x), e.in.Day.Zone)
	return d, nil
}

// firstSeen takes the earlier of two carried rows. A row that stands alone has
// the date on which it becomes, or became, a break, if it ever waited.
func (e *engine) firstSeen(x entry) (first, breakOn bizday.Date) {
	switch {
	case x.channel == none:
		return e.dates(e.local, x.local)
	case x.local == none:
		return e.dates(e.channel, x.channel)
	}
	first, _ = e.dates(e.local, x.local)
	other, _ := e.dates(e.channel, x.channel)
	return min(first, other), bizday.None
}

// deltas are channel - local; an absent side counts 0, and fees count only
// where both sides give one.
func deltas(l, c *schemas.Record) (amount, fee int64, err error) {
	if l != nil {
		amount = -l.AmountMinor
	}
	if c != nil {
		amount += c.AmountMinor
	}
	if l != nil && c != nil && l.FeeMinor.Valid && c.FeeMinor.Valid {
		fee, err = money.Sub(c.FeeMinor.V, l.FeeMinor.V)
	}
	return amount, fee, err
}

// candidate describes a row of either side.
func (e *engine) candidate(x entry, rows whole, failed string) *schemas.Candidate {
	if x.local != none {
		return &schemas.Candidate{Row: e.localRef(x.local), Record: *rows.locals[x.local], Failed: failed}
	}
	return &schemas.Candidate{Row: e.channelRowRef(x.channel), Record: *rows.channels[x.channel], Failed: failed}
}

// addCandidates lists the rows of the other side that were considered: of an
// ambiguous or repeated row, and the row that another run took.
func (e *engine) addCandidates(d *schemas.Difference, x entry, rows whole) {
	if x.local != none {
		for _, c := range e.candidates[onLocal][x.local] {
			d.Candidates = append(d.Candidates, *e.candidate(entry{none, c}, rows, failedField(rows.locals[x.local], rows.channels[c])))
		}
		return
	}
	for _, l := range e.candidates[onChannel][x.channel] {
		d.Candidates = append(d.Candidates, *e.candidate(entry{l, none}, rows, failedField(rows.locals[l], rows.channels[x.channel])))
	}
	t, ok := e.taken[x.channel]
	switch {
	case !ok:
	case t.row != none:
		d.Candidates = append(d.Candidates, *e.candidate(entry{t.row, none}, rows, "claimed"))
	default:
		d.Candidates = append(d.Candidates, schemas.Candidate{Row: schemas.RowRef{In: schemas.InLate, Row: int64(t.late)},
			Record: e.local.late[t.late].Record, Failed: "claimed"})
	}
}

// takenBy names the run that took the row of an already matched one.
func (e *engine) takenBy(x entry) string {
	if x.channel == none {
		return ""
	}
	return e.taken[x.channel].run
}

// failedField is the first field in which two rows of one number differ; ""
// if none does.
func failedField(l, c *schemas.Record) string {
	switch {
	case pairTable[l.Status][c.Status].standing != agree:
		return "status"
	case l.Currency != c.Currency:
		return "currency"
	case l.AmountMinor != c.AmountMinor:
		return "amount_minor"
	case !agreeOrEmpty(channelNumber(l), channelNumber(c)):
		return "channel_ref"
	}
	return ""
}
