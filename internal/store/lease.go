package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"tieout/internal/fault"
)

// Lease is the right to be the only one at work on something, until it expires.
// Token grows with every change of holder: a write that carries an old token is
// refused, so that a holder who was thought dead cannot come back and write.
type Lease struct {
	Name  string
	Token int64
	TTL   time.Duration
}

// Acquire takes the lease, or takes it over once it has expired. While another
// holder has it, the error is E-4080 and names him.
func (db *DB) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (Lease, error) {
	l := Lease{Name: name, TTL: ttl}
	err := db.tx(ctx, func(t *sql.Tx) error {
		now := db.now().UnixMilli()
		var token, started, expires int64
		var other, stage string
		err := t.QueryRowContext(ctx, `SELECT token, holder, stage, started_at, expires_at FROM lease WHERE name = $1`, name).
			Scan(&token, &other, &stage, &started, &expires)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case expires > now:
			return fault.New("E-4080", fault.V{"name": name, "holder": other, "stage": stage,
				"started": time.UnixMilli(started).UTC().Format(time.RFC3339)}, nil)
		}
		l.Token = token + 1
		_, err = t.ExecContext(ctx, `INSERT INTO lease (name, token, holder, stage, started_at, expires_at) VALUES ($1, $2, $3, '', $4, $5)
			ON CONFLICT (name) DO UPDATE SET token = excluded.token, holder = excluded.holder, stage = '', started_at = excluded.started_at, expires_at = excluded.expires_at`,
			name, l.Token, holder, now, now+ttl.Milliseconds())
		return err
	})
	return l, err
}

// Renew is the heartbeat. E-4081 says that the lease was lost.
func (db *DB) Renew(ctx context.Context, l Lease) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE lease SET expires_at = $1 WHERE name = $2 AND token = $3`,
			db.now().Add(l.TTL).UnixMilli(), l.Name, l.Token)
		return err
	})
}

// Release gives the lease back; the token stays, so that the next one is higher.
func (db *DB) Release(ctx context.Context, l Lease) error {
	_, err := db.writer.ExecContext(ctx, `UPDATE lease SET expires_at = 0, stage = '' WHERE name = $1 AND token = $2`, l.Name, l.Token)
	return err
}

// held is the fencing check inside the transaction of every write of a run.
func (db *DB) held(ctx context.Context, t *sql.Tx, l Lease) error {
	var token, expires int64
	err := t.QueryRowContext(ctx, `SELECT token, expires_at FROM lease WHERE name = $1`, l.Name).Scan(&token, &expires)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if token != l.Token || expires <= db.now().UnixMilli() {
		return fault.New("E-4081", fault.V{"name": l.Name}, nil)
	}
	return nil
}
