// Package drill plants every known kind of fund loss into copies of a small
// world, and shows what finds it and when (资损攻防).
//
// In: a folder and a seed. Out: a report, one line a kind. Called by cmd. It
// opens nothing but the databases that it makes in its folder.
package drill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite" // the driver of the copies

	"tieout/internal/control"
	"tieout/internal/store"
)

// When is how long a fault stayed unseen.
type When string

// The times, from the first to the last.
const (
	Minute   When = "MINUTE"    // by the next control run
	DaysEnd  When = "DAYS_END"  // by the next whole run
	OnVerify When = "ON_VERIFY" // by tieout verify
	Never    When = "NEVER"     // by nothing that looks only at our own books
)

// Line is what became of one kind.
type Line struct {
	Kind    string   `json:"kind"`
	Refused bool     `json:"refused"`  // the database refused it; it was then planted past its guards
	FoundBy []string `json:"found_by"` // all that found it first
	After   When     `json:"after"`
	Wrong   string   `json:"wrong,omitempty"` // why the drill fails on it
}

// Report is the outcome of a drill.
type Report struct {
	Seed   uint64   `json:"seed"`
	Alarms []string `json:"alarms"` // found in the world as it was played: must be none
	Lines  []Line   `json:"lines"`
}

// Failed counts what went wrong.
func (r *Report) Failed() int {
	n := len(r.Alarms)
	for _, l := range r.Lines {
		if l.Wrong != "" {
			n++
		}
	}
	return n
}

// Run plays the world in dir and plants each kind into a copy of its own. step
// is told of each kind that is done.
func Run(ctx context.Context, dir string, seed uint64, kinds []Kind, step func(string)) (Report, error) {
	r := Report{Seed: seed, Alarms: []string{}}
	origin := filepath.Join(dir, "world.db")
	if err := play(ctx, origin, seed); err != nil {
		return r, fmt.Errorf("play the world: %w", err)
	}
	clean, err := examine(ctx, origin, dir, nil)
	if err != nil {
		return r, err
	}
	if clean.After != Never {
		r.Alarms = clean.FoundBy
	}
	for _, k := range kinds {
		line, err := examine(ctx, origin, dir, &k)
		if err != nil {
			return r, fmt.Errorf("%s: %w", k.ID, err)
		}
		r.Lines = append(r.Lines, line)
		step(k.ID)
	}
	return r, nil
}

// examine plants a kind into a copy and lets everything look at it, in the
// order in which it would; without a kind it looks at the copy as it is.
func examine(ctx context.Context, origin, dir string, k *Kind) (line Line, err error) {
	path := filepath.Join(dir, "copy.db")
	if err := copyWorld(ctx, origin, path); err != nil {
		return line, err
	}
	defer func() {
		for _, end := range []string{"", "-wal", "-shm"} {
			if rerr := os.Remove(path + end); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}
	}()
	if k != nil {
		line.Kind = k.ID
		if line.Refused, err = plant(ctx, path, k.Plant); err != nil {
			return line, err
		}
	}
	db, err := store.Open(ctx, path, now, false)
	if err != nil {
		return line, err
	}
	defer db.Close()
	if k == nil {
		_, err := line.look(ctx, db, "")
		return line, err
	}
	found, err := line.look(ctx, db, k.Found)
	switch {
	case k.Blind.EN != "" && line.After != Never:
		line.Wrong = "it is said that nothing finds it"
	case k.Blind.EN == "" && !found:
		line.Wrong = "not found by " + k.Found
	}
	return line, err
}

func copyWorld(ctx context.Context, from, to string) error {
	db, err := store.Open(ctx, from, now, false)
	if err != nil {
		return err
	}
	return errors.Join(db.Backup(ctx, to), db.Close())
}

// look lets the controls and the proofs of the books look, until the one that
// must find something does; with "", any of them. What finds something first is
// kept.
func (l *Line) look(ctx context.Context, db *store.DB, must string) (found bool, err error) {
	l.After = Never
	for _, s := range []struct {
		when When
		look func(context.Context, *store.DB) ([]string, error)
	}{{Minute, controls(false)}, {DaysEnd, controls(true)}, {OnVerify, proofs}} {
		by, err := s.look(ctx, db)
		if err != nil {
			return false, err
		}
		if len(by) > 0 && l.After == Never {
			l.After, l.FoundBy = s.when, by
		}
		if len(by) > 0 && must == "" || slices.Contains(by, must) {
			return true, nil
		}
	}
	return false, nil
}

// controls makes a control run and names the checks that have findings.
func controls(whole bool) func(context.Context, *store.DB) ([]string, error) {
	return func(ctx context.Context, db *store.DB) ([]string, error) {
		if _, err := db.Control(ctx, control.Checks(), scope(whole)); err != nil {
			return nil, err
		}
		list, err := db.Findings(ctx, false)
		return checksOf(list), err
	}
}

// proofs names the proofs of the books that fail.
func proofs(ctx context.Context, db *store.DB) (broken []string, err error) {
	list, err := db.VerifyBooks(ctx)
	for _, p := range list {
		if !p.OK {
			broken = append(broken, "verify:"+p.Name)
		}
	}
	return broken, err
}

func checksOf(list []control.Finding) (ids []string) {
	for _, f := range list {
		if !slices.Contains(ids, f.Check) {
			ids = append(ids, f.Check)
		}
	}
	slices.Sort(ids)
	return ids
}

// plant writes as a stranger would who has the database: first as it is, and if
// it refuses, with its triggers, checks and references taken away.
func plant(ctx context.Context, path string, statements []string) (refused bool, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if write(ctx, db, statements) == nil {
		return false, nil
	}
	rows, err := db.QueryContext(ctx, `SELECT 'DROP ' || type || ' "' || name || '"' FROM sqlite_schema WHERE type = 'trigger' OR type = 'index' AND sql LIKE 'CREATE UNIQUE%'`)
	if err != nil {
		return true, err
	}
	defer rows.Close()
	past := []string{`PRAGMA foreign_keys = OFF`, `PRAGMA ignore_check_constraints = ON`}
	for rows.Next() {
		var drop string
		if err := rows.Scan(&drop); err != nil {
			return true, err
		}
		past = append(past, drop)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return true, err
	}
	for _, s := range past {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return true, err
		}
	}
	return true, write(ctx, db, statements)
}

// write carries out the statements together. One that changes nothing is an
// error: the kind would not be planted.
func write(ctx context.Context, db *sql.DB, statements []string) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() // after Commit it does nothing
	for _, s := range statements {
		r, err := t.ExecContext(ctx, s)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("nothing was changed by %.60s", s))
		}
	}
	return t.Commit()
}
