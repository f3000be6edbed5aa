package store

import (
	"context"
	"database/sql"
	"errors"

	"tieout/schemas"
)

// errProbe rolls back what CanApply tried.
var errProbe = errors.New("only a probe")

// CanApply tries fixes one after another in a transaction that is rolled back,
// and returns what was refused, each as "key: reason". An empty list means
// that all of them together would be applied.
func (db *DB) CanApply(ctx context.Context, fixes []schemas.Fix) (refusals []string, err error) {
	err = db.tx(ctx, func(t *sql.Tx) error {
		refusals = nil
		b := db.books(ctx, t)
		for _, f := range fixes {
			r, err := b.apply(f, db.now().UnixMicro())
			if err != nil {
				return err
			}
			if r.State == refused {
				refusals = append(refusals, f.Key+": "+r.Reason)
			}
		}
		return errProbe
	})
	if errors.Is(err, errProbe) {
		err = nil
	}
	return refusals, wrap(err, "try %d fixes", len(fixes))
}
