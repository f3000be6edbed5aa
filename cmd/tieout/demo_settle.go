package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/money"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

// The people of the demo.
const (
	demoMaker   = "li.na"
	demoChecker = "wang.fang"
)

// demoTerms are the contracts of the shops.
func demoTerms() []channelsim.Terms {
	all := func(ppm int64) map[string]int64 {
		return map[string]int64{channelsim.WeChat: ppm, channelsim.Alipay: ppm, channelsim.UnionPay: ppm, channelsim.Bank: ppm}
	}
	return []channelsim.Terms{
		{Merchant: "M10001", BankDays: 1, PPM: all(8_000), Returned: true},
		{Merchant: "M10002", BankDays: 1, PPM: all(10_000), Least: 10},
		{Merchant: "M10003", BankDays: 2, PPM: all(3_800), Fixed: 5, Returned: true},
		{Merchant: "M10004", BankDays: 7, PPM: map[string]int64{channelsim.WeChat: 7_000, channelsim.Alipay: 7_000, channelsim.UnionPay: 6_500, channelsim.Bank: 0}},
	}
}

// demoRests are the days on which the banks of the demo rest, beside weekends,
// in every year that a batch of it can be due in.
func demoRests(from bizday.Date, days int) (rests []bizday.Date) {
	first, _, _ := from.YMD()
	last, _, _ := from.Add(days + 31).YMD()
	for year := first; year <= last; year++ {
		rests = append(rests, bizday.Make(year, 1, 1), bizday.Make(year, 5, 1), bizday.Make(year, 10, 1))
	}
	return rests
}

// payeeOf is the account that a shop is paid to.
func payeeOf(merchant string) settlement.Payee {
	return settlement.Payee{Name: "Shop " + merchant, Account: "6222" + strings.TrimPrefix(merchant, "M") + "00000001", Bank: "ICBK"}
}

// settlementYAML writes the contracts and the calendar as an operator would.
func settlementYAML(terms []channelsim.Terms, rests []bizday.Date) string {
	var b strings.Builder
	fmt.Fprintf(&b, "calendar:\n  holidays: [%s]\nsettlement:\n  merchants:\n", strings.Join(textsOf(rests), ", "))
	for _, t := range terms {
		payee, refund := payeeOf(t.Merchant), "kept"
		if t.Returned {
			refund = "returned"
		}
		fmt.Fprintf(&b, "    - id: %s\n      days: %d\n      bank: demo\n      payee: {name: %s, account: \"%s\", bank: %s}\n      fees:\n",
			t.Merchant, t.BankDays, payee.Name, payee.Account, payee.Bank)
		for _, channel := range channelsim.Channels() {
			fmt.Fprintf(&b, "        - {channel: %s, percent: \"%s%%\", fixed: \"%s\", min: \"%s\", refund: %s}\n",
				channel, money.FormatScaled(t.PPM[channel], 4), money.Format(t.Fixed, "CNY"), money.Format(t.Least, "CNY"), refund)
		}
	}
	return b.String()
}

func textsOf(dates []bizday.Date) (list []string) {
	for _, d := range dates {
		list = append(list, d.String())
	}
	return list
}

// settle takes a proven bill date to the merchants: one person has it checked,
// another approves what she saw, and what is due is paid.
func (w *demoWorld) settle(ctx context.Context, date bizday.Date) error {
	checked, unproven, err := w.site.settleDay(ctx, date, demoMaker)
	if err != nil {
		return err
	}
	if len(unproven) > 0 {
		return fmt.Errorf("%s is not settled: %s", date, strings.Join(unproven, "; "))
	}
	for _, b := range checked {
		_, collect, err := w.site.batchCollection(ctx, b.ID)
		if err != nil {
			return err
		}
		if _, err := w.site.db.ApproveBatch(ctx, b.ID, b.Digest, demoChecker, collect); err != nil {
			return err
		}
	}
	return w.payOut(ctx, date.Add(1))
}

// payOut sends what is due to the bank and takes its answer.
func (w *demoWorld) payOut(ctx context.Context, on bizday.Date) error {
	out, err := w.site.payOut(ctx, w.site.banks(), on, demoMaker)
	if err != nil {
		return err
	}
	for _, f := range out.Files {
		body, err := os.ReadFile(f.Path)
		if err != nil {
			return err
		}
		result, err := w.bank.pay(body, on)
		if err != nil {
			return err
		}
		answers, err := settlement.ReadResults(bytes.NewReader(result))
		if err != nil {
			return err
		}
		for _, answer := range answers {
			heard, err := w.site.db.HearPayout(ctx, answer, demoMaker, nil)
			if err != nil {
				return err
			}
			if heard.Heard != settlement.Moved {
				return fmt.Errorf("the bank's answer to payout %s: %s", answer.Number, heard.Heard)
			}
		}
	}
	return nil
}

// payRest goes on from day to day until the last batch is due.
func (w *demoWorld) payRest(ctx context.Context) error {
	batches, err := w.batches(ctx)
	if err != nil {
		return err
	}
	last := bizday.None
	for _, b := range batches {
		last = max(last, b.DueOn)
	}
	for on := w.plan.From.Add(w.plan.Days + 1); on <= last; on++ {
		w.clock.set(w.nightOf(on.Add(-1)))
		if err := w.payOut(ctx, on); err != nil {
			return err
		}
	}
	return nil
}

func (w *demoWorld) batches(ctx context.Context) ([]settlement.Batch, error) {
	return w.site.db.Batches(ctx, store.BatchFilter{From: w.plan.From, To: w.plan.From.Add(w.plan.Days)})
}

// demoBank pays what payout files ask for.
type demoBank struct{ paid []bankPaid }

// bankPaid is one transfer that the bank made.
type bankPaid struct {
	number, account, purpose string
	minor                    int64
	on                       bizday.Date
}

// pay reads a payout file, pays each line, and writes the result file.
func (b *demoBank) pay(file []byte, on bizday.Date) ([]byte, error) {
	lines, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	results := [][]string{{"number", "result", "amount", "currency", "bank_ref", "reason"}}
	for _, l := range lines[1 : len(lines)-1] { // between the header and the total
		minor, err := money.Parse([]byte(l[4]), 2)
		if err != nil {
			return nil, fmt.Errorf("payout %s: %w", l[0], err)
		}
		b.paid = append(b.paid, bankPaid{number: l[0], account: l[2], purpose: l[6], minor: minor, on: on})
		results = append(results, []string{l[0], "PAID", l[4], l[5], fmt.Sprintf("BK%08d", len(b.paid)), ""})
	}
	err = w.WriteAll(results)
	return out.Bytes(), err
}

// shopPaid is what one shop was to get and what the bank paid.
type shopPaid struct {
	merchant             string
	batches, held        int
	plannedMinor, gotten int64
}

// judgePayouts compares what the plan foretold with what the books settled and
// what the bank paid, batch by batch.
func judgePayouts(truths []channelsim.PayoutTruth, booked []settlement.Batch, bank []bankPaid) (shops []shopPaid, wrong []string) {
	batches := map[string]settlement.Batch{}
	for _, b := range booked {
		batches[b.ID] = b
	}
	transfers := map[string][]bankPaid{}
	for _, p := range bank {
		transfers[p.purpose] = append(transfers[p.purpose], p)
	}
	lines := map[string]*shopPaid{}
	for _, t := range truths {
		id := settlement.BatchID(t.Merchant, t.Currency, t.BillDate)
		got := transfers["settlement "+id]
		if why := wrongPayout(t, batches[id], got); why != "" {
			wrong = append(wrong, id+": "+why)
		}
		l := lines[t.Merchant]
		if l == nil {
			l = &shopPaid{merchant: t.Merchant}
			lines[t.Merchant] = l
		}
		l.batches++
		if t.Held != "" {
			l.held++
		}
		if t.PaidOn != bizday.None {
			l.plannedMinor += t.PayMinor
		}
		for _, p := range got {
			l.gotten += p.minor
		}
		delete(batches, id)
		delete(transfers, "settlement "+id)
	}
	for id := range batches {
		wrong = append(wrong, id+": nobody foretold it")
	}
	for purpose := range transfers {
		wrong = append(wrong, purpose+": the bank paid it, and nobody foretold it")
	}
	slices.Sort(wrong)
	for _, merchant := range slices.Sorted(maps.Keys(lines)) {
		shops = append(shops, *lines[merchant])
	}
	return shops, wrong
}

// wrongPayout says what is not as foretold; "" if all is.
func wrongPayout(t channelsim.PayoutTruth, b settlement.Batch, got []bankPaid) string {
	booked := channelsim.PayoutTruth{Merchant: b.Merchant, BillDate: b.BillDate, Currency: b.Currency, DueOn: b.DueOn, Items: b.Items,
		GrossMinor: b.GrossMinor, FeeMinor: b.FeeMinor, CarriedMinor: b.CarriedMinor, PayMinor: b.PayMinor, PaidOn: t.PaidOn, Held: t.Held}
	state, transfers := settlement.Paid, 1
	switch {
	case t.PayMinor == 0:
		transfers = 0
	case t.Held != "":
		state, transfers = settlement.Approved, 0
	}
	switch {
	case b.ID == "":
		return "it was not settled"
	case booked != t:
		return fmt.Sprintf("expected %+v, found %+v", t, booked)
	case b.State != state:
		return fmt.Sprintf("expected %s, found %s", state, b.State)
	case len(got) != transfers:
		return fmt.Sprintf("expected %d transfers of the bank, found %d", transfers, len(got))
	}
	for _, p := range got {
		if p.minor != t.PayMinor || p.on != t.PaidOn || p.account != payeeOf(t.Merchant).Account {
			return fmt.Sprintf("expected %d fen on %s, the bank paid %d on %s to %s", t.PayMinor, t.PaidOn, p.minor, p.on, p.account)
		}
	}
	return ""
}
