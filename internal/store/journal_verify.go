package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// bookCheck counts rows that break a rule; 0 in right books.
type bookCheck struct {
	name  string
	note  string
	count string
}

// The rules of the books, each a query that counts what breaks it.
var bookChecks = []bookCheck{
	{"ledger.transactions", "transactions whose debits and credits differ in a currency",
		`SELECT COUNT(*) FROM (SELECT txn FROM posting GROUP BY txn, currency HAVING SUM(amount_minor) <> 0) x`},
	{"ledger.legs", "transactions with other legs than they were sealed with, or never sealed",
		`SELECT (SELECT COUNT(*) FROM journal j WHERE j.legs <> (SELECT COUNT(*) FROM posting p WHERE p.txn = j.id))
			+ (SELECT COUNT(*) FROM (SELECT DISTINCT txn FROM posting) p WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.id = p.txn))`},
	{"ledger.fixes", "fixes without their transaction, and transactions of a fix without its key",
		`SELECT (SELECT COUNT(*) FROM fix f WHERE f.txn IS NOT NULL AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.id = f.txn AND j.fix_key = f.key))
			+ (SELECT COUNT(*) FROM journal j WHERE j.fix_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM fix f WHERE f.key = j.fix_key AND f.txn = j.id))`},
	{"ledger.reversals", "reversals that are not the exact opposite of what they undo",
		`SELECT COUNT(*) FROM journal j JOIN posting p ON p.txn = j.id WHERE j.reverses IS NOT NULL AND NOT EXISTS
			(SELECT 1 FROM posting o WHERE o.txn = j.reverses AND o.leg = p.leg AND o.account = p.account AND o.currency = p.currency AND o.amount_minor = -p.amount_minor)`},
	{"core.refunds", "payments whose refunds do not add up, or exceed them",
		`SELECT COUNT(*) FROM payment p WHERE p.refunded_minor <> COALESCE((SELECT SUM(r.amount_minor) FROM refund r WHERE r.pay_no = p.pay_no AND r.state <> 'CLOSED'), 0)
			OR p.refunded_minor > p.amount_minor`},
	{"ledger.subledgers", "accounts of merchants, fees and payouts that differ from the documents they stand for",
		`SELECT COUNT(*) FROM (SELECT account, currency FROM (
			SELECT 'payable:' || merchant AS account, currency, -SUM(amount_minor) AS minor FROM payment WHERE state = 'SUCCESS' GROUP BY merchant, currency
			UNION ALL SELECT 'payable:' || p.merchant, r.currency, SUM(r.amount_minor) FROM refund r JOIN payment p ON p.pay_no = r.pay_no WHERE r.state <> 'CLOSED' GROUP BY p.merchant, r.currency
			UNION ALL SELECT 'refund_payable:' || p.merchant, r.currency, -SUM(r.amount_minor) FROM refund r JOIN payment p ON p.pay_no = r.pay_no WHERE r.state IN ('PROCESSING','FAILED') GROUP BY p.merchant, r.currency
			UNION ALL SELECT 'fee_expense:' || channel, currency, SUM(COALESCE(fee_minor, 0)) FROM payment WHERE state = 'SUCCESS' GROUP BY channel, currency
			UNION ALL SELECT 'fee_expense:' || channel, currency, SUM(COALESCE(fee_minor, 0)) FROM refund WHERE state = 'SUCCESS' GROUP BY channel, currency
			UNION ALL SELECT 'payable:' || merchant, currency, SUM(fee_minor) FROM settlement_batch WHERE approved_seq IS NOT NULL GROUP BY merchant, currency
			UNION ALL SELECT 'merchant_fee_income:' || e.channel, e.currency, -SUM(e.fee_minor) FROM clearing_entry e JOIN settlement_batch b ON b.id = e.batch WHERE b.approved_seq IS NOT NULL GROUP BY e.channel, e.currency
			UNION ALL SELECT 'payable:' || merchant, currency, SUM(amount_minor) FROM payout WHERE state IN ('PAYING','UNKNOWN','PAID') GROUP BY merchant, currency
			UNION ALL SELECT 'payout_clearing:' || bank, currency, -SUM(amount_minor) FROM payout WHERE state IN ('PAYING','UNKNOWN') GROUP BY bank, currency
			UNION ALL SELECT 'bank:' || bank, currency, -SUM(amount_minor) FROM payout WHERE state = 'PAID' GROUP BY bank, currency
			UNION ALL SELECT 'payable:' || p.merchant, d.currency, SUM(d.amount_minor) FROM account_document d JOIN payment p ON p.pay_no = d.about WHERE d.kind = 'DEPOSIT' GROUP BY p.merchant, d.currency
			UNION ALL SELECT 'bank:' || about, currency, -SUM(amount_minor) FROM account_document WHERE kind = 'WITHDRAWAL' AND state = 'SUCCESS' GROUP BY about, currency
			UNION ALL SELECT account, currency, -SUM(CASE kind WHEN 'DEPOSIT' THEN amount_minor ELSE -amount_minor END) FROM account_document
				WHERE kind IN ('DEPOSIT','TRANSFER') OR kind = 'WITHDRAWAL' AND state = 'SUCCESS' GROUP BY account, currency
			UNION ALL SELECT about, currency, -SUM(amount_minor) FROM account_document WHERE kind = 'TRANSFER' GROUP BY about, currency
			UNION ALL SELECT 'payable:' || merchant, currency, SUM(done_minor - back_minor) FROM split_order GROUP BY merchant, currency
			UNION ALL SELECT 'wallet:' || h.receiver, s.currency, -SUM(h.amount_minor) FROM split_share h JOIN split_order s ON s.number = h.split WHERE h.state = 'SUCCESS' GROUP BY h.receiver, s.currency
			UNION ALL SELECT 'wallet:' || r.receiver, s.currency, SUM(r.amount_minor) FROM split_return r JOIN split_order s ON s.number = r.split WHERE r.state = 'SUCCESS' GROUP BY r.receiver, s.currency
			UNION ALL SELECT wallet, currency, SUM(amount_minor) FROM payment WHERE wallet <> '' AND state = 'SUCCESS' GROUP BY wallet, currency
			UNION ALL SELECT p.wallet, r.currency, -SUM(r.amount_minor) FROM refund r JOIN payment p ON p.pay_no = r.pay_no WHERE p.wallet <> '' AND r.state <> 'CLOSED' GROUP BY p.wallet, r.currency
			UNION ALL SELECT 'fee_expense:' || channel, currency, SUM(COALESCE(fee_minor, 0)) FROM remittance GROUP BY channel, currency
			UNION ALL SELECT 'remittance_received:' || channel || ':' || account, currency, -SUM(left_minor) FROM remittance GROUP BY channel, account, currency
			UNION ALL SELECT wallet, currency, SUM(amount_minor - refunded_minor) FROM interop_debit WHERE state = 'SUCCESS' GROUP BY wallet, currency
			UNION ALL SELECT 'interop_clearing:' || organisation, currency, -SUM(amount_minor) FROM interop_debit WHERE state = 'SUCCESS' GROUP BY organisation, currency
			UNION ALL SELECT 'interop_clearing:' || organisation, currency, SUM(amount_minor) FROM interop_refund WHERE state = 'SUCCESS' GROUP BY organisation, currency
			UNION ALL SELECT 'interop_clearing:' || organisation, currency, SUM(amount_minor) FROM interop_payment WHERE state IN ('PAYING','UNKNOWN','PAID') GROUP BY organisation, currency
			UNION ALL SELECT 'payout_clearing:' || bank, currency, -SUM(amount_minor) FROM interop_payment WHERE state IN ('PAYING','UNKNOWN') GROUP BY bank, currency
			UNION ALL SELECT 'bank:' || bank, currency, -SUM(amount_minor) FROM interop_payment WHERE state = 'PAID' GROUP BY bank, currency
			UNION ALL SELECT 'remittance_received:' || channel || ':' || account, currency, -SUM(amount_minor) FROM payback WHERE kind = 'RETURN' AND state IN ('PROPOSED','PAYING') GROUP BY channel, account, currency
			UNION ALL SELECT account, currency, -SUM(amount_minor) FROM posting WHERE account LIKE 'payable:%' OR account LIKE 'wallet:%' OR account LIKE 'refund_payable:%' OR account LIKE 'fee_expense:%'
				OR account LIKE 'merchant_fee_income:%' OR account LIKE 'payout_clearing:%' OR account LIKE 'bank:%' OR account LIKE 'remittance_received:%' OR account LIKE 'interop_clearing:%' GROUP BY account, currency
		) x GROUP BY account, currency HAVING SUM(minor) <> 0) y`},
	{"core.orders", "paid orders whose paying payment is not SUCCESS",
		`SELECT COUNT(*) FROM customer_order o WHERE o.state = 'PAID' AND o.amount_minor > 0 AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.pay_no = o.paid_by AND p.state = 'SUCCESS')`},
	{"core.combined", "combined payments and refunds whose parts do not add up, or went another way than what leads them",
		`SELECT (SELECT COUNT(*) FROM payment p JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no WHERE p.part_of = '' AND (p.parts > 0 OR p.wallet <> '') AND (
				p.parts <> (SELECT COUNT(*) FROM payment x WHERE x.part_of = p.pay_no)
				OR p.amount_minor + COALESCE((SELECT SUM(x.amount_minor) FROM payment x WHERE x.part_of = p.pay_no), 0) <> o.amount_minor
				OR EXISTS (SELECT 1 FROM payment x WHERE x.part_of = p.pay_no AND (x.merchant <> p.merchant OR x.order_no <> p.order_no OR x.currency <> p.currency OR x.wallet = ''
					OR (x.state = 'SUCCESS') <> (o.paid_by = p.pay_no) OR x.state = 'PAYING' AND p.state <> 'PAYING'))))
			+ (SELECT COUNT(*) FROM refund r WHERE r.asked_minor > 0 AND r.asked_minor <> r.amount_minor + COALESCE((SELECT SUM(x.amount_minor) FROM refund x WHERE x.part_of = r.refund_no), 0))
			+ (SELECT COUNT(*) FROM refund x WHERE x.part_of <> '' AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = x.part_of AND r.asked_minor > 0))`},
	{"core.log", "payments and refunds whose state is not the last one in the log",
		`SELECT (SELECT COUNT(*) FROM payment p WHERE p.state <> COALESCE((SELECT e.to_state FROM order_event e WHERE e.ref = p.pay_no AND e.subject = 'PAYMENT' ORDER BY e.seq DESC LIMIT 1), ''))
			+ (SELECT COUNT(*) FROM refund r WHERE r.state <> COALESCE((SELECT e.to_state FROM order_event e WHERE e.ref = r.refund_no AND e.subject = 'REFUND' ORDER BY e.seq DESC LIMIT 1), ''))`},
}

// VerifyBooks proves the books of the payment core, all in one snapshot:
// debits = credits per transaction and in total, the money of every payment and
// refund in the accounts, fixes and their transactions one to one, refunds
// within payments, and the log of state moves unbroken.
func (db *DB) VerifyBooks(ctx context.Context) ([]schemas.Proof, error) {
	var proofs []schemas.Proof
	err := db.snapshot(ctx, func(b *books) error {
		for _, c := range slices.Concat(bookChecks, settlementChecks, splitChecks, accountChecks, remittanceChecks, interopChecks) {
			var n int64
			if _, err := b.one(c.count, nil, &n); err != nil {
				return wrap(err, "check %s", c.name)
			}
			proofs = append(proofs, schemas.Proof{Name: c.name, OK: n == 0, Want: "0", Got: strconv.FormatInt(n, 10), Note: c.note})
		}
		trial, err := b.trialBalance()
		if err != nil {
			return err
		}
		seals, err := b.verifySeals()
		if err != nil {
			return err
		}
		chart, err := b.verifyChart()
		if err != nil {
			return err
		}
		chain, err := b.verifyLog()
		proofs = append(append(proofs, trial...), chart, seals, chain)
		return err
	})
	return proofs, err
}

// trialBalance proves debits = credits in total, per currency.
func (b *books) trialBalance() ([]schemas.Proof, error) {
	s, err := b.stmt(`SELECT currency, SUM(CASE WHEN amount_minor > 0 THEN amount_minor ELSE 0 END),
		SUM(CASE WHEN amount_minor < 0 THEN -amount_minor ELSE 0 END) FROM posting GROUP BY currency ORDER BY currency`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx)
	if err != nil {
		return nil, wrap(err, "trial balance")
	}
	defer rows.Close()
	var proofs []schemas.Proof
	for rows.Next() {
		p := schemas.Proof{Name: "ledger.trial_balance", Note: "debits and credits in minor units"}
		var debit, credit int64
		if err := rows.Scan(&p.Currency, &debit, &credit); err != nil {
			return nil, err
		}
		p.OK, p.Want, p.Got = debit == credit, strconv.FormatInt(debit, 10), strconv.FormatInt(credit, 10)
		proofs = append(proofs, p)
	}
	return proofs, rows.Err()
}

// verifyLog walks the hash chain and names the first line that breaks it.
func (b *books) verifyLog() (schemas.Proof, error) {
	proof := schemas.Proof{Name: "core.chain", Note: "the log of state moves is a hash chain"}
	s, err := b.stmt(`SELECT seq, at_us, subject, ref, from_state, to_state, cause, detail, hash FROM order_event ORDER BY seq`)
	if err != nil {
		return proof, err
	}
	rows, err := s.QueryContext(b.ctx)
	if err != nil {
		return proof, wrap(err, "walk the log")
	}
	defer rows.Close()
	var last logTail
	for rows.Next() {
		var seq, at int64
		var m paycore.Move
		var hash string
		if err := rows.Scan(&seq, &at, &m.Subject, &m.Ref, &m.From, &m.To, &m.Cause, &m.Detail, &hash); err != nil {
			return proof, err
		}
		if want := eventHash(last.hash, last.seq+1, at, m); seq != last.seq+1 || hash != want {
			proof.Want, proof.Got = fmt.Sprintf("line %d: %s", last.seq+1, want), fmt.Sprintf("line %d: %s", seq, hash)
			return proof, nil
		}
		last = logTail{seq, hash}
	}
	proof.OK = true
	proof.Want = fmt.Sprintf("%d lines", last.seq)
	proof.Got = proof.Want
	return proof, rows.Err()
}
