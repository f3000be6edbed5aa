package channelsim_test

import (
	"context"
	"crypto/x509"
	nethttp "net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// heard is a book that only remembers what notifications asked for.
type heard struct {
	mu       sync.Mutex
	commands []paycore.Command
	refuse   bool
}

func (h *heard) Execute(context.Context, []paycore.Command) ([]paycore.Result, error) {
	panic("a notification runs through Receive")
}

func (h *heard) Receive(_ context.Context, _ paycore.Notification, command paycore.Command) (paycore.Result, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands = append(h.commands, command.(paycore.Told).Command)
	if h.refuse {
		return paycore.Result{Effect: paycore.Refused}, nil
	}
	return paycore.Result{Effect: paycore.Done}, nil
}

func (h *heard) last() paycore.Command {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.commands[len(h.commands)-1]
}

func TestWire_NotificationsThroughThePaymentCore(t *testing.T) {
	at := time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC)
	now := &clock{t: at.Add(time.Second)}
	sim := ok(channelsim.Start(t.Context(), channelsim.Options{Now: now.now}))(t)
	t.Cleanup(func() { sim.Close() })
	c := sim.Config()
	trust := signing.UnionPayTrust{Version: signing.UnionPay510, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	trust.Roots.AppendCertsFromPEM([]byte(c.UnionPay.RootCert))
	trust.Intermediates.AppendCertsFromPEM([]byte(c.UnionPay.MiddleCert))
	receivers := map[string]paycore.Receiver{
		"wechat": paycore.WeChatReceiver{Account: "w", MchID: c.WeChat.MchID, AppIDs: []string{c.WeChat.AppID}, APIv3Key: []byte(c.WeChat.APIv3Key),
			Keys: signing.PublicKeys{c.WeChat.PlatformSerial: ok(signing.ParsePublicKey([]byte(c.WeChat.PlatformKey)))(t)}},
		"alipay":   paycore.AlipayReceiver{Account: "a", AppID: c.Alipay.AppID, SellerID: c.Alipay.PID, Key: ok(signing.ParsePublicKey([]byte(c.Alipay.AlipayKey)))(t)},
		"unionpay": paycore.UnionPayReceiver{Account: "u", MerID: c.UnionPay.MerID, Trust: trust},
	}
	book := &heard{}
	core := paycore.New(book, nil, now.now)
	mux := nethttp.NewServeMux()
	for channel, r := range receivers {
		mux.Handle("/"+channel, core.NotifyHandler(r, nil))
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)

	for channel := range receivers {
		url := srv.URL + "/" + channel
		paid := ok(sim.Pay(t.Context(), channelsim.PayRequest{Channel: channel, MerchantRef: "PAY0001", AmountMinor: 12345, At: at, NotifyURL: url, Delivery: channelsim.Delivered}))(t)
		pay, isPaid := book.last().(paycore.MarkPaid)
		if paid.Acknowledged != 1 || !isPaid || pay.PayNo != "PAY0001" || pay.ChannelRef != paid.ChannelRef || pay.AmountMinor != 12345 || pay.Currency != "CNY" || pay.PaidAt != at.UnixMicro() {
			t.Errorf("%s: %+v, heard %+v", channel, paid, book.last())
		}
		back := ok(sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "PAY0001", RefundRef: "REF00001", AmountMinor: 45, At: at, NotifyURL: url, Delivery: channelsim.Delivered}))(t)
		refund, isRefund := book.last().(paycore.MarkRefunded)
		if back.Acknowledged != 1 || !isRefund || refund.RefundNo != "REF00001" || refund.ChannelRefundRef != back.ChannelRefundRef || refund.AmountMinor+refund.TotalMinor != 45 || // Alipay names the total of all refunds
			refund.DoneAt != at.UnixMicro() {
			t.Errorf("%s refund: %+v, heard %+v", channel, back, book.last())
		}
		book.refuse = true
		no := ok(sim.Pay(t.Context(), channelsim.PayRequest{Channel: channel, MerchantRef: "PAY0002", AmountMinor: 1, At: at, NotifyURL: url, Delivery: channelsim.Delivered}))(t)
		book.refuse = false
		if no.Acknowledged != 0 {
			t.Errorf("%s: a refused notification counts as accepted", channel)
		}
	}
	if sim.Waiting() != 3 {
		t.Errorf("%d refused notifications wait to be sent again, want 3", sim.Waiting())
	}
}
