package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// modelSettlement is what merchants get.
type modelSettlement struct {
	proven   map[bizday.Date]modelProof
	carried  map[string]bool // wait for their row of the statement
	receipts map[string]bool
	batches  map[string]*modelBatch
	payouts  map[string]*modelPayout
	batchIDs []string // the oldest first
	approved map[string]*modelBatch
	seq      int // of approvals
}

// modelProof is a night: what happened before it was compared.
type modelProof struct {
	op  int
	log int64 // line of the log
}

type modelBatch struct {
	id, merchant string
	date         bizday.Date
	state        settlement.State
	items        []*modelItem
	debt         int64 // of the batches before, not above zero
	maker        string
	digest       string
	seq          int // 0 before it is approved
	tries        []*modelPayout
	asked        string // who wants it paid again
}

// modelItem is one thing in a batch.
type modelItem struct {
	kind       settlement.Kind
	no         string
	of         *part // the payment
	gross, fee int64
	in         **modelBatch // where the thing says to which batch it belongs
	at         int64
	row        *giftRow // of a refund
}

// proven tells whether the night of its day has seen it.
func (x *modelItem) proven(nights map[bizday.Date]modelProof) bool {
	op, byFix := x.of.paidOp, x.of.byFix
	if x.row != nil {
		op, byFix = x.row.doneOp, x.row.byFix
	}
	night, known := nights[modelZone.DateOf(x.at)]
	return known && (byFix || op < night.op)
}

// stands: the merchant owes the fees, by channel.
func (b *modelBatch) stands(add, _ func(string, int64)) {
	if b.seq == 0 {
		return
	}
	for _, x := range b.items {
		add("payable:"+b.merchant, x.fee)
		add("merchant_fee_income:"+x.of.channel, -x.fee)
	}
}

// pays is what is paid of a batch; below zero the merchant owes it.
func (b *modelBatch) pays() int64 {
	sum := b.debt
	for _, x := range b.items {
		sum += x.gross - x.fee
	}
	return sum
}

func (b *modelBatch) take(x *modelItem) {
	b.items = append(b.items, x)
	*x.in = b
}

// drop lets the items go that may not be settled.
func (b *modelBatch) drop(gone func(*modelItem) bool) (n int) {
	b.items = slices.DeleteFunc(b.items, func(x *modelItem) bool {
		if !gone(x) {
			return false
		}
		n++
		*x.in = nil
		return true
	})
	return n
}

type modelPayout struct {
	batch  *modelBatch
	amount int64
	state  settlement.State
}

// stands: what is on its way is the merchant's no more, what came back is.
func (p *modelPayout) stands(add, _ func(string, int64)) {
	switch p.state {
	case settlement.Paying, settlement.Unknown:
		add("payable:"+p.batch.merchant, p.amount)
		add("payout_clearing:icbc", -p.amount)
	case settlement.Paid:
		add("payable:"+p.batch.merchant, p.amount)
		add("bank:icbc", -p.amount)
	}
}

var modelZone = bizday.Day{Zone: china}

// modelCalendar has weekends and one holiday.
var modelCalendar = settlement.NewCalendar([]bizday.Date{bizday.Make(2026, 11, 23), bizday.Make(2027, 1, 1)}, nil)

// dueOn is the next day on which banks work.
func dueOn(date bizday.Date) bizday.Date {
	for {
		date++
		on := time.Unix(int64(date)*86_400, 0).UTC()
		if on.Weekday() != time.Saturday && on.Weekday() != time.Sunday && date != bizday.Make(2026, 11, 23) && date != bizday.Make(2027, 1, 1) {
			return date
		}
	}
}

// modelContracts: M2 waits for the receipt of the goods, and what receivers have
// is returned before it is refunded.
func modelContracts() map[string]*settlement.Contract {
	all := map[string]*settlement.Contract{}
	for i := range 2 {
		c := contractOf(fmt.Sprintf("M%d", i+1))
		c.HoldDays = 2 * i
		c.Split = settlement.SplitTerms{MaxPPM: 300_000, HoldDays: 5, ReturnFirst: i == 1}
		c.Fees = append(c.Fees, settlement.Fee{Channel: "balance", Currency: "CNY", Rate: settlement.Rate{Fixed: 1}},
			settlement.Fee{Channel: "coupon", Currency: "CNY", Rate: settlement.Rate{PPM: 5000}},
			settlement.Fee{Channel: "red_packet", Currency: "CNY", Rate: settlement.Rate{Fixed: 3}},
			settlement.Fee{Channel: "bankdemo", Currency: "CNY", Rate: settlement.Rate{PPM: 2000, Min: 2}})
		all[c.Merchant] = c
	}
	return all
}

// merchantFee is what a merchant owes for a payment.
func (p *part) merchantFee() int64 {
	switch p.channel {
	case "wechat":
		return (p.amount + 50) / 100
	case "balance":
		return 1
	case "coupon":
		return (p.amount*5 + 500) / 1000
	case "red_packet":
		return min(3, p.amount)
	}
	return min(max((p.amount*2+500)/1000, 2), p.amount)
}

// refundFee is what a refund gives back of it: after each, all of them together
// give back their part of the fee, half a cent rounded up.
func (m *model) refundFee(p *part, amount int64) int64 {
	if p.channel != "wechat" {
		return 0
	}
	all, given := amount, int64(0)
	for _, b := range m.batches {
		for _, x := range b.items {
			if x.of == p && x.kind == settlement.Refund {
				all, given = all-x.gross, given-x.fee
			}
		}
	}
	return -max(0, (2*p.merchantFee()*all+p.amount)/(2*p.amount)-given)
}

func (m *model) today() bizday.Date { return modelZone.DateOf(m.at.UnixMicro()) }

// prove draws what the nights have proven, and what waits for its row.
func (m *model) prove() {
	for d := m.today() - 2; d <= m.today(); d++ {
		switch n := m.IntN(12); {
		case n < 7:
			var seq int64
			if err := m.db.sql.QueryRow(`SELECT COALESCE(MAX(seq), 0) FROM order_event`).Scan(&seq); err != nil {
				panic(err)
			}
			m.proven[d] = modelProof{m.op, seq}
		case n == 7:
			delete(m.proven, d)
		}
	}
	if m.IntN(2) == 0 {
		m.carried = map[string]bool{m.pick("P"): true, m.pick("R"): true}
	}
}

// collectOf is what the program knows about a date.
func (m *model) collectOf(date bizday.Date) settlement.Collect {
	days := map[bizday.Date]settlement.Day{}
	for d, p := range m.proven {
		days[d] = settlement.Day{RunID: "run", Watermark: p.log}
	}
	c := settlement.Collect{Date: date, Calendar: modelCalendar, Contracts: modelContracts()}
	for _, account := range modelAccounts {
		c.Accounts = append(c.Accounts, settlement.AccountProof{Account: account, Until: modelZone.Of(date).To, DateOf: modelZone.DateOf, Days: days, Carried: maps.Clone(m.carried)})
	}
	return c
}

var modelAccounts = []string{"wechat-main", "own", "bank-va"}

// waits says why an item is settled later; "" if it is not.
func (m *model) waits(x *modelItem, date bizday.Date) settlement.Reason {
	s, waitsFor := x.of.sale, x.no
	if x.kind == settlement.Payment {
		waitsFor = s.no
	}
	beside := x.kind == settlement.SplitOut || x.kind == settlement.SplitBackIn
	switch {
	case m.disputed(s.order):
		return settlement.Disputed
	case !beside && m.carried[waitsFor]:
		return settlement.InTransit
	case !beside && !x.proven(m.proven):
		return settlement.NotProven
	case x.kind != settlement.Payment && x.of.batch == nil:
		return settlement.PaymentWaits
	case x.row != nil && x.row.state != paycore.Success:
		return settlement.RefundOpen
	case x.kind != settlement.Payment:
		return ""
	case x.of.batch == nil && s.order.hold != nil && s.order.hold.state == settlement.SplitHeld:
		return settlement.HeldForSplit
	case m.refundOpen(x.of):
		return settlement.RefundOpen
	case s.order.merchant == "M2" && x.of.batch == nil && !m.receipts[x.no] && modelZone.DateOf(x.at)+2 > date:
		return settlement.NotConfirmed
	}
	return ""
}

func (m *model) refundOpen(p *part) bool {
	for _, g := range m.gifts {
		for _, r := range g.rows {
			if r.of == p && (r.state == paycore.Processing || r.state == paycore.Failed) {
				return true
			}
		}
	}
	return false
}

// unsettled are the items of a kind and account up to a date, in the order in
// which their money moved.
func (m *model) unsettled(account string, kind settlement.Kind, date bizday.Date) (list []*modelItem) {
	switch kind {
	case settlement.Payment:
		for _, s := range m.sales {
			for _, p := range s.parts {
				if p.account == account && p.state == paycore.Success && p.batch == nil && s.taken == "" {
					list = append(list, &modelItem{kind, p.no, p, p.amount, p.merchantFee(), &p.batch, p.paidAt, nil})
				}
			}
		}
	case settlement.Refund:
		for _, g := range m.gifts {
			for _, r := range g.rows {
				if r.of.account == account && r.state == paycore.Success && r.batch == nil {
					list = append(list, &modelItem{kind, r.no, r.of, -r.amount, 0, &r.batch, r.doneAt, r})
				}
			}
		}
	default:
		for _, b := range m.backs {
			if p := b.split.of; b.state == settlement.SplitSuccess && b.batch == nil && p.account == account && p.batch != nil {
				list = append(list, b.item())
			}
		}
	}
	list = slices.DeleteFunc(list, func(x *modelItem) bool { return x.at >= modelZone.Of(date).To })
	slices.SortFunc(list, func(x, y *modelItem) int { return cmp.Or(cmp.Compare(x.at, y.at), strings.Compare(x.no, y.no)) })
	return list
}

// collect puts all of a date that is proven into batches.
func (m *model) collect() act {
	m.prove()
	date := m.today() - bizday.Date(m.IntN(3))
	taken, left := 0, map[settlement.Reason]int64{}
	for _, account := range modelAccounts {
		for _, kind := range []settlement.Kind{settlement.Payment, settlement.Refund, settlement.SplitBackIn} {
			for _, x := range m.unsettled(account, kind, date) {
				reason := m.waits(x, date)
				if reason != "" {
					left[reason]++
					continue
				}
				if b := m.batchOf(x.of.sale.order.merchant, date); b.state != settlement.Collecting {
					left[settlement.BatchIsClosed]++
				} else {
					taken += m.take(b, x)
				}
			}
		}
	}
	want := fmt.Sprint(taken, left)
	return m.call("collect", date.String(), want, taken == 0, func() (string, error) {
		got, err := m.db.Collect(context.Background(), m.collectOf(date), "auto", func(string) {})
		reasons := map[settlement.Reason]int64{}
		for _, l := range got.Left {
			reasons[l.Reason] = l.Items
		}
		return fmt.Sprint(got.Items, reasons), err
	})
}

// batchOf is the batch of a merchant and date, or a new one.
func (m *model) batchOf(merchant string, date bizday.Date) *modelBatch {
	id := settlement.BatchID(merchant, "CNY", date)
	if m.batches[id] == nil {
		m.batches[id] = &modelBatch{id: id, merchant: merchant, date: date, state: settlement.Collecting}
		m.batchIDs = append(m.batchIDs, id)
	}
	return m.batches[id]
}

// take puts an item into a batch, a payment with all that receivers got of it.
func (m *model) take(b *modelBatch, x *modelItem) int {
	if x.kind == settlement.Refund {
		x.fee = m.refundFee(x.of, -x.gross)
	}
	b.take(x)
	n := 1
	if x.kind == settlement.Payment {
		for _, s := range m.splits {
			if s.of == x.of && s.batch == nil && s.done() > 0 {
				b.take(s.item())
				n++
			}
		}
		for _, r := range m.backs {
			if r.split.of == x.of && r.batch == nil && r.state == settlement.SplitSuccess {
				b.take(r.item())
				n++
			}
		}
	}
	return n
}

// someBatch is one of the last batches, rather one that suits.
func (m *model) someBatch(suits ...settlement.State) (string, *modelBatch) {
	id := "S20261101-M1-CNY"
	for range 1 + 12*len(suits) {
		if len(m.batchIDs) > 0 && m.IntN(20) > 0 {
			id = m.batchIDs[len(m.batchIDs)-1-m.IntN(min(len(m.batchIDs), 16))]
		}
		if b := m.batches[id]; b != nil && slices.Contains(suits, b.state) {
			break
		}
	}
	return id, m.batches[id]
}

var clerks = []string{"chen", "wang"}

// check shows a batch to a person, without what may no longer be settled.
func (m *model) check() act {
	m.prove()
	id, b := m.someBatch(settlement.Collecting)
	maker := append(clerks, Machine)[m.IntN(3)]
	date, want := m.today(), ""
	switch {
	case b == nil:
		want = "E-6491"
	case b.state != settlement.Collecting && b.state != settlement.Checked:
		date, want = b.date, "E-6492"
	default:
		date = b.date
		gone := b.drop(func(x *modelItem) bool { return x.kind == settlement.Payment && m.waits(x, date) != "" })
		gone += b.drop(func(x *modelItem) bool { return m.waits(x, date) != "" })
		b.state = settlement.Collecting
		if len(b.items) > 0 {
			b.state, b.debt, b.maker = settlement.Checked, m.debtOf(b.merchant), maker
		}
		want = fmt.Sprint(b.state, gone, max(b.pays(), 0))
	}
	return m.call("check", id, want, strings.HasPrefix(want, "E-"), func() (string, error) {
		got, gone, err := m.db.CheckBatch(context.Background(), id, maker, m.collectOf(date))
		if err == nil {
			b.digest = got.Digest
		}
		return fmt.Sprint(got.State, gone, got.PayMinor), err
	})
}

// debtOf is what the batches approved before left to be earned back.
func (m *model) debtOf(merchant string) int64 {
	if b := m.approved[merchant]; b != nil {
		return min(b.pays(), 0)
	}
	return 0
}

// approve is the word of a second person about what was shown.
func (m *model) approve() act {
	id, b := m.someBatch(settlement.Checked)
	who, digest, want := clerks[m.IntN(2)], "", ""
	if b != nil {
		digest = b.digest
	}
	if m.IntN(10) == 0 {
		digest = "another"
	}
	switch {
	case b == nil:
		want = "E-6491"
	case b.state != settlement.Checked:
		want = "E-6492"
	case who == b.maker:
		want = "E-6490"
	case digest != b.digest, slices.ContainsFunc(b.items, func(x *modelItem) bool { return m.waits(x, b.date) != "" }), m.debtOf(b.merchant) != b.debt:
		want = "E-4090"
	case b.maker == Machine:
		b.maker, want = who, "CHECKED"
	default:
		m.become(b, func() { m.seq++; b.seq = m.seq })
		m.approved[b.merchant] = b
		if b.state = settlement.Approved; b.pays() <= 0 {
			b.state = settlement.Paid
		}
		want = string(b.state)
	}
	date := m.today()
	if b != nil {
		date = b.date
	}
	return m.call("approve", id+" "+who, want, strings.HasPrefix(want, "E-"), func() (string, error) {
		got, err := m.db.ApproveBatch(context.Background(), id, digest, who, m.collectOf(date))
		return string(got.State), err
	})
}

// sendBack empties a batch that is not approved.
func (m *model) sendBack() act {
	id, b := m.someBatch()
	want := string(settlement.Collecting)
	switch {
	case b == nil:
		want = "E-6491"
	case b.state != settlement.Collecting && b.state != settlement.Checked:
		want = "E-6492"
	default:
		b.drop(func(*modelItem) bool { return true })
		b.state, b.debt, b.maker, b.digest = settlement.Collecting, 0, "", ""
	}
	return m.call("send back", id, want, want[0] == 'E', func() (string, error) {
		got, err := m.db.SendBack(context.Background(), id, "chen", "look again")
		return string(got.State), err
	})
}

// receipt is the word of a customer that the goods came.
func (m *model) receipt() act {
	no := m.pick("P")
	found, known := m.sales[no] != nil, m.receipts[no]
	want := "NOTHING"
	switch {
	case found && known:
		want = "KNOWN"
	case found:
		m.receipts[no], want = true, "found"
	}
	return m.call("receipt", no, want, !found || known, func() (string, error) {
		got, err := m.db.ConfirmReceipt(context.Background(), no, "M2")
		if got != found {
			return fmt.Sprint(got), err
		}
		return want, err
	})
}
