package ledgerlink

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tieout/schemas"
)

// takerError is an error of whoever takes the batches, not of the database.
type takerError struct{ err error }

func (e *takerError) Error() string { return e.err.Error() }

// rows runs a query and gives its rows in the order of the database. The line
// of a row is its number, from 1.
func (s *SQL) rows(ctx context.Context, tx session, query string, values map[string]any, req ExportRequest,
	give func(*schemas.Batch) error) (rejects []schemas.Reject, rejected int64, err error) {
	bound, args := s.bind(query, values)
	x := &rowScan{source: s, req: req, give: give}
	if s.postgres {
		err = tx.conn.Raw(func(conn any) error { return x.postgres(ctx, conn, bound, args) })
	} else {
		err = x.standard(ctx, tx, bound, args)
	}
	if err == nil {
		err = x.flush()
	}
	return x.rejects, x.rejected, err
}

// rowScan turns the values of a result row into the cells of a text row, so
// that one grammar reads all sources.
type rowScan struct {
	source *SQL
	req    ExportRequest
	give   func(*schemas.Batch) error

	reader *rowReader
	batch  schemas.Batch
	cells  [][]byte
	isTime []bool
	line   int64

	day     int64 // last date written, in days since 2000
	dayText []byte

	rejects  []schemas.Reject
	rejected int64
}

// begin finds the columns of the result.
func (x *rowScan) begin(names []string) error {
	at, err := x.source.locate(names)
	if err != nil {
		return err
	}
	x.reader = newRowReader(x.source.config.Mapping, at, names, x.req.query())
	x.batch.Channel, x.batch.Account = x.req.Channel, x.req.Merchant
	x.cells, x.isTime = make([][]byte, len(names)), make([]bool, len(names))
	for i := range names {
		x.isTime[i] = i == at[colCreatedAt] || i == at[colCompletedAt]
	}
	return nil
}

// row takes the row whose cells are filled; e is what is wrong with one of them.
func (x *rowScan) row(e cellError) error {
	x.line++
	if e.why == "" {
		e = x.reader.read(x.cells, x.line, 0, &x.batch)
	}
	if e.why != "" {
		if x.rejected++; len(x.rejects) < keptReject {
			r := x.reader.reject(e, x.cells, x.line, 0)
			r.File = x.source.config.Name
			x.rejects = append(x.rejects, r)
		}
	}
	if x.batch.Len() == schemas.BatchRows {
		return x.flush()
	}
	return nil
}

func (x *rowScan) flush() error {
	if x.batch.Len() == 0 {
		return nil
	}
	x.reader.finish(&x.batch)
	if err := x.give(&x.batch); err != nil {
		return &takerError{err}
	}
	x.batch.Reset()
	return nil
}

// standard reads a query with database/sql.
func (x *rowScan) standard(ctx context.Context, tx session, query string, args []any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := x.begin(names); err != nil {
		return err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var e cellError
		for i, v := range values {
			var why string
			if x.cells[i], why = x.cell(x.cells[i][:0], i, v); why != "" {
				e = cellError{i, why}
				break
			}
		}
		if err := x.row(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// cell writes one value as text.
func (x *rowScan) cell(b []byte, i int, v any) ([]byte, string) {
	switch v := v.(type) {
	case nil:
		return b, ""
	case string:
		return append(b, v...), ""
	case []byte:
		return append(b, v...), ""
	case int64:
		if x.isTime[i] {
			return x.epoch(b, v)
		}
		return strconv.AppendInt(b, v, 10), ""
	case time.Time:
		return v.UTC().AppendFormat(b, "2006-01-02T15:04:05.999999999Z"), ""
	case float64, float32:
		return b, x.float(i)
	}
	return fmt.Append(b, v), ""
}

// float refuses floating-point numbers where they count.
func (x *rowScan) float(i int) string {
	for _, col := range [...]int{colKind, colStatus, colCurrency, colAmount, colFee, colOrderNo, colRefundNo, colChannelTxnID, colCreatedAt, colCompletedAt} {
		if x.reader.at[col] == i {
			return "is a floating-point number"
		}
	}
	return ""
}

// epoch writes an integer time in the unit of the configuration.
func (x *rowScan) epoch(b []byte, v int64) ([]byte, string) {
	var t time.Time
	switch x.source.config.Times {
	case "s":
		t = time.Unix(v, 0)
	case "ms":
		t = time.UnixMilli(v)
	case "us":
		t = time.UnixMicro(v)
	default:
		return b, "is a whole number, and the configuration does not say that times are"
	}
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.999999Z"), ""
}
