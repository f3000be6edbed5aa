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
	RowGroupRows             int    // rows in a row group; 0 is 262,144
	Workers                  int    // columns that are encoded at the same time; 0 is 1
}

// Writer writes records into one Parquet file. It is not safe for use by
// several goroutines.
type Writer struct {
	opt    Options
	table  *tableWriter[chunk]
	rest   *chunk // rows that do not fill a chunk yet
	whole  *chunk // points at a caller's batch that is one chunk as it is
	rows   int64
	closed bool
}

// NewWriter starts a file. It does not close w.
func NewWriter(w io.Writer, opt Options) (*Writer, error) {
	if opt.RowGroupRows <= 0 {
		opt.RowGroupRows = defaultRowGroup
	}
	table, err := newTableWriter(w, recordLayout, recordColumns(), opt.RowGroupRows, opt.Workers)
	if err != nil {
		return nil, err
	}
	return &Writer{opt: opt, table: table, rest: newChunk(), whole: &chunk{}}, nil
}

// Batch adds the rows of b in order. b may be reused afterwards.
func (w *Writer) Batch(b *schemas.Batch) error {
	if w.closed {
		return errors.New("write to a closed record file")
	}
	if err := aligned(b); err != nil {
		return err
	}
	from := 0
	for from < b.Len() {
		have := w.rest.rows.Len()
		n := min(w.table.room()-have, b.Len()-from)
		switch {
		case have == 0 && n == b.Len() && n == w.table.room():
			w.whole.rows = b
			w.whole.channel, w.whole.account, w.whole.source = w.whole.channel[:0], w.whole.account[:0], w.whole.source[:0]
			w.mark(w.whole, b, n)
			if err := w.table.chunk(w.whole, n); err != nil {
				return err
			}
		default:
			appendRows(w.rest.rows, b, from, from+n)
			w.mark(w.rest, b, n)
			if have+n == w.table.room() {
				if err := w.flush(); err != nil {
					return err
				}
			}
		}
		from += n
	}
	w.rows += int64(b.Len())
	return nil
}

// Rows returns how many rows were added.
func (w *Writer) Rows() int64 { return w.rows }

// Close writes what is left and the footer.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if err := w.flush(); err != nil {
		return err
	}
	return w.table.close()
}

func (w *Writer) flush() error {
	n := w.rest.rows.Len()
	if n == 0 {
		return nil
	}
	err := w.table.chunk(w.rest, n)
	w.rest.reset()
	return err
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
