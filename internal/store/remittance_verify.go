package store

// remittanceChecks are the rules of the books that bank transfers add.
var remittanceChecks = []bookCheck{
	{"transfer.remittances", "remittances that are not what was used of them, is left and was paid back",
		`SELECT COUNT(*) FROM remittance r WHERE r.amount_minor <> r.left_minor
			+ COALESCE((SELECT SUM(u.amount_minor) FROM remittance_use u WHERE u.account = r.account AND u.bank_ref = r.bank_ref), 0)
			+ COALESCE((SELECT SUM(b.amount_minor) FROM payback b WHERE b.account = r.account AND b.bank_ref = r.bank_ref AND b.state NOT IN ('FAILED','CLOSED','RETURNED')), 0)`},
	{"transfer.payments", "payments that succeeded by transfer without its money, and money in payments that did not succeed",
		`SELECT (SELECT COUNT(*) FROM remittance_expected x JOIN payment p ON p.pay_no = x.pay_no WHERE p.state = 'SUCCESS'
				AND p.amount_minor <> COALESCE((SELECT SUM(u.amount_minor) FROM remittance_use u WHERE u.pay_no = p.pay_no), 0))
			+ (SELECT COUNT(*) FROM remittance_use u JOIN payment p ON p.pay_no = u.pay_no WHERE p.state <> 'SUCCESS')`},
	{"transfer.paybacks", "transfers back whose state is not the bank's last word, and refunds that went another way than theirs",
		`SELECT (SELECT COUNT(*) FROM payback_answer a JOIN payback b ON b.number = a.number WHERE a.amount_minor <> b.amount_minor OR a.currency <> b.currency OR a.account <> b.account)
			+ (SELECT COUNT(*) FROM payback b WHERE b.state IN ('SUCCESS','RETURNED') AND b.out_ref <> '' AND
				(SELECT COUNT(*) FROM payback_answer a WHERE a.number = b.number AND (a.state = 'SUCCESS' AND a.bank_ref = b.out_ref OR a.state = 'RETURNED' AND a.of_ref = b.out_ref))
					<> CASE b.state WHEN 'SUCCESS' THEN 1 ELSE 2 END)
			+ (SELECT COUNT(*) FROM payback b JOIN refund r ON r.refund_no = b.number WHERE b.kind = 'REFUND' AND b.state = 'RETURNED' AND r.state = 'SUCCESS')`},
}
