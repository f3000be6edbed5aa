package channelsim

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"tieout/internal/signing"
)

// unionPayFront is transaction 01 as the payer's browser posts it: from then on
// there is an order that waits for him.
func (s *Sim) unionPayFront(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	in, err := signing.Form(body)
	if err == nil {
		err = s.unionPayVerified(in)
	}
	o := order{merchantRef: in["orderId"], notifyURL: in["backUrl"], product: in["orderDesc"], tradeType: "000201", opened: true}
	if err == nil {
		o.made, o.amount, err = s.unionPayMoney(in)
	}
	if err == nil && in["payTimeout"] != "" {
		o.expires, err = time.ParseInLocation(compactTime, in["payTimeout"], s.zone)
	}
	if err == nil && (in["txnType"] != "01" || in["currencyCode"] != "156" || !plain(o.merchantRef) || len(o.merchantRef) < 8 || o.notifyURL == "") {
		err = errors.New("a field is wrong")
	}
	if err == nil {
		err = s.bill.prepare(UnionPay, o)
	}
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, "<html><body>报文格式错误[9100001]</body></html>")
		return
	}
	io.WriteString(w, "<html><body>收银台</body></html>")
}

func (s *Sim) unionPayMoney(in map[string]string) (made time.Time, amount int64, err error) {
	if made, err = time.ParseInLocation(compactTime, in["txnTime"], s.zone); err != nil {
		return made, 0, err
	}
	amount, err = strconv.ParseInt(in["txnAmt"], 10, 64)
	if err == nil && (amount <= 0 || amount > maxAmount) {
		err = errors.New("txnAmt")
	}
	return made, amount, err
}

// unionPayBack is transaction 04, a refund, or 31, a void: 00 says that it was
// taken.
func (s *Sim) unionPayBack(w http.ResponseWriter, r *http.Request) {
	s.unionPayService(w, r, func(in, out map[string]string) {
		refuse := func(code, text string) { out["respCode"], out["respMsg"] = code, text }
		made, amount, err := s.unionPayMoney(in)
		if err != nil || in["txnType"] != "04" && in["txnType"] != "31" || in["backUrl"] == "" {
			refuse("10", "报文格式错误[9100001]")
			return
		}
		pay := s.bill.numbered(UnionPay, in["origQryId"])
		if pay == nil || pay.isRefund() {
			refuse("35", "原交易不存在或状态不正确[3500000]")
			return
		}
		e, fresh, err := s.refundCall(r.Context(), RefundRequest{Channel: UnionPay, MerchantRef: pay.merchantRef, RefundRef: in["orderId"],
			AmountMinor: amount, Void: in["txnType"] == "31", NotifyURL: in["backUrl"]}, made)
		switch {
		case errors.Is(err, errNoVoid):
			refuse("39", "交易不在受理时间范围内[3900000]")
		case errors.Is(err, errTooMuch):
			refuse("36", "与原交易信息不符[3600000]")
		case errors.Is(err, errNumberUsed), err == nil && !fresh:
			refuse("12", "重复交易[1200000]")
		case err != nil:
			refuse("10", "报文格式错误[9100001]")
		default:
			out["queryId"], out["origQryId"], out["txnAmt"] = e.channelRefundRef, pay.channelRef, in["txnAmt"]
		}
	})
}

// numbered returns the entry that the channel gave a number.
func (b *billing) numbered(channel, number string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.books[channel].numbers[number]
}
