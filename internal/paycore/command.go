package paycore

import (
	"cmp"
	"fmt"
	"strings"

	"tieout/internal/money"
	"tieout/internal/risk"
)

// Command is one wish. Decide is pure: it reads the rows as they stand in the
// transaction and says what to write.
type Command interface {
	// Reads names the rows that Decide wants to see.
	Reads() Reads
	// Decide returns the change (nil: none) and what to tell the caller.
	Decide(v View) (*Change, Result)
	// Complete fills in what the caller may leave out: the time (now, in
	// microseconds), and the fee by the rate card.
	Complete(now int64, rates Rates) (Command, error)
}

// Reads names rows; empty numbers are not read.
type Reads struct {
	Merchant, OrderNo string // the order; with a PayNo, the payment's order is read by itself
	PayNo             string
	RefundNo          string // its payment and order are read by themselves
	Account           string
	ChannelRef        string // who else has this channel number
	ChannelRefundRef  string
	Attempts          bool     // count the other PAYING attempts of the order, all of them without a PayNo
	Coupons           []string // who used them

	Entity, ParentEntity    string
	Accounts                []AccountKey // a currency of "" is the payment's
	Document, AboutDocument string

	Split bool // what receivers have of the payment's order

	Remittance    RemittanceKey // with its virtual account; with Expected, what waits there
	VirtualNumber string
	Expected      bool
	Payback       string // with its remittance and refund

	Debit       InteropKey // with its wallet
	DebitRefund InteropKey
	DebitedFrom int64  // what the token's wallet paid by debits since; 0 = not asked
	Token       string // as the debit's organisation names it, with its wallet
	TokenNumber string // as we name it
	TokenTaken  string // which token of TokenNumber's organisation has this name

	Rules *risk.Rules // what they say about a new debit; nil: not asked
	Facts risk.Facts  // of it; its payer is the holder of the token's wallet
}

// View holds the rows; nil where there is none.
type View struct {
	Order       *Order
	Payment     *Payment
	Refund      *Refund
	RefOwner    string // the payment or refund that has the channel number already; "" if none
	LiveAttempt int    // other PAYING attempts of the order
	Parts       []*Payment
	CouponOwner map[string]string // payment that used a coupon; "" if none did

	Entity, ParentEntity    *Entity
	Accounts                map[AccountKey]*Account
	Document, AboutDocument *Document

	Split *SplitOut // nil: nothing is held back for splits

	Virtual    *VirtualAccount
	Remittance *Remittance
	Expected   []Expectation // of the virtual account, the oldest payment first
	Waiting    []*Remittance // of the virtual account, with money left, the oldest first
	Payback    *Payback
	Answered   []PaybackAnswer // of the payback, and of the bank's number

	Debit       *Debit
	DebitRefund *DebitRefund
	Debited     int64
	Token       *Token
	TokenOwner  string // number of the token that has the name; "" if none
	Judged      *risk.Judged
}

// SplitOut is what receivers have, or are about to get, of an order.
type SplitOut struct {
	Minor       int64
	ReturnFirst bool // a refund does not use it: it is returned first
}

// Change is what one command or fix writes, all or nothing. A row with Version
// 0 is inserted; any other replaces the row of exactly that version.
type Change struct {
	Order   *Order
	Payment *Payment
	Route   string // of a new payment: why it goes over its account; "" = it was named
	Refund  *Refund
	Entries []Entry // one balanced transaction; nil: no money moves
	Subject string  // what the entries are about
	Cause   Cause
	Moves   []Move
	Notices []Notice
	At      int64

	Entity    *Entity
	Account   *Account // its controls; the balance follows from Entries and Holds
	Documents []Document
	Holds     []Hold
	Deposited *Payment // became the balance of a user: SettledIn is new

	With []*Change // parts of the same step, each with its own entries

	Remittances []Remittance
	Uses        []RemittanceUse
	Payback     *Payback
	Answered    *PaybackAnswer

	Debit       *Debit
	DebitRefund *DebitRefund
	Token       *Token
	Judged      *risk.Judged // about the debit
}

// Move is one line of the log.
type Move struct {
	Subject  string // ORDER, PAYMENT, REFUND, FIX
	Ref      string
	From, To State
	Cause    Cause
	Detail   string
}

// Notice tells a merchant. Event is "payment.success", "payment.closed", ….
type Notice struct {
	ID, Merchant, URL, Event      string
	OrderNo, PayNo, RefundNo      string
	SplitNo                       string // split or return
	AmountMinor                   int64
	Currency, ChannelRef, Channel string
	At                            int64
}

// Effect says what a command did.
type Effect string

// The effects. Everything but Done left states and money as they were.
const (
	Done             Effect = "DONE"
	Already          Effect = "ALREADY"           // it was so before: a copy, or a second way of hearing it
	LateSuccess      Effect = "LATE_SUCCESS"      // money came for a closed or failed payment; logged, for the reconciliation
	DuplicatePayment Effect = "DUPLICATE_PAYMENT" // the channel took it twice under one number; logged
	Early            Effect = "EARLY"             // we do not know the number (yet)
	Ignored          Effect = "IGNORED"           // a notification about nothing that the core keeps
	Refused          Effect = "REFUSED"
)

// Result is what a command says.
type Result struct {
	Effect Effect
	State  State  // of the payment or refund, afterwards
	Reason string // why it was refused, or what was logged
}

func refuse(state State, format string, args ...any) (*Change, Result) {
	return nil, Result{Refused, state, fmt.Sprintf(format, args...)}
}

// CreatePayment starts an attempt to pay, and the order too if it is not there.
// The same command again is Already; the same number with other content is
// refused.
type CreatePayment struct {
	Merchant, OrderNo string
	PayNo             string // unique for ever; the number the channel gets
	Channel, Account  string
	AmountMinor       int64
	Currency          string
	NotifyURL         string // of the order that it opens
	TradeType         string
	Route             string // why this account and not another, as JSON; "" = it was named
	At                int64  // UTC microseconds; 0 = now
	fee               Fee
}

// Reads implements Command.
func (c CreatePayment) Reads() Reads {
	return Reads{Merchant: c.Merchant, OrderNo: c.OrderNo, PayNo: c.PayNo}
}

func (c CreatePayment) Complete(now int64, rates Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	var err error
	c.fee, err = rates.fee(c.Channel, c.Account, c.AmountMinor, c.PayNo)
	return c, err
}

// Decide implements Command.
func (c CreatePayment) Decide(v View) (*Change, Result) {
	if why := c.invalid(); why != "" {
		return refuse(None, "%s", why)
	}
	if p := v.Payment; p != nil {
		if p.Merchant == c.Merchant && p.OrderNo == c.OrderNo && p.Channel == c.Channel && p.Account == c.Account &&
			p.AmountMinor == c.AmountMinor && p.Currency == c.Currency && p.Parts == 0 {
			return nil, Result{Already, p.State, ""}
		}
		return refuse(p.State, "payment number %s exists with other content", c.PayNo)
	}
	ch := &Change{Cause: ByCore, At: c.At, Route: c.Route}
	order, why := ch.orderOf(c, v.Order)
	if why != "" {
		return refuse(None, "%s", why)
	}
	ch.Payment = &Payment{PayNo: c.PayNo, Merchant: c.Merchant, OrderNo: c.OrderNo, Channel: c.Channel, Account: c.Account,
		AmountMinor: c.AmountMinor, Currency: c.Currency, State: Paying, Fee: c.fee, TradeType: c.TradeType, ExpiresAt: order.ExpiresAt,
		CreatedAt: c.At, UpdatedAt: c.At}
	ch.move("PAYMENT", c.PayNo, None, Paying, "")
	return ch, Result{Done, Paying, ""}
}

// orderOf is the order that a payment is for, opened if it is not there; or why
// it takes no payment.
func (ch *Change) orderOf(c CreatePayment, o *Order) (*Order, string) {
	switch {
	case o == nil:
		ch.open(CreateOrder{Merchant: c.Merchant, OrderNo: c.OrderNo, AmountMinor: c.AmountMinor, Currency: c.Currency, NotifyURL: c.NotifyURL})
		return ch.Order, ""
	case o.AmountMinor != c.AmountMinor || o.Currency != c.Currency:
		return nil, "the order is about " + money.Both(o.AmountMinor, money.Currency(o.Currency))
	case o.State != Paying:
		return nil, fmt.Sprintf("the order is %s", o.State)
	case o.ExpiresAt != 0 && c.At >= o.ExpiresAt:
		return nil, "the time to pay the order is over"
	}
	return o, ""
}

func (c CreatePayment) invalid() string {
	switch _, known := money.Currency(c.Currency).Exponent(); {
	case c.AmountMinor <= 0:
		return "an amount is above zero"
	case !known:
		return "the currency is not known"
	case c.Merchant == "" || c.OrderNo == "" || c.PayNo == "" || c.Channel == "" || c.Account == "":
		return "merchant, order, payment number, channel and account are all needed"
	case strings.Contains(c.PayNo, partMark):
		return "a number has no ~ in it"
	}
	return ""
}

// MarkPaid says that the channel has the money. Calling it again, or by a
// second way, changes nothing.
type MarkPaid struct {
	PayNo       string
	ChannelRef  string
	AmountMinor int64 // as the channel says; another one than ours is refused
	Currency    string
	PaidAt      int64 // UTC microseconds; 0 = now
	By          Cause // ByAnswer or ByNotice
	Detail      string
	at          int64
}

// Reads implements Command.
func (c MarkPaid) Reads() Reads { return Reads{PayNo: c.PayNo, ChannelRef: c.ChannelRef} }

func (c MarkPaid) Complete(now int64, _ Rates) (Command, error) {
	c.PaidAt, c.at = cmp.Or(c.PaidAt, now), now
	return c, nil
}

// Decide implements Command.
func (c MarkPaid) Decide(v View) (*Change, Result) {
	p := v.Payment
	switch {
	case p == nil:
		return nil, Result{Early, None, "no payment " + c.PayNo + " in the books"}
	case p.Wallet != "":
		return refuse(p.State, "%s", p.notChannels())
	case p.AmountMinor != c.AmountMinor || p.Currency != c.Currency:
		return refuse(p.State, "payment %s is about %s, the channel says %s", c.PayNo,
			money.Both(p.AmountMinor, money.Currency(p.Currency)), money.Both(c.AmountMinor, money.Currency(c.Currency)))
	case p.State == Success && (c.ChannelRef == p.ChannelRef || c.ChannelRef == "" || p.ChannelRef == ""):
		return nil, Result{Already, Success, ""}
	case p.State == Success:
		return c.log(p, DuplicatePayment, "paid again under "+c.ChannelRef+", first under "+p.ChannelRef)
	case v.RefOwner != "":
		return refuse(p.State, "channel number %s belongs to payment %s", c.ChannelRef, v.RefOwner)
	case !paymentMoves.allows(p.State, Success, c.By):
		return c.log(p, LateSuccess, "the channel has the money under "+c.ChannelRef)
	}
	ch := &Change{Cause: c.By, At: c.at}
	ch.pay(p, v, c.ChannelRef, c.PaidAt, c.Detail)
	return ch, Result{Done, Success, ""}
}

// log records an event that moves no state.
func (c MarkPaid) log(p *Payment, effect Effect, reason string) (*Change, Result) {
	ch := &Change{Cause: c.By, At: c.at}
	ch.move("PAYMENT", p.PayNo, p.State, p.State, string(effect)+": "+reason)
	return ch, Result{effect, p.State, reason}
}

// pay moves a payment to SUCCESS with all that belongs to it. The order is paid
// if all parts are; parts that it does not need are given back.
func (ch *Change) pay(p *Payment, v View, channelRef string, paidAt int64, detail string) {
	was, o := p.State, v.Order
	next := *p
	next.State, next.ChannelRef, next.PaidAt, next.UpdatedAt = Success, channelRef, paidAt, ch.At
	ch.Payment, ch.Entries, ch.Subject = &next, paid(&next), p.PayNo
	ch.move("PAYMENT", p.PayNo, was, Success, detail)
	if orderMoves.allows(o.State, Paid, ch.Cause) && ch.capture(v.Parts) {
		ch.finish(o)
	} else {
		ch.release(v.Parts)
	}
	ch.notify(o, "payment.success", &next, nil)
}

// finish moves an order to PAID by the payment of the change.
func (ch *Change) finish(o *Order) {
	order := *o
	order.State, order.PaidBy, order.UpdatedAt = Paid, ch.Payment.PayNo, ch.At
	ch.Order = &order
	ch.move("ORDER", o.OrderNo, o.State, Paid, order.PaidBy)
}

// ClosePayment gives up waiting; the order closes with its last attempt.
type ClosePayment struct {
	PayNo  string
	At     int64 // UTC microseconds; 0 = now
	Detail string
}

// Reads implements Command.
func (c ClosePayment) Reads() Reads { return Reads{PayNo: c.PayNo, Attempts: true} }

func (c ClosePayment) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c ClosePayment) Decide(v View) (*Change, Result) {
	p := v.Payment
	switch {
	case p == nil:
		return refuse(None, "no payment %s in the books", c.PayNo)
	case p.State == Closed:
		return nil, Result{Already, Closed, ""}
	case p.PartOf != "":
		return refuse(p.State, "%s", p.notChannels())
	case !paymentMoves.allows(p.State, Closed, ByCore):
		return refuse(p.State, "payment %s is %s", c.PayNo, p.State)
	}
	ch := &Change{Cause: ByCore, At: c.At}
	ch.close(p, v, c.Detail)
	return ch, Result{Done, Closed, ""}
}

// close moves a payment to CLOSED, and its order if no attempt is left.
func (ch *Change) close(p *Payment, v View, detail string) {
	next, o := *p, v.Order
	next.State, next.UpdatedAt = Closed, ch.At
	ch.Payment = &next
	ch.move("PAYMENT", p.PayNo, p.State, Closed, detail)
	ch.free(&next)
	ch.release(v.Parts)
	if v.LiveAttempt == 0 && orderMoves.allows(o.State, Closed, ch.Cause) {
		order := *o
		order.State, order.UpdatedAt = Closed, ch.At
		ch.Order = &order
		ch.move("ORDER", o.OrderNo, o.State, Closed, p.PayNo)
	}
	ch.notify(o, "payment.closed", &next, nil)
}

// FailPayment says that the channel refused the payment. The order stays open
// for another attempt.
type FailPayment struct {
	PayNo  string
	By     Cause // ByAnswer or ByNotice
	At     int64
	Detail string
}

// Reads implements Command.
func (c FailPayment) Reads() Reads { return Reads{PayNo: c.PayNo} }

func (c FailPayment) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c FailPayment) Decide(v View) (*Change, Result) {
	p := v.Payment
	switch {
	case p == nil:
		return nil, Result{Early, None, "no payment " + c.PayNo + " in the books"}
	case p.State == Failed:
		return nil, Result{Already, Failed, ""}
	case p.PartOf != "":
		return refuse(p.State, "%s", p.notChannels())
	case !paymentMoves.allows(p.State, Failed, c.By):
		return refuse(p.State, "payment %s is %s", c.PayNo, p.State)
	}
	next := *p
	next.State, next.UpdatedAt = Failed, c.At
	ch := &Change{Payment: &next, Cause: c.By, At: c.At}
	ch.move("PAYMENT", p.PayNo, p.State, Failed, c.Detail)
	ch.free(&next)
	ch.release(v.Parts)
	return ch, Result{Done, Failed, ""}
}

// move adds a line to the log.
func (ch *Change) move(subject, ref string, from, to State, detail string) {
	ch.Moves = append(ch.Moves, Move{subject, ref, from, to, ch.Cause, detail})
}

// notify adds a notice to the merchant, if he wants any. Its id is made of the
// version that the row will have: one state of one row tells once.
func (ch *Change) notify(o *Order, event string, p *Payment, r *Refund) {
	if o.NotifyURL == "" {
		return
	}
	n := Notice{Merchant: o.Merchant, URL: o.NotifyURL, Event: event, OrderNo: o.OrderNo, PayNo: p.PayNo, Channel: p.Channel, At: ch.At}
	if r == nil {
		n.ID = fmt.Sprintf("%s:%d:%s", p.PayNo, p.Version+1, event)
		n.AmountMinor, n.Currency, n.ChannelRef = p.AmountMinor, p.Currency, p.ChannelRef
		for _, part := range ch.With {
			if p.State != Success || part.Payment.State == Success {
				n.AmountMinor += part.Payment.AmountMinor // no more than the order is about
			}
		}
	} else {
		n.ID = fmt.Sprintf("%s:%d:%s", r.RefundNo, r.Version+1, event)
		n.RefundNo, n.AmountMinor, n.Currency, n.ChannelRef = r.RefundNo, r.asked(), r.Currency, r.ChannelRefundRef
	}
	ch.Notices = append(ch.Notices, n)
}
