package channelsim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// alipayCalls are the kinds of call that the gateway's methods are.
var alipayCalls = map[string]Call{
	"alipay.trade.precreate": Prepaying, "alipay.trade.query": Querying, "alipay.trade.close": Closing,
	"alipay.trade.refund": Refunding, "alipay.trade.fastpay.refund.query": QueryingRefund,
}

// alipayOrder reads what the methods that prepare a payment have in common.
func (s *Sim) alipayOrder(p map[string]string, c alipayContent) (order, bool) {
	o := order{merchantRef: c.OutTradeNo, notifyURL: p["notify_url"], product: c.Subject}
	var err error
	if c.TimeExpire != "" {
		o.expires, err = time.ParseInLocation(seconds, c.TimeExpire, s.zone)
	}
	var ok bool
	o.amount, ok = fen(c.TotalAmount)
	return o, ok && err == nil && o.amount > 0 && o.merchantRef != "" && plain(o.merchantRef) && len(o.merchantRef) <= 32 && c.Subject != "" && o.notifyURL != ""
}

// fen reads yuan with two decimals.
func fen(yuan string) (int64, bool) {
	whole, cents, ok := strings.Cut(yuan, ".")
	if !ok || len(cents) != 2 || strings.ContainsAny(yuan, "+-") {
		return 0, false
	}
	v, err := strconv.ParseInt(whole+cents, 10, 64)
	return v, err == nil && v <= maxAmount
}

// alipayPrecreate gives a code; there is no trade before somebody scans it.
func (s *Sim) alipayPrecreate(p map[string]string, c alipayContent) alipayReply {
	o, ok := s.alipayOrder(p, c)
	if !ok {
		return alipayFailed("ACQ.INVALID_PARAMETER", "参数无效")
	}
	switch err := s.bill.prepare(Alipay, o); {
	case errors.Is(err, errPaid):
		return alipayFailed("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
	case errors.Is(err, errClosed):
		return alipayFailed("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
	case err != nil:
		return alipayFailed("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
	}
	reply := alipayOK()
	reply.OutTradeNo, reply.QRCode = c.OutTradeNo, "https://qr.alipay.com/bax"+digits(20, s.opt.Seed, "precreate", c.OutTradeNo)
	return reply
}

// alipayCashier is the page that a payer's browser opens: from then on there is
// a trade that waits for him.
func (s *Sim) alipayCashier(w http.ResponseWriter, p map[string]string) {
	var c alipayContent
	no := s.alipayRefused(p)
	o, ok := order{}, json.Unmarshal([]byte(p["biz_content"]), &c) == nil
	if ok {
		o, ok = s.alipayOrder(p, c)
		o.opened = true
	}
	if no.Code != "" || !ok || s.bill.prepare(Alipay, o) != nil {
		http.Error(w, "<html><body>订单信息无法识别</body></html>", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<html><body>收银台</body></html>")
}

// alipayUnpaid answers the query of a payment that nobody made.
func (s *Sim) alipayUnpaid(no string) alipayReply {
	o, ok := s.bill.unpaid(Alipay, no)
	if !ok || !o.opened {
		return alipayFailed("ACQ.TRADE_NOT_EXIST", "交易不存在")
	}
	reply := alipayOK()
	reply.TradeNo, reply.OutTradeNo = digits(28, s.opt.Seed, "trade", no), no
	reply.TotalAmount, reply.TradeStatus = yuan(o.amount), "WAIT_BUYER_PAY"
	if o.ended(s.opt.Now()) {
		reply.TradeStatus = "TRADE_CLOSED"
	}
	return reply
}

func (s *Sim) alipayClose(no string) alipayReply {
	switch err := s.bill.close(Alipay, no); {
	case errors.Is(err, errNoOrder):
		return alipayFailed("ACQ.TRADE_NOT_EXIST", "交易不存在")
	case err != nil:
		return alipayFailed("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
	}
	reply := alipayOK()
	reply.OutTradeNo = no
	return reply
}

// alipayRefund gives money back at once; fund_change is N for a repetition.
func (s *Sim) alipayRefund(ctx context.Context, p map[string]string, c alipayContent) alipayReply {
	amount, ok := fen(c.RefundAmount)
	if !ok {
		return alipayFailed("ACQ.INVALID_PARAMETER", "参数无效")
	}
	e, fresh, err := s.refundCall(ctx, RefundRequest{Channel: Alipay, MerchantRef: c.OutTradeNo, RefundRef: c.OutRequestNo,
		AmountMinor: amount, NotifyURL: p["notify_url"]}, time.Time{})
	switch {
	case errors.Is(err, errNoPayment):
		return alipayFailed("ACQ.TRADE_NOT_EXIST", "交易不存在")
	case errors.Is(err, errTooMuch):
		return alipayFailed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
	case errors.Is(err, errNumberUsed):
		return alipayFailed("ACQ.DISCORDANT_REPEAT_REQUEST", "同一笔退款请求参数不一致")
	case err != nil:
		return alipayFailed("ACQ.INVALID_PARAMETER", "参数无效")
	}
	reply := alipayOK()
	reply.TradeNo, reply.OutTradeNo, reply.RefundFee = e.channelRef, e.merchantRef, yuan(e.refundedNow)
	reply.FundChange, reply.GmtRefund = "N", e.at.Format(seconds)
	if fresh {
		reply.FundChange = "Y"
	}
	return reply
}
