package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"tieout/internal/paycore"
)

// sale is a payment in the model: what each part pays, and has given back. The
// part of a channel has no payer and comes first.
type sale struct {
	payers    []string
	pays      []int64
	back      []int64
	state     paycore.State
	deposited bool
	wish      string
}

// gift is a refund in the model: what each part of its sale gives back, and how
// far the channel is.
type gift struct {
	of     string
	asked  int64
	shares []int64
	state  paycore.State
}

func (s *sale) channel() int64 {
	if s.payers[0] != "" {
		return 0
	}
	return s.pays[0]
}

// sell draws a command about payments, combined payments and refunds.
func (m *purses) sell(r *rand.Rand, era int) (paycore.Command, paycore.Effect) {
	pick := func(kind string) string {
		if list := m.made[kind]; len(list) > 0 && r.IntN(10) > 0 {
			return list[len(list)-1-r.IntN(min(len(list), 20))]
		}
		return fmt.Sprintf("%s-%d-%d", kind, era, r.IntN(150))
	}
	switch r.IntN(10) {
	case 0, 1:
		return m.create(r, fmt.Sprintf("P-%d-%d", era, r.IntN(300)))
	case 2, 3:
		no := pick("P")
		return m.heard(no, r.IntN(10) == 0)
	case 4:
		no := pick("P")
		return paycore.ClosePayment{PayNo: no}, m.given(no, paycore.Closed, paycore.Refused)
	case 5:
		no := pick("P")
		return paycore.FailPayment{PayNo: no, By: paycore.ByAnswer}, m.given(no, paycore.Failed, paycore.Early)
	case 6, 7:
		return m.ask(r, fmt.Sprintf("R-%d-%d", era, r.IntN(300)), pick("P"))
	case 8:
		return m.answered(r, pick("R"))
	}
	no, who := pick("P"), fmt.Sprintf("U%d", 1+r.IntN(3))
	s := m.sales[no]
	c := paycore.Deposit{Number: fmt.Sprintf("D-%d-%d", era, r.IntN(150)), PayNo: no, Account: paycore.Wallet(who)}
	if s == nil {
		return c, paycore.Refused
	}
	d := &purseDoc{kind: "D", amount: s.channel(), state: paycore.Success, wish: c}
	may := s.state == paycore.Success && !s.deposited && len(s.pays) == 1 && s.payers[0] == "" && s.back[0] == 0
	return c, m.open(c.Number, d, may, func() { s.deposited = true; m.free[who] += s.pays[0] })
}

// create draws a payment, by a channel, by wallets, or by both.
func (m *purses) create(r *rand.Rand, no string) (paycore.Command, paycore.Effect) {
	s := &sale{state: paycore.Paying}
	var whole int64
	add := func(payer string, x int64) {
		s.payers, s.pays, s.back, whole = append(s.payers, payer), append(s.pays, x), append(s.back, 0), whole+x
	}
	n := r.IntN(3) // parts of wallets
	if n == 0 || r.IntN(4) > 0 {
		add("", int64(1+r.IntN(100)))
	}
	var parts []paycore.Part
	needed, ok := map[string]int64{}, true
	for range n {
		who, x := fmt.Sprintf("U%d", 1+r.IntN(3)), int64(r.IntN(25)-1)
		add(who, x)
		parts = append(parts, paycore.Part{Means: paycore.Balance, Wallet: paycore.Wallet(who), AmountMinor: x})
		needed[who] += x
		ok = ok && x > 0 && needed[who] <= m.free[who]
	}
	var c paycore.Command = pay(no, whole)
	if n > 0 {
		c = paycore.CreateCombined{CreatePayment: pay(no, whole), Parts: parts}
	}
	s.wish = fmt.Sprintf("%+v", c)
	switch before := m.sales[no]; {
	case before != nil && before.wish == s.wish:
		return c, paycore.Already
	case before != nil || !ok:
		return c, paycore.Refused
	}
	m.sales[no], m.made["P"] = s, append(m.made["P"], no)
	for i, who := range s.payers {
		if who == "" {
			continue
		}
		m.free[who] -= s.pays[i]
		if s.channel() > 0 {
			m.held[who] += s.pays[i]
		}
	}
	if s.channel() == 0 {
		s.state = paycore.Success
	}
	return c, paycore.Done
}

// heard is the channel's word that it has the money.
func (m *purses) heard(no string, wrong bool) (paycore.Command, paycore.Effect) {
	s, c := m.sales[no], paidBy(no, 1)
	if s == nil {
		return c, paycore.Early
	}
	c.AmountMinor = s.channel()
	if wrong {
		c.AmountMinor++
	}
	switch {
	case s.channel() == 0 || wrong:
		return c, paycore.Refused
	case s.state == paycore.Success:
		return c, paycore.Already
	case s.state != paycore.Paying:
		return c, paycore.LateSuccess
	}
	s.state = paycore.Success
	for i, who := range s.payers[1:] {
		m.held[who] -= s.pays[i+1]
	}
	return c, paycore.Done
}

// given ends a payment that nobody paid: all is given back.
func (m *purses) given(no string, to paycore.State, unknown paycore.Effect) paycore.Effect {
	s := m.sales[no]
	switch {
	case s == nil:
		return unknown
	case s.state == to:
		return paycore.Already
	case s.state != paycore.Paying:
		return paycore.Refused
	}
	s.state = to
	for i, who := range s.payers[1:] {
		m.held[who] -= s.pays[i+1]
		m.free[who] += s.pays[i+1]
	}
	return paycore.Done
}

// ask draws a refund.
func (m *purses) ask(r *rand.Rand, no, of string) (paycore.Command, paycore.Effect) {
	s := m.sales[of]
	var left int64
	if s != nil {
		for i := range s.pays {
			left += s.pays[i] - s.back[i]
		}
	}
	x := int64(r.IntN(60))
	if r.IntN(3) == 0 {
		x = left
	}
	c := paycore.CreateRefund{RefundNo: no, PayNo: of, AmountMinor: x, Currency: "CNY"}
	switch before := m.gifts[no]; {
	case before != nil && before.of == of && before.asked == x:
		return c, paycore.Already
	case before != nil || s == nil || s.state != paycore.Success || s.deposited || x <= 0 || x > left:
		return c, paycore.Refused
	}
	g := &gift{of: of, asked: x, shares: make([]int64, len(s.pays)), state: paycore.Success}
	rest, order, units := make([]int64, len(s.pays)), make([]int, len(s.pays)), x
	for i := range s.pays {
		part := s.pays[i] - s.back[i]
		g.shares[i], rest[i], order[i] = x*part/left, x*part%left, i
		units -= g.shares[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(rest[b] - rest[a]) })
	for _, i := range order[:units] {
		g.shares[i]++
	}
	for i, who := range s.payers {
		s.back[i] += g.shares[i]
		if who != "" {
			m.free[who] += g.shares[i]
		} else if g.shares[i] > 0 {
			g.state = paycore.Processing
		}
	}
	m.gifts[no], m.made["R"] = g, append(m.made["R"], no)
	return c, paycore.Done
}

// answered is what the channel says about its share of a refund, or that the
// refund is given up.
func (m *purses) answered(r *rand.Rand, no string) (paycore.Command, paycore.Effect) {
	g, how := m.gifts[no], r.IntN(4)
	unknown := g == nil
	if unknown {
		g = &gift{}
	}
	move := func(to paycore.State, none, otherwise paycore.Effect, from ...paycore.State) paycore.Effect {
		switch {
		case unknown:
			return none
		case g.state == to:
			return paycore.Already
		case !slices.Contains(from, g.state):
			return otherwise
		}
		g.state = to
		return paycore.Done
	}
	switch how {
	case 0:
		return paycore.FailRefund{RefundNo: no, By: paycore.ByAnswer}, move(paycore.Failed, paycore.Early, paycore.Refused, paycore.Processing)
	case 1, 2:
		effect := move(paycore.Closed, paycore.Refused, paycore.Refused, paycore.Failed)
		if effect == paycore.Done {
			m.sales[g.of].back[0] -= g.shares[0]
		}
		return paycore.CancelRefund{RefundNo: no}, effect
	}
	c := paycore.MarkRefunded{RefundNo: no, ChannelRefundRef: "wr-" + no, AmountMinor: 1, Currency: "CNY", By: paycore.ByAnswer}
	for _, x := range slices.Backward(g.shares) { // the first row that gives back has the number
		if x > 0 {
			c.AmountMinor = x
		}
	}
	return c, move(paycore.Success, paycore.Early, paycore.LateSuccess, paycore.Processing, paycore.Failed)
}

// ledger is what all accounts but those of banks must come to, debit positive.
func (m *purses) ledger(base map[string]int64) map[string]int64 {
	want := maps.Clone(base)
	fee := func(x int64) int64 { return (x*6000 + 500_000) / 1_000_000 }
	add := func(account string, x int64) { want[account] += x }
	channel := func(x, sign int64) {
		add("clearing:wechat:wechat-main", sign*(x-fee(x)))
		add("fee_expense:wechat", sign*fee(x))
	}
	for _, s := range m.sales {
		if s.state != paycore.Success {
			continue
		}
		channel(s.channel(), 1)
		if s.deposited {
			continue // owed to the holder instead
		}
		for _, x := range s.pays {
			add("payable:M01", -x)
		}
	}
	for _, g := range m.gifts {
		for i, x := range g.shares {
			if m.sales[g.of].payers[i] != "" || g.state != paycore.Closed {
				add("payable:M01", x)
			}
			if m.sales[g.of].payers[i] != "" || x == 0 {
				continue
			}
			switch g.state {
			case paycore.Processing, paycore.Failed:
				add("refund_payable:M01", -x)
			case paycore.Success:
				channel(x, -1)
			}
		}
	}
	for _, who := range []string{"U1", "U2", "U3"} {
		want["wallet:"+who] = -m.free[who] - m.held[who]
	}
	maps.DeleteFunc(want, func(_ string, x int64) bool { return x == 0 })
	return want
}

// ledgerOf reads the balances of all accounts but those of banks, debit
// positive; on the way it proves that debits = credits.
func ledgerOf(t testing.TB, db *DB) map[string]int64 {
	t.Helper()
	rows, err := db.sql.Query(`SELECT b.account, b.available_minor + b.frozen_minor, a.type FROM account_balance b JOIN ledger_account a ON a.name = b.account`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all, sum := map[string]int64{}, int64(0)
	for rows.Next() {
		var name string
		var minor int64
		var kind paycore.AccountType
		if err := rows.Scan(&name, &minor, &kind); err != nil {
			t.Fatal(err)
		}
		sum += minor * kind.Normal()
		if minor != 0 && name != "bank:icbc" {
			all[name] = minor * kind.Normal()
		}
	}
	if err := rows.Err(); err != nil || sum != 0 {
		t.Fatalf("debits and credits differ by %d, %v", sum, err)
	}
	return all
}

// digestOf is over every row of every table.
func digestOf(t testing.TB, db *DB) string {
	t.Helper()
	rows, err := db.sql.Query(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	tables, err := scanAll(rows, err, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	}, "tables")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	for _, table := range tables {
		rows, err := db.sql.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(sum, table, dump(t, rows))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
