package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"strconv"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// accountChecks are the rules of the books that accounts add. The ledger's sum
// is the truth, and a balance is what it must come to.
var accountChecks = []bookCheck{
	{"ledger.balances", "accounts whose balance is not the sum of their postings",
		`SELECT COUNT(*) FROM (SELECT name, currency FROM (
			SELECT p.account AS name, p.currency, CASE WHEN a.type IN ('ASSET','EXPENSE') THEN SUM(p.amount_minor) ELSE -SUM(p.amount_minor) END AS minor
				FROM posting p JOIN ledger_account a ON a.name = p.account GROUP BY p.account, p.currency, a.type
			UNION ALL SELECT account, currency, -(available_minor + frozen_minor) FROM account_balance
		) x GROUP BY name, currency HAVING SUM(minor) <> 0) y`},
	{"ledger.frozen", "accounts that hold frozen what no freeze, withdrawal or payment set aside",
		`SELECT COUNT(*) FROM (SELECT account, currency FROM (
			SELECT account, currency, SUM(amount_minor - back_minor) AS minor FROM account_document WHERE state = 'PROCESSING' GROUP BY account, currency
			UNION ALL SELECT wallet, currency, SUM(amount_minor) FROM payment WHERE wallet <> '' AND state = 'PAYING' GROUP BY wallet, currency
			UNION ALL SELECT account, currency, -frozen_minor FROM account_balance
		) x GROUP BY account, currency HAVING SUM(minor) <> 0) y`},
	{"ledger.freezes", "freezes that gave back something else than was asked for",
		`SELECT COUNT(*) FROM account_document f WHERE f.kind = 'FREEZE'
			AND f.back_minor <> COALESCE((SELECT SUM(u.amount_minor) FROM account_document u WHERE u.kind = 'UNFREEZE' AND u.about = f.number), 0)`},
	{"ledger.overdrawn", "accounts below zero that may not be",
		`SELECT COUNT(*) FROM account_balance b JOIN account a ON a.name = b.account AND a.currency = b.currency WHERE a.overdraft = 0 AND b.available_minor < 0`},
	{"ledger.deposits", "payments that became a balance without their document, and documents without theirs",
		`SELECT (SELECT COUNT(*) FROM payment p WHERE p.settled_in LIKE 'deposit:%' AND NOT EXISTS
				(SELECT 1 FROM account_document d WHERE d.kind = 'DEPOSIT' AND d.about = p.pay_no AND p.settled_in = 'deposit:' || d.number AND d.amount_minor = p.amount_minor))
			+ (SELECT COUNT(*) FROM account_document d WHERE d.kind = 'DEPOSIT' AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.pay_no = d.about AND p.settled_in = 'deposit:' || d.number))`},
}

// verifySeals names the first balance whose checksum fails. Without a key it
// proves that none is sealed.
func (b *books) verifySeals() (schemas.Proof, error) {
	proof := schemas.Proof{Name: "ledger.seals", Note: "each balance carries its checksum under the key of the configuration"}
	s, err := b.stmt(`SELECT account, currency, available_minor, frozen_minor, version, seal FROM account_balance ORDER BY account, currency`)
	if err != nil {
		return proof, err
	}
	rows, err := s.QueryContext(b.ctx)
	if err != nil {
		return proof, wrap(err, "walk the balances")
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var k paycore.AccountKey
		var x balance
		var seal string
		if err := rows.Scan(&k.Name, &k.Currency, &x.available, &x.frozen, &x.version, &seal); err != nil {
			return proof, err
		}
		if !hmac.Equal([]byte(seal), []byte(b.sealOf(k, x))) {
			proof.Currency, proof.Want, proof.Got = k.Currency, "a valid checksum", k.Name
			return proof, nil
		}
		n++
	}
	proof.OK, proof.Want = true, strconv.Itoa(n)
	proof.Got = proof.Want
	return proof, rows.Err()
}

// verifyChart proves that each account is of the chart, and of its subject's
// type.
func (b *books) verifyChart() (schemas.Proof, error) {
	proof := schemas.Proof{Name: "ledger.chart", Note: "accounts of no subject of the chart, or of another type than it", Want: "0"}
	s, err := b.stmt(`SELECT name, type FROM ledger_account ORDER BY name`)
	if err != nil {
		return proof, err
	}
	rows, err := s.QueryContext(b.ctx)
	if err != nil {
		return proof, wrap(err, "read the accounts")
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var name string
		var has paycore.AccountType
		if err := rows.Scan(&name, &has); err != nil {
			return proof, err
		}
		if subject, known := paycore.SubjectOf(name); !known || subject.Type != has {
			n++
		}
	}
	proof.OK, proof.Got = n == 0, strconv.Itoa(n)
	return proof, rows.Err()
}

// SealBalances gives every balance its checksum under the key, in one
// transaction. It refuses while a balance is not what its postings come to, so
// that nothing wrong is ever sealed.
func (db *DB) SealBalances(ctx context.Context) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		b := db.books(ctx, t)
		for _, c := range accountChecks {
			var n int64
			if _, err := b.one(c.count, nil, &n); err != nil {
				return wrap(err, "check %s", c.name)
			}
			if n != 0 {
				return fault.New("E-5072", fault.V{"proof": c.name, "found": n}, nil)
			}
		}
		list, err := b.allBalances()
		if err != nil {
			return err
		}
		for k, x := range list {
			if _, err := b.exec(`UPDATE account_balance SET seal = $1 WHERE account = $2 AND currency = $3`, b.sealOf(k, x), k.Name, k.Currency); err != nil {
				return wrap(err, "seal %s", k.Name)
			}
		}
		return nil
	})
}

func (b *books) allBalances() (map[paycore.AccountKey]balance, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT account, currency, available_minor, frozen_minor, version FROM account_balance`)
	if err != nil {
		return nil, wrap(err, "read the balances")
	}
	defer rows.Close()
	list := map[paycore.AccountKey]balance{}
	for rows.Next() {
		var k paycore.AccountKey
		var x balance
		if err := rows.Scan(&k.Name, &k.Currency, &x.available, &x.frozen, &x.version); err != nil {
			return nil, err
		}
		list[k] = x
	}
	return list, rows.Err()
}
