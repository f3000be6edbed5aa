package http

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	nethttp "net/http"
	"net/url"
	"strings"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/personal"
	"tieout/internal/signing"
	"tieout/schemas"
)

// UnionPayConfig is one merchant at UnionPay's online gateway.
type UnionPayConfig struct {
	Options
	FileURL  string                // "": https://filedownload.95516.com/
	QueryURL string                // "": https://gateway.95516.com/gateway/api/queryTrans.do
	MerID    string                // 15 characters
	CertID   string                // serial number of the signing certificate, decimal
	Key      *rsa.PrivateKey       // of that certificate
	Trust    signing.UnionPayTrust // whose answers are believed; its Version is used for requests too
}

// UnionPay downloads settlement files of one merchant and queries its payments
// and refunds. Safe for concurrent use.
type UnionPay struct {
	*client
	config         UnionPayConfig
	files, queries *url.URL
}

// NewUnionPay checks the configuration; it contacts nobody.
func NewUnionPay(config UnionPayConfig) (*UnionPay, error) {
	if config.FileURL == "" {
		config.FileURL = "https://filedownload.95516.com/"
	}
	if config.QueryURL == "" {
		config.QueryURL = "https://gateway.95516.com/gateway/api/queryTrans.do"
	}
	if config.Trust.Version == "" {
		config.Trust.Version = signing.UnionPay510
	}
	believes := config.Trust.Roots != nil // 5.1.0
	if config.Trust.Version == signing.UnionPay500 {
		believes = len(config.Trust.Keys) > 0
	}
	if config.MerID == "" || config.CertID == "" || config.Key == nil || !believes {
		return nil, fmt.Errorf("unionpay client: merchant number, certificate id, private key and UnionPay's certificates are all needed")
	}
	if config.Limits.MaxBytes == 0 {
		config.Limits.MaxBytes = 256 << 20 // the whole answer is signed, so it is held in memory
	}
	ques, err := url.Parse(config.QueryURL)
	if err != nil || ques.Host == "" {
		return nil, fmt.Errorf("unionpay client: the query URL is not scheme://host/path")
	}
	config.DownloadHosts = append(append([]string(nil), config.DownloadHosts...), hostPort(ques))
	c, file, err := newClient(config.Options, config.FileURL)
	if err != nil {
		return nil, err
	}
	if err := c.guard.check(ques); err != nil {
		return nil, fmt.Errorf("unionpay client: query URL: %w", err)
	}
	return &UnionPay{client: c, config: config, files: file, queries: ques}, nil
}

// maxUnionPayAge keeps away from the day that has the same month and day last
// year: a request names a settlement date without its year.
const maxUnionPayAge = 330

// Fetch downloads the settlement file of one day (fileTransfer, txnType 76) and
// keeps fileContent as it came, base64(zlib(zip)): the answer's signature
// covers exactly these bytes and was verified before. Variant and kind are not
// part of the request: the zip holds the general flow (ZM) and the adjustments
// (ZME). respCode 98 means that there is no file, whether it comes later or
// never: it is NOT_READY, and after the give-up time people must ask.
func (u *UnionPay) Fetch(ctx context.Context, req schemas.StatementRequest, keep fetchers.Keep) (schemas.Fetched, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, u.opt.Limits.Total, errTotal)
	defer cancel()
	who, now := u.about(req), u.opt.Now()
	if age := int(bizday.Of(now, beijing)) - int(req.Date); age > maxUnionPayAge || age < 0 {
		return failed(nil, who.fault("E-3015", nil, u.files, "code", "settlement date out of range", "message",
			fmt.Sprintf("%d days old; a request has no year, so at most %d are asked for", age, maxUnionPayAge)))
	}
	fields := u.fields(now)
	fields["txnType"], fields["txnSubType"], fields["bizType"] = "76", "01", "000000"
	fields["fileType"], fields["settleDate"] = "00", req.Date.Format("0102")
	r, err := u.post(ctx, who, u.files, fields, u.opt.Limits.MaxBytes)
	if err != nil {
		return failed(nil, err)
	}
	proofs := append(r.clockProof(), signatureProof(r.signed))
	switch code := r.fields["respCode"]; {
	case code == "98":
		return schemas.Fetched{State: schemas.FetchNotReady, Detail: "98 no file for this day yet, or no trade", Proofs: proofs}, nil
	case code != "00":
		return failed(proofs, u.refused(who, u.files, r))
	case !r.signed:
		return failed(proofs, who.fault("E-3012", nil, u.files, "reason", signing.ErrUnsigned.Error()))
	}
	return u.keepFile(ctx, who, req, r, proofs, keep)
}

func failed(proofs []schemas.Proof, err error) (schemas.Fetched, error) {
	return schemas.Fetched{State: schemas.FetchFailed, Proofs: proofs}, err
}

func (u *UnionPay) keepFile(ctx context.Context, who subject, req schemas.StatementRequest, r unionPayReply, proofs []schemas.Proof, keep fetchers.Keep) (schemas.Fetched, error) {
	content := r.fields["fileContent"]
	name := fault.Safe(r.fields["fileName"], 80)
	if name == "" {
		name = fmt.Sprintf("%s_%s.zip", fault.Safe(u.config.MerID, 32), req.Date.Format("0102"))
	}
	if !zlibInBase64(content) {
		wrong := who.fault("E-2110", nil, u.files, "head", personal.Quote(content))
		return failed(proofs, offer(ctx, keep, name, strings.NewReader(content), wrong))
	}
	for name, got := range map[string]string{"merId": r.fields["merId"], "settleDate": r.fields["settleDate"]} {
		want := map[string]string{"merId": u.config.MerID, "settleDate": req.Date.Format("0102")}[name]
		if got != "" && got != want {
			return failed(proofs, who.fault("E-2410", nil, u.files, "reason", fmt.Sprintf("asked for %s %s, the answer is about %s", name, want, fault.Quote(got))))
		}
	}
	used, err := keep(ctx, name, strings.NewReader(content))
	if err != nil {
		return failed(proofs, err)
	}
	return schemas.Fetched{State: schemas.FetchFetched, Proofs: proofs,
		Files: []schemas.FetchedFile{{FileUsed: used, Place: place(u.files), At: u.opt.Now()}}}, nil
}

// zlibInBase64 tells whether text begins like base64 of a zlib stream (RFC
// 1950: deflate with a 32 KiB window, header divisible by 31).
func zlibInBase64(text string) bool {
	if len(text) < 4 {
		return false
	}
	head, err := base64.StdEncoding.DecodeString(text[:4])
	return err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0
}

// unionPayReply is an answer taken apart; the signature of a signed one holds.
type unionPayReply struct {
	answer
	fields map[string]string
	signed bool
}

func (u *UnionPay) fields(now time.Time) map[string]string {
	return map[string]string{"version": string(u.config.Trust.Version), "encoding": "UTF-8", "certId": u.config.CertID, "signMethod": "01",
		"accessType": "0", "channelType": "07", "merId": u.config.MerID, "txnTime": now.In(beijing).Format("20060102150405")}
}

// post signs the fields, sends them and verifies the answer before anything
// else is done with it.
func (u *UnionPay) post(ctx context.Context, who subject, to *url.URL, fields map[string]string, limit int64) (unionPayReply, error) {
	var r unionPayReply
	sign, err := signing.SignUnionPay(u.config.Trust.Version, u.config.Key, fields)
	if err != nil {
		return r, fmt.Errorf("sign request of txnType %s: %w", fields["txnType"], err)
	}
	fields["signature"] = sign
	r.answer, err = u.do(ctx, who, call{method: nethttp.MethodPost, url: to, body: []byte(signing.EncodeForm(fields)), bulk: to == u.files, limit: limit, finished: u.finished,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}})
	if err != nil {
		return r, err
	}
	r.sent = []string{sign}
	if r.status != nethttp.StatusOK {
		return r, u.refused(who, to, r)
	}
	if r.fields, err = signing.UnionPayAnswer(r.body); err != nil {
		return r, who.fault("E-2110", err, to, "head", personal.Quote(redact(string(r.body[:min(len(r.body), 512)]), to, sign)))
	}
	r.body = nil // the fields hold it
	if r.signed = r.fields["signature"] != ""; r.signed {
		if err := u.config.Trust.Verify(r.fields, r.at); err != nil {
			return r, who.distrust(err, to, r.at)
		}
	}
	return r, nil
}

// refused names an answer that is neither a file nor a state. (UnionPay online
// gateway, response codes: 02, 03, 06 try later; 11 our signature.)
func (u *UnionPay) refused(who subject, to *url.URL, r unionPayReply) error {
	code, id := r.fields["respCode"], fault.ID("E-3015")
	switch {
	case code == "02" || code == "03" || code == "06" || r.status == nethttp.StatusTooManyRequests || r.status >= 500:
		id = "E-3112"
	case code == "11":
		if r.clockOff(alipayClockLimit) {
			return who.clock(r.at, r.date, to)
		}
		id = "E-3013"
	}
	if code == "" {
		code = fmt.Sprintf("HTTP %d", r.status)
	}
	return who.fault(id, nil, to, "code", code, "message", redact(r.fields["respMsg"], to, r.sent...))
}
