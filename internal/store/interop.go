package store

import (
	"context"
	"errors"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
)

func (b *books) debit(k paycore.InteropKey) (*paycore.Debit, error) {
	d := paycore.Debit{InteropKey: k}
	ok, err := b.one(`SELECT digest, token, wallet, amount_minor, refunded_minor, currency, payee, state, reason, version, created_us, updated_us
		FROM interop_debit WHERE organisation = $1 AND number = $2`, []any{k.Organisation, k.Number},
		&d.Digest, &d.Token, &d.Wallet, &d.AmountMinor, &d.RefundedMinor, &d.Currency, &d.Payee, &d.State, &d.Reason, &d.Version, &d.CreatedAt, &d.UpdatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read debit %s", k.Number)
	}
	return &d, nil
}

// putDebit inserts a new debit, or moves one of exactly the version that was
// read.
func (b *books) putDebit(d *paycore.Debit) error {
	var n int64
	var err error
	if d.Version == 0 {
		n, err = b.exec(`INSERT INTO interop_debit (organisation, number, digest, token, wallet, amount_minor, refunded_minor, currency, payee, state, reason,
			version, created_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13)`,
			d.Organisation, d.Number, d.Digest, d.Token, d.Wallet, d.AmountMinor, d.RefundedMinor, d.Currency, d.Payee, d.State, d.Reason, d.CreatedAt, d.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE interop_debit SET refunded_minor = $1, updated_us = $2, version = version + 1 WHERE organisation = $3 AND number = $4 AND version = $5`,
			d.RefundedMinor, d.UpdatedAt, d.Organisation, d.Number, d.Version)
	}
	return wrote(n, err, "debit", d.Number)
}

func (b *books) debitRefund(k paycore.InteropKey) (*paycore.DebitRefund, error) {
	r := paycore.DebitRefund{InteropKey: k}
	ok, err := b.one(`SELECT debit, digest, amount_minor, currency, state, reason, created_us FROM interop_refund WHERE organisation = $1 AND number = $2`,
		[]any{k.Organisation, k.Number}, &r.Debit, &r.Digest, &r.AmountMinor, &r.Currency, &r.State, &r.Reason, &r.CreatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read the refund %s of a debit", k.Number)
	}
	return &r, nil
}

func (b *books) putDebitRefund(r *paycore.DebitRefund) error {
	n, err := b.exec(`INSERT INTO interop_refund (organisation, number, debit, digest, amount_minor, currency, state, reason, created_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, r.Organisation, r.Number, r.Debit, r.Digest, r.AmountMinor, r.Currency, r.State, r.Reason, r.CreatedAt)
	return wrote(n, err, "refund of a debit", r.Number)
}

const tokenColumns = `number, organisation, wallet, currency, token, state, version, created_us, updated_us`

func scanToken(s scanner) (*paycore.Token, error) {
	var t paycore.Token
	err := s.Scan(&t.Number, &t.Organisation, &t.Wallet, &t.Currency, &t.Token, &t.State, &t.Version, &t.CreatedAt, &t.UpdatedAt)
	return &t, err
}

// token returns the only one that a condition names; nil if there is none.
func (b *books) token(where string, args ...any) (*paycore.Token, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT `+tokenColumns+` FROM interop_token WHERE `+where, args...)
	list, err := scanAll(rows, err, scanToken, "read a token")
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// putToken inserts a new token, or moves one of exactly the version that was
// read.
func (b *books) putToken(t *paycore.Token) error {
	var n int64
	var err error
	if t.Version == 0 {
		n, err = b.exec(`INSERT INTO interop_token (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)`,
			t.Number, t.Organisation, t.Wallet, t.Currency, t.Token, t.State, t.CreatedAt, t.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE interop_token SET token = $1, state = $2, updated_us = $3, version = version + 1 WHERE number = $4 AND version = $5`,
			t.Token, t.State, t.UpdatedAt, t.Number, t.Version)
	}
	return wrote(n, err, "token", t.Number)
}

// interopView reads what a command about debits and tokens wants to see, and
// names the wallet that it leads to.
func (b *books) interopView(r *paycore.Reads, v *paycore.View) (err error) {
	if r.DebitRefund.Number != "" {
		if v.DebitRefund, err = b.debitRefund(r.DebitRefund); err != nil {
			return err
		}
	}
	if r.Debit.Number != "" {
		if v.Debit, err = b.debit(r.Debit); err != nil {
			return err
		}
	}
	if d := v.Debit; d != nil && d.Wallet != "" {
		r.Accounts = append(r.Accounts, paycore.AccountKey{Name: d.Wallet, Currency: d.Currency})
	}
	switch {
	case r.TokenNumber != "":
		v.Token, err = b.token(`number = $1`, r.TokenNumber)
	case r.Token != "":
		if v.Token, err = b.token(`organisation = $1 AND token = $2 AND token <> ''`, r.Debit.Organisation, r.Token); v.Token != nil {
			r.Accounts = append(r.Accounts, v.Token.AccountKey())
		}
	}
	if err == nil && v.Token != nil && r.DebitedFrom != 0 {
		_, err = b.one(`SELECT COALESCE(SUM(amount_minor), 0) FROM interop_debit WHERE wallet = $1 AND currency = $2 AND state = 'SUCCESS' AND created_us >= $3`,
			[]any{v.Token.Wallet, v.Token.Currency, r.DebitedFrom}, &v.Debited)
	}
	if err != nil || v.Token == nil || r.TokenTaken == "" {
		return err
	}
	owner, err := b.token(`organisation = $1 AND token = $2 AND token <> ''`, v.Token.Organisation, r.TokenTaken)
	if owner != nil {
		v.TokenOwner = owner.Number
	}
	return err
}

// writeInterop puts what a change says about debits and tokens.
func (b *books) writeInterop(ch *paycore.Change) error {
	if ch.Debit != nil {
		if err := b.putDebit(ch.Debit); err != nil {
			return err
		}
	}
	if ch.Judged != nil {
		if err := b.putJudged(ch.Debit.InteropKey, ch.Judged); err != nil {
			return err
		}
	}
	if ch.DebitRefund != nil {
		if err := b.putDebitRefund(ch.DebitRefund); err != nil {
			return err
		}
	}
	if ch.Token != nil {
		return b.putToken(ch.Token)
	}
	return nil
}

// AnswerMessage runs the command of a clearing organisation's message (nil: it
// only asks), and keeps what answer makes of it, in one transaction. A message
// that was answered before runs nothing and gives what was kept; another one
// under its id is paycore.ErrKeyTaken.
func (db *DB) AnswerMessage(ctx context.Context, m paycore.Message, c paycore.Command, answer func(paycore.Standing) (string, error)) (said string, err error) {
	err = db.commands(ctx, func(b *books) error {
		crashpoint.Hit("interop.begin")
		var digest string
		known, err := b.one(`SELECT digest, answer FROM interop_message WHERE organisation = $1 AND id = $2`, []any{m.Organisation, m.ID}, &digest, &said)
		switch {
		case err != nil:
			return wrap(err, "look for message %s", m.ID)
		case known && digest != m.Digest:
			return paycore.ErrKeyTaken
		case known:
			return nil
		}
		var s paycore.Standing
		if c != nil {
			if s.Result, err = b.run(c); err != nil {
				return wrap(err, "message %s", m.ID)
			}
			crashpoint.Hit("interop.command")
		}
		var err1, err2 error
		if m.Debit != "" {
			s.Debit, err1 = b.debit(paycore.InteropKey{Organisation: m.Organisation, Number: m.Debit})
		}
		if m.Refund != "" {
			s.Refund, err2 = b.debitRefund(paycore.InteropKey{Organisation: m.Organisation, Number: m.Refund})
		}
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if said, err = answer(s); err != nil {
			return err
		}
		_, err = b.exec(`INSERT INTO interop_message (organisation, id, digest, kind, about, answer, at_us) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			m.Organisation, m.ID, m.Digest, m.Kind, m.Debit+m.Refund, said, m.At)
		crashpoint.Hit("interop.commit")
		return wrap(err, "keep message %s", m.ID)
	})
	crashpoint.Hit("interop.done")
	return said, err
}

// Token returns a token by our number; nil if there is none.
func (db *DB) Token(ctx context.Context, number string) (t *paycore.Token, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		t, err = b.token(`number = $1`, number)
		return err
	})
	return t, err
}

// Tokens lists tokens, the oldest first; of one wallet unless it is "".
func (db *DB) Tokens(ctx context.Context, wallet string, limit int) ([]*paycore.Token, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT `+tokenColumns+` FROM interop_token WHERE $1 = '' OR wallet = $1 ORDER BY created_us, number LIMIT $2`, wallet, limit)
	return scanAll(rows, err, scanToken, "list tokens")
}

// UnansweredTokens lists those that an organisation was asked about, and has not
// answered since a time.
func (db *DB) UnansweredTokens(ctx context.Context, organisation string, before int64, limit int) ([]*paycore.Token, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT `+tokenColumns+` FROM interop_token WHERE state IN ('APPLYING','UNBINDING') AND organisation = $1 AND updated_us <= $2
		ORDER BY updated_us, number LIMIT $3`, organisation, before, limit)
	return scanAll(rows, err, scanToken, "look for tokens without an answer")
}

// Debits lists what wallets paid through clearing organisations, the newest
// first; of one wallet unless it is "".
func (db *DB) Debits(ctx context.Context, wallet string, limit int) ([]*paycore.Debit, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT organisation, number, digest, token, wallet, amount_minor, refunded_minor, currency, payee, state, reason, version,
		created_us, updated_us FROM interop_debit WHERE $1 = '' OR wallet = $1 ORDER BY created_us DESC, organisation, number LIMIT $2`, wallet, limit)
	return scanAll(rows, err, func(s scanner) (*paycore.Debit, error) {
		var d paycore.Debit
		err := s.Scan(&d.Organisation, &d.Number, &d.Digest, &d.Token, &d.Wallet, &d.AmountMinor, &d.RefundedMinor, &d.Currency, &d.Payee, &d.State, &d.Reason,
			&d.Version, &d.CreatedAt, &d.UpdatedAt)
		return &d, err
	}, "list debits")
}
