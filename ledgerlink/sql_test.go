package ledgerlink

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

const sqlTable = `CREATE TABLE trade (typ TEXT, no TEXT, rno TEXT, ref TEXT, st TEXT, cents BIGINT, cur TEXT, fee BIGINT, begun TEXT, ended TEXT, acct TEXT)`

var sqlMapping = Mapping{Columns: map[string]string{"kind": "typ", "order_no": "no", "refund_no": "rno", "channel_txn_id": "ref", "status": "st",
	"amount_minor": "cents", "currency": "cur", "fee_minor": "fee", "created_at": "begun", "completed_at": "ended"}}

const sqlQuery = `SELECT typ, no, rno, ref, st, cents, cur, fee, begun, ended FROM trade
	WHERE COALESCE(ended, begun) >= :from AND COALESCE(ended, begun) < :to AND acct = :account AND st <> ':to' ORDER BY no`

// tradeRow is one row of the table; times in UTC.
type tradeRow struct {
	typ, no, rno, ref, st string
	cents                 int64
	ended                 string
}

var tradeRows = []tradeRow{
	{"payment", "A1", "", "420", "PAID", 10000, "2026-11-20T01:00:00.000000Z"},
	{"payment", "A2", "", "", "PENDING", 5, "2026-11-20T15:59:59.999999Z"},   // last microsecond of the day in China
	{"payment", "A3", "", "421", "PAID", 700, "2026-11-20T16:00:00.000000Z"}, // the next day
	{"refund", "A1", "R1", "503", "REFUNDED", 4000, "2026-11-20T02:00:00.000000Z"},
}

func sqliteFile(t *testing.T, rows []tradeRow) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "local books?.db")
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "?", "%3f"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	fillTrades(t, db, rows, func(n int) string { return "?" })
	return path
}

func fillTrades(t *testing.T, db *sql.DB, rows []tradeRow, mark func(int) string) {
	t.Helper()
	if _, err := db.Exec(sqlTable); err != nil {
		t.Fatal(err)
	}
	marks := make([]string, 7)
	for i := range marks {
		marks[i] = mark(i + 1)
	}
	for _, r := range rows {
		_, err := db.Exec(`INSERT INTO trade (acct, cur, typ, no, rno, ref, st, cents, ended) VALUES ('wechat-main', 'CNY', `+strings.Join(marks, ", ")+`)`,
			r.typ, r.no, r.rno, r.ref, r.st, r.cents, r.ended)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func exportAll(s Source) (rows []schemas.Record, export schemas.Export, err error) {
	export, err = s.Export(context.Background(), testRequest, func(b *schemas.Batch) error {
		for i := range b.Len() {
			rows = append(rows, b.Row(i))
		}
		return nil
	})
	return rows, export, err
}

func checkTrades(t *testing.T, s Source) {
	t.Helper()
	rows, export, err := exportAll(s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.Key()+" "+r.Status.String()+" "+r.BillDate.String())
	}
	if want := "A1 SUCCESS 2026-11-20, R1 SUCCESS 2026-11-20, A2 UNKNOWN 2026-11-20"; !sameWords(got, want) {
		t.Errorf("got %v, want %s", got, want)
	}
	if export.Rows != 3 || len(export.Proofs) != 3 || export.Watermark == "" {
		t.Errorf("got %+v", export)
	}
}

func sameWords(got []string, want string) bool {
	words := strings.Split(want, ", ")
	if len(words) != len(got) {
		return false
	}
	have := map[string]int{}
	for _, g := range got {
		have[g]++
	}
	for _, w := range words {
		if have[w]--; have[w] < 0 {
			return false
		}
	}
	return true
}

func TestSQLExport(t *testing.T) {
	path := sqliteFile(t, tradeRows)
	s, err := OpenSQL(SQLConfig{Driver: SQLite, DSN: path, Name: "books", Query: sqlQuery, Mapping: sqlMapping,
		Lookup: "SELECT typ, no, rno, ref, st, cents, cur, fee, begun, ended FROM trade WHERE no = :key OR rno = :key"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checkTrades(t, s)
	found, err := s.Lookup(context.Background(), testRequest, []schemas.LookupKey{{Kind: schemas.Payment, Key: "A3"}, {Kind: schemas.Refund, Key: "R1"}, {Kind: schemas.Payment, Key: "none"}})
	if err != nil || len(found) != 2 || found[0].MerchantRef != "A3" || found[1].RefundRef != "R1" {
		t.Errorf("lookup: got %v, %v", found, err)
	}
	taker := errors.New("disk full")
	if _, err := s.Export(context.Background(), testRequest, func(*schemas.Batch) error { return taker }); !errors.Is(err, taker) || fault.Of(err).ID == "E-3150" {
		t.Errorf("an error of the taker: got %v", err)
	}
}

func TestSQLExportSumsFees(t *testing.T) {
	path := sqliteFile(t, tradeRows)
	exec(t, path, "UPDATE trade SET fee = cents / 100 WHERE no <> 'A2'")
	s, err := OpenSQL(SQLConfig{Driver: SQLite, DSN: path, Name: "books", Query: sqlQuery, Mapping: sqlMapping})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, export, err := exportAll(s)
	if err != nil {
		t.Fatal(err)
	}
	want := []schemas.SideTotal{{Kind: schemas.Payment, Currency: "CNY", Rows: 2, Minor: 10005, FeeMinor: 100},
		{Kind: schemas.Refund, Currency: "CNY", Rows: 1, Minor: 4000, FeeMinor: 40}}
	if diff := cmp.Diff(want, export.Totals); diff != "" {
		t.Error(diff)
	}
	for _, p := range export.Proofs {
		if p.Name == "export.sum" && !strings.Contains(p.Want, "fees 0.40") && !strings.Contains(p.Want, "fees 1.00") {
			t.Errorf("the database did not sum the fees: %+v", p)
		}
	}
}

// exec changes a database file.
func exec(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "?", "%3f"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// The servers are real ones, named by the environment.
func TestSQLExportPostgreSQL(t *testing.T) {
	testServer(t, PostgreSQL, "pgx", placeholderDollar)
}

func TestSQLExportMySQL(t *testing.T) {
	testServer(t, MySQL, "mysql", func(int) string { return "?" })
}

func placeholderDollar(n int) string { return "$" + string(rune('0'+n)) }

// server is the DSN of a real server, which the environment names. Without one
// the test is skipped, or fails when TIEOUT_REQUIRE_DATABASES is 1.
func server(t testing.TB, driver string) (dsn string) {
	t.Helper()
	variable := map[string]string{PostgreSQL: "TIEOUT_TEST_POSTGRES", MySQL: "TIEOUT_TEST_MYSQL"}[driver]
	if dsn = os.Getenv(variable); dsn != "" {
		return dsn
	}
	if os.Getenv("TIEOUT_REQUIRE_DATABASES") == "1" {
		t.Fatalf("%s is not set: no %s to test with", variable, driver)
	}
	t.Skipf("%s is not set: no %s to test with", variable, driver)
	return ""
}

func testServer(t *testing.T, driver, name string, mark func(int) string) {
	dsn := server(t, driver)
	db, err := sql.Open(name, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DROP TABLE IF EXISTS trade"); err != nil {
		t.Fatal(err)
	}
	fillTrades(t, db, tradeRows, mark)
	s, err := OpenSQL(SQLConfig{Driver: driver, DSN: dsn, Name: "books", Query: sqlQuery, Mapping: sqlMapping, Times: "text"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checkTrades(t, s)
	evil, err := OpenSQL(SQLConfig{Driver: driver, DSN: dsn, Name: "books", Query: "WITH " + "x AS (SELECT 1) " + "DELETE FROM trade WHERE :from <> :to", Mapping: sqlMapping, Times: "text"})
	if err != nil {
		t.Fatal(err)
	}
	defer evil.Close()
	if _, _, err := exportAll(evil); err == nil {
		t.Error("a query that deletes was run")
	}
}

func TestFaultM7_ExportLosesARow(t *testing.T) {
	// The query gives other rows each time it is run: what the database counts
	// first is not what it gives then.
	s, err := OpenSQL(SQLConfig{Driver: SQLite, DSN: sqliteFile(t, tradeRows), Name: "books", Mapping: sqlMapping,
		Query: "SELECT * FROM trade WHERE abs(random()) % 2 = 0 AND :from < :to UNION ALL SELECT * FROM trade WHERE abs(random()) % 2 = 0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 100 {
		rows, export, err := exportAll(s)
		if fault.Of(err).ID == "E-2150" {
			for _, p := range export.Proofs {
				if !p.OK {
					return
				}
			}
			t.Fatal("no proof says what is missing")
		}
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(rows)) != export.Rows {
			t.Fatalf("got %d rows, the export says %d", len(rows), export.Rows)
		}
	}
	t.Error("100 exports of a query that changes its mind, and none was refused")
}

func TestSQLReadsOnly(t *testing.T) {
	path := sqliteFile(t, tradeRows)
	s, err := OpenSQL(SQLConfig{Driver: SQLite, DSN: path, Name: "books", Query: "WITH x AS (SELECT :from, :to) DELETE FROM trade", Mapping: sqlMapping})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := exportAll(s); fault.Of(err).ID != "E-3150" {
		t.Errorf("got %v", err)
	}
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "?", "%3f"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM trade").Scan(&n); err != nil || n != len(tradeRows) {
		t.Errorf("got %d rows, %v", n, err)
	}
}

func TestSQLFloatsAreRejected(t *testing.T) {
	path := sqliteFile(t, tradeRows)
	s, err := OpenSQL(SQLConfig{Driver: SQLite, DSN: path, Name: "books", Mapping: sqlMapping,
		Query: "SELECT typ, no, rno, ref, st, cents * 1.0 AS cents, cur, fee, begun, ended FROM trade WHERE :from < :to"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := exportAll(s); err == nil || !strings.Contains(err.Error(), "floating-point") {
		t.Errorf("got %v", err)
	}
}

func TestSQLConfigMistakes(t *testing.T) {
	good := SQLConfig{Driver: SQLite, DSN: "x.db", Name: "books", Query: sqlQuery, Mapping: sqlMapping}
	for name, change := range map[string]func(*SQLConfig){
		"driver":           func(c *SQLConfig) { c.Driver = "oracle" },
		"not a select":     func(c *SQLConfig) { c.Query = "DELETE FROM trade" },
		"two statements":   func(c *SQLConfig) { c.Query += "; DROP TABLE trade" },
		"no interval":      func(c *SQLConfig) { c.Query = "SELECT 1 -- :from :to" },
		"times":            func(c *SQLConfig) { c.Times = "minutes" },
		"lookup":           func(c *SQLConfig) { c.Lookup = "SELECT 1" },
		"mapping":          func(c *SQLConfig) { c.Mapping.Currency = "RMB" },
		"password in DSN":  func(c *SQLConfig) { c.Driver, c.DSN = MySQL, "user:hunter2@tcp(:" },
		"password in DSN2": func(c *SQLConfig) { c.Driver, c.DSN = PostgreSQL, "postgres://user:hunter2@%zz" },
	} {
		c := good
		change(&c)
		s, err := OpenSQL(c)
		if fault.Of(err).ID != "E-7850" {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password", name)
		}
		if s != nil {
			s.Close()
		}
	}
}

func TestSQLUnreachableHidesThePassword(t *testing.T) {
	for driver, dsn := range map[string]string{
		PostgreSQL: "postgres://reader:hunter2@127.0.0.1:1/books?connect_timeout=2",
		MySQL:      "reader:hunter2@tcp(127.0.0.1:1)/books?timeout=2s",
	} {
		s, err := OpenSQL(SQLConfig{Driver: driver, DSN: dsn, Name: "books", Query: sqlQuery, Mapping: sqlMapping})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = exportAll(s)
		s.Close()
		if fault.Of(err).ID != "E-3150" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", driver, err)
		}
	}
}

func TestSQLRefusedLogin(t *testing.T) {
	for driver, refusal := range map[string]error{
		PostgreSQL: &pgconn.PgError{Code: "28P01", Message: "password authentication failed"},
		MySQL:      &mysql.MySQLError{Number: 1045, Message: "Access denied"},
	} {
		s, err := OpenSQL(SQLConfig{Driver: driver, DSN: map[string]string{PostgreSQL: "postgres://reader@127.0.0.1:1/books", MySQL: "reader@tcp(127.0.0.1:1)/books"}[driver],
			Name: "books", Query: sqlQuery, Mapping: sqlMapping})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.fault(testRequest, refusal); fault.Of(err).ID != "E-3050" || fault.Of(err).Exit() != 30 {
			t.Errorf("%s: got %v", driver, err)
		}
	}
}

func TestBind(t *testing.T) {
	d := dialect{placeholder: placeholderDollar}
	query, args := d.bind(`SELECT ':from', ":to", a::text /* :to */ FROM t WHERE x = :to AND y >= :from AND z = :other -- :from`,
		map[string]any{"from": 1, "to": 2})
	want := `SELECT ':from', ":to", a::text /* :to */ FROM t WHERE x = $1 AND y >= $2 AND z = :other -- :from`
	if query != want || len(args) != 2 || args[0] != 2 || args[1] != 1 {
		t.Errorf("got %s %v", query, args)
	}
}

func TestSQLTimes(t *testing.T) {
	from := time.Date(2026, 11, 19, 16, 0, 0, 0, time.UTC)
	for times, want := range map[string]any{"s": from.Unix(), "ms": from.UnixMilli(), "us": from.UnixMicro(), "text": "2026-11-19T16:00:00.000000Z", "native": from} {
		s := SQL{config: SQLConfig{Times: times}}
		if got := s.args(testRequest)["from"]; got != want {
			t.Errorf("%s: got %v, want %v", times, got, want)
		}
	}
	if fixedOffset(shanghai) != "+08:00" {
		t.Errorf("Shanghai: got %q", fixedOffset(shanghai))
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil || fixedOffset(berlin) != "" {
		t.Errorf("Berlin: got %q, %v", fixedOffset(berlin), err)
	}
	r := ExportRequest{Day: bizday.Day{Zone: shanghai}, Date: testRequest.Date, Before: time.Hour, After: 2 * time.Hour}
	q := r.query()
	if q.From != from.Add(-time.Hour).UnixMicro() || q.To != from.Add(26*time.Hour).UnixMicro() {
		t.Errorf("windows: got %v", q)
	}
}
