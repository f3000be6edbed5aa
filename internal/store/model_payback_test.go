package store

import (
	"context"
	"slices"
	"time"

	"tieout/internal/paycore"
)

// modelPayback is a transfer back: of what is left of a remittance, or a refund
// that its channel does not take.
type modelPayback struct {
	of      *modelRemit // nil: a refund
	gift    *gift
	account string
	amount  int64
	state   paycore.State
	ref     string // of the bank, when it went out
	doneAt  time.Time
}

// owed tells whether the payer still gets the money of a refund.
func (r *giftRow) owed() bool { return r.state == paycore.Processing || r.state == paycore.Failed }

// byTransfer hands a refund over to the paybacks.
func (m *model) byTransfer() act {
	no := m.prefer("R", func(no string) bool {
		g := m.gifts[no]
		return g != nil && g.rows[0].owed() && g.rows[0].of.channel == "bankdemo"
	})
	c, g, b := paycore.RefundByTransfer{RefundNo: no}, m.gifts[no], m.paybacks[no]
	switch {
	case g == nil || !g.rows[0].owed():
		return m.command(c, paycore.Refused)
	case b == nil:
		r := g.rows[0]
		b = &modelPayback{gift: g, account: r.of.account, amount: r.amount}
		m.paybacks[no], m.made["payback"] = b, append(m.made["payback"], no)
	case b.state != paycore.Failed && b.state != paycore.Returned:
		return m.command(c, paycore.Already)
	}
	b.state, b.ref, b.doneAt = paycore.Waiting, "", time.Time{}
	return m.command(c, paycore.Done)
}

// somePayback is one that is likely to be in a state.
func (m *model) somePayback(states ...paycore.State) (string, *modelPayback) {
	no := m.prefer("payback", func(no string) bool { p := m.paybacks[no]; return p != nil && slices.Contains(states, p.state) })
	return no, m.paybacks[no]
}

func (m *model) proposePayback() act {
	if m.IntN(2) == 0 {
		return m.proposeRefund()
	}
	of := m.prefer("Z", func(no string) bool { r := m.remits[no]; return r != nil && r.left > 0 })
	r := m.remits[of]
	c := paycore.ProposePayback{Number: m.number("Q"), Remittance: paycore.RemittanceKey{Account: "bank-va", BankRef: of}, AmountMinor: int64(m.IntN(60)), Payee: payee, Maker: "lin"}
	if r != nil && m.IntN(2) == 0 {
		c.AmountMinor = r.left + int64(m.IntN(4)/3)
	}
	if m.paybacks[c.Number] != nil || r == nil || c.AmountMinor <= 0 || c.AmountMinor > r.left {
		return m.command(c, paycore.Refused)
	}
	m.paybacks[c.Number], m.made["payback"] = &modelPayback{of: r, account: "bank-va", amount: c.AmountMinor, state: paycore.Proposed}, append(m.made["payback"], c.Number)
	r.left -= c.AmountMinor
	return m.command(c, paycore.Done)
}

// proposeRefund says where a refund goes that waits, or came back.
func (m *model) proposeRefund() act {
	no, b := m.somePayback(paycore.Waiting)
	c := paycore.ProposePayback{Number: no, Payee: payee, Maker: "lin"}
	if b == nil || b.gift == nil || !b.gift.rows[0].owed() || b.state != paycore.Waiting && b.state != paycore.Returned {
		return m.command(c, paycore.Refused)
	}
	b.state, b.ref, b.doneAt = paycore.Proposed, "", time.Time{}
	return m.command(c, paycore.Done)
}

func (m *model) judgePayback() act {
	no, p := m.somePayback(paycore.Proposed)
	c := paycore.JudgePayback{Number: no, Approve: m.IntN(4) > 0, Checker: []string{"lin", "mei", "mei"}[m.IntN(3)]}
	if seen, err := m.db.Payback(context.Background(), no); err == nil && seen != nil {
		c.Version = seen.Version - int64(m.IntN(10)/9)
		if c.Version != seen.Version {
			return m.command(c, paycore.Refused)
		}
	}
	switch {
	case p == nil || p.state != paycore.Proposed || c.Approve && c.Checker == "lin", c.Approve && p.gift != nil && !p.gift.rows[0].owed():
		return m.command(c, paycore.Refused)
	case c.Approve:
		p.state = paycore.Paying
	case p.gift != nil:
		p.state = paycore.Waiting
	default:
		p.state = paycore.Closed
		p.of.left += p.amount
	}
	return m.command(c, paycore.Done)
}

// line is a line of the bank about a payback: what it says once it says again,
// and under its number nothing else.
func (m *model) line(c paycore.Command, effect paycore.Effect, pays ...string) act {
	if effect == paycore.Done {
		m.lines = append(m.lines, c)
	}
	return m.command(c, effect, pays...)
}

func (m *model) saidAgain() act {
	c, effect := m.lines[m.IntN(len(m.lines))], paycore.Already
	if other := m.IntN(2) == 0; other {
		effect = paycore.Refused
		switch x := c.(type) {
		case paycore.AnswerPayback:
			x.Paid = !x.Paid
			c = x
		case paycore.PaybackCameBack:
			x.AmountMinor++
			c = x
		}
	}
	return m.command(c, effect)
}

// answerPayback is what the bank's statement shows of a payback: what it shows
// has happened, approved or not. A refund goes with it, unless it was given up
// or counts as paid.
func (m *model) answerPayback() act {
	if len(m.lines) > 0 && m.IntN(6) == 0 {
		return m.saidAgain()
	}
	no, p := m.somePayback(paycore.Paying)
	c := paycore.AnswerPayback{Number: no, Account: "bank-va", Paid: m.IntN(4) > 0, AmountMinor: 1, Currency: "CNY", BankRef: m.fresh("ZQ"), DoneAt: m.at.UnixMicro()}
	if p == nil {
		return m.command(c, paycore.Early)
	}
	c.Account = p.account
	if c.AmountMinor = p.amount; m.IntN(10) == 0 {
		c.AmountMinor++
		return m.command(c, paycore.Refused)
	}
	switch {
	case c.Paid && (p.state == paycore.Proposed || p.state == paycore.Paying || p.state == paycore.Waiting):
		p.state, p.ref, p.doneAt = paycore.Success, c.BankRef, m.at
	case !c.Paid && p.state == paycore.Paying:
		p.state = paycore.Failed
	default:
		return m.command(c, paycore.Refused)
	}
	if p.gift == nil {
		if c.Paid {
			m.become(p.of, func() { p.of.sent += p.amount })
		} else {
			p.of.left += p.amount
		}
		return m.line(c, paycore.Done)
	}
	switch r := p.gift.rows[0]; {
	case c.Paid && r.owed():
		m.become(p.gift, func() {
			r.state, r.ref, r.byFix, r.doneAt, r.doneOp = paycore.Success, c.BankRef, false, m.at.UnixMicro(), m.op
		})
	case !c.Paid && r.state == paycore.Processing:
		m.become(p.gift, func() { r.state = paycore.Failed })
	}
	return m.line(c, paycore.Done, p.gift.of.no)
}

// cameBack is a transfer back that the payee's bank sent back. It is owed again.
func (m *model) cameBack() act {
	no, p := m.somePayback(paycore.Success)
	c := paycore.PaybackCameBack{Number: no, Account: "bank-va", AmountMinor: 1, Currency: "CNY", BankRef: m.fresh("ZQ"), CameAt: m.at.UnixMicro()}
	if p == nil {
		return m.command(c, paycore.Early)
	}
	c.Account, c.AmountMinor = p.account, p.amount
	if m.IntN(2) == 0 {
		c.Of = p.ref
	}
	wrong := true
	switch m.IntN(12) {
	case 0:
		c.AmountMinor++
	case 1:
		c.Of = "another"
	case 2:
		c.CameAt = p.doneAt.UnixMicro() - 1
	default:
		wrong = false
	}
	if wrong || p.state != paycore.Success {
		return m.command(c, paycore.Refused)
	}
	p.state = paycore.Returned
	if p.gift == nil {
		m.become(p.of, func() { p.of.sent, p.of.left = p.of.sent-p.amount, p.of.left+p.amount })
		return m.line(c, paycore.Done)
	}
	if r := p.gift.rows[0]; r.state == paycore.Success {
		m.become(p.gift, func() { r.state = paycore.Failed })
	}
	return m.line(c, paycore.Done, p.gift.of.no)
}

// atBank is how the payback of a refund stands; "" if it has none.
func (m *model) atBank(g *gift) paycore.State {
	if b := m.paybacks[g.no]; b != nil {
		return b.state
	}
	return ""
}
