package ledgerlink

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// dialect is what differs between the databases.
type dialect struct {
	isolation    sql.IsolationLevel
	checks       []sessionCheck
	ownWatermark string
	placeholder  func(n int) string
	quoteMark    string
	postgres     bool
	secrets      []string
	refused      func(error) bool // tells a login or a right that is missing
}

// sessionCheck is a setting that the driver should have made, and whether the
// server really has it.
type sessionCheck struct{ name, query, want string }

func openDialect(c *SQLConfig) (dialect, *sql.DB, error) {
	switch c.Driver {
	case SQLite:
		return openSQLite(c)
	case PostgreSQL:
		return openPostgreSQL(c)
	case MySQL:
		return openMySQL(c)
	}
	return dialect{}, nil, fmt.Errorf("driver %.20q: it is sqlite, postgres or mysql", c.Driver)
}

func openSQLite(c *SQLConfig) (dialect, *sql.DB, error) {
	path := (&url.URL{Scheme: "file", Opaque: url.PathEscape(c.DSN)}).String()
	pool, err := sql.Open("sqlite", strings.ReplaceAll(path, "%2F", "/")+"?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(10000)")
	return dialect{
		checks:       []sessionCheck{{"query_only", "PRAGMA query_only", "1"}},
		ownWatermark: "SELECT 'schema ' || schema_version FROM pragma_schema_version",
		placeholder:  func(n int) string { return "$" + strconv.Itoa(n) },
		quoteMark:    `"`,
		refused:      func(error) bool { return false },
	}, pool, err
}

func openPostgreSQL(c *SQLConfig) (dialect, *sql.DB, error) {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return dialect{}, nil, errors.New("the DSN is not one of PostgreSQL") // err may show it
	}
	config.RuntimeParams["TimeZone"] = "UTC"
	config.RuntimeParams["application_name"] = "tieout"
	config.RuntimeParams["default_transaction_read_only"] = "on"
	return dialect{
		isolation: sql.LevelRepeatableRead,
		checks: []sessionCheck{
			{"transaction_isolation", "SHOW transaction_isolation", "repeatable read"},
			{"transaction_read_only", "SHOW transaction_read_only", "on"},
			{"TimeZone", "SHOW TimeZone", "UTC"},
		},
		ownWatermark: "SELECT pg_current_snapshot()::text",
		placeholder:  func(n int) string { return "$" + strconv.Itoa(n) },
		quoteMark:    `"`,
		postgres:     true,
		secrets:      []string{c.DSN, config.Password},
		refused: func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && (strings.HasPrefix(e.Code, "28") || e.Code == "42501")
		},
	}, stdlib.OpenDB(*config), nil
}

func openMySQL(c *SQLConfig) (dialect, *sql.DB, error) {
	config, err := mysql.ParseDSN(c.DSN)
	if err != nil {
		return dialect{}, nil, errors.New("the DSN is not one of MySQL") // err may show it
	}
	zone, offset := time.UTC, "+00:00"
	if z := c.Mapping.Zone; z != nil {
		// The server turns TIMESTAMP columns into its session's zone, DATETIME
		// columns stay: both must mean the same clock.
		if zone, offset = z, fixedOffset(z); offset == "" {
			return dialect{}, nil, fmt.Errorf("the zone %s has no fixed offset; leave it out and keep times in UTC", z)
		}
	}
	config.ParseTime, config.Loc = true, zone
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["time_zone"] = "'" + offset + "'"
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return dialect{}, nil, errors.New("the DSN is not one of MySQL")
	}
	return dialect{
		isolation: sql.LevelRepeatableRead,
		checks: []sessionCheck{
			// Isolation and read-only come with each transaction, as statements
			// of their own that the server accepts or refuses; the variable
			// that would show them has different names in MySQL and MariaDB.
			{"time_zone", "SELECT @@session.time_zone", offset},
		},
		ownWatermark: "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)",
		placeholder:  func(int) string { return "?" },
		quoteMark:    "`",
		secrets:      []string{c.DSN, config.Passwd},
		refused: func(err error) bool {
			var e *mysql.MySQLError
			return errors.As(err, &e) && (e.Number == 1044 || e.Number == 1045 || e.Number == 1142 || e.Number == 1143)
		},
	}, sql.OpenDB(connector), nil
}

// fixedOffset gives "+08:00" for a zone whose offset is the same all the year
// and has been for decades; "" for one with summer time.
func fixedOffset(zone *time.Location) string {
	_, first := time.Unix(0, 0).AddDate(25, 0, 0).In(zone).Zone()
	for month := range 12 * 50 {
		if _, o := time.Unix(0, 0).AddDate(25, month, 0).In(zone).Zone(); o != first {
			return ""
		}
	}
	return time.Unix(0, 0).In(time.FixedZone("", first)).Format("-07:00")
}

// quote writes a column name for the database.
func (d dialect) quote(name string) string {
	return d.quoteMark + strings.ReplaceAll(name, d.quoteMark, d.quoteMark+d.quoteMark) + d.quoteMark
}

// bind replaces the named parameters of a query by the database's placeholders
// and lists their values in order.
func (d dialect) bind(query string, values map[string]any) (string, []any) {
	var args []any
	bound, _ := bind(query, func(name string) (string, bool) {
		v, known := values[name]
		if !known {
			return "", false
		}
		args = append(args, v)
		return d.placeholder(len(args)), true
	})
	return bound, args
}

// questionMarks stands in where only the names matter.
func questionMarks(string) (string, bool) { return "?", true }

// bind walks a query and replaces ":name" outside of quotes, comments and
// PostgreSQL's "::" casts; used lists the names that were replaced.
func bind(query string, replace func(name string) (string, bool)) (bound string, used map[string]bool) {
	used = map[string]bool{}
	var b strings.Builder
	for i := 0; i < len(query); {
		if skip := opaque(query[i:]); skip > 0 {
			b.WriteString(query[i : i+skip])
			i += skip
			continue
		}
		if query[i] == ':' {
			name := word(query[i+1:])
			if text, ok := replace(name); name != "" && ok {
				used[name] = true
				b.WriteString(text)
				i += 1 + len(name)
				continue
			}
		}
		b.WriteByte(query[i])
		i++
	}
	return b.String(), used
}

// opaque returns the length of the quoted text, comment or cast that s begins
// with; 0 if it begins with none.
func opaque(s string) int {
	for _, pair := range [...][2]string{{"'", "'"}, {`"`, `"`}, {"`", "`"}, {"--", "\n"}, {"/*", "*/"}} {
		if strings.HasPrefix(s, pair[0]) {
			end := strings.Index(s[len(pair[0]):], pair[1])
			if end < 0 {
				return len(s)
			}
			return len(pair[0]) + end + len(pair[1])
		}
	}
	if strings.HasPrefix(s, "::") {
		return 2
	}
	return 0
}

func word(s string) string {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] >= 'a' && s[n] <= 'z') {
		n++
	}
	return s[:n]
}
