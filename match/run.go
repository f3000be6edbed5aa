package match

import (
	"context"
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// Run matches one day. An error means that nothing of the result counts. What
// does not add up is a proof that is not OK, not an error.
func Run(ctx context.Context, in Inputs, out Sink) (Result, error) {
	e := newEngine(in)
	if err := e.load(ctx); err != nil {
		return Result{}, fmt.Errorf("match %s %s: %w", in.Account, in.Date, err)
	}
	for _, p := range plan {
		if err := p.run(e, ctx); err != nil {
			return Result{}, fmt.Errorf("match %s %s, pass %s: %w", in.Account, in.Date, p.name, err)
		}
	}
	res, err := e.emit(ctx, out)
	if err != nil {
		return Result{}, fmt.Errorf("match %s %s: %w", in.Account, in.Date, err)
	}
	return res, nil
}

// pass is one step of the plan. A step sees only the rows that no step before
// it placed.
type pass struct {
	name string
	run  func(*engine, context.Context) error
}

// plan is the order of the passes; rulesVersion changes with it. Groups of
// several rows (1:N, N:1, N:M) have their place behind late: they may only use
// what no single row explains.
var plan = []pass{
	{"exact_key", (*engine).exactKey},
	{"channel_ref", (*engine).channelRef},
	{"late", (*engine).lateRows},
	{"window", (*engine).alone},
}

// passID names the pass of an outcome.
type passID uint8

const (
	passNone passID = iota
	passOccurrence
	passExactKey
	passCarried
	passChannelRef
	passLate
	passWindow
	passCount
)

var passWords = [passCount]string{"none", "occurrence", "exact_key", "carried", "channel_ref", "late", "window"}

func (p passID) String() string { return passWords[p] }

// engine is one match at work.
type engine struct {
	in             Inputs
	money          *currencies
	agreed         *agreed   // the pairs that the passes do not look at
	local, channel *side     // the rows that are left to them
	table          *keyTable // of the local rows

	day        bizday.Interval // the bill date
	seen       bizday.Interval // the bill date with its windows
	compareFee [256]bool       // by kind

	groups     int64                // groups given out
	twins      map[int32]int32      // carried local row -> the fresh row that shows it again
	claimed    map[int32]int32      // first row of a key -> a row of it that another run has placed
	taken      map[int32]taken      // channel row -> the local row that another run matched
	candidates [2]map[int32][]int32 // by side: row -> rows of the other side that were considered
}

// taken is a local row that another run has matched: a row of the local side,
// or an answer of the late lookup.
type taken struct {
	row  int32 // none: see late
	late int32
	run  string // "" if it is not known
}

const (
	onLocal   = 0
	onChannel = 1
)

func newEngine(in Inputs) *engine {
	day := in.Day.Of(in.Date)
	e := &engine{
		in: in, day: day,
		seen:  bizday.Interval{From: day.From - in.Rules.WindowBefore.Microseconds(), To: day.To + in.Rules.WindowAfter.Microseconds()},
		twins: map[int32]int32{}, claimed: map[int32]int32{}, taken: map[int32]taken{},
		candidates: [2]map[int32][]int32{{}, {}},
	}
	for _, k := range in.Rules.CompareFee {
		e.compareFee[k] = true
	}
	if in.Intake == nil {
		in.Intake = NewIntake(max(in.Local.Rows(), in.ChannelRows.Rows()), day, in.Memory, in.Scratch)
	}
	e.agreed, e.money = &agreed{in.Intake, e}, in.Intake.money
	return e
}

// load reads both sides, pairs what agrees at the first look, and keeps the
// rows that are left.
func (e *engine) load(ctx context.Context) error {
	if err := e.agreed.read(ctx, e.in.Workers, [2]RowSet{e.in.Local, e.in.ChannelRows}); err != nil {
		return err
	}
	if err := e.agreed.pair(ctx); err != nil {
		return err
	}
	if need := e.agreed.left() * bytesPerRow; e.in.Memory > 0 && need > e.in.Memory {
		return fault.New("E-4161", fault.V{"need": need, "limit": e.in.Memory}, nil)
	}
	fresh, err := e.agreed.rest(onLocal)
	if err != nil {
		return err
	}
	if e.local, err = newSide(e.in.Local, fresh, e.in.CarriedLocal, e.money); err != nil {
		return err
	}
	if fresh, err = e.agreed.rest(onChannel); err != nil {
		return err
	}
	e.channel, err = newSide(e.in.ChannelRows, fresh, e.in.CarriedChannel, e.money)
	return err
}

// recovered turns a panic in a goroutine into an error, so that it ends the
// run and not the program.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}

// homeOf tells where a local row comes from.
func (e *engine) homeOf(row int32) home {
	s := e.local
	switch {
	case s.isCarried(row):
		return homeCarried
	case s.isLate(row):
		return homeLate
	case e.ownDay(s.time[row], s.billDate(row)):
		return homeDay
	}
	return homeWindow
}

// ownDay tells whether a fresh local row of this time, or without one of this
// date, belongs to the bill date. A row without any date is taken to.
func (e *engine) ownDay(t int64, d bizday.Date) bool {
	if t != schemas.NoTime {
		return e.day.Contains(t)
	}
	return d == e.in.Date || d == bizday.None
}

// dateOff tells whether a fresh local row lies farther off than the window
// allows. Without a time of day, the neighbouring days are near enough.
func (e *engine) dateOff(t int64, d bizday.Date) bool {
	if t != schemas.NoTime {
		return !e.seen.Contains(t)
	}
	return d != bizday.None && (d < e.in.Date-1 || d > e.in.Date+1)
}

// verdictOf judges a local and a channel row.
func (e *engine) verdictOf(l, c int32) verdict {
	p := compared{local: e.local.terms(l), channel: e.channel.terms(c), compareFee: e.compareFee[e.local.kind[l]]}
	p.dateOff = l < e.local.fresh && e.dateOff(e.local.time[l], e.local.billDate(l)) && !e.channel.isCarried(c)
	v := judge(&p)
	if v.class == schemas.Matched && e.local.isLate(l) {
		v.rule = ruleLate
	}
	return v
}

// pair places a local and a channel row together.
func (e *engine) pair(l, c int32, v verdict, by passID, n note) {
	switch {
	case n.occurrence > 0:
		by = passOccurrence
	case e.local.isCarried(l) || e.channel.isCarried(c):
		by = passCarried
	}
	e.local.place(l, v, by, c)
	e.channel.place(c, v, by, l)
	if n != (note{}) {
		e.local.notes[l], e.channel.notes[c] = n, n
	}
}
