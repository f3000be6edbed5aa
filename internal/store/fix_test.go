package store

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// missed is the fix of a missed notification of payment P1 about 100.00.
func missed() schemas.Fix {
	return schemas.Fix{Key: "wechat-main|PAYMENT|P1||wx-P1|SET_SUCCESS", Kind: schemas.FixSetSuccess, RunID: "run-1", CaseID: "C-1", Cell: "P4",
		Channel: "wechat", Account: "wechat-main", BillDate: bizday.Make(2026, 11, 20), RecordKind: schemas.Payment, MerchantRef: "P1",
		ChannelRef: "wx-P1", AmountMinor: 10000, FeeMinor: 60, Currency: "CNY", EventTime: testStart.UnixMicro(), Expect: []schemas.Status{schemas.Unknown}, Maker: "auto"}
}

func apply(t testing.TB, db *DB, f schemas.Fix, want string) schemas.FixResult {
	t.Helper()
	r, err := db.ApplyFix(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != want {
		t.Fatalf("fix %s: got %s %q, want %s", f.Key, r.State, r.Reason, want)
	}
	return r
}

func suspense(t testing.TB, db *DB) int64 {
	t.Helper()
	held, err := db.SuspenseOf(context.Background(), "wechat", "wechat-main")
	if err != nil {
		t.Fatal(err)
	}
	return held["CNY"]
}

func checkBooks(t check, db *DB) {
	t.Helper()
	proofs, err := db.VerifyBooks(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proofs {
		if !p.OK {
			t.Errorf("%s: want %s, got %s", p.Name, p.Want, p.Got)
		}
	}
}

func TestFixSetSuccess(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	r := apply(t, db, missed(), "APPLIED")
	p, err := db.Payment(context.Background(), "P1")
	if err != nil || p.State != paycore.Success || p.ChannelRef != "wx-P1" || p.PaidAt != testStart.UnixMicro() {
		t.Errorf("got %+v, %v", p, err)
	}
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 9940, "payable:M01": -10000, "fee_expense:wechat": 60})
	counts, err := db.OutboxCounts(context.Background())
	if err != nil || counts["PENDING"] != 1 {
		t.Errorf("outbox: got %v, %v", counts, err)
	}
	checkBooks(t, db)
	fixes, err := db.Fixes(context.Background(), "run-1")
	if err != nil || len(fixes) != 1 || fixes[0].TxnID != r.TxnID || fixes[0].BillDate != missed().BillDate {
		t.Errorf("fixes of the run: got %+v, %v", fixes, err)
	}
}

func TestFaultL2_LateNotificationMeetsFix(t *testing.T) {
	for range 20 {
		db, core := testBooks(t)
		do(t, core, paycore.Done, pay("P1", 10000))
		var both sync.WaitGroup
		var fixed schemas.FixResult
		var told []paycore.Result
		var errs [2]error
		both.Go(func() { fixed, errs[0] = db.ApplyFix(context.Background(), missed()) })
		both.Go(func() { told, errs[1] = core.Do(context.Background(), paidBy("P1", 10000)) })
		both.Wait()
		if errs[0] != nil || errs[1] != nil {
			t.Fatal(errs)
		}
		if (fixed.State == "APPLIED") == (told[0].Effect == paycore.Done) {
			t.Errorf("not exactly one of them: fix %s, notification %s", fixed.State, told[0].Effect)
		}
		if fixed.State == "REFUSED" && !strings.Contains(fixed.Reason, "SUCCESS") {
			t.Errorf("the loser is not told: %q", fixed.Reason)
		}
		checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 9940, "payable:M01": -10000, "fee_expense:wechat": 60})
		checkBooks(t, db)
	}
}

func TestFaultL3_SameMissedNoticeInTwoStatements(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	apply(t, db, missed(), "APPLIED")
	second := missed()
	second.RunID, second.BillDate = "run-2", bizday.Make(2026, 11, 21)
	if r := apply(t, db, second, "ALREADY_APPLIED"); r.RunID != "run-1" {
		t.Errorf("got run %s", r.RunID)
	}
	other := missed()
	other.AmountMinor = 1
	if r := apply(t, db, other, "REFUSED"); !strings.Contains(r.Reason, "run-1") {
		t.Errorf("the same key with another amount: got %q", r.Reason)
	}
	checkBooks(t, db)
}

func TestFaultL3_SixtyFourAppliersOneEffect(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	var all sync.WaitGroup
	results, errs := make([]schemas.FixResult, 64), make([]error, 64)
	for i := range results {
		all.Go(func() { results[i], errs[i] = db.ApplyFix(context.Background(), missed()) })
	}
	all.Wait()
	applied := 0
	for i, r := range results {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if r.State == "APPLIED" {
			applied++
		} else if r.State != "ALREADY_APPLIED" {
			t.Errorf("got %s %q", r.State, r.Reason)
		}
	}
	if applied != 1 {
		t.Errorf("applied %d times", applied)
	}
	checkBooks(t, db)
}

func TestFaultL4_OrderMovedMeanwhile(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paycore.ClosePayment{PayNo: "P1"})
	before := state(t, db)
	if r := apply(t, db, missed(), "REFUSED"); !strings.Contains(r.Reason, "CLOSED") {
		t.Errorf("got %q", r.Reason)
	}
	closed := missed()
	closed.Expect = []schemas.Status{schemas.Closed}
	apply(t, db, closed, "REFUSED") // never reopened without a second person
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Errorf("a refusal changed something:\n%s", diff)
	}
	closed.Maker, closed.Checker = "ann", "bob"
	apply(t, db, closed, "APPLIED")
	order, err := db.Order(context.Background(), "M01", "O-P1")
	if err != nil || order.State != paycore.Closed {
		t.Errorf("the order is %+v, %v", order, err)
	}
	checkBooks(t, db)
}

func TestFaultL4_OrderPaidByAnotherAttempt(t *testing.T) {
	db, core := testBooks(t)
	second := pay("P2", 10000)
	second.OrderNo = "O-P1"
	do(t, core, paycore.Done, pay("P1", 10000), second, paidBy("P2", 10000))
	if r := apply(t, db, missed(), "REFUSED"); !strings.Contains(r.Reason, "P2") {
		t.Errorf("got %q", r.Reason)
	}
}

func TestFaultL5_AmountDiffers(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	for _, change := range []func(*schemas.Fix){
		func(f *schemas.Fix) { f.AmountMinor = 9999 },
		func(f *schemas.Fix) { f.AmountMinor = 0 },
		func(f *schemas.Fix) { f.Currency = "USD" },
		func(f *schemas.Fix) { f.Currency = "???" },
		func(f *schemas.Fix) { f.Account = "wechat-other" },
		func(f *schemas.Fix) { f.MerchantRef = "P9" },
		func(f *schemas.Fix) { f.Expect = nil },
		func(f *schemas.Fix) { f.Maker = "" },
		func(f *schemas.Fix) { f.Maker, f.Checker = "ann", "ann" },
		func(f *schemas.Fix) { f.RecordKind = schemas.Payout },
		func(f *schemas.Fix) { f.Kind = "SET_FREE" },
	} {
		before, f := state(t, db), missed()
		change(&f)
		apply(t, db, f, "REFUSED")
		if diff := cmp.Diff(before, state(t, db)); diff != "" {
			t.Errorf("a refusal changed something:\n%s", diff)
		}
	}
	apply(t, db, missed(), "APPLIED") // the key was not used up
}

func TestNotificationAfterAFixWithoutNumber(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	apply(t, db, with(missed(), func(f *schemas.Fix) { f.ChannelRef = "" }), "APPLIED")
	do(t, core, paycore.Already, paidBy("P1", 10000)) // not a second payment: the first had no number
}

func TestFixChannelNumberBelongsToAnother(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), pay("P2", 10000), paidBy("P2", 10000))
	f := missed()
	f.ChannelRef = "wx-P2"
	if r := apply(t, db, f, "REFUSED"); !strings.Contains(r.Reason, "P2") {
		t.Errorf("got %q", r.Reason)
	}
}

func TestFixSuspense(t *testing.T) {
	db, _ := testBooks(t)
	suspend := func(key string, kind schemas.FixKind, minor int64) schemas.Fix {
		return schemas.Fix{Key: key, Kind: kind, RunID: "run-1", CaseID: "C-1", Channel: "wechat", Account: "wechat-main", RecordKind: schemas.Payment,
			AmountMinor: minor, Currency: "CNY", Maker: "auto"}
	}
	apply(t, db, suspend("1", schemas.FixSuspend, 700), "APPLIED")
	other := suspend("2", schemas.FixSuspend, -300)
	other.CaseID = "C-2"
	apply(t, db, other, "APPLIED")
	if got := suspense(t, db); got != 400 {
		t.Errorf("suspense: got %d, want 400", got)
	}
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 400, "suspense_received:wechat:wechat-main": -700, "suspense_paid:wechat:wechat-main": 300})
	apply(t, db, suspend("3", schemas.FixReleaseSuspense, 701), "REFUSED")
	apply(t, db, suspend("3", schemas.FixReleaseSuspense, -300), "REFUSED") // that is another case's
	apply(t, db, suspend("3", schemas.FixReleaseSuspense, 200), "APPLIED")
	apply(t, db, suspend("4", schemas.FixWriteOff, 500), "REFUSED") // one person alone
	written := suspend("4", schemas.FixWriteOff, 500)
	written.Maker, written.Checker = "ann", "bob"
	apply(t, db, written, "APPLIED")
	if got := suspense(t, db); got != -300 {
		t.Errorf("suspense: got %d, want -300", got)
	}
	apply(t, db, suspend("5", schemas.FixSuspend, 0), "REFUSED")
	checkBooks(t, db)
}

func TestFixAdjustFee(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000))
	f := missed()
	f.Key, f.Kind, f.FeeMinor, f.Expect = "fee", schemas.FixAdjustFee, 65, []schemas.Status{schemas.Success}
	apply(t, db, f, "APPLIED")
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 9935, "payable:M01": -10000, "fee_expense:wechat": 65})
	f.FeeMinor = 66
	apply(t, db, f, "REFUSED") // the key was used for another fee
	f.Key, f.FeeMinor = "fee-2", 65
	apply(t, db, f, "REFUSED") // it is that already
	checkBooks(t, db)
}

func TestFixCloseAndFail(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), pay("P2", 5000), paidBy("P2", 5000),
		paycore.CreateRefund{RefundNo: "R2", PayNo: "P2", AmountMinor: 2000, Currency: "CNY"},
		paycore.MarkRefunded{RefundNo: "R2", ChannelRefundRef: "wr-2", AmountMinor: 2000, Currency: "CNY", By: paycore.ByAnswer})
	closed := missed()
	closed.Key, closed.Kind, closed.AmountMinor = "close", schemas.FixSetClosed, 0
	apply(t, db, closed, "APPLIED")
	order, err := db.Order(context.Background(), "M01", "O-P1")
	if err != nil || order.State != paycore.Closed {
		t.Errorf("the order is %+v, %v", order, err)
	}
	failed := missed()
	failed.Key, failed.Kind, failed.RecordKind, failed.MerchantRef, failed.RefundRef = "fail", schemas.FixSetFailed, schemas.Refund, "P2", "R2"
	failed.AmountMinor, failed.Expect = 2000, []schemas.Status{schemas.Success}
	apply(t, db, failed, "APPLIED")
	// The channel owes us the 20.00 and its share of the fee again; the customer is still owed.
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 4970, "payable:M01": -3000, "refund_payable:M01": -2000, "fee_expense:wechat": 30})
	do(t, core, paycore.Refused, paycore.CreateRefund{RefundNo: "R3", PayNo: "P2", AmountMinor: 3001, Currency: "CNY"})
	do(t, core, paycore.Done, paycore.CancelRefund{RefundNo: "R2"}, paycore.CreateRefund{RefundNo: "R3", PayNo: "P2", AmountMinor: 5000, Currency: "CNY"})
	checkBooks(t, db)
}

// state reads everything that a fix could change, as text.
func state(t testing.TB, db *DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range []string{"customer_order", "payment", "refund", "order_event", "ledger_account", "journal", "posting", "fix", "outbox"} {
		rows, err := db.sql.Query("SELECT * FROM " + table + " ORDER BY 1, 2")
		if err != nil {
			t.Fatal(err)
		}
		all[table] = dump(t, rows)
	}
	return all
}
