package fault

// ledgerRows holds the rows of accounts and the ledger. Ids E-5070 to E-5079
// and E-7871 to E-7879.
var ledgerRows = []Entry{
	{
		ID:    "E-5070",
		What:  Text{"An account of no subject of the chart cannot be posted to.", "科目表中没有该账户所属的科目，不能记账。"},
		Which: Text{"Account {account}.", "账户 {account}。"},
		Do:    Text{"Report it: the program made a posting that its own chart does not know. `tieout ledger chart` shows the subjects.", "请报告此问题：程序生成了科目表之外的分录。`tieout ledger chart` 可查看科目。"},
	},
	{
		ID:    "E-5071",
		What:  Text{"The checksum of a balance fails: somebody changed it past the program. The account is stopped.", "余额校验码不符：有人绕过程序改动了余额。该账户已停用。"},
		Which: Text{"Account {account} in {currency}.", "账户 {account}，币种 {currency}。"},
		Do:    Text{"Run `tieout verify` and find out who wrote to the database. Restore a backup, or correct the row until it is the sum of its postings and run `tieout ledger seal`.", "请运行 `tieout verify` 并查明是谁写入了数据库。请恢复备份；或将该行改正为分录合计后运行 `tieout ledger seal`。"},
	},
	{
		ID:    "E-5072",
		What:  Text{"The balances cannot be sealed: one of them is not what its postings come to.", "无法加盖校验码：有余额与分录合计不符。"},
		Which: Text{"The check {proof} finds {found} that differ.", "检查项 {proof} 发现 {found} 处不符。"},
		Do:    Text{"Run `tieout verify`, and correct what differs.", "请运行 `tieout verify`，并改正不符之处。"},
	},
	{
		ID:    "E-7871",
		What:  Text{"The balances are sealed, and the configuration names no key.", "余额已加盖校验码，而配置中没有密钥。"},
		Which: Text{"Account {account}.", "账户 {account}。"},
		Do:    Text{"Set ledger.key_file to the file of the key that the balances were sealed with.", "请将 ledger.key_file 设为当初所用密钥的文件。"},
	},
}
