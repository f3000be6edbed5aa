package store

import (
	"context"
	"fmt"
	"strconv"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// journalRow is what a journal transaction says besides its change.
type journalRow struct {
	id       string
	caseID   string
	fixKey   string // "" = posted by the core itself
	reverses string // "" = reverses none
}

// journalID names the transaction after the version that its change makes: one
// state of one row posts once.
func journalID(ch *paycore.Change) string {
	switch {
	case ch.Refund != nil:
		return "refund:" + ch.Refund.RefundNo + ":" + strconv.FormatInt(ch.Refund.Version+1, 10)
	case len(ch.Documents) > 0:
		return "account:" + ch.Subject + ":" + strconv.FormatInt(ch.Documents[len(ch.Documents)-1].Version+1, 10)
	case ch.Payment != nil:
		return "payment:" + ch.Payment.PayNo + ":" + strconv.FormatInt(ch.Payment.Version+1, 10)
	case ch.DebitRefund != nil:
		return "interop_refund:" + ch.DebitRefund.Organisation + ":" + ch.DebitRefund.Number
	case ch.Debit != nil:
		return "interop_debit:" + ch.Debit.Organisation + ":" + ch.Debit.Number
	case ch.Payback != nil:
		return "payback:" + ch.Payback.Number + ":" + strconv.FormatInt(ch.Payback.Version+1, 10)
	case len(ch.Remittances) > 0:
		r := ch.Remittances[0]
		return "remittance:" + r.Account + ":" + r.BankRef + ":" + strconv.FormatInt(r.Version+1, 10)
	}
	return ""
}

// post books the entries of a change: postings first, then the row that seals
// them. No entries, no transaction.
func (b *books) post(ch *paycore.Change, row journalRow) error {
	if len(ch.Entries) > 0 {
		if err := paycore.Balanced(ch.Entries); err != nil {
			return fmt.Errorf("post %s: %w", row.id, err)
		}
	}
	if err := b.moveBalances(ch.Entries, ch.Holds); err != nil {
		return wrap(err, "post %s", row.id)
	}
	if len(ch.Entries) == 0 {
		return nil
	}
	if err := b.addAccounts(ch.Entries); err != nil {
		return err
	}
	for i, e := range ch.Entries {
		if _, err := b.exec(`INSERT INTO posting (txn, leg, account, currency, amount_minor) VALUES ($1, $2, $3, $4, $5)`,
			row.id, i+1, e.Account, e.Currency, e.Minor); err != nil {
			return wrap(err, "post %s", row.id)
		}
	}
	_, err := b.exec(`INSERT INTO journal (id, cause, subject, case_id, fix_key, reverses, legs, at_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		row.id, ch.Cause, ch.Subject, row.caseID, orNull(row.fixKey), orNull(row.reverses), len(ch.Entries), ch.At)
	return wrap(err, "seal %s", row.id)
}

// addAccounts adds the ledger accounts that are used for the first time.
func (b *books) addAccounts(entries []paycore.Entry) error {
	for _, e := range entries {
		if b.known.accounts[e.Account] {
			continue
		}
		subject, known := paycore.SubjectOf(e.Account)
		if !known {
			return fault.New("E-5070", fault.V{"account": e.Account}, nil)
		}
		if _, err := b.exec(`INSERT INTO ledger_account (name, type) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, e.Account, subject.Type); err != nil {
			return wrap(err, "add account %s", e.Account)
		}
		b.known.accounts[e.Account] = true
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// entries reads the postings of a transaction.
func (b *books) entries(txn string) ([]paycore.Entry, error) {
	s, err := b.stmt(`SELECT account, currency, amount_minor FROM posting WHERE txn = $1 ORDER BY leg`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, txn)
	if err != nil {
		return nil, wrap(err, "read %s", txn)
	}
	defer rows.Close()
	var list []paycore.Entry
	for rows.Next() {
		var e paycore.Entry
		if err := rows.Scan(&e.Account, &e.Currency, &e.Minor); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// Balances returns the balance of every account whose name starts with prefix,
// debit positive, sorted by account and currency. All accounts with "".
func (db *DB) Balances(ctx context.Context, prefix string) (list []schemas.Balance, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		list, err = b.balances(prefix)
		return err
	})
	return list, err
}

func (b *books) balances(prefix string) ([]schemas.Balance, error) {
	// The upper bound makes it one range of the index, and needs no LIKE
	// escapes. SUM over integers is exact; beyond 64 bits it is an error.
	s, err := b.stmt(`SELECT account, currency, SUM(amount_minor) FROM posting WHERE account >= $1 AND ($2 = '' OR account < $2)
		GROUP BY account, currency ORDER BY account, currency`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, prefix, after(prefix))
	if err != nil {
		return nil, wrap(err, "read the balances of %s", prefix)
	}
	defer rows.Close()
	var list []schemas.Balance
	for rows.Next() {
		var next schemas.Balance
		if err := rows.Scan(&next.Account, &next.Currency, &next.Minor); err != nil {
			return nil, err
		}
		list = append(list, next)
	}
	return list, rows.Err()
}

// after returns the first text behind all texts with the prefix; "" if none.
func after(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1] + string(rune(prefix[len(prefix)-1])+1)
}

// SuspenseOf returns what an account holds in suspense, per currency and
// signed: + received (暂收), - paid (暂付). Currencies at zero are left out.
func (db *DB) SuspenseOf(ctx context.Context, channel, account string) (map[string]int64, error) {
	held := map[string]int64{}
	err := db.snapshot(ctx, func(b *books) error {
		for _, name := range []string{paycore.SuspenseReceived(channel, account), paycore.SuspensePaid(channel, account)} {
			list, err := b.balances(name)
			if err != nil {
				return err
			}
			for _, x := range list {
				if x.Account != name {
					continue // another account whose name begins alike
				}
				if held[x.Currency], err = money.Sub(held[x.Currency], x.Minor); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for currency, v := range held {
		if v == 0 {
			delete(held, currency)
		}
	}
	return held, err
}

// caseHolds returns what a case holds in suspense received and paid, both >= 0.
func (b *books) caseHolds(caseID, channel, account, currency string) (received, paid int64, err error) {
	if caseID == "" {
		return 0, 0, nil
	}
	const query = `SELECT COALESCE(SUM(p.amount_minor), 0) FROM journal j JOIN posting p ON p.txn = j.id
		WHERE j.case_id = $1 AND j.case_id <> '' AND p.account = $2 AND p.currency = $3`
	if _, err = b.one(query, []any{caseID, paycore.SuspenseReceived(channel, account), currency}, &received); err != nil {
		return 0, 0, wrap(err, "suspense of case %s", caseID)
	}
	_, err = b.one(query, []any{caseID, paycore.SuspensePaid(channel, account), currency}, &paid)
	return -received, paid, wrap(err, "suspense of case %s", caseID)
}
