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

// The checks that every payment runs through are written in other words: they
// refuse what they refused, on a connection that was open meanwhile too, and the
// way back gives the words that there were.
func TestMigrate_ChecksInOtherWords(t *testing.T) {
	ctx := context.Background()
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 100), paidBy("P1", 100), paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 30, Currency: "CNY"})
	after := schemaTexts(t, db.sql)
	p, err := provider(db.sql)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(ctx, 15); err != nil {
		t.Fatal(err)
	}
	other, err := openPool(filepath.Join(t.TempDir(), "older.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	older, err := provider(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := older.UpTo(ctx, 15); err != nil {
		t.Fatal(err)
	}
	if before := schemaTexts(t, other); schemaTexts(t, db.sql) != before || before == after {
		t.Error("down does not give the schema of before, or up changes nothing")
	}
	if _, err := p.Up(ctx); err != nil {
		t.Fatal(err)
	}
	if schemaTexts(t, db.sql) != after {
		t.Error("up, down and up is not up")
	}
	for _, query := range []string{
		`UPDATE customer_order SET state = 'MAGIC'`,
		`UPDATE payment SET state = 'MAGIC', paid_us = NULL, refunded_minor = 0`,
		`UPDATE refund SET state = 'MAGIC'`,
		`INSERT INTO order_event SELECT MAX(seq) + 1, 1, 'MAGIC', 'P1', '', '', '', '', '' FROM order_event`,
		`INSERT INTO ledger_account VALUES ('x', 'MAGIC')`,
		`UPDATE outbox SET state = 'MAGIC'`,
	} {
		for _, pool := range []*sql.DB{db.sql, db.writer} {
			if _, err := pool.Exec(query); err == nil || !strings.Contains(err.Error(), "CHECK constraint failed") {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
	var sound string
	if err := db.sql.QueryRow(`PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity: %s, %v", sound, err)
	}
	checkBooks(t, db)
}
