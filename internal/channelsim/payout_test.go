package channelsim

import (
	"slices"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// payoutWorld is a day of sales made by hand: bill date 2026-10-19, a Monday.
var payoutFrom = bizday.Make(2026, 10, 19)

func payoutPlan() Plan { return DefaultPlan(1, payoutFrom, 3, 1) }

// sold is a sale of WeChat Pay at an hour of the n-th day.
func sold(ref string, n, hour int, fen int64) Op {
	at := time.Date(2026, 10, 19+n, hour, 0, 0, 0, time.FixedZone("CST", 8*3600))
	return Op{At: at, Channel: WeChat, Merchant: "M1", MerchantRef: ref, Local: LocalSide{CreatedAt: at, AmountMinor: fen},
		Pay: &PayRequest{Channel: WeChat, MerchantRef: ref, AmountMinor: fen, At: at.Add(3 * time.Second)}}
}

func givenBack(ref string, n, hour int, fen int64) Op {
	op := sold(ref, n, hour, fen)
	op.RefundRef, op.Pay = "R"+ref, nil
	op.Refund = &RefundRequest{Channel: WeChat, MerchantRef: ref, RefundRef: op.RefundRef, AmountMinor: fen, At: op.At.Add(2 * time.Second)}
	return op
}

func foretellPayouts(t *testing.T, terms Terms, days ...Day) []PayoutTruth {
	t.Helper()
	p := must(NewPayouts(payoutPlan(), []Terms{terms}, []bizday.Date{payoutFrom.Add(1)}))(t)
	for n := range days {
		days[n].Date = payoutFrom.Add(n)
		p.Add(days[n])
	}
	return must(p.Truth())(t)
}

func TestPayoutsByHand(t *testing.T) {
	terms := Terms{Merchant: "M1", BankDays: 1, PPM: map[string]int64{WeChat: 10_000}, Fixed: 5, Least: 20, Returned: true}
	manual := Truth{Kind: schemas.Payment, MerchantRef: "C", Expect: []Expectation{{Date: payoutFrom, Action: schemas.ActionManual}}}
	got := foretellPayouts(t, terms,
		Day{Ops: []Op{sold("A", 0, 12, 10_050), sold("B", 0, 13, 100), sold("C", 0, 14, 70_000)}, Truth: []Truth{manual}},
		Day{Ops: []Op{givenBack("A", 1, 12, 5_000)}},
		Day{Ops: []Op{sold("D", 2, 12, 3_000)}})
	// A: 100.5 + 5 = 106 fen; B: 1 + 5, at least 20; C is disputed. The refund of
	// A gives 106·5000/10050 = 52.7 back, and leaves a debt: -5000 + 53. D: 35.
	// 2026-10-20 is a holiday of the test.
	want := []PayoutTruth{
		{Merchant: "M1", BillDate: payoutFrom, Currency: "CNY", DueOn: payoutFrom.Add(2), Items: 2, GrossMinor: 10_150, FeeMinor: 126, PayMinor: 10_024, PaidOn: payoutFrom.Add(2)},
		{Merchant: "M1", BillDate: payoutFrom.Add(1), Currency: "CNY", DueOn: payoutFrom.Add(2), Items: 1, GrossMinor: -5_000, FeeMinor: -53, PaidOn: bizday.None},
		{Merchant: "M1", BillDate: payoutFrom.Add(2), Currency: "CNY", DueOn: payoutFrom.Add(3), Items: 1, GrossMinor: 3_000, FeeMinor: 35, CarriedMinor: -4_947, PaidOn: bizday.None},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A case about a settled order holds the whole batch back; refunds that take
// what is to be paid do so too.
func TestPayoutsHeld(t *testing.T) {
	terms := Terms{Merchant: "M1", BankDays: 2, PPM: map[string]int64{WeChat: 0}}
	dispute := Truth{Kind: schemas.Refund, MerchantRef: "A", RefundRef: "KA", Expect: []Expectation{{Date: payoutFrom.Add(1), Action: schemas.ActionManual}}}
	day := Day{Ops: []Op{sold("A", 0, 12, 1_000), sold("B", 0, 12, 1_000)}}
	got := foretellPayouts(t, terms, day, Day{Truth: []Truth{dispute}}, Day{})
	if got[0].Held != HeldDisputed || got[0].PaidOn != bizday.None || got[0].PayMinor != 2_000 {
		t.Errorf("disputed: %+v", got[0])
	}
	behind := givenBack("B", 1, 12, 1_000)
	got = foretellPayouts(t, terms, day, Day{Ops: []Op{behind}}, Day{})
	if got[0].Held != HeldDebt || got[0].PaidOn != bizday.None || got[0].PayMinor != 2_000 {
		t.Errorf("debt: %+v", got[0])
	}
}

// What one night carries to the next is settled with the next; a payment whose
// refund is under way waits until it is not.
func TestPayoutsWait(t *testing.T) {
	terms := Terms{Merchant: "M1", BankDays: 1, PPM: map[string]int64{WeChat: 0}}
	carried := Truth{Kind: schemas.Payment, MerchantRef: "A", Expect: []Expectation{{Date: payoutFrom, Action: schemas.ActionCarry}, {Date: payoutFrom.Add(1), Action: schemas.ActionMatch}}}
	open := givenBack("B", 1, 9, 400)
	open.Local.Step = StepLeave
	got := foretellPayouts(t, terms, Day{Ops: []Op{sold("A", 0, 12, 1_000), sold("B", 0, 12, 700), sold("C", 0, 12, 9)}, Truth: []Truth{carried}},
		Day{Ops: []Op{open}}, Day{})
	var gross []int64
	for _, b := range got {
		gross = append(gross, b.GrossMinor)
	}
	if !slices.Equal(gross, []int64{9, 1_300}) {
		t.Errorf("gross of the days: %d", gross)
	}
}
