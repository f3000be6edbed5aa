package match

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// emit hands the outcomes and the differences to the sink, and proves that
// every row of both sides stands in one of them. All rows are placed: those who
// write outcomes, and those who tell of the few rows that somebody looks at,
// work side by side.
func (e *engine) emit(ctx context.Context, out Sink) (Result, error) {
	local, channel := newLedger(), newLedger()
	totals := &tallies{byClass: map[tallyKey]*tally{}}
	passes := [passCount]int64{}
	count := func(l, c int32, class schemas.Class, by passID) {
		if l != none && !e.local.isLate(l) {
			local.add(e.local, l)
		}
		if c != none {
			channel.add(e.channel, c)
		}
		totals.add(e.local, e.channel, class, l, c)
		passes[by]++
	}
	res := Result{Passes: map[string]int64{}}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, e.in.Workers))
	g.Go(func() (err error) {
		defer recovered(&err)
		return e.outcomes(gctx, out, count)
	})
	g.Go(func() (err error) {
		defer recovered(&err)
		return e.tell(gctx, out, &res)
	})
	err := g.Wait()
	if err != nil {
		return Result{}, err
	}
	passes[passExactKey] += e.agreed.addTo(totals, local, channel)
	for p, n := range passes {
		if n > 0 {
			res.Passes[passID(p).String()] = n
		}
	}
	if res.Totals, err = totals.totals(e.money.names); err != nil {
		return Result{}, err
	}
	res.Proofs = append(proveSame("local", cameIn(e.agreed.whole[onLocal], e.local), local, e.money.names),
		proveSame("channel", cameIn(e.agreed.whole[onChannel], e.channel), channel, e.money.names)...)
	res.Proofs = append(res.Proofs, e.proveCarry(schemas.Local, res.CarriedOut), e.proveCarry(schemas.Channel, res.CarriedOut))
	res.Proofs = append(res.Proofs, e.proveDates(res.Totals)...)
	return res, nil
}

// tell gives the differences, and collects what other days get.
func (e *engine) tell(ctx context.Context, out Sink, res *Result) (err error) {
	if err = e.differences(ctx, out.Difference); err != nil {
		return err
	}
	if res.CarriedOut, err = e.carriedOut(ctx); err != nil {
		return err
	}
	res.Claims, err = e.claims(ctx)
	return err
}

// outcomes gives all placed rows: the local ones in their order, each with its
// channel row, then the channel rows that stand alone. count gets those that the
// passes placed; the pairs of the first look are counted.
func (e *engine) outcomes(ctx context.Context, out Sink, count func(l, c int32, class schemas.Class, by passID)) error {
	agreed := pairList{to: out}
	give := func(s *side, row, l, c int32) error {
		if s.class[row] == 0 {
			return nil // a late row that nobody needed; the partition shows any other
		}
		count(l, c, s.class[row], s.pass[row])
		if err := agreed.flush(); err != nil {
			return err
		}
		n := s.notes[row]
		return out.Outcome(schemas.Outcome{Class: s.class[row], Pass: s.pass[row].String(), Rule: s.rule[row].String(),
			Local: e.localRef(l), Channel: e.channelRowRef(c), Occurrence: n.occurrence, Group: n.group})
	}
	next, pairs := int32(0), int64(0)
	err := e.agreed.eachBlock(int32(e.in.Local.Rows()), func(from int32, mates []int32, rules []rule) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i, c := range mates {
			row := from + int32(i)
			if c != none {
				pairs++
				if err := agreed.add(row, c, rules[i]); err != nil {
					return err
				}
				continue
			}
			if next == e.local.fresh || e.local.orig[next] != row {
				return fmt.Errorf("local row %d stands nowhere", row)
			}
			if err := give(e.local, next, next, e.local.mate[next]); err != nil {
				return err
			}
			next++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if want := e.agreed.pairs(); pairs != want {
		return fmt.Errorf("%d pairs of %d are left", pairs, want)
	}
	for l := next; l < e.local.rows(); l++ {
		if err := give(e.local, l, l, e.local.mate[l]); err != nil {
			return err
		}
	}
	for c := range e.channel.rows() {
		if e.channel.mate[c] != none {
			continue
		}
		if err := give(e.channel, c, none, c); err != nil {
			return err
		}
	}
	return agreed.flush()
}

// pairList hands the pairs of the first look on, many at a time: nearly all are
// alike.
type pairList struct {
	to             Sink
	rule           rule
	local, channel [1024]int64
	n              int
}

func (p *pairList) add(l, c int32, by rule) error {
	if by != p.rule || p.n == len(p.local) {
		if err := p.flush(); err != nil {
			return err
		}
		p.rule = by
	}
	p.local[p.n], p.channel[p.n] = int64(l), int64(c)
	p.n++
	return nil
}

func (p *pairList) flush() error {
	n := p.n
	if p.n = 0; n == 0 {
		return nil
	}
	return p.to.Pairs(schemas.Outcome{Class: schemas.Matched, Pass: passWords[passExactKey], Rule: p.rule.String(),
		Local: schemas.RowRef{In: schemas.InLocal}, Channel: schemas.RowRef{In: schemas.InChannel}}, p.local[:n], p.channel[:n])
}

func (e *engine) localRef(row int32) schemas.RowRef {
	return e.local.ref(row, schemas.InLocal, schemas.InCarriedLocal)
}

func (e *engine) channelRowRef(row int32) schemas.RowRef {
	return e.channel.ref(row, schemas.InChannel, schemas.InCarriedChannel)
}

// carriedOut collects what the next day gets. Dates that were given once never
// move.
func (e *engine) carriedOut(ctx context.Context) ([]schemas.Carried, error) {
	var all []schemas.Carried
	for _, x := range []struct {
		s     *side
		side  schemas.Side
		class schemas.Class
	}{{e.local, schemas.Local, schemas.LocalInTransit}, {e.channel, schemas.Channel, schemas.ChannelInTransit}} {
		rows := rowsOf(x.s, func(row int32) bool { return x.s.class[row] == x.class })
		err := e.eachShown(ctx, x.s, rows, func(row int32, r *schemas.Record) error {
			first, breakOn := e.dates(x.s, row)
			all = append(all, schemas.Carried{Side: x.side, Record: *r, FirstSeen: first, BreakOn: breakOn})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b schemas.Carried) int {
		return cmp.Or(cmp.Compare(a.Side, b.Side), compareRecords(&a.Record, &b.Record))
	})
	return all, nil
}

// dates returns when a row was first seen one-sided, and when it becomes a
// break; bizday.None if it does not wait.
func (e *engine) dates(s *side, row int32) (firstSeen, breakOn bizday.Date) {
	if s.isCarried(row) {
		c := &s.carried[row-s.fresh]
		return c.FirstSeen, c.BreakOn
	}
	switch s.class[row] {
	case schemas.LocalInTransit:
		return e.in.Date, e.carryUntil(row)
	case schemas.ChannelInTransit:
		return e.in.Date, e.in.Date + 1
	}
	return e.in.Date, bizday.None
}

// claims collects the placed rows that other runs may meet. Of fresh rows only
// the channel's number must be read; the rest is at hand.
func (e *engine) claims(ctx context.Context) ([]schemas.Claim, error) {
	if e.in.Alone {
		return nil, nil
	}
	s := e.local
	mine := func(row int32) bool {
		return s.class[row] != 0 && consumes(s.class[row]) && !s.isCarried(row) && (s.isLate(row) || e.nearEdge(s.time[row], s.billDate(row)))
	}
	at := map[int32]int{}
	var all []schemas.Claim
	var fresh []int32
	for _, row := range rowsOf(s, mine) {
		at[row] = len(all)
		all = append(all, schemas.Claim{Kind: s.kind[row], Key: string(s.key(row)), Occurrence: max(1, s.notes[row].occurrence),
			EventTime: s.time[row], Class: s.class[row], CarriedFrom: e.carriedFrom(row)})
		if s.isLate(row) {
			all[len(all)-1].ChannelRef = channelNumber(s.kept(row))
		} else {
			fresh = append(fresh, row)
		}
	}
	err := s.eachRef(ctx, fresh, func(row int32, ref []byte) { all[at[row]].ChannelRef = string(ref) })
	slices.SortFunc(all, compareClaims)
	return all, err
}

// carriedFrom is the day of the carried statement row that a local row was
// matched with.
func (e *engine) carriedFrom(row int32) bizday.Date {
	c := e.local.mate[row]
	if c == none || !e.channel.isCarried(c) {
		return bizday.None
	}
	return e.channel.carried[c-e.channel.fresh].FirstSeen
}

func rowsOf(s *side, want func(row int32) bool) []int32 {
	var rows []int32
	for row := range s.rows() {
		if want(row) {
			rows = append(rows, row)
		}
	}
	return rows
}

// eachShown is eachRecord with what our books say now: of a carried local row
// that this day's export shows again, the fresh copy.
func (e *engine) eachShown(ctx context.Context, s *side, rows []int32, fn func(row int32, r *schemas.Record) error) error {
	if s != e.local || len(e.twins) == 0 {
		return s.eachRecord(ctx, rows, fn)
	}
	copies := map[int32]int32{} // fresh copy -> carried row
	asked := make([]int32, len(rows))
	for i, row := range rows {
		asked[i] = row
		if fresh, ok := e.twins[row]; ok {
			asked[i] = fresh
			copies[fresh] = row
		}
	}
	slices.Sort(asked)
	return s.eachRecord(ctx, asked, func(row int32, r *schemas.Record) error {
		if carried, ok := copies[row]; ok {
			row = carried
		}
		return fn(row, r)
	})
}

// compareRecords orders records by what they say; place in the file decides
// only between rows that say the same.
func compareRecords(a, b *schemas.Record) int {
	ca, cb := contentOf(a), contentOf(b)
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.EventTime, b.EventTime),
		cmp.Compare(channelNumber(a), channelNumber(b)), cmp.Compare(a.AmountMinor, b.AmountMinor),
		cmp.Compare(ca.Hi, cb.Hi), cmp.Compare(ca.Lo, cb.Lo), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
}

// proveCarry: carried out = carried in + new - resolved.
func (e *engine) proveCarry(which schemas.Side, out []schemas.Carried) schemas.Proof {
	s, name, class := e.local, "carry.local", schemas.LocalInTransit
	if which == schemas.Channel {
		s, name, class = e.channel, "carry.channel", schemas.ChannelInTransit
	}
	in, fresh, resolved := int64(len(s.carried)), int64(0), int64(0)
	for row := range s.rows() {
		waits := s.class[row] == class
		switch {
		case s.isCarried(row) && !waits:
			resolved++
		case !s.isCarried(row) && waits:
			fresh++
		}
	}
	got := int64(0)
	for i := range out {
		if out[i].Side == which {
			got++
		}
	}
	p := proof(name, "", strconv.FormatInt(in+fresh-resolved, 10), strconv.FormatInt(got, 10))
	p.Note = fmt.Sprintf("%d carried in + %d new - %d resolved", in, fresh, resolved)
	return p
}

// dateFloor is how many pairs may differ in date on the smallest day.
const dateFloor = 20

// proveDates looks at the share of pairs whose dates differ: many of them mean
// that a time zone is wrong.
func (e *engine) proveDates(totals []schemas.ClassTotal) []schemas.Proof {
	var pairs, off int64
	for _, t := range totals {
		if t.LocalRows > 0 && t.ChannelRows > 0 {
			pairs += t.LocalRows
		}
		if t.Class == schemas.DateMismatch {
			off += t.LocalRows
		}
	}
	if e.in.Rules.DateShare <= 0 || pairs == 0 {
		return nil
	}
	allowed, err := money.Mul(pairs, e.in.Rules.DateShare)
	if err != nil {
		return nil
	}
	allowed = max(allowed/1_000_000, dateFloor)
	return []schemas.Proof{{Name: "dates", OK: off <= allowed, Want: fmt.Sprintf("at most %d of %d pairs on another day", allowed, pairs),
		Got: strconv.FormatInt(off, 10), Advisory: true}}
}
