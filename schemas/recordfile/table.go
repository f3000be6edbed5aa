package recordfile

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"tieout/internal/fault"
	"tieout/schemas/recordfile/internal/parquet"
)

// Source is an open file.
type Source interface {
	io.ReaderAt
	io.Seeker
}

// tableReader reads the columns of a Parquet file into chunks of B. What
// other writers made of the same schema is read as well, as long as they used
// the encodings that we know.
type tableReader[B any] struct {
	cols   []column[B]
	in     io.ReaderAt
	name   string
	footer *parquet.Footer
}

// newTableReader reads the footer of a file of our columns.
func newTableReader[B any](r Source, name, layout string, cols []column[B]) (*tableReader[B], error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, damaged(name, err)
	}
	t := &tableReader[B]{cols: cols, in: r, name: name}
	if t.footer, err = parquet.ReadFooter(r, size); err == nil {
		err = t.check(layout)
	}
	if err != nil {
		return nil, damaged(name, err)
	}
	return t, nil
}

// check holds the file's columns against ours.
func (t *tableReader[B]) check(layout string) error {
	if got := t.footer.Meta[layoutKey]; got != layout {
		return fmt.Errorf("layout is %.40q, not %q", got, layout)
	}
	if len(t.footer.Columns) != len(t.cols) {
		return fmt.Errorf("%d columns, not %d", len(t.footer.Columns), len(t.cols))
	}
	for i, found := range t.footer.Columns {
		if c := t.cols[i].Column; found.Name != c.Name || found.Type != c.Type || found.Optional != c.Optional {
			return fmt.Errorf("column %d is %.40q of type %d, not %s of type %d", i, found.Name, found.Type, c.Name, c.Type)
		}
	}
	return nil
}

// span is a run of rows [from, to) of a row group.
type span struct{ from, to int64 }

// scanner reads row groups, one after the other. One goroutine uses it.
type scanner[B any] struct {
	table   *tableReader[B]
	unpack  *parquet.Unpacker
	page    page
	columns []*columnScanner[B]
}

// columnScanner stands between two pages of one column of a row group.
type columnScanner[B any] struct {
	*column[B]
	buf        []byte // the column chunk as it lies in the file
	codec      parquet.Codec
	pages      []parquet.Page // those that come
	at         int64          // the row with which they begin
	dictionary dictionary
	spare      B // of a page that is not one chunk: what was asked for is moved out of it
	kept       span
}

func (t *tableReader[B]) scanner(set Columns) (*scanner[B], error) {
	u, err := parquet.NewUnpacker()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	s := &scanner[B]{table: t, unpack: u}
	for i := range t.cols {
		if t.cols[i].set&set != 0 {
			s.columns = append(s.columns, &columnScanner[B]{column: &t.cols[i]})
		}
	}
	return s, nil
}

// scan reads row group g in chunks of at most chunkRows rows. fn gets the row
// group's row number of the chunk's first row, and gives the chunk for the next
// rows.
func (s *scanner[B]) scan(ctx context.Context, g int, b *B, fn func(first int64, b *B, n int) (*B, error)) error {
	if err := s.open(g); err != nil {
		return s.table.damaged(err)
	}
	rows := s.table.footer.Groups[g].Rows
	for at := int64(0); at < rows; at += chunkRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(rows-at, chunkRows)
		if err := s.read(b, at, n); err != nil {
			return s.table.damaged(err)
		}
		var err error
		if b, err = fn(at, b, int(n)); err != nil {
			return err
		}
	}
	return nil
}

// open reads the column chunks of a row group, packed as they are.
func (s *scanner[B]) open(g int) (err error) {
	defer recovered(&err)
	group := &s.table.footer.Groups[g]
	for _, c := range s.columns {
		i := slices.IndexFunc(s.table.cols, func(x column[B]) bool { return x.Name == c.Name })
		if err := c.open(s, &group.Chunks[i], group.Rows); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return nil
}

func (c *columnScanner[B]) open(s *scanner[B], chunk *parquet.Chunk, rows int64) (err error) {
	n := int(chunk.Compressed)
	c.buf = slices.Grow(c.buf[:0], n)[:n]
	if _, err := s.table.in.ReadAt(c.buf, chunk.Offset); err != nil {
		return err
	}
	c.codec, c.at, c.kept = chunk.Codec, 0, span{}
	if c.pages, err = parquet.ParsePages(c.buf, c.codec, rows); err != nil {
		return err
	}
	if len(c.pages) == 0 || !c.pages[0].Dictionary {
		return nil
	}
	body, err := s.unpack.Unpack(&c.pages[0], c.codec)
	if err != nil {
		return err
	}
	err = c.dictionary.read(&c.column.Column, &c.pages[0], body)
	c.pages = c.pages[1:]
	return err
}

// read appends rows [at, at+n) to b.
func (s *scanner[B]) read(b *B, at, n int64) (err error) {
	defer recovered(&err)
	for _, c := range s.columns {
		if err := c.read(s, b, at, n); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return nil
}

func (c *columnScanner[B]) read(s *scanner[B], b *B, at, n int64) error {
	for n > 0 {
		if at >= c.kept.from && at < c.kept.to {
			end := min(at+n, c.kept.to)
			c.move(b, &c.spare, int(at-c.kept.from), int(end-c.kept.from))
			at, n = end, n-(end-at)
			continue
		}
		if err := c.seek(at); err != nil {
			return err
		}
		rows := int64(c.pages[0].Rows)
		to := b
		whole := c.at == at && rows <= n
		if !whole {
			c.spare = *new(B)
			c.kept = span{c.at, c.at + rows}
			to = &c.spare
		}
		if err := c.startPage(s); err != nil {
			return err
		}
		if err := c.column.read(&s.page, to); err != nil {
			return err
		}
		if whole {
			at, n = at+rows, n-rows
		}
	}
	return nil
}

// seek drops the pages before the one that holds a row.
func (c *columnScanner[B]) seek(row int64) error {
	for len(c.pages) > 0 && c.at+int64(c.pages[0].Rows) <= row {
		c.at, c.pages = c.at+int64(c.pages[0].Rows), c.pages[1:]
	}
	if len(c.pages) == 0 {
		return errShort
	}
	return nil
}

// startPage unpacks the next page.
func (c *columnScanner[B]) startPage(s *scanner[B]) error {
	p := &c.pages[0]
	body, err := s.unpack.Unpack(p, c.codec)
	if err != nil {
		return err
	}
	s.page.dictionary = &c.dictionary
	return s.page.start(&c.column.Column, p, body)
}

// piece is a chunk on its way from a worker to the caller.
type piece[B any] struct {
	first int64 // row of the file
	chunk *B
	rows  int
	err   error
}

// each calls fn with all rows in file order, while workers unpack row groups
// that come later. The chunk is valid during the call only.
func (t *tableReader[B]) each(ctx context.Context, set Columns, workers int, reset func(*B), fn func(first int64, b *B, n int) error) error {
	if workers = min(workers, len(t.footer.Groups)); workers <= 1 {
		return t.eachAlone(ctx, set, reset, fn)
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	base := int64(0)
	streams := make([]chan piece[B], len(t.footer.Groups))
	scanners := make([]*scanner[B], workers)
	chunks := make(chan *B, 2*workers*groupChunks)
	begin := func(g int) (err error) {
		if g >= len(streams) {
			return nil
		}
		s := &scanners[g%workers]
		if *s == nil {
			if *s, err = t.scanner(set); err != nil {
				return err
			}
		}
		streams[g] = make(chan piece[B], groupChunks)
		first := base
		base += t.footer.Groups[g].Rows
		running.Go(func() { (*s).stream(ctx, g, first, chunks, streams[g]) })
		return nil
	}
	for g := range workers {
		if err := begin(g); err != nil {
			return err
		}
	}
	for g := range streams {
		for p := range streams[g] {
			if p.err != nil {
				return p.err
			}
			if err := fn(p.first, p.chunk, p.rows); err != nil {
				return err
			}
			reset(p.chunk)
			put(chunks, p.chunk)
		}
		if err := ctx.Err(); err != nil { // the caller's: the stream may have ended early
			return err
		}
		if err := begin(g + workers); err != nil {
			return err
		}
	}
	return nil
}

// groupChunks is how many chunks of a row group wait for the caller.
const groupChunks = defaultRowGroup / chunkRows

// stream unpacks a row group into to, and closes it.
func (s *scanner[B]) stream(ctx context.Context, g int, base int64, spare chan *B, to chan<- piece[B]) {
	defer close(to)
	send := func(p piece[B]) error {
		select {
		case to <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := s.scan(ctx, g, get(spare), func(first int64, b *B, n int) (*B, error) {
		if err := send(piece[B]{first: base + first, chunk: b, rows: n}); err != nil {
			return nil, err
		}
		return get(spare), nil
	})
	if err != nil {
		_ = send(piece[B]{err: err}) // cancelled: nobody listens any more
	}
}

// get takes an empty chunk, or makes one.
func get[B any](spare chan *B) *B {
	select {
	case b := <-spare:
		return b
	default:
		return new(B)
	}
}

func put[B any](spare chan *B, b *B) {
	select {
	case spare <- b:
	default:
	}
}

// eachAlone does the same in the caller's goroutine.
func (t *tableReader[B]) eachAlone(ctx context.Context, set Columns, reset func(*B), fn func(first int64, b *B, n int) error) error {
	s, err := t.scanner(set)
	if err != nil {
		return err
	}
	b, base := new(B), int64(0)
	for g := range t.footer.Groups {
		err := s.scan(ctx, g, b, func(first int64, b *B, n int) (*B, error) {
			err := fn(base+first, b, n)
			reset(b)
			return b, err
		})
		if err != nil {
			return err
		}
		base += t.footer.Groups[g].Rows
	}
	return nil
}

func (t *tableReader[B]) damaged(cause error) error { return damaged(t.name, cause) }

// damaged is the fault of a file that cannot be read.
func damaged(name string, cause error) error {
	return fault.New("E-4260", fault.V{"path": name}, cause)
}

// recovered turns a panic over hostile bytes into an error; there is none that
// we know.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}
