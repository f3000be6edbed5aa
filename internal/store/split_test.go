package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tieout/internal/control"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
	"tieout/schemas"
)

// splitWorld is books with a clock that moves, receivers U1 to U3 of M01, and an
// order O-P1 of 100.00 that is paid.
type splitWorld struct {
	*testing.T
	db    *DB
	core  *paycore.Core
	terms map[string]*settlement.Contract
	at    time.Time
}

func newSplitWorld(t *testing.T) *splitWorld {
	t.Helper()
	w := &splitWorld{T: t, at: testStart}
	now := func() time.Time { return w.at }
	w.db = OpenNew(t, now)
	w.core = paycore.New(w.db, paycore.Rates{"wechat": {"wechat-main": {PPM: 6000, RefundsReturn: true}}}, now)
	w.terms = map[string]*settlement.Contract{"M01": contractOf("M01")}
	w.terms["M01"].Split = settlement.DefaultSplitTerms()
	openWallets(t, w.core, 0, "U1", "U2", "U3")
	for _, u := range []string{"U1", "U2", "U3"} {
		if err := w.db.AddReceiver(context.Background(), "M01", u, "supplier"); err != nil {
			t.Fatal(err)
		}
	}
	do(t, w.core, paycore.Done, paidAt("P1", 10000)...)
	return w
}

func (w *splitWorld) split(number string, release bool, shares ...settlement.SplitShare) (settlement.Split, error) {
	w.Helper()
	return w.db.Split(context.Background(), settlement.SplitRequest{Number: number, Merchant: "M01", OrderNo: "O-P1", Shares: shares, ReleaseRest: release}, w.terms["M01"])
}

func share(receiver string, minor int64) settlement.SplitShare {
	return settlement.SplitShare{Receiver: receiver, AmountMinor: minor}
}

func (w *splitWorld) must(s settlement.Split, err error) settlement.Split {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *splitWorld) work() {
	w.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = w.db.WorkSplits(context.Background(), w.terms); err != nil {
			w.Fatal(err)
		}
	}
}

// refused tells whether the rules said no, and changed nothing.
func (w *splitWorld) refused(err error) {
	w.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != "E-6419" {
		w.Errorf("got %v, want a refusal", err)
	}
	checkBooks(w.T, w.db)
}

func (w *splitWorld) ends(number string, done, closed, back int64) {
	w.Helper()
	s, _, err := w.db.SplitOf(context.Background(), "M01", number)
	if err != nil || s.State != settlement.SplitFinished || s.DoneMinor != done || s.ClosedMinor != closed || s.BackMinor != back {
		w.Errorf("split %s: %+v, %v", number, s, err)
	}
}

func (w *splitWorld) proof(want settlement.SplitProof) {
	w.Helper()
	got, known, err := w.db.SplitProof(context.Background(), "M01", "O-P1")
	if err != nil || !known || got != want || !got.Holds() {
		w.Errorf("got %+v, %v, %v; want %+v", got, known, err, want)
	}
	checkBooks(w.T, w.db)
}

// findings are the ids of the checks that find something.
func (w *splitWorld) findings() (ids []string) {
	w.Helper()
	if _, err := w.db.Control(context.Background(), control.Checks(), control.Scope{Now: w.at.UnixMicro(), Today: w.at.Format(time.DateOnly), Whole: true, Caps: control.DefaultCaps()}); err != nil {
		w.Fatal(err)
	}
	list, err := w.db.Findings(context.Background(), false)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range list {
		ids = append(ids, f.Check)
	}
	return ids
}

func TestSplitS1_EveryReceiverGetsHisShare(t *testing.T) {
	w := newSplitWorld(t)
	s := w.must(w.split("S1", false, share("U1", 1000), share("U2", 2000)))
	if s.State != settlement.SplitProcessing || s.Pending != 2 {
		t.Fatalf("got %+v", s)
	}
	w.proof(settlement.SplitProof{PaidMinor: 10000, HeldMinor: 10000})
	w.work()
	w.ends("S1", 3000, 0, 0)
	checkWallet(t, w.db, "U1", 1000, 0)
	checkWallet(t, w.db, "U2", 2000, 0)
	w.proof(settlement.SplitProof{PaidMinor: 10000, ReceiversMinor: 3000, HeldMinor: 7000})
	if again := w.must(w.split("S1", false, share("U1", 1000), share("U2", 2000))); again.State != settlement.SplitFinished {
		t.Errorf("the same again: %+v", again)
	}
	w.work()
	checkWallet(t, w.db, "U1", 1000, 0)
	_, err := w.split("S1", false, share("U1", 1000))
	w.refused(err)
	if ids := w.findings(); len(ids) > 0 {
		t.Errorf("the controls find %v", ids)
	}
}

// What an account that is frozen does not take stays with the merchant, and may
// be split anew.
func TestSplitS2_AReceiverThatIsFrozenIsClosed(t *testing.T) {
	w := newSplitWorld(t)
	frozen := free
	frozen.Frozen = true
	do(t, w.core, paycore.Done, paycore.ControlAccount{AccountKey: wallet("U2"), Controls: frozen})
	w.must(w.split("S1", false, share("U1", 1000), share("U2", 2000)))
	w.work()
	w.ends("S1", 1000, 2000, 0)
	_, shares, err := w.db.SplitOf(context.Background(), "M01", "S1")
	if err != nil || shares[1].State != settlement.SplitClosed || shares[1].Reason == "" {
		t.Errorf("got %+v, %v", shares, err)
	}
	w.must(w.split("S2", false, share("U3", 2000)))
	w.work()
	checkWallet(t, w.db, "U3", 2000, 0)
	w.proof(settlement.SplitProof{PaidMinor: 10000, ReceiversMinor: 3000, HeldMinor: 7000})
}

// A split before the payment waits for it; nothing is taken for done.
func TestSplitS3_WaitsForThePayment(t *testing.T) {
	w := newSplitWorld(t)
	do(t, w.core, paycore.Done, pay("P2", 10000))
	r := settlement.SplitRequest{Number: "S1", Merchant: "M01", OrderNo: "O-P2", Shares: []settlement.SplitShare{share("U1", 500)}}
	w.must(w.db.Split(context.Background(), r, w.terms["M01"]))
	w.work()
	if s, _, err := w.db.SplitOf(context.Background(), "M01", "S1"); err != nil || s.State != settlement.SplitProcessing || s.Pending != 1 {
		t.Errorf("before the payment: %+v, %v", s, err)
	}
	do(t, w.core, paycore.Done, paidBy("P2", 10000))
	w.work()
	w.ends("S1", 500, 0, 0)
	checkWallet(t, w.db, "U1", 500, 0)
	do(t, w.core, paycore.Done, pay("P3", 10000))
	r.Number, r.OrderNo = "S2", "O-P3"
	w.must(w.db.Split(context.Background(), r, w.terms["M01"]))
	do(t, w.core, paycore.Done, paycore.ClosePayment{PayNo: "P3"})
	w.work()
	w.ends("S2", 0, 500, 0)
	checkWallet(t, w.db, "U1", 500, 0)
}

func TestSplitS4_AHoldIsWarnedOfAndEnds(t *testing.T) {
	w := newSplitWorld(t)
	if _, err := w.db.HoldForSplit(context.Background(), "M01", "O-P1", w.terms["M01"].Split); err != nil {
		t.Fatal(err)
	}
	history := func() (what []string) {
		rows, err := w.db.sql.Query(`SELECT what || ' ' || note FROM split_event ORDER BY id`)
		list, err := scanAll(rows, err, func(r scanner) (s string, err error) { err = r.Scan(&s); return s, err }, "history")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	start := w.at
	for _, c := range []struct {
		days int
		want string
	}{
		{22, "[HELD ]"}, {23, "[HELD  WARNED 7 days]"}, {24, "[HELD  WARNED 7 days]"}, {29, "[HELD  WARNED 7 days WARNED 1 days]"},
		{30, "[HELD  WARNED 7 days WARNED 1 days RELEASED its time is over]"},
	} {
		w.at = start.AddDate(0, 0, c.days)
		w.work()
		if got := fmt.Sprint(history()); got != c.want {
			t.Errorf("after %d days: %s, want %s", c.days, got, c.want)
		}
	}
	_, err := w.split("S1", false, share("U1", 1))
	w.refused(err)
	w.proof(settlement.SplitProof{PaidMinor: 10000, MerchantMinor: 10000})
	var told int64
	if err := w.db.sql.QueryRow(`SELECT COUNT(*) FROM outbox WHERE id LIKE '%split.hold_ends'`).Scan(&told); err != nil || told != 2 {
		t.Errorf("the merchant was told %d times, %v", told, err)
	}
}

func TestSplitS5_RefundAfterASplit(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newSplitWorld(t)
		w.terms["M01"].Split.ReturnFirst = first
		w.must(w.split("S1", true, share("U1", 3000)))
		w.work()
		want := paycore.Done
		if first {
			want = paycore.Refused
		}
		refund := paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 7001, Currency: "CNY"}
		do(t, w.core, want, refund)
		if !first {
			w.proof(settlement.SplitProof{PaidMinor: 2999, MerchantMinor: -1, ReceiversMinor: 3000})
			if ids := w.findings(); fmt.Sprint(ids) != "[split.debt]" {
				t.Errorf("the controls find %v", ids)
			}
			continue
		}
		if r, err := w.db.ReturnSplit(context.Background(), "M01", "B1", "S1", "U1", 1); err != nil || r.State != settlement.SplitSuccess {
			t.Fatalf("got %+v, %v", r, err)
		}
		do(t, w.core, paycore.Done, refund)
		w.proof(settlement.SplitProof{PaidMinor: 2999, ReceiversMinor: 2999})
	}
}

func TestSplitS6_AReturnWaitsForItsMoney(t *testing.T) {
	w := newSplitWorld(t)
	ctx := context.Background()
	w.must(w.split("S1", false, share("U1", 1000)))
	w.work()
	do(t, w.core, paycore.Done, paycore.Transfer{Number: "T1", From: "wallet:U1", To: "wallet:U2", AmountMinor: 600, Currency: "CNY"})
	r, err := w.db.ReturnSplit(ctx, "M01", "B1", "S1", "U1", 1000)
	if err != nil || r.State != settlement.SplitProcessing || r.Reason == "" {
		t.Fatalf("got %+v, %v", r, err)
	}
	_, err = w.db.ReturnSplit(ctx, "M01", "B2", "S1", "U1", 1) // all of it is asked for already
	w.refused(err)
	_, err = w.db.ReturnSplit(ctx, "M01", "B1", "S1", "U1", 999)
	w.refused(err)
	w.work()
	checkWallet(t, w.db, "U1", 400, 0)
	do(t, w.core, paycore.Done, paycore.Transfer{Number: "T2", From: "wallet:U2", To: "wallet:U1", AmountMinor: 600, Currency: "CNY"})
	w.at = w.at.Add(10 * time.Minute)
	w.work()
	if r, err = w.db.SplitReturnOf(ctx, "M01", "B1"); err != nil || r.State != settlement.SplitSuccess {
		t.Fatalf("after the money came: %+v, %v", r, err)
	}
	w.ends("S1", 1000, 0, 1000)
	checkWallet(t, w.db, "U1", 0, 0)
	w.proof(settlement.SplitProof{PaidMinor: 10000, HeldMinor: 10000})
}

// A return that never gets its money ends, and another number may ask again.
func TestSplitS6_AReturnIsGivenUp(t *testing.T) {
	w := newSplitWorld(t)
	ctx := context.Background()
	w.must(w.split("S1", false, share("U1", 1000)))
	w.work()
	do(t, w.core, paycore.Done, paycore.Transfer{Number: "T1", From: "wallet:U1", To: "wallet:U2", AmountMinor: 1000, Currency: "CNY"})
	if _, err := w.db.ReturnSplit(ctx, "M01", "B1", "S1", "U1", 1000); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.AddDate(0, 0, 7)
	w.work()
	if r, err := w.db.SplitReturnOf(ctx, "M01", "B1"); err != nil || r.State != settlement.SplitClosed {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err := w.db.ReturnSplit(ctx, "M01", "B2", "S1", "U1", 1000); err != nil || r.State != settlement.SplitProcessing {
		t.Errorf("got %+v, %v", r, err)
	}
	checkBooks(t, w.db)
}

func TestSplitS7_AboveTheCeilingIsRefused(t *testing.T) {
	w := newSplitWorld(t)
	for _, shares := range [][]settlement.SplitShare{
		{share("U1", 3001)}, {share("U1", 1000), share("U2", 2001)}, {share("U1", 0)}, {share("U1", -1)}, {}, {share("U9", 1)}, {share("M01", 1)},
		{share("U1", 1), share("U1", 1)}, {share("U1", 1<<62), share("U2", 1<<62), share("U3", 1<<62)},
	} {
		if _, err := w.split("S1", false, shares...); err == nil {
			t.Errorf("%v was taken", shares)
		}
	}
	w.must(w.split("S1", false, share("U1", 2999)))
	_, err := w.split("S2", false, share("U1", 2))
	w.refused(err)
	w.must(w.split("S2", false, share("U1", 1)))
	w.work()
	checkWallet(t, w.db, "U1", 3000, 0)
	w.terms["M01"].Split.MaxPPM = 1_000_000
	do(t, w.core, paycore.Done, paidAt("P2", 10000)...)
	r := settlement.SplitRequest{Number: "S3", Merchant: "M01", OrderNo: "O-P2", Shares: []settlement.SplitShare{share("U1", 9901)}}
	_, err = w.db.Split(context.Background(), r, w.terms["M01"]) // the fee of 100 is ours
	w.refused(err)
	if removed, err := w.db.RemoveReceiver(context.Background(), "M01", "U1"); err != nil || !removed {
		t.Fatal(removed, err)
	}
	r.Shares[0].AmountMinor = 1
	_, err = w.db.Split(context.Background(), r, w.terms["M01"])
	w.refused(err)
}

// Sixty-four at once want the last of an order: the ceiling holds.
func TestSplitS7_Racing(t *testing.T) {
	w := newSplitWorld(t)
	var wait sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i := range 64 {
		wait.Go(func() {
			_, err := w.split(fmt.Sprintf("S%d", i), false, share("U1", 100))
			if err == nil {
				_, err = w.db.WorkSplits(context.Background(), w.terms)
			}
			var f *fault.Error
			if err != nil && !(errors.As(err, &f) && f.ID == "E-6419") {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			}
		})
	}
	wait.Wait()
	w.work()
	if taken != 30 {
		t.Errorf("%d splits were taken, want 30", taken)
	}
	checkWallet(t, w.db, "U1", 3000, 0)
	w.proof(settlement.SplitProof{PaidMinor: 10000, ReceiversMinor: 3000, HeldMinor: 7000})
}

// Held money is not settled; then the merchant is paid what is left, and what
// comes back later is his.
func TestSplit_SettlementPaysTheMerchantTheRest(t *testing.T) {
	w := newSplitWorld(t)
	ctx := context.Background()
	w.must(w.split("S1", false, share("U1", 1000), share("U2", 2000)))
	w.work()
	c := night(t, w.db, billDay)
	if got := collectAll(t, w.db, c); got.Items != 0 || len(got.Left) != 1 || got.Left[0].Reason != settlement.HeldForSplit {
		t.Fatalf("while it is held: %+v", got)
	}
	if _, err := w.db.ReleaseRest(ctx, "M01", "O-P1"); err != nil {
		t.Fatal(err)
	}
	if got := collectAll(t, w.db, c); got.Items != 2 || got.Batches[0].GrossMinor != 7000 || got.Batches[0].NetMinor != 6900 {
		t.Fatalf("got %+v", got)
	}
	approved(t, w.db, firstBatch, c)
	w.proof(settlement.SplitProof{PaidMinor: 10000, MerchantMinor: 6900, ReceiversMinor: 3000, FeeMinor: 100})
	started(t, w.db, billDay+10)
	hear(t, w.db, firstBatch+"-1", settlement.Paid)
	checkBooks(t, w.db)
	if _, err := w.db.ReturnSplit(ctx, "M01", "B1", "S1", "U2", 500); err != nil {
		t.Fatal(err)
	}
	next := night(t, w.db, billDay+1)
	if got := collectAll(t, w.db, next); got.Items != 1 || got.Batches[0].NetMinor != 500 {
		t.Fatalf("what came back: %+v", got)
	}
	approved(t, w.db, settlement.BatchID("M01", "CNY", billDay+1), next)
	w.proof(settlement.SplitProof{PaidMinor: 10000, MerchantMinor: 7400, ReceiversMinor: 2500, FeeMinor: 100})
	if ids := w.findings(); len(ids) > 0 {
		t.Errorf("the controls find %v", ids)
	}
}

// A batch that is sent back lets splits go with their payment, and takes them
// again with it.
func TestSplit_GoesWithItsPayment(t *testing.T) {
	w := newSplitWorld(t)
	w.must(w.split("S1", true, share("U1", 1000)))
	w.work()
	c := night(t, w.db, billDay)
	collectAll(t, w.db, c)
	openCase(t, w.db, "C-1", "PAYMENT", "P1")
	b, released, err := w.db.CheckBatch(context.Background(), firstBatch, "chen", c)
	if err != nil || released != 2 || b.Items != 0 {
		t.Fatalf("released %d of %+v, %v", released, b, err)
	}
	checkBooks(t, w.db)
	if _, err := w.db.sql.Exec(`UPDATE recon_case SET state = 'RESOLVED'`); err != nil {
		t.Fatal(err)
	}
	if got := collectAll(t, w.db, c); got.Items != 2 || got.Batches[0].GrossMinor != 9000 {
		t.Errorf("got %+v", got)
	}
	if _, err := w.db.SendBack(context.Background(), firstBatch, "chen", "try"); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, w.db)
	if got := collectAll(t, w.db, c); got.Items != 2 || got.Batches[0].GrossMinor != 9000 {
		t.Errorf("got %+v", got)
	}
}

// More receivers than one transaction takes.
func TestSplit_Pages(t *testing.T) {
	w := newSplitWorld(t)
	const receivers = splitPage + 3
	shares := manyReceivers(t, w.db, w.core, receivers)
	w.must(w.split("S1", true, shares...))
	w.work()
	w.ends("S1", receivers, 0, 0)
	w.proof(settlement.SplitProof{PaidMinor: 10000, MerchantMinor: 10000 - receivers, ReceiversMinor: receivers})
}

// manyReceivers registers receivers with wallets, a share of one fen for each.
func manyReceivers(t testing.TB, db *DB, core *paycore.Core, n int) []settlement.SplitShare {
	t.Helper()
	commands := make([]paycore.Command, 0, 2*n)
	shares := make([]settlement.SplitShare, n)
	for i := range shares {
		shares[i] = share(fmt.Sprintf("V%05d", i), 1)
		commands = append(commands, paycore.OpenEntity{ID: shares[i].Receiver, Kind: "USER", Name: "V"}, paycore.OpenAccount{Entity: shares[i].Receiver, Currency: "CNY", Controls: free})
	}
	do(t, core, paycore.Done, commands...)
	if _, err := db.writer.Exec(`INSERT INTO split_receiver SELECT 'M01', id, 'store', 1, 1, 1 FROM entity WHERE id LIKE 'V%'`); err != nil {
		t.Fatal(err)
	}
	return shares
}

func BenchmarkSplit_20000Receivers(b *testing.B) {
	db, core := testBooks(b)
	shares := manyReceivers(b, db, core, settlement.MaxShares)
	contract := contractOf("M01")
	contract.Split = settlement.DefaultSplitTerms()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		no := fmt.Sprintf("P%d", i)
		do(b, core, paycore.Done, paidAt(no, 10_000_000)...)
		r := settlement.SplitRequest{Number: "S" + no, Merchant: "M01", OrderNo: "O-" + no, Shares: shares}
		if _, err := db.Split(context.Background(), r, contract); err != nil {
			b.Fatal(err)
		}
		if _, err := db.WorkSplits(context.Background(), map[string]*settlement.Contract{"M01": contract}); err != nil {
			b.Fatal(err)
		}
	}
}

// Money that receivers have, or may still get, becomes nobody's balance, and a
// fix does not take its payment back.
func TestSplit_ItsMoneyIsNotUsedTwice(t *testing.T) {
	w := newSplitWorld(t)
	w.must(w.split("S1", false, share("U1", 3000)))
	deposit := paycore.Deposit{Number: "D1", PayNo: "P1", Account: "wallet:U2"}
	do(t, w.core, paycore.Refused, deposit)
	w.work()
	takeBack := with(missed(), func(f *schemas.Fix) {
		f.Kind, f.Expect, f.Maker, f.Checker = schemas.FixSetFailed, []schemas.Status{schemas.Success}, "lin", "mei"
	})
	if r := apply(t, w.db, takeBack, "REFUSED"); r.Reason != "receivers have CNY 30.00 (3000 minor units) of payment P1: they return it first" {
		t.Errorf("got %q", r.Reason)
	}
	if r, err := w.db.ReturnSplit(context.Background(), "M01", "B1", "S1", "U1", 3000); err != nil || r.State != settlement.SplitSuccess {
		t.Fatalf("got %+v, %v", r, err)
	}
	do(t, w.core, paycore.Refused, deposit)
	apply(t, w.db, takeBack, "APPLIED")
	checkBooks(t, w.db)
}

// An order of which anything is settled is not held back any more, though what
// paid it is not.
func TestSplit_NothingIsHeldOfWhatWasSettled(t *testing.T) {
	w := newSplitWorld(t)
	do(t, w.core, paycore.Done, pay("P2", 10000))
	twice := paycore.CreatePayment{Merchant: "M01", OrderNo: "O-P2", PayNo: "P3", Channel: "wechat", Account: "wechat-main", AmountMinor: 10000, Currency: "CNY"}
	do(t, w.core, paycore.Done, twice, paidBy("P2", 10000), paidBy("P3", 10000))
	c := night(t, w.db, billDay)
	c.Accounts[0].Carried["P2"] = true
	collectAll(t, w.db, c)
	_, err := w.db.HoldForSplit(context.Background(), "M01", "O-P2", w.terms["M01"].Split)
	w.refused(err)
}

// A payment that left its batch before it was approved has no fee, though a
// refund of it is in a later batch still.
func TestSplit_HeldAfterItsBatchWasSentBack(t *testing.T) {
	w := newSplitWorld(t)
	collectAll(t, w.db, night(t, w.db, billDay))
	do(t, w.core, paycore.Done, refundOf("R1", "P1", 4000, at(36, 0, 0))...)
	collectAll(t, w.db, night(t, w.db, billDay+1))
	if _, err := w.db.SendBack(context.Background(), firstBatch, "chen", "look again"); err != nil {
		t.Fatal(err)
	}
	w.must(w.split("S1", false, share("U1", 1000)))
	w.proof(settlement.SplitProof{PaidMinor: 6000, HeldMinor: 6000})
}
