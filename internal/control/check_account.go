package control

import "tieout/internal/fault"

// The journal transactions of what is done with accounts are named
// account:<number>:<version>. The text after the account keeps the planner on
// them.
const documentJournals = `x.txn > 'account:' || d.number || ':' AND x.txn < 'account:' || d.number || ';' AND x.currency = d.currency AND x.account || '' = d.account`

var accountChecks = []Check{
	{ID: "account.balance", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "an account's balance is not the sum of its postings", ZH: "账户余额与分录合计不符"},
		Hits: `SELECT x.account, 'currency=' || x.currency || ' minor=' || x.minor FROM (SELECT b.account, b.currency, b.available_minor + b.frozen_minor
			+ CASE WHEN a.type IN ('ASSET','EXPENSE') THEN -1 ELSE 1 END * COALESCE((SELECT SUM(p.amount_minor) FROM posting p WHERE p.account = b.account AND p.currency = b.currency), 0) AS minor
			FROM account_balance b LEFT JOIN ledger_account a ON a.name = b.account) x WHERE x.minor <> 0`,
		Moved: `x.account IN ({accounts})`},
	{ID: "account.no_balance", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "an account has postings and no balance", ZH: "账户有分录而无余额"},
		Hits: `SELECT DISTINCT p.account, 'currency=' || p.currency FROM posting p WHERE NOT EXISTS (SELECT 1 FROM account_balance b WHERE b.account = p.account AND b.currency = p.currency)`},
	{ID: "account.frozen", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "an account holds frozen what no freeze, withdrawal or payment set aside", ZH: "账户冻结额与冻结、提现及支付单据不符"},
		Hits: `SELECT x.account, 'currency=' || x.currency || ' minor=' || x.minor FROM (SELECT b.account, b.currency,
			COALESCE((SELECT SUM(d.amount_minor - d.back_minor) FROM account_document d WHERE d.account = b.account AND d.currency = b.currency AND d.state = 'PROCESSING'), 0)
			+ COALESCE((SELECT SUM(p.amount_minor) FROM payment p WHERE p.wallet = b.account AND p.wallet <> '' AND p.currency = b.currency AND p.state = 'PAYING'), 0)
			- b.frozen_minor AS minor FROM account_balance b) x WHERE x.minor <> 0`,
		Moved: `x.account IN ({accounts})`},
	{ID: "account.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a deposit, transfer or withdrawal is not in the journal, is there twice, or with another amount", ZH: "充值、转账或提现的凭证缺失、重复或金额不符"},
		Hits: `SELECT d.number, 'kind=' || d.kind || ' state=' || d.state || ' amount=' || d.amount_minor || ' currency=' || d.currency FROM account_document d
			WHERE d.kind IN ('DEPOSIT','TRANSFER','WITHDRAWAL') AND COALESCE((SELECT SUM(x.amount_minor) FROM posting x WHERE ` + documentJournals + `), 0)
				<> CASE WHEN d.state <> 'SUCCESS' THEN 0 WHEN d.kind = 'DEPOSIT' THEN -d.amount_minor ELSE d.amount_minor END`,
		Moved: `(d.account IN ({accounts}) OR d.number IN ({moved}))`},
	{ID: "journal.account", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal books a deposit, transfer or withdrawal that there is not", ZH: "凭证记了不存在的充值、转账或提现"},
		Hits: `SELECT j.id, 'subject=' || j.subject FROM journal j WHERE j.id > 'account:' AND j.id < 'account;'
			AND NOT EXISTS (SELECT 1 FROM account_document d WHERE d.number = j.subject)`},
	{ID: "withdrawal.late", Kind: Timeliness, Priority: 3, Often: true,
		Do:   fault.Text{EN: "Settlement: send the payout file, or ask the bank and enter its answer with `tieout settle result`.", ZH: "结算：发送出款文件，或向银行查询并用 `tieout settle result` 录入答复。"},
		Name: fault.Text{EN: "a withdrawal has waited for its bank for more than five days", ZH: "提现超过五天未完成"},
		Hits: `SELECT d.number, 'amount=' || d.amount_minor || ' currency=' || d.currency || ' file=' || COALESCE(w.file, '') FROM account_document d
			LEFT JOIN withdrawal_sent w ON w.number = d.number WHERE d.kind = 'WITHDRAWAL' AND d.state = 'PROCESSING' AND d.updated_us < {now} - 432000000000`},
}
