package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/paycore"
	"tieout/schemas"
)

func TestBooksAreAppendOnly(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	apply(t, db, missed(), "APPLIED")
	for _, table := range []string{"posting", "journal", "fix", "order_event"} {
		for _, change := range []string{
			"DELETE FROM " + table,
			"UPDATE " + table + " SET rowid = rowid",
			"UPDATE " + table + " SET " + map[string]string{"posting": "amount_minor = amount_minor + 1", "journal": "cause = 'x'", "fix": "run_id = 'x'", "order_event": "detail = 'x'"}[table],
			"INSERT OR REPLACE INTO " + table + " SELECT * FROM " + table,
		} {
			before := state(t, db)
			_, err := db.sql.Exec(change)
			if err == nil && (table != "fix" || !strings.HasPrefix(change, "INSERT")) {
				t.Errorf("%s: done", change)
			}
			for name, rows := range state(t, db) {
				if rows != before[name] {
					t.Errorf("%s: %s changed", change, name)
				}
			}
		}
	}
	checkBooks(t, db)
}

func TestFaultP6_UnbalancedEntryIsRefusedByTheDatabase(t *testing.T) {
	db, _ := testBooks(t)
	post := func(legs int, postings ...string) error {
		tx, err := db.sql.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		for i, p := range postings {
			if _, err := tx.Exec(fmt.Sprintf(`INSERT INTO posting (txn, leg, account, currency, amount_minor) VALUES ('t', %d, %s)`, i+1, p)); err != nil {
				return err
			}
		}
		if legs > 0 {
			if _, err := tx.Exec(`INSERT INTO journal (id, cause, subject, legs, at_us) VALUES ('t', 'test', 's', $1, 0)`, legs); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	if _, err := db.sql.Exec(`INSERT INTO ledger_account (name, type) VALUES ('a', 'ASSET'), ('b', 'LIABILITY')`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		legs     int
		why      string
		postings []string
	}{
		"debits and credits differ": {2, "do not balance", []string{"'a', 'CNY', 100", "'b', 'CNY', -99"}},
		"currencies mixed":          {2, "do not balance", []string{"'a', 'CNY', 100", "'b', 'USD', -100"}},
		"a zero leg":                {3, "amount_minor <> 0", []string{"'a', 'CNY', 100", "'b', 'CNY', -100", "'a', 'CNY', 0"}},
		"one leg":                   {1, "do not balance", []string{"'a', 'CNY', 100"}},
		"a leg is missing":          {3, "are not all there", []string{"'a', 'CNY', 100", "'b', 'CNY', -100"}},
		"never sealed":              {0, "FOREIGN KEY", []string{"'a', 'CNY', 100", "'b', 'CNY', -100"}},
		"unknown account":           {2, "FOREIGN KEY", []string{"'a', 'CNY', 100", "'c', 'CNY', -100"}},
	} {
		if err := post(c.legs, c.postings...); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := post(2, "'a', 'CNY', 100", "'b', 'CNY', -100"); err != nil {
		t.Errorf("a balanced one: %v", err)
	}
	if _, err := db.sql.Exec(`INSERT INTO posting (txn, leg, account, currency, amount_minor) VALUES ('t', 3, 'a', 'CNY', 1)`); err == nil {
		t.Error("a sealed transaction took a posting")
	}
}

// Entries of a command that is wrong do not reach the database.
func TestFaultP6_UnbalancedEntryIsRefusedByTheCode(t *testing.T) {
	db, _ := testBooks(t)
	for why, entries := range map[string]posts{
		"debits and credits differ in CNY": {{Account: "bank:a", Currency: "CNY", Minor: 1}, {Account: "bank:b", Currency: "CNY", Minor: 1}},
		"debits and credits differ in ":    {{Account: "bank:a", Currency: "CNY", Minor: 1}, {Account: "bank:b", Currency: "USD", Minor: -1}},
		"is not one":                       {{Account: "bank:a", Currency: "CNY", Minor: 1}, {Account: "bank:b", Currency: "CNY", Minor: -1}, {Account: "bank:b", Currency: "CNY"}},
		"needs two entries":                {{Account: "bank:a", Currency: "CNY", Minor: 1}},
	} {
		if _, err := db.Execute(t.Context(), []paycore.Command{entries}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v: got %v, want %q", entries, err, why)
		}
	}
	checkBalances(t, db, nil)
}

// TestVerifyBooksFiresOnEachDefect plants one defect a check and expects that
// check to name it. The triggers are taken away first: a defect needs them gone.
func TestVerifyBooksFiresOnEachDefect(t *testing.T) {
	for check, defects := range map[string][]string{
		"ledger.transactions":  {`UPDATE posting SET amount_minor = amount_minor + 1 WHERE leg = 1`},
		"ledger.trial_balance": {`UPDATE posting SET amount_minor = amount_minor + 1 WHERE leg = 2`},
		"ledger.legs":          {`DELETE FROM posting WHERE leg = 4`, `UPDATE journal SET legs = legs + 1`},
		"ledger.fixes":         {`UPDATE fix SET txn = NULL`, `UPDATE journal SET fix_key = NULL`, `DELETE FROM fix WHERE kind = 'SET_SUCCESS'`},
		"ledger.reversals":     {`UPDATE posting SET amount_minor = amount_minor * 2 WHERE txn IN (SELECT id FROM journal WHERE reverses IS NOT NULL)`},
		"ledger.subledgers":    {`UPDATE payment SET fee_minor = 1 WHERE pay_no = 'P2'`, `UPDATE payment SET amount_minor = 9000 WHERE pay_no = 'P2'`},
		"core.refunds":         {`UPDATE payment SET refunded_minor = 0`, `UPDATE refund SET amount_minor = 1`},
		"core.orders":          {`UPDATE customer_order SET paid_by = 'P9' WHERE state = 'PAID'`},
		"core.log":             {`UPDATE payment SET state = 'FAILED' WHERE state = 'PAYING'`, `UPDATE refund SET state = 'FAILED'`},
		"core.chain":           {`UPDATE order_event SET at_us = at_us + 1 WHERE seq = 3`, `DELETE FROM order_event WHERE seq = 2`, `UPDATE order_event SET hash = 'x' WHERE seq = 1`},
	} {
		for _, defect := range defects {
			db, core := testBooks(t)
			do(t, core, paycore.Done, pay("P1", 10000), pay("P2", 8000), paidBy("P2", 8000), pay("P3", 100),
				paycore.CreateRefund{RefundNo: "R2", PayNo: "P2", AmountMinor: 500, Currency: "CNY"})
			apply(t, db, missed(), "APPLIED")
			apply(t, db, undo(missed()), "APPLIED")
			checkBooks(t, db)
			plant(t, db, defect)
			if !strings.Contains(failing(t, db), check) {
				t.Errorf("%s: not noticed by %s, only by %q", defect, check, failing(t, db))
			}
		}
	}
}

// The first line of the log that breaks the chain is named: one that was edited,
// one that is missing, and one whose hash is right for itself alone.
func TestAttack38_FirstBadLineOfTheLogIsNamed(t *testing.T) {
	for defect, line := range map[string]string{
		`UPDATE order_event SET detail = 'x' WHERE seq > 2`:     "line 3:",
		`UPDATE order_event SET hash = 'x' WHERE seq = 1`:       "line 1:",
		`UPDATE order_event SET hash = '{alone}' WHERE seq = 3`: "line 3:",
		`DELETE FROM order_event WHERE seq = 2`:                 "line 2:",
	} {
		db, core := testBooks(t)
		do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000))
		var m paycore.Move
		var at int64
		if err := db.sql.QueryRowContext(t.Context(), `SELECT at_us, subject, ref, from_state, to_state, cause, detail FROM order_event WHERE seq = 3`).
			Scan(&at, &m.Subject, &m.Ref, &m.From, &m.To, &m.Cause, &m.Detail); err != nil {
			t.Fatal(err)
		}
		plant(t, db, strings.ReplaceAll(defect, "{alone}", eventHash("", 3, at, m)))
		proofs, err := db.VerifyBooks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(proofs, func(p schemas.Proof) bool { return p.Name == "core.chain" })
		if p := proofs[i]; p.OK || !strings.HasPrefix(p.Want, line) {
			t.Errorf("%s: %+v", defect, p)
		}
	}
}

func plant(t *testing.T, db *DB, defect string) {
	t.Helper()
	rows, err := db.sql.Query(`SELECT name FROM sqlite_master WHERE type = 'trigger'`)
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(dump(t, rows))
	for _, s := range append([]string{"PRAGMA foreign_keys = 0"}, defect) {
		for _, n := range names {
			if _, err := db.sql.Exec("DROP TRIGGER IF EXISTS " + n); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.sql.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

// failing lists the proofs that do not hold.
func failing(t *testing.T, db *DB) string {
	t.Helper()
	proofs, err := db.VerifyBooks(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range proofs {
		if !p.OK {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestFaultP1_ParallelRefundsOfOnePayment(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000))
	var all sync.WaitGroup
	results, errs := make([][]paycore.Result, 64), make([]error, 64)
	for i := range results {
		all.Go(func() {
			results[i], errs[i] = core.Do(context.Background(), paycore.CreateRefund{RefundNo: fmt.Sprintf("R%d", i), PayNo: "P1", AmountMinor: 300, Currency: "CNY"})
		})
	}
	all.Wait()
	done := 0
	for i, r := range results {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		switch r[0].Effect {
		case paycore.Done:
			done++
		case paycore.Refused:
			if r[0].Reason != "only CNY 1.00 (100 minor units) is left to refund" {
				t.Errorf("got %q", r[0].Reason)
			}
		default:
			t.Errorf("got %s", r[0].Effect)
		}
	}
	if done != 33 {
		t.Errorf("%d refunds of 3.00 out of 100.00", done)
	}
	checkBooks(t, db)
}

// A refund that is none is refused by the rules, and its rows by the database.
func TestFaultP2_RefundThatIsNone(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000), paidBy("P1", 10000), pay("P2", 100),
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 4000, Currency: "CNY"})
	before := state(t, db)
	for what, c := range map[string]paycore.CreateRefund{
		"below zero":    {RefundNo: "R2", PayNo: "P1", AmountMinor: -1, Currency: "CNY"},
		"zero":          {RefundNo: "R2", PayNo: "P1", AmountMinor: 0, Currency: "CNY"},
		"one too much":  {RefundNo: "R2", PayNo: "P1", AmountMinor: 6001, Currency: "CNY"},
		"beyond int64":  {RefundNo: "R2", PayNo: "P1", AmountMinor: math.MaxInt64, Currency: "CNY"},
		"currency":      {RefundNo: "R2", PayNo: "P1", AmountMinor: 1, Currency: "USD"},
		"not paid":      {RefundNo: "R2", PayNo: "P2", AmountMinor: 1, Currency: "CNY"},
		"no payment":    {RefundNo: "R2", PayNo: "P9", AmountMinor: 1, Currency: "CNY"},
		"other content": {RefundNo: "R1", PayNo: "P1", AmountMinor: 4001, Currency: "CNY"},
	} {
		if results, err := core.Do(t.Context(), c); err != nil || results[0].Effect != paycore.Refused || results[0].Reason == "" {
			t.Errorf("%s: %+v, %v", what, results, err)
		}
	}
	for what, row := range map[string]string{
		"below zero":   `UPDATE refund SET amount_minor = -1`,
		"zero":         `UPDATE refund SET amount_minor = 0`,
		"one too much": `UPDATE payment SET refunded_minor = 10001 WHERE pay_no = 'P1'`,
		"negative sum": `UPDATE payment SET refunded_minor = -1 WHERE pay_no = 'P1'`,
		"not paid":     `UPDATE payment SET refunded_minor = 1 WHERE pay_no = 'P2'`,
		"no payment":   `UPDATE refund SET pay_no = 'P9'`,
	} {
		if _, err := db.sql.Exec(row); err == nil {
			t.Errorf("the database took a refund: %s", what)
		}
	}
	if diff := cmp.Diff(before, state(t, db)); diff != "" {
		t.Error(diff)
	}
}

func TestFaultP7_HotAccount(t *testing.T) {
	db, core := testBooks(t)
	var all sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		all.Go(func() {
			no := fmt.Sprintf("P%d", i)
			_, errs[i] = core.Do(context.Background(), pay(no, 100), paidBy(no, 100), paidBy(no, 100))
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 64 * 99, "payable:M01": -6400, "fee_expense:wechat": 64})
	checkBooks(t, db)
}

func TestSuspenseOfOneAccountOnly(t *testing.T) {
	db, _ := testBooks(t)
	for i, account := range []string{"wechat-main", "wechat-main2"} {
		f := schemas.Fix{Key: account, Kind: schemas.FixSuspend, RunID: "r", CaseID: "C", Channel: "wechat", Account: account, RecordKind: schemas.Payment,
			AmountMinor: int64(i+1) * 100, Currency: "CNY", Maker: "auto"}
		apply(t, db, f, "APPLIED")
	}
	if got := suspense(t, db); got != 100 {
		t.Errorf("got %d, want 100", got)
	}
	sums, err := db.TrialBalance(context.Background())
	if err != nil || sums["CNY"] != 0 || len(sums) != 1 {
		t.Errorf("trial balance: %v, %v", sums, err)
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{1, 500} {
		b.Run(fmt.Sprintf("payments=%d", size), func(b *testing.B) {
			_, core := testBooks(b)
			n := 0
			for b.Loop() {
				var commands []paycore.Command
				for range size {
					n++
					no := fmt.Sprintf("P%d", n)
					commands = append(commands, pay(no, 100), paidBy(no, 100))
				}
				if _, err := core.Do(context.Background(), commands...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "payments/s")
		})
	}
}
