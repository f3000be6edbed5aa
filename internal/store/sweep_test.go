package store

import (
	"context"
	"testing"

	"tieout/internal/paycore"
)

// Money goes up from level to level, each rule once a day.
func TestSweep_UpToTheTopOnceADay(t *testing.T) {
	db, core := testBooks(t)
	openWallets(t, core, 5000, "U1")
	merchant := func(id, parent string) {
		do(t, core, paycore.Done, paycore.OpenEntity{ID: id, Kind: "MERCHANT", Parent: parent, Name: id}, paycore.OpenAccount{Entity: id, Currency: "CNY", Controls: free})
	}
	merchant("M1", "")
	merchant("M11", "M1")
	merchant("M111", "M11")
	do(t, core, paycore.Done, paycore.Transfer{Number: "T1", From: "wallet:U1", To: "wallet:M111", AmountMinor: 5000, Currency: "CNY"})
	rules := []paycore.SweepRule{{Entity: "M11", Currency: "CNY", KeepMinor: 1000}, {Entity: "M111", Currency: "CNY", KeepMinor: 500}, {Entity: "M1", Currency: "CNY"}, {Entity: "M9", Currency: "CNY"}}
	sweep := func(day string, want map[string]paycore.Effect) {
		t.Helper()
		list, err := core.SweepDay(context.Background(), db, day, rules)
		if err != nil || len(list) != len(want) {
			t.Fatal(list, err)
		}
		for _, s := range list {
			if s.Result.Effect != want[s.Entity] {
				t.Errorf("%s on %s: %+v, want %s", s.Entity, day, s.Result, want[s.Entity])
			}
		}
	}
	refused := map[string]paycore.Effect{"M111": paycore.Done, "M11": paycore.Done, "M1": paycore.Refused, "M9": paycore.Refused} // the top stands below nobody
	sweep("2026-11-20", refused)
	checkWallet(t, db, "M111", 500, 0)
	checkWallet(t, db, "M11", 1000, 0)
	checkWallet(t, db, "M1", 3500, 0)
	do(t, core, paycore.Done, paycore.Transfer{Number: "T2", From: "wallet:M1", To: "wallet:M111", AmountMinor: 100, Currency: "CNY"})
	again := map[string]paycore.Effect{"M111": paycore.Already, "M11": paycore.Already, "M1": paycore.Refused, "M9": paycore.Refused}
	sweep("2026-11-20", again)
	checkWallet(t, db, "M111", 600, 0)
	sweep("2026-11-21", refused)
	checkWallet(t, db, "M111", 500, 0)
	checkWallet(t, db, "M1", 3500, 0)
	sweep("2026-11-22", map[string]paycore.Effect{"M111": paycore.Ignored, "M11": paycore.Ignored, "M1": paycore.Refused, "M9": paycore.Refused})
	do(t, core, paycore.Done, paycore.Freeze{Number: "F1", AccountKey: wallet("M1"), AmountMinor: 3500})
	checkBooks(t, db)
}
