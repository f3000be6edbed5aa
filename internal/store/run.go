package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// RunState is where an attempt stands.
type RunState string

// The states of an attempt. Only DONE attempts become current.
const (
	RunRunning RunState = "RUNNING"
	RunDone    RunState = "DONE"
	RunFailed  RunState = "FAILED" // ended with an error, or INCOMPLETE; running the date again goes on with it
)

// Run is one attempt at one account and bill date.
type Run struct {
	ID       string
	Account  string
	BillDate bizday.Date
	Attempt  int
	State    RunState
	Verdict  schemas.Verdict
	ExitCode int
	ErrorID  string
	Stage    string
	Summary  string // JSON
	Digest   string // digest over the manifests; equal digests mean equal results
	Started  time.Time
	Finished time.Time // zero while running
	Current  bool
	Stale    bool
}

// RunID is the name of an attempt; it is made of what it is, so that a rerun
// after a crash has the same.
func RunID(account string, date bizday.Date, attempt int) string {
	return fmt.Sprintf("%s.%s.a%04d", account, date.Compact(), attempt)
}

// Begin returns the attempt to work on: the last one if it did not finish,
// else a new one. resumed tells which.
func (db *DB) Begin(ctx context.Context, l Lease, account string, date bizday.Date) (run Run, resumed bool, err error) {
	err = db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		last, err := scanRun(t.QueryRowContext(ctx, selectRun+` WHERE r.account = $1 AND r.bill_date = $2 ORDER BY r.attempt DESC LIMIT 1`, account, date.String()))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && last.State != RunDone {
			run, resumed = last, true
			run.State = RunRunning
			_, err = t.ExecContext(ctx, `UPDATE run SET state = 'RUNNING', error_id = '', exit_code = 0, verdict = '' WHERE id = $1`, run.ID)
			return err
		}
		// As the row will say it: a resumed attempt must not start at another time.
		started := time.UnixMilli(db.now().UnixMilli()).UTC()
		run = Run{Account: account, BillDate: date, Attempt: last.Attempt + 1, State: RunRunning, Started: started}
		run.ID = RunID(account, date, run.Attempt)
		_, err = t.ExecContext(ctx, `INSERT INTO run (id, account, bill_date, attempt, state, started_at) VALUES ($1, $2, $3, $4, 'RUNNING', $5)`,
			run.ID, account, date.String(), run.Attempt, run.Started.UnixMilli())
		return err
	})
	return run, resumed, err
}

// Enter notes the stage that the run is in, for people who look.
func (db *DB) Enter(ctx context.Context, l Lease, runID, stage string) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `UPDATE lease SET stage = $1 WHERE name = $2 AND token = $3`, stage, l.Name, l.Token); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE run SET stage = $1 WHERE id = $2`, stage, runID)
		return err
	})
}

// Fail ends an attempt without a result. What was current stays current.
func (db *DB) Fail(ctx context.Context, l Lease, run Run) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE run SET state = 'FAILED', verdict = $1, exit_code = $2, error_id = $3, summary = $4, finished_at = $5 WHERE id = $6`,
			verdictText(run.Verdict), run.ExitCode, run.ErrorID, run.Summary, db.now().UnixMilli(), run.ID)
		return err
	})
}

// Publish ends an attempt with a result and makes it current, in one
// transaction. staleAfter marks the later days of the account as built upon
// something that changed.
func (db *DB) Publish(ctx context.Context, l Lease, run Run, staleAfter bool) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		if err := db.held(ctx, t, l); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `UPDATE run SET state = 'DONE', verdict = $1, exit_code = $2, error_id = '', stage = '', summary = $3, digest = $4, finished_at = $5 WHERE id = $6`,
			verdictText(run.Verdict), run.ExitCode, run.Summary, run.Digest, db.now().UnixMilli(), run.ID); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO current_run (account, bill_date, run_id, stale) VALUES ($1, $2, $3, 0)
			ON CONFLICT (account, bill_date) DO UPDATE SET run_id = excluded.run_id, stale = 0`, run.Account, run.BillDate.String(), run.ID); err != nil {
			return err
		}
		if !staleAfter {
			return nil
		}
		_, err := t.ExecContext(ctx, `UPDATE current_run SET stale = 1 WHERE account = $1 AND bill_date > $2`, run.Account, run.BillDate.String())
		return err
	})
}

// Current returns the run that counts for a day; false if there is none.
func (db *DB) Current(ctx context.Context, account string, date bizday.Date) (Run, bool, error) {
	return one(scanRun(db.sql.QueryRowContext(ctx, selectRun+` WHERE c.run_id IS NOT NULL AND r.account = $1 AND r.bill_date = $2`, account, date.String())))
}

// CurrentBefore returns the latest current run on a day before date.
func (db *DB) CurrentBefore(ctx context.Context, account string, date bizday.Date) (Run, bool, error) {
	return one(scanRun(db.sql.QueryRowContext(ctx, selectRun+` WHERE c.run_id IS NOT NULL AND r.account = $1 AND r.bill_date < $2 ORDER BY r.bill_date DESC LIMIT 1`, account, date.String())))
}

// LastAttempt returns the newest attempt at a day, whatever its state.
func (db *DB) LastAttempt(ctx context.Context, account string, date bizday.Date) (Run, bool, error) {
	return one(scanRun(db.sql.QueryRowContext(ctx, selectRun+` WHERE r.account = $1 AND r.bill_date = $2 ORDER BY r.attempt DESC LIMIT 1`, account, date.String())))
}

// RunByID returns one attempt.
func (db *DB) RunByID(ctx context.Context, id string) (Run, bool, error) {
	return one(scanRun(db.sql.QueryRowContext(ctx, selectRun+` WHERE r.id = $1`, id)))
}

// Runs returns all attempts of an account ("" for all accounts) with bill dates
// from..to, both included, in order.
func (db *DB) Runs(ctx context.Context, account string, from, to bizday.Date) ([]Run, error) {
	rows, err := db.sql.QueryContext(ctx, selectRun+` WHERE ($1 = '' OR r.account = $1) AND r.bill_date BETWEEN $2 AND $3 ORDER BY r.bill_date, r.account, r.attempt`,
		account, from.String(), to.String())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Run
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

const selectRun = `SELECT r.id, r.account, r.bill_date, r.attempt, r.state, r.verdict, r.exit_code, r.error_id, r.stage, r.summary, r.digest,
	r.started_at, coalesce(r.finished_at, 0), c.run_id IS NOT NULL, coalesce(c.stale, 0)
	FROM run r LEFT JOIN current_run c ON c.run_id = r.id`

type scanner interface{ Scan(...any) error }

func scanRun(row scanner) (Run, error) {
	var r Run
	var date, verdict string
	var started, finished int64
	err := row.Scan(&r.ID, &r.Account, &date, &r.Attempt, &r.State, &verdict, &r.ExitCode, &r.ErrorID, &r.Stage, &r.Summary, &r.Digest,
		&started, &finished, &r.Current, &r.Stale)
	if err != nil {
		return Run{}, err
	}
	if r.BillDate, err = bizday.Parse(date); err != nil {
		return Run{}, err
	}
	r.Started = time.UnixMilli(started).UTC()
	if finished != 0 {
		r.Finished = time.UnixMilli(finished).UTC()
	}
	return r, r.Verdict.UnmarshalText([]byte(verdict))
}

func one(r Run, err error) (Run, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, false, nil
	}
	return r, err == nil, err
}

func verdictText(v schemas.Verdict) string {
	if v == 0 {
		return ""
	}
	return v.String()
}
