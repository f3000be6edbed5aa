package pipeline

import (
	"context"

	"tieout/internal/crashpoint"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// receive hands the statement's rows to the account's receiver. A run that
// changes nothing leaves it out.
func (w *work) receive(ctx context.Context) error {
	if w.acct.Receive == nil || w.opt.DryRun {
		return nil
	}
	records, err := w.openRecords(StageNormalize, recordsFile)
	if err != nil {
		return err
	}
	defer records.Close()
	crashpoint.Hit("receive.begin")
	to := w.acct.Receive()
	err = records.Read(ctx, recordfile.All, func(_ int64, b *schemas.Batch) error {
		for i := range b.Len() {
			r := b.Row(i)
			if err := to.Take(ctx, &r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	crashpoint.Hit("receive.taken")
	return to.End(ctx, w.date)
}
