package fault

// riskRows are about payments that risk does not let pass.
var riskRows = []Entry{
	{
		ID:      "E-6432",
		What:    Text{"The payment is held for review.", "该支付待人工审核。"},
		Which:   Text{"Payment {number}.", "支付单 {number}。"},
		Changed: Text{"it stands in the books; its channel was not called.", "已记入账簿，尚未调用渠道。"},
		Do:      Text{"Ask again later with the same Idempotency-Key: it goes on once a person has released it.", "请稍后以同一 Idempotency-Key 重试；审核放行后将继续处理。"},
	},
	{
		ID:      "E-6433",
		What:    Text{"The payer must be verified.", "须先验证付款人。"},
		Which:   Text{"Payment {number}.", "支付单 {number}。"},
		Changed: Text{"the payment is {state}; its channel was not called.", "支付单状态为 {state}，未调用渠道。"},
		Do:      Text{"Verify the payer, then start another payment with payer.verified under a new key.", "验证付款人后，以新键并置 payer.verified 发起另一笔支付。"},
	},
	{
		ID:      "E-6434",
		What:    Text{"Risk control refuses the payment.", "风控拒绝该支付。"},
		Which:   Text{"Payment {number}.", "支付单 {number}。"},
		Changed: Text{"the payment is {state}; its channel was not called.", "支付单状态为 {state}，未调用渠道。"},
		Do:      Text{"Do not try again by yourself; ask us.", "请勿自行重试，请与我方联系。"},
	},
	{
		ID:    "E-6435",
		What:  Text{"The payment is not held for review.", "该支付不在审核中。"},
		Which: Text{"Payment {number}: {state}.", "支付单 {number}：{state}。"},
		Do:    Text{"See `tieout risk list`.", "请查看 `tieout risk list`。"},
	},
}
