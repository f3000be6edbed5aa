// Package risk says whether a payment may go to its channel, and whether a
// debit of a clearing organisation may be paid.
//
// In: rules of the operator (a YAML file), the facts of a payment, and what was
// measured of the payments before it. Out: a decision, with the rule that made
// it, its version and the measured value. Pure: the store measures and keeps
// decisions in one transaction. Called by the payment core, the store and cmd; the
// desk asks before it calls a channel.
package risk

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// Outcome is what a decision says.
type Outcome string

// The outcomes, from the mildest to the severest.
const (
	Pass      Outcome = "PASS"
	Challenge Outcome = "CHALLENGE" // only if the merchant has verified the payer
	Review    Outcome = "REVIEW"    // a person decides; it is held back until then
	Reject    Outcome = "REJECT"
)

var severity = map[Outcome]int{Pass: 0, Challenge: 1, Review: 2, Reject: 3}

// Field is a fact of a payment that a rule may look at.
type Field string

// The fields.
const (
	Merchant Field = "merchant"
	Payer    Field = "payer"
	IP       Field = "ip"
	CardBIN  Field = "card_bin"
)

// Facts are what is known of a payment before it goes out; "" = not known.
type Facts struct {
	// PayNo and Merchant of a debit begin with the organisation: nucc/T1,
	// nucc/Noodles.
	PayNo, Merchant, Payer, IP, CardBIN string
	AmountMinor                         int64
	Currency                            string
	Verified                            bool // the merchant says that he has verified the payer
	At                                  int64
}

func (f *Facts) of(field Field) string {
	switch field {
	case Merchant:
		return f.Merchant
	case Payer:
		return f.Payer
	case IP:
		return f.IP
	case CardBIN:
		return f.CardBIN
	}
	return ""
}

// Rule is one rule. What is set says what it looks at: In or Match a list,
// AboveMinor an amount, Window the payments before.
type Rule struct {
	ID     string  `yaml:"id"`
	Decide Outcome `yaml:"decide"`

	Field Field    `yaml:"field"` // of lists and windows
	In    []string `yaml:"in"`    // any of these values
	Match string   `yaml:"match"` // RE2, of the whole value

	Currency   string        `yaml:"currency"`    // of amounts; "" = any
	AboveMinor int64         `yaml:"above_minor"` // one payment of more
	Window     time.Duration `yaml:"window"`      // together with the payments of the same field within it …
	Count      int64         `yaml:"count"`       // … more payments than this
	SumMinor   int64         `yaml:"sum_minor"`   // … or more money than this; needs a currency

	pattern *regexp.Regexp
}

// Rules are all rules, with the version that decisions are recorded under.
type Rules struct {
	Version int    `yaml:"version"`
	Rules   []Rule `yaml:"rules"`
}

// Parse reads and checks rules.
func Parse(body []byte) (*Rules, error) {
	var r Rules
	dec := yaml.NewDecoder(bytes.NewReader(body))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("risk rules: %w", err)
	}
	if r.Version < 1 {
		return nil, errors.New("risk rules: the version is a number from 1 on, raised with every change")
	}
	seen := map[string]bool{}
	for i := range r.Rules {
		rule := &r.Rules[i]
		if why := rule.wrong(); why != "" || seen[rule.ID] {
			if why == "" {
				why = "its id stands twice"
			}
			return nil, fmt.Errorf("risk rules: rule %q: %s", rule.ID, why)
		}
		seen[rule.ID] = true
	}
	return &r, nil
}

func (r *Rule) wrong() string {
	list, window := len(r.In) > 0 || r.Match != "", r.Window != 0
	_, known := severity[r.Decide]
	switch {
	case r.ID == "" || len(r.ID) > 64:
		return "an id has 1 to 64 characters"
	case !known:
		return "it decides PASS, CHALLENGE, REVIEW or REJECT"
	case r.Decide == Pass && !list:
		return "only a list lets payments pass"
	case (list || window) && !slices.Contains([]Field{Merchant, Payer, IP, CardBIN}, r.Field):
		return "its field is merchant, payer, ip or card_bin"
	case list && (window || r.AboveMinor != 0) || window && r.AboveMinor != 0 || !list && !window && r.AboveMinor <= 0:
		return "it looks at one thing: a list, an amount or a window"
	case window && (r.Window < time.Second || r.Window > 31*24*time.Hour || r.Count < 0 || r.SumMinor < 0 || r.Count == 0 && r.SumMinor == 0):
		return "a window of 1 s to 31 days has a count or a sum"
	case r.SumMinor != 0 && r.Currency == "":
		return "a sum needs a currency"
	}
	if r.Match != "" {
		var err error
		if r.pattern, err = regexp.Compile(`^(?:` + r.Match + `)$`); err != nil {
			return "its pattern is not RE2"
		}
	}
	return ""
}

// Measured is what other payments came to within the window of a rule.
type Measured struct{ Count, SumMinor int64 }

// Measures tells whether a rule wants to be measured for a payment, by the value
// of its field.
func (r *Rule) Measures(f *Facts) (value string, ok bool) {
	value = f.of(r.Field)
	return value, r.Window != 0 && value != "" && (r.Currency == "" || r.Currency == f.Currency)
}

// Decision is what was decided, and what decided it; no rule: nothing spoke
// against it.
type Decision struct {
	Outcome  Outcome `json:"outcome"`
	Rule     string  `json:"rule,omitempty"`
	Version  int     `json:"version"`  // of the rules
	Measured int64   `json:"measured"` // what the rule looked at came to: payments, or minor units
	Limit    int64   `json:"limit"`
}

// Judged is a decision with what was decided about.
type Judged struct {
	Facts
	Decision
}

// Decide judges a payment. A list that rejects comes before everything, then a
// list that lets pass; else the severest rule decides, of equals the first. A
// challenge is met by a payer whom the merchant has verified. before holds what
// was measured, by rule id.
func (r *Rules) Decide(f *Facts, before map[string]Measured) Decision {
	worst := Decision{Outcome: Pass, Version: r.Version}
	var allowed *Decision
	for i := range r.Rules {
		rule := &r.Rules[i]
		measured, limit, hit := rule.hits(f, before[rule.ID])
		if !hit || rule.Decide == Challenge && f.Verified {
			continue
		}
		d := Decision{rule.Decide, rule.ID, r.Version, measured, limit}
		switch {
		case rule.Window == 0 && rule.AboveMinor == 0 && rule.Decide == Reject:
			return d
		case rule.Decide == Pass:
			if allowed == nil {
				allowed = &d
			}
		case severity[rule.Decide] > severity[worst.Outcome]:
			worst = d
		}
	}
	if allowed != nil {
		return *allowed
	}
	return worst
}

// hits tells whether a rule speaks, with what it measured and its limit.
func (r *Rule) hits(f *Facts, before Measured) (measured, limit int64, hit bool) {
	switch {
	case r.Window != 0:
		if _, ok := r.Measures(f); !ok {
			return 0, 0, false
		}
		if n := before.Count + 1; r.Count > 0 && n > r.Count {
			return n, r.Count, true
		}
		sum := before.SumMinor + f.AmountMinor
		return sum, r.SumMinor, r.SumMinor > 0 && (sum > r.SumMinor || sum < before.SumMinor) // beyond 64 bits too
	case r.AboveMinor > 0:
		return f.AmountMinor, r.AboveMinor, f.AmountMinor > r.AboveMinor && (r.Currency == "" || r.Currency == f.Currency)
	}
	value := f.of(r.Field)
	return 0, 0, value != "" && (slices.Contains(r.In, value) || r.pattern != nil && r.pattern.MatchString(value))
}
