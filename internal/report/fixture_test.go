package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

var day = bizday.Make(2026, 3, 1)

// stamp is a time of the day in Asia/Shanghai, in UTC microseconds.
func stamp(hour, minute int) int64 {
	return time.Date(2026, 3, 1, hour-8, minute, 7, 0, time.UTC).UnixMicro()
}

func ours(kind schemas.Kind, ref string, minor int64, status schemas.Status) *schemas.Record {
	r := &schemas.Record{Channel: "wechat", Account: "1900000109", Kind: kind, MerchantRef: ref, Status: status, StatusRaw: status.String(),
		AmountMinor: minor, Currency: "CNY", FeeMinor: schemas.Int64(minor * 6 / 1000), EventTime: stamp(10, 15), BillDate: day, Line: 12, Source: "local"}
	if kind == schemas.Refund {
		r.RefundRef, r.MerchantRef = ref, "P"+ref
	}
	return r
}

func theirs(kind schemas.Kind, ref string, minor int64, status schemas.Status) *schemas.Record {
	r := ours(kind, ref, minor, status)
	r.ChannelRef, r.StatusRaw, r.Source, r.Line = "420000"+ref, "支付成功", strings.Repeat("ab", 32), 4711
	if kind == schemas.Refund {
		r.ChannelRefundRef = "503000" + ref
	}
	return r
}

// difference makes one difference out of two sides, either of which may be nil.
func difference(class schemas.Class, rule string, l, c *schemas.Record, more ...func(*schemas.Difference)) *schemas.Difference {
	d := &schemas.Difference{Outcome: schemas.Outcome{Class: class, Pass: "exact_key", Rule: rule}, Account: "wechat-main", BillDate: day,
		LocalRow: l, ChannelRow: c, FirstSeen: day, BreakOn: bizday.None, Reason: "Our books say SUCCESS, the statement says SUCCESS, both CNY 888.00."}
	some := l
	if l == nil {
		some = c
	}
	d.Kind, d.Key, d.Currency = some.Kind, some.Key(), some.Currency
	if c != nil {
		d.DeltaMinor = c.AmountMinor
	}
	if l != nil {
		d.DeltaMinor -= l.AmountMinor
	}
	for _, m := range more {
		m(d)
	}
	return d
}

func decided(cell string, action schemas.Action, priority int, fixes ...schemas.FixKind) func(*schemas.Difference) {
	return func(d *schemas.Difference) {
		d.Decision = &schemas.Decision{Cell: cell, Action: action, Priority: priority, Fixes: fixes, DueDays: priority}
		if action != schemas.ActionCarry {
			d.CaseID = "c-" + d.Key
		}
	}
}

// richDifferences has a difference of every class that has one.
func richDifferences() []*schemas.Difference {
	pay, refund, ok := schemas.Payment, schemas.Refund, schemas.Success
	dear := theirs(pay, "ORD-1005", 120_000, ok)
	dear.FeeMinor = schemas.Int64(900)
	rounded := theirs(pay, "ORD-1006", 33_300, ok)
	rounded.FeeMinor = schemas.Int64(rounded.FeeMinor.V + 1)
	dollars := theirs(pay, "ORD-1012", 5_000, ok)
	dollars.Currency = "USD"
	near := ours(pay, "ORD-1001x", 88_800, ok)
	list := []*schemas.Difference{
		difference(schemas.ChannelOnly, "outside_window", nil, theirs(pay, "ORD-1001", 88_800, ok), decided("P9", schemas.ActionManual, 1),
			func(d *schemas.Difference) {
				d.Reason = `Only the statement has CNY 888.00 under "ORD-1001" (SUCCESS, 2026-03-01 10:15:07+08:00); no row of that number is in our books.`
				d.Nearest = &schemas.Candidate{Record: *near, Failed: "merchant_ref"}
			}),
		difference(schemas.ChannelOnly, "paid_twice", nil, theirs(refund, "RF-2001", 4_500, ok), decided("R4", schemas.ActionManual, 1)),
		difference(schemas.LocalOnly, "overdue", ours(pay, "ORD-1002", 120_344_107, ok), nil, decided("P11", schemas.ActionManual, 1)),
		difference(schemas.AmountMismatch, "amount", ours(pay, "ORD-1003", 10_000, ok), theirs(pay, "ORD-1003", 9_999, ok), decided("P2", schemas.ActionManual, 2)),
		difference(schemas.LocalBehind, "behind", ours(pay, "ORD-1004", 25_600, schemas.Unknown), theirs(pay, "ORD-1004", 25_600, ok),
			decided("P4", schemas.ActionAuto, 1, schemas.FixSetSuccess)),
		difference(schemas.LocalAhead, "ahead", ours(pay, "ORD-1014", 7_700, ok), theirs(pay, "ORD-1014", 7_700, schemas.Failed), decided("P18", schemas.ActionManual, 1)),
		difference(schemas.FeeMismatch, "fee", ours(pay, "ORD-1005", 120_000, ok), dear, decided("F4", schemas.ActionManual, 3, schemas.FixAdjustFee),
			func(d *schemas.Difference) { d.FeeDelta = 180; d.Decision.Why = "a side does not say its fee" }),
		difference(schemas.FeeRounding, "fee_rounding", ours(pay, "ORD-1006", 33_300, ok), rounded, decided("F2", schemas.ActionAuto, 5, schemas.FixAdjustFee),
			func(d *schemas.Difference) { d.FeeDelta = 1 }),
		difference(schemas.DuplicateChannel, "paid_twice", nil, theirs(pay, "ORD-1007", 19_900, ok), decided("P12", schemas.ActionManual, 1),
			func(d *schemas.Difference) { d.Occurrence = 2 }),
		difference(schemas.DuplicateLocal, "booked_twice", ours(pay, "ORD-1008", 6_000, ok), nil, decided("P13", schemas.ActionManual, 1)),
		difference(schemas.CurrencyMismatch, "currency", ours(pay, "ORD-1012", 5_000, ok), dollars, decided("P20", schemas.ActionManual, 2)),
		difference(schemas.DateMismatch, "date", ours(pay, "ORD-1013", 4_200, ok), theirs(pay, "ORD-1013", 4_200, ok), decided("P22", schemas.ActionMatch, 5)),
		difference(schemas.TypeMismatch, "key_differs", ours(pay, "ORD-1015", 1_500, ok), theirs(pay, "ORD-1016", 1_500, ok), decided("P21", schemas.ActionManual, 2)),
		difference(schemas.Ambiguous, "several_candidates", ours(pay, "ORD-1009", 3_000, ok), nil, decided("P23", schemas.ActionManual, 3),
			func(d *schemas.Difference) {
				d.Group = 7
				d.Candidates = []schemas.Candidate{{Record: *theirs(pay, "ORD-1009", 3_000, ok)}, {Record: *theirs(pay, "ORD-1009", 3_100, ok), Failed: "amount_minor"}}
			}),
		difference(schemas.LocalInTransit, "window", ours(pay, "ORD-1010", 45_000, ok), nil, decided("P10", schemas.ActionCarry, 0),
			func(d *schemas.Difference) { d.BreakOn = day.Add(2) }),
		difference(schemas.ChannelInTransit, "window", nil, theirs(pay, "ORD-1011", 12_345, ok), decided("P8", schemas.ActionCarry, 0),
			func(d *schemas.Difference) { d.BreakOn = day.Add(1) }),
	}
	slices.SortStableFunc(list, func(a, b *schemas.Difference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
	})
	return list
}

// reportOf makes a whole report around differences: everything that can be
// counted is counted from them.
func reportOf(differences []*schemas.Difference) *schemas.RunReport {
	count := listed{}
	r := &schemas.RunReport{Channel: "wechat", Account: "wechat-main", Merchant: "1900000109", Date: day, RunID: "wechat-main-2026-03-01-2", Attempt: 2, Current: true,
		Verdict: schemas.Breaks, Zone: "Asia/Shanghai", Finished: time.Date(2026, 3, 2, 2, 30, 0, 0, time.UTC),
		Versions: map[string]string{"program": "v0.1.0", "definition": "2026-11", "rules": "3", "table": "2026-11-1"}, FetchState: schemas.FetchFetched}
	for _, d := range differences {
		count.add(rowOf(d))
		if d.Class == schemas.LocalInTransit {
			r.Carried = append(r.Carried, schemas.Carried{Side: schemas.Local, Record: *d.LocalRow, FirstSeen: d.FirstSeen, BreakOn: d.BreakOn})
		}
		if d.Class == schemas.ChannelInTransit {
			r.Carried = append(r.Carried, schemas.Carried{Side: schemas.Channel, Record: *d.ChannelRow, FirstSeen: d.FirstSeen, BreakOn: d.BreakOn})
		}
		if d.Decision != nil && d.Decision.Action == schemas.ActionManual {
			r.Cases = append(r.Cases, caseOf(d))
		}
	}
	totals, err := count.totals()
	if err != nil {
		panic(err)
	}
	matched := schemas.ClassTotal{Class: schemas.Matched, Kind: schemas.Payment, Currency: "CNY", Outcomes: 1987, LocalRows: 1987, LocalMinor: 301_234_567,
		ChannelRows: 1987, ChannelMinor: 301_234_567, LocalMoved: 301_234_567, ChannelMoved: 301_234_567}
	r.Totals = append([]schemas.ClassTotal{matched}, totals...)
	addMoved(r.Totals, differences)
	r.Bridge = bridgesFor(r.Totals)
	r.Differences = streamOf(differences)
	r.Why = fmt.Sprintf("%d cases wait for people.", len(r.Cases))
	return r
}

func streamOf(differences []*schemas.Difference) func(func(*schemas.Difference, error) bool) {
	return func(yield func(*schemas.Difference, error) bool) {
		for _, d := range differences {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func addMoved(totals []schemas.ClassTotal, differences []*schemas.Difference) {
	at := func(class schemas.Class, r *schemas.Record) *schemas.ClassTotal {
		for i := range totals {
			if t := &totals[i]; r != nil && t.Class == class && t.Kind == r.Kind && t.Currency == r.Currency {
				return t
			}
		}
		return &schemas.ClassTotal{}
	}
	for _, d := range differences {
		at(d.Class, d.LocalRow).LocalMoved += moved(d.LocalRow)
		at(d.Class, d.ChannelRow).ChannelMoved += moved(d.ChannelRow)
	}
}

func bridgesFor(totals []schemas.ClassTotal) []schemas.Bridge {
	byCurrency := map[string]*schemas.Bridge{}
	for _, t := range totals {
		b := byCurrency[t.Currency]
		if b == nil {
			b = &schemas.Bridge{Currency: t.Currency}
			byCurrency[t.Currency] = b
		}
		sign := int64(1)
		if t.Kind == schemas.Refund {
			sign = -1
		}
		b.Local += sign * t.LocalMoved
		b.Channel += sign * t.ChannelMoved
		if d := sign * (t.ChannelMoved - t.LocalMoved); d != 0 {
			b.Lines = append(b.Lines, schemas.BridgeLine{Class: t.Class, Kind: t.Kind, Rows: t.Outcomes, Minor: d})
		}
	}
	return sortedValues(byCurrency, func(a, b schemas.Bridge) int { return strings.Compare(a.Currency, b.Currency) })
}

func caseOf(d *schemas.Difference) schemas.Case {
	c := schemas.Case{ID: d.CaseID, Channel: "wechat", Account: d.Account, Kind: d.Kind, Key: d.Key, Currency: d.Currency, State: schemas.CaseOpen, Class: d.Class,
		Cell: d.Decision.Cell, Priority: d.Decision.Priority, Owner: "chen", FirstSeen: d.FirstSeen.Add(-1), LastSeen: day, DueOn: day.Add(d.Decision.DueDays - 1),
		SuspendMinor: d.DeltaMinor, Reason: d.Reason, Version: 1}
	if d.LocalRow != nil {
		c.LocalMinor = d.LocalRow.AmountMinor
	}
	if d.ChannelRow != nil {
		c.ChannelMinor = d.ChannelRow.AmountMinor
	}
	return c
}

// rich is a report that has something of everything.
func rich() *schemas.RunReport {
	r := reportOf(richDifferences())
	sha := strings.Repeat("0123456789abcdef", 4)
	r.Files = []schemas.FetchedFile{{FileUsed: schemas.FileUsed{Name: "wechat-1900000109-ALL-20260301.csv.gz", SHA256: sha, Size: 482_113},
		Place: "https://api.mch.weixin.qq.com/v3/bill/tradebill", At: r.Finished}}
	r.Proofs = []schemas.Proof{
		{Name: "digest.sha1", OK: true, Want: "dcd7a1…", Got: "dcd7a1…", Note: "over the unpacked file, as the channel announced it"},
		{Name: "trailer.rows", OK: true, Want: "2003", Got: "2003"},
		{Name: "trailer.amount", OK: true, Want: "3057411.12", Got: "3057411.12", Currency: "CNY"},
		{Name: "partition.local", OK: true, Want: "2001", Got: "2001"},
		{Name: "partition.channel", OK: true, Want: "2003", Got: "2003"},
		{Name: "carry.local", OK: true, Want: "1", Got: "1", Note: "3 carried in + 1 new - 3 resolved"},
		{Name: "rows.rejected", OK: false, Want: "0 rejected rows", Got: "2 rejected rows", Advisory: true},
		{Name: "ledger.suspense", OK: true, Want: "-1202560.07", Got: "-1202560.07", Currency: "CNY", Note: "open cases = suspense accounts"},
	}
	r.Statement = &schemas.Statement{Channel: "wechat", Account: "wechat-main", BillDate: day, Format: "trade_all_current", Kind: "TRADE", Rows: 2003, Records: 2001, Rejects: 2,
		Warnings: []string{"3 rows repeat a number that the channel gives only once", fault.Text{EN: "rows of a type that is not known", ZH: "未知类型的行"}.Both()}}
	r.Export = &schemas.Export{Source: "core", Watermark: "seq 991823", Rows: 2001}
	reject(r, []schemas.Reject{
		{Source: sha, File: "20260301.csv", Line: 99, Offset: 18_233, Column: 13, Field: "订单金额", Value: "12.345", Reason: "more decimals than the currency has"},
		{Source: sha, File: "20260301.csv", Line: 1207, Offset: 220_411, Field: "", Value: "", Reason: "27 cells where the header has 28"},
	})
	r.Ageing = []schemas.AgeBucket{{Bucket: "0-1", Currency: "CNY", Cases: 9, Minor: 120_461_907}, {Bucket: "2-7", Currency: "CNY", Cases: 3, Minor: 45_000},
		{Bucket: "8-30", Currency: "CNY", Cases: 1, Minor: 9_900}, {Bucket: ">30", Currency: "CNY", Cases: 1, Minor: 70}}
	r.Fixes = []schemas.FixDone{
		{Fix: schemas.Fix{Key: "k1", Kind: schemas.FixSetSuccess, RecordKind: schemas.Payment, MerchantRef: "ORD-1004", AmountMinor: 25_600, Currency: "CNY", Maker: "auto", Cell: "P4", CaseID: "c-ORD-1004"},
			Result: schemas.FixResult{Key: "k1", State: "APPLIED", TxnID: "J-000412"}},
		{Fix: schemas.Fix{Key: "k2", Kind: schemas.FixSuspend, RecordKind: schemas.Payment, MerchantRef: "ORD-1001", AmountMinor: 88_800, Currency: "CNY", Maker: "auto", Cell: "P9"},
			Result: schemas.FixResult{Key: "k2", State: "APPLIED", TxnID: "J-000413"}},
		{Fix: schemas.Fix{Key: "k3", Kind: schemas.FixAdjustFee, RecordKind: schemas.Payment, MerchantRef: "ORD-1006", AmountMinor: 1, Currency: "CNY", Maker: "chen", Checker: "wang", Cell: "F2"},
			Result: schemas.FixResult{Key: "k3", State: "REFUSED", Reason: "the channel was not asked"}},
	}
	for i := range 30 {
		v := []schemas.Verdict{schemas.Reconciled, schemas.Pending, schemas.Breaks, schemas.Warnings, schemas.Incomplete}[(i*i)%5]
		r.Trend = append(r.Trend, schemas.DayTotal{Date: day.Add(i - 29), Verdict: v, Matched: 1900 + int64(i*7%100), Breaks: int64(i * 13 % 17), Carried: int64(i * 5 % 7), AutoFixed: int64(i * 11 % 23)})
	}
	r.Changes = []string{"row PAYMENT ORD-1004: UNKNOWN -> STATUS_MISMATCH_LOCAL_BEHIND, CNY 256.00"}
	return r
}

// reject puts rejects into a report as the pipeline does: the first of them, how
// many there are, and a stream of all.
func reject(r *schemas.RunReport, rejects []schemas.Reject) {
	r.Rejects, r.RejectRows = rejects[:min(len(rejects), 1000)], int64(len(rejects))
	r.EachReject = func(yield func(*schemas.Reject, error) bool) {
		for i := range rejects {
			if !yield(&rejects[i], nil) {
				return
			}
		}
	}
}
