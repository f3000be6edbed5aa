package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"tieout/internal/fault"
	"tieout/schemas/migrations"
)

// Migrate upgrades the database file to the schema of this program. If there is
// anything to do, it first writes a backup to the path backup, as a database of
// its own; made tells whether it did. A killed migration leaves the old schema
// or the new one, and running it again finishes.
func Migrate(ctx context.Context, path, backup string, now func() time.Time) (made bool, err error) {
	if _, err := os.Stat(path); err != nil {
		db, err := Open(ctx, path, now, true)
		if err != nil {
			return false, err
		}
		return false, db.Close()
	}
	pool, err := openPool(path)
	if err != nil {
		return false, err
	}
	have, want, err := versions(ctx, pool)
	if err == nil && have < want {
		if err = writeBackup(ctx, pool, backup); err != nil {
			err = fault.New("E-4101", fault.V{"path": backup, "reason": err.Error()}, err)
		}
		made = err == nil
	}
	if cerr := pool.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return made, err
	}
	db, err := Open(ctx, path, now, true)
	if err != nil {
		return made, err
	}
	return made, db.Close()
}

// writeBackup copies the database to path, whole and synced or not at all. The
// copy is made by the database: a file copy could catch it in the middle of a
// write.
func writeBackup(ctx context.Context, pool *sql.DB, path string) error {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := pool.ExecContext(ctx, `VACUUM INTO $1`, part); err != nil {
		return err
	}
	if err := syncPath(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// syncPath makes a file, or the names in a folder, durable.
func syncPath(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// openPool opens connections with the settings that money needs: a commit is on
// disk before it is answered. A checkpoint comes every 8,192 pages, so that the
// same page is not copied back after every few transactions. The cache of one that
// reads (at most 8 MiB) is void as soon as anybody wrote, and to empty it takes
// the longer the more it ever held.
func openPool(path string) (*sql.DB, error) { return open(path, nil) }

// openWriter opens the one connection that writes. A second one would wait for
// the first all the same, asleep, and each would find its cache outdated by the
// other. writes counts its statements that are not a plain SELECT.
func openWriter(path string, writes *atomic.Int64) (*sql.DB, error) {
	pool, err := open(path, writes)
	if err == nil {
		pool.SetMaxOpenConns(1)
	}
	return pool, err
}

func open(path string, writes *atomic.Int64) (*sql.DB, error) {
	temp, cache := "DEFAULT", "8192"
	if writes != nil {
		temp = "MEMORY" // what a savepoint needs to go back is little, and gone soon
		cache = "32768" // the indexes of a month of payments
	}
	inner, err := sqlite.NewConnector("file:" + path + "?_pragma=temp_store(" + temp + ")&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)" +
		"&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&_pragma=cache_size(-" + cache + ")&_pragma=wal_autocheckpoint(8192)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return sql.OpenDB(connector{inner, writes}), nil
}

func provider(pool *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.Files, ".")
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

func versions(ctx context.Context, pool *sql.DB) (have, want int64, err error) {
	p, err := provider(pool)
	if err != nil {
		return 0, 0, err
	}
	if have, want, err = p.GetVersions(ctx); err != nil {
		return 0, 0, fmt.Errorf("read the schema version: %w", err)
	}
	return have, want, nil
}
