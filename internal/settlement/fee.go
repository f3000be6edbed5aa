package settlement

import (
	"fmt"
	"strings"

	"tieout/internal/money"
)

// Fee is what a merchant pays for the trades of a channel and product, for a
// time.
type Fee struct {
	Channel  string
	Product  string // trade type; "" = every product that has no rate of its own
	Currency string
	From, To int64 // UTC microseconds of the trade, From included, To not; To 0: no end
	Rate
}

// Rate is the rule of one fee. Amounts are minor units.
type Rate struct {
	PPM     int64 // millionths of the amount
	Fixed   int64
	Min     int64
	Max     int64  // 0: no maximum
	Tiers   []Tier // by rising amount
	Returns bool   // a refund gives the fee back in proportion; else we keep it
}

// Tier replaces percentage and fixed part of the whole amount from From on.
type Tier struct {
	From, PPM, Fixed int64
}

// Of is the fee of an amount: the percentage, half a minor unit rounded up once,
// and the fixed part, within minimum and maximum, and never more than the
// amount itself.
func (r Rate) Of(amount int64) (int64, error) {
	ppm, fixed := r.PPM, r.Fixed
	for _, t := range r.Tiers {
		if amount >= t.From {
			ppm, fixed = t.PPM, t.Fixed
		}
	}
	product, err := money.Mul(amount, ppm)
	if err != nil {
		return 0, err
	}
	if product, err = money.Add(product, 500_000); err != nil {
		return 0, err
	}
	fee, err := money.Add(product/1_000_000, fixed)
	if err != nil {
		return 0, err
	}
	fee = max(fee, r.Min)
	if r.Max > 0 {
		fee = min(fee, r.Max)
	}
	return min(fee, amount), nil
}

// Wrong says what is wrong with a rate; "" if nothing is.
func (r Rate) Wrong() string {
	last := int64(0)
	for _, t := range append([]Tier{{0, r.PPM, r.Fixed}}, r.Tiers...) {
		switch {
		case t.PPM < 0 || t.PPM > 1_000_000:
			return "a percentage lies between 0 and 100"
		case t.Fixed < 0:
			return "a fixed fee is not negative"
		case t.From < last || t.From == last && last > 0:
			return "tiers stand in the order of their amounts"
		}
		last = t.From
	}
	if r.Min < 0 || r.Max < 0 || r.Max > 0 && r.Max < r.Min {
		return "minimum and maximum contradict each other"
	}
	return ""
}

// words says the rate that an amount was charged, for the entry.
func (r Rate) words(currency string) string {
	var b strings.Builder
	share := func(ppm, fixed int64) {
		fmt.Fprintf(&b, "%s%%", money.FormatScaled(ppm, 4))
		if fixed != 0 {
			fmt.Fprintf(&b, " + %s", money.Format(fixed, money.Currency(currency)))
		}
	}
	share(r.PPM, r.Fixed)
	for _, t := range r.Tiers {
		fmt.Fprintf(&b, "; from %s ", money.Format(t.From, money.Currency(currency)))
		share(t.PPM, t.Fixed)
	}
	if r.Min != 0 {
		fmt.Fprintf(&b, "; min %s", money.Format(r.Min, money.Currency(currency)))
	}
	if r.Max != 0 {
		fmt.Fprintf(&b, "; max %s", money.Format(r.Max, money.Currency(currency)))
	}
	if r.Returns {
		b.WriteString("; returned with refunds")
	}
	return b.String()
}

// rate finds the rate of a trade by its own time: of its product, else of all
// products.
func (c *Contract) rate(channel, product, currency string, at int64) (Rate, bool) {
	for _, wanted := range []string{product, ""} {
		for i := range c.Fees {
			f := &c.Fees[i]
			if f.Channel == channel && f.Product == wanted && f.Currency == currency && at >= f.From && (f.To == 0 || at < f.To) {
				return f.Rate, true
			}
		}
	}
	return Rate{}, false
}

// Overlap finds two fees that would both hold for one trade; -1 if there are
// none.
func (c *Contract) Overlap() (first, second int) {
	for i := range c.Fees {
		for j := i + 1; j < len(c.Fees); j++ {
			a, b := &c.Fees[i], &c.Fees[j]
			if a.Channel == b.Channel && a.Product == b.Product && a.Currency == b.Currency &&
				(b.To == 0 || a.From < b.To) && (a.To == 0 || b.From < a.To) {
				return i, j
			}
		}
	}
	return -1, -1
}
