package match

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"

	"golang.org/x/sync/errgroup"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// Intake deals the rows of both sides into parts, as the first look needs them.
// A part holds the rows whose kind and number hash alike, so that rows that
// belong together stand in one part. The hash decides nothing else: full
// numbers are compared.
//
// Run makes one and reads both sides into it. A caller that has the rows in
// hand anyway, because it writes them, can fill one on the way (Inputs.Intake):
// then they are not read again.
type Intake struct {
	seed  maphash.Seed
	shift int // of a hash, to its part
	base  int64
	parts []part

	expected int64 // rows a side, about
	first    sync.Once
	prefix   keyPrefix // of most keys, as the first batch of either side shows
	trays    [2][]tray // by side: the rows of each part
	store    storage
	money    *currencies

	rows    [2]int64   // by side
	whole   [2]*ledger // of all rows
	without [2]side    // rows without a number of ours
	names   [2]currencyCache
	used    bool
}

// tray is the rows of one side that fall into one part. Those of a side lie close
// together, and apart from the other side's: each side has a taker of its own. A
// tray fills one cache line of 64 bytes.
type tray struct {
	pile // packed rows
	last int32
	rows int32
}

// lineAhead is how far behind the end of a tray the next line of memory is asked
// for: by the time another row falls into the tray, it is there. Without it, half
// of the time of packing went into waiting for memory, a tray being one of many.
const lineAhead = 64

// Parts are about so large that their tables fit into the caches.
const (
	partRows = 48 << 10
	maxParts = 256
)

// NewIntake makes an intake for about so many rows a side; more or fewer only
// make its parts larger or smaller. day is the bill date's. memory and scratch
// are those of Inputs.
func NewIntake(rows int64, day bizday.Interval, memory int64, scratch Scratch) *Intake {
	parts := 1
	for int64(parts)*partRows < rows && parts < maxParts {
		parts *= 2
	}
	in := newIntake(parts, day, memory, scratch)
	in.expected = rows
	return in
}

func newIntake(parts int, day bizday.Interval, memory int64, scratch Scratch) *Intake {
	in := &Intake{seed: maphash.MakeSeed(), shift: 64 - bits.Len(uint(parts)-1), base: day.From, parts: make([]part, parts), money: &currencies{},
		whole: [2]*ledger{newLedger(), newLedger()}}
	in.store.free, in.store.scratch = math.MaxInt64, scratch
	if memory > 0 && scratch != nil {
		in.store.free = memory / 4
	}
	for i := range in.parts {
		in.parts[i].pairs.in = &in.store
	}
	for which := range in.names {
		in.names[which].all = in.money
		in.trays[which] = make([]tray, parts)
		for i := range in.trays[which] {
			in.trays[which][i].in = &in.store
		}
	}
	return in
}

// Local takes the next rows of our side, in the order of the row set. It may
// run beside Channel. The batch is not kept.
func (in *Intake) Local(b *schemas.Batch) error { return in.take(onLocal, b) }

// Channel takes the next rows of the channel's side.
func (in *Intake) Channel(b *schemas.Batch) error { return in.take(onChannel, b) }

// hash of a kind and number; its high bits are the number of the part.
func (in *Intake) hash(kind schemas.Kind, key []byte) uint64 { return hashOf(in.seed, kind, key) }

// take puts the rows of a batch into their parts: the hot loop of reading.
func (in *Intake) take(which int, b *schemas.Batch) error {
	n := int64(b.Len())
	if in.rows[which]+n >= math.MaxInt32 {
		return fault.New("E-4160", fault.V{"rows": in.rows[which] + n, "limit": math.MaxInt32}, nil)
	}
	if n > 0 {
		in.first.Do(func() { in.prefix = newKeyPrefix(usualPrefix(b, in.expected)) })
	}
	trays, whole, names := in.trays[which], in.whole[which], &in.names[which]
	var x cells
	var err error
	one := sameTexts(&b.Currency)
	if one && n > 0 {
		if x.currency, err = names.code(b.Currency.At(0)); err != nil {
			return fmt.Errorf("row %d: %w", in.rows[which], err)
		}
		whole.countAll(x.currency, b.AmountMinor)
	}
	for i := range b.Len() {
		x.row = int32(in.rows[which]) + int32(i)
		if !one {
			if x.currency, err = names.code(b.Currency.At(i)); err != nil {
				return fmt.Errorf("row %d: %w", x.row, err)
			}
			whole.count(x.currency, b.AmountMinor[i])
		}
		if err := x.of(b, i); err != nil {
			return fmt.Errorf("row %d: %w", x.row, err)
		}
		if len(x.key) == 0 {
			if err := in.without[which].addFresh(&x); err != nil {
				return err
			}
			continue
		}
		hash := in.hash(x.kind, x.key)
		t := &trays[hash>>in.shift]
		buf, err := t.room(maxPacked + len(x.key))
		if err != nil {
			return err
		}
		t.open = x.pack(buf, hash, t.last, in.base, &in.prefix)
		prefetch(&t.open[:cap(t.open)][min(len(t.open)+lineAhead, cap(t.open)-1)])
		t.last = x.row
		t.rows++
	}
	in.rows[which] += n
	return nil
}

// usualPrefix guesses what most keys of so many rows begin with, from the first
// of them: what the numbers of a few payments have in common. They are mostly
// given out in order, and with ten times as many rows one more digit has changed.
// The guess decides nothing but how much room keys take.
func usualPrefix(b *schemas.Batch, rows int64) []byte {
	var prefix []byte
	for _, i := range []int{0, b.Len() / 2, b.Len() - 1} {
		if b.Kind[i] != schemas.Payment || len(b.MerchantRef.At(i)) == 0 {
			continue
		}
		key := b.MerchantRef.At(i)
		if prefix == nil {
			prefix = key
		}
		n := 0
		for n < min(len(prefix), len(key)) && prefix[n] == key[n] {
			n++
		}
		prefix = prefix[:n]
	}
	for n := int64(b.Len()); n < rows && len(prefix) > 0; n *= 10 {
		prefix = prefix[:len(prefix)-1]
	}
	return prefix
}

// read takes what the row sets hold and nobody has given yet.
func (in *Intake) read(ctx context.Context, workers int, sets [2]RowSet) error {
	if in.used {
		return errors.New("an intake serves one match")
	}
	in.used = true
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(min(2, max(1, workers)))
	for which, set := range sets {
		g.Go(func() (err error) {
			defer recovered(&err)
			if in.rows[which] == 0 {
				err = set.Read(ctx, matchColumns, func(first int64, b *schemas.Batch) error {
					if first != in.rows[which] {
						return fmt.Errorf("batch starts at row %d after %d rows", first, in.rows[which])
					}
					return in.take(which, b)
				})
			}
			if err == nil && in.rows[which] != set.Rows() {
				err = fmt.Errorf("took %d rows of %d", in.rows[which], set.Rows())
			}
			return err
		})
	}
	return g.Wait()
}

// sameTexts tells whether all values of a column are the same, as currencies
// mostly are: a comparison of the column with itself, one value further on.
func sameTexts(t *schemas.Text) bool {
	n := t.Len()
	if n == 0 {
		return true
	}
	size := len(t.At(0))
	if len(t.Bytes) != n*size || !bytes.Equal(t.Bytes[size:], t.Bytes[:len(t.Bytes)-size]) {
		return false
	}
	for i, end := range t.Ends {
		if int(end) != (i+1)*size {
			return false
		}
	}
	return true
}

// of takes a row, but for its currency, out of a batch and refuses values that
// no stage before may hand on.
func (x *cells) of(b *schemas.Batch, i int) (err error) {
	x.kind, x.status, x.amount, x.time, x.date = b.Kind[i], b.Status[i], b.AmountMinor[i], b.EventTime[i], bizday.None
	if x.time == schemas.NoTime {
		x.date = b.BillDate[i] // of rows with a time, it is never asked for
	}
	x.key = b.MerchantRef.At(i)
	if x.kind != schemas.Payment {
		if refund := b.RefundRef.At(i); len(refund) > 0 {
			x.key = refund
		}
	}
	if x.fee, err = feeOfRow(schemas.NullInt64{V: b.FeeMinor[i], Valid: b.FeeValid[i]}, b.FeeSub[i]); err != nil {
		return err
	}
	return x.check()
}

func (x *cells) check() error {
	switch {
	case x.kind == 0 || x.status < schemas.Success || x.status > schemas.Reversed:
		return fmt.Errorf("kind %s and status %s", x.kind, x.status)
	case x.amount < 0:
		return fmt.Errorf("the negative amount %d", x.amount)
	}
	return nil
}
