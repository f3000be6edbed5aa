package control

import "tieout/internal/fault"

var askOrganisation = fault.Text{EN: "Payments: ask the clearing organisation how it stands with the number.", ZH: "支付：向清算机构查询该编号的状态。"}

var interopChecks = []Check{
	{ID: "interop.journal", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a wallet paid through a clearing organisation and the journal says something else", ZH: "经清算机构扣款与凭证不符"},
		Hits: `SELECT d.organisation || '/' || d.number, 'amount=' || d.amount_minor || ' currency=' || d.currency FROM interop_debit d WHERE (d.state = 'SUCCESS') <> EXISTS
			(SELECT 1 FROM posting x WHERE x.txn = 'interop_debit:' || d.organisation || ':' || d.number AND x.account = d.wallet AND x.currency = d.currency AND x.amount_minor = d.amount_minor)`},
	{ID: "interop.refund", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a refund through a clearing organisation is not in the journal, or goes to no debit", ZH: "经清算机构退款与凭证不符，或无对应扣款"},
		Hits: `SELECT r.organisation || '/' || r.number, 'debit=' || r.debit || ' amount=' || r.amount_minor FROM interop_refund r WHERE (r.state = 'SUCCESS') <> EXISTS
			(SELECT 1 FROM posting x JOIN interop_debit d ON d.organisation = r.organisation AND d.number = r.debit AND d.state = 'SUCCESS' AND d.currency = r.currency
				WHERE x.txn = 'interop_refund:' || r.organisation || ':' || r.number AND x.account = d.wallet AND x.currency = r.currency AND x.amount_minor = -r.amount_minor)`},
	{ID: "interop.sum", Kind: Limit, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "refunds of a debit do not add up, or exceed it", ZH: "扣款的退款合计不符或超过扣款金额"},
		Hits: `SELECT d.organisation || '/' || d.number, 'amount=' || d.amount_minor || ' refunded=' || d.refunded_minor FROM interop_debit d WHERE (d.refunded_minor > d.amount_minor OR d.refunded_minor <>
			COALESCE((SELECT SUM(r.amount_minor) FROM interop_refund r WHERE r.organisation = d.organisation AND r.debit = d.number AND r.state = 'SUCCESS'), 0))`},
	{ID: "interop.invented", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the journal books a debit or refund that no clearing organisation asked for", ZH: "凭证记了清算机构未请求的扣款或退款"},
		Hits: `SELECT j.id, 'subject=' || j.subject FROM journal j WHERE (j.id > 'interop_debit:' AND j.id < 'interop_debit;' OR j.id > 'interop_refund:' AND j.id < 'interop_refund;')
			AND j.id NOT IN (SELECT 'interop_debit:' || organisation || ':' || number FROM interop_debit UNION ALL SELECT 'interop_refund:' || organisation || ':' || number FROM interop_refund)`},
	{ID: "interop.token", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a wallet paid by a token that stands for another one, or for none", ZH: "扣款所用令牌不属于该钱包"},
		Hits: `SELECT d.organisation || '/' || d.number, 'token=' || d.token || ' wallet=' || d.wallet FROM interop_debit d WHERE d.state = 'SUCCESS' AND NOT EXISTS
			(SELECT 1 FROM interop_token t WHERE t.organisation = d.organisation AND t.token = d.token AND t.token <> '' AND t.wallet = d.wallet AND t.currency = d.currency)`},
	{ID: "interop.unasked", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a debit or refund is in the books and no message asked for it", ZH: "扣款或退款入账但无对应报文"},
		Hits: `SELECT x.organisation || '/' || x.number, 'kind=' || x.kind FROM (SELECT organisation, number, 'debit' AS kind FROM interop_debit
			UNION ALL SELECT organisation, number, 'refund' FROM interop_refund) x
			WHERE NOT EXISTS (SELECT 1 FROM interop_message m WHERE m.organisation = x.organisation AND m.about = x.number AND m.kind = x.kind)`},
	{ID: "interop.risk", Kind: Consistency, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "a wallet paid through a clearing organisation although risk refuses, or failed for risk that did not", ZH: "经清算机构扣款与风控结论不符"},
		Hits: `SELECT x.organisation || '/' || x.number, 'state=' || x.state || ' decided=' || x.decided FROM (SELECT d.organisation, d.number, d.state, d.reason, COALESCE(r.decided, '') AS decided
			FROM interop_debit d LEFT JOIN interop_risk r ON r.organisation = d.organisation AND r.number = d.number) x
			WHERE (x.decided NOT IN ('', 'PASS')) <> (x.reason = 'RISK') OR x.decided = 'PASS' AND x.state <> 'SUCCESS'`},
	{ID: "interop.balance", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "the account of a clearing organisation is not its debits less refunds and what was paid", ZH: "应付清算机构款与扣款、退款及已付之差不符"},
		Hits: `SELECT x.account, 'currency=' || x.currency || ' minor=' || x.minor FROM (SELECT account, currency, SUM(minor) AS minor FROM (
			SELECT 'interop_clearing:' || organisation AS account, currency, SUM(amount_minor) AS minor FROM interop_debit WHERE state = 'SUCCESS' GROUP BY organisation, currency
			UNION ALL SELECT 'interop_clearing:' || organisation, currency, -SUM(amount_minor) FROM interop_refund WHERE state = 'SUCCESS' GROUP BY organisation, currency
			UNION ALL SELECT 'interop_clearing:' || organisation, currency, -SUM(amount_minor) FROM interop_payment WHERE state IN ('PAYING','UNKNOWN','PAID') GROUP BY organisation, currency
			UNION ALL SELECT account, currency, SUM(amount_minor) FROM posting WHERE account > 'interop_clearing:' AND account < 'interop_clearing;' GROUP BY account, currency
			) y GROUP BY account, currency) x WHERE x.minor <> 0`},
	{ID: "interop.payment", Kind: Correctness, Priority: 1, Do: stopPayouts,
		Name: fault.Text{EN: "money goes to a clearing organisation without two people, its file or its journal", ZH: "付清算机构款缺少两人审批、出款文件或凭证"},
		Hits: `SELECT p.number, 'state=' || p.state || ' amount=' || p.amount_minor FROM interop_payment p WHERE p.state NOT IN ('PROPOSED','CLOSED') AND (p.checker = '' OR p.checker = p.maker
			OR p.state <> 'APPROVED' AND (NOT EXISTS (SELECT 1 FROM payout_file f WHERE f.id = p.file AND f.bank = p.bank AND f.currency = p.currency)
				OR -p.amount_minor <> COALESCE((SELECT SUM(x.amount_minor) FROM posting x WHERE x.txn = 'interop_payment:' || p.number || ':sent' AND x.account || '' = 'payout_clearing:' || p.bank AND x.currency = p.currency), 0))
			OR (p.state IN ('PAID','RETURNED')) <> EXISTS (SELECT 1 FROM posting x WHERE x.txn = 'interop_payment:' || p.number || ':paid'
				AND x.account = 'bank:' || p.bank AND x.currency = p.currency AND x.amount_minor = -p.amount_minor))`},
	{ID: "interop.owed", Kind: Timeliness, Priority: 3, Do: fault.Text{EN: "Settlement: `tieout interop day`, then `tieout interop settle` by two people.", ZH: "结算：查看 `tieout interop day`，由两人执行 `tieout interop settle`。"},
		Name: fault.Text{EN: "a clearing organisation is owed for debits of more than five days ago", ZH: "应付清算机构款超过五天未付"},
		Hits: `SELECT x.organisation || '/' || x.currency, 'minor=' || x.minor FROM (SELECT organisation, currency, SUM(minor) AS minor FROM (
			SELECT organisation, currency, SUM(amount_minor) AS minor FROM interop_debit WHERE state = 'SUCCESS' AND created_us < {now} - 432000000000 GROUP BY organisation, currency
			UNION ALL SELECT organisation, currency, -SUM(amount_minor) FROM interop_refund WHERE state = 'SUCCESS' GROUP BY organisation, currency
			UNION ALL SELECT organisation, currency, -SUM(amount_minor) FROM interop_payment WHERE state IN ('PAYING','UNKNOWN','PAID') GROUP BY organisation, currency
			) y GROUP BY organisation, currency) x WHERE x.minor > 0`},
	{ID: "interop.unknown", Kind: Timeliness, Priority: 2, Do: fault.Text{EN: "Settlement: ask the bank, with the number.", ZH: "结算：凭编号向银行查询。"}, Often: true,
		Name: fault.Text{EN: "a bank has not said for two days what became of a payment to a clearing organisation", ZH: "付清算机构款超过两天无银行结果"},
		Hits: `SELECT p.number, 'state=' || p.state || ' amount=' || p.amount_minor FROM interop_payment p WHERE p.state IN ('PAYING','UNKNOWN') AND p.updated_us < {now} - 172800000000`},
	{ID: "interop.unanswered", Kind: Timeliness, Priority: 3, Do: askOrganisation, Often: true,
		Name: fault.Text{EN: "a clearing organisation has not answered for a token for an hour", ZH: "清算机构超过一小时未答复令牌申请"},
		Hits: `SELECT t.number, 'state=' || t.state FROM interop_token t WHERE t.state IN ('APPLYING','UNBINDING') AND t.updated_us < {now} - 3600000000`},
}
