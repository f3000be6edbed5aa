package lake

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Own is the same lake with a new folder for half-written files that is this
// caller's alone, among any number of processes. free removes it. Folders of the
// same kind that killed processes left are removed on the way: a process holds a
// lock on its folder, which ends with it.
func (l *Lake) Own(kind string) (own *Lake, free func() error, err error) {
	var lock *os.File
	err = l.alone(func() error {
		if err := l.removeDead(kind); err != nil {
			return err
		}
		dir, err := os.MkdirTemp(l.TempDir(), kind+"-*")
		if err != nil {
			return ioFault(l.TempDir(), err)
		}
		own = l.Scope(filepath.Join(l.scope, filepath.Base(dir)))
		lock, err = locked(dir, 0)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return own, func() error {
		defer lock.Close() // the lock ends when nothing is left to protect
		return own.RemoveTemp()
	}, nil
}

// removeDead removes the folders of a kind that no process holds.
func (l *Lake) removeDead(kind string) error {
	entries, err := os.ReadDir(l.TempDir())
	if err != nil {
		return ioFault(l.TempDir(), err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), kind+"-") {
			continue
		}
		dir := filepath.Join(l.TempDir(), e.Name())
		lock, err := locked(dir, syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue // at work, or gone by now
		}
		if err != nil {
			return err
		}
		err = os.RemoveAll(dir)
		lock.Close()
		if err != nil {
			return ioFault(dir, err)
		}
	}
	return nil
}

// Keep puts a folder in place of the one at path, which must be below the root.
func (l *Lake) Keep(dir, path string) error {
	return l.alone(func() error {
		if err := os.RemoveAll(path); err != nil {
			return ioFault(path, err)
		}
		if err := l.fs.Rename(dir, path); err != nil {
			return ioFault(path, err)
		}
		return SyncDir(filepath.Dir(path))
	})
}

// alone runs do while no other process is in it.
func (l *Lake) alone(do func() error) error {
	lock, err := locked(filepath.Join(l.root, "tmp"), 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	return do()
}

// locked opens a folder and locks it; how is LOCK_NB not to wait.
func locked(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, ioFault(dir, err)
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|how); {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EINTR):
			f.Close()
			return nil, ioFault(dir, err)
		}
	}
}
