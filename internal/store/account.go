package store

import (
	"context"

	"tieout/internal/paycore"
)

// Account returns an account with its balance; nil if there is none.
func (db *DB) Account(ctx context.Context, k paycore.AccountKey) (a *paycore.Account, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		a, err = b.account(k)
		return err
	})
	return a, err
}

// Accounts returns an account in every currency that it has.
func (db *DB) Accounts(ctx context.Context, name string) (list []*paycore.Account, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		rows, err := b.t.QueryContext(ctx, `SELECT currency FROM account WHERE name = $1 ORDER BY currency`, name)
		currencies, err := scanAll(rows, err, func(row scanner) (c string, err error) {
			err = row.Scan(&c)
			return c, err
		}, "currencies of an account")
		for _, c := range currencies {
			a, err := b.account(paycore.AccountKey{Name: name, Currency: c})
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return err
	})
	return list, err
}

func (b *books) account(k paycore.AccountKey) (*paycore.Account, error) {
	a := paycore.Account{AccountKey: k}
	ok, err := b.one(`SELECT entity, pay, withdraw, transfer_in, transfer_out, overdraft, active, frozen, version, created_us, updated_us
		FROM account WHERE name = $1 AND currency = $2`, []any{k.Name, k.Currency},
		&a.Entity, &a.Pay, &a.Withdraw, &a.TransferIn, &a.TransferOut, &a.Overdraft, &a.Active, &a.Frozen, &a.Version, &a.CreatedAt, &a.UpdatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read account %s", k.Name)
	}
	x, err := b.balance(k)
	a.AvailableMinor, a.FrozenMinor = x.available, x.frozen
	return &a, err
}

// putAccount inserts a new account, or moves one of exactly the version that
// was read.
func (b *books) putAccount(a *paycore.Account) error {
	var n int64
	var err error
	if a.Version == 0 {
		n, err = b.exec(`INSERT INTO account (name, currency, entity, pay, withdraw, transfer_in, transfer_out, overdraft, active, frozen,
			version, created_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12)`,
			a.Name, a.Currency, a.Entity, a.Pay, a.Withdraw, a.TransferIn, a.TransferOut, a.Overdraft, a.Active, a.Frozen, a.CreatedAt, a.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE account SET pay = $1, withdraw = $2, transfer_in = $3, transfer_out = $4, overdraft = $5, active = $6, frozen = $7,
			updated_us = $8, version = version + 1 WHERE name = $9 AND currency = $10 AND version = $11`,
			a.Pay, a.Withdraw, a.TransferIn, a.TransferOut, a.Overdraft, a.Active, a.Frozen, a.UpdatedAt, a.Name, a.Currency, a.Version)
	}
	return wrote(n, err, "account", a.Name)
}

// Entity returns a holder of accounts; nil if there is none.
func (db *DB) Entity(ctx context.Context, id string) (e *paycore.Entity, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		e, err = b.entity(id)
		return err
	})
	return e, err
}

func (b *books) entity(id string) (*paycore.Entity, error) {
	e := paycore.Entity{ID: id}
	ok, err := b.one(`SELECT kind, COALESCE(parent, ''), name, created_us FROM entity WHERE id = $1`, []any{id}, &e.Kind, &e.Parent, &e.Name, &e.CreatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read entity %s", id)
	}
	return &e, nil
}

func (b *books) putEntity(e *paycore.Entity) error {
	n, err := b.exec(`INSERT INTO entity (id, kind, parent, name, created_us) VALUES ($1, $2, $3, $4, $5)`, e.ID, e.Kind, orNull(e.Parent), e.Name, e.CreatedAt)
	return wrote(n, err, "entity", e.ID)
}

// accountView reads what a command about accounts wants to see.
func (b *books) accountView(r paycore.Reads, v *paycore.View) (err error) {
	if r.Entity != "" {
		if v.Entity, err = b.entity(r.Entity); err != nil {
			return err
		}
	}
	if r.ParentEntity != "" {
		if v.ParentEntity, err = b.entity(r.ParentEntity); err != nil {
			return err
		}
	}
	if r.Document != "" {
		if v.Document, err = b.document(r.Document); err != nil {
			return err
		}
	}
	if r.AboutDocument != "" {
		if v.AboutDocument, err = b.document(r.AboutDocument); err != nil {
			return err
		}
	}
	if v.Payment != nil && v.Payment.Wallet != "" {
		r.Accounts = append(r.Accounts, paycore.AccountKey{Name: v.Payment.Wallet, Currency: v.Payment.Currency})
	}
	for _, p := range v.Parts {
		r.Accounts = append(r.Accounts, paycore.AccountKey{Name: p.Wallet, Currency: p.Currency})
	}
	if len(r.Accounts) > 0 {
		v.Accounts = make(map[paycore.AccountKey]*paycore.Account, len(r.Accounts))
	}
	for _, k := range r.Accounts {
		if k.Currency == "" && v.Payment != nil {
			k.Currency = v.Payment.Currency
		}
		a, err := b.account(k)
		if err != nil {
			return err
		}
		if a != nil {
			v.Accounts[k] = a
		}
	}
	return nil
}

// writeAccounts puts what a change says about accounts.
func (b *books) writeAccounts(ch *paycore.Change) error {
	if ch.Entity != nil {
		if err := b.putEntity(ch.Entity); err != nil {
			return err
		}
	}
	if ch.Account != nil {
		if err := b.putAccount(ch.Account); err != nil {
			return err
		}
	}
	for i := range ch.Documents {
		if err := b.putDocument(&ch.Documents[i]); err != nil {
			return err
		}
	}
	if p := ch.Deposited; p != nil {
		n, err := b.exec(`UPDATE payment SET settled_in = $1, version = version + 1 WHERE pay_no = $2 AND version = $3 AND settled_in = '' AND state = 'SUCCESS'`,
			p.SettledIn, p.PayNo, p.Version)
		return wrote(n, err, "payment", p.PayNo)
	}
	return nil
}

func (b *books) document(number string) (*paycore.Document, error) {
	d := paycore.Document{Number: number}
	ok, err := b.one(`SELECT kind, account, currency, about, amount_minor, back_minor, payee, bank_ref, state, version, created_us, updated_us
		FROM account_document WHERE number = $1`, []any{number},
		&d.Kind, &d.AccountKey.Name, &d.AccountKey.Currency, &d.About, &d.AmountMinor, &d.BackMinor, &d.Payee, &d.BankRef, &d.State, &d.Version, &d.CreatedAt, &d.UpdatedAt)
	if !ok || err != nil {
		return nil, wrap(err, "read document %s", number)
	}
	return &d, nil
}

// putDocument inserts a new document, or moves one of exactly the version that
// was read.
func (b *books) putDocument(d *paycore.Document) error {
	var n int64
	var err error
	if d.Version == 0 {
		n, err = b.exec(`INSERT INTO account_document (number, kind, account, currency, about, amount_minor, back_minor, payee, bank_ref, state,
			version, created_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12)`,
			d.Number, d.Kind, d.AccountKey.Name, d.AccountKey.Currency, d.About, d.AmountMinor, d.BackMinor, d.Payee, d.BankRef, d.State, d.CreatedAt, d.UpdatedAt)
	} else {
		n, err = b.exec(`UPDATE account_document SET back_minor = $1, bank_ref = $2, state = $3, updated_us = $4, version = version + 1
			WHERE number = $5 AND version = $6`, d.BackMinor, d.BankRef, d.State, d.UpdatedAt, d.Number, d.Version)
	}
	return wrote(n, err, "document", d.Number)
}
