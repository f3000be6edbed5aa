// Package lake keeps immutable files: raw statements by their hash, and the
// outputs of each run.
//
// In: bytes. Out: files that are either whole or absent. Every file is written
// under a temporary name, synced, renamed, and its folder synced. Called by the
// fetch stage, the pipeline and verify.
//
//	raw/ab/abcdef…                                   bytes as received, read-only
//	runs/2026-11-20/wechat-1900000001/a0001/match/…  outputs of one stage of one attempt
//	runs/2026-11-20/wechat-1900000001/a0001.replay/… the same, recomputed by a replay that keeps its files
//	tmp/wechat-1900000001.20261120.a0001/…           half-written files of one attempt; removed when it is begun again
package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tieout/internal/crashpoint"
	"tieout/internal/digest"
	"tieout/internal/fault"
)

// Blob is a stored file: its content hash (64 lower-case hex digits) and size.
type Blob struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Lake is the folder that holds the files.
type Lake struct {
	root  string
	fs    FS
	scope string // folder in tmp for half-written files; "" is tmp itself
}

// Open makes the folders if they are missing. fsys is OS in the program and a
// fault injector in tests.
func Open(root string, fsys FS) (*Lake, error) {
	for _, d := range []string{"raw", "runs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o700); err != nil {
			return nil, ioFault(filepath.Join(root, d), err)
		}
	}
	return &Lake{root: root, fs: fsys}, nil
}

// Root returns the folder.
func (l *Lake) Root() string { return l.root }

// Scope is the same lake with a folder of its own for half-written files, so
// that one writer can clean up without touching what others write.
func (l *Lake) Scope(name string) *Lake {
	return &Lake{root: l.root, fs: l.fs, scope: name}
}

// TempDir is where half-written files lie.
func (l *Lake) TempDir() string { return filepath.Join(l.root, "tmp", l.scope) }

// CleanTemp makes the folder for half-written files empty: a crash may have
// left some. Only a lake with a scope may do so, and only its one writer.
func (l *Lake) CleanTemp() error {
	if err := l.RemoveTemp(); err != nil {
		return err
	}
	if err := os.MkdirAll(l.TempDir(), 0o700); err != nil {
		return ioFault(l.TempDir(), err)
	}
	return nil
}

// RemoveTemp removes that folder, when its writer has finished.
func (l *Lake) RemoveTemp() error {
	if l.scope == "" {
		return errNoScope
	}
	if err := os.RemoveAll(l.TempDir()); err != nil {
		return ioFault(l.TempDir(), err)
	}
	return nil
}

var errNoScope = errors.New("lake: the temporary files of all writers are not one writer's to remove")

// PutRaw stores a stream under its content hash, read-only. Storing the same
// bytes twice is one file. The reader's error is returned as it is, and
// nothing is kept.
func (l *Lake) PutRaw(ctx context.Context, r io.Reader) (Blob, error) {
	f, err := l.Receive(ctx, r)
	if err != nil {
		if f != nil {
			f.Abort()
		}
		return Blob{}, err
	}
	return f.CommitRaw()
}

// Receive stores a stream under a temporary name; CommitRaw or Abort ends it. If
// the reader fails, its error comes as it is, together with the part that came.
func (l *Lake) Receive(ctx context.Context, r io.Reader) (*File, error) {
	f, err := l.Create("raw-*")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, contextReader{ctx, r}); f.broken {
		f.Abort()
		return nil, err
	} else if err != nil {
		return f, err
	}
	return f, nil
}

// CommitRaw moves the file to its content address, read-only.
func (f *File) CommitRaw() (Blob, error) {
	blob := f.Blob()
	path := f.lake.rawPath(blob.SHA256)
	if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && st.Size() == blob.Size {
		f.Abort()
		return blob, nil
	}
	crashpoint.Hit("lake.raw.before_rename")
	if err := f.commit(path, 0o400); err != nil {
		return Blob{}, err
	}
	crashpoint.Hit("lake.raw.after_rename")
	return blob, nil
}

// OpenRaw opens a stored file after checking that its bytes still have its
// hash; a difference is E-4201. The caller closes it.
func (l *Lake) OpenRaw(sha string) (*os.File, error) { return OpenVerified(l.rawPath(sha), sha) }

// RawPath returns where the bytes with this hash lie.
func (l *Lake) RawPath(sha string) string { return l.rawPath(sha) }

func (l *Lake) rawPath(sha string) string {
	if len(sha) != 64 {
		return filepath.Join(l.root, "raw", "invalid")
	}
	return filepath.Join(l.root, "raw", sha[:2], sha)
}

// RunDir returns the folder of one stage of one attempt.
func (l *Lake) RunDir(date, account string, attempt int, stage string) string {
	return filepath.Join(l.root, "runs", date, account, fmt.Sprintf("a%04d", attempt), stage)
}

// OpenVerified opens a regular file (never through a link) and checks its hash.
func OpenVerified(path, sha string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|oNoFollow, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New("E-4201", fault.V{"path": path, "want": sha, "got": "no file"}, err)
		}
		return nil, ioFault(path, err)
	}
	if err := verify(f, sha); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func verify(f *os.File, sha string) error {
	info, err := f.Stat()
	if err != nil {
		return ioFault(f.Name(), err)
	}
	got, err := digest.File(f, info.Size())
	if err != nil {
		return ioFault(f.Name(), err)
	}
	if got != sha {
		return fault.New("E-4201", fault.V{"path": f.Name(), "want": sha, "got": got}, nil)
	}
	return nil
}

// File is being written under a temporary name; Commit or Abort ends it.
type File struct {
	lake   *Lake
	f      WriteFile
	name   string
	h      hash.Hash
	n      int64
	done   bool
	broken bool // a write failed
}

// Create opens a temporary file. Its pattern has a "*" for the random part, as
// in os.CreateTemp.
func (l *Lake) Create(pattern string) (*File, error) {
	dir := l.TempDir()
	f, err := l.fs.CreateTemp(dir, pattern)
	if err != nil {
		return nil, ioFault(dir, err)
	}
	return &File{lake: l, f: f, name: f.Name(), h: sha256.New()}, nil
}

// Write writes and hashes.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	f.h.Write(p[:n])
	f.n += int64(n)
	if err != nil {
		f.broken = true
		return n, ioFault(f.name, err)
	}
	return n, nil
}

// Blob returns hash and size of what was written so far.
func (f *File) Blob() Blob { return Blob{SHA256: hex.EncodeToString(f.h.Sum(nil)), Size: f.n} }

// Commit syncs the file, renames it to path and syncs the folder. A failed sync
// is final: the handle is not used again.
func (f *File) Commit(path string) (Blob, error) {
	return f.Blob(), f.commit(path, 0o600)
}

func (f *File) commit(path string, mode fs.FileMode) error {
	if err := f.f.Sync(); err != nil {
		f.Abort()
		return ioFault(f.name, err)
	}
	if err := f.f.Close(); err != nil {
		f.Abort()
		return ioFault(f.name, err)
	}
	if err := os.Chmod(f.name, mode); err != nil {
		f.Abort()
		return ioFault(f.name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.Abort()
		return ioFault(path, err)
	}
	if err := f.lake.fs.Rename(f.name, path); err != nil {
		f.Abort()
		return ioFault(path, err)
	}
	f.done = true
	return SyncDir(filepath.Dir(path))
}

// Abort closes and removes the temporary file. After Commit it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	f.f.Close()
	os.Remove(f.name)
}

// Link gives a stored file a second name, so that it is stored once. Not every
// file system can; the caller copies then.
func (l *Lake) Link(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return ioFault(to, err)
	}
	if err := l.fs.Link(from, to); err != nil {
		return ioFault(to, err)
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes a rename or a link durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return ioFault(dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return ioFault(dir, err)
	}
	return nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func ioFault(path string, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.New("E-4101", fault.V{"path": path, "reason": reason(err)}, err)
}

func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
