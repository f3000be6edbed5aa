package store_test

import (
	"context"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/settlement"
	"tieout/schemas"
)

// A refund that somebody made at the channel's console has no number of ours:
// the statement alone says which payment it gave back. Its order is not settled
// while the case is open.
func TestSettlement_RefundAtTheConsoleDisputesItsOrder(t *testing.T) {
	for name, row := range map[string]schemas.Record{
		"by our number":        {MerchantRef: "P1"},
		"by the channel's one": {ChannelRef: "wx-P1"},
	} {
		n := newNight(t)
		n.paid("P1", 8800)
		n.paid("P2", 100)
		row.Channel, row.Account, row.Kind, row.RefundRef = "wechat", "1900000001", schemas.Refund, "K1"
		row.Status, row.AmountMinor, row.Currency, row.EventTime, row.BillDate = schemas.Success, 8800, "CNY", clock.UnixMicro(), day
		d := diff(schemas.ChannelOnly, "K1", nil, &row)
		d.Kind = schemas.Refund
		n.run(day, nil, d)
		got, err := n.db.Collect(context.Background(), settlement.Collect{
			Date: day, Calendar: settlement.NewCalendar([]bizday.Date{bizday.Make(2026, 10, 1)}, nil),
			Contracts: map[string]*settlement.Contract{"M01": {Merchant: "M01", Cycle: settlement.Cycle{Days: 1, BankDays: true},
				Fees: []settlement.Fee{{Channel: "wechat", Currency: "CNY"}}}},
			Accounts: []settlement.AccountProof{{Account: account, Until: clock.AddDate(0, 0, 1).UnixMicro(), DateOf: func(int64) bizday.Date { return day },
				Days: map[bizday.Date]settlement.Day{day: {RunID: "run1", Watermark: 1 << 40}}}},
		}, "chen", func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Left) != 1 || got.Left[0].Reason != settlement.Disputed || got.Left[0].First != "P1" || got.Items != 1 {
			t.Errorf("%s: taken %d, left %+v", name, got.Items, got.Left)
		}
	}
}
