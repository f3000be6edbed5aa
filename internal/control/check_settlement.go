package control

import "tieout/internal/fault"

var holdBatch = fault.Text{EN: "Settlement: do not approve or pay the batch before it is explained.", ZH: "结算：查明前不得审批或出款该批次。"}

const openCase = `c.state IN ('OPEN','PROPOSED')`

// DisputedOrders are the orders with an open case: one that names a payment or a
// refund of theirs by our number or by the channel's, or whose findings do. What
// was done at the channel's console has no number of ours but there. An order
// may stand there twice: to make it one, the planner would walk all payments.
const DisputedOrders = `SELECT p.merchant, p.order_no FROM recon_case c JOIN payment p ON p.pay_no = c.key WHERE ` + openCase + `
	UNION ALL SELECT p.merchant, p.order_no FROM recon_case c JOIN payment p ON p.account = c.account AND p.channel_ref = c.key AND p.channel_ref <> '' WHERE ` + openCase + `
	UNION ALL SELECT p.merchant, p.order_no FROM recon_case c JOIN refund r ON r.refund_no = c.key JOIN payment p ON p.pay_no = r.pay_no WHERE ` + openCase + `
	UNION ALL SELECT p.merchant, p.order_no FROM recon_case c JOIN refund r ON r.account = c.account AND r.channel_refund_ref = c.key AND r.channel_refund_ref <> ''
		JOIN payment p ON p.pay_no = r.pay_no WHERE ` + openCase + `
	UNION ALL SELECT p.merchant, p.order_no FROM recon_case c JOIN case_finding f ON f.case_id = c.id JOIN payment p ON p.pay_no = f.pay_no WHERE ` + openCase + `
	UNION ALL SELECT p.merchant, p.order_no FROM recon_case c JOIN case_finding f ON f.case_id = c.id JOIN payment p ON p.account = c.account
		AND p.channel_ref = f.channel_ref AND p.channel_ref <> '' WHERE ` + openCase

var settlementChecks = []Check{
	{ID: "settle.payment", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a payment counts as settled and its batch has no entry of it", ZH: "支付已标记结算，但批次无清分明细"},
		Hits: `SELECT p.pay_no, 'batch=' || p.settled_in FROM payment p WHERE p.settled_in <> '' AND p.settled_in NOT LIKE 'deposit:%'
			AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'PAYMENT' AND e.ref = p.pay_no AND e.batch = p.settled_in)`},
	{ID: "settle.refund", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a refund counts as settled and its batch has no entry of it", ZH: "退款已标记结算，但批次无清分明细"},
		Hits: `SELECT r.refund_no, 'batch=' || r.settled_in FROM refund r WHERE r.settled_in <> ''
			AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'REFUND' AND e.ref = r.refund_no AND e.batch = r.settled_in)`},
	{ID: "clearing.payment", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a clearing entry does not agree with its payment", ZH: "清分明细与支付单不符"},
		Hits: `SELECT e.ref, 'batch=' || e.batch || ' gross=' || e.gross_minor FROM clearing_entry e WHERE e.kind = 'PAYMENT' AND NOT EXISTS (SELECT 1 FROM payment p
			WHERE p.pay_no = e.ref AND p.settled_in = e.batch AND p.amount_minor = e.gross_minor AND p.currency = e.currency AND p.merchant = e.merchant AND p.state = 'SUCCESS')`},
	{ID: "clearing.refund", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a clearing entry does not agree with its refund", ZH: "清分明细与退款单不符"},
		Hits: `SELECT e.ref, 'batch=' || e.batch || ' gross=' || e.gross_minor FROM clearing_entry e WHERE e.kind = 'REFUND' AND NOT EXISTS (SELECT 1 FROM refund r
			WHERE r.refund_no = e.ref AND r.settled_in = e.batch AND r.amount_minor = -e.gross_minor AND r.currency = e.currency AND (r.state = 'SUCCESS'
				OR r.state = 'FAILED' AND EXISTS (SELECT 1 FROM settlement_batch b WHERE b.id = e.batch AND b.approved_seq IS NOT NULL)))`},
	{ID: "clearing.fee", Kind: Limit, Priority: 2, Do: holdBatch,
		Name: fault.Text{EN: "a merchant's fee is negative, or more than the payment", ZH: "商户手续费为负或超过支付金额"},
		Hits: `SELECT e.ref, 'fee=' || e.fee_minor || ' gross=' || e.gross_minor FROM clearing_entry e WHERE e.kind = 'PAYMENT' AND (e.fee_minor < 0 OR e.fee_minor > e.gross_minor)`},
	{ID: "batch.sums", Kind: Correctness, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a batch is not the sum of its entries", ZH: "批次合计与明细不符"},
		Hits: `SELECT b.id, 'items=' || b.items || ' net=' || b.net_minor FROM settlement_batch b
			LEFT JOIN (SELECT batch, COUNT(*) AS items, SUM(gross_minor) AS gross, SUM(fee_minor) AS fee, SUM(net_minor) AS net FROM clearing_entry GROUP BY batch) e ON e.batch = b.id
			WHERE b.items <> COALESCE(e.items, 0) OR b.gross_minor <> COALESCE(e.gross, 0) OR b.fee_minor <> COALESCE(e.fee, 0) OR b.net_minor <> COALESCE(e.net, 0)`},
	{ID: "batch.disputed", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a batch on its way to the bank has an order with an open case", ZH: "待出款批次包含未结差错的订单"},
		Hits: `SELECT DISTINCT e.pay_no, 'batch=' || b.id || ' state=' || b.state FROM settlement_batch b JOIN clearing_entry e ON e.batch = b.id
			JOIN (` + DisputedOrders + `) d ON d.merchant = e.merchant AND d.order_no = e.order_no WHERE b.state IN ('CHECKED','APPROVED')`},
	{ID: "batch.late", Kind: Timeliness, Priority: 3, Do: fault.Text{EN: "Settlement: check, approve and pay it, or see why it waits.", ZH: "结算：完成核对、审批与出款，或查明等待原因。"}, Often: true,
		Name: fault.Text{EN: "a batch was due before today and is not paid", ZH: "结算批次逾期未出款"},
		Hits: `SELECT b.id, 'state=' || b.state || ' due_on=' || b.due_on FROM settlement_batch b WHERE b.state <> 'PAID' AND b.pay_minor > 0 AND b.due_on < {today}`},
	{ID: "payout.batch", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a payout has no approved batch of its amount", ZH: "出款无对应的已审批批次或金额不符"},
		Hits: `SELECT o.number, 'batch=' || o.batch || ' amount=' || o.amount_minor FROM payout o WHERE NOT EXISTS (SELECT 1 FROM settlement_batch b WHERE b.id = o.batch
			AND b.approved_seq IS NOT NULL AND b.checker <> '' AND b.pay_minor = o.amount_minor AND b.merchant = o.merchant AND b.currency = o.currency)`},
	{ID: "payout.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a payout was sent, or paid, and the journal does not say so", ZH: "出款已发出或已到账但无凭证"},
		Hits: `SELECT o.number, 'state=' || o.state || ' amount=' || o.amount_minor FROM payout o WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.id = 'payout:' || o.number || ':sent')
			OR o.state = 'PAID' AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.id = 'payout:' || o.number || ':paid')`},
	{ID: "payout.file", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a payout file holds other payments than those it was made of", ZH: "出款文件与其付款明细不符"},
		Hits: `SELECT f.id, 'payouts=' || f.payouts || ' total=' || f.total_minor || ' now=' || COALESCE(x.n, 0) || ' sum=' || COALESCE(x.minor, 0) FROM payout_file f
			LEFT JOIN (SELECT file, COUNT(*) AS n, SUM(amount_minor) AS minor FROM (SELECT file, amount_minor FROM payout
				UNION ALL SELECT w.file, d.amount_minor FROM withdrawal_sent w JOIN account_document d ON d.number = w.number
				UNION ALL SELECT file, amount_minor FROM interop_payment WHERE file IS NOT NULL) y GROUP BY file) x ON x.file = f.id
			WHERE f.payouts <> COALESCE(x.n, 0) OR f.total_minor <> COALESCE(x.minor, 0)`},
	{ID: "journal.payout", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal books a payout that there is not", ZH: "凭证记了不存在的出款"},
		Hits: `SELECT j.id, 'subject=' || j.subject FROM journal j WHERE j.id > 'payout:' AND j.id < 'payout;'
			AND NOT EXISTS (SELECT 1 FROM payout o WHERE o.number = j.subject)`},
	{ID: "payout.cap", Kind: Limit, Priority: 2, Do: holdBatch, Often: true,
		Name: fault.Text{EN: "one merchant was paid more in one day than the cap allows", ZH: "单商户单日出款超过上限"},
		Hits: `SELECT x.ref, 'minor=' || x.minor || ' cap=' || {payout_cap} FROM (SELECT o.merchant || '|' || o.currency || '|' || (o.created_us / 86400000000) AS ref, SUM(o.amount_minor) AS minor
			FROM payout o WHERE o.state IN ('PAYING','UNKNOWN','PAID') GROUP BY o.merchant, o.currency, o.created_us / 86400000000) x WHERE x.minor > {payout_cap}`},
}
