package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// Accept is what a maker proposes to close a case without a fix.
const Accept = "ACCEPT"

// Longest names and texts that people may write, in characters.
const (
	maxName = 64
	maxNote = 2000
)

// Asked is what a maker asks for. Version and Evidence are those of the case
// that he looked at.
type Asked struct {
	CaseID   string
	Version  int64
	Evidence string
	Maker    string
	What     string // Accept, or a kind of fix that the case offers
	Reason   string
}

// Answered is what a checker answers. Version and Evidence are those of the
// case that he looked at.
type Answered struct {
	CaseID   string
	Version  int64
	Evidence string // of an approval
	Checker  string
	Reason   string // of a rejection
}

// Propose records what one person wants done. E-4070, E-4071: the case or its
// evidence is not what he looked at. E-6472: it is not open. E-6473: the fix is
// not offered.
func (db *DB) Propose(ctx context.Context, a Asked) (schemas.Case, error) {
	var c schemas.Case
	if err := required("maker", a.Maker, maxName); err != nil {
		return c, err
	}
	if err := required("reason", a.Reason, maxNote); err != nil {
		return c, err
	}
	_, err := db.caseTx(ctx, a.Maker, "proposal by "+a.Maker, func(w *caseWriter) (err error) {
		if c, err = w.seen(a.CaseID, a.Version, &a.Evidence); err != nil {
			return err
		}
		if c.State != schemas.CaseOpen {
			return wrongState(c, "only an open case takes a proposal")
		}
		offered, err := w.offered(c)
		if err != nil {
			return err
		}
		if !slices.Contains(offered, a.What) {
			return fault.New("E-6473", fault.V{"case": c.ID, "what": a.What, "offered": strings.Join(offered, ", ")}, nil)
		}
		n, err := w.exec(`INSERT INTO case_proposal (case_id, what, maker, reason, evidence, cell, state, checker, answer, made_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'PENDING', '', '', $7)`, c.ID, a.What, a.Maker, a.Reason, c.Evidence, c.Cell, w.now)
		if err := wrote(n, err, "proposal of case", c.ID); err != nil {
			return err
		}
		c.State = schemas.CaseProposed
		if err := w.put(&c); err != nil {
			return err
		}
		return w.event(&c, "PROPOSED", a.What+": "+a.Reason)
	})
	return c, err
}

// Approve lets a proposal through and returns the fixes of the case that now
// wait to be applied (see PendingFixes); none for an accepted case that holds
// nothing. The checker is another person than the maker (E-6470), and both
// looked at the same evidence (E-4071).
func (db *DB) Approve(ctx context.Context, a Answered) ([]schemas.Fix, error) {
	if err := required("checker", a.Checker, maxName); err != nil {
		return nil, err
	}
	var list []schemas.Fix
	_, err := db.caseTx(ctx, a.Checker, "approval by "+a.Checker, func(w *caseWriter) (err error) {
		c, p, err := w.waiting(a.CaseID, a.Version, &a.Evidence)
		if err != nil {
			return err
		}
		if paycore.SamePerson(p.Maker, a.Checker) {
			return fault.New("E-6470", fault.V{"case": c.ID, "who": p.Maker}, nil)
		}
		if p.Evidence != c.Evidence {
			return w.stale("E-4071", c)
		}
		if err := w.answer(p, "APPROVED", a.Checker, ""); err != nil {
			return err
		}
		if err := w.event(&c, "APPROVED", p.What+", proposed by "+p.Maker); err != nil {
			return err
		}
		if err := w.carryOut(&c, p, a.Checker); err != nil {
			return err
		}
		list, err = w.pending(`case_id = $1`, c.ID)
		return err
	})
	return list, err
}

// Reject sends a proposal back: the case is open again. The maker may reject
// his own proposal, which takes it back.
func (db *DB) Reject(ctx context.Context, a Answered) (schemas.Case, error) {
	var c schemas.Case
	if err := required("checker", a.Checker, maxName); err != nil {
		return c, err
	}
	if err := required("reason", a.Reason, maxNote); err != nil {
		return c, err
	}
	_, err := db.caseTx(ctx, a.Checker, "rejection by "+a.Checker, func(w *caseWriter) (err error) {
		var p Proposal
		if c, p, err = w.waiting(a.CaseID, a.Version, nil); err != nil {
			return err
		}
		if err := w.answer(p, "REJECTED", a.Checker, a.Reason); err != nil {
			return err
		}
		c.State = schemas.CaseOpen
		if err := w.put(&c); err != nil {
			return err
		}
		return w.event(&c, "REJECTED", a.Reason)
	})
	return c, err
}

// Assign gives a case to a person; "" gives it back.
func (db *DB) Assign(ctx context.Context, id string, version int64, who, owner string) (schemas.Case, error) {
	var c schemas.Case
	if err := required("who", who, maxName); err != nil {
		return c, err
	}
	if owner != "" {
		if err := required("owner", owner, maxName); err != nil {
			return c, err
		}
	}
	_, err := db.caseTx(ctx, who, "assignment by "+who, func(w *caseWriter) (err error) {
		if c, err = w.seen(id, version, nil); err != nil || c.Owner == owner {
			return err
		}
		c.Owner = owner
		if err := w.put(&c); err != nil {
			return err
		}
		return w.event(&c, "ASSIGNED", owner)
	})
	return c, err
}

// Comment adds a line to the history. It changes nothing else, so that it
// needs no version.
func (db *DB) Comment(ctx context.Context, id, who, text string) error {
	if err := required("who", who, maxName); err != nil {
		return err
	}
	if err := required("text", text, maxNote); err != nil {
		return err
	}
	_, err := db.caseTx(ctx, who, "comment by "+who, func(w *caseWriter) error {
		c, err := w.mustCase(id)
		if err != nil {
			return err
		}
		return w.event(&c, "COMMENT", text)
	})
	return err
}

// required refuses an empty or endless text. The name of the machine belongs to
// no person.
func required(field, text string, most int) error {
	n := utf8.RuneCountInString(text)
	switch {
	case strings.TrimSpace(text) == "" || n > most || !utf8.ValidString(text):
		return fault.New("E-6474", fault.V{"field": field, "need": fmt.Sprintf("1 to %d characters", most)}, nil)
	case most == maxName && (paycore.SamePerson(text, Machine) || text != strings.TrimSpace(text)):
		return fault.New("E-6474", fault.V{"field": field, "need": "a person's name, without blanks around it"}, nil)
	}
	return nil
}

func wrongState(c schemas.Case, need string) error {
	return fault.New("E-6472", fault.V{"case": c.ID, "state": c.State, "need": need}, nil)
}

// seen reads a case and makes sure that it is the one that was looked at; a nil
// evidence is not compared.
func (w *caseWriter) seen(id string, version int64, evidence *string) (schemas.Case, error) {
	c, err := w.mustCase(id)
	if err != nil {
		return c, err
	}
	if evidence != nil && c.Evidence != *evidence {
		return c, w.stale("E-4071", c)
	}
	if c.Version != version {
		return c, w.stale("E-4070", c)
	}
	return c, nil
}

// stale says who changed the case last.
func (w *caseWriter) stale(id fault.ID, c schemas.Case) error {
	who, at := "nobody", int64(0)
	if _, err := w.one(`SELECT who, at FROM case_event WHERE case_id = $1 AND what <> 'COMMENT' ORDER BY id DESC LIMIT 1`, []any{c.ID}, &who, &at); err != nil {
		return wrap(err, "history of case %s", c.ID)
	}
	return fault.New(id, fault.V{"case": c.ID, "who": who, "at": time.UnixMilli(at).UTC().Format("2006-01-02 15:04 UTC")}, nil)
}

// waiting reads a case with the proposal that waits for an answer.
func (w *caseWriter) waiting(id string, version int64, evidence *string) (schemas.Case, Proposal, error) {
	c, err := w.seen(id, version, evidence)
	if err != nil {
		return c, Proposal{}, err
	}
	list, err := w.proposals(id)
	if err != nil {
		return c, Proposal{}, err
	}
	i := slices.IndexFunc(list, func(p Proposal) bool { return p.State == "PENDING" })
	if c.State != schemas.CaseProposed || i < 0 {
		return c, Proposal{}, wrongState(c, "no proposal waits for an answer")
	}
	return c, list[i], nil
}

func (w *caseWriter) proposals(id string) ([]Proposal, error) {
	s, err := w.stmt(`SELECT id, what, maker, reason, evidence, state, checker, answer, made_at FROM case_proposal WHERE case_id = $1 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, id)
	if err != nil {
		return nil, wrap(err, "proposals of case %s", id)
	}
	defer rows.Close()
	var list []Proposal
	for rows.Next() {
		var p Proposal
		var at int64
		if err := rows.Scan(&p.ID, &p.What, &p.Maker, &p.Reason, &p.Evidence, &p.State, &p.Checker, &p.Answer, &at); err != nil {
			return nil, wrap(err, "proposals of case %s", id)
		}
		p.At = time.UnixMilli(at).UTC()
		list = append(list, p)
	}
	return list, wrap(rows.Err(), "proposals of case %s", id)
}

func (w *caseWriter) answer(p Proposal, state, checker, answer string) error {
	n, err := w.exec(`UPDATE case_proposal SET state = $1, checker = $2, answer = $3, answered_at = $4 WHERE id = $5 AND state = 'PENDING'`,
		state, checker, answer, w.now, p.ID)
	return wrote(n, err, "proposal", fmt.Sprint(p.ID))
}

// offered lists what may be proposed for a case: Accept, the fixes that its
// open findings name, and a write-off of what it holds.
func (w *caseWriter) offered(c schemas.Case) ([]string, error) {
	list := []string{Accept}
	live, err := w.live(c.ID, subjectOf(c))
	if err != nil {
		return nil, err
	}
	for _, f := range openOf(live) {
		fixes, err := f.fixes()
		if err != nil {
			return nil, err
		}
		for _, fix := range fixes {
			if k := string(fix.Kind); !slices.Contains(list, k) {
				list = append(list, k)
			}
		}
	}
	if c.Flag == FixContradicted {
		list = append(list, string(schemas.FixReverse))
	}
	if c.SuspendMinor != 0 {
		list = append(list, string(schemas.FixWriteOff))
	}
	return list, nil
}

// carryOut closes the findings of an approved case and asks for its fixes. The
// releases from suspense are asked for first, then the fix.
func (w *caseWriter) carryOut(c *schemas.Case, p Proposal, checker string) error {
	s := subjectOf(*c)
	live, err := w.live(c.ID, s)
	if err != nil {
		return err
	}
	open := openOf(live)
	wrong, err := w.reversible(c.ID)
	if err != nil {
		return err
	}
	// What was fixed before is known to both people now; it cannot contradict
	// this decision later.
	if _, err := w.exec(`UPDATE case_fix SET seen = 1 WHERE case_id = $1 AND state = 'APPLIED'`, c.ID); err != nil {
		return wrap(err, "fixes of case %s", c.ID)
	}
	for _, f := range open {
		if _, err := w.exec(`UPDATE case_finding SET state = 'RESOLVED', proposal_id = $1 WHERE case_id = $2 AND bill_date = $3 AND evidence = $4 AND copy = $5`,
			p.ID, f.caseID, f.date.String(), f.evidence, f.copy); err != nil {
			return wrap(err, "close case %s", c.ID)
		}
	}
	switch schemas.FixKind(p.What) {
	case schemas.FixWriteOff:
		err = w.askWriteOff(c, p, checker)
	case schemas.FixReverse:
		err = w.askReversal(c, p, checker, wrong)
	default:
		if err = w.syncSuspense(c, nil); err == nil {
			err = w.askApproved(p, checker, open)
		}
	}
	if err != nil {
		return err
	}
	if len(live) == 0 { // a contradicted write-off that no finding stands for
		if err := w.closeCase(c, schemas.CaseResolved); err != nil {
			return err
		}
		return w.event(c, "RESOLVED", p.What)
	}
	return w.refresh(c.ID, s)
}

// reversible returns the latest fix of a case that changed the books, and that
// no people have passed judgement on since; nil if there is none.
func (w *caseWriter) reversible(id string) (*schemas.Fix, error) {
	var body string
	ok, err := w.one(`SELECT fix FROM case_fix WHERE case_id = $1 AND state = 'APPLIED' AND seen = 0
		AND kind NOT IN ('SUSPEND', 'RELEASE_SUSPENSE', 'REVERSE') ORDER BY seq DESC LIMIT 1`, []any{id}, &body)
	if err != nil || !ok {
		return nil, wrap(err, "fixes of case %s", id)
	}
	f := &schemas.Fix{}
	return f, wrap(json.Unmarshal([]byte(body), f), "fixes of case %s", id)
}

// askReversal asks for the opposite of a contradicted fix.
func (w *caseWriter) askReversal(c *schemas.Case, p Proposal, checker string, wrong *schemas.Fix) error {
	if wrong == nil {
		return wrongState(*c, "it has no fix to undo")
	}
	fix := *wrong
	fix.Key, fix.Reverses, fix.Kind = "REVERSE|"+wrong.Key, wrong.Key, schemas.FixReverse
	fix.Maker, fix.Checker, fix.RunID = p.Maker, checker, w.runID
	return w.askAgain(fix, 0, p.ID)
}

func (w *caseWriter) askWriteOff(c *schemas.Case, p Proposal, checker string) error {
	now, coming, err := w.holds(c.ID)
	if err != nil {
		return err
	}
	if now == 0 || coming != 0 {
		return wrongState(*c, "its suspense is being posted; apply the pending fixes first")
	}
	fix, err := w.suspenseFix(c, schemas.FixWriteOff, now)
	if err != nil {
		return err
	}
	fix.Maker, fix.Checker = p.Maker, checker
	return w.askFix(fix, -now, p.ID, w.runID)
}

// askApproved asks for the fixes of the approved kind that the findings carry,
// each key once.
func (w *caseWriter) askApproved(p Proposal, checker string, open []*finding) error {
	if p.What == Accept {
		return nil
	}
	for _, f := range open {
		fixes, err := f.fixes()
		if err != nil {
			return err
		}
		for _, fix := range fixes {
			if string(fix.Kind) != p.What {
				continue
			}
			fix.Maker, fix.Checker, fix.RunID = p.Maker, checker, f.runID
			if err := w.askAgain(fix, f.atStake(fix), p.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// askAgain asks for a fix whose key may have been asked for before, and was not
// applied then.
func (w *caseWriter) askAgain(fix schemas.Fix, minor, proposal int64) error {
	old, ok, err := w.asked(fix.Key)
	if err != nil {
		return err
	}
	if ok && (old.state == fixApplied || old.state == fixReversed) {
		return fault.New("E-6472", fault.V{"case": fix.CaseID, "state": old.state, "need": "this very fix was applied before"}, nil)
	}
	if !ok {
		return w.askFix(fix, minor, proposal, w.runID)
	}
	body, err := json.Marshal(fix)
	if err != nil {
		return wrap(err, "encode fix %s", fix.Key)
	}
	n, err := w.exec(`UPDATE case_fix SET seq = (SELECT MAX(seq) + 1 FROM case_fix), proposal_id = $1, state = 'PENDING', fix = $2, run_id = $3,
		reason = '', minor = $4 WHERE key = $5`, proposal, string(body), w.runID, minor, fix.Key)
	return wrote(n, err, "fix", fix.Key)
}

// proposalWaits tells whether a proposal waits for its answer.
func (w *caseWriter) proposalWaits(id string) (bool, error) {
	var n int64
	_, err := w.one(`SELECT COUNT(*) FROM case_proposal WHERE case_id = $1 AND state = 'PENDING'`, []any{id}, &n)
	return n > 0, wrap(err, "proposals of case %s", id)
}

// approvedWaits tells whether an approved fix of the case is not in the books
// yet.
func (w *caseWriter) approvedWaits(id string) (bool, error) {
	var n int64
	_, err := w.one(`SELECT COUNT(*) FROM case_fix WHERE case_id = $1 AND state = 'PENDING' AND proposal_id IS NOT NULL`, []any{id}, &n)
	return n > 0, wrap(err, "fixes of case %s", id)
}

// voidProposals gives up what people asked for, and the fixes that are not in
// the books yet.
func (w *caseWriter) voidProposals(c *schemas.Case, why string) error {
	const waits = `EXISTS (SELECT 1 FROM case_fix f WHERE f.proposal_id = case_proposal.id AND f.state = 'PENDING')`
	if _, err := w.exec(`UPDATE case_finding SET state = 'OPEN', proposal_id = NULL WHERE case_id = $1
		AND proposal_id IN (SELECT id FROM case_proposal WHERE case_id = $1 AND state = 'APPROVED' AND `+waits+`)`, c.ID); err != nil {
		return wrap(err, "findings of case %s", c.ID)
	}
	n, err := w.exec(`UPDATE case_proposal SET state = 'VOID', answer = $1, answered_at = $2 WHERE case_id = $3 AND (state = 'PENDING' OR state = 'APPROVED' AND `+waits+`)`, why, w.now, c.ID)
	if err != nil {
		return wrap(err, "proposals of case %s", c.ID)
	}
	if _, err := w.exec(`UPDATE case_fix SET state = 'VOID', reason = $1 WHERE case_id = $2 AND state = 'PENDING' AND proposal_id IS NOT NULL`, why, c.ID); err != nil {
		return wrap(err, "fixes of case %s", c.ID)
	}
	if n == 0 {
		return nil
	}
	return w.event(c, "VOIDED", why)
}
