package http

import (
	"context"
	nethttp "net/http"
	"net/url"
	"time"

	"tieout/internal/fault"
	"tieout/internal/strictjson"
	"tieout/schemas"
)

// Query asks for the state of one payment (by merchantRef, out_trade_no) or
// refund (by refundRef, out_refund_no). The third answer beside yes and no is
// Asked == false with Error: the channel was not reached, refused, or said
// something that is not understood; it never means "failed". The error beside
// it is set when a person must act (trust, credentials) or ctx has ended.
//
// Amounts are in fen. ChannelRef is transaction_id, for refunds refund_id. The
// time is not needed here. (WeChat Pay API v3, "query order by out_trade_no",
// "query a refund".)
func (w *WeChat) Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, _ time.Time) (schemas.QueryAnswer, error) {
	q := query{kind: kind, merchantRef: merchantRef, refundRef: refundRef}
	if err := q.check(); err != nil {
		return q.unasked(err)
	}
	u := w.base.JoinPath("/v3/pay/transactions/out-trade-no", url.PathEscape(merchantRef))
	u.RawQuery = url.Values{"mchid": {w.config.MchID}}.Encode()
	if kind == schemas.Refund {
		u = w.base.JoinPath("/v3/refund/domestic/refunds", url.PathEscape(refundRef))
	}
	who := w.aboutAccount()
	a, err := w.get(ctx, who, u)
	if err != nil {
		return q.unasked(err)
	}
	signed, err := w.verified(who, u, a)
	if err != nil {
		return q.unasked(err)
	}
	if !signed { // money moves on this answer: nothing unsigned counts
		return q.unasked(w.unsigned(who, u, a))
	}
	if a.status != nethttp.StatusOK {
		return w.absent(q, who, u, a)
	}
	if kind == schemas.Refund {
		return readWeChatRefund(q, who, u, a)
	}
	return w.readPayment(q, who, u, a)
}

func (w *WeChat) unsigned(who subject, u *url.URL, a answer) error {
	if a.status != nethttp.StatusOK {
		return w.refused(who, u, a, readWeChatRefusal(a))
	}
	return who.fault("E-3012", nil, u, "reason", "there is no signature")
}

// absent reads a refusal: the channel does not know the number, or something
// else is wrong.
func (w *WeChat) absent(q query, who subject, u *url.URL, a answer) (schemas.QueryAnswer, error) {
	r := readWeChatRefusal(a)
	switch r.code {
	case "ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS":
		return q.notFound(), nil
	}
	return q.unasked(w.refused(who, u, a, r))
}

// weChatPaid maps trade_state. REFUND says that a paid order was refunded, in
// part or whole: the payment itself succeeded.
var weChatPaid = map[string]schemas.Status{
	"SUCCESS": schemas.Success, "REFUND": schemas.Success, "NOTPAY": schemas.Unknown, "USERPAYING": schemas.Unknown,
	"ACCEPT": schemas.Unknown, "CLOSED": schemas.Closed, "REVOKED": schemas.Reversed, "PAYERROR": schemas.Failed,
}

func (w *WeChat) readPayment(q query, who subject, u *url.URL, a answer) (schemas.QueryAnswer, error) {
	var body struct {
		MchID         string `json:"mchid"`
		OutTradeNo    string `json:"out_trade_no"`
		TransactionID string `json:"transaction_id"`
		TradeState    string `json:"trade_state"`
		SuccessTime   string `json:"success_time"`
		Amount        struct {
			Total    *int64 `json:"total"`
			Currency string `json:"currency"`
		} `json:"amount"`
	}
	if err := strictjson.Decode(a.body, &body); err != nil {
		return q.unasked(who.fault("E-2410", err, u, "reason", "the answer to the query"))
	}
	if body.OutTradeNo != q.merchantRef || body.MchID != w.config.MchID {
		return q.unasked(q.otherThing(who, u, body.MchID+"/"+body.OutTradeNo))
	}
	status, known := weChatPaid[body.TradeState]
	if !known {
		return q.unasked(who.fault("E-2410", nil, u, "reason", "trade_state "+fault.Quote(body.TradeState)))
	}
	// Orders that were never paid come without an amount.
	return q.found(who, u, status, body.Amount.Total, body.Amount.Currency, body.TransactionID, moment(time.RFC3339, body.SuccessTime))
}

// moment reads a time in Beijing; zero if there is none to be read.
func moment(layout, text string) time.Time {
	t, err := time.ParseInLocation(layout, text, beijing)
	if err != nil {
		return time.Time{}
	}
	return t
}

// weChatRefunded maps the status of a refund. ABNORMAL: the money did not reach
// the payer, the merchant must choose another way.
var weChatRefunded = map[string]schemas.Status{
	"SUCCESS": schemas.Success, "PROCESSING": schemas.Unknown, "CLOSED": schemas.Closed, "ABNORMAL": schemas.Failed,
}

func readWeChatRefund(q query, who subject, u *url.URL, a answer) (schemas.QueryAnswer, error) {
	var body struct {
		RefundID    string `json:"refund_id"`
		OutRefundNo string `json:"out_refund_no"`
		OutTradeNo  string `json:"out_trade_no"`
		Status      string `json:"status"`
		SuccessTime string `json:"success_time"`
		Amount      struct {
			Refund   *int64 `json:"refund"`
			Currency string `json:"currency"`
		} `json:"amount"`
	}
	if err := strictjson.Decode(a.body, &body); err != nil {
		return q.unasked(who.fault("E-2410", err, u, "reason", "the answer to the query"))
	}
	if body.OutRefundNo != q.refundRef || q.merchantRef != "" && body.OutTradeNo != q.merchantRef {
		return q.unasked(q.otherThing(who, u, body.OutTradeNo+"/"+body.OutRefundNo))
	}
	status, known := weChatRefunded[body.Status]
	if !known {
		return q.unasked(who.fault("E-2410", nil, u, "reason", "refund status "+fault.Quote(body.Status)))
	}
	return q.found(who, u, status, body.Amount.Refund, body.Amount.Currency, body.RefundID, moment(time.RFC3339, body.SuccessTime))
}
