package pipeline

import (
	"context"

	"tieout/internal/fault"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// emptyDay holds a statement without rows that nobody would expect to be
// empty: our books have successful transactions of that day, or the last weeks
// never had a day without rows. A person can accept it.
func (w *work) emptyDay(ctx context.Context) error {
	if w.report.Statement.Rows > 0 || w.opt.AcceptEmpty || w.opt.DryRun {
		return nil
	}
	low, days, err := w.band(ctx)
	if err != nil {
		return err
	}
	local, err := w.localSuccesses(ctx)
	if err != nil {
		return err
	}
	if local == 0 || days >= bandDays && low == 0 {
		return nil
	}
	return fault.New("E-2181", fault.V{"channel": w.acct.Definition.Name, "account": w.acct.Name, "date": w.date, "local": local, "usual": low}, nil)
}

// localSuccesses counts our successful transactions of the bill date.
func (w *work) localSuccesses(ctx context.Context) (int64, error) {
	records, err := w.openRecords(StageExport, localFile)
	if err != nil {
		return 0, err
	}
	defer records.Close()
	var n int64
	err = records.Read(ctx, recordfile.Status|recordfile.Times, func(_ int64, b *schemas.Batch) error {
		for i := range b.Status {
			if b.Status[i] == schemas.Success && b.BillDate[i] == w.date {
				n++
			}
		}
		return nil
	})
	return n, err
}
