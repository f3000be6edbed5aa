package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/schemas"
)

func TestPaidAndNotified(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct {
		channel string
		method  gateway.Method
		payer   gateway.Payer
		given   func(gateway.Prepaid) bool
	}{
		{"wechat", gateway.Native, gateway.Payer{}, func(p gateway.Prepaid) bool { return p.CodeURL != "" }},
		{"wechat", gateway.JSAPI, gateway.Payer{OpenID: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}, func(p gateway.Prepaid) bool { return p.JSAPI["paySign"] != "" }},
		{"wechat", gateway.H5, gateway.Payer{ClientIP: "203.0.113.9"}, func(p gateway.Prepaid) bool { return p.PayURL != "" }},
		{"alipay", gateway.Precreate, gateway.Payer{Subject: "两本书 & 一支笔"}, func(p gateway.Prepaid) bool { return p.CodeURL != "" }},
		{"alipay", gateway.Page, gateway.Payer{ReturnURL: "https://shop.example/back?order=1"}, func(p gateway.Prepaid) bool { return p.PayURL != "" }},
		{"alipay", gateway.Wap, gateway.Payer{}, func(p gateway.Prepaid) bool { return p.PayURL != "" }},
		{"unionpay", gateway.Gateway, gateway.Payer{ReturnURL: "https://shop.example/back"}, func(p gateway.Prepaid) bool { return p.Form != nil }},
	} {
		no := "PAY" + c.channel + string(c.method)
		w.create(c.channel, "O-"+no, no, c.method)
		first := must(w.desk.Pay(t.Context(), no, c.payer))(t)
		w.clock.pass(time.Second)
		again := must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t)
		a, b := must(jsonOf(first))(t), must(jsonOf(again))(t)
		if !c.given(first) || a != b {
			t.Errorf("%s: given %s, then %s", no, a, b)
		}
		w.shown(first)
		w.clock.pass(time.Second)
		at := w.clock.now()
		r := must(w.sim.PayNow(t.Context(), c.channel, no, channelsim.Delivered, time.Time{}))(t)
		if p := w.payment(no, paycore.Success); p.ChannelRef != r.ChannelRef || p.PaidAt != at.UnixMicro() {
			t.Errorf("%s: %+v, the channel says %+v", no, p, r)
		}
	}
	w.work(2, time.Minute)
	if open := must(w.db.ListTasks(t.Context(), 9, gateway.Intent, gateway.Sent, gateway.Closing, gateway.Stuck))(t); len(open) != 0 {
		t.Errorf("tasks are left: %+v", open)
	}
	w.sound()
}

// Nobody tells us of a payment: the ladder finds it, with the channel's time.
func TestActiveQueryFindsPayment(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAYLOST" + channel
		w.create(channel, "O-"+no, no, "")
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
	}
	w.work(1, 5*time.Second)
	for _, channel := range channels {
		w.payment("PAYLOST"+channel, paycore.Paying)
	}
	at := w.clock.now()
	for _, channel := range channels {
		must(w.sim.PayNow(t.Context(), channel, "PAYLOST"+channel, channelsim.Lost, time.Time{}))(t)
	}
	w.work(1, 30*time.Second)
	for _, channel := range channels {
		if p := w.payment("PAYLOST"+channel, paycore.Success); p.PaidAt != at.UnixMicro() {
			t.Errorf("%s: paid at %s, want %s", channel, time.UnixMicro(p.PaidAt), at)
		}
	}
	w.sound()
}

func TestPrepayAnswerLost(t *testing.T) {
	for _, fault := range []channelsim.CallFault{channelsim.AnswerLost, channelsim.RequestLost, channelsim.ServerError, channelsim.BadSignature} {
		w := newWorld(t, nil)
		for _, channel := range []string{"wechat", "alipay"} { // UnionPay is told by the payer
			no := "PAYLOST" + channel
			w.create(channel, "O-"+no, no, "")
			w.sim.FailNext(channel, channelsim.Prepaying, fault)
			if _, err := w.desk.Pay(t.Context(), no, gateway.Payer{}); !errors.Is(err, gateway.ErrUnknown) {
				t.Fatalf("%s with fault %d: %v", channel, fault, err)
			}
			w.payment(no, paycore.Paying)
			must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t)
			must(w.sim.PayNow(t.Context(), channel, no, channelsim.Doubled, time.Time{}))(t)
			w.payment(no, paycore.Success)
		}
		w.sound()
	}
}

// A lost answer of a refund is no failure and no second refund: the channel is
// asked for our number, and only if it does not know it, it is sent again under
// the same number.
func TestFaultP4_RefundAnswerLost(t *testing.T) {
	faults := map[string][]channelsim.CallFault{
		"answer lost":          {channelsim.AnswerLost},
		"request lost":         {channelsim.RequestLost},
		"500":                  {channelsim.ServerError},
		"signature":            {channelsim.BadSignature},
		"request lost twice":   {channelsim.RequestLost, channelsim.RequestLost},
		"first lost, then 500": {channelsim.RequestLost, channelsim.ServerError, channelsim.AnswerLost},
		"none":                 nil,
	}
	for name, list := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			for _, channel := range channels {
				pay, refund := "PAY00001"+channel, "REF00001"+channel
				w.paid(channel, pay)
				w.do(paycore.Done, paycore.CreateRefund{RefundNo: refund, PayNo: pay, AmountMinor: 45, Currency: "CNY"})
				w.sim.FailNext(channel, channelsim.Refunding, list...)
				if err := w.desk.Refund(t.Context(), refund); err != nil {
					t.Fatal(err)
				}
				if r := must(w.db.Refund(t.Context(), refund))(t); r.State == paycore.Failed {
					t.Fatalf("%s: an unknown answer was taken for a failure", channel)
				}
				w.sim.FailNext(channel, channelsim.QueryingRefund, channelsim.ServerError) // the question fails too, once
			}
			w.work(8, 10*time.Minute)
			for _, channel := range channels {
				w.refund("REF00001"+channel, paycore.Success)
				// The channel gave back exactly 45: the rest can be refunded, and not one fen more.
				_, err := w.sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "PAY00001" + channel, RefundRef: "REFOVER0", AmountMinor: 12301, At: w.clock.now()})
				_, err2 := w.sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "PAY00001" + channel, RefundRef: "REFREST0", AmountMinor: 12300, At: w.clock.now()})
				if err == nil || err2 != nil {
					t.Errorf("%s: 12301 more: %v; 12300 more: %v", channel, err, err2)
				}
			}
			if s := w.stuck(); len(s) != 0 {
				t.Errorf("stuck: %+v", s)
			}
			w.sound()
		})
	}
}

// The notification of a refund may come before the answer to the call.
func TestRefundNoticeBeforeAnswer(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		pay, refund := "PAY00001"+channel, "REF00001"+channel
		w.paid(channel, pay)
		w.do(paycore.Done, paycore.CreateRefund{RefundNo: refund, PayNo: pay, AmountMinor: 45, Currency: "CNY"})
		w.sim.FailNext(channel, channelsim.Refunding, channelsim.NoticeFirst)
		if err := w.desk.Refund(t.Context(), refund); err != nil {
			t.Fatal(err)
		}
		w.refund(refund, paycore.Success)
	}
	w.work(2, time.Minute)
	w.sound()
}

// A refusal is certain: the refund has failed, and the money stays set aside.
func TestRefundRefused(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		pay, refund := "PAY00001"+channel, "REF00001"+channel
		w.paid(channel, pay)
		// Somebody has refunded it at the channel's console.
		must(w.sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: pay, RefundRef: "CONSOLE1", AmountMinor: 12345, At: w.clock.now()}))(t)
		w.do(paycore.Done, paycore.CreateRefund{RefundNo: refund, PayNo: pay, AmountMinor: 45, Currency: "CNY"})
		var no *gateway.Refusal
		if err := w.desk.Refund(t.Context(), refund); !errors.As(err, &no) {
			t.Errorf("%s: %v", channel, err)
		}
		w.refund(refund, paycore.Failed)
	}
	if s := w.stuck(); len(s) != len(channels) {
		t.Errorf("stuck: %+v", s)
	}
	w.sound()
}

// poor refuses refunds until it has the money.
type poor struct {
	gateway.Channel
	rich bool
}

func (c *poor) Refund(ctx context.Context, r gateway.RefundRequest) (schemas.QueryAnswer, error) {
	if !c.rich {
		return schemas.QueryAnswer{}, &gateway.Refusal{Code: "NOT_ENOUGH", Reason: "the balance is too low"}
	}
	return c.Channel.Refund(ctx, r)
}

// A refused refund goes out again under its number on a person's word, and not
// before.
func TestRefusedRefundIsTakenUp(t *testing.T) {
	var all []*poor
	w := newWorld(t, func(a *gateway.Account) {
		c := &poor{Channel: a.Channel}
		all, a.Channel = append(all, c), c
	})
	for _, channel := range channels {
		pay, refund := "PAY00001"+channel, "REF00001"+channel
		w.paid(channel, pay)
		w.do(paycore.Done, paycore.CreateRefund{RefundNo: refund, PayNo: pay, AmountMinor: 45, Currency: "CNY"})
		var no *gateway.Refusal
		if err := w.desk.Refund(t.Context(), refund); !errors.As(err, &no) {
			t.Errorf("%s: %v", channel, err)
		}
	}
	for _, c := range all {
		c.rich = true
	}
	w.work(4, time.Hour)
	for _, channel := range channels {
		w.refund("REF00001"+channel, paycore.Failed)
		if found := must(w.db.ReopenTask(t.Context(), gateway.ForRefund, "REF00001"+channel))(t); !found {
			t.Errorf("%s: does not wait for a person", channel)
		}
	}
	w.sim.FailNext("wechat", channelsim.Refunding, channelsim.AnswerLost)
	w.work(4, time.Hour)
	for _, channel := range channels {
		w.refund("REF00001"+channel, paycore.Success)
	}
	w.sound()
}

// A refund that its channel paid and took back is still owed to the payer, out
// of the merchant's money if it was settled: it waits for a person, who has it
// sent again under its number.
func TestFaultB3_ARefundThatWasTakenBackWaitsForAPerson(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		pay, refund := "PAY00001"+channel, "REF00001"+channel
		w.paid(channel, pay)
		w.do(paycore.Done, paycore.CreateRefund{RefundNo: refund, PayNo: pay, AmountMinor: 45, Currency: "CNY"})
		if err := w.desk.Refund(t.Context(), refund); err != nil {
			t.Fatal(err)
		}
		w.work(2, time.Minute)
		r := w.refund(refund, paycore.Success)
		if found := must(w.db.ReopenTask(t.Context(), gateway.ForRefund, refund))(t); found {
			t.Errorf("%s: one that was paid waits for a person", channel)
		}
		fix := schemas.Fix{Key: "K-" + refund, Kind: schemas.FixSetFailed, RunID: "run", Channel: channel, Account: r.Account, RecordKind: schemas.Refund, RefundRef: refund,
			AmountMinor: 45, Currency: "CNY", EventTime: schemas.NoTime, Expect: []schemas.Status{schemas.Success}, Maker: "lin", Checker: "mei"}
		if got := must(w.db.ApplyFix(t.Context(), fix))(t); got.State != "APPLIED" {
			t.Fatalf("%s: %+v", channel, got)
		}
		w.work(3, time.Hour)
		w.refund(refund, paycore.Failed)
		if s := w.stuck(); len(s) != 1 || s[0].Number != refund || s[0].Note != "the refund is FAILED" {
			t.Errorf("%s: stuck: %+v", channel, s)
		}
		if found := must(w.db.ReopenTask(t.Context(), gateway.ForRefund, refund))(t); !found {
			t.Errorf("%s: does not wait for a person", channel)
		}
		w.work(2, time.Hour)
		w.refund(refund, paycore.Success)
		if s := w.stuck(); len(s) != 0 {
			t.Errorf("%s: stuck: %+v", channel, s)
		}
	}
	w.sound()
}

func TestCloseThenNobodyPays(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAYCLOSE" + channel
		w.create(channel, "O-"+no, no, "")
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
		err := w.desk.Close(t.Context(), no)
		if want := map[string]error{"alipay": gateway.ErrPending, "unionpay": gateway.ErrPending}[channel]; !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", channel, err, want)
		}
	}
	w.payment("PAYCLOSEwechat", paycore.Closed)
	w.work(1, 29*time.Minute)
	w.payment("PAYCLOSEalipay", paycore.Paying) // the code may still be scanned
	w.work(2, 5*time.Minute)
	for _, channel := range channels {
		w.payment("PAYCLOSE"+channel, paycore.Closed)
		if _, err := w.sim.PayNow(t.Context(), channel, "PAYCLOSE"+channel, channelsim.Lost, time.Time{}); err == nil {
			t.Errorf("%s: paid after it was closed", channel)
		}
	}
	w.sound()
}

// The payer pays while we close: the channel's word counts.
func TestCloseMeetsSuccess(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAYRACE0" + channel
		w.create(channel, "O-"+no, no, "")
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
		must(w.sim.PayNow(t.Context(), channel, no, channelsim.Lost, time.Time{}))(t)
		if err := w.desk.Close(t.Context(), no); err != nil && !errors.Is(err, gateway.ErrEnded) && !errors.Is(err, gateway.ErrPending) {
			t.Errorf("%s: %v", channel, err)
		}
	}
	w.work(4, 10*time.Minute)
	for _, channel := range channels {
		w.payment("PAYRACE0"+channel, paycore.Success)
	}
	w.sound()
}

// A payment whose time is over is closed at the channel, then in the books;
// also one that nobody ever asked the channel for.
func TestExpiry(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		for _, no := range []string{"PAYASKED" + channel, "PAYNEVER" + channel} {
			w.create(channel, "O-"+no, no, "")
		}
		w.shown(must(w.desk.Pay(t.Context(), "PAYASKED"+channel, gateway.Payer{}))(t))
		w.sim.FailNext(channel, channelsim.Closing, channelsim.AnswerLost)
	}
	w.work(1, 29*time.Minute)
	for _, channel := range channels {
		w.payment("PAYASKED"+channel, paycore.Paying)
		w.payment("PAYNEVER"+channel, paycore.Paying)
	}
	w.work(6, time.Minute)
	for _, channel := range channels {
		w.payment("PAYASKED"+channel, paycore.Closed)
		w.payment("PAYNEVER"+channel, paycore.Closed)
		if _, err := w.desk.Pay(t.Context(), "PAYNEVER"+channel, gateway.Payer{}); !errors.Is(err, gateway.ErrEnded) {
			t.Errorf("%s: a closed payment is sent: %v", channel, err)
		}
	}
	w.sound()
}

// Two payments of one order succeed: the second goes back to its payer, once,
// where the setting says so; else it waits for a person.
func TestExtraPayment(t *testing.T) {
	for _, refunded := range []bool{true, false} {
		w := newWorld(t, func(a *gateway.Account) { a.RefundExtra = refunded })
		for _, channel := range channels {
			first, second := "PAYFIRST"+channel, "PAYOTHER"+channel
			for _, no := range []string{first, second} {
				w.create(channel, "O-"+channel, no, "")
				w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
			}
			for _, no := range []string{first, second} {
				must(w.sim.PayNow(t.Context(), channel, no, channelsim.Delivered, time.Time{}))(t)
				w.payment(no, paycore.Success)
			}
		}
		w.work(6, 10*time.Minute)
		for _, channel := range channels {
			if p := w.payment("PAYFIRST"+channel, paycore.Success); p.RefundedMinor != 0 {
				t.Errorf("%s: the payment that paid the order was refunded", channel)
			}
			if refunded {
				w.refund(gateway.ExtraRefundNo("PAYOTHER"+channel), paycore.Success)
			}
		}
		if s := w.stuck(); refunded && len(s) != 0 || !refunded && len(s) != len(channels) {
			t.Errorf("stuck: %+v", s)
		}
		w.sound()
	}
}

// Money comes for a payment that is closed in the books.
func TestLateSuccess(t *testing.T) {
	for _, refunded := range []bool{true, false} {
		w := newWorld(t, func(a *gateway.Account) { a.RefundExtra = refunded })
		for _, channel := range channels {
			no := "PAYLATE0" + channel
			w.create(channel, "O-"+no, no, "")
			w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
			w.do(paycore.Done, paycore.ClosePayment{PayNo: no, Detail: "the merchant cancelled the order"})
			r := must(w.sim.PayNow(t.Context(), channel, no, channelsim.Doubled, time.Time{}))(t)
			if r.Acknowledged != 2 {
				t.Errorf("%s: acknowledged %d times", channel, r.Acknowledged)
			}
			w.payment(no, paycore.Closed)
		}
		w.work(6, 10*time.Minute)
		for _, channel := range channels {
			no := "PAYLATE0" + channel
			if !refunded {
				w.payment(no, paycore.Closed)
				continue
			}
			if p := w.payment(no, paycore.Success); p.RefundedMinor != p.AmountMinor {
				t.Errorf("%s: %+v", channel, p)
			}
			w.refund(gateway.ExtraRefundNo(no), paycore.Success)
			if o := must(w.db.Order(t.Context(), "M01", "O-"+no))(t); o.State != paycore.Closed {
				t.Errorf("%s: the order is %s", channel, o.State)
			}
		}
		if s := w.stuck(); refunded && len(s) != 0 || !refunded && len(s) != len(channels) {
			t.Errorf("stuck: %+v", s)
		}
		w.sound()
	}
}

// A channel that never answers ends as a case for a person, who can have it
// asked again.
func TestStuckAndTakenUp(t *testing.T) {
	w := newWorld(t, nil)
	w.paid("wechat", "PAY00001")
	w.do(paycore.Done, paycore.CreateRefund{RefundNo: "REF00001", PayNo: "PAY00001", AmountMinor: 45, Currency: "CNY"})
	w.sim.FailNext("wechat", channelsim.Refunding, channelsim.AnswerLost)
	for range len(gateway.DefaultLadder()) + 2 {
		w.sim.FailNext("wechat", channelsim.QueryingRefund, channelsim.ServerError)
	}
	if err := w.desk.Refund(t.Context(), "REF00001"); err != nil {
		t.Fatal(err)
	}
	w.work(len(gateway.DefaultLadder())+4, 25*time.Hour)
	s := w.stuck()
	if len(s) != 1 || s[0].Number != "REF00001" || s[0].Subject != gateway.ForRefund {
		t.Fatalf("stuck: %+v", s)
	}
	w.refund("REF00001", paycore.Processing)
	if found := must(w.db.ReopenTask(t.Context(), gateway.ForRefund, "REF00001"))(t); !found {
		t.Fatal("the task is not found")
	}
	w.work(3, time.Hour)
	w.refund("REF00001", paycore.Success)
	w.sound()
}

// The books do not believe another amount, whoever says it.
func TestQueryWithOtherAmount(t *testing.T) {
	w := newWorld(t, nil)
	w.create("wechat", "O-1", "PAY00001", "")
	must(w.desk.Pay(t.Context(), "PAY00001", gateway.Payer{}))(t)
	w.accounts["wechat-main"] = gateway.Account{Channel: otherAmount{w.accounts["wechat-main"].Channel}}
	w.desk = must(gateway.NewDesk(w.db, w.core, w.db, w.accounts, w.opt))(t)
	w.work(1, 10*time.Second)
	w.payment("PAY00001", paycore.Paying)
	if s := w.stuck(); len(s) != 1 {
		t.Errorf("stuck: %+v", s)
	}
}

type otherAmount struct{ gateway.Channel }

func (otherAmount) Query(_ context.Context, kind schemas.Kind, payNo, _ string, _ time.Time) (schemas.QueryAnswer, error) {
	return schemas.QueryAnswer{Key: payNo, Kind: kind, Asked: true, Found: true, Status: schemas.Success, AmountMinor: 12344, Currency: "CNY", ChannelRef: "4200"}, nil
}

func jsonOf(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// counting counts the refunds that are sent.
type counting struct {
	gateway.Channel
	refunds atomic.Int64
}

func (c *counting) Refund(ctx context.Context, r gateway.RefundRequest) (schemas.QueryAnswer, error) {
	c.refunds.Add(1)
	return c.Channel.Refund(ctx, r)
}

// 64 callers and the workers ask for one refund: it is sent once. 64 ask to pay
// one payment: all who are answered are given the same.
func TestRacingCallers(t *testing.T) {
	counted := &counting{}
	w := newWorld(t, func(a *gateway.Account) {
		if _, ok := a.Channel.(*gateway.WeChat); ok {
			counted.Channel, a.Channel, a.Calls = a.Channel, counted, 200
		}
	})
	w.paid("wechat", "PAY00001")
	w.do(paycore.Done, paycore.CreateRefund{RefundNo: "REF00001", PayNo: "PAY00001", AmountMinor: 45, Currency: "CNY"})
	w.create("wechat", "O-2", "PAY00002", "")
	var callers errgroup.Group
	var mu sync.Mutex
	given := map[string]bool{}
	for range 64 {
		callers.Go(func() error { return w.desk.Refund(t.Context(), "REF00001") })
		callers.Go(func() error {
			p, err := w.desk.Pay(t.Context(), "PAY00002", gateway.Payer{})
			if errors.Is(err, gateway.ErrBusy) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			given[p.CodeURL] = true
			return err
		})
	}
	for range 4 {
		callers.Go(func() error {
			_, err := w.desk.Work(t.Context())
			return err
		})
	}
	if err := callers.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := counted.refunds.Load(); n != 1 {
		t.Errorf("the refund was sent %d times", n)
	}
	if len(given) != 1 {
		t.Errorf("given to pay with: %v", given)
	}
	w.work(2, time.Minute)
	w.refund("REF00001", paycore.Success)
	w.sound()
}
