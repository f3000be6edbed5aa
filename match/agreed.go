package match

import (
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"tieout/schemas"
)

// agreed is the first look at a day: nearly all rows have a number of ours that
// one row of each side bears, and agree in all that is compared. They are
// paired here, part by part, in little memory, and are not looked at again. All
// others are left to the passes, which need many looks at few rows.
type agreed struct {
	*Intake
	e *engine
}

// part is what became of the rows of both sides whose hashes begin alike.
type part struct {
	pairs   pile // packed pairs in the order of the local rows
	agree   int64
	rest    [2]side    // by side: rows left to the passes
	waiting [2]waiting // by side: rows that are joined once more
	sums    tallies    // of the pairs
}

// pair finds the pairs of all parts. Those of which it must know the channel's
// numbers are joined once more.
func (a *agreed) pair(ctx context.Context) error {
	special := a.specialKeys()
	all := make([]int, len(a.parts))
	for i := range all {
		all[i] = i
	}
	if err := a.join(ctx, all, special); err != nil {
		return err
	}
	again := slices.DeleteFunc(all, func(i int) bool { return !a.parts[i].waits() })
	if len(again) == 0 {
		return nil
	}
	if err := a.readRefs(ctx, again); err != nil {
		return err
	}
	return a.join(ctx, again, special)
}

// join pairs the rows of some parts, several parts at a time.
func (a *agreed) join(ctx context.Context, parts []int, special [][]specialKey) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(max(1, a.e.in.Workers), len(parts)) {
		g.Go(func() (err error) {
			defer recovered(&err)
			j := newJoiner(a)
			for at := int(next.Add(1)) - 1; at < len(parts); at = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				i := parts[at]
				if err := j.join(&a.parts[i], &a.trays[onLocal][i], &a.trays[onChannel][i], special[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// specialKey is a number that the passes must see with all its rows.
type specialKey struct {
	kind schemas.Kind
	key  string
}

// specialKeys are those of rows that were carried in, and those that other runs
// claim, by part.
func (a *agreed) specialKeys() [][]specialKey {
	list := make([][]specialKey, len(a.parts))
	add := func(kind schemas.Kind, key string) {
		if key != "" {
			i := a.hash(kind, []byte(key)) >> a.shift
			list[i] = append(list[i], specialKey{kind, key})
		}
	}
	for _, carried := range [][]schemas.Carried{a.e.in.CarriedLocal, a.e.in.CarriedChannel} {
		for i := range carried {
			add(carried[i].Record.Kind, carried[i].Record.Key())
		}
	}
	for _, c := range a.e.in.Claims {
		if a.e.binds(c) {
			add(c.Kind, c.Key)
		}
	}
	return list
}

// agree judges a pair as the passes would; what a neighbouring day's window
// shows is theirs, whatever it is.
func (e *engine) agree(l, c *cells) verdict {
	if !e.in.Alone && e.nearEdge(l.time, l.date) || e.dateOff(l.time, l.date) {
		return verdict{}
	}
	return judge(&compared{local: l.terms(), channel: c.terms(), compareFee: e.compareFee[l.kind]})
}

// left counts the rows of both sides that are left.
func (a *agreed) left() int64 {
	n := int64(a.without[onLocal].rows()) + int64(a.without[onChannel].rows())
	for i := range a.parts {
		n += int64(a.parts[i].rest[onLocal].rows()) + int64(a.parts[i].rest[onChannel].rows())
	}
	return n
}

// rest gives the rows that are left, in the order of the row set.
func (a *agreed) rest(which int) (*side, error) {
	lists := []*side{&a.without[which]}
	for i := range a.parts {
		lists = append(lists, &a.parts[i].rest[which])
	}
	all := &side{}
	if err := mergeRows(all, lists); err != nil {
		return nil, err
	}
	for _, s := range lists {
		*s = side{}
	}
	return all, nil
}

// paired tells which of some local records stand in a pair: the same number,
// time and amount. nil is none. Their numbers are not among the rows that were
// left. Each of their parts is read once.
func (a *agreed) paired(records []*schemas.Record) ([]bool, error) {
	found := make([]bool, len(records))
	asked := make([]map[specialKey][]int, len(a.parts)) // by part: the records of a number
	for i, r := range records {
		if r == nil || r.Key() == "" {
			continue
		}
		at := a.hash(r.Kind, []byte(r.Key())) >> a.shift
		if asked[at] == nil {
			asked[at] = map[specialKey][]int{}
		}
		k := specialKey{r.Kind, r.Key()}
		asked[at][k] = append(asked[at][k], i)
	}
	for at, keys := range asked {
		if keys == nil {
			continue
		}
		err := a.eachRow(&a.trays[onLocal][at], func(x *cells) {
			for _, i := range keys[specialKey{x.kind, string(x.key)}] {
				found[i] = found[i] || x.time == records[i].EventTime && x.amount == records[i].AmountMinor
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// eachRow gives the rows of a part.
func (a *agreed) eachRow(t *tray, fn func(*cells)) error {
	var x cells
	for w := (walk{pile: &t.pile}); ; {
		b, err := w.chunk()
		if err != nil || b == nil {
			return err
		}
		for at, end := 0, len(b); at < end; {
			at += x.unpack(packedRow(b[at:end+slack]), a.base, &a.prefix)
			fn(&x)
		}
	}
}

// pairs counts the pairs.
func (a *agreed) pairs() (n int64) {
	for i := range a.parts {
		n += a.parts[i].agree
	}
	return n
}

// pairRows is a pair that agrees.
type pairRows struct {
	local, channel int32
	rule           rule
}

const maxPair = 2*binary.MaxVarintLen32 + 1

func (p pairRows) pack(b []byte, before pairRows) []byte {
	b = binary.AppendUvarint(b, uint64(p.local-before.local))
	b = binary.AppendVarint(b, int64(p.channel-before.channel))
	return append(b, byte(p.rule))
}

func (p *pairRows) unpack(b []byte) []byte {
	v, n := binary.Uvarint(b)
	p.local, b = p.local+int32(v), b[n:]
	d, n := binary.Varint(b)
	p.channel, b = p.channel+int32(d), b[n:]
	p.rule = rule(b[0])
	return b[1:]
}

// eachBlock gives the pairs of blocks of local rows: mate and rule by row, none
// where no pair is. It is called once with each block in order. The parts fill a
// block side by side: no two have the same row.
func (a *agreed) eachBlock(rows int32, fn func(from int32, mates []int32, rules []rule) error) error {
	const block = 1 << 18
	cursors := make([]pairCursor, len(a.parts))
	for i := range cursors {
		cursors[i] = pairCursor{walk: walk{pile: &a.parts[i].pairs}}
		if err := cursors[i].advance(); err != nil {
			return err
		}
	}
	mates, rules := make([]int32, min(block, rows)), make([]rule, min(block, rows))
	for from := int32(0); from < rows; from += block {
		n := min(block, rows-from)
		for i := range n {
			mates[i] = none
		}
		var g errgroup.Group
		for part := range slices.Chunk(cursors, len(cursors)/max(1, a.e.in.Workers)+1) {
			g.Go(func() (err error) {
				defer recovered(&err)
				for i := range part {
					if err := part[i].fill(from, n, mates, rules); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := fn(from, mates[:n], rules[:n]); err != nil {
			return err
		}
	}
	return nil
}

// pairCursor reads the pairs of one part.
type pairCursor struct {
	walk walk
	left []byte
	at   pairRows
	done bool
}

func (c *pairCursor) advance() (err error) {
	if c.left, err = c.walk.rest(c.left); err != nil {
		return err
	}
	if c.done = len(c.left) == 0; !c.done {
		c.left = c.at.unpack(c.left)
	}
	return nil
}

func (c *pairCursor) fill(from, n int32, mates []int32, rules []rule) error {
	for !c.done && c.at.local < from+n {
		mates[c.at.local-from], rules[c.at.local-from] = c.at.channel, c.at.rule
		if err := c.advance(); err != nil {
			return err
		}
	}
	return nil
}

// currencyCache knows the code of the currency seen last: neighbours are mostly
// equal.
type currencyCache struct {
	all  *currencies
	last []byte
	is   uint8
}

func (c *currencyCache) code(name []byte) (uint8, error) {
	if c.last != nil && string(name) == string(c.last) {
		return c.is, nil
	}
	code, err := c.all.code(name)
	if err != nil {
		return 0, err
	}
	c.last, c.is = append(make([]byte, 0, 8), name...), code
	return code, nil
}

func nones(s []int32, n int) []int32 {
	s = resized(s, n)
	for i := range s {
		s[i] = none
	}
	return s
}

func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// addTo adds what the pairs count.
func (a *agreed) addTo(totals *tallies, local, channel *ledger) (pairs int64) {
	for i := range a.parts {
		p := &a.parts[i]
		pairs += p.agree
		totals.merge(&p.sums)
		p.sums.countIn(local, channel)
	}
	return pairs
}
