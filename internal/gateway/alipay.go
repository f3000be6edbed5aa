package gateway

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
	"tieout/schemas"
)

// AlipayConfig is one partner account at Alipay, reached through one app.
type AlipayConfig struct {
	Link
	Gateway    string // "": https://openapi.alipay.com/gateway.do
	AppID      string
	Key        *rsa.PrivateKey    // of the app
	PublicKey  *rsa.PublicKey     // Alipay's; nil in certificate mode
	CertKeys   signing.PublicKeys // Alipay's by alipay_cert_sn, in certificate mode
	AppCertSN  string             // certificate mode: sent with each request
	RootCertSN string             // certificate mode
}

// Alipay speaks the Alipay gateway with RSA2: precreate, page and wap payments,
// close, refund. Safe for concurrent use.
type Alipay struct {
	config  AlipayConfig
	gateway *url.URL
}

// NewAlipay checks the configuration; it contacts nobody.
func NewAlipay(c AlipayConfig) (*Alipay, error) {
	if !c.complete() || c.AppID == "" || c.Key == nil || c.PublicKey == nil && len(c.CertKeys) == 0 {
		return nil, errors.New("alipay gateway: app id, keys, client, query, clock and notify URL are all needed")
	}
	gateway, err := address(c.Gateway, "https://openapi.alipay.com/gateway.do")
	if err != nil {
		return nil, fmt.Errorf("alipay gateway: %w", err)
	}
	return &Alipay{config: c, gateway: gateway}, nil
}

var alipayNumbers = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// alipayTime is how the gateway writes times, in Beijing.
const alipayTime = "2006-01-02 15:04:05"

type alipayOrder struct {
	OutTradeNo  string `json:"out_trade_no"`
	TotalAmount string `json:"total_amount"`
	Subject     string `json:"subject"`
	ProductCode string `json:"product_code,omitempty"`
	TimeExpire  string `json:"time_expire,omitempty"`
	QuitURL     string `json:"quit_url,omitempty"`
}

// Prepay implements Channel. A code to scan is asked for; the address of a page
// is signed here, and the channel hears of it from the payer's browser.
// (alipay.trade.precreate, alipay.trade.page.pay, alipay.trade.wap.pay.)
func (p *Alipay) Prepay(ctx context.Context, o Order) (Prepaid, error) {
	if err := unsendable(alipayNumbers, o.Currency, o.AmountMinor, o.PayNo); err != nil {
		return Prepaid{}, err
	}
	content := alipayOrder{OutTradeNo: o.PayNo, TotalAmount: money.FormatScaled(o.AmountMinor, 2), Subject: o.subject()}
	if !o.ExpiresAt.IsZero() {
		content.TimeExpire = o.ExpiresAt.In(signing.Beijing).Format(alipayTime)
	}
	method := "alipay.trade.page.pay"
	switch o.Method {
	case Precreate, "":
		var said struct {
			alipayStatus
			OutTradeNo string `json:"out_trade_no"`
			QRCode     string `json:"qr_code"`
		}
		err := p.ask(ctx, "alipay.trade.precreate", content, &said, &said.alipayStatus, alipayPrepaySays)
		switch {
		case err != nil:
			return Prepaid{}, err
		case said.OutTradeNo != o.PayNo || said.QRCode == "":
			return Prepaid{}, unknown("the answer is about payment %s", fault.Quote(said.OutTradeNo))
		}
		return Prepaid{CodeURL: said.QRCode}, nil
	case Page:
		content.ProductCode = "FAST_INSTANT_TRADE_PAY"
	case Wap:
		method, content.ProductCode, content.QuitURL = "alipay.trade.wap.pay", "QUICK_WAP_WAY", o.Payer.ReturnURL
	default:
		return Prepaid{}, noMethod(o.Method)
	}
	form, err := p.form(method, content, o.Payer.ReturnURL)
	if err != nil {
		return Prepaid{}, &Refusal{Code: "REQUEST", Reason: err.Error()}
	}
	u := *p.gateway
	u.RawQuery = form
	return Prepaid{PayURL: u.String()}, nil
}

// Close implements Channel. (alipay.trade.close.)
func (p *Alipay) Close(ctx context.Context, payNo string) error {
	var said alipayStatus
	return p.ask(ctx, "alipay.trade.close", map[string]string{"out_trade_no": payNo}, &said, &said, alipayCloseSays)
}

// Refund implements Channel. fund_change says whether this very call moved
// money; without it only a query tells whether an earlier one did.
// (alipay.trade.refund.)
func (p *Alipay) Refund(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error) {
	a := r.answer()
	if err := unsendable(alipayNumbers, r.Currency, r.AmountMinor, r.PayNo, r.RefundNo); err != nil {
		return a, err
	}
	content := map[string]string{"out_trade_no": r.PayNo, "out_request_no": r.RefundNo, "refund_amount": money.FormatScaled(r.AmountMinor, 2)}
	var said struct {
		alipayStatus
		OutTradeNo string `json:"out_trade_no"`
		FundChange string `json:"fund_change"`
		RefundedAt string `json:"gmt_refund_pay"`
	}
	if err := p.ask(ctx, "alipay.trade.refund", content, &said, &said.alipayStatus, alipayRefundSays); err != nil {
		return a, err
	}
	if said.OutTradeNo != r.PayNo || said.FundChange != "Y" {
		return a, unknown("fund_change is %s", fault.Quote(said.FundChange))
	}
	a.Status = schemas.Success
	if at, err := time.ParseInLocation(alipayTime, said.RefundedAt, signing.Beijing); err == nil {
		a.MovedAt = at.UnixMicro()
	}
	return a, nil
}

// Query implements Inquirer. The channel has no number of its own for a refund,
// and gives the trade's: two refunds of one payment must not share it.
func (p *Alipay) Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error) {
	a, err := p.config.Ask.Query(ctx, kind, merchantRef, refundRef, at)
	if kind == schemas.Refund {
		a.ChannelRef = ""
	}
	return a, err
}

// alipayStatus is what every answer of the gateway begins with.
type alipayStatus struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code"`
	SubMsg  string `json:"sub_msg"`
}

// What the sub codes mean; production spells them in either case, with or
// without the prefix. A repetition with other content, or on a trade that has
// succeeded, is not among the refusals: an earlier call had its effect.
var (
	alipayNo = verdicts(isRefusal, "invalid_parameter", "invalid_arguments", "access_forbidden", "partner_error", "total_fee_exceed",
		"exist_forbidden_word", "trade_has_close", "buyer_seller_equal", "trade_buyer_not_match", "buyer_enable_status_forbid", "seller_been_blocked",
		"invalid_signature", "invalid_app_id", "invalid_timestamp", "insufficient_isv_permissions")
	alipayPrepaySays = alipayNo
	alipayRefundSays = with(alipayNo, verdicts(isRefusal, "seller_balance_not_enough", "refund_amt_not_equal_total", "reason_trade_been_freezen",
		"trade_not_exist", "trade_has_finished", "trade_status_error", "refund_fee_error", "trade_not_allow_refund", "not_allow_partial_refund",
		"online_trade_voucher_not_allow_refund", "buyer_not_exist", "customer_validate_error"))
	alipayCloseSays = with(verdicts(isEnded, "trade_status_error", "reason_trade_status_invalid", "reason_illegal_status", "trade_has_close", "trade_has_success"),
		verdicts(isNotThere, "trade_not_exist"))
)

func (s alipayStatus) sub() string {
	word := strings.ReplaceAll(strings.ToLower(s.SubCode), "-", "_")
	return word[strings.LastIndexByte(word, '.')+1:]
}

// ask calls one method and verifies the answer over its raw bytes. 40004 and
// 40002 are the gateway's words for a business and an argument that it refuses;
// any other is no certain no, whatever the sub code.
func (p *Alipay) ask(ctx context.Context, method string, content, into any, status *alipayStatus, says map[string]verdict) error {
	form, err := p.form(method, content, "")
	if err != nil {
		return &Refusal{Code: "REQUEST", Reason: err.Error()}
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded;charset=utf-8"}, "Accept": {"application/json"}, "User-Agent": {"tieout"}}
	a, err := p.config.send(ctx, http.MethodPost, p.gateway, header, []byte(form))
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return unknown("HTTP %d", a.status)
	}
	parts, err := signing.ParseAlipayResponse(method, a.body)
	if err != nil {
		return unknown("the answer to %s: %w", method, err)
	}
	if err := (signing.AlipayTrust{Key: p.config.PublicKey, Certs: p.config.CertKeys}).Response(parts); err != nil {
		return unknown("the answer to %s: %w", method, err)
	}
	if err := strictjson.Decode(parts.Value, into); err != nil {
		return unknown("the answer to %s: %w", method, err)
	}
	switch {
	case status.Code == "10000" && !parts.IsError:
		return nil
	case status.Code == "40004" || status.Code == "40002":
		return says[status.sub()].err(status.SubCode, status.SubMsg)
	}
	return unknown("code %s %s", fault.Quote(status.Code), fault.Quote(status.SubCode))
}

// form signs a request and writes it as a form, or as the query of an address.
func (p *Alipay) form(method string, content any, returnURL string) (string, error) {
	bizContent, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	params := map[string]string{
		"app_id": p.config.AppID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2", "version": "1.0",
		"timestamp": p.config.Now().In(signing.Beijing).Format(alipayTime), "biz_content": string(bizContent), "notify_url": p.config.NotifyURL,
	}
	if returnURL != "" {
		params["return_url"] = returnURL
	}
	if p.config.AppCertSN != "" {
		params["app_cert_sn"], params["alipay_root_cert_sn"] = p.config.AppCertSN, p.config.RootCertSN
	}
	if params["sign"], err = signing.SignAlipayRequest(p.config.Key, params); err != nil {
		return "", err
	}
	return signing.EncodeForm(params), nil
}
