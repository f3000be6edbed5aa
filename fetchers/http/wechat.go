package http

import (
	"context"
	"crypto/rsa"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"

	"tieout/fetchers"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
	"tieout/schemas"
)

// WeChatConfig is one merchant account at WeChat Pay, API v3.
type WeChatConfig struct {
	Options
	BaseURL      string             // "": https://api.mch.weixin.qq.com
	MchID        string             // merchant number
	SubMchID     string             // service providers only; "": all sub-merchants
	Serial       string             // of the merchant's API certificate, upper-case hexadecimal
	Key          *rsa.PrivateKey    // of that certificate
	PlatformKeys signing.PublicKeys // by platform certificate serial or PUB_KEY_ID_…
	Plain        bool               // do not ask for GZIP
}

// WeChat downloads bills of one merchant and queries its payments and refunds.
// Safe for concurrent use.
type WeChat struct {
	*client
	config WeChatConfig
	base   *url.URL
}

// NewWeChat checks the configuration; it contacts nobody.
func NewWeChat(config WeChatConfig) (*WeChat, error) {
	if config.BaseURL == "" {
		config.BaseURL = "https://api.mch.weixin.qq.com"
	}
	if config.MchID == "" || config.Serial == "" || config.Key == nil || len(config.PlatformKeys) == 0 {
		return nil, fmt.Errorf("wechat client: merchant number, certificate serial, private key and platform keys are all needed")
	}
	c, base, err := newClient(config.Options, config.BaseURL)
	if err != nil {
		return nil, err
	}
	return &WeChat{client: c, config: config, base: base}, nil
}

// Fetch downloads one bill: TRADE (variants ALL, SUCCESS, REFUND) or FUND
// (variants BASIC, OPERATION, FEES). It applies for the bill, verifies the
// signed answer, downloads at once from the short-lived link, and compares the
// SHA-1 that the answer announced over the unpacked bytes. (WeChat Pay API v3,
// "apply for the trade bill", "apply for the fund-flow bill".)
//
// Proofs: answer.signature, digest.sha1, transfer.bytes if the server says a
// size, clock if the clocks differ.
func (w *WeChat) Fetch(ctx context.Context, req schemas.StatementRequest, keep fetchers.Keep) (schemas.Fetched, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.opt.Limits.Total, errTotal)
	defer cancel()
	who := w.about(req)
	apply, variant, err := w.applyURL(req)
	if err != nil {
		return schemas.Fetched{State: schemas.FetchFailed}, who.fault("E-3015", nil, w.base, "code", err.Error(), "message", "")
	}
	var last applied
	ask := func(ctx context.Context) (link, error) {
		var err error
		if last, err = w.apply(ctx, who, apply); err == nil && last.state != "" {
			err = errNoFile
		}
		last.link.name = w.fileName(req, variant)
		return last.link, err
	}
	file, proofs, err := wanted{w.client, who, keep, ask}.fetch(ctx)
	return last.fetched(file, proofs, err)
}

func (w *WeChat) applyURL(req schemas.StatementRequest) (*url.URL, string, error) {
	q := url.Values{"bill_date": {req.Date.String()}}
	if !w.config.Plain {
		q.Set("tar_type", "GZIP")
	}
	var path, field string
	var known []string
	switch req.Statement {
	case "TRADE":
		path, field, known = "/v3/bill/tradebill", "bill_type", []string{"ALL", "SUCCESS", "REFUND"}
		if w.config.SubMchID != "" {
			q.Set("sub_mchid", w.config.SubMchID)
		}
	case "FUND":
		path, field, known = "/v3/bill/fundflowbill", "account_type", []string{"BASIC", "OPERATION", "FEES"}
	default:
		return nil, "", fmt.Errorf("WeChat Pay has no statement of kind %.20q", req.Statement)
	}
	variant := req.Variant
	if variant == "" {
		variant = known[0]
	}
	if !slices.Contains(known, variant) {
		return nil, "", fmt.Errorf("%s is none of %s", fault.Quote(variant), strings.Join(known, ", "))
	}
	q.Set(field, variant)
	u := w.base.JoinPath(path)
	u.RawQuery = q.Encode()
	return u, variant, nil
}

func (w *WeChat) fileName(req schemas.StatementRequest, variant string) string {
	name := fmt.Sprintf("wechat_%s_%s_%s_%s.csv", fault.Safe(w.config.MchID, 32), req.Date.Compact(), req.Statement, variant)
	if !w.config.Plain {
		name += ".gz"
	}
	return name
}

// apply asks for a link.
func (w *WeChat) apply(ctx context.Context, who subject, u *url.URL) (applied, error) {
	a, err := w.get(ctx, who, u)
	if err != nil {
		return applied{}, err
	}
	proofs := a.clockProof()
	if a.status != nethttp.StatusOK {
		refusal := readWeChatRefusal(a)
		signed, err := w.verified(who, u, a)
		if err != nil {
			return applied{}, err
		}
		done := applied{detail: refusal.code, proofs: append(proofs, signatureProof(signed))}
		switch refusal.code {
		case "NO_STATEMENT_EXIST":
			done.state = schemas.FetchEmptyConfirmed
			return done, nil
		case "STATEMENT_CREATING":
			done.state = schemas.FetchNotReady
			return done, nil
		}
		return applied{}, w.refused(who, u, a, refusal)
	}
	l, err := w.link(who, u, a)
	return applied{proofs: append(proofs, signatureProof(true)), link: l}, err
}

// link reads the signed answer that holds the address and the digest.
func (w *WeChat) link(who subject, u *url.URL, a answer) (link, error) {
	signed, err := w.verified(who, u, a)
	if err != nil {
		return link{}, err
	}
	if !signed {
		return link{}, who.fault("E-3012", nil, u, "reason", signing.ErrUnsigned.Error())
	}
	var body struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	if err := strictjson.Decode(a.body, &body); err != nil {
		return link{}, who.fault("E-2410", err, u, "reason", "the answer to the application")
	}
	sum := strings.ToLower(body.HashValue)
	if body.HashType != "SHA1" || len(sum) != 40 || strings.Trim(sum, "0123456789abcdef") != "" {
		return link{}, who.fault("E-2410", nil, u, "reason", "hash_type "+fault.Quote(body.HashType)+" or hash_value is not a SHA-1")
	}
	address, err := parseLink(body.DownloadURL)
	if err != nil {
		return link{}, who.fault("E-3011", nil, u, "reason", err.Error())
	}
	refusal := func(status int, said []byte) error {
		if status != nethttp.StatusForbidden && status != nethttp.StatusUnauthorized {
			return nil
		}
		b := answer{status: status, body: said}
		return w.refused(who, address, b, readWeChatRefusal(b))
	}
	return link{url: address, sign: w.sign, shape: csvFile, sha1: sum, refusal: refusal}, nil
}

// sign sets the Authorization header. It is set again for each request, with
// its own time and nonce, and only on requests to a host that the guard listed.
func (w *WeChat) sign(r *nethttp.Request) ([]string, error) {
	auth, err := signing.SignWeChatRequest(w.config.Key, w.config.MchID, w.config.Serial, r.Method, r.URL.RequestURI(), nil, w.opt.Now(), signing.Nonce())
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", auth.Header())
	return []string{auth.Header(), auth.Signature, auth.Nonce}, nil
}

func (w *WeChat) get(ctx context.Context, who subject, u *url.URL) (answer, error) {
	return w.do(ctx, who, call{method: nethttp.MethodGet, url: u, header: map[string]string{"Accept": "application/json"}, sign: w.sign, limit: w.opt.Limits.MaxAnswer})
}

// verified checks the signature over the raw body, before anything reads it.
// Without a signature it is false: what that means depends on the answer.
func (w *WeChat) verified(who subject, u *url.URL, a answer) (bool, error) {
	stamp := signing.WeChatStampOf(a.header)
	if stamp.Signature == "" {
		return false, nil
	}
	if err := stamp.Verify(w.config.PlatformKeys, a.body, a.at); err != nil {
		return false, who.distrust(err, u, a.at)
	}
	return true, nil
}

// weChatRefusal is the body of every answer that is not 200.
type weChatRefusal struct{ code, message string }

func readWeChatRefusal(a answer) weChatRefusal {
	var body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if strictjson.Decode(a.body, &body) != nil || body.Code == "" {
		return weChatRefusal{code: fmt.Sprintf("HTTP %d", a.status)}
	}
	return weChatRefusal{fault.Safe(body.Code, 64), body.Message}
}

// refused names an answer that is neither a file nor a state.
func (w *WeChat) refused(who subject, u *url.URL, a answer, r weChatRefusal) error {
	id := fault.ID("E-3015")
	switch {
	case r.code == "SIGN_ERROR" || a.status == nethttp.StatusUnauthorized:
		if a.clockOff(signing.WeChatMaxSkew) {
			return who.clock(a.at, a.date, u)
		}
		id = "E-3013"
	case r.code == "NO_AUTH" || a.status == nethttp.StatusForbidden:
		id = "E-3013"
	case r.code == "FREQUENCY_LIMITED" || r.code == "RATELIMIT_EXCEEDED" || r.code == "SYSTEM_ERROR" ||
		a.status == nethttp.StatusTooManyRequests || a.status >= 500:
		id = "E-3112"
	}
	return who.fault(id, nil, u, "code", r.code, "message", redact(r.message, u, a.sent...))
}
