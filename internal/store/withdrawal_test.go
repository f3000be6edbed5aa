package store

import (
	"context"
	"strings"
	"sync"
	"testing"

	"tieout/internal/bizday"
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
