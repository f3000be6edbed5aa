package settlement

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tieout/internal/paycore"
)

func TestFee(t *testing.T) {
	tiered := Rate{PPM: 6000, Tiers: []Tier{{From: 10_000, PPM: 5000}, {From: 100_000, PPM: 0, Fixed: 300}}}
	for name, c := range map[string]struct {
		rate         Rate
		amount, want int64
	}{
		"percent":                           {Rate{PPM: 6000}, 10_000, 60},
		"half a unit goes up":               {Rate{PPM: 5000}, 100, 1},
		"less than half goes down":          {Rate{PPM: 4999}, 100, 0},
		"once per trade, with the fixed":    {Rate{PPM: 5000, Fixed: 10}, 100, 11},
		"minimum":                           {Rate{PPM: 6000, Min: 10}, 100, 10},
		"maximum":                           {Rate{PPM: 6000, Max: 25}, 1_000_000, 25},
		"never more than the amount":        {Rate{Fixed: 50}, 20, 20},
		"below the first tier":              {tiered, 9_999, 60},
		"from a tier on, the whole amount":  {tiered, 10_000, 50},
		"the last tier":                     {tiered, 500_000, 300},
		"nothing":                           {Rate{}, 500, 0},
		"all of it":                         {Rate{PPM: 1_000_000}, 500, 500},
		"the greatest amount without a fee": {Rate{}, math.MaxInt64, 0},
	} {
		if got, err := c.rate.Of(c.amount); err != nil || got != c.want {
			t.Errorf("%s: got %d, %v; want %d", name, got, err, c.want)
		}
	}
	if _, err := (Rate{PPM: 6000}).Of(math.MaxInt64); err == nil {
		t.Error("an overflow gave a fee")
	}
}

func TestRatesThatAreWrong(t *testing.T) {
	for name, r := range map[string]Rate{
		"percentage below zero": {PPM: -1}, "above the whole": {PPM: 1_000_001}, "fixed below zero": {Fixed: -1}, "minimum above maximum": {Min: 5, Max: 4},
		"minimum below zero": {Min: -1}, "tiers out of order": {Tiers: []Tier{{From: 10}, {From: 5}}}, "the same tier twice": {Tiers: []Tier{{From: 10}, {From: 10}}},
		"percentage of a tier": {Tiers: []Tier{{From: 1, PPM: -1}}},
	} {
		if r.Wrong() == "" {
			t.Errorf("%s: nothing is found wrong", name)
		}
	}
	if why := (Rate{PPM: 6000, Min: 1, Max: 5, Tiers: []Tier{{From: 5}, {From: 10}}}).Wrong(); why != "" {
		t.Error(why)
	}
}

func TestRateOfProductAndTime(t *testing.T) {
	c := Contract{Fees: []Fee{
		{Channel: "wechat", Currency: "CNY", To: 100, Rate: Rate{PPM: 1}},
		{Channel: "wechat", Currency: "CNY", From: 100, Rate: Rate{PPM: 2}},
		{Channel: "wechat", Product: "NATIVE", Currency: "CNY", From: 50, To: 150, Rate: Rate{PPM: 3}},
	}}
	for _, x := range []struct {
		product string
		at      int64
		want    int64
	}{{"JSAPI", 99, 1}, {"JSAPI", 100, 2}, {"NATIVE", 49, 1}, {"NATIVE", 50, 3}, {"NATIVE", 149, 3}, {"NATIVE", 150, 2}} {
		if got, ok := c.rate("wechat", x.product, "CNY", x.at); !ok || got.PPM != x.want {
			t.Errorf("%s at %d: got %d, want %d", x.product, x.at, got.PPM, x.want)
		}
	}
	for _, x := range [][2]string{{"alipay", "CNY"}, {"wechat", "USD"}} {
		if _, ok := c.rate(x[0], "NATIVE", x[1], 100); ok {
			t.Errorf("%v has a rate", x)
		}
	}
	if i, _ := c.Overlap(); i >= 0 {
		t.Error("rates that follow each other overlap")
	}
	c.Fees[0].To = 101
	if i, j := c.Overlap(); i != 0 || j != 1 {
		t.Errorf("overlap of %d and %d", i, j)
	}
}

func payment(amount int64) *paycore.Payment {
	return &paycore.Payment{PayNo: "P1", Merchant: "M01", OrderNo: "O1", Channel: "wechat", Account: "wechat-main", AmountMinor: amount, Currency: "CNY",
		State: paycore.Success, Fee: paycore.Fee{Minor: 3, Known: true}, PaidAt: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).UnixMicro()}
}

// Gross = net + fee for each entry; all refunds of a payment together give back
// exactly its fee, or nothing of it.
func TestFaultB1_EntriesAddUp(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		amount := rapid.Int64Range(1, 1_000_000_000_000).Draw(r, "amount")
		rate := Rate{PPM: rapid.Int64Range(0, 1_000_000).Draw(r, "ppm"), Fixed: rapid.Int64Range(0, 1000).Draw(r, "fixed"), Returns: rapid.Bool().Draw(r, "returns")}
		c := &Contract{Fees: []Fee{{Channel: "wechat", Currency: "CNY", Rate: rate}}}
		paid, ok, err := ClearPayment(c, payment(amount))
		if err != nil || !ok {
			r.Fatal(ok, err)
		}
		agree := func(e Entry) {
			if e.GrossMinor != e.NetMinor+e.FeeMinor {
				r.Fatalf("gross %d, net %d, fee %d", e.GrossMinor, e.NetMinor, e.FeeMinor)
			}
			for _, o := range e.Owed() {
				if o.Minor <= 0 {
					r.Fatalf("%+v", o)
				}
			}
		}
		agree(paid)
		if paid.FeeMinor < 0 || paid.FeeMinor > amount {
			r.Fatalf("fee %d of %d", paid.FeeMinor, amount)
		}
		left, fees := amount, paid.FeeMinor
		for n := 0; left > 0; n++ {
			part := rapid.Int64Range(1, left).Draw(r, "refund")
			if n == 9 {
				part = left
			}
			e, err := ClearRefund(paid, Cleared{amount - left, paid.FeeMinor - fees}, &paycore.Refund{RefundNo: "R", AmountMinor: part})
			if err != nil {
				r.Fatal(err)
			}
			agree(e)
			if e.FeeMinor > 0 {
				r.Fatalf("a refund costs a fee of %d", e.FeeMinor)
			}
			left, fees = left-part, fees+e.FeeMinor
		}
		if want := map[bool]int64{true: 0, false: paid.FeeMinor}[rate.Returns]; fees != want {
			r.Fatalf("after all refunds a fee of %d is left, want %d", fees, want)
		}
		if _, err := ClearRefund(paid, Cleared{amount, paid.FeeMinor - fees}, &paycore.Refund{RefundNo: "R", AmountMinor: 1}); err == nil {
			r.Fatal("more than all was refunded")
		}
	})
}
