package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"

	"tieout/internal/paycore"
)

// known is what the transactions of one group have read and written of the
// books' busiest rows. While the group has the writer nobody else changes them:
// each is read once a group, and a balance that all of them move is written once.
type known struct {
	accounts map[string]bool // that are in the chart
	balances map[paycore.AccountKey]balance
	tail     *logTail
	behind   bool  // balances may be written at the end
	moves    int64 // of balances
}

func newKnown() *known {
	return &known{accounts: map[string]bool{}, balances: map[paycore.AccountKey]balance{}}
}

// writeBalances brings the database up to what is known.
func (db *DB) writeBalances(ctx context.Context, t *sql.Tx) error {
	b := db.books(ctx, t)
	for _, k := range slices.SortedFunc(maps.Keys(b.known.balances), compareKeys) {
		if x := b.known.balances[k]; x.version != x.written {
			if err := b.putBalance(k, x); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareKeys(x, y paycore.AccountKey) int {
	return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Currency, y.Currency))
}
