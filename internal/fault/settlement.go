package fault

// settlementRows holds the rows of this area. Ids E-xx90 to E-xx99 of each exit
// code, beside those of the configuration.
var settlementRows = []Entry{
	{
		ID:    "E-1190",
		What:  Text{"Nothing settles from a day that is not proven.", "未核对完成的日期不得结算。"},
		Which: Text{"{date}: {reason}.", "{date}：{reason}。"},
		Do:    Text{"Run the missing days (`tieout status`), then collect again; or let two people say `tieout settle collect --date {date} --override --reason TEXT --by NAME`.", "请先完成缺失日期的对账（`tieout status`），再重新归集；或由两人分别执行 `tieout settle collect --date {date} --override --reason 理由 --by 姓名`。"},
	},
	{
		ID:      "E-1191",
		What:    Text{"The bank contradicts what it said before, or what we sent.", "银行的答复与此前的答复或我方指令矛盾。"},
		Which:   Text{"{payouts}.", "{payouts}。"},
		Changed: Text{"what the other answers say; nothing is paid again for these.", "其余答复已处理；上述各笔不会再次出款。"},
		Do:      Text{"Ask the bank about each of them, with its number; `tieout settle show BATCH` shows its history.", "请凭出款编号逐笔向银行核实；`tieout settle show 批次` 可查看历史。"},
	},
	{
		ID:    "E-2490",
		What:  Text{"The bank's result file cannot be read: {reason}.", "无法读取银行结果文件：{reason}。"},
		Which: Text{"{path}.", "{path}。"},
		Do:    Text{"Ask for the file again; its form is in docs/systems/payouts.md.", "请重新索取该文件；格式见 docs/systems/payouts.md。"},
	},
	{
		ID:    "E-4090",
		What:  Text{"The batch is not what was checked any more: {reason}.", "批次已不同于检查时的内容：{reason}。"},
		Which: Text{"Batch {batch}.", "批次 {batch}。"},
		Do:    Text{"Check it again (`tieout settle check {batch}`), then look at it and approve.", "请重新检查（`tieout settle check {batch}`），查看后再审批。"},
	},
	{
		ID:    "E-4290",
		What:  Text{"The stored payouts of a file are not those that it was made of.", "所存出款与生成文件时的不一致。"},
		Which: Text{"Payout file {file}.", "出款文件 {file}。"},
		Do:    Text{"Send nothing. Somebody has changed the database: restore a backup and compare.", "请勿发送。数据库被改动：请恢复备份并比对。"},
	},
	{
		ID:    "E-5090",
		What:  Text{"The batch does not agree with the documents: {reason}.", "批次与单据不符：{reason}。"},
		Which: Text{"Batch {batch}.", "批次 {batch}。"},
		Do:    Text{"Run `tieout verify`; send the batch back (`tieout settle reject {batch}`) and collect again.", "请运行 `tieout verify`；退回该批次（`tieout settle reject {batch}`）后重新归集。"},
	},
	{
		ID:    "E-5091",
		What:  Text{"The ledger owes the merchant another amount than the documents say.", "账簿应付商户金额与单据不符。"},
		Which: Text{"Merchant {merchant}: documents {want}, ledger {got}.", "商户 {merchant}：单据 {want}，账簿 {got}。"},
		Do:    Text{"Settle nothing of this merchant; run `tieout verify` and find the first transaction that differs.", "请暂停该商户的结算；运行 `tieout verify` 并找出首笔不符的凭证。"},
	},
	{
		ID:    "E-6490",
		What:  Text{"This is carried out by a second person.", "须由另一人执行。"},
		Which: Text{"{subject}: {who} was the first.", "{subject}：{who} 为经办人。"},
		Do:    Text{"Ask somebody else to look at the same and say the same command.", "请由其他人员核对后执行同一命令。"},
	},
	{
		ID:    "E-6491",
		What:  Text{"There is no such batch.", "没有该结算批次。"},
		Which: Text{"Batch {batch}.", "批次 {batch}。"},
		Do:    Text{"See `tieout settle list`.", "请查看 `tieout settle list`。"},
	},
	{
		ID:    "E-6492",
		What:  Text{"The batch is not in a state for this.", "批次当前状态不允许此操作。"},
		Which: Text{"Batch {batch} is {state}; {need}.", "批次 {batch} 当前为 {state}；{need}。"},
		Do:    Text{"Look at its history: `tieout settle show {batch}`.", "请查看其历史：`tieout settle show {batch}`。"},
	},
	{
		ID:    "E-6493",
		What:  Text{"The contract says another fee now than when the batch was collected.", "合同费率与归集时不同。"},
		Which: Text{"Batch {batch}, {ref}; collected at {terms}.", "批次 {batch}，{ref}；归集时费率 {terms}。"},
		Do:    Text{"If the contract is right, send the batch back (`tieout settle reject {batch}`) and collect again; else mend the contract.", "若合同正确，请退回该批次（`tieout settle reject {batch}`）后重新归集；否则请修正合同。"},
	},
	{
		ID:    "E-6494",
		What:  Text{"There is no such payout, payout file or payment.", "没有该出款、出款文件或支付单。"},
		Which: Text{"{subject}.", "{subject}。"},
		Do:    Text{"`tieout settle show BATCH` lists the payouts of a batch and their files.", "`tieout settle show 批次` 列出批次的出款及其文件。"},
	},
	{
		ID:    "E-6495",
		What:  Text{"Such an answer cannot follow.", "该答复与当前状态不符。"},
		Which: Text{"Payout {payout} is {state}; the answer is {answer}.", "出款 {payout} 当前为 {state}；答复为 {answer}。"},
		Do:    Text{"Look at what the bank said before: `tieout settle show BATCH`.", "请查看银行此前的答复：`tieout settle show 批次`。"},
	},
	{
		ID:    "E-7896",
		What:  Text{"The day of payment cannot be computed: {reason}.", "无法计算结算日：{reason}。"},
		Which: Text{"Merchant {merchant}, bill date {date}.", "商户 {merchant}，账单日 {date}。"},
		Do:    Text{"Put the holidays and worked weekends of the year under `calendar:`; nothing settles over days that nobody has entered.", "请在 `calendar:` 中补全该年的节假日与调休日；未维护的年份不予结算。"},
	},
	{
		ID:    "E-7897",
		What:  Text{"The merchant cannot be settled as it is configured: {reason}.", "商户结算配置有误：{reason}。"},
		Which: Text{"Merchant {merchant}.", "商户 {merchant}。"},
		Do:    Text{"Mend `settlement:`, then run `tieout config check`.", "请修正 `settlement:`，然后运行 `tieout config check`。"},
	},
}
