package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

func (m *model) openSettlement() {
	m.modelSettlement = modelSettlement{proven: map[bizday.Date]modelProof{}, carried: map[string]bool{}, receipts: map[string]bool{}, batches: map[string]*modelBatch{},
		payouts: map[string]*modelPayout{}, approved: map[string]*modelBatch{}}
}

func (m *model) drawSettlement() act {
	switch m.IntN(20) {
	case 0, 1:
		return m.collect()
	case 2, 3, 4, 5, 6:
		return m.check()
	case 7, 8, 9:
		return m.approve()
	case 10:
		return m.sendBack()
	case 11, 12, 13:
		return m.payOut()
	case 14, 15, 16, 17:
		return m.bankSays()
	case 18:
		return m.requeue()
	}
	return m.receipt()
}

// payOut starts the payouts that are due, and the withdrawals.
func (m *model) payOut() act {
	var due []*modelBatch
	for _, b := range m.batches {
		if b.state == settlement.Approved && dueOn(b.date) <= m.today() {
			due = append(due, b)
		}
	}
	slices.SortFunc(due, func(a, b *modelBatch) int { return cmp.Compare(a.seq, b.seq) })
	owed := map[string]int64{"M1": -m.minor["payable:M1"], "M2": -m.minor["payable:M2"]}
	var blocked []Blocked
	paid, sum := 0, int64(0)
	for _, b := range due {
		switch {
		case slices.ContainsFunc(b.items, func(x *modelItem) bool { return m.disputed(x.of.sale.order) }):
			blocked = append(blocked, Blocked{b.id, "DISPUTED"})
		case owed[b.merchant] < b.pays():
			blocked = append(blocked, Blocked{b.id, "DEBT"})
		default:
			owed[b.merchant] -= b.pays()
			p := &modelPayout{batch: b}
			b.tries, b.state = append(b.tries, p), settlement.Paying
			m.payouts[fmt.Sprintf("%s-%d", b.id, len(b.tries))] = p
			m.made["payout"] = append(m.made["payout"], fmt.Sprintf("%s-%d", b.id, len(b.tries)))
			m.become(p, func() { p.amount, p.state = b.pays(), settlement.Paying })
			paid, sum = paid+1, sum+p.amount
		}
	}
	for _, d := range m.docs {
		if d.kind == "W" && d.state == paycore.Processing && !d.sent {
			d.sent, paid, sum = true, paid+1, sum+d.amount
		}
	}
	want := "NOTHING"
	if paid > 0 || len(blocked) > 0 {
		want = fmt.Sprint(paid, sum, blocked)
	}
	return m.call("pay out", m.today().String(), want, paid == 0, func() (string, error) {
		files, blocked, err := m.db.StartPayouts(context.Background(), "icbc", m.today(), "chen")
		n, sum := int64(0), int64(0)
		for _, f := range files {
			n, sum = n+f.Payouts, sum+f.TotalMinor
		}
		if n == 0 && len(blocked) == 0 {
			return "NOTHING", err
		}
		return fmt.Sprint(n, sum, blocked), err
	})
}

// bankSays is an answer of a bank about a payout or a withdrawal, in whatever
// order.
func (m *model) bankSays() act {
	states := []settlement.State{settlement.Paid, settlement.Paid, settlement.Failed, settlement.Unknown, settlement.Returned}
	a := settlement.Answer{Number: m.pick("payout"), State: states[m.IntN(len(states))], BankRef: "icbc-1", Reason: "because", Currency: "CNY"}
	if m.IntN(3) == 0 {
		a.Number = m.pick("W")
	}
	var want settlement.Heard
	p, d := m.payouts[a.Number], m.docs[a.Number]
	switch {
	case p != nil:
		if m.IntN(2) == 0 {
			a.AmountMinor = p.amount + int64(m.IntN(5)/4)
		}
		want = m.hear(p, a)
	case d != nil && d.sent:
		a.AmountMinor = d.amount + int64(m.IntN(8)/7)
		want = m.hearWithdrawal(d, a)
	default:
		want = settlement.NoPayout
	}
	idle := want != settlement.Moved && (want != settlement.Conflict || p == nil)
	return m.call("bank says", fmt.Sprintf("%+v", a), string(want), idle, func() (string, error) {
		got, err := m.db.HearPayout(context.Background(), a, "chen", map[string]string{"M1": "http://merchant.example/notify"})
		return string(got.Heard), err
	})
}

// hear: what was paid may come back, what failed or came back is over. An
// unknown answer is no failure.
func (m *model) hear(p *modelPayout, a settlement.Answer) settlement.Heard {
	legal := map[settlement.State]string{settlement.Paying: "UNKNOWN PAID FAILED", settlement.Unknown: "PAID FAILED", settlement.Paid: "RETURNED"}
	b := p.batch
	switch {
	case a.AmountMinor != 0 && a.AmountMinor != p.amount:
		return settlement.WrongSums
	case a.State == p.state:
		return settlement.Known
	case p.state == settlement.Failed && a.State == settlement.Paid:
		if b.state == settlement.Approved {
			b.state = settlement.Failed
		}
		return settlement.Conflict
	case !slices.Contains(strings.Fields(legal[p.state]), string(a.State)):
		return settlement.NotLegal
	}
	m.become(p, func() { p.state = a.State })
	switch {
	case a.State == settlement.Failed && p == b.tries[0]:
		b.state = settlement.Approved
	case a.State != settlement.Unknown:
		b.state = a.State
	}
	return settlement.Moved
}

func (m *model) hearWithdrawal(d *purseDoc, a settlement.Answer) settlement.Heard {
	paid := a.State == settlement.Paid
	switch effect := d.hear(paid, a.AmountMinor); {
	case a.AmountMinor != d.amount:
		return settlement.WrongSums
	case a.State == settlement.Unknown && d.state != paycore.Processing:
		return settlement.NotLegal
	case a.State == settlement.Unknown || effect == paycore.Already:
		return settlement.Known
	case effect == paycore.Done:
		m.become(d, func() { d.state = afterAnswer(paid) })
		return settlement.Moved
	}
	return settlement.Conflict // it failed, and now it is paid
}

// requeue makes a batch due again, when two people want it.
func (m *model) requeue() act {
	id, b := m.someBatch(settlement.Failed, settlement.Returned)
	who, want := clerks[m.IntN(2)], "false"
	switch {
	case b == nil:
		want = "E-6491"
	case b.state != settlement.Failed && b.state != settlement.Returned:
		want = "E-6492"
	case b.asked == "":
		b.asked = who
	case b.asked == who:
		want = "E-6490"
	default:
		b.asked, b.state, want = "", settlement.Approved, "true"
	}
	return m.call("requeue", id+" "+who, want, want[0] == 'E', func() (string, error) {
		done, err := m.db.Requeue(context.Background(), id, modelContracts()[cmp.Or(b, &modelBatch{merchant: "M1"}).merchant], who, "r")
		return fmt.Sprint(done), err
	})
}
