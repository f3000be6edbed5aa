package match

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"tieout/schemas"
)

// settleClean pairs the keys with several rows in which nothing is open: as many
// rows on both sides, each with its counterpart under a number of the channel
// of its own. On a day full of orders paid in parts those are nearly all; the
// others are settled with their whole rows at hand, which costs a hundred times
// as much.
func (e *engine) settleClean(ctx context.Context, several *severalKeys, claims map[int32][]schemas.Claim) error {
	if !slices.Contains(several.marked, true) {
		return nil
	}
	if err := e.haveRefs(ctx); err != nil {
		return err
	}
	var locals, channels []int32
	for l := range e.local.rows() {
		if !several.marked[l] || len(claims[l]) > 0 || !e.isHead(l) {
			continue
		}
		locals, channels = locals[:0], channels[:0]
		for x := l; x != none; x = e.table.after(x) {
			locals = append(locals, x)
		}
		for c := e.local.mate[l]; c != none; c = several.after(c) {
			channels = append(channels, c)
		}
		if e.clean(locals, channels) {
			several.marked[l] = false
			for i := range locals {
				e.pair(locals[i], channels[i], e.verdictOf(locals[i], channels[i]), passExactKey, note{})
			}
		}
	}
	return nil
}

// clean sorts the rows of a key by the channel's number, so that counterparts
// stand in the same place, and tells whether all of them agree.
func (e *engine) clean(locals, channels []int32) bool {
	if len(locals) != len(channels) {
		return false
	}
	for i := range locals {
		l, c := locals[i], channels[i]
		if l >= e.local.fresh || c >= e.channel.fresh || e.homeOf(l) != homeDay || dead(e.local.status[l]) || dead(e.channel.status[c]) {
			return false
		}
	}
	slices.SortFunc(locals, e.local.compareRefs)
	slices.SortFunc(channels, e.channel.compareRefs)
	last := []byte{} // a row without a number equals it
	for i := range locals {
		l, c := locals[i], channels[i]
		ref := e.local.channelNumber(l)
		if bytes.Equal(ref, last) || !bytes.Equal(ref, e.channel.channelNumber(c)) || e.verdictOf(l, c).class != schemas.Matched {
			return false
		}
		last = ref
	}
	return true
}

// compareRefs orders fresh rows by the channel's number, then by their place.
func (s *side) compareRefs(a, b int32) int {
	return cmp.Or(bytes.Compare(s.channelNumber(a), s.channelNumber(b)), cmp.Compare(a, b))
}
