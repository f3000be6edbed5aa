package pipeline

import (
	"context"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/ledgerlink"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

const (
	localFile  = "local.parquet"
	exportFile = "export.json"
)

// export takes our transactions of the day and its windows.
func (w *work) export(ctx context.Context) error {
	m, err := w.run(ctx, StageExport, nil, func(ctx context.Context, out *output) error {
		f, err := out.create(localFile)
		if err != nil {
			return err
		}
		defer f.Abort()
		rec, err := recordfile.NewWriter(f, recordfile.Options{Channel: w.acct.Definition.Name, Account: w.acct.Name, Workers: w.p.Workers})
		if err != nil {
			return err
		}
		exp, err := w.acct.Local.Export(ctx, w.exportRequest(w.date), rec.Batch)
		if err != nil {
			return err
		}
		if err := rec.Close(); err != nil {
			return err
		}
		if err := f.commit(); err != nil {
			return err
		}
		out.manifest.Counts["rows"], out.manifest.Totals, out.manifest.Proofs = exp.Rows, exp.Totals, exp.Proofs
		return out.writeJSON(exportFile, exp)
	})
	if err != nil {
		return err
	}
	exp, err := readJSON[schemas.Export](w.dir(StageExport), m, exportFile)
	if err != nil {
		return err
	}
	w.report.Export = &exp
	w.report.Proofs = append(w.report.Proofs, exp.Proofs...)
	return failing(exp.Proofs, "E-2180", fault.V{"account": w.acct.Name, "date": w.date, "side": "local"})
}

func (w *work) exportRequest(date bizday.Date) ledgerlink.ExportRequest {
	return ledgerlink.ExportRequest{
		Channel: w.acct.Definition.Name, Account: w.acct.Name, Merchant: w.acct.Merchant,
		Day: w.acct.Definition.Day(), Date: date, Before: w.acct.Rules.WindowBefore, After: w.acct.Rules.WindowAfter,
	}
}

// failing turns the first proof that does not hold into a fault.
func failing(proofs []schemas.Proof, id fault.ID, v fault.V) error {
	for _, p := range proofs {
		if !p.OK && !p.Advisory {
			v["proof"], v["want"], v["got"], v["note"] = p.Name, p.Want, p.Got, p.Note
			return fault.New(id, v, nil)
		}
	}
	return nil
}
