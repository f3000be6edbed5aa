package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// FixContradicted flags a case whose fix was applied and which newer evidence
// contradicts.
const FixContradicted = "FIX_CONTRADICTED"

// CaseFilter selects cases; zero fields select all.
type CaseFilter struct {
	Account string
	States  []schemas.CaseState // empty: the open ones, OPEN and PROPOSED
	All     bool                // every state
	Owner   string
	Limit   int  // at most so many; 0 = all
	Urgent  bool // by priority, then by the date when it is due; otherwise by first seen, oldest first
}

// CaseEvent is one line of a case's history.
type CaseEvent struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`  // a person, or "auto"
	What    string    `json:"what"` // OPENED, CHANGED, REOPENED, CONTRADICTED, WITHDRAWN, FIXED, RESOLVED, REFUSED, SUSPENDED, RELEASED, PROPOSED, APPROVED, REJECTED, VOIDED, REVERSED, ASSIGNED, COMMENT
	Note    string    `json:"note,omitempty"`
	Version int64     `json:"version"` // of the case after it
}

// Proposal is what a maker asked for.
type Proposal struct {
	ID       int64     `json:"id"`
	What     string    `json:"what"` // Accept, or a kind of fix
	Maker    string    `json:"maker"`
	Reason   string    `json:"reason"`
	Evidence string    `json:"evidence"`
	State    string    `json:"state"` // PENDING, APPROVED, REJECTED, VOID, FAILED
	Checker  string    `json:"checker,omitempty"`
	Answer   string    `json:"answer,omitempty"`
	At       time.Time `json:"at"`
}

// CaseFile is a case with all that is known about it.
type CaseFile struct {
	schemas.Case
	Offered   []string      `json:"offered"` // what may be proposed: Accept, kinds of fix
	Findings  []CaseFinding `json:"findings"`
	Proposals []Proposal    `json:"proposals"`
	Fixes     []CaseFix     `json:"fixes"`
	History   []CaseEvent   `json:"history"`
}

// CaseFinding is one difference that belongs to a case.
type CaseFinding struct {
	BillDate bizday.Date    `json:"bill_date"`
	Class    schemas.Class  `json:"class"`
	Cell     string         `json:"cell"`
	Action   schemas.Action `json:"action"`
	Exposure int64          `json:"exposure"`
	Evidence string         `json:"evidence"`
	State    string         `json:"state"` // OPEN, FIXED, RESOLVED
	Reason   string         `json:"reason"`
	RunID    string         `json:"run_id"`
}

// CaseFix is one fix of a case and where it stands.
type CaseFix struct {
	Fix    schemas.Fix `json:"fix"`
	State  string      `json:"state"` // PENDING, APPLIED, REFUSED, VOID, REVERSED
	Reason string      `json:"reason,omitempty"`
}

const caseColumns = `id, channel, account, kind, key, currency, state, class, flag, cell, priority, owner, first_seen, last_seen, due_on,
	local_minor, channel_minor, suspend_minor, reason, evidence, version`

func scanCase(row scanner) (c schemas.Case, err error) {
	var kind, class, first, last, due string
	err = row.Scan(&c.ID, &c.Channel, &c.Account, &kind, &c.Key, &c.Currency, &c.State, &class, &c.Flag, &c.Cell, &c.Priority, &c.Owner,
		&first, &last, &due, &c.LocalMinor, &c.ChannelMinor, &c.SuspendMinor, &c.Reason, &c.Evidence, &c.Version)
	if err != nil {
		return c, err
	}
	for _, f := range []struct {
		text string
		into interface{ UnmarshalText([]byte) error }
	}{{kind, &c.Kind}, {class, &c.Class}, {first, &c.FirstSeen}, {last, &c.LastSeen}, {due, &c.DueOn}} {
		if err := f.into.UnmarshalText([]byte(f.text)); err != nil {
			return c, fmt.Errorf("case %s: %w", c.ID, err)
		}
	}
	return c, nil
}

// Cases lists cases.
func (db *DB) Cases(ctx context.Context, f CaseFilter) ([]schemas.Case, error) {
	query, args := f.query()
	rows, err := db.sql.QueryContext(ctx, `SELECT `+caseColumns+` FROM recon_case`+query, args...)
	if err != nil {
		return nil, wrap(err, "list cases")
	}
	defer rows.Close()
	var list []schemas.Case
	for rows.Next() {
		c, err := scanCase(rows)
		if err != nil {
			return nil, wrap(err, "list cases")
		}
		list = append(list, c)
	}
	return list, wrap(rows.Err(), "list cases")
}

// query turns the filter into a WHERE clause of bound parameters.
func (f CaseFilter) query() (string, []any) {
	var where []string
	var args []any
	bind := func(clause string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(clause, len(args)))
	}
	states := f.States
	if len(states) == 0 && !f.All {
		states = []schemas.CaseState{schemas.CaseOpen, schemas.CaseProposed}
	}
	if len(states) > 0 {
		marks := make([]string, len(states))
		for i, s := range states {
			args = append(args, string(s))
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where = append(where, "state IN ("+strings.Join(marks, ", ")+")")
	}
	if f.Account != "" {
		bind("account = $%d", f.Account)
	}
	if f.Owner != "" {
		bind("owner = $%d", f.Owner)
	}
	order := " ORDER BY first_seen, id"
	if f.Urgent {
		order = " ORDER BY priority, due_on, first_seen, id"
	}
	query := ""
	if len(where) > 0 {
		query = " WHERE " + strings.Join(where, " AND ")
	}
	query += order
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	return query, args
}

// OpenCases counts the open cases of an account.
func (db *DB) OpenCases(ctx context.Context, account string) (n int64, err error) {
	err = db.sql.QueryRowContext(ctx, `SELECT COUNT(*) FROM recon_case WHERE account = $1 AND state IN ('OPEN', 'PROPOSED')`, account).Scan(&n)
	return n, wrap(err, "count the open cases of %s", account)
}

// Case returns a case with its findings, proposals, fixes and history; E-6471
// if there is none.
func (db *DB) Case(ctx context.Context, id string) (CaseFile, error) {
	var file CaseFile
	err := db.snapshot(ctx, func(b *books) error {
		w := &caseWriter{books: b}
		c, err := w.mustCase(id)
		if err != nil {
			return err
		}
		file.Case = c
		if file.Offered, err = w.offered(c); err != nil {
			return err
		}
		if file.Findings, err = w.shownFindings(c); err != nil {
			return err
		}
		if file.Proposals, err = w.proposals(id); err != nil {
			return err
		}
		if file.Fixes, err = w.fixes(id); err != nil {
			return err
		}
		file.History, err = w.history(id)
		return err
	})
	return file, err
}

// Ageing counts the open cases of an account by their age on a date, in days
// since they were first seen: "0-1", "2-7", "8-30", ">30". Minor is the money
// that they hold in suspense, without sign.
func (db *DB) Ageing(ctx context.Context, account string, asOf bizday.Date) ([]schemas.AgeBucket, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT first_seen, currency, suspend_minor FROM recon_case
		WHERE account = $1 AND state IN ('OPEN', 'PROPOSED')`, account)
	if err != nil {
		return nil, wrap(err, "ageing of %s", account)
	}
	defer rows.Close()
	ages := ageing{}
	for rows.Next() {
		var seen, currency string
		var minor int64
		if err := rows.Scan(&seen, &currency, &minor); err != nil {
			return nil, wrap(err, "ageing of %s", account)
		}
		first, err := bizday.Parse(seen)
		if err != nil {
			return nil, wrap(err, "ageing of %s", account)
		}
		if err := ages.add(asOf, first, currency, minor); err != nil {
			return nil, wrap(err, "ageing of %s", account)
		}
	}
	return ages.list(), wrap(rows.Err(), "ageing of %s", account)
}

// Suspense compares what the cases should hold with what their fixes did.
type Suspense struct {
	Channel  string
	Account  string
	Currency string
	Open     int64 // held by open cases, signed: what the ledger's suspense accounts must hold
	Leaving  int64 // still held by cases that are no longer open: their release waits to be applied
	Waiting  int64 // number of fixes, of any kind, that wait to be applied
}

// SuspenseSum adds up what the cases of an account hold, by currency: the
// amounts that the cases asked for, as far as the books say that they applied
// them. A crash between applying a fix and noting it changes nothing here, so
// that Open + Leaving must be the ledger's suspense at any time.
func (db *DB) SuspenseSum(ctx context.Context, account string) ([]Suspense, error) {
	rows, err := db.sql.QueryContext(ctx, `
		SELECT c.channel, c.account, c.currency,
			COALESCE(SUM(CASE WHEN c.state IN ('OPEN', 'PROPOSED') THEN m.held ELSE 0 END), 0),
			COALESCE(SUM(CASE WHEN c.state IN ('OPEN', 'PROPOSED') THEN 0 ELSE m.held END), 0),
			COALESCE(SUM(m.waiting), 0)
		FROM recon_case c JOIN (
			SELECT f.case_id,
				SUM(CASE WHEN f.kind IN ('SUSPEND', 'RELEASE_SUSPENSE', 'WRITE_OFF') AND x.key IS NOT NULL AND u.key IS NULL THEN f.minor ELSE 0 END) AS held,
				SUM(CASE WHEN f.state = 'PENDING' AND x.key IS NULL THEN 1 ELSE 0 END) AS waiting
			FROM case_fix f LEFT JOIN fix x ON x.key = f.key LEFT JOIN fix u ON u.reverses = f.key WHERE f.account = $1 GROUP BY f.case_id
		) m ON m.case_id = c.id
		WHERE c.account = $1 GROUP BY c.channel, c.account, c.currency ORDER BY c.channel, c.account, c.currency`, account)
	if err != nil {
		return nil, wrap(err, "suspense of the cases of %s", account)
	}
	defer rows.Close()
	var list []Suspense
	for rows.Next() {
		var s Suspense
		if err := rows.Scan(&s.Channel, &s.Account, &s.Currency, &s.Open, &s.Leaving, &s.Waiting); err != nil {
			return nil, wrap(err, "suspense of the cases of %s", account)
		}
		list = append(list, s)
	}
	return list, wrap(rows.Err(), "suspense of the cases of %s", account)
}

// caseWriter is one transaction's work on cases.
type caseWriter struct {
	*books
	now     int64  // epoch milliseconds
	who     string // who writes: a person, or "auto"
	runID   string // the run, or approval, that causes it
	changes *CaseChanges
}

// Machine is who acts when nobody does; no person has this name.
const Machine = "auto"

func (db *DB) caseTx(ctx context.Context, who, runID string, do func(*caseWriter) error) (CaseChanges, error) {
	var changes CaseChanges
	err := db.tx(ctx, func(t *sql.Tx) error {
		changes = CaseChanges{}
		return do(&caseWriter{books: newBooks(ctx, t), now: db.now().UnixMilli(), who: who, runID: runID, changes: &changes})
	})
	return changes, err
}

// find reads a case; false if there is none.
func (w *caseWriter) find(id string) (schemas.Case, bool, error) {
	s, err := w.stmt(`SELECT ` + caseColumns + ` FROM recon_case WHERE id = $1`)
	if err != nil {
		return schemas.Case{}, false, err
	}
	c, err := scanCase(s.QueryRowContext(w.ctx, id))
	if err == sql.ErrNoRows {
		return c, false, nil
	}
	return c, err == nil, wrap(err, "read case %s", id)
}

func (w *caseWriter) mustCase(id string) (schemas.Case, error) {
	c, ok, err := w.find(id)
	if err == nil && !ok {
		err = fault.New("E-6471", fault.V{"case": id}, nil)
	}
	return c, err
}

// put writes a case as it is now, with the next version.
func (w *caseWriter) put(c *schemas.Case) error {
	c.Version++
	n, err := w.exec(`INSERT INTO recon_case (`+caseColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, class = excluded.class, flag = excluded.flag, cell = excluded.cell,
			priority = excluded.priority, owner = excluded.owner, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
			due_on = excluded.due_on, local_minor = excluded.local_minor, channel_minor = excluded.channel_minor,
			suspend_minor = excluded.suspend_minor, reason = excluded.reason, evidence = excluded.evidence, version = excluded.version
		WHERE recon_case.version = excluded.version - 1`,
		c.ID, c.Channel, c.Account, c.Kind.String(), c.Key, c.Currency, c.State, c.Class.String(), c.Flag, c.Cell, c.Priority, c.Owner,
		c.FirstSeen.String(), c.LastSeen.String(), c.DueOn.String(), c.LocalMinor, c.ChannelMinor, c.SuspendMinor, c.Reason, c.Evidence, c.Version)
	return wrote(n, err, "case", c.ID)
}

// event adds a line to the history.
func (w *caseWriter) event(c *schemas.Case, what, note string) error {
	n, err := w.exec(`INSERT INTO case_event (case_id, at, who, what, note, version) VALUES ($1, $2, $3, $4, $5, $6)`,
		c.ID, w.now, w.who, what, note, c.Version)
	return wrote(n, err, "history of case", c.ID)
}

func (w *caseWriter) history(id string) ([]CaseEvent, error) {
	s, err := w.stmt(`SELECT at, who, what, note, version FROM case_event WHERE case_id = $1 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, id)
	if err != nil {
		return nil, wrap(err, "history of case %s", id)
	}
	defer rows.Close()
	var list []CaseEvent
	for rows.Next() {
		var e CaseEvent
		var at int64
		if err := rows.Scan(&at, &e.Who, &e.What, &e.Note, &e.Version); err != nil {
			return nil, wrap(err, "history of case %s", id)
		}
		e.At = time.UnixMilli(at).UTC()
		list = append(list, e)
	}
	return list, wrap(rows.Err(), "history of case %s", id)
}
