package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// askedFix is a row of case_fix.
type askedFix struct {
	key, caseID, state string
	proposal           int64
	fix                schemas.Fix
	runID              string
}

func (f *askedFix) suspense() bool {
	switch f.fix.Kind {
	case schemas.FixSuspend, schemas.FixReleaseSuspense, schemas.FixWriteOff:
		return true
	}
	return false
}

func (w *caseWriter) asked(key string) (f askedFix, ok bool, err error) {
	var body string
	var proposal sql.NullInt64
	ok, err = w.one(`SELECT key, case_id, state, proposal_id, fix, run_id FROM case_fix WHERE key = $1`, []any{key},
		&f.key, &f.caseID, &f.state, &proposal, &body, &f.runID)
	if err != nil || !ok {
		return f, false, wrap(err, "read fix %s", key)
	}
	f.proposal = proposal.Int64
	return f, true, wrap(json.Unmarshal([]byte(body), &f.fix), "read fix %s", key)
}

// syncAuto makes the waiting automatic fixes of a case those of its open
// findings. It closes findings whose fix is in the books already, and leaves
// those to people whose fix the books refused in this run.
func (w *caseWriter) syncAuto(id string, live []*finding) error {
	wanted := map[string]bool{}
	for _, f := range live {
		if f.state != findingOpen || f.action != schemas.ActionAuto {
			continue
		}
		fixes, err := f.fixes()
		if err != nil {
			return err
		}
		if len(fixes) == 0 {
			return fmt.Errorf("case %s: an automatic finding has no fix", id)
		}
		for _, fix := range fixes {
			wanted[fix.Key] = true
			if err := w.ask(f, fix); err != nil {
				return err
			}
		}
	}
	keys, err := w.keys(`SELECT key FROM case_fix WHERE case_id = $1 AND state = 'PENDING' AND proposal_id IS NULL
		AND kind NOT IN ('SUSPEND', 'RELEASE_SUSPENSE') ORDER BY seq`, id)
	if err != nil {
		return wrap(err, "fixes of case %s", id)
	}
	for _, key := range keys {
		if !wanted[key] {
			if err := w.setFix(key, fixVoid, "no longer asked for"); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask makes sure that the fix of an automatic finding waits to be applied.
func (w *caseWriter) ask(f *finding, fix schemas.Fix) error {
	old, ok, err := w.asked(fix.Key)
	if err != nil {
		return err
	}
	if !ok {
		return w.askFix(fix, f.atStake(fix), 0, f.runID)
	}
	switch {
	case old.state == fixPending:
		return nil
	case old.state == fixApplied && old.caseID == f.caseID:
		f.state = findingFixed
		_, err := w.exec(`UPDATE case_finding SET state = 'FIXED' WHERE case_id = $1 AND bill_date = $2 AND evidence = $3 AND copy = $4`,
			f.caseID, f.date.String(), f.evidence, f.copy)
		return wrap(err, "finding of case %s", f.caseID)
	case old.state == fixVoid, old.state == fixRefused && old.runID != f.runID:
		n, err := w.exec(`UPDATE case_fix SET state = 'PENDING', reason = '', run_id = $1 WHERE key = $2`, f.runID, fix.Key)
		return wrote(n, err, "fix", fix.Key)
	}
	f.action, f.why = schemas.ActionManual, "the same fix was "+old.state+" before"
	_, err = w.exec(`UPDATE case_finding SET action = 'MANUAL', why = $1 WHERE case_id = $2 AND bill_date = $3 AND evidence = $4 AND copy = $5`,
		f.why, f.caseID, f.date.String(), f.evidence, f.copy)
	return wrap(err, "finding of case %s", f.caseID)
}

// askFix asks for a fix that was not asked for before.
func (w *caseWriter) askFix(fix schemas.Fix, minor, proposal int64, runID string) error {
	var prop any
	if proposal != 0 {
		prop = proposal
	}
	body, err := json.Marshal(fix)
	if err != nil {
		return wrap(err, "encode fix %s", fix.Key)
	}
	n, err := w.exec(`INSERT INTO case_fix (key, case_id, account, bill_date, kind, cell, currency, minor, proposal_id, state, fix, run_id, reason, seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING', $10, $11, '', 0)`,
		fix.Key, fix.CaseID, fix.Account, fix.BillDate.String(), fix.Kind, fix.Cell, fix.Currency, minor, prop, string(body), runID)
	return wrote(n, err, "fix", fix.Key)
}

func (w *caseWriter) fixes(id string) ([]CaseFix, error) {
	s, err := w.stmt(`SELECT fix, state, reason FROM case_fix WHERE case_id = $1 ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, id)
	if err != nil {
		return nil, wrap(err, "fixes of case %s", id)
	}
	defer rows.Close()
	var list []CaseFix
	for rows.Next() {
		var f CaseFix
		var body string
		if err := rows.Scan(&body, &f.State, &f.Reason); err != nil {
			return nil, wrap(err, "fixes of case %s", id)
		}
		if err := json.Unmarshal([]byte(body), &f.Fix); err != nil {
			return nil, wrap(err, "fixes of case %s", id)
		}
		list = append(list, f)
	}
	return list, wrap(rows.Err(), "fixes of case %s", id)
}

// AutoSpent returns what automatic fixes of an account and bill date have used
// of the caps so far, and the keys of those fixes. Undone fixes count: the cap
// is on what a night does.
func (db *DB) AutoSpent(ctx context.Context, account string, date bizday.Date) ([]schemas.Spent, []string, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT f.key, f.cell, f.currency, f.minor FROM case_fix f LEFT JOIN fix x ON x.key = f.key
		WHERE f.account = $1 AND f.bill_date = $2 AND f.proposal_id IS NULL AND f.kind NOT IN ('SUSPEND', 'RELEASE_SUSPENSE')
		AND (f.state IN ('APPLIED', 'REVERSED') OR x.key IS NOT NULL) ORDER BY f.cell, f.currency, f.key`, account, date.String())
	if err != nil {
		return nil, nil, wrap(err, "automatic fixes of %s %s", account, date)
	}
	defer rows.Close()
	var spent []schemas.Spent
	var keys []string
	for rows.Next() {
		var key, cell, currency string
		var minor int64
		if err := rows.Scan(&key, &cell, &currency, &minor); err != nil {
			return nil, nil, wrap(err, "automatic fixes of %s %s", account, date)
		}
		keys = append(keys, key)
		last := len(spent) - 1
		if last < 0 || spent[last].Cell != cell || spent[last].Currency != currency {
			spent = append(spent, schemas.Spent{Cell: cell, Currency: currency})
			last++
		}
		spent[last].Count++
		if spent[last].Minor, err = money.Add(spent[last].Minor, minor); err != nil {
			return nil, nil, wrap(err, "automatic fixes of %s %s", account, date)
		}
	}
	slices.Sort(keys)
	return spent, keys, wrap(rows.Err(), "automatic fixes of %s %s", account, date)
}
