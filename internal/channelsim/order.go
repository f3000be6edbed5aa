package channelsim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// order is a payment that was prepared through a channel's API: nobody has paid
// it yet, or nobody can any more. Guarded by billing.mu.
type order struct {
	merchantRef, notifyURL string
	product, tradeType     string
	amount                 int64
	made                   time.Time // UnionPay's txnTime
	expires                time.Time // zero: never
	opened                 bool      // the payer has seen it; before that Alipay knows no trade
	closed                 bool
}

// Why a prepared payment does not go on.
var (
	errPaid      = errors.New("it is paid")
	errClosed    = errors.New("it is closed or expired")
	errNoOrder   = errors.New("there is no such payment")
	errOtherWish = errors.New("the number was used with other content")
)

// prepare keeps an order; the same one again is kept once.
func (b *billing) prepare(channel string, o order) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	book := b.books[channel]
	old := book.orders[o.merchantRef]
	switch {
	case len(book.payments[o.merchantRef]) > 0:
		return errPaid
	case old == nil:
		book.orders[o.merchantRef] = &o
		return nil
	case old.closed:
		return errClosed
	case old.amount != o.amount || old.tradeType != o.tradeType || !old.made.Equal(o.made):
		return errOtherWish
	}
	old.opened = old.opened || o.opened
	return nil
}

// close ends an order that nobody paid.
func (b *billing) close(channel, ref string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.books[channel].orders[ref]
	switch {
	case len(b.books[channel].payments[ref]) > 0:
		return errPaid
	case o == nil || channel == Alipay && !o.opened:
		return errNoOrder
	case o.closed:
		return errClosed
	}
	o.closed = true
	return nil
}

// unpaid returns a copy of an order.
func (b *billing) unpaid(channel, ref string) (order, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.books[channel].orders[ref]
	if o == nil {
		return order{}, false
	}
	return *o, true
}

// waiting tells whether UnionPay knows an order that can still be paid.
func (b *billing) waiting(channel, ref, made string, now time.Time) bool {
	o, ok := b.unpaid(channel, ref)
	return ok && !o.ended(now) && o.made.Format(compactTime) == made
}

func (o *order) ended(now time.Time) bool {
	return o.closed || !o.expires.IsZero() && !now.Before(o.expires)
}

// mayPay refuses what a payer cannot pay now. The caller holds mu.
func (b *billing) mayPay(r *PayRequest, now time.Time) error {
	if !r.Prepared {
		return nil
	}
	o, why := b.books[r.Channel].orders[r.MerchantRef], error(nil)
	switch {
	case o == nil:
		why = errNoOrder
	case len(b.books[r.Channel].payments[r.MerchantRef]) > 0:
		why = errPaid
	case o.ended(now):
		why = errClosed
	case o.amount != r.AmountMinor:
		why = errOtherWish
	default:
		return nil
	}
	return fmt.Errorf("pay %.40q at %s: %w", r.MerchantRef, r.Channel, why)
}

// PayNow lets the payer of a prepared payment pay, now. The channel tells the
// notify URL that the order named, as delivery says; Synchronous tells nobody.
func (s *Sim) PayNow(ctx context.Context, channel, merchantRef string, delivery Delivery, due time.Time) (Result, error) {
	e, url, err := s.payNow(channel, merchantRef, delivery, due)
	if err != nil {
		return Result{}, err
	}
	out, err := s.answer(ctx, []*entry{e}, []notice{{entry: e, url: url, delivery: delivery, due: due}})
	if err != nil {
		return Result{}, err
	}
	return out[0], nil
}

func (s *Sim) payNow(channel, merchantRef string, delivery Delivery, due time.Time) (*entry, string, error) {
	if !known(channel) {
		return nil, "", fmt.Errorf("pay: channel %.40q is not played", channel)
	}
	b := s.bill
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.books[channel].orders[merchantRef]
	if o == nil {
		return nil, "", fmt.Errorf("pay %.40q at %s: %w", merchantRef, channel, errNoOrder)
	}
	r := PayRequest{Channel: channel, MerchantRef: merchantRef, AmountMinor: o.amount, At: s.opt.Now(), NotifyURL: o.notifyURL,
		Delivery: delivery, DeliverAt: due, Product: o.product, TradeType: o.tradeType, Prepared: true}
	if err := cmp.Or(b.mayPay(&r, r.At), r.check()); err != nil {
		return nil, "", err
	}
	return b.pay(r), o.notifyURL, nil
}

// refundCall books a refund that came through the API, and lets its
// notification wait for DeliverDue. fresh is false for a repetition.
func (s *Sim) refundCall(ctx context.Context, r RefundRequest, ordered time.Time) (e *entry, fresh bool, err error) {
	r.At, r.Delivery, r.DeliverAt = s.opt.Now(), Late, s.opt.Now()
	if err := r.check(); err != nil {
		return nil, false, err
	}
	s.bill.mu.Lock()
	if e, fresh, err = s.bill.refund(r); fresh {
		e.ordered = ordered
	}
	s.bill.mu.Unlock()
	if err != nil || !fresh {
		return e, fresh, err
	}
	n := notice{entry: e, url: r.NotifyURL, delivery: Late, due: r.DeliverAt}
	if s.bill.spendCall(r.Channel, noticeFirst) == NoticeFirst {
		n.delivery = Delivered
	}
	_, err = s.mail.post(ctx, []notice{n})
	return e, fresh, err
}

// payByHand is PayNow for an operator with curl.
func (s *Sim) payByHand(w http.ResponseWriter, r *http.Request) {
	result, err := s.PayNow(r.Context(), r.PathValue("channel"), r.PathValue("no"), Delivered, time.Time{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	fmt.Fprintln(w, result.ChannelRef)
}
