package unpack

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
)

// behind is a file that is unpacked while others read what is there of it: the
// statement is decoded, and our side read, by the cores that unpacking leaves
// idle. It stands in a temporary file from its first byte on.
type behind struct {
	cancel context.CancelFunc
	spool  *spool

	mu    sync.Mutex
	moved sync.Cond
	size  int64 // so much of it is there
	ended bool
	err   error // why it ended early
}

// largest tells which file is large enough to come later, the largest; -1 if
// none is. What its header says is compared with what comes out, as ever.
func (o *opening) largest(files []*zip.File) int {
	most := -1
	for i, f := range files {
		if f.UncompressedSize64 > uint64(o.limits.Memory) && f.UncompressedSize64 <= uint64(o.limits.Total) &&
			(most < 0 || f.UncompressedSize64 > files[most].UncompressedSize64) {
			most = i
		}
	}
	return most
}

// unpackBehind begins to unpack an entry, and puts it at its place among the
// others. If it turns out to be no plain file, it is waited for.
func (o *opening) unpackBehind(f *zip.File, place, depth int) error {
	s := &spool{o: o}
	if err := s.spill(); err != nil {
		return err
	}
	b := o.begin(s, func() error { return o.unpackEntry(s, f) })
	how, err := Sniff(b, int64(f.UncompressedSize64))
	if err != nil || how == Zip || how == Gzip || startsOLE(b) {
		defer b.cancel()
		if err := b.wait(); err != nil {
			s.Close()
			return err
		}
		at := len(o.entries)
		if err := o.inside(layer{f.Name, f.NonUTF8, s.reader(), s.size, s}, depth); err != nil {
			return err
		}
		o.entries = slices.Concat(o.entries[:place], o.entries[at:], o.entries[place:at])
		return nil
	}
	if err := o.keep(layer{name: f.Name, nonUTF8: f.NonUTF8, r: b, size: int64(f.UncompressedSize64)}); err != nil {
		b.stop()
		s.Close()
		return err
	}
	last := len(o.entries) - 1
	e := o.entries[last]
	e.temp, e.behind = s, b
	o.entries, o.behind = slices.Insert(o.entries[:last], place, e), b
	return nil
}

// begin lets do fill a spool in a goroutine of its own.
func (o *opening) begin(s *spool, do func() error) *behind {
	b := &behind{spool: s}
	b.moved.L = &b.mu
	s.grew = func(size int64) { b.say(size, false, nil) }
	o.ctx, b.cancel = context.WithCancel(o.ctx)
	go func() {
		var err error
		defer func() {
			if defect := recover(); defect != nil {
				err = fmt.Errorf("defect while unpacking: %v", defect)
			}
			b.say(s.size, true, err)
		}()
		err = do()
	}()
	return b
}

func (b *behind) say(size int64, ended bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size, b.ended, b.err = size, ended, err
	b.moved.Broadcast()
}

// wait waits for the end.
func (b *behind) wait() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.ended {
		b.moved.Wait()
	}
	return b.err
}

// stop ends it, if it has not ended.
func (b *behind) stop() {
	b.cancel()
	_ = b.wait() // nobody wants it any more
}

// ReadAt implements io.ReaderAt; it waits for bytes that are not there yet.
func (b *behind) ReadAt(p []byte, off int64) (int, error) {
	b.mu.Lock()
	for !b.ended && b.size < off+int64(len(p)) {
		b.moved.Wait()
	}
	size, err := b.size, b.err
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return io.NewSectionReader(b.spool.file, 0, size).ReadAt(p, off)
}

// whole waits until all is unpacked, and tells whether it is what the archive
// says.
func (o *opening) whole() error {
	if o.behind == nil {
		return nil
	}
	if err := o.behind.wait(); err != nil {
		return o.fault(err)
	}
	return nil
}
