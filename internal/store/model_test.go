package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// model is all the money of a few merchants and payers, as documents and what
// they stand for: what a reader of the documentation would expect, written
// without looking at the rules. It knows no postings: a document stands for
// balances by its state alone, whatever way led there.
type model struct {
	*rand.Rand
	db     *DB
	core   *paycore.Core
	at     time.Time
	op     int              // number of the operation
	why    error            // it was refused, for the message
	minor  map[string]int64 // by account, debit positive
	frozen map[string]int64 // by account
	made   map[string][]string
	again  []paycore.Command // what was done: asked for again it changes nothing

	modelPayments
	modelWallets
	modelInterop
	modelFixes
	modelBreaks
	modelSettlement
	modelSplits
	modelBank
}

// standing is a document: what it stands for in the ledger as it is now.
type standing interface {
	stands(add, hold func(account string, minor int64))
}

// become changes a document, and the balances with it.
func (m *model) become(d standing, how func()) {
	move := func(sign int64) {
		d.stands(func(account string, minor int64) { m.minor[account] += sign * minor },
			func(account string, minor int64) { m.frozen[account] += sign * minor })
	}
	move(-1)
	how()
	move(1)
}

// free is what the holder of a wallet may use.
func (m *model) free(who string) int64 {
	w := paycore.Wallet(who)
	return -m.minor[w] - m.frozen[w]
}

// act is one operation, and what the model says that it answers.
type act struct {
	kind string
	what any                    // for the message
	do   func() (string, error) // carries it out, and returns the answer
	want string
	idle bool     // it changes nothing at all
	pays []string // payments whose rows are looked at afterwards
}

// The answers that change nothing and refuse nothing.
var quiet = []string{string(paycore.Already), string(paycore.Early), string(paycore.Ignored), alreadyApplied, "KNOWN", "NOTHING", "ALREADY ALREADY", "IGNORED IGNORED", ""}

// outcome is how an operation is counted.
func (a *act) outcome() string {
	switch {
	case !a.idle:
		return "done"
	case slices.Contains(quiet, a.want):
		return "quiet"
	}
	return "refused"
}

// command is a command of the core and its effect.
func (m *model) command(c paycore.Command, want paycore.Effect, pays ...string) act {
	idle := want != paycore.Done && want != paycore.LateSuccess && want != paycore.DuplicatePayment
	if want == paycore.Done {
		m.again = append(m.again, c)
	}
	return act{kind: strings.TrimPrefix(fmt.Sprintf("%T", c), "paycore."), what: c, want: string(want), idle: idle, pays: pays, do: func() (string, error) {
		got, err := m.core.Do(context.Background(), c)
		if err != nil {
			return "", err
		}
		return string(got[0].Effect), nil
	}}
}

// call is any other operation. Where it fails, its answer is the id of the fault.
func (m *model) call(kind, what, want string, idle bool, do func() (string, error)) act {
	return act{kind: kind, what: what, want: want, idle: idle, do: func() (string, error) {
		got, err := do()
		var f *fault.Error
		if errors.As(err, &f) {
			m.why = f
			return string(f.ID), nil
		}
		return got, err
	}}
}

// fresh is a number that nobody used.
func (m *model) fresh(kind string) string {
	no := fmt.Sprintf("%s%d", kind, len(m.made[kind])+1)
	m.made[kind] = append(m.made[kind], no)
	return no
}

// pick is a number that is likely to be in use: one of the last so many, now and
// then any, and seldom one of nobody.
func (m *model) pick(kind string) string {
	list := m.made[kind]
	switch n := m.IntN(20); {
	case len(list) == 0 || n == 0:
		return kind + "0"
	case n < 3:
		return list[m.IntN(len(list))]
	}
	return list[len(list)-1-m.IntN(min(len(list), 25))]
}

// prefer picks one that suits, rather than one that does not.
func (m *model) prefer(kind string, suits func(no string) bool) string {
	no := m.pick(kind)
	for range 4 {
		if suits(no) {
			break
		}
		no = m.pick(kind)
	}
	return no
}

// number is a fresh number, and now and then one that is used.
func (m *model) number(kind string) string {
	if m.IntN(12) == 0 {
		return m.pick(kind)
	}
	return m.fresh(kind)
}

func (m *model) user() string { return fmt.Sprintf("U%d", 1+m.IntN(4)) }

// draw draws the next operation.
func (m *model) draw() act {
	kinds := []struct {
		weight int
		draw   func() act
	}{{45, m.drawPayment}, {20, m.drawWallet}, {8, m.drawInterop}, {8, m.fix}, {4, m.drawBreak}, {12, m.drawSettlement}, {10, m.drawSplit}, {9, m.drawBank}, {2, m.day}, {6, m.repeat}}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := m.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k.draw()
		}
	}
	panic("no kind")
}

// day lets a night go by.
func (m *model) day() act {
	m.at = m.at.Add(24 * time.Hour)
	return m.draw()
}

// repeat asks for something again that was done. What the other side says is
// heard again elsewhere.
func (m *model) repeat() act {
	for range 20 {
		if len(m.again) == 0 {
			break
		}
		switch c := m.again[m.IntN(len(m.again))].(type) {
		case paycore.CreatePayment, paycore.CreateCombined, paycore.CreateRefund, paycore.RefundLate, paycore.Freeze, paycore.Unfreeze, paycore.Transfer,
			paycore.Withdraw, paycore.Deposit, paycore.DebitByToken, paycore.RefundDebit, paycore.Sweep, paycore.PayOwn:
			return m.command(c, paycore.Already)
		}
	}
	return m.command(paycore.MarkPaid{PayNo: "P0", AmountMinor: 1, Currency: "CNY", By: paycore.ByNotice}, paycore.Early)
}

// watch looks at a database from outside, on a connection of its own.
type watch struct {
	*sql.Conn
	last int64            // posting that was seen
	sums map[string]int64 // of the postings, by account
}

// newWatch has every posting written down in the order in which it comes.
func newWatch(t *testing.T, db *DB) *watch {
	t.Helper()
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := db.writer.Exec(`PRAGMA synchronous = OFF;
		CREATE TABLE seen (n INTEGER PRIMARY KEY, txn TEXT, account TEXT, minor INTEGER);
		CREATE TRIGGER seen_posting AFTER INSERT ON posting BEGIN INSERT INTO seen (txn, account, minor) VALUES (NEW.txn, NEW.account, NEW.amount_minor); END;
		INSERT INTO seen (txn, account, minor) SELECT txn, account, amount_minor FROM posting`); err != nil {
		t.Fatal(err)
	}
	return &watch{Conn: conn, sums: map[string]int64{}}
}

// version changes when anything at all is committed.
func (w *watch) version(t *testing.T) (v int64) {
	t.Helper()
	if err := w.QueryRowContext(context.Background(), `PRAGMA data_version`).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// postings adds up what was posted since, transaction by transaction.
func (w *watch) postings(t *testing.T) {
	t.Helper()
	rows, err := w.QueryContext(context.Background(), `SELECT n, txn, account, minor FROM seen WHERE n > $1 ORDER BY n`, w.last)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	byTxn := map[string]int64{}
	for rows.Next() {
		var txn, account string
		var minor int64
		if err := rows.Scan(&w.last, &txn, &account, &minor); err != nil {
			t.Fatal(err)
		}
		w.sums[account] += minor
		byTxn[txn] += minor
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for txn, sum := range byTxn {
		if sum != 0 {
			t.Fatalf("debits and credits of %s differ by %d", txn, sum)
		}
	}
}

// debitNormal are the kinds of accounts that grow on the debit side.
var debitNormal = []string{"clearing", "fee_expense", "suspense_paid", "write_off", "bank"}

// compare holds each balance against the sum of its postings and the model's
// own number.
func (m *model) compare(t *testing.T, w *watch) {
	t.Helper()
	w.postings(t)
	rows, err := w.QueryContext(context.Background(), `SELECT account, available_minor, frozen_minor FROM account_balance`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen, all := 0, int64(0)
	for rows.Next() {
		var account string
		var available, frozen int64
		if err := rows.Scan(&account, &available, &frozen); err != nil {
			t.Fatal(err)
		}
		balance := available + frozen
		if kind, _, _ := strings.Cut(account, ":"); !slices.Contains(debitNormal, kind) {
			balance = -balance
		}
		if balance != w.sums[account] || balance != m.minor[account] || frozen != m.frozen[account] {
			t.Fatalf("%s has %d, %d of it frozen; its postings come to %d; the model says %d and %d", account, balance, frozen, w.sums[account], m.minor[account], m.frozen[account])
		}
		all += balance
		seen++
	}
	if err := rows.Err(); err != nil || all != 0 {
		t.Fatalf("debits and credits differ by %d, %v", all, err)
	}
	for account, minor := range m.minor {
		if _, posted := w.sums[account]; !posted && minor != 0 {
			t.Fatalf("nothing was posted to %s; the model says %d", account, minor)
		}
	}
}

// newModel opens a world: wallets with some money, tokens for debits.
func newModel(t *testing.T, seed uint64) *model {
	t.Helper()
	m := &model{Rand: rand.New(rand.NewPCG(20261122, seed)), at: testStart, minor: map[string]int64{}, frozen: map[string]int64{}, made: map[string][]string{}}
	now := func() time.Time { return m.at }
	m.db = OpenNew(t, now)
	m.db.SealWith([]byte("key"))
	m.core = paycore.New(m.db, paycore.Rates{"wechat": {"wechat-main": {PPM: 6000, RefundsReturn: true}}, "bankdemo": {"bank-va": {PPM: 1000}}}, now)
	m.openPayments()
	m.openWallets(t)
	m.openInterop(t)
	m.openSettlement()
	m.modelBank = modelBank{remits: map[string]*modelRemit{}, paybacks: map[string]*modelPayback{}}
	m.openSplits(t)
	m.modelFixes, m.modelBreaks = modelFixes{map[string]*modelFix{}}, modelBreaks{map[string]*modelCase{}, nil}
	return m
}

// TestMoneyAgreesWithModel runs 100,000 random operations on everything that
// moves money, in worlds of 2,000, and compares after each: the answer with the
// model's; every balance with the sum of its postings and with the model;
// debits with credits; refunds with what they give back, part by part. What
// changes nothing leaves the database as it was, to the byte. A short run takes
// a twentieth of the worlds.
func TestMoneyAgreesWithModel(t *testing.T) {
	const operations = 2000
	worlds := uint64(50)
	if testing.Short() {
		worlds = 3
	}
	counts, ran := map[string]map[string]int{}, uint64(0)
	for seed := range worlds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			m := newModel(t, seed)
			w := newWatch(t, m.db)
			m.compare(t, w)
			for range operations {
				m.step(t, w, counts)
			}
			checkBooks(t, m.db)
			ran++
		})
	}
	if ran != worlds || testing.Short() {
		return // too few for every kind
	}
	for _, kind := range sorted(counts) {
		n := counts[kind]
		t.Logf("%-18s %6d done %6d refused %6d quiet", kind, n["done"], n["refused"], n["quiet"])
		if n["done"] == 0 || n["refused"] == 0 && !slices.Contains(neverRefused, kind) {
			t.Errorf("%s: %v", kind, n)
		}
	}
}

// neverRefused are the operations that at most find nothing to do.
var neverRefused = []string{"night", "fixes", "collect", "pay out", "work", "receipt", "await"}

// step carries out one operation.
func (m *model) step(t *testing.T, w *watch, counts map[string]map[string]int) {
	t.Helper()
	m.op++
	m.at = m.at.Add(time.Second)
	m.why = nil
	a := m.draw()
	before := w.version(t)
	got, err := a.do()
	if err != nil || got != a.want {
		t.Fatalf("operation %d, %s %+v: got %s, %v %v; want %s", m.op, a.kind, a.what, got, err, m.why, a.want)
	}
	if changed := w.version(t) != before; changed == a.idle {
		t.Fatalf("operation %d, %s %+v: %s, and it changed something: %v", m.op, a.kind, a.what, got, changed)
	}
	defer func() {
		if t.Failed() {
			t.Logf("operation %d was %s %+v: %s", m.op, a.kind, a.what, got)
		}
	}()
	if !a.idle {
		m.compare(t, w)
		m.parts(t, w, a.pays)
	}
	if counts[a.kind] == nil {
		counts[a.kind] = map[string]int{}
	}
	counts[a.kind][a.outcome()]++
}
