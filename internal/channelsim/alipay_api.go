package channelsim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/signing"
)

// alipayReply is the value of an answer's *_response; empty fields are left
// out.
type alipayReply struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code,omitempty"`
	SubMsg  string `json:"sub_msg,omitempty"`

	BillURL string `json:"bill_download_url,omitempty"`

	TradeNo     string `json:"trade_no,omitempty"`
	OutTradeNo  string `json:"out_trade_no,omitempty"`
	TradeStatus string `json:"trade_status,omitempty"`
	TotalAmount string `json:"total_amount,omitempty"`
	SendPayDate string `json:"send_pay_date,omitempty"`

	OutRequestNo string `json:"out_request_no,omitempty"`
	RefundAmount string `json:"refund_amount,omitempty"`
	RefundStatus string `json:"refund_status,omitempty"`
	GmtRefund    string `json:"gmt_refund_pay,omitempty"`

	QRCode     string `json:"qr_code,omitempty"`
	FundChange string `json:"fund_change,omitempty"`
	RefundFee  string `json:"refund_fee,omitempty"` // of the trade so far
}

func alipayOK() alipayReply { return alipayReply{Code: "10000", Msg: "Success"} }

// alipayFailed is a business failure. Production spells sub codes otherwise
// than the documentation; so does this.
func alipayFailed(sub, msg string) alipayReply {
	return alipayReply{Code: "40004", Msg: "Business Failed", SubCode: sub, SubMsg: msg}
}

// alipayGateway verifies a request, runs its method and signs the answer.
func (s *Sim) alipayGateway(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			http.Error(w, "form", http.StatusBadRequest)
			return
		}
		for k, v := range form {
			values[k] = append(values[k], v...)
		}
	}
	params, err := signing.Fields(values)
	if err != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	if params["method"] == "alipay.trade.page.pay" || params["method"] == "alipay.trade.wap.pay" {
		s.alipayCashier(w, params)
		return
	}
	s.faulty(Alipay, alipayCalls[params["method"]], func(w http.ResponseWriter, r *http.Request) { s.alipayAnswer(r.Context(), w, params) })(w, r)
}

func (s *Sim) alipayAnswer(ctx context.Context, w http.ResponseWriter, params map[string]string) {
	value, err := json.Marshal(s.alipayMethod(ctx, params))
	if err != nil {
		http.Error(w, "encode answer", http.StatusInternalServerError)
		return
	}
	answer, err := signing.EncodeAlipayResponse(s.keys.AlipayPlatform.rsa(), params["method"], value)
	if s.opt.AlipayCerts {
		answer, err = signing.EncodeAlipayCertResponse(s.keys.AlipayPlatform.rsa(), s.keys.AlipayPlatform.alipaySN(), params["method"], value)
	}
	if err != nil {
		http.Error(w, "sign answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8") // as the real gateway says
	w.Header().Set("Date", s.opt.Now().UTC().Format(http.TimeFormat))
	w.Write(answer)
}

// alipayRefused says what is wrong with a request as such; the zero reply:
// nothing.
func (s *Sim) alipayRefused(p map[string]string) alipayReply {
	at, err := time.ParseInLocation(seconds, p["timestamp"], s.zone)
	switch {
	case p["app_id"] != alipayAppID:
		return alipayReply{Code: "40002", Msg: "Invalid Arguments", SubCode: "isv.invalid-app-id", SubMsg: "无效的AppID参数"}
	case s.opt.AlipayCerts && (p["app_cert_sn"] != s.keys.AlipayApp.alipaySN() || p["alipay_root_cert_sn"] != s.keys.AlipayRoot.alipaySN()):
		return alipayReply{Code: "40002", Msg: "Invalid Arguments", SubCode: "isv.invalid-signature", SubMsg: "证书序列号无效"}
	case p["sign_type"] != "RSA2" || signing.VerifyAlipayRequest(s.keys.AlipayApp.public(), p) != nil:
		return alipayReply{Code: "40002", Msg: "Invalid Arguments", SubCode: "isv.invalid-signature", SubMsg: "无效签名"}
	case err != nil || at.Sub(s.opt.Now()).Abs() > 15*time.Minute:
		return alipayReply{Code: "40002", Msg: "Invalid Arguments", SubCode: "isv.invalid-timestamp", SubMsg: "非法的时间戳参数"}
	}
	return alipayReply{}
}

// alipayContent is the biz_content of all methods together.
type alipayContent struct {
	BillType     string `json:"bill_type"`
	BillDate     string `json:"bill_date"`
	Secure       any    `json:"secure"`
	OutTradeNo   string `json:"out_trade_no"`
	OutRequestNo string `json:"out_request_no"`
	TotalAmount  string `json:"total_amount"`
	RefundAmount string `json:"refund_amount"`
	Subject      string `json:"subject"`
	TimeExpire   string `json:"time_expire"`
}

func (s *Sim) alipayMethod(ctx context.Context, p map[string]string) alipayReply {
	if no := s.alipayRefused(p); no.Code != "" {
		return no
	}
	var content alipayContent
	if json.Unmarshal([]byte(p["biz_content"]), &content) != nil {
		return alipayFailed("isv.invalid_arguments", "参数错误")
	}
	switch p["method"] {
	case "alipay.data.dataservice.bill.downloadurl.query":
		return s.alipayBill(content.BillType, content.BillDate)
	case "alipay.trade.query":
		return s.alipayTradeQuery(content.OutTradeNo)
	case "alipay.trade.fastpay.refund.query":
		return s.alipayRefundQuery(content.OutTradeNo, content.OutRequestNo)
	case "alipay.trade.precreate":
		return s.alipayPrecreate(p, content)
	case "alipay.trade.close":
		return s.alipayClose(content.OutTradeNo)
	case "alipay.trade.refund":
		return s.alipayRefund(ctx, p, content)
	}
	return alipayReply{Code: "40002", Msg: "Invalid Arguments", SubCode: "isv.invalid-method", SubMsg: "不存在的方法名"}
}

func (s *Sim) alipayBill(billType, day string) alipayReply {
	date, err := bizday.Parse(day)
	if err != nil || date >= bizday.Of(s.opt.Now(), s.zone) || billType != "trade" && billType != "signcustomer" {
		return alipayFailed("isv.invalid_arguments", "入参不合法")
	}
	if s.bill.spend(Alipay, date, FrequencyLimited) {
		return alipayFailed("isp.user_rate_limit", "请求过于频繁")
	}
	sh := s.sheet(Alipay, date)
	if !s.ready(Alipay, date) || len(sh.rows) == 0 {
		return alipayFailed("isp.bill_not_exist", "账单不存在")
	}
	name, body, err := alipayZip(sh, billType)
	if err != nil {
		return alipayReply{Code: "20000", Msg: "Service Currently Unavailable", SubCode: "isp.unknow-error"}
	}
	token := s.links.add(link{channel: Alipay, date: date, name: name, body: body}, s.opt.Now())
	q := url.Values{"bizType": {billType}, "userId": {sh.merchant + "0156"}, "fileType": {"csv.zip"},
		"bizDates": {date.Compact()}, "downloadFileName": {name}, "fileId": {"/" + billType + "/" + name}, "token": {token}}
	reply := alipayOK()
	reply.BillURL = s.base + "/downloadBillFile.resource?" + q.Encode()
	return reply
}

func (s *Sim) alipayFile(w http.ResponseWriter, r *http.Request) {
	f, ok := s.links.take(r.URL.Query().Get("token"), s.opt.Now())
	if !ok {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<html><body>链接已失效</body></html>")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment; filename="+f.name)
	s.serve(w, f, true)
}

func (s *Sim) alipayTradeQuery(no string) alipayReply {
	e := s.bill.find(Alipay, no, "")
	if e == nil {
		return s.alipayUnpaid(no)
	}
	reply := alipayOK()
	reply.TradeNo, reply.OutTradeNo, reply.TradeStatus = e.channelRef, e.merchantRef, "TRADE_SUCCESS"
	reply.TotalAmount, reply.SendPayDate = yuan(e.amount), e.at.Format(seconds)
	return reply
}

// alipayRefundQuery says 10000 without any refund field for a refund that the
// channel does not know, as the documentation has it.
func (s *Sim) alipayRefundQuery(no, request string) alipayReply {
	pay, e := s.bill.find(Alipay, no, ""), s.bill.find(Alipay, "", request)
	switch {
	case no == "" || request == "" || pay == nil:
		return alipayFailed("ACQ.TRADE_NOT_EXIST", "交易不存在")
	case e == nil || e.merchantRef != no:
		return alipayOK()
	}
	reply := alipayOK()
	reply.TradeNo, reply.OutTradeNo, reply.OutRequestNo = e.channelRef, e.merchantRef, e.refundRef
	reply.TotalAmount, reply.RefundAmount = yuan(pay.amount), yuan(e.amount)
	reply.RefundStatus, reply.GmtRefund = "REFUND_SUCCESS", e.at.Format(seconds)
	return reply
}
