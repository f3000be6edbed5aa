package recordfile

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Reader reads a record file by column. Several goroutines may use it at once.
type Reader struct {
	Workers int // row groups that Read unpacks at the same time; 0 is 1

	table *tableReader[chunk]
	file  io.Closer // nil if the caller owns the bytes
}

// Open reads the footer of an open file, which the caller closes. A file that
// is damaged, or is no record file, is E-4260.
func Open(r Source) (*Reader, error) {
	name := "record file"
	if f, ok := r.(interface{ Name() string }); ok {
		name = f.Name()
	}
	table, err := newTableReader(r, name, recordLayout, recordColumns())
	if err != nil {
		return nil, err
	}
	return &Reader{table: table}, nil
}

// OpenFile opens a record file by its path; Close closes it.
func OpenFile(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New("E-4260", fault.V{"path": path}, err)
	}
	r, err := Open(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	return r, nil
}

// Close closes what OpenFile opened.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Rows returns the number of rows in the file.
func (r *Reader) Rows() int64 { return r.table.footer.Rows }

// Read calls fn with all rows in file order, in batches of at most
// schemas.BatchRows that hold the asked columns only; first is the file's row
// number of the batch's first row. The batch is valid during the call only. If
// Place is asked, all rows of a batch have one channel, account and source. An
// error of fn ends the read and is returned as it is.
func (r *Reader) Read(ctx context.Context, cols Columns, fn func(first int64, b *schemas.Batch) error) error {
	return r.table.each(ctx, cols, r.Workers, (*chunk).reset, func(first int64, c *chunk, n int) error {
		return c.each(cols, n, func(from int, b *schemas.Batch) error { return fn(first+int64(from), b) })
	})
}

// Fetch returns whole rows by their numbers, which must be sorted. It unpacks
// only the pages that hold them, and of these only the values of such rows.
// orders holds the merchant refs that the caller knows, "" for others; nil is
// none. They are not read, and of a few scattered rows they are what takes the
// longest. Several calls may run at once.
func (r *Reader) Fetch(ctx context.Context, idx []int64, orders []string) ([]schemas.Record, error) {
	cols := All
	if orders != nil {
		var err error
		if orders, err = r.withOrders(ctx, idx, orders); err != nil {
			return nil, err
		}
		cols &^= Orders
	}
	records := make([]schemas.Record, 0, len(idx))
	err := r.readRows(ctx, cols, idx, func(at int, b *schemas.Batch) error {
		for i := range b.Len() {
			if orders != nil {
				b.MerchantRef.AppendString(orders[at+i])
			}
			records = append(records, b.Row(i))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// withOrders reads the merchant refs that are not known.
func (r *Reader) withOrders(ctx context.Context, idx []int64, known []string) ([]string, error) {
	orders := slices.Clone(known)
	var rows []int64
	var places []int
	for i, order := range orders {
		if order == "" {
			rows, places = append(rows, idx[i]), append(places, i)
		}
	}
	return orders, r.readRows(ctx, Orders, rows, func(at int, b *schemas.Batch) error {
		for i := range b.MerchantRef.Len() {
			orders[places[at+i]] = string(b.MerchantRef.At(i))
		}
		return nil
	})
}

// readRows does what Read does for the rows of a sorted list alone; at is the
// place in the list of the batch's first row. It takes half the time of Read
// where each page holds a few of the rows, and three quarters where it holds
// hundreds; most of that is to decompress the pages.
func (r *Reader) readRows(ctx context.Context, cols Columns, idx []int64, fn func(at int, b *schemas.Batch) error) error {
	if !slices.IsSorted(idx) {
		return fmt.Errorf("read rows of %s: the row numbers are not sorted", r.table.name)
	}
	if n := len(idx); n > 0 && (idx[0] < 0 || idx[n-1] >= r.Rows()) {
		return fmt.Errorf("read rows of %s: rows %d to %d of %d", r.table.name, idx[0], idx[n-1], r.Rows())
	}
	return r.table.pick(ctx, cols, idx, (*chunk).reset, func(at int, c *chunk, n int) error {
		return c.each(cols, n, func(from int, b *schemas.Batch) error { return fn(at+from, b) })
	})
}

// each hands out the chunk as batches that have one channel, account and
// source each; nearly always that is the chunk itself.
func (c *chunk) each(cols Columns, n int, fn func(from int, b *schemas.Batch) error) error {
	if cols&Place == 0 {
		return fn(0, &c.rows)
	}
	for from := 0; from < n; {
		channel, account, source := c.channel.at(from), c.account.at(from), c.source.at(from)
		to := min(n, channel.end, account.end, source.end)
		b := &c.rows
		if from > 0 || to < n {
			b = c.part(from, to)
		}
		b.Channel, b.Account, b.Source = channel.value, account.value, source.value
		if err := fn(from, b); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// part copies rows [from, to) of the columns that were read.
func (c *chunk) part(from, to int) *schemas.Batch {
	b := &schemas.Batch{}
	for i, t := range texts(&c.rows) {
		if t.Len() > 0 {
			appendText(texts(b)[i], t, from, to)
		}
	}
	b.Kind, b.Status = cut(c.rows.Kind, from, to), cut(c.rows.Status, from, to)
	b.AmountMinor = cut(c.rows.AmountMinor, from, to)
	b.SettleMinor, b.SettleValid = cut(c.rows.SettleMinor, from, to), cut(c.rows.SettleValid, from, to)
	b.FeeMinor, b.FeeValid, b.FeeSub = cut(c.rows.FeeMinor, from, to), cut(c.rows.FeeValid, from, to), cut(c.rows.FeeSub, from, to)
	b.EventTime, b.BillDate = cut(c.rows.EventTime, from, to), cut(c.rows.BillDate, from, to)
	b.Line, b.Offset = cut(c.rows.Line, from, to), cut(c.rows.Offset, from, to)
	return b
}

func cut[T any](s []T, from, to int) []T {
	if len(s) == 0 {
		return nil
	}
	return s[from:to]
}
