package store

import (
	"context"
	"database/sql"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// waitingMost bounds what one remittance looks at: a payer who has more open is
// paid for oldest first.
const waitingMost = 500

func (b *books) virtualAccount(number string) (*paycore.VirtualAccount, error) {
	v := paycore.VirtualAccount{Number: number}
	ok, err := b.one(`SELECT account, merchant, payer, created_us FROM virtual_account WHERE number = $1`, []any{number},
		&v.Account, &v.Merchant, &v.Payer, &v.CreatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read virtual account %s", number)
	}
	return &v, nil
}

const remittanceColumns = `account, bank_ref, channel, number, amount_minor, left_minor, currency, fee_minor, outcome, event_us, version, created_us, updated_us`

func scanRemittance(s scanner) (*paycore.Remittance, error) {
	var r paycore.Remittance
	var fee sql.NullInt64
	err := s.Scan(&r.Account, &r.BankRef, &r.Channel, &r.Number, &r.AmountMinor, &r.LeftMinor, &r.Currency, &fee, &r.Outcome, &r.CameAt,
		&r.Version, &r.CreatedAt, &r.UpdatedAt)
	r.Fee = paycore.Fee{Minor: fee.Int64, Known: fee.Valid}
	return &r, err
}

func (b *books) remittances(where string, args ...any) ([]*paycore.Remittance, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT `+remittanceColumns+` FROM remittance WHERE `+where, args...)
	return scanAll(rows, err, scanRemittance, "remittances")
}

// putRemittance inserts a new remittance, or moves one of exactly the version
// that was read.
func (b *books) putRemittance(r *paycore.Remittance) error {
	var n int64
	var err error
	if r.Version == 0 {
		n, err = b.exec(`INSERT INTO remittance (`+remittanceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12)`,
			r.Account, r.BankRef, r.Channel, r.Number, r.AmountMinor, r.LeftMinor, r.Currency, nullable(r.Fee.Minor, r.Fee.Known), r.Outcome, r.CameAt, r.CreatedAt, r.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE remittance SET left_minor = $1, outcome = $2, updated_us = $3, version = version + 1 WHERE account = $4 AND bank_ref = $5 AND version = $6`,
			r.LeftMinor, r.Outcome, r.UpdatedAt, r.Account, r.BankRef, r.Version)
	}
	return wrote(n, err, "remittance", r.BankRef)
}

// remittanceView reads what a command about remittances wants to see.
func (b *books) remittanceView(r paycore.Reads, v *paycore.View) error {
	var err error
	if r.Payback != "" {
		if v.Payback, err = b.payback(r.Payback); err != nil {
			return err
		}
		if v.Payback != nil && v.Payback.Kind == paycore.ReturnPayback {
			r.Remittance = v.Payback.Remittance
		}
		if v.Payback != nil {
			if v.Answered, err = b.paybackAnswers(v.Payback, r.ChannelRefundRef); err != nil {
				return err
			}
		}
	}
	if r.VirtualNumber != "" {
		if v.Virtual, err = b.virtualAccount(r.VirtualNumber); err != nil {
			return err
		}
	}
	if r.Remittance.BankRef == "" {
		return nil
	}
	list, err := b.remittances(`account = $1 AND bank_ref = $2`, r.Remittance.Account, r.Remittance.BankRef)
	if err != nil || len(list) == 0 {
		return err
	}
	v.Remittance = list[0]
	if !r.Expected {
		return nil
	}
	if v.Waiting, err = b.remittances(`number = $1 AND left_minor > 0 ORDER BY event_us, bank_ref LIMIT $2`, v.Remittance.Number, waitingMost); err != nil {
		return err
	}
	v.Expected, err = b.expected(v.Remittance.Number)
	return err
}

// expected are the payments that wait for money under a number, the oldest
// first, with their orders.
func (b *books) expected(number string) ([]paycore.Expectation, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT x.pay_no, x.expires_us FROM remittance_expected x JOIN payment p ON p.pay_no = x.pay_no
		WHERE x.number = $1 AND p.state = 'PAYING' ORDER BY p.created_us, p.pay_no LIMIT $2`, number, waitingMost)
	type waiting struct {
		payNo   string
		expires int64
	}
	named, err := scanAll(rows, err, func(s scanner) (w waiting, err error) {
		err = s.Scan(&w.payNo, &w.expires)
		return w, err
	}, "payments that wait for a remittance")
	if err != nil {
		return nil, err
	}
	list := make([]paycore.Expectation, len(named))
	for i, w := range named {
		p, err := b.payment(w.payNo)
		if err != nil {
			return nil, err
		}
		o, err := b.order(p.Merchant, p.OrderNo)
		if err != nil {
			return nil, err
		}
		parts, err := b.parts(p)
		if err != nil {
			return nil, err
		}
		list[i] = paycore.Expectation{Payment: p, Order: o, Parts: parts, ExpiresAt: w.expires}
	}
	return list, nil
}

// writeRemittances puts what a change says about remittances.
func (b *books) writeRemittances(ch *paycore.Change) error {
	for i := range ch.Remittances {
		if err := b.putRemittance(&ch.Remittances[i]); err != nil {
			return err
		}
	}
	for _, u := range ch.Uses {
		n, err := b.exec(`INSERT INTO remittance_use (account, bank_ref, pay_no, amount_minor, at_us) VALUES ($1, $2, $3, $4, $5)`,
			u.Account, u.BankRef, u.PayNo, u.AmountMinor, ch.At)
		if err := wrote(n, err, "use of remittance", u.BankRef); err != nil {
			return err
		}
	}
	if ch.Payback != nil {
		if err := b.putPayback(ch.Payback); err != nil {
			return err
		}
	}
	if ch.Answered != nil {
		return b.putPaybackAnswer(ch.Answered)
	}
	return nil
}

// AwaitRemittance gives a payment the virtual account of its payer, which is
// made if there is none. The same payment is given the same one again.
func (db *DB) AwaitRemittance(ctx context.Context, payNo string, a gateway.Awaited) (number string, err error) {
	at := db.now().UnixMicro()
	err = db.tx(ctx, func(t *sql.Tx) error {
		b := newBooks(ctx, t)
		p, err := b.payment(payNo)
		if err != nil {
			return err
		}
		if p == nil {
			return fault.New("E-6494", fault.V{"subject": payNo}, nil)
		}
		payer := a.Payer
		if payer == "" {
			payer = payNo
		}
		v, err := b.allocate(p.Account, p.Merchant, payer, a.Prefix, at)
		if err != nil {
			return err
		}
		_, err = b.exec(`INSERT INTO remittance_expected (pay_no, number, expires_us, first_date, last_date) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (pay_no) DO NOTHING`,
			payNo, v.Number, a.ExpiresAt, a.First.String(), a.Last.String())
		if err != nil {
			return wrap(err, "expect a remittance for %s", payNo)
		}
		_, err = b.one(`SELECT number FROM remittance_expected WHERE pay_no = $1`, []any{payNo}, &number) // what the payer was told first counts
		return wrap(err, "read what payment %s waits for", payNo)
	})
	return number, err
}

// allocate finds or makes the virtual account of a payer.
func (b *books) allocate(account, merchant, payer, prefix string, at int64) (paycore.VirtualAccount, error) {
	v := paycore.VirtualAccount{Account: account, Merchant: merchant, Payer: payer, CreatedAt: at}
	known, err := b.one(`SELECT number, created_us FROM virtual_account WHERE account = $1 AND merchant = $2 AND payer = $3`,
		[]any{account, merchant, payer}, &v.Number, &v.CreatedAt)
	if known || err != nil {
		return v, wrap(err, "read the virtual account of a payer")
	}
	var last int64
	if _, err := b.one(`SELECT COALESCE(MAX(serial), 0) FROM virtual_account WHERE account = $1`, []any{account}, &last); err != nil {
		return v, wrap(err, "read the last virtual account")
	}
	if v.Number, err = paycore.VirtualNumber(prefix, last+1); err != nil {
		return v, err
	}
	n, err := b.exec(`INSERT INTO virtual_account (number, account, serial, merchant, payer, created_us) VALUES ($1, $2, $3, $4, $5, $6)`,
		v.Number, account, last+1, merchant, payer, at)
	return v, wrote(n, err, "virtual account", v.Number)
}

// RemittanceOver tells whether every statement that may show the money of a
// payment was taken in.
func (db *DB) RemittanceOver(ctx context.Context, payNo string) (over bool, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		var first, last, account string
		known, err := b.one(`SELECT x.first_date, x.last_date, p.account FROM remittance_expected x JOIN payment p ON p.pay_no = x.pay_no WHERE x.pay_no = $1`,
			[]any{payNo}, &first, &last, &account)
		if !known || err != nil {
			over = !known // nobody was told where to pay
			return wrap(err, "read what payment %s waits for", payNo)
		}
		from, err := bizday.Parse(first)
		if err != nil {
			return err
		}
		to, err := bizday.Parse(last)
		if err != nil {
			return err
		}
		var taken int
		_, err = b.one(`SELECT COUNT(*) FROM remittance_day WHERE account = $1 AND bill_date >= $2 AND bill_date <= $3`, []any{account, first, last}, &taken)
		over = taken == int(to-from)+1
		return wrap(err, "read the statements of %s", account)
	})
	return over, err
}

// StatementTaken notes that a statement was taken in whole; see paycore.Days.
func (db *DB) StatementTaken(ctx context.Context, account string, date bizday.Date) error {
	at := db.now().UnixMicro()
	return db.tx(ctx, func(t *sql.Tx) error {
		_, err := newBooks(ctx, t).exec(`INSERT INTO remittance_day (account, bill_date, at_us) VALUES ($1, $2, $3) ON CONFLICT (account, bill_date) DO NOTHING`,
			account, date.String(), at)
		return wrap(err, "note the statement of %s %s", account, date)
	})
}

// Remittance returns a remittance as it stands; nil if there is none.
func (db *DB) Remittance(ctx context.Context, k paycore.RemittanceKey) (r *paycore.Remittance, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		list, err := b.remittances(`account = $1 AND bank_ref = $2`, k.Account, k.BankRef)
		if len(list) > 0 {
			r = list[0]
		}
		return err
	})
	return r, err
}

// Remittances lists those with money left, the oldest first; with all, every
// one.
func (db *DB) Remittances(ctx context.Context, all bool, limit int) (list []*paycore.Remittance, err error) {
	where := `left_minor > 0`
	if all {
		where = `1 = 1`
	}
	err = db.snapshot(ctx, func(b *books) error {
		list, err = b.remittances(where+` ORDER BY event_us, account, bank_ref LIMIT $1`, limit)
		return err
	})
	return list, err
}
