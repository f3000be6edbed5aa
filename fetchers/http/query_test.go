package http

import (
	"context"
	"errors"
	"io"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

// asker is what the three clients have in common here.
type asker interface {
	Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error)
}

var paidAt = time.Date(2026, 11, 20, 15, 4, 5, 0, beijing)

func askFor(t *testing.T, a asker, kind schemas.Kind) (schemas.QueryAnswer, error) {
	t.Helper()
	if kind == schemas.Refund {
		return a.Query(t.Context(), kind, "ORDER-1", "REFUND-1", paidAt)
	}
	return a.Query(t.Context(), kind, "ORDER-1", "", paidAt)
}

// queryCase is one answer of a channel and what it means. With wantErr the
// question counts as not asked and a person must act; with notAsked alone it
// is repeated some other time.
type queryCase struct {
	name     string
	kind     schemas.Kind
	status   int // of HTTP
	body     string
	want     schemas.QueryAnswer
	notAsked string // part of Error
	wantErr  fault.ID
}

func (c queryCase) judge(t *testing.T, got schemas.QueryAnswer, err error) {
	t.Helper()
	key := map[schemas.Kind]string{schemas.Payment: "ORDER-1", schemas.Refund: "REFUND-1"}[c.kind]
	if got.Key != key || got.Kind != c.kind {
		t.Errorf("%s: answer about %s %s", c.name, got.Kind, got.Key)
	}
	if c.wantErr != "" {
		wantFault(t, err, c.wantErr)
	} else if err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
	if c.notAsked != "" {
		if got.Asked || got.Found || got.Status != 0 || got.AmountMinor != 0 || !strings.Contains(got.Error, c.notAsked) {
			t.Errorf("%s: %+v; want an answer that says nothing, because of %q", c.name, got, c.notAsked)
		}
		return
	}
	want := c.want
	want.Key, want.Kind, want.Asked = key, c.kind, true
	if got != want {
		t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, want)
	}
}

func TestQuery_WeChat(t *testing.T) {
	payment := func(state, amount string) string {
		return `{"mchid":"1900000001","out_trade_no":"ORDER-1","transaction_id":"4200001","trade_state":"` + state + `"` + amount + `}`
	}
	const paid = `,"amount":{"total":9007199254740993,"payer_total":1,"currency":"CNY"},"payer":{"openid":"o"}`
	refund := func(state string) string {
		return `{"refund_id":"5000001","out_refund_no":"REFUND-1","transaction_id":"4200001","out_trade_no":"ORDER-1","status":"` + state +
			`","amount":{"total":888,"refund":100,"payer_total":888,"currency":"CNY"}}`
	}
	yes := func(status schemas.Status, minor int64, ref string) schemas.QueryAnswer {
		return schemas.QueryAnswer{Found: true, Status: status, AmountMinor: minor, Currency: "CNY", ChannelRef: ref}
	}
	for _, c := range []queryCase{
		{name: "paid", kind: schemas.Payment, status: 200, body: payment("SUCCESS", paid), want: yes(schemas.Success, 9007199254740993, "4200001")},
		{name: "paid, later refunded", kind: schemas.Payment, status: 200, body: payment("REFUND", paid), want: yes(schemas.Success, 9007199254740993, "4200001")},
		{name: "not paid yet", kind: schemas.Payment, status: 200, body: payment("NOTPAY", ""), want: schemas.QueryAnswer{Found: true, Status: schemas.Unknown, ChannelRef: "4200001"}},
		{name: "paying", kind: schemas.Payment, status: 200, body: payment("USERPAYING", paid), want: yes(schemas.Unknown, 9007199254740993, "4200001")},
		{name: "closed", kind: schemas.Payment, status: 200, body: payment("CLOSED", ""), want: schemas.QueryAnswer{Found: true, Status: schemas.Closed, ChannelRef: "4200001"}},
		{name: "revoked", kind: schemas.Payment, status: 200, body: payment("REVOKED", paid), want: yes(schemas.Reversed, 9007199254740993, "4200001")},
		{name: "failed", kind: schemas.Payment, status: 200, body: payment("PAYERROR", paid), want: yes(schemas.Failed, 9007199254740993, "4200001")},
		{name: "a new word", kind: schemas.Payment, status: 200, body: payment("HALF", paid), notAsked: `trade_state "HALF"`},
		{name: "success without amount", kind: schemas.Payment, status: 200, body: payment("SUCCESS", ""), notAsked: "without amount"},
		{name: "success over nothing", kind: schemas.Payment, status: 200, body: payment("SUCCESS", `,"amount":{"total":0,"currency":"CNY"}`), notAsked: "without amount"},
		{name: "success in no currency", kind: schemas.Payment, status: 200, body: payment("SUCCESS", `,"amount":{"total":1}`), notAsked: "known currency"},
		{name: "amount as text", kind: schemas.Payment, status: 200, body: payment("SUCCESS", `,"amount":{"total":"1","currency":"CNY"}`), notAsked: "another type"},
		{name: "amount with a fraction", kind: schemas.Payment, status: 200, body: payment("SUCCESS", `,"amount":{"total":1.5,"currency":"CNY"}`), notAsked: "another type"},
		{name: "amount twice", kind: schemas.Payment, status: 200, body: payment("SUCCESS", `,"amount":{"total":1,"total":2,"currency":"CNY"}`), notAsked: "twice"},
		{name: "another merchant's", kind: schemas.Payment, status: 200, body: strings.Replace(payment("SUCCESS", paid), "1900000001", "1900000002", 1), notAsked: "is about"},
		{name: "another order", kind: schemas.Payment, status: 200, body: strings.Replace(payment("SUCCESS", paid), "ORDER-1", "ORDER-2", 1), notAsked: "is about"},
		{name: "unknown order", kind: schemas.Payment, status: 404, body: `{"code":"ORDER_NOT_EXIST","message":"订单不存在"}`},
		{name: "404 of something else", kind: schemas.Payment, status: 404, body: `{"code":"URL_NOT_FOUND"}`, notAsked: "E-3015", wantErr: "E-3015"},
		{name: "busy", kind: schemas.Payment, status: 500, body: `{"code":"SYSTEM_ERROR"}`, notAsked: "E-3112"},
		{name: "our key", kind: schemas.Payment, status: 401, body: `{"code":"SIGN_ERROR"}`, notAsked: "E-3013", wantErr: "E-3013"},
		{name: "refunded", kind: schemas.Refund, status: 200, body: refund("SUCCESS"), want: yes(schemas.Success, 100, "5000001")},
		{name: "refund in progress", kind: schemas.Refund, status: 200, body: refund("PROCESSING"), want: yes(schemas.Unknown, 100, "5000001")},
		{name: "refund closed", kind: schemas.Refund, status: 200, body: refund("CLOSED"), want: yes(schemas.Closed, 100, "5000001")},
		{name: "refund did not arrive", kind: schemas.Refund, status: 200, body: refund("ABNORMAL"), want: yes(schemas.Failed, 100, "5000001")},
		{name: "refund, a new word", kind: schemas.Refund, status: 200, body: refund("CHANGE"), notAsked: `"CHANGE"`},
		{name: "unknown refund", kind: schemas.Refund, status: 404, body: `{"code":"RESOURCE_NOT_EXISTS"}`},
		{name: "another payment's refund", kind: schemas.Refund, status: 200, body: strings.Replace(refund("SUCCESS"), "ORDER-1", "ORDER-2", 1), notAsked: "is about"},
	} {
		s := newWeChatServer(t)
		var asked string
		s.query = func(w nethttp.ResponseWriter, r *nethttp.Request) {
			asked = r.URL.RequestURI()
			s.answer(w, c.status, c.body)
		}
		got, err := askFor(t, s.client(), c.kind)
		c.judge(t, got, err)
		want := map[schemas.Kind]string{schemas.Payment: "/v3/pay/transactions/out-trade-no/ORDER-1?mchid=1900000001", schemas.Refund: "/v3/refund/domestic/refunds/REFUND-1"}[c.kind]
		if asked != want {
			t.Errorf("%s: asked %s, want %s", c.name, asked, want)
		}
	}
}

func TestQuery_WeChatUnsigned(t *testing.T) {
	s := newWeChatServer(t)
	for body, want := range map[string]fault.ID{
		`{"mchid":"1900000001","out_trade_no":"ORDER-1","transaction_id":"4","trade_state":"SUCCESS","amount":{"total":1,"currency":"CNY"}}`: "E-3012",
	} {
		s.query = func(w nethttp.ResponseWriter, _ *nethttp.Request) { io.WriteString(w, body) }
		got, err := askFor(t, s.client(), schemas.Payment)
		queryCase{name: "unsigned", kind: schemas.Payment, notAsked: "no signature", wantErr: want}.judge(t, got, err)
	}
	// "Not found" closes payments: unsigned, it is no answer either.
	s.query = func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.WriteHeader(404)
		io.WriteString(w, `{"code":"ORDER_NOT_EXIST"}`)
	}
	if got, _ := askFor(t, s.client(), schemas.Payment); got.Asked || got.Error == "" {
		t.Errorf("%+v", got)
	}
}

func TestQuery_Alipay(t *testing.T) {
	trade := func(state, amount, more string) string {
		return `{"code":"10000","msg":"Success","trade_no":"2026112022001","out_trade_no":"ORDER-1","trade_status":"` + state + `","total_amount":"` + amount + `"` + more + `}`
	}
	refund := func(state, amount string) string {
		return `{"code":"10000","msg":"Success","trade_no":"2026112022001","out_trade_no":"ORDER-1","out_request_no":"REFUND-1","refund_status":"` + state + `","refund_amount":"` + amount + `"}`
	}
	yes := func(status schemas.Status, minor int64) schemas.QueryAnswer {
		return schemas.QueryAnswer{Found: true, Status: status, AmountMinor: minor, Currency: "CNY", ChannelRef: "2026112022001"}
	}
	for _, c := range []queryCase{
		{name: "paid", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "1.15", ""), want: yes(schemas.Success, 115)},
		{name: "finished", kind: schemas.Payment, body: trade("TRADE_FINISHED", "90071992547409.93", ""), want: yes(schemas.Success, 9007199254740993)},
		{name: "waiting", kind: schemas.Payment, body: trade("WAIT_BUYER_PAY", "88.88", ""), want: yes(schemas.Unknown, 8888)},
		{name: "closed, never paid", kind: schemas.Payment, body: trade("TRADE_CLOSED", "88.88", ""), want: yes(schemas.Closed, 8888)},
		{name: "closed, wholly refunded", kind: schemas.Payment, body: trade("TRADE_CLOSED", "88.88", `,"send_pay_date":"2026-11-20 15:04:05"`), want: yes(schemas.Reversed, 8888)},
		{name: "a new word", kind: schemas.Payment, body: trade("TRADE_PENDING", "88.88", ""), notAsked: `"TRADE_PENDING"`},
		{name: "no amount", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "", ""), notAsked: "amount"},
		{name: "negative", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "-1.00", ""), notAsked: "amount"},
		{name: "three decimals", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "1.001", ""), notAsked: "amount"},
		{name: "an exponent", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "1e5", ""), notAsked: "amount"},
		{name: "foreign money", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "5", `,"trans_currency":"JPY"`),
			want: schemas.QueryAnswer{Found: true, Status: schemas.Success, AmountMinor: 5, Currency: "JPY", ChannelRef: "2026112022001"}},
		{name: "unknown money", kind: schemas.Payment, body: trade("TRADE_SUCCESS", "5", `,"trans_currency":"XXX"`), notAsked: "XXX"},
		{name: "another order", kind: schemas.Payment, body: strings.Replace(trade("TRADE_SUCCESS", "1.15", ""), "ORDER-1", "ORDER-2", 1), notAsked: "is about"},
		{name: "unknown order", kind: schemas.Payment, body: `{"code":"40004","msg":"Business Failed","sub_code":"ACQ.TRADE_NOT_EXIST","sub_msg":"交易不存在"}`},
		{name: "busy", kind: schemas.Payment, body: `{"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"}`, notAsked: "E-3112"},
		{name: "our app", kind: schemas.Payment, body: `{"code":"40002","sub_code":"isv.invalid-app-id"}`, notAsked: "E-3013", wantErr: "E-3013"},
		{name: "refunded", kind: schemas.Refund, body: refund("REFUND_SUCCESS", "0.29"), want: yes(schemas.Success, 29)},
		{name: "refund without state", kind: schemas.Refund, body: refund("", "0.29"), want: yes(schemas.Unknown, 29)},
		{name: "refund unknown", kind: schemas.Refund, body: `{"code":"10000","msg":"Success"}`},
		{name: "refund of an unknown order", kind: schemas.Refund, body: `{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`},
		{name: "refund, a new word", kind: schemas.Refund, body: refund("REFUND_HALF", "0.29"), notAsked: "REFUND_HALF"},
		{name: "another refund", kind: schemas.Refund, body: strings.Replace(refund("REFUND_SUCCESS", "1"), "REFUND-1", "REFUND-2", 1), notAsked: "is about"},
	} {
		s := newAlipayServer(t)
		var method string
		var content map[string]any
		s.answer = func(m string, asked map[string]any) string { method, content = m, asked; return c.body }
		got, err := askFor(t, s.client(), c.kind)
		c.judge(t, got, err)
		want := map[schemas.Kind]string{schemas.Payment: "alipay.trade.query", schemas.Refund: "alipay.trade.fastpay.refund.query"}[c.kind]
		if method != want || content["out_trade_no"] != "ORDER-1" || c.kind == schemas.Refund && content["out_request_no"] != "REFUND-1" {
			t.Errorf("%s: asked %s %v", c.name, method, content)
		}
	}
}

func TestQuery_AlipayUnsigned(t *testing.T) {
	for _, value := range []string{
		`{"code":"10000","out_trade_no":"ORDER-1","trade_no":"1","trade_status":"TRADE_SUCCESS","total_amount":"1.00"}`,
		`{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}`,
	} {
		s := newAlipayServer(t)
		s.reply = func(w nethttp.ResponseWriter, _ map[string]string) bool {
			io.WriteString(w, `{"alipay_trade_query_response":`+value+`}`)
			return true
		}
		got, err := askFor(t, s.client(), schemas.Payment)
		queryCase{name: value, kind: schemas.Payment, notAsked: "no signature", wantErr: "E-3012"}.judge(t, got, err)
	}
}

func TestQuery_UnionPay(t *testing.T) {
	yes := func(status schemas.Status) schemas.QueryAnswer {
		return schemas.QueryAnswer{Found: true, Status: status, AmountMinor: 12345, Currency: "CNY", ChannelRef: "202611201504051234567"}
	}
	for _, c := range []struct {
		queryCase
		fields map[string]string
	}{
		{queryCase{name: "paid", kind: schemas.Payment, want: yes(schemas.Success)}, map[string]string{"origRespCode": "00"}},
		{queryCase{name: "amount with leading zeros", kind: schemas.Payment, want: yes(schemas.Success)}, map[string]string{"origRespCode": "00", "txnAmt": "000000012345"}},
		{queryCase{name: "in progress", kind: schemas.Payment, want: yes(schemas.Unknown)}, map[string]string{"origRespCode": "05"}},
		{queryCase{name: "failed", kind: schemas.Payment, want: yes(schemas.Failed)}, map[string]string{"origRespCode": "51"}},
		{queryCase{name: "A6", kind: schemas.Payment, notAsked: `"A6"`}, map[string]string{"origRespCode": "A6"}},
		{queryCase{name: "no original code", kind: schemas.Payment, notAsked: "origRespCode"}, map[string]string{}},
		{queryCase{name: "amount in yuan", kind: schemas.Payment, notAsked: "txnAmt"}, map[string]string{"origRespCode": "00", "txnAmt": "123.45"}},
		{queryCase{name: "unknown currency", kind: schemas.Payment, notAsked: "known currency"}, map[string]string{"origRespCode": "00", "currencyCode": "999"}},
		{queryCase{name: "another order", kind: schemas.Payment, notAsked: "is about"}, map[string]string{"origRespCode": "00", "orderId": "ORDER-2"}},
		{queryCase{name: "another merchant", kind: schemas.Payment, notAsked: "is about"}, map[string]string{"origRespCode": "00", "merId": "7"}},
		{queryCase{name: "a refund instead", kind: schemas.Payment, notAsked: "txnType 04"}, map[string]string{"origRespCode": "00", "txnType": "04"}},
		{queryCase{name: "unknown order", kind: schemas.Payment}, map[string]string{"respCode": "34"}},
		{queryCase{name: "busy", kind: schemas.Payment, notAsked: "E-3112"}, map[string]string{"respCode": "03"}},
		{queryCase{name: "our signature", kind: schemas.Payment, notAsked: "E-3013", wantErr: "E-3013"}, map[string]string{"respCode": "11"}},
		{queryCase{name: "refunded", kind: schemas.Refund, want: yes(schemas.Success)}, map[string]string{"origRespCode": "00", "orderId": "REFUND-1", "txnType": "04"}},
	} {
		s := newUnionPayServer(t)
		s.answer = func(map[string]string) map[string]string {
			out := map[string]string{"respCode": "00", "orderId": "ORDER-1", "txnType": "01", "txnAmt": "12345", "currencyCode": "156", "queryId": "202611201504051234567"}
			for k, v := range c.fields {
				out[k] = v
			}
			return out
		}
		got, err := askFor(t, s.client(), c.kind)
		c.judge(t, got, err)
		for k, want := range map[string]string{"txnType": "00", "txnSubType": "00", "txnTime": "20261120150405", "orderId": c.key()} {
			if s.asked[0][k] != want {
				t.Errorf("%s: %s = %q, want %q", c.name, k, s.asked[0][k], want)
			}
		}
	}
}

func (c queryCase) key() string {
	return query{kind: c.kind, merchantRef: "ORDER-1", refundRef: "REFUND-1"}.key()
}

func TestQuery_UnionPayUnsigned(t *testing.T) {
	for _, code := range []string{"00", "34"} {
		s := newUnionPayServer(t)
		s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
			a := s.signed(asked, map[string]string{"respCode": code, "origRespCode": "00", "orderId": "ORDER-1", "txnType": "01", "txnAmt": "1", "currencyCode": "156", "queryId": "1"})
			w.Write(a[:strings.Index(string(a), "&signature=")])
			return true
		}
		got, err := askFor(t, s.client(), schemas.Payment)
		queryCase{name: code, kind: schemas.Payment, notAsked: "no signature", wantErr: "E-3012"}.judge(t, got, err)
	}
}

func TestQuery_UnionPayNeedsTheTime(t *testing.T) {
	s := newUnionPayServer(t)
	got, err := s.client().Query(t.Context(), schemas.Payment, "ORDER-1", "", time.Time{})
	if err != nil || got.Asked || len(s.asked) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestQuery_TimeoutIsNotFailed: whatever the network does, the answer is "not
// asked", never a state of the payment.
func TestQuery_TimeoutIsNotFailed(t *testing.T) {
	hang := func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		<-r.Context().Done()
		panic(nethttp.ErrAbortHandler) // or the handler's return would be an answer, and could be in time
	}
	short := Limits{Call: 100 * time.Millisecond, Header: 100 * time.Millisecond, Idle: 100 * time.Millisecond}
	wechat, alipay, unionpay := newWeChatServer(t), newAlipayServer(t), newUnionPayServer(t)
	wechat.query = hang
	alipay.reply = func(w nethttp.ResponseWriter, _ map[string]string) bool {
		raw(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 99", nil)
		return true
	}
	unionpay.reply = func(w nethttp.ResponseWriter, _ map[string]string) bool { raw(t, w, "", nil); return true }
	for name, a := range map[string]asker{
		"wechat":   wechat.client(func(c *WeChatConfig) { c.Limits = short }),
		"alipay":   alipay.client(func(c *AlipayConfig) { c.Limits = short }),
		"unionpay": unionpay.client(func(c *UnionPayConfig) { c.Limits = short }),
	} {
		for _, kind := range []schemas.Kind{schemas.Payment, schemas.Refund} {
			got, err := askFor(t, a, kind)
			queryCase{name: name, kind: kind, notAsked: "E-3110"}.judge(t, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := wechat.client().Query(ctx, schemas.Payment, "ORDER-1", "", paidAt); !errors.Is(err, context.Canceled) || got.Asked {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
}

// TestQuery_NumbersThatCannotBeAsked: a number that would change the path, or
// none, is not sent.
func TestQuery_NumbersThatCannotBeAsked(t *testing.T) {
	s := newWeChatServer(t)
	s.query = func(_ nethttp.ResponseWriter, r *nethttp.Request) { t.Errorf("asked %s", r.URL) }
	c := s.client()
	for _, ref := range []string{"", ".", "..", "../../certificates", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\nb", "订单", strings.Repeat("1", 65), `a"b`, `a\b`, "a&b"} {
		if got, err := c.Query(t.Context(), schemas.Payment, ref, "", paidAt); err != nil || got.Asked || got.Error == "" {
			t.Errorf("%q: %+v, %v", ref, got, err)
		}
	}
	for _, kind := range []schemas.Kind{schemas.Fee, schemas.Payout, 0} {
		if got, err := c.Query(t.Context(), kind, "ORDER-1", "REFUND-1", paidAt); err != nil || got.Asked || got.Error == "" {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
	var seen string
	s.query = func(w nethttp.ResponseWriter, r *nethttp.Request) {
		seen = r.URL.EscapedPath()
		s.answer(w, 404, `{"code":"ORDER_NOT_EXIST"}`)
	}
	if got, err := c.Query(t.Context(), schemas.Payment, "A_1-|*@x", "", paidAt); err != nil || !got.Asked || got.Found {
		t.Errorf("%+v, %v", got, err)
	}
	if !strings.HasSuffix(seen, "/A_1-%7C%2A@x") && !strings.HasSuffix(seen, "/A_1-%7C*@x") {
		t.Errorf("path %s", seen)
	}
}

func TestQuery_AnswersAreSignedOverRawBytes(t *testing.T) {
	s := newWeChatServer(t)
	s.query = func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		body := `{"mchid":"1900000001","out_trade_no":"ORDER-1","transaction_id":"4","trade_state":"NOTPAY"}`
		stamp, _ := signing.SignWeChatMessage(channelKey(), "PUB_KEY_ID_1", []byte(body), noon, "n")
		stamp.SetHeaders(w.Header())
		io.WriteString(w, strings.Replace(body, "NOTPAY", "CLOSED", 1))
	}
	got, err := askFor(t, s.client(), schemas.Payment)
	queryCase{name: "changed", kind: schemas.Payment, notAsked: "E-3012", wantErr: "E-3012"}.judge(t, got, err)
}
