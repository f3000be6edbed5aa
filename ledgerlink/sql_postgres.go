package ledgerlink

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
)

// binaryTypes come as the server holds them. All others come as the server
// writes them, and that is a cell.
var binaryTypes = pgx.QueryResultFormatsByOID{
	pgtype.TimestamptzOID: pgx.BinaryFormatCode, pgtype.TimestampOID: pgx.BinaryFormatCode,
	pgtype.DateOID: pgx.BinaryFormatCode, pgtype.ByteaOID: pgx.BinaryFormatCode,
}

// postgres reads a query past database/sql: a cell is bytes of the message that
// it came with. To make a Go value of each of them first costs three times as
// much as all the rest.
func (x *rowScan) postgres(ctx context.Context, conn any, query string, args []any) error {
	// The description of a statement is what lets the formats be chosen.
	rows, err := conn.(*stdlib.Conn).Conn().Query(ctx, query, append([]any{pgx.QueryExecModeDescribeExec, binaryTypes}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	fields := rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	if err := x.begin(names); err != nil {
		return err
	}
	written := make([][]byte, len(fields)) // memory for cells that are not as they came
	for rows.Next() {
		var e cellError
		for i, raw := range rows.RawValues() {
			var why string
			if x.cells[i], why = x.rawCell(&written[i], i, fields[i].DataTypeOID, raw); why != "" {
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

// rawCell gives one value of the server as text.
func (x *rowScan) rawCell(written *[]byte, i int, oid uint32, raw []byte) ([]byte, string) {
	if raw == nil {
		return nil, ""
	}
	why := ""
	switch oid {
	case pgtype.TimestamptzOID:
		*written = x.timestamp((*written)[:0], int64(binary.BigEndian.Uint64(raw)), "Z")
	case pgtype.TimestampOID:
		zone := "Z"
		if x.source.config.Mapping.Zone != nil {
			zone = "" // the clock is one of the mapping's zone
		}
		*written = x.timestamp((*written)[:0], int64(binary.BigEndian.Uint64(raw)), zone)
	case pgtype.DateOID:
		days := int64(int32(binary.BigEndian.Uint32(raw)))
		*written = time.Unix((days+postgresEpoch/86400)*86400, 0).UTC().AppendFormat((*written)[:0], "2006-01-02T15:04:05Z")
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		if !x.isTime[i] {
			return raw, ""
		}
		v, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return raw, timeWhy
		}
		*written, why = x.epoch((*written)[:0], v)
	case pgtype.BoolOID:
		*written = strconv.AppendBool((*written)[:0], string(raw) == "t")
	case pgtype.Float4OID, pgtype.Float8OID:
		return nil, x.float(i)
	default:
		return raw, ""
	}
	return *written, why
}

// postgresEpoch is 2000-01-01 in seconds since 1970.
const postgresEpoch = 946_684_800

// timestamp writes microseconds since 2000; the two infinities are no times.
func (x *rowScan) timestamp(b []byte, us int64, zone string) []byte {
	if us == math.MaxInt64 || us == math.MinInt64 {
		return append(b, "infinity"...)
	}
	day, clock := us/86_400_000_000, us%86_400_000_000
	if clock < 0 {
		day, clock = day-1, clock+86_400_000_000
	}
	if day != x.day || len(x.dayText) == 0 {
		x.day, x.dayText = day, time.Unix(postgresEpoch+day*86400, 0).UTC().AppendFormat(x.dayText[:0], "2006-01-02T")
	}
	b = append(b, x.dayText...)
	seconds := clock / 1_000_000
	b = appendTwo(b, seconds/3600)
	b = appendTwo(append(b, ':'), seconds/60%60)
	b = appendTwo(append(b, ':'), seconds%60)
	if micro := clock % 1_000_000; micro != 0 {
		b = append(b, '.')
		b = appendTwo(b, micro/10_000)
		b = appendTwo(b, micro/100%100)
		b = appendTwo(b, micro%100)
	}
	return append(b, zone...)
}

func appendTwo(b []byte, v int64) []byte { return append(b, byte('0'+v/10), byte('0'+v%10)) }
