package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/control"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// bankWorld is a bank account with virtual accounts below it.
type bankWorld struct {
	t    testing.TB
	db   *DB
	core *paycore.Core
	refs int
}

func newBankWorld(t testing.TB) *bankWorld {
	db, core := testBooks(t)
	return &bankWorld{t: t, db: db, core: core}
}

var bankDate = bizday.Make(2026, 11, 20)

// asked opens a payment that waits for money of a payer, and returns the number
// that he was told.
func (w *bankWorld) asked(payNo, payer string, minor int64) string {
	w.t.Helper()
	do(w.t, w.core, paycore.Done, paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + payNo, PayNo: payNo, Channel: "bankdemo", Account: "bank-va",
		AmountMinor: minor, Currency: "CNY", NotifyURL: "http://merchant.example/notify"})
	number, err := w.db.AwaitRemittance(context.Background(), payNo, gateway.Awaited{Prefix: "955880", Payer: payer,
		ExpiresAt: testStart.Add(72 * time.Hour).UnixMicro(), First: bankDate, Last: bankDate + 3})
	if err != nil {
		w.t.Fatal(err)
	}
	return number
}

// row is a line of the bank's statement.
func (w *bankWorld) row(number string, minor int64) *schemas.Record {
	w.refs++
	return &schemas.Record{Kind: schemas.Payment, Status: schemas.Success, MerchantRef: number, ChannelRef: fmt.Sprint(1000 + w.refs),
		AmountMinor: minor, Currency: "CNY", EventTime: testStart.Add(time.Duration(w.refs) * time.Minute).UnixMicro()}
}

// take takes rows in as the statement of a day, and once more.
func (w *bankWorld) take(rows ...*schemas.Record) {
	w.t.Helper()
	for range 2 {
		s := &paycore.BankStatement{Core: w.core, Days: w.db, Channel: "bankdemo", Account: "bank-va"}
		for _, r := range rows {
			if err := s.Take(context.Background(), r); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := s.End(context.Background(), bankDate); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *bankWorld) state(payNo string, want paycore.State) {
	w.t.Helper()
	if p, err := w.db.Payment(context.Background(), payNo); err != nil || p.State != want {
		w.t.Errorf("payment %s is %v %v, want %s", payNo, p, err, want)
	}
}

func (w *bankWorld) outcomes(want ...paycore.Outcome) {
	w.t.Helper()
	list, err := w.db.Remittances(context.Background(), true, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []paycore.Outcome
	for _, r := range list {
		got = append(got, r.Outcome)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("outcomes %v, want %v", got, want)
	}
}

// proven runs the proofs of the books and the controls, which must find nothing
// but what is named.
func (w *bankWorld) proven(findings ...string) {
	w.t.Helper()
	ctx := context.Background()
	proofs, err := w.db.VerifyBooks(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range proofs {
		if !p.OK {
			w.t.Errorf("proof %s: got %s (%s)", p.Name, p.Got, p.Note)
		}
	}
	if _, err := w.db.Control(ctx, control.Checks(), control.Scope{Now: testStart.UnixMicro(), Today: "2026-11-20", Whole: true, Caps: control.DefaultCaps()}); err != nil {
		w.t.Fatal(err)
	}
	list, err := w.db.Findings(ctx, false)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.Check+" "+f.Ref)
	}
	slices.Sort(got)
	if !slices.Equal(got, findings) {
		w.t.Errorf("findings %q, want %q", got, findings)
	}
}

const bankClearing, bankReceived = "clearing:bankdemo:bank-va", "remittance_received:bankdemo:bank-va"

func TestRemittance_ExactPaysTheOldestOfItsAmount(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	if again := w.asked("V2", "alice", 3000); again != number {
		t.Fatalf("alice has %s and %s", number, again)
	}
	w.asked("V3", "alice", 3000)
	if other := w.asked("V4", "bob", 3000); other == number {
		t.Fatal("alice and bob share a number")
	}
	w.take(w.row(number, 3000))
	w.state("V1", paycore.Paying)
	w.state("V2", paycore.Success)
	w.state("V3", paycore.Paying)
	w.state("V4", paycore.Paying)
	w.outcomes(paycore.Exact)
	checkBalances(t, w.db, map[string]int64{bankClearing: 3000, "payable:M01": -3000, bankReceived: 0})
	w.proven()
}

func TestRemittance_InPartsThenTooMuch(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	first, second := w.row(number, 6000), w.row(number, 5000)
	w.take(first)
	w.state("V1", paycore.Paying)
	w.outcomes(paycore.Partial)
	w.proven() // the rest may still come
	w.take(first, second)
	w.state("V1", paycore.Success)
	w.outcomes(paycore.Partial, paycore.Overpaid)
	checkBalances(t, w.db, map[string]int64{bankClearing: 11000, "payable:M01": -10000, bankReceived: -1000})
	w.proven("transfer.left bank-va/1002")
}

func TestRemittance_PartsThatFitLeaveNothing(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 6000), w.row(number, 3000), w.row(number, 1000))
	w.state("V1", paycore.Success)
	w.outcomes(paycore.Partial, paycore.Partial, paycore.Completed)
	w.proven()
}

// Money that comes for a closed payment, before a payment was opened, or after
// its time, pays nothing.
func TestRemittance_LateAndUnaskedMoneyWaits(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	early, late := w.row(number, 10000), w.row(number, 10000)
	early.EventTime = testStart.Add(-time.Hour).UnixMicro()
	late.EventTime = testStart.Add(73 * time.Hour).UnixMicro()
	w.take(early, late)
	w.state("V1", paycore.Paying)
	do(t, w.core, paycore.Done, paycore.ClosePayment{PayNo: "V1"})
	w.take(w.row(number, 10000))
	w.state("V1", paycore.Closed)
	w.outcomes(paycore.Unexpected, paycore.Unexpected, paycore.Unexpected)
	checkBalances(t, w.db, map[string]int64{bankClearing: 30000, bankReceived: -30000})
	w.proven("transfer.left bank-va/1001", "transfer.left bank-va/1002", "transfer.left bank-va/1003")
}

// A mistyped number, a number of another account and a statement that says
// something else about the same transfer change nothing.
func TestRemittance_WhatIsNotOursIsLeftToTheNight(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	foreign, err := paycore.VirtualNumber("955880", 77)
	if err != nil {
		t.Fatal(err)
	}
	wrong := []byte(number)
	wrong[3] = '0' + (wrong[3]-'0'+1)%10
	w.take(w.row(string(wrong), 10000), w.row(foreign, 10000), w.row("", 10000))
	w.outcomes()
	r := w.row(number, 4000)
	w.take(r)
	r.AmountMinor = 10000
	w.take(r)
	w.state("V1", paycore.Paying)
	checkBalances(t, w.db, map[string]int64{bankClearing: 4000, bankReceived: -4000})
}

// 64 copies of one statement at once book it once.
func TestRemittance_RacingStatements(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	r := w.row(number, 10000)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			s := &paycore.BankStatement{Core: w.core, Days: w.db, Channel: "bankdemo", Account: "bank-va"}
			if err := s.Take(context.Background(), r); err != nil {
				t.Error(err)
			}
			if err := s.End(context.Background(), bankDate); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.state("V1", paycore.Success)
	checkBalances(t, w.db, map[string]int64{bankClearing: 10000, "payable:M01": -10000, bankReceived: 0})
	w.proven()
}

var payee = paycore.Payee{Name: "Alice", Account: "6222000011112222", Bank: "102100000021"}

// Two people send money back; the statement says when it went.
func TestPayback_OfWhatIsLeft(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}
	propose := paycore.ProposePayback{Number: "B1", Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"}
	tooMuch := propose
	tooMuch.AmountMinor = 2501
	do(t, w.core, paycore.Refused, tooMuch)
	do(t, w.core, paycore.Done, propose)
	do(t, w.core, paycore.Refused, propose,
		paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "chen"}, paycore.JudgePayback{Number: "B1", Version: 2, Approve: true, Checker: "wang"})
	do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"})
	w.proven()
	file, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, "")
	if err != nil || len(list) != 1 || list[0].AmountMinor != 2500 {
		t.Fatalf("file %q %v %v", file, list, err)
	}
	if next, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, ""); err != nil || next != "" || len(list) != 0 {
		t.Errorf("it stands in %q too: %v %v", next, list, err)
	}
	if _, again, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, file); err != nil || len(again) != 1 {
		t.Errorf("the file again: %v %v", again, err)
	}
	out := &schemas.Record{Kind: schemas.Refund, Status: schemas.Success, MerchantRef: number, RefundRef: "B1", ChannelRefundRef: "2001", AmountMinor: 2500, Currency: "CNY", EventTime: testStart.UnixMicro()}
	w.take(out)
	checkBalances(t, w.db, map[string]int64{bankClearing: 10000, "payable:M01": -10000, bankReceived: 0})
	w.proven()
}

// What the bank could not send, and what the second person did not want, is
// left again.
func TestPayback_FailedAndSentBack(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "B1", Remittance: key, AmountMinor: 2000, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B1", Version: 1, Checker: "wang"},
		paycore.ProposePayback{Number: "B2", Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B2", Version: 1, Approve: true, Checker: "wang"})
	w.take(&schemas.Record{Kind: schemas.Refund, Status: schemas.Failed, MerchantRef: number, RefundRef: "B2", ChannelRefundRef: "2001", AmountMinor: 2500, Currency: "CNY", EventTime: testStart.UnixMicro()})
	checkBalances(t, w.db, map[string]int64{bankClearing: 12500, "payable:M01": -10000, bankReceived: -2500})
	w.proven("transfer.left bank-va/1001")
}

// returned is a payback that was paid under 2001 on the first day and came back
// under 3001 on the fourth.
func (w *bankWorld) returned(number string, minor int64) (out, back schemas.Record) {
	out = schemas.Record{Kind: schemas.Refund, Status: schemas.Success, MerchantRef: "X", RefundRef: number, ChannelRefundRef: "2001", AmountMinor: minor, Currency: "CNY",
		EventTime: testStart.UnixMicro()}
	back = out
	back.Status, back.ChannelRefundRef, back.ChannelRef, back.EventTime = schemas.Reversed, "3001", "2001", testStart.Add(72*time.Hour).UnixMicro()
	return out, back
}

// What comes back is left anew, once, whichever statement is read again and in
// whatever order; and it is sent back again under another number.
func TestPayback_ComesBack(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}
	propose := func(no string) {
		do(t, w.core, paycore.Done, paycore.ProposePayback{Number: no, Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"},
			paycore.JudgePayback{Number: no, Version: 1, Approve: true, Checker: "wang"})
	}
	propose("B1")
	out, back := w.returned("B1", 2500)
	w.take(&back) // before anything went out
	w.take(&out)
	paid := map[string]int64{bankClearing: 10000, "payable:M01": -10000, bankReceived: 0}
	checkBalances(t, w.db, paid)
	for name, wrong := range map[string]func(r *schemas.Record){
		"another amount":   func(r *schemas.Record) { r.AmountMinor-- },
		"another currency": func(r *schemas.Record) { r.Currency = "USD" },
		"another transfer": func(r *schemas.Record) { r.ChannelRef = "2000" },
		"too early":        func(r *schemas.Record) { r.EventTime = out.EventTime - 1 },
		"another payback":  func(r *schemas.Record) { r.RefundRef = "B9" },
		"the same line":    func(r *schemas.Record) { r.ChannelRefundRef = "2001" },
	} {
		r := back
		wrong(&r)
		w.take(&r)
		if checkBalances(t, w.db, paid); t.Failed() {
			t.Fatal(name)
		}
	}
	w.take(&back)
	left := map[string]int64{bankClearing: 12500, "payable:M01": -10000, bankReceived: -2500}
	checkBalances(t, w.db, left)
	w.proven("transfer.left bank-va/1001")
	w.take(&out, &back)
	checkBalances(t, w.db, left)
	do(t, w.core, paycore.Refused, paycore.ProposePayback{Number: "B1", Payee: payee, Maker: "chen"}, paycore.ProposePayback{Number: "B1", Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"})
	propose("B2")
	w.take(&out, &back)
	w.proven()
	checkBalances(t, w.db, left)
}

// A refund that came back is open again: it goes to another account, and what
// the bank said of the first time says nothing about the second.
func TestPayback_OfARefundComesBack(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 10000))
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"},
		paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R1", Version: 2, Approve: true, Checker: "wang"})
	refund := func(want paycore.State) {
		t.Helper()
		if r, err := w.db.Refund(context.Background(), "R1"); err != nil || r.State != want {
			t.Fatalf("refund %+v %v, want %s", r, err, want)
		}
	}
	out, back := w.returned("R1", 4000)
	w.take(&out)
	refund(paycore.Success)
	w.take(&back)
	refund(paycore.Failed)
	open := map[string]int64{bankClearing: 10000, "payable:M01": -6000, "refund_payable:M01": -4000, bankReceived: 0}
	checkBalances(t, w.db, open)
	w.proven()
	w.take(&out, &back)
	refund(paycore.Failed)
	do(t, w.core, paycore.Refused, paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "2001", AmountMinor: 4000, Currency: "CNY", By: paycore.ByAnswer})

	other := payee
	other.Account = "6222000033334444"
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "R1", Payee: other, Maker: "chen"})
	if _, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, ""); err != nil || len(list) != 0 {
		t.Fatalf("in a file without a second person: %v %v", list, err)
	}
	p, err := w.db.Payback(context.Background(), "R1")
	if err != nil {
		t.Fatal(err)
	}
	do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: true, Checker: "wang"})
	if _, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate+4, ""); err != nil || len(list) != 1 || list[0].Payee != other {
		t.Fatalf("in no file: %v %v", list, err)
	}
	do(t, w.core, paycore.Refused, paycore.CancelRefund{RefundNo: "R1"}) // the bank may have it
	w.take(&out, &back)
	refund(paycore.Failed)
	again := out
	again.ChannelRefundRef, again.EventTime = "2002", testStart.Add(96*time.Hour).UnixMicro()
	w.take(&again)
	refund(paycore.Success)
	w.take(&out, &back, &again)
	checkBalances(t, w.db, map[string]int64{bankClearing: 6000, "payable:M01": -6000, "refund_payable:M01": 0, bankReceived: 0})
	w.proven()
}

// A payback whose answer nobody knows stays with the bank: nothing sends it
// again, gives it up or pays it from elsewhere; and a failure of the first time
// is none of the second.
func TestPayback_UnknownIsNeverSentTwice(t *testing.T) {
	w := newBankWorld(t)
	ctx := context.Background()
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 10000))
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"})
	send := func(date bizday.Date) {
		t.Helper()
		do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"})
		p, err := w.db.Payback(ctx, "R1")
		if err != nil {
			t.Fatal(err)
		}
		do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: true, Checker: "wang"})
		if _, list, err := w.db.FilePaybacks(ctx, "bank-va", "CNY", date, ""); err != nil || len(list) != 1 {
			t.Fatalf("in no file: %v %v", list, err)
		}
	}
	sentOnce := func() {
		t.Helper()
		do(t, w.core, paycore.Already, paycore.RefundByTransfer{RefundNo: "R1"})
		p, err := w.db.Payback(ctx, "R1")
		if err != nil {
			t.Fatal(err)
		}
		do(t, w.core, paycore.Refused, paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"},
			paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: true, Checker: "zhao"}, paycore.JudgePayback{Number: "R1", Version: p.Version, Checker: "zhao"},
			paycore.CancelRefund{RefundNo: "R1"}, paycore.CreateRefund{RefundNo: "R2", PayNo: "V1", AmountMinor: 6001, Currency: "CNY"})
		if file, list, err := w.db.FilePaybacks(ctx, "bank-va", "CNY", bankDate+9, ""); err != nil || file != "" || len(list) != 0 {
			t.Errorf("sent again in %s: %v %v", file, list, err)
		}
	}
	send(bankDate)
	row, _ := w.returned("R1", 4000)
	row.Status = schemas.Unknown
	w.take(&row)
	sentOnce()
	row.Status = schemas.Failed
	w.take(&row)
	do(t, w.core, paycore.Done, paycore.RefundByTransfer{RefundNo: "R1"})
	send(bankDate + 1)
	w.take(&row) // the night of the first time, once more
	sentOnce()
	w.proven()
}

// Two people say that it came back where the bank's statement cannot, about
// exactly what stands in the books.
func TestPayback_ComesBackByTwoPeople(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "B1", Remittance: paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}, AmountMinor: 2500, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"})
	say := func(who, ref string) (bool, error) {
		return w.db.PaybackCameBack(context.Background(), "B1", ref, who, "closed account")
	}
	if done, err := say("chen", "3001"); done || err == nil {
		t.Errorf("it came back before it was paid: %v %v", done, err)
	}
	out, back := w.returned("B1", 2500)
	out.EventTime = testStart.Add(-time.Hour).UnixMicro()
	w.take(&out)
	for _, step := range []struct {
		who, ref string
		done, ok bool
	}{{"chen", "", false, false}, {"chen", "3001", false, true}, {"Chen", "3001", false, false}, {"wang", "3002", false, true}, {"wang", "3001", true, true}, {"zhao", "3001", false, false}, {"zhao", "3002", false, false}} {
		if done, err := say(step.who, step.ref); done != step.done || (err == nil) != step.ok {
			t.Errorf("%s, %s: %v %v", step.who, step.ref, done, err)
		}
	}
	w.take(&out, &back)
	checkBalances(t, w.db, map[string]int64{bankClearing: 12500, "payable:M01": -10000, bankReceived: -2500})
	w.proven("transfer.left bank-va/1001")
}

// A refund of a payment by transfer goes the same way; the payee is asked for.
func TestPayback_OfARefund(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 10000))
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"})
	do(t, w.core, paycore.Already, paycore.RefundByTransfer{RefundNo: "R1"})
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R1", Version: 2, Approve: true, Checker: "wang"})
	row := schemas.Record{Kind: schemas.Refund, Status: schemas.Failed, MerchantRef: number, RefundRef: "R1", ChannelRefundRef: "2001", AmountMinor: 4000, Currency: "CNY", EventTime: testStart.UnixMicro()}
	w.take(&row)
	w.proven()
	// It is still owed: the same refund, to another account.
	do(t, w.core, paycore.Done, paycore.RefundByTransfer{RefundNo: "R1"},
		paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R1", Version: 6, Approve: true, Checker: "wang"})
	row.Status, row.ChannelRefundRef = schemas.Success, "2002"
	w.take(&row)
	if r, err := w.db.Refund(context.Background(), "R1"); err != nil || r.State != paycore.Success {
		t.Errorf("refund %+v %v", r, err)
	}
	checkBalances(t, w.db, map[string]int64{bankClearing: 6000, "payable:M01": -6000, "refund_payable:M01": 0, bankReceived: 0})
	w.proven()
}

// Until the statements of all its days are in, nobody knows that a payment was
// not paid.
func TestRemittance_OverWhenEveryStatementIsIn(t *testing.T) {
	w := newBankWorld(t)
	ctx := context.Background()
	w.asked("V1", "", 10000)
	for _, d := range []bizday.Date{0, 1, 3} {
		if err := w.db.StatementTaken(ctx, "bank-va", bankDate+d); err != nil {
			t.Fatal(err)
		}
		if over, err := w.db.RemittanceOver(ctx, "V1"); over || err != nil {
			t.Fatalf("over after %s: %v", bankDate+d, err)
		}
	}
	if err := w.db.StatementTaken(ctx, "bank-va", bankDate+2); err != nil {
		t.Fatal(err)
	}
	if over, err := w.db.RemittanceOver(ctx, "V1"); !over || err != nil {
		t.Fatalf("not over: %v", err)
	}
}
