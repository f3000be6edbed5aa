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
func (t *tallies) add(e *engine, class schemas.Class, l, c int32) {
	if l != none {
		x := t.of(tallyKey{class, e.local.kind[l], e.local.currency[l]})
		x.outcomes++
		x.localRows++
		x.local.Add(e.local.amount[l])
		if e.local.status[l] == schemas.Success {
			x.localMoved.Add(e.local.amount[l])
		}
	}
	if c != none {
		x := t.of(tallyKey{class, e.channel.kind[c], e.channel.currency[c]})
		if l == none {
			x.outcomes++
		}
		x.channelRows++
		x.channel.Add(e.channel.amount[c])
		if e.channel.status[c] == schemas.Success {
			x.channelMoved.Add(e.channel.amount[c])
		}
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
}

func newLedger() *ledger { return &ledger{sums: map[uint8]*money.Sum{}} }

func (l *ledger) add(s *side, row int32) {
	l.rows++
	sum := l.sums[s.currency[row]]
	if sum == nil {
		sum = &money.Sum{}
		l.sums[s.currency[row]] = sum
	}
	sum.Add(s.amount[row])
}

// ledgerOf counts the rows of a side that came in: fresh and carried.
func ledgerOf(s *side) *ledger {
	l := newLedger()
	for row := range s.fresh + int32(len(s.carried)) {
		l.add(s, row)
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
