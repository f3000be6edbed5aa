package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// The chart gets a type of account more: what was booked before stays as it is,
// and so do the references to it.
func TestMigrate_ChartOfAccountsKeepsItsPostings(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "old.db")
	pool, err := openPool(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider(pool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, 5); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`INSERT INTO ledger_account VALUES ('clearing:wechat:a', 'ASSET'), ('payable:M01', 'LIABILITY')`,
		`BEGIN; INSERT INTO posting VALUES ('t1', 1, 'clearing:wechat:a', 'CNY', 5), ('t1', 2, 'payable:M01', 'CNY', -5);
			INSERT INTO journal VALUES ('t1', 'core', 'P1', '', NULL, NULL, 2, 1); COMMIT`,
	} {
		if _, err := pool.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(ctx, path, func() time.Time { return testStart }, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var accounts, postings, broken int
	if err := db.sql.QueryRow(`SELECT (SELECT COUNT(*) FROM ledger_account), (SELECT COUNT(*) FROM posting), (SELECT COUNT(*) FROM pragma_foreign_key_check)`).
		Scan(&accounts, &postings, &broken); err != nil || accounts != 2 || postings != 2 || broken != 0 {
		t.Errorf("%d accounts, %d postings, %d broken references, %v", accounts, postings, broken, err)
	}
	if _, err := db.sql.Exec(`INSERT INTO ledger_account VALUES ('merchant_fee_income:wechat', 'INCOME')`); err != nil {
		t.Error(err)
	}
	if _, err := db.sql.Exec(`INSERT INTO ledger_account VALUES ('x', 'MAGIC')`); err == nil {
		t.Error("a type that nobody knows was taken")
	}
	if _, err := db.sql.Exec(`DELETE FROM ledger_account WHERE name = 'payable:M01'`); err == nil {
		t.Error("an account with postings was deleted")
	}
}
