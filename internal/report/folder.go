package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"tieout/internal/fault"
	"tieout/schemas"
)

// draftPrefix starts the names of files that are not finished.
const draftPrefix = ".report-draft-"

// folder collects the files of one report as drafts and puts all of them in
// place together: a report that fails half-way leaves the one before whole.
type folder struct {
	dir    string
	drafts []*draft
}

// openFolder makes the folder, and removes drafts that a killed process left.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, cannotWrite(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, cannotWrite(dir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), draftPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !os.IsNotExist(err) {
				return nil, cannotWrite(dir, err)
			}
		}
	}
	return &folder{dir: dir}, nil
}

// draft is one file at work. It is an io.Writer; its digest is of what was
// written.
type draft struct {
	name string
	path string
	file *os.File // nil once closed
	out  *bufio.Writer
	sum  hash.Hash
	size int64
}

// create starts a file of the folder.
func (f *folder) create(name string) (*draft, error) {
	file, err := os.CreateTemp(f.dir, draftPrefix)
	if err != nil {
		return nil, cannotWrite(filepath.Join(f.dir, name), err)
	}
	d := &draft{name: name, path: file.Name(), file: file, sum: sha256.New()}
	d.out = bufio.NewWriterSize(d.tee(), 1<<16)
	f.drafts = append(f.drafts, d)
	return d, nil
}

// fill creates a file and lets fn write it.
func (f *folder) fill(name string, fn func(io.Writer) error) error {
	d, err := f.create(name)
	if err != nil {
		return err
	}
	if err := fn(d); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return d.close()
}

// part is a file that fillAll writes.
type part struct {
	name string
	fn   func(io.Writer) error
}

// fillAll creates files in their order and lets their functions write them, all
// at the same time.
func (f *folder) fillAll(parts []part) error {
	var writing errgroup.Group
	for _, p := range parts {
		d, err := f.create(p.name)
		if err != nil {
			return errors.Join(err, writing.Wait())
		}
		writing.Go(func() error {
			if err := p.fn(d); err != nil {
				return fmt.Errorf("write %s: %w", p.name, err)
			}
			return d.close()
		})
	}
	return writing.Wait()
}

func (d *draft) Write(b []byte) (int, error) { return d.out.Write(b) }

// tee writes to the file, and counts and digests what it wrote.
func (d *draft) tee() io.Writer { return teeWriter{d} }

type teeWriter struct{ d *draft }

func (t teeWriter) Write(b []byte) (int, error) {
	n, err := t.d.file.Write(b)
	t.d.size += int64(n)
	t.d.sum.Write(b[:n])
	return n, err
}

// close ends the writing. It may be called again.
func (d *draft) close() error {
	if d.file == nil {
		return nil
	}
	err := d.out.Flush()
	if cerr := d.file.Close(); err == nil {
		err = cerr
	}
	d.file, d.out = nil, nil
	if err != nil {
		return cannotWrite(d.path, err)
	}
	return nil
}

// used describes the closed drafts, in the order in which they were created.
func (f *folder) used() []schemas.FileUsed {
	files := make([]schemas.FileUsed, len(f.drafts))
	for i, d := range f.drafts {
		files[i] = schemas.FileUsed{Name: d.name, SHA256: hex.EncodeToString(d.sum.Sum(nil)), Size: d.size}
	}
	return files
}

// publish puts all drafts in place, in the order of their creation. Reports
// can be written again from what the run keeps, so nothing is synced to disk.
func (f *folder) publish() ([]schemas.FileUsed, error) {
	for _, d := range f.drafts {
		if err := d.close(); err != nil {
			return nil, err
		}
	}
	for _, d := range f.drafts {
		if err := os.Rename(d.path, filepath.Join(f.dir, d.name)); err != nil {
			return nil, cannotWrite(filepath.Join(f.dir, d.name), err)
		}
	}
	files := f.used()
	f.drafts = nil
	return files, nil
}

// abort removes what is not published. It does nothing after publish.
func (f *folder) abort() {
	for _, d := range f.drafts {
		if d.file != nil {
			_ = d.file.Close() // the draft goes away
		}
		_ = os.Remove(d.path) // left-over drafts go with the next report
	}
	f.drafts = nil
}

func cannotWrite(path string, err error) error {
	return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
}
