package control

import "tieout/internal/fault"

var toThePayer = fault.Text{EN: "Payments: ask the merchant; give it back with `tieout transfer return`.", ZH: "支付：联系商户核实，用 `tieout transfer return` 退回。"}

var transferChecks = []Check{
	{ID: "transfer.left", Kind: Timeliness, Priority: 2, Do: toThePayer, Often: true,
		Name: fault.Text{EN: "a payer transferred money that no payment uses", ZH: "付款人汇入的资金未核销"},
		Hits: `SELECT r.account || '/' || r.bank_ref, 'left=' || r.left_minor || ' currency=' || r.currency || ' outcome=' || r.outcome || ' number=' || r.number FROM remittance r
			WHERE r.left_minor > 0 AND r.outcome <> '' AND (r.outcome <> 'PARTIAL' OR NOT EXISTS
				(SELECT 1 FROM remittance_expected x JOIN payment p ON p.pay_no = x.pay_no WHERE x.number = r.number AND p.state = 'PAYING'))`},
	{ID: "transfer.unapplied", Kind: Correctness, Priority: 1, Do: toTheDesk, Often: true,
		Name: fault.Text{EN: "a transfer was booked and never applied", ZH: "汇款已入账但未核销处理"},
		Hits: `SELECT r.account || '/' || r.bank_ref, 'amount=' || r.amount_minor FROM remittance r WHERE r.left_minor > 0 AND r.outcome = ''`},
	{ID: "transfer.sum", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transfer is not what was used of it, is left and was paid back", ZH: "汇款金额与已用、剩余、退回之和不符"},
		Hits: `SELECT r.account || '/' || r.bank_ref, 'amount=' || r.amount_minor || ' left=' || r.left_minor FROM remittance r WHERE r.amount_minor <> r.left_minor
			+ COALESCE((SELECT SUM(u.amount_minor) FROM remittance_use u WHERE u.account = r.account AND u.bank_ref = r.bank_ref), 0)
			+ COALESCE((SELECT SUM(b.amount_minor) FROM payback b WHERE b.account = r.account AND b.bank_ref = r.bank_ref AND b.state NOT IN ('FAILED','CLOSED','RETURNED')), 0)`},
	{ID: "transfer.payment", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a payment by transfer succeeded without its money", ZH: "转账支付成功但无对应汇款"},
		Hits: `SELECT p.pay_no, 'amount=' || p.amount_minor FROM remittance_expected x JOIN payment p ON p.pay_no = x.pay_no WHERE p.state = 'SUCCESS'
			AND p.amount_minor <> COALESCE((SELECT SUM(u.amount_minor) FROM remittance_use u WHERE u.pay_no = p.pay_no), 0)`,
		Moved: paymentMoved},
	{ID: "transfer.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transfer came and the journal does not say so", ZH: "汇款到账但无记账凭证"},
		Hits: `SELECT r.account || '/' || r.bank_ref, 'amount=' || r.amount_minor FROM remittance r WHERE NOT EXISTS (SELECT 1 FROM posting x
			WHERE x.txn = 'remittance:' || r.account || ':' || r.bank_ref || ':1' AND x.account || '' = 'clearing:' || r.channel || ':' || r.account AND x.amount_minor = r.amount_minor)`},
	{ID: "payback.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "money was paid back and the journal does not say so", ZH: "退回已付出但无记账凭证"},
		Hits: `SELECT b.number, 'amount=' || b.amount_minor FROM payback b WHERE b.kind = 'RETURN' AND b.state = 'SUCCESS' AND NOT EXISTS (SELECT 1 FROM journal j JOIN posting x ON x.txn = j.id
			WHERE j.id > 'payback:' || b.number || ':' AND j.id < 'payback:' || b.number || ';' AND x.account || '' = 'clearing:' || b.channel || ':' || b.account AND x.amount_minor = -b.amount_minor)`},
	{ID: "payback.answer", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transfer back counts as paid, or as come back, and the bank said something else", ZH: "退回状态与银行答复不符"},
		Hits: `SELECT b.number, 'state=' || b.state || ' amount=' || b.amount_minor FROM payback b WHERE b.state IN ('SUCCESS','RETURNED') AND b.out_ref <> '' AND (
			EXISTS (SELECT 1 FROM payback_answer a WHERE a.number = b.number AND (a.amount_minor <> b.amount_minor OR a.currency <> b.currency))
			OR NOT EXISTS (SELECT 1 FROM payback_answer a WHERE a.number = b.number AND a.state = 'SUCCESS' AND a.bank_ref = b.out_ref)
			OR (b.state = 'RETURNED') <> EXISTS (SELECT 1 FROM payback_answer a WHERE a.number = b.number AND a.state = 'RETURNED' AND a.of_ref = b.out_ref))`},
	{ID: "payback.returned", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transfer back came back, and the journal does not take it back, or its refund counts as paid", ZH: "退票未冲回记账，或对应退款仍为成功"},
		Hits: `SELECT b.number, 'kind=' || b.kind || ' amount=' || b.amount_minor FROM payback b WHERE b.state = 'RETURNED' AND CASE b.kind WHEN 'REFUND'
			THEN EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = b.number AND r.state = 'SUCCESS')
			ELSE 0 <> COALESCE((SELECT SUM(x.amount_minor) FROM journal j JOIN posting x ON x.txn = j.id
				WHERE j.id > 'payback:' || b.number || ':' AND j.id < 'payback:' || b.number || ';' AND x.account || '' = 'clearing:' || b.channel || ':' || b.account), 0) END`},
	{ID: "payback.approval", Kind: Correctness, Priority: 1, Do: stopPayouts, Often: true,
		Name: fault.Text{EN: "money is on its way back, or gone, without two people", ZH: "退回未经两人审批"},
		Hits: `SELECT b.number, 'state=' || b.state || ' amount=' || b.amount_minor FROM payback b WHERE b.state IN ('PAYING','SUCCESS') AND (b.checker = '' OR b.checker = b.maker)`},
	{ID: "payback.refund", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a transfer back does not agree with its refund", ZH: "转账退款与退款单不符"},
		Hits: `SELECT b.number, 'amount=' || b.amount_minor || ' state=' || b.state FROM payback b WHERE b.kind = 'REFUND' AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = b.number
			AND r.amount_minor = b.amount_minor AND r.currency = b.currency AND r.account = b.account AND (b.state <> 'SUCCESS' OR r.state = 'SUCCESS'))`},
	{ID: "payback.late", Kind: Timeliness, Priority: 3, Do: fault.Text{EN: "Payments: say where it goes, approve it, or ask the bank.", ZH: "支付：补录收款人、完成审批，或向银行查询。"}, Often: true,
		Name: fault.Text{EN: "money waits to be paid back for more than five days", ZH: "退回超过五天未完成"},
		Hits: `SELECT b.number, 'state=' || b.state || ' amount=' || b.amount_minor FROM payback b WHERE (b.state IN ('WAITING','PROPOSED','PAYING') OR b.state = 'RETURNED' AND b.kind = 'REFUND') AND b.updated_us < {now} - 432000000000`},
}
