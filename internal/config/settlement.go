package config

import (
	"fmt"
	"regexp"
	"time"

	"tieout/internal/money"
)

// Settlement says what merchants get, and when.
type Settlement struct {
	Zone      string     `yaml:"zone"` // of dates without an offset; default Asia/Shanghai
	Merchants []Contract `yaml:"merchants"`
}

// Contract is what a merchant agreed to.
type Contract struct {
	ID        string `yaml:"id"`
	Days      int    `yaml:"days"`      // T+N; default 1
	Count     string `yaml:"count"`     // what N counts: bank_days (default) or days
	HoldDays  int    `yaml:"hold_days"` // settled on confirmation of receipt, or after so many days; 0: at once
	Bank      string `yaml:"bank"`      // our bank that pays
	Payee     Payee  `yaml:"payee"`
	NotifyURL string `yaml:"notify_url"` // where the merchant hears of payouts
	Fees      []Fee  `yaml:"fees"`
	Split     Split  `yaml:"split"`
}

// Split says how much of an order receivers may get, and how long it is held
// back for that.
type Split struct {
	MaxPercent string `yaml:"max_percent"` // of the order's amount, less refunds; default 30%
	HoldDays   int    `yaml:"hold_days"`   // then the rest is released by itself; default 30
	Refund     string `yaml:"refund"`      // out of what receivers have: debt (default), or return_first
}

// Payee is the account that payouts go to.
type Payee struct {
	Name    string `yaml:"name"`
	Account string `yaml:"account"`
	Bank    string `yaml:"bank"`
}

// MarshalYAML shows a payee without its account number: configurations are shown
// on screens and sent to others.
func (p Payee) MarshalYAML() (any, error) {
	if n := len(p.Account) - 4; n > 0 {
		p.Account = "****" + p.Account[n:]
	}
	type shown Payee
	return shown(p), nil
}

// Fee is what the merchant pays for the trades of a channel, for a time.
// Amounts are in major units as text.
type Fee struct {
	Channel  string    `yaml:"channel"`
	Product  string    `yaml:"product"`  // trade type; "" = every other one
	Currency string    `yaml:"currency"` // default CNY
	From     string    `yaml:"from"`     // date, or RFC 3339 time; "" = always
	To       string    `yaml:"to"`       // not included; "" = no end
	Percent  string    `yaml:"percent"`
	Fixed    string    `yaml:"fixed"`
	Min      string    `yaml:"min"`
	Max      string    `yaml:"max"`
	Tiers    []FeeTier `yaml:"tiers"`
	Refund   string    `yaml:"refund"` // "returned": in proportion; "kept" (default)
}

// FeeTier replaces percent and fixed from an amount on.
type FeeTier struct {
	From    string `yaml:"from"`
	Percent string `yaml:"percent"`
	Fixed   string `yaml:"fixed"`
}

var (
	merchantShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$`)
	bankShape     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`)
)

func (k *checker) settlement(s *Settlement) {
	if s.Zone == "" {
		s.Zone = "Asia/Shanghai"
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		k.bad("settlement.zone", "%q is not a time zone", s.Zone)
		zone = time.UTC
	}
	seen := map[string]int{}
	for i := range s.Merchants {
		p, c := fmt.Sprintf("settlement.merchants.%d", i), &s.Merchants[i]
		if !merchantShape.MatchString(c.ID) {
			k.bad(p+".id", "%q is not 1 to 40 letters, digits, _ or -", c.ID)
		}
		if first, dup := seen[c.ID]; dup {
			k.bad(p+".id", "%q is used by settlement.merchants.%d too", c.ID, first)
		}
		seen[c.ID] = i
		k.contract(p, c, zone)
	}
}

func (k *checker) contract(p string, c *Contract, zone *time.Location) {
	if c.Days == 0 {
		c.Days = 1
	}
	if c.Days < 1 || c.Days > 180 {
		k.bad(p+".days", "must be between 1 and 180: a day is proven on the next one")
	}
	if c.Count == "" {
		c.Count = "bank_days"
	}
	k.oneOf(p+".count", c.Count, []string{"bank_days", "days"})
	if c.HoldDays < 0 || c.HoldDays > 365 {
		k.bad(p+".hold_days", "must be between 0 and 365")
	}
	if !bankShape.MatchString(c.Bank) {
		k.bad(p+".bank", "%q is not of the form a-z 0-9 - (at most 20)", c.Bank)
	}
	if c.Payee.Name == "" || c.Payee.Account == "" || c.Payee.Bank == "" {
		k.bad(p+".payee", "name, account and bank are all needed")
	}
	if len(c.Fees) == 0 {
		k.bad(p+".fees", "at least one fee is needed; a merchant who pays none has percent: 0%%")
	}
	k.split(p+".split", &c.Split)
	for i := range c.Fees {
		k.fee(fmt.Sprintf("%s.fees.%d", p, i), &c.Fees[i], zone)
	}
}

func (k *checker) split(p string, s *Split) {
	if s.MaxPercent == "" {
		s.MaxPercent = "30%"
	}
	if _, err := SharePPM(s.MaxPercent); err != nil {
		k.bad(p+".max_percent", "%v", err)
	}
	if s.HoldDays == 0 {
		s.HoldDays = 30
	}
	if s.HoldDays < 1 || s.HoldDays > 365 {
		k.bad(p+".hold_days", "must be between 1 and 365")
	}
	if s.Refund == "" {
		s.Refund = "debt"
	}
	k.oneOf(p+".refund", s.Refund, []string{"debt", "return_first"})
}

func (k *checker) fee(p string, f *Fee, zone *time.Location) {
	if f.Channel == "" {
		k.bad(p+".channel", "is needed")
	}
	if f.Currency == "" {
		f.Currency = "CNY"
	}
	exp, known := money.Currency(f.Currency).Exponent()
	if !known {
		k.bad(p+".currency", "is not a currency that the program knows")
	}
	for name, text := range map[string]string{"from": f.From, "to": f.To} {
		if _, err := Moment(text, zone); err != nil {
			k.bad(p+"."+name, "%v", err)
		}
	}
	share := func(path, text string) {
		if _, err := SharePPM(text); err != nil {
			k.bad(path, "%v", err)
		}
	}
	amount := func(path, text string) {
		if v, err := money.Parse([]byte(text), exp); text != "" && (err != nil || v < 0) {
			k.bad(path, "%q is not an amount of %s", text, f.Currency)
		}
	}
	share(p+".percent", f.Percent)
	amount(p+".fixed", f.Fixed)
	amount(p+".min", f.Min)
	amount(p+".max", f.Max)
	for i, t := range f.Tiers {
		at := fmt.Sprintf("%s.tiers.%d", p, i)
		share(at+".percent", t.Percent)
		amount(at+".fixed", t.Fixed)
		amount(at+".from", t.From)
		if t.From == "" {
			k.bad(at+".from", "is needed")
		}
	}
	if f.Refund == "" {
		f.Refund = "kept"
	}
	k.oneOf(p+".refund", f.Refund, []string{"returned", "kept"})
}

// Moment reads a date, which begins at midnight in zone, or an RFC 3339 time; 0
// for "".
func Moment(s string, zone *time.Location) (int64, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.ParseInLocation("2006-01-02", s, zone)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is neither a date nor a time such as 2026-01-31T12:00:00+08:00", s)
	}
	return t.UnixMicro(), nil
}

func (k *checker) sweep(p string, s *Sweep) {
	if s.Currency == "" {
		s.Currency = "CNY"
	}
	if s.Entity == "" {
		k.bad(p+".entity", "is needed")
	}
	if _, known := money.Currency(s.Currency).Exponent(); !known {
		k.bad(p+".currency", "is not a currency that the program knows")
	} else if keep, err := s.KeepMinor(); err != nil || keep < 0 {
		k.bad(p+".keep", "is not an amount")
	}
}

// KeepMinor is what the merchant keeps, in minor units.
func (s Sweep) KeepMinor() (int64, error) {
	if s.Keep == "" {
		return 0, nil
	}
	return money.ParseIn([]byte(s.Keep), money.Currency(s.Currency))
}
