package control

import "tieout/internal/fault"

var riskChecks = []Check{
	{ID: "risk.passed_by", Kind: Consistency, Priority: 1,
		Do:   fault.Text{EN: "Risk: stop the account's payments, find out how it went past the decision.", ZH: "风控：暂停该账户收款，查明绕过风控的途径。"},
		Name: fault.Text{EN: "a payment went to its channel, or succeeded, although risk holds or rejects it", ZH: "风控未放行的支付已发往渠道或已成功"},
		Hits: `SELECT p.pay_no, 'outcome=' || d.outcome || ' state=' || p.state FROM risk_decision d JOIN payment p ON p.pay_no = d.pay_no WHERE d.outcome <> 'PASS'
			AND (p.state = 'SUCCESS' OR EXISTS (SELECT 1 FROM channel_task t WHERE t.subject = 'PAYMENT' AND t.number = p.pay_no AND (t.state = 'SENT' OR t.prepaid <> '')))`,
		Moved: `p.pay_no IN ({moved})`},
	{ID: "risk.waits", Kind: Timeliness, Priority: 2, Often: true,
		Do:   fault.Text{EN: "Risk: see `tieout risk list`, decide.", ZH: "风控：用 `tieout risk list` 查看并审核。"},
		Name: fault.Text{EN: "a payment has waited a quarter of an hour for a person to decide", ZH: "风控待审支付超过十五分钟未审核"},
		Hits: `SELECT d.pay_no, 'rule=' || d.rule || ' amount=' || d.amount_minor FROM risk_decision d JOIN payment p ON p.pay_no = d.pay_no
			WHERE d.outcome = 'REVIEW' AND p.state = 'PAYING' AND d.at_us < {now} - 900000000`},
}
