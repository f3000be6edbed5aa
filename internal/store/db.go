// Package store is the system of record: one SQL database.
//
// In: business operations of the stages. Out: rows, each operation in one
// transaction. Called by cmd, which hands it to the stages behind the small
// interfaces that they declare. SQLite in one file is the embedded default
// (WAL, synchronous=FULL, STRICT tables).
//
// One file a noun: run.go, case.go, order.go, journal.go, …; one method one
// transaction; no *sql.Tx leaves the package.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tieout/internal/fault"
)

// DB is the open database. Safe for concurrent use.
type DB struct {
	sql    *sql.DB // for reading, any number of connections
	writer *sql.DB // for transactions, one connection
	now    func() time.Time
	path   string
	seal   []byte // key of the checksums of balances; empty: none

	known   *known       // to the group at work; only who has the turn looks
	direct  *sql.Conn    // of the group at work
	writes  atomic.Int64 // statements of the writer that are not a plain SELECT
	mu      sync.Mutex
	waiting []*member // of the next group, first come first
	working bool      // somebody works through waiting
}

// idleReaders is how many connections are kept for the next read: the runs of
// a night and the requests of merchants read side by side, and to open one is
// to read the whole schema.
const idleReaders = 16

// Open opens (and with migrate creates or upgrades) the database file. now is
// the clock for the times that are recorded. A folder of other machines is the
// caller's to refuse, see NetworkOf.
func Open(ctx context.Context, path string, now func() time.Time, migrate bool) (*DB, error) {
	db := &DB{now: now, path: path}
	var err error
	if db.sql, err = openPool(path); err != nil {
		return nil, err
	}
	if db.writer, err = openWriter(path, &db.writes); err != nil {
		db.sql.Close()
		return nil, err
	}
	db.sql.SetMaxIdleConns(idleReaders)
	if err := db.prepare(ctx, path, migrate); err != nil {
		db.Close()
		return nil, db.explain(err)
	}
	return db, nil
}

// Close closes the database.
func (db *DB) Close() error { return errors.Join(db.writer.Close(), db.sql.Close()) }

// prepare compares the schema of the file with the one of the program.
func (db *DB) prepare(ctx context.Context, path string, migrate bool) error {
	p, err := provider(db.sql)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version of %s: %w", path, err)
	}
	switch {
	case have > want:
		return fault.New("E-4301", fault.V{"path": path, "have": have, "want": want}, nil)
	case have < want && !migrate:
		return fault.New("E-4302", fault.V{"path": path, "have": have, "want": want}, nil)
	case have < want:
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate %s from %d to %d: %w", path, have, want, err)
		}
	}
	return nil
}

func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// explain names what the disk did to the database; any other error it returns
// as it is.
func (db *DB) explain(err error) error {
	var e *sqlite.Error
	var known *fault.Error
	if errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch {
	case diskFails(err):
		return fault.New("E-4101", fault.V{"path": db.path, "reason": e.Error()}, nil)
	case e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB:
		return fault.New("E-4202", fault.V{"path": db.path, "reason": e.Error()}, nil)
	}
	return err
}

// diskFails tells whether the disk does not take or give what it should.
func diskFails(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return true
	}
	return false
}
