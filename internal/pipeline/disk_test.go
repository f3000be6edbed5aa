package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"

	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/pipeline"
)

// badDisk fails the k-th operation of the lake: the making of a file, a write, a
// sync, a close, a rename or a link. Forever means that all later ones fail as well.
type badDisk struct {
	illness
	mu   sync.Mutex
	k, n int
}

// illness is how operations fail.
type illness struct {
	errno   syscall.Errno
	forever bool
	short   bool // a write that fails has written half
}

func (d *badDisk) fails() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	return d.n == d.k || d.forever && d.k > 0 && d.n > d.k
}

func (d *badDisk) CreateTemp(dir, pattern string) (lake.WriteFile, error) {
	if d.fails() {
		return nil, &os.PathError{Op: "open", Path: dir, Err: d.errno}
	}
	f, err := lake.OS.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return &badFile{f, d}, nil
}

func (d *badDisk) Rename(from, to string) error {
	if d.fails() {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: d.errno}
	}
	return lake.OS.Rename(from, to)
}

func (d *badDisk) Link(from, to string) error {
	if d.fails() {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: d.errno}
	}
	return lake.OS.Link(from, to)
}

type badFile struct {
	lake.WriteFile
	d *badDisk
}

func (f *badFile) Write(p []byte) (int, error) {
	if !f.d.fails() {
		return f.WriteFile.Write(p)
	}
	n := 0
	if f.d.short {
		n, _ = f.WriteFile.Write(p[:len(p)/2])
	}
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: f.d.errno}
}

func (f *badFile) Sync() error {
	if f.d.fails() {
		return &os.PathError{Op: "fsync", Path: f.Name(), Err: f.d.errno}
	}
	return f.WriteFile.Sync()
}

func (f *badFile) Close() error {
	err := f.WriteFile.Close()
	if f.d.fails() {
		return &os.PathError{Op: "close", Path: f.Name(), Err: f.d.errno}
	}
	return err
}

// Every operation on the lake fails once, in turn, as a full or a broken disk
// fails: the night stops with 41, nothing half-written stays, what was published
// stays; when the disk is well again, the same command ends as if nothing had
// been.
func TestFaultS1_EveryWriteFails(t *testing.T) {
	base := newWorld(t)
	busyDays(base)
	healthy := base.fork()
	counter := &badDisk{}
	healthy.fs = counter
	healthy.restart()
	healthy.runAll(day1)
	want := healthy.state()
	if counter.n < 100 {
		t.Fatalf("only %d operations", counter.n)
	}
	kinds := []illness{
		{errno: syscall.ENOSPC}, {errno: syscall.ENOSPC, short: true, forever: true},
		{errno: syscall.EIO}, {errno: syscall.EIO, forever: true},
	}
	step := 1
	if testing.Short() || underRace {
		step = 7
	}
	for k := 1; k <= counter.n; k += step {
		disk := &badDisk{illness: kinds[k%len(kinds)], k: k}
		t.Run(fmt.Sprintf("%03d_%s_forever_%v", k, disk.errno, disk.forever), func(t *testing.T) {
			w := base.fork()
			w.fs = disk
			w.restart()
			res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
			if fault.Of(err).Exit() != 41 || res.Exit != 41 {
				t.Fatalf("exit %d, %v", res.Exit, err)
			}
			if left := w.tempFiles(); len(left) > 0 {
				t.Errorf("left half-written: %q", left)
			}
			if _, ok, _ := w.db.Current(context.Background(), accountName, day1); ok {
				t.Error("a night that the disk stopped is current")
			}
			w.fs = lake.OS
			w.restart()
			w.run(day1, pipeline.Options{Now: true}, "")
			wantState(t, "after the disk is well again", want, w.state())
			w.verify(day1, day1)
		})
	}
}
