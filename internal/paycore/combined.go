package paycore

import (
	"cmp"
	"fmt"
	"strconv"

	"tieout/internal/money"
)

// Means is how a part is paid that no channel has to do with; it stands where
// the channel stands otherwise.
type Means string

// The means.
const (
	Balance   Means = "balance"
	Coupon    Means = "coupon"
	RedPacket Means = "red_packet"
)

// OwnAccount stands in a payment of our own where the account at a channel
// stands otherwise.
const OwnAccount = "own"

// Part is what an account of ours pays of an order.
type Part struct {
	Means       Means
	Wallet      string // account of the ledger: the payer's, or that of who gave the coupon or red packet
	AmountMinor int64
	Coupon      string // number of a coupon; it pays once
}

// MaxParts bounds the parts that accounts of ours pay of one order.
const MaxParts = 10

// CreateCombined starts a payment in parts: what the accounts of ours pay is set
// aside now, the channel has the rest. AmountMinor is all of it. Where nothing
// is left for the channel, the order is paid at once, and the channel and its
// account are not looked at; Held, it is set aside until PayOwn.
type CreateCombined struct {
	CreatePayment
	Parts []Part
	Held  bool
}

// Reads implements Command.
func (c CreateCombined) Reads() Reads {
	r := c.CreatePayment.Reads()
	for _, p := range c.Parts {
		r.Accounts = append(r.Accounts, AccountKey{p.Wallet, c.Currency})
		if p.Coupon != "" {
			r.Coupons = append(r.Coupons, p.couponRef())
		}
	}
	return r
}

func (c CreateCombined) Complete(now int64, rates Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	rest, err := c.rest()
	if err != nil || rest <= 0 { // Decide says what is wrong, or no channel has a part
		return c, nil
	}
	c.fee, err = rates.fee(c.Channel, c.Account, rest, c.PayNo)
	return c, err
}

// couponRef tells a coupon from those of others: they are numbered by whoever
// pays for them.
func (p Part) couponRef() string {
	if p.Coupon == "" {
		return ""
	}
	return p.Wallet + "/" + p.Coupon
}

// rest is what is left for the channel.
func (c CreateCombined) rest() (int64, error) {
	var sum money.Sum
	sum.Add(c.AmountMinor)
	for _, p := range c.Parts {
		sum.Add(-p.AmountMinor)
	}
	return sum.Int64()
}

// Decide implements Command.
func (c CreateCombined) Decide(v View) (*Change, Result) {
	payments, why := c.payments()
	if why != "" {
		return refuse(None, "%s", why)
	}
	if p := v.Payment; p != nil {
		if sameParts(append([]*Payment{p}, v.Parts...), payments) {
			return nil, Result{Already, p.State, ""}
		}
		return refuse(p.State, "payment number %s exists with other content", c.PayNo)
	}
	if why := c.refusedBy(v); why != "" {
		return refuse(None, "%s", why)
	}
	ch := &Change{Cause: ByCore, At: c.At, Route: c.Route}
	order, why := ch.orderOf(c.CreatePayment, v.Order)
	if why != "" {
		return refuse(None, "%s", why)
	}
	now := payments[0].Wallet != "" && !c.Held
	for i, p := range payments {
		part := ch
		if i > 0 {
			part = &Change{Cause: ByCore, At: c.At}
			ch.With = append(ch.With, part)
		}
		p.ExpiresAt = order.ExpiresAt
		part.Payment = p
		part.move("PAYMENT", p.PayNo, None, Paying, p.PartOf)
		switch {
		case now:
			part.take(p)
		case p.Wallet != "":
			part.Holds = []Hold{{AccountKey{p.Wallet, p.Currency}, p.AmountMinor}}
		}
	}
	if !now {
		return ch, Result{Done, Paying, ""}
	}
	ch.finish(order)
	ch.notify(order, "payment.success", ch.Payment, nil)
	return ch, Result{Done, Success, ""}
}

// payments are the rows that the command stands for, the leading one first: the
// channel's, or the first part if there is nothing for a channel.
func (c CreateCombined) payments() ([]*Payment, string) {
	rest, err := c.rest()
	switch {
	case err != nil || rest < 0:
		return nil, "the parts are more than the whole"
	case len(c.Parts) == 0 || len(c.Parts) > MaxParts:
		return nil, fmt.Sprintf("a combined payment has 1 to %d parts of our own", MaxParts)
	}
	whole := c.CreatePayment
	if rest == 0 {
		whole.Channel, whole.Account = string(c.Parts[0].Means), OwnAccount
	}
	if why := whole.invalid(); why != "" {
		return nil, why
	}
	for _, p := range c.Parts {
		if why := p.wrong(); why != "" {
			return nil, why
		}
	}
	base := Payment{Merchant: c.Merchant, OrderNo: c.OrderNo, Currency: c.Currency, State: Paying, CreatedAt: c.At, UpdatedAt: c.At}
	var list []*Payment
	if rest > 0 {
		p := base
		p.PayNo, p.Channel, p.Account, p.AmountMinor, p.Fee, p.TradeType = c.PayNo, c.Channel, c.Account, rest, c.fee, c.TradeType
		list = append(list, &p)
	}
	for _, part := range c.Parts {
		p := base
		p.PayNo, p.Channel, p.Account, p.Wallet = c.PayNo, string(part.Means), OwnAccount, part.Wallet
		p.AmountMinor, p.ChannelRef = part.AmountMinor, part.couponRef()
		if len(list) > 0 {
			p.PayNo, p.PartOf = partNo(c.PayNo, len(list)), c.PayNo
		}
		list = append(list, &p)
	}
	list[0].Parts = len(list) - 1
	return list, ""
}

// partMark stands in the numbers of parts and in no other.
const partMark = "~"

// partNo numbers the parts of a payment or refund, from 1.
func partNo(number string, part int) string { return number + partMark + strconv.Itoa(part) }

func (p Part) wrong() string {
	switch {
	case p.Means != Balance && p.Means != Coupon && p.Means != RedPacket:
		return "a part of our own is paid by balance, coupon or red packet"
	case p.AmountMinor <= 0:
		return "an amount is above zero"
	case (p.Means == Coupon) != (p.Coupon != ""):
		return "a coupon has a number, and nothing else has"
	}
	if s, known := SubjectOf(p.Wallet); !known || s.Kind != "wallet" {
		return "a part of our own is paid by the balance of an account"
	}
	return ""
}

// refusedBy says why the accounts and coupons do not pay; "" if they do.
func (c CreateCombined) refusedBy(v View) string {
	needed := map[AccountKey]int64{}
	coupons := map[string]bool{}
	for _, p := range c.Parts {
		key := AccountKey{p.Wallet, c.Currency}
		if why := v.Accounts[key].refuses(key, func(c Controls) bool { return c.Pay }); why != "" {
			return why
		}
		needed[key] += p.AmountMinor // no more than AmountMinor in all
		if why := v.Accounts[key].short(needed[key]); why != "" {
			return why
		}
		ref := p.couponRef()
		switch {
		case ref == "":
		case coupons[ref]:
			return "coupon " + p.Coupon + " is named twice"
		case v.CouponOwner[ref] != "":
			return "coupon " + p.Coupon + " was used by payment " + v.CouponOwner[ref]
		}
		coupons[ref] = true
	}
	return ""
}

// sameParts tells whether payments of the books are those that a command would
// make. A coupon that was given back is no longer named there.
func sameParts(have, want []*Payment) bool {
	if len(have) != len(want) {
		return false
	}
	for i, h := range have {
		w := want[i]
		if h.PayNo != w.PayNo || h.PartOf != w.PartOf || h.Merchant != w.Merchant || h.OrderNo != w.OrderNo || h.Channel != w.Channel || h.Account != w.Account ||
			h.Wallet != w.Wallet || h.AmountMinor != w.AmountMinor || h.Currency != w.Currency || (h.State == Paying || h.State == Success) && h.Wallet != "" && h.ChannelRef != w.ChannelRef {
			return false
		}
	}
	return true
}

// ownMoves: a part of our own follows the payment that leads it, by our own
// program.
var ownMoves = machine{
	{Paying, Success, ByCore}: true,
	{Paying, Closed, ByCore}:  true,
}

// take makes a part of our own pay.
func (ch *Change) take(p *Payment) {
	next := *p
	next.State, next.PaidAt, next.UpdatedAt = Success, ch.At, ch.At
	ch.Payment, ch.Entries, ch.Subject = &next, paid(&next), p.PayNo
	ch.move("PAYMENT", p.PayNo, Paying, Success, "")
}

// capture makes all parts that a payment leads pay; false, and nothing, if they
// were given back before.
func (ch *Change) capture(parts []*Payment) bool {
	for _, p := range parts {
		if !ownMoves.allows(p.State, Success, ByCore) {
			return false
		}
	}
	for _, p := range parts {
		part := &Change{Cause: ByCore, At: ch.At, Holds: []Hold{{AccountKey{p.Wallet, p.Currency}, -p.AmountMinor}}}
		part.take(p)
		ch.With = append(ch.With, part)
	}
	return true
}

// release gives back what was set aside for the parts that a payment leads. A
// coupon may be used again.
func (ch *Change) release(parts []*Payment) {
	for _, p := range parts {
		if !ownMoves.allows(p.State, Closed, ByCore) {
			continue
		}
		next := *p
		next.State, next.UpdatedAt = Closed, ch.At
		part := &Change{Payment: &next, Cause: ByCore, At: ch.At}
		part.move("PAYMENT", p.PayNo, Paying, Closed, p.ChannelRef)
		part.free(&next)
		ch.With = append(ch.With, part)
	}
}

// free gives back what was set aside for a payment that an account of ours does
// not pay after all.
func (ch *Change) free(p *Payment) {
	if p.Wallet == "" {
		return
	}
	p.ChannelRef, ch.Holds = "", []Hold{{AccountKey{p.Wallet, p.Currency}, -p.AmountMinor}}
}

// PayOwn pays an order with what accounts of ours have set aside, where no
// channel has a part.
type PayOwn struct {
	PayNo string
	At    int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c PayOwn) Reads() Reads { return Reads{PayNo: c.PayNo} }

func (c PayOwn) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c PayOwn) Decide(v View) (*Change, Result) {
	p := v.Payment
	switch {
	case p == nil:
		return refuse(None, "no payment %s in the books", c.PayNo)
	case p.Wallet == "" || p.PartOf != "":
		return refuse(p.State, "accounts of ours do not pay payment %s alone", c.PayNo)
	case p.State == Success:
		return nil, Result{Already, Success, ""}
	case !ownMoves.allows(p.State, Success, ByCore):
		return refuse(p.State, "payment %s is %s", c.PayNo, p.State)
	case v.Order.State != Paying:
		return refuse(p.State, "the order is %s", v.Order.State)
	}
	ch := &Change{Cause: ByCore, At: c.At, Holds: []Hold{{AccountKey{p.Wallet, p.Currency}, -p.AmountMinor}}}
	if !ch.capture(v.Parts) {
		return refuse(p.State, "parts of payment %s were given back", c.PayNo)
	}
	ch.take(p)
	ch.finish(v.Order)
	ch.notify(v.Order, "payment.success", ch.Payment, nil)
	return ch, Result{Done, Success, ""}
}

// captured tells whether parts of our own have paid with a payment.
func captured(parts []*Payment) bool {
	for _, p := range parts {
		if p.State == Success {
			return true
		}
	}
	return false
}

// notChannels says that a payment is none of a channel's; "" if it is.
func (p *Payment) notChannels() string {
	if p.Wallet == "" {
		return ""
	}
	return "account " + p.Wallet + " pays payment " + p.PayNo + ", no channel does"
}
