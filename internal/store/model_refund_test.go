package store

import (
	"fmt"
	"slices"

	"tieout/internal/paycore"
)

// left is what may still be refunded of a sale.
func (s *sale) left() (minor int64) {
	for _, p := range s.parts {
		if p.state == paycore.Success {
			minor += p.amount - p.back
		}
	}
	return minor
}

// refund asks for money back.
func (m *model) refund() act {
	no := m.number("R")
	of := m.prefer("P", func(no string) bool {
		s := m.sales[no]
		return s != nil && s.taken == "" && s.left() > 0 && s.state() == paycore.Success
	})
	s := m.sales[of]
	x := int64(m.IntN(600))
	if s != nil && m.IntN(3) == 0 {
		x = s.left() + int64(m.IntN(2))
	}
	c := paycore.CreateRefund{RefundNo: no, PayNo: of, AmountMinor: x, Currency: "CNY"}
	switch before := m.gifts[no]; {
	case before != nil && before.of == s && before.asked == x:
		return m.command(c, paycore.Already)
	case before != nil || s == nil || s.state() != paycore.Success || s.taken != "" || x <= 0 || x > s.left(), m.returnedFirst(s, x):
		return m.command(c, paycore.Refused)
	}
	g := &gift{no: no, of: s, asked: x}
	m.gifts[no] = g
	m.become(s, func() {
		m.become(g, func() {
			for i, share := range s.shares(x) {
				if share > 0 {
					g.draw(m, s.parts[i], share)
				}
			}
		})
	})
	return m.command(c, paycore.Done, of)
}

// returnedFirst tells whether a refund would use what receivers have, where the
// contract wants it returned first.
func (m *model) returnedFirst(s *sale, x int64) bool {
	return s.order.merchant == "M2" && s.order.hold != nil && s.order.paidBy == s && x > s.left()-m.taken(s.order)
}

// shares divides a refund over the parts that paid, in proportion to what is
// left of each; what rounding leaves goes to those that lost most by it.
func (s *sale) shares(x int64) []int64 {
	shares, rest, order := make([]int64, len(s.parts)), make([]int64, len(s.parts)), []int(nil)
	left, units := s.left(), x
	for i, p := range s.parts {
		if p.state == paycore.Success {
			shares[i], rest[i] = x*(p.amount-p.back)/left, x*(p.amount-p.back)%left
			units -= shares[i]
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(rest[b] - rest[a]) })
	for _, i := range order[:units] {
		shares[i]++
	}
	return shares
}

// draw takes a share of a refund out of a part. A wallet has it at once.
func (g *gift) draw(m *model, p *part, share int64) {
	r := &giftRow{no: g.no, of: p, amount: share, state: paycore.Processing}
	if len(g.rows) > 0 {
		r.no = fmt.Sprintf("%s~%d", g.no, len(g.rows))
	}
	switch {
	case p.channel == "wechat":
		r.fee = -channelFee(share)
	case p.wallet != "":
		r.state, r.doneAt, r.doneOp = paycore.Success, m.at.UnixMicro(), m.op
	}
	p.back += share
	g.rows = append(g.rows, r)
}

// late takes in what came for a sale that was over, and gives it all back.
func (m *model) late() act {
	no := m.number("R")
	of := m.prefer("P", func(no string) bool {
		s := m.sales[no]
		return s != nil && s.state() != paycore.Paying && s.state() != paycore.Success
	})
	s := m.sales[of]
	c := paycore.RefundLate{PayNo: of, RefundNo: no, ChannelRef: "wx-" + of, AmountMinor: 1, Currency: "CNY"}
	if s == nil || s.channel() == nil {
		return m.command(c, paycore.Refused)
	}
	p := s.channel()
	if p.channel != "wechat" {
		return m.remit() // what comes late stays with the payer's number
	}
	if c.AmountMinor = p.amount; m.IntN(10) == 0 {
		c.AmountMinor--
	}
	switch before := m.gifts[no]; {
	case before != nil && before.of == s && len(before.rows) > 0 && before.rows[0].amount == p.amount:
		return m.command(c, paycore.Already)
	case before != nil || c.AmountMinor != p.amount || m.owns(c.ChannelRef, p) || p.state != paycore.Closed && p.state != paycore.Failed:
		return m.command(c, paycore.Refused)
	}
	g := &gift{no: no, of: s, asked: p.amount}
	m.gifts[no] = g
	m.become(s, func() {
		m.become(g, func() {
			p.state, p.ref, p.byFix, p.paidAt, p.paidOp = paycore.Success, c.ChannelRef, false, m.at.UnixMicro(), m.op
			g.draw(m, p, p.amount)
		})
	})
	return m.command(c, paycore.Done, of)
}

// asked is a refund that may be there, and its row that the channel knows; now
// and then one that a bank has.
func (m *model) asked() (string, *gift, *giftRow) {
	no := m.prefer("R", func(no string) bool { g := m.gifts[no]; return g != nil && g.rows[0].state != paycore.Success })
	if at, b := m.somePayback(paycore.Paying); b != nil && b.gift != nil && m.IntN(4) == 0 {
		no = at
	}
	if g := m.gifts[no]; g != nil {
		return no, g, g.rows[0]
	}
	return no, nil, nil
}

// refunded is the channel's word that it gave the money back.
func (m *model) refunded() act {
	no, g, r := m.asked()
	c := paycore.MarkRefunded{RefundNo: no, ChannelRefundRef: "wr-" + no, AmountMinor: 1, Currency: "CNY", By: paycore.ByAnswer}
	if g == nil {
		return m.command(c, paycore.Early)
	}
	if c.AmountMinor = r.amount; m.IntN(10) == 0 {
		c.AmountMinor++
		return m.command(c, paycore.Refused)
	}
	if m.IntN(12) == 0 {
		c.ChannelRefundRef = "ws-" + no
	}
	switch {
	case r.state == paycore.Success && (r.ref == "" || r.ref == c.ChannelRefundRef):
		return m.command(c, paycore.Already)
	case r.state == paycore.Success:
		return m.command(c, paycore.DuplicatePayment)
	case m.atBank(g) != "" && m.atBank(g) != paycore.Success: // its way is another one
		return m.command(c, paycore.Refused)
	case r.state == paycore.Closed:
		return m.command(c, paycore.LateSuccess)
	}
	m.become(g, func() {
		r.state, r.ref, r.byFix, r.doneAt, r.doneOp = paycore.Success, c.ChannelRefundRef, false, m.at.UnixMicro(), m.op
	})
	return m.command(c, paycore.Done, g.of.no)
}

// unrefunded is the channel's word that it did not, or ours that we give it up.
func (m *model) unrefunded() act {
	no, g, r := m.asked()
	if m.IntN(2) == 0 {
		c := paycore.FailRefund{RefundNo: no, By: paycore.ByAnswer}
		switch {
		case g == nil:
			return m.command(c, paycore.Early)
		case r.state == paycore.Failed:
			return m.command(c, paycore.Already)
		case r.state != paycore.Processing:
			return m.command(c, paycore.Refused)
		}
		m.become(g, func() { r.state = paycore.Failed })
		return m.command(c, paycore.Done, g.of.no)
	}
	c := paycore.CancelRefund{RefundNo: no}
	switch {
	case g == nil:
		return m.command(c, paycore.Refused)
	case r.state == paycore.Closed:
		return m.command(c, paycore.Already)
	case r.state != paycore.Failed || r.batch != nil || m.atBank(g) == paycore.Paying:
		return m.command(c, paycore.Refused)
	}
	m.become(g, func() { r.state = paycore.Closed; r.of.back -= r.amount })
	return m.command(c, paycore.Done, g.of.no)
}

// renumber lets a refund, that went out as a void, go on under another number.
func (m *model) renumber() act {
	no, g, r := m.asked()
	c := paycore.RenumberRefund{RefundNo: no, Number: "V" + no}
	if m.IntN(10) == 0 {
		c.Number = "W" + no
	}
	switch {
	case g == nil:
		return m.command(c, paycore.Refused)
	case g.other == c.Number:
		return m.command(c, paycore.Already)
	case g.other != "" || r.state != paycore.Processing && r.state != paycore.Failed:
		return m.command(c, paycore.Refused)
	}
	g.other = c.Number
	return m.command(c, paycore.Done)
}
