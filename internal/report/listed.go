package report

import (
	"cmp"
	"fmt"
	"slices"

	"tieout/internal/money"
	"tieout/schemas"
)

// hasDifference tells which classes stand in the list of differences.
func hasDifference(c schemas.Class) bool {
	switch c {
	case schemas.Matched, schemas.NothingHappened, schemas.OtherDay, schemas.Claimed:
		return false
	}
	return true
}

// listed counts differences by class, kind and currency in the way in which
// the match counted its outcomes, so that both counts can be compared.
type listed map[listedKey]*listedSum

type listedKey struct {
	class    schemas.Class
	kind     schemas.Kind
	currency string
}

type listedSum struct {
	outcomes, localRows, channelRows int64
	local, channel                   money.Sum
}

// listedRow is what counts of one difference. A side that is absent has no
// kind.
type listedRow struct {
	class                          schemas.Class
	localKind, channelKind         schemas.Kind
	localCurrency, channelCurrency string
	localAmount, channelAmount     int64
}

func rowOf(d *schemas.Difference) listedRow {
	r := listedRow{class: d.Class}
	if l := d.LocalRow; l != nil {
		r.localKind, r.localCurrency, r.localAmount = l.Kind, l.Currency, l.AmountMinor
	}
	if c := d.ChannelRow; c != nil {
		r.channelKind, r.channelCurrency, r.channelAmount = c.Kind, c.Currency, c.AmountMinor
	}
	return r
}

func (s listed) at(class schemas.Class, kind schemas.Kind, currency string) *listedSum {
	k := listedKey{class, kind, currency}
	if s[k] == nil {
		s[k] = &listedSum{}
	}
	return s[k]
}

// add counts one difference: under our side where there is one, and each
// side's money in its own currency.
func (s listed) add(r listedRow) {
	if r.localKind != 0 {
		x := s.at(r.class, r.localKind, r.localCurrency)
		x.outcomes++
		x.localRows++
		x.local.Add(r.localAmount)
	}
	if r.channelKind != 0 {
		x := s.at(r.class, r.channelKind, r.channelCurrency)
		if r.localKind == 0 {
			x.outcomes++
		}
		x.channelRows++
		x.channel.Add(r.channelAmount)
	}
}

// totals returns the counts in the order of class, kind and currency.
func (s listed) totals() ([]schemas.ClassTotal, error) {
	list := make([]schemas.ClassTotal, 0, len(s))
	for k, x := range s {
		local, err := x.local.Int64()
		if err != nil {
			return nil, fmt.Errorf("sum of the listed %s, our side: %w", k.class, err)
		}
		channel, err := x.channel.Int64()
		if err != nil {
			return nil, fmt.Errorf("sum of the listed %s, channel side: %w", k.class, err)
		}
		delta, err := money.Sub(channel, local)
		if err != nil {
			return nil, fmt.Errorf("delta of the listed %s: %w", k.class, err)
		}
		list = append(list, schemas.ClassTotal{Class: k.class, Kind: k.kind, Currency: k.currency, Outcomes: x.outcomes,
			LocalRows: x.localRows, LocalMinor: local, ChannelRows: x.channelRows, ChannelMinor: channel, DeltaMinor: delta})
	}
	slices.SortFunc(list, compareTotals)
	return list, nil
}

func compareTotals(a, b schemas.ClassTotal) int {
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Currency, b.Currency))
}
