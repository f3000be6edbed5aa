package store

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// The world of these tests: merchant M01 on T+1, paid by icbc; a calendar of
// 2026 with one holiday, 23 November.
var (
	billDay  = bizday.Make(2026, 11, 20) // a Friday
	calendar = settlement.NewCalendar([]bizday.Date{bizday.Make(2026, 11, 23)}, nil)
)

func contractOf(merchant string) *settlement.Contract {
	return &settlement.Contract{Merchant: merchant, Cycle: settlement.Cycle{Days: 1, BankDays: true}, Bank: "icbc", NotifyURL: "http://merchant.example/notify",
		Payee: settlement.Payee{Name: "Shop " + merchant, Account: "6222000011112222", Bank: "102"},
		Fees:  []settlement.Fee{{Channel: "wechat", Currency: "CNY", Rate: settlement.Rate{PPM: 10_000, Returns: true}}}}
}

// night is a collection of a bill date on which every day is proven up to the
// last line of the log.
func night(t check, db *DB, date bizday.Date) settlement.Collect {
	t.Helper()
	var seq int64
	if err := db.sql.QueryRow(`SELECT COALESCE(MAX(seq), 0) FROM order_event`).Scan(&seq); err != nil {
		t.Fatal(err)
	}
	days := map[bizday.Date]settlement.Day{}
	for d := date - 40; d <= date; d++ {
		days[d] = settlement.Day{RunID: "run-" + d.String(), Watermark: seq}
	}
	zone := bizday.Day{Zone: china}
	return settlement.Collect{Date: date, Calendar: calendar,
		Contracts: map[string]*settlement.Contract{"M01": contractOf("M01"), "M02": contractOf("M02")},
		Accounts: []settlement.AccountProof{{Account: "wechat-main", Until: zone.Of(date).To, DateOf: zone.DateOf, Days: days,
			Carried: map[string]bool{}}}}
}

func collectAll(t check, db *DB, c settlement.Collect) settlement.Collected {
	t.Helper()
	got, err := db.Collect(context.Background(), c, "auto", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// paidAt is a payment of M01 that was paid on the bill day.
func paidAt(no string, minor int64) []paycore.Command {
	return paidOn(no, "M01", minor, at(12, 0, 0))
}

func paidOn(no, merchant string, minor, when int64) []paycore.Command {
	c, m := pay(no, minor), paidBy(no, minor)
	c.Merchant, c.At, m.PaidAt = merchant, when, when
	return []paycore.Command{c, m}
}

func refundOf(no, payNo string, minor, when int64) []paycore.Command {
	return []paycore.Command{paycore.CreateRefund{RefundNo: no, PayNo: payNo, AmountMinor: minor, Currency: "CNY", At: when},
		paycore.MarkRefunded{RefundNo: no, ChannelRefundRef: "wr-" + no, AmountMinor: minor, Currency: "CNY", DoneAt: when, By: paycore.ByAnswer}}
}

var merchantURL = map[string]string{"M01": "http://merchant.example/notify"}

const firstBatch = "S20261120-M01-CNY"

// approved takes a batch through check and approval.
func approved(t check, db *DB, id string, c settlement.Collect) settlement.Batch {
	t.Helper()
	b, _, err := db.CheckBatch(context.Background(), id, "chen", c)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = db.ApproveBatch(context.Background(), id, b.Digest, "wang", c); err != nil {
		t.Fatal(err)
	}
	return b
}

func started(t check, db *DB, on bizday.Date) ([]settlement.File, []Blocked) {
	t.Helper()
	files, blocked, err := db.StartPayouts(context.Background(), "icbc", on, "chen")
	if err != nil {
		t.Fatal(err)
	}
	return files, blocked
}

func hear(t check, db *DB, number string, state settlement.State) settlement.Heard {
	t.Helper()
	got, err := db.HearPayout(context.Background(), settlement.Answer{Number: number, State: state, BankRef: "icbc-1", Reason: "because"}, "chen", merchantURL)
	if err != nil {
		t.Fatal(err)
	}
	return got.Heard
}

func batchState(t check, db *DB, id string, want settlement.State) settlement.Batch {
	t.Helper()
	f, err := db.Batch(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	if f.State != want {
		t.Errorf("batch %s is %s, want %s", id, f.State, want)
	}
	return f.Batch
}

func TestSettlement_FromCollectionToPayout(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 10000)...)
	do(t, core, paycore.Done, paidAt("P2", 5000)...)
	do(t, core, paycore.Done, refundOf("R1", "P1", 4000, at(13, 0, 0))...)
	c := night(t, db, billDay)
	got := collectAll(t, db, c)
	if got.Items != 3 || len(got.Batches) != 1 || len(got.Left) != 0 {
		t.Fatalf("got %+v", got)
	}
	b := got.Batches[0]
	if b.ID != firstBatch || b.GrossMinor != 11000 || b.FeeMinor != 110 || b.NetMinor != 10890 || b.DueOn != bizday.Make(2026, 11, 24) {
		t.Errorf("got %+v", b)
	}
	if again := collectAll(t, db, c); again.Items != 0 || again.Batches[0].Items != 3 {
		t.Errorf("a second collection took %d items", again.Items)
	}
	approved(t, db, firstBatch, c)
	if files, _ := started(t, db, b.DueOn-1); len(files) != 0 {
		t.Error("it was paid before it was due")
	}
	files, blocked := started(t, db, b.DueOn)
	if len(files) != 1 || files[0].TotalMinor != 10890 || len(blocked) != 0 {
		t.Fatalf("got %+v %+v", files, blocked)
	}
	_, body, err := db.PayoutFile(context.Background(), files[0].ID)
	if err != nil || len(body) == 0 {
		t.Errorf("%q, %v", body, err)
	}
	if h := hear(t, db, firstBatch+"-1", settlement.Paid); h != settlement.Moved {
		t.Errorf("heard %s", h)
	}
	if h := hear(t, db, firstBatch+"-1", settlement.Paid); h != settlement.Known {
		t.Errorf("a second time: heard %s", h)
	}
	batchState(t, db, firstBatch, settlement.Paid)
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 10934, "fee_expense:wechat": 66, "refund_payable:M01": 0,
		"payable:M01": 0, "merchant_fee_income:wechat": -110, "payout_clearing:icbc": 0, "bank:icbc": -10890})
	checkBooks(t, db)
}

// What is not proven, disputed, in transit or not finished stays out, and comes
// in a later batch.
func TestSettlement_WhatIsLeftOut(t *testing.T) {
	db, core := testBooks(t)
	for i := range 6 {
		do(t, core, paycore.Done, paidAt(fmt.Sprintf("P%d", i), 1000)...)
	}
	do(t, core, paycore.Done, paidOn("Q1", "M09", 1000, at(1, 0, 0))...)
	do(t, core, paycore.Done, paidOn("N1", "M01", 1000, at(24, 0, 0))...) // the next day
	do(t, core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 10, Currency: "CNY"})
	do(t, core, paycore.Done, refundOf("R3", "P3", 10, at(14, 0, 0))...)
	openCase(t, db, "C-1", "PAYMENT", "P2")
	openCase(t, db, "C-2", "REFUND", "R3")
	c := night(t, db, billDay)
	c.Accounts[0].Carried["P4"] = true
	do(t, core, paycore.Done, paidAt("L1", 1000)...) // after the export
	got := collectAll(t, db, c)
	left := map[settlement.Reason]int64{}
	for _, l := range got.Left {
		left[l.Reason] += l.Items
	}
	want := map[settlement.Reason]int64{settlement.NoContract: 1, settlement.RefundOpen: 1, settlement.Disputed: 3, settlement.InTransit: 1, settlement.NotProven: 1}
	if fmt.Sprint(left) != fmt.Sprint(want) || got.Items != 2 {
		t.Errorf("left %v, want %v; taken %d", left, want, got.Items)
	}
	if _, err := db.sql.Exec(`UPDATE recon_case SET state = 'RESOLVED'`); err != nil {
		t.Fatal(err)
	}
	next := night(t, db, billDay+1)
	if got := collectAll(t, db, next); got.Items != 6 { // P2, P3, R3, P4, L1 and N1
		t.Errorf("the next day took %d: %+v", got.Items, got)
	}
	checkBooks(t, db)
}

func openCase(t check, db *DB, id, kind, key string) {
	t.Helper()
	_, err := db.sql.Exec(`INSERT INTO recon_case (`+caseColumns+`) VALUES ($1, 'wechat', 'wechat-main', $2, $3, 'CNY', 'OPEN', 'LOCAL_ONLY', '', 'P11', 1, '',
		'2026-11-20', '2026-11-20', '2026-11-21', 0, 0, 0, '', '', 1)`, id, kind, key)
	if err != nil {
		t.Fatal(err)
	}
}

func TestSettlement_HeldUntilTheGoodsCame(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, paidAt("P1", 1000)...)
	do(t, core, paycore.Done, paidAt("P2", 1000)...)
	held := func(date bizday.Date) settlement.Collected {
		c := night(t, db, date)
		c.Contracts["M01"].HoldDays = 7
		return collectAll(t, db, c)
	}
	if got := held(billDay); got.Items != 0 {
		t.Fatalf("got %+v", got)
	}
	if found, err := db.ConfirmReceipt(context.Background(), "P1", "M01"); err != nil || !found {
		t.Fatal(found, err)
	}
	if got := held(billDay + 1); got.Items != 1 {
		t.Errorf("after the receipt: %+v", got)
	}
	if got := held(billDay + 6); got.Items != 0 {
		t.Errorf("on the sixth day: %+v", got)
	}
	if got := held(billDay + 7); got.Items != 1 {
		t.Errorf("on the seventh day: %+v", got)
	}
}

// What the proofs of the books say is said in Chinese too.
func TestNotesOfProofsAreTranslated(t *testing.T) {
	for _, c := range slices.Concat(bookChecks, settlementChecks, splitChecks) {
		if fault.Translate(fault.Chinese, c.note) == c.note {
			t.Errorf("%s: %q has no translation", c.name, c.note)
		}
	}
}

// More items than one transaction takes, some of them left out on each page:
// every item is looked at once, and taken once.
func TestSettlement_MoreThanOnePage(t *testing.T) {
	db, core := testBooks(t)
	const items = 2*collectPage + 3
	var all []paycore.Command
	for i := range items {
		all = append(all, paidAt(fmt.Sprintf("P%04d", i), 100)...) // all at the same moment: their numbers order them
	}
	do(t, core, paycore.Done, all...)
	c := night(t, db, billDay)
	for i := 0; i < items; i += 10 {
		c.Accounts[0].Carried[fmt.Sprintf("P%04d", i)] = true
	}
	left := int64((items + 9) / 10)
	got := collectAll(t, db, c)
	if got.Items != items-left || got.Batches[0].Items != items-left || got.Left[0].Items != left || got.Left[0].First != "P0000" {
		t.Errorf("got %+v", got)
	}
	c.Accounts[0].Carried = map[string]bool{}
	if got := collectAll(t, db, c); got.Items != left || got.Batches[0].Items != items || got.Batches[0].GrossMinor != items*100 {
		t.Errorf("the rest: %+v", got)
	}
	checkBooks(t, db)
}
