package drill

import "tieout/internal/fault"

var interopKinds = []Kind{
	{"interop-raised", fault.Text{EN: "a debit through a clearing organisation is raised", ZH: "调高清算机构扣款金额"}, steps(`UPDATE interop_debit SET amount_minor = amount_minor + 1 WHERE number = 'N1'`), "interop.journal", fault.Text{}},
	{"interop-unbooked", fault.Text{EN: "the journal of a debit is deleted", ZH: "删除清算机构扣款凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'interop_debit:nucc:N1'`, `DELETE FROM journal WHERE id = 'interop_debit:nucc:N1'`), "interop.journal", fault.Text{}},
	{"interop-revived", fault.Text{EN: "a debit that failed is marked successful", ZH: "失败的清算机构扣款被置为成功"}, steps(`UPDATE interop_debit SET state = 'SUCCESS', reason = '' WHERE number = 'N2'`), "interop.journal", fault.Text{}},
	{"interop-twice", fault.Text{EN: "a debit is booked twice under another number", ZH: "同一扣款换号重复入账"}, steps(
		`INSERT INTO posting SELECT 'interop_debit:nucc:N9', leg, account, currency, amount_minor FROM posting WHERE txn = 'interop_debit:nucc:N1'`,
		`INSERT INTO journal SELECT 'interop_debit:nucc:N9', cause, 'N9', '', NULL, NULL, legs, at_us FROM journal WHERE id = 'interop_debit:nucc:N1'`), "interop.invented", fault.Text{}},
	{"interop-moved", fault.Text{EN: "a debit is moved to the wallet of somebody else", ZH: "扣款被改记到他人钱包"}, steps(
		`UPDATE interop_debit SET wallet = 'wallet:U1' WHERE number = 'N1'`, `UPDATE posting SET account = 'wallet:U1' WHERE txn = 'interop_debit:nucc:N1' AND leg = 1`), "interop.token", fault.Text{}},
	{"interop-unasked", fault.Text{EN: "the message that asked for a debit is deleted", ZH: "删除扣款请求报文"}, steps(`DELETE FROM interop_message WHERE kind = 'debit'`), "interop.unasked", fault.Text{}},
	{"interop-passed-risk", fault.Text{EN: "a debit that risk rejected was paid all the same", ZH: "风控拒绝的扣款仍然成功"}, steps(
		`INSERT INTO interop_risk SELECT organisation, number, payee, 'U2', amount_minor, currency, 'REJECT', 'drill', 1, 0, 0, 1 FROM interop_debit WHERE number = 'N1'`), "interop.risk", fault.Text{}},
	{"interop-refund-raised", fault.Text{EN: "a refund of a debit is raised", ZH: "调高扣款的退款金额"}, steps(`UPDATE interop_refund SET amount_minor = amount_minor + 1 WHERE number = 'NR1'`), "interop.refund", fault.Text{}},
	{"interop-refund-forgotten", fault.Text{EN: "a debit forgets its refunds, so that more can be refunded", ZH: "扣款清空已退金额"}, steps(`UPDATE interop_debit SET refunded_minor = 0 WHERE number = 'N1'`), "interop.sum", fault.Text{}},
	{"interop-paid-alone", fault.Text{EN: "a payment to a clearing organisation is raised before it goes out", ZH: "付清算机构款在发出前被调高"}, steps(
		`UPDATE interop_payment SET amount_minor = amount_minor + 100 WHERE number = '` + clearingPayment + `'`), "interop.payment", fault.Text{}},
	{"interop-paid-unbooked", fault.Text{EN: "the journal of a payment to a clearing organisation is deleted", ZH: "删除付清算机构款凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'interop_payment:`+clearingPayment+`:sent'`, `DELETE FROM journal WHERE id = 'interop_payment:`+clearingPayment+`:sent'`), "interop.payment", fault.Text{}},
	{"interop-paid-again", fault.Text{EN: "a payment to a clearing organisation counts as failed, to be paid again", ZH: "已付清算机构款被置为失败以重复付款"}, steps(
		`UPDATE interop_payment SET state = 'FAILED' WHERE number = '` + clearingPayment + `'`), "interop.balance", fault.Text{}},
	{"interop-owed-moved", fault.Text{EN: "a balanced transaction moves what we owe a clearing organisation to a merchant", ZH: "平衡凭证将应付清算机构款转至商户"}, steps(
		`INSERT INTO posting VALUES ('adjust:2', 1, 'interop_clearing:nucc', 'CNY', 500), ('adjust:2', 2, 'payable:M01', 'CNY', -500)`,
		`INSERT INTO journal VALUES ('adjust:2', 'core', 'adjust', '', NULL, NULL, 2, 1)`), "interop.balance", fault.Text{}},
	{"interop-unanswered", fault.Text{EN: "a token that is being unbound is forgotten", ZH: "解绑中的令牌无人跟进"}, steps(`UPDATE interop_token SET state = 'UNBINDING', updated_us = 1 WHERE number = 'NT1'`), "interop.unanswered", fault.Text{}},
}
