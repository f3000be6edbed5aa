package store

import (
	"context"
	"testing"
	"time"

	"tieout/internal/paycore"
)

var testStart = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// testBooks opens a new database and a core on it, with a clock that stands.
func testBooks(t testing.TB) (*DB, *paycore.Core) {
	t.Helper()
	now := func() time.Time { return testStart }
	db := OpenNew(t, now)
	rates := paycore.Rates{"wechat": {"wechat-main": {PPM: 6000, RefundsReturn: true}}}
	return db, paycore.New(db, rates, now)
}

func do(t testing.TB, core *paycore.Core, want paycore.Effect, commands ...paycore.Command) {
	t.Helper()
	results, err := core.Do(context.Background(), commands...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Effect != want {
			t.Fatalf("command %d (%T): got %s %q, want %s", i, commands[i], r.Effect, r.Reason, want)
		}
	}
}

func pay(no string, minor int64) paycore.CreatePayment {
	return paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: "wechat-main",
		AmountMinor: minor, Currency: "CNY", NotifyURL: "http://merchant.example/notify"}
}

func paidBy(no string, minor int64) paycore.MarkPaid {
	return paycore.MarkPaid{PayNo: no, ChannelRef: "wx-" + no, AmountMinor: minor, Currency: "CNY", By: paycore.ByNotice}
}

func TestPaymentIsPaidOnce(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000))
	do(t, core, paycore.Already, pay("P1", 10000), paidBy("P1", 10000))
	do(t, core, paycore.Refused, paidBy("P1", 10001), pay("P1", 10001))
	do(t, core, paycore.Early, paidBy("P2", 1))
	want := map[string]int64{"clearing:wechat:wechat-main": 9940, "payable:M01": -10000, "fee_expense:wechat": 60}
	checkBalances(t, db, want)
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 4000, Currency: "CNY"})
	do(t, core, paycore.Refused, paycore.CreateRefund{RefundNo: "R2", PayNo: "P1", AmountMinor: 6001, Currency: "CNY"})
	do(t, core, paycore.Done, paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "wr-1", AmountMinor: 4000, Currency: "CNY", By: paycore.ByAnswer})
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 5964, "payable:M01": -6000, "refund_payable:M01": 0, "fee_expense:wechat": 36})
}

func checkBalances(t testing.TB, db *DB, want map[string]int64) {
	t.Helper()
	list, err := db.Balances(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, x := range list {
		got[x.Account] = x.Minor
	}
	for name, minor := range want {
		if got[name] != minor {
			t.Errorf("%s: got %d, want %d", name, got[name], minor)
		}
	}
	if len(got) != len(want) {
		t.Errorf("accounts: got %v, want %v", got, want)
	}
}

// check is what a test and a property have in common.
type check interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}
