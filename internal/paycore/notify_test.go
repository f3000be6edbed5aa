package paycore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tieout/internal/paycore"
	"tieout/internal/signing"
	"tieout/internal/store"
)

var (
	start    = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	platform = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
)

const apiV3Key = "0123456789abcdef0123456789abcdef"

// shop is a core with one payment P1 of 100.00 and one refund R1 of 40.00 to be
// told about.
type shop struct {
	db   *store.DB
	core *paycore.Core
	log  bytes.Buffer
}

func newShop(t *testing.T, channel string) *shop {
	t.Helper()
	now := func() time.Time { return start }
	db, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "core.db"), now, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &shop{db: db, core: paycore.New(db, nil, now)}
	s.do(t, paycore.CreatePayment{Merchant: "M01", OrderNo: "O1", PayNo: "P1", Channel: channel, Account: channel + "-main", AmountMinor: 10000, Currency: "CNY"},
		paycore.CreatePayment{Merchant: "M01", OrderNo: "O2", PayNo: "P2", Channel: channel, Account: channel + "-main", AmountMinor: 4000, Currency: "CNY"},
		paycore.MarkPaid{PayNo: "P2", ChannelRef: "c2", AmountMinor: 4000, Currency: "CNY", By: paycore.ByAnswer},
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P2", AmountMinor: 4000, Currency: "CNY"})
	return s
}

func (s *shop) do(t *testing.T, commands ...paycore.Command) {
	t.Helper()
	results, err := s.core.Do(context.Background(), commands...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Effect != paycore.Done {
			t.Fatalf("got %+v", r)
		}
	}
}

func (s *shop) payment(t *testing.T, no string) paycore.State {
	t.Helper()
	p, err := s.db.Payment(context.Background(), no)
	if err != nil {
		t.Fatal(err)
	}
	return p.State
}

func (s *shop) refund(t *testing.T, no string) paycore.State {
	t.Helper()
	r, err := s.db.Refund(context.Background(), no)
	if err != nil {
		t.Fatal(err)
	}
	return r.State
}

func (s *shop) wechat() http.Handler {
	return s.core.NotifyHandler(paycore.WeChatReceiver{Account: "wechat-main", MchID: "1900000109", AppIDs: []string{"wx1"},
		Keys: signing.PublicKeys{"SERIAL1": &platform().PublicKey}, APIv3Key: []byte(apiV3Key)}, slog.New(slog.NewTextHandler(&s.log, nil)))
}

// weChatNote makes a notification of a resource; change edits the finished request.
func weChatNote(t *testing.T, id, event string, resource map[string]any, change func(*http.Request, *[]byte)) *http.Request {
	t.Helper()
	plain, err := json.Marshal(resource)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := signing.SealWeChat([]byte(apiV3Key), "nonce1234567", "transaction", plain)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"id": id, "event_type": event, "resource_type": "encrypt-resource",
		"resource": map[string]string{"algorithm": "AEAD_AES_256_GCM", "ciphertext": sealed, "associated_data": "transaction", "nonce": "nonce1234567"}})
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := signing.SignWeChatMessage(platform(), "SERIAL1", body, start, "n1")
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/notify", nil)
	stamp.SetHeaders(req.Header)
	if change != nil {
		change(req, &body)
	}
	req.Body = readCloser{bytes.NewReader(body)}
	return req
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func weChatPaid(change func(map[string]any)) map[string]any {
	return changed(change, map[string]any{"appid": "wx1", "mchid": "1900000109", "out_trade_no": "P1", "transaction_id": "c1", "trade_state": "SUCCESS",
		"success_time": "2026-11-20T16:59:59+08:00", "amount": map[string]any{"total": 10000, "currency": "CNY"}})
}

func weChatRefunded(change func(map[string]any)) map[string]any {
	return changed(change, map[string]any{"mchid": "1900000109", "out_trade_no": "P2", "out_refund_no": "R1", "refund_id": "r1", "refund_status": "SUCCESS",
		"success_time": "2026-11-20T17:00:00+08:00", "amount": map[string]any{"total": 4000, "refund": 4000}})
}

func changed(change func(map[string]any), m map[string]any) map[string]any {
	if change != nil {
		change(m)
	}
	return m
}

func answer(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestWeChatNotification(t *testing.T) {
	s := newShop(t, "wechat")
	h := s.wechat()
	for range 10 { // ten copies, one effect
		if w := answer(h, weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), nil)); w.Code != http.StatusNoContent {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	if got := s.payment(t, "P1"); got != paycore.Success {
		t.Errorf("P1 is %s", got)
	}
	p, err := s.db.Payment(context.Background(), "P1")
	if err != nil || p.Version != 2 || p.PaidAt != time.Date(2026, 11, 20, 8, 59, 59, 0, time.UTC).UnixMicro() || p.ChannelRef != "c1" {
		t.Errorf("got %+v, %v", p, err)
	}
	if w := answer(h, weChatNote(t, "n-2", "REFUND.SUCCESS", weChatRefunded(nil), nil)); w.Code != http.StatusNoContent || s.refund(t, "R1") != paycore.Success {
		t.Errorf("refund: got %d, it is %s", w.Code, s.refund(t, "R1"))
	}
}

func TestAttack23_ForgedNotification(t *testing.T) {
	s := newShop(t, "wechat")
	h := s.wechat()
	for name, change := range map[string]func(*http.Request, *[]byte){
		"no signature":     func(r *http.Request, _ *[]byte) { r.Header.Del("Wechatpay-Signature") },
		"unknown key":      func(r *http.Request, _ *[]byte) { r.Header.Set("Wechatpay-Serial", "SERIAL2") },
		"body changed":     func(_ *http.Request, b *[]byte) { (*b)[len(*b)-3] ^= 1 },
		"blank added":      func(_ *http.Request, b *[]byte) { *b = append(*b, ' ') },
		"probe signature":  func(r *http.Request, _ *[]byte) { r.Header.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/x") },
		"five minutes old": func(r *http.Request, _ *[]byte) { r.Header.Set("Wechatpay-Timestamp", "1") },
	} {
		if w := answer(h, weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), change)); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
	if got := s.payment(t, "P1"); got != paycore.Paying {
		t.Errorf("P1 is %s", got)
	}
	if strings.Contains(s.log.String(), "transaction") || strings.Contains(s.log.String(), apiV3Key) || s.log.Len() == 0 {
		t.Errorf("the log holds the message, or nothing: %s", s.log.String())
	}
}

// A signed time is believed for five minutes to either side; within them a
// second copy has no second effect.
func TestAttack24_ReplayedNotification(t *testing.T) {
	s := newShop(t, "wechat")
	var now time.Time
	core := paycore.New(s.db, nil, func() time.Time { return now })
	h := core.NotifyHandler(paycore.WeChatReceiver{Account: "wechat-main", MchID: "1900000109",
		Keys: signing.PublicKeys{"SERIAL1": &platform().PublicKey}, APIv3Key: []byte(apiV3Key)}, nil)
	for _, c := range []struct {
		later time.Duration
		want  int
	}{
		{6 * time.Minute, http.StatusUnauthorized}, {-6 * time.Minute, http.StatusUnauthorized}, {301 * time.Second, http.StatusUnauthorized},
		{-301 * time.Second, http.StatusUnauthorized}, {299 * time.Second, http.StatusNoContent}, {-299 * time.Second, http.StatusNoContent},
	} {
		if c.want == http.StatusUnauthorized && s.payment(t, "P1") != paycore.Paying {
			t.Fatal("an old notification had an effect")
		}
		now = start.Add(c.later)
		if w := answer(h, weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), nil)); w.Code != c.want {
			t.Errorf("%s later: got %d", c.later, w.Code)
		}
	}
	if p, err := s.db.Payment(t.Context(), "P1"); err != nil || p.State != paycore.Success || p.Version != 2 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAttack25_SignedForAnotherPurpose(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"merchant": func(m map[string]any) { m["mchid"] = "1900000110" },
		"app":      func(m map[string]any) { m["appid"] = "wx2" },
		"amount":   func(m map[string]any) { m["amount"] = map[string]any{"total": 1, "currency": "CNY"} },
		"currency": func(m map[string]any) { m["amount"] = map[string]any{"total": 10000, "currency": "USD"} },
		"unknown":  func(m map[string]any) { m["out_trade_no"] = "P7" },
	} {
		s := newShop(t, "wechat")
		h := s.wechat()
		for range 2 { // the copy too
			if w := answer(h, weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(change), nil)); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"FAIL"`) {
				t.Errorf("%s: got %d %s", name, w.Code, w.Body)
			}
		}
		if got := s.payment(t, "P1"); got != paycore.Paying {
			t.Errorf("%s: P1 is %s", name, got)
		}
	}
}

// A channel is believed about the payments of its own account, and about no
// other's, however well it signs: not that they are paid, closed or refunded.
func TestAttack25_PaymentOfAnotherAccount(t *testing.T) {
	s := newShop(t, "alipay")
	paid := weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), nil)
	refunded := weChatNote(t, "n-2", "REFUND.SUCCESS", weChatRefunded(nil), nil)
	failed := weChatNote(t, "n-3", "REFUND.CLOSED", weChatRefunded(func(m map[string]any) { m["refund_status"] = "CLOSED" }), nil)
	for what, note := range map[string]*http.Request{"paid": paid, "refunded": refunded, "refund failed": failed} {
		if w := answer(s.wechat(), note); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: got %d", what, w.Code)
		}
	}
	if s.payment(t, "P1") != paycore.Paying || s.refund(t, "R1") != paycore.Processing {
		t.Errorf("P1 is %s, R1 is %s", s.payment(t, "P1"), s.refund(t, "R1"))
	}
	if !strings.Contains(s.log.String(), "payment P1 is of account alipay-main") {
		t.Errorf("the log says %s", s.log.String())
	}
}

// A refund that the channel gave for another payment than ours is not this one.
func TestAttack25_RefundOfAnotherPayment(t *testing.T) {
	s := newShop(t, "wechat")
	other := weChatRefunded(func(m map[string]any) { m["out_trade_no"] = "P1" })
	if w := answer(s.wechat(), weChatNote(t, "n-1", "REFUND.SUCCESS", other, nil)); w.Code != http.StatusInternalServerError || s.refund(t, "R1") != paycore.Processing {
		t.Errorf("got %d, R1 is %s", w.Code, s.refund(t, "R1"))
	}
}

func TestFaultA1_NotificationBeforeThePayment(t *testing.T) {
	s := newShop(t, "wechat")
	h := s.wechat()
	early := weChatPaid(func(m map[string]any) { m["out_trade_no"], m["transaction_id"] = "P3", "c3" })
	if w := answer(h, weChatNote(t, "n-3", "TRANSACTION.SUCCESS", early, nil)); w.Code == http.StatusNoContent {
		t.Error("a payment that we do not know was acknowledged")
	}
	s.do(t, paycore.CreatePayment{Merchant: "M01", OrderNo: "O3", PayNo: "P3", Channel: "wechat", Account: "wechat-main", AmountMinor: 10000, Currency: "CNY"})
	if w := answer(h, weChatNote(t, "n-3", "TRANSACTION.SUCCESS", early, nil)); w.Code != http.StatusNoContent || s.payment(t, "P3") != paycore.Success {
		t.Errorf("the copy: got %d, P3 is %s", w.Code, s.payment(t, "P3"))
	}
}

func TestAttack26_TamperedResource(t *testing.T) {
	s := newShop(t, "wechat")
	other := s.core.NotifyHandler(paycore.WeChatReceiver{Account: "wechat-main", MchID: "1900000109",
		Keys: signing.PublicKeys{"SERIAL1": &platform().PublicKey}, APIv3Key: []byte(strings.Repeat("k", 32))}, nil)
	if w := answer(other, weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), nil)); w.Code != http.StatusUnauthorized {
		t.Errorf("another API v3 key: got %d", w.Code)
	}
	for _, part := range []string{"ciphertext", "nonce", "associated_data"} {
		tampered := func(r *http.Request, body *[]byte) {
			at := bytes.Index(*body, []byte(`"`+part+`":"`)) + len(part) + 4
			(*body)[at] ^= 2 // still base64, and still JSON
			stamp, err := signing.SignWeChatMessage(platform(), "SERIAL1", *body, start, "n1")
			if err != nil {
				t.Fatal(err)
			}
			stamp.SetHeaders(r.Header)
		}
		if w := answer(s.wechat(), weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), tampered)); w.Code != http.StatusUnauthorized {
			t.Errorf("another %s, well signed: got %d", part, w.Code)
		}
	}
	if got := s.payment(t, "P1"); got != paycore.Paying {
		t.Errorf("P1 is %s", got)
	}
}

// While the channel changes its key, the old one and the new one are good; then
// the old one is not.
func TestAttack26_KeyRotation(t *testing.T) {
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	older, newer := &platform().PublicKey, &next.PublicKey
	for name, c := range map[string]struct {
		keys     signing.PublicKeys
		old, new int
	}{
		"before": {signing.PublicKeys{"SERIAL1": older}, http.StatusNoContent, http.StatusUnauthorized},
		"both":   {signing.PublicKeys{"SERIAL1": older, "SERIAL2": newer}, http.StatusNoContent, http.StatusNoContent},
		"after":  {signing.PublicKeys{"SERIAL2": newer}, http.StatusUnauthorized, http.StatusNoContent},
		"mixed":  {signing.PublicKeys{"SERIAL1": newer, "SERIAL2": older}, http.StatusUnauthorized, http.StatusUnauthorized},
	} {
		s := newShop(t, "wechat")
		h := s.core.NotifyHandler(paycore.WeChatReceiver{Account: "wechat-main", MchID: "1900000109", Keys: c.keys, APIv3Key: []byte(apiV3Key)}, nil)
		byNew := func(r *http.Request, body *[]byte) {
			stamp, err := signing.SignWeChatMessage(next, "SERIAL2", *body, start, "n1")
			if err != nil {
				t.Fatal(err)
			}
			stamp.SetHeaders(r.Header)
		}
		if w := answer(h, weChatNote(t, "n-1", "TRANSACTION.SUCCESS", weChatPaid(nil), nil)); w.Code != c.old {
			t.Errorf("%s: signed with the old key: got %d", name, w.Code)
		}
		if w := answer(h, weChatNote(t, "n-2", "TRANSACTION.SUCCESS", weChatPaid(nil), byNew)); w.Code != c.new {
			t.Errorf("%s: signed with the new key: got %d", name, w.Code)
		}
	}
}

func TestNotifyRefusesWhatIsNotANotification(t *testing.T) {
	s := newShop(t, "wechat")
	h := s.wechat()
	if w := answer(h, httptest.NewRequest(http.MethodGet, "/notify", nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d", w.Code)
	}
	if w := answer(h, httptest.NewRequest(http.MethodPost, "/notify", strings.NewReader(strings.Repeat("x", 1<<20)))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("1 MiB: got %d", w.Code)
	}
	resign := func(body string) func(*http.Request, *[]byte) {
		return func(r *http.Request, b *[]byte) {
			*b = []byte(body)
			stamp, err := signing.SignWeChatMessage(platform(), "SERIAL1", *b, start, "n1")
			if err != nil {
				t.Fatal(err)
			}
			stamp.SetHeaders(r.Header)
		}
	}
	for name, body := range map[string]string{
		"no JSON":         "x",
		"member twice":    `{"id":"1","ID":"2","event_type":"TRANSACTION.SUCCESS"}`,
		"nested too deep": `{"id":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`,
		"other algorithm": `{"id":"1","event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"none"}}`,
		"two values":      `{"id":"1"}{}`,
	} {
		if w := answer(h, weChatNote(t, "n", "x", nil, resign(body))); w.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
}

// form posts fields as a signed form.
func form(t *testing.T, h http.Handler, fields map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	return answer(h, httptest.NewRequest(http.MethodPost, "/notify", strings.NewReader(signing.EncodeForm(fields))))
}

func TestAlipayNotification(t *testing.T) {
	s := newShop(t, "alipay")
	h := s.core.NotifyHandler(paycore.AlipayReceiver{Account: "alipay-main", AppID: "2021", SellerID: "2088", Key: &platform().PublicKey}, nil)
	sign := func(change map[string]string) map[string]string {
		f := map[string]string{"notify_id": "n1", "app_id": "2021", "seller_id": "2088", "out_trade_no": "P1", "trade_no": "c1", "sign_type": "RSA2", "charset": "utf-8",
			"trade_status": "TRADE_SUCCESS", "total_amount": "100.00", "gmt_payment": "2026-11-20 16:59:59"}
		for k, v := range change {
			f[k] = v
		}
		var err error
		if f["sign"], err = signing.SignAlipayNotify(platform(), f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	forged := sign(nil)
	forged["total_amount"] = "0.01"
	if w := form(t, h, forged); w.Code != http.StatusUnauthorized {
		t.Errorf("forged: got %d", w.Code)
	}
	for name, change := range map[string]map[string]string{
		"amount": {"notify_id": "n2", "total_amount": "0.01"}, "app": {"notify_id": "n3", "app_id": "2022"}, "seller": {"notify_id": "n4", "seller_id": "2089"},
	} {
		if w := form(t, h, sign(change)); w.Body.String() == "success" {
			t.Errorf("another %s was accepted", name)
		}
	}
	if got := s.payment(t, "P1"); got != paycore.Paying {
		t.Fatalf("P1 is %s", got)
	}
	if w := form(t, h, sign(nil)); w.Body.String() != "success" || s.payment(t, "P1") != paycore.Success {
		t.Errorf("got %q, P1 is %s", w.Body, s.payment(t, "P1"))
	}
	refund := map[string]string{"notify_id": "n5", "out_trade_no": "P2", "trade_no": "c2", "total_amount": "40.00", "out_biz_no": "R1", "gmt_refund": "2026-11-20 17:00:00.123", "trade_status": "TRADE_CLOSED"}
	refund["refund_fee"] = "40.01"
	if w := form(t, h, sign(refund)); w.Body.String() == "success" {
		t.Error("more than was asked for was accepted")
	}
	refund["refund_fee"] = "40.00"
	if w := form(t, h, sign(refund)); w.Body.String() != "success" || s.refund(t, "R1") != paycore.Success {
		t.Errorf("refund: got %q, R1 is %s", w.Body, s.refund(t, "R1"))
	}
}

func TestUnionPayNotification(t *testing.T) {
	s := newShop(t, "unionpay")
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a@b@" + signing.UnionPayOrganisation + "@d"}, NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &platform().PublicKey, platform())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	h := s.core.NotifyHandler(paycore.UnionPayReceiver{Account: "unionpay-main", MerID: "777",
		Trust: signing.UnionPayTrust{Version: signing.UnionPay510, Roots: roots}}, nil)
	sign := func(change map[string]string) map[string]string {
		f := map[string]string{"version": "5.1.0", "signMethod": "01", "signPubKeyCert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			"merId": "777", "txnType": "01", "orderId": "P1", "queryId": "c1", "respCode": "00", "txnAmt": "10000", "currencyCode": "156",
			"txnTime": "20261231235900", "traceTime": "0101000001"}
		for k, v := range change {
			f[k] = v
		}
		if f["signature"], err = signing.SignUnionPay(signing.UnionPay510, platform(), f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	forged := sign(nil)
	forged["txnAmt"] = "1"
	if w := form(t, h, forged); w.Code != http.StatusUnauthorized {
		t.Errorf("forged: got %d", w.Code)
	}
	for _, change := range []map[string]string{{"merId": "778"}, {"currencyCode": "840", "queryId": "c9"}, {"txnAmt": "1", "queryId": "c8"}} {
		if w := form(t, h, sign(change)); w.Code == http.StatusOK {
			t.Errorf("%v was accepted", change)
		}
	}
	if w := form(t, h, sign(map[string]string{"respCode": "34"})); w.Code != http.StatusOK || s.payment(t, "P1") != paycore.Paying {
		t.Errorf("a refusal: got %d, P1 is %s", w.Code, s.payment(t, "P1"))
	}
	if w := form(t, h, sign(nil)); w.Code != http.StatusOK || s.payment(t, "P1") != paycore.Success {
		t.Fatalf("got %d, P1 is %s", w.Code, s.payment(t, "P1"))
	}
	p, err := s.db.Payment(context.Background(), "P1")
	if err != nil || p.PaidAt != time.Date(2026, 12, 31, 16, 0, 1, 0, time.UTC).UnixMicro() {
		t.Errorf("paid behind the turn of the year: got %v, %v", time.UnixMicro(p.PaidAt).UTC(), err)
	}
	if w := form(t, h, sign(map[string]string{"txnType": "04", "orderId": "R1", "queryId": "r1", "txnAmt": "4000"})); w.Code != http.StatusOK || s.refund(t, "R1") != paycore.Success {
		t.Errorf("refund: got %d, R1 is %s", w.Code, s.refund(t, "R1"))
	}
}
