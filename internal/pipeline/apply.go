package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/resolve"
	"tieout/schemas"
)

const appliedFile = "applied.jsonl"

// maxRounds bounds how often applying fixes may leave new ones behind: a
// refused fix turns into a posting to suspense, and that is the end of it.
const maxRounds = 8

// apply brings the cases up to date with what was found, and carries out the
// fixes that follow: the automatic ones and the postings to suspense.
func (w *work) apply(ctx context.Context) error {
	inputs := append([]schemas.FileUsed(nil), w.manifests[StageResolve].Outputs...)
	m, err := w.run(ctx, StageApply, inputs, func(ctx context.Context, out *output) error {
		explained, err := readLines[schemas.Explained](w.dir(StageMatch), w.manifests[StageMatch], explainedFile)
		if err != nil {
			return err
		}
		if _, err := w.p.Store.ApplyFindings(ctx, w.lease, store.Findings{Account: w.acct.Name, Date: w.date, RunID: w.attempt.ID,
			Findings: w.readFindings(), Explained: explained}); err != nil {
			return err
		}
		crashpoint.Hit("apply.findings")
		if err := w.p.ApplyPending(ctx, w.acct.Name, func() error { return w.p.Store.Renew(ctx, w.lease) }); err != nil {
			return err
		}
		crashpoint.Hit("apply.fixed")
		done, err := w.fixesDone(ctx) // as the books say it: also what was applied before a crash
		if err != nil {
			return err
		}
		contradicted, err := w.contradictedCases(ctx)
		if err != nil {
			return err
		}
		out.manifest.Counts["fixes"], out.manifest.Counts["contradicted"] = int64(len(done)), int64(len(contradicted))
		if err := writeLines(out, contradictedFile, contradicted); err != nil {
			return err
		}
		return writeLines(out, appliedFile, done)
	})
	if err != nil {
		return err
	}
	if w.contradicted, err = readLines[string](w.dir(StageApply), m, contradictedFile); err != nil {
		return err
	}
	return w.stand(ctx)
}

const contradictedFile = "contradicted.jsonl"

// contradictedCases are the ids of the cases in which this day's evidence
// speaks against an applied fix, sorted. They are read from the cases, not
// from what applying the findings changed: after a crash that was already so.
func (w *work) contradictedCases(ctx context.Context) ([]string, error) {
	cases, err := w.p.Store.Cases(ctx, store.CaseFilter{Account: w.acct.Name})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range cases {
		if c.Flag == store.FixContradicted && c.FirstSeen <= w.date && w.date <= c.LastSeen {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// ApplyPending applies every fix of an account that waits, until none is left.
// before is called ahead of each; its error stops the work (a lost lease).
func (p *Pipeline) ApplyPending(ctx context.Context, account string, before func() error) error {
	for range maxRounds {
		fixes, err := p.Store.PendingFixes(ctx, account)
		if err != nil || len(fixes) == 0 {
			return err
		}
		for _, f := range fixes {
			if err := before(); err != nil {
				return err
			}
			r, err := p.Books.Apply(ctx, f)
			if err != nil {
				return fmt.Errorf("apply fix %s: %w", f.Key, err)
			}
			crashpoint.Hit("apply.before_mark")
			if _, err := p.Store.MarkFixed(ctx, r); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the fixes of %s do not come to an end", account)
}

// fixesDone lists the fixes of this attempt that are in the books, by key.
func (w *work) fixesDone(ctx context.Context) ([]schemas.FixDone, error) {
	applied, err := w.p.Store.Fixes(ctx, w.attempt.ID)
	if err != nil {
		return nil, err
	}
	done := make([]schemas.FixDone, len(applied))
	for i, a := range applied {
		done[i] = schemas.FixDone{Fix: a.Fix, Result: schemas.FixResult{Key: a.Key, State: "APPLIED", RunID: a.RunID, TxnID: a.TxnID}}
	}
	slices.SortFunc(done, func(a, b schemas.FixDone) int { return cmp.Compare(a.Fix.Key, b.Fix.Key) })
	return done, nil
}

// stand gathers where the account stands now: cases, ageing, suspense, fixes of
// this attempt, and with them the verdict.
func (w *work) stand(ctx context.Context) error {
	var err error
	if w.report.Fixes, err = w.fixesDone(ctx); err != nil {
		return err
	}
	if w.report.Cases, err = w.p.Store.Cases(ctx, store.CaseFilter{Account: w.acct.Name}); err != nil {
		return err
	}
	if w.report.Ageing, err = w.p.Store.Ageing(ctx, w.acct.Name, w.date); err != nil {
		return err
	}
	w.report.Bridge = BridgeOf(w.report.Totals)
	suspense, err := w.suspenseProof(ctx)
	if err != nil {
		return err
	}
	w.report.Proofs = append(w.report.Proofs, suspense...)
	w.report.Verdict, w.report.Why = resolve.Verdict(resolve.Standing{Proofs: w.report.Proofs, Open: int64(len(w.report.Cases)), Rejects: w.report.RejectRows, Warnings: WarningsOf(&w.report), Carried: int64(len(w.report.Carried))})
	if w.held > 0 || w.heldWhy != "" {
		w.report.Why += fmt.Sprintf(" A safety limit held back %d automatic fixes. %s", w.held, w.heldWhy)
	}
	return failing(suspense, "E-5080", fault.V{"account": w.acct.Name, "date": w.date})
}

// WarningsOf counts what wants a look: what the reader warned of, and pairs of
// different days.
func WarningsOf(r *schemas.RunReport) int64 {
	n := int64(len(r.Statement.Warnings))
	for _, t := range r.Totals {
		if t.Class == schemas.DateMismatch {
			n += t.Outcomes
		}
	}
	return n
}

// suspenseProof compares the ledger's suspense with what the open cases hold.
func (w *work) suspenseProof(ctx context.Context) ([]schemas.Proof, error) {
	ledger, err := w.p.Books.SuspenseOf(ctx, w.acct.Definition.Name, w.acct.Name)
	if err != nil {
		return nil, err
	}
	cases, err := w.p.Store.SuspenseSum(ctx, w.acct.Name)
	if err != nil {
		return nil, err
	}
	return SuspenseProofs(ledger, cases), nil
}
