package fault

// apiRows holds what a merchant's request can be answered. Ids E-6410 to
// E-6429: nobody but the merchant can mend them.
var apiRows = []Entry{
	{
		ID:    "E-6410",
		What:  Text{"The request is not signed as the configuration of this merchant asks.", "请求签名不符合该商户的配置。"},
		Which: Text{"The reason is in our log, and not told to those who try.", "具体原因只记录在我方日志中，不对外说明。"},
		Do:    Text{"Check the merchant number, the key's name, the clock and the signed text; use every nonce once.", "请核对商户号、密钥名称、时钟与待签名文本；每个 nonce 只能使用一次。"},
	},
	{
		ID:    "E-6411",
		What:  Text{"The merchant may not do this.", "该商户无此权限。"},
		Which: Text{"Permission {permission}.", "权限 {permission}。"},
		Do:    Text{"Ask for the permission.", "请申请该权限。"},
	},
	{
		ID:    "E-6412",
		What:  Text{"Too many requests.", "请求过于频繁。"},
		Which: Text{"At most {rate} a second.", "每秒至多 {rate} 次。"},
		Do:    Text{"Ask again later, with the same Idempotency-Key.", "请稍后以同一 Idempotency-Key 重试。"},
	},
	{
		ID:    "E-6413",
		What:  Text{"The request is not as documented: {reason}.", "请求不符合接口文档：{reason}。"},
		Which: Text{"{place}.", "{place}。"},
		Do:    Text{"Mend it; /openapi.json says what is expected.", "请修正；格式见 /openapi.json。"},
	},
	{
		ID:    "E-6414",
		What:  Text{"The body is not application/json.", "请求体不是 application/json。"},
		Which: Text{"Content-Type {type}.", "Content-Type 为 {type}。"},
		Do:    Text{"Send JSON.", "请发送 JSON。"},
	},
	{
		ID:    "E-6415",
		What:  Text{"The body is too large.", "请求体过大。"},
		Which: Text{"At most {limit} bytes.", "至多 {limit} 字节。"},
		Do:    Text{"Send less.", "请减小请求体。"},
	},
	{
		ID:    "E-6416",
		What:  Text{"The merchant has nothing of this number.", "该商户名下没有此编号。"},
		Which: Text{"{number}.", "{number}。"},
		Do:    Text{"Check the number.", "请核对编号。"},
	},
	{
		ID:    "E-6417",
		What:  Text{"There is nothing at this address, or not by this method.", "没有此地址，或不支持此方法。"},
		Which: Text{"{method} {path}.", "{method} {path}。"},
		Do:    Text{"See /openapi.json.", "请查看 /openapi.json。"},
	},
	{
		ID:    "E-6418",
		What:  Text{"The Idempotency-Key stands for another request.", "该 Idempotency-Key 已用于其他请求。"},
		Which: Text{"Key {key}.", "键 {key}。"},
		Do:    Text{"Use a new key for a new request, and the old one only to repeat the old request as it was.", "新请求请使用新键；旧键只能用于原样重发旧请求。"},
	},
	{
		ID:    "E-6419",
		What:  Text{"The rules of the books refuse it: {reason}.", "账务规则拒绝该请求：{reason}。"},
		Which: Text{"{number}.", "{number}。"},
		Do:    Text{"Query the order, then decide.", "请先查询订单，再作处理。"},
	},
	{
		ID:      "E-6420",
		What:    Text{"The channel did not answer.", "渠道未应答。"},
		Which:   Text{"{number}.", "{number}。"},
		Changed: Text{"it stands in the books, and its end is not known yet.", "已记入账簿，最终结果未知。"},
		Do:      Text{"Ask again with the same Idempotency-Key; that carries it on and never does it twice.", "请以同一 Idempotency-Key 重试；将继续处理，绝不重复执行。"},
	},
	{
		ID:    "E-6421",
		What:  Text{"The merchant has no account at this channel.", "该商户未开通此渠道的账户。"},
		Which: Text{"Channel {channel}, account {account}.", "渠道 {channel}，账户 {account}。"},
		Do:    Text{"Use one of: {known}.", "可用：{known}。"},
	},
	{
		ID:      "E-6422",
		What:    Text{"The channel refused the payment.", "渠道拒绝了该支付。"},
		Which:   Text{"Payment {number}.", "支付单 {number}。"},
		Changed: Text{"the payment is {state}.", "支付单状态为 {state}。"},
		Do:      Text{"Start another payment of the order under a new key.", "请以新键为该订单发起另一笔支付。"},
	},
	{
		ID:    "E-6423",
		What:  Text{"The server cannot do it now.", "服务器暂时无法处理。"},
		Which: Text{"The details are in our log.", "详细信息在我方日志中。"},
		Do:    Text{"Ask again later, with the same Idempotency-Key.", "请稍后以同一 Idempotency-Key 重试。"},
	},
	{
		ID:    "E-6427",
		What:  Text{"None of the merchant's accounts takes this payment.", "该商户没有账户可以收这笔款。"},
		Which: Text{"{method}: {reasons}.", "{method}：{reasons}。"},
		Do:    Text{"Offer the payer another method, or try again later; both under another Idempotency-Key.", "请换一种支付方式，或稍后重试；均须使用新的 Idempotency-Key。"},
	},
	{
		ID:    "E-6428",
		What:  Text{"There is no statement of this day yet: it is not proven.", "该日尚无对账单：当日对账未完成。"},
		Which: Text{"{date}.", "{date}。"},
		Do:    Text{"Ask again after the night that follows the day.", "请在次日对账完成后再下载。"},
	},
	{
		ID:    "E-6429",
		What:  Text{"No bank pays for this merchant.", "该商户没有出款银行。"},
		Which: Text{"{merchant} has no contract.", "{merchant} 没有合同。"},
		Do:    Text{"Ask for a contract that names the bank and the payee.", "请申请签订指定出款银行与收款账户的合同。"},
	},
}
