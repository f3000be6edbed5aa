package store

import (
	"context"
	"database/sql"

	"tieout/internal/paycore"
)

// Payment returns a payment as it stands; nil if there is none.
func (db *DB) Payment(ctx context.Context, payNo string) (p *paycore.Payment, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		p, err = b.payment(payNo)
		return err
	})
	return p, err
}

func (b *books) payment(payNo string) (*paycore.Payment, error) {
	p := paycore.Payment{PayNo: payNo}
	var fee, paid sql.NullInt64
	ok, err := b.one(`SELECT merchant, order_no, channel, account, amount_minor, currency, state, channel_ref, fee_minor, refunded_minor,
		settled_in, trade_type, part_of, parts, wallet, expires_us, version, created_us, paid_us, updated_us FROM payment WHERE pay_no = $1`, []any{payNo},
		&p.Merchant, &p.OrderNo, &p.Channel, &p.Account, &p.AmountMinor, &p.Currency, &p.State, &p.ChannelRef, &fee, &p.RefundedMinor,
		&p.SettledIn, &p.TradeType, &p.PartOf, &p.Parts, &p.Wallet, &p.ExpiresAt, &p.Version, &p.CreatedAt, &paid, &p.UpdatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read payment %s", payNo)
	}
	p.Fee, p.PaidAt = paycore.Fee{Minor: fee.Int64, Known: fee.Valid}, paid.Int64
	return &p, nil
}

// putPayment inserts a new payment, or moves one of exactly the version that
// was read.
func (b *books) putPayment(p *paycore.Payment) error {
	fee := nullable(p.Fee.Minor, p.Fee.Known)
	paid := nullable(p.PaidAt, p.State == paycore.Success)
	var n int64
	var err error
	if p.Version == 0 {
		n, err = b.exec(`INSERT INTO payment (pay_no, merchant, order_no, channel, account, amount_minor, currency, state, channel_ref,
			fee_minor, refunded_minor, trade_type, part_of, parts, wallet, expires_us, version, created_us, paid_us, event_us, updated_us)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $18, $19, $20)`,
			p.PayNo, p.Merchant, p.OrderNo, p.Channel, p.Account, p.AmountMinor, p.Currency, p.State, p.ChannelRef,
			fee, p.RefundedMinor, p.TradeType, p.PartOf, p.Parts, p.Wallet, p.ExpiresAt, p.CreatedAt, paid, p.EventAt(), p.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE payment SET state = $1, channel_ref = $2, fee_minor = $3, refunded_minor = $4, paid_us = $5, event_us = $6,
			updated_us = $7, version = version + 1 WHERE pay_no = $8 AND version = $9`,
			p.State, p.ChannelRef, fee, p.RefundedMinor, paid, p.EventAt(), p.UpdatedAt, p.PayNo, p.Version)
	}
	return wrote(n, err, "payment", p.PayNo)
}

// parts are the payments that one leads, by number.
func (b *books) parts(lead *paycore.Payment) ([]*paycore.Payment, error) {
	if lead.Parts == 0 {
		return nil, nil
	}
	rows, err := b.t.QueryContext(b.ctx, `SELECT pay_no FROM payment WHERE part_of = $1 AND part_of <> '' ORDER BY length(pay_no), pay_no`, lead.PayNo)
	numbers, err := scanAll(rows, err, func(row scanner) (no string, err error) {
		err = row.Scan(&no)
		return no, err
	}, "read the parts of a payment")
	if err != nil {
		return nil, err
	}
	list := make([]*paycore.Payment, len(numbers))
	for i, no := range numbers {
		if list[i], err = b.payment(no); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// couponOwners are the payments that used coupons.
func (b *books) couponOwners(coupons []string) (map[string]string, error) {
	if len(coupons) == 0 {
		return nil, nil
	}
	owners := make(map[string]string, len(coupons))
	for _, coupon := range coupons {
		var owner string
		if _, err := b.one(`SELECT pay_no FROM payment WHERE account = $1 AND channel_ref = $2 AND channel_ref <> ''`, []any{paycore.OwnAccount, coupon}, &owner); err != nil {
			return nil, wrap(err, "look for the use of a coupon")
		}
		owners[coupon] = owner
	}
	return owners, nil
}

// liveAttempts counts the attempts of the order that may still succeed, but
// for one. A part follows the payment that leads it.
func (b *books) liveAttempts(o *paycore.Order, but string) (n int, err error) {
	_, err = b.one(`SELECT COUNT(*) FROM payment WHERE merchant = $1 AND order_no = $2 AND state = 'PAYING' AND pay_no <> $3 AND part_of = ''`,
		[]any{o.Merchant, o.OrderNo, but}, &n)
	return n, wrap(err, "count the attempts of order %s", o.OrderNo)
}

// refOwner finds another payment or refund of the account that has the channel
// number already.
func (b *books) refOwner(account string, r paycore.Reads) (owner string, err error) {
	switch {
	case r.ChannelRef != "":
		_, err = b.one(`SELECT pay_no FROM payment WHERE account = $1 AND channel_ref = $2 AND channel_ref <> '' AND pay_no <> $3`,
			[]any{account, r.ChannelRef, r.PayNo}, &owner)
	case r.ChannelRefundRef != "":
		_, err = b.one(`SELECT refund_no FROM refund WHERE account = $1 AND channel_refund_ref = $2 AND channel_refund_ref <> '' AND refund_no <> $3`,
			[]any{account, r.ChannelRefundRef, r.RefundNo}, &owner)
	}
	return owner, wrap(err, "look for the owner of a channel number")
}

func nullable(v int64, valid bool) sql.NullInt64 { return sql.NullInt64{Int64: v, Valid: valid} }
