package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tieout/internal/bizday"
	"tieout/internal/control"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
	"tieout/schemas"
)

func wantFault(t *testing.T, err error, id fault.ID) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != id {
		t.Errorf("got %v, want %s", err, id)
	}
}

// paidOut takes payments of the bill day to a paid batch.
func paidOut(t *testing.T, db *DB) settlement.Batch {
	t.Helper()
	c := night(t, db, billDay)
	collectAll(t, db, c)
	approved(t, db, firstBatch, c)
	started(t, db, billDay+10)
	hear(t, db, firstBatch+"-1", settlement.Paid)
	return batchState(t, db, firstBatch, settlement.Paid)
}

// A rate that changes at noon: each trade by its own time, and what was
// collected under another rate is seen before anybody approves it.
func TestFaultB2_RateByTradeTime(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidOn("P1", "M01", 10000, at(11, 59, 59))...)
	do(t, core, paycore.Done, paidOn("P2", "M01", 10000, at(12, 0, 0))...)
	c := night(t, db, billDay)
	c.Contracts["M01"].Fees = []settlement.Fee{
		{Channel: "wechat", Currency: "CNY", To: at(12, 0, 0), Rate: settlement.Rate{PPM: 6000}},
		{Channel: "wechat", Currency: "CNY", From: at(12, 0, 0), Rate: settlement.Rate{PPM: 3800}}}
	if b := collectAll(t, db, c).Batches[0]; b.FeeMinor != 60+38 {
		t.Errorf("fees %d", b.FeeMinor)
	}
	c.Contracts["M01"].Fees[1].PPM = 2000 // after the fact
	_, _, err := db.CheckBatch(context.Background(), firstBatch, "chen", c)
	wantFault(t, err, "E-6493")
	if _, err := db.SendBack(context.Background(), firstBatch, "chen", "new contract"); err != nil {
		t.Fatal(err)
	}
	if b := collectAll(t, db, c).Batches[0]; b.FeeMinor != 60+20 || b.Items != 2 {
		t.Errorf("collected again: %+v", b)
	}
	checkBooks(t, db)
}

// A refund after settlement is a debt: no payout until it is earned back.
func TestFaultB3_RefundAfterSettlement(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	paidOut(t, db)
	do(t, core, paycore.Done, paidOn("P2", "M01", 3000, at(36, 0, 0))...)
	c := night(t, db, billDay+1)
	collectAll(t, db, c)
	approved(t, db, "S20261121-M01-CNY", c)
	do(t, core, paycore.Done, refundOf("R1", "P1", 10000, at(60, 0, 0))...) // before the second batch is paid
	if files, blocked := started(t, db, billDay+10); len(files) != 0 || len(blocked) != 1 || blocked[0].Reason != "DEBT" {
		t.Fatalf("it was paid in spite of the debt: %+v %+v", files, blocked)
	}
	c = night(t, db, billDay+2)
	collectAll(t, db, c)
	b := approved(t, db, "S20261122-M01-CNY", c)
	if b.State != settlement.Paid || b.PayMinor != 0 || b.DebtMinor != -9900 {
		t.Errorf("the refund's batch: %+v", b)
	}
	do(t, core, paycore.Done, paidOn("P3", "M01", 20000, at(84, 0, 0))...)
	c = night(t, db, billDay+3)
	collectAll(t, db, c)
	b = approved(t, db, "S20261123-M01-CNY", c)
	if b.CarriedMinor != -9900 || b.PayMinor != 19800-9900 {
		t.Errorf("the debt is not carried: %+v", b)
	}
	files, blocked := started(t, db, billDay+10)
	if len(files) != 1 || files[0].Payouts != 2 || files[0].TotalMinor != 2970+9900 || len(blocked) != 0 {
		t.Errorf("once it is earned back: %+v %+v", files, blocked)
	}
	checkBooks(t, db)
}

// What is owed after a refund is above zero and below what an approved batch
// pays: the batch waits, and is not cut.
func TestFaultB3_BatchIsNotPaidInParts(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	paidOut(t, db)
	do(t, core, paycore.Done, paidOn("P2", "M01", 3000, at(36, 0, 0))...)
	c := night(t, db, billDay+1)
	collectAll(t, db, c)
	approved(t, db, "S20261121-M01-CNY", c)
	do(t, core, paycore.Done, refundOf("R1", "P1", 1, at(60, 0, 0))...)
	if files, blocked := started(t, db, billDay+10); len(files) != 0 || len(blocked) != 1 || blocked[0].Reason != "DEBT" {
		t.Fatalf("got %+v %+v", files, blocked)
	}
	do(t, core, paycore.Done, paidOn("P3", "M01", 100, at(60, 0, 0))...) // earned back
	if files, blocked := started(t, db, billDay+10); len(files) != 1 || files[0].TotalMinor != 2970 || len(blocked) != 0 {
		t.Errorf("got %+v %+v", files, blocked)
	}
	checkBooks(t, db)
}

// An unknown answer is never taken for a failure, and nothing is sent twice.
func TestFaultB5_UnknownPayoutIsNotSentAgain(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	approved(t, db, firstBatch, c)
	files, _ := started(t, db, billDay+10)
	if more, _ := started(t, db, billDay+11); len(more) != 0 {
		t.Fatalf("a second file: %+v", more)
	}
	if h := hear(t, db, firstBatch+"-1", settlement.Unknown); h != settlement.Moved {
		t.Errorf("heard %s", h)
	}
	if more, _ := started(t, db, billDay+12); len(more) != 0 {
		t.Fatalf("sent again while unknown: %+v", more)
	}
	_, first, err := db.PayoutFile(context.Background(), files[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := db.PayoutFile(context.Background(), files[0].ID); err != nil || string(first) != string(again) {
		t.Errorf("the file is another the second time: %v", err)
	}
	if h := hear(t, db, firstBatch+"-1", settlement.Paid); h != settlement.Moved {
		t.Errorf("heard %s", h)
	}
	if h := hear(t, db, firstBatch+"-1", settlement.Failed); h != settlement.NotLegal {
		t.Errorf("failed after paid: heard %s", h)
	}
	if h := hear(t, db, "S1-nobody-1", settlement.Paid); h != settlement.NoPayout {
		t.Errorf("a number of nobody: heard %s", h)
	}
	wrong, err := db.HearPayout(context.Background(), settlement.Answer{Number: firstBatch + "-1", State: settlement.Returned, AmountMinor: 1, Currency: "CNY"}, "chen", nil)
	if err != nil || wrong.Heard != settlement.WrongSums {
		t.Errorf("another amount: %+v, %v", wrong, err)
	}
	batchState(t, db, firstBatch, settlement.Paid)
	checkBooks(t, db)
}

// A payout that fails is undone by an entry that points at it, and is due again
// once by itself; a failed one that the bank later calls paid stops everything.
func TestFaultB6_FailedAndReturnedPayouts(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	approved(t, db, firstBatch, c)
	started(t, db, billDay+10)
	hear(t, db, firstBatch+"-1", settlement.Failed)
	batchState(t, db, firstBatch, settlement.Approved)
	checkBooks(t, db)
	started(t, db, billDay+10)
	hear(t, db, firstBatch+"-2", settlement.Failed)
	batchState(t, db, firstBatch, settlement.Failed)
	if files, _ := started(t, db, billDay+10); len(files) != 0 {
		t.Error("it was paid a third time without people")
	}
	requeue := func(who string) bool {
		done, err := db.Requeue(ctx, firstBatch, contractOf("M01"), who, "the bank was closed")
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if requeue("chen") {
		t.Fatal("one person was enough")
	}
	_, err := db.Requeue(ctx, firstBatch, contractOf("M01"), "Chen", "")
	wantFault(t, err, "E-6490")
	if !requeue("wang") {
		t.Fatal("two people were not enough")
	}
	started(t, db, billDay+10)
	hear(t, db, firstBatch+"-3", settlement.Paid)
	hear(t, db, firstBatch+"-3", settlement.Returned) // weeks later
	batchState(t, db, firstBatch, settlement.Returned)
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 9940, "fee_expense:wechat": 60, "payable:M01": -9900,
		"merchant_fee_income:wechat": -100, "payout_clearing:icbc": 0, "bank:icbc": 0})
	var notices int
	if err := db.sql.QueryRow(`SELECT COUNT(*) FROM outbox WHERE payload LIKE '%payout.returned%'`).Scan(&notices); err != nil || notices != 1 {
		t.Errorf("%d notices of the return, %v", notices, err)
	}
	checkBooks(t, db)
}

func TestFaultB6_PaidAfterFailedStopsTheNextTry(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	approved(t, db, firstBatch, c)
	started(t, db, billDay+10)
	hear(t, db, firstBatch+"-1", settlement.Failed)
	if h := hear(t, db, firstBatch+"-1", settlement.Paid); h != settlement.Conflict {
		t.Errorf("heard %s", h)
	}
	batchState(t, db, firstBatch, settlement.Failed)
	if files, _ := started(t, db, billDay+10); len(files) != 0 {
		t.Error("it was paid again")
	}
	checkBooks(t, db)
}

// A day that is not proven gives nothing; two people can let it in.
func TestFaultB7_NothingFromADayThatIsNotProven(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	delete(c.Accounts[0].Days, billDay)
	if got := collectAll(t, db, c); got.Items != 0 || got.Left[0].Reason != settlement.NotProven {
		t.Fatalf("got %+v", got)
	}
	override := func(who, reason string) int64 {
		act, err := db.Override(ctx, "2026-11-20", "digest", who, reason)
		if err != nil {
			t.Fatal(err)
		}
		return act
	}
	if override("chen", "the bank is closed for a week") != 0 {
		t.Fatal("one person was enough")
	}
	_, err := db.Override(ctx, "2026-11-20", "digest", "chen", "again")
	wantFault(t, err, "E-6490")
	c.Override = override("wang", "")
	if c.Override == 0 || override("chen", "") != c.Override {
		t.Fatal("two people were not enough")
	}
	if got := collectAll(t, db, c); got.Items != 1 || got.Batches[0].Override != c.Override {
		t.Fatalf("got %+v", got)
	}
	openCase(t, db, "C-1", "PAYMENT", "P1") // an override lets no disputed order in
	b, released, err := db.CheckBatch(ctx, firstBatch, "chen", c)
	if err != nil || released != 1 || b.State != settlement.Collecting || b.Items != 0 {
		t.Errorf("%+v, %d, %v", b, released, err)
	}
	checkBooks(t, db)
}

// One person does not settle alone, and nobody approves what he was not shown.
func TestFaultW4_ApprovedBySecondPersonOnWhatWasShown(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	do(t, core, paycore.Done, paidAt("P2", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	_, err := db.ApproveBatch(ctx, firstBatch, "", "wang", c)
	wantFault(t, err, "E-6492")
	b, _, err := db.CheckBatch(ctx, firstBatch, "chen", c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ApproveBatch(ctx, firstBatch, b.Digest, " CHEN ", c)
	wantFault(t, err, "E-6474")
	_, err = db.ApproveBatch(ctx, firstBatch, b.Digest, "CHEN", c)
	wantFault(t, err, "E-6490")
	_, err = db.ApproveBatch(ctx, firstBatch, b.Digest[1:], "wang", c)
	wantFault(t, err, "E-4090")
	openCase(t, db, "C-1", "PAYMENT", "P1")
	_, err = db.ApproveBatch(ctx, firstBatch, b.Digest, "wang", c)
	wantFault(t, err, "E-4090")
	batchState(t, db, firstBatch, settlement.Checked)
	b = approved(t, db, firstBatch, c)
	if b.Items != 1 || b.PayMinor != 9900 {
		t.Errorf("got %+v", b)
	}
	openCase(t, db, "C-2", "PAYMENT", "P2") // after the approval
	if files, blocked := started(t, db, billDay+10); len(files) != 0 || len(blocked) != 1 || blocked[0].Reason != "DISPUTED" {
		t.Errorf("got %+v %+v", files, blocked)
	}
	_, err = db.SendBack(ctx, firstBatch, "chen", "why not")
	wantFault(t, err, "E-6492")
	checkBooks(t, db)
}

func TestFaultW4_ResultByHandNeedsTwoPeople(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	approved(t, db, firstBatch, c)
	started(t, db, billDay+10)
	a := settlement.Answer{Number: firstBatch + "-1", State: settlement.Paid, BankRef: "icbc-7"}
	if _, done, err := db.HearPayoutByHand(ctx, a, "chen", nil, "seen on the bank's screen"); err != nil || done {
		t.Fatal(done, err)
	}
	_, _, err := db.HearPayoutByHand(ctx, a, "chen", nil, "")
	wantFault(t, err, "E-6490")
	other := a
	other.BankRef = "icbc-8"
	if _, done, err := db.HearPayoutByHand(ctx, other, "wang", nil, "something else"); err != nil || done {
		t.Fatal("two people said different things:", done, err)
	}
	if _, done, err := db.HearPayoutByHand(ctx, a, "wang", nil, ""); err != nil || !done {
		t.Fatal(done, err)
	}
	batchState(t, db, firstBatch, settlement.Paid)
	_, _, err = db.HearPayoutByHand(ctx, settlement.Answer{Number: "none", State: settlement.Paid}, "wang", nil, "")
	wantFault(t, err, "E-6494")
	_, _, err = db.HearPayoutByHand(ctx, settlement.Answer{Number: a.Number, State: settlement.Failed}, "wang", nil, "")
	wantFault(t, err, "E-6495")
}

// What an insider changes behind the program is found before money moves.
func TestAttack38_ChangedRowsAreFound(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	b, _, err := db.CheckBatch(ctx, firstBatch, "chen", c)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string) error { _, err := db.sql.Exec(query); return err }
	for _, query := range []string{
		`UPDATE clearing_entry SET fee_minor = 0, net_minor = gross_minor`, `DELETE FROM clearing_entry`, `DELETE FROM settlement_batch`,
		`INSERT INTO clearing_entry SELECT 'PAYMENT', 'X', batch, merchant, order_no, pay_no, channel, account, product, currency, gross_minor, fee_minor, channel_fee_minor, net_minor, fee_returns, terms, at_us, cleared_us FROM clearing_entry`,
		`UPDATE settlement_batch SET net_minor = net_minor + 1`, `DELETE FROM settlement_event`, `UPDATE settlement_event SET who = 'x'`,
	} {
		if exec(query) == nil {
			t.Errorf("the database took: %s", query)
		}
	}
	if err := exec(`UPDATE settlement_batch SET payee_account = '6222999999999999'`); err != nil {
		t.Fatal(err)
	}
	_, err = db.ApproveBatch(ctx, firstBatch, b.Digest, "wang", c)
	wantFault(t, err, "E-5090")
	approved(t, db, firstBatch, c)
	if exec(`UPDATE settlement_batch SET pay_minor = pay_minor + 1, net_minor = net_minor + 1, gross_minor = gross_minor + 1`) == nil {
		t.Error("an approved batch took other sums")
	}
	files, _ := started(t, db, billDay+10)
	for _, query := range []string{`UPDATE payout SET amount_minor = 1`, `UPDATE payout SET payee_account = 'x'`, `DELETE FROM payout`} {
		if exec(query) == nil {
			t.Errorf("the database took: %s", query)
		}
	}
	if err := exec(`DROP TRIGGER payout_facts_stay; UPDATE payout SET payee_account = 'x1'`); err != nil {
		t.Fatal(err)
	}
	_, _, err = db.PayoutFile(ctx, files[0].ID)
	wantFault(t, err, "E-4290")
}

// The ledger is asked too: a posting that no document stands for stops the
// merchant's settlement.
func TestSettlement_LedgerMustAgree(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	err := db.settle(context.Background(), "x", func(s *settler) error {
		return s.book("odd", "", "odd", []paycore.Entry{{Account: "payable:M01", Currency: "CNY", Minor: -1}, {Account: "clearing:wechat:wechat-main", Currency: "CNY", Minor: 1}})
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = db.CheckBatch(context.Background(), firstBatch, "chen", c)
	wantFault(t, err, "E-5091")
}

// Whatever the order of days, collections, refunds, checks and answers: each
// item is in one batch at most, the books agree, and no merchant is paid more
// than he is owed.
func TestSettlement_RandomDays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		db, core := testBooks(t)
		defer db.Close()
		number := 0
		for range rapid.IntRange(5, 25).Draw(r, "steps") {
			day := billDay + bizday.Date(rapid.IntRange(0, 4).Draw(r, "day"))
			when := at(12, 0, 0) + int64(day-billDay)*24*3600*1e6
			merchant := rapid.SampledFrom([]string{"M01", "M02"}).Draw(r, "merchant")
			id := settlement.BatchID(merchant, "CNY", day)
			c := night(r, db, day)
			switch rapid.IntRange(0, 9).Draw(r, "op") {
			case 0, 1, 2:
				number++
				do(t, core, paycore.Done, paidOn(fmt.Sprintf("P%d", number), merchant, rapid.Int64Range(1, 5000).Draw(r, "amount"), when)...)
			case 3:
				p := fmt.Sprintf("P%d", rapid.IntRange(1, 9).Draw(r, "payment"))
				number++
				amount := rapid.Int64Range(1, 3000).Draw(r, "refund")
				if _, err := core.Do(context.Background(), refundOf(fmt.Sprintf("R%d", number), p, amount, when)...); err != nil {
					r.Fatal(err)
				}
			case 4, 5:
				collectAll(r, db, c)
			case 6:
				quietly(r, func() error {
					b, _, err := db.CheckBatch(context.Background(), id, "chen", c)
					if err == nil && b.State == settlement.Checked {
						_, err = db.ApproveBatch(context.Background(), id, b.Digest, "wang", c)
					}
					return err
				})
			case 7:
				quietly(r, func() error { _, err := db.SendBack(context.Background(), id, "chen", "look again"); return err })
			case 8:
				started(r, db, day+7)
			case 9:
				state := rapid.SampledFrom([]settlement.State{settlement.Paid, settlement.Failed, settlement.Unknown, settlement.Returned}).Draw(r, "answer")
				hear(r, db, fmt.Sprintf("%s-%d", id, rapid.IntRange(1, 2).Draw(r, "try")), state)
			}
			checkBooks(r, db)
		}
		balances, err := db.Balances(context.Background(), "bank:")
		if err != nil {
			r.Fatal(err)
		}
		for _, b := range balances {
			if b.Minor > 0 {
				r.Fatalf("the bank has more than it was given: %+v", b)
			}
		}
	})
}

// quietly takes the refusals of the rules for what they are.
func quietly(r *rapid.T, do func() error) {
	err := do()
	var f *fault.Error
	if errors.As(err, &f) && !strings.HasPrefix(string(f.ID), "E-50") {
		return
	}
	if err != nil {
		r.Fatal(err)
	}
}

// A refund that its channel takes back after it was settled is still owed to
// the customer, out of the merchant's money: it is not given up, and goes out
// again. Before the batch is approved it is let go.
func TestFaultB3_RefundThatFailsAfterItWasCollected(t *testing.T) {
	ctx := context.Background()
	failed := schemas.Fix{Key: "K1", Kind: schemas.FixSetFailed, RunID: "run-2", Channel: "wechat", Account: "wechat-main", BillDate: billDay, RecordKind: schemas.Refund,
		RefundRef: "R1", AmountMinor: 4000, Currency: "CNY", EventTime: schemas.NoTime, Expect: []schemas.Status{schemas.Success}, Maker: "lin", Checker: "mei"}
	for _, settledBefore := range []bool{false, true} {
		db, core := testBooks(t)
		do(t, core, paycore.Done, paidAt("P1", 10000)...)
		do(t, core, paycore.Done, refundOf("R1", "P1", 4000, at(13, 0, 0))...)
		c := night(t, db, billDay)
		collectAll(t, db, c)
		b, _, err := db.CheckBatch(ctx, firstBatch, "chen", c)
		if err != nil {
			t.Fatal(err)
		}
		if settledBefore {
			approved(t, db, firstBatch, c)
		}
		apply(t, db, failed, "APPLIED")
		if settledBefore {
			do(t, core, paycore.Refused, paycore.CancelRefund{RefundNo: "R1"})
			checkBooks(t, db)
			controlRun(t, db, true)
			if got := found(t, db); got["refund.failed R1"].Detail != "payment=P1 amount=4000 currency=CNY batch="+firstBatch || got["clearing.refund R1"].ID != "" {
				t.Errorf("the batch is right, and the refund waits: %v", got)
			}
			again := refundOf("R1", "P1", 4000, at(20, 0, 0))[1]
			do(t, core, paycore.Done, again)
			if controlRun(t, db, false); found(t, db)["refund.failed R1"].State == control.Open {
				t.Error("the refund was paid")
			}
			if b := batchState(t, db, firstBatch, settlement.Approved); b.PayMinor != 5940 {
				t.Errorf("got %+v", b)
			}
			checkBooks(t, db)
			continue
		}
		_, err = db.ApproveBatch(ctx, firstBatch, b.Digest, "wang", c)
		wantFault(t, err, "E-4090")
		b, released, err := db.CheckBatch(ctx, firstBatch, "chen", c)
		if err != nil || released != 2 || b.Items != 0 { // the payment waits for its refund
			t.Errorf("%+v, %d, %v", b, released, err)
		}
		do(t, core, paycore.Done, paycore.CancelRefund{RefundNo: "R1"})
		checkBooks(t, db)
	}
}

// A refund that was collected with a later date than its payment goes when the
// payment does.
func TestSettlement_ARefundGoesWithItsPayment(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	collectAll(t, db, night(t, db, billDay))
	do(t, core, paycore.Done, refundOf("R1", "P1", 4000, at(36, 0, 0))...)
	next := night(t, db, billDay+1)
	collectAll(t, db, next)
	if _, err := db.SendBack(context.Background(), firstBatch, "chen", "look again"); err != nil {
		t.Fatal(err)
	}
	b, released, err := db.CheckBatch(context.Background(), settlement.BatchID("M01", "CNY", billDay+1), "chen", next)
	if err != nil || released != 1 || b.Items != 0 {
		t.Errorf("%+v, %d, %v", b, released, err)
	}
	checkBooks(t, db)
}

// Refunds of one payment give back exactly its fee, also when one of them left
// its batch and came back.
func TestSettlement_FeeComesBackOnce(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 100)...) // a fee of 1
	do(t, core, paycore.Done, refundOf("R1", "P1", 50, at(13, 0, 0))...)
	do(t, core, paycore.Done, refundOf("R2", "P1", 50, at(14, 0, 0))...)
	c := night(t, db, billDay)
	collectAll(t, db, c)
	c.Accounts[0].Carried["R1"] = true
	if _, released, err := db.CheckBatch(context.Background(), firstBatch, "chen", c); err != nil || released != 1 {
		t.Fatal(released, err)
	}
	delete(c.Accounts[0].Carried, "R1")
	c.Date++
	collectAll(t, db, c)
	var fees int64
	if err := db.sql.QueryRow(`SELECT SUM(fee_minor) FROM clearing_entry`).Scan(&fees); err != nil || fees != 0 {
		t.Errorf("fees come to %d, %v", fees, err)
	}
}
