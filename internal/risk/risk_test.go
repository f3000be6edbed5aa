package risk

import (
	"math"
	"strings"
	"testing"
)

const example = `
version: 3
rules:
  - {id: stolen, decide: REJECT, field: card_bin, in: ["622202"]}
  - {id: own-house, decide: PASS, field: payer, in: ["boss", "thief"]}
  - {id: thieves, decide: REJECT, field: payer, match: "thief.*"}
  - {id: far, decide: CHALLENGE, field: ip, match: "203\\.0\\.113\\..*"}
  - {id: large, decide: REVIEW, above_minor: 500000, currency: CNY}
  - {id: often, decide: CHALLENGE, field: payer, window: 1h, count: 3}
  - {id: day, decide: REJECT, field: merchant, window: 24h, sum_minor: 1000000, currency: CNY}
`

func parsed(t testing.TB) *Rules {
	t.Helper()
	r, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every way to a decision, and what it is recorded with.
func TestDecide(t *testing.T) {
	r := parsed(t)
	facts := Facts{PayNo: "P1", Merchant: "M01", Payer: "anna", IP: "198.51.100.7", AmountMinor: 100, Currency: "CNY"}
	for name, c := range map[string]struct {
		change func(*Facts)
		before map[string]Measured
		want   Decision
	}{
		"nothing speaks":           {nil, nil, Decision{Outcome: Pass, Version: 3}},
		"nothing is known":         {func(f *Facts) { *f = Facts{AmountMinor: 1, Currency: "CNY"} }, nil, Decision{Outcome: Pass, Version: 3}},
		"a card on the list":       {func(f *Facts) { f.CardBIN = "622202" }, nil, Decision{Reject, "stolen", 3, 0, 0}},
		"a list comes before PASS": {func(f *Facts) { f.CardBIN, f.Payer = "622202", "boss" }, nil, Decision{Reject, "stolen", 3, 0, 0}},
		"also behind it":           {func(f *Facts) { f.Payer = "thief" }, nil, Decision{Reject, "thieves", 3, 0, 0}},
		"the whole value":          {func(f *Facts) { f.Payer = "no thief" }, nil, Decision{Outcome: Pass, Version: 3}},
		"PASS beats amounts":       {func(f *Facts) { f.Payer, f.AmountMinor = "boss", 500_001 }, nil, Decision{Pass, "own-house", 3, 0, 0}},
		"a far address":            {func(f *Facts) { f.IP = "203.0.113.9" }, nil, Decision{Challenge, "far", 3, 0, 0}},
		"far, but verified":        {func(f *Facts) { f.IP, f.Verified = "203.0.113.9", true }, nil, Decision{Outcome: Pass, Version: 3}},
		"at the amount":            {func(f *Facts) { f.AmountMinor = 500_000 }, nil, Decision{Outcome: Pass, Version: 3}},
		"above it":                 {func(f *Facts) { f.AmountMinor = 500_001 }, nil, Decision{Review, "large", 3, 500_001, 500_000}},
		"in another currency":      {func(f *Facts) { f.AmountMinor, f.Currency = 500_001, "JPY" }, nil, Decision{Outcome: Pass, Version: 3}},
		"the third":                {nil, map[string]Measured{"often": {Count: 2}}, Decision{Outcome: Pass, Version: 3}},
		"the fourth":               {nil, map[string]Measured{"often": {Count: 3}}, Decision{Challenge, "often", 3, 4, 3}},
		"the severest decides":     {func(f *Facts) { f.AmountMinor = 500_001 }, map[string]Measured{"often": {Count: 3}, "day": {SumMinor: 499_999}}, Decision{Review, "large", 3, 500_001, 500_000}},
		"the day is full":          {nil, map[string]Measured{"often": {Count: 3}, "day": {SumMinor: 999_901}}, Decision{Reject, "day", 3, 1_000_001, 1_000_000}},
		"the day to the last unit": {nil, map[string]Measured{"day": {SumMinor: 999_900}}, Decision{Outcome: Pass, Version: 3}},
		"beyond 64 bits":           {nil, map[string]Measured{"day": {SumMinor: math.MaxInt64}}, Decision{Reject, "day", 3, math.MinInt64 + 99, 1_000_000}},
	} {
		f := facts
		if c.change != nil {
			c.change(&f)
		}
		if got := r.Decide(&f, c.before); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestParse_RefusesWhatIsNotARule(t *testing.T) {
	for rule, want := range map[string]string{
		`{id: "", decide: REJECT, above_minor: 1}`:                                               "an id",
		`{id: a, decide: MAYBE, above_minor: 1}`:                                                 "it decides",
		`{id: a, decide: PASS, above_minor: 1}`:                                                  "only a list",
		`{id: a, decide: REJECT, field: colour, in: [red]}`:                                      "its field",
		`{id: a, decide: REJECT}`:                                                                "one thing",
		`{id: a, decide: REJECT, field: payer, in: [x], above_minor: 5}`:                         "one thing",
		`{id: a, decide: REJECT, field: payer, window: 1h}`:                                      "a count or a sum",
		`{id: a, decide: REJECT, field: payer, window: 1000h, count: 1}`:                         "a count or a sum",
		`{id: a, decide: REJECT, field: payer, window: 1h, sum_minor: 1}`:                        "needs a currency",
		`{id: a, decide: REJECT, field: payer, match: "(?=x)"}`:                                  "not RE2",
		`{id: a, decide: REJECT, above_minor: 1, colour: red}`:                                   "colour",
		"{id: a, decide: REJECT, above_minor: 1}\n  - {id: a, decide: PASS, field: ip, in: [x]}": "twice",
	} {
		if _, err := Parse([]byte("version: 1\nrules:\n  - " + rule)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rule, err, want)
		}
	}
	if _, err := Parse([]byte("rules: []")); err == nil {
		t.Error("rules without a version were taken")
	}
}
