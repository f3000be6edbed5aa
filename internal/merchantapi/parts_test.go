package merchantapi_test

import (
	"context"
	"testing"
	"time"

	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/paycore"
)

// balance gives holders 50.00 each, out of a payment.
func (w *world) balance(holders ...string) {
	w.t.Helper()
	may := paycore.Controls{Pay: true, TransferIn: true, TransferOut: true, Withdraw: true, Active: true}
	for _, h := range holders {
		results, err := w.core.Do(context.Background(), paycore.OpenEntity{ID: h, Kind: "USER", Name: h}, paycore.OpenAccount{Entity: h, Currency: "CNY", Controls: may},
			paycore.CreatePayment{Merchant: "M09", OrderNo: "TOP-" + h, PayNo: "TOP-" + h, Channel: "wechat", Account: "wechat-main", AmountMinor: 5000, Currency: "CNY"},
			paycore.MarkPaid{PayNo: "TOP-" + h, ChannelRef: "wx-" + h, AmountMinor: 5000, Currency: "CNY", By: paycore.ByNotice},
			paycore.Deposit{Number: "D-" + h, PayNo: "TOP-" + h, Account: paycore.Wallet(h)})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range results {
			if r.Effect != paycore.Done {
				w.t.Fatal(r)
			}
		}
	}
}

func (w *world) available(holder string) int64 {
	w.t.Helper()
	a, err := w.db.Account(context.Background(), paycore.AccountKey{Name: paycore.Wallet(holder), Currency: "CNY"})
	if err != nil || a == nil {
		w.t.Fatal(a, err)
	}
	return a.AvailableMinor
}

func TestParts_BalanceCouponAndChannelPayOneOrder(t *testing.T) {
	w := newWorld(t)
	w.balance("M01.alice", "M01.coupons")
	c, ctx := w.client("M01"), t.Context()
	if _, err := c.CreateOrder(ctx, "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	n := merchantapi.NewPayment{Channel: "wechat", Parts: []merchantapi.NewPart{
		{Means: "balance", Holder: "M01.alice", AmountMinor: 3000}, {Means: "coupon", Holder: "M01.coupons", AmountMinor: 2000, Coupon: "C1"}}}
	p, err := c.Pay(ctx, "pay-for-O1", "O1", n)
	if err != nil || p.AmountMinor != 5000 || p.Prepaid == nil || w.available("M01.alice") != 2000 {
		t.Fatalf("%+v %v", p, err)
	}
	again, err := c.Pay(ctx, "pay-for-O1", "O1", n)
	if err != nil || again.PayNo != p.PayNo || w.available("M01.alice") != 2000 {
		t.Fatalf("the same request again: %+v %v", again, err)
	}
	if r, err := w.core.Do(ctx, paycore.MarkPaid{PayNo: p.PayNo, ChannelRef: "wx", AmountMinor: 5000, Currency: "CNY", By: paycore.ByNotice}); err != nil || r[0].Effect != paycore.Done {
		t.Fatal(r, err)
	}
	o, err := c.Order(ctx, "O1")
	if err != nil || o.State != "PAID" || len(o.Payments) != 3 || o.Payments[1].PartOf != p.PayNo || o.Payments[1].State != "SUCCESS" {
		t.Fatalf("%+v %v", o, err)
	}
	r, err := c.Refund(ctx, "refund-O1", p.PayNo, merchantapi.NewRefund{AmountMinor: 1000, Currency: "CNY"})
	if err != nil || r.AmountMinor != 1000 || r.State != "PROCESSING" || w.available("M01.alice") != 2300 || w.desk.refunds[r.RefundNo] != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestParts_WithoutARestNoChannelIsAsked(t *testing.T) {
	w := newWorld(t)
	w.balance("M01.alice", "M01")
	c, ctx := w.client("M01"), t.Context()
	if _, err := c.CreateOrder(ctx, "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	p, err := c.Pay(ctx, "pay-for-O1", "O1", merchantapi.NewPayment{Parts: []merchantapi.NewPart{
		{Means: "balance", Holder: "M01.alice", AmountMinor: 5000}, {Means: "red_packet", Holder: "M01", AmountMinor: 5000}}})
	if err != nil || p.State != "SUCCESS" || p.Channel != "balance" || len(w.desk.prepaid) != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	r, err := c.Refund(ctx, "refund-O1", p.PayNo, merchantapi.NewRefund{AmountMinor: 10000, Currency: "CNY"})
	if err != nil || r.State != "SUCCESS" || len(w.desk.refunds) != 0 || w.available("M01.alice") != 5000 {
		t.Errorf("%+v %v", r, err)
	}
	free := newOrder("O0")
	free.AmountMinor = 0
	if o, err := c.CreateOrder(ctx, "create-O0", free); err != nil || o.State != "PAID" {
		t.Errorf("an order about nothing: %+v %v", o, err)
	}
}

// What risk does not let go is said in its own words, the same each time, with a
// channel's part or without; a review goes on when it was released.
func TestRisk_SaysWhyAPaymentDoesNotGo(t *testing.T) {
	for _, c := range []struct {
		says  error
		code  string
		state string
		free  int64 // of alice, who pays without a channel
	}{
		{merchantapi.ErrReview, "E-6432", "PAYING", 0},
		{merchantapi.ErrChallenge, "E-6433", "FAILED", 5000},
		{merchantapi.ErrRejected, "E-6434", "FAILED", 5000},
	} {
		w := newWorld(t)
		w.balance("M01.alice")
		w.desk.judge(c.says)
		m := w.client("M01", func(o *payclient.Options) { o.Tries = 1 })
		ctx := t.Context()
		ways := map[string]merchantapi.NewPayment{"O1": {Channel: "wechat"},
			"O2": {Parts: []merchantapi.NewPart{{Means: "balance", Holder: "M01.alice", AmountMinor: 5000}}}}
		for orderNo, n := range ways {
			o := newOrder(orderNo)
			if orderNo == "O2" {
				o.AmountMinor = 5000
			}
			if _, err := m.CreateOrder(ctx, "create-"+orderNo, o); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := m.Pay(ctx, "pay-for-"+orderNo, orderNo, n); code(err) != c.code {
					t.Errorf("%s: %v, want %s", orderNo, err, c.code)
				}
			}
			got, err := m.Order(ctx, orderNo)
			if err != nil || len(got.Payments) != 1 || got.Payments[0].State != c.state || got.State != "PAYING" {
				t.Errorf("%s: %+v, %v", orderNo, got, err)
			}
		}
		if w.available("M01.alice") != c.free || len(w.desk.prepaid) != 0 {
			t.Errorf("%s: %d left, channel %v", c.code, w.available("M01.alice"), w.desk.prepaid)
		}
		w.desk.judge(nil)
		for orderNo, n := range ways {
			p, err := m.Pay(ctx, "pay-for-"+orderNo, orderNo, n)
			switch {
			case c.says != merchantapi.ErrReview && code(err) != c.code:
				t.Errorf("%s: its answer stands, got %+v, %v", orderNo, p, err)
			case c.says == merchantapi.ErrReview && (err != nil || (p.State == "SUCCESS") != (orderNo == "O2") || (p.Prepaid != nil) != (orderNo == "O1")):
				t.Errorf("%s: released, got %+v, %v", orderNo, p, err)
			}
		}
	}
}

// Nobody pays with the balance of somebody else's customers, and what is refused
// leaves balances alone.
func TestParts_OnlyHoldersOfTheMerchantPay(t *testing.T) {
	w := newWorld(t)
	w.balance("M01.alice", "M02.bob", "M011")
	c, ctx := w.client("M01"), t.Context()
	if _, err := c.CreateOrder(ctx, "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]merchantapi.NewPart{
		"of-another":   {Means: "balance", Holder: "M02.bob", AmountMinor: 1},
		"of-alike":     {Means: "balance", Holder: "M011", AmountMinor: 1},
		"more-than-is": {Means: "balance", Holder: "M01.alice", AmountMinor: 5001},
		"above-all":    {Means: "balance", Holder: "M01.alice", AmountMinor: 10001},
		"no-holder":    {Means: "balance", Holder: "M01.nobody", AmountMinor: 1},
		"no-coupon":    {Means: "coupon", Holder: "M01.alice", AmountMinor: 1},
	} {
		_, err := c.Pay(ctx, "pay-"+name, "O1", merchantapi.NewPayment{Channel: "wechat", Parts: []merchantapi.NewPart{part}})
		if got := code(err); got != "E-6413" && got != "E-6419" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.available("M01.alice") != 5000 || w.available("M02.bob") != 5000 || len(w.desk.prepaid) != 0 {
		t.Error("something was paid")
	}
}

// An order ends at its time: nobody begins to pay it, and it is closed.
func TestOrder_EndsAtItsTime(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.client("M01"), t.Context()
	n := newOrder("O1")
	n.ExpiresAt = w.clock.now().Add(time.Hour).Format(time.RFC3339)
	o, err := c.CreateOrder(ctx, "create-O1", n)
	if err != nil || o.ExpiresAt == "" {
		t.Fatalf("%+v %v", o, err)
	}
	past := newOrder("O2")
	past.ExpiresAt = w.clock.now().Add(-time.Hour).Format(time.RFC3339)
	if _, err := c.CreateOrder(ctx, "create-O2", past); code(err) != "E-6419" {
		t.Errorf("an order that has ended: %v", err)
	}
	if closed, err := w.core.CloseEnded(ctx, w.db); err != nil || closed != 0 {
		t.Errorf("before its time: %d %v", closed, err)
	}
	w.clock.add(time.Hour)
	if _, err := c.Pay(ctx, "pay-for-O1", "O1", merchantapi.NewPayment{Channel: "wechat"}); code(err) != "E-6419" {
		t.Errorf("after its time: %v", err)
	}
	if closed, err := w.core.CloseEnded(ctx, w.db); err != nil || closed != 1 {
		t.Errorf("at its time: %d %v", closed, err)
	}
	if o, err := c.Order(ctx, "O1"); err != nil || o.State != "CLOSED" {
		t.Errorf("%+v %v", o, err)
	}
}
