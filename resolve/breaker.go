package resolve

import (
	"fmt"
	"slices"

	"tieout/internal/money"
	"tieout/schemas"
)

// BreakerRules say from when on one-sided rows are a data fault, not breaks:
// a cut statement looks like thousands of shortages.
type BreakerRules struct {
	// MaxSharePPM is the share of a side's rows that may be one-sided, in
	// millionths; 0 leaves the share unchecked.
	MaxSharePPM int64
	ShareFloor  int64            // up to this many one-sided rows the share is not measured
	MaxMinor    map[string]int64 // their money by currency, minor units; a currency that is missing is unchecked
}

// Breaker returns why the day looks like a data fault, or "". totals are those
// of match; each side is measured by itself.
func Breaker(totals []schemas.ClassTotal, rules BreakerRules) string {
	for _, side := range []schemas.Side{schemas.Local, schemas.Channel} {
		if why := oneSided(totals, side, rules); why != "" {
			return why
		}
	}
	return ""
}

func oneSided(totals []schemas.ClassTotal, side schemas.Side, rules BreakerRules) string {
	var rows, alone int64
	sums := map[string]*money.Sum{}
	for _, t := range totals {
		if t.Class == schemas.OtherDay || t.Class == schemas.Claimed {
			continue
		}
		n, minor := t.LocalRows, t.LocalMinor
		class, word := schemas.LocalOnly, side
		if word == schemas.Channel {
			n, minor, class = t.ChannelRows, t.ChannelMinor, schemas.ChannelOnly
		}
		rows += n
		if t.Class != class {
			continue
		}
		alone += n
		if sums[t.Currency] == nil {
			sums[t.Currency] = &money.Sum{}
		}
		sums[t.Currency].Add(minor)
	}
	if rules.MaxSharePPM > 0 && alone > rules.ShareFloor && !withinShare(alone, rows, rules.MaxSharePPM) {
		return fmt.Sprintf("%d of %d %s rows stand on that side alone, more than %s %%: the data is at fault, not the payments",
			alone, rows, side, percent(rules.MaxSharePPM))
	}
	currencies := make([]string, 0, len(sums))
	for c := range sums {
		currencies = append(currencies, c)
	}
	slices.Sort(currencies)
	for _, c := range currencies {
		limit, ok := rules.MaxMinor[c]
		if sum, err := sums[c].Int64(); ok && (err != nil || sum > limit) {
			return fmt.Sprintf("rows on the %s side alone add up to more than %s: the data is at fault, not the payments",
				side, money.Both(limit, money.Currency(c)))
		}
	}
	return ""
}
