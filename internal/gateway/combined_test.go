package gateway_test

import (
	"context"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// combined starts a payment of 123.45 whose first 50.00 a balance pays. The order
// ends after ten minutes, long before the account's own time is over.
func (w *world) combined(channel, payNo string) {
	w.t.Helper()
	w.do(paycore.Done, paycore.CreateOrder{Merchant: "M01", OrderNo: "O-" + payNo, AmountMinor: 12345, Currency: "CNY", ExpiresAt: w.clock.now().Add(10 * time.Minute).UnixMicro()})
	w.do(paycore.Done, paycore.CreateCombined{CreatePayment: paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + payNo, PayNo: payNo, Channel: channel, Account: channel + "-main",
		AmountMinor: 12345, Currency: "CNY"}, Parts: []paycore.Part{{Means: paycore.Balance, Wallet: paycore.Wallet("alice"), AmountMinor: 5000}}})
}

func (w *world) balance(minor int64) {
	w.t.Helper()
	w.do(paycore.Done, paycore.OpenEntity{ID: "alice", Kind: "USER", Name: "Alice"})
	w.do(paycore.Done, paycore.OpenAccount{Entity: "alice", Currency: "CNY", Controls: paycore.Controls{Pay: true, TransferIn: true, Active: true}})
	w.do(paycore.Done, paycore.CreatePayment{Merchant: "M09", OrderNo: "TOP", PayNo: "TOP", Channel: "wechat", Account: "elsewhere", AmountMinor: minor, Currency: "CNY"})
	w.do(paycore.Done, paycore.MarkPaid{PayNo: "TOP", ChannelRef: "top", AmountMinor: minor, Currency: "CNY", By: paycore.ByNotice})
	w.do(paycore.Done, paycore.Deposit{Number: "D", PayNo: "TOP", Account: paycore.Wallet("alice")})
}

func (w *world) holds(available, frozen int64) {
	w.t.Helper()
	a := must(w.db.Account(context.Background(), paycore.AccountKey{Name: paycore.Wallet("alice"), Currency: "CNY"}))(w.t)
	if a.AvailableMinor != available || a.FrozenMinor != frozen {
		w.t.Errorf("%d free and %d frozen, want %d and %d", a.AvailableMinor, a.FrozenMinor, available, frozen)
	}
}

// The channel is asked for its part alone, and gives back its part alone.
func TestCombined_ChannelHasItsPart(t *testing.T) {
	w := newWorld(t, nil)
	w.balance(15000)
	for _, channel := range channels {
		no := "PAYPARTS" + channel
		w.combined(channel, no)
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
		must(w.sim.PayNow(t.Context(), channel, no, channelsim.Delivered, time.Time{}))(t)
		if p := w.payment(no, paycore.Success); p.AmountMinor != 7345 {
			t.Errorf("%s: the channel has %d", channel, p.AmountMinor)
		}
		if o := must(w.db.Order(t.Context(), "M01", "O-"+no))(t); o.State != paycore.Paid {
			t.Errorf("%s: the order is %s", channel, o.State)
		}
		w.do(paycore.Done, paycore.CreateRefund{RefundNo: "REFPARTS" + channel, PayNo: no, AmountMinor: 12345, Currency: "CNY"})
		if err := w.desk.Refund(t.Context(), "REFPARTS"+channel); err != nil {
			t.Fatal(err)
		}
	}
	w.work(6, 10*time.Minute)
	for _, channel := range channels {
		if r := w.refund("REFPARTS"+channel, paycore.Success); r.AmountMinor != 7345 {
			t.Errorf("%s: the channel gave back %d", channel, r.AmountMinor)
		}
	}
	w.holds(15000, 0)
	w.sound()
}

// Nobody pays: at the order's end the channel is closed first, then all is given
// back and the order is closed.
func TestCombined_EndsWithItsOrder(t *testing.T) {
	w := newWorld(t, nil)
	w.balance(15000)
	for _, channel := range channels {
		no := "PAYENDED" + channel
		w.combined(channel, no)
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
	}
	w.holds(0, 15000)
	w.work(9, time.Minute)
	w.holds(0, 15000)
	w.work(4, time.Minute) // far from the half hour of the accounts
	w.holds(15000, 0)
	for _, channel := range channels {
		w.payment("PAYENDED"+channel, paycore.Closed)
		if o := must(w.db.Order(t.Context(), "M01", "O-PAYENDED"+channel))(t); o.State != paycore.Closed {
			t.Errorf("%s: the order is %s", channel, o.State)
		}
	}
	w.sound()
}

// What a merchant wants counts more than what the account says.
func TestLateSuccess_ByMerchant(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		w := newWorld(t, func(a *gateway.Account) { a.RefundExtra = !wanted })
		w.opt.RefundExtra = map[string]bool{"M01": wanted}
		w.open()
		w.create("wechat", "O-LATE", "PAYLATE1wechat", "")
		w.shown(must(w.desk.Pay(t.Context(), "PAYLATE1wechat", gateway.Payer{}))(t))
		w.do(paycore.Done, paycore.ClosePayment{PayNo: "PAYLATE1wechat"})
		must(w.sim.PayNow(t.Context(), "wechat", "PAYLATE1wechat", channelsim.Delivered, time.Time{}))(t)
		w.work(6, 10*time.Minute)
		if wanted {
			w.refund(gateway.ExtraRefundNo("PAYLATE1wechat"), paycore.Success)
		} else if s := w.stuck(); len(s) != 1 {
			t.Errorf("stuck: %+v", s)
		}
		w.sound()
	}
}
