package store

import (
	"context"
	"testing"

	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// combinedNight proves the accounts of ours with the channel's.
func combinedNight(t check, db *DB) settlement.Collect {
	c := night(t, db, billDay)
	own := c.Accounts[0]
	own.Account = paycore.OwnAccount
	c.Accounts = append(c.Accounts, own)
	for _, means := range []string{"balance", "coupon"} {
		c.Contracts["M01"].Fees = append(c.Contracts["M01"].Fees, settlement.Fee{Channel: means, Currency: "CNY", Rate: settlement.Rate{Returns: true}})
	}
	return c
}

// A merchant is paid what the channel and the accounts of ours paid, less what
// each gave back, and his fee is on the channel's part where the contract says so.
func TestSettlement_CombinedPaymentAsAWhole(t *testing.T) {
	db, core := combinedBooks(t)
	c, m := combined("P1"), paidBy("P1", 4999)
	c.At, m.PaidAt = at(12, 0, 0), at(12, 0, 0)
	do(t, core, paycore.Done, c, m)
	do(t, core, paycore.Done, refundOf("R1", "P1", 100, at(13, 0, 0))[0])
	do(t, core, paycore.Done, paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "wr-R1", AmountMinor: 50, Currency: "CNY", DoneAt: at(13, 0, 0), By: paycore.ByAnswer})
	carried := combinedNight(t, db)
	for i := range carried.Accounts {
		carried.Accounts[i].Carried = map[string]bool{"P1": true}
	}
	collectAll(t, db, carried)
	if batches, err := db.Batches(context.Background(), BatchFilter{From: billDay, To: billDay}); err != nil || len(batches) > 0 && batches[0].GrossMinor != 0 {
		t.Fatalf("parts do not wait for what leads them: %+v, %v", batches, err)
	}
	collect := combinedNight(t, db)
	got := collectAll(t, db, collect)
	if got.Items != 6 {
		t.Errorf("%d items: %+v", got.Items, got.Left)
	}
	b := approved(t, db, firstBatch, collect)
	if b.GrossMinor != 9900 || b.FeeMinor != 49 || b.PayMinor != 9851 {
		t.Errorf("batch: %+v", b)
	}
	checkBooks(t, db)
}
