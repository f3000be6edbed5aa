package fault

// riskPhrases are what risk control says.
var riskPhrases = []Text{
	{"the payment is held for review", "该支付待人工审核"},
	{"the payer must be verified", "须先验证付款人"},
	{"risk refuses the payment", "风控拒绝该支付"},
	{"cannot be read", "无法读取"},
	{"risk rules: {reason}", "风控规则：{reason}"},
	{"risk rules: rule {rule}: {reason}", "风控规则 {rule}：{reason}"},
	{"the version is a number from 1 on, raised with every change", "version 为从 1 起的整数，每次修改须递增"},
	{"its id stands twice", "规则编号重复"},
	{"an id has 1 to 64 characters", "编号须为 1 至 64 个字符"},
	{"it decides PASS, CHALLENGE, REVIEW or REJECT", "结论须为 PASS、CHALLENGE、REVIEW 或 REJECT"},
	{"only a list lets payments pass", "仅名单规则可放行"},
	{"its field is merchant, payer, ip or card_bin", "字段须为 merchant、payer、ip 或 card_bin"},
	{"it looks at one thing: a list, an amount or a window", "一条规则只看一项：名单、金额或时间窗"},
	{"a window of 1 s to 31 days has a count or a sum", "时间窗须为 1 秒至 31 天，并有笔数或金额上限"},
	{"a sum needs a currency", "金额合计须有币种"},
	{"its pattern is not RE2", "正则不是 RE2"},
}
