package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// modelSplits are what receivers get of orders, and give back.
type modelSplits struct {
	splits map[string]*modelSplit
	backs  map[string]*modelBack
}

// modelHold holds an order back.
type modelHold struct {
	order  *modelOrder
	state  settlement.SplitState
	until  time.Time
	warned int
}

type modelSplit struct {
	no      string
	order   *modelOrder
	of      *part // what it is taken from; nil before the order is paid
	shares  []*modelShare
	release bool
	open    bool
	wish    string
	op      int
	endedAt int64
	batch   *modelBatch
}

type modelShare struct {
	who    string
	amount int64
	asked  int64 // to be given back
	got    bool
	closed bool
}

// stands: what a receiver got is the merchant's no more.
func (s *modelSplit) stands(add, _ func(string, int64)) {
	for _, x := range s.shares {
		if x.got {
			add("payable:"+s.order.merchant, x.amount)
			add(paycore.Wallet(x.who), -x.amount)
		}
	}
}

func (s *modelSplit) done() (minor int64) {
	for _, x := range s.shares {
		if x.got {
			minor += x.amount
		}
	}
	return minor
}

func (s *modelSplit) item() *modelItem {
	return &modelItem{settlement.SplitOut, s.no, s.of, -s.done(), 0, &s.batch, s.endedAt, nil}
}

// modelBack is a return.
type modelBack struct {
	no     string
	split  *modelSplit
	share  *modelShare
	amount int64
	state  settlement.SplitState
	next   time.Time
	until  time.Time
	doneAt int64
	batch  *modelBatch
}

func (b *modelBack) stands(add, _ func(string, int64)) {
	if b.state == settlement.SplitSuccess {
		add(paycore.Wallet(b.share.who), b.amount)
		add("payable:"+b.split.order.merchant, -b.amount)
	}
}

func (b *modelBack) item() *modelItem {
	return &modelItem{settlement.SplitBackIn, b.no, b.split.of, b.amount, 0, &b.batch, b.doneAt, nil}
}

func (m *model) openSplits(t *testing.T) {
	t.Helper()
	m.modelSplits = modelSplits{map[string]*modelSplit{}, map[string]*modelBack{}}
	for i := range 6 { // U4 is none
		if err := m.db.AddReceiver(context.Background(), fmt.Sprintf("M%d", 1+i/3), fmt.Sprintf("U%d", 1+i%3), "supplier"); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) drawSplit() act {
	switch m.IntN(10) {
	case 0:
		return m.holdOrder()
	case 1, 2, 3:
		return m.split()
	case 4, 5:
		return m.work()
	case 6, 7, 8:
		return m.giveBackShare()
	}
	return m.release()
}

// taken is what receivers of an order have, or are about to get.
func (m *model) taken(o *modelOrder) (minor int64) {
	for _, s := range m.splits {
		if s.order == o {
			for _, x := range s.shares {
				if !x.closed {
					minor += x.amount
				}
			}
		}
	}
	for _, b := range m.backs {
		if b.split.order == o && b.state == settlement.SplitSuccess {
			minor -= b.amount
		}
	}
	return minor
}

// limit is the most that they may have: 30 percent of what is left of the
// payment, and never what our fee needs.
func (o *modelOrder) limit() int64 {
	paid, fee := o.amount, int64(0)
	if o.paidBy != nil {
		p := o.paidBy.parts[0]
		paid, fee = p.amount-p.back, p.merchantFee()
	}
	return max(0, min(paid*3/10, paid-fee))
}

// mayHold says why an order is not held back; "" if it is, or can be.
func (o *modelOrder) mayHold() string {
	switch {
	case o == nil:
		return "E-6416"
	case o.hold != nil && o.hold.state == settlement.SplitHeld:
		return ""
	case o.hold != nil, o.state == paycore.Closed, slices.ContainsFunc(o.attempts, (*sale).settled):
		return "E-6419"
	}
	return ""
}

// settled tells whether any of a payment is in a batch, or became a balance.
func (s *sale) settled() bool {
	return s.taken != "" || slices.ContainsFunc(s.parts, func(p *part) bool { return p.batch != nil })
}

// someOrder is one of the last orders, rather one that may be split.
func (m *model) someOrder() (string, *modelOrder) {
	no := "O-" + m.prefer("P", func(no string) bool {
		o := m.orders["O-"+no]
		return o != nil && o.state == paycore.Paid && o.mayHold() == "" && o.amount > 100
	})
	return no, m.orders[no]
}

func (o *modelOrder) owner() string {
	if o == nil {
		return "M1"
	}
	return o.merchant
}

// beginHold holds an order back for five days.
func (m *model) beginHold(o *modelOrder) {
	if o.hold == nil {
		o.hold = &modelHold{order: o, state: settlement.SplitHeld, until: m.at.Add(5 * 24 * time.Hour)}
	}
}

func (m *model) holdOrder() act {
	no, o := m.someOrder()
	want := o.mayHold()
	idle := want != "" || o.hold != nil
	if want == "" {
		m.beginHold(o)
	}
	return m.call("hold", no, want, idle, func() (string, error) {
		_, err := m.db.HoldForSplit(context.Background(), o.owner(), no, modelContracts()[o.owner()].Split)
		return "", err
	})
}

// split asks for shares of an order.
func (m *model) split() act {
	no, o := m.someOrder()
	s := &modelSplit{no: m.number("S"), order: o, open: true, release: m.IntN(4) == 0, op: m.op}
	var shares []settlement.SplitShare
	var sum int64
	for i := range 1 + m.IntN(3) {
		x := &modelShare{who: fmt.Sprintf("U%d", 1+(i+m.IntN(2))%4), amount: int64(1 + m.IntN(60))}
		if i > 0 && slices.ContainsFunc(s.shares, func(y *modelShare) bool { return y.who == x.who }) {
			continue
		}
		if o != nil && m.IntN(12) == 0 {
			x.amount = o.limit() - m.taken(o) + int64(m.IntN(2))
		}
		s.shares, sum = append(s.shares, x), sum+x.amount
		shares = append(shares, settlement.SplitShare{Receiver: x.who, AmountMinor: x.amount})
	}
	want, known := m.maySplit(s, o, sum, fmt.Sprint(no, s.release, shares))
	if want == "" && !known {
		m.beginHold(o)
		m.splits[s.no] = s
		if o.paidBy != nil {
			s.of = o.paidBy.parts[0]
		}
	}
	return m.call("split", fmt.Sprint(s.no, no, shares), want, want != "" || known, func() (string, error) {
		_, err := m.db.Split(context.Background(), settlement.SplitRequest{Number: s.no, Merchant: o.owner(), OrderNo: no, Shares: shares, ReleaseRest: s.release}, modelContracts()[o.owner()])
		return "", err
	})
}

func (m *model) maySplit(s *modelSplit, o *modelOrder, sum int64, wish string) (why string, known bool) {
	s.wish = wish
	before := m.splits[s.no]
	switch {
	case slices.ContainsFunc(s.shares, func(x *modelShare) bool { return x.amount <= 0 }):
		return "E-6419", false
	case o == nil:
		return "E-6416", false
	case before != nil && before.wish == wish:
		return "", true
	case before != nil || o.state == paycore.Closed || o.mayHold() != "" || sum > o.limit()-m.taken(o) || slices.ContainsFunc(s.shares, func(x *modelShare) bool { return x.who == "U4" }):
		return "E-6419", false
	}
	return "", false
}

// splitOpen tells whether an order has a split that is not carried out.
func (m *model) splitOpen(o *modelOrder) bool {
	for _, s := range m.splits {
		if s.order == o && s.open {
			return true
		}
	}
	return false
}

// work carries out all that is due.
func (m *model) work() act {
	n := 0
	for _, s := range slices.SortedFunc(maps.Values(m.splits), func(a, b *modelSplit) int { return cmp.Compare(a.op, b.op) }) {
		if s.open && s.order.state != paycore.Paying {
			m.carryOut(s)
			n++
		}
	}
	waiting := slices.SortedFunc(maps.Values(m.backs), func(a, b *modelBack) int { return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.no, b.no)) })
	for _, b := range waiting {
		if b.state == settlement.SplitProcessing && !b.next.After(m.at) {
			m.try(b)
			n++
		}
	}
	for _, o := range m.orders {
		h := o.hold
		if h == nil || h.state != settlement.SplitHeld {
			continue
		}
		left := h.until.Sub(m.at)
		switch {
		case left <= 0 && !m.splitOpen(o):
			h.state = settlement.SplitReleased
			n++
		case left > 0 && left <= 24*time.Hour && h.warned != 1:
			h.warned = 1
			n++
		case left > 24*time.Hour && h.warned == 0:
			h.warned = 7
			n++
		}
	}
	want := "NOTHING"
	if n > 0 {
		want = fmt.Sprint(n)
	}
	return m.call("work", "", want, n == 0, func() (string, error) {
		n, err := m.db.WorkSplits(context.Background(), modelContracts())
		if n == 0 {
			return "NOTHING", err
		}
		return fmt.Sprint(n), err
	})
}

// carryOut gives each share of a split its end: its money, unless the order has
// it no more, or the wallet takes none.
func (m *model) carryOut(s *modelSplit) {
	o := s.order
	if o.paidBy != nil && s.of == nil {
		s.of = o.paidBy.parts[0]
	}
	gone := o.paidBy == nil || o.paidBy.parts[0] != s.of || s.of.state != paycore.Success || s.of.batch != nil || o.paidBy.taken != "" || m.taken(o) > o.limit()
	m.become(s, func() {
		for _, x := range s.shares {
			x.closed = gone || m.stopped[x.who]
			x.got = !x.closed
		}
		s.open, s.endedAt = false, m.at.UnixMicro()
	})
	if s.release && o.hold.state == settlement.SplitHeld && !m.splitOpen(o) {
		o.hold.state = settlement.SplitReleased
	}
}

// try takes a return from its receiver, if he has it; for seven days.
func (m *model) try(b *modelBack) {
	switch {
	case b.amount <= m.free(b.share.who) && !m.stopped[b.share.who]:
		m.become(b, func() { b.state, b.doneAt = settlement.SplitSuccess, m.at.UnixMicro() })
	case !m.at.Before(b.until):
		b.state = settlement.SplitClosed
		b.share.asked -= b.amount
	default:
		b.next = m.at.Add(10 * time.Minute)
	}
}

// giveBackShare asks a receiver for a part of his share.
func (m *model) giveBackShare() act {
	b := &modelBack{no: m.number("E"), amount: m.sum(60), state: settlement.SplitProcessing, next: m.at, until: m.at.Add(7 * 24 * time.Hour)}
	no := m.prefer("S", func(no string) bool { s := m.splits[no]; return s != nil && s.done() > 0 })
	who, merchant := m.user(), "M1"
	if b.split = m.splits[no]; b.split != nil {
		merchant = b.split.order.merchant
		x := b.split.shares[m.IntN(len(b.split.shares))]
		if who = x.who; m.IntN(3) == 0 {
			b.amount = x.amount - x.asked + int64(m.IntN(2))
		}
		b.share = x
	}
	want, known := "", false
	switch before := m.backs[b.no]; {
	case b.split == nil:
		want = "E-6416"
	case before != nil:
		if known = before.split == b.split && before.share == b.share && before.amount == b.amount; !known {
			want = "E-6419"
		}
	case !b.share.got || b.amount <= 0 || b.amount > b.share.amount-b.share.asked:
		want = "E-6419"
	default:
		m.backs[b.no] = b
		b.share.asked += b.amount
		m.try(b)
	}
	return m.call("return", fmt.Sprint(b.no, no, who, b.amount), want, want != "" || known, func() (string, error) {
		_, err := m.db.ReturnSplit(context.Background(), merchant, b.no, no, who, b.amount)
		return "", err
	})
}

// release makes the rest of an order the merchant's.
func (m *model) release() act {
	no, o := m.someOrder()
	want, idle := "", true
	switch {
	case o == nil || o.hold == nil:
		want = "E-6416"
	case o.hold.state == settlement.SplitReleased:
	case m.splitOpen(o):
		want = "E-6419"
	default:
		o.hold.state, idle = settlement.SplitReleased, false
	}
	return m.call("release", no, want, idle, func() (string, error) {
		_, err := m.db.ReleaseRest(context.Background(), o.owner(), no)
		return "", err
	})
}
