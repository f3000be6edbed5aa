package ledgerlink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"tieout/internal/fault"
	"tieout/schemas"
)

// csvScan reads the data lines of a file in blocks: one goroutine cuts blocks
// at line ends, workers parse them, and the caller's goroutine takes the
// results in the order of the file. What comes out does not depend on the
// number of workers.
type csvScan struct {
	file    *os.File
	path    string
	from    int64 // offset of the first data line, which is line 2
	size    int64
	workers int
	reader  func() *rowReader
	batch   schemas.Batch // the constants of all batches
}

// block is a run of whole lines, and what became of them.
type block struct {
	memory  []byte
	data    []byte // whole lines; blockPad line ends follow
	line    int64  // number of the first one
	offset  int64  // its place in the file
	batch   schemas.Batch
	rejects []schemas.Reject
	rows    int64 // lines that are not empty
	done    chan error
}

// blockSize keeps a block and its batch in the cache of a core: with 1 MiB the
// same rows cost a quarter more.
const blockSize = 128 << 10

// run gives the rows and rejects of each block, and returns the number of
// lines that are not empty. The batch is reused.
func (s *csvScan) run(ctx context.Context, give func(*schemas.Batch, []schemas.Reject) error) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	// A block holds what is left of the line before and a new piece of the file;
	// a file of one piece needs one block of its own size.
	inFlight, memory := 2*s.workers+2, int64(blockSize+maxLine)
	if left := s.size - s.from; left <= blockSize {
		inFlight, memory = 1, left
	}
	free, work, order := make(chan *block, inFlight), make(chan *block, inFlight), make(chan *block, inFlight)
	for range inFlight {
		free <- &block{memory: make([]byte, memory+blockPad), done: make(chan error, 1), batch: s.batch}
	}
	group.Go(func() error {
		defer close(work)
		defer close(order)
		return s.cut(ctx, free, work, order)
	})
	for range s.workers {
		group.Go(func() error {
			p := csvParser{reader: s.reader()}
			for b := range work {
				b.done <- p.safely(b)
			}
			return nil
		})
	}
	rows := int64(0)
	err := collect(order, func(b *block) error {
		rows += b.rows
		err := give(&b.batch, b.rejects)
		free <- b
		return err
	})
	if err != nil {
		group.Go(func() error { return err }) // stops the cutter
	}
	if waited := group.Wait(); err == nil {
		err = waited
	}
	return rows, err
}

// collect takes the blocks in their order, each when it is parsed.
func collect(order <-chan *block, take func(*block) error) error {
	for b := range order {
		if err := <-b.done; err != nil {
			return err
		}
		if err := take(b); err != nil {
			return err
		}
	}
	return nil
}

// cut reads the file and cuts it at line ends.
func (s *csvScan) cut(ctx context.Context, free <-chan *block, work, order chan<- *block) error {
	in := io.NewSectionReader(s.file, 0, s.size)
	var carry []byte
	line, offset := int64(2), s.from
	for place := s.from; place < s.size || len(carry) > 0; {
		var b *block
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b = <-free:
		}
		n := copy(b.memory, carry)
		want := min(int64(blockSize), s.size-place)
		if _, err := in.ReadAt(b.memory[n:int64(n)+want], place); err != nil && want > 0 {
			return fault.New("E-4101", fault.V{"path": s.path, "reason": "it cannot be read"}, err)
		}
		place += want
		data := b.memory[:int64(n)+want]
		end := len(data)
		if place < s.size {
			end = bytes.LastIndexByte(data, '\n') + 1
		}
		if len(data)-end >= maxLine {
			return fault.New("E-2451", fault.V{"file": s.path, "format": "CSV",
				"reason": fmt.Sprintf("line %d at byte %d is longer than 1 MiB", line+int64(bytes.Count(data[:end], newline)), offset+int64(end))}, nil)
		}
		carry = append(carry[:0], data[end:]...)
		b.data, b.line, b.offset = data[:end], line, offset
		copy(b.memory[end:], lineEnds)
		line += int64(bytes.Count(b.data, newline))
		offset += int64(end)
		work <- b
		order <- b
	}
	return nil
}

var (
	newline  = []byte{'\n'}
	lineEnds = bytes.Repeat(newline, blockPad)
)

// csvParser turns blocks into batches.
type csvParser struct {
	splitter
	reader *rowReader
}

// safely turns a panic on foreign data into an error.
func (p *csvParser) safely(b *block) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parse the lines from %d on: panic: %v", b.line, r)
		}
	}()
	p.parse(b)
	return nil
}

// parse reads all lines of a block: each is a row, a reject, or empty.
func (p *csvParser) parse(b *block) {
	b.batch.Reset()
	b.rejects, b.rows = b.rejects[:0], 0
	padded := b.data[:len(b.data)+blockPad]
	for line, at := b.line, 0; at < len(b.data); {
		if n := p.reader.usual(padded, at, len(b.data)); n > 0 {
			p.reader.addGroup(padded, line, b.offset, &b.batch)
			b.rows += int64(n)
			line += int64(n)
			at = p.reader.group.start[n]
			continue
		}
		at += p.unusual(b, line, at)
		line++
	}
	p.reader.finish(&b.batch)
}

// unusual reads the line at a place of the block and returns its length.
func (p *csvParser) unusual(b *block, line int64, at int) int {
	row := b.data[at:]
	length := len(row)
	if end := bytes.IndexByte(row, '\n'); end >= 0 {
		row, length = row[:end], end+1
	}
	if n := len(row); n > 0 && row[n-1] == '\r' {
		row = row[:n-1]
	}
	if len(row) > 0 {
		b.rows++
		offset := b.offset + int64(at)
		if e, cells := p.row(row, line, offset, &b.batch); e.why != "" {
			b.rejects = append(b.rejects, p.reader.reject(e, cells, line, offset))
		}
	}
	return length
}

func (p *csvParser) row(row []byte, line, offset int64, b *schemas.Batch) (cellError, [][]byte) {
	if len(row) > maxLine {
		return cellError{-1, "is longer than 1 MiB"}, nil
	}
	cells, why := p.split(row)
	if why != "" {
		return cellError{-1, why}, nil
	}
	if len(cells) != len(p.reader.names) {
		return cellError{-1, countReason(len(cells), len(p.reader.names))}, nil
	}
	return p.reader.read(cells, line, offset, b), cells
}
