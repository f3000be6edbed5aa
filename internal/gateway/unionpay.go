package gateway

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

// UnionPayConfig is one merchant at UnionPay's online gateway, version 5.1.0.
type UnionPayConfig struct {
	Link
	BaseURL string // "": https://gateway.95516.com
	MerID   string
	CertID  string // serial number of the signing certificate, decimal
	Key     *rsa.PrivateKey
	Trust   signing.UnionPayTrust
}

// UnionPay speaks the online gateway: consumption by a signed form that the
// payer's browser posts, refund and void. Safe for concurrent use.
type UnionPay struct {
	Inquirer
	config      UnionPayConfig
	front, back *url.URL
}

// NewUnionPay checks the configuration; it contacts nobody.
func NewUnionPay(c UnionPayConfig) (*UnionPay, error) {
	if !c.complete() || c.MerID == "" || c.CertID == "" || c.Key == nil || c.Trust.Version != signing.UnionPay510 || c.Trust.Roots == nil {
		return nil, errors.New("unionpay gateway: merchant number, certificate id, key, certificates of 5.1.0, client, query, clock and notify URL are all needed")
	}
	base, err := address(c.BaseURL, "https://gateway.95516.com")
	if err != nil {
		return nil, fmt.Errorf("unionpay gateway: %w", err)
	}
	return &UnionPay{Inquirer: c.Ask, config: c, front: base.JoinPath("/gateway/api/frontTransReq.do"), back: base.JoinPath("/gateway/api/backTransReq.do")}, nil
}

var unionPayNumbers = regexp.MustCompile(`^[A-Za-z0-9]{8,40}$`)

// unionPayTime is how UnionPay writes times, in Beijing.
const unionPayTime = "20060102150405"

// Prepay implements Channel: nothing is sent, the payer's browser posts the
// form. txnTime is the time of the payment in the books, so that every query
// names it again. (UnionPay online gateway, consumption, txnType 01.)
func (u *UnionPay) Prepay(_ context.Context, o Order) (Prepaid, error) {
	if err := unsendable(unionPayNumbers, o.Currency, o.AmountMinor, o.PayNo); err != nil {
		return Prepaid{}, err
	}
	if o.Method != Gateway && o.Method != "" {
		return Prepaid{}, noMethod(o.Method)
	}
	fields := u.fields(o.CreatedAt)
	fields["txnType"], fields["txnSubType"], fields["bizType"] = "01", "01", "000201"
	fields["orderId"], fields["txnAmt"], fields["currencyCode"] = o.PayNo, strconv.FormatInt(o.AmountMinor, 10), "156"
	fields["backUrl"], fields["frontUrl"] = u.config.NotifyURL, o.Payer.ReturnURL
	if !o.ExpiresAt.IsZero() {
		fields["payTimeout"] = o.ExpiresAt.In(signing.Beijing).Format(unionPayTime)
	}
	if err := u.sign(fields); err != nil {
		return Prepaid{}, &Refusal{Code: "REQUEST", Reason: err.Error()}
	}
	return Prepaid{Form: &Form{Action: u.front.String(), Fields: fields}}, nil
}

// Close implements Channel: there is no such request, the form's payTimeout is
// what ends a payment.
func (u *UnionPay) Close(context.Context, string) error { return ErrNoClose }

// unionPaySays lists the codes that say for certain that nothing happens. 12
// (there was such a transaction) is none of them.
var unionPaySays = verdicts(isRefusal, "02", "10", "11", "13", "30", "31", "32", "33", "34", "35", "36", "38", "39")

// Refund implements Channel. (UnionPay online gateway, refund, txnType 04.)
func (u *UnionPay) Refund(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error) {
	return u.giveBack(ctx, "04", r)
}

// Void implements Voider; the channel takes it until its settlement day ends.
// (UnionPay online gateway, void of a consumption, txnType 31.)
func (u *UnionPay) Void(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error) {
	if r.AmountMinor != r.TotalMinor {
		return r.answer(), &Refusal{Code: "AMOUNT", Reason: "a void gives the whole payment back"}
	}
	return u.giveBack(ctx, "31", r)
}

// giveBack asks for money back: 00 means that the request was taken; what became
// of it is for the notification or the query to say.
func (u *UnionPay) giveBack(ctx context.Context, txnType string, r RefundRequest) (schemas.QueryAnswer, error) {
	a := r.answer()
	if err := unsendable(unionPayNumbers, r.Currency, r.AmountMinor, r.RefundNo); err != nil {
		return a, err
	}
	if r.ChannelRef == "" {
		return a, &Refusal{Code: "NUMBER", Reason: "the payment has no number of the channel"}
	}
	fields := u.fields(r.CreatedAt)
	fields["txnType"], fields["txnSubType"], fields["bizType"], fields["origQryId"] = txnType, "00", "000201", r.ChannelRef
	fields["orderId"], fields["txnAmt"], fields["backUrl"] = r.RefundNo, strconv.FormatInt(r.AmountMinor, 10), u.config.NotifyURL
	said, err := u.post(ctx, fields)
	if err != nil {
		return a, err
	}
	if code := said["respCode"]; code != "00" && code != "A6" {
		return a, unionPaySays[code].err(code, said["respMsg"])
	}
	if said["orderId"] != r.RefundNo || said["merId"] != u.config.MerID || said["txnAmt"] != "" && said["txnAmt"] != fields["txnAmt"] {
		return a, unknown("the answer is about refund %s", fault.Quote(said["orderId"]))
	}
	return a, nil
}

// fields are what every request begins with.
func (u *UnionPay) fields(at time.Time) map[string]string {
	return map[string]string{"version": string(u.config.Trust.Version), "encoding": "UTF-8", "certId": u.config.CertID, "signMethod": "01",
		"accessType": "0", "channelType": "07", "merId": u.config.MerID, "txnTime": at.In(signing.Beijing).Format(unionPayTime)}
}

func (u *UnionPay) sign(fields map[string]string) (err error) {
	for k, v := range fields {
		if v == "" {
			delete(fields, k) // it is not signed, so it is not sent
		}
	}
	fields["signature"], err = signing.SignUnionPay(u.config.Trust.Version, u.config.Key, fields)
	return err
}

// post sends signed fields and verifies the answer before anything reads it.
func (u *UnionPay) post(ctx context.Context, fields map[string]string) (map[string]string, error) {
	if err := u.sign(fields); err != nil {
		return nil, &Refusal{Code: "REQUEST", Reason: err.Error()}
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded;charset=UTF-8"}, "User-Agent": {"tieout"}}
	a, err := u.config.send(ctx, http.MethodPost, u.back, header, []byte(signing.EncodeForm(fields)))
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, unknown("HTTP %d", a.status)
	}
	said, err := signing.UnionPayAnswer(a.body)
	if err != nil {
		return nil, unknown("the answer: %w", err)
	}
	if err := u.config.Trust.Verify(said, a.at); err != nil {
		return nil, unknown("the answer: %w", err)
	}
	return said, nil
}
