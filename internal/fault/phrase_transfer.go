package fault

// transferPhrases are what is said about bank transfers and the clearing
// organisations.
var transferPhrases = []Text{
	{"a virtual account number is a prefix of 1 to 12 digits and a serial of at most 10", "虚拟账号由 1 至 12 位前缀与最多 10 位序号组成"},
	{"bank number {ref} stood in a statement before, with other content", "银行流水号 {ref} 已在对账单中出现，但内容不同"},
	{"no virtual account {number} of account {account}", "账户 {account} 没有虚拟账号 {number}"},
	{"a remittance has a number of the bank", "汇款须有银行流水号"},
	{"no remittance {ref} of account {account}", "账户 {account} 没有汇款 {ref}"},
	{"bank transfer to {number}", "银行转账至 {number}"},
	{"bank statement", "银行对账单"},
	{"payback {number} is {state}", "退回 {number} 当前为 {state}"},
	{"a payback has a maker, and a payee with name, account and bank", "退回须有经办人，以及收款人户名、账号与银行"},
	{"no refund {number} waits for a payee", "没有待补录收款人的退款 {number}"},
	{"payback number {number} exists", "退回编号 {number} 已存在"},
	{"only {amount} is left", "仅剩 {amount}"},
	{"no payback {number} in the books", "账上没有退回 {number}"},
	{"payback {number} changed since it was looked at", "退回 {number} 在查看后已变更"},
	{"a second person has a name", "复核人须有姓名"},
	{"{who} proposed it; this is for a second person", "{who} 为经办人，须由另一人复核"},
	{"payback {number} is about {amount}, the bank says {other}", "退回 {number} 金额为 {amount}，银行称 {other}"},
	{"no such transfer came to the account", "该账户没有这笔汇款"},
	{"bank transfer: books, core, bank, holder and day are all needed", "银行转账：账簿、核心、银行、户名与日切均为必填"},
	{"{prefix} is not 1 to 12 digits", "{prefix} 不是 1 至 12 位数字"},
	{"bank and holder are needed: payers are told them", "银行与户名为必填：须告知付款人"},
	{"must be between 1h and 1440h", "须在 1h 与 1440h 之间"},
	{"virtual account: {reason}", "虚拟账号：{reason}"},
	{"payback: {reason}", "退回：{reason}"},
}
