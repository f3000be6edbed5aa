package store

import (
	"context"

	"tieout/internal/paycore"
)

// Movements returns what happened to each account from one time to another
// (UTC microseconds, the second not included), all in one snapshot. Closing is
// summed by itself, so that it proves the rest.
func (db *DB) Movements(ctx context.Context, from, to int64) (list []paycore.Movement, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		rows, err := b.t.QueryContext(ctx, `SELECT p.account, p.currency,
			SUM(CASE WHEN j.at_us < $1 THEN p.amount_minor ELSE 0 END),
			SUM(CASE WHEN j.at_us >= $1 AND p.amount_minor > 0 THEN p.amount_minor ELSE 0 END),
			SUM(CASE WHEN j.at_us >= $1 AND p.amount_minor < 0 THEN -p.amount_minor ELSE 0 END), SUM(p.amount_minor)
			FROM posting p JOIN journal j ON j.id = p.txn WHERE j.at_us < $2 GROUP BY p.account, p.currency ORDER BY p.account, p.currency`, from, to)
		list, err = scanAll(rows, err, func(row scanner) (m paycore.Movement, err error) {
			err = row.Scan(&m.Account, &m.Currency, &m.OpeningMinor, &m.DebitMinor, &m.CreditMinor, &m.ClosingMinor)
			return m, err
		}, "movements of the ledger")
		return err
	})
	return list, err
}

// LedgerBalance is what an account holds in one currency.
type LedgerBalance struct {
	Account        string `json:"account"`
	Currency       string `json:"currency"`
	AvailableMinor int64  `json:"available_minor"` // positive on the account's normal side
	FrozenMinor    int64  `json:"frozen_minor"`
	Version        int64  `json:"version"`
}

// LedgerPosting is one line of an account.
type LedgerPosting struct {
	Txn      string `json:"txn"`
	Cause    string `json:"cause"`
	Subject  string `json:"subject"`
	Currency string `json:"currency"`
	Minor    int64  `json:"amount_minor"` // debit positive
	At       int64  `json:"at_us"`
}

// LedgerAccount returns the balances of an account and its last postings, the
// newest first.
func (db *DB) LedgerAccount(ctx context.Context, name string, limit int) (balances []LedgerBalance, postings []LedgerPosting, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		rows, err := b.t.QueryContext(ctx, `SELECT account, currency, available_minor, frozen_minor, version FROM account_balance WHERE account = $1 ORDER BY currency`, name)
		balances, err = scanAll(rows, err, func(row scanner) (x LedgerBalance, err error) {
			err = row.Scan(&x.Account, &x.Currency, &x.AvailableMinor, &x.FrozenMinor, &x.Version)
			return x, err
		}, "balances of an account")
		if err != nil {
			return err
		}
		rows, err = b.t.QueryContext(ctx, `SELECT p.txn, j.cause, j.subject, p.currency, p.amount_minor, j.at_us FROM posting p JOIN journal j ON j.id = p.txn
			WHERE p.account = $1 ORDER BY j.at_us DESC, p.txn, p.leg LIMIT $2`, name, limit)
		postings, err = scanAll(rows, err, func(row scanner) (x LedgerPosting, err error) {
			err = row.Scan(&x.Txn, &x.Cause, &x.Subject, &x.Currency, &x.Minor, &x.At)
			return x, err
		}, "postings of an account")
		return err
	})
	return balances, postings, err
}
