package ledgerlink

import (
	"database/sql"
	"testing"
)

// TestSQLNativeTimes reads timestamps as the servers hold them: with a zone,
// and as the digits of a clock in China.
func TestSQLNativeTimes(t *testing.T) {
	rows := func(name string) string {
		return `SELECT typ AS kind, no AS order_no, rno AS refund_no, ref AS channel_txn_id, st AS status, cents AS amount_minor, cur AS currency,
			ended_at AS completed_at FROM ` + name + ` WHERE ended_at >= :from AND ended_at < :to AND st <> ':from'`
	}
	china := Mapping{Zone: shanghai}
	for _, c := range []struct {
		driver, name string
		setup        []string
		table        string
		mapping      Mapping
	}{
		{PostgreSQL, "pgx", []string{"DROP TABLE IF EXISTS zoned",
			"CREATE TABLE zoned AS SELECT *, ended::timestamptz AS ended_at FROM trade"}, "zoned", Mapping{}},
		{PostgreSQL, "pgx", []string{"DROP TABLE IF EXISTS clock",
			"CREATE TABLE clock AS SELECT *, ended::timestamptz AT TIME ZONE 'Asia/Shanghai' AS ended_at FROM trade"}, "clock", china},
		{MySQL, "mysql", []string{"DROP TABLE IF EXISTS zoned", "SET time_zone = '+00:00'",
			"CREATE TABLE zoned (ended_at TIMESTAMP(6) NULL) AS SELECT t.*, CAST(REPLACE(REPLACE(ended, 'T', ' '), 'Z', '') AS DATETIME(6)) AS ended_at FROM trade t"}, "zoned", china},
		{MySQL, "mysql", []string{"DROP TABLE IF EXISTS clock",
			"CREATE TABLE clock AS SELECT t.*, CAST(REPLACE(REPLACE(ended, 'T', ' '), 'Z', '') AS DATETIME(6)) + INTERVAL 8 HOUR AS ended_at FROM trade t"}, "clock", china},
	} {
		t.Run(c.driver+" "+c.table, func(t *testing.T) {
			dsn := server(t, c.driver)
			db, err := sql.Open(c.name, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			mark := func(int) string { return "?" }
			if c.driver == PostgreSQL {
				mark = placeholderDollar
			}
			if _, err := db.Exec("DROP TABLE IF EXISTS trade"); err != nil {
				t.Fatal(err)
			}
			fillTrades(t, db, tradeRows, mark)
			for _, s := range c.setup {
				if _, err := db.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			s, err := OpenSQL(SQLConfig{Driver: c.driver, DSN: dsn, Name: "books", Query: rows(c.table), Mapping: c.mapping})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			checkTrades(t, s)
		})
	}
}
