package control

import "tieout/internal/fault"

// Spans of time in microseconds, as they stand in the queries: 15 minutes
// 900000000, an hour 3600000000, 48 hours 172800000000, a week 604800000000.
var timeChecks = []Check{
	{ID: "payment.expired", Kind: Timeliness, Priority: 2, Do: toTheDesk, Often: true,
		Name: fault.Text{EN: "a payment expired an hour ago and is not closed", ZH: "支付已过期一小时仍未关闭"},
		Hits: `SELECT t.number, 'task=' || t.state || ' expired_us=' || t.expires_us FROM channel_task t JOIN payment p ON p.pay_no = t.number
			WHERE t.state IN ('INTENT','SENT','CLOSING','DROPPING') AND t.subject = 'PAYMENT' AND t.expires_us > 0 AND t.expires_us < {now} - 3600000000 AND p.state = 'PAYING'`},
	{ID: "task.late", Kind: Timeliness, Priority: 2, Do: fault.Text{EN: "Operations: is the desk running? See `tieout channel tasks`.", ZH: "运维：检查支付任务进程，见 `tieout channel tasks`。"}, Often: true,
		Name: fault.Text{EN: "a channel should have been asked a quarter of an hour ago", ZH: "渠道查询任务超时十五分钟未执行"},
		Hits: `SELECT t.subject || ':' || t.number, 'task=' || t.state || ' due_us=' || t.next_us FROM channel_task t
			WHERE t.state IN ('INTENT','SENT','CLOSING','DROPPING') AND t.next_us < {now} - 900000000`},
	{ID: "task.stuck", Kind: Timeliness, Priority: 2, Do: toTheDesk, Often: true,
		Name: fault.Text{EN: "no channel answers for certain; a person must decide", ZH: "渠道无明确结果，需人工处理"},
		Hits: `SELECT t.subject || ':' || t.number, 'tries=' || t.tries FROM channel_task t WHERE t.state = 'STUCK'
			AND NOT (t.subject = 'REFUND' AND EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = t.number AND r.state = 'FAILED'))`},
	{ID: "payment.waits", Kind: Timeliness, Priority: 3, Do: toTheDesk,
		Name: fault.Text{EN: "a payment has waited for its payer for a week", ZH: "支付单待付超过七天"},
		Hits: `SELECT p.pay_no, 'created_us=' || p.created_us FROM payment p WHERE p.state = 'PAYING' AND p.created_us < {now} - 604800000000`},
	{ID: "order.expired", Kind: Timeliness, Priority: 2, Do: toTheDesk, Often: true,
		Name: fault.Text{EN: "the time to pay an order was over an hour ago and it is not closed", ZH: "订单已过支付时限一小时仍未关闭"},
		Hits: `SELECT o.merchant || '/' || o.order_no, 'expires_us=' || o.expires_us FROM customer_order o
			WHERE o.state = 'PAYING' AND o.expires_us > 0 AND o.expires_us < {now} - 3600000000`},
	{ID: "refund.waits", Kind: Timeliness, Priority: 2, Do: toTheDesk,
		Name: fault.Text{EN: "a refund has been on its way for a week", ZH: "退款处理中超过七天"},
		Hits: `SELECT r.refund_no, 'created_us=' || r.created_us FROM refund r WHERE r.state = 'PROCESSING' AND r.created_us < {now} - 604800000000`},
	{ID: "refund.failed", Kind: Timeliness, Priority: 2,
		Do:   fault.Text{EN: "Payments: `tieout channel tasks` says why, or ask the channel; then `tieout channel retry REFUND` sends it again, under its number.", ZH: "支付：用 `tieout channel tasks` 查看原因或询问渠道，再用 `tieout channel retry REFUND` 以原单号重新发起。"},
		Name: fault.Text{EN: "the channel did not pay a refund, or took it back; the payer is still owed", ZH: "渠道退款失败或被退回，仍欠付款人"},
		Hits: `SELECT r.refund_no, 'payment=' || r.pay_no || ' amount=' || r.amount_minor || ' currency=' || r.currency || ' batch=' || r.settled_in FROM refund r
			WHERE r.state = 'FAILED' AND NOT EXISTS (SELECT 1 FROM payback b WHERE b.number = r.refund_no AND b.kind = 'REFUND' AND b.state IN ('WAITING','PROPOSED','PAYING'))`,
		Moved: `r.refund_no IN ({moved})`},
	{ID: "notice.late", Kind: Timeliness, Priority: 3, Do: fault.Text{EN: "Operations: is the sender running? Tell the merchant.", ZH: "运维：检查通知发送进程，并联系商户。"}, Often: true,
		Name: fault.Text{EN: "a notice is older than 48 hours and neither sent nor given up", ZH: "商户通知超过四十八小时未送达也未放弃"},
		Hits: `SELECT x.id, 'tries=' || x.tries FROM outbox x WHERE x.state = 'PENDING' AND x.created_us < {now} - 172800000000`},
	{ID: "notice.dead", Kind: Timeliness, Priority: 4, Do: fault.Text{EN: "Payments: ask the merchant to mend his receiver, then send it again.", ZH: "支付：请商户修复接收端后重发。"},
		Name: fault.Text{EN: "a notice could not be delivered", ZH: "商户通知投递失败"},
		Hits: `SELECT x.id, 'tries=' || x.tries FROM outbox x WHERE x.state = 'DEAD'`},
	{ID: "request.open", Kind: Timeliness, Priority: 2, Do: toTheDesk, Often: true,
		Name: fault.Text{EN: "a merchant's request has had no answer for an hour", ZH: "商户请求一小时未有结果"},
		Hits: `SELECT q.merchant || '/' || q.key, 'operation=' || q.operation || ' subject=' || q.subject FROM api_request q
			WHERE q.state = 'OPEN' AND q.created_us < {now} - 3600000000`},
	{ID: "suspense.old", Kind: Timeliness, Priority: 3, Do: lookAtCase, Often: true,
		Name: fault.Text{EN: "a case holds money in suspense for too long", ZH: "差错单挂账超期"},
		Hits: `SELECT c.id, 'minor=' || c.suspend_minor || ' currency=' || c.currency || ' since=' || c.first_seen FROM recon_case c WHERE c.state IN ('OPEN','PROPOSED') AND c.suspend_minor <> 0
			AND (SELECT MIN(e.at) FROM case_event e WHERE e.case_id = c.id) < {now} / 1000 - {suspend_days} * 86400000`},
}
