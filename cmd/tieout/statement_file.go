package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/unpack"
	"tieout/ledgerlink"
	"tieout/normalize"
)

// openStatement opens a statement file as a channel gave it, and what is packed
// in it. The closer frees everything.
func openStatement(ctx context.Context, path string) ([]normalize.File, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		f.Close()
		return nil, nil, fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
	}
	how, err := unpack.Sniff(f, size)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	// What does not fit in memory goes into a folder of its own that only this
	// user can enter. The files in it are unlinked as they are made.
	dir, err := os.MkdirTemp("", "tieout-*")
	if err != nil {
		f.Close()
		return nil, nil, fault.New("E-4101", fault.V{"path": os.TempDir(), "reason": err.Error()}, err)
	}
	defer os.RemoveAll(dir)
	entries, err := unpack.Open(ctx, filepath.Base(path), f, size, how, unpack.Limits{}, func() (*os.File, error) { return os.CreateTemp(dir, "unpacked-*") })
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	files := make([]normalize.File, len(entries))
	for i, e := range entries {
		files[i] = normalize.File{Name: e.Title(), SHA256: hex.EncodeToString(h.Sum(nil)), Size: e.Size, Reader: e.Reader}
	}
	return files, func() { unpack.Close(entries); f.Close() }, nil
}

// openLocal opens an export of ours in the documented layout.
func openLocal(path string) (ledgerlink.Source, error) {
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		return ledgerlink.OpenParquet(path, ledgerlink.Mapping{})
	}
	return ledgerlink.OpenCSV(path, ledgerlink.Mapping{})
}
