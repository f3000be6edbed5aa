package store

import (
	"context"
	"database/sql"
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// The words of FixResult.State.
const (
	applied        = "APPLIED"
	alreadyApplied = "ALREADY_APPLIED"
	refused        = "REFUSED"
)

// ApplyFix applies one fix in one transaction: the key once, the state by
// compare-and-set, a balanced journal transaction, the notice to the merchant
// and the log. A key that is in the books gives ALREADY_APPLIED with the run
// that applied it. What the rules refuse changes nothing, not even the key.
func (db *DB) ApplyFix(ctx context.Context, f schemas.Fix) (schemas.FixResult, error) {
	var result schemas.FixResult
	crashpoint.Hit("apply.begin")
	err := db.tx(ctx, func(t *sql.Tx) error {
		b := db.books(ctx, t)
		var err error
		result, err = b.apply(f, db.now().UnixMicro())
		crashpoint.Hit("apply.commit")
		return err
	})
	if err != nil {
		return schemas.FixResult{}, wrap(err, "apply fix %s", f.Key)
	}
	crashpoint.Hit("apply.done")
	return result, nil
}

func (b *books) apply(f schemas.Fix, now int64) (schemas.FixResult, error) {
	first, err := b.fix(f.Key)
	if err != nil {
		return schemas.FixResult{}, err
	}
	if first != nil {
		return b.again(f, first)
	}
	v, err := b.fixView(f)
	if err != nil {
		return schemas.FixResult{}, err
	}
	change, why := paycore.DecideFix(f, v, now)
	if why != "" {
		return schemas.FixResult{Key: f.Key, State: refused, RunID: f.RunID, Reason: why}, nil
	}
	txn := ""
	if len(change.Entries) > 0 {
		txn = "fix:" + f.Key
	}
	if err := b.putFix(f, change, txn); err != nil {
		return schemas.FixResult{}, err
	}
	crashpoint.Hit("apply.key")
	if err := b.write(&change.Change); err != nil {
		return schemas.FixResult{}, err
	}
	crashpoint.Hit("apply.rows")
	row := journalRow{id: txn, caseID: change.CaseID, fixKey: f.Key}
	if v.Earlier != nil {
		row.reverses = v.Earlier.TxnID
	}
	if err := b.post(&change.Change, row); err != nil {
		return schemas.FixResult{}, err
	}
	if err := b.carryOut(change.With...); err != nil {
		return schemas.FixResult{}, err
	}
	crashpoint.Hit("apply.journal")
	err = b.log(now, paycore.Move{Subject: "FIX", Ref: f.Key, To: applied, Cause: change.Cause,
		Detail: fmt.Sprintf("%s run %s case %s maker %s checker %s txn %s", f.Kind, f.RunID, f.CaseID, f.Maker, f.Checker, txn)})
	return schemas.FixResult{Key: f.Key, State: applied, RunID: f.RunID, TxnID: txn}, err
}

// again answers a key that is in the books: the same fix was applied, or the
// key was used for something else, which is refused.
func (b *books) again(f schemas.Fix, first *paycore.AppliedFix) (schemas.FixResult, error) {
	r := schemas.FixResult{Key: f.Key, State: alreadyApplied, RunID: first.RunID, TxnID: first.TxnID}
	switch {
	case first.Kind != f.Kind || first.AmountMinor != f.AmountMinor || first.Currency != f.Currency,
		f.Kind == schemas.FixAdjustFee && first.FeeMinor != f.FeeMinor:
		r.State = refused
		r.Reason = fmt.Sprintf("run %s used this key for %s of %d (fee %d) %s", first.RunID, first.Kind, first.AmountMinor, first.FeeMinor, first.Currency)
	case first.ReversedBy != "":
		r.Reason = "undone since by " + first.ReversedBy
	}
	return r, nil
}

func (b *books) fixView(f schemas.Fix) (v paycore.FixView, err error) {
	reads, about := paycore.FixReads(f), f
	if f.Kind == schemas.FixReverse {
		if v.Earlier, err = b.fix(f.Reverses); err != nil || v.Earlier == nil {
			return v, err
		}
		about = v.Earlier.Fix
		reads = paycore.FixReads(about)
		reads.ChannelRef, reads.ChannelRefundRef = "", ""
	}
	if v.View, err = b.view(reads); err != nil {
		return v, err
	}
	if v.Payment != nil && v.Payment.RefundedMinor > 0 {
		if v.Refunds, err = b.liveRefunds(v.Payment.PayNo); err != nil {
			return v, err
		}
	}
	v.Received, v.Paid, err = b.caseHolds(about.CaseID, about.Channel, about.Account, about.Currency)
	return v, err
}

// putFix inserts the key. The table takes a key once and ignores a second one,
// so that no two appliers can both believe that they were first.
func (b *books) putFix(f schemas.Fix, c *paycore.FixChange, txn string) error {
	n, err := b.exec(`INSERT INTO fix (key, kind, run_id, case_id, cell, channel, account, bill_date, record_kind, merchant_ref, refund_ref,
		channel_ref, amount_minor, fee_minor, currency, maker, checker, txn, state_before, time_before, fee_before, reverses, applied_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		ON CONFLICT (key) DO NOTHING`,
		f.Key, f.Kind, f.RunID, c.CaseID, f.Cell, f.Channel, f.Account, f.BillDate.String(), f.RecordKind.String(), f.MerchantRef, f.RefundRef,
		f.ChannelRef, f.AmountMinor, f.FeeMinor, f.Currency, f.Maker, f.Checker, orNull(txn), c.StateBefore, c.TimeBefore,
		nullable(c.FeeBefore.Minor, c.FeeBefore.Known), orNull(f.Reverses), c.At)
	return wrote(n, err, "fix", f.Key)
}

const fixColumns = `key, kind, run_id, case_id, cell, channel, account, bill_date, record_kind, merchant_ref, refund_ref, channel_ref,
	amount_minor, fee_minor, currency, maker, checker, COALESCE(txn, ''), state_before, time_before, fee_before, COALESCE(reverses, ''), applied_us`

// fix reads an applied fix with its entries; nil if there is none.
func (b *books) fix(key string) (*paycore.AppliedFix, error) {
	s, err := b.stmt(`SELECT ` + fixColumns + ` FROM fix WHERE key = $1`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, key)
	if err != nil {
		return nil, wrap(err, "read fix %s", key)
	}
	list, err := scanFixes(rows)
	if err != nil || len(list) == 0 {
		return nil, wrap(err, "read fix %s", key)
	}
	a := &list[0]
	if a.TxnID != "" {
		if a.Entries, err = b.entries(a.TxnID); err != nil {
			return nil, err
		}
	}
	_, err = b.one(`SELECT key FROM fix WHERE reverses = $1`, []any{key}, &a.ReversedBy)
	return a, wrap(err, "read who undid %s", key)
}

func scanFixes(rows *sql.Rows) ([]paycore.AppliedFix, error) {
	defer rows.Close()
	var list []paycore.AppliedFix
	for rows.Next() {
		var a paycore.AppliedFix
		var date, kind string
		var fee sql.NullInt64
		if err := rows.Scan(&a.Key, &a.Kind, &a.RunID, &a.CaseID, &a.Cell, &a.Channel, &a.Account, &date, &kind, &a.MerchantRef, &a.RefundRef,
			&a.ChannelRef, &a.AmountMinor, &a.FeeMinor, &a.Currency, &a.Maker, &a.Checker, &a.TxnID, &a.StateBefore, &a.TimeBefore,
			&fee, &a.Reverses, &a.AppliedAt); err != nil {
			return nil, err
		}
		a.FeeBefore = paycore.Fee{Minor: fee.Int64, Known: fee.Valid}
		a.BillDate = bizday.None
		if err := a.BillDate.UnmarshalText([]byte(date)); err != nil {
			return nil, err
		}
		if err := a.RecordKind.UnmarshalText([]byte(kind)); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// Fixes returns the fixes that a run applied, in the order in which it did.
func (db *DB) Fixes(ctx context.Context, runID string) (list []paycore.AppliedFix, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		s, err := b.stmt(`SELECT ` + fixColumns + ` FROM fix WHERE run_id = $1 ORDER BY applied_us, key`)
		if err != nil {
			return err
		}
		rows, err := s.QueryContext(ctx, runID)
		if err != nil {
			return wrap(err, "read the fixes of run %s", runID)
		}
		list, err = scanFixes(rows)
		return err
	})
	return list, err
}
