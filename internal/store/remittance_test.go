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
