package store

import (
	"fmt"
	"testing"

	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// modelWallets are the documents of wallets.
type modelWallets struct {
	docs    map[string]*purseDoc
	stopped map[string]bool   // no command moves money in or out
	above   map[string]string // merchants of levels: who stands above whom
}

type purseDoc struct {
	kind, who, to string
	amount        int64
	back          int64 // of a freeze
	state         paycore.State
	sent          bool // a withdrawal that stands in a file
	wish          paycore.Command
}

// stands: a freeze holds what it did not give back; a withdrawal holds its money
// until the bank has paid it.
func (d *purseDoc) stands(add, hold func(string, int64)) {
	switch {
	case d.kind == "F":
		hold(paycore.Wallet(d.who), d.amount-d.back)
	case d.kind == "W" && d.state == paycore.Processing:
		hold(paycore.Wallet(d.who), d.amount)
	case d.kind == "W" && d.state == paycore.Success:
		add(paycore.Wallet(d.who), d.amount)
		add("bank:icbc", -d.amount)
	case d.kind == "T":
		add(paycore.Wallet(d.who), d.amount)
		add(paycore.Wallet(d.to), -d.amount)
	case d.kind == "D":
		add("payable:"+d.to, d.amount)
		add(paycore.Wallet(d.who), -d.amount)
	}
}

var payeeOfUser = settlement.Payee{Name: "U", Account: "6222000011112222", Bank: "102"}

// openWallets opens the wallets of a few users, and puts money into each.
func (m *model) openWallets(t *testing.T) {
	t.Helper()
	m.modelWallets = modelWallets{map[string]*purseDoc{}, map[string]bool{}, map[string]string{"G2": "G1", "G3": "G2"}}
	openWallets(t, m.core, 0, "U1", "U2", "U3", "U4")
	for _, who := range []string{"G1", "G2", "G3"} {
		do(t, m.core, paycore.Done, paycore.OpenEntity{ID: who, Kind: "MERCHANT", Parent: m.above[who], Name: who}, paycore.OpenAccount{Entity: who, Currency: "CNY", Controls: free})
	}
	for i := range 4 {
		s := &sale{no: m.fresh("P"), parts: []*part{{channel: "wechat", account: "wechat-main", amount: 20_000, fee: channelFee(20_000)}}}
		o := &modelOrder{no: "O-" + s.no, merchant: "M1", amount: 20_000, state: paycore.Paying}
		m.orders[o.no] = o
		m.begin(s, o)
		m.become(s, func() { m.succeed(s); s.parts[0].ref = "wx-" + s.no })
		c := pay(s.no, 20_000)
		c.Merchant = "M1"
		s.wish = fmt.Sprintf("%+v", c)
		deposit := paycore.Deposit{Number: m.fresh("D"), PayNo: s.no, Account: fmt.Sprintf("wallet:U%d", i+1)}
		d := &purseDoc{wish: deposit}
		m.docs[deposit.Number], s.taken = d, deposit.Number
		m.become(d, func() { d.kind, d.who, d.to, d.amount = "D", fmt.Sprintf("U%d", i+1), "M1", 20_000 })
		do(t, m.core, paycore.Done, c, paidBy(s.no, 20_000), deposit)
	}
}

func (m *model) drawWallet() act {
	switch m.IntN(9) {
	case 0:
		return m.freeze()
	case 1:
		return m.unfreeze()
	case 2:
		return m.transfer()
	case 3:
		return m.withdraw()
	case 4:
		return m.answered()
	case 5:
		return m.stop()
	case 6, 7:
		return m.sweep()
	}
	return m.deposit()
}

// holder is who has a wallet: a user, or a merchant of levels.
func (m *model) holder() string {
	if m.IntN(4) == 0 {
		return fmt.Sprintf("G%d", 1+m.IntN(3))
	}
	return m.user()
}

// stop stops a wallet, or lets it go on; few are stopped at a time. One that
// holds money is not closed.
func (m *model) stop() act {
	who := m.holder()
	for range 3 { // rather one that is stopped
		if !m.stopped[who] {
			who = m.holder()
		}
	}
	c := paycore.ControlAccount{AccountKey: wallet(who), Controls: free}
	if c.Controls.Frozen = m.IntN(3) == 0; m.minor[paycore.Wallet(who)] != 0 && m.IntN(6) == 0 {
		c.Controls.Active = false
		return m.command(c, paycore.Refused)
	}
	if c.Controls.Frozen == m.stopped[who] {
		return m.command(c, paycore.Already)
	}
	m.stopped[who] = c.Controls.Frozen
	return m.command(c, paycore.Done)
}

// sweep takes what a merchant has above an amount to the one above him, once
// under a number.
func (m *model) sweep() act {
	c := paycore.Sweep{Number: m.number("L"), Entity: []string{"G1", "G2", "G2", "G3", "G3", "G3"}[m.IntN(6)], Currency: "CNY", KeepMinor: m.sum(60)}
	if c.Parent = m.above[c.Entity]; m.IntN(12) == 0 {
		c.Parent = "G1"
	}
	d := &purseDoc{kind: "T", who: c.Entity, to: c.Parent, amount: m.free(c.Entity) - c.KeepMinor, wish: c}
	switch before := m.docs[c.Number]; {
	case before != nil && before.who == d.who && before.to == d.to:
		return m.command(c, paycore.Already)
	case before != nil || c.Parent == "" || c.Parent != m.above[c.Entity] || c.KeepMinor < 0:
		return m.command(c, paycore.Refused)
	case d.amount <= 0:
		return m.command(c, paycore.Ignored)
	}
	return m.open(c.Number, d, !m.stopped[d.who] && !m.stopped[d.to], nil)
}

// sum is an amount, seldom one that is none.
func (m *model) sum(most int) int64 { return int64(m.IntN(most) - 2) }

// open answers a command under a number of its own.
func (m *model) open(number string, d *purseDoc, may bool, effect func()) act {
	switch before := m.docs[number]; {
	case before != nil && before.wish == d.wish:
		return m.command(d.wish, paycore.Already)
	case before != nil || !may:
		return m.command(d.wish, paycore.Refused)
	}
	m.docs[number] = d
	kind := d.kind
	d.kind = ""
	m.become(d, func() { d.kind = kind })
	if effect != nil {
		effect()
	}
	return m.command(d.wish, paycore.Done)
}

func (m *model) freeze() act {
	d := &purseDoc{kind: "F", who: m.holder(), amount: m.sum(300), state: paycore.Processing}
	c := paycore.Freeze{Number: m.number("F"), AccountKey: wallet(d.who), AmountMinor: d.amount}
	if m.IntN(10) == 0 {
		d.amount = m.free(d.who) + 1
		c.AmountMinor = d.amount
	}
	d.wish = c
	return m.open(c.Number, d, d.amount > 0 && d.amount <= m.free(d.who), nil)
}

func (m *model) unfreeze() act {
	c := paycore.Unfreeze{Number: m.number("B"), Freeze: m.pick("F"), AmountMinor: m.sum(300)}
	f := m.docs[c.Freeze]
	if f == nil {
		return m.command(c, paycore.Refused)
	}
	if m.IntN(2) == 0 {
		c.AmountMinor = f.amount - f.back
	}
	d := &purseDoc{kind: "B", amount: c.AmountMinor, wish: c}
	return m.open(c.Number, d, d.amount > 0 && f.back+d.amount <= f.amount, func() { m.become(f, func() { f.back += d.amount }) })
}

func (m *model) transfer() act {
	d := &purseDoc{kind: "T", who: m.holder(), to: m.holder(), amount: m.sum(400)}
	c := paycore.Transfer{Number: m.number("T"), From: paycore.Wallet(d.who), To: paycore.Wallet(d.to), AmountMinor: d.amount, Currency: "CNY"}
	d.wish = c
	return m.open(c.Number, d, d.to != d.who && d.amount > 0 && d.amount <= m.free(d.who) && !m.stopped[d.who] && !m.stopped[d.to], nil)
}

func (m *model) withdraw() act {
	d := &purseDoc{kind: "W", who: m.holder(), amount: m.sum(200), state: paycore.Processing}
	c := paycore.Withdraw{Number: m.number("W"), AccountKey: wallet(d.who), AmountMinor: d.amount, Bank: "icbc", Payee: payeeOfUser.Text()}
	d.wish = c
	return m.open(c.Number, d, d.amount > 0 && d.amount <= m.free(d.who) && !m.stopped[d.who], nil)
}

// answered is what the bank says about a withdrawal, also long after.
func (m *model) answered() act {
	c := paycore.AnswerWithdrawal{Number: m.pick("W"), AmountMinor: 1, Paid: m.IntN(2) == 0}
	d := m.docs[c.Number]
	if d == nil {
		return m.command(c, paycore.Refused)
	}
	if c.AmountMinor = d.amount; m.IntN(10) == 0 {
		c.AmountMinor++
	}
	effect := d.hear(c.Paid, c.AmountMinor)
	if effect == paycore.Done {
		m.become(d, func() { d.state = afterAnswer(c.Paid) })
	}
	return m.command(c, effect)
}

func afterAnswer(paid bool) paycore.State {
	if paid {
		return paycore.Success
	}
	return paycore.Failed
}

// hear is what an answer does to a withdrawal: one that failed is over, one that
// was paid may still come back.
func (d *purseDoc) hear(paid bool, minor int64) paycore.Effect {
	switch {
	case minor != d.amount:
		return paycore.Refused
	case d.state == afterAnswer(paid):
		return paycore.Already
	case d.state == paycore.Failed:
		return paycore.Refused
	}
	return paycore.Done
}

// deposit makes a payment the balance of a user.
func (m *model) deposit() act {
	c := paycore.Deposit{Number: m.number("D"), PayNo: m.pick("P"), Account: paycore.Wallet(m.user())}
	s := m.sales[c.PayNo]
	if s == nil {
		return m.command(c, paycore.Refused)
	}
	d := &purseDoc{kind: "D", who: c.Account[len("wallet:"):], to: s.order.merchant, amount: s.parts[0].amount, wish: c}
	may := s.state() == paycore.Success && s.taken == "" && len(s.parts) == 1 && s.channel() != nil && s.parts[0].back == 0 && s.parts[0].batch == nil && s.order.hold == nil && !m.stopped[d.who]
	return m.open(c.Number, d, may, func() { s.taken = c.Number })
}
