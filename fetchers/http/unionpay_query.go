package http

import (
	"context"
	"slices"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/signing"
	"tieout/schemas"
)

// unionPayCurrencies maps the numeric codes of ISO 4217 that UnionPay uses.
var unionPayCurrencies = map[string]string{"156": "CNY", "344": "HKD", "446": "MOP", "901": "TWD", "840": "USD", "978": "EUR", "392": "JPY", "702": "SGD", "410": "KRW", "764": "THB"}

// Query asks for the state of one payment (by merchantRef, orderId) or refund
// (by refundRef, its own orderId). See WeChat.Query for the third answer.
// Amounts are in fen. ChannelRef is queryId.
//
// UnionPay finds a transaction by orderId AND txnTime: at must be the time that
// was sent in the request, to the second; with another one the answer is "not
// found" although the money moved. (UnionPay online gateway, query, txnType 00.)
func (u *UnionPay) Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error) {
	q := query{kind: kind, merchantRef: merchantRef, refundRef: refundRef}
	if err := q.check(); err != nil {
		return q.unasked(err)
	}
	who := u.aboutAccount()
	if at.IsZero() {
		return q.unasked(who.fault("E-2410", nil, u.queries, "reason", "a query needs the time that was sent with the order"))
	}
	fields := u.fields(at)
	fields["txnType"], fields["txnSubType"], fields["bizType"], fields["orderId"] = "00", "00", "000000", q.key()
	r, err := u.post(ctx, who, u.queries, fields, u.opt.Limits.MaxAnswer)
	if err != nil {
		return q.unasked(err)
	}
	if !r.signed { // money moves on this answer
		return q.unasked(who.fault("E-3012", nil, u.queries, "reason", "there is no signature"))
	}
	switch r.fields["respCode"] {
	case "34":
		return q.notFound(), nil
	case "00":
		return u.readQuery(q, who, r.fields)
	}
	return q.unasked(u.refused(who, u.queries, r))
}

func (u *UnionPay) readQuery(q query, who subject, fields map[string]string) (schemas.QueryAnswer, error) {
	if fields["orderId"] != q.key() || fields["merId"] != u.config.MerID {
		return q.unasked(q.otherThing(who, u.queries, fields["merId"]+"/"+fields["orderId"]))
	}
	// The answer names the type of the transaction, or repeats that of the query.
	// A void is a refund of the whole payment on its day.
	want := map[schemas.Kind][]string{schemas.Payment: {"01"}, schemas.Refund: {"04", "31"}}[q.kind]
	if got := fields["txnType"]; !slices.Contains(want, got) && got != "00" && got != "" {
		return q.unasked(q.otherThing(who, u.queries, "txnType "+got))
	}
	var status schemas.Status
	switch code := fields["origRespCode"]; code {
	case "00":
		status = schemas.Success
	case "03", "04", "05": // in progress, state not clear
		status = schemas.Unknown
	case "A6", "": // A6 is not documented well enough to move money on it
		return q.unasked(who.fault("E-2410", nil, u.queries, "reason", "origRespCode "+fault.Quote(code)))
	default:
		status = schemas.Failed
	}
	currency := unionPayCurrencies[fields["currencyCode"]]
	minor, err := money.Parse([]byte(fields["txnAmt"]), 0)
	if err != nil && status == schemas.Success {
		return q.unasked(who.fault("E-2410", err, u.queries, "reason", "txnAmt "+fault.Quote(fields["txnAmt"])))
	}
	moved, _ := signing.UnionPayTime(fields["txnTime"], fields["traceTime"]) // zero if it does not say
	return q.found(who, u.queries, status, &minor, currency, fields["queryId"], moved)
}
