package store

import (
	"context"

	"tieout/internal/control"
	"tieout/internal/settlement"
)

// splitChecks are the rules of the books that splits add. Money is looked up in
// the journal and held against the documents.
var splitChecks = []bookCheck{
	{"split.sums", "splits whose sums are not those of their shares and returns",
		`SELECT (SELECT COUNT(*) FROM split_order s LEFT JOIN (SELECT split, COUNT(*) AS n, SUM(amount_minor) AS total,
				SUM(CASE state WHEN 'SUCCESS' THEN amount_minor ELSE 0 END) AS done, SUM(CASE state WHEN 'CLOSED' THEN amount_minor ELSE 0 END) AS closed,
				SUM(CASE state WHEN 'PENDING' THEN 1 ELSE 0 END) AS pending FROM split_share GROUP BY split) h ON h.split = s.number
			WHERE h.n IS NULL OR s.shares <> h.n OR s.amount_minor <> h.total OR s.done_minor <> h.done OR s.closed_minor <> h.closed OR s.pending <> h.pending
				OR s.back_minor <> COALESCE((SELECT SUM(r.amount_minor) FROM split_return r WHERE r.split = s.number AND r.state = 'SUCCESS'), 0))
			+ (SELECT COUNT(*) FROM split_share h WHERE h.returned_minor > h.amount_minor OR h.returned_minor <> COALESCE((SELECT SUM(r.amount_minor)
				FROM split_return r WHERE r.split = h.split AND r.receiver = h.receiver AND r.state <> 'CLOSED'), 0))`},
	{"split.journal", "splits and returns whose journal moved other money than they say",
		`SELECT (SELECT COUNT(*) FROM split_order s WHERE s.done_minor <> COALESCE((SELECT -SUM(p.amount_minor) FROM journal j JOIN posting p ON p.txn = j.id
				WHERE j.id > 'split:' || s.number || ':' AND j.id < 'split:' || s.number || ';' AND p.account LIKE 'wallet:%'), 0))
			+ (SELECT COUNT(*) FROM split_return r WHERE CASE r.state WHEN 'SUCCESS' THEN r.amount_minor ELSE 0 END <> COALESCE((SELECT SUM(p.amount_minor)
				FROM posting p WHERE p.txn = 'split_return:' || r.number || ':1' AND p.account = 'wallet:' || r.receiver), 0))`},
	{"split.orders", "orders whose payment is not what merchant, receivers, fee and hold come to",
		`SELECT COUNT(*) FROM (` + control.SplitProofs + `) x WHERE x.paid <> x.owed + x.receivers OR x.receivers < 0 OR x.fee < 0`},
	{"split.limit", "orders of which receivers got more than their ceiling",
		`SELECT COUNT(*) FROM split_hold h JOIN (SELECT merchant, order_no, SUM(done_minor - back_minor) AS net FROM split_order GROUP BY merchant, order_no) s
			ON s.merchant = h.merchant AND s.order_no = h.order_no JOIN customer_order o ON o.merchant = h.merchant AND o.order_no = h.order_no
			WHERE s.net > o.amount_minor * h.max_ppm / 1000000`},
	{"split.settled", "settled payments whose splits are not settled with them, or that are held back",
		`SELECT (SELECT COUNT(*) FROM payment p JOIN split_order s ON s.pay_no = p.pay_no AND s.pay_no <> '' WHERE p.settled_in <> '' AND p.settled_in NOT LIKE 'deposit:%'
				AND (s.state <> 'FINISHED' OR s.done_minor > 0 AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'SPLIT' AND e.ref = s.number AND e.batch = s.settled_in AND e.gross_minor = -s.done_minor)))
			+ (SELECT COUNT(*) FROM payment p JOIN split_hold h ON h.merchant = p.merchant AND h.order_no = p.order_no WHERE h.state = 'HELD' AND p.settled_in <> '')
			+ (SELECT COUNT(*) FROM clearing_entry e WHERE e.kind = 'SPLIT' AND NOT EXISTS (SELECT 1 FROM split_order s WHERE s.number = e.ref AND s.settled_in = e.batch AND s.done_minor = -e.gross_minor))
			+ (SELECT COUNT(*) FROM clearing_entry e WHERE e.kind = 'SPLIT_RETURN' AND NOT EXISTS (SELECT 1 FROM split_return r WHERE r.number = e.ref AND r.settled_in = e.batch AND r.amount_minor = e.gross_minor AND r.state = 'SUCCESS'))
			+ (SELECT COUNT(*) FROM split_return r WHERE r.settled_in <> '' AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'SPLIT_RETURN' AND e.ref = r.number AND e.batch = r.settled_in))`},
}

// SplitProof shows where the money of an order is that was held back for splits;
// false: it is not paid, or never was held back.
func (db *DB) SplitProof(ctx context.Context, merchant, orderNo string) (p settlement.SplitProof, known bool, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		var state settlement.SplitState
		var owed int64
		known, err = b.one(`SELECT x.state, x.paid, x.receivers, x.owed, x.fee FROM (`+control.SplitProofs+`) x WHERE x.merchant = $1 AND x.order_no = $2`,
			[]any{merchant, orderNo}, &state, &p.PaidMinor, &p.ReceiversMinor, &owed, &p.FeeMinor)
		if state == settlement.SplitHeld {
			p.HeldMinor = max(owed, 0)
		}
		p.MerchantMinor = owed - p.FeeMinor - p.HeldMinor // all three come from different rows than what was paid
		return wrap(err, "proof of order %s", orderNo)
	})
	return p, known, err
}
