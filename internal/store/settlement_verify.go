package store

// settlementChecks are the rules of the books that settlement adds.
var settlementChecks = []bookCheck{
	{"settlement.items", "settled payments and refunds without their entry, and entries without theirs",
		`SELECT (SELECT COUNT(*) FROM payment p WHERE p.settled_in <> '' AND p.settled_in NOT LIKE 'deposit:%' AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'PAYMENT' AND e.ref = p.pay_no AND e.batch = p.settled_in))
			+ (SELECT COUNT(*) FROM refund r WHERE r.settled_in <> '' AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'REFUND' AND e.ref = r.refund_no AND e.batch = r.settled_in))
			+ (SELECT COUNT(*) FROM clearing_entry e WHERE e.kind = 'PAYMENT' AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.pay_no = e.ref AND p.settled_in = e.batch AND p.amount_minor = e.gross_minor))
			+ (SELECT COUNT(*) FROM clearing_entry e WHERE e.kind = 'REFUND' AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = e.ref AND r.settled_in = e.batch AND r.amount_minor = -e.gross_minor))`},
	{"settlement.sums", "batches whose sums are not those of their entries",
		`SELECT COUNT(*) FROM settlement_batch b LEFT JOIN (SELECT batch, COUNT(*) AS items, SUM(gross_minor) AS gross, SUM(fee_minor) AS fee, SUM(net_minor) AS net
			FROM clearing_entry GROUP BY batch) e ON e.batch = b.id
			WHERE b.items <> COALESCE(e.items, 0) OR b.gross_minor <> COALESCE(e.gross, 0) OR b.fee_minor <> COALESCE(e.fee, 0) OR b.net_minor <> COALESCE(e.net, 0)`},
	{"settlement.debts", "approved batches that do not carry the debt of the one before",
		`SELECT COUNT(*) FROM (SELECT carried_minor, COALESCE(LAG(debt_minor) OVER (PARTITION BY merchant, currency ORDER BY approved_seq), 0) AS before
			FROM settlement_batch WHERE approved_seq IS NOT NULL) x WHERE carried_minor <> before`},
	{"settlement.payouts", "payouts of another amount than their batch, and paid batches without a payout",
		`SELECT (SELECT COUNT(*) FROM payout p JOIN settlement_batch b ON b.id = p.batch WHERE p.amount_minor <> b.pay_minor OR p.merchant <> b.merchant OR p.currency <> b.currency)
			+ (SELECT COUNT(*) FROM settlement_batch b WHERE b.state = 'PAID' AND b.pay_minor > 0 AND NOT EXISTS (SELECT 1 FROM payout p WHERE p.batch = b.id AND p.state = 'PAID'))
			+ (SELECT COUNT(*) FROM settlement_batch b WHERE b.state <> 'PAID' AND EXISTS (SELECT 1 FROM payout p WHERE p.batch = b.id AND p.state = 'PAID'))`},
}
