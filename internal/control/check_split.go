package control

import "tieout/internal/fault"

// SplitProofs is where the money of each order is that was held back for splits:
// what documents say was paid, what the journal says that receivers have, what
// the journal owes the merchant for it, and what of that is our fee. The text
// after the account keeps the planner on the transactions of the order.
const SplitProofs = `SELECT h.merchant, h.order_no, h.state, p.amount_minor - p.refunded_minor AS paid,
	COALESCE((SELECT -SUM(x.amount_minor) FROM split_order s JOIN posting x ON x.txn > 'split:' || s.number || ':' AND x.txn < 'split:' || s.number || ';'
		WHERE s.merchant = h.merchant AND s.order_no = h.order_no AND x.account LIKE 'wallet:%'), 0)
	- COALESCE((SELECT SUM(x.amount_minor) FROM split_order s JOIN split_return r ON r.split = s.number JOIN posting x ON x.txn = 'split_return:' || r.number || ':1'
		WHERE s.merchant = h.merchant AND s.order_no = h.order_no AND x.account LIKE 'wallet:%'), 0) AS receivers,
	COALESCE((SELECT -SUM(x.amount_minor) FROM posting x WHERE x.txn > 'payment:' || p.pay_no || ':' AND x.txn < 'payment:' || p.pay_no || ';'
		AND x.account || '' = 'payable:' || h.merchant), 0)
	+ COALESCE((SELECT -SUM(x.amount_minor) FROM fix f JOIN posting x ON x.txn = f.txn WHERE f.merchant_ref = p.pay_no AND x.account || '' = 'payable:' || h.merchant), 0)
	+ COALESCE((SELECT -SUM(x.amount_minor) FROM refund r JOIN posting x ON x.txn > 'refund:' || r.refund_no || ':' AND x.txn < 'refund:' || r.refund_no || ';'
		WHERE r.pay_no = p.pay_no AND x.account || '' = 'payable:' || h.merchant), 0)
	+ COALESCE((SELECT -SUM(x.amount_minor) FROM split_order s JOIN posting x ON x.txn > 'split:' || s.number || ':' AND x.txn < 'split:' || s.number || ';'
		WHERE s.merchant = h.merchant AND s.order_no = h.order_no AND x.account || '' = 'payable:' || h.merchant), 0)
	+ COALESCE((SELECT -SUM(x.amount_minor) FROM split_order s JOIN split_return r ON r.split = s.number JOIN posting x ON x.txn = 'split_return:' || r.number || ':1'
		WHERE s.merchant = h.merchant AND s.order_no = h.order_no AND x.account || '' = 'payable:' || h.merchant), 0) AS owed,
	COALESCE((SELECT SUM(e.fee_minor) FROM clearing_entry e WHERE e.pay_no = p.pay_no AND p.settled_in <> ''), 0) AS fee
	FROM split_hold h JOIN customer_order o ON o.merchant = h.merchant AND o.order_no = h.order_no JOIN payment p ON p.pay_no = o.paid_by`

var (
	stopSplits = fault.Text{EN: "Ledger: stop payouts and withdrawals of those concerned, see `tieout split show`, correct it by a case.", ZH: "账务：暂停相关方出款与提现，用 `tieout split show` 查明，按差错流程更正。"}
	askForIt   = fault.Text{EN: "Settlement: tell the merchant, see `tieout split show`.", ZH: "结算：联系商户，用 `tieout split show` 查看。"}
)

var splitChecks = []Check{
	{ID: "split.order", Kind: Correctness, Priority: 1, Do: stopSplits,
		Name: fault.Text{EN: "what was paid for an order is not what merchant, receivers, fee and hold come to", ZH: "订单实付不等于商户、分账方、手续费与待分账之和"},
		Hits: `SELECT x.merchant || '/' || x.order_no, 'paid=' || x.paid || ' receivers=' || x.receivers || ' owed=' || x.owed FROM (` + SplitProofs + `) x
			WHERE (x.paid <> x.owed + x.receivers OR x.receivers < 0 OR x.fee < 0)`},
	{ID: "split.sums", Kind: Consistency, Priority: 1, Do: stopSplits,
		Name: fault.Text{EN: "a split is not the sum of its shares", ZH: "分账单与分账明细合计不符"},
		Hits: `SELECT s.number, 'amount=' || s.amount_minor || ' done=' || s.done_minor || ' shares=' || COALESCE(h.total, 0) || ' success=' || COALESCE(h.done, 0) FROM split_order s
			LEFT JOIN (SELECT split, SUM(amount_minor) AS total, SUM(CASE state WHEN 'SUCCESS' THEN amount_minor ELSE 0 END) AS done FROM split_share GROUP BY split) h ON h.split = s.number
			WHERE (s.amount_minor <> COALESCE(h.total, 0) OR s.done_minor <> COALESCE(h.done, 0))`},
	{ID: "split.returns", Kind: Correctness, Priority: 1, Do: stopSplits,
		Name: fault.Text{EN: "a receiver returned more than he got, or what he returned does not add up", ZH: "分账回退超过所得，或回退合计不符"},
		Hits: `SELECT h.split || '/' || h.receiver, 'amount=' || h.amount_minor || ' returned=' || h.returned_minor FROM split_share h
			WHERE (h.returned_minor > h.amount_minor OR h.returned_minor <> COALESCE((SELECT SUM(r.amount_minor) FROM split_return r
				WHERE r.split = h.split AND r.receiver = h.receiver AND r.state <> 'CLOSED'), 0))`},
	{ID: "split.limit", Kind: Limit, Priority: 1, Do: stopSplits,
		Name: fault.Text{EN: "receivers got more of an order than the contract allows", ZH: "订单分账超过合同比例上限"},
		Hits: `SELECT h.merchant || '/' || h.order_no, 'split=' || s.net || ' order=' || o.amount_minor || ' max_ppm=' || h.max_ppm FROM split_hold h
			JOIN (SELECT merchant, order_no, SUM(done_minor - back_minor) AS net FROM split_order GROUP BY merchant, order_no) s ON s.merchant = h.merchant AND s.order_no = h.order_no
			JOIN customer_order o ON o.merchant = h.merchant AND o.order_no = h.order_no WHERE s.net > o.amount_minor * h.max_ppm / 1000000`},
	{ID: "split.settled", Kind: Consistency, Priority: 1, Do: holdBatch,
		Name: fault.Text{EN: "a payment is settled while its order is held back, or without what receivers got", ZH: "待分账订单已结算，或结算未扣除分账"},
		Hits: `SELECT p.pay_no, 'batch=' || p.settled_in || ' hold=' || h.state FROM payment p JOIN split_hold h ON h.merchant = p.merchant AND h.order_no = p.order_no
			WHERE p.settled_in <> '' AND (h.state = 'HELD' OR p.settled_in NOT LIKE 'deposit:%' AND EXISTS (SELECT 1 FROM split_order s WHERE s.pay_no = p.pay_no AND s.done_minor > 0
				AND NOT EXISTS (SELECT 1 FROM clearing_entry e WHERE e.kind = 'SPLIT' AND e.ref = s.number AND e.batch = s.settled_in AND e.gross_minor = -s.done_minor)))`},
	{ID: "split.debt", Kind: Limit, Priority: 3, Do: askForIt,
		Name: fault.Text{EN: "an order was refunded out of money that receivers have", ZH: "订单退款动用了已分账资金，尚未回退"},
		Hits: `SELECT x.merchant || '/' || x.order_no, 'receivers=' || x.receivers || ' owed=' || x.owed FROM (` + SplitProofs + `) x WHERE x.owed < 0`},
	{ID: "split.late", Kind: Timeliness, Priority: 2, Often: true,
		Do:   fault.Text{EN: "Operations: are splits worked on? They are by `tieout serve`, and by `tieout split work`.", ZH: "运维：检查分账任务是否运行（`tieout serve` 或 `tieout split work`）。"},
		Name: fault.Text{EN: "a split of a paid order was not carried out within a quarter of an hour", ZH: "已支付订单的分账超过十五分钟未执行"},
		Hits: `SELECT s.number, 'pending=' || s.pending FROM split_order s JOIN customer_order o ON o.merchant = s.merchant AND o.order_no = s.order_no
			WHERE s.state = 'PROCESSING' AND o.state <> 'PAYING' AND s.updated_us < {now} - 900000000 AND o.updated_us < {now} - 900000000`},
	{ID: "split.return_waits", Kind: Timeliness, Priority: 3, Do: askForIt, Often: true,
		Name: fault.Text{EN: "a receiver has not had the money to return for a day", ZH: "分账回退因余额不足等待超过一日"},
		Hits: `SELECT r.number, 'split=' || r.split || ' receiver=' || r.receiver || ' amount=' || r.amount_minor FROM split_return r
			WHERE r.state = 'PROCESSING' AND r.created_us < {now} - 86400000000`},
	{ID: "split.hold_ends", Kind: Timeliness, Priority: 4, Do: askForIt, Often: true,
		Name: fault.Text{EN: "an order is held back for splits, and that ends within a week", ZH: "待分账资金将在七日内到期自动解冻"},
		Hits: `SELECT h.merchant || '/' || h.order_no, 'until_us=' || h.until_us FROM split_hold h WHERE h.state = 'HELD' AND h.until_us < {now} + 604800000000`},
}
