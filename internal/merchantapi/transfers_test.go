package merchantapi_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// wallets opens wallets, and fills that of M01 with a paid order of his.
func (w *world) wallets(holders ...string) {
	w.t.Helper()
	free := paycore.Controls{Pay: true, Withdraw: true, TransferIn: true, TransferOut: true, Active: true}
	for _, h := range holders {
		if _, err := w.core.Do(context.Background(), paycore.OpenEntity{ID: h, Kind: "MERCHANT", Name: h}, paycore.OpenAccount{Entity: h, Currency: "CNY", Controls: free}); err != nil {
			w.t.Fatal(err)
		}
	}
	payNo := w.paidOrder("M01", "TOP")
	top := merchantapi.NewTransfer{AmountMinor: 10000, Currency: "CNY", FromPayment: payNo, To: "M01"}
	for range 2 {
		if d, err := w.client("M01").Transfer(w.t.Context(), "top-up-01", top); err != nil || d.State != "SUCCESS" || d.To != "M01" {
			w.t.Fatal(d, err)
		}
	}
}

func (w *world) wallet(holder string, available, frozen int64) {
	w.t.Helper()
	a, err := w.db.Account(context.Background(), paycore.AccountKey{Name: paycore.Wallet(holder), Currency: "CNY"})
	if err != nil || a.AvailableMinor != available || a.FrozenMinor != frozen {
		w.t.Errorf("wallet of %s: %+v, %v; want %d and %d", holder, a, err, available, frozen)
	}
}

var outside = &merchantapi.BankAccount{Name: "Zhang San", Account: "6222000011113333", Bank: "103"}

// Money goes from wallet to wallet at once; to a bank it is set aside until the
// bank has answered, and the answer is shown.
func TestTransferAndWithdraw(t *testing.T) {
	w := newWorld(t)
	w.wallets("M01", "M02")
	c, ctx := w.client("M01"), t.Context()
	inside, err := c.Transfer(ctx, "transfer-1", merchantapi.NewTransfer{AmountMinor: 1000, Currency: "CNY", To: "M02"})
	if err != nil || inside.State != "SUCCESS" || inside.To != "M02" {
		t.Fatalf("got %+v, %v", inside, err)
	}
	out, err := c.Transfer(ctx, "transfer-2", merchantapi.NewTransfer{AmountMinor: 2000, Currency: "CNY", Payee: outside})
	if err != nil || out.State != "PROCESSING" || out.Payee.Account != "****3333" || out.Payee.Name != "Zhang San" {
		t.Fatalf("got %+v, %v", out, err)
	}
	own, err := c.Withdraw(ctx, "withdraw-1", merchantapi.NewWithdrawal{AmountMinor: 3000, Currency: "CNY"})
	if err != nil || own.State != "PROCESSING" || own.Payee.Account != "****2222" {
		t.Fatalf("got %+v, %v", own, err)
	}
	w.wallet("M01", 4000, 5000)
	w.wallet("M02", 1000, 0)
	urls := map[string]string{"M01": "https://merchant.example/notify"}
	if h, err := w.db.HearPayout(ctx, settlement.Answer{Number: out.Number, State: settlement.Paid, AmountMinor: 2000, Currency: "CNY"}, "chen", urls); err != nil || h.Heard != settlement.NoPayout {
		t.Fatal("the bank was told of nothing yet", h, err)
	}
	if files, _, err := w.db.StartPayouts(ctx, "icbc", bizday.Make(2026, 11, 23), "chen"); err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for no, state := range map[string]settlement.State{out.Number: settlement.Paid, own.Number: settlement.Failed} {
		minor := int64(2000)
		if no == own.Number {
			minor = 3000
		}
		if h, err := w.db.HearPayout(ctx, settlement.Answer{Number: no, State: state, AmountMinor: minor, Currency: "CNY", BankRef: "b1", Reason: "account closed"}, "chen", urls); err != nil || h.Heard != settlement.Moved {
			t.Fatal(h, err)
		}
	}
	w.wallet("M01", 7000, 0)
	w.told("withdrawal.success:"+out.Number, `"amount_minor":2000,"currency":"CNY","bank_ref":"b1"`)
	w.told("withdrawal.failed:"+own.Number, `"amount_minor":3000,"currency":"CNY","bank_ref":"account closed"`)
	if got, err := c.TransferOf(ctx, out.Number); err != nil || got.State != "SUCCESS" || got.BankRef != "b1" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Withdrawal(ctx, own.Number); err != nil || got.State != "FAILED" || got.BankRef != "account closed" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.Withdrawal(ctx, out.Number); code(err) != "E-6416" {
		t.Errorf("a transfer is shown as a withdrawal: %v", err)
	}
	for _, no := range []string{inside.Number, out.Number} { // also the receiver does not see the sender's
		if _, err := w.client("M02").TransferOf(ctx, no); code(err) != "E-6416" {
			t.Errorf("another's: %v", err)
		}
	}
	// The same request again is the same transfer, with the answer of the first time.
	if again, err := c.Transfer(ctx, "transfer-2", merchantapi.NewTransfer{AmountMinor: 2000, Currency: "CNY", Payee: outside}); err != nil || again.Number != out.Number || again.State != "PROCESSING" {
		t.Errorf("got %+v, %v", again, err)
	}
	w.wallet("M01", 7000, 0)
}

// told looks for a notice that waits for the merchant.
func (w *world) told(id, body string) {
	w.t.Helper()
	list, err := w.client("M01").Notices(w.t.Context(), "PENDING")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range list.Notices {
		if n.EventID == id && strings.Contains(string(n.Body), body) {
			return
		}
	}
	w.t.Errorf("no notice %s with %s in %+v", id, body, list.Notices)
}

// A merchant sees the wallets of his holders, as the books have them, and no
// other one's.
func TestWalletIsShownToItsOwner(t *testing.T) {
	w := newWorld(t)
	w.wallets("M01", "M02", "M01.alice")
	c, ctx := w.client("M01"), t.Context()
	if _, err := c.Withdraw(ctx, "withdraw-1", merchantapi.NewWithdrawal{AmountMinor: 3000, Currency: "CNY"}); err != nil {
		t.Fatal(err)
	}
	usd := paycore.AccountKey{Name: paycore.Wallet("M01"), Currency: "USD"}
	if _, err := w.core.Do(ctx, paycore.OpenAccount{Entity: "M01", Currency: "USD", Controls: paycore.Controls{Active: true}},
		paycore.ControlAccount{AccountKey: usd, Controls: paycore.Controls{Active: true, TransferIn: true, Frozen: true}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Wallet(ctx, "M01")
	want := &merchantapi.Wallet{Holder: "M01", Balances: []merchantapi.WalletBalance{
		{Currency: "CNY", AvailableMinor: 7000, FrozenMinor: 3000, Pay: true, Withdraw: true, TransferIn: true, TransferOut: true, Active: true},
		{Currency: "USD", TransferIn: true, Active: true, Frozen: true}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got, err := c.Wallet(ctx, "M01.alice"); err != nil || len(got.Balances) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	for merchant, holders := range map[string][]string{"M01": {"M02", "M01x", "", "M01.bob"}, "M02": {"M01", "M01.alice"}} {
		for _, holder := range holders {
			if got, err := w.client(merchant).Wallet(ctx, holder); code(err) != "E-6416" && code(err) != "E-6417" {
				t.Errorf("%s sees %s: %+v, %v", merchant, holder, got, err)
			}
		}
	}
	if _, err := w.client("M03").Wallet(ctx, "M03"); code(err) != "E-6411" {
		t.Errorf("without permission: %v", err)
	}
}

// 64 withdrawals at once never take more than is there.
func TestWithdrawalsRace(t *testing.T) {
	w := newWorld(t)
	w.wallets("M01")
	var all sync.WaitGroup
	outcome := make([]string, 64)
	for i := range outcome {
		all.Go(func() {
			_, err := w.client("M01").Withdraw(t.Context(), fmt.Sprintf("withdraw-%02d", i), merchantapi.NewWithdrawal{AmountMinor: 3000, Currency: "CNY"})
			outcome[i] = code(err)
		})
	}
	all.Wait()
	count := map[string]int{}
	for _, c := range outcome {
		count[c]++
	}
	if count[""] != 3 || count["E-6419"] != 61 {
		t.Errorf("got %v", count)
	}
	w.wallet("M01", 1000, 9000)
}

func TestAttack29_MoneyOfOthersIsNotMoved(t *testing.T) {
	w := newWorld(t)
	w.wallets("M01", "M02", "M04", "M05")
	ctx, payNo := t.Context(), w.paidOrder("M01", "O1")
	for name, c := range map[string]struct {
		merchant string
		transfer merchantapi.NewTransfer
		want     string
	}{
		"another's payment": {"M02", merchantapi.NewTransfer{AmountMinor: 10000, Currency: "CNY", FromPayment: payNo, To: "M02"}, "E-6416"},
		"part of a payment": {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", FromPayment: payNo, To: "M02"}, "E-6413"},
		"an empty wallet":   {"M02", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", To: "M01"}, "E-6419"},
		"to himself":        {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", To: "M01"}, "E-6419"},
		"to nobody":         {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", To: "M99"}, "E-6419"},
		"a ledger account":  {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", To: "x:payable:M02"}, "E-6413"},
		"no receiver":       {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY"}, "E-6413"},
		"two receivers":     {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", To: "M02", Payee: outside}, "E-6413"},
		"negative":          {"M01", merchantapi.NewTransfer{AmountMinor: -1, Currency: "CNY", To: "M02"}, "E-6413"},
		"other currency":    {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "USD", To: "M02"}, "E-6419"},
		"a formula":         {"M01", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", Payee: &merchantapi.BankAccount{Name: "=1+1", Account: "1", Bank: "1"}}, "E-6413"},
		"without contract":  {"M05", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", Payee: outside}, "E-6429"},
		"no permission":     {"M03", merchantapi.NewTransfer{AmountMinor: 1, Currency: "CNY", To: "M01"}, "E-6411"},
	} {
		if d, err := w.client(c.merchant).Transfer(ctx, "transfer-"+fmt.Sprint(len(name))+c.merchant+c.want, c.transfer); code(err) != c.want {
			t.Errorf("%s: got %+v, %v; want %s", name, d, err, c.want)
		}
	}
	if _, err := w.client("M03").Withdraw(ctx, "withdraw-1", merchantapi.NewWithdrawal{AmountMinor: 1, Currency: "CNY"}); code(err) != "E-6411" {
		t.Errorf("no permission to withdraw: %v", err)
	}
	w.wallet("M01", 10000, 0)
}
