package store

// remittanceChecks are the rules of the books that bank transfers add.
var remittanceChecks = []bookCheck{
	{"transfer.remittances", "remittances that are not what was used of them, is left and was paid back",
		`SELECT COUNT(*) FROM remittance r WHERE r.amount_minor <> r.left_minor
			+ COALESCE((SELECT SUM(u.amount_minor) FROM remittance_use u WHERE u.account = r.account AND u.bank_ref = r.bank_ref), 0)
			+ COALESCE((SELECT SUM(b.amount_minor) FROM payback b WHERE b.account = r.account AND b.bank_ref = r.bank_ref AND b.state NOT IN ('FAILED','CLOSED')), 0)`},
	{"transfer.payments", "payments that succeeded by transfer without its money, and money in payments that did not succeed",
		`SELECT (SELECT COUNT(*) FROM remittance_expected x JOIN payment p ON p.pay_no = x.pay_no WHERE p.state = 'SUCCESS'
				AND p.amount_minor <> COALESCE((SELECT SUM(u.amount_minor) FROM remittance_use u WHERE u.pay_no = p.pay_no), 0))
			+ (SELECT COUNT(*) FROM remittance_use u JOIN payment p ON p.pay_no = u.pay_no WHERE p.state <> 'SUCCESS')`},
}
