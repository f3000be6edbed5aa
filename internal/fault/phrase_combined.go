package fault

// combinedPhrases are what the core says about payments in parts.
var combinedPhrases = []Text{
	{"the parts are more than the whole", "各分项之和超过总额"},
	{"a combined payment has 1 to {count} parts of our own", "组合支付须有 1 至 {count} 个我方分项"},
	{"a part of our own is paid by balance, coupon or red packet", "我方分项须以余额、优惠券或红包支付"},
	{"a coupon has a number, and nothing else has", "优惠券须有券号，其他方式不得有券号"},
	{"a part of our own is paid by the balance of an account", "我方分项须由账户余额支付"},
	{"coupon {coupon} is named twice", "优惠券 {coupon} 重复"},
	{"coupon {coupon} was used by payment {payment}", "优惠券 {coupon} 已被支付单 {payment} 使用"},
	{"account {account} pays payment {payment}, no channel does", "支付单 {payment} 由账户 {account} 支付，与渠道无关"},
	{"this is one part of what paid its order: refund payment {payment}", "这是组合支付的分项，请对支付单 {payment} 退款"},
	{"the refund cannot be shared", "退款金额无法分摊"},
	{"only what a channel alone paid becomes a balance", "仅渠道单独支付的款项可转为余额"},
	{"accounts of ours paid with payment {payment}: refund it, and all parts go back", "支付单 {payment} 含我方账户分项，请退款，各分项一并退回"},
	{"a number has no ~ in it", "编号中不得含有 ~"},
	{"the time to pay the order is over", "订单已过支付时限"},
	{"{entity} does not stand below another merchant", "{entity} 没有上级商户"},
	{"there is nothing above what it keeps", "没有超过留存额的余额"},
	{"an amount is not below zero", "金额不得为负"},
	{"combined payments and refunds whose parts do not add up, or went another way than what leads them", "分项合计不符或结果与主单不一致的组合支付及退款"},
}
