package channelsim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Delivery says what becomes of the notification of a payment or a refund.
type Delivery uint8

// The deliveries. The zero value answers synchronously, as for a payment code
// shown at a till: the answer says paid, and no notification follows.
const (
	Synchronous Delivery = iota
	Delivered            // notified at once
	Doubled              // notified twice
	Late                 // notified at DeliverAt, by DeliverDue
	Lost                 // never notified
)

// PayRequest is one payment as the channel sees it.
type PayRequest struct {
	Channel     string
	MerchantRef string // our number, at most 32 characters; the order number of the console for payments that we never asked for
	AmountMinor int64  // what the payer was charged, fen
	Currency    string // "" is CNY; there is no other
	At          time.Time
	NotifyURL   string
	Delivery    Delivery
	DeliverAt   time.Time // for Late
	Product     string
	TradeType   string // "" goes by the channel and the delivery

	// Prepared: the payer of an order that came through the channel's API pays
	// it. It must be there, open by the channel's clock, and of this amount.
	Prepared bool

	FeeDelta  int64 // fault: fee charged above the agreed rate, fen
	RepeatRow bool  // fault: the statement shows the row twice
	Withhold  bool  // fault: the statement shows the row only once it is re-issued
}

// RefundRequest is one refund as the channel sees it.
type RefundRequest struct {
	Channel     string
	MerchantRef string // of the payment
	RefundRef   string // our number of the refund
	AmountMinor int64
	Void        bool // UnionPay's: the whole payment, on the settlement day that took it, with its fee
	At          time.Time
	NotifyURL   string
	Delivery    Delivery
	DeliverAt   time.Time
}

// Result is the channel's synchronous answer.
type Result struct {
	ChannelRef       string
	ChannelRefundRef string // of a refund; Alipay has none
	FeeMinor         int64  // of a refund: what is given back
	Paid             bool   // the answer itself says that money moved; else wait for the notification, or ask
	At               time.Time
	Acknowledged     int // notifications that were sent and accepted during the call
}

// Pay books one payment at the channel and delivers its notification as asked.
// A notification that the receiver refuses is not an error: it is sent again on
// the channel's schedule, by DeliverDue.
func (s *Sim) Pay(ctx context.Context, r PayRequest) (Result, error) {
	out, err := s.PayBatch(ctx, []PayRequest{r})
	if err != nil {
		return Result{}, err
	}
	return out[0], nil
}

// PayBatch books payments in order; results are in the same order. It books all
// or nothing; notifications go out after that, several at a time.
func (s *Sim) PayBatch(ctx context.Context, rs []PayRequest) ([]Result, error) {
	entries, err := s.bill.addPayments(rs, s.opt.Now())
	if err != nil {
		return nil, err
	}
	notices := make([]notice, len(rs))
	for i, r := range rs {
		notices[i] = notice{entry: entries[i], url: r.NotifyURL, delivery: r.Delivery, due: r.DeliverAt}
	}
	return s.answer(ctx, entries, notices)
}

// Refund books one refund of an earlier payment.
func (s *Sim) Refund(ctx context.Context, r RefundRequest) (Result, error) {
	out, err := s.RefundBatch(ctx, []RefundRequest{r})
	if err != nil {
		return Result{}, err
	}
	return out[0], nil
}

// RefundBatch is PayBatch for refunds.
func (s *Sim) RefundBatch(ctx context.Context, rs []RefundRequest) ([]Result, error) {
	entries, err := s.bill.addRefunds(rs)
	if err != nil {
		return nil, err
	}
	notices := make([]notice, len(rs))
	for i, r := range rs {
		notices[i] = notice{entry: entries[i], url: r.NotifyURL, delivery: r.Delivery, due: r.DeliverAt}
	}
	return s.answer(ctx, entries, notices)
}

func (s *Sim) answer(ctx context.Context, entries []*entry, notices []notice) ([]Result, error) {
	acknowledged, err := s.mail.post(ctx, notices)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(entries))
	for i, e := range entries {
		results[i] = Result{ChannelRef: e.channelRef, ChannelRefundRef: e.channelRefundRef, FeeMinor: e.fee,
			Paid: notices[i].delivery == Synchronous, At: e.at, Acknowledged: acknowledged[i]}
	}
	return results, nil
}

func (r *PayRequest) check() error {
	switch {
	case !known(r.Channel):
		return fmt.Errorf("pay: channel %.40q is not played", r.Channel)
	case r.MerchantRef == "" || len(r.MerchantRef) > 32 || !plain(r.MerchantRef):
		return fmt.Errorf("pay at %s: merchant reference %.40q needs 1 to 32 letters or digits", r.Channel, r.MerchantRef)
	case r.AmountMinor <= 0 || r.AmountMinor > maxAmount:
		return fmt.Errorf("pay %s at %s: amount %d is out of range", r.MerchantRef, r.Channel, r.AmountMinor)
	case r.Currency != "" && r.Currency != "CNY":
		return fmt.Errorf("pay %s at %s: currency %.10q; only CNY is played", r.MerchantRef, r.Channel, r.Currency)
	case r.At.IsZero():
		return fmt.Errorf("pay %s at %s: no time", r.MerchantRef, r.Channel)
	}
	return checkDelivery(r.Delivery, r.NotifyURL, r.DeliverAt)
}

func (r *RefundRequest) check() error {
	switch {
	case !known(r.Channel):
		return fmt.Errorf("refund: channel %.40q is not played", r.Channel)
	case r.RefundRef == "" || len(r.RefundRef) > 32 || !plain(r.RefundRef):
		return fmt.Errorf("refund at %s: refund reference %.40q needs 1 to 32 letters or digits", r.Channel, r.RefundRef)
	case r.AmountMinor <= 0 || r.AmountMinor > maxAmount:
		return fmt.Errorf("refund %s at %s: amount %d is out of range", r.RefundRef, r.Channel, r.AmountMinor)
	case r.At.IsZero():
		return fmt.Errorf("refund %s at %s: no time", r.RefundRef, r.Channel)
	}
	return checkDelivery(r.Delivery, r.NotifyURL, r.DeliverAt)
}

func checkDelivery(d Delivery, url string, due time.Time) error {
	switch {
	case d > Lost:
		return fmt.Errorf("delivery %d is not known", d)
	case (d == Delivered || d == Doubled || d == Late) && url == "":
		return errors.New("a notification needs a NotifyURL")
	case d == Late && due.IsZero():
		return errors.New("a late notification needs DeliverAt")
	}
	return nil
}

// maxAmount is what twelve digits of fen hold, the narrowest amount field of
// the statements.
const maxAmount = 999_999_999_999

func known(channel string) bool { return Merchants{"x", "x", "x", "x"}.Of(channel) != "" }

// plain tells whether a number of ours has the characters that all channels
// take.
func plain(ref string) bool {
	for _, c := range []byte(ref) {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
