package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// dump writes rows as text.
func dump(t testing.TB, rows *sql.Rows) string {
	t.Helper()
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var b strings.Builder
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, values...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// undo is the fix that reverses f.
func undo(f schemas.Fix) schemas.Fix {
	f.Reverses, f.Key, f.Kind, f.RunID, f.Maker, f.Checker = f.Key, "REVERSE|"+f.Key, schemas.FixReverse, "run-9", "ann", "bob"
	return f
}

func TestFaultL8_WrongFixIsReversedByANewEntry(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	first := apply(t, db, missed(), "APPLIED")
	before := state(t, db)
	r := apply(t, db, undo(missed()), "APPLIED")
	after := state(t, db)
	for _, table := range []string{"journal", "posting", "fix", "order_event"} {
		for _, line := range strings.Split(strings.TrimSpace(before[table]), "\n") {
			if !strings.Contains(after[table], line) {
				t.Errorf("%s lost or changed a row: %s", table, line)
			}
		}
	}
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 0, "payable:M01": 0, "fee_expense:wechat": 0})
	p, err := db.Payment(context.Background(), "P1")
	if err != nil || p.State != paycore.Paying || p.ChannelRef != "" {
		t.Errorf("got %+v, %v", p, err)
	}
	fixes, err := db.Fixes(context.Background(), "run-9")
	if err != nil || len(fixes) != 1 || fixes[0].Reverses != missed().Key || fixes[0].TxnID != r.TxnID || r.TxnID == first.TxnID {
		t.Errorf("the correction is not linked to the first: %+v, %v", fixes, err)
	}
	apply(t, db, undo(missed()), "ALREADY_APPLIED")
	if again := apply(t, db, missed(), "ALREADY_APPLIED"); !strings.Contains(again.Reason, "undone") {
		t.Errorf("got %q", again.Reason)
	}
	twice := undo(missed())
	twice.Key = "another"
	apply(t, db, twice, "REFUSED")
	do(t, core, paycore.Done, paidBy("P1", 10000)) // the payment lives on
	checkBooks(t, db)
}

func TestReverseListsWhatUsedTheMoney(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	apply(t, db, missed(), "APPLIED")
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 100, Currency: "CNY"},
		paycore.CreateRefund{RefundNo: "R2", PayNo: "P1", AmountMinor: 200, Currency: "CNY"})
	before := state(t, db)
	if r := apply(t, db, undo(missed()), "REFUSED"); !strings.Contains(r.Reason, "R1, R2") || !strings.Contains(r.Reason, "3.00") {
		t.Errorf("got %q", r.Reason)
	}
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Error(diff)
	}
}

func TestReverseRefusesWhatWasSettled(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	apply(t, db, missed(), "APPLIED")
	if _, err := db.sql.Exec(`UPDATE payment SET settled_in = 'batch-7'`); err != nil {
		t.Fatal(err)
	}
	if r := apply(t, db, undo(missed()), "REFUSED"); !strings.Contains(r.Reason, "batch-7") {
		t.Errorf("got %q", r.Reason)
	}
}

func TestReverseEveryKind(t *testing.T) {
	ready := []paycore.Command{pay("P1", 10000), pay("P2", 5000), paidBy("P2", 5000),
		paycore.CreateRefund{RefundNo: "R2", PayNo: "P2", AmountMinor: 2000, Currency: "CNY"}}
	refund := missed()
	refund.RecordKind, refund.MerchantRef, refund.RefundRef, refund.ChannelRef, refund.AmountMinor = schemas.Refund, "P2", "R2", "wr-2", 2000
	failed := refund
	failed.Kind = schemas.FixSetFailed
	closed := missed()
	closed.Kind = schemas.FixSetClosed
	taken := missed()
	taken.Kind, taken.MerchantRef, taken.ChannelRef, taken.AmountMinor, taken.Expect, taken.Maker, taken.Checker = schemas.FixSetFailed, "P2", "", 5000, []schemas.Status{schemas.Success}, "ann", "bob"
	fee := taken
	fee.Kind, fee.FeeMinor = schemas.FixAdjustFee, 77
	held := schemas.Fix{Kind: schemas.FixSuspend, RunID: "run-1", CaseID: "C-1", Channel: "wechat", Account: "wechat-main", RecordKind: schemas.Payment,
		AmountMinor: -900, Currency: "CNY", Maker: "auto"}
	for name, c := range map[string]struct {
		before []schemas.Fix
		fix    schemas.Fix
		ready  []paycore.Command
	}{
		"refund set success": {nil, refund, ready},
		"refund set failed":  {nil, failed, ready},
		"payment closed":     {nil, closed, ready},
		"credit taken back":  {nil, taken, ready[:3]},
		"fee adjusted":       {nil, fee, ready},
		"suspended":          {nil, held, ready},
		"released":           {[]schemas.Fix{held}, with(held, func(f *schemas.Fix) { f.Kind = schemas.FixReleaseSuspense }), ready},
		"written off":        {[]schemas.Fix{held}, with(held, func(f *schemas.Fix) { f.Kind, f.Checker = schemas.FixWriteOff, "bob" }), ready},
	} {
		t.Run(name, func(t *testing.T) {
			db, core := testBooks(t)
			do(t, core, paycore.Done, c.ready...)
			for i, f := range c.before {
				f.Key = fmt.Sprintf("before-%d", i)
				apply(t, db, f, "APPLIED")
			}
			money, rows := balances(t, db), rowStates(t, db)
			c.fix.Key = "fix"
			apply(t, db, c.fix, "APPLIED")
			if cmp.Equal(money, balances(t, db)) && cmp.Equal(rows, rowStates(t, db)) {
				t.Fatal("the fix did nothing")
			}
			apply(t, db, undo(c.fix), "APPLIED")
			if diff := cmp.Diff(money, balances(t, db)); diff != "" {
				t.Errorf("money:\n%s", diff)
			}
			if diff := cmp.Diff(rows, rowStates(t, db)); diff != "" {
				t.Errorf("states:\n%s", diff)
			}
			checkBooks(t, db)
		})
	}
}

func with(f schemas.Fix, change func(*schemas.Fix)) schemas.Fix {
	change(&f)
	return f
}

func TestReverseLaterFixFirst(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	apply(t, db, missed(), "APPLIED")
	fee := with(missed(), func(f *schemas.Fix) {
		f.Key, f.Kind, f.FeeMinor, f.Expect = "fee", schemas.FixAdjustFee, 61, []schemas.Status{schemas.Success}
	})
	apply(t, db, fee, "APPLIED")
	if r := apply(t, db, undo(missed()), "REFUSED"); !strings.Contains(r.Reason, "fee was adjusted") {
		t.Errorf("got %q", r.Reason)
	}
	apply(t, db, undo(fee), "APPLIED")
	apply(t, db, undo(missed()), "APPLIED")
	r := apply(t, db, with(undo(undo(missed())), func(f *schemas.Fix) { f.Key = "x" }), "REFUSED")
	if !strings.Contains(r.Reason, "not reversed") {
		t.Errorf("a reversal reversed: got %q", r.Reason)
	}
	checkBooks(t, db)
}

// balances are all accounts that are not zero.
func balances(t check, db *DB) map[string]int64 {
	t.Helper()
	list, err := db.Balances(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int64{}
	for _, x := range list {
		if x.Minor != 0 {
			all[x.Account+" "+x.Currency] = x.Minor
		}
	}
	return all
}

func rowStates(t testing.TB, db *DB) string {
	t.Helper()
	rows, err := db.sql.Query(`SELECT 'order', order_no, state, paid_by, 0, 0 FROM customer_order
		UNION ALL SELECT 'payment', pay_no, state, '', COALESCE(paid_us, 0), COALESCE(fee_minor, 0) FROM payment
		UNION ALL SELECT 'refund', refund_no, state, '', COALESCE(done_us, 0), COALESCE(fee_minor, 0) FROM refund ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	return dump(t, rows)
}

// An order that was closed before its payment was credited is closed still when
// the credit is undone: nobody pays it again.
func TestReverse_OrderThatWasClosedStaysClosed(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paycore.ClosePayment{PayNo: "P1"})
	credited := with(missed(), func(f *schemas.Fix) { f.Expect, f.Maker, f.Checker = []schemas.Status{schemas.Closed}, "lin", "mei" })
	apply(t, db, credited, "APPLIED")
	apply(t, db, undo(credited), "APPLIED")
	o, err := db.Order(context.Background(), "M01", "O-P1")
	if err != nil || o.State != paycore.Closed {
		t.Errorf("got %+v, %v", o, err)
	}
	do(t, core, paycore.Refused, paycore.CreatePayment{Merchant: "M01", OrderNo: "O-P1", PayNo: "P2", Channel: "wechat", Account: "wechat-main", AmountMinor: 10000, Currency: "CNY"})
	checkBooks(t, db)
}
