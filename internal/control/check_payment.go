package control

import "tieout/internal/fault"

// The journal transactions of the core are named after what they book:
// payment:<number>:<version>. The range of names is one walk of the key.
const (
	paymentJournals = `j.id > 'payment:' || p.pay_no || ':' AND j.id < 'payment:' || p.pay_no || ';'`
	// movedByCore: nobody but the channel itself said that it is paid, or an
	// account of ours paid it.
	movedByCore = `NOT EXISTS (SELECT 1 FROM order_event e WHERE e.ref = p.pay_no AND e.subject = 'PAYMENT' AND e.to_state = 'SUCCESS'
		AND e.from_state <> 'SUCCESS' AND e.cause NOT IN ('answer','notification','core'))`
	paymentMoved = `p.pay_no IN ({moved})`
)

var (
	stopPayouts = fault.Text{EN: "Ledger: stop the merchant's payouts, find what wrote to the tables, correct it by a case.", ZH: "账务：暂停该商户出款，查明写入来源，按差错流程更正。"}
	toTheDesk   = fault.Text{EN: "Payments: look at the number with `tieout explain`, ask the channel.", ZH: "支付：用 `tieout explain` 查看该单号，并向渠道查询。"}
)

var paymentChecks = []Check{
	{ID: "payment.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a payment succeeded and is not in the journal", ZH: "支付成功但无记账凭证"},
		Hits: `SELECT p.pay_no, 'amount=' || p.amount_minor || ' currency=' || p.currency FROM payment p WHERE p.state = 'SUCCESS'
			AND NOT EXISTS (SELECT 1 FROM journal j WHERE ` + paymentJournals + `) AND ` + movedByCore,
		Moved: paymentMoved},
	{ID: "payment.journal_of_fix", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a fix made a payment succeed and booked nothing", ZH: "调账使支付成功但未记账"},
		Hits: `SELECT p.pay_no, 'amount=' || p.amount_minor || ' currency=' || p.currency FROM payment p WHERE p.state = 'SUCCESS'
			AND EXISTS (SELECT 1 FROM order_event e WHERE e.ref = p.pay_no AND e.subject = 'PAYMENT' AND e.to_state = 'SUCCESS'
				AND e.from_state <> 'SUCCESS' AND e.cause IN ('fix','fix_approved'))
			AND p.pay_no NOT IN (SELECT merchant_ref FROM fix WHERE txn IS NOT NULL)`},
	{ID: "payment.amount", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal owes the merchant another amount than was paid", ZH: "凭证应付金额与支付金额不符"},
		Hits: `SELECT p.pay_no, 'amount=' || p.amount_minor || ' currency=' || p.currency FROM payment p
			WHERE EXISTS (SELECT 1 FROM journal j WHERE ` + paymentJournals + ` AND COALESCE((SELECT SUM(x.amount_minor) FROM posting x
				WHERE x.txn = j.id AND x.account || '' = 'payable:' || p.merchant AND x.currency = p.currency), 0) <> -p.amount_minor)`,
		Moved: paymentMoved},
	{ID: "payment.booked_twice", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "one success is in the journal twice", ZH: "同一笔支付成功重复记账"},
		Hits: `SELECT p.pay_no, 'amount=' || p.amount_minor || ' currency=' || p.currency FROM payment p
			WHERE (SELECT COUNT(*) FROM journal j WHERE ` + paymentJournals + `) > (SELECT COUNT(*) FROM order_event e WHERE e.ref = p.pay_no
				AND e.subject = 'PAYMENT' AND e.to_state = 'SUCCESS' AND e.from_state <> 'SUCCESS' AND e.cause IN ('answer','notification','core'))`,
		Moved: paymentMoved},
	{ID: "payment.state", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a payment's state is not the last one in the log", ZH: "支付状态与事件日志最后一条不一致"},
		Hits: `SELECT p.pay_no, 'state=' || p.state FROM payment p WHERE p.state <> COALESCE((SELECT e.to_state FROM order_event e
			WHERE e.ref = p.pay_no AND e.subject = 'PAYMENT' ORDER BY e.seq DESC LIMIT 1), '')`,
		Moved: paymentMoved},
	{ID: "payment.steps", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a payment's steps in the log do not follow each other, or go back without a decision", ZH: "支付事件前后不衔接，或未经审批回退"},
		Hits: `SELECT p.pay_no, 'state=' || p.state FROM payment p WHERE EXISTS (SELECT 1 FROM order_event e WHERE e.ref = p.pay_no AND e.subject = 'PAYMENT'
			AND (e.from_state <> COALESCE((SELECT b.to_state FROM order_event b WHERE b.ref = e.ref AND b.subject = e.subject AND b.seq < e.seq ORDER BY b.seq DESC LIMIT 1), '')
				OR e.from_state = 'SUCCESS' AND e.to_state <> 'SUCCESS' AND e.cause NOT IN ('fix_approved','reverse')))`,
		Moved: paymentMoved},
	{ID: "order.payer", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "an order is paid by a payment that did not succeed, or that is about another amount", ZH: "订单已支付，但其支付单未成功或金额不符"},
		Hits: `SELECT p.pay_no, 'order=' || o.order_no || ' order_amount=' || o.amount_minor || ' payment=' || p.state || ' amount=' || p.amount_minor
			FROM payment p JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no
			WHERE o.paid_by = p.pay_no AND (p.state <> 'SUCCESS' OR p.currency <> o.currency
				OR p.amount_minor + COALESCE((SELECT SUM(x.amount_minor) FROM payment x WHERE x.part_of = p.pay_no AND x.part_of <> '' AND x.state = 'SUCCESS'), 0) <> o.amount_minor)`,
		Moved: paymentMoved},
	{ID: "order.no_payment", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "an order is paid by a payment that it does not have", ZH: "订单已支付，但无对应支付单"},
		Hits: `SELECT o.merchant || '/' || o.order_no, 'paid_by=' || o.paid_by FROM customer_order o WHERE o.state = 'PAID' AND o.amount_minor > 0
			AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.pay_no = o.paid_by AND p.merchant = o.merchant AND p.order_no = o.order_no)`},
	{ID: "order.not_paid", Kind: Consistency, Priority: 1, Do: toTheDesk,
		Name: fault.Text{EN: "a payment succeeded, its money was not given back, and its order is not paid", ZH: "支付成功且未退款，但订单未支付"},
		Hits: `SELECT p.pay_no, 'order=' || o.order_no || ' order_state=' || o.state || ' amount=' || p.amount_minor
			FROM payment p JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no
			WHERE p.state = 'SUCCESS' AND o.state <> 'PAID' AND p.refunded_minor < p.amount_minor AND ` + movedByCore,
		Moved: paymentMoved},
	{ID: "order.paid_twice", Kind: Correctness, Priority: 1, Do: toTheDesk,
		Name: fault.Text{EN: "an order was paid twice; the second payment is neither refunded nor in a case", ZH: "订单重复支付，第二笔既未退款也无差错单"},
		Hits: `SELECT p.pay_no, 'order=' || o.order_no || ' first=' || o.paid_by || ' left=' || (p.amount_minor - p.refunded_minor)
			FROM payment p JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no
			WHERE p.state = 'SUCCESS' AND o.state = 'PAID' AND o.paid_by <> p.pay_no AND o.paid_by <> p.part_of AND p.refunded_minor < p.amount_minor
			AND NOT EXISTS (SELECT 1 FROM recon_case c WHERE c.account = p.account AND c.kind = 'PAYMENT' AND c.key = p.pay_no)
			AND NOT EXISTS (SELECT 1 FROM channel_task t WHERE t.subject = 'EXTRA' AND t.number = p.pay_no AND t.state <> 'DONE')`,
		Moved: paymentMoved},
	{ID: "payment.parts", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a part of a combined payment went another way than what leads it", ZH: "组合支付的分项与主支付结果不一致"},
		Hits: `SELECT p.pay_no, 'lead=' || l.pay_no || ' lead_state=' || l.state || ' state=' || p.state || ' amount=' || p.amount_minor
			FROM payment p JOIN payment l ON l.pay_no = p.part_of JOIN customer_order o ON o.merchant = l.merchant AND o.order_no = l.order_no
			WHERE p.part_of <> '' AND ((p.state = 'SUCCESS') <> (o.paid_by = l.pay_no) OR p.state = 'PAYING' AND l.state <> 'PAYING')`,
		Moved: `(` + paymentMoved + ` OR p.part_of IN ({moved}))`},
	{ID: "payment.sums", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the parts of a combined payment are not the whole, or one is missing", ZH: "组合支付分项之和不等于订单金额，或缺少分项"},
		Hits: `SELECT p.pay_no, 'order=' || o.amount_minor || ' channel=' || p.amount_minor || ' parts=' || p.n || ' of ' || p.parts || ' own=' || p.own
			FROM (SELECT l.pay_no, l.merchant, l.order_no, l.amount_minor, l.parts, (SELECT COUNT(*) FROM payment q WHERE q.part_of = l.pay_no AND q.part_of <> '') AS n,
				(SELECT COALESCE(SUM(q.amount_minor), 0) FROM payment q WHERE q.part_of = l.pay_no AND q.part_of <> '') AS own FROM payment l) p
			JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no
			WHERE (p.parts <> p.n OR p.n > 0 AND p.amount_minor + p.own <> o.amount_minor)`,
		Moved: `(` + paymentMoved + ` OR p.pay_no IN (SELECT part_of FROM payment WHERE pay_no IN ({moved})))`},
	{ID: "payment.reference", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "one number of the channel, or one coupon, stands behind two payments", ZH: "同一渠道流水号或同一张优惠券对应两笔支付"},
		Hits: `SELECT p.pay_no, 'reference=' || p.channel_ref || ' first=' || x.pay_no FROM payment p JOIN payment x ON x.account = p.account AND x.channel_ref = p.channel_ref
			WHERE p.channel_ref <> '' AND x.channel_ref <> '' AND x.pay_no < p.pay_no`,
		Moved: paymentMoved},
	{ID: "payment.fee", Kind: Limit, Priority: 2, Do: fault.Text{EN: "Ledger: compare the rate card with the contract.", ZH: "账务：核对费率表与渠道合同。"},
		Name:  fault.Text{EN: "an accrued fee is negative, or more than the payment", ZH: "预提手续费为负或超过支付金额"},
		Hits:  `SELECT p.pay_no, 'fee=' || p.fee_minor || ' amount=' || p.amount_minor FROM payment p WHERE (p.fee_minor < 0 OR p.fee_minor > p.amount_minor)`,
		Moved: paymentMoved},
	{ID: "notice.missing", Kind: Consistency, Priority: 2, Do: fault.Text{EN: "Payments: tell the merchant by hand; find out what wrote without its notice.", ZH: "支付：人工通知商户，并查明漏发原因。"},
		Name: fault.Text{EN: "a payment succeeded and no notice to the merchant was written", ZH: "支付成功但未生成商户通知"},
		Hits: `SELECT p.pay_no, 'order=' || o.order_no FROM payment p JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no
			WHERE p.state = 'SUCCESS' AND p.part_of = '' AND o.notify_url <> '' AND NOT EXISTS (SELECT 1 FROM outbox x
				WHERE x.id > p.pay_no || ':' AND x.id < p.pay_no || ';' AND x.id LIKE '%:payment.success') AND ` + movedByCore,
		Moved: paymentMoved},
	{ID: "notification.refused", Kind: Consistency, Priority: 1, Often: true,
		Do:   fault.Text{EN: "Security: is the key that signed it in other hands? Payments: ask the channel about the number.", ZH: "安全：核实签名密钥是否外泄。支付：就该单号向渠道查询。"},
		Name: fault.Text{EN: "a well-signed notification says what our books refuse", ZH: "签名有效的通知与我方账面不符，已拒绝"},
		Hits: `SELECT n.account || '/' || n.notify_id, 'reason=' || n.reason FROM notification_in n WHERE n.result = 'REFUSED'`},
}

const refundJournals = `j.id > 'refund:' || r.refund_no || ':' AND j.id < 'refund:' || r.refund_no || ';'`

var refundChecks = []Check{
	{ID: "refund.sum", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the refunds of a payment do not add up to what it says, or exceed it", ZH: "退款合计与支付单记录不符，或超过支付金额"},
		Hits: `SELECT p.pay_no, 'amount=' || p.amount_minor || ' refunded=' || p.refunded_minor FROM payment p WHERE (p.refunded_minor > p.amount_minor
			OR p.refunded_minor <> COALESCE((SELECT SUM(r.amount_minor) FROM refund r WHERE r.pay_no = p.pay_no AND r.state <> 'CLOSED'), 0))`,
		Moved: `(p.pay_no IN ({moved}) OR p.pay_no IN (SELECT pay_no FROM refund WHERE refund_no IN ({moved})))`},
	{ID: "refund.payment", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a refund is alive and its payment did not succeed, or is in another currency", ZH: "退款有效，但原支付未成功或币种不同"},
		Hits: `SELECT r.refund_no, 'payment=' || p.pay_no || ' state=' || p.state FROM refund r JOIN payment p ON p.pay_no = r.pay_no
			WHERE r.state <> 'CLOSED' AND (p.state <> 'SUCCESS' OR p.currency <> r.currency OR p.account <> r.account)`,
		Moved: `r.refund_no IN ({moved})`},
	{ID: "refund.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal of a refund is missing, double, or about another amount", ZH: "退款凭证缺失、重复或金额不符"},
		Hits: `SELECT r.refund_no, 'state=' || r.state || ' amount=' || r.amount_minor FROM refund r JOIN payment p ON p.pay_no = r.pay_no
			WHERE NOT EXISTS (SELECT 1 FROM order_event e WHERE e.ref = r.refund_no AND e.subject = 'REFUND' AND e.cause IN ('fix','fix_approved','reverse'))
			AND COALESCE((SELECT SUM(x.amount_minor) FROM journal j JOIN posting x ON x.txn = j.id
				WHERE ` + refundJournals + ` AND x.account || '' = 'refund_payable:' || p.merchant AND x.currency = r.currency), 0)
				<> CASE WHEN r.state IN ('PROCESSING','FAILED') THEN -r.amount_minor ELSE 0 END`,
		Moved: `r.refund_no IN ({moved})`},
	{ID: "refund.out", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a refund succeeded and the journal did not take its money from the channel, or give it to the account of ours", ZH: "退款成功，但凭证未减少渠道待清算或未退回我方账户"},
		Hits: `SELECT r.refund_no, 'amount=' || r.amount_minor FROM refund r WHERE r.state = 'SUCCESS'
			AND NOT EXISTS (SELECT 1 FROM order_event e WHERE e.ref = r.refund_no AND e.subject = 'REFUND' AND e.cause IN ('fix','fix_approved','reverse'))
			AND NOT EXISTS (SELECT 1 FROM journal j JOIN posting x ON x.txn = j.id JOIN payment p ON p.pay_no = r.pay_no
				WHERE ` + refundJournals + ` AND x.amount_minor = -r.amount_minor
				AND x.account || '' = CASE WHEN p.wallet <> '' THEN p.wallet ELSE 'clearing:' || r.channel || ':' || r.account END)`,
		Moved: `r.refund_no IN ({moved})`},
	{ID: "refund.parts", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the parts of a refund do not add up to what was asked for, or belong to none", ZH: "组合退款分项之和不等于申请金额，或分项无主退款单"},
		Hits: `SELECT r.refund_no, 'asked=' || r.asked_minor || ' amount=' || r.amount_minor || ' part_of=' || r.part_of FROM refund r
			WHERE (r.asked_minor > 0 AND r.asked_minor <> r.amount_minor + COALESCE((SELECT SUM(x.amount_minor) FROM refund x WHERE x.part_of = r.refund_no AND x.part_of <> ''), 0)
				OR r.part_of <> '' AND NOT EXISTS (SELECT 1 FROM refund l WHERE l.refund_no = r.part_of AND l.asked_minor > 0))`,
		Moved: `(r.refund_no IN ({moved}) OR r.refund_no IN (SELECT part_of FROM refund WHERE refund_no IN ({moved})))`},
	{ID: "refund.state", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a refund's state is not the last one in the log", ZH: "退款状态与事件日志最后一条不一致"},
		Hits: `SELECT r.refund_no, 'state=' || r.state FROM refund r WHERE r.state <> COALESCE((SELECT e.to_state FROM order_event e
			WHERE e.ref = r.refund_no AND e.subject = 'REFUND' ORDER BY e.seq DESC LIMIT 1), '')`,
		Moved: `r.refund_no IN ({moved})`},
}
