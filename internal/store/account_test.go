package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

var free = paycore.Controls{Pay: true, Withdraw: true, TransferIn: true, TransferOut: true, Active: true}

func wallet(entity string) paycore.AccountKey {
	return paycore.AccountKey{Name: paycore.Wallet(entity), Currency: "CNY"}
}

// openWallets gives users wallets, the first of them with money from a payment.
func openWallets(t testing.TB, core *paycore.Core, minor int64, users ...string) {
	t.Helper()
	for _, u := range users {
		do(t, core, paycore.Done, paycore.OpenEntity{ID: u, Kind: "USER", Name: u}, paycore.OpenAccount{Entity: u, Currency: "CNY", Controls: free})
	}
	if minor > 0 {
		no := "TOP-" + users[0]
		do(t, core, paycore.Done, pay(no, minor), paidBy(no, minor), paycore.Deposit{Number: "D-" + users[0], PayNo: no, Account: paycore.Wallet(users[0])})
	}
}

// checkWallet compares available and frozen, and all the proofs of the books.
func checkWallet(t testing.TB, db *DB, entity string, available, frozen int64) {
	t.Helper()
	a, err := db.Account(context.Background(), wallet(entity))
	if err != nil || a == nil {
		t.Fatalf("account of %s: %v, %v", entity, a, err)
	}
	if a.AvailableMinor != available || a.FrozenMinor != frozen {
		t.Errorf("%s: got %d available and %d frozen, want %d and %d", entity, a.AvailableMinor, a.FrozenMinor, available, frozen)
	}
	checkBooks(t, db)
}

func TestFreezeIsPartialAndIdempotent(t *testing.T) {
	db, core := testBooks(t)
	openWallets(t, core, 1000, "U1")
	freeze := paycore.Freeze{Number: "F1", AccountKey: wallet("U1"), AmountMinor: 700}
	do(t, core, paycore.Done, freeze)
	do(t, core, paycore.Already, freeze)
	do(t, core, paycore.Refused, paycore.Freeze{Number: "F1", AccountKey: wallet("U1"), AmountMinor: 100},
		paycore.Freeze{Number: "F2", AccountKey: wallet("U1"), AmountMinor: 301}, paycore.Freeze{Number: "F3", AccountKey: wallet("U1"), AmountMinor: -1},
		paycore.Freeze{Number: "F4", AccountKey: wallet("U9"), AmountMinor: 1})
	checkWallet(t, db, "U1", 300, 700)
	back := paycore.Unfreeze{Number: "B1", Freeze: "F1", AmountMinor: 200}
	do(t, core, paycore.Done, back)
	do(t, core, paycore.Already, back)
	do(t, core, paycore.Refused, paycore.Unfreeze{Number: "B2", Freeze: "F1", AmountMinor: 501}, paycore.Unfreeze{Number: "B2", Freeze: "B1", AmountMinor: 1},
		paycore.Unfreeze{Number: "B1", Freeze: "F1", AmountMinor: 1})
	checkWallet(t, db, "U1", 500, 500)
	do(t, core, paycore.Done, paycore.Unfreeze{Number: "B3", Freeze: "F1", AmountMinor: 500})
	do(t, core, paycore.Refused, paycore.Unfreeze{Number: "B4", Freeze: "F1", AmountMinor: 1})
	checkWallet(t, db, "U1", 1000, 0)
}

func TestTransferObeysTheControls(t *testing.T) {
	db, core := testBooks(t)
	openWallets(t, core, 1000, "U1", "U2")
	transfer := func(no string, minor int64) paycore.Transfer {
		return paycore.Transfer{Number: no, From: "wallet:U1", To: "wallet:U2", AmountMinor: minor, Currency: "CNY"}
	}
	do(t, core, paycore.Done, transfer("T1", 400))
	do(t, core, paycore.Already, transfer("T1", 400))
	self := transfer("T2", 1)
	self.To = self.From
	outside := transfer("T2", 1)
	outside.To = "payable:M01"
	dollars := transfer("T2", 1)
	dollars.Currency = "USD"
	do(t, core, paycore.Refused, transfer("T1", 401), transfer("T2", 601), transfer("T2", 0), self, outside, dollars)
	for name, c := range map[string]struct {
		account string
		set     func(*paycore.Controls)
	}{
		"no transfer out": {"U1", func(c *paycore.Controls) { c.TransferOut = false }},
		"no transfer in":  {"U2", func(c *paycore.Controls) { c.TransferIn = false }},
		"frozen":          {"U2", func(c *paycore.Controls) { c.Frozen = true }},
		"frozen giver":    {"U1", func(c *paycore.Controls) { c.Frozen = true }},
	} {
		controls := free
		c.set(&controls)
		do(t, core, paycore.Done, paycore.ControlAccount{AccountKey: wallet(c.account), Controls: controls})
		before := state(t, db)
		do(t, core, paycore.Refused, transfer("T3", 1))
		for table, rows := range state(t, db) {
			if rows != before[table] {
				t.Errorf("%s: a refused transfer changed %s", name, table)
			}
		}
		do(t, core, paycore.Done, paycore.ControlAccount{AccountKey: wallet(c.account), Controls: free})
	}
	closed := free
	closed.Active = false
	do(t, core, paycore.Refused, paycore.ControlAccount{AccountKey: wallet("U2"), Controls: closed})
	checkWallet(t, db, "U1", 600, 0)
	checkWallet(t, db, "U2", 400, 0)
}

func TestWithdrawalGivesBackWhatTheBankRefuses(t *testing.T) {
	db, core := testBooks(t)
	openWallets(t, core, 1000, "U1")
	ask := func(no string, minor int64) paycore.Withdraw {
		return paycore.Withdraw{Number: no, AccountKey: wallet("U1"), AmountMinor: minor, Bank: "icbc", Payee: "6222"}
	}
	answer := func(no string, paid bool, minor int64) paycore.AnswerWithdrawal {
		return paycore.AnswerWithdrawal{Number: no, Paid: paid, AmountMinor: minor, BankRef: "b-" + no}
	}
	do(t, core, paycore.Done, ask("W1", 600))
	do(t, core, paycore.Already, ask("W1", 600))
	do(t, core, paycore.Refused, ask("W2", 401), answer("W1", true, 599), answer("W9", true, 1), paycore.Unfreeze{Number: "B", Freeze: "W1", AmountMinor: 1})
	checkWallet(t, db, "U1", 400, 600)
	do(t, core, paycore.Done, answer("W1", false, 600))
	do(t, core, paycore.Already, answer("W1", false, 600))
	do(t, core, paycore.Refused, answer("W1", true, 600))
	checkWallet(t, db, "U1", 1000, 0)
	do(t, core, paycore.Done, ask("W2", 300), answer("W2", true, 300))
	do(t, core, paycore.Already, answer("W2", true, 300))
	checkWallet(t, db, "U1", 700, 0)
	do(t, core, paycore.Done, answer("W2", false, 300)) // it came back
	checkWallet(t, db, "U1", 1000, 0)
}

func TestDepositTakesAPaymentOnce(t *testing.T) {
	db, core := testBooks(t)
	openWallets(t, core, 1000, "U1")
	do(t, core, paycore.Already, paycore.Deposit{Number: "D-U1", PayNo: "TOP-U1", Account: "wallet:U1"})
	do(t, core, paycore.Done, pay("P2", 500))
	do(t, core, paycore.Refused, paycore.Deposit{Number: "D2", PayNo: "TOP-U1", Account: "wallet:U1"}, paycore.Deposit{Number: "D2", PayNo: "P2", Account: "wallet:U1"},
		paycore.CreateRefund{RefundNo: "R1", PayNo: "TOP-U1", AmountMinor: 1, Currency: "CNY"})
	do(t, core, paycore.Done, paidBy("P2", 500), paycore.CreateRefund{RefundNo: "R2", PayNo: "P2", AmountMinor: 1, Currency: "CNY"})
	do(t, core, paycore.Refused, paycore.Deposit{Number: "D2", PayNo: "P2", Account: "wallet:U1"})
	checkWallet(t, db, "U1", 1000, 0)
}

func TestMerchantsStandBelowMerchants(t *testing.T) {
	_, core := testBooks(t)
	shop := paycore.OpenEntity{ID: "M2", Kind: "MERCHANT", Parent: "M1", Name: "shop"}
	do(t, core, paycore.Refused, shop)
	do(t, core, paycore.Done, paycore.OpenEntity{ID: "M1", Kind: "MERCHANT", Name: "chain"}, shop)
	do(t, core, paycore.Already, shop)
	do(t, core, paycore.Refused, paycore.OpenEntity{ID: "M2", Kind: "MERCHANT", Name: "shop"}, paycore.OpenEntity{ID: "U1", Kind: "USER", Parent: "M1", Name: "u"},
		paycore.OpenEntity{ID: "a:b", Kind: "USER", Name: "u"}, paycore.OpenEntity{ID: "U1", Kind: "ROBOT", Name: "u"})
	overdraft := free
	overdraft.Overdraft = true
	do(t, core, paycore.Refused, paycore.OpenAccount{Entity: "M1", Currency: "CNY", Controls: overdraft}, paycore.OpenAccount{Entity: "M1", Currency: "XQX", Controls: free},
		paycore.OpenAccount{Entity: "U7", Currency: "CNY", Controls: free})
}

func TestUnknownSubjectIsNotPostedTo(t *testing.T) {
	db, _ := testBooks(t)
	before := state(t, db)
	_, err := db.Execute(context.Background(), []paycore.Command{posts{{Account: "clearing:wechat:wechat-main", Currency: "CNY", Minor: 1}, {Account: "slush:boss", Currency: "CNY", Minor: -1}}})
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != "E-5070" {
		t.Fatalf("got %v, want E-5070", err)
	}
	for table, rows := range state(t, db) {
		if rows != before[table] {
			t.Errorf("%s changed", table)
		}
	}
}

// posts is a command that books entries, whatever they are.
type posts []paycore.Entry

func (posts) Reads() paycore.Reads                                     { return paycore.Reads{} }
func (p posts) Complete(int64, paycore.Rates) (paycore.Command, error) { return p, nil }
func (p posts) Decide(paycore.View) (*paycore.Change, paycore.Result) {
	return &paycore.Change{Entries: p, Documents: nil, Subject: "x", Payment: nil}, paycore.Result{Effect: paycore.Done}
}

func TestWalletBelowZeroIsRefusedByTheDatabase(t *testing.T) {
	db, core := testBooks(t)
	openWallets(t, core, 100, "U1")
	_, err := db.Execute(context.Background(), []paycore.Command{posts{{Account: "wallet:U1", Currency: "CNY", Minor: 101}, {Account: "bank:x", Currency: "CNY", Minor: -101}}})
	if err == nil || !strings.Contains(err.Error(), "below zero") {
		t.Fatalf("got %v", err)
	}
	checkWallet(t, db, "U1", 100, 0)
}

// TestAttack38_EditedBalanceStopsItsAccount: a row that is edited, put back to
// an older version, moved to another account, or taken away stops its account
// and no other one.
func TestAttack38_EditedBalanceStopsItsAccount(t *testing.T) {
	for name, edit := range map[string]string{
		"more money":      `UPDATE account_balance SET available_minor = available_minor + 1 WHERE account = 'wallet:U1'`,
		"unfrozen":        `UPDATE account_balance SET available_minor = available_minor + 5, frozen_minor = frozen_minor - 5 WHERE account = 'wallet:U1'`,
		"another version": `UPDATE account_balance SET version = version + 1 WHERE account = 'wallet:U1'`,
		"no seal":         `UPDATE account_balance SET seal = '' WHERE account = 'wallet:U1'`,
		"a neighbour's":   `UPDATE account_balance SET (available_minor, frozen_minor, version, seal) = (SELECT available_minor, frozen_minor, version, seal FROM account_balance WHERE account = 'payable:M01') WHERE account = 'wallet:U1'`,
		"gone":            `DELETE FROM account_balance WHERE account = 'wallet:U1'`,
	} {
		db, core := testBooks(t)
		db.SealWith([]byte("0123456789abcdef0123456789abcdef"))
		openWallets(t, core, 1000, "U1", "U2")
		do(t, core, paycore.Done, paycore.Freeze{Number: "F1", AccountKey: wallet("U1"), AmountMinor: 5},
			paycore.Transfer{Number: "T0", From: "wallet:U1", To: "wallet:U2", AmountMinor: 10, Currency: "CNY"})
		checkBooks(t, db)
		plant(t, db, edit)
		if !strings.Contains(failing(t, db), "ledger.seals") && !strings.Contains(failing(t, db), "ledger.balances") {
			t.Errorf("%s: verify says %q", name, failing(t, db))
		}
		_, err := core.Do(context.Background(), paycore.Transfer{Number: "T1", From: "wallet:U1", To: "wallet:U2", AmountMinor: 1, Currency: "CNY"})
		var f *fault.Error
		if !errors.As(err, &f) || f.ID != "E-5071" || f.Values["account"] != "wallet:U1" {
			t.Errorf("%s: got %v, want E-5071 of wallet:U1", name, err)
		}
		do(t, core, paycore.Done, pay("P9", 100), paidBy("P9", 100)) // others go on
	}
}

func TestSealedBooksNeedTheirKey(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 100), paidBy("P1", 100))
	db.SealWith([]byte("key"))
	if err := db.SealBalances(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, db)
	for key, id := range map[string]fault.ID{"": "E-7871", "other": "E-5071"} {
		db.SealWith([]byte(key))
		_, err := core.Do(context.Background(), pay("P2", 100), paidBy("P2", 100))
		var f *fault.Error
		if !errors.As(err, &f) || f.ID != id {
			t.Errorf("key %q: got %v, want %s", key, err, id)
		}
	}
	db.SealWith([]byte("key"))
	do(t, core, paycore.Done, pay("P2", 100), paidBy("P2", 100))
	plant(t, db, `UPDATE account_balance SET available_minor = available_minor + 1 WHERE account = 'payable:M01'`)
	var f *fault.Error
	if err := db.SealBalances(context.Background()); !errors.As(err, &f) || f.ID != "E-5072" {
		t.Errorf("a wrong balance was sealed: %v", err)
	}
}

// TestFaultP7_HotAccountBalance: 1,000 transfers of 64 callers into one account,
// each once, none lost.
func TestFaultP7_HotAccountBalance(t *testing.T) {
	db, core := testBooks(t)
	db.SealWith([]byte("key"))
	openWallets(t, core, 1000, "U1", "U2")
	var all sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		all.Go(func() {
			for n := i; n < 1000 && errs[i] == nil; n += len(errs) {
				_, errs[i] = core.Do(context.Background(), paycore.Transfer{Number: fmt.Sprintf("T%d", n), From: "wallet:U1", To: "wallet:U2", AmountMinor: 1, Currency: "CNY"})
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	checkWallet(t, db, "U1", 0, 0)
	checkWallet(t, db, "U2", 1000, 0)
}

func TestVerifyFindsDefectsOfAccounts(t *testing.T) {
	for check, defect := range map[string]string{
		"ledger.balances":  `UPDATE account_balance SET available_minor = available_minor + 1 WHERE account = 'clearing:wechat:wechat-main'`,
		"ledger.frozen":    `UPDATE account_balance SET available_minor = available_minor - 1, frozen_minor = frozen_minor + 1 WHERE account = 'wallet:U1'`,
		"ledger.freezes":   `UPDATE account_document SET back_minor = back_minor + 1 WHERE kind = 'FREEZE'`,
		"ledger.overdrawn": `UPDATE account_balance SET available_minor = -1 WHERE account = 'wallet:U1'`,
		"ledger.deposits":  `UPDATE payment SET settled_in = ''`,
		"ledger.chart":     `UPDATE ledger_account SET type = 'ASSET' WHERE name = 'wallet:U1'`,
		"ledger.seals":     `UPDATE account_balance SET seal = 'x' WHERE account = 'wallet:U1'`,
	} {
		db, core := testBooks(t)
		openWallets(t, core, 1000, "U1")
		do(t, core, paycore.Done, paycore.Freeze{Number: "F1", AccountKey: wallet("U1"), AmountMinor: 100}, paycore.Unfreeze{Number: "B1", Freeze: "F1", AmountMinor: 10})
		checkWallet(t, db, "U1", 910, 90)
		plant(t, db, defect)
		if !strings.Contains(failing(t, db), check) {
			t.Errorf("%s: not noticed by %s, only by %q", defect, check, failing(t, db))
		}
	}
}
