package paycore

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"tieout/internal/signing"
	"tieout/internal/strictjson"
)

// WeChatReceiver understands notifications of WeChat Pay API v3: signed over
// the raw body, the resource encrypted with AEAD_AES_256_GCM.
type WeChatReceiver struct {
	Account  string // its name in the configuration
	MchID    string
	AppIDs   []string           // app ids that may stand in payments; empty: any
	Keys     signing.PublicKeys // the platform's
	APIv3Key []byte
}

func (r WeChatReceiver) account() (string, string) { return "wechat", r.Account }

// answer: 200 or 204 is yes; anything else, with code FAIL, is sent again.
func (WeChatReceiver) answer(w http.ResponseWriter, accepted bool) {
	if accepted {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	io.WriteString(w, `{"code":"FAIL","message":"not accepted"}`)
}

type weChatNotice struct {
	ID        string `json:"id"`
	EventType string `json:"event_type"`
	Resource  struct {
		Algorithm      string `json:"algorithm"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData string `json:"associated_data"`
		Nonce          string `json:"nonce"`
	} `json:"resource"`
}

type weChatPayment struct {
	AppID         string `json:"appid"`
	MchID         string `json:"mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	TradeState    string `json:"trade_state"`
	SuccessTime   string `json:"success_time"`
	Amount        struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

type weChatRefund struct {
	MchID        string `json:"mchid"`
	OutTradeNo   string `json:"out_trade_no"`
	OutRefundNo  string `json:"out_refund_no"`
	RefundID     string `json:"refund_id"`
	RefundStatus string `json:"refund_status"`
	SuccessTime  string `json:"success_time"`
	Amount       struct {
		Refund int64 `json:"refund"`
	} `json:"amount"`
}

func (r WeChatReceiver) open(h http.Header, body []byte, now time.Time) (opened, error) {
	if err := signing.WeChatStampOf(h).Verify(r.Keys, body, now); err != nil {
		return opened{}, err
	}
	var n weChatNotice
	if err := strictJSON(body, &n); err != nil {
		return opened{}, err
	}
	if n.ID == "" || n.Resource.Algorithm != "AEAD_AES_256_GCM" {
		return opened{}, fmt.Errorf("%w: no id, or another algorithm", signing.ErrMalformed)
	}
	plain, err := signing.OpenWeChat(r.APIv3Key, n.Resource.Nonce, n.Resource.AssociatedData, n.Resource.Ciphertext)
	if err != nil {
		return opened{}, err
	}
	o := opened{id: n.ID}
	switch n.EventType {
	case "TRANSACTION.SUCCESS":
		o.command, err = r.payment(plain)
	case "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED":
		o.command, err = r.refund(plain)
	default:
		o.command = reject{Ignored, "event " + n.EventType}
	}
	return o, err
}

func (r WeChatReceiver) payment(plain []byte) (Command, error) {
	var p weChatPayment
	if err := strictJSON(plain, &p); err != nil {
		return nil, err
	}
	switch {
	case p.MchID != r.MchID:
		return foreign("merchant"), nil
	case len(r.AppIDs) > 0 && !slices.Contains(r.AppIDs, p.AppID):
		return foreign("app"), nil
	case p.TradeState != "SUCCESS":
		return reject{Ignored, "state " + p.TradeState}, nil
	}
	at, err := time.Parse(time.RFC3339, p.SuccessTime)
	if err != nil || p.OutTradeNo == "" || p.TransactionID == "" {
		return nil, fmt.Errorf("%w: numbers or success_time are missing", signing.ErrMalformed)
	}
	return MarkPaid{PayNo: p.OutTradeNo, ChannelRef: p.TransactionID, AmountMinor: p.Amount.Total, Currency: p.Amount.Currency,
		PaidAt: at.UnixMicro(), By: ByNotice}, nil
}

// refund: the amounts of a refund notification have no currency; API v3 refunds
// are in CNY.
func (r WeChatReceiver) refund(plain []byte) (Command, error) {
	var f weChatRefund
	if err := strictJSON(plain, &f); err != nil {
		return nil, err
	}
	switch {
	case f.MchID != r.MchID:
		return foreign("merchant"), nil
	case f.OutRefundNo == "":
		return nil, fmt.Errorf("%w: no out_refund_no", signing.ErrMalformed)
	case f.RefundStatus == "ABNORMAL" || f.RefundStatus == "CLOSED":
		return FailRefund{RefundNo: f.OutRefundNo, By: ByNotice, Detail: f.RefundStatus}, nil
	case f.RefundStatus != "SUCCESS":
		return reject{Ignored, "state " + f.RefundStatus}, nil
	}
	at, err := time.Parse(time.RFC3339, f.SuccessTime)
	if err != nil || f.RefundID == "" {
		return nil, fmt.Errorf("%w: refund_id or success_time are missing", signing.ErrMalformed)
	}
	return MarkRefunded{RefundNo: f.OutRefundNo, PayNo: f.OutTradeNo, ChannelRefundRef: f.RefundID, AmountMinor: f.Amount.Refund, Currency: "CNY",
		DoneAt: at.UnixMicro(), By: ByNotice}, nil
}

// strictJSON decodes one object; what is not one is malformed.
func strictJSON(text []byte, into any) error {
	if err := strictjson.Decode(text, into); err != nil {
		return fmt.Errorf("%w: %w", signing.ErrMalformed, err)
	}
	return nil
}
