package ledgerlink

import (
	"context"
	"database/sql"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"

	"tieout/schemas"
)

func TestPostgresTimestamps(t *testing.T) {
	var x rowScan
	r := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		at := time.UnixMicro(r.Int64N(300*365*86_400_000_000) - 100*365*86_400_000_000).UTC()
		if r.IntN(2) == 0 {
			at = at.Truncate(time.Second)
		}
		got, err := time.Parse(time.RFC3339Nano, string(x.timestamp(nil, at.UnixMicro()-postgresEpoch*1_000_000, "Z")))
		if err != nil || !got.Equal(at) {
			t.Fatalf("%v: got %v, %v", at, got, err)
		}
	}
	var reader rowReader
	for _, infinite := range []int64{math.MaxInt64, math.MinInt64} {
		if text := x.timestamp(nil, infinite, "Z"); string(text) != "infinity" {
			t.Errorf("got %s", text)
		} else if _, ok := reader.time(text); ok {
			t.Error("infinity is a time")
		}
	}
}

func TestPostgresCells(t *testing.T) {
	s := &SQL{config: SQLConfig{Name: "books", Times: "ms"}}
	x := &rowScan{source: s, req: testRequest}
	names := strings.Split(strings.TrimSpace(csvHeader), ",")
	if err := x.begin(append(names, "more")); err != nil {
		t.Fatal(err)
	}
	const amount, created, more = 5, 8, 10
	number := func(v int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(v))) }
	for _, c := range []struct {
		column    int
		oid       uint32
		raw       string
		cell, why string
	}{
		{amount, pgtype.Int8OID, "-12", "-12", ""},
		{amount, pgtype.NumericOID, "12.30", "12.30", ""},
		{amount, pgtype.Float8OID, "12.3", "", "floating-point"},
		{more, pgtype.Float8OID, "12.3", "", ""},
		{more, pgtype.BoolOID, "t", "true", ""},
		{created, pgtype.Int8OID, "1795136400123", "2026-11-20T01:00:00.123Z", ""},
		{created, pgtype.Int8OID, "x", "x", "not a time"},
		{created, pgtype.DateOID, string(binary.BigEndian.AppendUint32(nil, 9820)), "2026-11-20T00:00:00Z", ""},
		{created, pgtype.TimestamptzOID, number((1795136400-postgresEpoch)*1_000_000 + 5), "2026-11-20T01:00:00.000005Z", ""},
		{created, pgtype.TimestampOID, number((1795136400 - postgresEpoch) * 1_000_000), "2026-11-20T01:00:00Z", ""},
	} {
		var written []byte
		cell, why := x.rawCell(&written, c.column, c.oid, []byte(c.raw))
		if c.why == "" && string(cell) != c.cell || (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%q of type %d: got %q, %q", c.raw, c.oid, cell, why)
		}
	}
	if cell, why := x.rawCell(nil, amount, pgtype.Int8OID, nil); cell != nil || why != "" {
		t.Errorf("NULL: got %q, %q", cell, why)
	}
	s.config.Mapping.Zone = shanghai
	var written []byte
	if cell, _ := x.rawCell(&written, created, pgtype.TimestampOID, []byte(number(0))); string(cell) != "2000-01-01T00:00:00" {
		t.Errorf("a clock: got %s", cell)
	}
}

// What database/sql gives, the short way gives too.
func TestPostgresAgreesWithDatabaseSQL(t *testing.T) {
	dsn := server(t, PostgreSQL)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{"DROP TABLE IF EXISTS odd", `CREATE TABLE odd (kind varchar(20), order_no char(4), refund_no uuid, channel_txn_id numeric,
		status text, amount_minor int, currency text, fee_minor numeric(10,0), created_at timestamptz, completed_at timestamp, trade_type bool, bank bytea, product jsonb, remark float8)`,
		`INSERT INTO odd SELECT CASE WHEN i % 7 = 0 THEN 'refund' ELSE 'payment' END, 'A' || i % 900 + 100, CASE WHEN i % 7 = 0 THEN gen_random_uuid() END, i::bigint * 1000003,
		CASE i % 11 WHEN 0 THEN 'odd' ELSE 'PAID' END, i, CASE i % 13 WHEN 0 THEN NULL ELSE 'CNY' END, NULLIF(i % 3, 0),
		CASE i % 17 WHEN 0 THEN NULL WHEN 1 THEN 'infinity' ELSE timestamptz '2026-11-20 00:00:00+08' + i * interval '1.000001 second' END,
		CASE i % 5 WHEN 0 THEN timestamp '1999-12-31 23:59:59.5' + i * interval '1 day' END, i % 2 = 0, 'x'::bytea, '{"a": 1}', 1.5 FROM generate_series(1, 20000) i`} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenSQL(SQLConfig{Driver: PostgreSQL, DSN: dsn, Name: "books", Query: "SELECT * FROM odd WHERE :from < :to ORDER BY amount_minor"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read := func(short bool) (rows []schemas.Record, rejects []schemas.Reject) {
		s.postgres = short
		err := s.snapshot(context.Background(), testRequest, func(tx session) (err error) {
			rejects, _, err = s.rows(context.Background(), tx, s.config.Query, s.args(testRequest), testRequest, func(b *schemas.Batch) error {
				for i := range b.Len() {
					rows = append(rows, b.Row(i))
				}
				return nil
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows, rejects
	}
	want, wantRejects := read(false)
	got, gotRejects := read(true)
	if len(want) < 1000 || len(wantRejects) < 1000 {
		t.Errorf("%d rows and %d rejects test too little", len(want), len(wantRejects))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantRejects, gotRejects); diff != "" {
		t.Error(diff)
	}
}
