package store

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// model is the payment core as a few maps: what a reader of the documentation
// would expect, written without looking at the rules.
type model struct {
	payments map[string]*modelPayment
	refunds  map[string]*modelRefund
	refs     map[string]string // channel number -> payment
	fixes    map[string]int64  // key -> amount
	held     map[string]int64  // case -> suspense
}

type modelPayment struct {
	amount, refunded int64
	state            paycore.State
	ref              string
}

type modelRefund struct {
	payment string
	amount  int64
	state   paycore.State
}

// TestCoreAgreesWithModel runs random commands and fixes and compares states,
// balances and the proofs of the books with the model after each.
func TestCoreAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		db, core := testBooks(t)
		defer db.Close()
		m := model{map[string]*modelPayment{}, map[string]*modelRefund{}, map[string]string{}, map[string]int64{}, map[string]int64{}}
		number := rapid.IntRange(1, 4)
		amount := rapid.Int64Range(-1, 5)
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			p := fmt.Sprintf("P%d", number.Draw(r, "payment"))
			x := amount.Draw(r, "amount") * 100
			switch op := rapid.IntRange(0, 9).Draw(r, "op"); op {
			case 0, 1:
				m.expect(r, core, m.create(p, x), pay(p, x))
			case 2:
				ref := fmt.Sprintf("c%d", number.Draw(r, "ref"))
				c := paidBy(p, x)
				c.ChannelRef = ref
				m.expect(r, core, m.paid(p, ref, x), c)
			case 3:
				m.expect(r, core, m.closed(p), paycore.ClosePayment{PayNo: p})
			case 4, 5:
				no := fmt.Sprintf("R%d", number.Draw(r, "refund"))
				m.expect(r, core, m.refund(no, p, x), paycore.CreateRefund{RefundNo: no, PayNo: p, AmountMinor: x, Currency: "CNY"})
			case 6:
				no := fmt.Sprintf("R%d", number.Draw(r, "refund"))
				m.expect(r, core, m.move(no, paycore.Success, paycore.Processing, paycore.Failed),
					paycore.MarkRefunded{RefundNo: no, ChannelRefundRef: "wr-" + no, AmountMinor: m.amountOf(no), Currency: "CNY", By: paycore.ByAnswer})
			case 7:
				no := fmt.Sprintf("R%d", number.Draw(r, "refund"))
				m.expect(r, core, m.move(no, paycore.Failed, paycore.Processing), paycore.FailRefund{RefundNo: no, By: paycore.ByAnswer})
			case 8:
				no := fmt.Sprintf("R%d", number.Draw(r, "refund"))
				m.expect(r, core, m.cancel(no), paycore.CancelRefund{RefundNo: no})
			case 9:
				key := fmt.Sprintf("K%d", number.Draw(r, "key"))
				kind := rapid.SampledFrom([]schemas.FixKind{schemas.FixSuspend, schemas.FixReleaseSuspense}).Draw(r, "kind")
				f := schemas.Fix{Key: key + string(kind), Kind: kind, RunID: "r", CaseID: "C" + p, Channel: "wechat", Account: "wechat-main",
					RecordKind: schemas.Payment, AmountMinor: max(x, 0), Currency: "CNY", Maker: "auto"}
				got, err := db.ApplyFix(context.Background(), f)
				if err != nil {
					r.Fatal(err)
				}
				if want := m.fix(f); got.State != want {
					r.Fatalf("%s of %d: got %s %q, want %s", kind, f.AmountMinor, got.State, got.Reason, want)
				}
			}
			m.compare(r, db)
		}
	})
}

func (m *model) expect(r *rapid.T, core *paycore.Core, want paycore.Effect, c paycore.Command) {
	got, err := core.Do(context.Background(), c)
	if err != nil {
		r.Fatal(err)
	}
	if got[0].Effect != want {
		r.Fatalf("%T%+v: got %s %q, want %s", c, c, got[0].Effect, got[0].Reason, want)
	}
}

func (m *model) create(p string, x int64) paycore.Effect {
	switch have := m.payments[p]; {
	case x <= 0:
		return paycore.Refused
	case have == nil:
		m.payments[p] = &modelPayment{amount: x, state: paycore.Paying}
		return paycore.Done
	case have.amount == x:
		return paycore.Already
	}
	return paycore.Refused
}

func (m *model) paid(p, ref string, x int64) paycore.Effect {
	have := m.payments[p]
	switch {
	case have == nil:
		return paycore.Early
	case have.amount != x:
		return paycore.Refused
	case have.state == paycore.Success && have.ref == ref:
		return paycore.Already
	case have.state == paycore.Success:
		return paycore.DuplicatePayment
	case m.refs[ref] != "":
		return paycore.Refused
	case have.state == paycore.Closed:
		return paycore.LateSuccess
	}
	have.state, have.ref, m.refs[ref] = paycore.Success, ref, p
	return paycore.Done
}

func (m *model) closed(p string) paycore.Effect {
	have := m.payments[p]
	if have == nil || have.state == paycore.Success {
		return paycore.Refused
	}
	if have.state == paycore.Closed {
		return paycore.Already
	}
	have.state = paycore.Closed
	return paycore.Done
}

func (m *model) refund(no, p string, x int64) paycore.Effect {
	if have := m.refunds[no]; have != nil {
		if have.payment == p && have.amount == x {
			return paycore.Already
		}
		return paycore.Refused
	}
	from := m.payments[p]
	if from == nil || from.state != paycore.Success || x <= 0 || from.refunded+x > from.amount {
		return paycore.Refused
	}
	from.refunded += x
	m.refunds[no] = &modelRefund{p, x, paycore.Processing}
	return paycore.Done
}

func (m *model) amountOf(no string) int64 {
	if have := m.refunds[no]; have != nil {
		return have.amount
	}
	return 1
}

// move is Already, Done from one of the states, Early without a refund.
func (m *model) move(no string, to paycore.State, from ...paycore.State) paycore.Effect {
	have := m.refunds[no]
	if have == nil {
		return paycore.Early
	}
	if have.state == to {
		return paycore.Already
	}
	for _, s := range from {
		if have.state == s {
			have.state = to
			return paycore.Done
		}
	}
	if to == paycore.Success {
		return paycore.LateSuccess
	}
	return paycore.Refused
}

func (m *model) cancel(no string) paycore.Effect {
	have := m.refunds[no]
	switch {
	case have == nil:
		return paycore.Refused
	case have.state == paycore.Closed:
		return paycore.Already
	case have.state != paycore.Failed:
		return paycore.Refused
	}
	have.state = paycore.Closed
	m.payments[have.payment].refunded -= have.amount
	return paycore.Done
}

func (m *model) fix(f schemas.Fix) string {
	if before, used := m.fixes[f.Key]; used {
		if before == f.AmountMinor {
			return "ALREADY_APPLIED"
		}
		return "REFUSED"
	}
	change := f.AmountMinor
	if f.Kind == schemas.FixReleaseSuspense {
		change = -change
	}
	if change == 0 || m.held[f.CaseID]+change < 0 {
		return "REFUSED"
	}
	m.held[f.CaseID] += change
	m.fixes[f.Key] = f.AmountMinor
	return "APPLIED"
}

// compare checks the money of the model against the ledger.
func (m *model) compare(r *rapid.T, db *DB) {
	fee := func(x int64) int64 { return (x*6000 + 500_000) / 1_000_000 }
	want := map[string]int64{}
	add := func(account string, x int64) {
		if want[account+" CNY"] += x; want[account+" CNY"] == 0 {
			delete(want, account+" CNY")
		}
	}
	for no, p := range m.payments {
		got, err := db.Payment(context.Background(), no)
		if err != nil || got == nil || got.State != p.state || got.RefundedMinor != p.refunded {
			r.Fatalf("payment %s: got %+v, %v, want %+v", no, got, err, p)
		}
		if p.state == paycore.Success {
			add("clearing:wechat:wechat-main", p.amount-fee(p.amount))
			add("payable:M01", -p.amount)
			add("fee_expense:wechat", fee(p.amount))
		}
	}
	for _, x := range m.refunds {
		switch x.state {
		case paycore.Success:
			add("clearing:wechat:wechat-main", -x.amount+fee(x.amount))
			add("fee_expense:wechat", -fee(x.amount))
			add("payable:M01", x.amount)
		case paycore.Processing, paycore.Failed:
			add("payable:M01", x.amount)
			add("refund_payable:M01", -x.amount)
		}
	}
	for _, x := range m.held {
		add("clearing:wechat:wechat-main", x)
		add("suspense_received:wechat:wechat-main", -x)
	}
	got := balances(r, db)
	for account, x := range want {
		if got[account] != x {
			r.Fatalf("%s: got %d, want %d", account, got[account], x)
		}
	}
	if len(got) != len(want) {
		r.Fatalf("accounts: got %v, want %v", got, want)
	}
	checkBooks(r, db)
}
