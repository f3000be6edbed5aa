package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"tieout/internal/digest"
	"tieout/internal/fault"
	"tieout/internal/unpack"
	"tieout/ledgerlink"
	"tieout/normalize"
)

// statementFile is a statement file as a channel gave it, and what is packed in
// it.
type statementFile struct {
	raw     *os.File
	before  os.FileInfo // when it was opened
	entries []unpack.Entry
	files   []normalize.File // without the digest of raw until digest
	whole   func() error     // waits until all is unpacked, and says what is wrong with it
}

// openStatement opens a statement file and digests it. The closer frees
// everything.
func openStatement(ctx context.Context, path string) ([]normalize.File, func(), error) {
	s, err := unpackStatement(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	err = s.whole()
	if err == nil {
		err = s.digest()
	}
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s.files, s.close, nil
}

// unpackStatement opens a statement file; its digest, and what is large in it,
// come later.
func unpackStatement(ctx context.Context, path string) (*statementFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
	}
	s := &statementFile{raw: f}
	if err := s.unpack(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *statementFile) unpack(ctx context.Context) error {
	info, err := s.raw.Stat()
	if err != nil {
		return fault.New("E-4101", fault.V{"path": s.raw.Name(), "reason": err.Error()}, err)
	}
	s.before = info
	how, err := unpack.Sniff(s.raw, info.Size())
	if err != nil {
		return err
	}
	// What does not fit in memory goes into a folder of its own that only this
	// user can enter. The files in it are unlinked as they are made.
	dir, err := os.MkdirTemp("", "tieout-*")
	if err != nil {
		return fault.New("E-4101", fault.V{"path": os.TempDir(), "reason": err.Error()}, err)
	}
	defer os.RemoveAll(dir)
	s.entries, s.whole, err = unpack.Begin(ctx, filepath.Base(s.raw.Name()), s.raw, info.Size(), how, unpack.Limits{}, func() (*os.File, error) { return os.CreateTemp(dir, "unpacked-*") })
	for _, e := range s.entries {
		s.files = append(s.files, normalize.File{Name: e.Title(), Size: e.Size, Reader: e.Reader})
	}
	return err
}

// digest computes the digest that the records of the files carry.
func (s *statementFile) digest() error {
	sum, err := digest.File(s.raw, s.before.Size())
	if err != nil {
		return fault.New("E-4101", fault.V{"path": s.raw.Name(), "reason": err.Error()}, err)
	}
	for i := range s.files {
		s.files[i].SHA256 = sum
	}
	return nil
}

// unchanged refuses a file that was written to since it was opened: what was
// read may not be what the digest is of.
func (s *statementFile) unchanged() error {
	now, err := s.raw.Stat()
	if err != nil {
		return fault.New("E-4101", fault.V{"path": s.raw.Name(), "reason": err.Error()}, err)
	}
	if now.Size() != s.before.Size() || !now.ModTime().Equal(s.before.ModTime()) {
		return fault.New("E-2152", fault.V{"file": s.raw.Name()}, nil)
	}
	return nil
}

func (s *statementFile) close() {
	unpack.Close(s.entries)
	s.raw.Close() // only read
}

// openLocal opens an export of ours in the documented layout.
func openLocal(path string) (ledgerlink.Source, error) {
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		return ledgerlink.OpenParquet(path, ledgerlink.Mapping{})
	}
	return ledgerlink.OpenCSV(path, ledgerlink.Mapping{})
}
