package normalize

import (
	"bytes"
	"context"

	"tieout/internal/bizday"
	"tieout/internal/fault"
)

// readPart is a file of rows that has been read.
type readPart struct {
	o     *opened
	stats stats
}

// readRows reads a file of rows and proves what its tail states.
func (r *reading) readRows(ctx context.Context, o *opened) error {
	b, err := o.body()
	if err != nil {
		return err
	}
	if _, err := newCutter(o.plan); err != nil {
		return err
	}
	t := &target{merchant: []byte(r.st.Merchant), date: r.st.BillDate, source: o.file.SHA256, feeSign: r.feeSign}
	if t.date != bizday.None {
		t.day = r.in.Definition.Day().Of(t.date)
	}
	part := &readPart{o: o, stats: newStats(o.plan)}
	r.parts[o.format.Part] = part
	place := &position{lines: o.lines, lastRow: -1, tailAt: -1}
	reader := func() *rowReader {
		cut, _ := newCutter(o.plan) // made once above without an error
		r := newRowReader(o.plan, t, cut)
		r.index = newIndex(o.plan, o.crlf)
		return r
	}
	err = decodeBody(ctx, b, r.in.Workers, reader, o.plan, func(blk *block) (bool, error) {
		part.stats.merge(&blk.stats)
		if err := r.hand(o, blk, place); err != nil {
			return false, err
		}
		return place.tailAt < 0, nil
	})
	r.st.Rows += part.stats.rows
	r.st.Rejects += part.stats.rejects
	r.st.Records = r.st.Rows - r.st.Rejects
	if err != nil {
		return err
	}
	found, missing, err := o.readTail(place.tailAt, place.lines+1)
	if err != nil {
		return err
	}
	r.proveRows(part, place, append(o.captured, found...), missing)
	return nil
}

// position is how far the hand-over has come in a file.
type position struct {
	lines           int64 // handed over, with the head
	lastRow, tailAt int64 // offsets; -1: none
	lastLine        int64
}

// hand gives a block's rows to the sink, with their places in the file.
func (r *reading) hand(o *opened, b *block, place *position) error {
	if err := o.repeatedHeader(b, place.lines); err != nil {
		return err
	}
	for i := range b.batch.Line {
		b.batch.Line[i] += place.lines
	}
	b.batch.Channel, b.batch.Account, b.batch.Source = r.st.Channel, r.st.Account, o.file.SHA256
	if b.batch.Len() > 0 {
		if err := r.out.Batch(&b.batch); err != nil {
			return err
		}
	}
	for _, rej := range b.rejects {
		rej.Line += place.lines
		rej.File = fault.Safe(o.file.Name, 240)
		if err := r.out.Reject(rej); err != nil {
			return err
		}
	}
	place.lines += b.lines
	if b.lastRow >= 0 {
		place.lastRow, place.lastLine = b.lastRow, place.lines
	}
	place.tailAt = b.tailAt
	return nil
}

// repeatedHeader stops at a second header among the rows: two files were put
// together, and their summaries prove nothing.
func (o *opened) repeatedHeader(b *block, lines int64) error {
	if o.header == nil {
		return nil
	}
	for _, rej := range b.rejects {
		line, _, err := b.line(int(rej.Offset - b.base))
		if err != nil {
			return err
		}
		if row, _ := b.cutLineEnd(line, true); bytes.Equal(row, o.header) {
			return o.behind(lines+rej.Line, "a second line of column names stands among the rows")
		}
	}
	return nil
}

func (o *opened) body() (*body, error) {
	starts, err := tailStarts(o.format)
	if err != nil {
		return nil, err
	}
	return &body{file: o.file, start: o.start, end: o.file.Size, block: blockSize, crlf: o.crlf,
		startsRow: rowStart(o.format), startsTail: startsWith(starts)}, nil
}
