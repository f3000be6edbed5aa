package paycore

import (
	"fmt"
	"net/http"
	"time"

	"tieout/internal/money"
	"tieout/internal/signing"
)

// UnionPayReceiver understands UnionPay's backUrl notifications: a form, signed
// like requests and answers.
type UnionPayReceiver struct {
	Account string // its name in the configuration
	MerID   string
	Trust   signing.UnionPayTrust
}

func (r UnionPayReceiver) account() (string, string) { return "unionpay", r.Account }

// answer: HTTP 200 is yes, whatever the body says.
func (UnionPayReceiver) answer(w http.ResponseWriter, accepted bool) {
	if accepted {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusInternalServerError)
}

func (r UnionPayReceiver) open(_ http.Header, body []byte, now time.Time) (opened, error) {
	f, err := signing.Form(body)
	if err != nil {
		return opened{}, err
	}
	if err := r.Trust.Verify(f, now); err != nil {
		return opened{}, err
	}
	if f["queryId"] == "" || f["orderId"] == "" {
		return opened{}, fmt.Errorf("%w: queryId or orderId is missing", signing.ErrMalformed)
	}
	// A notification has no number of its own: type, outcome and the channel's
	// number of the transaction name it.
	o := opened{id: f["txnType"] + ":" + f["respCode"] + ":" + f["queryId"]}
	amount, err := money.Parse([]byte(f["txnAmt"]), 0)
	if err != nil {
		return opened{}, fmt.Errorf("%w: %w", signing.ErrMalformed, err)
	}
	at, err := signing.UnionPayTime(f["txnTime"], f["traceTime"])
	if err != nil {
		return opened{}, err
	}
	paid := f["respCode"] == "00" || f["respCode"] == "A6"
	switch {
	case f["merId"] != r.MerID:
		o.command = foreign("merchant")
	case f["currencyCode"] != "156":
		o.command = foreign("currency")
	case f["txnType"] == "01" && paid:
		o.command = MarkPaid{PayNo: f["orderId"], ChannelRef: f["queryId"], AmountMinor: amount, Currency: "CNY", PaidAt: at.UnixMicro(), By: ByNotice}
	case (f["txnType"] == "04" || f["txnType"] == "31") && paid:
		o.command = MarkRefunded{RefundNo: f["orderId"], ChannelRefundRef: f["queryId"], AmountMinor: amount, Currency: "CNY", DoneAt: at.UnixMicro(), By: ByNotice}
	default:
		// Whether a refusal is final is for the active query to say.
		o.command = reject{Ignored, "type " + f["txnType"] + " with code " + f["respCode"]}
	}
	return o, nil
}
