package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tieout/internal/control"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// controlWorld has rows of each kind that the checks of the core look at, all
// right: payments paid, failed, closed and waiting, refunds out and on their
// way, notices.
func controlWorld(t *testing.T) string {
	t.Helper()
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), pay("P2", 5000), pay("P3", 700), pay("P4", 800), pay("P5", 900),
		paidBy("P1", 10000), paidBy("P2", 5000), paycore.ClosePayment{PayNo: "P3"}, paycore.FailPayment{PayNo: "P4", By: paycore.ByAnswer},
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 4000, Currency: "CNY"},
		paycore.CreateRefund{RefundNo: "R2", PayNo: "P1", AmountMinor: 1000, Currency: "CNY"},
		paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "wr-1", AmountMinor: 4000, Currency: "CNY", By: paycore.ByAnswer})
	spoil(t, db, aBatch)
	aSplit(t, db, core)
	transferred(&bankWorld{t: t, db: db, core: core})
	debited(t, db, core)
	inParts(t, core)
	path := filepath.Join(t.TempDir(), "world.db")
	if err := db.Backup(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// inParts has a payment that a balance, a coupon and the channel paid, a refund
// of it, and two withdrawals: one was paid, one waits.
func inParts(t *testing.T, core *paycore.Core) {
	t.Helper()
	openWallets(t, core, 5000, "SHOP")
	shop := paycore.Wallet("SHOP")
	withdraw := func(no string, minor int64) paycore.Withdraw {
		return paycore.Withdraw{Number: no, AccountKey: wallet("SHOP"), AmountMinor: minor, Bank: "boc", Payee: "p"}
	}
	do(t, core, paycore.Done, paycore.CreateCombined{CreatePayment: pay("PC", 10000), Parts: []paycore.Part{
		{Means: paycore.Balance, Wallet: shop, AmountMinor: 3000}, {Means: paycore.Coupon, Wallet: shop, AmountMinor: 1000, Coupon: "C1"}}},
		paidBy("PC", 6000), paycore.CreateRefund{RefundNo: "RC", PayNo: "PC", AmountMinor: 500, Currency: "CNY"},
		withdraw("W1", 200), withdraw("W2", 100), paycore.AnswerWithdrawal{Number: "W1", Paid: true, AmountMinor: 200, BankRef: "b1"})
}

// aSplit holds P2 back, gives U1 a share of it and takes a part back.
func aSplit(t *testing.T, db *DB, core *paycore.Core) {
	t.Helper()
	ctx, contract := context.Background(), contractOf("M01")
	contract.Split = settlement.DefaultSplitTerms()
	openWallets(t, core, 0, "U1")
	err := db.AddReceiver(ctx, "M01", "U1", "supplier")
	if err == nil {
		_, err = db.Split(ctx, settlement.SplitRequest{Number: "S1", Merchant: "M01", OrderNo: "O-P2", Shares: []settlement.SplitShare{share("U1", 1000)}}, contract)
	}
	if err == nil {
		_, err = db.WorkSplits(ctx, map[string]*settlement.Contract{"M01": contract})
	}
	if err == nil {
		_, err = db.ReturnSplit(ctx, "M01", "T1", "S1", "U1", 100)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// transferred has a payment that two transfers paid, one that was paid too much,
// whose rest went back, and a refund on its way back.
func transferred(w *bankWorld) {
	w.t.Helper()
	alice, bob := w.asked("V1", "alice", 10000), w.asked("V2", "bob", 10000)
	w.take(w.row(alice, 4000), w.row(alice, 6000), w.row(bob, 12500))
	do(w.t, w.core, paycore.Done,
		paycore.ProposePayback{Number: "B1", Remittance: paycore.RemittanceKey{Account: "bank-va", BankRef: "1003"}, AmountMinor: 2500, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"},
		paycore.AnswerPayback{Number: "B1", Account: "bank-va", Paid: true, AmountMinor: 2500, Currency: "CNY", BankRef: "2001", DoneAt: testStart.UnixMicro()},
		paycore.CreateRefund{RefundNo: "R7", PayNo: "V1", AmountMinor: 300, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R7"},
		paycore.ProposePayback{Number: "R7", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R7", Version: 2, Approve: true, Checker: "wang"})
}

// debited takes 900 of alice's wallet through a clearing organisation and gives
// 300 back; a second debit fails.
func debited(t *testing.T, db *DB, core *paycore.Core) {
	t.Helper()
	openWallets(t, core, 1000, "alice")
	do(t, core, paycore.Done, paycore.ApplyToken{Number: "A1", Organisation: org, AccountKey: wallet("alice")},
		paycore.AnswerToken{Number: "A1", State: paycore.TokenActive, Token: "tok-1"})
	first, second := debit("N1", 900), debit("N2", 900)
	first.At, second.At = testStart.UnixMicro(), testStart.UnixMicro()
	for _, x := range []struct {
		m paycore.Message
		c paycore.Command
	}{
		{paycore.Message{ID: "m1", Kind: "debit", Debit: "N1"}, first},
		{paycore.Message{ID: "m2", Kind: "debit", Debit: "N2"}, second},
		{paycore.Message{ID: "m3", Kind: "refund", Refund: "NR1"}, debitRefund("NR1", "N1", 300)},
	} {
		x.m.Organisation = org
		if _, err := db.AnswerMessage(context.Background(), x.m, x.c, func(paycore.Standing) (string, error) { return "{}", nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// copyOf opens a copy of a world, without what keeps its history.
func copyOf(t *testing.T, world string) *DB {
	t.Helper()
	now := func() time.Time { return testStart }
	from, err := Open(context.Background(), world, now, false)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := from.Backup(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), path, now, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// spoil writes past the program, with all that would refuse it taken away.
func spoil(t *testing.T, db *DB, statements string) {
	t.Helper()
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'trigger'`)
	if err != nil {
		t.Fatal(err)
	}
	script := []string{`PRAGMA foreign_keys = OFF`, `PRAGMA ignore_check_constraints = ON`}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		script = append(script, `DROP TRIGGER `+name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	rows.Close()
	for _, s := range append(script, strings.Split(statements, ";")...) {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func controlRun(t *testing.T, db *DB, whole bool) control.Run {
	t.Helper()
	run, err := db.Control(context.Background(), control.Checks(), control.Scope{Now: testStart.UnixMicro(), Today: "2026-11-20", Whole: whole, Caps: control.DefaultCaps()})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func found(t *testing.T, db *DB) map[string]control.Finding {
	t.Helper()
	list, err := db.Findings(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]control.Finding{}
	for _, f := range list {
		got[f.Check+" "+f.Ref] = f
	}
	return got
}

const anEvent = `INSERT INTO order_event SELECT MAX(seq) + 1, 0, `

// What each check must find, and that it finds nothing before it is planted.
var spoiled = []struct{ finding, plant string }{
	{"payment.journal P1", `DELETE FROM journal WHERE subject = 'P1'`},
	{"payment.journal_of_fix P5", `UPDATE payment SET state = 'SUCCESS', paid_us = 1 WHERE pay_no = 'P5'; ` + anEvent + `'PAYMENT', 'P5', 'PAYING', 'SUCCESS', 'fix', '', '' FROM order_event`},
	{"payment.amount P1", `UPDATE payment SET amount_minor = 10001 WHERE pay_no = 'P1'`},
	{"payment.booked_twice P1", `INSERT INTO journal SELECT 'payment:P1:9', cause, subject, '', NULL, NULL, legs, at_us FROM journal WHERE subject = 'P1';
		INSERT INTO posting SELECT 'payment:P1:9', leg, account, currency, amount_minor FROM posting WHERE txn = 'payment:P1:2'`},
	{"payment.state P5", `UPDATE payment SET state = 'CLOSED' WHERE pay_no = 'P5'`},
	{"payment.steps P1", anEvent + `'PAYMENT', 'P1', 'SUCCESS', 'PAYING', 'core', '', '' FROM order_event`},
	{"order.payer P5", `UPDATE customer_order SET state = 'PAID', paid_by = 'P5' WHERE order_no = 'O-P5'`},
	{"order.no_payment M01/O-P5", `UPDATE customer_order SET state = 'PAID', paid_by = 'P99' WHERE order_no = 'O-P5'`},
	{"order.not_paid P2", `UPDATE customer_order SET state = 'CLOSED', paid_by = '' WHERE order_no = 'O-P2'`},
	{"order.paid_twice P2", `UPDATE payment SET order_no = 'O-P1' WHERE pay_no = 'P2'`},
	{"payment.parts P2", `UPDATE payment SET part_of = 'P3', wallet = 'wallet:U1' WHERE pay_no = 'P2'`},
	{"payment.sums PC", `UPDATE payment SET amount_minor = amount_minor + 1 WHERE pay_no = 'PC~1'`},
	{"payment.reference PC~2", `DROP INDEX payment_by_channel_ref; UPDATE payment SET channel_ref = 'wallet:SHOP/C1' WHERE pay_no = 'PC~1'`},
	{"refund.parts RC", `DELETE FROM refund WHERE refund_no = 'RC~1'`},
	{"account.balance wallet:U1", `UPDATE account_balance SET available_minor = available_minor + 1 WHERE account = 'wallet:U1'`},
	{"account.no_balance suspense_paid:wechat:wechat-main", `INSERT INTO journal VALUES ('S1', 'fix', 'C-1', 'C-1', NULL, NULL, 2, 0); INSERT INTO posting VALUES ('S1', 1, 'suspense_paid:wechat:wechat-main', 'CNY', 5)`},
	{"account.journal W1", `DELETE FROM posting WHERE txn = 'account:W1:2'`},
	{"journal.account account:W9:2", `INSERT INTO journal VALUES ('account:W9:2', 'answer', 'W9', '', NULL, NULL, 2, 0)`},
	{"withdrawal.late W2", `UPDATE account_document SET updated_us = 1 WHERE number = 'W2'`},
	{"payout.file F1", `UPDATE payout SET file = 'F2'`},
	{"account.frozen wallet:U1", `UPDATE payment SET wallet = 'wallet:U1' WHERE pay_no = 'P5'`},
	{"order.expired M01/O-P5", `UPDATE customer_order SET expires_us = 1 WHERE order_no = 'O-P5'`},
	{"payment.fee P1", `UPDATE payment SET fee_minor = -1 WHERE pay_no = 'P1'`},
	{"notice.missing P2", `DELETE FROM outbox WHERE id LIKE 'P2:%'`},
	{"notification.refused wechat-main/n-1", `INSERT INTO notification_in VALUES ('wechat-main', 'n-1', '', 'wechat', x'00', 'REFUSED', 'it names another merchant', 1, 1)`},
	{"refund.sum P1", `UPDATE refund SET amount_minor = 9999 WHERE refund_no = 'R1'`},
	{"refund.payment R1", `UPDATE payment SET state = 'FAILED', paid_us = NULL WHERE pay_no = 'P1'`},
	{"refund.journal R1", `UPDATE posting SET amount_minor = 2 * amount_minor WHERE txn = 'refund:R1:2'`},
	{"refund.out R2", `UPDATE refund SET state = 'SUCCESS', done_us = 1 WHERE refund_no = 'R2'`},
	{"refund.state R2", `UPDATE refund SET state = 'FAILED' WHERE refund_no = 'R2'`},
	{"journal.payment payment:P5:2", `INSERT INTO journal VALUES ('payment:P5:2', 'core', 'P5', '', NULL, NULL, 2, 0)`},
	{"journal.refund refund:R9:1", `INSERT INTO journal VALUES ('refund:R9:1', 'core', 'R9', '', NULL, NULL, 2, 0)`},
	{"journal.balance payment:P1:2", `UPDATE posting SET amount_minor = amount_minor + 1 WHERE txn = 'payment:P1:2' AND leg = 1`},
	{"journal.legs payment:P1:2", `DELETE FROM posting WHERE txn = 'payment:P1:2' AND leg = 1`},
	{"fix.case K1", aFix("K1", "'auto', ''")},
	{"fix.approval K1", aFix("K1", "'chen', ''")},
	{"fix.twice wechat-main|PAYMENT|P1|", aFix("K1", "'auto', ''") + ";" + aFix("K2", "'auto', ''")},
	{"fix.cap wechat-main|CNY|0", aFix("K1", "'auto', ''") + `; UPDATE fix SET amount_minor = 50000001`},
	{"suspense.owner S1", `INSERT INTO journal VALUES ('S1', 'fix', 'C-1', 'C-1', NULL, NULL, 2, 0); INSERT INTO posting VALUES ('S1', 1, 'suspense_paid:wechat:wechat-main', 'CNY', 5)`},
	{"suspense.case C-1", aCase + `; UPDATE recon_case SET suspend_minor = 5`},
	{"suspense.old C-1", aCase + `; UPDATE recon_case SET suspend_minor = 5; INSERT INTO case_event VALUES (1, 'C-1', 0, 'auto', 'OPENED', '', 1)`},
	{"payment.expired P5", aTask + `'PAYMENT', 'P5', 'wechat-main', 'SENT', 1, 9223372036854775807, 1, '', '', '', 1, 0, 0)`},
	{"task.late PAYMENT:P5", aTask + `'PAYMENT', 'P5', 'wechat-main', 'SENT', 1, 1, 0, '', '', '', 1, 0, 0)`},
	{"task.stuck REFUND:R2", aTask + `'REFUND', 'R2', 'wechat-main', 'STUCK', 1, 1, 0, '', '', '', 1, 0, 0)`},
	{"payment.waits P5", `UPDATE payment SET created_us = 1 WHERE pay_no = 'P5'`},
	{"refund.waits R2", `UPDATE refund SET created_us = 1 WHERE refund_no = 'R2'`},
	{"refund.failed R2", `UPDATE refund SET state = 'FAILED' WHERE refund_no = 'R2'`},
	{"notice.late P1:2:payment.success", `UPDATE outbox SET created_us = 1 WHERE id = 'P1:2:payment.success'`},
	{"notice.dead P1:2:payment.success", `UPDATE outbox SET state = 'DEAD' WHERE id = 'P1:2:payment.success'`},
	{"settle.payment P2", `UPDATE payment SET settled_in = 'B1' WHERE pay_no = 'P2'`},
	{"settle.refund R2", `UPDATE refund SET settled_in = 'B1' WHERE refund_no = 'R2'`},
	{"clearing.payment P1", `UPDATE payment SET settled_in = '' WHERE pay_no = 'P1'`},
	{"clearing.refund R1", `UPDATE refund SET settled_in = 'B2' WHERE refund_no = 'R1'`},
	{"clearing.fee P1", `UPDATE clearing_entry SET fee_minor = -1 WHERE ref = 'P1'`},
	{"batch.sums B1", `DELETE FROM clearing_entry WHERE ref = 'R1'`},
	{"batch.disputed P1", aCase + `; UPDATE recon_case SET kind = 'REFUND', key = 'K1'; UPDATE settlement_batch SET state = 'APPROVED';
		INSERT INTO case_finding VALUES ('C-1', '2026-10-02', 'e', 1, 'wechat-main', 'run', 'OPEN', NULL, 'CHANNEL_ONLY', '', 'MANUAL', 1, 1, 0, 0, 0, 0, '', '', '', '', 'wx-P1')`},
	{"batch.disputed P1", aCase + `; UPDATE recon_case SET key = 'P1'; UPDATE settlement_batch SET state = 'APPROVED'`},
	{"batch.late B1", `UPDATE settlement_batch SET state = 'APPROVED', due_on = '2026-11-19'`},
	{"payout.batch B1-1", `UPDATE settlement_batch SET approved_seq = NULL`},
	{"payout.journal B1-1", `DELETE FROM journal WHERE id = 'payout:B1-1:paid'`},
	{"journal.payout payout:B9-1:sent", `INSERT INTO journal VALUES ('payout:B9-1:sent', 'settlement', 'B9-1', '', NULL, NULL, 2, 0)`},
	{"payout.cap M01|CNY|0", `UPDATE payout SET amount_minor = 10000000001`},
	{"risk.passed_by P1", `INSERT INTO risk_decision VALUES ('P1', 'M01', '', '', '', 10000, 'CNY', 'REVIEW', 'large', 1, 10000, 1, 'REVIEW', '', '', '', 1, 9223372036854775807, 1)`},
	{"risk.waits P5", `INSERT INTO risk_decision VALUES ('P5', 'M01', '', '', '', 900, 'CNY', 'REVIEW', 'large', 1, 900, 1, 'REVIEW', '', '', '', 1, 1, 1)`},
	{"split.order M01/O-P2", `UPDATE posting SET amount_minor = amount_minor + 1 WHERE txn = 'split:S1:2' AND account = 'payable:M01'`},
	{"split.sums S1", `UPDATE split_order SET done_minor = 999`},
	{"split.returns S1/U1", `UPDATE split_share SET returned_minor = 101`},
	{"split.limit M01/O-P2", `UPDATE split_hold SET max_ppm = 1000`},
	{"split.settled P2", `UPDATE payment SET settled_in = 'B1' WHERE pay_no = 'P2'`},
	{"split.debt M01/O-P2", `UPDATE posting SET amount_minor = 6000 WHERE txn = 'split:S1:2' AND account = 'payable:M01'`},
	{"split.late S1", `UPDATE split_order SET state = 'PROCESSING', updated_us = 1; UPDATE customer_order SET updated_us = 1 WHERE order_no = 'O-P2'`},
	{"split.return_waits T1", `UPDATE split_return SET state = 'PROCESSING', created_us = 1`},
	{"split.hold_ends M01/O-P2", `UPDATE split_hold SET until_us = 1`},
	{"transfer.left bank-va/1003", `UPDATE remittance SET left_minor = 1 WHERE bank_ref = '1003'`},
	{"transfer.unapplied bank-va/1003", `UPDATE remittance SET left_minor = 1, outcome = '' WHERE bank_ref = '1003'`},
	{"transfer.sum bank-va/1001", `UPDATE remittance SET amount_minor = 4001 WHERE bank_ref = '1001'`},
	{"transfer.payment V1", `DELETE FROM remittance_use WHERE bank_ref = '1001'`},
	{"transfer.journal bank-va/1002", `DELETE FROM posting WHERE txn = 'remittance:bank-va:1002:1'`},
	{"payback.journal B1", `DELETE FROM journal WHERE id = 'payback:B1:3'`},
	{"payback.answer B1", `DELETE FROM payback_answer WHERE number = 'B1'`},
	{"payback.returned B1", `UPDATE payback SET state = 'RETURNED' WHERE number = 'B1'`},
	{"payback.approval R7", `UPDATE payback SET checker = '' WHERE number = 'R7'`},
	{"payback.refund R7", `UPDATE refund SET amount_minor = 301 WHERE refund_no = 'R7'`},
	{"payback.late R7", `UPDATE payback SET updated_us = 1 WHERE number = 'R7'`},
	{"interop.journal nucc/N1", `UPDATE interop_debit SET amount_minor = 901 WHERE number = 'N1'`},
	{"interop.journal nucc/N2", `UPDATE interop_debit SET state = 'SUCCESS', reason = '' WHERE number = 'N2'`},
	{"interop.refund nucc/NR1", `DELETE FROM posting WHERE txn = 'interop_refund:nucc:NR1'`},
	{"interop.sum nucc/N1", `UPDATE interop_debit SET refunded_minor = 0 WHERE number = 'N1'`},
	{"interop.invented interop_debit:nucc:N9", `UPDATE journal SET id = 'interop_debit:nucc:N9' WHERE id = 'interop_debit:nucc:N1'`},
	{"interop.token nucc/N1", `UPDATE interop_token SET wallet = 'wallet:U1' WHERE number = 'A1'`},
	{"interop.unasked nucc/NR1", `DELETE FROM interop_message WHERE kind = 'refund'`},
	{"interop.risk nucc/N1", `INSERT INTO interop_risk VALUES ('nucc', 'N1', 'nucc/Noodles', 'U1', 900, 'CNY', 'REVIEW', 'large', 1, 900, 1, 1)`},
	{"interop.balance interop_clearing:nucc", `UPDATE posting SET amount_minor = amount_minor - 1 WHERE txn = 'interop_debit:nucc:N1' AND account = 'interop_clearing:nucc'`},
	{"interop.payment I1", anInteropPayment + `'APPROVED', 'chen', '', NULL, '', '', 1, 0, 0)`},
	{"interop.owed nucc/CNY", `UPDATE interop_debit SET created_us = 1 WHERE number = 'N1'`},
	{"interop.unknown I1", anInteropPayment + `'UNKNOWN', 'chen', 'wang', 'F1', '', '', 1, 0, 1)`},
	{"interop.unanswered A1", `UPDATE interop_token SET state = 'UNBINDING', updated_us = 1 WHERE number = 'A1'`},
	{"request.open M01/k1", `INSERT INTO api_request VALUES ('M01', 'k1', '', 'pay', 'P5', 'OPEN', 0, '', 1, 1)`},
}

func aFix(key, people string) string {
	return `INSERT INTO fix (key, kind, run_id, case_id, cell, channel, account, bill_date, record_kind, merchant_ref, refund_ref, channel_ref, amount_minor, fee_minor,
		currency, maker, checker, state_before, applied_us) VALUES ('` + key + `', 'SET_SUCCESS', 'run', 'C-1', '', 'wechat', 'wechat-main', '2026-11-19', 'PAYMENT', 'P1', '', '', 1, 0,
		'CNY', ` + people + `, 'PAYING', 1)`
}

const (
	// aBatch settles P1 and R1 and is paid; the balance of who was paid follows.
	aBatch = `UPDATE payment SET settled_in = 'B1' WHERE pay_no = 'P1'; UPDATE refund SET settled_in = 'B1' WHERE refund_no = 'R1';
		INSERT INTO settlement_batch VALUES ('B1', 'M01', 'CNY', '2026-11-19', '2026-11-20', 'PAID', 2, 6000, 60, 36, 5940, 0, 5940, 0, 'icbc', 'M', '1', 'icbc', 'd', 'chen', 'wang', NULL, 1, 1, 0, 0);
		INSERT INTO clearing_entry VALUES ('PAYMENT', 'P1', 'B1', 'M01', 'O-P1', 'P1', 'wechat', 'wechat-main', '', 'CNY', 10000, 60, 60, 9940, 0, '', 0, 0);
		INSERT INTO clearing_entry VALUES ('REFUND', 'R1', 'B1', 'M01', 'O-P1', 'P1', 'wechat', 'wechat-main', '', 'CNY', -4000, 0, -24, -4000, 0, '', 0, 0);
		INSERT INTO payout_file VALUES ('F1', 'icbc', 'CNY', '2026-11-20', 1, 5940, 'd', 'chen', 0);
		INSERT INTO payout VALUES ('B1-1', 'B1', 1, 'F1', 'icbc', 'M01', 'CNY', 5940, 'M', '1', 'icbc', 'PAID', '', '', 1, 0, 0);
		INSERT INTO journal VALUES ('payout:B1-1:sent', 'settlement', 'B1-1', '', NULL, NULL, 2, 0), ('payout:B1-1:paid', 'settlement', 'B1-1', '', NULL, NULL, 2, 0);
		INSERT INTO posting VALUES ('payout:B1-1:sent', 1, 'payable:M01', 'CNY', 5940), ('payout:B1-1:sent', 2, 'payout_clearing:icbc', 'CNY', -5940),
			('payout:B1-1:paid', 1, 'payout_clearing:icbc', 'CNY', 5940), ('payout:B1-1:paid', 2, 'bank:icbc', 'CNY', -5940);
		INSERT INTO ledger_account VALUES ('payout_clearing:icbc', 'LIABILITY'), ('bank:icbc', 'ASSET');
		INSERT INTO account_balance VALUES ('payout_clearing:icbc', 'CNY', 0, 0, 2, '', 0), ('bank:icbc', 'CNY', -5940, 0, 1, '', 0);
		UPDATE account_balance SET available_minor = available_minor - 5940 WHERE account = 'payable:M01'`
	aCase            = `INSERT INTO recon_case VALUES ('C-1', 'wechat', 'wechat-main', 'PAYMENT', 'P9', 'CNY', 'OPEN', '', '', '', 1, '', '2026-10-01', '2026-10-01', '2026-10-02', 0, 0, 0, '', '', 1)`
	anInteropPayment = `INSERT INTO interop_payment VALUES ('I1', 'nucc', 'CNY', '2026-11-19', 1, 600, 'icbc', 'N', '1', '102', `

	aTask = `INSERT INTO channel_task (subject, number, account, state, tries, next_us, expires_us, payer, prepaid, note, version, created_us, updated_us) VALUES (`
)

func TestControl_EachCheckFindsItsFaultAndNothingInRightBooks(t *testing.T) {
	world := controlWorld(t)
	clean := copyOf(t, world)
	if run := controlRun(t, clean, true); run.Hits != 0 || run.Checks != len(control.Checks()) {
		t.Fatalf("right books: %+v %v", run, found(t, clean))
	}
	seen := map[string]bool{}
	for _, c := range spoiled {
		id, _, _ := strings.Cut(c.finding, " ")
		seen[id] = true
		t.Run(id, func(t *testing.T) {
			db := copyOf(t, world)
			spoil(t, db, c.plant)
			controlRun(t, db, true)
			if _, ok := found(t, db)[c.finding]; !ok {
				t.Errorf("%s was not found; found %v", c.finding, found(t, db))
			}
		})
	}
	for _, c := range control.Checks() {
		if !seen[c.ID] {
			t.Errorf("nothing is planted for %s", c.ID)
		}
	}
}

// What is wrong about a number in two currencies is one finding with both.
func TestControl_ANumberIsFoundOnceInAllItsCurrencies(t *testing.T) {
	db := copyOf(t, controlWorld(t))
	spoil(t, db, `INSERT INTO account_balance VALUES ('wallet:U1', 'EUR', 7, 0, 1, '', 0), ('wallet:U1', 'USD', 5, 0, 1, '', 0)`)
	controlRun(t, db, true)
	if got := found(t, db)["account.balance wallet:U1"].Detail; got != "currency=EUR minor=7; currency=USD minor=5" {
		t.Errorf("got %q of %v", got, found(t, db))
	}
}

// Money may wait in suspense for thirty days. Then every run names its case, the
// amount and since when, until the case is over.
func TestFaultP8_MoneyThatStaysInSuspenseIsNamedWithItsAge(t *testing.T) {
	const day = 86_400_000 // ms
	db := copyOf(t, controlWorld(t))
	spoil(t, db, aCase+`; UPDATE recon_case SET suspend_minor = 500; INSERT INTO ledger_account VALUES ('suspense_received:wechat:wechat-main', 'LIABILITY');
		INSERT INTO journal VALUES ('fix:S1', 'fix', 'S1', 'C-1', NULL, NULL, 2, 0);
		INSERT INTO posting VALUES ('fix:S1', 1, 'clearing:wechat:wechat-main', 'CNY', 500), ('fix:S1', 2, 'suspense_received:wechat:wechat-main', 'CNY', -500)`)
	for i, want := range []string{"", "minor=500 currency=CNY since=2026-10-01"} {
		age := int64(30 + i)
		spoil(t, db, fmt.Sprintf(`DELETE FROM case_event; INSERT INTO case_event VALUES (1, 'C-1', %d, 'auto', 'OPENED', '', 1)`, testStart.UnixMilli()-age*day))
		for _, whole := range []bool{false, true} {
			controlRun(t, db, whole)
			if got := found(t, db)["suspense.old C-1"].Detail; got != want {
				t.Errorf("after %d days, whole %t: got %q, want %q; all: %v", age, whole, got, want, found(t, db))
			}
			if _, ok := found(t, db)["suspense.case C-1"]; ok {
				t.Error("the ledger holds what the case holds")
			}
		}
	}
	spoil(t, db, `UPDATE recon_case SET state = 'RESOLVED', suspend_minor = 0`)
	if controlRun(t, db, true); found(t, db)["suspense.old C-1"].State == control.Open {
		t.Error("the case is over")
	}
}

// What a check costs grows with what it looks at, and not with its square: no
// posting is looked for among all of its account, unless the account is added
// up, and a run over what moved does not walk the log.
func TestControl_ACheckWalksNothingForEachOfItsNumbers(t *testing.T) {
	db, _ := testBooks(t)
	allOfAccount := func(step string) bool {
		return strings.Contains(step, "posting_by_account (account=?") && !strings.Contains(step, "txn=?")
	}
	allOfLog := func(step string) bool { return strings.HasPrefix(step, "SCAN order_event") }
	for _, whole := range []bool{true, false} {
		for _, c := range control.Checks() {
			if !c.Runs(whole) {
				continue
			}
			query, args := c.Query(control.Scope{Whole: whole})
			plan := planOf(t, db, query, args...)
			if c.ID != "account.balance" && slices.ContainsFunc(plan, allOfAccount) || !whole && slices.ContainsFunc(plan, allOfLog) {
				t.Errorf("%s, whole %t: %q", c.ID, whole, plan)
			}
		}
	}
	for _, step := range planOf(t, db, control.DisputedOrders) {
		if strings.HasPrefix(step, "SCAN p") {
			t.Errorf("disputed orders: %s", step)
		}
	}
}

func TestControl_ARunLooksAtWhatMovedAndADayAtEverything(t *testing.T) {
	db := copyOf(t, controlWorld(t))
	controlRun(t, db, false) // the first is whole
	spoil(t, db, `DELETE FROM outbox WHERE id LIKE 'P2:%'; UPDATE payment SET fee_minor = -1 WHERE pay_no = 'P5'`)
	if run := controlRun(t, db, false); run.Raised != 0 {
		t.Errorf("nothing moved: %v", found(t, db))
	}
	core := paycore.New(db, paycore.Rates{}, func() time.Time { return testStart })
	do(t, core, paycore.Done, paidBy("P5", 900))
	if run := controlRun(t, db, false); run.Raised != 1 || found(t, db)["payment.fee P5"].State != control.Open {
		t.Errorf("P5 moved: %+v %v", run, found(t, db))
	}
	if run := controlRun(t, db, true); run.Raised != 1 || found(t, db)["notice.missing P2"].State != control.Open {
		t.Errorf("the day's end: %+v %v", run, found(t, db))
	}
	// What is mended is gone at the next run, though it does not move.
	spoil(t, db, `UPDATE payment SET fee_minor = 5 WHERE pay_no = 'P5'`)
	if run := controlRun(t, db, false); run.Gone != 1 || len(found(t, db)) != 1 {
		t.Errorf("mended: %+v %v", run, found(t, db))
	}
}

// A run adds up the accounts that moved, and looks at their documents. The day's
// end adds up all, those with a long history too.
func TestControl_ARunAddsUpTheAccountsThatMoved(t *testing.T) {
	db := copyOf(t, controlWorld(t))
	core := paycore.New(db, paycore.Rates{}, func() time.Time { return testStart })
	do(t, core, paycore.Done, paycore.ClosePayment{PayNo: "P5"}) // the log goes on, past all that moved
	controlRun(t, db, false)                                     // the first is whole
	const raise = `UPDATE account_balance SET available_minor = available_minor + 1 WHERE account = `
	spoil(t, db, raise+`'wallet:SHOP'; DELETE FROM posting WHERE txn = 'account:W1:2'`)
	if run := controlRun(t, db, false); run.Raised != 0 {
		t.Errorf("no account moved: %v", found(t, db))
	}
	do(t, core, paycore.Done, paycore.Freeze{Number: "F1", AccountKey: wallet("SHOP"), AmountMinor: 1})
	if run := controlRun(t, db, false); run.Raised != 2 || found(t, db)["account.balance wallet:SHOP"].Detail != "currency=CNY minor=-199" || found(t, db)["account.journal W1"].State != control.Open {
		t.Errorf("the wallet moved: %+v %v", run, found(t, db))
	}
	spoil(t, db, raise+`'wallet:alice'; UPDATE account_balance SET version = 100001 WHERE account = 'wallet:alice'`)
	do(t, core, paycore.Done, paycore.Freeze{Number: "F2", AccountKey: wallet("alice"), AmountMinor: 1})
	if run := controlRun(t, db, false); run.Raised != 0 || run.Gone != 0 {
		t.Errorf("a long history: %+v %v", run, found(t, db))
	}
	if controlRun(t, db, true); found(t, db)["account.balance wallet:alice"].State != control.Open {
		t.Errorf("the day's end: %v", found(t, db))
	}
	spoil(t, db, `UPDATE account_balance SET available_minor = available_minor - 1 WHERE account = 'wallet:alice'`)
	if run := controlRun(t, db, false); run.Gone != 1 {
		t.Errorf("mended: %+v %v", run, found(t, db))
	}
}

// The checks of what moved cost what moved, however long the log and the tables
// are: none reads one from its start to its end.
func TestControl_ACheckOfWhatMovedReadsNoTableWhole(t *testing.T) {
	db, _ := testBooks(t)
	for _, c := range control.Checks() {
		if c.Moved == "" {
			continue
		}
		query, args := c.Query(control.Scope{Caps: control.DefaultCaps()})
		rows, err := db.sql.Query(`EXPLAIN QUERY PLAN `+query, args...)
		steps, err := scanAll(rows, err, func(row scanner) (step string, err error) {
			err = row.Scan(new(int), new(int), new(int), &step)
			return step, err
		}, "plan of "+c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if strings.HasPrefix(s, "SCAN") && s != "SCAN p USING INDEX payment_by_lead" { // only the parts of combined payments
				t.Errorf("%s: %s", c.ID, s)
			}
		}
	}
}

func TestControl_TwoPeopleLeaveAFindingAsItIsUntilItsFactsAreOthers(t *testing.T) {
	db := copyOf(t, controlWorld(t))
	ctx := context.Background()
	spoil(t, db, `UPDATE payment SET fee_minor = -1 WHERE pay_no = 'P1'`)
	controlRun(t, db, true)
	id := found(t, db)["payment.fee P1"].ID
	_, err := db.ApproveFinding(ctx, id, "wang")
	wantFault(t, err, "E-6486")
	if _, err := db.ProposeFinding(ctx, id, "chen", "a gift of the channel"); err != nil {
		t.Fatal(err)
	}
	_, err = db.ApproveFinding(ctx, id, "chen")
	wantFault(t, err, "E-6470")
	if f, err := db.ApproveFinding(ctx, id, "wang"); err != nil || f.State != control.Resolved {
		t.Fatal(f, err)
	}
	_, err = db.RejectFinding(ctx, "K-0", "wang")
	wantFault(t, err, "E-6485")
	if run := controlRun(t, db, true); run.Hits != 1 || run.Raised != 0 || run.Gone != 0 {
		t.Errorf("accepted: %+v", run)
	}
	spoil(t, db, `UPDATE payment SET fee_minor = -2 WHERE pay_no = 'P1'`)
	if run := controlRun(t, db, true); run.Raised != 1 {
		t.Errorf("other facts: %+v", run)
	}
	// A proposal on facts that change is void.
	id = found(t, db)["payment.fee P1"].ID
	if _, err := db.ProposeFinding(ctx, id, "chen", "again"); err != nil {
		t.Fatal(err)
	}
	spoil(t, db, `UPDATE payment SET fee_minor = -3 WHERE pay_no = 'P1'`)
	controlRun(t, db, true)
	if f := found(t, db)["payment.fee P1"]; f.State != control.Open || f.Maker != "" || f.ID != id {
		t.Errorf("changed after the proposal: %+v", f)
	}
}
