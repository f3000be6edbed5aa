package resolve

import (
	"slices"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas"
)

var day = bizday.Make(2026, 11, 20)

const account = "wechat-main"

func rec(kind schemas.Kind, status schemas.Status, minor int64) *schemas.Record {
	if status == 0 {
		return nil
	}
	r := &schemas.Record{Channel: "wechat", Account: "1900000001", Kind: kind, MerchantRef: "P1", ChannelRef: "wx1", Status: status,
		AmountMinor: minor, Currency: "CNY", EventTime: 1_795_000_000_000_000, BillDate: day}
	if kind == schemas.Refund {
		r.RefundRef, r.ChannelRefundRef = "R1", "wr1"
	}
	return r
}

// diff is a difference of equal amounts; a status of 0 is an absent side.
func diff(kind schemas.Kind, class schemas.Class, local, channel schemas.Status) *schemas.Difference {
	d := &schemas.Difference{Outcome: schemas.Outcome{Class: class, Rule: "plain"}, Account: account, BillDate: day, Kind: kind, Key: "P1",
		Currency: "CNY", LocalRow: rec(kind, local, 10000), ChannelRow: rec(kind, channel, 10000), FirstSeen: day, BreakOn: bizday.None}
	if kind == schemas.Refund {
		d.Key = "R1"
	}
	return d
}

func answer(d *schemas.Difference, status schemas.Status) *schemas.QueryAnswer {
	a := &schemas.QueryAnswer{Key: d.Key, Kind: d.Kind, Asked: true}
	if status != 0 {
		a.Found, a.Status, a.AmountMinor, a.Currency = true, status, 10000, "CNY"
	}
	return a
}

const (
	none = schemas.Status(0)
	S    = schemas.Success
	U    = schemas.Unknown
	F    = schemas.Failed
	C    = schemas.Closed
	R    = schemas.Reversed
)

// Every row of the table, as a case that reaches it.
func TestFaultM06_EveryCell(t *testing.T) {
	table := load(t)
	pay, ref, fee := schemas.Payment, schemas.Refund, schemas.Fee
	fees := func(d *schemas.Difference, local, channel int64) *schemas.Difference {
		d.LocalRow.FeeMinor, d.ChannelRow.FeeMinor = schemas.Int64(local), schemas.Int64(channel)
		d.FeeDelta = channel - local
		return d
	}
	amount := func(d *schemas.Difference, channel int64) *schemas.Difference {
		d.ChannelRow.AmountMinor = channel
		d.DeltaMinor = channel - d.LocalRow.AmountMinor
		return d
	}
	rule := func(d *schemas.Difference, r string) *schemas.Difference { d.Rule = r; return d }
	none := func(schemas.Difference) Context { return Context{} }
	asked := func(s schemas.Status) func(schemas.Difference) Context {
		return func(d schemas.Difference) Context { return Context{Answer: answer(&d, s)} }
	}
	rate := func(v int64) func(schemas.Difference) Context {
		return func(schemas.Difference) Context { return Context{RateFee: schemas.Int64(v)} }
	}
	with := func(c Context) func(schemas.Difference) Context {
		return func(schemas.Difference) Context { return c }
	}
	down := with(Context{Answer: &schemas.QueryAnswer{Error: "timeout"}})
	const M, K, A, H = schemas.ActionMatch, schemas.ActionCarry, schemas.ActionAuto, schemas.ActionManual
	cases := []struct {
		cell    string
		action  schemas.Action
		d       *schemas.Difference
		ctx     func(schemas.Difference) Context
		fix     string
		suspend int64
	}{
		{"P1", M, diff(pay, schemas.Matched, S, S), none, "", 0},
		{"P17", M, diff(pay, schemas.NothingHappened, C, F), none, "", 0},
		{"P16", M, diff(pay, schemas.NothingHappened, F, 0), none, "", 0},
		{"P2", H, amount(diff(pay, schemas.AmountMismatch, S, S), 9900), none, "", -100},
		{"P2", H, amount(diff(pay, schemas.AmountMismatch, S, S), 10001), none, "", 1},
		{"P5", H, amount(rule(diff(pay, schemas.AmountMismatch, U, S), "behind_and_amount"), 9900), none, "", 9900},
		{"P5", H, amount(diff(pay, schemas.LocalBehind, C, S), 9900), none, "", 9900},
		{"P5n", H, amount(rule(diff(pay, schemas.AmountMismatch, U, F), "behind_and_amount"), 9900), none, "", 0},
		{"P5n", H, amount(diff(pay, schemas.AmountMismatch, U, U), 9900), none, "", 0},
		{"F3", A, fees(diff(pay, schemas.FeeMismatch, S, S), 60, 62), rate(62), "ADJUST_FEE", 0},
		{"F4", H, fees(diff(pay, schemas.FeeMismatch, S, S), 60, 62), rate(60), "ADJUST_FEE", 0},
		{"P3", H, fees(diff(pay, schemas.FeeMismatch, S, S), 60, 62), rate(61), "ADJUST_FEE", 0},
		{"P3", H, fees(diff(pay, schemas.FeeMismatch, S, S), 60, 62), none, "ADJUST_FEE", 0},
		{"F2", A, fees(diff(pay, schemas.FeeRounding, S, S), 60, 61), none, "ADJUST_FEE", 0},
		{"F9", M, fees(diff(pay, schemas.FeeRounding, U, U), 60, 61), none, "", 0},
		{"F9m", H, fees(diff(ref, schemas.FeeMismatch, R, R), 60, 80), none, "", 0},
		{"P4", A, diff(pay, schemas.LocalBehind, U, S), none, "SET_SUCCESS", 0},
		{"P4", A, diff(pay, schemas.LocalBehind, U, S), asked(S), "SET_SUCCESS", 0},
		{"P6", A, diff(pay, schemas.LocalBehind, F, S), none, "SET_SUCCESS", 0},
		{"P6d", H, diff(pay, schemas.LocalBehind, F, S), with(Context{Repaid: true}), "", 10000},
		{"P6u", H, diff(pay, schemas.LocalBehind, F, U), none, "", 0},
		{"P7", H, diff(pay, schemas.LocalBehind, C, S), none, "SET_SUCCESS", 10000},
		{"P7r", H, diff(pay, schemas.LocalBehind, C, S), with(Context{Settings: Settings{LateSuccess: LateRefund}}), "", 10000},
		{"P17u", A, diff(pay, schemas.LocalBehind, U, F), none, "SET_CLOSED", 0},
		{"P17v", H, diff(pay, schemas.LocalBehind, U, F), asked(S), "", 0},
		{"P19b", H, diff(pay, schemas.LocalBehind, U, R), none, "SET_CLOSED", 0},
		{"P8", K, diff(pay, schemas.ChannelInTransit, 0, S), none, "", 0},
		{"P9", H, diff(pay, schemas.ChannelOnly, 0, S), none, "", 10000},
		{"P9r", H, diff(pay, schemas.ChannelOnly, 0, R), none, "", 0},
		{"P9n", H, diff(pay, schemas.ChannelOnly, 0, F), none, "", 0},
		{"P10", K, diff(pay, schemas.LocalInTransit, S, 0), none, "", 0},
		{"P14", K, diff(pay, schemas.LocalInTransit, U, 0), none, "", 0},
		{"R13p", H, diff(pay, schemas.LocalOnly, S, 0), with(Context{BlindSpot: true}), "", -10000},
		{"P11", H, diff(pay, schemas.LocalOnly, S, 0), none, "", -10000},
		{"P11", H, diff(pay, schemas.LocalOnly, S, 0), down, "", -10000},
		{"P11s", H, diff(pay, schemas.LocalOnly, S, 0), asked(S), "", -10000},
		{"P11n", H, diff(pay, schemas.LocalOnly, S, 0), asked(0), "", -10000},
		{"P11r", H, diff(pay, schemas.LocalOnly, R, 0), none, "", 0},
		{"P15", A, diff(pay, schemas.LocalOnly, U, 0), none, "SET_CLOSED", 0},
		{"P15", A, diff(pay, schemas.LocalOnly, U, 0), asked(0), "SET_CLOSED", 0},
		{"P15s", H, diff(pay, schemas.LocalOnly, U, 0), asked(S), "SET_SUCCESS", 0},
		{"P15u", H, diff(pay, schemas.LocalOnly, U, 0), down, "", 0},
		{"P24", H, rule(diff(pay, schemas.DuplicateChannel, 0, S), "repeated_row"), none, "", 0},
		{"P12", H, rule(diff(pay, schemas.DuplicateChannel, 0, S), "paid_twice"), none, "", 10000},
		{"P12", H, rule(diff(pay, schemas.DuplicateChannel, 0, S), "already_matched"), none, "", 10000},
		{"P12n", H, rule(diff(pay, schemas.DuplicateChannel, 0, U), "paid_twice"), none, "", 0},
		{"P13", H, diff(pay, schemas.DuplicateLocal, S, 0), none, "", -10000},
		{"P13u", H, diff(pay, schemas.DuplicateLocal, R, 0), none, "", 0},
		{"P19", H, rule(diff(pay, schemas.LocalAhead, S, R), "reversed_at_channel"), none, "", -10000},
		{"P19h", H, diff(pay, schemas.LocalAhead, R, S), none, "", 10000},
		{"P18", H, diff(pay, schemas.LocalAhead, S, F), none, "", -10000},
		{"P18s", H, diff(pay, schemas.LocalAhead, S, F), asked(S), "", -10000},
		{"P20", H, diff(pay, schemas.CurrencyMismatch, S, S), none, "", 0},
		{"P21", H, diff(pay, schemas.TypeMismatch, S, S), none, "", 0},
		{"P22", M, diff(pay, schemas.DateMismatch, S, S), none, "", 0},
		{"P23", H, diff(pay, schemas.Ambiguous, S, 0), none, "", -10000},

		{"R1", M, diff(ref, schemas.Matched, S, S), none, "", 0},
		{"R12", M, diff(ref, schemas.Matched, S, S), with(Context{OrderSplit: true}), "", 0},
		{"R16", M, diff(ref, schemas.NothingHappened, F, 0), none, "", 0},
		{"R11", H, rule(diff(ref, schemas.ChannelOnly, 0, S), "over_refund"), none, "", -10000},
		{"R2", H, amount(diff(ref, schemas.AmountMismatch, S, S), 9900), none, "", 100},
		{"R2b", H, amount(diff(ref, schemas.AmountMismatch, U, S), 9900), none, "", -9900},
		{"R2n", H, amount(diff(ref, schemas.AmountMismatch, U, F), 9900), none, "", 0},
		{"F7", A, fees(diff(ref, schemas.FeeMismatch, S, S), -60, 0), rate(0), "ADJUST_FEE", 0},
		{"F7m", H, fees(diff(ref, schemas.FeeMismatch, S, S), -60, 0), rate(-60), "ADJUST_FEE", 0},
		{"R3", A, diff(ref, schemas.LocalBehind, U, S), none, "SET_SUCCESS", 0},
		{"R9", A, diff(ref, schemas.LocalBehind, F, S), none, "SET_SUCCESS", 0},
		{"R9c", H, diff(ref, schemas.LocalBehind, C, S), none, "SET_SUCCESS", -10000},
		{"R9u", H, diff(ref, schemas.LocalBehind, C, U), none, "", 0},
		{"R8u", H, diff(ref, schemas.LocalBehind, U, F), none, "SET_FAILED", 0},
		{"R8f", H, diff(ref, schemas.LocalBehind, F, R), none, "", 0},
		{"R8h", H, diff(ref, schemas.LocalAhead, R, S), none, "", -10000},
		{"R8", H, diff(ref, schemas.LocalAhead, S, F), none, "SET_FAILED", 10000},
		{"R4w", K, diff(ref, schemas.ChannelInTransit, 0, S), none, "", 0},
		{"R4", H, diff(ref, schemas.ChannelOnly, 0, S), none, "", -10000},
		{"R4n", H, diff(ref, schemas.ChannelOnly, 0, F), none, "", 0},
		{"R5", K, diff(ref, schemas.LocalInTransit, U, 0), none, "", 0},
		{"R13", H, diff(ref, schemas.LocalOnly, S, 0), with(Context{BlindSpot: true}), "", 10000},
		{"R6", H, diff(ref, schemas.LocalOnly, S, 0), none, "", 10000},
		{"R6f", H, diff(ref, schemas.LocalOnly, S, 0), asked(F), "SET_FAILED", 10000},
		{"R6n", H, diff(ref, schemas.LocalOnly, S, 0), asked(0), "", 10000},
		{"R6s", H, diff(ref, schemas.LocalOnly, S, 0), asked(S), "", 10000},
		{"R6r", H, diff(ref, schemas.LocalOnly, R, 0), none, "", 0},
		{"R7", H, diff(ref, schemas.LocalOnly, U, 0), asked(0), "", 0},
		{"R7f", H, diff(ref, schemas.LocalOnly, U, 0), asked(F), "SET_FAILED", 0},
		{"R7s", H, diff(ref, schemas.LocalOnly, U, 0), asked(S), "SET_SUCCESS", 0},
		{"R10r", H, rule(diff(ref, schemas.DuplicateChannel, 0, S), "repeated_row"), none, "", 0},
		{"R10", H, rule(diff(ref, schemas.DuplicateChannel, 0, S), "paid_twice"), none, "", -10000},
		{"R10n", H, rule(diff(ref, schemas.DuplicateChannel, 0, U), "paid_twice"), none, "", 0},
		{"R10l", H, diff(ref, schemas.DuplicateLocal, S, 0), none, "", 10000},
		{"R20", H, diff(ref, schemas.CurrencyMismatch, S, S), none, "", 0},

		{"F1", M, diff(fee, schemas.Matched, S, S), none, "", 0},
		{"F5w", K, diff(fee, schemas.ChannelInTransit, 0, S), none, "", 0},
		{"F5", H, diff(fee, schemas.ChannelOnly, 0, S), none, "", -10000},
		{"F6", K, diff(fee, schemas.LocalInTransit, S, 0), none, "", 0},
		{"F6o", H, diff(fee, schemas.LocalOnly, S, 0), none, "", 10000},
		{"F4s", H, amount(diff(fee, schemas.AmountMismatch, S, S), 9900), none, "", 100},
		{"F8", H, diff(fee, schemas.CurrencyMismatch, S, S), none, "", 0},

		{"X1", M, diff(schemas.Payout, schemas.Matched, S, S), none, "", 0},
		{"X2", M, diff(pay, schemas.OtherDay, S, 0), none, "", 0},
		{"X3", K, diff(schemas.Payout, schemas.LocalInTransit, S, 0), none, "", 0},
		{"X0", H, diff(schemas.Payout, schemas.LocalOnly, S, 0), none, "", 10000},
		{"X0", H, diff(schemas.Kind(99), schemas.Class(99), 99, 99), none, "", 0},
	}
	reached := map[string]bool{}
	for i, x := range cases {
		ctx := x.ctx(*x.d)
		got := table.Decide(x.d, ctx)
		reached[got.Cell] = true
		var fix string
		if fs := Fixes(got, x.d, ctx.Answer, "run1"); len(fs) > 0 {
			fix = string(fs[0].Kind)
		}
		if got.Cell != x.cell || got.Action != x.action || fix != x.fix || got.Suspend != x.suspend {
			t.Errorf("%d, %s: got %s %s fix %q suspend %d, want %s %q %d", i, x.cell, got.Cell, got.Action, fix, got.Suspend, x.action, x.fix, x.suspend)
		}
	}
	for _, r := range table.Rows() {
		if !reached[r.Cell] {
			t.Errorf("no case reaches cell %s", r.Cell)
		}
	}
}

// Everything that match can say of payments and refunds has a cell of its own.
func TestFaultM06_WhatMatchSaysIsKnown(t *testing.T) {
	table := load(t)
	pairs := map[schemas.Class][][2]schemas.Status{
		schemas.Matched:          {{S, S}, {U, U}, {R, R}},
		schemas.NothingHappened:  {{F, F}, {F, C}, {C, F}, {C, C}, {R, F}, {R, C}, {F, 0}, {C, 0}, {0, F}, {0, C}},
		schemas.LocalBehind:      {{U, S}, {U, F}, {U, C}, {U, R}, {F, S}, {F, U}, {F, R}, {C, S}, {C, U}, {C, R}},
		schemas.LocalAhead:       {{S, U}, {S, F}, {S, C}, {S, R}, {R, S}, {R, U}},
		schemas.FeeMismatch:      {{S, S}, {U, U}, {R, R}},
		schemas.FeeRounding:      {{S, S}, {U, U}, {R, R}},
		schemas.DateMismatch:     {{S, S}, {U, U}, {R, R}},
		schemas.TypeMismatch:     {{S, S}, {U, S}, {S, F}},
		schemas.CurrencyMismatch: {{S, S}, {U, S}, {S, R}},
		schemas.LocalOnly:        {{S, 0}, {U, 0}, {R, 0}},
		schemas.LocalInTransit:   {{S, 0}, {U, 0}, {R, 0}},
		schemas.ChannelOnly:      {{0, S}, {0, U}, {0, F}, {0, C}, {0, R}},
		schemas.ChannelInTransit: {{0, S}, {0, U}, {0, R}},
		schemas.DuplicateChannel: {{0, S}, {0, U}, {0, F}, {0, C}, {0, R}},
		schemas.DuplicateLocal:   {{S, 0}, {R, 0}},
		schemas.Ambiguous:        {{S, 0}, {0, S}, {U, 0}, {0, F}},
		schemas.AmountMismatch:   {{S, S}, {U, U}, {R, R}, {U, S}, {U, F}, {U, R}, {F, S}, {F, U}, {F, R}, {C, S}, {C, U}, {C, R}},
	}
	for class, list := range pairs {
		for _, kind := range []schemas.Kind{schemas.Payment, schemas.Refund} {
			for _, p := range list {
				d := diff(kind, class, p[0], p[1])
				if class == schemas.AmountMismatch {
					d.ChannelRow.AmountMinor++
				}
				for _, a := range []*schemas.QueryAnswer{nil, {}, answer(d, 0), answer(d, S), answer(d, U), answer(d, F), answer(d, C), answer(d, R)} {
					if dec := table.Decide(d, Context{Answer: a}); dec.Cell == "X0" {
						t.Errorf("%s %s %s/%s answer %v: no cell", kind, class, p[0], p[1], a)
					}
				}
			}
		}
	}
}

// A second listing of a transaction that another day has matched is no money.
func TestRepeatedAcrossDays(t *testing.T) {
	d := diff(schemas.Payment, schemas.DuplicateChannel, none, S)
	d.Rule = "already_matched"
	d.Candidates = []schemas.Candidate{{Record: *rec(schemas.Payment, S, 10000)}}
	if dec := load(t).Decide(d, Context{}); dec.Cell != "P24" || dec.Suspend != 0 {
		t.Errorf("%+v", dec)
	}
	d.Candidates[0].Record.ChannelRef = "wx-first"
	if dec := load(t).Decide(d, Context{}); dec.Cell != "P12" || dec.Suspend != 10000 {
		t.Errorf("%+v", dec)
	}
}

func TestTableRefusesNonsense(t *testing.T) {
	const good = `{cell: X0, action: MANUAL, priority: 2, due: 2, en: e, zh: z}`
	for name, x := range map[string][2]string{
		"no version":        {`cells: [` + good + `]`, "no version"},
		"no cells":          {`version: "1"`, "no cells"},
		"unknown condition": {`{version: "1", cells: [{cell: A, weather: fine, action: MATCH, en: e, zh: z}, ` + good + `]}`, `no condition is called "weather"`},
		"unknown word":      {`{version: "1", cells: [{cell: A, class: LOST, action: MATCH, en: e, zh: z}, ` + good + `]}`, `class has no value "LOST"`},
		"empty list":        {`{version: "1", cells: [{cell: A, class: [], action: MATCH, en: e, zh: z}, ` + good + `]}`, "class has no value"},
		"unknown action":    {`{version: "1", cells: [{cell: A, class: MATCHED, action: PRAY, en: e, zh: z}, ` + good + `]}`, `no action is called "PRAY"`},
		"auto, no query":    {`{version: "1", cells: [{cell: A, class: MATCHED, action: AUTO, priority: 1, due: 1, fixes: [SET_SUCCESS], en: e, zh: z}, ` + good + `]}`, "needs a query"},
		"auto, no fix":      {`{version: "1", cells: [{cell: A, class: MATCHED, action: AUTO, priority: 1, due: 1, en: e, zh: z}, ` + good + `]}`, "exactly one fix"},
		"auto write-off":    {`{version: "1", cells: [{cell: A, class: MATCHED, action: AUTO, priority: 1, due: 1, query: true, fixes: [WRITE_OFF], en: e, zh: z}, ` + good + `]}`, "cannot ask"},
		"match that fixes":  {`{version: "1", cells: [{cell: A, class: MATCHED, action: MATCH, fixes: [SET_SUCCESS], en: e, zh: z}, ` + good + `]}`, "changes nothing"},
		"no priority":       {`{version: "1", cells: [{cell: A, class: MATCHED, action: MANUAL, due: 1, en: e, zh: z}, ` + good + `]}`, "priority of 1 to 5"},
		"no advice":         {`{version: "1", cells: [{cell: A, class: MATCHED, action: MATCH, en: e}, ` + good + `]}`, "en and zh"},
		"twice":             {`{version: "1", cells: [{cell: X0, class: MATCHED, action: MATCH, en: e, zh: z}, ` + good + `]}`, "twice"},
		"never reached":     {`{version: "1", cells: [{cell: A, action: MATCH, en: e, zh: z}, ` + good + `]}`, "never reached"},
		"not total":         {`{version: "1", cells: [{cell: X0, kind: PAYMENT, action: MANUAL, priority: 2, due: 2, en: e, zh: z}]}`, "last cell must be X0"},
		"not YAML":          {"{", "decision table"},
	} {
		if _, err := parse([]byte(x[0])); err == nil || !strings.Contains(err.Error(), x[1]) {
			t.Errorf("%s: got %v, want %q", name, err, x[1])
		}
	}
	if _, err := parse([]byte(`{version: "1", cells: [` + good + `]}`)); err != nil {
		t.Error(err)
	}
}

// Numbers from files cannot make two movements share a fix key or a case.
func TestKeysDoNotCollide(t *testing.T) {
	key := func(m, r, c string) string {
		d := diff(schemas.Refund, schemas.LocalBehind, U, S)
		d.LocalRow.MerchantRef, d.LocalRow.RefundRef, d.ChannelRow.ChannelRefundRef = m, r, c
		return FixKey(account, d, schemas.FixSetSuccess)
	}
	seen := map[string]bool{}
	for _, x := range [][3]string{{"a", "b", "c"}, {"a|b", "", "c"}, {"a", "b|c", "x"}, {`a\`, "b", "c"}, {`a\|b`, "", "c"}, {"a", `\|b`, "c"}} {
		k := key(x[0], x[1], x[2])
		if seen[k] {
			t.Errorf("%q has the key of another", x)
		}
		seen[k] = true
	}
	if got, want := key("a", "b", "c"), "wechat-main|REFUND|a|b|c|SET_SUCCESS"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if CaseID("a", schemas.Payment, "bc", "CNY") == CaseID("ab", schemas.Payment, "c", "CNY") {
		t.Error("two cases share an id")
	}
	if got, want := CaseID(account, schemas.Payment, "P1", "CNY"), "C-"; !strings.HasPrefix(got, want) || len(got) != 14 {
		t.Errorf("case id %s", got)
	}
}

// The id of a case is stable for ever, and does not know the class.
func TestCaseID(t *testing.T) {
	const want = "C-SQJNWG2L3U3T"
	for _, class := range []schemas.Class{schemas.LocalOnly, schemas.LocalAhead, schemas.AmountMismatch} {
		if got := CaseOf(diff(schemas.Payment, class, S, S)); got != want {
			t.Errorf("%s: got %s, want %s", class, got, want)
		}
	}
	ids := map[string]bool{want: true}
	keyless := diff(schemas.Payment, schemas.ChannelOnly, none, S)
	keyless.Key = ""
	other := diff(schemas.Payment, schemas.ChannelOnly, none, S)
	other.Key, other.ChannelRow.ChannelRef = "", "wx2"
	bare := diff(schemas.Payment, schemas.ChannelOnly, none, S)
	bare.Key, bare.ChannelRow.ChannelRef = "", ""
	empty := diff(schemas.Payment, schemas.ChannelOnly, none, none)
	empty.Key = ""
	for _, d := range []*schemas.Difference{keyless, other, bare, empty} {
		if id := CaseOf(d); ids[id] {
			t.Errorf("two rows without a number share case %s", id)
		} else {
			ids[id] = true
		}
	}
}

// Evidence changes with every fact that people look at, and with nothing else.
func TestEvidence(t *testing.T) {
	base := func() *schemas.Difference {
		d := diff(schemas.Payment, schemas.LocalBehind, U, S)
		d.Candidates = []schemas.Candidate{{Record: *rec(schemas.Payment, S, 1), Failed: "amount_minor"}}
		return d
	}
	want := Evidence(base())
	for name, change := range map[string]func(*schemas.Difference){
		"line": func(d *schemas.Difference) { d.LocalRow.Line, d.LocalRow.Offset, d.LocalRow.Source = 9, 9, "x" },
		"position": func(d *schemas.Difference) {
			d.Local, d.Channel, d.Group = schemas.RowRef{In: 1, Row: 9}, schemas.RowRef{In: 2, Row: 9}, 9
		},
		"nearest":  func(d *schemas.Difference) { d.Nearest = &schemas.Candidate{} },
		"wording":  func(d *schemas.Difference) { d.Reason = "said in other words" },
		"decision": func(d *schemas.Difference) { d.Decision, d.CaseID = &schemas.Decision{Cell: "P4"}, "C-X" },
	} {
		d := base()
		if change(d); Evidence(d) != want {
			t.Errorf("%s is not a fact", name)
		}
	}
	seen := map[string]string{want: "nothing"}
	for name, change := range map[string]func(*schemas.Difference){
		"class":          func(d *schemas.Difference) { d.Class = schemas.LocalAhead },
		"rule":           func(d *schemas.Difference) { d.Rule = "x" },
		"date":           func(d *schemas.Difference) { d.BillDate++ },
		"amount":         func(d *schemas.Difference) { d.ChannelRow.AmountMinor++ },
		"local amount":   func(d *schemas.Difference) { d.LocalRow.AmountMinor++ },
		"status":         func(d *schemas.Difference) { d.LocalRow.Status = F },
		"raw status":     func(d *schemas.Difference) { d.LocalRow.StatusRaw = "PAYING" },
		"fee 0":          func(d *schemas.Difference) { d.ChannelRow.FeeMinor = schemas.Int64(0) },
		"fee 1":          func(d *schemas.Difference) { d.ChannelRow.FeeMinor = schemas.Int64(1) },
		"channel number": func(d *schemas.Difference) { d.ChannelRow.ChannelRef = "wx2" },
		"remark":         func(d *schemas.Difference) { d.ChannelRow.Remark = "x" },
		"bank":           func(d *schemas.Difference) { d.ChannelRow.Bank = "x" },
		"time":           func(d *schemas.Difference) { d.ChannelRow.EventTime++ },
		"absent":         func(d *schemas.Difference) { d.ChannelRow = nil },
		"swapped":        func(d *schemas.Difference) { d.LocalRow, d.ChannelRow = d.ChannelRow, d.LocalRow },
		"candidates":     func(d *schemas.Difference) { d.Candidates = nil },
		"candidate":      func(d *schemas.Difference) { d.Candidates[0].Failed = "currency" },
	} {
		d := base()
		change(d)
		e := Evidence(d)
		if other, dup := seen[e]; dup {
			t.Errorf("%s gives the evidence of %s", name, other)
		}
		seen[e] = name
	}
}

func TestVerdictAndExitCode(t *testing.T) {
	bad, soft := schemas.Proof{Name: "trailer.rows"}, schemas.Proof{Name: "balance", Advisory: true}
	good := schemas.Proof{Name: "carry", OK: true}
	for _, x := range []struct {
		s    Standing
		held int64
		want schemas.Verdict
		exit int
		why  string
	}{
		{Standing{Proofs: []schemas.Proof{good, bad, soft}, Open: 3, Carried: 1}, 5, schemas.Incomplete, 21, "1 of 3 proofs failed, first trailer.rows; nothing was fixed."},
		{Standing{Proofs: []schemas.Proof{good, soft}, Open: 3, Warnings: 1}, 5, schemas.Breaks, 11, "3 cases wait for people."},
		{Standing{Open: 1}, 0, schemas.Breaks, 10, "1 case waits for people."},
		{Standing{Proofs: []schemas.Proof{soft}, Carried: 1}, 0, schemas.Warnings, 0, "All rows are placed; the check balance wants a look."},
		{Standing{Proofs: []schemas.Proof{soft}, Rejects: 2}, 0, schemas.Breaks, 10, "2 rows of the statement cannot be read and wait for people."},
		{Standing{Warnings: 2}, 0, schemas.Warnings, 0, "All rows are placed; 2 warnings want a look."},
		{Standing{Proofs: []schemas.Proof{good}, Carried: 1}, 0, schemas.Pending, 0, "1 row waits for the next statement."},
		{Standing{}, 0, schemas.Reconciled, 0, "Every row of both sides agrees."},
		{Standing{}, 1, schemas.Reconciled, 11, "Every row of both sides agrees."},
	} {
		got, why := Verdict(x.s)
		if got != x.want || why != x.why || ExitCode(got, x.held) != x.exit {
			t.Errorf("%+v: got %s %q exit %d", x.s, got, why, ExitCode(got, x.held))
		}
	}
	if ExitCode(0, 0) != 50 {
		t.Error("no verdict is no success")
	}
}

func TestBreaker(t *testing.T) {
	rules := BreakerRules{MaxSharePPM: 50_000, ShareFloor: 10, MaxMinor: map[string]int64{"CNY": 1_000_000}}
	total := func(class schemas.Class, local, channel, minor int64) schemas.ClassTotal {
		return schemas.ClassTotal{Class: class, Kind: schemas.Payment, Currency: "CNY", LocalRows: local, ChannelRows: channel, LocalMinor: minor, ChannelMinor: minor}
	}
	for _, x := range []struct {
		name   string
		totals []schemas.ClassTotal
		want   string
	}{
		{"a normal day", []schemas.ClassTotal{total(schemas.Matched, 1000, 1000, 0), total(schemas.LocalOnly, 50, 0, 0)}, ""},
		{"a cut statement", []schemas.ClassTotal{total(schemas.Matched, 500, 500, 0), total(schemas.LocalOnly, 500, 0, 0)}, "500 of 1000 LOCAL rows"},
		{"a cut export", []schemas.ClassTotal{total(schemas.Matched, 900, 900, 0), total(schemas.ChannelOnly, 0, 100, 0)}, "100 of 1000 CHANNEL rows"},
		{"exactly the share", []schemas.ClassTotal{total(schemas.Matched, 950, 950, 0), total(schemas.LocalOnly, 50, 0, 0)}, ""},
		{"just above", []schemas.ClassTotal{total(schemas.Matched, 949, 949, 0), total(schemas.LocalOnly, 50, 0, 0)}, "50 of 999 LOCAL rows stand on that side alone, more than 5 %"},
		{"a small day", []schemas.ClassTotal{total(schemas.Matched, 2, 2, 0), total(schemas.LocalOnly, 10, 0, 0)}, ""},
		{"neighbours do not count", []schemas.ClassTotal{total(schemas.OtherDay, 10000, 0, 0), total(schemas.Claimed, 9, 0, 0), total(schemas.LocalOnly, 50, 0, 0)}, "50 of 50 LOCAL rows"},
		{"much money", []schemas.ClassTotal{total(schemas.Matched, 1000, 1000, 0), total(schemas.ChannelOnly, 0, 2, 1_000_001)}, "more than CNY 10000.00 (1000000 minor units)"},
		{"money of two kinds", []schemas.ClassTotal{total(schemas.Matched, 1000, 1000, 0), total(schemas.LocalOnly, 1, 0, 600_000), total(schemas.LocalOnly, 1, 0, 600_000)}, "more than CNY"},
		{"endless money", []schemas.ClassTotal{total(schemas.Matched, 1000, 1000, 0), total(schemas.LocalOnly, 1, 0, 1<<62), total(schemas.LocalOnly, 1, 0, 1<<62), total(schemas.LocalOnly, 1, 0, 1<<62)}, "more than CNY"},
		{"nothing at all", nil, ""},
	} {
		got := Breaker(x.totals, rules)
		if (x.want == "") != (got == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: got %q, want %q", x.name, got, x.want)
		}
		reversed := slices.Clone(x.totals)
		slices.Reverse(reversed)
		if Breaker(reversed, rules) != got {
			t.Errorf("%s: the order matters", x.name)
		}
	}
	if got := Breaker([]schemas.ClassTotal{total(schemas.LocalOnly, 1000, 0, 1<<40)}, BreakerRules{}); got != "" {
		t.Errorf("rules that are not set: %q", got)
	}
}
