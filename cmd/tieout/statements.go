package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/merchantapi"
	"tieout/internal/report"
	"tieout/internal/store"
)

// statements makes the statements that merchants download.
type statements struct{ s *site }

// Statement implements merchantapi.Statements. It is made when it is asked for,
// of what the books say then, on disk and not in memory.
func (st statements) Statement(ctx context.Context, merchant string, accounts []merchantapi.Account, date bizday.Date) (*merchantapi.Statement, error) {
	windows, err := st.windows(ctx, accounts, date)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(st.s.cfg.Data, "settlement")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, nil)
	}
	f, err := os.CreateTemp(dir, "statement-")
	if err != nil {
		return nil, fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, nil)
	}
	os.Remove(f.Name()) // where that can be, nothing is left by a crash
	file, err := fill(f, func(w io.Writer) error {
		return report.Bill(w, merchant, date, st.s.db.BillRows(ctx, merchant, windows))
	})
	if err != nil {
		return nil, errors.Join(err, temporary{f}.Close())
	}
	return file, nil
}

// windows are the hours of a day at each account; every one must be proven.
func (st statements) windows(ctx context.Context, accounts []merchantapi.Account, date bizday.Date) ([]store.BillWindow, error) {
	var windows []store.BillWindow
	for _, a := range accounts {
		_, _, why, err := st.s.provenDay(ctx, a.Name, date)
		if err != nil {
			return nil, err
		}
		if why != "" {
			return nil, merchantapi.ErrNotProven
		}
		for _, acct := range st.s.accounts {
			if acct.Name == a.Name {
				day := acct.Definition.Day().Of(date)
				windows = append(windows, store.BillWindow{Account: acct.Name, From: day.From, To: day.To})
			}
		}
	}
	return windows, nil
}

// fill writes a temporary file that goes when it is closed.
func fill(f *os.File, write func(io.Writer) error) (*merchantapi.Statement, error) {
	sum := sha256.New()
	if err := write(io.MultiWriter(f, sum)); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	return &merchantapi.Statement{ReadCloser: temporary{f}, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

type temporary struct{ *os.File }

// Close removes the file too, where an open one could not be removed.
func (t temporary) Close() error {
	err := t.File.Close()
	if gone := os.Remove(t.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
