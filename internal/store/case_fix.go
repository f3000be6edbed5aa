package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tieout/internal/crashpoint"
	"tieout/internal/money"
	"tieout/schemas"
)

// The states of a fix that a case asked for.
const (
	fixPending  = "PENDING"
	fixApplied  = "APPLIED"
	fixRefused  = "REFUSED"
	fixVoid     = "VOID"
	fixReversed = "REVERSED"
)

// PendingFixes returns the fixes of an account that wait to be applied, in the
// order in which they must be: releases from suspense stand before what uses
// the money. Apply each, tell MarkFixed what came of it, and ask again until
// there are none: a refused fix can leave a new one behind. After a crash the
// list is the same, less what was noted; what is in the books but was not
// noted gives ALREADY_APPLIED.
func (db *DB) PendingFixes(ctx context.Context, account string) (list []schemas.Fix, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		list, err = (&caseWriter{books: b}).pending(`account = $1`, account)
		return err
	})
	return list, err
}

func (w *caseWriter) pending(where string, args ...any) ([]schemas.Fix, error) {
	s, err := w.stmt(`SELECT fix FROM case_fix WHERE state = 'PENDING' AND ` + where + ` ORDER BY seq`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, args...)
	if err != nil {
		return nil, wrap(err, "read pending fixes")
	}
	defer rows.Close()
	var list []schemas.Fix
	for rows.Next() {
		var body string
		var f schemas.Fix
		if err := rows.Scan(&body); err != nil {
			return nil, wrap(err, "read pending fixes")
		}
		if err := json.Unmarshal([]byte(body), &f); err != nil {
			return nil, wrap(err, "read pending fixes")
		}
		list = append(list, f)
	}
	return list, wrap(rows.Err(), "read pending fixes")
}

// MarkFixed notes what applying a fix said, and brings its case up to date: an
// applied one closes its findings, a refused one leaves the case to people.
// Calling it again changes nothing. A key that no case asked for is ignored.
func (db *DB) MarkFixed(ctx context.Context, r schemas.FixResult) (CaseChanges, error) {
	crashpoint.Hit("cases.mark")
	changes, err := db.caseTx(ctx, Machine, r.RunID, func(w *caseWriter) error { return w.mark(r) })
	return changes, wrap(err, "note the result of fix %s", r.Key)
}

// MarkReversed notes that an applied fix was undone, and opens what it had
// closed.
func (db *DB) MarkReversed(ctx context.Context, key, who, reason string) (CaseChanges, error) {
	changes, err := db.caseTx(ctx, who, "undo of "+key, func(w *caseWriter) error { return w.markReversed(key, reason) })
	return changes, wrap(err, "note that fix %s was undone", key)
}

func (w *caseWriter) markReversed(key, reason string) error {
	f, ok, err := w.asked(key)
	if err != nil || !ok || f.state != fixApplied {
		return err
	}
	if err := w.noteReversed(f, reason); err != nil {
		return err
	}
	return w.refreshCase(f.caseID)
}

func (w *caseWriter) noteReversed(f askedFix, reason string) error {
	if err := w.setFix(f.key, fixReversed, reason); err != nil {
		return err
	}
	if err := w.reopenFindings(f); err != nil {
		return err
	}
	return w.noteOnly(f, "REVERSED", reason)
}

// syncBooks notes what the books did to a case and nobody noted, because the
// process died in between or because the books were asked directly. It returns
// how much that was. What a case believes to hold is then what the books say,
// before anything more is asked of them.
func (w *caseWriter) syncBooks(id string) (int, error) {
	done, err := w.keys(`SELECT f.key FROM case_fix f JOIN fix x ON x.key = f.key
		WHERE f.case_id = $1 AND f.state IN ('PENDING', 'VOID', 'REFUSED') ORDER BY f.seq`, id)
	if err != nil {
		return 0, wrap(err, "fixes of case %s", id)
	}
	for _, key := range done {
		r := schemas.FixResult{Key: key, State: alreadyApplied}
		if _, err := w.one(`SELECT run_id FROM fix WHERE key = $1`, []any{key}, &r.RunID); err != nil {
			return 0, wrap(err, "read fix %s", key)
		}
		f, _, err := w.asked(key)
		if err != nil {
			return 0, err
		}
		if err := w.noteApplied(f, r); err != nil {
			return 0, err
		}
	}
	undone, err := w.keys(`SELECT f.key FROM case_fix f JOIN fix x ON x.reverses = f.key WHERE f.case_id = $1 AND f.state = 'APPLIED' ORDER BY f.seq`, id)
	if err != nil {
		return 0, wrap(err, "undone fixes of case %s", id)
	}
	for _, key := range undone {
		f, _, err := w.asked(key)
		if err != nil {
			return 0, err
		}
		if err := w.noteReversed(f, "undone in the books"); err != nil {
			return 0, err
		}
	}
	return len(done) + len(undone), nil
}

// catchUp brings every case of an account up to date of which the books know
// more than it does.
func (w *caseWriter) catchUp(account string) error {
	ids, err := w.keys(`SELECT f.case_id FROM case_fix f JOIN fix x ON x.key = f.key WHERE f.account = $1 AND f.state IN ('PENDING', 'VOID', 'REFUSED')
		UNION SELECT f.case_id FROM fix x JOIN case_fix f ON f.key = x.reverses WHERE f.account = $1 AND f.state = 'APPLIED' ORDER BY 1`, account)
	if err != nil {
		return wrap(err, "cases of which the books know more")
	}
	for _, id := range ids {
		if err := w.refreshCase(id); err != nil {
			return err
		}
	}
	return nil
}

func (w *caseWriter) mark(r schemas.FixResult) error {
	f, ok, err := w.asked(r.Key)
	if err != nil || !ok {
		return err
	}
	switch r.State {
	case applied, alreadyApplied:
		if f.state == fixApplied || f.state == fixReversed {
			return nil
		}
		if err := w.noteApplied(f, r); err != nil {
			return err
		}
		return w.refreshCase(f.caseID)
	case refused:
		if f.state != fixPending {
			return nil
		}
		if err := w.setFix(r.Key, fixRefused, r.Reason); err != nil {
			return err
		}
		return w.markRefused(f, r.Reason)
	}
	return fmt.Errorf("fix %s: %.20q is not a result", r.Key, r.State)
}

func (w *caseWriter) noteApplied(f askedFix, r schemas.FixResult) error {
	if err := w.setFix(f.key, fixApplied, ""); err != nil {
		return err
	}
	note := fmt.Sprintf("%s of %s, run %s", f.fix.Kind, money.Both(f.fix.AmountMinor, money.Currency(f.fix.Currency)), r.RunID)
	if r.State == alreadyApplied {
		note += " (it was in the books)"
	}
	what := "APPLIED"
	var err error
	switch {
	case f.fix.Kind == schemas.FixSuspend:
		what = "SUSPENDED"
	case f.fix.Kind == schemas.FixReleaseSuspense:
		what = "RELEASED"
	case f.fix.Kind == schemas.FixReverse:
		err = w.setFix(f.fix.Reverses, fixReversed, "undone by "+f.key)
	case f.proposal == 0:
		err = w.closeFixed(f)
	}
	if err != nil {
		return err
	}
	return w.noteOnly(f, what, note)
}

func (w *caseWriter) markRefused(f askedFix, reason string) error {
	if f.proposal != 0 {
		if _, err := w.exec(`UPDATE case_proposal SET state = 'FAILED', answer = $1 WHERE id = $2`, reason, f.proposal); err != nil {
			return wrap(err, "proposal of case %s", f.caseID)
		}
		if err := w.reopenFindings(f); err != nil {
			return err
		}
		return w.noted(f, "REFUSED", string(f.fix.Kind)+": "+reason)
	}
	if f.suspense() {
		return w.suspenseRefused(f, reason)
	}
	list, err := w.findingsOf(f, findingOpen)
	if err != nil {
		return err
	}
	for _, row := range list {
		row.action, row.why = schemas.ActionManual, "the books refused it: "+reason
		if err := w.putFinding(row); err != nil {
			return err
		}
	}
	return w.noted(f, "REFUSED", string(f.fix.Kind)+": "+reason)
}

// suspenseRefused gives up the postings of a case that follow a refused one:
// they were computed together. Unless the case was wrong about what it holds,
// it does not ask again here, or applying would never come to an end: the next
// run does, and until then the suspense proof shows it.
func (w *caseWriter) suspenseRefused(f askedFix, reason string) error {
	if err := w.noteOnly(f, "REFUSED", string(f.fix.Kind)+": "+reason); err != nil {
		return err
	}
	if err := w.voidSuspense(f.caseID, "the posting before it was refused"); err != nil {
		return err
	}
	news, err := w.syncBooks(f.caseID)
	if err != nil || news == 0 {
		return err
	}
	return w.refreshCase(f.caseID)
}

// findingsOf are the automatic findings in a state that asked for a fix.
func (w *caseWriter) findingsOf(f askedFix, state string) ([]*finding, error) {
	list, err := w.findings(`case_id = $1 AND state = $2 AND action = 'AUTO'`, f.caseID, state)
	if err != nil {
		return nil, err
	}
	var of []*finding
	for _, row := range list {
		fixes, err := row.fixes()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(fixes, func(x schemas.Fix) bool { return x.Key == f.key }) {
			of = append(of, row)
		}
	}
	return of, nil
}

func (w *caseWriter) closeFixed(f askedFix) error {
	list, err := w.findingsOf(f, findingOpen)
	if err != nil {
		return err
	}
	for _, row := range list {
		row.state = findingFixed
		if err := w.putFinding(row); err != nil {
			return err
		}
	}
	return nil
}

// reopenFindings opens what a fix had closed.
func (w *caseWriter) reopenFindings(f askedFix) error {
	if f.proposal != 0 {
		_, err := w.exec(`UPDATE case_finding SET state = 'OPEN', proposal_id = NULL WHERE case_id = $1 AND proposal_id = $2`, f.caseID, f.proposal)
		return wrap(err, "reopen case %s", f.caseID)
	}
	list, err := w.findingsOf(f, findingFixed)
	if err != nil {
		return err
	}
	for _, row := range list {
		row.state, row.action, row.why = findingOpen, schemas.ActionManual, "its fix was undone"
		if err := w.putFinding(row); err != nil {
			return err
		}
	}
	return nil
}

// noted writes the event and brings the case up to date.
func (w *caseWriter) noted(f askedFix, what, note string) error {
	if err := w.noteOnly(f, what, note); err != nil {
		return err
	}
	return w.refreshCase(f.caseID)
}

func (w *caseWriter) refreshCase(id string) error {
	c, err := w.mustCase(id)
	if err != nil {
		return err
	}
	return w.refresh(id, subjectOf(c))
}

func (w *caseWriter) noteOnly(f askedFix, what, note string) error {
	c, err := w.mustCase(f.caseID)
	if err != nil {
		return err
	}
	return w.event(&c, what, note)
}

func (w *caseWriter) setFix(key, state, reason string) error {
	n, err := w.exec(`UPDATE case_fix SET state = $1, reason = $2 WHERE key = $3`, state, reason, key)
	return wrote(n, err, "fix", key)
}

// keys reads a column of text.
func (w *caseWriter) keys(query string, args ...any) ([]string, error) {
	s, err := w.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	return list, rows.Err()
}
