package channelsim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1" //nolint:gosec // the channel's digest of a bill
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/signing"
)

// routes are all HTTP services, each at the path that the channel documents.
func (s *Sim) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v3/bill/tradebill", s.weChatSigned(s.weChatTradeBill))
	mux.HandleFunc("GET /v3/bill/fundflowbill", s.weChatSigned(s.weChatFundBill))
	mux.HandleFunc("GET /v3/billdownload/file", s.weChatFile)
	mux.HandleFunc("POST /v3/pay/transactions/{method}", s.faulty(WeChat, Prepaying, s.weChatSigned(s.weChatOrder)))
	mux.HandleFunc("GET /v3/pay/transactions/out-trade-no/{no}", s.faulty(WeChat, Querying, s.weChatSigned(s.weChatQuery)))
	mux.HandleFunc("POST /v3/pay/transactions/out-trade-no/{no}/close", s.faulty(WeChat, Closing, s.weChatSigned(s.weChatClose)))
	mux.HandleFunc("POST /v3/refund/domestic/refunds", s.faulty(WeChat, Refunding, s.weChatSigned(s.weChatRefund)))
	mux.HandleFunc("GET /v3/refund/domestic/refunds/{no}", s.faulty(WeChat, QueryingRefund, s.weChatSigned(s.weChatRefundQuery)))
	mux.HandleFunc("/gateway.do", s.alipayGateway)
	mux.HandleFunc("GET /downloadBillFile.resource", s.alipayFile)
	mux.HandleFunc("POST /gateway/api/frontTransReq.do", s.unionPayFront)
	mux.HandleFunc("POST /gateway/api/backTransReq.do", s.faulty(UnionPay, Refunding, s.unionPayBack))
	mux.HandleFunc("POST /gateway/api/queryTrans.do", s.faulty(UnionPay, Querying, s.unionPayQueryTrans))
	mux.HandleFunc("POST /{$}", s.unionPayFileTransfer)
	mux.HandleFunc("POST /sim/pay/{channel}/{no}", s.payByHand)
	return mux
}

// refusal is an error answer of WeChat Pay API v3.
type refusal struct {
	status        int
	Code, Message string
}

// weChatSigned verifies the merchant's signature and signs what the service
// says.
func (s *Sim) weChatSigned(service func(*http.Request) (any, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var answer any
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		refused := s.weChatAuthorized(r, body)
		if refused == nil {
			answer, refused = service(r)
		}
		status := http.StatusOK
		switch {
		case refused == nil && answer == nil:
			status = http.StatusNoContent
		case refused != nil:
			status, answer = refused.status, map[string]string{"code": refused.Code, "message": refused.Message}
		}
		s.weChatAnswer(w, status, answer)
	}
}

func (s *Sim) weChatAnswer(w http.ResponseWriter, status int, answer any) {
	var body []byte
	if status != http.StatusNoContent {
		var err error
		if body, err = json.Marshal(answer); err != nil {
			http.Error(w, "encode answer", http.StatusInternalServerError)
			return
		}
	}
	stamp, err := signing.SignWeChatMessage(s.keys.WeChatPlatform.rsa(), weChatPlatformID, body, s.opt.Now(), signing.Nonce())
	if err != nil {
		http.Error(w, "sign answer", http.StatusInternalServerError)
		return
	}
	stamp.SetHeaders(w.Header())
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Date", s.opt.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	w.Write(body)
}

func (s *Sim) weChatAuthorized(r *http.Request, body []byte) *refusal {
	auth, err := signing.ParseWeChatAuth(r.Header.Get("Authorization"))
	switch {
	case err != nil:
		return &refusal{http.StatusUnauthorized, "SIGN_ERROR", "the Authorization header cannot be read"}
	case auth.MchID != s.opt.Merchants.WeChat:
		return &refusal{http.StatusForbidden, "NO_AUTH", "the merchant is not known"}
	case auth.Serial != s.keys.WeChatMerchant.SerialHex():
		return &refusal{http.StatusUnauthorized, "SIGN_ERROR", "the certificate is not the merchant's"}
	case r.Header.Get("User-Agent") == "" || r.Header.Get("Accept") == "":
		return &refusal{http.StatusBadRequest, "PARAM_ERROR", "Accept and User-Agent are required"}
	}
	if err := auth.Verify(s.keys.WeChatMerchant.public(), r.Method, r.URL.RequestURI(), body, s.opt.Now()); err != nil {
		return &refusal{http.StatusUnauthorized, "SIGN_ERROR", err.Error()}
	}
	return nil
}

func (s *Sim) weChatTradeBill(r *http.Request) (any, *refusal) {
	kind := r.URL.Query().Get("bill_type")
	if kind == "" {
		kind = "ALL"
	}
	if kind != "ALL" && kind != "SUCCESS" && kind != "REFUND" {
		return nil, &refusal{http.StatusBadRequest, "PARAM_ERROR", "bill_type"}
	}
	return s.weChatApply(r, func(sh sheet) []byte { return weChatTrade(sh, kind) })
}

func (s *Sim) weChatFundBill(r *http.Request) (any, *refusal) {
	if kind := r.URL.Query().Get("account_type"); kind != "" && kind != "BASIC" {
		return nil, &refusal{http.StatusBadRequest, "PARAM_ERROR", "account_type"}
	}
	return s.weChatApply(r, weChatFundFlow)
}

// weChatApply answers an application for a bill with a link that opens once.
func (s *Sim) weChatApply(r *http.Request, write func(sheet) []byte) (any, *refusal) {
	q := r.URL.Query()
	date, err := bizday.Parse(q.Get("bill_date"))
	today := bizday.Of(s.opt.Now(), s.zone)
	tar := q.Get("tar_type")
	switch {
	case err != nil || date >= today || date < today.Add(-92) || tar != "" && tar != "GZIP":
		return nil, &refusal{http.StatusBadRequest, "PARAM_ERROR", "bill_date or tar_type"}
	case s.bill.spend(WeChat, date, FrequencyLimited):
		return nil, &refusal{http.StatusTooManyRequests, "FREQUENCY_LIMITED", "too many requests"}
	case !s.ready(WeChat, date):
		return nil, &refusal{http.StatusBadRequest, "STATEMENT_CREATING", "the bill is being made"}
	}
	body := write(s.sheet(WeChat, date))
	if body == nil {
		return nil, &refusal{http.StatusBadRequest, "NO_STATEMENT_EXIST", "the bill does not exist"}
	}
	digest := sha1.Sum(body) //nolint:gosec // see the import
	if s.bill.spend(WeChat, date, BadDigest) {
		digest[0] ^= 0xff
	}
	if tar == "GZIP" {
		if body, err = gzipped(body); err != nil {
			return nil, &refusal{http.StatusInternalServerError, "SYSTEM_ERROR", "compress"}
		}
	}
	token := s.links.add(link{channel: WeChat, date: date, body: body}, s.opt.Now())
	return map[string]string{"hash_type": "SHA1", "hash_value": hex.EncodeToString(digest[:]),
		"download_url": s.base + "/v3/billdownload/file?token=" + token}, nil
}

// weChatFile serves a bill; the request is signed, the answer is not.
func (s *Sim) weChatFile(w http.ResponseWriter, r *http.Request) {
	if refused := s.weChatAuthorized(r, nil); refused != nil {
		s.weChatAnswer(w, refused.status, map[string]string{"code": refused.Code, "message": refused.Message})
		return
	}
	f, ok := s.links.take(r.URL.Query().Get("token"), s.opt.Now())
	if !ok {
		s.weChatAnswer(w, http.StatusBadRequest, map[string]string{"code": "INVALID_REQUEST", "message": "the token is not valid"})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	// Without a length, so that only the digest can tell that a body was cut.
	s.serve(w, f, false)
}

// serve writes a file, or the half of it when the day's body is to be cut. With
// a length the connection breaks there; without, the body just ends.
func (s *Sim) serve(w http.ResponseWriter, f link, length bool) {
	w.Header().Set("Cache-Control", "no-store")
	cut := s.bill.spend(f.channel, f.date, TruncatedBody)
	if length {
		w.Header().Set("Content-Length", itoa(len(f.body)))
	} else {
		w.(http.Flusher).Flush() // headers first: the length stays unknown
	}
	if cut {
		f.body = f.body[:len(f.body)/2]
	}
	w.Write(f.body)
}

func (s *Sim) weChatQuery(r *http.Request) (any, *refusal) {
	if r.URL.Query().Get("mchid") != s.opt.Merchants.WeChat {
		return nil, &refusal{http.StatusBadRequest, "PARAM_ERROR", "mchid"}
	}
	e := s.bill.find(WeChat, r.PathValue("no"), "")
	if e == nil {
		return s.weChatUnpaid(r.PathValue("no"))
	}
	return s.weChatPayment(e), nil
}

func (s *Sim) weChatRefundQuery(r *http.Request) (any, *refusal) {
	e := s.bill.find(WeChat, "", r.PathValue("no"))
	if e == nil {
		return nil, &refusal{http.StatusNotFound, "RESOURCE_NOT_EXISTS", "退款单不存在"}
	}
	return map[string]any{
		"refund_id": e.channelRefundRef, "out_refund_no": e.refundRef, "transaction_id": e.channelRef, "out_trade_no": e.merchantRef,
		"channel": "ORIGINAL", "user_received_account": "支付用户零钱", "status": "SUCCESS", "funds_account": "AVAILABLE",
		"success_time": e.at.Add(2 * time.Second).Format(time.RFC3339), "create_time": e.at.Format(time.RFC3339),
		"amount": map[string]any{"total": e.payment.amount, "refund": e.amount, "payer_total": e.payment.amount, "payer_refund": e.amount,
			"settlement_refund": e.amount, "settlement_total": e.payment.amount, "discount_refund": 0, "currency": "CNY"},
	}, nil
}

// weChatPayment is a payment as queries and notifications show it; amounts are
// in fen.
func (s *Sim) weChatPayment(e *entry) map[string]any {
	return map[string]any{
		"appid": weChatAppID, "mchid": s.opt.Merchants.WeChat, "out_trade_no": e.merchantRef, "transaction_id": e.channelRef,
		"trade_type": e.tradeType, "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS", "attach": "",
		"success_time": e.at.Format(time.RFC3339), "payer": map[string]string{"openid": openID(e)},
		"amount": map[string]any{"total": e.amount, "payer_total": e.amount, "currency": "CNY", "payer_currency": "CNY"},
	}
}

// weChatRefundNotice is a refund as its notification shows it.
func (s *Sim) weChatRefundNotice(e *entry) map[string]any {
	return map[string]any{
		"mchid": s.opt.Merchants.WeChat, "out_trade_no": e.merchantRef, "transaction_id": e.channelRef,
		"out_refund_no": e.refundRef, "refund_id": e.channelRefundRef, "refund_status": "SUCCESS",
		"success_time": e.at.Format(time.RFC3339), "user_received_account": "支付用户零钱",
		"amount": map[string]any{"total": e.payment.amount, "refund": e.amount, "payer_total": e.payment.amount, "payer_refund": e.amount},
	}
}

func gzipped(body []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
