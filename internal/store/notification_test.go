package store

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/paycore"
)

// note is a notification of the account of the tests.
func note(id string) paycore.Notification {
	return paycore.Notification{Channel: "wechat", Account: "wechat-main", ID: id, Digest: "digest of " + id, Raw: []byte("as it came\x00\xff " + id), ReceivedAt: 7}
}

// wantNote compares what is kept of a notification: the bytes as they came, the
// last word on it, and how often it came.
func wantNote(t *testing.T, db *DB, n paycore.Notification, effect paycore.Effect, reason string, copies int64) {
	t.Helper()
	var raw []byte
	var gotEffect paycore.Effect
	var gotReason string
	var gotCopies int64
	err := db.sql.QueryRowContext(t.Context(), `SELECT raw, result, reason, copies FROM notification_in WHERE account = $1 AND notify_id = $2`, n.Account, n.ID).
		Scan(&raw, &gotEffect, &gotReason, &gotCopies)
	if err != nil || !bytes.Equal(raw, n.Raw) || gotEffect != effect || gotReason != reason || gotCopies != copies {
		t.Errorf("%s: kept %q, %s %q, %d copies, %v", n.ID, raw, gotEffect, gotReason, gotCopies, err)
	}
}

func receive(t *testing.T, core *paycore.Core, n paycore.Notification, c paycore.Command, want paycore.Effect) {
	t.Helper()
	if r, err := core.Receive(t.Context(), n, c); err != nil || r.Effect != want {
		t.Errorf("%s: %+v, %v; want %s", n.ID, r, err, want)
	}
}

// A notification that comes before its payment is kept, has its effect when it
// comes again, and then no more; 64 copies at once are one effect and 64 copies.
func TestFaultA1_EarlyNotificationIsKeptAndTriedAgain(t *testing.T) {
	db, core := testBooks(t)
	early := note("n-1")
	for range 2 {
		receive(t, core, early, paidBy("P1", 10000), paycore.Early)
	}
	wantNote(t, db, early, paycore.Early, "no payment P1 in the books", 2)
	do(t, core, paycore.Done, pay("P1", 10000))
	effects := make([]paycore.Effect, 64)
	var all sync.WaitGroup
	for i := range effects {
		all.Go(func() {
			r, err := core.Receive(t.Context(), early, paidBy("P1", 10000))
			if err != nil {
				t.Error(err)
			}
			effects[i] = r.Effect
		})
	}
	all.Wait()
	count := map[paycore.Effect]int{}
	for _, e := range effects {
		count[e]++
	}
	if count[paycore.Done] != 1 || count[paycore.Already] != 63 {
		t.Errorf("effects %v", count)
	}
	wantNote(t, db, early, paycore.Done, "", 66)
	checkBooks(t, db)
}

// What comes in another order than it happened moves nothing back.
func TestFaultA1_OutOfOrder(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	receive(t, core, note("n-2"), paidBy("P1", 10000), paycore.Done)
	receive(t, core, note("n-1"), paycore.ClosePayment{PayNo: "P1", Detail: "closed unpaid"}, paycore.Refused)
	receive(t, core, note("n-0"), paycore.FailPayment{PayNo: "P1", By: paycore.ByNotice}, paycore.Refused)
	checkState(t, db, "P1", paycore.Success)
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 4000, Currency: "CNY"})
	receive(t, core, note("n-4"), paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "wr-1", AmountMinor: 4000, Currency: "CNY", By: paycore.ByNotice}, paycore.Done)
	receive(t, core, note("n-3"), paycore.FailRefund{RefundNo: "R1", By: paycore.ByNotice}, paycore.Refused)
	receive(t, core, note("n-5"), paidBy("P1", 10000), paycore.Already)
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 5964, "payable:M01": -6000, "refund_payable:M01": 0, "fee_expense:wechat": 36})
	checkBooks(t, db)
}

// The number of a notification is known for ever, and so is what was said to it:
// its row is neither taken away nor rewritten.
func TestAttack24_NotificationIsKnownForEver(t *testing.T) {
	at := testStart
	db := OpenNew(t, func() time.Time { return at })
	core := paycore.New(db, paycore.Rates{}, func() time.Time { return at })
	do(t, core, paycore.Done, pay("P1", 10000))
	receive(t, core, note("n-1"), paidBy("P1", 10000), paycore.Done)
	receive(t, core, note("n-2"), paidBy("P1", 1), paycore.Refused)
	before := state(t, db)
	at = at.AddDate(10, 0, 0)
	receive(t, core, note("n-1"), paidBy("P1", 10000), paycore.Already)
	receive(t, core, note("n-2"), paidBy("P1", 1), paycore.Refused)
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Error(diff)
	}
	wantNote(t, db, note("n-2"), paycore.Refused, "payment P1 is about CNY 100.00 (10000 minor units), the channel says CNY 0.01 (1 minor units)", 2)
	for _, change := range []string{`DELETE FROM notification_in`, `UPDATE notification_in SET raw = x'00'`, `UPDATE notification_in SET notify_id = 'n-9'`,
		`UPDATE notification_in SET digest = ''`, `UPDATE notification_in SET received_us = 0`} {
		if _, err := db.sql.ExecContext(t.Context(), change); err == nil {
			t.Errorf("done: %s", change)
		}
	}
}

// A notification of one account says nothing of another's payments.
func TestAttack25_AccountOfANotification(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), pay("P2", 100), paidBy("P2", 100), paycore.CreateRefund{RefundNo: "R1", PayNo: "P2", AmountMinor: 100, Currency: "CNY"})
	before := state(t, db)
	for i, c := range []paycore.Command{paidBy("P1", 10000), paycore.ClosePayment{PayNo: "P1"}, paycore.FailPayment{PayNo: "P1", By: paycore.ByNotice},
		paycore.FailRefund{RefundNo: "R1", By: paycore.ByNotice}, paycore.MarkRefunded{RefundNo: "R1", AmountMinor: 100, Currency: "CNY", By: paycore.ByNotice}} {
		n := note(fmt.Sprint("n-", i))
		n.Account = "wechat-second"
		receive(t, core, n, c, paycore.Refused)
	}
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Error(diff)
	}
}
