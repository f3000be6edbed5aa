package match

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"tieout/schemas"
)

// item is one row of a group of candidates, with what the fast tables leave
// out.
type item struct {
	row      int32
	home     home
	status   schemas.Status
	amount   int64
	currency uint8
	time     int64
	fee      schemas.NullInt64
	feeSub   int64
	numbers  numbers
	ref      string       // the channel's number of this very movement
	content  xxh3.Uint128 // of everything that the source says, except where it says it
}

// numbers are the numbers of ours that a row names.
type numbers struct{ merchant, refund string }

// fit compares the refund numbers where both sides name one, else the order
// numbers.
func (n numbers) fit(m numbers) bool {
	if n.refund != "" && m.refund != "" {
		return n.refund == m.refund
	}
	return agreeOrEmpty(n.merchant, m.merchant)
}

// home orders local candidates: what waits longest is served first, a row of
// another day last.
type home uint8

const (
	homeCarried home = iota
	homeDay
	homeWindow
	homeLate
)

// channelNumber is the channel's number of the movement itself. A refund has
// its own; its channel_ref is the payment's, which several refunds share.
func channelNumber(r *schemas.Record) string {
	if hasOwnNumber(r.Kind) {
		return r.ChannelRefundRef
	}
	return r.ChannelRef
}

// hasOwnNumber tells which kinds the channel numbers apart from the payment
// that they belong to.
func hasOwnNumber(k schemas.Kind) bool {
	return k == schemas.Refund || k == schemas.SplitReturn || k == schemas.Chargeback
}

func newItem(row int32, h home, currency uint8, r *schemas.Record) item {
	return item{
		row: row, home: h, status: r.Status, amount: r.AmountMinor, currency: currency, time: r.EventTime,
		fee: r.FeeMinor, feeSub: r.FeeSub, numbers: numbers{r.MerchantRef, r.RefundRef}, ref: channelNumber(r), content: contentOf(r),
	}
}

// contentOf digests what a row says. Two rows that differ in nothing but their
// place in the file have the same content.
func contentOf(r *schemas.Record) xxh3.Uint128 {
	var b []byte
	for _, s := range []string{r.MerchantRef, r.RefundRef, r.ChannelRef, r.ChannelRefundRef, r.StatusRaw, r.Currency,
		r.TradeType, r.Bank, r.Product, r.Remark} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, v := range []int64{int64(r.Kind), int64(r.Status), r.AmountMinor, valid(r.SettleMinor), r.SettleMinor.V,
		valid(r.FeeMinor), r.FeeMinor.V, r.FeeSub, r.EventTime, int64(r.BillDate)} {
		b = binary.AppendVarint(b, v)
	}
	return xxh3.Hash128(b)
}

func valid(n schemas.NullInt64) int64 {
	if n.Valid {
		return 1
	}
	return 0
}

// canonical orders candidates by what they say, never by where they stand: the
// row number decides only between rows that say the same.
func canonical(a, b *item) int {
	return cmp.Or(
		cmp.Compare(statusRank[a.status], statusRank[b.status]),
		cmp.Compare(a.home, b.home),
		cmp.Compare(a.time, b.time),
		cmp.Compare(a.ref, b.ref),
		cmp.Compare(a.amount, b.amount),
		cmp.Compare(a.fee.V, b.fee.V),
		cmp.Compare(a.feeSub, b.feeSub),
		cmp.Compare(a.content.Hi, b.content.Hi),
		cmp.Compare(a.content.Lo, b.content.Lo),
		cmp.Compare(a.row, b.row),
	)
}

// statusRank: what surely happened comes before what may have.
var statusRank = [6]uint8{schemas.Success: 1, schemas.Reversed: 2, schemas.Unknown: 3, schemas.Failed: 4, schemas.Closed: 5}

// identity is all that matching looks at.
type identity struct {
	status   schemas.Status
	amount   int64
	currency uint8
	time     int64
	ref      string
	fee      schemas.NullInt64
	feeSub   int64
}

func (x *item) identity() identity {
	return identity{x.status, x.amount, x.currency, x.time, x.ref, x.fee, x.feeSub}
}

// identical tells whether two rows cannot be told apart by what matching looks
// at.
func identical(a, b *item) bool { return a.identity() == b.identity() }

// fetchRows is how many whole rows are read at a time.
const fetchRows = 8192

// keptRows bounds the whole rows that a side keeps: on most days those are all
// that anybody looks at, and are read once.
const keptRows = 2 * fetchRows

// readOpen reads the rows that settle and all behind it look at: those that are
// not placed yet, or that differ. Few are read whole at once and have the
// channel's numbers with them, whose own read would cost two thirds as much
// again. Where many are open, those numbers are read first, and settle leaves
// fewer; of these, as many as may be are kept.
func (e *engine) readOpen(ctx context.Context, settle func() error) error {
	few := len(shownRows(e.local)) <= keptRows && len(shownRows(e.channel)) <= keptRows
	if few {
		if err := e.keepOpen(ctx); err != nil {
			return err
		}
	}
	if err := settle(); err != nil || few {
		return err
	}
	return e.keepOpen(ctx)
}

// shownRows are the fresh rows that are not placed yet, or that differ: the
// passes behind, the differences and the carried list show them.
func shownRows(s *side) []int32 {
	return rowsOf(s, func(row int32) bool { return row < s.fresh && (s.class[row] == 0 || different(s.class[row])) })
}

// keepOpen reads the whole rows that are shown, as many as are kept: each side's
// in two halves, so that nobody waits for the side with the longer rows.
func (e *engine) keepOpen(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, e.in.Workers))
	var mu sync.Mutex
	kept := map[*side]map[int32]*schemas.Record{e.local: {}, e.channel: {}}
	for _, s := range []*side{e.local, e.channel} {
		rows := shownRows(s)
		rows = rows[:min(len(rows), keptRows)]
		for half := range slices.Chunk(rows, len(rows)/2+1) {
			g.Go(func() (err error) {
				defer recovered(&err)
				return s.eachRecord(ctx, half, func(row int32, r *schemas.Record) error {
					mu.Lock()
					defer mu.Unlock()
					kept[s][row] = r
					return nil
				})
			})
		}
	}
	err := g.Wait()
	e.local.whole, e.channel.whole = kept[e.local], kept[e.channel]
	return err
}

// eachRecord calls fn with the whole rows, in the order of rows, which must be
// sorted. Carried and late rows are at hand; fresh ones are read, if they are
// not kept.
func (s *side) eachRecord(ctx context.Context, rows []int32, fn func(row int32, r *schemas.Record) error) error {
	for part := range slices.Chunk(rows, fetchRows) {
		var idx []int64
		var orders []string
		for _, row := range part {
			if s.kept(row) == nil {
				idx, orders = append(idx, int64(s.orig[row])), append(orders, s.order(row))
			}
		}
		var records []schemas.Record
		if len(idx) > 0 {
			var err error
			if records, err = s.set.Fetch(ctx, idx, orders); err != nil {
				return err
			}
		}
		for _, row := range part {
			r := s.kept(row)
			if r == nil {
				r, records = &records[0], records[1:]
			}
			if err := fn(row, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// order returns the merchant ref of a row if its key is that, or "".
func (s *side) order(row int32) string {
	if s.kind[row] != schemas.Payment {
		return ""
	}
	return string(s.key(row))
}

// kept returns the record of a carried or late row, or of a fresh one that was
// read before; nil if it must be read.
func (s *side) kept(row int32) *schemas.Record {
	switch {
	case row < s.fresh:
		return s.whole[row]
	case s.isCarried(row):
		return &s.carried[row-s.fresh].Record
	}
	return &s.late[s.lateRows[int(row)-int(s.fresh)-len(s.carried)]].Record
}
