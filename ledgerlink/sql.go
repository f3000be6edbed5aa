package ledgerlink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// The databases that a SQL source reads.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
	MySQL      = "mysql"
)

// SQLConfig describes a local database and the query that gives its rows.
type SQLConfig struct {
	Driver string // SQLite, PostgreSQL or MySQL
	DSN    string // secret; SQLite: the path of the file
	Name   string // what messages call the database
	// Query is one SELECT with a column per field of the layout (or of the
	// mapping). Named parameters: :from and :to, the interval of event times
	// [from, to), and :account, :merchant, :channel.
	Query string
	// Lookup is a SELECT of the same columns with the parameter :key, our
	// payment or refund number; "": the source has no lookup.
	Lookup string
	// Watermark is a SELECT of one value that grows with every change, such as
	// a greatest event number; "": what the database itself offers.
	Watermark string
	// Times says how the database holds times, in columns and parameters:
	// "native" (timestamps), "text" (RFC 3339, UTC), or the unit of an integer
	// since 1970: "s", "ms", "us". "" is native, on SQLite text.
	Times   string
	Mapping Mapping
}

// SQL is a local database as a Source. It only ever reads: each export is one
// read-only, repeatable-read transaction, and the settings of the session are
// checked before the first row.
type SQL struct {
	config SQLConfig
	dialect
	pool *sql.DB
}

// OpenSQL checks the configuration; it connects with the first export. Close it.
func OpenSQL(config SQLConfig) (*SQL, error) {
	invalid := func(err error) error {
		return fault.New("E-7850", fault.V{"account": config.Name, "reason": err}, nil)
	}
	if err := config.check(); err != nil {
		return nil, invalid(err)
	}
	d, pool, err := openDialect(&config)
	if err != nil {
		return nil, invalid(err)
	}
	pool.SetMaxOpenConns(2)
	return &SQL{config: config, dialect: d, pool: pool}, nil
}

func (c *SQLConfig) check() error {
	if err := c.Mapping.Check(); err != nil {
		return err
	}
	if c.Driver == SQLite && c.Times == "" {
		c.Times = "text"
	}
	if c.Times == "" {
		c.Times = "native"
	}
	switch c.Times {
	case "native", "text", "s", "ms", "us":
	default:
		return fmt.Errorf("times %.20q: it is native, text, s, ms or us", c.Times)
	}
	if err := oneSelect(c.Query); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	for name, query := range map[string]string{"lookup": c.Lookup, "watermark": c.Watermark} {
		if query == "" {
			continue
		}
		if err := oneSelect(query); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range []string{"from", "to"} {
		if _, used := bind(c.Query, questionMarks); !used[name] {
			return fmt.Errorf("query: the parameter :%s is not in it", name)
		}
	}
	if _, used := bind(c.Lookup, questionMarks); c.Lookup != "" && !used["key"] {
		return errors.New("lookup: the parameter :key is not in it")
	}
	return nil
}

// oneSelect refuses what is visibly not one SELECT. The read-only transaction,
// not this, is what keeps a query from writing.
func oneSelect(query string) error {
	word, _, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(query)), " ")
	word, _, _ = strings.Cut(word, "\n")
	if word != "SELECT" && word != "WITH" {
		return errors.New("it does not begin with SELECT or WITH")
	}
	if strings.Contains(query, ";") {
		return errors.New("it holds a semicolon")
	}
	return nil
}

// Close closes the connections.
func (s *SQL) Close() error { return s.pool.Close() }

// Export implements Source. In one snapshot it reads the watermark, lets the
// database count and sum the query's rows, reads the rows, and compares.
func (s *SQL) Export(ctx context.Context, req ExportRequest, give func(*schemas.Batch) error) (schemas.Export, error) {
	export := schemas.Export{Source: "sql"}
	var t tally
	var rejects []schemas.Reject
	var rejected int64
	err := s.snapshot(ctx, req, func(tx session) (err error) {
		if export.Watermark, err = s.watermark(ctx, tx); err != nil {
			return err
		}
		if export.Totals, err = s.totals(ctx, tx, req); err != nil {
			return err
		}
		args := s.args(req)
		rejects, rejected, err = s.rows(ctx, tx, s.config.Query, args, req, func(b *schemas.Batch) error {
			t.add(b)
			return give(b)
		})
		return err
	})
	if err != nil {
		return schemas.Export{}, err
	}
	export.Rows = t.rows
	if rejected > 0 {
		r := rejects[0]
		return export, fault.New("E-2151", fault.V{"count": rejected, "line": r.Line, "column": r.Column, "field": r.Field,
			"value": fault.Quote(r.Value), "reason": r.Reason, "file": s.config.Name, "sha256": "-"}, nil)
	}
	streamed, err := t.list()
	if err != nil {
		return schemas.Export{}, err
	}
	export.Proofs = prove("sql "+export.Watermark, export.Totals, streamed)
	if err := whole(req, export.Proofs); err != nil {
		return export, err
	}
	return export, nil
}

// Lookup implements Source.
func (s *SQL) Lookup(ctx context.Context, req ExportRequest, keys []schemas.LookupKey) ([]schemas.Record, error) {
	if s.config.Lookup == "" {
		return nil, ErrNoLookup
	}
	var found []schemas.Record
	err := s.snapshot(ctx, req, func(tx session) error {
		for _, k := range keys {
			if k.Key == "" {
				continue
			}
			args := s.args(req)
			args["key"] = k.Key
			_, _, err := s.rows(ctx, tx, s.config.Lookup, args, req, func(b *schemas.Batch) error {
				for i := range b.Len() {
					if r := b.Row(i); r.Kind == k.Kind && r.Key() == k.Key {
						found = append(found, r)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// snapshot runs reads in one read-only transaction whose session settings were
// checked. Errors of the database name it, and never its password.
func (s *SQL) snapshot(ctx context.Context, req ExportRequest, do func(session) error) error {
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return s.fault(req, err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: s.isolation, ReadOnly: true})
	if err != nil {
		return s.fault(req, err)
	}
	defer tx.Rollback()
	for _, check := range s.checks {
		var got string
		if err := tx.QueryRowContext(ctx, check.query).Scan(&got); err != nil {
			return s.fault(req, err)
		}
		if !strings.EqualFold(got, check.want) {
			return fault.New("E-7850", fault.V{"account": req.Account,
				"reason": fmt.Sprintf("the session's %s is %q and must be %q", check.name, got, check.want)}, nil)
		}
	}
	return s.fault(req, do(session{tx, conn}))
}

// session is a transaction, and the connection that it is on.
type session struct {
	*sql.Tx
	conn *sql.Conn
}

// fault names the database for an error that is not a fault already.
func (s *SQL) fault(req ExportRequest, err error) error {
	var known *fault.Error
	var taker *takerError
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &taker):
		return taker.err
	}
	v := fault.V{"account": req.Account, "database": s.config.Name, "reason": s.hide(err.Error())}
	if s.refused(err) {
		return fault.New("E-3050", v, nil)
	}
	return fault.New("E-3150", v, nil)
}

// hide takes the secrets of the connection out of a text.
func (s *SQL) hide(text string) string {
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return fault.Safe(text, 200)
}

func (s *SQL) watermark(ctx context.Context, tx session) (string, error) {
	query := s.config.Watermark
	if query == "" {
		query = s.ownWatermark
	}
	var value sql.NullString
	err := tx.QueryRowContext(ctx, query).Scan(&value)
	return value.String, err
}

// args are the values of the named parameters.
func (s *SQL) args(req ExportRequest) map[string]any {
	q := req.query()
	return map[string]any{"from": s.timeArg(q.From), "to": s.timeArg(q.To), "account": req.Account, "merchant": req.Merchant, "channel": req.Channel}
}

func (s *SQL) timeArg(us int64) any {
	t := time.UnixMicro(us).UTC()
	switch s.config.Times {
	case "s":
		return t.Unix()
	case "ms":
		return t.UnixMilli()
	case "us":
		return us
	case "text":
		return t.Format("2006-01-02T15:04:05.000000Z")
	}
	if zone := s.config.Mapping.Zone; zone != nil {
		return t.In(zone)
	}
	return t
}

// totals lets the database count and sum the rows of the query.
func (s *SQL) totals(ctx context.Context, tx session, req ExportRequest) ([]schemas.SideTotal, error) {
	m := s.config.Mapping
	currency := "'" + m.Currency + "'"
	if m.Currency == "" {
		currency = s.quote(m.column(FieldCurrency))
	}
	fees, err := s.hasFees(ctx, tx, req)
	if err != nil {
		return nil, err
	}
	fee := "0"
	if fees {
		fee = "SUM(" + s.quote(m.column(FieldFeeMinor)) + ")"
	}
	query := fmt.Sprintf("SELECT %s, %s, COUNT(*), SUM(%s), %s FROM (%s) tieout_rows GROUP BY 1, 2",
		s.quote(m.column(FieldKind)), currency, s.quote(m.column(FieldAmountMinor)), fee, s.config.Query)
	bound, args := s.bind(query, s.args(req))
	rows, err := tx.QueryContext(ctx, bound, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	kinds := words(m.Kinds, DefaultKinds)
	var list []schemas.SideTotal
	for rows.Next() {
		var word, code sql.NullString
		var count int64
		var sum, feeSum any
		if err := rows.Scan(&word, &code, &count, &sum, &feeSum); err != nil {
			return nil, err
		}
		minor, err := s.sum(sum, money.Currency(code.String))
		if err != nil {
			return nil, fmt.Errorf("sum of %s: %w", m.column(FieldAmountMinor), err)
		}
		feeMinor, err := s.sum(feeSum, money.Currency(code.String))
		if err != nil {
			return nil, fmt.Errorf("sum of %s: %w", m.column(FieldFeeMinor), err)
		}
		list = addTotal(list, schemas.SideTotal{Kind: kinds[word.String], Currency: code.String, Rows: count, Minor: minor, FeeMinor: feeMinor})
	}
	sortTotals(list)
	return list, rows.Err()
}

// hasFees tells whether the query gives a column of fees, by running it for no
// rows at all.
func (s *SQL) hasFees(ctx context.Context, tx session, req ExportRequest) (bool, error) {
	bound, args := s.bind("SELECT * FROM ("+s.config.Query+") tieout_rows WHERE 1 = 0", s.args(req))
	rows, err := tx.QueryContext(ctx, bound, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return false, err
	}
	at, err := s.locate(names)
	if err != nil {
		return false, err
	}
	return at[colFee] >= 0, rows.Err()
}

// locate finds the columns of a result.
func (s *SQL) locate(names []string) (columns, error) {
	at, err := s.config.Mapping.locate(names)
	if err != nil {
		err = fault.New("E-2450", fault.V{"file": s.config.Name, "reason": err, "columns": fault.Safe(fmt.Sprint(names), 400)}, nil)
	}
	return at, err
}

// addTotal joins words that mean the same kind.
func addTotal(list []schemas.SideTotal, t schemas.SideTotal) []schemas.SideTotal {
	for i := range list {
		if list[i].Kind == t.Kind && list[i].Currency == t.Currency {
			list[i].Rows += t.Rows
			list[i].Minor += t.Minor
			list[i].FeeMinor += t.FeeMinor
			return list
		}
	}
	return append(list, t)
}

// sum reads a sum that a database computed, exactly or not at all.
func (s *SQL) sum(v any, c money.Currency) (int64, error) {
	parse := func(text []byte) (int64, error) {
		if s.config.Mapping.Major {
			return money.ParseIn(text, c)
		}
		return money.Parse(text, 0)
	}
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int64:
		return parse(fmt.Appendf(nil, "%d", v))
	case float64:
		if v == 0 { // the sum of texts that are all empty
			return 0, nil
		}
	case string:
		return parse([]byte(v))
	case []byte:
		return parse(v)
	}
	return 0, errors.New("the column holds floating-point numbers, or texts that are none")
}
