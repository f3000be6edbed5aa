package match

import (
	"fmt"
	"math"

	"tieout/internal/fault"
	"tieout/schemas"
)

// joiner pairs the rows of one part after the other, in the same memory. Rows
// stay packed: nearly all of them are looked at once or twice, at a few of their
// values.
type joiner struct {
	a              *agreed
	surely         sure
	local, channel packedRows
	slots          []uint64 // as those of a keyTable
	mask           uint32
	first          []int32 // local row -> first local row of its key
	mate           []int32 // local row -> channel row
	rule           []rule  // of a local row and its mate, if they agree
	marked         []bool  // local rows of keys that are left to the passes
	surplus        []int32 // of a first local row: how many more rows of its key we have than the channel
	head           []int32 // channel row -> first local row of its key
	fetched        byte

	even []bool     // first local rows of keys with several rows, as many on both sides
	refs [2]refList // of the rows of such keys
	next [2][]int32 // row of such a key -> another one
}

func newJoiner(a *agreed) *joiner { return &joiner{a: a, surely: newSure(a)} }

// join pairs the rows of one part, and leaves the others. A part in which many
// rows could be paired if the channel's numbers were known waits for them: it
// is left as it was.
func (j *joiner) join(p *part, local, channel *tray, special []specialKey) error {
	if err := j.local.load(local); err != nil {
		return err
	}
	if err := j.channel.load(channel); err != nil {
		return err
	}
	j.build()
	j.probe()
	j.findEven()
	j.leaveSpecial(special)
	switch {
	case p.waits():
		if err := j.pairClean(p); err != nil {
			return err
		}
		p.waiting = [2]waiting{}
	case j.evenRows() > j.fewWaiting():
		return j.wait(p)
	}
	return j.settle(p)
}

// build puts the local rows into the table, the first one of each key.
func (j *joiner) build() {
	n := j.local.rows()
	size := 16
	for size < 2*n {
		size *= 2
	}
	j.slots, j.mask = resized(j.slots, size), uint32(size-1)
	j.first, j.mate, j.rule = resized(j.first, n), nones(j.mate, n), resized(j.rule, n)
	j.marked, j.surplus = resized(j.marked, n), resized(j.surplus, n)
	clear(j.slots)
	clear(j.rule)
	clear(j.marked)
	clear(j.surplus)
	for l := range int32(n) {
		row := j.local.at(l)
		h := row.hash()
		at := h & j.mask
		j.first[l] = l
		for ; j.slots[at] != 0; at = (at + 1) & j.mask {
			if first := j.firstAt(at, h, row); first != none {
				j.first[l], j.marked[first] = first, true
				j.surplus[first]++
				break
			}
		}
		if j.slots[at] == 0 {
			j.slots[at] = uint64(h)<<32 | uint64(l+1)
		}
	}
}

// firstAt returns the local row in a slot if it has the key of another row.
func (j *joiner) firstAt(at, h uint32, row packedRow) int32 {
	slot := j.slots[at]
	if uint32(slot>>32) != h {
		return none
	}
	if l := int32(uint32(slot)) - 1; sameKey(j.local.at(l), row) {
		return l
	}
	return none
}

// find returns the first local row of a row's key, or none.
func (j *joiner) find(row packedRow) int32 {
	h := row.hash()
	for at := h & j.mask; j.slots[at] != 0; at = (at + 1) & j.mask {
		if l := j.firstAt(at, h, row); l != none {
			return l
		}
	}
	return none
}

// lookup is find for a number that stands in no row of ours.
func (j *joiner) lookup(k specialKey) int32 {
	x := cells{kind: k.kind, key: []byte(k.key)}
	row := x.pack(make([]byte, 0, maxPacked+len(k.key)+slack), j.a.hash(k.kind, x.key), 0, 0, &j.a.prefix)
	return j.find(row[:cap(row)])
}

// probe looks up the channel rows, and judges the pairs while both rows are in
// the cache.
func (j *joiner) probe() {
	n := j.channel.rows()
	j.head = resized(j.head, n)
	for from := 0; from < n; from += probeBatch {
		to := min(n, from+probeBatch)
		j.fetch(int32(from), int32(to))
		for c := int32(from); c < int32(to); c++ {
			l := j.find(j.channel.at(c))
			j.head[c] = l
			switch {
			case l == none:
			case j.mate[l] != none:
				j.marked[l] = true
				j.surplus[l]--
			default:
				j.mate[l], j.rule[l] = c, j.judge(l, c)
			}
		}
	}
}

// fetch looks at the slots where the search for some channel rows begins, and at
// the local rows that stand there. Nothing depends on what it sees: it makes the
// processor load many of them at once, where find waits for one after the other.
// Two thirds of the time of probe without it.
func (j *joiner) fetch(from, to int32) {
	if j.local.rows() == 0 {
		return
	}
	const second = 47 // of a row, for most lie in two cache lines
	var ahead [probeBatch]uint32
	for c := from; c < to; c++ {
		ahead[c-from] = uint32(j.slots[j.channel.at(c).hash()&j.mask])
	}
	for i, l := range ahead[:to-from] {
		ahead[i] = j.local.start[max(l, 1)-1]
	}
	buf, sum := j.local.buf, byte(0)
	for _, at := range ahead[:to-from] {
		sum += buf[at] + buf[min(int(at)+second, len(buf)-1)]
	}
	j.fetched = sum // so that it is not left out
}

// judge returns the rule by which two rows of one key agree, or 0.
func (j *joiner) judge(l, c int32) rule {
	if j.surely.agree(j.local.at(l), j.channel.at(c)) {
		return ruleEqual
	}
	var x, y cells
	x.unpack(j.local.at(l), j.a.base, &j.a.prefix)
	y.unpack(j.channel.at(c), j.a.base, &j.a.prefix)
	if v := j.a.e.agree(&x, &y); v.class == schemas.Matched {
		return v.rule
	}
	return 0
}

// settle writes down the pairs, in the order of the local rows, and the rows
// that are left.
func (j *joiner) settle(p *part) error {
	p.sums = tallies{byClass: map[tallyKey]*tally{}}
	before := pairRows{}
	for l := range int32(j.local.rows()) {
		if j.marked[l] || j.rule[l] == 0 {
			j.marked[l] = true
			if err := j.leave(&p.rest[onLocal], &j.local, l); err != nil {
				return err
			}
			continue
		}
		c := j.mate[l]
		pair := pairRows{j.local.row[l], j.channel.row[c], j.rule[l]}
		buf, err := p.pairs.room(maxPair)
		if err != nil {
			return err
		}
		p.pairs.open = pair.pack(buf, before)
		before = pair
		p.agree++
		p.sums.addPair(j.local.at(l), j.channel.at(c))
	}
	for c, l := range j.head {
		if l == none || j.marked[l] {
			if err := j.leave(&p.rest[onChannel], &j.channel, int32(c)); err != nil {
				return err
			}
		}
	}
	return nil
}

// leave leaves a row to the passes.
func (j *joiner) leave(to *side, rows *packedRows, i int32) error {
	var x cells
	x.unpack(rows.at(i), j.a.base, &j.a.prefix)
	x.row = rows.row[i]
	return to.addFresh(&x)
}

// packedRows are the rows of a part of one side.
type packedRows struct {
	buf   []byte
	start []uint32 // of a row in buf
	row   []int32  // its number in the row set
}

func (r *packedRows) rows() int { return len(r.start) }

func (r *packedRows) at(i int32) packedRow { return packedRow(r.buf[r.start[i]:cap(r.buf)]) }

// load reads the rows of a part, and finds where each one stands.
func (r *packedRows) load(t *tray) error {
	var err error
	if r.buf, err = t.all(r.buf); err != nil {
		return err
	}
	if int64(len(r.buf)) > math.MaxUint32 {
		return fault.New("E-4160", fault.V{"rows": t.rows, "limit": int64(math.MaxUint32)}, nil)
	}
	r.start, r.row = resized(r.start, int(t.rows)), resized(r.row, int(t.rows))
	buf, at, last := r.buf[:cap(r.buf)], 0, int32(0)
	for i := range r.start {
		if at >= len(r.buf) {
			return fmt.Errorf("a part holds %d rows of %d", i, t.rows)
		}
		row := packedRow(buf[at:])
		last += row.distance()
		r.start[i], r.row[i] = uint32(at), last
		_, to := row.key()
		at += to
	}
	if at != len(r.buf) {
		return fmt.Errorf("a part holds more than its %d rows", t.rows)
	}
	return nil
}

// sure tells of packed rows that they agree, beyond doubt and without unpacking
// them. Nearly all pairs do; engine.agree judges the others.
type sure struct {
	base, from, to int64     // in which no other day sees a local row
	compareFee     [256]bool // by kind
}

func newSure(a *agreed) sure {
	from, to := a.e.seen.From, a.e.seen.To
	if !a.e.in.Alone {
		from, to = max(from, a.e.day.From+a.e.in.Rules.WindowAfter.Microseconds()), min(to, a.e.day.To-a.e.in.Rules.WindowBefore.Microseconds())
	}
	return sure{base: a.base, from: from, to: to, compareFee: a.e.compareFee}
}

// agree tells whether both rows say SUCCESS, the same amount, currency and, if
// fees are compared, the same fee, and whether the local one has a time that
// only this day shows. Their kind and key are the same.
func (s *sure) agree(l, c packedRow) bool {
	lWho, lLens := l.words()
	cWho, cLens := c.words()
	const said = 0x00ffffff << 32 // kind, status, currency
	if (lWho^cWho)&said != 0 || schemas.Status(lWho>>40) != schemas.Success {
		return false
	}
	lAt, cAt := packedHead+int(lLens&15), packedHead+int(cLens&15)
	if take(l, lAt, int(lLens>>4&15)) != take(c, cAt, int(cLens>>4&15)) {
		return false
	}
	lAt, cAt = lAt+int(lLens>>4&15), cAt+int(cLens>>4&15)
	flags, theirs := lWho>>56, cWho>>56
	if flags&packedTime == 0 {
		return false
	}
	t := unzigzag(take(l, lAt, int(lLens>>8&15)))
	if flags&packedSeconds != 0 {
		t *= 1_000_000
	}
	if t += s.base; t < s.from || t >= s.to {
		return false
	}
	if !s.compareFee[l.kind()] || flags&theirs&packedFee == 0 {
		return true
	}
	lAt, cAt = lAt+int(lLens>>8&15), cAt+int(cLens>>8&15)
	return take(l, lAt, int(lLens>>12&15)) == take(c, cAt, int(cLens>>12&15)) && (lLens|cLens)>>16&15 == 0
}
