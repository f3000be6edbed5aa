package store

import (
	"context"
	"database/sql"
	"time"

	"tieout/internal/control"
	"tieout/internal/fault"
	"tieout/internal/paycore"
)

const controlColumns = `id, check_id, ref, detail, priority, state, first_run, last_run, maker, reason, checker, version, created_us`

// Findings lists what the controls found, the most urgent first; with all,
// what has ended too.
func (db *DB) Findings(ctx context.Context, all bool) (list []control.Finding, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		where := `state IN ('OPEN','PROPOSED')`
		if all {
			where = `1 = 1`
		}
		list, err = b.findings(where)
		return err
	})
	return list, err
}

func (b *books) findings(where string, args ...any) ([]control.Finding, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT `+controlColumns+` FROM control_finding WHERE `+where+` ORDER BY priority, created_us, check_id, ref`, args...)
	if err != nil {
		return nil, wrap(err, "read the findings")
	}
	defer rows.Close()
	var list []control.Finding
	for rows.Next() {
		var f control.Finding
		var created int64
		if err := rows.Scan(&f.ID, &f.Check, &f.Ref, &f.Detail, &f.Priority, &f.State, &f.FirstRun, &f.LastRun, &f.Maker, &f.Reason, &f.Checker,
			&f.Version, &created); err != nil {
			return nil, wrap(err, "read the findings")
		}
		f.Since = time.UnixMicro(created).UTC()
		list = append(list, f)
	}
	return list, wrap(rows.Err(), "read the findings")
}

// ProposeFinding asks to leave a finding as it is; another person answers.
func (db *DB) ProposeFinding(ctx context.Context, id, maker, reason string) (control.Finding, error) {
	if err := required("reason", reason, maxNote); err != nil {
		return control.Finding{}, err
	}
	return db.moveFinding(ctx, id, "maker", maker, func(f *control.Finding) error {
		if f.State != control.Open {
			return fault.New("E-6486", fault.V{"finding": id, "state": f.State, "need": "it must be OPEN"}, nil)
		}
		f.State, f.Maker, f.Reason = control.Proposed, maker, reason
		return nil
	})
}

// ApproveFinding leaves a finding as it is: it is not raised again with the
// same facts.
func (db *DB) ApproveFinding(ctx context.Context, id, checker string) (control.Finding, error) {
	return db.moveFinding(ctx, id, "checker", checker, func(f *control.Finding) error {
		switch {
		case f.State != control.Proposed:
			return fault.New("E-6486", fault.V{"finding": id, "state": f.State, "need": "somebody must propose it first"}, nil)
		case paycore.SamePerson(f.Maker, checker):
			return fault.New("E-6470", fault.V{"case": id, "who": checker}, nil)
		}
		f.State, f.Checker = control.Resolved, checker
		return nil
	})
}

// RejectFinding sends a proposal back: the finding stays open.
func (db *DB) RejectFinding(ctx context.Context, id, checker string) (control.Finding, error) {
	return db.moveFinding(ctx, id, "checker", checker, func(f *control.Finding) error {
		if f.State != control.Proposed {
			return fault.New("E-6486", fault.V{"finding": id, "state": f.State, "need": "somebody must propose it first"}, nil)
		}
		f.State, f.Maker, f.Reason = control.Open, "", ""
		return nil
	})
}

func (db *DB) moveFinding(ctx context.Context, id, role, who string, move func(*control.Finding) error) (f control.Finding, err error) {
	if err := required(role, who, maxName); err != nil {
		return f, err
	}
	err = db.tx(ctx, func(t *sql.Tx) error {
		b := newBooks(ctx, t)
		list, err := b.findings(`id = $1`, id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fault.New("E-6485", fault.V{"finding": id}, nil)
		}
		f = list[0]
		if err := move(&f); err != nil {
			return err
		}
		n, err := b.exec(`UPDATE control_finding SET state = $1, maker = $2, reason = $3, checker = $4, version = version + 1, updated_us = $5
			WHERE id = $6 AND version = $7`, f.State, f.Maker, f.Reason, f.Checker, db.now().UnixMicro(), id, f.Version)
		f.Version++
		return wrote(n, err, "finding", id)
	})
	return f, err
}
