package ledgerlink

import (
	"context"
	"database/sql"
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
func (s *SQL) rows(ctx context.Context, tx *sql.Tx, query string, values map[string]any, req ExportRequest,
	give func(*schemas.Batch) error) (rejects []schemas.Reject, rejected int64, err error) {
	bound, args := s.bind(query, values)
	rows, err := tx.QueryContext(ctx, bound, args...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	x, err := s.newRowScan(rows, req)
	if err != nil {
		return nil, 0, err
	}
	flush := func() error {
		if x.batch.Len() == 0 {
			return nil
		}
		x.reader.finish(&x.batch)
		if err := give(&x.batch); err != nil {
			return &takerError{err}
		}
		x.batch.Reset()
		return nil
	}
	for line := int64(1); rows.Next(); line++ {
		e, err := x.scan(rows, line)
		if err != nil {
			return nil, 0, err
		}
		if e.why != "" {
			if rejected++; len(rejects) < keptReject {
				r := x.reader.reject(e, x.cells, line, 0)
				r.File = s.config.Name
				rejects = append(rejects, r)
			}
		}
		if x.batch.Len() == schemas.BatchRows {
			if err := flush(); err != nil {
				return nil, 0, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	return rejects, rejected, flush()
}

// rowScan turns the values of a result row into the cells of a text row, so
// that one grammar reads all sources.
type rowScan struct {
	reader *rowReader
	batch  schemas.Batch
	values []any
	into   []any
	cells  [][]byte
	isTime []bool
	wall   []bool // a timestamp without a zone: its clock is that of the mapping's zone
	times  string
	zone   *time.Location
}

func (s *SQL) newRowScan(rows *sql.Rows, req ExportRequest) (*rowScan, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name()
	}
	at, err := s.locate(names)
	if err != nil {
		return nil, err
	}
	n := len(names)
	x := &rowScan{reader: newRowReader(s.config.Mapping, at, names, req.query()),
		batch:  schemas.Batch{Channel: req.Channel, Account: req.Merchant},
		values: make([]any, n), into: make([]any, n), cells: make([][]byte, n), isTime: make([]bool, n), wall: make([]bool, n),
		times: s.config.Times, zone: s.config.Mapping.Zone}
	for i := range x.values {
		x.into[i] = &x.values[i]
		x.isTime[i] = i == at[colCreatedAt] || i == at[colCompletedAt]
		x.wall[i] = s.wallClock && types[i].DatabaseTypeName() == "TIMESTAMP"
	}
	return x, nil
}

func (x *rowScan) scan(rows *sql.Rows, line int64) (cellError, error) {
	if err := rows.Scan(x.into...); err != nil {
		return cellError{}, err
	}
	for i, v := range x.values {
		var why string
		if x.cells[i], why = x.cell(x.cells[i][:0], i, v); why != "" {
			return cellError{i, why}, nil
		}
	}
	return x.reader.read(x.cells, line, 0, &x.batch), nil
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
		if x.wall[i] && x.zone != nil {
			v = time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), x.zone)
		}
		return v.UTC().AppendFormat(b, "2006-01-02T15:04:05.999999999Z"), ""
	case float64, float32:
		for _, col := range [...]int{colKind, colStatus, colCurrency, colAmount, colFee, colOrderNo, colRefundNo, colChannelTxnID, colCreatedAt, colCompletedAt} {
			if x.reader.at[col] == i {
				return b, "is a floating-point number"
			}
		}
		return b, ""
	}
	return fmt.Append(b, v), ""
}

// epoch writes an integer time in the unit of the configuration.
func (x *rowScan) epoch(b []byte, v int64) ([]byte, string) {
	var t time.Time
	switch x.times {
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
