package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/paycore"
)

// balance is what an account holds, positive on its normal side.
type balance struct {
	available, frozen int64
	version           int64 // 0: no posting yet
	written           int64 // the version that is in the database
}

// SealWith makes the balances of accounts carry a checksum under a key. A
// balance whose checksum fails stops its account.
func (db *DB) SealWith(key []byte) { db.seal = key }

// sealOf is the checksum of a balance; "" without a key.
func (b *books) sealOf(k paycore.AccountKey, x balance) string {
	if len(b.seal) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, b.seal)
	fmt.Fprintf(mac, "%q %q %d %d %d", k.Name, k.Currency, x.available, x.frozen, x.version)
	return hex.EncodeToString(mac.Sum(nil))
}

// balance reads a balance and proves its seal. Books that were sealed are not
// worked on without the key: what is written would carry no seal.
func (b *books) balance(k paycore.AccountKey) (balance, error) {
	if x, seen := b.known.balances[k]; seen {
		return x, nil
	}
	var x balance
	var seal string
	found, err := b.one(`SELECT available_minor, frozen_minor, version, seal FROM account_balance WHERE account = $1 AND currency = $2`,
		[]any{k.Name, k.Currency}, &x.available, &x.frozen, &x.version, &seal)
	switch {
	case err != nil:
		return x, wrap(err, "read the balance of %s", k.Name)
	case !found:
		var posted bool
		if posted, err = b.one(`SELECT 1 FROM posting WHERE account = $1 AND currency = $2 LIMIT 1`, []any{k.Name, k.Currency}, new(int)); err != nil {
			return x, wrap(err, "look for postings of %s", k.Name)
		}
		if posted {
			return x, fault.New("E-5071", fault.V{"account": k.Name, "currency": k.Currency}, nil)
		}
	case seal != "" && len(b.seal) == 0:
		return x, fault.New("E-7871", fault.V{"account": k.Name}, nil)
	case !hmac.Equal([]byte(seal), []byte(b.sealOf(k, x))):
		return x, fault.New("E-5071", fault.V{"account": k.Name, "currency": k.Currency}, nil)
	}
	x.written = x.version
	b.known.balances[k] = x
	return x, nil
}

// moveBalances carries postings and holds over to the balances of their
// accounts. It comes before the postings are written.
func (b *books) moveBalances(entries []paycore.Entry, holds []paycore.Hold) error {
	for _, k := range touched(entries, holds) {
		x, err := b.balance(k)
		if err != nil {
			return err
		}
		subject, known := paycore.SubjectOf(k.Name)
		if !known {
			return fault.New("E-5070", fault.V{"account": k.Name}, nil)
		}
		var out, held money.Sum
		for _, e := range entries {
			if e.Account == k.Name && e.Currency == k.Currency {
				out.Add(e.Minor * subject.Type.Normal())
			}
		}
		for _, h := range holds {
			if h.AccountKey == k {
				out.Add(-h.Minor)
				held.Add(h.Minor)
			}
		}
		if x.available, err = plus(x.available, out); err == nil {
			x.frozen, err = plus(x.frozen, held)
		}
		if err != nil {
			return wrap(err, "balance of %s", k.Name)
		}
		if err := b.keepBalance(k, x); err != nil {
			return err
		}
	}
	return nil
}

func plus(minor int64, change money.Sum) (int64, error) {
	delta, err := change.Int64()
	if err != nil {
		return 0, err
	}
	return money.Add(minor, delta)
}

// touched lists the accounts once each, in one order for all transactions.
func touched(entries []paycore.Entry, holds []paycore.Hold) []paycore.AccountKey {
	list := make([]paycore.AccountKey, 0, len(entries)+len(holds))
	for _, e := range entries {
		list = append(list, paycore.AccountKey{Name: e.Account, Currency: e.Currency})
	}
	for _, h := range holds {
		list = append(list, h.AccountKey)
	}
	slices.SortFunc(list, compareKeys)
	return slices.Compact(list)
}

// keepBalance makes x the next version of a balance. One below zero is written
// at once, after the one before: the database has a say in it.
func (b *books) keepBalance(k paycore.AccountKey, x balance) error {
	before := b.known.balances[k]
	x.version++
	b.known.moves++
	if b.behind && x.available >= 0 && x.frozen >= 0 {
		b.known.balances[k] = x
		return nil
	}
	if before.written != before.version {
		if err := b.putBalance(k, before); err != nil {
			return err
		}
		x.written = before.version
	}
	return b.putBalance(k, x)
}

// putBalance writes the balance over the version that the database has, with
// the end of the log, so that the controls see that it moved.
func (b *books) putBalance(k paycore.AccountKey, x balance) error {
	tail, err := b.tail()
	if err != nil {
		return err
	}
	n, err := b.exec(`INSERT INTO account_balance (account, currency, available_minor, frozen_minor, version, seal, log_seq) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (account, currency) DO UPDATE SET available_minor = excluded.available_minor, frozen_minor = excluded.frozen_minor,
		version = excluded.version, seal = excluded.seal, log_seq = excluded.log_seq WHERE account_balance.version = $8`,
		k.Name, k.Currency, x.available, x.frozen, x.version, b.sealOf(k, x), tail.seq, x.written)
	if err := wrote(n, err, "balance of", k.Name); err != nil {
		return err
	}
	x.written = x.version
	b.known.balances[k] = x
	return nil
}
