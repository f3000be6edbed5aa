package normalize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"tieout/internal/fault"
	"tieout/schemas"
)

// blockSize is how much of a file one worker takes at a time. It does not
// depend on the number of workers, so that batches have the same borders. It
// keeps a block and its batch in the cache of a core: with 1 MiB two workers
// took a tenth more, a fifth for short rows.
const blockSize = 256 << 10

// maxBlockRejects bounds the memory of a block of nothing but rejects: a file
// with more of them in a block is no statement.
const maxBlockRejects = 1 << 16

// body is the part of a file that holds its rows, and perhaps the tail.
type body struct {
	file       *File
	start, end int64
	block      int64 // bytes that one worker takes at a time
	crlf       bool  // every line ends CR LF; else LF
	// startsRow tells whether a line begins a row; nil: every line does.
	startsRow func(line []byte) bool
	// startsTail tells whether a line is the first of the tail.
	startsTail func(line []byte) bool
}

// block is one piece of a body and what was found in it.
type block struct {
	body       *body
	start, end int64 // rows that begin in [start, end) belong to it
	buf        []byte
	base       int64 // file offset of buf[0]
	eof        bool  // buf reaches the end of the body

	batch   schemas.Batch
	rejects []schemas.Reject
	stats   stats
	lines   int64 // physical lines of its rows
	tailAt  int64 // offset of the first line of the tail; -1: not here
	lastRow int64 // offset of its last row; -1: none
	err     error
	done    chan struct{}
}

// decodeBody reads all rows with so many workers and hands the blocks to each,
// in file order, one at a time. It returns once no worker runs any more.
func decodeBody(ctx context.Context, b *body, workers int, reader func() *rowReader, p *plan, each func(*block) (more bool, err error)) error {
	n := (b.end - b.start + b.block - 1) / b.block
	workers = int(min(int64(workers), n))
	ring := make([]*block, min(int64(workers)*2, n))
	work := make(chan *block, len(ring))
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			r := reader()
			for blk := range work {
				blk.decode(r)
				blk.done <- struct{}{}
			}
		})
	}
	defer running.Wait()
	defer close(work)
	start := func(blk *block, i int64) {
		blk.start = b.start + i*b.block
		blk.end = min(blk.start+b.block, b.end)
		work <- blk
	}
	for i := range ring {
		ring[i] = &block{body: b, stats: newStats(p), done: make(chan struct{}, 1)}
		start(ring[i], int64(i))
	}
	for i := range n {
		blk := ring[i%int64(len(ring))]
		<-blk.done
		if err := ctx.Err(); err != nil {
			return err
		}
		if blk.err != nil {
			return blk.err
		}
		if more, err := each(blk); err != nil || !more {
			return err
		}
		if next := i + int64(len(ring)); next < n {
			start(blk, next)
		}
	}
	return nil
}

// decode reads the block's rows. Nothing that a file holds may stop the
// program, so a defect becomes the block's error.
func (b *block) decode(r *rowReader) {
	defer func() {
		if p := recover(); p != nil {
			b.err = fmt.Errorf("normalize %s: defect in the decoder near byte %d: %v", fault.Quote(b.body.file.Name), b.start, p)
		}
	}()
	b.reset(r)
	b.err = b.rows(r)
}

func (b *block) reset(r *rowReader) {
	r.group.reset()
	b.batch.Reset()
	b.rejects = b.rejects[:0]
	b.stats.reset()
	b.lines, b.tailAt, b.lastRow, b.err = 0, -1, -1, nil
}

func (b *block) rows(r *rowReader) error {
	at, err := b.open()
	for err == nil && at >= 0 && b.base+int64(at) < b.end {
		from := at
		if at, err = b.group(r, at); err == nil && at == from {
			at, err = b.next(r, at)
		}
	}
	// What is wrong with the rows that wait comes before what has stopped here.
	if err := r.flush(b); err != nil {
		return err
	}
	return err
}

// open loads the block's bytes and returns where its first line begins in buf,
// or -1 if no line begins in it.
func (b *block) open() (int, error) {
	b.base = b.start
	if b.start > b.body.start {
		b.base-- // whether a line begins at start, the byte before tells
	}
	b.buf, b.eof = b.buf[:0], false
	if err := b.load(int(b.end - b.base)); err != nil {
		return -1, err
	}
	at := 0
	if b.base < b.start {
		newline := bytes.IndexByte(b.buf, '\n')
		if newline < 0 {
			return -1, nil
		}
		at = newline + 1
	}
	for b.body.startsRow != nil && b.start > b.body.start && b.base+int64(at) < b.end {
		line, next, err := b.line(at)
		if err != nil {
			return -1, err
		}
		if b.body.startsRow(line) || b.body.startsTail(line) {
			break
		}
		at = next // belongs to a row of the block before
	}
	return at, nil
}

// maxGroup is how many bytes of rows are cut together: so few that no cell of
// them is too long, even decoded.
const maxGroup = maxCell / 2

// group reads the whole lines at buf[at:], as many as are read together, and
// returns where the next row begins: at, if next must read that one.
func (b *block) group(r *rowReader, at int) (int, error) {
	if r.index == nil {
		return at, nil
	}
	if err := r.flush(b); err != nil {
		return -1, err
	}
	g, from := &r.group, at
	for lines := b.buf[at:min(at+maxGroup, len(b.buf))]; g.n < groupRows && b.base+int64(at) < b.end; {
		i := bytes.IndexByte(lines, '\n')
		if i < 0 || b.body.startsTail(lines[:i]) {
			break
		}
		row, why := b.cutLineEnd(lines[:i], at+i+1 == len(b.buf) && b.eof)
		b.lines++
		b.lastRow = b.base + int64(at)
		g.rows[g.n] = waiting{raw: row, line: b.lines, offset: b.lastRow, why: why}
		g.n++
		at, lines = at+i+1, lines[i+1:]
	}
	if at > from {
		r.index.cut(b.buf[from:at], g)
	}
	return at, r.flush(b)
}

// next reads the row, or meets the tail, at buf[at:]; it returns where the next
// row begins, or -1 at the tail.
func (b *block) next(r *rowReader, at int) (int, error) {
	line, next, err := b.line(at)
	if err != nil {
		return -1, err
	}
	if b.body.startsTail(line) {
		b.tailAt = b.base + int64(at)
		return -1, nil
	}
	first := b.lines + 1
	b.lines++
	whole := line
	for b.body.startsRow != nil && (next < len(b.buf) || !b.eof) {
		more, after, err := b.line(next)
		if err != nil {
			return -1, err
		}
		if b.body.startsRow(more) || b.body.startsTail(more) {
			break
		}
		if after-at > maxLine {
			return -1, tooLong(b.body.file, b.base+int64(at))
		}
		whole, next = b.buf[at:next+len(more)], after
		b.lines++
	}
	row, why := b.cutLineEnd(whole, next == len(b.buf) && b.eof)
	offset := b.base + int64(at)
	b.lastRow = offset
	if err := r.take(row, first, offset, b, why); err != nil {
		return -1, err
	}
	return next, nil
}

// line returns the line at buf[at:] without its LF, and where the next begins.
func (b *block) line(at int) (line []byte, next int, err error) {
	from := at
	for {
		if i := bytes.IndexByte(b.buf[from:], '\n'); i >= 0 {
			if from+i-at > maxLine {
				return nil, 0, tooLong(b.body.file, b.base+int64(at))
			}
			return b.buf[at : from+i], from + i + 1, nil
		}
		if len(b.buf)-at > maxLine {
			return nil, 0, tooLong(b.body.file, b.base+int64(at))
		}
		if b.eof {
			return b.buf[at:], len(b.buf), nil
		}
		from = len(b.buf)
		if err := b.load(max(4<<10, from-at)); err != nil { // a line is short, mostly
			return nil, 0, err
		}
	}
}

// cutLineEnd cuts the CR of a CR LF. The last line of a file may have no line
// end at all.
func (b *block) cutLineEnd(line []byte, last bool) ([]byte, string) {
	if !b.body.crlf {
		return line, ""
	}
	if len(line) > 0 && line[len(line)-1] == '\r' {
		return line[:len(line)-1], ""
	}
	if last {
		return line, ""
	}
	return line, "a line that ends LF among lines that end CR LF"
}

// load reads n more bytes of the body behind buf.
func (b *block) load(n int) error {
	at := b.base + int64(len(b.buf))
	if rest := b.body.end - at; int64(n) >= rest {
		n, b.eof = int(rest), true
	}
	have := len(b.buf)
	if cap(b.buf) < have+n+room {
		grown := make([]byte, have, have+n+64<<10)
		copy(grown, b.buf)
		b.buf = grown
	}
	b.buf = b.buf[:have+n]
	if n == 0 {
		return nil
	}
	if k, err := b.body.file.Reader.ReadAt(b.buf[have:], at); k < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("normalize: read %s at byte %d: %w", fault.Quote(b.body.file.Name), at+int64(k), err)
	}
	return nil
}

func tooLong(f *File, offset int64) error {
	return fault.New("E-2432", fault.V{"file": f.Name, "offset": offset, "limit": maxLine}, nil)
}
