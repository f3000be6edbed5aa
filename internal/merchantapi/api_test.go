package merchantapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tieout/internal/control"
	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/signing"
)

// An order is opened, paid, refunded in parts and queried; each algorithm signs.
func TestPayAndRefund(t *testing.T) {
	w := newWorld(t)
	for i, c := range []*payclient.Client{w.client("M01"), w.client("M01", func(o *payclient.Options) {
		o.Key, o.Sign, o.Verify = "r1", signing.RSAPrivate{Key: w.rsa}, signing.RSAPublic{Key: &w.rsa.PublicKey}
	}), w.client("M01", func(o *payclient.Options) {
		o.Key, o.Sign, o.Verify = "s1", signing.SM2Private{Key: w.sm2}, signing.SM2Public{Key: &w.sm2.PublicKey}
	})} {
		ctx, no := t.Context(), fmt.Sprint("O", i)
		o, err := c.CreateOrder(ctx, "create-"+no, newOrder(no))
		if err != nil || o.State != "PAYING" || o.AmountMinor != 10000 {
			t.Fatalf("got %+v, %v", o, err)
		}
		p, err := c.Pay(ctx, "pay-key-"+no, no, merchantapi.NewPayment{Channel: "wechat", Method: "NATIVE"})
		if err != nil || p.State != "PAYING" || p.Prepaid == nil || p.Prepaid.CodeURL != "weixin://"+p.PayNo || p.Account != "wechat-main" {
			t.Fatalf("got %+v, %v", p, err)
		}
		w.paid(p.PayNo)
		if o, err = c.Order(ctx, no); err != nil || o.State != "PAID" || o.PaidBy != p.PayNo || len(o.Payments) != 1 || o.Payments[0].PaidAt == "" {
			t.Fatalf("got %+v, %v", o, err)
		}
		for part, want := range []string{"", "", "E-6419"} {
			r, err := c.Refund(ctx, fmt.Sprint("refund-", no, "-", part), p.PayNo, merchantapi.NewRefund{AmountMinor: 4000, Currency: "CNY"})
			if code(err) != want {
				t.Errorf("refund %d: got %v", part, err)
			}
			if want != "" {
				continue
			}
			if got, err := c.RefundOf(ctx, r.RefundNo); err != nil || *got != *r || got.State != "PROCESSING" {
				t.Errorf("refund %d: got %+v, %v; first %+v", part, got, err, r)
			}
		}
		if got, err := c.Payment(ctx, p.PayNo); err != nil || got.RefundedMinor != 8000 {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestFaultP1_RefundsRaceThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	payNo := w.paidOrder("M01", "O1")
	var all sync.WaitGroup
	outcome := make([]string, 64)
	for i := range outcome {
		all.Go(func() {
			_, err := w.client("M01").Refund(t.Context(), fmt.Sprintf("refund-%02d", i), payNo, merchantapi.NewRefund{AmountMinor: 3000, Currency: "CNY"})
			outcome[i] = code(err)
			var p *merchantapi.Problem
			if errors.As(err, &p) && (p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Title, "only CNY 10.00 (1000 minor units) is left to refund")) {
				t.Errorf("refused with HTTP %d: %s", p.Status, p.Title)
			}
		})
	}
	all.Wait()
	count := map[string]int{}
	for _, c := range outcome {
		count[c]++
	}
	if count[""] != 3 || count["E-6419"] != 61 {
		t.Errorf("got %v, want 3 refunds and 61 refusals", count)
	}
	if p, err := w.db.Payment(t.Context(), payNo); err != nil || p.RefundedMinor != 9000 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestFaultP2_RefundThatIsNone(t *testing.T) {
	w := newWorld(t)
	payNo := w.paidOrder("M01", "O1")
	for key, c := range map[string]struct {
		refund merchantapi.NewRefund
		want   string
	}{
		"negative": {merchantapi.NewRefund{AmountMinor: -1, Currency: "CNY"}, "E-6413"},
		"zero----": {merchantapi.NewRefund{AmountMinor: 0, Currency: "CNY"}, "E-6413"},
		"too-much": {merchantapi.NewRefund{AmountMinor: 10001, Currency: "CNY"}, "E-6419"},
		"currency": {merchantapi.NewRefund{AmountMinor: 1, Currency: "USD"}, "E-6419"},
		"not-one-": {merchantapi.NewRefund{AmountMinor: 1, Currency: "yuan"}, "E-6413"},
	} {
		if _, err := w.client("M01").Refund(t.Context(), "refund-"+key, payNo, c.refund); code(err) != c.want {
			t.Errorf("%s: got %v, want %s", key, err, c.want)
		}
	}
	if p, err := w.db.Payment(t.Context(), payNo); err != nil || p.RefundedMinor != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// Two payments of one order may both be started; the second success is found
// and kept apart, and a third is not started.
func TestFaultP3_TwoPaymentsOfOneOrder(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	if _, err := c.CreateOrder(t.Context(), "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	numbers := make([]string, 2)
	var all sync.WaitGroup
	for i := range numbers {
		all.Go(func() {
			p, err := c.Pay(t.Context(), fmt.Sprint("pay-key-", i), "O1", merchantapi.NewPayment{Channel: "wechat"})
			if err != nil {
				t.Error(err)
				return
			}
			numbers[i] = p.PayNo
		})
	}
	all.Wait()
	w.paid(numbers[0])
	w.paid(numbers[1])
	o, err := c.Order(t.Context(), "O1")
	if err != nil || o.PaidBy != numbers[0] || len(o.Payments) != 2 || o.Payments[0].State != "SUCCESS" || o.Payments[1].State != "SUCCESS" {
		t.Errorf("got %+v, %v", o, err)
	}
	if _, err := c.Pay(t.Context(), "pay-key-3", "O1", merchantapi.NewPayment{Channel: "wechat"}); code(err) != "E-6419" {
		t.Errorf("a third payment: %v", err)
	}
	if _, err := w.db.Control(t.Context(), control.Checks(), control.Scope{Now: w.clock.now().UnixMicro(), Whole: true, Caps: control.DefaultCaps()}); err != nil {
		t.Fatal(err)
	}
	found, err := w.db.Findings(t.Context(), false)
	if err != nil || len(found) != 1 || found[0].Check != "order.paid_twice" || found[0].Ref != numbers[1] || found[0].Detail != "order=O1 first="+numbers[0]+" left=10000" {
		t.Errorf("people are told of %+v, %v", found, err)
	}
}

func TestFaultP5_KeyWithAnotherBody(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	first, err := c.CreateOrder(t.Context(), "the-one-key", newOrder("O1"))
	if err != nil {
		t.Fatal(err)
	}
	other := newOrder("O1")
	other.AmountMinor++
	var p *merchantapi.Problem
	if _, err := c.CreateOrder(t.Context(), "the-one-key", other); code(err) != "E-6418" || !errors.As(err, &p) || p.Status != http.StatusConflict {
		t.Errorf("another amount: %v, HTTP %+v", err, p)
	}
	w.clock.add(10 * 365 * 24 * time.Hour) // a key is bound for ever
	if _, err := c.CreateOrder(t.Context(), "the-one-key", newOrder("O2")); code(err) != "E-6418" {
		t.Errorf("another order: %v", err)
	}
	if n := w.orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
	if again, err := c.CreateOrder(t.Context(), "the-one-key", newOrder("O1")); err != nil || again.State != first.State || again.OrderNo != first.OrderNo {
		t.Errorf("got %+v, %v", again, err)
	}
	// The key is the merchant's own: another may have the same one.
	if _, err := w.client("M02").CreateOrder(t.Context(), "the-one-key", newOrder("O2")); err != nil {
		t.Error(err)
	}
}

// 64 copies of a request at once, and later ones, are one payment with one
// answer.
func TestSameRequestIsDoneOnce(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	if _, err := c.CreateOrder(t.Context(), "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	numbers := make([]string, 64)
	for i := range numbers {
		all.Go(func() {
			p, err := c.Pay(t.Context(), "pay-key-1", "O1", merchantapi.NewPayment{Channel: "wechat"})
			if err != nil {
				t.Error(err)
				return
			}
			numbers[i] = p.PayNo + p.Prepaid.CodeURL
		})
	}
	all.Wait()
	for _, no := range numbers {
		if no != numbers[0] {
			t.Fatalf("two answers: %q and %q", no, numbers[0])
		}
	}
	o, err := c.Order(t.Context(), "O1")
	if err != nil || len(o.Payments) != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
}

// What the channel did not answer is carried on under the same key, and by the
// server itself when it starts again.
func TestUnfinishedWorkIsCarriedOn(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	payNo := w.paidOrder("M01", "O1")
	if _, err := c.CreateOrder(t.Context(), "create-O2", newOrder("O2")); err != nil {
		t.Fatal(err)
	}
	w.desk.set(errors.New("no answer"))
	_, err := c.Pay(t.Context(), "pay-key-2", "O2", merchantapi.NewPayment{Channel: "wechat"})
	if code(err) != "E-6420" {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Refund(t.Context(), "refund-1", payNo, merchantapi.NewRefund{AmountMinor: 1, Currency: "CNY"}); code(err) != "E-6420" {
		t.Fatalf("got %v", err)
	}
	if _, err := c.CloseOrder(t.Context(), "close-O2", "O2"); code(err) != "E-6420" {
		t.Fatalf("got %v", err)
	}
	w.desk.set(nil)
	p, err := c.Pay(t.Context(), "pay-key-2", "O2", merchantapi.NewPayment{Channel: "wechat"})
	if err != nil || w.desk.prepaid[p.PayNo] != 6 { // five tries of the client, then this
		t.Errorf("got %+v, %v after %v calls", p, err, w.desk.prepaid)
	}
	if n, err := w.server.Resume(t.Context()); n != 2 || err != nil {
		t.Errorf("%d carried on, %v", n, err)
	}
	r, err := c.Refund(t.Context(), "refund-1", payNo, merchantapi.NewRefund{AmountMinor: 1, Currency: "CNY"})
	if err != nil || len(w.desk.refunds) != 1 || w.desk.refunds[r.RefundNo] != 6 {
		t.Errorf("got %+v, %v, refunds %v", r, err, w.desk.refunds)
	}
	if o, err := c.CloseOrder(t.Context(), "close-O2", "O2"); err != nil || o.State != "CLOSED" || o.Payments[0].State != "CLOSED" {
		t.Errorf("got %+v, %v", o, err)
	}
	if n, err := w.server.Resume(t.Context()); n != 0 || err != nil {
		t.Errorf("%d left, %v", n, err)
	}
}

func TestChannelRefuses(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	if _, err := c.CreateOrder(t.Context(), "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	w.desk.refuse = true
	for range 2 {
		if _, err := c.Pay(t.Context(), "pay-key-1", "O1", merchantapi.NewPayment{Channel: "wechat"}); code(err) != "E-6422" {
			t.Errorf("got %v", err)
		}
	}
	if len(w.desk.prepaid) != 1 {
		t.Errorf("asked the channel for %v", w.desk.prepaid)
	}
	w.desk.refuse = false
	if _, err := c.Pay(t.Context(), "pay-key-2", "O1", merchantapi.NewPayment{Channel: "wechat"}); err != nil {
		t.Errorf("another payment: %v", err)
	}
	if _, err := c.Pay(t.Context(), "pay-key-3", "O1", merchantapi.NewPayment{Channel: "alipay"}); code(err) != "E-6421" {
		t.Errorf("got %v", err)
	}
}

// A merchant who names a method alone has the account chosen for him. The choice
// is kept with its payment, and asked again the same one stands, whatever has
// changed since.
func TestRouteIsChosenOnce(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.client("M05"), t.Context()
	for _, no := range []string{"O1", "O2"} {
		if _, err := c.CreateOrder(ctx, "create-"+no, newOrder(no)); err != nil {
			t.Fatal(err)
		}
	}
	first, err := c.Pay(ctx, "pay-key-1", "O1", merchantapi.NewPayment{Method: "NATIVE"})
	if err != nil || first.Account != "alipay-main" || first.Channel != "alipay" {
		t.Fatalf("got %+v, %v", first, err)
	}
	w.desk.mu.Lock()
	w.desk.sick = true
	w.desk.mu.Unlock()
	again, err := c.Pay(ctx, "pay-key-1", "O1", merchantapi.NewPayment{Method: "NATIVE"})
	if err != nil || again.PayNo != first.PayNo || again.Account != first.Account {
		t.Errorf("got %+v, %v", again, err)
	}
	account, judged, err := w.db.Choice(ctx, first.PayNo)
	if err != nil || account != "alipay-main" || len(judged) != 1 || judged[0].Why != "chosen" {
		t.Errorf("kept: %s %+v, %v", account, judged, err)
	}
	// A refusal stands too.
	for _, sick := range []bool{true, false} {
		w.desk.mu.Lock()
		w.desk.sick = sick
		w.desk.mu.Unlock()
		if _, err := c.Pay(ctx, "pay-key-2", "O2", merchantapi.NewPayment{Method: "NATIVE"}); code(err) != "E-6427" {
			t.Errorf("sick %t: got %v", sick, err)
		}
	}
	if _, err := c.Pay(ctx, "pay-key-3", "O2", merchantapi.NewPayment{}); code(err) != "E-6413" {
		t.Errorf("neither channel nor method: %v", err)
	}
	named, err := c.Pay(ctx, "pay-key-4", "O2", merchantapi.NewPayment{Account: "wechat-main"})
	if err != nil || named.Channel != "wechat" {
		t.Errorf("got %+v, %v", named, err)
	}
	if account, _, err := w.db.Choice(ctx, named.PayNo); err != nil || account != "" {
		t.Errorf("nothing was chosen, kept is %q, %v", account, err)
	}
	if o, err := c.Order(ctx, "O2"); err != nil || len(o.Payments) != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestCloseOrder(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	w.paidOrder("M01", "O1")
	if _, err := c.CloseOrder(t.Context(), "close-O1", "O1"); code(err) != "E-6419" {
		t.Errorf("a paid order: %v", err)
	}
	if _, err := c.CreateOrder(t.Context(), "create-O2", newOrder("O2")); err != nil {
		t.Fatal(err)
	}
	if o, err := c.CloseOrder(t.Context(), "close-O2", "O2"); err != nil || o.State != "CLOSED" {
		t.Errorf("got %+v, %v", o, err)
	}
	if _, err := c.Pay(t.Context(), "pay-key-2", "O2", merchantapi.NewPayment{Channel: "wechat"}); code(err) != "E-6419" {
		t.Errorf("a closed order: %v", err)
	}
}
