package pipeline

import (
	"context"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// balances proves that each fund statement begins with the balance with which
// that of the day before ended. Without a result of the day before there is
// nothing to compare with.
func (w *work) balances(ctx context.Context) error {
	before, ok, err := w.p.Store.Current(ctx, w.acct.Name, w.date.Add(-1))
	if err != nil || !ok {
		return err
	}
	dir, m, err := w.p.stageOf(before, StageNormalize)
	if err != nil {
		return err
	}
	yesterday, err := readLines[schemas.Statement](dir, m, statementFile)
	if err != nil {
		return err
	}
	today, err := readLines[schemas.Statement](w.dir(StageNormalize), w.manifests[StageNormalize], statementFile)
	if err != nil {
		return err
	}
	var proofs []schemas.Proof
	for i := range min(len(yesterday), len(today)) {
		if closing, opening := yesterday[i].Closing, today[i].Opening; today[i].Kind == "FUND" && closing.Valid && opening.Valid {
			cur := money.Currency(w.acct.Definition.Currency)
			proofs = append(proofs, schemas.Proof{Name: "fund.continuity", OK: closing.V == opening.V, Want: money.Format(closing.V, cur), Got: money.Format(opening.V, cur),
				Currency: string(cur), Note: "closing balance of the day before = opening balance"})
		}
	}
	w.report.Proofs = append(w.report.Proofs, proofs...)
	return failing(proofs, "E-2182", fault.V{"account": w.acct.Name, "date": w.date})
}
