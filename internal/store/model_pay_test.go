package store

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"tieout/internal/paycore"
)

// modelPayments are orders, the attempts to pay them, and refunds.
type modelPayments struct {
	orders map[string]*modelOrder // by number
	sales  map[string]*sale
	gifts  map[string]*gift

	coupons map[string]*part // by wallet and number: what was paid with it last
}

type modelOrder struct {
	no, merchant string
	amount       int64
	state        paycore.State
	paidBy       *sale
	attempts     []*sale
	hold         *modelHold // for splits; nil = none
}

// sale is an attempt to pay an order, in parts. The channel's comes first.
type sale struct {
	no    string
	order *modelOrder
	parts []*part
	wish  string // what was asked for
	taken string // deposit that it became
	held  bool   // wallets alone pay it, and not before somebody says so
}

// part is one row of a payment.
type part struct {
	no       string
	sale     *sale
	wallet   string // who pays; "" = the channel
	channel  string
	account  string
	coupon   string // wallet and number; "" = none
	amount   int64
	fee      int64 // of the channel
	back     int64 // that refunds give
	state    paycore.State
	ref      string // the channel's number
	paidAt   int64
	paidOp   int
	byFix    bool
	transfer bool // transfers paid it: the bank has their money
	batch    *modelBatch
}

func (s *sale) state() paycore.State { return s.parts[0].state }

// channel is the part of a channel; nil if there is none.
func (s *sale) channel() *part {
	if s.parts[0].wallet != "" {
		return nil
	}
	return s.parts[0]
}

// stands: what was paid is the merchant's, and the channel owes it less its fee,
// or a wallet has less. Until then a wallet's part is frozen.
func (s *sale) stands(add, hold func(string, int64)) {
	for _, p := range s.parts {
		switch {
		case p.state == paycore.Paying && p.wallet != "":
			hold(paycore.Wallet(p.wallet), p.amount)
		case p.state != paycore.Success:
		case p.wallet != "":
			add(paycore.Wallet(p.wallet), p.amount)
			add("payable:"+s.order.merchant, -p.amount)
		case p.transfer:
			add("payable:"+s.order.merchant, -p.amount)
		default:
			add("clearing:"+p.channel+":"+p.account, p.amount-p.fee)
			add("fee_expense:"+p.channel, p.fee)
			add("payable:"+s.order.merchant, -p.amount)
		}
	}
}

// gift is a refund: what each part of a sale gives back.
type gift struct {
	no    string
	of    *sale
	asked int64
	rows  []*giftRow
	other string // number under which it goes on
}

type giftRow struct {
	no     string
	of     *part
	amount int64
	state  paycore.State
	ref    string
	doneAt int64
	doneOp int
	byFix  bool
	batch  *modelBatch
	fee    int64 // that comes back, below zero
}

// stands: the merchant has it no more, unless it was given up; the payer has it
// once it is out.
func (g *gift) stands(add, _ func(string, int64)) {
	merchant := g.of.order.merchant
	for _, r := range g.rows {
		if r.state == paycore.Closed {
			continue
		}
		add("payable:"+merchant, r.amount)
		switch {
		case r.of.wallet != "":
			add(paycore.Wallet(r.of.wallet), -r.amount)
		case r.state == paycore.Success:
			add("clearing:"+r.of.channel+":"+r.of.account, -r.fee-r.amount)
			add("fee_expense:"+r.of.channel, r.fee)
		default:
			add("refund_payable:"+merchant, -r.amount)
		}
	}
}

// channelFee is 0.6 percent, half a cent rounded up.
func channelFee(x int64) int64 { return (x*6 + 500) / 1000 }

func (m *model) openPayments() {
	m.modelPayments = modelPayments{map[string]*modelOrder{}, map[string]*sale{}, map[string]*gift{}, map[string]*part{}}
}

func (m *model) drawPayment() act {
	switch m.IntN(21) {
	case 0, 1, 2, 3, 4:
		return m.create()
	case 5, 6, 7, 8:
		return m.heard()
	case 9:
		return m.close()
	case 10:
		return m.fail()
	case 11:
		return m.closeOrder()
	case 12:
		return m.late()
	case 13, 14, 15:
		return m.refund()
	case 16, 17:
		return m.refunded()
	case 18:
		return m.renumber()
	case 19:
		return m.payOwn()
	}
	return m.unrefunded()
}

// create asks for a payment by a channel, by wallets or by both, of a new order
// or of one that another payment is for.
func (m *model) create() act {
	s := &sale{no: m.number("P")}
	order := &modelOrder{no: "O-" + s.no, merchant: fmt.Sprintf("M%d", 1+m.IntN(2))}
	if m.IntN(4) == 0 {
		if o := m.orders["O-"+m.pick("P")]; o != nil {
			order = o
		}
	}
	n := max(0, m.IntN(6)-3) // parts of wallets
	var whole int64
	var parts []paycore.Part
	ok, needed, twice := true, map[string]int64{}, map[string]bool{}
	if n == 0 || m.IntN(4) > 0 {
		x := int64(20 + m.IntN(2000))
		if order.state != "" && n == 0 && m.IntN(4) > 0 {
			x = order.amount
		}
		s.parts, whole = append(s.parts, &part{channel: "wechat", account: "wechat-main", amount: x, fee: channelFee(x)}), x
	}
	for range n {
		p, own := m.ownPart()
		s.parts, whole, parts = append(s.parts, p), whole+p.amount, append(parts, own)
		needed[p.wallet] += p.amount
		ok = ok && p.amount > 0 && needed[p.wallet] <= m.free(p.wallet) && !m.stopped[p.wallet] && m.unused(p.coupon) && !twice[p.coupon]
		twice[p.coupon] = p.coupon != ""
	}
	create := paycore.CreatePayment{Merchant: order.merchant, OrderNo: order.no, PayNo: s.no, Channel: "wechat", Account: "wechat-main", AmountMinor: whole,
		Currency: "CNY", NotifyURL: "http://merchant.example/notify"}
	var c paycore.Command = create
	if n > 0 {
		s.held = s.channel() == nil && m.IntN(3) > 0
		c = paycore.CreateCombined{CreatePayment: create, Parts: parts, Held: s.held}
	}
	s.wish = fmt.Sprintf("%+v", c)
	switch before := m.sales[s.no]; {
	case before != nil && before.wish == s.wish:
		return m.command(c, paycore.Already)
	case before != nil || !ok || order.state != "" && (order.state != paycore.Paying || order.amount != whole):
		return m.command(c, paycore.Refused)
	}
	if order.state == "" {
		order.state, order.amount = paycore.Paying, whole
		m.orders[order.no] = order
	}
	m.begin(s, order)
	return m.command(c, paycore.Done, s.no)
}

// begin puts a sale into the books: without a part of a channel it is paid.
func (m *model) begin(s *sale, order *modelOrder) {
	s.order, m.sales[s.no] = order, s
	order.attempts = append(order.attempts, s)
	m.become(s, func() {
		for i, p := range s.parts {
			p.sale, p.no, p.state = s, s.no, paycore.Paying
			if p.coupon != "" {
				m.coupons[p.coupon] = p
			}
			if i > 0 {
				p.no = fmt.Sprintf("%s~%d", s.no, i)
			}
		}
		if s.channel() == nil && !s.held {
			m.succeed(s)
		}
	})
}

// ownPart is what a wallet pays of an order: its balance, a red packet, or a
// coupon, of which there are few.
func (m *model) ownPart() (*part, paycore.Part) {
	p := &part{wallet: m.holder(), channel: "balance", account: "own", amount: int64(m.IntN(120) - 2)}
	own := paycore.Part{Means: paycore.Balance, Wallet: paycore.Wallet(p.wallet), AmountMinor: p.amount}
	switch m.IntN(4) {
	case 0:
		own.Means, own.Coupon = paycore.Coupon, fmt.Sprint(m.IntN(40))
		p.coupon = p.wallet + " " + own.Coupon
	case 1:
		own.Means = paycore.RedPacket
	}
	p.channel = string(own.Means)
	return p, own
}

// unused: a coupon pays once; one that was given back before may be used again.
func (m *model) unused(coupon string) bool {
	p := m.coupons[coupon]
	return p == nil || p.state != paycore.Paying && p.state != paycore.Success
}

// payOwn is the word that a payment which was held may go on.
func (m *model) payOwn() act {
	no := m.prefer("P", func(no string) bool {
		s := m.sales[no]
		return s != nil && s.held && s.state() == paycore.Paying
	})
	c, s := paycore.PayOwn{PayNo: no}, m.sales[no]
	switch {
	case s == nil || s.channel() != nil:
		return m.command(c, paycore.Refused)
	case s.state() == paycore.Success:
		return m.command(c, paycore.Already)
	case s.state() != paycore.Paying || s.order.state != paycore.Paying:
		return m.command(c, paycore.Refused)
	}
	m.become(s, func() { m.succeed(s) })
	return m.command(c, paycore.Done, no)
}

// succeed makes a sale pay its order. One that is not open any more has no use
// for wallets, nor has one whose parts went back before.
func (m *model) succeed(s *sale) {
	own := s.parts
	if c := s.channel(); c != nil {
		own = s.parts[1:]
		c.state, c.paidAt, c.paidOp, c.byFix = paycore.Success, m.at.UnixMicro(), m.op, false
	}
	if s.order.state != paycore.Paying || slices.ContainsFunc(own, func(p *part) bool { return p.state != paycore.Paying }) {
		for _, p := range own {
			p.state = paycore.Closed
		}
		return
	}
	s.order.state, s.order.paidBy = paycore.Paid, s
	for _, p := range own {
		p.state, p.paidAt, p.paidOp = paycore.Success, m.at.UnixMicro(), m.op
	}
}

// heard is the channel's word that it has the money, or has it once more.
func (m *model) heard() act {
	no := m.prefer("P", func(no string) bool { s := m.sales[no]; return s != nil && s.state() == paycore.Paying })
	c, s := paidBy(no, 1), m.sales[no]
	if m.IntN(12) == 0 {
		c.ChannelRef = "wx-" + m.pick("P")
	}
	if s == nil {
		return m.command(c, paycore.Early)
	}
	p := s.channel()
	switch {
	case p == nil:
		return m.command(c, paycore.Refused)
	case p.channel != "wechat":
		return m.remit() // its word is the statement
	}
	if c.AmountMinor = p.amount; m.IntN(10) == 0 {
		c.AmountMinor++
		return m.command(c, paycore.Refused)
	}
	switch {
	case p.state == paycore.Success && p.ref == c.ChannelRef:
		return m.command(c, paycore.Already)
	case p.state == paycore.Success:
		return m.command(c, paycore.DuplicatePayment)
	case m.owns(c.ChannelRef, p):
		return m.command(c, paycore.Refused)
	case p.state != paycore.Paying:
		return m.command(c, paycore.LateSuccess)
	}
	m.become(s, func() { m.succeed(s); p.ref = c.ChannelRef })
	return m.command(c, paycore.Done, no)
}

// owns tells whether another payment has the channel's number.
func (m *model) owns(ref string, p *part) bool {
	for _, s := range m.sales {
		if c := s.channel(); c != nil && c != p && c.account == p.account && c.ref == ref {
			return true
		}
	}
	return false
}

// end closes or fails a sale that nobody paid: wallets have theirs back.
func (m *model) end(s *sale, to paycore.State) {
	m.become(s, func() {
		for i, p := range s.parts {
			if p.state = paycore.Closed; i == 0 {
				p.state = to
			}
		}
	})
}

func (m *model) close() act {
	no := m.pick("P")
	c, s := paycore.ClosePayment{PayNo: no}, m.sales[no]
	switch {
	case s == nil:
		return m.command(c, paycore.Refused)
	case s.state() == paycore.Closed:
		return m.command(c, paycore.Already)
	case s.state() != paycore.Paying:
		return m.command(c, paycore.Refused)
	}
	m.end(s, paycore.Closed)
	if s.order.state == paycore.Paying && !s.order.live() {
		s.order.state = paycore.Closed
	}
	return m.command(c, paycore.Done, no)
}

// live tells whether an attempt may still succeed.
func (o *modelOrder) live() bool {
	return slices.ContainsFunc(o.attempts, func(s *sale) bool { return s.state() == paycore.Paying })
}

func (m *model) fail() act {
	no := m.pick("P")
	c, s := paycore.FailPayment{PayNo: no, By: paycore.ByAnswer}, m.sales[no]
	switch {
	case s == nil:
		return m.command(c, paycore.Early)
	case s.state() == paycore.Failed:
		return m.command(c, paycore.Already)
	case s.state() != paycore.Paying:
		return m.command(c, paycore.Refused)
	}
	m.end(s, paycore.Failed)
	return m.command(c, paycore.Done, no)
}

func (m *model) closeOrder() act {
	no := "O-" + m.pick("P")
	c, o := paycore.CloseOrder{Merchant: "M1", OrderNo: no}, m.orders[no]
	if o != nil {
		c.Merchant = o.merchant
	}
	switch {
	case o == nil:
		return m.command(c, paycore.Refused)
	case o.state == paycore.Closed:
		return m.command(c, paycore.Already)
	case o.state != paycore.Paying || o.live():
		return m.command(c, paycore.Refused)
	}
	o.state = paycore.Closed
	return m.command(c, paycore.Done)
}

// parts holds the rows of payments against the model: no part gives back more
// than it paid, and what it gave is what its refunds say.
func (m *model) parts(t *testing.T, w *watch, numbers []string) {
	t.Helper()
	for _, no := range numbers {
		rows, err := w.QueryContext(context.Background(), `SELECT p.amount_minor, p.refunded_minor, p.state,
			COALESCE((SELECT SUM(r.amount_minor) FROM refund r WHERE r.pay_no = p.pay_no AND r.state <> 'CLOSED'), 0)
			FROM payment p WHERE p.pay_no = $1 OR p.part_of = $1 ORDER BY p.pay_no`, no)
		list, err := scanAll(rows, err, func(row scanner) (p part, err error) {
			var refunds int64
			if err = row.Scan(&p.amount, &p.back, &p.state, &refunds); refunds != p.back {
				t.Fatalf("payment %s: refunds of %d, it says %d", no, refunds, p.back)
			}
			return p, err
		}, "parts")
		if err != nil {
			t.Fatal(err)
		}
		want := m.sales[no].parts
		for i, p := range list {
			if len(list) != len(want) || p.amount != want[i].amount || p.back != want[i].back || p.state != want[i].state || p.back > p.amount || p.back < 0 {
				t.Fatalf("payment %s, part %d: got %d, %d of it refunded, %s; want %+v", no, i, p.amount, p.back, p.state, want[i])
			}
		}
	}
}
