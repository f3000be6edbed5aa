package store

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"tieout/internal/paycore"
)

// purses is the wallets, and the payments and refunds that they have parts in, as
// a few maps, written without looking at the rules.
type purses struct {
	free, held map[string]int64
	docs       map[string]*purseDoc // by number
	done       []paycore.Command    // that made them
	made       map[string][]string  // their numbers, by kind
	sales      map[string]*sale
	gifts      map[string]*gift
}

type purseDoc struct {
	kind, who string
	amount    int64
	back      int64
	state     paycore.State
	wish      paycore.Command
}

// TestAccountsAgreeWithModel runs 100,000 random commands on payments, combined
// payments, refunds and a few wallets, 50 a transaction, and compares every
// answer, and every balance of the ledger after each transaction, with the
// model. Now and then what was done is asked for again, and no table has changed.
// A short run takes a tenth of them.
func TestAccountsAgreeWithModel(t *testing.T) {
	transactions := 2000
	if testing.Short() {
		transactions = 200
	}
	db, core := testBooks(t)
	db.SealWith([]byte("key"))
	openWallets(t, core, 5000, "U1", "U2", "U3")
	m := purses{map[string]int64{"U1": 5000}, map[string]int64{}, map[string]*purseDoc{}, nil, map[string][]string{}, map[string]*sale{}, map[string]*gift{}}
	base := ledgerOf(t, db)
	r := rand.New(rand.NewPCG(20261122, 7))
	effects := map[string]int{}
	for tx := range transactions {
		commands, want := make([]paycore.Command, 50), make([]paycore.Effect, 50)
		for i := range commands {
			commands[i], want[i] = m.step(r, 100*tx/transactions)
		}
		got, err := core.Do(context.Background(), commands...)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range got {
			if x.Effect != want[i] {
				t.Fatalf("transaction %d: %T%+v: got %s %q, want %s", tx, commands[i], commands[i], x.Effect, x.Reason, want[i])
			}
			effects[fmt.Sprintf("%T %s", commands[i], x.Effect)]++
		}
		if got, want := ledgerOf(t, db), m.ledger(base); !maps.Equal(got, want) {
			t.Fatalf("transaction %d: the ledger has %v, want %v", tx, got, want)
		}
		if tx%(transactions/20) == 0 {
			idle(t, db, core, commands, want)
		}
		for _, who := range []string{"U1", "U2", "U3"} {
			a, err := db.Account(context.Background(), wallet(who))
			if err != nil || a.AvailableMinor != m.free[who] || a.FrozenMinor != m.held[who] {
				t.Fatalf("transaction %d: %s has %+v, %v, want %d and %d", tx, who, a, err, m.free[who], m.held[who])
			}
		}
		if (tx+1)%(transactions/5) == 0 {
			checkBooks(t, db)
		}
	}
	for _, kind := range []string{"CreateCombined", "MarkPaid", "ClosePayment", "FailPayment", "CreateRefund", "MarkRefunded", "FailRefund", "CancelRefund", "Deposit"} {
		if effects["paycore."+kind+" DONE"] < transactions/20 {
			t.Errorf("only %d %s were done", effects["paycore."+kind+" DONE"], kind)
		}
	}
	for _, kind := range []string{"Freeze", "Unfreeze", "Transfer", "Withdraw", "AnswerWithdrawal"} {
		for _, effect := range []paycore.Effect{paycore.Done, paycore.Already, paycore.Refused} {
			if effects["paycore."+kind+" "+string(effect)] < transactions/4 {
				t.Errorf("only %d %s were %s", effects["paycore."+kind+" "+string(effect)], kind, effect)
			}
		}
	}
}

// idle runs those commands again that were done: they change nothing anywhere.
func idle(t *testing.T, db *DB, core *paycore.Core, commands []paycore.Command, effects []paycore.Effect) {
	t.Helper()
	before := digestOf(t, db)
	for i, c := range commands {
		if effects[i] != paycore.Done && effects[i] != paycore.Already {
			continue
		}
		got, err := core.Do(context.Background(), c)
		if err != nil || got[0].Effect == paycore.Done {
			t.Fatalf("%T%+v again: %+v, %v", c, c, got, err)
		}
	}
	if digestOf(t, db) != before {
		t.Fatal("commands that change nothing changed the tables")
	}
}

// step draws a command and says what it must answer. Numbers come from a small
// range that moves on, so that some are used twice.
func (m *purses) step(r *rand.Rand, era int) (paycore.Command, paycore.Effect) {
	if len(m.done) > 0 && r.IntN(8) == 0 {
		return m.done[r.IntN(len(m.done))], paycore.Already
	}
	if r.IntN(2) == 0 {
		return m.sell(r, era)
	}
	no := func(kind string) string { return fmt.Sprintf("%s-%d-%d", kind, era, r.IntN(150)) }
	who, amount := fmt.Sprintf("U%d", 1+r.IntN(3)), int64(r.IntN(40)-2)
	recent := func(kind string) string { // one that is likely to be there
		if list := m.made[kind]; len(list) > 0 && r.IntN(10) > 0 {
			return list[len(list)-1-r.IntN(min(len(list), 20))]
		}
		return no(kind)
	}
	switch r.IntN(5) {
	case 0:
		d := &purseDoc{kind: "F", who: who, amount: amount, state: paycore.Processing}
		c := paycore.Freeze{Number: no("F"), AccountKey: wallet(who), AmountMinor: amount}
		d.wish = c
		return c, m.open(c.Number, d, amount > 0 && amount <= m.free[who], func() { m.free[who] -= amount; m.held[who] += amount })
	case 1:
		c := paycore.Unfreeze{Number: no("B"), Freeze: recent("F"), AmountMinor: amount}
		f := m.docs[c.Freeze]
		if f == nil {
			return c, paycore.Refused
		}
		if r.IntN(2) == 0 {
			c.AmountMinor = f.amount - f.back
			amount = c.AmountMinor
		}
		d := &purseDoc{kind: "B", amount: amount, state: paycore.Success, wish: c}
		return c, m.open(c.Number, d, amount > 0 && f.back+amount <= f.amount, func() { f.back += amount; m.free[f.who] += amount; m.held[f.who] -= amount })
	case 2:
		to := fmt.Sprintf("U%d", 1+r.IntN(3))
		c := paycore.Transfer{Number: no("T"), From: paycore.Wallet(who), To: paycore.Wallet(to), AmountMinor: amount, Currency: "CNY"}
		d := &purseDoc{kind: "T", amount: amount, state: paycore.Success, wish: c}
		return c, m.open(c.Number, d, to != who && amount > 0 && amount <= m.free[who], func() { m.free[who] -= amount; m.free[to] += amount })
	case 3:
		c := paycore.Withdraw{Number: no("W"), AccountKey: wallet(who), AmountMinor: amount, Bank: "icbc", Payee: "6222"}
		d := &purseDoc{kind: "W", who: who, amount: amount, state: paycore.Processing, wish: c}
		return c, m.open(c.Number, d, amount > 0 && amount <= m.free[who], func() { m.free[who] -= amount; m.held[who] += amount })
	}
	number := recent("W")
	c := paycore.AnswerWithdrawal{Number: number, AmountMinor: amount, Paid: r.IntN(3000) == 0} // rarely: money that leaves is gone
	d := m.docs[number]
	if d != nil && r.IntN(5) > 0 {
		c.AmountMinor = d.amount
	}
	return c, m.answer(d, c)
}

// open is what a command with a number of its own answers.
func (m *purses) open(number string, d *purseDoc, may bool, effect func()) paycore.Effect {
	switch before := m.docs[number]; {
	case before != nil && before.wish == d.wish:
		return paycore.Already
	case before != nil || !may:
		return paycore.Refused
	}
	m.docs[number], m.done = d, append(m.done, d.wish)
	m.made[d.kind] = append(m.made[d.kind], number)
	effect()
	return paycore.Done
}

func (m *purses) answer(d *purseDoc, c paycore.AnswerWithdrawal) paycore.Effect {
	next := paycore.Failed
	if c.Paid {
		next = paycore.Success
	}
	switch {
	case d == nil || d.amount != c.AmountMinor:
		return paycore.Refused
	case d.state == next:
		return paycore.Already
	case d.state == paycore.Failed:
		return paycore.Refused
	case c.Paid:
		m.held[d.who] -= d.amount
	case d.state == paycore.Success:
		m.free[d.who] += d.amount
	default:
		m.held[d.who] -= d.amount
		m.free[d.who] += d.amount
	}
	d.state = next
	return paycore.Done
}
