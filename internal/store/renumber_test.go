package store

import (
	"context"
	"testing"
	"time"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// A refund that goes on under another number is one refund: the channel may name
// it by either, records name it by the one that the channel has.
func TestRenumberRefund(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	again := paycore.RenumberRefund{RefundNo: "R1", Number: "R1INSTEAD", Detail: "refused"}
	do(t, core, paycore.Refused, again)
	do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000),
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 10000, Currency: "CNY"}, again)
	do(t, core, paycore.Already, again)
	do(t, core, paycore.Refused, paycore.RenumberRefund{RefundNo: "R1", Number: "R1THIRD"},
		paycore.CreateRefund{RefundNo: "R1INSTEAD", PayNo: "P1", AmountMinor: 1, Currency: "CNY"})

	seen := func(key string) []schemas.Record {
		t.Helper()
		q := schemas.LocalQuery{Channel: "wechat", Account: "wechat-main", To: testStart.Add(time.Hour).UnixMicro()}
		rows, err := db.LookupLocal(ctx, q, []schemas.LookupKey{{Kind: schemas.Refund, Key: key}})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if got := seen("R1INSTEAD"); len(got) != 1 || got[0].RefundRef != "R1INSTEAD" || got[0].MerchantRef != "P1" {
		t.Errorf("records: %+v", got)
	}
	if got := seen("R1"); len(got) != 0 {
		t.Errorf("the channel refused R1, and records have it: %+v", got)
	}

	told := paycore.MarkRefunded{RefundNo: "R1INSTEAD", ChannelRefundRef: "wr-1", AmountMinor: 10000, Currency: "CNY", By: paycore.ByNotice}
	do(t, core, paycore.Done, told)
	do(t, core, paycore.Already, told)
	do(t, core, paycore.Refused, paycore.RenumberRefund{RefundNo: "R1", Number: "R1FOURTH"})
	for _, no := range []string{"R1", "R1INSTEAD"} {
		r, err := db.Refund(ctx, no)
		if err != nil || r == nil || r.RefundNo != "R1" || r.Number() != "R1INSTEAD" || r.State != paycore.Success {
			t.Errorf("%s: %+v, %v", no, r, err)
		}
	}
	if _, err := db.writer.ExecContext(ctx, `UPDATE refund SET sent_as = 'OTHER' WHERE refund_no = 'R1'`); err == nil {
		t.Error("the number that the channel has was changed")
	}
	proofs, err := db.VerifyBooks(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proofs {
		if !p.OK {
			t.Errorf("%s: %s, want %s", p.Name, p.Got, p.Want)
		}
	}
}
