package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"tieout/internal/control"
)

// maxHits bounds what one check raises in one run: whoever broke more than that
// is seen by the first ones.
const maxHits = 1000

// Control makes the checks on one state of the database and keeps what they
// find. A run that is not whole looks at what moved since the run before it;
// the first one is always whole. Two runs at the same time: one of them fails
// and wrote nothing.
func (db *DB) Control(ctx context.Context, checks []control.Check, scope control.Scope) (control.Run, error) {
	run := control.Run{Whole: scope.Whole}
	hits := map[string][]control.Hit{}
	err := db.snapshot(ctx, func(b *books) error {
		known, err := b.one(`SELECT seq, log_seq FROM control_run ORDER BY seq DESC LIMIT 1`, nil, &run.Seq, &scope.Since)
		if err != nil {
			return wrap(err, "read the last control run")
		}
		run.Seq++
		run.Whole = scope.Whole || !known
		scope.Whole = run.Whole
		if _, err := b.one(`SELECT COALESCE(MAX(seq), 0) FROM order_event`, nil, &run.LogSeq); err != nil {
			return wrap(err, "read the end of the log")
		}
		for _, c := range checks {
			if !c.Runs(run.Whole) {
				continue
			}
			run.Checks++
			if hits[c.ID], err = b.hits(&c, scope); err != nil {
				return wrap(err, "check %s", c.ID)
			}
			run.Hits += len(hits[c.ID])
		}
		return nil
	})
	if err != nil {
		return run, err
	}
	run.At = time.UnixMicro(scope.Now).UTC()
	kept := run
	err = db.tx(ctx, func(t *sql.Tx) error {
		run = kept // a repeated transaction counts anew
		return newBooks(ctx, t).keepFindings(&run, checks, hits)
	})
	return run, err
}

// hits asks one check. What it finds twice about a number, in two currencies,
// say, is one finding.
func (b *books) hits(c *control.Check, scope control.Scope) ([]control.Hit, error) {
	query, args := c.Query(scope)
	rows, err := b.t.QueryContext(b.ctx, query+` ORDER BY 1, 2`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []control.Hit{} // made, though nothing was hit
	for rows.Next() {
		var h control.Hit
		if err := rows.Scan(&h.Ref, &h.Detail); err != nil {
			return nil, err
		}
		if last := len(list) - 1; last >= 0 && list[last].Ref == h.Ref {
			list[last].Detail += "; " + h.Detail
			continue
		}
		if len(list) == maxHits {
			break
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// keepFindings writes the run, raises what is new and ends what is gone.
func (b *books) keepFindings(run *control.Run, checks []control.Check, hits map[string][]control.Hit) error {
	at := run.At.UnixMicro()
	whole := 0
	if run.Whole {
		whole = 1
	}
	open, err := b.findings(`state IN ('OPEN','PROPOSED')`)
	if err != nil {
		return err
	}
	were := map[[2]string]control.Finding{}
	for _, f := range open {
		were[[2]string{f.Check, f.Ref}] = f
	}
	// The row comes first, for the findings point at it; its counts follow.
	if _, err := b.exec(`INSERT INTO control_run (seq, whole, log_seq, checks, hits, raised, gone, at_us) VALUES ($1, $2, $3, $4, $5, 0, 0, $6)`,
		run.Seq, whole, run.LogSeq, run.Checks, run.Hits, at); err != nil {
		return wrap(err, "write control run %d", run.Seq)
	}
	for _, c := range checks {
		for _, h := range hits[c.ID] {
			key := [2]string{c.ID, h.Ref}
			if f, ok := were[key]; ok {
				delete(were, key)
				err = b.seenAgain(&f, h, run.Seq, at)
			} else {
				err = b.raise(&c, h, run, at)
			}
			if err != nil {
				return wrap(err, "finding of %s", c.ID)
			}
		}
	}
	for _, f := range were {
		list, looked := hits[f.Check]
		if !looked || len(list) == maxHits {
			continue
		}
		run.Gone++
		n, err := b.exec(`UPDATE control_finding SET state = 'GONE', last_run = $1, version = version + 1, updated_us = $2 WHERE id = $3 AND version = $4`,
			run.Seq, at, f.ID, f.Version)
		if err = wrote(n, err, "finding", f.ID); err != nil {
			return err
		}
	}
	_, err = b.exec(`UPDATE control_run SET raised = $1, gone = $2 WHERE seq = $3`, run.Raised, run.Gone, run.Seq)
	return wrap(err, "write control run %d", run.Seq)
}

// raise adds a finding, unless two people accepted these very facts.
func (b *books) raise(c *control.Check, h control.Hit, run *control.Run, at int64) error {
	var n int
	accepted, err := b.one(`SELECT 1 FROM control_finding WHERE check_id = $1 AND ref = $2 AND state = 'RESOLVED' AND detail = $3`,
		[]any{c.ID, h.Ref, h.Detail}, &n)
	if err != nil || accepted {
		return err
	}
	run.Raised++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d|%s|%s", run.Seq, c.ID, h.Ref))
	_, err = b.exec(`INSERT INTO control_finding (id, check_id, ref, detail, priority, state, first_run, last_run, version, created_us, updated_us)
		VALUES ($1, $2, $3, $4, $5, 'OPEN', $6, $6, 1, $7, $7)`, "K-"+hex.EncodeToString(sum[:8]), c.ID, h.Ref, h.Detail, c.Priority, run.Seq, at)
	return err
}

// seenAgain keeps a finding; a proposal on other facts is void.
func (b *books) seenAgain(f *control.Finding, h control.Hit, run, at int64) error {
	if f.Detail == h.Detail {
		_, err := b.exec(`UPDATE control_finding SET last_run = $1 WHERE id = $2`, run, f.ID)
		return err
	}
	n, err := b.exec(`UPDATE control_finding SET detail = $1, state = 'OPEN', maker = '', reason = '', last_run = $2, version = version + 1, updated_us = $3
		WHERE id = $4 AND version = $5`, h.Detail, run, at, f.ID, f.Version)
	return wrote(n, err, "finding", f.ID)
}

// LastWholeControl is when the last whole run was; zero if there was none.
func (db *DB) LastWholeControl(ctx context.Context) (at time.Time, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		var us int64
		known, err := b.one(`SELECT at_us FROM control_run WHERE whole = 1 ORDER BY seq DESC LIMIT 1`, nil, &us)
		if known {
			at = time.UnixMicro(us).UTC()
		}
		return wrap(err, "read the last control run")
	})
	return at, err
}
