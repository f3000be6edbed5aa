package channelsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// weChatOrderBody is the request of all methods to pay together.
type weChatOrderBody struct {
	AppID       string `json:"appid"`
	MchID       string `json:"mchid"`
	Description string `json:"description"`
	OutTradeNo  string `json:"out_trade_no"`
	TimeExpire  string `json:"time_expire"`
	NotifyURL   string `json:"notify_url"`
	Amount      struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	Payer struct {
		OpenID string `json:"openid"`
	} `json:"payer"`
	Scene struct {
		PayerClientIP string `json:"payer_client_ip"`
	} `json:"scene_info"`
}

func weChatWrong(field string) *refusal {
	return &refusal{http.StatusBadRequest, "PARAM_ERROR", field}
}

// weChatOrder prepares a payment: native, jsapi or h5.
func (s *Sim) weChatOrder(r *http.Request) (any, *refusal) {
	var b weChatOrderBody
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return nil, weChatWrong("body")
	}
	method := r.PathValue("method")
	o := order{merchantRef: b.OutTradeNo, notifyURL: b.NotifyURL, product: b.Description, amount: b.Amount.Total, opened: true,
		tradeType: map[string]string{"native": "NATIVE", "jsapi": "JSAPI", "h5": "MWEB"}[method]}
	var err error
	if b.TimeExpire != "" {
		o.expires, err = time.Parse(time.RFC3339, b.TimeExpire)
	}
	switch {
	case b.MchID != s.opt.Merchants.WeChat || b.AppID != weChatAppID:
		return nil, &refusal{http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "商户号和appid不匹配"}
	case o.tradeType == "":
		return nil, &refusal{http.StatusNotFound, "RESOURCE_NOT_EXISTS", method}
	case err != nil || !o.expires.IsZero() && !o.expires.After(s.opt.Now()):
		return nil, weChatWrong("time_expire")
	case len(b.OutTradeNo) < 6 || len(b.OutTradeNo) > 32 || !plain(b.OutTradeNo):
		return nil, weChatWrong("out_trade_no")
	case b.Amount.Total <= 0 || b.Amount.Total > maxAmount || b.Amount.Currency != "CNY":
		return nil, weChatWrong("amount")
	case b.Description == "" || b.NotifyURL == "":
		return nil, weChatWrong("description or notify_url")
	case method == "jsapi" && b.Payer.OpenID == "" || method == "h5" && b.Scene.PayerClientIP == "":
		return nil, weChatWrong("payer")
	}
	switch err := s.bill.prepare(WeChat, o); {
	case errors.Is(err, errPaid):
		return nil, &refusal{http.StatusBadRequest, "ORDERPAID", "该订单已支付"}
	case errors.Is(err, errClosed):
		return nil, &refusal{http.StatusBadRequest, "ORDER_CLOSED", "订单已关闭"}
	case err != nil:
		return nil, &refusal{http.StatusForbidden, "OUT_TRADE_NO_USED", "商户订单号重复"}
	}
	// The same order is given the same code again.
	code := digits(24, s.opt.Seed, "prepay", b.OutTradeNo)
	switch method {
	case "native":
		return map[string]string{"code_url": "weixin://wxpay/bizpayurl?pr=" + code[:9]}, nil
	case "h5":
		return map[string]string{"h5_url": s.base + "/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx" + code}, nil
	}
	return map[string]string{"prepay_id": "wx" + code}, nil
}

// weChatUnpaid answers the query of a payment that nobody made.
func (s *Sim) weChatUnpaid(no string) (any, *refusal) {
	o, ok := s.bill.unpaid(WeChat, no)
	if !ok {
		return nil, &refusal{http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在"}
	}
	state, text := "NOTPAY", "订单未支付"
	if o.closed {
		state, text = "CLOSED", "订单已关闭"
	}
	return map[string]any{"appid": weChatAppID, "mchid": s.opt.Merchants.WeChat, "out_trade_no": no, "trade_state": state, "trade_state_desc": text,
		"amount": map[string]any{"total": o.amount, "currency": "CNY"}}, nil
}

func (s *Sim) weChatClose(r *http.Request) (any, *refusal) {
	var b struct {
		MchID string `json:"mchid"`
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.MchID != s.opt.Merchants.WeChat {
		return nil, weChatWrong("mchid")
	}
	switch err := s.bill.close(WeChat, r.PathValue("no")); {
	case errors.Is(err, errPaid):
		return nil, &refusal{http.StatusBadRequest, "ORDERPAID", "该订单已支付"}
	case errors.Is(err, errClosed):
		return nil, &refusal{http.StatusBadRequest, "ORDER_CLOSED", "订单已关闭"}
	case err != nil:
		return nil, &refusal{http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在"}
	}
	return nil, nil
}

// weChatRefund takes a refund: it is PROCESSING in the answer, and the
// notification tells the outcome.
func (s *Sim) weChatRefund(r *http.Request) (any, *refusal) {
	var b struct {
		OutTradeNo  string `json:"out_trade_no"`
		OutRefundNo string `json:"out_refund_no"`
		NotifyURL   string `json:"notify_url"`
		Amount      struct {
			Refund   int64  `json:"refund"`
			Total    int64  `json:"total"`
			Currency string `json:"currency"`
		} `json:"amount"`
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.Amount.Currency != "CNY" {
		return nil, weChatWrong("body")
	}
	if pay := s.bill.find(WeChat, b.OutTradeNo, ""); pay != nil && pay.amount != b.Amount.Total {
		return nil, weChatWrong("amount.total")
	}
	e, _, err := s.refundCall(r.Context(), RefundRequest{Channel: WeChat, MerchantRef: b.OutTradeNo, RefundRef: b.OutRefundNo,
		AmountMinor: b.Amount.Refund, NotifyURL: b.NotifyURL}, time.Time{})
	switch {
	case errors.Is(err, errNoPayment):
		return nil, &refusal{http.StatusNotFound, "RESOURCE_NOT_EXISTS", "订单不存在"}
	case errors.Is(err, errTooMuch):
		return nil, &refusal{http.StatusBadRequest, "INVALID_REQUEST", "申请退款金额超过可退金额"}
	case err != nil:
		return nil, weChatWrong(strings.ToValidUTF8(err.Error(), ""))
	}
	return map[string]any{
		"refund_id": e.channelRefundRef, "out_refund_no": e.refundRef, "transaction_id": e.channelRef, "out_trade_no": e.merchantRef,
		"channel": "ORIGINAL", "user_received_account": "支付用户零钱", "status": "PROCESSING", "create_time": e.at.Format(time.RFC3339),
		"amount": map[string]any{"total": e.payment.amount, "refund": e.amount, "currency": "CNY"},
	}, nil
}
