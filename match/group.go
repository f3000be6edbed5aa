package match

import "slices"

// pairing is one pair of a group: positions in its items.
type pairing struct {
	local, channel int
	occurrence     int32 // 1, 2, … among identical pairs; 0 for a single one
}

// bucket is a set of candidates of which none is better than another.
type bucket struct {
	locals, channels []int
	rule             rule
}

// resolution is how the rows of one group go together. A position that stands
// nowhere in it is left over.
type resolution struct {
	locals, channels []item // in canonical order; positions point here
	pairs            []pairing
	ambiguous        []bucket
	repeated         []int // channel rows that list a placed transaction again
	localDone        []bool
	channelDone      []bool
}

// resolve finds out which local row belongs to which channel row, within rows
// that share a kind and a number of ours. The order of the arguments does not
// matter.
//
// Rows that say "money moved" are settled before rows that say "no money
// moved": an order that failed twice and then succeeded is one pair, not three
// candidates. Within that, in turn: the same number of the channel and the same
// money; the same number of the channel; the same money; the only two left.
// Equal states come before unequal ones. Where several rows fit equally well
// and differ, all of them are ambiguous: none is taken.
func resolve(locals, channels []item) *resolution {
	r := &resolution{locals: locals, channels: channels}
	slices.SortFunc(r.locals, func(a, b item) int { return canonical(&a, &b) })
	slices.SortFunc(r.channels, func(a, b item) int { return canonical(&a, &b) })
	r.localDone, r.channelDone = make([]bool, len(locals)), make([]bool, len(channels))

	r.conflicts()
	for _, t := range tiers {
		r.each(t, byRefMoneyStatus)
		r.each(t, byRefMoney)
		r.each(t, byRef)
	}
	for i, t := range tiers {
		r.each(t, byMoneyStatus)
		r.each(t, byMoney)
		r.each(t, byNothing)
		if i == 0 {
			r.repeats()
		}
	}
	r.repeats()
	r.occurrences()
	return r
}

// tier selects which rows meet: those that say that money moved, or those that
// say that none did.
type tier struct{ localDead, channelDead bool }

var tiers = []tier{{false, false}, {true, false}, {false, true}, {true, true}}

// criterion is what two rows must have in common. Zero fields are not asked.
type criterion uint8

const (
	byRefMoneyStatus criterion = iota
	byRefMoney
	byRef
	byMoneyStatus
	byMoney
	byNothing
)

type likeness struct {
	ref      string
	amount   int64
	currency uint8
	status   uint8
}

// of returns what a row offers under the criterion; ok is false if it offers
// nothing.
func (c criterion) of(x *item) (l likeness, ok bool) {
	switch c {
	case byRefMoneyStatus, byRefMoney, byRef:
		if x.ref == "" {
			return l, false
		}
		l.ref = x.ref
	}
	switch c {
	case byRefMoneyStatus, byRefMoney, byMoneyStatus, byMoney:
		l.amount, l.currency = x.amount, x.currency
	}
	switch c {
	case byRefMoneyStatus, byMoneyStatus:
		l.status = uint8(x.status)
	}
	return l, true
}

// each sorts what is left of a tier into buckets of equal likeness and settles
// the buckets that have rows of both sides.
func (r *resolution) each(t tier, c criterion) {
	var order []likeness
	buckets := map[likeness]*bucket{}
	for i := range r.locals {
		x := &r.locals[i]
		if r.localDone[i] || dead(x.status) != t.localDead {
			continue
		}
		if l, ok := c.of(x); ok {
			if buckets[l] == nil {
				buckets[l], order = &bucket{}, append(order, l)
			}
			buckets[l].locals = append(buckets[l].locals, i)
		}
	}
	if len(order) == 0 {
		return
	}
	for i := range r.channels {
		x := &r.channels[i]
		if r.channelDone[i] || dead(x.status) != t.channelDead {
			continue
		}
		if l, ok := c.of(x); ok && buckets[l] != nil {
			buckets[l].channels = append(buckets[l].channels, i)
		}
	}
	for _, l := range order {
		if b := buckets[l]; len(b.channels) > 0 {
			r.settle(b, c)
		}
	}
}

// settle pairs a bucket, or finds it ambiguous.
func (r *resolution) settle(b *bucket, c criterion) {
	oneL, oneC := r.alike(r.locals, b.locals), r.alike(r.channels, b.channels)
	single := len(b.locals) == 1 && len(b.channels) == 1
	switch c {
	case byRefMoneyStatus, byRefMoney:
		// The channel says which transaction it is: order among copies is free.
	case byMoneyStatus, byMoney:
		if !oneL && !oneC {
			b.rule = ruleSeveral
			r.setAside(b)
			return
		}
	case byRef, byNothing:
		if !single && !(oneL && oneC) {
			b.rule = ruleAmountsDiffer
			r.setAside(b)
			return
		}
	}
	for i := range min(len(b.locals), len(b.channels)) {
		l, ch := b.locals[i], b.channels[i]
		r.localDone[l], r.channelDone[ch] = true, true
		r.pairs = append(r.pairs, pairing{local: l, channel: ch})
	}
}

func (r *resolution) setAside(b *bucket) {
	for _, i := range b.locals {
		r.localDone[i] = true
	}
	for _, i := range b.channels {
		r.channelDone[i] = true
	}
	r.ambiguous = append(r.ambiguous, *b)
}

// alike tells whether the rows are a single one, or cannot be told apart.
func (r *resolution) alike(items []item, at []int) bool {
	for _, i := range at[1:] {
		if !identical(&items[at[0]], &items[i]) {
			return false
		}
	}
	return true
}

// conflicts sets aside transactions that the statement lists with several
// amounts: which one is right is not for a program to say.
func (r *resolution) conflicts() {
	first := map[string]int{}
	conflicting := map[string]*bucket{}
	var order []string
	for i := range r.channels {
		x := &r.channels[i]
		if x.ref == "" || dead(x.status) {
			continue
		}
		j, seen := first[x.ref]
		if !seen {
			first[x.ref] = i
			continue
		}
		y := &r.channels[j]
		if (x.amount != y.amount || x.currency != y.currency) && conflicting[x.ref] == nil {
			conflicting[x.ref] = &bucket{rule: ruleConflicting}
			order = append(order, x.ref)
		}
	}
	for _, ref := range order {
		b := conflicting[ref]
		for i := range r.channels {
			if r.channels[i].ref == ref && !dead(r.channels[i].status) {
				b.channels = append(b.channels, i)
			}
		}
		b.locals = r.localsOf(ref)
		r.setAside(b)
	}
}

// localsOf returns the free local rows that name the channel's number, or, if
// none does, those that name none.
func (r *resolution) localsOf(ref string) []int {
	for _, want := range []string{ref, ""} {
		var at []int
		for i := range r.locals {
			if !r.localDone[i] && !dead(r.locals[i].status) && r.locals[i].ref == want {
				at = append(at, i)
			}
		}
		if len(at) > 0 {
			return at
		}
	}
	return nil
}

// repeats takes out the channel rows that list a placed transaction again, so
// that a failed attempt of ours is never paired with a copy.
func (r *resolution) repeats() {
	refs, unnamed := map[string]bool{}, map[identity]bool{}
	for _, p := range r.pairs {
		if x := &r.channels[p.channel]; x.ref != "" {
			refs[x.ref] = true
		} else {
			unnamed[x.identity()] = true
		}
	}
	for i := range r.channels {
		x := &r.channels[i]
		if r.channelDone[i] || dead(x.status) {
			continue
		}
		if x.ref != "" && refs[x.ref] || x.ref == "" && unnamed[x.identity()] {
			r.channelDone[i] = true
			r.repeated = append(r.repeated, i)
		}
	}
}

// occurrences numbers pairs that cannot be told apart.
func (r *resolution) occurrences() {
	slices.SortFunc(r.pairs, func(a, b pairing) int { return a.local - b.local })
	for from := 0; from < len(r.pairs); {
		to := from + 1
		for to < len(r.pairs) && r.samePair(r.pairs[from], r.pairs[to]) {
			to++
		}
		if to-from > 1 {
			for i := from; i < to; i++ {
				r.pairs[i].occurrence = int32(i - from + 1)
			}
		}
		from = to
	}
}

func (r *resolution) samePair(a, b pairing) bool {
	return identical(&r.locals[a.local], &r.locals[b.local]) && identical(&r.channels[a.channel], &r.channels[b.channel])
}
