package store

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"tieout/internal/settlement"
)

// BatchJournal lists the postings of a batch: its fees and its payouts, with
// what was undone.
func (db *DB) BatchJournal(ctx context.Context, id string) ([]settlement.JournalLine, error) {
	// The two ranges are all numbers that begin with "settlement:ID:" and with
	// "payout:ID-": ':' stands before ';', and '-' before '.'.
	rows, err := db.sql.QueryContext(ctx, `SELECT j.id, j.at_us, COALESCE(j.reverses, ''), p.account, p.currency, p.amount_minor
		FROM journal j JOIN posting p ON p.txn = j.id
		WHERE j.id >= 'settlement:' || $1 || ':' AND j.id < 'settlement:' || $1 || ';' OR j.id >= 'payout:' || $1 || '-' AND j.id < 'payout:' || $1 || '.'
		ORDER BY j.at_us, j.id, p.leg`, id)
	return scanAll(rows, err, func(row scanner) (l settlement.JournalLine, err error) {
		var at int64
		err = row.Scan(&l.Txn, &at, &l.Reverses, &l.Account, &l.Currency, &l.Minor)
		l.At = time.UnixMicro(at).UTC()
		return l, err
	}, "journal of batch "+id)
}

// BillWindow is the part of a merchant's day at one account.
type BillWindow struct {
	Account  string
	From, To int64 // UTC microseconds, To not included
}

// BillRows streams what happened to a merchant's payments and refunds, account
// by account, in one snapshot.
func (db *DB) BillRows(ctx context.Context, merchant string, windows []BillWindow) iter.Seq2[settlement.BillRow, error] {
	return func(yield func(settlement.BillRow, error) bool) {
		t, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			yield(settlement.BillRow{}, err)
			return
		}
		defer t.Rollback()
		for _, w := range windows {
			for _, kind := range []settlement.Kind{settlement.Payment, settlement.Refund} {
				query := billPayments
				if kind == settlement.Refund {
					query = billRefunds
				}
				rows, err := t.QueryContext(ctx, query, w.Account, w.From, w.To, merchant)
				if !yieldRows(rows, err, yield) {
					return
				}
			}
		}
	}
}

const (
	billPayments = `SELECT 'payment', p.order_no, p.pay_no, '', p.channel_ref, p.channel, p.trade_type, p.amount_minor, p.currency, e.fee_minor, p.settled_in,
		p.created_us, p.event_us FROM payment p LEFT JOIN clearing_entry e ON e.kind = 'PAYMENT' AND e.ref = p.pay_no
		WHERE p.account = $1 AND p.event_us >= $2 AND p.event_us < $3 AND p.state = 'SUCCESS' AND p.merchant = $4 ORDER BY p.event_us, p.pay_no`
	billRefunds = `SELECT 'refund', p.order_no, p.pay_no, r.refund_no, r.channel_refund_ref, r.channel, p.trade_type, r.amount_minor, r.currency, e.fee_minor, r.settled_in,
		r.created_us, r.event_us FROM refund r JOIN payment p ON p.pay_no = r.pay_no LEFT JOIN clearing_entry e ON e.kind = 'REFUND' AND e.ref = r.refund_no
		WHERE r.account = $1 AND r.event_us >= $2 AND r.event_us < $3 AND r.state = 'SUCCESS' AND p.merchant = $4 ORDER BY r.event_us, r.refund_no`
)

// yieldRows hands the rows on; false: nobody wants more.
func yieldRows(rows *sql.Rows, err error, yield func(settlement.BillRow, error) bool) bool {
	if err != nil {
		return yield(settlement.BillRow{}, wrap(err, "read a bill")) && false
	}
	defer rows.Close()
	for rows.Next() {
		var r settlement.BillRow
		var fee sql.NullInt64
		err := rows.Scan(&r.Kind, &r.OrderNo, &r.PayNo, &r.RefundNo, &r.ChannelRef, &r.Channel, &r.Product, &r.AmountMinor, &r.Currency, &fee, &r.SettledIn, &r.CreatedAt, &r.CompletedAt)
		r.FeeMinor, r.FeeKnown = fee.Int64, fee.Valid
		if !yield(r, wrap(err, "read a bill")) || err != nil {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		yield(settlement.BillRow{}, wrap(err, "read a bill"))
		return false
	}
	return true
}
