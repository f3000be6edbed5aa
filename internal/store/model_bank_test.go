package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// modelBank is money that payers transfer, and what goes back to them.
type modelBank struct {
	remits   map[string]*modelRemit // by the bank's number
	awaited  []*modelAwaited
	paybacks map[string]*modelPayback
	lines    []paycore.Command // of the bank about paybacks, that were taken
}

// modelRemit is a transfer of a payer.
type modelRemit struct {
	no, number string
	amount     int64
	left       int64 // neither used nor on its way back
	sent       int64 // back
	used       int64
	cameAt     time.Time
	outcome    paycore.Outcome
}

// stands: the bank has the money less its fee, and it is the payer's until a
// payment uses it.
func (r *modelRemit) stands(add, _ func(string, int64)) {
	fee := (r.amount + 500) / 1000
	add(bankClearing, r.amount-fee-r.sent)
	add("fee_expense:bankdemo", fee)
	add(bankReceived, r.used+r.sent-r.amount)
}

// modelAwaited is a payment that waits for transfers to a number.
type modelAwaited struct {
	sale   *sale
	number string
	since  time.Time
}

// takes: banks book to the second, and nothing that came before is for it.
func (w *modelAwaited) takes(r *modelRemit) bool {
	return w.sale.state() == paycore.Paying && w.number == r.number && r.cameAt.Add(time.Second).After(w.since)
}

func (m *model) drawBank() act {
	switch m.IntN(14) {
	case 0, 1, 2:
		return m.await()
	case 3, 4, 5:
		return m.remit()
	case 6, 7:
		return m.byTransfer()
	case 8, 9:
		return m.proposePayback()
	case 10:
		return m.judgePayback()
	case 11, 12:
		return m.answerPayback()
	}
	return m.cameBack()
}

// await opens a payment for a payer to transfer money to.
func (m *model) await() act {
	s := &sale{no: m.fresh("P")}
	x := int64(20 + 10*m.IntN(8))
	s.parts = []*part{{channel: "bankdemo", account: "bank-va", amount: x, fee: (x + 500) / 1000}}
	order := &modelOrder{no: "O-" + s.no, merchant: "M1", amount: x, state: paycore.Paying}
	m.orders[order.no] = order
	m.begin(s, order)
	w := &modelAwaited{sale: s, since: m.at}
	m.awaited = append(m.awaited, w)
	payer := fmt.Sprint("payer", m.IntN(3))
	c := pay(s.no, x)
	c.Merchant, c.Channel, c.Account = "M1", "bankdemo", "bank-va"
	s.wish = fmt.Sprintf("%+v", c)
	return m.call("await", fmt.Sprint(s.no, payer, x), "DONE", false, func() (string, error) {
		got, err := m.core.Do(context.Background(), c)
		if err != nil {
			return "", err
		}
		w.number, err = m.db.AwaitRemittance(context.Background(), s.no, gateway.Awaited{Prefix: "955880", Payer: payer, ExpiresAt: m.at.AddDate(1, 0, 0).UnixMicro(), First: bankDate, Last: bankDate + 3})
		return string(got[0].Effect), err
	})
}

// remit is a line of the bank's statement.
func (m *model) remit() act {
	r := &modelRemit{no: m.number("Z"), number: "9558800000000001", amount: int64(10 + 10*m.IntN(9)), cameAt: m.at}
	if n := len(m.awaited); n > 0 && m.IntN(8) > 0 {
		r.number = m.awaited[n-1-m.IntN(min(n, 6))].number
	}
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: r.no}
	receive := paycore.ReceiveRemittance{RemittanceKey: key, Channel: "bankdemo", Number: r.number, AmountMinor: r.amount, Currency: "CNY", CameAt: m.at.UnixMicro()}
	want, idle, pays := m.arrives(r)
	a := m.call("remittance", fmt.Sprintf("%+v", receive), want, idle, func() (string, error) {
		got, err := m.core.Do(context.Background(), receive, paycore.ApplyRemittance{RemittanceKey: key})
		if err != nil {
			return "", err
		}
		return strings.TrimSpace(fmt.Sprint(got[0].Effect, " ", got[1].Effect, " ", outcomeOf(got[1]))), nil
	})
	a.pays = pays
	return a
}

func outcomeOf(r paycore.Result) string {
	if r.Effect != paycore.Done {
		return ""
	}
	return r.Reason
}

// arrives pays with a transfer what waits for exactly it; else, with what is left
// of those before, what has waited longest. One that pays nothing is left whole.
func (m *model) arrives(r *modelRemit) (want string, idle bool, pays []string) {
	switch before := m.remits[r.no]; {
	case before != nil && before.number == r.number && before.amount == r.amount:
		return "ALREADY ALREADY", true, nil
	case before != nil:
		return "REFUSED ALREADY", true, nil
	case r.number == "9558800000000001":
		return "IGNORED IGNORED", true, nil
	}
	m.remits[r.no] = r
	total := r.amount
	r.amount = 0
	m.become(r, func() { r.amount, r.left = total, total })
	var oldest, exact *modelAwaited
	for _, w := range m.awaited {
		if w.takes(r) {
			oldest = cmp.Or(oldest, w)
			if exact == nil && w.sale.parts[0].amount == r.amount {
				exact = w
			}
		}
	}
	if r.outcome = paycore.Exact; exact == nil {
		r.outcome = m.together(oldest, r)
	}
	if w := cmp.Or(exact, oldest); r.outcome != paycore.Unexpected && r.outcome != paycore.Partial {
		m.pays(w, r, exact != nil)
		if r.left > 0 {
			r.outcome = paycore.Overpaid
		}
		pays = []string{w.sale.no}
	}
	return "DONE DONE " + string(r.outcome), false, pays
}

// earlier are the transfers before one that a payment may use, the oldest first.
func (m *model) earlier(w *modelAwaited, r *modelRemit) (list []*modelRemit) {
	for _, x := range m.remits {
		if x != r && x.left > 0 && w.takes(x) {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *modelRemit) int { return a.cameAt.Compare(b.cameAt) })
	return list
}

func (m *model) together(w *modelAwaited, r *modelRemit) paycore.Outcome {
	if w == nil {
		return paycore.Unexpected
	}
	sum := r.left
	for _, x := range m.earlier(w, r) {
		sum += x.left
	}
	if sum < w.sale.parts[0].amount {
		return paycore.Partial
	}
	return paycore.Completed
}

func (m *model) pays(w *modelAwaited, r *modelRemit, alone bool) {
	need, p := w.sale.parts[0].amount, w.sale.parts[0]
	from := []*modelRemit{r}
	if !alone {
		from = append(m.earlier(w, r), r)
	}
	for _, x := range from {
		n := min(need, x.left)
		m.become(x, func() { x.left, x.used = x.left-n, x.used+n })
		need -= n
	}
	m.become(w.sale, func() { p.fee, p.transfer, p.ref = 0, true, r.no; m.succeed(w.sale) })
}
