package store

import (
	"context"
	"fmt"
	"testing"

	"tieout/internal/paycore"
)

// modelInterop are the tokens of wallets at a clearing organisation, and what
// was taken by them.
type modelInterop struct {
	tokens  map[string]*modelToken // by the organisation's name
	debits  map[string]*modelDebit
	returns map[string]*modelReturn
}

type modelToken struct {
	number, who string
	active      bool
}

type modelDebit struct {
	who    string
	amount int64
	back   int64
	ok     bool
	wish   string
}

// stands: the wallet has less, and we owe it to the organisation.
func (d *modelDebit) stands(add, _ func(string, int64)) {
	if d.ok {
		add(paycore.Wallet(d.who), d.amount-d.back)
		add("interop_clearing:"+org, d.back-d.amount)
	}
}

type modelReturn struct{ wish string }

func (m *model) openInterop(t *testing.T) {
	t.Helper()
	m.modelInterop = modelInterop{map[string]*modelToken{}, map[string]*modelDebit{}, map[string]*modelReturn{}}
	for range 3 {
		m.bind(t)
	}
}

// bind applies for a token of a user, and is given it.
func (m *model) bind(t *testing.T) {
	t.Helper()
	x := &modelToken{number: m.fresh("A"), who: m.user(), active: true}
	m.tokens["tok-"+x.number] = x
	do(t, m.core, paycore.Done, paycore.ApplyToken{Number: x.number, Organisation: org, AccountKey: wallet(x.who)},
		paycore.AnswerToken{Number: x.number, State: paycore.TokenActive, Token: "tok-" + x.number})
}

func (m *model) drawInterop() act {
	switch m.IntN(16) {
	case 0:
		return m.token()
	case 1, 2, 3, 4, 5, 6:
		return m.giveBack()
	}
	return m.debit()
}

// token applies for a token, is given it, or unbinds it.
func (m *model) token() act {
	if m.IntN(2) == 0 {
		c := paycore.UnbindToken{Number: m.pick("A")}
		x := m.tokens["tok-"+c.Number]
		switch {
		case x == nil:
			return m.command(c, paycore.Refused)
		case !x.active:
			return m.command(c, paycore.Already)
		}
		x.active = false
		return m.command(c, paycore.Done)
	}
	x := &modelToken{number: m.number("A"), who: m.user(), active: true}
	c := paycore.ApplyToken{Number: x.number, Organisation: org, AccountKey: wallet(x.who)}
	if before := m.tokens["tok-"+x.number]; before != nil {
		if before.who == x.who {
			return m.command(c, paycore.Already)
		}
		return m.command(c, paycore.Refused)
	}
	if m.stopped[x.who] {
		return m.command(c, paycore.Refused)
	}
	m.tokens["tok-"+x.number] = x
	a := m.command(c, paycore.Done)
	a.do = func() (string, error) {
		got, err := m.core.Do(context.Background(), c, paycore.AnswerToken{Number: x.number, State: paycore.TokenActive, Token: "tok-" + x.number})
		if err != nil {
			return "", err
		}
		return string(got[1].Effect), nil
	}
	return a
}

// debit takes money of a wallet. One that fails is kept, and never succeeds.
func (m *model) debit() act {
	c := debit(m.number("X"), m.sum(300))
	c.Token = "tok-" + m.pick("A")
	c.Digest = fmt.Sprint(c.Token, c.AmountMinor)
	switch before := m.debits[c.Number]; {
	case before != nil && before.wish == c.Digest:
		return m.command(c, paycore.Already)
	case before != nil || c.AmountMinor <= 0:
		return m.command(c, paycore.Refused)
	}
	d, x := &modelDebit{amount: c.AmountMinor, wish: c.Digest}, m.tokens[c.Token]
	m.debits[c.Number] = d
	if x != nil && x.active && !m.stopped[x.who] && d.amount <= m.free(x.who) {
		m.become(d, func() { d.who, d.ok = x.who, true })
	}
	return m.command(c, paycore.Done)
}

// giveBack refunds a debit, never more than is left of it.
func (m *model) giveBack() act {
	c := debitRefund(m.number("Y"), m.pick("X"), m.sum(200))
	d := m.debits[c.Debit]
	if d != nil && m.IntN(3) == 0 {
		c.AmountMinor = d.amount - d.back + int64(m.IntN(2))
	}
	c.Digest = fmt.Sprint(c.Debit, c.AmountMinor)
	switch before := m.returns[c.Number]; {
	case before != nil && before.wish == c.Digest:
		return m.command(c, paycore.Already)
	case before != nil || c.AmountMinor <= 0:
		return m.command(c, paycore.Refused)
	}
	m.returns[c.Number] = &modelReturn{c.Digest}
	if d != nil && d.ok && c.AmountMinor <= d.amount-d.back {
		m.become(d, func() { d.back += c.AmountMinor })
	}
	return m.command(c, paycore.Done)
}
