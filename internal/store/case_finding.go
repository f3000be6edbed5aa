package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/schemas"
)

// CaseChanges lists, by id, what happened to cases in one transaction; each
// list is sorted.
type CaseChanges struct {
	Opened       []string
	Changed      []string
	Reopened     []string
	Withdrawn    []string
	Contradicted []string // flagged FixContradicted
}

// Findings are what one run says.
type Findings struct {
	Account  string // account name of the configuration
	Date     bizday.Date
	RunID    string
	Findings iter.Seq2[*schemas.Finding, error] // all, in the order of match; MATCH and CARRY ones are passed over
	// Explained are the rows of other days that the run matched; they withdraw
	// what earlier dates have open under the same key.
	Explained []schemas.Explained
}

// ApplyFindings replaces what is known about one account and bill date by what
// a run found, in one transaction: it opens, refreshes, reopens and withdraws
// cases, voids proposals whose evidence changed, flags fixes that are now
// contradicted, and writes down the fixes that are to be applied (see
// PendingFixes). The same findings again change nothing. Findings of other
// dates stay, so that the order in which dates are run does not matter.
//
// It is not called for a run that is INCOMPLETE. The lease is that of the run;
// the zero Lease is not checked.
func (db *DB) ApplyFindings(ctx context.Context, l Lease, f Findings) (CaseChanges, error) {
	found, err := gather(f)
	if err != nil {
		return CaseChanges{}, wrap(err, "findings of %s %s", f.Account, f.Date)
	}
	crashpoint.Hit("cases.begin")
	changes, err := db.caseTx(ctx, Machine, f.RunID, func(w *caseWriter) error {
		if l != (Lease{}) {
			if err := db.held(ctx, w.t, l); err != nil {
				return err
			}
		}
		if err := w.catchUp(f.Account); err != nil {
			return err
		}
		touched, err := w.replaceFindings(f, found)
		if err != nil {
			return err
		}
		if err := w.replaceExplained(f, touched); err != nil {
			return err
		}
		for _, id := range sorted(touched) {
			if err := w.refresh(id, touched[id]); err != nil {
				return wrap(err, "case %s", id)
			}
		}
		crashpoint.Hit("cases.commit")
		return nil
	})
	if err == nil {
		crashpoint.Hit("cases.done")
	}
	return changes, wrap(err, "apply the findings of %s %s", f.Account, f.Date)
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// subject is what a case is about: the part of it that never changes.
type subject struct {
	channel, account, key, currency string
	kind                            schemas.Kind
}

// finding is a row of case_finding.
type finding struct {
	caseID    string
	date      bizday.Date
	evidence  string
	copy      int
	account   string
	runID     string
	state     string // OPEN, FIXED, RESOLVED
	proposal  int64  // 0 = none
	class     schemas.Class
	cell      string
	action    schemas.Action
	priority  int
	dueDays   int
	local     int64
	channel   int64
	feeDelta  int64
	exposure  int64
	reason    string
	why       string
	fixesJSON string

	payNo, channelRef string // of the payment, as the rows name it
}

// The states of a finding.
const (
	findingOpen     = "OPEN"
	findingFixed    = "FIXED"    // by itself
	findingResolved = "RESOLVED" // by two people
)

func (f *finding) id() string {
	return fmt.Sprintf("%s|%s|%s|%d", f.caseID, f.date, f.evidence, f.copy)
}

func (f *finding) fixes() ([]schemas.Fix, error) {
	var list []schemas.Fix
	err := json.Unmarshal([]byte(f.fixesJSON), &list)
	return list, wrap(err, "fixes of case %s", f.caseID)
}

// atStake is the money of a fix, for the caps.
func (f *finding) atStake(fix schemas.Fix) int64 {
	if fix.Kind == schemas.FixAdjustFee {
		return max(f.feeDelta, -f.feeDelta)
	}
	return fix.AmountMinor
}

// foundSet is what a run found: rows by id, and what their cases are about.
type foundSet struct {
	rows     []*finding
	byID     map[string]*finding
	subjects map[string]subject
}

// gather reads the findings before the transaction begins, since a busy
// database repeats that.
func gather(in Findings) (*foundSet, error) {
	set := &foundSet{byID: map[string]*finding{}, subjects: map[string]subject{}}
	if in.Findings == nil {
		return set, nil
	}
	for f, err := range in.Findings {
		if err != nil {
			return nil, err
		}
		if f.Decision.Action != schemas.ActionAuto && f.Decision.Action != schemas.ActionManual {
			continue
		}
		if err := set.add(in, f); err != nil {
			return nil, fmt.Errorf("case %s: %w", f.CaseID, err)
		}
	}
	return set, nil
}

func (s *foundSet) add(in Findings, f *schemas.Finding) error {
	d := f.Difference
	if d == nil || f.CaseID == "" || f.Evidence == "" {
		return fmt.Errorf("a finding has a case, evidence and a difference")
	}
	if d.Account != in.Account || d.BillDate != in.Date {
		return fmt.Errorf("it belongs to %s %s", d.Account, d.BillDate)
	}
	row := &finding{
		caseID: f.CaseID, date: in.Date, evidence: f.Evidence, copy: 1, account: in.Account, runID: in.RunID, state: findingOpen,
		class: d.Class, cell: f.Decision.Cell, action: f.Decision.Action, priority: f.Decision.Priority, dueDays: f.Decision.DueDays,
		feeDelta: d.FeeDelta, exposure: f.Exposure, reason: d.Reason, why: f.Decision.Why,
	}
	sub := subject{account: in.Account, kind: d.Kind, key: d.Key, currency: d.Currency}
	if r := d.ChannelRow; r != nil {
		row.channel, sub.channel = r.AmountMinor, r.Channel
		row.payNo, row.channelRef = r.MerchantRef, r.ChannelRef
	}
	if r := d.LocalRow; r != nil {
		row.local, sub.channel = r.AmountMinor, r.Channel
		row.payNo, row.channelRef = r.MerchantRef, cmp.Or(r.ChannelRef, row.channelRef)
	}
	fixes := slices.Clone(f.Fixes)
	for i := range fixes {
		fixes[i].RunID, fixes[i].CaseID = in.RunID, f.CaseID
	}
	body, err := json.Marshal(fixes)
	if err != nil {
		return err
	}
	row.fixesJSON = string(body)
	for s.byID[row.id()] != nil {
		row.copy++
	}
	s.byID[row.id()] = row
	s.rows = append(s.rows, row)
	s.subjects[f.CaseID] = sub
	return nil
}

const findingColumns = `case_id, bill_date, evidence, copy, account, run_id, state, proposal_id, class, cell, action, priority, due_days,
	local_minor, channel_minor, fee_delta, exposure, reason, why, fixes, pay_no, channel_ref`

func (w *caseWriter) findings(where string, args ...any) ([]*finding, error) {
	s, err := w.stmt(`SELECT ` + findingColumns + ` FROM case_finding f WHERE ` + where + ` ORDER BY bill_date, evidence, copy`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, args...)
	if err != nil {
		return nil, wrap(err, "read findings")
	}
	defer rows.Close()
	var list []*finding
	for rows.Next() {
		f := &finding{}
		var date, class string
		var proposal *int64
		if err := rows.Scan(&f.caseID, &date, &f.evidence, &f.copy, &f.account, &f.runID, &f.state, &proposal, &class, &f.cell, &f.action,
			&f.priority, &f.dueDays, &f.local, &f.channel, &f.feeDelta, &f.exposure, &f.reason, &f.why, &f.fixesJSON, &f.payNo, &f.channelRef); err != nil {
			return nil, wrap(err, "read findings")
		}
		if proposal != nil {
			f.proposal = *proposal
		}
		if err := f.date.UnmarshalText([]byte(date)); err != nil {
			return nil, wrap(err, "read findings")
		}
		if err := f.class.UnmarshalText([]byte(class)); err != nil {
			return nil, wrap(err, "read findings")
		}
		list = append(list, f)
	}
	return list, wrap(rows.Err(), "read findings")
}

// live are the findings of a case that no later run has explained.
func (w *caseWriter) live(id string, s subject) ([]*finding, error) {
	return w.findings(`case_id = $1 AND NOT EXISTS (SELECT 1 FROM case_explained e
		WHERE e.account = $2 AND e.kind = $3 AND e.key = $4 AND e.key <> '' AND e.bill_date > f.bill_date)`, id, s.account, s.kind.String(), s.key)
}

// replaceFindings writes the findings of the run's date and returns the cases
// that they touch.
func (w *caseWriter) replaceFindings(f Findings, found *foundSet) (map[string]subject, error) {
	touched := maps.Clone(found.subjects) // a repeated transaction starts from the same
	old, err := w.findings(`account = $1 AND bill_date = $2`, f.Account, f.Date.String())
	if err != nil {
		return nil, err
	}
	known := make(map[string]*finding, len(old))
	for _, o := range old {
		known[o.id()] = o
		if found.byID[o.id()] != nil {
			continue
		}
		if _, ok := touched[o.caseID]; !ok {
			c, err := w.mustCase(o.caseID)
			if err != nil {
				return nil, err
			}
			touched[o.caseID] = subjectOf(c)
		}
		if _, err := w.exec(`DELETE FROM case_finding WHERE case_id = $1 AND bill_date = $2 AND evidence = $3 AND copy = $4`,
			o.caseID, o.date.String(), o.evidence, o.copy); err != nil {
			return nil, wrap(err, "drop a finding of case %s", o.caseID)
		}
	}
	for _, f := range found.rows {
		row := *f
		if o := known[row.id()]; o != nil {
			if row.keep(o); row == *o {
				continue
			}
		}
		if err := w.putFinding(&row); err != nil {
			return nil, err
		}
	}
	return touched, nil
}

func subjectOf(c schemas.Case) subject {
	return subject{channel: c.Channel, account: c.Account, kind: c.Kind, key: c.Key, currency: c.Currency}
}

// keep carries over what happened to a finding since a run first had it.
func (f *finding) keep(o *finding) {
	f.state, f.proposal = o.state, o.proposal
	if f.runID == o.runID || f.sameDecision(o) {
		f.runID, f.fixesJSON = o.runID, o.fixesJSON
	}
	// A fix that the books refused in this very run is not tried again by it.
	if f.runID == o.runID && o.action == schemas.ActionManual && f.action == schemas.ActionAuto {
		f.action, f.why = o.action, o.why
	}
}

func (f *finding) sameDecision(o *finding) bool {
	return f.cell == o.cell && f.action == o.action && f.exposure == o.exposure
}

func (w *caseWriter) putFinding(f *finding) error {
	var proposal any
	if f.proposal != 0 {
		proposal = f.proposal
	}
	n, err := w.exec(`INSERT INTO case_finding (`+findingColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		ON CONFLICT (case_id, bill_date, evidence, copy) DO UPDATE SET run_id = excluded.run_id, state = excluded.state,
			proposal_id = excluded.proposal_id, cell = excluded.cell, action = excluded.action, priority = excluded.priority,
			due_days = excluded.due_days, exposure = excluded.exposure, reason = excluded.reason, why = excluded.why, fixes = excluded.fixes,
			pay_no = excluded.pay_no, channel_ref = excluded.channel_ref`,
		f.caseID, f.date.String(), f.evidence, f.copy, f.account, f.runID, f.state, proposal, f.class.String(), f.cell, f.action,
		f.priority, f.dueDays, f.local, f.channel, f.feeDelta, f.exposure, f.reason, f.why, f.fixesJSON, f.payNo, f.channelRef)
	return wrote(n, err, "finding of case", f.caseID)
}

// replaceExplained writes what the run matched of other days, and adds the
// cases that this touches.
func (w *caseWriter) replaceExplained(f Findings, touched map[string]subject) error {
	old, err := w.explainedOn(f.Account, f.Date)
	if err != nil {
		return err
	}
	for _, e := range f.Explained {
		k := explainedKey{e.Kind.String(), e.Key}
		if e.Key == "" {
			continue
		}
		if _, same := old[k]; same {
			delete(old, k)
			continue
		}
		if _, err := w.exec(`INSERT INTO case_explained (account, kind, key, bill_date, reason) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (account, kind, key, bill_date) DO NOTHING`, f.Account, k.kind, k.key, f.Date.String(), e.Reason); err != nil {
			return wrap(err, "note what explains %s", k.key)
		}
		if err := w.touch(f.Account, k, touched); err != nil {
			return err
		}
	}
	for k := range old {
		if _, err := w.exec(`DELETE FROM case_explained WHERE account = $1 AND kind = $2 AND key = $3 AND bill_date = $4`,
			f.Account, k.kind, k.key, f.Date.String()); err != nil {
			return wrap(err, "drop what explained %s", k.key)
		}
		if err := w.touch(f.Account, k, touched); err != nil {
			return err
		}
	}
	return nil
}

type explainedKey struct{ kind, key string }

func (w *caseWriter) explainedOn(account string, date bizday.Date) (map[explainedKey]string, error) {
	s, err := w.stmt(`SELECT kind, key, reason FROM case_explained WHERE account = $1 AND bill_date = $2`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, account, date.String())
	if err != nil {
		return nil, wrap(err, "read what a run explained")
	}
	defer rows.Close()
	m := map[explainedKey]string{}
	for rows.Next() {
		var k explainedKey
		var reason string
		if err := rows.Scan(&k.kind, &k.key, &reason); err != nil {
			return nil, wrap(err, "read what a run explained")
		}
		m[k] = reason
	}
	return m, wrap(rows.Err(), "read what a run explained")
}

// touch adds the cases of a movement.
func (w *caseWriter) touch(account string, k explainedKey, touched map[string]subject) error {
	s, err := w.stmt(`SELECT ` + caseColumns + ` FROM recon_case WHERE account = $1 AND kind = $2 AND key = $3`)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(w.ctx, account, k.kind, k.key)
	if err != nil {
		return wrap(err, "read the cases of %s", k.key)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanCase(rows)
		if err != nil {
			return wrap(err, "read the cases of %s", k.key)
		}
		if _, ok := touched[c.ID]; !ok {
			touched[c.ID] = subjectOf(c)
		}
	}
	return wrap(rows.Err(), "read the cases of %s", k.key)
}

// explanation says why nothing is open any more.
func (w *caseWriter) explanation(id string, s subject) (string, error) {
	var reason, date string
	ok, err := w.one(`SELECT reason, bill_date FROM case_explained WHERE account = $1 AND kind = $2 AND key = $3 AND key <> '' ORDER BY bill_date DESC LIMIT 1`,
		[]any{s.account, s.kind.String(), s.key}, &reason, &date)
	if err != nil || !ok {
		return "no difference any more in run " + w.runID, wrap(err, "explanation of case %s", id)
	}
	return reason + " (bill date " + date + ")", nil
}

func (w *caseWriter) shownFindings(c schemas.Case) ([]CaseFinding, error) {
	live, err := w.live(c.ID, subjectOf(c))
	if err != nil {
		return nil, err
	}
	list := make([]CaseFinding, len(live))
	for i, f := range live {
		list[i] = CaseFinding{BillDate: f.date, Class: f.class, Cell: f.cell, Action: f.action, Exposure: f.exposure,
			Evidence: f.evidence, State: f.state, Reason: f.sentence(), RunID: f.runID}
	}
	return list, nil
}

// sentence is the reason, and why it was not fixed by itself.
func (f *finding) sentence() string {
	if f.why == "" {
		return f.reason
	}
	return f.reason + " Not fixed by itself: " + f.why + "."
}
