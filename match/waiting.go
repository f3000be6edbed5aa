package match

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"tieout/internal/fault"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// waiting is the rows of one side of a part that wait for the channel's numbers:
// those of keys with several rows, as many on both sides. On a day full of
// orders paid in parts nearly all of them have their counterpart under a number
// of its own, and are pairs of the first look as any others: the part is joined
// once more when the numbers are there.
type waiting struct {
	n    int
	rows pile  // packed waitingRows
	last int32 // of them
	refs pile  // their numbers, each behind its length
}

// waitingRow is a row of the row set, and which of the channel's two numbers is
// asked of it.
type waitingRow struct {
	row    int32
	refund bool
}

// waits tells whether the part waits for numbers.
func (p *part) waits() bool { return p.waiting[onLocal].n > 0 }

func (w *waiting) add(r waitingRow) error {
	buf, err := w.rows.room(binary.MaxVarintLen64)
	if err != nil {
		return err
	}
	v := uint64(r.row-w.last) << 1
	if r.refund {
		v |= 1
	}
	w.rows.open, w.last, w.n = binary.AppendUvarint(buf, v), r.row, w.n+1
	return nil
}

func (r *waitingRow) unpack(b []byte) []byte {
	v, n := binary.Uvarint(b)
	r.row, r.refund = r.row+int32(v>>1), v&1 != 0
	return b[n:]
}

func (w *waiting) addRef(ref []byte) error {
	buf, err := w.refs.room(binary.MaxVarintLen64 + len(ref))
	if err != nil {
		return err
	}
	w.refs.open = appendKey(binary.AppendUvarint(buf, uint64(len(ref))), ref)
	return nil
}

// fewWaiting is how many rows of a part the passes settle with whole rows at
// hand in less time than it takes to read the numbers of all rows.
func (j *joiner) fewWaiting() int { return min(j.local.rows()/64, keptRows/len(j.a.parts)) }

// findEven finds the keys with several rows, as many on both sides.
func (j *joiner) findEven() {
	j.even = resized(j.even, len(j.marked))
	for l, marked := range j.marked {
		j.even[l] = marked && j.surplus[l] == 0
	}
}

// leaveSpecial leaves the keys that the passes must see to them.
func (j *joiner) leaveSpecial(special []specialKey) {
	for _, k := range special {
		if h := j.lookup(k); h != none {
			j.marked[h], j.even[h] = true, false
		}
	}
}

// evenRows counts the local rows that could wait.
func (j *joiner) evenRows() (rows int) {
	for l := range int32(len(j.first)) {
		if j.localWaits(l) {
			rows++
		}
	}
	return rows
}

func (j *joiner) localWaits(l int32) bool { return j.even[j.first[l]] }

func (j *joiner) channelWaits(c int32) bool { return j.head[c] != none && j.even[j.head[c]] }

// wait writes down which rows of a part wait.
func (j *joiner) wait(p *part) error {
	for which, rows := range []*packedRows{&j.local, &j.channel} {
		w, waits := &p.waiting[which], j.waits(which)
		w.rows.in, w.refs.in = &j.a.store, &j.a.store
		for i := range int32(rows.rows()) {
			if !waits(i) {
				continue
			}
			if err := w.add(waitingRow{rows.row[i], hasOwnNumber(rows.at(i).kind())}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *joiner) waits(which int) func(row int32) bool {
	if which == onLocal {
		return j.localWaits
	}
	return j.channelWaits
}

// pairClean pairs the rows that waited, of the keys in which nothing is open.
func (j *joiner) pairClean(p *part) error {
	for which, rows := range []int{j.local.rows(), j.channel.rows()} {
		if err := j.refs[which].load(&p.waiting[which], rows, j.waits(which)); err != nil {
			return err
		}
	}
	j.link()
	refs := [2]func(int32) []byte{j.refs[onLocal].at, j.refs[onChannel].at}
	agree := func(l, c int32) bool { return j.judge(l, c) != 0 }
	var locals, channels []int32
	for first := range int32(len(j.even)) {
		if !j.even[first] {
			continue
		}
		locals, channels = locals[:0], channels[:0]
		for l := first; l != none; l = j.next[onLocal][l] {
			locals = append(locals, l)
		}
		for c := j.mate[first]; c != none; c = j.next[onChannel][c] {
			channels = append(channels, c)
		}
		if !counterparts(locals, channels, refs, agree) {
			continue
		}
		j.marked[first] = false
		for i, l := range locals {
			j.mate[l], j.rule[l] = channels[i], j.judge(l, channels[i])
		}
	}
	return nil
}

// link hangs the rows that wait behind the first one of their key.
func (j *joiner) link() {
	j.next[onLocal], j.next[onChannel] = nones(j.next[onLocal], j.local.rows()), nones(j.next[onChannel], j.channel.rows())
	next := j.next[onLocal]
	for l, first := range j.first {
		if j.even[first] && first != int32(l) {
			next[l], next[first] = next[first], int32(l)
		}
	}
	next = j.next[onChannel]
	for c, l := range j.head {
		if l == none || !j.even[l] {
			continue
		}
		if first := j.mate[l]; first != int32(c) {
			next[c], next[first] = next[first], int32(c)
		}
	}
}

// refList is the channel's numbers of the rows of a part that wait.
type refList struct {
	buf   []byte
	start []uint32 // of a row's number in buf; of others nothing
}

func (r *refList) at(row int32) []byte {
	b := r.buf[r.start[row]:]
	size, n := binary.Uvarint(b)
	return b[n : n+int(size)]
}

func (r *refList) load(w *waiting, rows int, waits func(row int32) bool) (err error) {
	if r.buf, err = w.refs.all(r.buf); err != nil {
		return err
	}
	if int64(len(r.buf)) > math.MaxUint32 {
		return fault.New("E-4160", fault.V{"rows": w.n, "limit": int64(math.MaxUint32)}, nil)
	}
	r.start = resized(r.start, rows)
	at, asked, known := 0, 0, 0
	for row := range int32(rows) {
		if !waits(row) {
			continue
		}
		if asked++; at < len(r.buf) {
			r.start[row], known = uint32(at), known+1
			size, n := binary.Uvarint(r.buf[at:])
			at += n + int(size)
		}
	}
	if known != asked || at != len(r.buf) {
		return fmt.Errorf("read %d of %d numbers of the channel", known, asked)
	}
	return nil
}

// readRefs reads the numbers of the rows that wait in some parts, side by side.
func (a *agreed) readRefs(ctx context.Context, parts []int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, a.e.in.Workers))
	for which, set := range []RowSet{a.e.in.Local, a.e.in.ChannelRows} {
		g.Go(func() (err error) {
			defer recovered(&err)
			return a.dealRefs(ctx, which, set, parts)
		})
	}
	return g.Wait()
}

// dealRefs gives the parts the numbers of their rows: of each batch those of one
// part after the other.
func (a *agreed) dealRefs(ctx context.Context, which int, set RowSet, parts []int) error {
	cursors := make([]waitingCursor, len(parts))
	for i, part := range parts {
		w := &a.parts[part].waiting[which]
		cursors[i] = waitingCursor{waiting: w, walk: walk{pile: &w.rows}}
		if err := cursors[i].advance(); err != nil {
			return err
		}
	}
	return set.Read(ctx, recordfile.Refs, func(first int64, b *schemas.Batch) error {
		for i := range cursors {
			if err := cursors[i].take(int32(first), b); err != nil {
				return err
			}
		}
		return nil
	})
}

// waitingCursor stands at a row of a part that has no number yet.
type waitingCursor struct {
	*waiting
	walk walk
	left []byte
	at   waitingRow
	done bool
}

func (c *waitingCursor) advance() (err error) {
	if c.left, err = c.walk.rest(c.left); err != nil {
		return err
	}
	if c.done = len(c.left) == 0; !c.done {
		c.left = c.at.unpack(c.left)
	}
	return nil
}

// take takes the numbers that a batch has for the part.
func (c *waitingCursor) take(first int32, b *schemas.Batch) error {
	for end := first + int32(b.ChannelRef.Len()); !c.done && c.at.row < end; {
		refs := &b.ChannelRef
		if c.at.refund {
			refs = &b.ChannelRefundRef
		}
		if err := c.addRef(refs.At(int(c.at.row - first))); err != nil {
			return err
		}
		if err := c.advance(); err != nil {
			return err
		}
	}
	return nil
}
