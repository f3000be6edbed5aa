package resolve

import (
	"fmt"
	"slices"
	"strings"

	"tieout/internal/money"
	"tieout/schemas"
)

// Limits are the caps of one cell on one account and bill date. Zero values
// admit nothing: a limit that nobody set is not a licence.
type Limits struct {
	MaxCount int64            // automatic fixes
	MaxMinor map[string]int64 // their money by currency, minor units; a currency that is missing admits nothing
	// MaxSharePPM is the share of the day's statement rows, in millionths. The
	// first ShareFloor fixes are not measured by it: one of ten rows is no sign
	// of a flood.
	MaxSharePPM int64
	ShareFloor  int64
}

// Spent is what automatic fixes of one cell used up.
type Spent = schemas.Spent

// Fence is the money fence of one account and bill date: it lets an automatic
// fix through only if the channel confirmed it, the amounts are equal, the
// move is legal, and no cap is reached. Set the fields, then pass decisions
// through Admit in the order in which match gave the differences; the caps are
// spent in that order. A cap that was hit once stays shut for its cell, also
// for smaller amounts. Not safe for concurrent use.
type Fence struct {
	Limits  Limits            // of every cell that Cells does not name
	Cells   map[string]Limits // by cell
	DayRows int64             // rows of the day's statement, for the share

	Incomplete bool   // a proof of the run failed: nothing is fixed
	AutoOff    string // why automatic fixes are off today, such as a volume out of its band; "" = they are on

	Prior   []Spent         // spent by earlier attempts at the same account and date
	Applied map[string]bool // fix keys that those applied: they spend nothing again

	spent map[string]*spending
	held  map[string]*Spent
}

// spending is what one cell has used so far.
type spending struct {
	count int64
	minor map[string]int64
	shut  string // the cap that was hit
}

// Held is what the limits kept from being fixed.
type Held struct {
	Spent
	Why string
}

// Admit leaves an AUTO decision as it is, or turns it into MANUAL with the
// reason in Why and its exposure in Suspend. Other decisions pass unchanged.
func (f *Fence) Admit(dec *schemas.Decision, d *schemas.Difference, ans *schemas.QueryAnswer) {
	if dec.Action != schemas.ActionAuto {
		return
	}
	why, limit := f.refuse(dec, d, ans)
	if why == "" {
		return
	}
	dec.Action, dec.Why, dec.Suspend = schemas.ActionManual, why, Exposure(d)
	if limit {
		f.hold(dec.Cell, d.Currency, at(d))
	}
}

// refuse says why a fix may not go through, and whether it was a safety limit
// that stopped it rather than the fix itself.
func (f *Fence) refuse(dec *schemas.Decision, d *schemas.Difference, ans *schemas.QueryAnswer) (why string, limit bool) {
	switch {
	case f == nil:
		return "automatic fixes are not set up", false
	case f.Incomplete:
		return "the run is incomplete", false
	case f.AutoOff != "":
		return f.AutoOff, true
	}
	if why := unconfirmed(dec, d, ans); why != "" {
		return why, false
	}
	if f.Applied[FixKey(d.Account, d, dec.Fixes[0])] {
		return "", false
	}
	why = f.spend(dec.Cell, d.Currency, at(d))
	return why, why != ""
}

// at is the money at stake in a fix, for the caps.
func at(d *schemas.Difference) int64 {
	if d.Class == schemas.FeeMismatch || d.Class == schemas.FeeRounding {
		return max(d.FeeDelta, -d.FeeDelta)
	}
	if d.ChannelRow != nil {
		return d.ChannelRow.AmountMinor
	}
	if d.LocalRow != nil {
		return d.LocalRow.AmountMinor
	}
	return 0
}

// spend takes one fix from the cell's caps, or says which cap is reached.
func (f *Fence) spend(cell, currency string, minor int64) string {
	if f.spent == nil {
		f.replay()
	}
	s := f.of(cell)
	if s.shut == "" {
		s.shut = f.reached(cell, currency, minor, s)
	}
	if s.shut != "" {
		return s.shut
	}
	s.count++
	s.minor[currency] += minor // reached checked the sum
	return ""
}

func (f *Fence) replay() {
	f.spent = map[string]*spending{}
	for _, p := range f.Prior {
		s := f.of(p.Cell)
		s.count += p.Count
		s.minor[p.Currency] += p.Minor
	}
}

func (f *Fence) of(cell string) *spending {
	s := f.spent[cell]
	if s == nil {
		s = &spending{minor: map[string]int64{}}
		f.spent[cell] = s
	}
	return s
}

func (f *Fence) limits(cell string) Limits {
	if l, ok := f.Cells[cell]; ok {
		return l
	}
	return f.Limits
}

func (f *Fence) reached(cell, currency string, minor int64, s *spending) string {
	l := f.limits(cell)
	if s.count+1 > l.MaxCount {
		return fmt.Sprintf("the limit of %d automatic fixes a day for %s is reached", l.MaxCount, cell)
	}
	limit, ok := l.MaxMinor[currency]
	if !ok {
		return fmt.Sprintf("no limit on automatic fixes is set for %s", currency)
	}
	if sum, err := money.Add(s.minor[currency], minor); err != nil || sum > limit {
		return fmt.Sprintf("the limit of %s a day for automatic fixes of %s is reached", money.Both(limit, money.Currency(currency)), cell)
	}
	if s.count+1 > l.ShareFloor && !withinShare(s.count+1, f.DayRows, l.MaxSharePPM) {
		return fmt.Sprintf("the limit of %s %% of the day's %d rows for automatic fixes of %s is reached", percent(l.MaxSharePPM), f.DayRows, cell)
	}
	return ""
}

// withinShare tells whether part/whole is at most ppm millionths.
func withinShare(part, whole, ppm int64) bool {
	have, err1 := money.Mul(part, 1_000_000)
	most, err2 := money.Mul(whole, ppm)
	return err1 == nil && err2 == nil && have <= most
}

// percent writes millionths as a percentage: 25000 is "2.5".
func percent(ppm int64) string {
	s := money.FormatScaled(ppm, 4)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func (f *Fence) hold(cell, currency string, minor int64) {
	if f.held == nil {
		f.held = map[string]*Spent{}
	}
	k := cell + "|" + currency
	h := f.held[k]
	if h == nil {
		h = &Spent{Cell: cell, Currency: currency}
		f.held[k] = h
	}
	h.Count++
	if sum, err := money.Add(h.Minor, minor); err == nil {
		h.Minor = sum
	}
}

// Held returns what safety limits kept from being fixed, by cell and currency,
// sorted; it is empty when no limit was hit.
func (f *Fence) Held() []Held {
	if f == nil {
		return nil
	}
	list := make([]Held, 0, len(f.held))
	for _, h := range f.held {
		why := f.AutoOff
		if s := f.spent[h.Cell]; s != nil && why == "" {
			why = s.shut
		}
		list = append(list, Held{*h, why})
	}
	slices.SortFunc(list, func(a, b Held) int {
		if c := strings.Compare(a.Cell, b.Cell); c != 0 {
			return c
		}
		return strings.Compare(a.Currency, b.Currency)
	})
	return list
}

// HeldCount is the number of fixes that safety limits stopped.
func (f *Fence) HeldCount() int64 {
	var n int64
	for _, h := range f.Held() {
		n += h.Count
	}
	return n
}
