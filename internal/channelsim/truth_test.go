package channelsim_test

import (
	"context"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/match"
	"tieout/resolve"
	"tieout/schemas"
	"tieout/schemas/channels"
	"tieout/schemas/recordfile"
)

// rowSet holds one side in memory.
type rowSet []schemas.Record

func (r rowSet) Rows() int64 { return int64(len(r)) }

func (r rowSet) Read(_ context.Context, _ recordfile.Columns, fn func(int64, *schemas.Batch) error) error {
	var b schemas.Batch
	for i := range r {
		b.Channel, b.Account, b.Source = r[i].Channel, r[i].Account, r[i].Source
		b.Append(&r[i])
	}
	return fn(0, &b)
}

func (r rowSet) Fetch(_ context.Context, idx []int64, _ []string) ([]schemas.Record, error) {
	var out []schemas.Record
	for _, i := range idx {
		out = append(out, r[i])
	}
	return out, nil
}

// differences keeps what matching found.
type differences []schemas.Difference

func (*differences) Outcome(schemas.Outcome) error                 { return nil }
func (*differences) Pairs(schemas.Outcome, []int64, []int64) error { return nil }
func (d *differences) Difference(one *schemas.Difference) error {
	*d = append(*d, *one)
	return nil
}

// verdict is what the night says about one difference, in the words of the
// truth.
type verdict struct {
	class  schemas.Class
	rule   string
	cell   string
	action schemas.Action
	fix    schemas.FixKind
	delta  int64
}

func foretold(e channelsim.Expectation) verdict {
	return verdict{e.Class, e.Rule, e.Cell, e.Action, e.Fix, e.Delta}
}

// decide asks the channel where the decision table wants that, and decides.
func decide(t *testing.T, table *resolve.Table, c *clients, d *schemas.Difference, channel string) verdict {
	t.Helper()
	ctx := resolve.Context{Settings: resolve.Settings{LateSuccess: resolve.LateManual}}
	if d.LocalRow != nil {
		ctx.RateFee = schemas.Int64((d.LocalRow.AmountMinor*channelsim.FeeRate(channel) + 500_000) / 1_000_000)
	}
	dec := table.Decide(d, ctx)
	if resolve.NeedsQuery(dec) {
		ctx.Answer = &schemas.QueryAnswer{Key: d.Key, Kind: d.Kind}
		row := d.LocalRow
		if row == nil {
			row = d.ChannelRow
		}
		if ask := c.askers[channel]; ask != nil {
			*ctx.Answer = ok(ask.Query(t.Context(), d.Kind, row.MerchantRef, row.RefundRef, time.UnixMicro(row.EventTime)))(t)
		}
		dec = table.Decide(d, ctx)
	}
	v := verdict{class: d.Class, rule: d.Rule, cell: dec.Cell, action: dec.Action, delta: d.DeltaMinor}
	if dec.Action == schemas.ActionAuto {
		v.fix = dec.Fixes[0]
	}
	return v
}

// books is a local side that does what the ops say.
type books struct {
	rows map[string][]schemas.Record // by channel
	def  map[string]*channels.Definition
}

func (b *books) do(t *testing.T, sim *channelsim.Sim, op channelsim.Op, night time.Time) {
	t.Helper()
	var result channelsim.Result
	if op.Pay != nil {
		result = ok(sim.Pay(t.Context(), *op.Pay))(t)
	}
	if op.Refund != nil {
		result = ok(sim.Refund(t.Context(), *op.Refund))(t)
	}
	l := op.Local
	if l.Step == channelsim.StepNone {
		return
	}
	r := schemas.Record{Channel: op.Channel, Account: "main", Kind: schemas.Payment, MerchantRef: op.MerchantRef, RefundRef: op.RefundRef,
		Status: schemas.Unknown, AmountMinor: l.AmountMinor, Currency: "CNY", EventTime: l.CreatedAt.UnixMicro()}
	fee := (l.AmountMinor*channelsim.FeeRate(op.Channel) + 500_000) / 1_000_000
	r.FeeMinor = schemas.Int64(fee)
	if op.RefundRef != "" {
		r.Kind, r.FeeMinor = schemas.Refund, schemas.NullInt64{}
		if op.Channel == channelsim.WeChat {
			r.FeeMinor = schemas.Int64(-fee)
		}
	}
	succeed := func(at time.Time) {
		r.Status, r.EventTime, r.ChannelRef, r.ChannelRefundRef = schemas.Success, at.UnixMicro(), result.ChannelRef, result.ChannelRefundRef
	}
	tooLate := op.Pay != nil && op.Pay.Delivery == channelsim.Late && op.Pay.DeliverAt.After(night)
	switch {
	case l.Step == channelsim.StepPaid:
		succeed(l.At)
	case l.Step == channelsim.StepClose:
		r.Status = schemas.Closed
	case l.Step == channelsim.StepLeave, tooLate:
	default:
		succeed(result.At)
	}
	b.rows[op.Channel] = append(b.rows[op.Channel], r)
}

// chain is what one channel's runs hand on.
type chain struct {
	carried []schemas.Carried
	claims  []schemas.Claim
}

// run matches one day as the pipeline does.
func (b *books) run(t *testing.T, c *clients, sim *channelsim.Sim, channel string, date bizday.Date, before chain) (differences, chain) {
	t.Helper()
	def := b.def[channel]
	request := schemas.StatementRequest{Channel: channel, Account: merchantOf(sim, channel), Date: date, Statement: "TRADE"}
	state, files, err := fetch(t, c.sources[channel], request)
	if err != nil {
		t.Fatal(err)
	}
	var statement collect
	if state.State == schemas.FetchFetched {
		_, got := read(t, channel, request, files)
		statement = *got
	}
	in := match.Inputs{Account: "main", Channel: channel, Date: date, Day: def.Day(), ChannelRows: rowSet(statement.records),
		Claims: before.claims, Rules: match.RulesOf(def.Match), Workers: 2}
	rules, window := in.Rules, def.Day().Of(date)
	var local rowSet
	for _, r := range b.rows[channel] {
		if r.EventTime >= window.From-rules.WindowBefore.Microseconds() && r.EventTime < window.To+rules.WindowAfter.Microseconds() {
			local = append(local, r)
		}
	}
	in.Local = local
	for _, carried := range before.carried {
		if carried.Side == schemas.Local {
			in.CarriedLocal = append(in.CarriedLocal, carried)
		} else {
			in.CarriedChannel = append(in.CarriedChannel, carried)
		}
	}
	in.Late = func(_ context.Context, keys []schemas.LookupKey) ([]match.LateRow, error) {
		var out []match.LateRow
		for _, k := range keys {
			for _, r := range b.rows[channel] {
				if r.Kind == k.Kind && r.Key() == k.Key {
					out = append(out, match.LateRow{Record: r, ClaimedBy: claimedBy(before.claims, r)})
				}
			}
		}
		return out, nil
	}
	var found differences
	result, err := match.Run(t.Context(), in, &found)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range result.Proofs {
		if !p.OK {
			t.Errorf("%s %s: proof %+v", channel, date, p)
		}
	}
	return found, chain{result.CarriedOut, append(before.claims, result.Claims...)}
}

func claimedBy(claims []schemas.Claim, r schemas.Record) string {
	for _, c := range claims {
		if c.Kind == r.Kind && c.Key == r.Key() {
			return "another run"
		}
	}
	return ""
}

// TestTruth_IsWhatTheNightFinds plays days, carries out the local side of every
// op, matches, asks the channels, decides, and compares with the truth: each
// fault as it was foretold, and nothing else.
func TestTruth_IsWhatTheNightFinds(t *testing.T) {
	now := &clock{}
	plan := channelsim.DefaultPlan(9, bizday.Make(2026, 10, 5), 8, 1500)
	plan.Files = map[channelsim.Fault]int{channelsim.Reissue: 2, channelsim.EmptyDay: 1} // the others are about fetching
	for f := range plan.Rates {
		plan.Rates[f] *= 3
	}
	sim := ok(channelsim.Start(t.Context(), channelsim.Options{Now: now.now, Seed: 9}))(t)
	t.Cleanup(func() { sim.Close() })
	c := connect(t, sim, now.now)
	b := &books{rows: map[string][]schemas.Record{}, def: map[string]*channels.Definition{}}
	plan.RefundCarry = map[string]int{}
	for _, d := range ok(channels.All())(t) {
		b.def[d.Name] = d
		plan.RefundCarry[d.Name] = d.Match.CarryDays[schemas.Refund]
	}
	// Nobody listens; which payments are notified when is in the ops.
	plan.NotifyPPM = 0
	plan.NotifyURL = map[string]string{"wechat": "http://127.0.0.1:1", "alipay": "http://127.0.0.1:1", "unionpay": "http://127.0.0.1:1"}

	traffic := ok(channelsim.NewTraffic(plan))(t)
	expected := map[place]channelsim.Expectation{}
	table := ok(resolve.Load())(t)
	count := map[channelsim.Fault]int{}
	dates := map[bizday.Date][]channelsim.FileFault{}
	for day, more := traffic.Next(); more; day, more = traffic.Next() {
		y, m, d := day.Date.Add(1).YMD()
		night := time.Date(y, m, d, 10, 30, 0, 0, time.FixedZone("", 8*3600))
		now.set(night)
		for _, op := range day.Ops {
			if op.Pay != nil && op.Pay.Delivery == channelsim.Doubled {
				op.Pay.Delivery = channelsim.Synchronous // its notifications are not what is tested here
			}
			b.do(t, sim, op, night)
		}
		dates[day.Date] = day.Files
		for _, truth := range day.Truth {
			count[truth.Fault]++
			number := truth.MerchantRef
			if truth.Kind == schemas.Refund {
				number = truth.RefundRef
			}
			for _, e := range truth.Expect {
				if truth.Kind != 0 {
					expected[place{truth.Channel, e.Date, e.After, truth.Kind, number}] = e
				}
			}
		}
	}
	for f, rate := range plan.Rates {
		if rate > 0 && count[f] == 0 {
			t.Errorf("no %s was planned", f)
		}
	}

	judge := func(found differences, channel string, date bizday.Date, after string) {
		t.Helper()
		seen := map[place]bool{}
		for i := range found {
			d := &found[i]
			at := place{channel, date, after, d.Kind, d.Key}
			want, known := expected[at]
			if !known { // what the re-issued file does not change
				at.after = ""
				want, known = expected[at]
			}
			seen[at] = true
			got, told := decide(t, table, c, d, channel), foretold(want)
			if told.rule == "" { // it does not matter within the class
				got.rule = ""
			}
			if !known || got != told {
				t.Errorf("%s %s: found %+v, foretold %+v (%v)", date, d.Key, got, told, known)
			}
		}
		for at, want := range expected {
			if at.channel == channel && at.date == date && at.after == after && want.Class != schemas.Matched && !seen[at] {
				t.Errorf("%+v: foretold %+v, not found", at, want)
			}
		}
	}
	for _, channel := range channelsim.Channels() {
		var link chain
		for date := plan.From; date < plan.From.Add(plan.Days-1); date++ {
			y, m, d := date.Add(1).YMD()
			now.set(time.Date(y, m, d, 10, 30, 0, 0, time.FixedZone("", 8*3600)))
			found, next := b.run(t, c, sim, channel, date, link)
			judge(found, channel, date, "")
			for _, f := range dates[date] {
				if f.Kind == channelsim.Reissue && f.Channel == channel {
					if err := sim.Republish(channel, date); err != nil {
						t.Fatal(err)
					}
					found, next = b.run(t, c, sim, channel, date, link)
					judge(found, channel, date, channelsim.AfterRepublish)
				}
			}
			link = next
		}
	}
}

// place names where an expectation holds.
type place struct {
	channel string
	date    bizday.Date
	after   string
	kind    schemas.Kind
	number  string
}
