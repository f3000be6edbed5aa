package store

import (
	"cmp"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// ageBuckets are the ages that reports tell apart, in days.
var ageBuckets = []struct {
	name string
	most int
}{{"0-1", 1}, {"2-7", 7}, {"8-30", 30}, {">30", 1 << 30}}

type ageKey struct {
	currency string
	bucket   int
}

type ageing map[ageKey]*schemas.AgeBucket

func (a ageing) add(asOf, first bizday.Date, currency string, minor int64) error {
	days := int(asOf) - int(first)
	i := slices.IndexFunc(ageBuckets, func(b struct {
		name string
		most int
	}) bool {
		return days <= b.most
	})
	k := ageKey{currency, i}
	if a[k] == nil {
		a[k] = &schemas.AgeBucket{Bucket: ageBuckets[i].name, Currency: currency}
	}
	if minor < 0 {
		minor = -minor
	}
	sum, err := money.Add(a[k].Minor, minor)
	a[k].Minor = sum
	a[k].Cases++
	return err
}

func (a ageing) list() []schemas.AgeBucket {
	keys := make([]ageKey, 0, len(a))
	for k := range a {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y ageKey) int {
		return cmp.Or(cmp.Compare(x.currency, y.currency), cmp.Compare(x.bucket, y.bucket))
	})
	list := make([]schemas.AgeBucket, len(keys))
	for i, k := range keys {
		list[i] = *a[k]
	}
	return list
}
