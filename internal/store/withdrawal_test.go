package store

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// A withdrawal is told to the bank once, in a file that comes out the same each
// time, and its money follows what the bank says, and nothing else.
func TestFaultB5_WithdrawalIsSentOnce(t *testing.T) {
	db, core := testBooks(t)
	ctx := context.Background()
	openWallets(t, core, 1000, "U1")
	shop := settlement.Payee{Name: "Shop One Ltd.", Account: "6222000011112222", Bank: "102"}
	ask := func(no, bank, payee string, minor int64) paycore.Withdraw {
		return paycore.Withdraw{Number: no, AccountKey: wallet("U1"), AmountMinor: minor, Bank: bank, Payee: payee}
	}
	do(t, core, paycore.Done, ask("W1", "icbc", shop.Text(), 300), ask("W2", "icbc", shop.Text(), 200), ask("W3", "boc", shop.Text(), 100), ask("W4", "icbc", "somewhere", 50))
	day, err := bizday.Parse("2026-11-23")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var files []settlement.File
	for range 16 {
		all.Go(func() {
			made, blocked, err := db.StartPayouts(ctx, "icbc", day, "chen")
			mu.Lock()
			defer mu.Unlock()
			if files = append(files, made...); err != nil || len(blocked) != 1 || blocked[0] != (Blocked{"W4", "PAYEE"}) {
				t.Errorf("blocked %v, %v", blocked, err)
			}
		})
	}
	all.Wait()
	if len(files) != 1 || files[0].ID != "P20261123-icbc-CNY-1" || files[0].Payouts != 2 || files[0].TotalMinor != 500 {
		t.Fatalf("files %+v", files)
	}
	_, body, err := db.PayoutFile(ctx, files[0].ID)
	want := "W1,Shop One Ltd.,6222000011112222,102,3.00,CNY,withdrawal\r\nW2,Shop One Ltd.,6222000011112222,102,2.00,CNY,withdrawal\r\nTOTAL,2,,,5.00,CNY,\r\n"
	if err != nil || !strings.HasSuffix(string(body), want) {
		t.Errorf("got %s, %v", body, err)
	}
	checkWallet(t, db, "U1", 350, 650)

	answer := func(no string, state settlement.State, minor int64, want settlement.Heard) {
		t.Helper()
		heard, err := db.HearPayout(ctx, settlement.Answer{Number: no, State: state, AmountMinor: minor, Currency: "CNY", BankRef: "b-" + no}, "chen", nil)
		if err != nil || heard.Heard != want {
			t.Errorf("%s %s: %s, %v; want %s", no, state, heard.Heard, err, want)
		}
	}
	answer("W1", settlement.Unknown, 300, settlement.Known)
	answer("W1", settlement.Paid, 299, settlement.WrongSums)
	checkWallet(t, db, "U1", 350, 650) // nothing moved
	answer("W1", settlement.Paid, 300, settlement.Moved)
	answer("W1", settlement.Paid, 300, settlement.Known)
	answer("W1", settlement.Unknown, 300, settlement.NotLegal)
	answer("W2", settlement.Failed, 200, settlement.Moved)
	answer("W2", settlement.Paid, 200, settlement.Conflict)
	answer("W9", settlement.Paid, 1, settlement.NoPayout)
	checkWallet(t, db, "U1", 550, 150)
	answer("W1", settlement.Returned, 300, settlement.Moved) // weeks later
	checkWallet(t, db, "U1", 850, 150)
	if made, _, err := db.StartPayouts(ctx, "icbc", day+1, "chen"); err != nil || len(made) != 0 {
		t.Errorf("sent again: %+v, %v", made, err)
	}
}

// An answer that no file brought is given by two people, who have seen the same;
// the holder hears how it ended, once.
func TestFaultB5_WithdrawalIsAnsweredByHandByTwoPeople(t *testing.T) {
	db, core := testBooks(t)
	ctx := context.Background()
	openWallets(t, core, 1000, "U1")
	payee := settlement.Payee{Name: "Shop One Ltd.", Account: "6222000011112222", Bank: "102"}.Text()
	withdraw := func(no, payee string, minor int64) {
		do(t, core, paycore.Done, paycore.Withdraw{Number: no, AccountKey: wallet("U1"), AmountMinor: minor, Bank: "icbc", Payee: payee})
	}
	say := func(no string, state settlement.State, who string) (bool, error) {
		h, done, err := db.HearPayoutByHand(ctx, settlement.Answer{Number: no, State: state, BankRef: "icbc-9"}, who, map[string]string{"U1": "https://u1.example/n"}, "seen at the bank")
		if done && h.Heard != settlement.Moved {
			t.Errorf("%s: %+v", no, h)
		}
		return done, err
	}
	refused := func(want fault.ID, no string, state settlement.State) {
		t.Helper()
		_, err := say(no, state, "chen")
		wantFault(t, err, want)
	}
	ended := func(no string, state settlement.State) {
		t.Helper()
		for i, who := range []string{"chen", "wang"} {
			if done, err := say(no, state, who); err != nil || done != (i == 1) {
				t.Fatalf("%s by %s: %t, %v", no, who, done, err)
			}
		}
	}
	withdraw("W1", payee, 300)
	withdraw("W2", "somewhere", 200) // no bank takes it
	refused("E-6494", "W9", settlement.Paid)
	refused("E-6495", "W1", settlement.Paid) // no file told the bank of it
	if done, err := say("W1", settlement.Failed, "chen"); err != nil || done {
		t.Fatal("one person ends a withdrawal", err)
	}
	if files, _, err := db.StartPayouts(ctx, "icbc", billDay+10, "chen"); err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if done, err := say("W1", settlement.Failed, "wang"); err != nil || done {
		t.Fatal("what the first one saw was not on its way yet", err)
	}
	refused("E-6495", "W1", settlement.Unknown)
	ended("W2", settlement.Failed)
	checkWallet(t, db, "U1", 700, 300)
	if done, err := say("W1", settlement.Paid, "chen"); err != nil || done {
		t.Fatal("one person ends a withdrawal", err)
	}
	_, err := say("W1", settlement.Paid, "Chen")
	wantFault(t, err, "E-6490")
	checkWallet(t, db, "U1", 700, 300)
	if done, err := say("W1", settlement.Paid, "wang"); err != nil || !done {
		t.Fatal(done, err)
	}
	checkWallet(t, db, "U1", 700, 0)
	refused("E-6495", "W1", settlement.Paid)
	ended("W1", settlement.Returned)
	checkWallet(t, db, "U1", 1000, 0)
	refused("E-6495", "W1", settlement.Paid) // it failed: the bank contradicts itself
	list, err := db.Notices(ctx, "U1", paycore.NoticePending, 10)
	var heard []string
	for _, n := range list {
		heard = append(heard, n.ID)
	}
	slices.Sort(heard)
	if want := []string{"withdrawal.failed:W1", "withdrawal.failed:W2", "withdrawal.success:W1"}; err != nil || !slices.Equal(heard, want) {
		t.Errorf("heard %v, %v", heard, err)
	}
}
