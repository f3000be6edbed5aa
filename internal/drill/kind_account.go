package drill

import "tieout/internal/fault"

var combinedKinds = []Kind{
	{"part-raised", fault.Text{EN: "a part of a combined payment that waits is raised", ZH: "调高待付组合支付的分项金额"}, steps(
		`UPDATE payment SET amount_minor = amount_minor + 1 WHERE pay_no = 'C2~1'`), "payment.sums", fault.Text{}},
	{"part-missing", fault.Text{EN: "a part of a combined payment is deleted", ZH: "删除组合支付的分项"}, steps(`DELETE FROM payment WHERE pay_no = 'C1~2'`), "payment.sums", fault.Text{}},
	{"part-behind", fault.Text{EN: "a part is set free although the others paid", ZH: "组合支付成功但余额分项被释放"}, steps(
		`UPDATE payment SET state = 'CLOSED', paid_us = NULL, refunded_minor = 0 WHERE pay_no = 'C1~1'`), "payment.parts", fault.Text{}},
	{"part-twice", fault.Text{EN: "the balance's part is booked twice", ZH: "余额分项重复记账"}, steps(
		`INSERT INTO posting SELECT 'payment:C1~1:9', leg, account, currency, amount_minor FROM posting WHERE txn = 'payment:C1~1:2'`,
		`INSERT INTO journal SELECT 'payment:C1~1:9', cause, subject, '', NULL, NULL, legs, at_us FROM journal WHERE id = 'payment:C1~1:2'`), "payment.booked_twice", fault.Text{}},
	{"coupon-booked-twice", fault.Text{EN: "the coupon's part is booked twice", ZH: "优惠券分项重复记账"}, steps(
		`INSERT INTO posting SELECT 'payment:C1~2:9', leg, account, currency, amount_minor FROM posting WHERE txn = 'payment:C1~2:2'`,
		`INSERT INTO journal SELECT 'payment:C1~2:9', cause, subject, '', NULL, NULL, legs, at_us FROM journal WHERE id = 'payment:C1~2:2'`), "payment.booked_twice", fault.Text{}},
	{"coupon-twice", fault.Text{EN: "one coupon pays two orders", ZH: "同一张优惠券支付两笔订单"}, steps(
		`UPDATE payment SET channel_ref = 'wallet:U3/K1' WHERE pay_no = 'C2~1'`), "payment.reference", fault.Text{}},
	{"part-kept", fault.Text{EN: "a refund gives one part back and forgets the other", ZH: "退款漏退余额分项"}, steps(
		`DELETE FROM posting WHERE txn = 'refund:CR1~1:1'`, `DELETE FROM journal WHERE id = 'refund:CR1~1:1'`,
		`DELETE FROM refund WHERE refund_no = 'CR1~1'`, `UPDATE payment SET refunded_minor = 0 WHERE pay_no = 'C1~1'`), "refund.parts", fault.Text{}},
	{"part-unpaid", fault.Text{EN: "a refund's part is written and the balance does not get it", ZH: "退款分项成功但余额未退回"}, steps(
		`UPDATE posting SET account = 'wallet:U2' WHERE txn = 'refund:CR1~1:1' AND account = 'wallet:U3'`), "refund.out", fault.Text{}},
}

var accountKinds = []Kind{
	{"wallet-raised", fault.Text{EN: "the balance of a wallet is raised without an entry", ZH: "无凭证调高钱包余额"}, steps(
		`UPDATE account_balance SET available_minor = available_minor + 100 WHERE account = 'wallet:U3'`), "account.balance", fault.Text{}},
	{"wallet-moved", fault.Text{EN: "money goes from one wallet's balance to another's without an entry", ZH: "无凭证在钱包间转移余额"}, steps(
		`UPDATE account_balance SET available_minor = available_minor - 100 WHERE account = 'wallet:U3'`,
		`UPDATE account_balance SET available_minor = available_minor + 100 WHERE account = 'wallet:U2'`), "account.balance", fault.Text{}},
	{"wallet-frozen", fault.Text{EN: "money of a wallet is frozen and no document says why", ZH: "无单据冻结钱包余额"}, steps(
		`UPDATE account_balance SET available_minor = available_minor - 10, frozen_minor = frozen_minor + 10 WHERE account = 'wallet:U3'`), "account.frozen", fault.Text{}},
	{"wallet-freed", fault.Text{EN: "what a withdrawal set aside is free again, to be spent twice", ZH: "提现占用资金被释放，可重复使用"}, steps(
		`UPDATE account_balance SET available_minor = available_minor + frozen_minor, frozen_minor = 0 WHERE account = 'wallet:U3'`), "account.frozen", fault.Text{}},
	{"withdrawal-unbooked", fault.Text{EN: "the journal of a withdrawal is deleted", ZH: "删除提现凭证"}, steps(
		`DELETE FROM posting WHERE txn = 'account:W1:2'`, `DELETE FROM journal WHERE id = 'account:W1:2'`), "account.journal", fault.Text{}},
	{"withdrawal-twice", fault.Text{EN: "a withdrawal is paid and booked twice", ZH: "提现重复付款并重复记账"}, steps(
		`INSERT INTO posting SELECT 'account:W1:9', leg, account, currency, amount_minor FROM posting WHERE txn = 'account:W1:2'`,
		`INSERT INTO journal SELECT 'account:W1:9', cause, subject, '', NULL, NULL, legs, at_us FROM journal WHERE id = 'account:W1:2'`), "account.journal", fault.Text{}},
	{"withdrawal-again", fault.Text{EN: "a paid withdrawal is written again under another number", ZH: "已付提现换号重复写入"}, steps(
		`INSERT INTO account_document SELECT 'W9', kind, account, currency, about, amount_minor, back_minor, payee, 'b9', state, version, created_us, updated_us
			FROM account_document WHERE number = 'W1'`), "account.journal", fault.Text{}},
	{"withdrawal-resent", fault.Text{EN: "the file of a withdrawal is forgotten, so that the bank is told again", ZH: "清除提现出款文件记录，致重复出款"}, steps(
		`DELETE FROM withdrawal_sent WHERE number = 'W2'`), "payout.file", fault.Text{}},
	{"withdrawal-raised", fault.Text{EN: "a withdrawal is raised after its file was made", ZH: "出款文件生成后调高提现金额"}, steps(
		`UPDATE account_document SET amount_minor = amount_minor + 1 WHERE number = 'W2'`,
		`UPDATE account_balance SET available_minor = available_minor - 1, frozen_minor = frozen_minor + 1 WHERE account = 'wallet:U3'`), "payout.file", fault.Text{}},
	{"withdrawal-invented", fault.Text{EN: "the journal books a withdrawal that there is not", ZH: "凭空记提现凭证"}, steps(
		`INSERT INTO posting SELECT 'account:W9:2', leg, account, currency, amount_minor FROM posting WHERE txn = 'account:W1:2'`,
		`INSERT INTO journal SELECT 'account:W9:2', cause, 'W9', '', NULL, NULL, legs, at_us FROM journal WHERE id = 'account:W1:2'`), "journal.account", fault.Text{}},
	{"withdrawal-late", fault.Text{EN: "a withdrawal waits for its bank and nobody asks", ZH: "提现长期未答复且无人跟进"}, steps(
		`UPDATE account_document SET updated_us = 1 WHERE number = 'W2'`), "withdrawal.late", fault.Text{}},
	{"transfer-wallet-raised", fault.Text{EN: "a transfer between wallets is raised", ZH: "调高钱包转账金额"}, steps(
		`UPDATE account_document SET amount_minor = amount_minor + 1 WHERE number = 'X1'`), "account.journal", fault.Text{}},
}
