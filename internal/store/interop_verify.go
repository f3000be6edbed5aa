package store

// interopChecks are the rules of the books that debits through clearing
// organisations add.
var interopChecks = []bookCheck{
	{"interop.refunds", "debits whose refunds do not add up, or exceed them",
		`SELECT (SELECT COUNT(*) FROM interop_debit d WHERE d.refunded_minor > d.amount_minor OR d.refunded_minor <>
				COALESCE((SELECT SUM(r.amount_minor) FROM interop_refund r WHERE r.organisation = d.organisation AND r.debit = d.number AND r.state = 'SUCCESS'), 0))
			+ (SELECT COUNT(*) FROM interop_refund r WHERE r.state = 'SUCCESS' AND NOT EXISTS
				(SELECT 1 FROM interop_debit d WHERE d.organisation = r.organisation AND d.number = r.debit AND d.state = 'SUCCESS' AND d.currency = r.currency))`},
	{"interop.journal", "debits and refunds that are not in the journal with their amount, and journals of none",
		`SELECT (SELECT COUNT(*) FROM interop_debit d WHERE (d.state = 'SUCCESS') <> EXISTS (SELECT 1 FROM posting x WHERE x.txn = 'interop_debit:' || d.organisation || ':' || d.number
				AND x.account = 'interop_clearing:' || d.organisation AND x.currency = d.currency AND x.amount_minor = -d.amount_minor))
			+ (SELECT COUNT(*) FROM interop_refund r WHERE (r.state = 'SUCCESS') <> EXISTS (SELECT 1 FROM posting x WHERE x.txn = 'interop_refund:' || r.organisation || ':' || r.number
				AND x.account = 'interop_clearing:' || r.organisation AND x.currency = r.currency AND x.amount_minor = r.amount_minor))
			+ (SELECT COUNT(*) FROM journal j WHERE (j.id > 'interop_debit:' AND j.id < 'interop_debit;' OR j.id > 'interop_refund:' AND j.id < 'interop_refund;') AND j.id NOT IN
				(SELECT 'interop_debit:' || organisation || ':' || number FROM interop_debit UNION ALL SELECT 'interop_refund:' || organisation || ':' || number FROM interop_refund))`},
}
