package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/internal/risk"
	"tieout/internal/store"
)

// What a channel pays of a combined payment is small, the payment is not: the
// rules look at all of it.
func TestRisk_JudgesACombinedPaymentByAllOfIt(t *testing.T) {
	ctx := context.Background()
	now := func() time.Time { return time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC) }
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "core.db"), now, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rules, err := risk.Parse([]byte("version: 1\nrules:\n  - {id: large, decide: REVIEW, above_minor: 9999}\n"))
	if err != nil {
		t.Fatal(err)
	}
	wallet := paycore.Wallet("U1")
	pay := func(no string, minor int64) paycore.CreatePayment {
		return paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: "shop", AmountMinor: minor, Currency: "CNY"}
	}
	balance := []paycore.Part{{Means: paycore.Balance, Wallet: wallet, AmountMinor: 5000}, {Means: paycore.RedPacket, Wallet: wallet, AmountMinor: 4000}}
	results, err := paycore.New(db, nil, now).Do(ctx, pay("TOP", 20000), paycore.MarkPaid{PayNo: "TOP", ChannelRef: "wx", AmountMinor: 20000, Currency: "CNY", By: paycore.ByNotice},
		paycore.OpenEntity{ID: "U1", Kind: "USER", Name: "U1"}, paycore.OpenAccount{Entity: "U1", Currency: "CNY", Controls: paycore.Controls{Pay: true, TransferIn: true, Active: true}},
		paycore.Deposit{Number: "D1", PayNo: "TOP", Account: wallet},
		pay("ALONE", 9999), paycore.CreateCombined{CreatePayment: pay("LARGE", 10000), Parts: balance},
		paycore.CreateCombined{CreatePayment: pay("OWN", 9000), Parts: balance, Held: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Effect != paycore.Done {
			t.Fatalf("%+v", results)
		}
	}
	for no, want := range map[string]struct {
		minor int64
		says  error
	}{"ALONE": {9999, nil}, "LARGE": {10000, gateway.ErrReview}, "OWN": {9000, nil}} {
		p, err := db.Payment(ctx, no)
		if err != nil {
			t.Fatal(err)
		}
		if err := (watch{db, rules}).Judge(ctx, p, gateway.Payer{}); !errors.Is(err, want.says) || want.says == nil && err != nil {
			t.Errorf("%s: %v", no, err)
		}
		if d, err := db.RiskDecision(ctx, no); err != nil || d.AmountMinor != want.minor {
			t.Errorf("%s was judged as %d, %v", no, d.AmountMinor, err)
		}
	}
}
