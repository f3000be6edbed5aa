package channelsim

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"tieout/internal/signing"
)

// openWeChat verifies and decrypts a notification as a merchant does.
func (sh *shop) openWeChat(n *notification) map[string]any {
	sh.t.Helper()
	if err := signing.WeChatStampOf(n.header).Verify(sh.wechat, n.body, sh.now()); err != nil {
		sh.t.Fatal(err)
	}
	var envelope struct {
		EventType string `json:"event_type"`
		Resource  struct {
			Ciphertext, Nonce string
			AssociatedData    string `json:"associated_data"`
		}
	}
	if err := json.Unmarshal(n.body, &envelope); err != nil {
		sh.t.Fatal(err)
	}
	r := envelope.Resource
	plain := must(signing.OpenWeChat([]byte(sh.c.WeChat.APIv3Key), r.Nonce, r.AssociatedData, r.Ciphertext))(sh.t)
	var m map[string]any
	if err := json.Unmarshal(plain, &m); err != nil {
		sh.t.Fatal(err)
	}
	m["event_type"] = envelope.EventType
	return m
}

func TestNotify_EachChannelSigns(t *testing.T) {
	s, _ := start(t, nil)
	sh := newShop(t, s)
	url, received := receiver(t, accept)
	for _, c := range []string{WeChat, Alipay, UnionPay} {
		r := must(s.Pay(t.Context(), PayRequest{Channel: c, MerchantRef: "P1", AmountMinor: 1234, At: onDay(9, 0, 0), NotifyURL: url, Delivery: Delivered, Product: "茶"}))(t)
		if r.Paid || r.Acknowledged != 1 {
			t.Errorf("%s: %+v", c, r)
		}
		r = must(s.Refund(t.Context(), RefundRequest{Channel: c, MerchantRef: "P1", RefundRef: "R1", AmountMinor: 234, At: onDay(9, 5, 0), NotifyURL: url, Delivery: Delivered}))(t)
		if r.Acknowledged != 1 {
			t.Errorf("%s refund: %+v", c, r)
		}
	}
	got := received()
	if len(got) != 6 {
		t.Fatalf("%d notifications", len(got))
	}

	paid, back := sh.openWeChat(got[0]), sh.openWeChat(got[1])
	if paid["out_trade_no"] != "P1" || paid["trade_state"] != "SUCCESS" || paid["amount"].(map[string]any)["total"] != 1234.0 || paid["event_type"] != "TRANSACTION.SUCCESS" {
		t.Errorf("WeChat payment: %v", paid)
	}
	if back["out_refund_no"] != "R1" || back["amount"].(map[string]any)["refund"] != 234.0 || back["event_type"] != "REFUND.SUCCESS" {
		t.Errorf("WeChat refund: %v", back)
	}

	pub := must(signing.ParsePublicKey([]byte(sh.c.Alipay.AlipayKey)))(t)
	for i, want := range []map[string]string{
		{"out_trade_no": "P1", "total_amount": "12.34", "trade_status": "TRADE_SUCCESS", "seller_id": sh.c.Alipay.PID},
		{"out_trade_no": "P1", "total_amount": "12.34", "refund_fee": "2.34", "out_biz_no": "R1"},
	} {
		f := must(signing.Form(got[2+i].body))(t)
		if err := signing.VerifyAlipayNotify(pub, f); err != nil {
			t.Errorf("Alipay: %v", err)
		}
		contains(t, f, want)
	}
	for i, want := range []map[string]string{
		{"orderId": "P1", "txnAmt": "1234", "txnType": "01", "respCode": "00", "merId": sh.c.UnionPay.MerID},
		{"orderId": "R1", "txnAmt": "234", "txnType": "04", "respCode": "00"},
	} {
		f := must(signing.Form(got[4+i].body))(t)
		if err := sh.union.Verify(f, morning); err != nil {
			t.Errorf("UnionPay: %v", err)
		}
		contains(t, f, want)
	}
}

func contains(t *testing.T, f, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if f[k] != v {
			t.Errorf("%s = %q, want %q", k, f[k], v)
		}
	}
}

func TestNotify_LostLateDoubled(t *testing.T) {
	s, _ := start(t, nil)
	url, received := receiver(t, accept)
	req := PayRequest{Channel: Alipay, AmountMinor: 100, At: onDay(9, 0, 0), NotifyURL: url}
	send := func(ref string, d Delivery) Result {
		r := req
		r.MerchantRef, r.Delivery, r.DeliverAt = ref, d, onDay(12, 0, 0)
		return pay(t, s, r)[0]
	}
	if r := send("S", Synchronous); !r.Paid || len(received()) != 0 {
		t.Errorf("synchronous: %+v, %d notifications", r, len(received()))
	}
	if r := send("L", Lost); r.Paid || len(received()) != 0 {
		t.Errorf("lost: %+v, %d notifications", r, len(received()))
	}
	if r := send("D", Doubled); r.Acknowledged != 2 || len(received()) != 2 {
		t.Errorf("doubled: %+v, %d notifications", r, len(received()))
	}
	a, b := must(signing.Form(received()[0].body))(t), must(signing.Form(received()[1].body))(t)
	if a["notify_id"] != b["notify_id"] {
		t.Error("the copies have different ids")
	}
	send("T", Late)
	if n := must(s.DeliverDue(t.Context(), onDay(11, 59, 59)))(t); n != 0 || s.Waiting() != 1 {
		t.Errorf("delivered %d before its time, %d wait", n, s.Waiting())
	}
	if n := must(s.DeliverDue(t.Context(), onDay(12, 0, 0)))(t); n != 1 || s.Waiting() != 0 || len(received()) != 3 {
		t.Errorf("delivered %d at its time, %d wait, %d arrived", n, s.Waiting(), len(received()))
	}
}

func TestNotify_RefusedIsSentAgainOnSchedule(t *testing.T) {
	s, clock := start(t, nil)
	clock.set(onDay(9, 0, 0))
	url, received := receiver(t, func(n int) (int, string) {
		if n < 3 {
			return http.StatusOK, "fail" // anything but exactly "success" is a no
		}
		return http.StatusOK, "success"
	})
	r := must(s.Pay(t.Context(), PayRequest{Channel: Alipay, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0), NotifyURL: url, Delivery: Delivered}))(t)
	if r.Acknowledged != 0 || s.Waiting() != 1 {
		t.Fatalf("%+v, %d wait", r, s.Waiting())
	}
	for i, step := range []struct {
		at   time.Time
		sent int
	}{{onDay(9, 3, 59), 1}, {onDay(9, 4, 0), 2}, {onDay(9, 13, 59), 2}, {onDay(9, 14, 0), 3}, {onDay(23, 0, 0), 3}} {
		must(s.DeliverDue(t.Context(), step.at))(t)
		if len(received()) != step.sent {
			t.Fatalf("step %d: %d sent, want %d", i, len(received()), step.sent)
		}
	}
	if s.Waiting() != 0 {
		t.Error("an accepted notification still waits")
	}
}

func TestNotify_AScheduleEnds(t *testing.T) {
	s, clock := start(t, nil)
	clock.set(onDay(9, 0, 0))
	url, received := receiver(t, func(int) (int, string) { return http.StatusInternalServerError, "" })
	must(s.Pay(t.Context(), PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0), NotifyURL: url, Delivery: Delivered}))(t)
	must(s.DeliverDue(t.Context(), onDay(9, 0, 0).Add(48*time.Hour)))(t)
	if len(received()) != 16 || s.Waiting() != 0 {
		t.Errorf("%d sent, want 1 and 15 again; %d wait", len(received()), s.Waiting())
	}
}

func TestNotify_NobodyListens(t *testing.T) {
	s, _ := start(t, nil)
	r := must(s.Pay(t.Context(), PayRequest{Channel: UnionPay, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0), NotifyURL: "http://127.0.0.1:1/x", Delivery: Delivered}))(t)
	if r.Acknowledged != 0 || s.Waiting() != 1 {
		t.Errorf("%+v, %d wait", r, s.Waiting())
	}
}
