package lake

import (
	"os"
	"syscall"
)

const oNoFollow = syscall.O_NOFOLLOW

// FS is the seam through which every write of the lake goes, so that a test
// can fail the k-th operation.
type FS interface {
	CreateTemp(dir, pattern string) (WriteFile, error)
	Rename(from, to string) error
	Link(from, to string) error
}

// WriteFile is what the lake needs of an open file.
type WriteFile interface {
	Name() string
	Write([]byte) (int, error)
	Sync() error
	Close() error
}

// OS is the real file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) CreateTemp(dir, pattern string) (WriteFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) Link(from, to string) error { return os.Link(from, to) }
