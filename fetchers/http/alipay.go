package http

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
	"tieout/schemas"
)

// AlipayConfig is one partner account at Alipay, reached through one app.
type AlipayConfig struct {
	Options                       // DownloadHosts "" means dwbillcenter.alipay.com
	Gateway    string             // "": https://openapi.alipay.com/gateway.do
	AppID      string             // of the app that signs
	PID        string             // partner number, 16 digits that begin with 2088
	SMID       string             // secondary merchant, for the zft bill types; "" otherwise
	Key        *rsa.PrivateKey    // of the app
	PublicKey  *rsa.PublicKey     // Alipay's; nil in certificate mode
	CertKeys   signing.PublicKeys // Alipay's by alipay_cert_sn, in certificate mode
	AppCertSN  string             // certificate mode: sent with each request
	RootCertSN string             // certificate mode
	// Ready is when, on the day after the bill date in Beijing, a bill that does
	// not exist no longer means "not generated yet"; 0 means 10:00.
	Ready time.Duration
}

// Alipay downloads bills of one partner and queries its payments and refunds.
// Safe for concurrent use.
type Alipay struct {
	*client
	config  AlipayConfig
	gateway *url.URL
}

// NewAlipay checks the configuration; it contacts nobody.
func NewAlipay(config AlipayConfig) (*Alipay, error) {
	if config.Gateway == "" {
		config.Gateway = "https://openapi.alipay.com/gateway.do"
	}
	if config.AppID == "" || config.PID == "" || config.Key == nil || config.PublicKey == nil && len(config.CertKeys) == 0 {
		return nil, fmt.Errorf("alipay client: app id, partner number, private key and Alipay's public key are all needed")
	}
	if config.Ready == 0 {
		config.Ready = 10 * time.Hour
	}
	if len(config.DownloadHosts) == 0 {
		config.DownloadHosts = []string{"dwbillcenter.alipay.com"}
	}
	c, gateway, err := newClient(config.Options, config.Gateway)
	if err != nil {
		return nil, err
	}
	return &Alipay{client: c, config: config, gateway: gateway}, nil
}

const alipayBill = "alipay.data.dataservice.bill.downloadurl.query"

// Fetch downloads one day bill: TRADE (variant trade) or FUND (variant
// signcustomer), or another bill type named as the variant. The signed answer
// holds a link that lives for 30 s; the file is a zip without a digest, so its
// end record is what proves that it is not cut off.
// (alipay.data.dataservice.bill.downloadurl.query.)
//
// A bill that does not exist is NOT_READY until Config.Ready of the next day,
// and EMPTY_CONFIRMED from then on: the channel uses one word for both.
func (p *Alipay) Fetch(ctx context.Context, req schemas.StatementRequest, keep fetchers.Keep) (schemas.Fetched, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.opt.Limits.Total, errTotal)
	defer cancel()
	who := p.about(req)
	content, err := p.billContent(req)
	if err != nil {
		return schemas.Fetched{State: schemas.FetchFailed}, who.fault("E-3015", nil, p.gateway, "code", err.Error(), "message", "")
	}
	var last applied
	ask := func(ctx context.Context) (link, error) {
		var err error
		if last, err = p.apply(ctx, who, content, req.Date); err == nil && last.state != "" {
			err = errNoFile
		}
		last.link.name = fmt.Sprintf("%s0156_%s.csv.zip", fault.Safe(p.config.PID, 32), req.Date.Compact())
		return last.link, err
	}
	file, proofs, err := wanted{p.client, who, keep, ask}.fetch(ctx)
	return last.fetched(file, proofs, err)
}

func (p *Alipay) billContent(req schemas.StatementRequest) (map[string]any, error) {
	kinds := map[string]string{"TRADE": "trade", "FUND": "signcustomer"}
	variant := req.Variant
	if variant == "" {
		variant = kinds[req.Statement]
	}
	known := []string{"trade", "signcustomer", "merchant_act", "trade_zft_merchant", "zft_acc", "settlementMerge"}
	if kinds[req.Statement] == "" || !slices.Contains(known, variant) {
		return nil, fmt.Errorf("Alipay has no statement of kind %.20q, bill type %.40q", req.Statement, variant)
	}
	// The link is http unless "secure" is asked for.
	content := map[string]any{"bill_type": variant, "bill_date": req.Date.String(), "secure": true}
	if p.config.SMID != "" {
		content["smid"] = p.config.SMID
	}
	return content, nil
}

// apply asks for a link.
func (p *Alipay) apply(ctx context.Context, who subject, content map[string]any, date bizday.Date) (applied, error) {
	var body struct {
		alipayStatus
		BillDownloadURL string `json:"bill_download_url"`
		BillFileCode    string `json:"bill_file_code"`
	}
	r, err := p.ask(ctx, who, alipayBill, content, &body, &body.alipayStatus)
	if err != nil {
		return applied{}, err
	}
	done := applied{proofs: append(r.clockProof(), signatureProof(r.signed)), detail: fault.Safe(body.BillFileCode, 64)}
	if !body.ok() {
		switch body.sub() {
		case "bill_not_exist", "no_bill_data":
			done.detail, done.state = fault.Safe(body.SubCode, 64), schemas.FetchNotReady
			if !p.opt.Now().Before(readyAt(date, p.config.Ready)) {
				done.state = schemas.FetchEmptyConfirmed
			}
			return done, nil
		}
		return applied{}, p.refused(who, r.answer, body.alipayStatus)
	}
	if !r.signed {
		return applied{}, who.fault("E-3012", nil, p.gateway, "reason", signing.ErrUnsigned.Error())
	}
	address, err := parseLink(body.BillDownloadURL)
	if err != nil {
		return applied{}, who.fault("E-3011", nil, p.gateway, "reason", err.Error())
	}
	done.link = link{url: address, shape: zipFile}
	return done, nil
}

// readyAt is a wall-clock time in Beijing on the day after the bill date.
func readyAt(date bizday.Date, after time.Duration) time.Time {
	y, m, d := date.Add(1).YMD()
	return time.Date(y, m, d, 0, 0, 0, 0, beijing).Add(after)
}

// alipayTime is how the gateway writes times, in Beijing.
const alipayTime = "2006-01-02 15:04:05"

// alipayStatus is what every answer of the gateway begins with.
type alipayStatus struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code"`
	SubMsg  string `json:"sub_msg"`
}

func (s alipayStatus) ok() bool { return s.Code == "10000" }

// sub normalises a sub_code: production answers spell it isp.bill_not_exist,
// isv.bill-not-exist or BILL_NOT_EXIST, trade answers ACQ.TRADE_NOT_EXIST.
func (s alipayStatus) sub() string {
	word := strings.ReplaceAll(strings.ToLower(s.SubCode), "-", "_")
	for _, prefix := range [...]string{"isv.", "isp.", "aop.", "acq."} {
		if rest, ok := strings.CutPrefix(word, prefix); ok {
			return rest
		}
	}
	return word
}

// alipayReply is an answer with what is known about its signature.
type alipayReply struct {
	answer
	signed bool
}

// ask calls one method of the gateway and reads the value into body, of which
// status is the common part. A signature that does not hold is an error; a
// success without one is the caller's to refuse.
func (p *Alipay) ask(ctx context.Context, who subject, method string, content map[string]any, body any, status *alipayStatus) (alipayReply, error) {
	var r alipayReply
	bizContent, err := json.Marshal(content)
	if err != nil {
		return r, fmt.Errorf("write biz_content of %s: %w", method, err)
	}
	form, sign, err := p.form(method, string(bizContent))
	if err != nil {
		return r, fmt.Errorf("sign %s: %w", method, err)
	}
	r.answer, err = p.do(ctx, who, call{method: nethttp.MethodPost, url: p.gateway, body: []byte(form),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded;charset=utf-8", "Accept": "application/json"}, limit: p.opt.Limits.MaxAnswer})
	if err != nil {
		return r, err
	}
	r.sent = []string{sign, url.QueryEscape(sign)}
	if r.status != nethttp.StatusOK {
		return r, p.refused(who, r.answer, alipayStatus{})
	}
	parts, err := signing.ParseAlipayResponse(method, r.body)
	if err != nil {
		return r, who.fault("E-2410", err, p.gateway, "reason", "the answer to "+method)
	}
	if r.signed = parts.Sign != ""; r.signed {
		if err := (signing.AlipayTrust{Key: p.config.PublicKey, Certs: p.config.CertKeys}).Response(parts); err != nil {
			return r, who.distrust(err, p.gateway, r.at)
		}
	}
	if err := strictjson.Decode(parts.Value, body); err != nil {
		return r, who.fault("E-2410", err, p.gateway, "reason", "the answer to "+method)
	}
	if parts.IsError && status.ok() {
		return r, who.fault("E-2410", nil, p.gateway, "reason", "an error answer that says success")
	}
	return r, nil
}

// form signs the public parameters and writes them all into the body: nothing
// of a request shows in a URL.
func (p *Alipay) form(method, bizContent string) (form, sign string, err error) {
	params := map[string]string{
		"app_id": p.config.AppID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": p.opt.Now().In(beijing).Format(alipayTime), "version": "1.0", "biz_content": bizContent,
	}
	if p.config.AppCertSN != "" {
		params["app_cert_sn"], params["alipay_root_cert_sn"] = p.config.AppCertSN, p.config.RootCertSN
	}
	if sign, err = signing.SignAlipayRequest(p.config.Key, params); err != nil {
		return "", "", err
	}
	params["sign"] = sign
	return signing.EncodeForm(params), sign, nil
}

// alipayClockLimit is from where on a refused signature is blamed on the clock.
const alipayClockLimit = 5 * time.Minute

// refused names an answer that is neither a file nor a state.
func (p *Alipay) refused(who subject, a answer, s alipayStatus) error {
	id := fault.ID("E-3015")
	sub := s.sub()
	switch {
	case sub == "invalid_timestamp", strings.Contains(sub, "signature") && a.clockOff(alipayClockLimit):
		if !a.date.IsZero() {
			return who.clock(a.at, a.date, p.gateway)
		}
		id = "E-3013"
	case a.status == nethttp.StatusTooManyRequests || a.status >= 500 || s.Code == "20000" ||
		sub == "system_rate_limit" || sub == "user_rate_limit" || sub == "unknown_error" || sub == "system_error":
		id = "E-3112"
	case s.Code == "20001" || s.Code == "40001" || s.Code == "40002" || s.Code == "40003" || s.Code == "40006":
		// Wrong signature, app, certificate, token or rights, except for
		// arguments that are wrong.
		if sub != "invalid_arguments" && sub != "invailid_arguments" && sub != "invalid_parameter" {
			id = "E-3013"
		}
	}
	code := strings.TrimSpace(s.Code + " " + s.SubCode)
	if code == "" {
		code = fmt.Sprintf("HTTP %d", a.status)
	}
	return who.fault(id, nil, p.gateway, "code", code, "message", redact(s.SubMsg, p.gateway, a.sent...))
}
