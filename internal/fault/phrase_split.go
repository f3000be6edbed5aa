package fault

// splitPhrases are what profit splits say.
var splitPhrases = []Text{
	{"receivers have {amount} of it, which they return first", "其中 {amount} 已分给接收方，须先回退"},
	{"receivers have {amount} of payment {payment}: they return it first", "支付单 {payment} 中 {amount} 已分给接收方，须先回退"},
	{"order {order} is or was held back for splits", "订单 {order} 为分账订单"},
	{"profit split", "分账"},
	{"profit split, returned", "分账回退"},
	{"an order has at most {n} receivers", "一笔订单最多有 {n} 个分账接收方"},
	{"a split has at least one receiver", "分账至少有一个接收方"},
	{"a receiver is somebody else than the merchant", "分账接收方不得是商户自己"},
	{"receiver {receiver} stands twice", "分账接收方 {receiver} 重复出现"},
	{"receiver {receiver} is not registered", "分账接收方 {receiver} 未登记"},
	{"receiver {receiver} got nothing by this split", "接收方 {receiver} 未从该分账单取得资金"},
	{"only {amount} is left to split", "可分账金额仅余 {amount}"},
	{"only {amount} is left to return", "可回退金额仅余 {amount}"},
	{"the order has not got the money any more", "订单已无足够资金"},
	{"a split of the order is not finished", "该订单有分账尚未完成"},
	{"the rest of the order was released", "该订单剩余资金已解冻"},
	{"must be between 1 and 365", "须在 1 与 365 之间"},
	{"a split in {state} cannot become {to}", "分账状态 {state} 不能变为 {to}"},
	{"splits whose sums are not those of their shares and returns", "合计与明细或回退不符的分账单"},
	{"splits and returns whose journal moved other money than they say", "凭证金额与单据不符的分账或回退"},
	{"orders whose payment is not what merchant, receivers, fee and hold come to", "实付不等于商户、接收方、手续费与待分账之和的订单"},
	{"orders of which receivers got more than their ceiling", "分账超过比例上限的订单"},
	{"settled payments whose splits are not settled with them, or that are held back", "待分账即已结算，或分账未随同结算的支付"},
}
