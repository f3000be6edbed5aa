package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/signing"
	"tieout/schemas"
)

var codeTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// codeKey signs for both sides of the tests of codes.
var codeKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// said is a channel that gives one answer, and keeps what it was sent.
type said struct {
	status int
	header http.Header
	body   string
	err    error
	sent   *http.Request
	form   string
}

func (s *said) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.sent, s.form = r, string(b)
	if s.err != nil {
		return nil, s.err
	}
	h := s.header
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: s.status, Header: h, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}, nil
}

func (s *said) link() gateway.Link {
	return gateway.Link{Client: &http.Client{Transport: s}, Ask: noAsk{}, NotifyURL: "https://merchant.example/notify", Now: func() time.Time { return codeTime }}
}

type noAsk struct{}

func (noAsk) Query(context.Context, schemas.Kind, string, string, time.Time) (schemas.QueryAnswer, error) {
	return schemas.QueryAnswer{}, errors.New("not asked in these tests")
}

func weChat(t *testing.T, s *said) *gateway.WeChat {
	return must(gateway.NewWeChat(gateway.WeChatConfig{Link: s.link(), MchID: "1604010101", AppID: "wx1", Serial: "AB", Key: codeKey(),
		PlatformKeys: signing.PublicKeys{"P1": &codeKey().PublicKey}}))(t)
}

func aliPay(t *testing.T, s *said) *gateway.Alipay {
	return must(gateway.NewAlipay(gateway.AlipayConfig{Link: s.link(), AppID: "2021", Key: codeKey(), PublicKey: &codeKey().PublicKey}))(t)
}

// unionPayCert is a signer's certificate that is its own root.
var unionPayCert = sync.OnceValue(func() *x509.Certificate {
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "041@Z12@" + signing.UnionPayOrganisation + "@1"},
		NotBefore: codeTime.Add(-time.Hour), NotAfter: codeTime.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, codeKey().Public(), codeKey())
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
})

func unionPay(t *testing.T, s *said) *gateway.UnionPay {
	pool := x509.NewCertPool()
	pool.AddCert(unionPayCert())
	return must(gateway.NewUnionPay(gateway.UnionPayConfig{Link: s.link(), MerID: "898310100010101", CertID: "1", Key: codeKey(),
		Trust: signing.UnionPayTrust{Version: signing.UnionPay510, Roots: pool}}))(t)
}

// signed sets the answer, signed as each channel does.
func (s *said) weChat(t *testing.T, status int, body string) *said {
	s.status, s.body, s.header = status, body, http.Header{}
	must(signing.SignWeChatMessage(codeKey(), "P1", []byte(body), codeTime, "nonce"))(t).SetHeaders(s.header)
	return s
}

func (s *said) alipay(t *testing.T, method string, value any) *said {
	s.status = http.StatusOK
	s.body = string(must(signing.EncodeAlipayResponse(codeKey(), method, must(json.Marshal(value))(t)))(t))
	return s
}

func (s *said) unionPay(t *testing.T, fields map[string]string) *said {
	fields["version"] = "5.1.0"
	fields["signPubKeyCert"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: unionPayCert().Raw}))
	fields["signature"] = must(signing.SignUnionPay(signing.UnionPay510, codeKey(), fields))(t)
	s.status, s.body = http.StatusOK, string(signing.EncodeUnionPayAnswer(fields))
	return s
}

// kind names what a call ended with.
func kind(err error) string {
	var no *gateway.Refusal
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &no):
		return "refused"
	case errors.Is(err, gateway.ErrUnknown):
		return "unknown"
	case errors.Is(err, gateway.ErrEnded):
		return "ended"
	case errors.Is(err, gateway.ErrNotThere):
		return "not there"
	}
	return err.Error()
}

func order() gateway.Order {
	return gateway.Order{PayNo: "PAY00001", AmountMinor: 12305, Currency: "CNY", CreatedAt: codeTime, ExpiresAt: codeTime.Add(30 * time.Minute)}
}

func refundRequest() gateway.RefundRequest {
	return gateway.RefundRequest{RefundNo: "REF00001", PayNo: "PAY00001", AmountMinor: 45, TotalMinor: 12305, Currency: "CNY", ChannelRef: "4200", CreatedAt: codeTime}
}

// wholeRefund is what a void is asked for with.
func wholeRefund() gateway.RefundRequest {
	r := refundRequest()
	r.TotalMinor = r.AmountMinor
	return r
}

// What each code means for each call: a certain no, or nothing certain.
func TestFaultP4_WeChatCodes(t *testing.T) {
	calls := map[string]func(*gateway.WeChat) error{
		"prepay": func(w *gateway.WeChat) error { _, err := w.Prepay(t.Context(), order()); return err },
		"close":  func(w *gateway.WeChat) error { return w.Close(t.Context(), "PAY00001") },
		"refund": func(w *gateway.WeChat) error { _, err := w.Refund(t.Context(), refundRequest()); return err },
	}
	for _, c := range []struct {
		call   string
		status int
		code   string
		want   string
	}{
		{"prepay", 400, "PARAM_ERROR", "refused"},
		{"prepay", 400, "APPID_MCHID_NOT_MATCH", "refused"},
		{"prepay", 400, "ORDER_CLOSED", "refused"},
		{"prepay", 401, "SIGN_ERROR", "refused"},
		{"prepay", 403, "NO_AUTH", "refused"},
		{"prepay", 403, "RULE_LIMIT", "refused"},
		{"prepay", 403, "OUT_TRADE_NO_USED", "unknown"},
		{"prepay", 400, "ORDERPAID", "unknown"},
		{"prepay", 429, "FREQUENCY_LIMITED", "unknown"},
		{"prepay", 500, "SYSTEM_ERROR", "unknown"},
		{"prepay", 500, "PARAM_ERROR", "unknown"}, // a server in trouble says nothing for certain
		{"prepay", 400, "A_NEW_CODE", "unknown"},
		{"prepay", 302, "", "unknown"},
		{"close", 400, "ORDERPAID", "ended"},
		{"close", 400, "ORDER_CLOSED", "ended"},
		{"close", 404, "ORDER_NOT_EXIST", "not there"},
		{"close", 500, "SYSTEM_ERROR", "unknown"},
		{"refund", 403, "NOT_ENOUGH", "refused"},
		{"refund", 403, "USER_ACCOUNT_ABNORMAL", "refused"},
		{"refund", 404, "RESOURCE_NOT_EXISTS", "refused"},
		{"refund", 400, "INVALID_REQUEST", "refused"},
		{"refund", 429, "FREQUENCY_LIMITED", "unknown"},
		{"refund", 500, "SYSTEM_ERROR", "unknown"},
		{"refund", 502, "BANK_ERROR", "unknown"},
	} {
		body := `{"code":"` + c.code + `","message":"说明"}`
		if got := kind(calls[c.call](weChat(t, new(said).weChat(t, c.status, body)))); got != c.want {
			t.Errorf("%s, %d %s: %s, want %s", c.call, c.status, c.code, got, c.want)
		}
		forged := new(said).weChat(t, c.status, body)
		forged.body = strings.Replace(body, "说明", "说 明", 1)
		if got := kind(calls[c.call](weChat(t, forged))); got != "unknown" {
			t.Errorf("%s, %d %s with a changed body: %s", c.call, c.status, c.code, got)
		}
		unsigned := &said{status: c.status, body: body}
		if got := kind(calls[c.call](weChat(t, unsigned))); got != "unknown" {
			t.Errorf("%s, %d %s without a signature: %s", c.call, c.status, c.code, got)
		}
	}
	for name, s := range map[string]*said{
		"cut connection": {err: io.ErrUnexpectedEOF}, "time out": {err: context.DeadlineExceeded},
		"huge answer": new(said).weChat(t, 200, `{"code_url":"`+strings.Repeat("x", 300<<10)+`"}`),
		"empty":       new(said).weChat(t, 200, ``), "no code": new(said).weChat(t, 200, `{}`),
		"twice": new(said).weChat(t, 200, `{"code_url":"a","code_url":"b"}`),
	} {
		if got := kind(calls["prepay"](weChat(t, s))); got != "unknown" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if err := calls["close"](weChat(t, new(said).weChat(t, 204, ""))); err != nil {
		t.Errorf("closed: %v", err)
	}
}

func TestFaultP4_AlipayCodes(t *testing.T) {
	methods := map[string]string{"prepay": "alipay.trade.precreate", "close": "alipay.trade.close", "refund": "alipay.trade.refund"}
	calls := map[string]func(*gateway.Alipay) error{
		"prepay": func(p *gateway.Alipay) error { _, err := p.Prepay(t.Context(), order()); return err },
		"close":  func(p *gateway.Alipay) error { return p.Close(t.Context(), "PAY00001") },
		"refund": func(p *gateway.Alipay) error { _, err := p.Refund(t.Context(), refundRequest()); return err },
	}
	type status map[string]string
	for _, c := range []struct {
		call, code, sub, want string
	}{
		{"prepay", "40004", "ACQ.INVALID_PARAMETER", "refused"},
		{"prepay", "40004", "ACQ.TRADE_HAS_CLOSE", "refused"},
		{"prepay", "40002", "isv.invalid-signature", "refused"},
		{"prepay", "40004", "ACQ.TRADE_HAS_SUCCESS", "unknown"},
		{"prepay", "40004", "ACQ.CONTEXT_INCONSISTENT", "unknown"},
		{"prepay", "40004", "ACQ.SYSTEM_ERROR", "unknown"},
		{"prepay", "20000", "isp.unknow-error", "unknown"},
		{"prepay", "20000", "ACQ.INVALID_PARAMETER", "unknown"},
		{"prepay", "10003", "", "unknown"},
		{"close", "40004", "ACQ.TRADE_NOT_EXIST", "not there"},
		{"close", "40004", "ACQ.TRADE_STATUS_ERROR", "ended"},
		{"close", "20000", "aop.ACQ.SYSTEM_ERROR", "unknown"},
		{"refund", "40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "refused"},
		{"refund", "40004", "ACQ.TRADE_NOT_EXIST", "refused"},
		{"refund", "40004", "acq.refund_amt_not_equal_total", "refused"},
		{"refund", "40004", "ACQ.DISCORDANT_REPEAT_REQUEST", "unknown"},
		{"refund", "40004", "ACQ.SYSTEM_ERROR", "unknown"},
		{"refund", "20000", "isp.unknow-error", "unknown"},
		{"refund", "10000", "", "unknown"}, // without fund_change
	} {
		s := new(said).alipay(t, methods[c.call], status{"code": c.code, "msg": "说明", "sub_code": c.sub, "sub_msg": "说明"})
		if got := kind(calls[c.call](aliPay(t, s))); got != c.want {
			t.Errorf("%s, %s %s: %s, want %s", c.call, c.code, c.sub, got, c.want)
		}
		s.body = strings.Replace(s.body, "说明", "说 明", 1)
		if got := kind(calls[c.call](aliPay(t, s))); got != "unknown" {
			t.Errorf("%s, %s %s with a changed body: %s", c.call, c.code, c.sub, got)
		}
	}
	for change, want := range map[string]string{"Y": "ok", "N": "unknown"} {
		s := new(said).alipay(t, methods["refund"], status{"code": "10000", "msg": "Success", "out_trade_no": "PAY00001", "fund_change": change, "refund_fee": "0.45"})
		if got := kind(calls["refund"](aliPay(t, s))); got != want {
			t.Errorf("fund_change %s: %s, want %s", change, got, want)
		}
		if !strings.Contains(s.form, "refund_amount%22%3A%220.45%22") {
			t.Errorf("the amount is not 0.45 in %s", s.form)
		}
	}
	s := &said{status: http.StatusBadGateway, body: "<html>"}
	if got := kind(calls["prepay"](aliPay(t, s))); got != "unknown" {
		t.Errorf("502: %s", got)
	}
}

func TestFaultP4_UnionPayCodes(t *testing.T) {
	for code, want := range map[string]string{
		"00": "ok", "A6": "ok", "10": "refused", "39": "refused", "11": "refused", "13": "refused", "35": "refused", "36": "refused", "38": "refused",
		"01": "unknown", "03": "unknown", "04": "unknown", "05": "unknown", "06": "unknown", "12": "unknown", "37": "unknown", "61": "unknown", "99": "unknown", "": "unknown",
	} {
		s := new(said).unionPay(t, map[string]string{"respCode": code, "respMsg": "message", "orderId": "REF00001", "merId": "898310100010101", "txnAmt": "45"})
		a, err := unionPay(t, s).Refund(t.Context(), refundRequest())
		if got := kind(err); got != want || err == nil && a.Status != schemas.Unknown {
			t.Errorf("%q: %s %s, want %s", code, got, a.Status, want)
		}
		if a, err := unionPay(t, s).Void(t.Context(), wholeRefund()); kind(err) != want || err == nil && a.Status != schemas.Unknown {
			t.Errorf("void, %q: %v %s, want %s", code, err, a.Status, want)
		}
		if form := must(signing.Form([]byte(s.form)))(t); form["txnType"] != "31" || form["txnSubType"] != "00" || form["origQryId"] != wholeRefund().ChannelRef || form["orderId"] != "REF00001" || form["txnAmt"] != "45" {
			t.Errorf("the void that was sent: %v", form)
		}
		s.body = strings.Replace(s.body, "message", "massage", 1)
		if _, err := unionPay(t, s).Refund(t.Context(), refundRequest()); kind(err) != "unknown" {
			t.Errorf("%q with a changed body: %v", code, err)
		}
	}
	other := new(said).unionPay(t, map[string]string{"respCode": "00", "orderId": "REF00002", "merId": "898310100010101"})
	if _, err := unionPay(t, other).Refund(t.Context(), refundRequest()); kind(err) != "unknown" {
		t.Errorf("an answer about another refund: %v", err)
	}
}

// What a channel cannot take is refused before anything is sent.
func TestRefusedBeforeSending(t *testing.T) {
	s := &said{err: errors.New("it was sent")}
	for name, prepay := range map[string]func(context.Context, gateway.Order) (gateway.Prepaid, error){
		"wechat": weChat(t, s).Prepay, "alipay": aliPay(t, s).Prepay, "unionpay": unionPay(t, s).Prepay,
	} {
		for what, change := range map[string]func(*gateway.Order){
			"other currency": func(o *gateway.Order) { o.Currency = "USD" }, "zero": func(o *gateway.Order) { o.AmountMinor = 0 },
			"below zero": func(o *gateway.Order) { o.AmountMinor = -1 }, "13 digits": func(o *gateway.Order) { o.AmountMinor = 1_000_000_000_000 },
			"a path": func(o *gateway.Order) { o.PayNo = "PAY/../1" }, "no number": func(o *gateway.Order) { o.PayNo = "" },
			"another's method": func(o *gateway.Order) { o.Method = "CASH" },
		} {
			o := order()
			change(&o)
			if _, err := prepay(t.Context(), o); kind(err) != "refused" {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	if _, err := weChat(t, s).Prepay(t.Context(), gateway.Order{PayNo: "PAY00001", AmountMinor: 1, Currency: "CNY", Method: gateway.JSAPI}); kind(err) != "refused" {
		t.Errorf("JSAPI without openid: %v", err)
	}
	if s.sent != nil {
		t.Errorf("sent to %s", s.sent.URL.Path)
	}
}

// No key, signature or query of an address reaches an error.
func TestErrorsHoldNoSecrets(t *testing.T) {
	s := &said{err: io.ErrUnexpectedEOF}
	_, err := weChat(t, s).Prepay(t.Context(), order())
	auth := s.sent.Header.Get("Authorization")
	i := strings.Index(auth, `signature="`) + len(`signature="`)
	if err == nil || strings.Contains(err.Error(), auth[i:i+20]) || bytes.Contains([]byte(err.Error()), []byte("out-trade-no")) {
		t.Errorf("%v", err)
	}
}
