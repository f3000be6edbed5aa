package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/schemas"
)

var china = time.FixedZone("+08:00", 8*3600)

// day is the query of 20 November in China.
var day = schemas.LocalQuery{Channel: "wechat", Account: "wechat-main", Merchant: "1900000109", Date: bizday.Make(2026, 11, 20),
	Day:  bizday.Day{Zone: china},
	From: time.Date(2026, 11, 20, 0, 0, 0, 0, china).UnixMicro(), To: time.Date(2026, 11, 21, 0, 0, 0, 0, china).UnixMicro()}

func at(hour, minute, second int) int64 {
	return time.Date(2026, 11, 20, hour, minute, second, 0, china).UnixMicro()
}

func exportRows(t *testing.T, db *DB, q schemas.LocalQuery) ([]schemas.Record, schemas.Export) {
	t.Helper()
	var rows []schemas.Record
	export, err := db.ExportLocal(context.Background(), q, func(b *schemas.Batch) error {
		for i := range b.Len() {
			rows = append(rows, b.Row(i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, export
}

func TestExport(t *testing.T) {
	db, core := testBooks(t)
	created := func(no string, when int64) paycore.CreatePayment {
		c := pay(no, 10000)
		c.At, c.TradeType = when, "NATIVE"
		return c
	}
	other := created("P9", at(12, 0, 0))
	other.Account = "wechat-other"
	paid := paidBy("P1", 10000)
	paid.PaidAt = at(0, 0, 1) // created the day before
	late := paidBy("P2", 10000)
	late.PaidAt = at(24, 0, 0) // the first moment of the next day
	do(t, core, paycore.Done, created("P1", at(-1, 59, 0)), paid, created("P2", at(23, 59, 59)), late,
		created("P3", at(23, 59, 59)), created("P4", at(8, 0, 0)), paycore.ClosePayment{PayNo: "P4"}, other,
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 2500, Currency: "CNY", At: at(9, 0, 0)},
		paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "wr-1", AmountMinor: 2500, Currency: "CNY", DoneAt: at(9, 0, 5), By: paycore.ByAnswer})
	rows, export := exportRows(t, db, day)
	base := schemas.Record{Channel: "wechat", Account: "1900000109", AmountMinor: 10000, Currency: "CNY", BillDate: day.Date, TradeType: "NATIVE",
		FeeMinor: schemas.Int64(60), Kind: schemas.Payment}
	p1, p4, p3, r1 := base, base, base, base
	p1.MerchantRef, p1.ChannelRef, p1.Status, p1.StatusRaw, p1.EventTime, p1.Line = "P1", "wx-P1", schemas.Success, "SUCCESS", at(0, 0, 1), 1
	p4.MerchantRef, p4.Status, p4.StatusRaw, p4.EventTime, p4.Line = "P4", schemas.Closed, "CLOSED", at(8, 0, 0), 2
	p3.MerchantRef, p3.Status, p3.StatusRaw, p3.EventTime, p3.Line = "P3", schemas.Unknown, "PAYING", at(23, 59, 59), 3
	r1.Kind, r1.MerchantRef, r1.RefundRef, r1.ChannelRef, r1.ChannelRefundRef = schemas.Refund, "P1", "R1", "wx-P1", "wr-1"
	r1.Status, r1.StatusRaw, r1.AmountMinor, r1.FeeMinor, r1.EventTime, r1.Line, r1.TradeType = schemas.Success, "SUCCESS", 2500, schemas.Int64(-15), at(9, 0, 5), 4, ""
	if diff := cmp.Diff([]schemas.Record{p1, p4, p3, r1}, rows); diff != "" {
		t.Error(diff)
	}
	want := []schemas.SideTotal{{Kind: schemas.Payment, Currency: "CNY", Rows: 3, Minor: 30000, FeeMinor: 180},
		{Kind: schemas.Refund, Currency: "CNY", Rows: 1, Minor: 2500, FeeMinor: -15}}
	if diff := cmp.Diff(want, export.Totals); diff != "" || export.Rows != 4 {
		t.Errorf("%d rows\n%s", export.Rows, diff)
	}
	wide := day
	wide.From, wide.To = day.From-time.Hour.Microseconds(), day.To+time.Hour.Microseconds()
	if rows, _ := exportRows(t, db, wide); len(rows) != 5 || rows[3].MerchantRef != "P2" || rows[3].BillDate != day.Date+1 {
		t.Errorf("with windows: got %+v", rows)
	}
	do(t, core, paycore.Done, created("P5", at(1, 0, 0)))
	if _, later := exportRows(t, db, day); later.Watermark == export.Watermark {
		t.Error("the watermark stood still over a change")
	}
}

func TestExportSeesOneSnapshot(t *testing.T) {
	db, core := testBooks(t)
	for i := range 3 {
		do(t, core, paycore.Done, pay(string(rune('A'+i)), 100))
	}
	q := day
	q.From, q.To = 0, 1<<62
	rows := 0
	export, err := db.ExportLocal(context.Background(), q, func(b *schemas.Batch) error {
		rows += b.Len()
		do(t, core, paycore.Done, pay("meanwhile", 100)) // another writer, while we read
		return nil
	})
	if err != nil || int64(rows) != export.Rows || rows != 3 {
		t.Errorf("got %d rows, the database counted %d, %v", rows, export.Rows, err)
	}
}

// Each currency has its own sums, and those of one alone are the same.
func TestExportTotalsByCurrency(t *testing.T) {
	db, core := testBooks(t)
	for i, currency := range []string{"USD", "CNY", "USD", "HKD", "CNY"} {
		c := pay(string(rune('A'+i)), int64(100<<i))
		c.Currency, c.At = currency, at(9+i, 0, 0)
		do(t, core, paycore.Done, c)
	}
	sums := func(q schemas.LocalQuery) (all []schemas.SideTotal) {
		rows, export := exportRows(t, db, q)
		if int64(len(rows)) != export.Rows {
			t.Errorf("%d rows, counted %d", len(rows), export.Rows)
		}
		return export.Totals
	}
	total := func(currency string, rows, minor int64) schemas.SideTotal {
		return schemas.SideTotal{Kind: schemas.Payment, Currency: currency, Rows: rows, Minor: minor}
	}
	if diff := cmp.Diff([]schemas.SideTotal{total("CNY", 2, 1800), total("HKD", 1, 800), total("USD", 2, 500)}, sums(day), sansFees); diff != "" {
		t.Error(diff)
	}
	first := day
	first.To = at(10, 0, 0)
	if diff := cmp.Diff([]schemas.SideTotal{total("USD", 1, 100)}, sums(first), sansFees); diff != "" {
		t.Error(diff)
	}
	first.To = first.From
	if none := sums(first); len(none) != 0 {
		t.Errorf("no rows, and the sums %v", none)
	}
}

var sansFees = cmpopts.IgnoreFields(schemas.SideTotal{}, "FeeMinor")

// The payments of a night are read from the index alone, in its order: looking
// each up in the table takes twice as long.
func TestExportReadsTheIndexAlone(t *testing.T) {
	db, _ := testBooks(t)
	for _, query := range []string{
		paymentRead.columns + paymentRead.window,
		`SELECT MIN(currency), MAX(currency)` + fmt.Sprintf(windowSums, "payment"),
	} {
		plan := planOf(t, db, query, day.Account, day.From, day.To)
		if want := []string{"SEARCH payment USING COVERING INDEX payment_by_event (account=? AND event_us>? AND event_us<?)"}; !slices.Equal(plan, want) {
			t.Errorf("%s: %q", query, plan)
		}
	}
}

// planOf lists the steps in which the database would answer a query.
func planOf(t *testing.T, db *DB, query string, args ...any) (steps []string) {
	t.Helper()
	rows, err := db.sql.Query("EXPLAIN QUERY PLAN "+query, args...)
	steps, err = scanAll(rows, err, func(row scanner) (step string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &step)
		return step, err
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func TestLookup(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000), pay("P2", 100),
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 1, Currency: "CNY"})
	found, err := db.LookupLocal(context.Background(), schemas.LocalQuery{Channel: "wechat", Account: "wechat-main", Merchant: "1900000109"},
		[]schemas.LookupKey{{Kind: schemas.Refund, Key: "R1"}, {Kind: schemas.Payment, Key: "P2"}, {Kind: schemas.Payment, Key: "P7"},
			{Kind: schemas.Payment, ChannelRef: "wx-P1"}, {Kind: schemas.Payment}, {Kind: schemas.Fee, Key: "P1"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range found {
		got = append(got, r.Kind.String()+" "+r.Key())
	}
	if diff := cmp.Diff([]string{"REFUND R1", "PAYMENT P2", "PAYMENT P1"}, got); diff != "" {
		t.Error(diff)
	}
	if other, err := db.LookupLocal(context.Background(), schemas.LocalQuery{Account: "wechat-other"}, []schemas.LookupKey{{Kind: schemas.Payment, Key: "P1"}}); err != nil || len(other) != 0 {
		t.Errorf("another account's rows: %v, %v", other, err)
	}
}
