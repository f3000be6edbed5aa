package store

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"tieout/internal/fault"
)

// Backup writes a copy of the database as it stands at one moment, whole and
// synced, while others may write. A file that is there already is not replaced.
func (db *DB) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fault.New("E-4101", fault.V{"path": path, "reason": "there is something already"}, err)
	}
	if err := writeBackup(ctx, db.sql, path); err != nil {
		return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
	}
	return nil
}
