package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/control"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// clearingWorld owes an organisation for a day that is over.
type clearingWorld struct {
	*testing.T
	db   *DB
	core *paycore.Core
}

var (
	clearingDate = bizday.Make(2026, 11, 19)
	clearingDay  = bizday.Interval{From: testStart.Add(-24 * time.Hour).UnixMicro(), To: testStart.UnixMicro()}
	orgPayee     = settlement.Payee{Name: "Clearing Ltd", Account: "6222000099998888", Bank: "102100000021"}
)

func newClearingWorld(t *testing.T) *clearingWorld {
	db, core := interopBooks(t, 100_000)
	return &clearingWorld{t, db, core}
}

// trade takes a debit on the day, or, negative, gives a part of T1 back.
func (w *clearingWorld) trade(no string, minor int64) {
	w.Helper()
	if minor > 0 {
		d := debit(no, minor)
		d.At = testStart.Add(-time.Hour).UnixMicro()
		do(w, w.core, paycore.Done, d)
		return
	}
	r := debitRefund(no, "T1", -minor)
	r.At = testStart.Add(-time.Minute).UnixMicro()
	do(w, w.core, paycore.Done, r)
}

func (w *clearingWorld) pays(who string) (settlement.InteropPayment, error) {
	return w.db.PayInterop(context.Background(), org, "CNY", clearingDate, clearingDay, "icbc", orgPayee, who)
}

// approved proposes and approves.
func (w *clearingWorld) approved() settlement.InteropPayment {
	w.Helper()
	if _, err := w.pays("chen"); err != nil {
		w.Fatal(err)
	}
	p, err := w.pays("wang")
	if err != nil || p.State != settlement.Approved {
		w.Fatalf("%+v %v", p, err)
	}
	return p
}

// sends starts the payouts, which are so many.
func (w *clearingWorld) sends(want int64) string {
	w.Helper()
	files, _, err := w.db.StartPayouts(context.Background(), "icbc", clearingDate+1, Machine)
	if err != nil {
		w.Fatal(err)
	}
	var n int64
	id := ""
	for _, f := range files {
		n, id = n+f.Payouts, f.ID
	}
	if n != want {
		w.Fatalf("%d payments went out, want %d", n, want)
	}
	return id
}

// hears takes the bank's word.
func (w *clearingWorld) hears(number string, minor int64, state settlement.State, want settlement.Heard) {
	w.Helper()
	got, err := w.db.HearPayout(context.Background(), settlement.Answer{Number: number, State: state, AmountMinor: minor, Currency: "CNY", BankRef: "77"}, "chen", nil)
	if err != nil || got.Heard != want {
		w.Errorf("%s %s: %s %v, want %s", number, state, got.Heard, err, want)
	}
}

// owes checks what the day leaves us owing, the ledger's accounts, the proofs
// and the controls.
func (w *clearingWorld) owes(owed, underWay, out int64) {
	w.Helper()
	ctx := context.Background()
	list, err := w.db.InteropDays(ctx, clearingDate, clearingDay)
	if err != nil || len(list) != 1 || list[0].OwedMinor != owed {
		w.Errorf("owed %+v %v, want %d", list, err, owed)
	}
	for account, want := range map[string]int64{"interop_clearing:nucc": -owed, "payout_clearing:icbc": -underWay, "bank:icbc": -out} {
		var got int64
		if err := w.db.sql.QueryRow(`SELECT COALESCE(SUM(amount_minor), 0) FROM posting WHERE account = $1`, account).Scan(&got); err != nil || got != want {
			w.Errorf("%s: %d %v, want %d", account, got, err, want)
		}
	}
	checkBooks(w, w.db)
	if _, err := w.db.Control(ctx, control.Checks(), control.Scope{Now: testStart.UnixMicro(), Today: "2026-11-20", Whole: true, Caps: control.DefaultCaps()}); err != nil {
		w.Fatal(err)
	}
	findings, err := w.db.Findings(ctx, false)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range findings {
		if strings.HasPrefix(f.Check, "interop.") && f.Check != "interop.unasked" { // no messages here
			w.Errorf("finding %s %s %s", f.Check, f.Ref, f.Detail)
		}
	}
}

func TestInteropDay_CountsAndSums(t *testing.T) {
	w := newClearingWorld(t)
	w.trade("T1", 3000)
	w.trade("T2", 500)
	w.trade("R1", -200)
	w.trade("R2", -100)
	early, late := debit("T3", 40), debit("T4", 7)
	early.At, late.At = clearingDay.From-1, clearingDay.To
	fails(t, w.core, debit("T5", 1_000_000), paycore.NoFunds)
	do(t, w.core, paycore.Done, early, late)
	list, err := w.db.InteropDays(context.Background(), clearingDate, clearingDay)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if d := list[0]; d.Organisation != org || d.Debits != 2 || d.DebitMinor != 3500 || d.Refunds != 2 || d.RefundMinor != 300 || d.OwedMinor != 3240 || d.Failed != 0 {
		t.Errorf("got %+v", d)
	}
}

// Two people pay, once: what is on its way, and what nobody knows the end of, is
// sent by nothing again.
func TestInteropPayment_OnceByTwoPeople(t *testing.T) {
	w := newClearingWorld(t)
	w.trade("T1", 3000)
	w.trade("R1", -200)
	w.owes(2800, 0, 0)
	p, err := w.pays("chen")
	if err != nil || p.State != settlement.Proposed || p.AmountMinor != 2800 || p.Number != "I20261119-nucc-CNY-1" {
		t.Fatalf("%+v %v", p, err)
	}
	refused := func(why, who string, code fault.ID) {
		t.Helper()
		var f *fault.Error
		if _, err := w.pays(who); !errors.As(err, &f) || f.ID != code {
			t.Errorf("%s: %v", why, err)
		}
	}
	refused("the same person", "Chen", "E-6490")
	w.sends(0)
	if p, err = w.pays("wang"); err != nil || p.State != settlement.Approved || p.Maker != "chen" || p.Checker != "wang" {
		t.Fatalf("%+v %v", p, err)
	}
	refused("approved", "zhao", "E-6451")
	id := w.sends(1)
	if _, body, err := w.db.PayoutFile(context.Background(), id); err != nil || !strings.Contains(string(body), p.Number+",Clearing Ltd,6222000099998888,102100000021,28.00,CNY,clearing nucc 2026-11-19") {
		t.Errorf("the file again: %s %v", body, err)
	}
	w.owes(0, 2800, 0)
	w.sends(0)
	w.hears(p.Number, 2801, settlement.Paid, settlement.WrongSums)
	w.hears(p.Number, 2800, settlement.Unknown, settlement.Moved)
	refused("unknown", "chen", "E-6451")
	w.sends(0)
	w.owes(0, 2800, 0)
	w.hears(p.Number, 2800, settlement.Paid, settlement.Moved)
	w.hears(p.Number, 2800, settlement.Paid, settlement.Known)
	w.hears(p.Number, 2800, settlement.Failed, settlement.NotLegal)
	refused("paid", "chen", "E-6451")
	w.owes(0, 0, 2800)
}

// What failed, and what came back, is owed again and goes out under another
// number; what was paid after all is booked when two people say so.
func TestInteropPayment_FailsComesBackAndIsPaidAfterAll(t *testing.T) {
	w := newClearingWorld(t)
	w.trade("T1", 3000)
	first := w.approved()
	w.sends(1)
	w.hears(first.Number, 3000, settlement.Failed, settlement.Moved)
	w.owes(3000, 0, 0)
	second := w.approved()
	w.sends(1)
	w.hears(second.Number, 3000, settlement.Paid, settlement.Moved)
	w.hears(second.Number, 3000, settlement.Returned, settlement.Moved)
	w.owes(3000, 0, 0)
	third := w.approved()
	if first.Number == second.Number || third.Number == second.Number {
		t.Errorf("%s, %s and %s", first.Number, second.Number, third.Number)
	}
	w.hears(first.Number, 3000, settlement.Paid, settlement.Conflict)
	w.sends(0) // nothing more goes out on what people saw before
	w.owes(3000, 0, 0)
	say := func(who string) bool {
		_, done, err := w.db.HearPayoutByHand(context.Background(), settlement.Answer{Number: first.Number, State: settlement.Paid, BankRef: "78"}, who, nil, "the bank's letter")
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if say("chen") || !say("wang") {
		t.Error("it was not two people")
	}
	w.owes(0, 0, 3000)
	w.hears(first.Number, 3000, settlement.Returned, settlement.Moved)
	w.owes(3000, 0, 0)
}

// Another sum or payee is another proposal; a day that is not over is not paid,
// nor is more than we owe now.
func TestInteropPayment_IsOfWhatTwoPeopleSaw(t *testing.T) {
	w := newClearingWorld(t)
	w.trade("T1", 3000)
	ctx := context.Background()
	if _, err := w.db.PayInterop(ctx, org, "CNY", clearingDate, bizday.Interval{From: clearingDay.From, To: clearingDay.To + 1}, "icbc", orgPayee, "chen"); err == nil {
		t.Error("a day that is not over is paid")
	}
	if _, err := w.db.PayInterop(ctx, org, "USD", clearingDate, clearingDay, "icbc", orgPayee, "chen"); err == nil {
		t.Error("nothing is owed, and it is paid")
	}
	if _, err := w.pays("chen"); err != nil {
		t.Fatal(err)
	}
	w.trade("R1", -100)
	p, err := w.pays("wang")
	if err != nil || p.State != settlement.Proposed || p.AmountMinor != 2900 || p.Maker != "wang" {
		t.Errorf("another sum: %+v %v", p, err)
	}
	other := orgPayee
	other.Account = "6222000011117777"
	if p, err = w.db.PayInterop(ctx, org, "CNY", clearingDate, clearingDay, "icbc", other, "chen"); err != nil || p.State != settlement.Proposed {
		t.Errorf("another payee: %+v %v", p, err)
	}
	w.approved()
	do(t, w.core, paycore.Done, debitRefund("R2", "T1", 2900)) // today
	w.sends(0)
	checkBalances(t, w.db, map[string]int64{"clearing:wechat:wechat-main": 99_400, "fee_expense:wechat": 600, "payable:M01": 0, "wallet:alice": -100_000, "interop_clearing:nucc": 0})
}

// 64 people at once make one payment.
func TestInteropPayment_RacingPeople(t *testing.T) {
	w := newClearingWorld(t)
	w.trade("T1", 3000)
	var group sync.WaitGroup
	var approved, sent atomic.Int64
	for i := range 64 {
		group.Go(func() {
			if p, err := w.pays("person" + string(rune('A'+i))); err == nil && p.State == settlement.Approved {
				approved.Add(1)
			}
			files, _, err := w.db.StartPayouts(context.Background(), "icbc", clearingDate+1, Machine)
			if err != nil {
				t.Error(err)
			}
			sent.Add(int64(len(files)))
		})
	}
	group.Wait()
	if approved.Load() != 1 || sent.Load() != 1 {
		t.Errorf("%d approved, %d files", approved.Load(), sent.Load())
	}
	w.owes(0, 3000, 0)
}
