package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tieout/internal/paycore"
	"tieout/internal/risk"
)

const org = "nucc"

// interopBooks holds a wallet of alice with a token, and so much in it.
func interopBooks(t testing.TB, minor int64) (*DB, *paycore.Core) {
	t.Helper()
	db, core := testBooks(t)
	openWallets(t, core, minor, "alice")
	do(t, core, paycore.Done, paycore.ApplyToken{Number: "A1", Organisation: org, AccountKey: wallet("alice")},
		paycore.AnswerToken{Number: "A1", State: paycore.TokenActive, Token: "tok-1"})
	return db, core
}

func debit(no string, minor int64) paycore.DebitByToken {
	return paycore.DebitByToken{InteropKey: paycore.InteropKey{Organisation: org, Number: no}, Digest: fmt.Sprint("d", no, minor), Token: "tok-1",
		AmountMinor: minor, Currency: "CNY", Payee: "Noodles"}
}

func debitRefund(no, of string, minor int64) paycore.RefundDebit {
	return paycore.RefundDebit{InteropKey: paycore.InteropKey{Organisation: org, Number: no}, Digest: fmt.Sprint("r", no, of, minor), Debit: of, AmountMinor: minor, Currency: "CNY"}
}

// fails runs a command that is kept as failed, for a reason, now and again.
func fails(t testing.TB, core *paycore.Core, c paycore.Command, reason paycore.InteropReason) {
	t.Helper()
	for _, effect := range []paycore.Effect{paycore.Done, paycore.Already} {
		results, err := core.Do(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		if want := (paycore.Result{Effect: effect, State: paycore.Failed, Reason: string(reason)}); results[0] != want {
			t.Fatalf("%+v: got %+v, want %+v", c, results[0], want)
		}
	}
}

func TestDebit_IsTakenOnceAndRefundedInParts(t *testing.T) {
	db, core := interopBooks(t, 10000)
	do(t, core, paycore.Done, debit("T1", 3000))
	do(t, core, paycore.Already, debit("T1", 3000))
	do(t, core, paycore.Refused, debit("T1", 3001), debit("", 1), debit("T2", 0), debit("T2", -1))
	do(t, core, paycore.Done, debitRefund("R1", "T1", 1000))
	do(t, core, paycore.Already, debitRefund("R1", "T1", 1000))
	do(t, core, paycore.Refused, debitRefund("R1", "T1", 999), debitRefund("R2", "T1", 0))
	fails(t, core, debitRefund("R3", "T1", 2001), paycore.BadAmount)
	fails(t, core, debitRefund("R4", "T9", 1), paycore.BadDebit)
	do(t, core, paycore.Done, debitRefund("R5", "T1", 2000))
	fails(t, core, debitRefund("R6", "T1", 1), paycore.BadAmount)
	do(t, core, paycore.Done, debit("T3", 9999))
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 9940, "fee_expense:wechat": 60, "payable:M01": 0, "wallet:alice": -1, "interop_clearing:nucc": -9999})
	checkBooks(t, db)
}

// What failed once fails for ever, even when it could succeed now: the other
// side gave its goods to somebody else meanwhile.
func TestDebit_WhatFailedNeverSucceeds(t *testing.T) {
	db, core := interopBooks(t, 1000)
	key := wallet("alice")
	fails(t, core, debit("T1", 1001), paycore.NoFunds)
	do(t, core, paycore.Done, debit("T2", 1000), debitRefund("R1", "T2", 1000))
	do(t, core, paycore.Done, pay("MORE", 5000), paidBy("MORE", 5000), paycore.Deposit{Number: "D2", PayNo: "MORE", Account: key.Name})
	do(t, core, paycore.Already, debit("T1", 1001))
	fails(t, core, debitRefund("R2", "T1", 1), paycore.BadDebit)

	foreign := debit("T3", 1)
	foreign.Currency = "USD"
	fails(t, core, foreign, paycore.BadCurrency)
	unknown := debit("T4", 1)
	unknown.Token = "tok-2"
	fails(t, core, unknown, paycore.BadToken)
	elsewhere := debit("T5", 1)
	elsewhere.Organisation = "other"
	fails(t, core, elsewhere, paycore.BadToken)

	do(t, core, paycore.Done, paycore.ControlAccount{AccountKey: key, Controls: paycore.Controls{Pay: true, Active: true, Frozen: true}})
	fails(t, core, debit("T6", 1), paycore.BadAccount)
	do(t, core, paycore.Done, paycore.ControlAccount{AccountKey: key, Controls: paycore.Controls{Active: true}})
	fails(t, core, debit("T7", 1), paycore.BadAccount)
	do(t, core, paycore.Done, paycore.ControlAccount{AccountKey: key, Controls: paycore.Controls{Pay: true, Active: true}})

	do(t, core, paycore.Done, paycore.Freeze{Number: "F1", AccountKey: key, AmountMinor: 5900})
	fails(t, core, debit("T8", 101), paycore.NoFunds)
	do(t, core, paycore.Done, debit("T9", 100))
	do(t, core, paycore.Done, paycore.UnbindToken{Number: "A1"})
	fails(t, core, debit("T10", 1), paycore.BadToken)
	do(t, core, paycore.Already, debit("T9", 100))
	do(t, core, paycore.Done, debitRefund("R9", "T9", 60)) // who unbound his token gets his money back
	checkBooks(t, db)
}

func TestToken_Moves(t *testing.T) {
	db, core := interopBooks(t, 1000)
	key := wallet("alice")
	do(t, core, paycore.Already, paycore.ApplyToken{Number: "A1", Organisation: org, AccountKey: key}, paycore.AnswerToken{Number: "A1", State: paycore.TokenActive, Token: "tok-1"})
	do(t, core, paycore.Refused, paycore.ApplyToken{Number: "A1", Organisation: "other", AccountKey: key}, paycore.AnswerToken{Number: "A1", State: paycore.TokenActive, Token: "tok-9"},
		paycore.AnswerToken{Number: "A1", State: paycore.TokenRefused}, paycore.AnswerToken{Number: "A9", State: paycore.TokenActive, Token: "x"}, paycore.UnbindToken{Number: "A9"},
		paycore.ApplyToken{Number: "A8", Organisation: org, AccountKey: paycore.AccountKey{Name: "wallet:nobody", Currency: "CNY"}})
	do(t, core, paycore.Done, paycore.ApplyToken{Number: "A2", Organisation: org, AccountKey: key})
	do(t, core, paycore.Refused, paycore.UnbindToken{Number: "A2"}, paycore.AnswerToken{Number: "A2", State: paycore.TokenActive},
		paycore.AnswerToken{Number: "A2", State: paycore.TokenActive, Token: "tok-1"}) // it is A1's
	do(t, core, paycore.Done, paycore.AnswerToken{Number: "A2", State: paycore.TokenRefused})
	do(t, core, paycore.Refused, paycore.AnswerToken{Number: "A2", State: paycore.TokenActive, Token: "tok-2"})
	do(t, core, paycore.Done, paycore.UnbindToken{Number: "A1"}, paycore.AnswerToken{Number: "A1", State: paycore.TokenUnbound})
	do(t, core, paycore.Already, paycore.UnbindToken{Number: "A1"})
	do(t, core, paycore.Refused, paycore.AnswerToken{Number: "A1", State: paycore.TokenActive, Token: "tok-1"})
	checkBooks(t, db)
}

// debitRisk looks at what a payer does, however he pays.
const debitRisk = `
version: 3
rules:
  - {id: gambling, decide: REJECT, field: merchant, match: "nucc/.*Casino.*"}
  - {id: house, decide: PASS, field: merchant, in: ["nucc/Canteen"]}
  - {id: large, decide: REVIEW, above_minor: 1000, currency: CNY}
  - {id: often, decide: CHALLENGE, field: payer, window: 1h, count: 4}
  - {id: much, decide: REJECT, field: payer, window: 24h, sum_minor: 2500, currency: CNY}
`

// judged is a debit that risk is asked about.
func judged(rules *risk.Rules, no string, minor int64, payee string) paycore.DebitByToken {
	c := debit(no, minor)
	c.Rules, c.Payee = rules, payee
	return c
}

// Lists, amounts and what a payer does within a time hold for his debits as for
// his payments, and both count together. What a person would have to look at is
// refused, since nobody waits; all is kept with what decided it.
func TestDebit_IsJudgedAsAPaymentIs(t *testing.T) {
	db, core := interopBooks(t, 100_000)
	ctx := context.Background()
	rules, err := risk.Parse([]byte(debitRisk))
	if err != nil {
		t.Fatal(err)
	}
	is := func(no string, decided, now risk.Outcome, rule string, measured, limit int64) {
		t.Helper()
		d, err := db.RiskDecision(ctx, no)
		if err != nil || d.Payer != "alice" || d.Outcome != decided || d.Now != now || d.Rule != rule || d.Version != 3 || d.Measured != measured || d.Limit != limit {
			t.Errorf("%s: %+v, %v", no, d, err)
		}
	}
	fails(t, core, judged(rules, "T1", 1, "Grand Casino Macao"), paycore.AtRisk)
	is("nucc/T1", risk.Reject, risk.Reject, "gambling", 0, 0)
	fails(t, core, judged(rules, "T2", 1001, "Noodles"), paycore.AtRisk)
	is("nucc/T2", risk.Review, risk.Reject, "large", 1001, 1000)
	do(t, core, paycore.Done, judged(rules, "T3", 900, "Noodles"))
	do(t, core, paycore.Already, judged(rules, "T3", 900, "Noodles"))
	is("nucc/T3", risk.Pass, risk.Pass, "", 0, 0)

	// A payment by merchants of ours is his fourth try, a debit the fifth.
	do(t, core, paycore.Done, pay("P1", 800))
	now, err := db.JudgeRisk(ctx, rules, risk.Facts{PayNo: "P1", Merchant: "M01", Payer: "alice", AmountMinor: 800, Currency: "CNY"})
	if err != nil || now != risk.Pass {
		t.Fatal(now, err)
	}
	fails(t, core, judged(rules, "T4", 1, "Noodles"), paycore.AtRisk)
	is("nucc/T4", risk.Challenge, risk.Reject, "often", 5, 4)
	do(t, core, paycore.Done, pay("P2", 801))
	if now, err := db.JudgeRisk(ctx, rules, risk.Facts{PayNo: "P2", Merchant: "M01", Payer: "alice", AmountMinor: 801, Currency: "CNY", Verified: true}); err != nil || now != risk.Reject {
		t.Errorf("900 by a debit, 800 and 801 by payments are above 2500: %s, %v", now, err)
	}
	is("P2", risk.Reject, risk.Reject, "much", 2501, 2500)
	do(t, core, paycore.Done, judged(rules, "T5", 5000, "Canteen"))

	// What the wallet does not pay anyway is not judged; nor is a refund.
	fails(t, core, judged(rules, "T6", 100_000, "Canteen"), paycore.NoFunds)
	if _, err := db.RiskDecision(ctx, "nucc/T6"); err == nil {
		t.Error("a debit without funds was judged")
	}
	do(t, core, paycore.Done, debitRefund("R1", "T3", 900))
	if list, err := db.RiskDecisions(ctx, false, 100); err != nil || len(list) != 7 {
		t.Errorf("%d decisions, %v; want 7", len(list), err)
	}
	if list, err := db.RiskDecisions(ctx, true, 100); err != nil || len(list) != 0 {
		t.Errorf("%d debits wait for a person, %v", len(list), err)
	}
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 99_400, "fee_expense:wechat": 600, "payable:M01": 0, "wallet:alice": -95_000, "interop_clearing:nucc": -5000})
	checkBooks(t, db)
}

// Sixty-four debits at once count each other: the limits hold to the debit and
// to the fen.
func TestDebit_RacingDebitsCountEachOther(t *testing.T) {
	db, core := interopBooks(t, 100_000)
	rules, err := risk.Parse([]byte("version: 1\nrules: [{id: much, decide: REJECT, field: payer, window: 24h, sum_minor: 5000, currency: CNY}]"))
	if err != nil {
		t.Fatal(err)
	}
	var paid atomic.Int64
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			results, err := core.Do(context.Background(), judged(rules, fmt.Sprint("T", i), 300, "Noodles"))
			if err != nil {
				t.Error(err)
			} else if results[0].State == paycore.Success {
				paid.Add(300)
			}
		})
	}
	group.Wait()
	if paid.Load() != 4800 {
		t.Errorf("paid %d, want 4800", paid.Load())
	}
	checkBooks(t, db)
}

// 64 at a time: of 64 refunds of one debit as many succeed as it has money for,
// and of 64 copies of a debit, half of them with another amount, one.
func TestDebit_RacingCopiesAndRefunds(t *testing.T) {
	db, core := interopBooks(t, 100_000)
	do(t, core, paycore.Done, debit("T1", 1000))
	states := make([]paycore.Result, 128)
	var group sync.WaitGroup
	for i := range states {
		group.Go(func() {
			var c paycore.Command = debitRefund(fmt.Sprint("R", i), "T1", 30)
			if i >= 64 {
				c = debit("T2", 500+int64(i%2))
			}
			results, err := core.Do(context.Background(), c)
			if err != nil {
				t.Error(err)
				return
			}
			states[i] = results[0]
		})
	}
	group.Wait()
	count := map[paycore.Effect]int{}
	refunded := 0
	for i, r := range states {
		if i >= 64 {
			count[r.Effect]++
		} else if r.State == paycore.Success {
			refunded++
		}
	}
	if refunded != 33 {
		t.Errorf("%d refunds of 30 went through of a debit of 1000, want 33", refunded)
	}
	if count[paycore.Done] != 1 || count[paycore.Already] != 31 || count[paycore.Refused] != 32 {
		t.Errorf("copies of one debit: %v", count)
	}
	checkBooks(t, db)
}

func TestMessage_IsAnsweredOnceForEver(t *testing.T) {
	db, core := interopBooks(t, 1000)
	ask := func(id, digest string, c paycore.Command) (string, error) {
		if c != nil {
			complete, err := core.Complete(c)
			if err != nil {
				t.Fatal(err)
			}
			c = complete[0]
		}
		return db.AnswerMessage(context.Background(), paycore.Message{Organisation: org, ID: id, Digest: digest, Kind: "debit", Debit: "T1", At: 1}, c, func(s paycore.Standing) (string, error) {
			if s.Debit == nil {
				return "none", nil
			}
			return fmt.Sprintf("%s %s %d", s.Result.Effect, s.Debit.State, s.Debit.AmountMinor), nil
		})
	}
	for _, step := range []struct {
		id, digest string
		c          paycore.Command
		want       string
		err        error
	}{
		{"m0", "q", nil, "none", nil},
		{"m1", "x", debit("T1", 10), "DONE SUCCESS 10", nil},
		{"m1", "x", debit("T1", 10), "DONE SUCCESS 10", nil}, // what was kept, not what it would be now
		{"m1", "y", debit("T1", 10), "", paycore.ErrKeyTaken},
		{"m2", "x", debit("T1", 10), "ALREADY SUCCESS 10", nil},
		{"m0", "q", nil, "none", nil},
		{"m3", "q", nil, " SUCCESS 10", nil},
	} {
		got, err := ask(step.id, step.digest, step.c)
		if !errors.Is(err, step.err) || err == nil && got != step.want {
			t.Errorf("%s %s: got %q, %v; want %q, %v", step.id, step.digest, got, err, step.want, step.err)
		}
	}
	lost := errors.New("lost")
	if _, err := db.AnswerMessage(context.Background(), paycore.Message{Organisation: org, ID: "m9", Digest: "z", Kind: "debit", Debit: "T9", At: 1}, debit("T9", 10),
		func(paycore.Standing) (string, error) { return "", lost }); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if list, err := db.Debits(context.Background(), "", 10); err != nil || len(list) != 1 {
		t.Errorf("a debit without an answer is there: %v %v", list, err)
	}
	checkBooks(t, db)
}
