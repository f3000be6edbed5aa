package match

import (
	"context"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// alone places what no other row explains: near the cut-off it is carried to
// the next day, a row of another day is left to that day, the rest are breaks.
func (e *engine) alone(context.Context) error {
	for row := range e.local.rows() {
		if e.local.class[row] == 0 && !e.local.isLate(row) {
			v := e.aloneLocal(row)
			e.local.place(row, v, passOf(v), none)
		}
	}
	e.table, e.local.fees, e.channel.fees = nil, fees{}, fees{} // no pass needs them any more
	for row := range e.channel.rows() {
		if e.channel.class[row] == 0 {
			v := e.aloneChannel(row)
			by := passOf(v)
			if v.class == schemas.DuplicateChannel && e.taken[row].late == none {
				by = passExactKey
			}
			e.channel.place(row, v, by, none)
		}
	}
	return nil
}

// passOf: what waits, or is left to another day, was placed by the window; the
// rest by no pass at all.
func passOf(v verdict) passID {
	switch v.class {
	case schemas.LocalInTransit, schemas.ChannelInTransit, schemas.OtherDay:
		return passWindow
	case schemas.DuplicateChannel:
		return passLate
	}
	return passNone
}

func (e *engine) aloneLocal(row int32) verdict {
	s := e.local
	switch {
	case e.homeOf(row) == homeWindow:
		return verdict{schemas.OtherDay, ruleOtherDay}
	case dead(s.status[row]):
		return verdict{schemas.NothingHappened, ruleNothingMoved}
	case s.isCarried(row) && e.waits(s, row):
		return verdict{schemas.LocalInTransit, ruleCarriedOn}
	case s.isCarried(row):
		return verdict{schemas.LocalOnly, ruleOverdue}
	case s.status[row] == schemas.Reversed || e.carryUntil(row) == bizday.None:
		return verdict{schemas.LocalOnly, ruleOutside}
	}
	if _, anyHour := e.in.Rules.carryDays(s.kind[row]); anyHour {
		return verdict{schemas.LocalInTransit, ruleWaits}
	}
	return verdict{schemas.LocalInTransit, ruleWindow}
}

func (e *engine) aloneChannel(row int32) verdict {
	s := e.channel
	_, isTaken := e.taken[row]
	switch {
	case isTaken:
		return verdict{schemas.DuplicateChannel, ruleAlreadyMatched}
	case s.isCarried(row) && e.waits(s, row):
		return verdict{schemas.ChannelInTransit, ruleCarriedOn}
	case s.isCarried(row):
		return verdict{schemas.ChannelOnly, ruleOverdue}
	case !dead(s.status[row]) && e.nearCutOff(s.time[row]):
		return verdict{schemas.ChannelInTransit, ruleWindow}
	}
	return verdict{schemas.ChannelOnly, ruleOutside}
}

// waits tells whether a carried row still has time. Its date was computed when
// it was first carried, and never moves.
func (e *engine) waits(s *side, row int32) bool {
	d := s.carried[row-s.fresh].BreakOn
	return d != bizday.None && d > e.in.Date
}

// nearCutOff tells whether a time lies in the window around one of the two
// cut-offs of the bill date.
func (e *engine) nearCutOff(t int64) bool {
	if t == schemas.NoTime {
		return false
	}
	before, after := e.in.Rules.WindowBefore.Microseconds(), e.in.Rules.WindowAfter.Microseconds()
	return t >= e.day.From-before && t < e.day.From+after || t >= e.day.To-before && t < e.day.To+after
}

// carryUntil is the date on which a local row that starts to wait becomes a
// break; none if it does not wait.
func (e *engine) carryUntil(row int32) bizday.Date {
	days, anyHour := e.in.Rules.carryDays(e.local.kind[row])
	t := e.local.time[row]
	atEnd := t != schemas.NoTime && t >= e.day.To-e.in.Rules.WindowBefore.Microseconds()
	if days <= 0 || !anyHour && !atEnd {
		return bizday.None
	}
	return e.in.Date.Add(days)
}
