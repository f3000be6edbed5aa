package recordfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"tieout/internal/fault"
)

// defaultRowGroup is the usual number of rows in a row group.
const defaultRowGroup = 262_144

// readBuffer is read at a time from a column; without it, whole column chunks
// are held in memory.
const readBuffer = 64 << 10

// layoutKey names the layout in the file's metadata, so that a file of another
// version is refused instead of misread.
const layoutKey = "tieout.layout"

// tableWriter writes chunks of B as the columns of a Parquet file.
type tableWriter[B any] struct {
	cols    []column[B]
	out     *file.Writer
	group   file.BufferedRowGroupWriter // nil between row groups
	inGroup int
	perRG   int
	workers int
	scratch []*scratch
}

// newTableWriter starts a file. It never closes w.
func newTableWriter[B any](w io.Writer, layout string, cols []column[B], perRG, workers int) (*tableWriter[B], error) {
	props := []parquet.WriterProperty{
		parquet.WithCreatedBy("tieout"), parquet.WithVersion(parquet.V2_LATEST), parquet.WithDataPageVersion(parquet.DataPageV1),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithStats(false), parquet.WithDictionaryDefault(false),
	}
	fields := schema.FieldList{}
	for _, c := range cols {
		node, err := c.node()
		if err != nil {
			return nil, err
		}
		fields = append(fields, node)
		props = append(props, c.properties()...)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, err
	}
	meta := metadata.NewKeyValueMetadata()
	if err := meta.Append(layoutKey, layout); err != nil {
		return nil, err
	}
	out, err := file.NewParquetWriterWithError(struct{ io.Writer }{w}, root,
		file.WithWriterProps(parquet.NewWriterProperties(props...)), file.WithWriteMetadata(meta))
	if err != nil {
		return nil, fmt.Errorf("start a Parquet file: %w", err)
	}
	t := &tableWriter[B]{cols: cols, out: out, perRG: perRG, workers: max(workers, 1)}
	for range cols {
		t.scratch = append(t.scratch, newScratch())
	}
	return t, nil
}

func (c *column[B]) node() (schema.Node, error) {
	if c.logical == nil {
		return schema.NewPrimitiveNode(c.name, repetition(c.optional), c.physical, -1, -1)
	}
	return schema.NewPrimitiveNodeLogical(c.name, repetition(c.optional), c.logical, c.physical, 0, -1)
}

// properties says how the column is packed. Ranges of values are kept for
// numbers only: of ids they help nobody and cost time.
func (c *column[B]) properties() []parquet.WriterProperty {
	props := []parquet.WriterProperty{parquet.WithStatsFor(c.name, c.physical != parquet.Types.ByteArray)}
	switch c.encoding {
	case dictionary:
		props = append(props, parquet.WithDictionaryFor(c.name, true))
	case deltaBytes:
		props = append(props, parquet.WithEncodingFor(c.name, parquet.Encodings.DeltaByteArray))
	case deltaInts:
		props = append(props, parquet.WithEncodingFor(c.name, parquet.Encodings.DeltaBinaryPacked))
	}
	return props
}

// room returns how many rows the next chunk may hold.
func (t *tableWriter[B]) room() int { return min(chunkRows, t.perRG-t.inGroup) }

// chunk writes n rows, exactly room() of them unless they are the last.
func (t *tableWriter[B]) chunk(b *B, n int) error {
	if t.group == nil {
		group, err := t.out.AppendBufferedRowGroupChecked()
		if err != nil {
			return fmt.Errorf("begin a row group: %w", err)
		}
		t.group = group
	}
	if err := t.columns(b); err != nil {
		return err
	}
	if t.inGroup += n; t.inGroup >= t.perRG {
		return t.endGroup()
	}
	return nil
}

// columns encodes the columns of a chunk, each by one of the workers.
func (t *tableWriter[B]) columns(b *B) error {
	var next atomic.Int64
	errs := make([]error, t.workers)
	work := func(worker int) {
		defer func() {
			if p := recover(); p != nil {
				errs[worker] = fmt.Errorf("encode a column: %v", p)
			}
		}()
		for i := int(next.Add(1)) - 1; i < len(t.cols); i = int(next.Add(1)) - 1 {
			w, err := t.group.Column(i)
			if err == nil {
				err = t.cols[i].write(w, b, t.scratch[i])
			}
			if err != nil {
				errs[worker] = fmt.Errorf("write column %s: %w", t.cols[i].name, err)
				return
			}
		}
	}
	var wg sync.WaitGroup
	for worker := 1; worker < t.workers; worker++ {
		wg.Add(1)
		go func() { defer wg.Done(); work(worker) }()
	}
	work(0)
	wg.Wait()
	return errors.Join(errs...)
}

func (t *tableWriter[B]) endGroup() error {
	if t.group == nil {
		return nil
	}
	err := t.group.Close()
	t.group, t.inGroup = nil, 0
	if err != nil {
		return fmt.Errorf("write a row group: %w", err)
	}
	return nil
}

// close ends the last row group and writes the footer.
func (t *tableWriter[B]) close() error {
	if err := t.endGroup(); err != nil {
		return err
	}
	if err := t.out.Close(); err != nil {
		return fmt.Errorf("write the Parquet footer: %w", err)
	}
	return nil
}

// tableReader reads the columns of a Parquet file into chunks of B.
type tableReader[B any] struct {
	cols   []column[B]
	in     *file.Reader
	name   string
	groups []int64 // rows of each row group
	rows   int64   // of all
}

// newTableReader reads the footer of a file of our columns.
func newTableReader[B any](r parquet.ReaderAtSeeker, name, layout string, cols []column[B]) (*tableReader[B], error) {
	in, err := openTable(r, layout, cols)
	if err != nil {
		return nil, damaged(name, err)
	}
	t := &tableReader[B]{cols: cols, in: in, name: name}
	if err := t.count(); err != nil {
		return nil, damaged(name, err)
	}
	return t, nil
}

// count adds up the row groups; the footer must agree.
func (t *tableReader[B]) count() (err error) {
	defer recovered(&err)
	for g := range t.in.NumRowGroups() {
		n := t.in.MetaData().RowGroup(g).NumRows()
		if n < 0 {
			return fmt.Errorf("row group %d holds %d rows", g, n)
		}
		t.groups, t.rows = append(t.groups, n), t.rows+n
	}
	if t.rows != t.in.NumRows() {
		return fmt.Errorf("row groups hold %d rows, the footer says %d", t.rows, t.in.NumRows())
	}
	return nil
}

// openTable checks that the file has exactly the columns.
func openTable[B any](r parquet.ReaderAtSeeker, layout string, cols []column[B]) (in *file.Reader, err error) {
	defer recovered(&err)
	props := parquet.NewReaderProperties(memory.NewGoAllocator())
	props.BufferedStreamEnabled, props.BufferSize = true, readBuffer
	in, err = file.NewParquetReader(r, file.WithReadProps(props))
	if err != nil {
		return nil, err
	}
	kv := in.MetaData().KeyValueMetadata()
	if got := kv.FindValue(layoutKey); got == nil || *got != layout {
		found := "none"
		if got != nil {
			found = *got
		}
		return nil, fmt.Errorf("layout is %q, not %q", found, layout)
	}
	found := in.MetaData().Schema
	if found.NumColumns() != len(cols) {
		return nil, fmt.Errorf("%d columns, not %d", found.NumColumns(), len(cols))
	}
	for i, c := range cols {
		f := found.Column(i)
		optional := f.MaxDefinitionLevel() == 1
		if f.Path() != c.name || f.PhysicalType() != c.physical || optional != c.optional || f.MaxRepetitionLevel() != 0 {
			return nil, fmt.Errorf("column %d is %.40q of type %s, not %s", i, f.Path(), f.PhysicalType(), c.name)
		}
	}
	return in, nil
}

// span is a run of rows [from, to) of a row group.
type span struct{ from, to int64 }

// scan reads the spans of row group g in order, in chunks of at most
// chunkRows rows. fn gets the row group's row number of the chunk's first row;
// the chunk is valid during the call only. Panics of the Parquet library on
// hostile bytes become errors; those of fn are left alone.
func (t *tableReader[B]) scan(ctx context.Context, g int, set Columns, spans []span, b *B, reset func(), fn func(first int64, n int) error) error {
	cursor, err := t.open(g, set)
	if err != nil {
		return t.damaged(err)
	}
	defer cursor.close()
	for _, sp := range spans {
		if err := cursor.skipTo(sp.from); err != nil {
			return t.damaged(err)
		}
		for cursor.at < sp.to {
			if err := ctx.Err(); err != nil {
				return err
			}
			first, n := cursor.at, int(min(sp.to-cursor.at, chunkRows))
			reset()
			if err := cursor.read(b, n); err != nil {
				return t.damaged(err)
			}
			if err := fn(first, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// cursor reads some columns of one row group side by side.
type cursor[B any] struct {
	cols    []*column[B]
	readers []file.ColumnChunkReader
	at      int64 // the next row
	scratch *scratch
}

func (t *tableReader[B]) open(g int, set Columns) (c *cursor[B], err error) {
	defer recovered(&err)
	c = &cursor[B]{scratch: newScratch()}
	group := t.in.RowGroup(g)
	for i := range t.cols {
		if t.cols[i].set&set == 0 {
			continue
		}
		r, err := group.Column(i)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", t.cols[i].name, err)
		}
		c.readers, c.cols = append(c.readers, r), append(c.cols, &t.cols[i])
	}
	return c, nil
}

func (c *cursor[B]) read(b *B, n int) (err error) {
	defer recovered(&err)
	for i, col := range c.cols {
		if err := col.read(c.readers[i], b, n, c.scratch); err != nil {
			return fmt.Errorf("column %s: %w", col.name, err)
		}
	}
	c.at += int64(n)
	return nil
}

// farSkip is from how many rows on a column that is packed by differences is
// skipped by whole pages. Within a page it must be decoded anyway, and the
// library does that value by value.
const farSkip = 16 * chunkRows

func (c *cursor[B]) skipTo(row int64) (err error) {
	defer recovered(&err)
	n := row - c.at
	if n == 0 {
		return nil
	}
	for i, r := range c.readers {
		if !r.HasNext() {
			return errShort
		}
		if c.cols[i].encoding == deltaBytes && n < farSkip {
			err = drop(r, n, c.scratch)
		} else {
			err = skip(r, n)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", c.cols[i].name, err)
		}
	}
	c.at = row
	return nil
}

func skip(r file.ColumnChunkReader, n int64) error {
	s, ok := r.(interface{ Skip(int64) (int64, error) })
	if !ok {
		return errType
	}
	_, err := s.Skip(n)
	return err
}

// drop reads rows and forgets them.
func drop(r file.ColumnChunkReader, n int64, s *scratch) error {
	for n > 0 {
		part := min(n, chunkRows)
		if err := readBytes(r, int(part), s, func([]parquet.ByteArray, []int16) error { return nil }); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// close gives the page buffers back.
func (c *cursor[B]) close() {
	for _, r := range c.readers {
		r.Close() // only reads: nothing can be lost
	}
}

func (t *tableReader[B]) damaged(cause error) error { return damaged(t.name, cause) }

// damaged is the fault of a file that cannot be read.
func damaged(name string, cause error) error {
	return fault.New("E-4260", fault.V{"path": name}, cause)
}

// recovered turns a panic of the Parquet library into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}
