//go:build unix

package ledgerlink

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tieout/internal/store"
	"tieout/schemas"
)

// cpuTime is what the process has used so far, in nanoseconds: on a shared
// machine the only time that means something.
func cpuTime(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// benchmarkExport measures exports of a source, opened anew each time.
func benchmarkExport(b *testing.B, rows int, open func() (Source, func() error, error)) {
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		s, done, err := open()
		if err != nil {
			b.Fatal(err)
		}
		export, err := s.Export(context.Background(), testRequest, func(*schemas.Batch) error { return nil })
		if err != nil || export.Rows != int64(rows) {
			b.Fatal(export.Rows, err)
		}
		if err := done(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N)/float64(rows), "cpu-ns/row")
}

// BenchmarkExportCSV: opening, which hashes, is part of it.
func BenchmarkExportCSV(b *testing.B) {
	rows := benchRows()
	unusual := strings.NewReplacer("payment", `"payment"`)
	for _, c := range []struct {
		name string
		line func(string) string
	}{
		{"usual", func(s string) string { return s }},
		{"quoted", unusual.Replace},
	} {
		b.Run(fmt.Sprintf("source=csv/cells=%s/rows=%d", c.name, rows), func(b *testing.B) {
			var s strings.Builder
			s.WriteString(csvHeader)
			for i := range rows {
				at := fmt.Sprintf("2026-11-20T%02d:%02d:07+08:00", i*7%24, i*13%60)
				s.WriteString(c.line(fmt.Sprintf("payment,P20261120%012d,,4200001234%018d,PAID,%d,CNY,%d,%s,%s\n", i, i, i%99999+1, i%600, at, at)))
			}
			path := writeFile(b, s.String())
			b.SetBytes(int64(s.Len()))
			benchmarkExport(b, rows, func() (Source, func() error, error) {
				c, err := OpenCSV(path, Mapping{})
				if err != nil {
					return nil, nil, err
				}
				return c, c.Close, nil
			})
		})
	}
}

// benchRows is how many rows the benchmarks of databases export.
func benchRows() int {
	if testing.Short() {
		return 200_000
	}
	return 1_000_000
}

// trades makes the rows of a local table; %d is the last row's number.
const (
	sqliteTrades = `WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i < %d)
		INSERT INTO trade SELECT 'payment', printf('P20261120%%012d', i), NULL, printf('4200001234%%018d', i), 'PAID', i %% 99999 + 1, 'CNY', i %% 600,
		strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000000Z', 1795104000 + i %% 86400, 'unixepoch'), strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000000Z', 1795104000 + i %% 86400, 'unixepoch'), 'wechat-main' FROM c`
	postgresTrades = `INSERT INTO trade SELECT 'payment', 'P20261120' || lpad(i::text, 12, '0'), NULL, '4200001234' || lpad(i::text, 18, '0'), 'PAID', i %% 99999 + 1, 'CNY', i %% 600,
		to_char(to_timestamp(1795104000 + i %% 86400), 'YYYY-MM-DD"T"HH24:MI:SS".000000Z"'), to_char(to_timestamp(1795104000 + i %% 86400), 'YYYY-MM-DD"T"HH24:MI:SS".000000Z"'), 'wechat-main' FROM generate_series(0, %d) i`
)

// BenchmarkExportSQL: read=bare is what the driver needs to hand over the same
// rows to nobody, read=copy what the server needs to write them to a file.
func BenchmarkExportSQL(b *testing.B) {
	rows := benchRows()
	query, _, _ := strings.Cut(sqlQuery, " ORDER BY ") // an export needs no order, and a table in PostgreSQL has none
	for _, c := range []struct{ source, driver, dsn, fill string }{
		{SQLite, "sqlite", filepath.Join(b.TempDir(), "books.db"), sqliteTrades},
		{PostgreSQL, "pgx", os.Getenv("TIEOUT_TEST_POSTGRES"), postgresTrades},
	} {
		b.Run("source="+c.source, func(b *testing.B) {
			if c.dsn == "" {
				b.Skip("TIEOUT_TEST_POSTGRES is not set: no PostgreSQL to measure")
			}
			db, err := sql.Open(c.driver, c.dsn)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			for _, statement := range []string{"DROP TABLE IF EXISTS trade", sqlTable, fmt.Sprintf(c.fill, rows-1)} {
				if _, err := db.Exec(statement); err != nil {
					b.Fatal(err)
				}
			}
			b.Run(fmt.Sprintf("read=export/rows=%d", rows), func(b *testing.B) {
				benchmarkExport(b, rows, func() (Source, func() error, error) {
					s, err := OpenSQL(SQLConfig{Driver: c.source, DSN: c.dsn, Name: "books", Query: query, Mapping: sqlMapping, Times: "text"})
					if err != nil {
						return nil, nil, err
					}
					return s, s.Close, nil
				})
			})
			b.Run(fmt.Sprintf("read=bare/rows=%d", rows), func(b *testing.B) { benchmarkBare(b, db, rows, "SELECT * FROM trade") })
			if c.source == PostgreSQL {
				b.Run(fmt.Sprintf("read=copy/rows=%d", rows), func(b *testing.B) { benchmarkCopy(b, db) })
			}
		})
	}
}

// BenchmarkExportCore exports from the built-in core.
func BenchmarkExportCore(b *testing.B) {
	rows := benchRows()
	path := filepath.Join(b.TempDir(), "core.db")
	books, err := store.Open(context.Background(), path, time.Now, true)
	if err != nil {
		b.Fatal(err)
	}
	defer books.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(fmt.Sprintf(`WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i < %d)
		INSERT INTO payment (pay_no, merchant, order_no, channel, account, amount_minor, currency, state, channel_ref, fee_minor, trade_type, version, created_us, paid_us, event_us, updated_us)
		SELECT printf('P20261120%%012d', t.i), 'm', 'o' || t.i, 'wechat', 'wechat-main', i %% 99999 + 1, 'CNY', 'SUCCESS', printf('4200001234%%018d', i), i %% 600, 'JSAPI', 1,
		t.us, t.us, t.us, t.us FROM (SELECT i, (1795104000 + i %% 86400) * 1000000 AS us FROM c) t`, rows-1))
	if err != nil {
		b.Fatal(err)
	}
	b.Run(fmt.Sprintf("source=core/read=export/rows=%d", rows), func(b *testing.B) {
		benchmarkExport(b, rows, func() (Source, func() error, error) { return OpenCore(books), func() error { return nil }, nil })
	})
	b.Run(fmt.Sprintf("source=core/read=bare/rows=%d", rows), func(b *testing.B) {
		benchmarkBare(b, db, rows, "SELECT pay_no, channel_ref, state, amount_minor, currency, fee_minor, event_us, trade_type FROM payment")
	})
}

func benchmarkBare(b *testing.B, db *sql.DB, want int, query string) {
	began := cpuTime(b)
	for b.Loop() {
		rows, err := db.Query(query)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n != want {
			b.Fatal(n, err)
		}
		rows.Close()
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N)/float64(want), "cpu-ns/row")
}

// benchmarkCopy lets the server write the table to a file. Its processor time is
// the server's, which nobody here sees.
func benchmarkCopy(b *testing.B, db *sql.DB) {
	var file string
	if err := db.QueryRow("SELECT quote_literal(current_setting('data_directory') || '/trade.copy')").Scan(&file); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := db.Exec("COPY trade TO " + file); err != nil {
			b.Fatal(err)
		}
	}
}
