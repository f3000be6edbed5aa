// Package localdir fetches statements from a folder of this machine that
// somebody else fills: a download tool, a mounted share, a person.
//
// In: a folder and the names of its files. Out: a fetchers.FileSource with the
// same rules of completeness as FTP and SFTP. Called by cmd. Foreign entries
// are never trusted: only regular files inside the folder are opened, never
// through a link that leads out of it, and nothing is moved or deleted.
package localdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tieout/fetchers"
	"tieout/internal/fault"
)

// Config is one folder.
type Config struct {
	Root   string // absolute path; Spec.Dir lies inside
	Spec   fetchers.FileSpec
	Limits fetchers.Limits
	Now    func() time.Time
}

// New checks the configuration; it does not open anything. A mistake is E-7822
// or E-7823.
func New(c Config) (*fetchers.FileSource, error) {
	place := "file://" + fault.Safe(c.Root, 400)
	err := c.Spec.Check()
	if !filepath.IsAbs(c.Root) {
		err = errors.Join(err, fault.New("E-7823", fault.V{"place": place, "field": "root", "reason": "it must be an absolute path"}, nil))
	}
	if err != nil {
		return nil, err
	}
	connect := func(context.Context) (fetchers.Folder, error) {
		root, err := os.OpenRoot(c.Root)
		if err != nil {
			return nil, fmt.Errorf("open the folder: %w", err)
		}
		return &folder{root}, nil
	}
	return &fetchers.FileSource{Spec: c.Spec, Limits: c.Limits, Place: place, Connect: connect, Now: c.Now}, nil
}

type folder struct{ root *os.Root }

func (f *folder) Stat(_ context.Context, path string) (fetchers.FileStat, error) {
	info, err := f.root.Lstat(filepath.Clean(path))
	if err != nil {
		return fetchers.FileStat{}, explain(path, err)
	}
	return statOf(info)
}

// Open refuses anything but a regular file, also when the entry is exchanged
// for a link between the look and the opening.
func (f *folder) Open(_ context.Context, path string, offset int64) (io.ReadCloser, error) {
	before, err := f.root.Lstat(filepath.Clean(path))
	if err != nil {
		return nil, explain(path, err)
	}
	if _, err := statOf(before); err != nil {
		return nil, err
	}
	file, err := f.root.OpenFile(filepath.Clean(path), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fetchers.ErrNotRegular
	}
	if err != nil {
		return nil, explain(path, err)
	}
	if err := position(file, before, offset); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func position(file *os.File, before fs.FileInfo, offset int64) error {
	now, err := file.Stat()
	if err != nil {
		return err
	}
	if !now.Mode().IsRegular() || !os.SameFile(before, now) {
		return fetchers.ErrNotRegular
	}
	_, err = file.Seek(offset, io.SeekStart)
	return err
}

// explain makes a fault of what is neither "not there" nor "not allowed": the
// disk, or a path that leads out of the folder.
func explain(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
}

func (f *folder) Close() error { return f.root.Close() }

func statOf(info fs.FileInfo) (fetchers.FileStat, error) {
	if !info.Mode().IsRegular() {
		return fetchers.FileStat{}, fmt.Errorf("%w: %s", fetchers.ErrNotRegular, info.Mode().Type())
	}
	return fetchers.FileStat{Size: info.Size(), ModTime: info.ModTime()}, nil
}
