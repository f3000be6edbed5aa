package gateway

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
	"tieout/schemas"
)

// WeChatConfig is one merchant account at WeChat Pay, API v3.
type WeChatConfig struct {
	Link
	BaseURL      string // "": https://api.mch.weixin.qq.com
	MchID, AppID string
	Serial       string // of the merchant's API certificate, upper-case hexadecimal
	Key          *rsa.PrivateKey
	PlatformKeys signing.PublicKeys
}

// WeChat speaks WeChat Pay API v3: native, JSAPI and H5 payments, close,
// refund. Safe for concurrent use.
type WeChat struct {
	Inquirer
	config WeChatConfig
	base   *url.URL
}

// NewWeChat checks the configuration; it contacts nobody.
func NewWeChat(c WeChatConfig) (*WeChat, error) {
	if !c.complete() || c.MchID == "" || c.AppID == "" || c.Serial == "" || c.Key == nil || len(c.PlatformKeys) == 0 {
		return nil, errors.New("wechat gateway: merchant number, app id, certificate serial, keys, client, query, clock and notify URL are all needed")
	}
	base, err := address(c.BaseURL, "https://api.mch.weixin.qq.com")
	if err != nil {
		return nil, fmt.Errorf("wechat gateway: %w", err)
	}
	return &WeChat{Inquirer: c.Ask, config: c, base: base}, nil
}

// weChatNumbers are the numbers of ours that the channel takes.
var weChatNumbers = regexp.MustCompile(`^[A-Za-z0-9_*-]{6,32}$`)

type weChatAmount struct {
	Refund   int64  `json:"refund,omitempty"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

type weChatOrder struct {
	AppID       string       `json:"appid"`
	MchID       string       `json:"mchid"`
	Description string       `json:"description"`
	OutTradeNo  string       `json:"out_trade_no"`
	TimeExpire  string       `json:"time_expire,omitempty"`
	NotifyURL   string       `json:"notify_url"`
	Amount      weChatAmount `json:"amount"`
	Payer       *weChatPayer `json:"payer,omitempty"`
	Scene       *weChatScene `json:"scene_info,omitempty"`
}

type weChatPayer struct {
	OpenID string `json:"openid"`
}

type weChatScene struct {
	PayerClientIP string `json:"payer_client_ip"`
	H5            struct {
		Type string `json:"type"`
	} `json:"h5_info"`
}

// Prepay implements Channel. (WeChat Pay API v3, "Native", "JSAPI" and "H5
// order".)
func (w *WeChat) Prepay(ctx context.Context, o Order) (Prepaid, error) {
	if err := unsendable(weChatNumbers, o.Currency, o.AmountMinor, o.PayNo); err != nil {
		return Prepaid{}, err
	}
	body := weChatOrder{AppID: w.config.AppID, MchID: w.config.MchID, Description: o.subject(), OutTradeNo: o.PayNo,
		NotifyURL: w.config.NotifyURL, Amount: weChatAmount{Total: o.AmountMinor, Currency: o.Currency}}
	if !o.ExpiresAt.IsZero() {
		body.TimeExpire = o.ExpiresAt.In(signing.Beijing).Format(time.RFC3339)
	}
	var path string
	switch o.Method {
	case Native, "":
		path = "native"
	case JSAPI:
		if path = "jsapi"; o.Payer.OpenID == "" {
			return Prepaid{}, &Refusal{Code: "PAYER", Reason: "a JSAPI payment needs the payer's openid"}
		}
		body.Payer = &weChatPayer{o.Payer.OpenID}
	case H5:
		if path = "h5"; o.Payer.ClientIP == "" {
			return Prepaid{}, &Refusal{Code: "PAYER", Reason: "an H5 payment needs the payer's address"}
		}
		body.Scene = &weChatScene{PayerClientIP: o.Payer.ClientIP}
		body.Scene.H5.Type = "Wap"
	default:
		return Prepaid{}, noMethod(o.Method)
	}
	var said struct {
		CodeURL  string `json:"code_url"`
		PrepayID string `json:"prepay_id"`
		H5URL    string `json:"h5_url"`
	}
	if err := w.post(ctx, w.base.JoinPath("/v3/pay/transactions", path), body, &said, weChatPrepaySays); err != nil {
		return Prepaid{}, err
	}
	switch {
	case path == "native" && said.CodeURL != "":
		return Prepaid{CodeURL: said.CodeURL}, nil
	case path == "h5" && said.H5URL != "":
		return Prepaid{PayURL: said.H5URL}, nil
	case path == "jsapi" && said.PrepayID != "":
		fields, err := signing.SignWeChatJSAPI(w.config.Key, w.config.AppID, said.PrepayID, w.config.Now(), signing.Nonce())
		return Prepaid{JSAPI: fields}, err
	}
	return Prepaid{}, unknown("the answer names nothing to pay with")
}

// subject is what the payer sees.
func (o Order) subject() string {
	if o.Payer.Subject == "" {
		return o.PayNo
	}
	return o.Payer.Subject
}

func noMethod(m Method) error {
	return &Refusal{Code: "METHOD", Reason: fmt.Sprintf("the channel has no method %.20q", string(m))}
}

// Close implements Channel. (WeChat Pay API v3, "close order".)
func (w *WeChat) Close(ctx context.Context, payNo string) error {
	if !weChatNumbers.MatchString(payNo) {
		return ErrNotThere // such a number was never sent
	}
	body := map[string]string{"mchid": w.config.MchID}
	return w.post(ctx, w.base.JoinPath("/v3/pay/transactions/out-trade-no", url.PathEscape(payNo), "close"), body, nil, weChatCloseSays)
}

type weChatRefund struct {
	OutTradeNo  string       `json:"out_trade_no"`
	OutRefundNo string       `json:"out_refund_no"`
	NotifyURL   string       `json:"notify_url"`
	Amount      weChatAmount `json:"amount"`
}

// weChatRefunds maps the status of a refund. ABNORMAL: the money did not reach
// the payer.
var weChatRefunds = map[string]schemas.Status{
	"SUCCESS": schemas.Success, "PROCESSING": schemas.Unknown, "CLOSED": schemas.Closed, "ABNORMAL": schemas.Failed,
}

// Refund implements Channel. (WeChat Pay API v3, "request a refund".)
func (w *WeChat) Refund(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error) {
	a := r.answer()
	if err := unsendable(weChatNumbers, r.Currency, r.AmountMinor, r.PayNo, r.RefundNo); err != nil {
		return a, err
	}
	body := weChatRefund{OutTradeNo: r.PayNo, OutRefundNo: r.RefundNo, NotifyURL: w.config.NotifyURL,
		Amount: weChatAmount{Refund: r.AmountMinor, Total: r.TotalMinor, Currency: r.Currency}}
	var said struct {
		RefundID    string `json:"refund_id"`
		OutRefundNo string `json:"out_refund_no"`
		Status      string `json:"status"`
		SuccessTime string `json:"success_time"`
		Amount      struct {
			Refund   int64  `json:"refund"`
			Currency string `json:"currency"`
		} `json:"amount"`
	}
	if err := w.post(ctx, w.base.JoinPath("/v3/refund/domestic/refunds"), body, &said, weChatRefundSays); err != nil {
		return a, err
	}
	status, known := weChatRefunds[said.Status]
	if !known || said.OutRefundNo != r.RefundNo || said.Amount.Refund != r.AmountMinor || said.Amount.Currency != r.Currency {
		return a, unknown("the answer is about refund %s in state %s", fault.Quote(said.OutRefundNo), fault.Quote(said.Status))
	}
	a.Status, a.ChannelRef = status, said.RefundID
	if at, err := time.Parse(time.RFC3339, said.SuccessTime); err == nil {
		a.MovedAt = at.UnixMicro()
	}
	return a, nil
}

// answer is a refund that the channel has taken and not decided.
func (r RefundRequest) answer() schemas.QueryAnswer {
	return schemas.QueryAnswer{Key: r.RefundNo, Kind: schemas.Refund, Asked: true, Found: true, Status: schemas.Unknown,
		AmountMinor: r.AmountMinor, Currency: r.Currency}
}

// What the codes of each call mean. OUT_TRADE_NO_USED is not among the
// refusals: the order may have been prepared, even paid, by a call whose answer
// was lost.
var (
	weChatNo = verdicts(isRefusal, "PARAM_ERROR", "INVALID_REQUEST", "NO_AUTH", "SIGN_ERROR", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS", "RULE_LIMIT",
		"RULELIMIT", "ACCOUNT_ERROR", "NOT_ENOUGH", "USER_ACCOUNT_ABNORMAL", "ORDER_CLOSED", "OPENID_MISMATCH")
	weChatPrepaySays = weChatNo
	weChatRefundSays = with(weChatNo, verdicts(isRefusal, "RESOURCE_NOT_EXISTS", "ORDER_NOT_EXIST"))
	weChatCloseSays  = with(verdicts(isEnded, "ORDERPAID", "ORDER_PAID", "ORDER_CLOSED", "ORDERCLOSED"),
		verdicts(isNotThere, "ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"))
)

func with(a, b map[string]verdict) map[string]verdict {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// post sends one signed request and verifies the answer over its raw bytes
// before anything reads it. into is nil where no content is a yes.
func (w *WeChat) post(ctx context.Context, to *url.URL, content, into any, says map[string]verdict) error {
	body, err := json.Marshal(content)
	if err != nil {
		return &Refusal{Code: "REQUEST", Reason: err.Error()}
	}
	auth, err := signing.SignWeChatRequest(w.config.Key, w.config.MchID, w.config.Serial, http.MethodPost, to.RequestURI(), body, w.config.Now(), signing.Nonce())
	if err != nil {
		return &Refusal{Code: "REQUEST", Reason: err.Error()}
	}
	header := http.Header{"Authorization": {auth.Header()}, "Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"tieout"}}
	a, err := w.config.send(ctx, http.MethodPost, to, header, body)
	if err != nil {
		return err
	}
	if err := signing.WeChatStampOf(a.header).Verify(w.config.PlatformKeys, a.body, a.at); err != nil {
		return unknown("HTTP %d: %w", a.status, err)
	}
	switch {
	case a.status >= 400 && a.status < 500:
		var no struct{ Code, Message string }
		if err := strictjson.Decode(a.body, &no); err != nil {
			return unknown("HTTP %d: %w", a.status, err)
		}
		return says[no.Code].err(no.Code, no.Message)
	case a.status == http.StatusNoContent && into == nil:
		return nil
	case a.status != http.StatusOK || into == nil:
		return unknown("HTTP %d", a.status)
	}
	if err := strictjson.Decode(a.body, into); err != nil {
		return unknown("the answer cannot be read: %w", err)
	}
	return nil
}
