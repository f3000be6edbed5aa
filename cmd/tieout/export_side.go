package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/ledgerlink"
	"tieout/schemas"
)

// exportSide is our side of played payments as CSV files in the documented
// layout, for a site without the built-in payment core.
type exportSide struct{ rows map[string][][]string }

func newExportSide() *exportSide {
	side := &exportSide{rows: map[string][][]string{}}
	for _, c := range channelsim.Channels() {
		side.rows[c] = [][]string{{"kind", "order_no", "refund_no", "channel_txn_id", "status", "amount_minor", "currency", "fee_minor", "created_at", "completed_at"}}
	}
	return side
}

// play carries out one operation at the channel and notes what our books say.
func (e *exportSide) play(ctx context.Context, sim *channelsim.Sim, op channelsim.Op) error {
	var ans channelsim.Result
	var err error
	kind, success := "payment", "PAID"
	switch {
	case op.Refund != nil:
		ans, err = sim.Refund(ctx, *op.Refund)
	case op.Pay != nil:
		ans, err = sim.Pay(ctx, *op.Pay)
	}
	if err != nil {
		return err
	}
	if op.RefundRef != "" {
		kind, success = "refund", "REFUNDED"
		ans.ChannelRef = ans.ChannelRefundRef
	}
	status, done := "PENDING", ""
	switch op.Local.Step {
	case channelsim.StepNone:
		return nil
	case channelsim.StepAnswer, channelsim.StepNotice:
		status, done = success, ans.At.Format(time.RFC3339)
	case channelsim.StepPaid:
		status, done = success, op.Local.At.Format(time.RFC3339)
	case channelsim.StepClose:
		status, done = "CLOSED", op.Local.At.Format(time.RFC3339)
	}
	fee := (op.Local.AmountMinor*channelsim.FeeRate(op.Channel) + 500_000) / 1_000_000
	e.rows[op.Channel] = append(e.rows[op.Channel], []string{kind, op.MerchantRef, op.RefundRef, ans.ChannelRef, status,
		strconv.FormatInt(op.Local.AmountMinor, 10), "CNY", strconv.FormatInt(fee, 10), op.Local.CreatedAt.Format(time.RFC3339), done})
	return nil
}

// write puts one file an account.
func (e *exportSide) write(dir string, date bizday.Date) error {
	for channel, rows := range e.rows {
		path := filepath.Join(dir, fmt.Sprintf("%s-%s.csv", accountNames[channel], date))
		f, err := os.Create(path)
		if err != nil {
			return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
		}
		if err := csv.NewWriter(f).WriteAll(rows); err != nil {
			f.Close()
			return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
		}
		if err := f.Close(); err != nil {
			return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
		}
	}
	return nil
}

// datedFile is a file source whose path names the account and the date.
type datedFile struct {
	pattern string
	mapping ledgerlink.Mapping
	parquet bool
}

func (d datedFile) open(req ledgerlink.ExportRequest) (ledgerlink.Source, error) {
	path := placeholders(d.pattern, req)
	if d.parquet {
		return ledgerlink.OpenParquet(path, d.mapping)
	}
	return ledgerlink.OpenCSV(path, d.mapping)
}

// Export implements pipeline.Local.
func (d datedFile) Export(ctx context.Context, req ledgerlink.ExportRequest, give func(*schemas.Batch) error) (schemas.Export, error) {
	src, err := d.open(req)
	if err != nil {
		return schemas.Export{}, err
	}
	return src.Export(ctx, req, give)
}

// Lookup implements pipeline.Local: all rows of a file are in its export
// already, and the file may be gone by now.
func (d datedFile) Lookup(context.Context, ledgerlink.ExportRequest, []schemas.LookupKey) ([]schemas.Record, error) {
	return nil, ledgerlink.ErrNoLookup
}
