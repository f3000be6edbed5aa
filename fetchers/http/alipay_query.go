package http

import (
	"context"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// Query asks for the state of one payment (by merchantRef, out_trade_no) or
// refund (by merchantRef and refundRef, out_request_no). See WeChat.Query for
// the third answer. Amounts come in yuan as text and are given in fen.
// ChannelRef is trade_no, also for refunds: Alipay has no number of its own for
// a refund. The time is not needed here. (alipay.trade.query,
// alipay.trade.fastpay.refund.query.)
func (p *Alipay) Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, _ time.Time) (schemas.QueryAnswer, error) {
	q := query{kind: kind, merchantRef: merchantRef, refundRef: refundRef}
	if err := q.check(); err != nil {
		return q.unasked(err)
	}
	if kind == schemas.Refund {
		return p.queryRefund(ctx, q)
	}
	return p.queryPayment(ctx, q)
}

func (p *Alipay) queryPayment(ctx context.Context, q query) (schemas.QueryAnswer, error) {
	var body struct {
		alipayStatus
		TradeNo     string `json:"trade_no"`
		OutTradeNo  string `json:"out_trade_no"`
		TradeStatus string `json:"trade_status"`
		TotalAmount string `json:"total_amount"`
		Currency    string `json:"trans_currency"`
		SendPayDate string `json:"send_pay_date"`
	}
	who := p.aboutAccount()
	found, err := p.question(ctx, who, "alipay.trade.query", map[string]any{"out_trade_no": q.merchantRef}, &body, &body.alipayStatus)
	switch {
	case err != nil:
		return q.unasked(err)
	case !found:
		return q.notFound(), nil
	case body.OutTradeNo != q.merchantRef:
		return q.unasked(q.otherThing(who, p.gateway, body.OutTradeNo))
	}
	var status schemas.Status
	switch body.TradeStatus {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		status = schemas.Success
	case "WAIT_BUYER_PAY":
		status = schemas.Unknown
	case "TRADE_CLOSED":
		// One word for "never paid in time" and "paid, then wholly refunded";
		// only the second has a time of payment.
		status = schemas.Closed
		if body.SendPayDate != "" {
			status = schemas.Reversed
		}
	default:
		return q.unasked(who.fault("E-2410", nil, p.gateway, "reason", "trade_status "+fault.Quote(body.TradeStatus)))
	}
	return p.answer(q, who, status, body.TotalAmount, body.Currency, body.TradeNo, moment(alipayTime, body.SendPayDate))
}

func (p *Alipay) queryRefund(ctx context.Context, q query) (schemas.QueryAnswer, error) {
	var body struct {
		alipayStatus
		TradeNo      string `json:"trade_no"`
		OutTradeNo   string `json:"out_trade_no"`
		OutRequestNo string `json:"out_request_no"`
		RefundStatus string `json:"refund_status"`
		RefundAmount string `json:"refund_amount"`
		RefundedAt   string `json:"gmt_refund_pay"`
	}
	who := p.aboutAccount()
	if q.merchantRef == "" {
		return q.unasked(who.fault("E-2410", nil, p.gateway, "reason", "a refund is asked for by the payment's number and its own"))
	}
	content := map[string]any{"out_trade_no": q.merchantRef, "out_request_no": q.refundRef}
	found, err := p.question(ctx, who, "alipay.trade.fastpay.refund.query", content, &body, &body.alipayStatus)
	switch {
	case err != nil:
		return q.unasked(err)
	case !found:
		return q.notFound(), nil
	case body.RefundStatus == "" && body.RefundAmount == "" && body.OutRequestNo == "":
		return q.notFound(), nil // "not received, or failed": the two cannot be told apart
	case body.OutTradeNo != q.merchantRef || body.OutRequestNo != q.refundRef:
		return q.unasked(q.otherThing(who, p.gateway, body.OutTradeNo+"/"+body.OutRequestNo))
	}
	switch body.RefundStatus {
	case "REFUND_SUCCESS":
		return p.answer(q, who, schemas.Success, body.RefundAmount, "CNY", body.TradeNo, moment(alipayTime, body.RefundedAt))
	case "", "REFUND_PROCESSING":
		return p.answer(q, who, schemas.Unknown, body.RefundAmount, "CNY", body.TradeNo, moment(alipayTime, body.RefundedAt))
	case "REFUND_FAIL":
		return p.answer(q, who, schemas.Failed, body.RefundAmount, "CNY", body.TradeNo, moment(alipayTime, body.RefundedAt))
	}
	return q.unasked(who.fault("E-2410", nil, p.gateway, "reason", "refund_status "+fault.Quote(body.RefundStatus)))
}

// question asks; false means that the channel does not know the trade.
func (p *Alipay) question(ctx context.Context, who subject, method string, content map[string]any, body any, status *alipayStatus) (bool, error) {
	r, err := p.ask(ctx, who, method, content, body, status)
	switch {
	case err != nil:
		return false, err
	case !r.signed && status.ok(), !r.signed && status.sub() == "trade_not_exist": // money moves on these answers
		return false, who.fault("E-3012", nil, p.gateway, "reason", "there is no signature")
	case status.ok():
		return true, nil
	case status.sub() == "trade_not_exist":
		return false, nil
	}
	return false, p.refused(who, r.answer, *status)
}

// answer reads an amount in yuan. An empty currency is CNY: trans_currency comes
// with foreign ones only.
func (p *Alipay) answer(q query, who subject, status schemas.Status, yuan, currency, tradeNo string, moved time.Time) (schemas.QueryAnswer, error) {
	if currency == "" {
		currency = "CNY"
	}
	exp, known := money.Currency(currency).Exponent()
	if yuan == "" && status != schemas.Success {
		return q.found(who, p.gateway, status, nil, currency, tradeNo, moved)
	}
	minor, err := money.Parse([]byte(yuan), exp)
	if err != nil || minor < 0 || !known {
		return q.unasked(who.fault("E-2410", err, p.gateway, "reason", "amount "+fault.Quote(yuan)+" "+fault.Quote(currency)))
	}
	return q.found(who, p.gateway, status, &minor, currency, tradeNo, moved)
}
