package drill

import "tieout/internal/fault"

// Kind is one way to lose money, as data.
type Kind struct {
	ID    string
	Name  fault.Text
	Plant []string   // SQL, carried out together; none: the fault is what is not in the books
	Found string     // the check, or the proof of tieout verify, that must find it, if not first
	Blind fault.Text // why nothing that looks only at our own books can find it
}

// steps are statements that are carried out together.
func steps(statements ...string) []string { return statements }

// Kinds returns all kinds.
func Kinds() []Kind {
	var all []Kind
	for _, area := range [][]Kind{paymentKinds, refundKinds, combinedKinds, ledgerKinds, accountKinds, settlementKinds, splitKinds, riskKinds, transferKinds, interopKinds, blindKinds} {
		all = append(all, area...)
	}
	return all
}

var paymentKinds = []Kind{
	{"amount-up", fault.Text{EN: "a payment's amount is raised", ZH: "调高支付金额"}, steps(`UPDATE payment SET amount_minor = amount_minor + 1 WHERE pay_no = 'P6'`), "payment.amount", fault.Text{}},
	{"amount-down", fault.Text{EN: "a payment's amount is lowered", ZH: "调低支付金额"}, steps(`UPDATE payment SET amount_minor = amount_minor - 1 WHERE pay_no = 'P6'`), "payment.amount", fault.Text{}},
	{"amount-old", fault.Text{EN: "the amount of a payment that was looked at before is raised", ZH: "篡改已核对过的支付金额"}, steps(`UPDATE payment SET amount_minor = amount_minor + 1 WHERE pay_no = 'A1'`), "payment.amount", fault.Text{}},
	{"order-amount", fault.Text{EN: "an order's amount is changed after it was paid", ZH: "支付后篡改订单金额"}, steps(`UPDATE customer_order SET amount_minor = amount_minor - 1 WHERE order_no = 'O-P6'`), "order.payer", fault.Text{}},
	{"order-paid", fault.Text{EN: "an order is marked paid by a payment that waits", ZH: "未付款订单被置为已支付"}, steps(`UPDATE customer_order SET state = 'PAID', paid_by = 'P5' WHERE order_no = 'O-P5'`), "order.payer", fault.Text{}},
	{"order-paid-by-none", fault.Text{EN: "an order is marked paid by a payment that there is not", ZH: "订单被不存在的支付单置为已支付"}, steps(`UPDATE customer_order SET state = 'PAID', paid_by = 'P99' WHERE order_no = 'O-P5'`), "order.no_payment", fault.Text{}},
	{"order-paid-by-other", fault.Text{EN: "an order is marked paid by the payment of another order", ZH: "订单被其他订单的支付单置为已支付"}, steps(`UPDATE customer_order SET state = 'PAID', paid_by = 'P6' WHERE order_no = 'O-P5'`), "order.no_payment", fault.Text{}},
	{"order-back", fault.Text{EN: "a paid order is moved back to closed", ZH: "已支付订单被改为关闭"}, steps(`UPDATE customer_order SET state = 'CLOSED', paid_by = '' WHERE order_no = 'O-P6'`), "order.not_paid", fault.Text{}},
	{"paid-twice", fault.Text{EN: "two payments succeeded on one order", ZH: "同一订单两笔支付成功"}, steps(`UPDATE payment SET order_no = 'O-P2' WHERE pay_no = 'P6'`), "order.paid_twice", fault.Text{}},
	{"success-unbooked", fault.Text{EN: "a payment is marked successful past the program", ZH: "绕过程序置支付成功"}, steps(`UPDATE payment SET state = 'SUCCESS', paid_us = 1, channel_ref = 'x' WHERE pay_no = 'P5'`), "payment.state", fault.Text{}},
	{"journal-missing", fault.Text{EN: "a payment's journal is deleted", ZH: "删除支付凭证"}, steps(`DELETE FROM posting WHERE txn = 'payment:P6:2'`, `DELETE FROM journal WHERE id = 'payment:P6:2'`), "payment.journal", fault.Text{}},
	{"journal-twice", fault.Text{EN: "a payment is booked twice", ZH: "支付重复记账"}, steps(
		`INSERT INTO posting SELECT 'payment:P6:9', leg, account, currency, amount_minor FROM posting WHERE txn = 'payment:P6:2'`,
		`INSERT INTO journal SELECT 'payment:P6:9', cause, subject, '', NULL, NULL, legs, at_us FROM journal WHERE id = 'payment:P6:2'`), "payment.booked_twice", fault.Text{}},
	{"state-back", fault.Text{EN: "a successful payment is moved back to waiting", ZH: "支付状态由成功回退为待付"}, steps(`UPDATE payment SET state = 'PAYING', paid_us = NULL, refunded_minor = 0 WHERE pay_no = 'Q1'`), "payment.state", fault.Text{}},
	{"steps-back", fault.Text{EN: "the log takes a success back without a decision", ZH: "日志中无审批的状态回退"}, steps(
		`INSERT INTO order_event SELECT MAX(seq) + 1, 1, 'PAYMENT', 'P6', 'SUCCESS', 'PAYING', 'core', '', 'x' FROM order_event`), "payment.steps", fault.Text{}},
	{"fee-negative", fault.Text{EN: "an accrued fee is negative", ZH: "预提手续费为负"}, steps(`UPDATE payment SET fee_minor = -fee_minor WHERE pay_no = 'P6'`), "payment.fee", fault.Text{}},
	{"fee-above", fault.Text{EN: "an accrued fee is more than the payment", ZH: "预提手续费超过支付金额"}, steps(`UPDATE payment SET fee_minor = amount_minor + 1 WHERE pay_no = 'P6'`), "payment.fee", fault.Text{}},
	{"fee-changed", fault.Text{EN: "an accrued fee is changed and not booked", ZH: "预提手续费被改但未记账"}, steps(`UPDATE payment SET fee_minor = fee_minor + 1 WHERE pay_no = 'P6'`), "verify:ledger.subledgers", fault.Text{}},
	{"merchant-changed", fault.Text{EN: "a payment is given to another merchant", ZH: "支付单被改到其他商户"}, steps(`UPDATE payment SET merchant = 'M02', order_no = 'O-Q1' WHERE pay_no = 'P6'`), "payment.amount", fault.Text{}},
	{"notice-missing", fault.Text{EN: "the notice of a payment is deleted", ZH: "删除支付通知"}, steps(`DELETE FROM outbox WHERE id LIKE 'P6:%'`), "notice.missing", fault.Text{}},
	{"notice-dead", fault.Text{EN: "a notice is given up without a try", ZH: "通知未尝试即放弃"}, steps(`UPDATE outbox SET state = 'DEAD' WHERE id LIKE 'P6:%'`), "notice.dead", fault.Text{}},
	{"notification-foreign", fault.Text{EN: "a well-signed notification pays a payment of another account", ZH: "签名有效的通知冒充其他账户的支付成功"}, steps(
		`INSERT INTO notification_in VALUES ('wechat-second', 'n-1', 'd', 'wechat', x'00', 'REFUSED', 'payment P5 is of account wechat-main', 1, 1)`), "notification.refused", fault.Text{}},
	{"log-edited", fault.Text{EN: "a line of the log is edited", ZH: "篡改事件日志"}, steps(`UPDATE order_event SET detail = 'edited' WHERE seq = 2`), "verify:core.chain", fault.Text{}},
	{"log-cut", fault.Text{EN: "lines of the log are deleted", ZH: "删除事件日志"}, steps(`DELETE FROM order_event WHERE ref = 'P6' AND to_state = 'SUCCESS'`), "payment.state", fault.Text{}},
}

var refundKinds = []Kind{
	{"refund-above", fault.Text{EN: "a refund above its payment is written by SQL", ZH: "直接写入超额退款"}, steps(
		`INSERT INTO refund (refund_no, pay_no, channel, account, amount_minor, currency, state, version, created_us, event_us, updated_us)
			SELECT 'R9', pay_no, channel, account, amount_minor + 1, currency, 'PROCESSING', 1, 1, 1, 1 FROM payment WHERE pay_no = 'P6'`), "refund.sum", fault.Text{}},
	{"refund-raised", fault.Text{EN: "the amount of a refund is raised", ZH: "调高退款金额"}, steps(`UPDATE refund SET amount_minor = amount_minor + 1 WHERE refund_no = 'R6'`), "refund.journal", fault.Text{}},
	{"refund-forgotten", fault.Text{EN: "a payment forgets its refunds, so that more can be refunded", ZH: "支付单清空已退金额"}, steps(`UPDATE payment SET refunded_minor = 0 WHERE pay_no = 'P6'`), "refund.sum", fault.Text{}},
	{"refund-of-unpaid", fault.Text{EN: "a refund is written for a payment that waits", ZH: "未支付订单被退款"}, steps(
		`INSERT INTO refund (refund_no, pay_no, channel, account, amount_minor, currency, state, version, created_us, event_us, updated_us)
			SELECT 'R9', pay_no, channel, account, 1, currency, 'PROCESSING', 1, 1, 1, 1 FROM payment WHERE pay_no = 'P5'`), "refund.sum", fault.Text{}},
	{"refund-closed", fault.Text{EN: "a refund on its way is closed, its money not given back", ZH: "处理中退款被关闭且未冲回"}, steps(`UPDATE refund SET state = 'CLOSED' WHERE refund_no = 'R6'`), "refund.state", fault.Text{}},
	{"refund-refused", fault.Text{EN: "a channel refuses a refund and nobody looks", ZH: "渠道拒绝退款无人处理"}, steps(
		`UPDATE refund SET state = 'FAILED' WHERE refund_no = 'R6'`,
		`INSERT INTO order_event SELECT MAX(seq) + 1, 1, 'REFUND', 'R6', 'PROCESSING', 'FAILED', 'answer', '', 'x' FROM order_event`), "refund.failed", fault.Text{}},
	{"refund-unbooked", fault.Text{EN: "the journal of a refund is deleted", ZH: "删除退款凭证"}, steps(`DELETE FROM posting WHERE txn = 'refund:R1:2'`, `DELETE FROM journal WHERE id = 'refund:R1:2'`), "refund.out", fault.Text{}},
	{"refund-invented", fault.Text{EN: "the journal books a refund that there is not", ZH: "凭空记退款凭证"}, steps(
		`INSERT INTO posting SELECT 'refund:R9:1', leg, account, currency, amount_minor FROM posting WHERE txn = 'refund:R6:1'`,
		`INSERT INTO journal SELECT 'refund:R9:1', cause, 'R9', '', NULL, NULL, legs, at_us FROM journal WHERE id = 'refund:R6:1'`), "journal.refund", fault.Text{}},
}

var ledgerKinds = []Kind{
	{"posting-edited", fault.Text{EN: "one leg of a transaction is edited", ZH: "篡改单条分录"}, steps(`UPDATE posting SET amount_minor = amount_minor + 1 WHERE txn = 'payment:A1:2' AND leg = 1`), "journal.balance", fault.Text{}},
	{"posting-deleted", fault.Text{EN: "one leg of a transaction is deleted", ZH: "删除单条分录"}, steps(`DELETE FROM posting WHERE txn = 'payment:A1:2' AND leg = 3`), "journal.legs", fault.Text{}},
	{"journal-invented", fault.Text{EN: "the journal books a payment that never succeeded", ZH: "凭空记支付凭证"}, steps(
		`INSERT INTO posting SELECT 'payment:P5:2', leg, account, currency, amount_minor FROM posting WHERE txn = 'payment:P6:2'`,
		`INSERT INTO journal SELECT 'payment:P5:2', cause, 'P5', '', NULL, NULL, legs, at_us FROM journal WHERE id = 'payment:P6:2'`), "payment.booked_twice", fault.Text{}},
	{"money-moved", fault.Text{EN: "a balanced transaction moves one merchant's money to another, balances and all", ZH: "平衡凭证连同余额转移商户资金"}, steps(
		`UPDATE account_balance SET available_minor = available_minor - 500 WHERE account = 'payable:M01'`,
		`UPDATE account_balance SET available_minor = available_minor + 500 WHERE account = 'payable:M02'`,
		`INSERT INTO posting VALUES ('adjust:1', 1, 'payable:M01', 'CNY', 500), ('adjust:1', 2, 'payable:M02', 'CNY', -500)`,
		`INSERT INTO journal VALUES ('adjust:1', 'core', 'adjust', '', NULL, NULL, 2, 1)`), "verify:ledger.subledgers", fault.Text{}},
	{"balance-edited", fault.Text{EN: "a balance is raised", ZH: "调高账户余额"}, steps(`UPDATE account_balance SET available_minor = available_minor + 100 WHERE account = 'payable:M02'`), "account.balance", fault.Text{}},
	{"fix-without-case", fault.Text{EN: "a fix is written that no case asked for", ZH: "无差错单的调账"}, steps(aFix("K1", "auto", "")), "fix.case", fault.Text{}},
	{"fix-unapproved", fault.Text{EN: "a person's fix is written without a second person", ZH: "未经复核的人工调账"}, steps(aFix("K1", "chen", "")), "fix.approval", fault.Text{}},
	{"fix-twice", fault.Text{EN: "the same payment is fixed twice under two keys", ZH: "同一支付被两个调账键重复调账"}, steps(aFix("K1", "auto", ""), aFix("K2", "auto", "")), "fix.twice", fault.Text{}},
	{"suspense-without-case", fault.Text{EN: "money goes into suspense for no case", ZH: "无差错单的挂账"}, steps(
		`INSERT INTO ledger_account VALUES ('suspense_received:wechat:wechat-main', 'LIABILITY')`,
		`INSERT INTO posting VALUES ('adjust:1', 1, 'clearing:wechat:wechat-main', 'CNY', 500), ('adjust:1', 2, 'suspense_received:wechat:wechat-main', 'CNY', -500)`,
		`INSERT INTO journal VALUES ('adjust:1', 'fix', 'C-1', 'C-1', NULL, NULL, 2, 1)`), "suspense.owner", fault.Text{}},
}

func aFix(key, maker, checker string) string {
	return `INSERT INTO fix (key, kind, run_id, case_id, cell, channel, account, bill_date, record_kind, merchant_ref, refund_ref, channel_ref, amount_minor, fee_minor,
		currency, maker, checker, state_before, applied_us) VALUES ('` + key + `', 'SET_SUCCESS', 'run', 'C-1', '', 'wechat', 'wechat-main', '2026-11-20', 'PAYMENT', 'P5', '', '', 1, 0,
		'CNY', '` + maker + `', '` + checker + `', 'PAYING', 1)`
}

var settlementKinds = []Kind{
	{"settled-unproven", fault.Text{EN: "a payment counts as settled and no batch has it", ZH: "支付被标记已结算但无批次"}, steps(`UPDATE payment SET settled_in = 'S1' WHERE pay_no = 'P5'`), "settle.payment", fault.Text{}},
	{"settled-again", fault.Text{EN: "a settled payment counts as unsettled, to be settled again", ZH: "已结算支付被改为未结算"}, steps(`UPDATE payment SET settled_in = '' WHERE pay_no = 'P1'`), "clearing.payment", fault.Text{}},
	{"settled-twice", fault.Text{EN: "one payment is in two batches", ZH: "同一支付进入两个批次"}, steps(
		`INSERT INTO clearing_entry SELECT kind, ref || ' ', '` + approvedBatch + `', merchant, order_no, pay_no, channel, account, product, currency, gross_minor, fee_minor,
			channel_fee_minor, net_minor, fee_returns, terms, at_us, cleared_us FROM clearing_entry WHERE ref = 'P1'`), "clearing.payment", fault.Text{}},
	{"entry-raised", fault.Text{EN: "a clearing entry is raised", ZH: "调高清分金额"}, steps(`UPDATE clearing_entry SET gross_minor = gross_minor + 100, net_minor = net_minor + 100 WHERE ref = 'Q1'`), "clearing.payment", fault.Text{}},
	{"entry-fee", fault.Text{EN: "a merchant's fee is negative", ZH: "商户手续费为负"}, steps(`UPDATE clearing_entry SET fee_minor = -1, net_minor = gross_minor + 1 WHERE ref = 'Q1'`), "clearing.fee", fault.Text{}},
	{"batch-raised", fault.Text{EN: "an approved batch is raised", ZH: "调高已审批批次"}, steps(
		`UPDATE settlement_batch SET gross_minor = gross_minor + 100, net_minor = net_minor + 100, pay_minor = pay_minor + 100 WHERE id = '` + approvedBatch + `'`), "batch.sums", fault.Text{}},
	{"batch-disputed", fault.Text{EN: "an approved batch has an order with an open case", ZH: "已审批批次含未结差错"}, steps(
		`INSERT INTO recon_case VALUES ('C-1', 'wechat', 'wechat-main', 'PAYMENT', 'Q1', 'CNY', 'OPEN', '', '', '', 1, '', '2026-11-20', '2026-11-20', '2026-11-21', 0, 0, 0, '', '', 1)`), "batch.disputed", fault.Text{}},
	{"batch-console", fault.Text{EN: "an approved batch has an order that was refunded at the channel's console", ZH: "已审批批次的订单已在渠道后台退款"}, steps(
		`INSERT INTO recon_case VALUES ('C-1', 'wechat', 'wechat-main', 'REFUND', 'console-1', 'CNY', 'OPEN', '', '', '', 1, '', '2026-11-20', '2026-11-20', '2026-11-21', 0, 0, 0, '', '', 1)`,
		`INSERT INTO case_finding VALUES ('C-1', '2026-11-20', 'e', 1, 'wechat-main', 'run', 'OPEN', NULL, 'CHANNEL_ONLY', '', 'MANUAL', 1, 1, 0, 0, 0, 0, '', '', '', '', 'wx-Q1')`), "batch.disputed", fault.Text{}},
	{"payout-unapproved", fault.Text{EN: "a payout is written for a batch of another amount", ZH: "出款金额与批次不符"}, steps(
		`UPDATE payout SET amount_minor = amount_minor + 100`), "payout.batch", fault.Text{}},
	{"payout-without-batch", fault.Text{EN: "a payout is written without a batch", ZH: "无批次出款"}, steps(
		`INSERT INTO payout SELECT 'S9-1', 'S9', 1, file, bank, merchant, currency, 100, payee_name, payee_account, payee_bank, 'PAYING', '', '', 1, 1, 1 FROM payout`), "payout.batch", fault.Text{}},
	{"payout-unbooked", fault.Text{EN: "the journal of a payout is deleted", ZH: "删除出款凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'payout:`+paidBatch+`-1:paid'`, `DELETE FROM journal WHERE id = 'payout:`+paidBatch+`-1:paid'`), "payout.journal", fault.Text{}},
	{"payout-invented", fault.Text{EN: "the journal books a payout that there is not", ZH: "凭空记出款凭证"}, steps(
		`INSERT INTO posting SELECT 'payout:S9-1:sent', leg, account, currency, amount_minor FROM posting WHERE txn = 'payout:`+paidBatch+`-1:sent'`,
		`INSERT INTO journal VALUES ('payout:S9-1:sent', 'settlement', 'S9-1', '', NULL, NULL, 2, 1)`), "journal.payout", fault.Text{}},
}

var riskKinds = []Kind{
	{"risk-passed-by", fault.Text{EN: "a payment that risk rejected succeeded all the same", ZH: "风控拒绝的支付仍然成功"}, steps(
		`INSERT INTO risk_decision SELECT pay_no, merchant, '', '', '', amount_minor, currency, 'REJECT', 'drill', 1, 0, 0, 'REJECT', '', '', '', 1, 1, 1 FROM payment WHERE pay_no = 'P6'`), "risk.passed_by", fault.Text{}},
	{"risk-forgotten", fault.Text{EN: "a payment waits for a person and nobody looks", ZH: "待审支付无人处理"}, steps(
		`INSERT INTO risk_decision SELECT pay_no, merchant, '', '', '', amount_minor, currency, 'REVIEW', 'drill', 1, 0, 0, 'REVIEW', '', '', '', 1, 1, 1 FROM payment WHERE pay_no = 'P5'`), "risk.waits", fault.Text{}},
}

var splitKinds = []Kind{
	{"split-share", fault.Text{EN: "the share of a receiver is raised", ZH: "调高分账明细金额"}, steps(`UPDATE split_share SET amount_minor = amount_minor + 1 WHERE split = 'S8'`), "split.sums", fault.Text{}},
	{"split-raised", fault.Text{EN: "share and split are raised together, the journal is not", ZH: "分账单与明细一致调高，凭证未变"}, steps(
		`UPDATE split_share SET amount_minor = amount_minor + 1 WHERE split = 'S8'`,
		`UPDATE split_order SET amount_minor = amount_minor + 1, done_minor = done_minor + 1 WHERE number = 'S8'`), "verify:split.journal", fault.Text{}},
	{"split-unbooked", fault.Text{EN: "the journal of a split is deleted", ZH: "删除分账凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'split:S8:2'`, `DELETE FROM journal WHERE id = 'split:S8:2'`), "split.order", fault.Text{}},
	{"split-posting", fault.Text{EN: "a receiver's posting is raised at the merchant's cost", ZH: "篡改分账凭证，侵占商户资金"}, steps(
		`UPDATE posting SET amount_minor = amount_minor - 50 WHERE txn = 'split:S8:2' AND account = 'wallet:U1'`), "split.order", fault.Text{}},
	{"split-forgotten", fault.Text{EN: "a share forgets what was returned, so that it is returned again", ZH: "清空分账已回退金额"}, steps(`UPDATE split_share SET returned_minor = 0 WHERE split = 'S8'`), "split.returns", fault.Text{}},
	{"split-above", fault.Text{EN: "an order is split above the contract's ceiling", ZH: "分账超过合同比例上限"}, steps(`UPDATE split_hold SET max_ppm = 0`), "split.limit", fault.Text{}},
	{"split-settled", fault.Text{EN: "a payment that is held back for splits counts as settled", ZH: "待分账支付被标记已结算"}, steps(`UPDATE payment SET settled_in = '` + approvedBatch + `' WHERE pay_no = 'P8'`), "split.settled", fault.Text{}},
	{"split-late", fault.Text{EN: "a split is not carried out", ZH: "分账未执行"}, steps(
		`UPDATE split_order SET state = 'PROCESSING', pending = 1, finished_us = NULL, updated_us = 1 WHERE number = 'S8'`,
		`UPDATE customer_order SET updated_us = 1 WHERE order_no = 'O-P8'`), "split.late", fault.Text{}},
	{"return-invented", fault.Text{EN: "a return is written that never moved money", ZH: "凭空写入分账回退"}, steps(
		`INSERT INTO split_return SELECT 'B9', split, receiver, 50, state, '', next_us, until_us, '', 1, created_us, updated_us, done_us FROM split_return WHERE number = 'B8'`), "split.returns", fault.Text{}},
}

var blindKinds = []Kind{
	{"agreed-lie", fault.Text{EN: "order, payment, journal and balances are all written anew with another amount", ZH: "订单、支付、凭证与余额一致篡改金额"}, steps(
		`UPDATE customer_order SET amount_minor = amount_minor + 100 WHERE order_no = 'O-P7'`, `UPDATE payment SET amount_minor = amount_minor + 100 WHERE pay_no = 'P7'`,
		`UPDATE posting SET amount_minor = amount_minor + 100 WHERE txn = 'payment:P7:2' AND leg = 1`, `UPDATE posting SET amount_minor = amount_minor - 100 WHERE txn = 'payment:P7:2' AND leg = 2`,
		`UPDATE account_balance SET available_minor = available_minor + 100 WHERE account IN ('clearing:wechat:wechat-main', 'payable:M01')`),
		"", fault.Text{EN: "our books agree with each other: only the channel's statement tells, in the night of that day", ZH: "我方账面自洽，只有当晚渠道对账单能发现"}},
	{"payee-changed", fault.Text{EN: "the bank account of a merchant is changed in an approved batch", ZH: "已审批批次的收款账户被改"}, steps(
		`UPDATE settlement_batch SET payee_account = '6222000099998888' WHERE id = '` + approvedBatch + `'`),
		"", fault.Text{EN: "the account stands nowhere else in the books; compare it with the contract before the payout file is sent", ZH: "账面无第二处记录，出款前须与合同核对"}},
	{"money-not-told", fault.Text{EN: "the channel took money and never told us", ZH: "渠道已收款但从未通知"}, nil,
		"", fault.Text{EN: "there is nothing in our books: the desk asks for it within minutes, the statement tells in the night", ZH: "我方无记录：由主动查询或当晚对账单发现"}},
}
