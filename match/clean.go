package match

import (
	"bytes"
	"context"
	"slices"

	"tieout/schemas"
)

// settleClean pairs the keys with several rows in which nothing is open: as many
// rows on both sides, each with its counterpart under a number of the channel
// of its own. The first look has left those that another day may ask for, and
// few ones. All others are settled with their whole rows at hand, which costs a
// hundred times as much.
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

// clean sorts the rows of a key, so that counterparts stand in the same place,
// and tells whether all of them agree.
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
	return counterparts(locals, channels, [2]func(int32) []byte{e.local.channelNumber, e.channel.channelNumber},
		func(l, c int32) bool { return e.verdictOf(l, c).class == schemas.Matched })
}

// counterparts sorts the rows of a key, as many on both sides, by the channel's
// number, so that counterparts stand in the same place, and tells whether each
// row has a number of its own, and one counterpart that agrees.
func counterparts(locals, channels []int32, refs [2]func(row int32) []byte, agree func(l, c int32) bool) bool {
	ours, theirs := refs[onLocal], refs[onChannel]
	slices.SortFunc(locals, func(a, b int32) int { return bytes.Compare(ours(a), ours(b)) })
	slices.SortFunc(channels, func(a, b int32) int { return bytes.Compare(theirs(a), theirs(b)) })
	last := []byte{} // a row without a number equals it
	for i := range locals {
		l, c := locals[i], channels[i]
		ref := ours(l)
		if bytes.Equal(ref, last) || !bytes.Equal(ref, theirs(c)) || !agree(l, c) {
			return false
		}
		last = ref
	}
	return true
}
