package ledgerlink

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Parquet is a local file with the columns of the documented layout, by name.
// Texts are strings or bytes, plain or dictionary; amounts are integers of any
// width (decimals where the mapping says major units), never floating-point;
// times are timestamps or the same texts as in a CSV file.
type Parquet struct {
	path    string
	file    *os.File
	stat    os.FileInfo
	used    schemas.FileUsed
	mapping Mapping
	reader  *file.Reader
	names   []string
	at      columns

	rejects     []schemas.Reject
	rejectCount int64
}

// OpenParquet opens a file, hashes it and reads its schema. Close it.
func OpenParquet(path string, m Mapping) (p *Parquet, err error) {
	if err := m.Check(); err != nil {
		return nil, fault.New("E-7850", fault.V{"account": filepath.Base(path), "reason": err}, nil)
	}
	f, stat, used, err := openLocal(path)
	if err != nil {
		return nil, err
	}
	p = &Parquet{path: path, file: f, stat: stat, used: used, mapping: m}
	if err := p.open(); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

func (p *Parquet) open() (err error) {
	defer p.recovered(&err)
	if p.reader, err = file.NewParquetReader(p.file); err != nil {
		return p.broken(err)
	}
	schema, err := pqarrow.FromParquet(p.reader.MetaData().Schema, nil, p.reader.MetaData().KeyValueMetadata())
	if err != nil {
		return p.broken(err)
	}
	for _, f := range schema.Fields() {
		p.names = append(p.names, f.Name)
	}
	if p.at, err = p.mapping.locate(p.names); err == nil {
		err = p.checkTypes(schema)
	}
	if err != nil {
		return fault.New("E-2450", fault.V{"file": p.path, "reason": err, "columns": fault.Safe(fmt.Sprint(p.names), 400)}, nil)
	}
	return nil
}

// checkTypes refuses columns that cannot hold what they should, above all money
// in floating-point numbers.
func (p *Parquet) checkTypes(schema *arrow.Schema) error {
	for i, field := range fields {
		if p.at[i] < 0 {
			continue
		}
		t := schema.Field(p.at[i]).Type
		if d, ok := t.(*arrow.DictionaryType); ok {
			t = d.ValueType
		}
		switch {
		case isText(t):
		case arrow.IsFloating(t.ID()):
			return fmt.Errorf("column %s is a floating-point number", field)
		case (i == colAmount || i == colFee) && (arrow.IsInteger(t.ID()) || p.mapping.Major && arrow.IsDecimal(t.ID())):
		case (i == colCreatedAt || i == colCompletedAt) && t.ID() == arrow.TIMESTAMP:
		default:
			return fmt.Errorf("column %s has the type %s", field, t)
		}
	}
	return nil
}

func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY:
		return true
	}
	return false
}

// recovered turns a panic of the Parquet reader on a damaged file into an error.
func (p *Parquet) recovered(err *error) {
	if r := recover(); r != nil {
		*err = p.broken(fmt.Errorf("panic: %v", r))
	}
}

func (p *Parquet) broken(err error) error {
	return fault.New("E-2451", fault.V{"file": p.path, "format": "Parquet", "reason": fault.Safe(err.Error(), 160)}, nil)
}

// Close closes the file.
func (p *Parquet) Close() error { return p.file.Close() }

// Rejects returns the first 1,000 rows that the last Export could not read, and
// how many there are.
func (p *Parquet) Rejects() ([]schemas.Reject, int64) { return p.rejects, p.rejectCount }

// Export implements Source; it reads all rows of the file. The line of a row is
// its number, from 1.
func (p *Parquet) Export(ctx context.Context, req ExportRequest, give func(*schemas.Batch) error) (schemas.Export, error) {
	p.rejects, p.rejectCount = nil, 0
	var t tally
	err := p.read(ctx, req, func(b *schemas.Batch) error {
		t.add(b)
		return give(b)
	})
	if err != nil {
		return schemas.Export{}, err
	}
	if err := unchanged(p.file, p.stat, p.path); err != nil {
		return schemas.Export{}, err
	}
	return fileExport("parquet", p.used, &t, p.reader.NumRows(), p.rejects, p.rejectCount, req)
}

// Lookup implements Source: all rows of a file are in its export already.
func (p *Parquet) Lookup(context.Context, ExportRequest, []schemas.LookupKey) ([]schemas.Record, error) {
	return nil, ErrNoLookup
}

func (p *Parquet) read(ctx context.Context, req ExportRequest, give func(*schemas.Batch) error) (err error) {
	given := false // an error of give is not one of the file
	defer func() {
		if !given {
			p.recovered(&err)
		}
	}()
	in, err := pqarrow.NewFileReader(p.reader, pqarrow.ArrowReadProperties{BatchSize: schemas.BatchRows}, memory.DefaultAllocator)
	if err != nil {
		return p.broken(err)
	}
	rows, err := in.GetRecordReader(ctx, nil, nil)
	if err != nil {
		return p.broken(err)
	}
	defer rows.Release()
	reader := newRowReader(p.mapping, p.at, p.names, req.query())
	batch := schemas.Batch{Channel: req.Channel, Account: req.Merchant, Source: p.used.SHA256}
	first := int64(1)
	for rows.Next() {
		record := rows.RecordBatch()
		if err := p.fill(&batch, reader, record, first); err != nil {
			return err
		}
		first += record.NumRows()
		if batch.Len() == 0 {
			continue
		}
		given = true
		err := give(&batch)
		given = false
		if err != nil {
			return err
		}
		batch.Reset()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return p.broken(err)
	}
	return nil
}

// fill writes the mapped cells of each row as text and reads them like those of
// a CSV file: one grammar for all files.
func (p *Parquet) fill(batch *schemas.Batch, reader *rowReader, record arrow.RecordBatch, first int64) error {
	cells := make([][]byte, len(p.names))
	writers := make([]func([]byte, int) []byte, len(p.names))
	for _, col := range p.at {
		if col >= 0 {
			w, err := p.writer(record.Column(col))
			if err != nil {
				return err
			}
			writers[col] = w
		}
	}
	for row := range int(record.NumRows()) {
		for col, write := range writers {
			if write == nil {
				continue
			}
			if cells[col] = cells[col][:0]; !record.Column(col).IsNull(row) {
				cells[col] = write(cells[col], row)
			}
		}
		line := first + int64(row)
		if e := reader.read(cells, line, 0, batch); e.why != "" {
			if p.rejectCount++; len(p.rejects) < keptReject {
				r := reader.reject(e, cells, line, 0)
				r.Source, r.File = p.used.SHA256, p.used.Name
				p.rejects = append(p.rejects, r)
			}
		}
	}
	reader.finish(batch)
	return nil
}

// writer returns what appends value i of a column as text.
func (p *Parquet) writer(column arrow.Array) (func([]byte, int) []byte, error) {
	switch c := column.(type) {
	case *array.String:
		return func(b []byte, i int) []byte { return append(b, c.Value(i)...) }, nil
	case *array.LargeString:
		return func(b []byte, i int) []byte { return append(b, c.Value(i)...) }, nil
	case *array.Binary:
		return func(b []byte, i int) []byte { return append(b, c.Value(i)...) }, nil
	case *array.LargeBinary:
		return func(b []byte, i int) []byte { return append(b, c.Value(i)...) }, nil
	case *array.Dictionary:
		value, err := p.writer(c.Dictionary())
		if err != nil {
			return nil, err
		}
		return func(b []byte, i int) []byte { return value(b, c.GetValueIndex(i)) }, nil
	case *array.Timestamp:
		return p.timeWriter(c), nil
	case *array.Int64:
		return func(b []byte, i int) []byte { return strconv.AppendInt(b, c.Value(i), 10) }, nil
	case *array.Uint64:
		return func(b []byte, i int) []byte { return strconv.AppendUint(b, c.Value(i), 10) }, nil
	case *array.Int32:
		return func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(c.Value(i)), 10) }, nil
	}
	if arrow.IsInteger(column.DataType().ID()) || arrow.IsDecimal(column.DataType().ID()) {
		return func(b []byte, i int) []byte { return append(b, column.ValueStr(i)...) }, nil
	}
	return nil, p.broken(fmt.Errorf("a column has the type %s", column.DataType()))
}

// timeWriter writes timestamps as RFC 3339; one that is not adjusted to UTC has
// no offset, and the mapping's zone decides.
func (p *Parquet) timeWriter(c *array.Timestamp) func([]byte, int) []byte {
	t := c.DataType().(*arrow.TimestampType)
	layout := "2006-01-02T15:04:05.999999999Z"
	if t.TimeZone == "" {
		layout = "2006-01-02T15:04:05.999999999"
	}
	return func(b []byte, i int) []byte { return c.Value(i).ToTime(t.Unit).In(time.UTC).AppendFormat(b, layout) }
}
