package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// combined is a payment of 100.00: 30.00 from the balance of U1, 20.01 by a
// coupon that SHOP pays, the rest by the channel.
func combined(no string) paycore.CreateCombined {
	return paycore.CreateCombined{CreatePayment: pay(no, 10000), Parts: []paycore.Part{
		{Means: paycore.Balance, Wallet: paycore.Wallet("U1"), AmountMinor: 3000},
		{Means: paycore.Coupon, Wallet: paycore.Wallet("SHOP"), AmountMinor: 2001, Coupon: "C1"}}}
}

// combinedBooks has U1 with 50.00 and SHOP with 50.00.
func combinedBooks(t testing.TB) (*DB, *paycore.Core) {
	t.Helper()
	db, core := testBooks(t)
	db.SealWith([]byte("key"))
	openWallets(t, core, 5000, "U1")
	openWallets(t, core, 5000, "SHOP")
	return db, core
}

func checkState(t testing.TB, db *DB, no string, want paycore.State) {
	t.Helper()
	p, err := db.Payment(context.Background(), no)
	if err != nil || p == nil || p.State != want {
		t.Errorf("payment %s: got %+v, %v, want %s", no, p, err, want)
	}
}

func checkOrder(t testing.TB, db *DB, no string, want paycore.State) {
	t.Helper()
	o, err := db.Order(context.Background(), "M01", no)
	if err != nil || o == nil || o.State != want {
		t.Errorf("order %s: got %+v, %v, want %s", no, o, err, want)
	}
}

func TestCombined_AllPartsPayTogether(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, combined("P1"))
	do(t, core, paycore.Already, combined("P1"))
	do(t, core, paycore.Refused, pay("P1", 4999), pay("P1", 10000)) // under the same number, without parts
	checkWallet(t, db, "U1", 2000, 3000)
	checkWallet(t, db, "SHOP", 2999, 2001)
	checkState(t, db, "P1~1", paycore.Paying)
	checkBooks(t, db)
	do(t, core, paycore.Refused, paidBy("P1", 10000)) // the channel's part is what is left
	do(t, core, paycore.Refused, paidBy("P1~1", 3000), paycore.ClosePayment{PayNo: "P1~1"}, paycore.FailPayment{PayNo: "P1~2", By: paycore.ByAnswer})
	do(t, core, paycore.Done, paidBy("P1", 4999))
	do(t, core, paycore.Already, paidBy("P1", 4999), combined("P1"))
	checkWallet(t, db, "U1", 2000, 0)
	checkWallet(t, db, "SHOP", 2999, 0)
	checkState(t, db, "P1~2", paycore.Success)
	checkOrder(t, db, "O-P1", paycore.Paid)
	got := balances(t, db)
	if got["payable:M01 CNY"] != -10000 || got["wallet:U1 CNY"] != -2000 || got["wallet:SHOP CNY"] != -2999 {
		t.Errorf("balances: %v", got)
	}
	checkBooks(t, db)
	var payload string
	if err := db.sql.QueryRow(`SELECT payload FROM outbox WHERE id = 'P1:2:payment.success'`).Scan(&payload); err != nil || !strings.Contains(payload, `"amount_minor":10000`) {
		t.Errorf("the merchant hears %s, %v", payload, err)
	}
	var rows int
	if err := db.sql.QueryRow(`SELECT COUNT(*) FROM outbox WHERE payload LIKE '%O-P1"%'`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d notices, %v", rows, err)
	}
}

// What does not come to an end as wanted gives everything back.
func TestCombined_ClosedOrFailedGivesAllBack(t *testing.T) {
	for name, end := range map[string]paycore.Command{
		"closed": paycore.ClosePayment{PayNo: "P1"},
		"failed": paycore.FailPayment{PayNo: "P1", By: paycore.ByNotice},
	} {
		t.Run(name, func(t *testing.T) {
			db, core := combinedBooks(t)
			do(t, core, paycore.Done, combined("P1"), end)
			checkWallet(t, db, "U1", 5000, 0)
			checkWallet(t, db, "SHOP", 5000, 0)
			checkState(t, db, "P1~1", paycore.Closed)
			checkOrder(t, db, "O-P1", map[string]paycore.State{"closed": paycore.Closed, "failed": paycore.Paying}[name])
			checkBooks(t, db)
			again := combined("P2") // the coupon may be used again
			if name == "failed" {
				again.OrderNo = "O-P1"
			}
			do(t, core, paycore.Done, again)
			do(t, core, paycore.LateSuccess, map[string][]paycore.Command{"closed": {paidBy("P1", 4999)}, "failed": {paidBy("P1", 4999)}}[name]...)
			checkBooks(t, db)
		})
	}
}

// Money that comes although all was given back is the payer's: the order stays
// as it is, and the extra payment is there to be refunded.
func TestCombined_SuccessAfterAllWasGivenBack(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, combined("P1"), paycore.FailPayment{PayNo: "P1", By: paycore.ByNotice})
	f := schemas.Fix{Key: "K1", Kind: schemas.FixSetSuccess, RunID: "r", CaseID: "C", Channel: "wechat", Account: "wechat-main", RecordKind: schemas.Payment,
		MerchantRef: "P1", ChannelRef: "wx-P1", AmountMinor: 4999, Currency: "CNY", Maker: "auto", Expect: []schemas.Status{schemas.Failed}}
	if r, err := db.ApplyFix(context.Background(), f); err != nil || r.State != applied {
		t.Fatal(r, err)
	}
	checkOrder(t, db, "O-P1", paycore.Paying)
	checkWallet(t, db, "U1", 5000, 0)
	checkBooks(t, db)
	do(t, core, paycore.Refused, paycore.CreateRefund{RefundNo: "R0", PayNo: "P1", AmountMinor: 5000, Currency: "CNY"})
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 4999, Currency: "CNY"})
	checkBooks(t, db)
}

// A fix that makes the channel's part succeed makes all parts pay, and what all
// parts paid is not taken back by halves.
func TestCombined_FixTakesAllPartsAlong(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, combined("P1"))
	f := schemas.Fix{Key: "K1", Kind: schemas.FixSetSuccess, RunID: "r", CaseID: "C", Channel: "wechat", Account: "wechat-main", RecordKind: schemas.Payment,
		MerchantRef: "P1", ChannelRef: "wx-P1", AmountMinor: 4999, Currency: "CNY", Maker: "auto", Expect: []schemas.Status{schemas.Unknown}}
	if r, err := db.ApplyFix(context.Background(), f); err != nil || r.State != applied {
		t.Fatal(r, err)
	}
	checkOrder(t, db, "O-P1", paycore.Paid)
	checkState(t, db, "P1~1", paycore.Success)
	checkWallet(t, db, "U1", 2000, 0)
	checkBooks(t, db)
	before := state(t, db)
	back := schemas.Fix{Key: "K2", Kind: schemas.FixSetFailed, RunID: "r", CaseID: "C", Channel: "wechat", Account: "wechat-main", RecordKind: schemas.Payment,
		MerchantRef: "P1", Currency: "CNY", Maker: "chen", Checker: "wang", Expect: []schemas.Status{schemas.Success}}
	undo := schemas.Fix{Key: "K3", Kind: schemas.FixReverse, Reverses: "K1", RunID: "r", CaseID: "C", Channel: "wechat", Account: "wechat-main",
		RecordKind: schemas.Payment, MerchantRef: "P1", AmountMinor: 4999, Currency: "CNY", Maker: "chen", Checker: "wang"}
	for _, f := range []schemas.Fix{back, undo} {
		if r, err := db.ApplyFix(context.Background(), f); err != nil || r.State != refused || !strings.Contains(r.Reason, "all parts go back") {
			t.Errorf("%s: %+v, %v", f.Key, r, err)
		}
	}
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
}

func TestCombined_WithoutAChannelItIsPaidAtOnce(t *testing.T) {
	db, core := combinedBooks(t)
	c := combined("P1")
	c.AmountMinor, c.Channel, c.Account = 5001, "", ""
	do(t, core, paycore.Done, c)
	do(t, core, paycore.Already, c)
	checkState(t, db, "P1", paycore.Success)
	checkState(t, db, "P1~1", paycore.Success)
	checkOrder(t, db, "O-P1", paycore.Paid)
	checkWallet(t, db, "U1", 2000, 0)
	if got := balances(t, db); got["payable:M01 CNY"] != -5001 {
		t.Errorf("balances: %v", got)
	}
	checkBooks(t, db)
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 5001, Currency: "CNY"})
	checkWallet(t, db, "U1", 5000, 0)
	checkWallet(t, db, "SHOP", 5000, 0)
	checkBooks(t, db)
	do(t, core, paycore.Done, paycore.CreateOrder{Merchant: "M01", OrderNo: "O-0", Currency: "CNY", NotifyURL: "https://merchant.example/notify"})
	do(t, core, paycore.Already, paycore.CreateOrder{Merchant: "M01", OrderNo: "O-0", Currency: "CNY", NotifyURL: "https://merchant.example/notify"})
	checkOrder(t, db, "O-0", paycore.Paid)
	do(t, core, paycore.Refused, paycore.CloseOrder{Merchant: "M01", OrderNo: "O-0"})
	checkBooks(t, db)
}

// TestFaultP2_RefusedCombinations: what is refused changes nothing.
func TestFaultP2_RefusedCombinations(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, combined("P1"))
	do(t, core, paycore.Done, paycore.OpenEntity{ID: "U2", Kind: "USER", Name: "U2"}, paycore.OpenAccount{Entity: "U2", Currency: "CNY", Controls: paycore.Controls{TransferIn: true, Active: true}})
	part := func(means paycore.Means, who string, minor int64, coupon string) paycore.Part {
		return paycore.Part{Means: means, Wallet: who, AmountMinor: minor, Coupon: coupon}
	}
	before := state(t, db)
	for name, parts := range map[string][]paycore.Part{
		"none":                   nil,
		"more than the whole":    {part(paycore.Balance, "wallet:U1", 2000, ""), part(paycore.RedPacket, "wallet:SHOP", 2000, "")},
		"zero":                   {part(paycore.Balance, "wallet:U1", 0, "")},
		"below zero":             {part(paycore.Balance, "wallet:U1", -1, "")},
		"overflow":               {part(paycore.Balance, "wallet:U1", -1<<63, ""), part(paycore.Balance, "wallet:U1", 1<<62, "")},
		"more than is there":     {part(paycore.Balance, "wallet:U1", 1500, ""), part(paycore.RedPacket, "wallet:U1", 501, "")},
		"no such account":        {part(paycore.Balance, "wallet:U9", 1, "")},
		"account may not pay":    {part(paycore.Balance, "wallet:U2", 1, "")},
		"not a wallet":           {part(paycore.Balance, "payable:M01", 1, "")},
		"another means":          {part("gold", "wallet:U1", 1, "")},
		"coupon without number":  {part(paycore.Coupon, "wallet:SHOP", 1, "")},
		"balance with a coupon":  {part(paycore.Balance, "wallet:U1", 1, "C7")},
		"coupon used elsewhere":  {part(paycore.Coupon, "wallet:SHOP", 1, "C1")},
		"coupon twice":           {part(paycore.Coupon, "wallet:SHOP", 1, "C2"), part(paycore.Coupon, "wallet:SHOP", 1, "C2")},
		"an own part of another": make([]paycore.Part, paycore.MaxParts+1),
	} {
		c := paycore.CreateCombined{CreatePayment: pay("P2", 3000), Parts: parts}
		if results, err := core.Do(context.Background(), c); err != nil || results[0].Effect != paycore.Refused || results[0].Reason == "" {
			t.Errorf("%s: %+v, %v", name, results, err)
		}
	}
	do(t, core, paycore.Refused, pay("P1~1", 3000), paycore.CreateRefund{RefundNo: "R~1", PayNo: "P1", AmountMinor: 1, Currency: "CNY"})
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Errorf("a refused combination left something:\n%s", diff)
	}
	checkBooks(t, db)
}

// A refund gives each part back in proportion to what is left of it, and all of
// it in the end; what the channel gives back goes through the channel.
func TestCombined_RefundsAreShared(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, combined("P1"), paidBy("P1", 4999))
	refund := func(no string, minor int64) paycore.CreateRefund {
		return paycore.CreateRefund{RefundNo: no, PayNo: "P1", AmountMinor: minor, Currency: "CNY"}
	}
	do(t, core, paycore.Done, refund("R1", 100))
	do(t, core, paycore.Already, refund("R1", 100))
	do(t, core, paycore.Refused, refund("R1", 50))
	checkRefunds(t, db, map[string]int64{"R1": 50, "R1~1": 30, "R1~2": 20})
	checkWallet(t, db, "U1", 2030, 0)
	checkBooks(t, db)
	do(t, core, paycore.Done, refund("R2", 1)) // all of it to one part
	do(t, core, paycore.Refused, refund("R3", 9900), paycore.CreateRefund{RefundNo: "R3", PayNo: "P1~1", AmountMinor: 1, Currency: "CNY"})
	do(t, core, paycore.Done, refund("R4", 9899))
	checkWallet(t, db, "U1", 5000, 0)
	checkWallet(t, db, "SHOP", 5000, 0)
	p, err := db.Payment(context.Background(), "P1")
	if err != nil || p.RefundedMinor != 4999 {
		t.Errorf("the channel gives back %+v, %v", p, err)
	}
	checkBooks(t, db)
	do(t, core, paycore.Refused, refund("R5", 1))
	do(t, core, paycore.Done, paycore.FailRefund{RefundNo: "R1", By: paycore.ByAnswer}, paycore.CancelRefund{RefundNo: "R1"})
	do(t, core, paycore.Refused, refund("R6", 51))
	do(t, core, paycore.Done, refund("R6", 50))
	checkBooks(t, db)
}

func checkRefunds(t testing.TB, db *DB, want map[string]int64) {
	t.Helper()
	for no, minor := range want {
		if r, err := db.Refund(context.Background(), no); err != nil || r == nil || r.AmountMinor != minor {
			t.Errorf("refund %s: got %+v, %v, want %d", no, r, err, minor)
		}
	}
}

// TestFaultP1_CombinedRefundsRace: 64 refunds at a time of one payment in parts
// give back what was paid and no more, in total and of each part.
func TestFaultP1_CombinedRefundsRace(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, combined("P1"), paidBy("P1", 4999))
	var wait sync.WaitGroup
	done := make([]int64, 64)
	for i := range done {
		wait.Go(func() {
			minor := int64(101 + 7*i)
			results, err := core.Do(context.Background(), paycore.CreateRefund{RefundNo: "R" + string(rune('A'+i/26)) + string(rune('a'+i%26)), PayNo: "P1", AmountMinor: minor, Currency: "CNY"})
			switch {
			case err != nil:
				t.Error(err)
			case results[0].Effect == paycore.Done:
				done[i] = minor
			case !strings.Contains(results[0].Reason, "left to refund"):
				t.Errorf("refused with %q", results[0].Reason)
			}
		})
	}
	wait.Wait()
	var asked, given int64
	for _, minor := range done {
		asked += minor
	}
	for _, no := range []string{"P1", "P1~1", "P1~2"} {
		p, err := db.Payment(context.Background(), no)
		if err != nil || p.RefundedMinor > p.AmountMinor {
			t.Errorf("%+v, %v", p, err)
		}
		given += p.RefundedMinor
	}
	if asked != given || given > 10000 || given < 9000 {
		t.Errorf("asked for %d, given back %d of 10000", asked, given)
	}
	checkBooks(t, db)
}

// Orders of before keep their payments when the table is made anew.
func TestMigrate_OrdersKeepTheirPayments(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "old.db")
	pool, err := openPool(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider(pool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, 11); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(`INSERT INTO customer_order VALUES ('M01', 'O1', 5, 'CNY', 'PAID', 'P1', 'https://m.example', 3, 1, 2);
		INSERT INTO payment (pay_no, merchant, order_no, channel, account, amount_minor, currency, state, paid_us, event_us, version, created_us, updated_us)
		VALUES ('P1', 'M01', 'O1', 'wechat', 'wechat-main', 5, 'CNY', 'SUCCESS', 1, 1, 2, 1, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(ctx, path, func() time.Time { return testStart }, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	o, err := db.Order(ctx, "M01", "O1")
	if err != nil || o == nil || *o != (paycore.Order{Merchant: "M01", OrderNo: "O1", AmountMinor: 5, Currency: "CNY", State: paycore.Paid, PaidBy: "P1",
		NotifyURL: "https://m.example", Version: 3, CreatedAt: 1, UpdatedAt: 2}) {
		t.Errorf("got %+v, %v", o, err)
	}
	checkState(t, db, "P1", paycore.Success)
	var broken int
	if err := db.sql.QueryRow(`SELECT COUNT(*) FROM pragma_foreign_key_check`).Scan(&broken); err != nil || broken != 0 {
		t.Errorf("%d broken references, %v", broken, err)
	}
	if _, err := db.sql.Exec(`DELETE FROM customer_order`); err == nil {
		t.Error("an order with payments was deleted")
	}
	for _, bad := range []string{`-1, 'CNY', 'PAYING', ''`, `0, 'CNY', 'PAYING', ''`, `0, 'CNY', 'PAID', 'P1'`, `5, 'CNY', 'PAID', ''`} {
		if _, err := db.sql.Exec(`INSERT INTO customer_order VALUES ('M01', 'O2', ` + bad + `, '', 1, 1, 1, 0)`); err == nil {
			t.Errorf("an order of %s was taken", bad)
		}
	}
}

// held is a payment of 50.01 that U1 and a coupon of SHOP pay alone, as soon as
// it may go.
func held(no, order string) paycore.CreateCombined {
	c := paycore.CreateCombined{CreatePayment: pay(no, 5001), Parts: combined(no).Parts, Held: true}
	c.OrderNo = order
	return c
}

// Without a part of a channel, what is held is set aside, and paid once; what
// may not go gives all back, its coupon too.
func TestCombined_HeldWithoutAChannelIsPaidOnceOrGivenBack(t *testing.T) {
	db, core := combinedBooks(t)
	do(t, core, paycore.Done, held("P1", "O1"))
	do(t, core, paycore.Already, held("P1", "O1"))
	checkWallet(t, db, "U1", 2000, 3000)
	checkWallet(t, db, "SHOP", 2999, 2001)
	checkOrder(t, db, "O1", paycore.Paying)
	do(t, core, paycore.Refused, paidBy("P1", 3000), paycore.PayOwn{PayNo: "P1~1"}, paycore.PayOwn{PayNo: "P9"}, paycore.ClosePayment{PayNo: "P1~1"},
		paycore.FailPayment{PayNo: "P1~1", By: paycore.ByAnswer}, held("P2", "O2")) // U1 has 20.00 left
	do(t, core, paycore.Done, paycore.PayOwn{PayNo: "P1"})
	do(t, core, paycore.Already, paycore.PayOwn{PayNo: "P1"}, held("P1", "O1"))
	checkWallet(t, db, "U1", 2000, 0)
	checkWallet(t, db, "SHOP", 2999, 0)
	checkOrder(t, db, "O1", paycore.Paid)
	do(t, core, paycore.Refused, paycore.ClosePayment{PayNo: "P1"}, paycore.FailPayment{PayNo: "P1", By: paycore.ByAnswer})
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 5001, Currency: "CNY"})
	checkWallet(t, db, "U1", 5000, 0)

	for no, end := range map[string]paycore.Command{"P3": paycore.FailPayment{PayNo: "P3", By: paycore.ByAnswer}, "P4": paycore.ClosePayment{PayNo: "P4"}} {
		c := held(no, "O-"+no)
		c.Parts[1].Coupon = "C2" // of both
		do(t, core, paycore.Done, c, end)
		do(t, core, paycore.Already, end)
		do(t, core, paycore.Refused, paycore.PayOwn{PayNo: no})
		checkWallet(t, db, "U1", 5000, 0)
		checkWallet(t, db, "SHOP", 5000, 0)
	}
	do(t, core, paycore.Refused, held("P5", "O5")) // a refund gives no coupon back
}

// An order that another payment paid meanwhile takes nothing of what is held.
func TestCombined_HeldForAnOrderThatIsPaid(t *testing.T) {
	db, core := combinedBooks(t)
	other := pay("P2", 5001)
	other.OrderNo = "O1"
	do(t, core, paycore.Done, held("P1", "O1"), other, paidBy("P2", 5001))
	do(t, core, paycore.Refused, paycore.PayOwn{PayNo: "P1"})
	checkWallet(t, db, "U1", 2000, 3000)
	do(t, core, paycore.Done, paycore.ClosePayment{PayNo: "P1"})
	checkWallet(t, db, "U1", 5000, 0)
	checkOrder(t, db, "O1", paycore.Paid)
}

// However many ask at once, what is held is paid once or given back once.
func TestCombined_HeldEndsOnceUnderSixtyFourClients(t *testing.T) {
	db, core := combinedBooks(t)
	for round := range 4 {
		no := fmt.Sprintf("P%d", round)
		c := held(no, "O-"+no)
		c.Parts[0].AmountMinor, c.Parts[1].AmountMinor, c.AmountMinor, c.Parts[1].Coupon = 100, 1, 101, no
		do(t, core, paycore.Done, c)
		var wait sync.WaitGroup
		var done atomic.Int64
		for i := range 64 {
			wait.Go(func() {
				r, err := core.Do(context.Background(), []paycore.Command{paycore.PayOwn{PayNo: no}, paycore.ClosePayment{PayNo: no}, paycore.FailPayment{PayNo: no, By: paycore.ByAnswer}}[i%3])
				if err != nil {
					t.Error(err)
				} else if r[0].Effect == paycore.Done {
					done.Add(1)
				}
			})
		}
		wait.Wait()
		if done.Load() != 1 {
			t.Errorf("%s ended %d times", no, done.Load())
		}
	}
	paid, err := db.Account(context.Background(), wallet("U1"))
	if err != nil || paid.FrozenMinor != 0 || paid.AvailableMinor%100 != 0 {
		t.Errorf("%+v, %v", paid, err)
	}
	checkBooks(t, db)
}
