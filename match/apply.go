package match

import "tieout/schemas"

// shownCandidates bounds the candidates that a difference lists.
const shownCandidates = 32

// apply places the rows of a settled group. What is left over on the local
// side, and is no second booking, stays for the passes that follow.
func (e *engine) apply(r *resolution, by passID) {
	extraLocals, extraChannels, idle := r.leftOver()
	var group int64
	if len(r.ambiguous)+len(r.repeated)+len(extraLocals)+len(extraChannels) > 0 {
		e.groups++
		group = e.groups
	}
	var pairedLocals, pairedChannels []int32
	for _, p := range r.pairs {
		l, c := r.locals[p.local].row, r.channels[p.channel].row
		e.pair(l, c, e.verdictOf(l, c), by, note{p.occurrence, group})
		if len(pairedLocals) < shownCandidates {
			pairedLocals, pairedChannels = append(pairedLocals, l), append(pairedChannels, c)
		}
	}
	for _, b := range r.ambiguous {
		v := verdict{schemas.Ambiguous, b.rule}
		locals, channels := rowsAt(r.locals, b.locals), rowsAt(r.channels, b.channels)
		e.extras(onLocal, locals, v, by, group, channels)
		e.extras(onChannel, channels, v, by, group, locals)
	}
	e.extras(onChannel, rowsAt(r.channels, r.repeated), verdict{schemas.DuplicateChannel, ruleRepeatedRow}, by, group, pairedLocals)
	e.extras(onChannel, rowsAt(r.channels, extraChannels), verdict{schemas.DuplicateChannel, rulePaidTwice}, by, group, pairedLocals)
	e.extras(onChannel, rowsAt(r.channels, idle), verdict{schemas.NothingHappened, ruleNothingThere}, by, 0, nil)
	e.extras(onLocal, rowsAt(r.locals, extraLocals), verdict{schemas.DuplicateLocal, ruleBookedTwice}, by, group, pairedChannels)
}

// leftOver sorts what no pair took. A local row counts as booked twice only if
// it says that money moved, belongs to this day, and a pair took real money; a
// channel row without money is idle.
func (r *resolution) leftOver() (locals, channels, idle []int) {
	moved := false
	for _, p := range r.pairs {
		moved = moved || !dead(r.channels[p.channel].status)
	}
	for i := range r.locals {
		x := &r.locals[i]
		booked := x.status == schemas.Success || x.status == schemas.Reversed
		if !r.localDone[i] && moved && booked && (x.home == homeCarried || x.home == homeDay) {
			locals = append(locals, i)
		}
	}
	for i := range r.channels {
		switch {
		case r.channelDone[i]:
		case dead(r.channels[i].status):
			idle = append(idle, i)
		default:
			channels = append(channels, i)
		}
	}
	return locals, channels, idle
}

// extras places rows that stand alone although others of their group do not.
func (e *engine) extras(which int, rows []int32, v verdict, by passID, group int64, others []int32) {
	s := e.local
	if which == onChannel {
		s = e.channel
	}
	for _, row := range rows {
		s.place(row, v, by, none)
		if group != 0 {
			s.notes[row] = note{group: group}
		}
		if len(others) > 0 {
			e.candidates[which][row] = others[:min(len(others), shownCandidates)]
		}
	}
}

func rowsAt(items []item, at []int) []int32 {
	rows := make([]int32, len(at))
	for i, p := range at {
		rows[i] = items[p].row
	}
	return rows
}
