package paycore

import (
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"time"

	"tieout/internal/money"
	"tieout/internal/signing"
)

// AlipayReceiver understands Alipay's asynchronous notifications: a form,
// signed with RSA2 over its decoded fields without sign and sign_type.
type AlipayReceiver struct {
	Account  string // its name in the configuration
	AppID    string
	SellerID string
	Key      *rsa.PublicKey     // Alipay's; nil in certificate mode
	CertKeys signing.PublicKeys // Alipay's by alipay_cert_sn, in certificate mode
}

func (r AlipayReceiver) account() (string, string) { return "alipay", r.Account }

// answer: the seven bytes "success" are yes; anything else is sent again.
func (AlipayReceiver) answer(w http.ResponseWriter, accepted bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if accepted {
		io.WriteString(w, "success")
		return
	}
	io.WriteString(w, "fail")
}

func (r AlipayReceiver) open(_ http.Header, body []byte, _ time.Time) (opened, error) {
	f, err := signing.Form(body)
	if err != nil {
		return opened{}, err
	}
	if err := (signing.AlipayTrust{Key: r.Key, Certs: r.CertKeys}).Notification(f); err != nil {
		return opened{}, err
	}
	if f["notify_id"] == "" || f["out_trade_no"] == "" || f["trade_no"] == "" {
		return opened{}, fmt.Errorf("%w: notify_id, out_trade_no or trade_no is missing", signing.ErrMalformed)
	}
	o := opened{id: f["notify_id"]}
	switch {
	case f["app_id"] != r.AppID:
		o.command = foreign("app")
	case f["seller_id"] != r.SellerID:
		o.command = foreign("seller")
	case f["out_biz_no"] != "" && f["gmt_refund"] != "":
		o.command, err = alipayRefund(f)
	case f["trade_status"] == "TRADE_SUCCESS" || f["trade_status"] == "TRADE_FINISHED":
		o.command, err = alipayPayment(f)
	case f["trade_status"] == "TRADE_CLOSED":
		o.command = ClosePayment{PayNo: f["out_trade_no"], Detail: "the channel closed it unpaid"}
	default:
		o.command = reject{Ignored, "state " + f["trade_status"]}
	}
	return o, err
}

func alipayPayment(f map[string]string) (Command, error) {
	amount, at, err := alipayMoney(f["total_amount"], f["gmt_payment"])
	return MarkPaid{PayNo: f["out_trade_no"], ChannelRef: f["trade_no"], AmountMinor: amount, Currency: "CNY", PaidAt: at, By: ByNotice}, err
}

// alipayRefund: refund_fee is the sum of all refunds of the trade so far. The
// channel's number of a refund is made of the trade and our number.
func alipayRefund(f map[string]string) (Command, error) {
	total, at, err := alipayMoney(f["refund_fee"], f["gmt_refund"])
	if err == nil && total <= 0 {
		err = fmt.Errorf("%w: refund_fee is not above zero", signing.ErrMalformed)
	}
	return MarkRefunded{RefundNo: f["out_biz_no"], PayNo: f["out_trade_no"], TotalMinor: total, Currency: "CNY", DoneAt: at, By: ByNotice}, err
}

// alipayMoney reads yuan with two decimals and a time of day in China, with or
// without decimals of the second.
func alipayMoney(yuan, when string) (amount, at int64, err error) {
	amount, err = money.Parse([]byte(yuan), 2)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %w", signing.ErrMalformed, err)
	}
	t, err := time.ParseInLocation("2006-01-02 15:04:05", when, signing.Beijing)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: a time is missing", signing.ErrMalformed)
	}
	return amount, t.UnixMicro(), nil
}
