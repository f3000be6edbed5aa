package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"tieout/internal/paycore"
)

// schemaTexts returns what the database says of its tables.
func schemaTexts(t *testing.T, pool *sql.DB) (all string) {
	t.Helper()
	if err := pool.QueryRow(`SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE sql <> '' ORDER BY type, name)`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// The checks that every payment runs through are written in other words, and
// the way back gives the words that there were.
func TestMigrate_ChecksInOtherWords(t *testing.T) {
	ctx := context.Background()
	pool, err := openPool(filepath.Join(t.TempDir(), "older.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	p, err := provider(pool)
	if err != nil {
		t.Fatal(err)
	}
	at := func(version int64) string {
		_, err := p.UpTo(ctx, version)
		if err == nil {
			_, err = p.DownTo(ctx, version)
		}
		if err != nil {
			t.Fatal(err)
		}
		return schemaTexts(t, pool)
	}
	before, after := at(15), at(16)
	if before == after || at(15) != before || at(16) != after {
		t.Error("down does not give the schema of before, or up changes nothing")
	}
}

// They refuse what they refused.
func TestMigrate_ChecksRefuse(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 100), paidBy("P1", 100), paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 30, Currency: "CNY"})
	for _, query := range []string{
		`UPDATE customer_order SET state = 'MAGIC'`,
		`UPDATE payment SET state = 'MAGIC', paid_us = NULL, refunded_minor = 0`,
		`UPDATE refund SET state = 'MAGIC'`,
		`INSERT INTO order_event SELECT MAX(seq) + 1, 1, 'MAGIC', 'P1', '', '', '', '', '' FROM order_event`,
		`INSERT INTO ledger_account VALUES ('x', 'MAGIC')`,
		`UPDATE outbox SET state = 'MAGIC'`,
	} {
		if _, err := db.sql.Exec(query); err == nil || !strings.Contains(err.Error(), "CHECK constraint failed") {
			t.Errorf("%s: %v", query, err)
		}
	}
	var sound string
	if err := db.sql.QueryRow(`PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity: %s, %v", sound, err)
	}
	checkBooks(t, db)
}

// Transfers back keep their states, and what the bank had said of them counts as
// said; the way back loses no row.
func TestMigrate_PaybacksKeepTheirAnswers(t *testing.T) {
	ctx := context.Background()
	pool, err := openPool(filepath.Join(t.TempDir(), "older.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	p, err := provider(pool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, 24); err != nil {
		t.Fatal(err)
	}
	before := schemaTexts(t, pool)
	if _, err := pool.Exec(`INSERT INTO payback VALUES
		('B1', 'RETURN', 'a', '1', 'bankdemo', 5, 'CNY', 'x', 'y', 'z', 'SUCCESS', 'chen', 'wang', 'f', '71', 3, 1, 9, 9, 9),
		('R1', 'REFUND', 'a', '', 'bankdemo', 6, 'CNY', 'x', 'y', 'z', 'FAILED', 'chen', 'wang', 'f', '72', 3, 1, NULL, 1, 9),
		('R2', 'REFUND', 'a', '', 'bankdemo', 7, 'CNY', 'x', 'y', 'z', 'PAYING', 'chen', 'wang', 'f', '', 3, 1, NULL, 1, 9)`); err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(ctx, 25); err != nil {
		t.Fatal(err)
	}
	var answers string
	if err := pool.QueryRow(`SELECT group_concat(number || ' ' || state || ' ' || bank_ref, ', ') FROM (SELECT * FROM payback_answer ORDER BY number)`).Scan(&answers); err != nil ||
		answers != "B1 SUCCESS 71, R1 FAILED 72" {
		t.Errorf("answers %q, %v", answers, err)
	}
	if _, err := p.DownTo(ctx, 24); err != nil {
		t.Fatal(err)
	}
	var states string
	if err := pool.QueryRow(`SELECT group_concat(state, ',') FROM (SELECT * FROM payback ORDER BY number)`).Scan(&states); err != nil || states != "SUCCESS,FAILED,PAYING" {
		t.Errorf("states %q, %v", states, err)
	}
	if after := schemaTexts(t, pool); strings.ReplaceAll(after, `"payback"`, "payback") != before {
		t.Errorf("down does not give the schema of before:\n%s", after)
	}
}
