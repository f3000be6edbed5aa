package drill

import "tieout/internal/fault"

var transferKinds = []Kind{
	{"transfer-raised", fault.Text{EN: "the amount of a bank transfer is raised", ZH: "调高汇款金额"}, steps(`UPDATE remittance SET amount_minor = amount_minor + 100, left_minor = left_minor + 100 WHERE bank_ref = '2'`), "transfer.left", fault.Text{}},
	{"transfer-left", fault.Text{EN: "a used transfer counts as unused, to be used again", ZH: "已核销汇款被改为未核销"}, steps(`UPDATE remittance SET left_minor = amount_minor WHERE bank_ref = '1'`), "transfer.left", fault.Text{}},
	{"transfer-taken", fault.Text{EN: "what is left of a transfer vanishes with its trace", ZH: "汇款核销记录被删除"}, steps(`DELETE FROM remittance_use WHERE bank_ref = '1'`), "transfer.payment", fault.Text{}},
	{"transfer-unbooked", fault.Text{EN: "the journal of a transfer is deleted", ZH: "删除汇款凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'remittance:bank-va:1:1'`, `DELETE FROM journal WHERE id = 'remittance:bank-va:1:1'`), "transfer.journal", fault.Text{}},
	{"transfer-unpaid", fault.Text{EN: "a payment succeeds by a transfer that never came", ZH: "无汇款的转账支付成功"}, steps(`UPDATE remittance_use SET amount_minor = amount_minor - 1 WHERE bank_ref = '2'`), "transfer.payment", fault.Text{}},
	{"payback-raised", fault.Text{EN: "the amount of a transfer back is raised", ZH: "调高退回金额"}, steps(`UPDATE payback SET amount_minor = amount_minor + 100 WHERE number = 'B1'`), "transfer.sum", fault.Text{}},
	{"payback-alone", fault.Text{EN: "a transfer back is approved by nobody", ZH: "退回未经复核"}, steps(`UPDATE payback SET checker = '' WHERE number = 'B1'`), "payback.approval", fault.Text{}},
	{"payback-unbooked", fault.Text{EN: "the journal of a transfer back is deleted", ZH: "删除退回凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'payback:B2:3'`, `DELETE FROM journal WHERE id = 'payback:B2:3'`), "payback.journal", fault.Text{}},
	{"payback-kept", fault.Text{EN: "a transfer back that came back counts as paid, so that the money is nobody's", ZH: "退票后退回仍被置为成功，资金无主"}, steps(`UPDATE payback SET state = 'SUCCESS' WHERE number = 'B0'`), "payback.answer", fault.Text{}},
	{"payback-returned-unbooked", fault.Text{EN: "the journal of a transfer back that came back is deleted", ZH: "删除退票凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'payback:B0:4'`, `DELETE FROM journal WHERE id = 'payback:B0:4'`), "payback.returned", fault.Text{}},
	{"payback-returned-invented", fault.Text{EN: "a transfer back that was paid counts as come back, to be paid again", ZH: "已付退回被置为退票以重复付出"}, steps(`UPDATE payback SET state = 'RETURNED' WHERE number = 'B2'`), "payback.answer", fault.Text{}},
	{"payback-twice", fault.Text{EN: "a transfer back that was paid goes out again", ZH: "已付退回被重新置为在途"}, steps(`UPDATE payback SET state = 'PAYING', done_us = NULL WHERE number = 'B2'`), "verify:ledger.subledgers", fault.Text{}},
}
