package recordfile

import (
	"errors"
	"fmt"
	"io"

	"tieout/schemas"
)

// recordLayout is the version of the record schema.
const recordLayout = "records/1"

// Options of a record file. The zero value is usable.
type Options struct {
	Channel, Account, Source string // for batches that leave theirs empty
	RowGroupRows             int    // rows in a row group; 0 is 65,536
	Workers                  int    // row groups that are packed at the same time; 0 is 1
}

// Writer writes records into one Parquet file. It is not safe for use by
// several goroutines.
type Writer struct {
	opt    Options
	table  *tableWriter[chunk]
	rows   int64
	closed bool
}

// NewWriter starts a file. It does not close w, and writes to it only during
// calls.
func NewWriter(w io.Writer, opt Options) (*Writer, error) {
	if opt.RowGroupRows <= 0 {
		opt.RowGroupRows = defaultRowGroup
	}
	table, err := newTableWriter(w, recordLayout, recordColumns(), (*chunk).reset, opt.RowGroupRows, opt.Workers)
	if err != nil {
		return nil, err
	}
	return &Writer{opt: opt, table: table}, nil
}

// Batch adds the rows of b in order. b may be reused afterwards. Most of the
// work goes on behind the caller's back, so an error may be of rows that came
// earlier; Close tells the last one.
func (w *Writer) Batch(b *schemas.Batch) error {
	if w.closed {
		return errors.New("write to a closed record file")
	}
	if err := aligned(b); err != nil {
		return err
	}
	for from := 0; from < b.Len(); {
		c, err := w.table.chunk()
		if err != nil {
			return err
		}
		have, room := c.rows.Len(), w.table.room()
		n := min(room-have, b.Len()-from)
		appendRows(&c.rows, b, from, from+n)
		w.mark(c, b, n)
		if err := c.bounded(); err != nil {
			return err
		}
		if have+n == room {
			if err := w.table.filled(room); err != nil {
				return err
			}
		}
		from += n
	}
	w.rows += int64(b.Len())
	return nil
}

// Rows returns how many rows were added.
func (w *Writer) Rows() int64 { return w.rows }

// Close writes what is left and the footer. It must be called after an error
// too: it waits for the work that goes on.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.table.close(func(c *chunk) int { return c.rows.Len() })
}

// mark notes whose rows the next n of the chunk are.
func (w *Writer) mark(c *chunk, b *schemas.Batch, n int) {
	c.channel.add(n, []byte(or(b.Channel, w.opt.Channel)))
	c.account.add(n, []byte(or(b.Account, w.opt.Account)))
	c.source.add(n, []byte(or(b.Source, w.opt.Source)))
}

func or(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

// aligned refuses a batch whose columns differ in length, which would shift
// money from row to row, and amounts that are no amounts.
func aligned(b *schemas.Batch) error {
	n := b.Len()
	for _, t := range texts(b) {
		if t.Len() != n {
			return fmt.Errorf("batch of %d rows has a text column of %d", n, t.Len())
		}
	}
	for _, l := range []int{len(b.Status), len(b.AmountMinor), len(b.SettleMinor), len(b.SettleValid), len(b.FeeMinor), len(b.FeeValid),
		len(b.FeeSub), len(b.EventTime), len(b.BillDate), len(b.Line), len(b.Offset)} {
		if l != n {
			return fmt.Errorf("batch of %d rows has a column of %d", n, l)
		}
	}
	for i, v := range b.AmountMinor {
		if v < 0 {
			return fmt.Errorf("batch row %d, line %d: amount %d is negative", i, b.Line[i], v)
		}
	}
	return nil
}
