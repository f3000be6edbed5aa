package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
)

const paybackColumns = `number, kind, account, bank_ref, channel, amount_minor, currency, payee_name, payee_account, payee_bank, state, maker, checker, file, out_ref,
	version, created_us, done_us, updated_us`

func scanPayback(s scanner) (*paycore.Payback, error) {
	var p paycore.Payback
	var done sql.NullInt64
	err := s.Scan(&p.Number, &p.Kind, &p.Remittance.Account, &p.Remittance.BankRef, &p.Channel, &p.AmountMinor, &p.Currency, &p.Payee.Name, &p.Payee.Account,
		&p.Payee.Bank, &p.State, &p.Maker, &p.Checker, &p.File, &p.BankRef, &p.Version, &p.CreatedAt, &done, &p.UpdatedAt)
	p.DoneAt = done.Int64
	return &p, err
}

// Payback returns a payback as it stands; nil if there is none.
func (db *DB) Payback(ctx context.Context, number string) (p *paycore.Payback, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		p, err = b.payback(number)
		return err
	})
	return p, err
}

func (b *books) payback(number string) (*paycore.Payback, error) {
	list, err := b.paybacks(`number = $1`, number)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

func (b *books) paybacks(where string, args ...any) ([]*paycore.Payback, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT `+paybackColumns+` FROM payback WHERE `+where, args...)
	return scanAll(rows, err, scanPayback, "paybacks")
}

// Paybacks lists those in a state, the oldest first; "" is every state.
func (db *DB) Paybacks(ctx context.Context, account string, state paycore.State, limit int) (list []*paycore.Payback, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		list, err = b.paybacks(`($1 = '' OR account = $1) AND ($2 = '' OR state = $2) ORDER BY created_us, number LIMIT $3`, account, state, limit)
		return err
	})
	return list, err
}

// putPayback inserts a new payback, or moves one of exactly the version that
// was read.
func (b *books) putPayback(p *paycore.Payback) error {
	done := nullable(p.DoneAt, p.State == paycore.Success || p.State == paycore.Returned)
	event := p.CreatedAt
	if done.Valid {
		event = p.DoneAt
	}
	var n int64
	var err error
	if p.Version == 0 {
		n, err = b.exec(`INSERT INTO payback (`+paybackColumns+`, event_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1, $16, $17, $18, $19)`,
			p.Number, p.Kind, p.Remittance.Account, p.Remittance.BankRef, p.Channel, p.AmountMinor, p.Currency, p.Payee.Name, p.Payee.Account, p.Payee.Bank,
			p.State, p.Maker, p.Checker, p.File, p.BankRef, p.CreatedAt, done, p.UpdatedAt, event)
	} else {
		n, err = b.exec(`UPDATE payback SET payee_name = $1, payee_account = $2, payee_bank = $3, state = $4, maker = $5, checker = $6, file = $7, out_ref = $8, done_us = $9,
			event_us = $10, updated_us = $11, version = version + 1 WHERE number = $12 AND version = $13`,
			p.Payee.Name, p.Payee.Account, p.Payee.Bank, p.State, p.Maker, p.Checker, p.File, p.BankRef, done, event, p.UpdatedAt, p.Number, p.Version)
	}
	return wrote(n, err, "payback", p.Number)
}

// paybackAnswers reads what the bank said about a payback, and what it said
// under one of its numbers.
func (b *books) paybackAnswers(p *paycore.Payback, bankRef string) ([]paycore.PaybackAnswer, error) {
	s, err := b.stmt(`SELECT account, bank_ref, number, state, of_ref, amount_minor, currency, act, event_us, at_us FROM payback_answer
		WHERE number = $1 OR account = $2 AND bank_ref = $3 ORDER BY at_us, bank_ref`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, p.Number, p.Remittance.Account, bankRef)
	return scanAll(rows, err, func(s scanner) (a paycore.PaybackAnswer, err error) {
		var act sql.NullInt64
		err = s.Scan(&a.Account, &a.BankRef, &a.Number, &a.State, &a.Of, &a.AmountMinor, &a.Currency, &act, &a.EventAt, &a.At)
		a.Act = act.Int64
		return a, err
	}, "answers to a payback")
}

func (b *books) putPaybackAnswer(a *paycore.PaybackAnswer) error {
	n, err := b.exec(`INSERT INTO payback_answer (account, bank_ref, number, state, of_ref, amount_minor, currency, act, event_us, at_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, a.Account, a.BankRef, a.Number, a.State, a.Of, a.AmountMinor, a.Currency, nullable(a.Act, a.Act != 0), a.EventAt, a.At)
	return wrote(n, err, "answer to payback", a.Number)
}

// PaybackCameBack takes what two people have seen, each by the same call. False:
// a second person is needed still.
func (db *DB) PaybackCameBack(ctx context.Context, number, bankRef, who, reason string) (done bool, err error) {
	err = db.settle(ctx, who, func(s *settler) error {
		p, err := s.payback(number)
		if err != nil {
			return err
		}
		if p == nil {
			return fault.New("E-6494", fault.V{"subject": fault.Quote(number)}, nil)
		}
		c := paycore.PaybackCameBack{Number: number, Account: p.Remittance.Account, AmountMinor: p.AmountMinor, Currency: p.Currency, BankRef: bankRef, CameAt: s.now, At: s.now}
		v, err := s.view(c.Reads())
		if err != nil {
			return err
		}
		if ch, result := c.Decide(v); ch == nil {
			return fault.New("E-6450", fault.V{"number": number, "reason": cmp.Or(result.Reason, "payback "+number+" is "+string(result.State))}, nil)
		}
		seen := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %q", number, paycore.Returned, p.Version, bankRef))
		if c.Act, _, err = s.twoPeople(actResult, "payback:"+number, hex.EncodeToString(seen[:]), reason); err != nil || c.Act == 0 {
			return err
		}
		done = true
		_, err = s.run(c)
		return err
	})
	return done, wrap(err, "payback %s", number)
}

// paybackFileMost bounds what one file for the bank holds.
const paybackFileMost = 10_000

// FilePaybacks puts the approved paybacks of an account and currency that stand
// in no file yet into a new one, and returns it; with an id, the ones of that
// file again. "" is returned if there is nothing to send.
func (db *DB) FilePaybacks(ctx context.Context, account, currency string, date bizday.Date, id string) (file string, list []*paycore.Payback, err error) {
	at := db.now().UnixMicro()
	err = db.tx(ctx, func(t *sql.Tx) error {
		b := newBooks(ctx, t)
		if file = id; id != "" {
			list, err = b.paybacks(`account = $1 AND currency = $2 AND file = $3 ORDER BY number`, account, currency, id)
			return err
		}
		if list, err = b.paybacks(`account = $1 AND currency = $2 AND file = '' AND state = 'PAYING' ORDER BY number LIMIT $3`, account, currency, paybackFileMost); err != nil || len(list) == 0 {
			return err
		}
		prefix := "B" + date.Compact() + "-" + account + "-" + currency + "-"
		var files int
		if _, err := b.one(`SELECT COUNT(DISTINCT file) FROM payback WHERE file LIKE $1`, []any{prefix + "%"}, &files); err != nil {
			return wrap(err, "count the files of %s", account)
		}
		file = prefix + strconv.Itoa(files+1)
		for _, p := range list {
			p.File, p.UpdatedAt = file, at
			if err := b.putPayback(p); err != nil {
				return err
			}
		}
		return nil
	})
	return file, list, err
}
