package paycore

import (
	"cmp"

	"tieout/internal/money"
)

// CreateOrder opens an order without an attempt to pay it; one about nothing is
// paid with that. The same command again is Already; the same number with other
// content is refused.
type CreateOrder struct {
	Merchant, OrderNo string
	AmountMinor       int64
	Currency          string
	NotifyURL         string // where the merchant hears of it; "" = nowhere
	ExpiresAt         int64  // UTC microseconds: from then on nobody pays it; 0 = never
	At                int64  // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c CreateOrder) Reads() Reads { return Reads{Merchant: c.Merchant, OrderNo: c.OrderNo} }

func (c CreateOrder) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c CreateOrder) Decide(v View) (*Change, Result) {
	if o := v.Order; o != nil {
		if o.AmountMinor == c.AmountMinor && o.Currency == c.Currency && o.NotifyURL == c.NotifyURL && o.ExpiresAt == c.ExpiresAt {
			return nil, Result{Already, o.State, ""}
		}
		return refuse(o.State, "order %s exists with other content", c.OrderNo)
	}
	switch _, known := money.Currency(c.Currency).Exponent(); {
	case c.AmountMinor < 0:
		return refuse(None, "an amount is not below zero")
	case !known:
		return refuse(None, "the currency is not known")
	case c.Merchant == "" || c.OrderNo == "":
		return refuse(None, "merchant and order number are needed")
	case c.ExpiresAt != 0 && c.ExpiresAt <= c.At:
		return refuse(None, "the time to pay the order is over")
	}
	ch := &Change{Cause: ByCore, At: c.At}
	ch.open(c)
	if c.AmountMinor == 0 { // nobody has to pay anything
		ch.Order.State = Paid
		ch.move("ORDER", c.OrderNo, Paying, Paid, "")
		ch.tell(ch.Order, "order.paid")
	}
	return ch, Result{Done, ch.Order.State, ""}
}

// tell adds a notice of an order that no payment is about.
func (ch *Change) tell(o *Order, event string) {
	if o.NotifyURL == "" {
		return
	}
	ch.Notices = append(ch.Notices, Notice{ID: "order:" + o.Merchant + ":" + o.OrderNo + ":" + event, Merchant: o.Merchant, URL: o.NotifyURL, Event: event,
		OrderNo: o.OrderNo, AmountMinor: o.AmountMinor, Currency: o.Currency, At: ch.At})
}

// open puts a new order into the books.
func (ch *Change) open(c CreateOrder) {
	ch.Order = &Order{Merchant: c.Merchant, OrderNo: c.OrderNo, AmountMinor: c.AmountMinor, Currency: c.Currency, State: Paying,
		NotifyURL: c.NotifyURL, ExpiresAt: c.ExpiresAt, CreatedAt: ch.At, UpdatedAt: ch.At}
	ch.move("ORDER", c.OrderNo, None, Paying, "")
}

// CloseOrder gives up an order that nobody is paying. While an attempt may
// still succeed it is refused: that one is closed first, and the order with it.
type CloseOrder struct {
	Merchant, OrderNo string
	At                int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c CloseOrder) Reads() Reads {
	return Reads{Merchant: c.Merchant, OrderNo: c.OrderNo, Attempts: true}
}

func (c CloseOrder) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c CloseOrder) Decide(v View) (*Change, Result) {
	o := v.Order
	switch {
	case o == nil:
		return refuse(None, "no order %s in the books", c.OrderNo)
	case o.State == Closed:
		return nil, Result{Already, Closed, ""}
	case !orderMoves.allows(o.State, Closed, ByCore):
		return refuse(o.State, "the order is %s", o.State)
	case v.LiveAttempt > 0:
		return refuse(o.State, "a payment of the order may still succeed")
	}
	order := *o
	order.State, order.UpdatedAt = Closed, c.At
	ch := &Change{Order: &order, Cause: ByCore, At: c.At}
	ch.move("ORDER", o.OrderNo, o.State, Closed, "")
	return ch, Result{Done, Closed, ""}
}
