package store

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// refresh makes a case what its findings, its fixes and its proposals say. It
// is the only place where the state of a case changes; called again, it
// changes nothing.
func (w *caseWriter) refresh(id string, s subject) error {
	news, err := w.syncBooks(id)
	if err != nil {
		return err
	}
	if news > 0 { // what waits was computed from what the case believed before
		if err := w.voidSuspense(id, "the books know more"); err != nil {
			return err
		}
	}
	if err := w.voidOvertaken(id, s); err != nil {
		return err
	}
	live, err := w.live(id, s)
	if err != nil {
		return err
	}
	if err := w.syncAuto(id, live); err != nil {
		return err
	}
	c, known, err := w.find(id)
	if err != nil {
		return err
	}
	open := openOf(live)
	if !known && len(open) == 0 {
		return w.explainedBefore(id, s)
	}
	if len(open) > 0 {
		err = w.stands(&c, known, id, s, open)
	} else {
		err = w.rests(&c, s, live)
	}
	if err != nil {
		return err
	}
	return w.syncSuspense(&c, open)
}

// explainedBefore opens and withdraws in one step a case whose findings a later
// date has explained already: dates may be run in any order.
func (w *caseWriter) explainedBefore(id string, s subject) error {
	all, err := w.findings(`case_id = $1`, id)
	if err != nil || len(all) == 0 {
		return err
	}
	c := newCase(id, s)
	c.State = schemas.CaseWithdrawn
	if err := describe(&c, all); err != nil {
		return err
	}
	why, err := w.explanation(id, s)
	if err != nil {
		return err
	}
	if err := w.put(&c); err != nil {
		return err
	}
	return w.event(&c, "WITHDRAWN", why)
}

func newCase(id string, s subject) schemas.Case {
	return schemas.Case{ID: id, Channel: s.channel, Account: s.account, Kind: s.kind, Key: s.key, Currency: s.currency,
		FirstSeen: bizday.None, LastSeen: bizday.None, DueOn: bizday.None}
}

// voidOvertaken gives up an approval whose fix is not in the books yet, once
// the case has a finding that the two people did not see.
func (w *caseWriter) voidOvertaken(id string, s subject) error {
	waits, err := w.approvedWaits(id)
	if err != nil || !waits {
		return err
	}
	live, err := w.live(id, s)
	if err != nil || len(openOf(live)) == 0 {
		return err
	}
	c, err := w.mustCase(id)
	if err != nil {
		return err
	}
	return w.voidProposals(&c, "another finding came in run "+w.runID)
}

func openOf(live []*finding) []*finding {
	return slices.DeleteFunc(slices.Clone(live), func(f *finding) bool { return f.state != findingOpen })
}

// stands brings a case up to date that has an open finding.
func (w *caseWriter) stands(c *schemas.Case, known bool, id string, s subject, open []*finding) error {
	before := *c
	if !known {
		*c = newCase(id, s)
	}
	if err := describe(c, open); err != nil {
		return err
	}
	fix, err := w.contradicted(id, open)
	if err != nil {
		return err
	}
	if c.Flag = ""; fix != "" {
		c.Flag, c.Priority = FixContradicted, 1
	}
	proposed, err := w.proposalWaits(id)
	if err != nil {
		return err
	}
	void := proposed && (before.Evidence != c.Evidence || before.Cell != c.Cell || before.Flag != c.Flag)
	if !proposed || void {
		c.State = schemas.CaseOpen
	}
	if known && *c == before {
		return nil
	}
	if err := w.put(c); err != nil {
		return err
	}
	if void {
		if err := w.voidProposals(c, "the evidence changed in run "+w.runID); err != nil {
			return err
		}
	}
	what, list := "CHANGED", &w.changes.Changed
	switch {
	case !known:
		what, list = "OPENED", &w.changes.Opened
	case fix != "" && before.Flag == "":
		what, list = "CONTRADICTED", &w.changes.Contradicted
	case before.State != schemas.CaseOpen && before.State != schemas.CaseProposed:
		what, list = "REOPENED", &w.changes.Reopened
	}
	*list = append(*list, id)
	note := fmt.Sprintf("%s, cell %s, priority %d, run %s", c.Class, c.Cell, c.Priority, w.runID)
	if fix != "" {
		note += "; contradicts " + fix
	}
	return w.event(c, what, note)
}

// describe fills in what the open findings say. The most urgent one leads.
func describe(c *schemas.Case, open []*finding) error {
	lead := slices.MinFunc(open, func(a, b *finding) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.date, b.date), cmp.Compare(a.evidence, b.evidence), cmp.Compare(a.copy, b.copy))
	})
	c.Class, c.Cell, c.Priority, c.Reason = lead.class, lead.cell, lead.priority, lead.sentence()
	c.LocalMinor, c.ChannelMinor, c.DueOn, c.LastSeen = 0, 0, bizday.None, bizday.None
	var err1, err2 error
	for _, f := range open {
		if err1 == nil {
			c.LocalMinor, err1 = money.Add(c.LocalMinor, f.local)
		}
		if err2 == nil {
			c.ChannelMinor, err2 = money.Add(c.ChannelMinor, f.channel)
		}
		if due := f.date.Add(f.dueDays); c.DueOn == bizday.None || due < c.DueOn {
			c.DueOn = due
		}
		if c.FirstSeen == bizday.None || f.date < c.FirstSeen {
			c.FirstSeen = f.date
		}
		c.LastSeen = max(c.LastSeen, f.date)
	}
	c.Evidence = evidenceOf(open)
	return cmp.Or(err1, err2)
}

// evidenceOf is the evidence of the only finding, or a digest of all.
func evidenceOf(open []*finding) string {
	if len(open) == 1 {
		return open[0].evidence
	}
	h := sha256.New()
	for _, f := range open {
		fmt.Fprintf(h, "%s %d\n", f.evidence, f.copy)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// rests brings a case up to date that has no open finding: it is fixed or
// resolved if its findings are, else it was withdrawn.
func (w *caseWriter) rests(c *schemas.Case, s subject, live []*finding) error {
	if c.State == schemas.CaseWithdrawn && len(live) == 0 {
		return nil
	}
	if len(live) == 0 {
		return w.vanished(c, s)
	}
	state, what := schemas.CaseAutoFixed, "FIXED"
	for _, f := range live {
		if f.state == findingResolved {
			state, what = schemas.CaseResolved, "RESOLVED"
		}
	}
	if state == schemas.CaseResolved {
		if waits, err := w.approvedWaits(c.ID); err != nil || waits {
			return err // approved, not yet in the books: it stays PROPOSED
		}
	}
	if c.State == state {
		return nil
	}
	if err := w.closeCase(c, state); err != nil {
		return err
	}
	return w.event(c, what, "")
}

func (w *caseWriter) closeCase(c *schemas.Case, state schemas.CaseState) error {
	c.State, c.Flag = state, ""
	return w.put(c)
}

// vanished deals with a case of which no current run finds anything. A fix that
// agreed the two sides makes that happen, and is right; a write-off does not,
// so that it is now wrong.
func (w *caseWriter) vanished(c *schemas.Case, s subject) error {
	why, err := w.explanation(c.ID, s)
	if err != nil {
		return err
	}
	var key string
	wrong, err := w.one(`SELECT key FROM case_fix WHERE case_id = $1 AND kind = 'WRITE_OFF' AND state = 'APPLIED' AND seen = 0 ORDER BY seq DESC LIMIT 1`,
		[]any{c.ID}, &key)
	if err != nil {
		return wrap(err, "write-off of case %s", c.ID)
	}
	isOpen := c.State == schemas.CaseOpen || c.State == schemas.CaseProposed
	switch {
	case wrong && c.Flag == FixContradicted:
		return nil
	case wrong:
		c.State, c.Flag, c.Priority, c.Reason = schemas.CaseOpen, FixContradicted, 1, why
		if err := w.put(c); err != nil {
			return err
		}
		if err := w.voidProposals(c, why); err != nil {
			return err
		}
		w.changes.Contradicted = append(w.changes.Contradicted, c.ID)
		return w.event(c, "CONTRADICTED", why+"; contradicts "+key)
	case !isOpen:
		return nil
	}
	if err := w.closeCase(c, schemas.CaseWithdrawn); err != nil {
		return err
	}
	if err := w.voidProposals(c, why); err != nil {
		return err
	}
	w.changes.Withdrawn = append(w.changes.Withdrawn, c.ID)
	return w.event(c, "WITHDRAWN", why)
}

// contradicted returns the key of an applied fix that one of the open findings
// contradicts; "" if there is none.
func (w *caseWriter) contradicted(id string, open []*finding) (string, error) {
	s, err := w.stmt(`SELECT key, kind FROM case_fix WHERE case_id = $1 AND state = 'APPLIED' AND seen = 0 ORDER BY seq`)
	if err != nil {
		return "", err
	}
	rows, err := s.QueryContext(w.ctx, id)
	if err != nil {
		return "", wrap(err, "fixes of case %s", id)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var kind schemas.FixKind
		if err := rows.Scan(&key, &kind); err != nil {
			return "", wrap(err, "fixes of case %s", id)
		}
		if slices.ContainsFunc(open, func(f *finding) bool { return contradicts(kind, f.class) }) {
			return key, nil
		}
	}
	return "", wrap(rows.Err(), "fixes of case %s", id)
}

// contradicts tells whether a finding of a class says that an applied fix was
// wrong. A second payment, say, does not say that the first one was.
func contradicts(fix schemas.FixKind, class schemas.Class) bool {
	switch fix {
	case schemas.FixSetSuccess:
		return slices.Contains([]schemas.Class{schemas.LocalOnly, schemas.LocalAhead, schemas.LocalBehind, schemas.AmountMismatch, schemas.CurrencyMismatch}, class)
	case schemas.FixSetClosed, schemas.FixSetFailed:
		return slices.Contains([]schemas.Class{schemas.ChannelOnly, schemas.LocalBehind, schemas.AmountMismatch, schemas.CurrencyMismatch}, class)
	case schemas.FixAdjustFee:
		return class == schemas.FeeMismatch
	case schemas.FixWriteOff:
		return true
	}
	return false
}
