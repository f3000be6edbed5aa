package recordfile

import (
	"errors"
	"fmt"
	"io"

	"tieout/schemas/recordfile/internal/parquet"
)

// defaultRowGroup is the usual number of rows in a row group: enough for
// dictionaries to pay, and few enough for several to be in work at once.
const defaultRowGroup = 8 * chunkRows

// layoutKey names the layout in the file's metadata, so that a file of another
// version is refused instead of misread.
const layoutKey = "tieout.layout"

// tableWriter writes chunks of B as the columns of a Parquet file. Row groups
// are packed in goroutines while the caller fills the next one, and written in
// order by the caller's calls.
type tableWriter[B any] struct {
	cols    []column[B]
	reset   func(*B)
	out     io.Writer
	at      int64 // bytes written
	footer  parquet.Footer
	perRG   int
	workers int
	filling *rowGroup[B]
	packing []*rowGroup[B] // oldest first
	idle    []*rowGroup[B]
	err     error // sticks
}

// rowGroup is one row group on its way into the file.
type rowGroup[B any] struct {
	chunks []*B // those behind used are empty
	used   int
	rows   int
	packer *packer

	packed []byte
	parts  []parquet.Chunk
	err    error
	done   chan struct{}
}

// newTableWriter starts a file. It never closes w.
func newTableWriter[B any](w io.Writer, layout string, cols []column[B], reset func(*B), perRG, workers int) (*tableWriter[B], error) {
	t := &tableWriter[B]{cols: cols, reset: reset, out: w, perRG: perRG, workers: max(workers, 1)}
	t.footer.Meta = map[string]string{layoutKey: layout}
	for i := range cols {
		t.footer.Columns = append(t.footer.Columns, cols[i].Column)
	}
	if err := t.write([]byte(parquet.Magic)); err != nil {
		return nil, fmt.Errorf("start a Parquet file: %w", err)
	}
	return t, nil
}

// room returns how many rows the chunk may hold.
func (t *tableWriter[B]) room() int {
	rows := 0
	if t.filling != nil {
		rows = t.filling.rows
	}
	return min(chunkRows, t.perRG-rows)
}

// chunk returns the chunk that the caller is to fill with room rows. It stays
// the same until filled.
func (t *tableWriter[B]) chunk() (*B, error) {
	if t.err != nil {
		return nil, t.err
	}
	if t.filling == nil {
		if t.err = t.begin(); t.err != nil {
			return nil, t.err
		}
	}
	g := t.filling
	if g.used == len(g.chunks) {
		g.chunks = append(g.chunks, new(B))
	}
	return g.chunks[g.used], nil
}

// filled adds the chunk, which holds n rows: room rows unless it is the last.
func (t *tableWriter[B]) filled(n int) error {
	g := t.filling
	g.used++
	if g.rows += n; g.rows < t.perRG {
		return nil
	}
	return t.endGroup()
}

func (t *tableWriter[B]) begin() error {
	if n := len(t.idle); n > 0 {
		t.filling, t.idle = t.idle[n-1], t.idle[:n-1]
		return nil
	}
	p, err := newPacker()
	if err != nil {
		return fmt.Errorf("start a row group: %w", err)
	}
	t.filling = &rowGroup[B]{packer: p}
	return nil
}

// endGroup has the row group packed. At most so many are packed at a time as
// there are workers.
func (t *tableWriter[B]) endGroup() error {
	for len(t.packing) >= t.workers && t.err == nil {
		t.err = t.writeOldest()
	}
	if t.err != nil {
		return t.err
	}
	g := t.filling
	t.filling = nil
	t.packing = append(t.packing, g)
	g.done = make(chan struct{})
	go func() {
		defer close(g.done)
		g.pack(t.cols)
	}()
	return nil
}

// pack packs the columns. A bug there must end the file, not the program.
func (g *rowGroup[B]) pack(cols []column[B]) {
	g.packed, g.parts = g.packed[:0], g.parts[:0:0]
	defer func() {
		if p := recover(); p != nil {
			g.err = fmt.Errorf("pack a row group: %v", p)
		}
	}()
	for i := range cols {
		cols[i].write(g.packer, g.chunks[:g.used])
		var part parquet.Chunk
		offset := int64(len(g.packed))
		g.packed, part = g.packer.Flush(g.packed)
		part.Offset = offset
		g.parts = append(g.parts, part)
	}
}

// writeOldest waits for the oldest row group and writes it.
func (t *tableWriter[B]) writeOldest() error {
	g := t.packing[0]
	t.packing = t.packing[1:]
	<-g.done
	if g.err != nil {
		return g.err
	}
	for i := range g.parts {
		g.parts[i].Offset += t.at
	}
	if err := t.write(g.packed); err != nil {
		return fmt.Errorf("write a row group: %w", err)
	}
	t.footer.Groups = append(t.footer.Groups, parquet.Group{Rows: int64(g.rows), Chunks: g.parts})
	t.footer.Rows += int64(g.rows)
	for _, c := range g.chunks[:g.used] {
		t.reset(c)
	}
	g.used, g.rows = 0, 0
	t.idle = append(t.idle, g)
	return nil
}

func (t *tableWriter[B]) write(b []byte) error {
	n, err := t.out.Write(b)
	t.at += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// close ends the last chunk, whose rows are counted, and the last row group,
// and writes the footer.
func (t *tableWriter[B]) close(rows func(*B) int) error {
	if g := t.filling; t.err == nil && g != nil {
		if g.used < len(g.chunks) {
			if n := rows(g.chunks[g.used]); n > 0 {
				t.err = t.filled(n)
			}
		}
		if t.err == nil && t.filling != nil && g.rows > 0 {
			t.err = t.endGroup()
		}
	}
	for len(t.packing) > 0 && t.err == nil {
		t.err = t.writeOldest()
	}
	for _, g := range t.packing { // after an error: nothing may go on
		<-g.done
	}
	t.packing, t.idle, t.filling = nil, nil, nil
	if t.err != nil {
		return t.err
	}
	t.err = errors.New("write to a closed file")
	if err := t.write(t.footer.Append(nil)); err != nil {
		return fmt.Errorf("write the Parquet footer: %w", err)
	}
	return nil
}
