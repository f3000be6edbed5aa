package store

import (
	"context"
	"database/sql"

	"tieout/internal/paycore"
)

// Refund returns a refund as it stands, by its number or by the one that its
// channel has; nil if there is none.
func (db *DB) Refund(ctx context.Context, refundNo string) (r *paycore.Refund, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		r, err = b.refund(refundNo)
		return err
	})
	return r, err
}

func (b *books) refund(refundNo string) (*paycore.Refund, error) {
	r, err := b.refundWhere(`refund_no = $1`, refundNo)
	if r == nil && err == nil {
		r, err = b.refundWhere(`sent_as = $1 AND sent_as <> ''`, refundNo)
	}
	return r, wrap(err, "read refund %s", refundNo)
}

func (b *books) refundWhere(where, number string) (*paycore.Refund, error) {
	var r paycore.Refund
	var fee, done sql.NullInt64
	ok, err := b.one(`SELECT refund_no, pay_no, channel, account, amount_minor, currency, state, channel_refund_ref, fee_minor, part_of, asked_minor, sent_as, settled_in, version,
		created_us, done_us, updated_us FROM refund WHERE `+where, []any{number},
		&r.RefundNo, &r.PayNo, &r.Channel, &r.Account, &r.AmountMinor, &r.Currency, &r.State, &r.ChannelRefundRef, &fee, &r.PartOf, &r.AskedMinor, &r.SentAs, &r.SettledIn, &r.Version,
		&r.CreatedAt, &done, &r.UpdatedAt)
	if !ok || err != nil {
		return nil, err
	}
	r.Fee, r.DoneAt = paycore.Fee{Minor: fee.Int64, Known: fee.Valid}, done.Int64
	return &r, nil
}

// putRefund inserts a new refund, or moves one of exactly the version that was
// read.
func (b *books) putRefund(r *paycore.Refund) error {
	fee := nullable(r.Fee.Minor, r.Fee.Known)
	done := nullable(r.DoneAt, r.State == paycore.Success)
	var n int64
	var err error
	if r.Version == 0 {
		n, err = b.exec(`INSERT INTO refund (refund_no, pay_no, channel, account, amount_minor, currency, state, channel_refund_ref, fee_minor,
			part_of, asked_minor, version, created_us, done_us, event_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14, $15)`,
			r.RefundNo, r.PayNo, r.Channel, r.Account, r.AmountMinor, r.Currency, r.State, r.ChannelRefundRef, fee, r.PartOf, r.AskedMinor,
			r.CreatedAt, done, r.EventAt(), r.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE refund SET state = $1, channel_refund_ref = $2, fee_minor = $3, sent_as = $4, done_us = $5, event_us = $6, updated_us = $7,
			version = version + 1 WHERE refund_no = $8 AND version = $9`,
			r.State, r.ChannelRefundRef, fee, r.SentAs, done, r.EventAt(), r.UpdatedAt, r.RefundNo, r.Version)
	}
	return wrote(n, err, "refund", r.RefundNo)
}

// liveRefunds lists the refunds that use a payment's money.
func (b *books) liveRefunds(payNo string) ([]string, error) {
	s, err := b.stmt(`SELECT refund_no FROM refund WHERE pay_no = $1 AND state <> 'CLOSED' ORDER BY refund_no LIMIT 20`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, payNo)
	if err != nil {
		return nil, wrap(err, "list the refunds of %s", payNo)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var no string
		if err := rows.Scan(&no); err != nil {
			return nil, err
		}
		list = append(list, no)
	}
	return list, rows.Err()
}
