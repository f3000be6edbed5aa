package control

import "tieout/internal/fault"

var lookAtCase = fault.Text{EN: "Reconciliation: look at the case, and at who could write to the tables.", ZH: "对账：查看差错单，并核查谁能写入数据库。"}

var ledgerChecks = []Check{
	{ID: "journal.payment", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal books a payment that never succeeded", ZH: "凭证记了从未成功的支付"},
		Hits: `SELECT j.id, 'subject=' || j.subject FROM journal j WHERE j.id > 'payment:' AND j.id < 'payment;'
			AND NOT EXISTS (SELECT 1 FROM order_event e WHERE e.ref = j.subject AND e.subject = 'PAYMENT' AND e.to_state = 'SUCCESS')`},
	{ID: "journal.refund", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal books a refund that there is not", ZH: "凭证记了不存在的退款"},
		Hits: `SELECT j.id, 'subject=' || j.subject FROM journal j WHERE j.id > 'refund:' AND j.id < 'refund;'
			AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = j.subject)`},
	{ID: "journal.balance", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transaction's debits and credits differ", ZH: "凭证借贷不平"},
		Hits: `SELECT x.txn, 'sum=' || x.minor FROM (SELECT txn, SUM(amount_minor) AS minor FROM posting GROUP BY txn, currency HAVING SUM(amount_minor) <> 0) x WHERE x.minor <> 0`},
	{ID: "journal.legs", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transaction has other legs than it was sealed with", ZH: "凭证分录数与封存时不同"},
		Hits: `SELECT j.id, 'legs=' || j.legs FROM journal j WHERE j.legs <> (SELECT COUNT(*) FROM posting p WHERE p.txn = j.id)`},
	{ID: "fix.case", Kind: Consistency, Priority: 1, Do: lookAtCase,
		Name: fault.Text{EN: "the books were changed by a fix that no case asked for", ZH: "存在无差错单依据的调账"},
		Hits: `SELECT f.key, 'kind=' || f.kind || ' amount=' || f.amount_minor || ' maker=' || f.maker FROM fix f WHERE f.kind <> 'REVERSE'
			AND NOT EXISTS (SELECT 1 FROM case_fix k WHERE k.key = f.key)`},
	{ID: "fix.approval", Kind: Correctness, Priority: 1, Do: lookAtCase,
		Name: fault.Text{EN: "a person changed the books and nobody approved it", ZH: "人工调账未经复核"},
		Hits: `SELECT f.key, 'kind=' || f.kind || ' maker=' || f.maker FROM fix f WHERE f.kind <> 'REVERSE' AND f.maker <> 'auto' AND f.checker = ''`},
	{ID: "fix.twice", Kind: Correctness, Priority: 1, Do: lookAtCase,
		Name: fault.Text{EN: "two fixes made the same payment or refund succeed", ZH: "同一笔支付或退款被两次调成功"},
		Hits: `SELECT x.ref, 'fixes=' || x.n FROM (SELECT f.account || '|' || f.record_kind || '|' || f.merchant_ref || '|' || f.refund_ref AS ref, COUNT(*) AS n FROM fix f
			WHERE f.kind = 'SET_SUCCESS' AND NOT EXISTS (SELECT 1 FROM fix u WHERE u.reverses = f.key)
			GROUP BY f.account, f.record_kind, f.merchant_ref, f.refund_ref) x WHERE x.n > 1`},
	{ID: "fix.cap", Kind: Limit, Priority: 2, Do: lookAtCase, Often: true,
		Name: fault.Text{EN: "machines fixed more money in one day than the cap allows", ZH: "单日自动调账金额超过上限"},
		Hits: `SELECT x.ref, 'minor=' || x.minor || ' cap=' || {fix_cap} FROM (SELECT f.account || '|' || f.currency || '|' || (f.applied_us / 86400000000) AS ref,
			SUM(f.amount_minor) AS minor FROM fix f WHERE f.kind = 'SET_SUCCESS' AND f.checker = '' GROUP BY f.account, f.currency, f.applied_us / 86400000000) x
			WHERE x.minor > {fix_cap}`},
	{ID: "suspense.case", Kind: Consistency, Priority: 1, Do: lookAtCase,
		Name: fault.Text{EN: "a case holds another amount in suspense than the ledger holds for it", ZH: "差错单挂账金额与总账挂账不符"},
		Hits: `SELECT c.id, 'case=' || c.suspend_minor || ' ledger=' || COALESCE(s.held, 0) FROM recon_case c
			LEFT JOIN (SELECT j.case_id, -SUM(p.amount_minor) AS held FROM journal j JOIN posting p ON p.txn = j.id WHERE j.case_id <> ''
				AND (p.account LIKE 'suspense_received:%' OR p.account LIKE 'suspense_paid:%') GROUP BY j.case_id) s ON s.case_id = c.id
			WHERE COALESCE(s.held, 0) <> CASE WHEN c.state IN ('OPEN','PROPOSED') THEN c.suspend_minor ELSE 0 END
			AND NOT EXISTS (SELECT 1 FROM case_fix k WHERE k.case_id = c.id AND k.state = 'PENDING')`},
	{ID: "suspense.owner", Kind: Consistency, Priority: 1, Do: lookAtCase,
		Name: fault.Text{EN: "money is in suspense for no case", ZH: "挂账无对应差错单"},
		Hits: `SELECT DISTINCT j.id, 'case=' || j.case_id FROM posting p JOIN journal j ON j.id = p.txn
			WHERE (p.account LIKE 'suspense_received:%' OR p.account LIKE 'suspense_paid:%') AND NOT EXISTS (SELECT 1 FROM recon_case c WHERE c.id = j.case_id)`},
}
