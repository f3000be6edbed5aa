package store

import (
	"fmt"

	"tieout/internal/money"
	"tieout/schemas"
)

// syncSuspense asks for what must be posted so that the case holds the exposure
// of its open findings, and nothing once it has none.
func (w *caseWriter) syncSuspense(c *schemas.Case, open []*finding) error {
	target, last, err := exposureOf(open)
	if err != nil {
		return wrap(err, "suspense of case %s", c.ID)
	}
	now, coming, err := w.holds(c.ID)
	if err != nil {
		return err
	}
	if now != c.SuspendMinor {
		c.SuspendMinor = now
		if err := w.put(c); err != nil {
			return err
		}
	}
	if now+coming == target {
		return nil
	}
	if err := w.voidSuspense(c.ID, "another amount is asked for"); err != nil {
		return err
	}
	if now == target {
		return nil
	}
	if now != 0 {
		if err := w.askSuspense(c, last, schemas.FixReleaseSuspense, now, -now); err != nil {
			return err
		}
	}
	if target != 0 {
		return w.askSuspense(c, last, schemas.FixSuspend, target, target)
	}
	return nil
}

// voidSuspense gives up the postings of a case that are not in the books yet.
func (w *caseWriter) voidSuspense(id, why string) error {
	_, err := w.exec(`UPDATE case_fix SET state = 'VOID', reason = $1 WHERE case_id = $2 AND state = 'PENDING'
		AND proposal_id IS NULL AND kind IN ('SUSPEND', 'RELEASE_SUSPENSE')`, why, id)
	return wrap(err, "suspense of case %s", id)
}

// exposureOf adds up what the open findings that people must look at expose.
func exposureOf(open []*finding) (sum int64, last *finding, err error) {
	for _, f := range open {
		last = f
		if f.action != schemas.ActionManual {
			continue
		}
		if sum, err = money.Add(sum, f.exposure); err != nil {
			return 0, nil, err
		}
	}
	return sum, last, nil
}

// holds returns what a case holds in suspense now, and by how much the waiting
// fixes will change it.
func (w *caseWriter) holds(id string) (now, coming int64, err error) {
	_, err = w.one(`SELECT COALESCE(SUM(CASE WHEN state = 'APPLIED' THEN minor ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN state = 'PENDING' THEN minor ELSE 0 END), 0)
		FROM case_fix WHERE case_id = $1 AND kind IN ('SUSPEND', 'RELEASE_SUSPENSE', 'WRITE_OFF')`, []any{id}, &now, &coming)
	return now, coming, wrap(err, "suspense of case %s", id)
}

// askSuspense asks for one posting. Its key carries a running number: a case
// may suspend, release and suspend again, each exactly once.
func (w *caseWriter) askSuspense(c *schemas.Case, f *finding, kind schemas.FixKind, amount, change int64) error {
	fix, err := w.suspenseFix(c, kind, amount)
	if err != nil {
		return err
	}
	if f != nil {
		fix.BillDate = f.date
	}
	fix.Maker = Machine
	return w.askFix(fix, change, 0, w.runID)
}

func (w *caseWriter) suspenseFix(c *schemas.Case, kind schemas.FixKind, amount int64) (schemas.Fix, error) {
	var n int64
	if _, err := w.one(`SELECT COUNT(*) FROM case_fix WHERE case_id = $1`, []any{c.ID}, &n); err != nil {
		return schemas.Fix{}, wrap(err, "fixes of case %s", c.ID)
	}
	fix := schemas.Fix{
		Key: fmt.Sprintf("%s|%s|%s|%d", c.Account, c.ID, kind, n+1), Kind: kind, RunID: w.runID, CaseID: c.ID, Cell: c.Cell,
		Channel: c.Channel, Account: c.Account, BillDate: c.LastSeen, RecordKind: c.Kind, MerchantRef: c.Key,
		AmountMinor: amount, Currency: c.Currency, EventTime: schemas.NoTime,
	}
	if c.Kind == schemas.Refund {
		fix.MerchantRef, fix.RefundRef = "", c.Key
	}
	return fix, nil
}
