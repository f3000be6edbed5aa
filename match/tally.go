package match

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"tieout/internal/money"
	"tieout/schemas"
)

// tallies counts outcomes by class, kind and currency. Sums are 128 bits wide:
// no file can make them wrap.
type tallies struct {
	byClass map[tallyKey]*tally
	last    *tally // of lastKey: neighbours are mostly equal
	lastKey tallyKey
}

type tallyKey struct {
	class    schemas.Class
	kind     schemas.Kind
	currency uint8
}

type tally struct {
	outcomes, localRows, channelRows int64
	local, channel                   money.Sum
	localMoved, channelMoved         money.Sum // of rows with status SUCCESS
}

func (t *tallies) of(k tallyKey) *tally {
	if t.last != nil && t.lastKey == k {
		return t.last
	}
	x := t.byClass[k]
	if x == nil {
		x = &tally{}
		t.byClass[k] = x
	}
	t.last, t.lastKey = x, k
	return x
}

// add counts one outcome. Where the currencies of a pair differ, each side's
// money is counted in its own currency, and the outcome in ours.
func (t *tallies) add(local, channel *side, class schemas.Class, l, c int32) {
	if l != none {
		x := t.of(tallyKey{class, local.kind[l], local.currency[l]})
		x.outcomes++
		x.localRows++
		x.local.Add(local.amount[l])
		if local.status[l] == schemas.Success {
			x.localMoved.Add(local.amount[l])
		}
	}
	if c != none {
		x := t.of(tallyKey{class, channel.kind[c], channel.currency[c]})
		if l == none {
			x.outcomes++
		}
		x.channelRows++
		x.channel.Add(channel.amount[c])
		if channel.status[c] == schemas.Success {
			x.channelMoved.Add(channel.amount[c])
		}
	}
}

// addPair counts a pair that agrees: both rows have the same kind, currency and
// amount.
func (t *tallies) addPair(local, channel packedRow) {
	x := t.of(tallyKey{schemas.Matched, local.kind(), local.currency()})
	x.outcomes++
	x.localRows++
	x.channelRows++
	l, c := local.amount(), channel.amount()
	x.local.Add(l)
	x.channel.Add(c)
	if local.status() == schemas.Success {
		x.localMoved.Add(l)
	}
	if channel.status() == schemas.Success {
		x.channelMoved.Add(c)
	}
}

// countIn adds the rows of both sides to their ledgers. Of a pair whose
// currencies differ there are none in it.
func (t *tallies) countIn(local, channel *ledger) {
	for k, x := range t.byClass {
		local.rows += x.localRows
		local.sum(k.currency).Merge(x.local)
		channel.rows += x.channelRows
		channel.sum(k.currency).Merge(x.channel)
	}
}

// merge adds what others counted.
func (t *tallies) merge(o *tallies) {
	for k, y := range o.byClass {
		x := t.of(k)
		x.outcomes, x.localRows, x.channelRows = x.outcomes+y.outcomes, x.localRows+y.localRows, x.channelRows+y.channelRows
		x.local.Merge(y.local)
		x.channel.Merge(y.channel)
		x.localMoved.Merge(y.localMoved)
		x.channelMoved.Merge(y.channelMoved)
	}
}

// totals returns the counts in the order of class, kind and currency.
func (t *tallies) totals(currencies []string) ([]schemas.ClassTotal, error) {
	list := make([]schemas.ClassTotal, 0, len(t.byClass))
	for k, x := range t.byClass {
		local, err := x.local.Int64()
		if err != nil {
			return nil, fmt.Errorf("local sum of %s %s: %w", k.class, currencies[k.currency], err)
		}
		channel, err := x.channel.Int64()
		if err != nil {
			return nil, fmt.Errorf("channel sum of %s %s: %w", k.class, currencies[k.currency], err)
		}
		localMoved, err := x.localMoved.Int64()
		if err != nil {
			return nil, fmt.Errorf("local sum of %s %s: %w", k.class, currencies[k.currency], err)
		}
		channelMoved, err := x.channelMoved.Int64()
		if err != nil {
			return nil, fmt.Errorf("channel sum of %s %s: %w", k.class, currencies[k.currency], err)
		}
		list = append(list, schemas.ClassTotal{Class: k.class, Kind: k.kind, Currency: currencies[k.currency], Outcomes: x.outcomes,
			LocalRows: x.localRows, LocalMinor: local, ChannelRows: x.channelRows, ChannelMinor: channel,
			DeltaMinor: channel - local, // both are 0 or more: no overflow
			LocalMoved: localMoved, ChannelMoved: channelMoved})
	}
	slices.SortFunc(list, func(a, b schemas.ClassTotal) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Currency, b.Currency))
	})
	return list, nil
}

// ledger counts rows and money of one side, by currency.
type ledger struct {
	rows int64
	sums map[uint8]*money.Sum

	last    *money.Sum // of lastCur: neighbours are mostly equal
	lastCur uint8
}

func newLedger() *ledger { return &ledger{sums: map[uint8]*money.Sum{}} }

func (l *ledger) add(s *side, row int32) { l.count(s.currency[row], s.amount[row]) }

func (l *ledger) count(currency uint8, amount int64) {
	l.rows++
	l.sum(currency).Add(amount)
}

func (l *ledger) countAll(currency uint8, amounts []int64) {
	l.rows += int64(len(amounts))
	l.sum(currency).AddAll(amounts)
}

func (l *ledger) sum(currency uint8) *money.Sum {
	if l.last != nil && l.lastCur == currency {
		return l.last
	}
	sum := l.sums[currency]
	if sum == nil {
		sum = &money.Sum{}
		l.sums[currency] = sum
	}
	l.last, l.lastCur = sum, currency
	return sum
}

// merge adds what another ledger counted.
func (l *ledger) merge(o *ledger) {
	l.rows += o.rows
	for currency, sum := range o.sums {
		l.sum(currency).Merge(*sum)
	}
}

// cameIn counts all rows that came in: the fresh ones, as they were read, and
// those carried in.
func cameIn(fresh *ledger, s *side) *ledger {
	l := newLedger()
	l.merge(fresh)
	for i := range s.carried {
		l.add(s, s.fresh+int32(i))
	}
	return l
}

// proveSame compares what came in with what stands in outcomes: no row lost,
// none twice, no money changed.
func proveSame(name string, in, out *ledger, currencies []string) []schemas.Proof {
	proofs := []schemas.Proof{proof("partition."+name, "", strconv.FormatInt(in.rows, 10), strconv.FormatInt(out.rows, 10))}
	codes := make([]uint8, 0, len(in.sums))
	for code := range in.sums {
		codes = append(codes, code)
	}
	for code := range out.sums {
		if in.sums[code] == nil {
			codes = append(codes, code)
		}
	}
	slices.SortFunc(codes, func(a, b uint8) int { return cmp.Compare(currencies[a], currencies[b]) })
	for _, code := range codes {
		proofs = append(proofs, proof("sum."+name, currencies[code],
			sumText(in.sums[code], currencies[code]), sumText(out.sums[code], currencies[code])))
	}
	return proofs
}

func proof(name, currency, want, got string) schemas.Proof {
	return schemas.Proof{Name: name, OK: want == got, Want: want, Got: got, Currency: currency}
}

func sumText(s *money.Sum, currency string) string {
	if s == nil {
		s = &money.Sum{}
	}
	v, err := s.Int64()
	if err != nil {
		return "overflow"
	}
	return money.Format(v, money.Currency(currency))
}
