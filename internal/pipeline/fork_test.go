package pipeline_test

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copyTree copies a folder as the disk holds it. Shared memory of the database
// does not survive a process and stays behind.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case strings.HasSuffix(path, "-shm"):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return copyFile(path, target, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// fork closes the world and opens a copy of it: the same past, a future of its
// own.
func (w *world) fork() *world {
	w.t.Helper()
	w.close()
	c := &world{t: w.t, dir: filepath.Join(tempDir(w.t), "world"), clock: w.clock, books: w.books.clone(), fs: w.fs, workers: w.workers, plant: w.plant}
	copyTree(w.t, w.dir, c.dir)
	c.open()
	w.t.Cleanup(c.close)
	return c
}

// clone is the same channel for another world.
func (b *channelBooks) clone() *channelBooks {
	c := newChannelBooks()
	for d, rows := range b.rows {
		c.rows[d] = slices.Clone(rows)
	}
	maps.Copy(c.raw, b.raw)
	maps.Copy(c.answer, b.answer)
	c.silent = b.silent
	return c
}
