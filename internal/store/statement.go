package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// FetchAttempt is one rung of the outer retry ladder.
type FetchAttempt struct {
	Attempt int
	State   schemas.FetchState
	Detail  string
	At      time.Time
	NextAt  time.Time // zero: not again
}

// AddFetchAttempt writes the next rung. nextAt is zero when no further try is due.
func (db *DB) AddFetchAttempt(ctx context.Context, l Lease, account string, date bizday.Date, statement string, state schemas.FetchState, detail string, nextAt time.Time) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		var next any
		if !nextAt.IsZero() {
			next = nextAt.UnixMilli()
		}
		_, err := t.ExecContext(ctx, `INSERT INTO fetch_attempt (account, bill_date, statement, attempt, state, detail, at, next_at)
			SELECT $1, $2, $3, coalesce(max(attempt), 0) + 1, $4, $5, $6, $7 FROM fetch_attempt WHERE account = $1 AND bill_date = $2 AND statement = $3`,
			account, date.String(), statement, string(state), detail, db.now().UnixMilli(), next)
		return err
	})
}

// LastFetchAttempt returns the newest rung; false if nothing was tried yet.
func (db *DB) LastFetchAttempt(ctx context.Context, account string, date bizday.Date, statement string) (FetchAttempt, bool, error) {
	var a FetchAttempt
	var at, next int64
	err := db.sql.QueryRowContext(ctx, `SELECT attempt, state, detail, at, coalesce(next_at, 0) FROM fetch_attempt
		WHERE account = $1 AND bill_date = $2 AND statement = $3 ORDER BY attempt DESC LIMIT 1`, account, date.String(), statement).
		Scan(&a.Attempt, &a.State, &a.Detail, &at, &next)
	if errors.Is(err, sql.ErrNoRows) {
		return FetchAttempt{}, false, nil
	}
	if err != nil {
		return FetchAttempt{}, false, err
	}
	a.At = time.UnixMilli(at).UTC()
	if next != 0 {
		a.NextAt = time.UnixMilli(next).UTC()
	}
	return a, true, nil
}

// StatementVersion is one issue of a statement: the first, or a re-issue with
// other bytes.
type StatementVersion struct {
	Version  int
	Digest   string
	Accepted bool // an issue that is not accepted waits for a person
	Fetched  schemas.Fetched
	At       time.Time
}

// AddStatement keeps an issue. The same digest again changes nothing and
// returns the issue that was kept.
func (db *DB) AddStatement(ctx context.Context, l Lease, account string, date bizday.Date, statement, digest string, f schemas.Fetched, accepted bool) (StatementVersion, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return StatementVersion{}, fmt.Errorf("encode statement of %s %s: %w", account, date, err)
	}
	var v StatementVersion
	err = db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `INSERT INTO statement (account, bill_date, statement, version, digest, fetched, accepted, at)
			SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, $7 FROM statement WHERE account = $1 AND bill_date = $2 AND statement = $3
			ON CONFLICT (account, bill_date, statement, digest) DO NOTHING`,
			account, date.String(), statement, digest, string(body), accepted, db.now().UnixMilli())
		if err != nil {
			return err
		}
		v, err = scanStatement(t.QueryRowContext(ctx, selectStatement+` AND digest = $4`, account, date.String(), statement, digest))
		return err
	})
	return v, err
}

// AcceptStatement lets an issue be used. The day's result, if there is one, is
// stale from now on: it was made of another issue.
func (db *DB) AcceptStatement(ctx context.Context, l Lease, account string, date bizday.Date, statement string, version int) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE statement SET accepted = 1 WHERE account = $1 AND bill_date = $2 AND statement = $3 AND version = $4`,
			account, date.String(), statement, version)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE current_run SET stale = 1 WHERE account = $1 AND bill_date = $2`, account, date.String())
		return err
	})
}

// Statements returns all issues of a statement, oldest first.
func (db *DB) Statements(ctx context.Context, account string, date bizday.Date, statement string) ([]StatementVersion, error) {
	rows, err := db.sql.QueryContext(ctx, selectStatement+` ORDER BY version`, account, date.String(), statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []StatementVersion
	for rows.Next() {
		v, err := scanStatement(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

const selectStatement = `SELECT version, digest, accepted, fetched, at FROM statement WHERE account = $1 AND bill_date = $2 AND statement = $3`

func scanStatement(row scanner) (StatementVersion, error) {
	var v StatementVersion
	var body string
	var at int64
	if err := row.Scan(&v.Version, &v.Digest, &v.Accepted, &body, &at); err != nil {
		return StatementVersion{}, err
	}
	v.At = time.UnixMilli(at).UTC()
	return v, json.Unmarshal([]byte(body), &v.Fetched)
}
