package fault

// pipelineRows holds the rows of this area. Ids E-xx80 to E-xx89 of each exit code.
var pipelineRows = []Entry{
	{
		ID:      "E-1180",
		What:    Text{"A safety limit held back {held} automatic fixes.", "安全限额拦截了 {held} 笔自动处理。"},
		Which:   Text{"{channel}, account {account}, {date}: {reason}.", "{channel}，账户 {account}，{date}：{reason}。"},
		Changed: Text{"{applied} fixes within the limits were applied.", "限额以内的 {applied} 笔已处理。"},
		Do:      Text{"Look at the held items with `tieout case list --account {account}`.", "请用 `tieout case list --account {account}` 查看被拦截的差错。"},
	},
	{
		ID:    "E-2080",
		What:  Text{"The statement is not available yet ({detail}).", "账单尚未就绪（{detail}）。"},
		Which: Text{"{channel}, account {account}, {date}, {statement}; next try {next}.", "{channel}，账户 {account}，{date}，{statement}；下次尝试 {next}。"},
		Do:    Text{"Nothing: the next scheduled run tries again. `tieout run --date {date} --account {account} --now` tries at once.", "无需处理：下次定时任务会自动重试。立即重试：`tieout run --date {date} --account {account} --now`。"},
	},
	{
		ID:    "E-2081",
		What:  Text{"The statement is late: the give-up time has passed ({detail}).", "账单逾期：已过放弃时间（{detail}）。"},
		Which: Text{"{channel}, account {account}, {date}, {statement}; {attempt} tries.", "{channel}，账户 {account}，{date}，{statement}；已尝试 {attempt} 次。"},
		Do:    Text{"Ask the channel, then run `tieout run --date {date} --account {account} --now`.", "请联系渠道，然后运行 `tieout run --date {date} --account {account} --now`。"},
	},
	{
		ID:    "E-2082",
		What:  Text{"There is no statement to compute with, and a dry run fetches none.", "没有可用账单，且试运行不会下载账单。"},
		Which: Text{"{channel}, account {account}, {date}, {statement}.", "{channel}，账户 {account}，{date}，{statement}。"},
		Do:    Text{"Run `tieout fetch --date {date} --account {account}` first.", "请先运行 `tieout fetch --date {date} --account {account}`。"},
	},
	{
		ID:    "E-2083",
		What:  Text{"There is no finished run of this day.", "该日期没有已完成的批次。"},
		Which: Text{"Account {account}, {date}.", "账户 {account}，{date}。"},
		Do:    Text{"Run `tieout run --date {date} --account {account}` first.", "请先运行 `tieout run --date {date} --account {account}`。"},
	},
	{
		ID:    "E-2180",
		What:  Text{"The export of our own transactions is not whole: {proof}.", "本地流水导出不完整：{proof}。"},
		Which: Text{"Account {account}, {date}: expected {want}, found {got}. {note}", "账户 {account}，{date}：应为 {want}，实为 {got}。{note}"},
		Do:    Text{"Run the date again; if it repeats, the source changes while it is read: see the runbook.", "请重跑该日期；若反复出现，说明来源在读取期间变动，请查看运维手册。"},
	},
	{
		ID:      "E-2183",
		What:    Text{"What came of a statement that was not proven whole is kept as evidence.", "未通过完整性校验的文件内容已留存备查。"},
		Which:   Text{"{channel}, account {account}, {date}, {statement}: file {file}, {size} bytes, in {kept}.", "{channel}，账户 {account}，{date}，{statement}：文件 {file}，{size} 字节，位于 {kept}。"},
		Changed: Text{"nothing; no row of it is used.", "无；其中任何一行均未使用。"},
		Do:      Text{"What the message above says. If the channel asks what it sent, show it this file.", "请按上一条消息处理；如渠道询问其发送内容，可出示此文件。"},
	},
	{
		ID:      "E-2280",
		What:    Text{"The channel issued this statement again with other content.", "渠道重新出具了内容不同的账单。"},
		Which:   Text{"{channel}, account {account}, {date}, {statement}: used {old}… ({old_bytes} bytes), new {new}… ({new_bytes} bytes).", "{channel}，账户 {account}，{date}，{statement}：已用 {old}…（{old_bytes} 字节），新版 {new}…（{new_bytes} 字节）。"},
		Changed: Text{"nothing; the new file is kept beside the old one.", "无；新文件与旧文件并存保留。"},
		Do:      Text{"See what would change with `tieout rerun --date {date} --account {account} --accept-reissue --dry-run`; accept it by leaving out --dry-run.", "用 `tieout rerun --date {date} --account {account} --accept-reissue --dry-run` 查看变化；去掉 --dry-run 即接受。"},
	},
	{
		ID:    "E-2480",
		What:  Text{"File is no statement that any channel knows.", "没有渠道能识别该文件。"},
		Which: Text{"File {file}; tried {channels}.", "文件 {file}；已尝试 {channels}。"},
		Do:    Text{"Take the file as the channel gave it, not saved by another program. For your own bank's format give its definition with --definition.", "请使用渠道提供的原始文件，勿用其他程序另存；自有银行格式请用 --definition 指定定义文件。"},
	},
	{
		ID:    "E-4080",
		What:  Text{"Another run is at work on this day.", "该日期已有批次在运行。"},
		Which: Text{"{name}: held by {holder} since {started}, stage {stage}.", "{name}：{holder} 自 {started} 起占用，阶段 {stage}。"},
		Do:    Text{"Wait for it; if that process is gone, its lease ends within a minute.", "请等待其结束；若该进程已不在，租约将在一分钟内到期。"},
	},
	{
		ID:    "E-4081",
		What:  Text{"This run lost its lease to another one and stopped writing.", "本批次已失去租约，停止写入。"},
		Which: Text{"{name}.", "{name}。"},
		Do:    Text{"See `tieout status`; run the date again if nothing else does.", "请查看 `tieout status`；若无其他批次在跑，请重跑该日期。"},
	},
	{
		ID:    "E-5080",
		What:  Text{"Our own result breaks an invariant: {proof}.", "自身结果违反不变量：{proof}。"},
		Which: Text{"Account {account}, {date}: expected {want}, found {got}. {note}", "账户 {account}，{date}：应为 {want}，实为 {got}。{note}"},
		Do:    Text{"Send the run's folder to the maintainers; settle nothing from this day.", "请把批次目录发给维护人员；该日不得结算。"},
	},
	{
		ID:    "E-5081",
		What:  Text{"The recomputation differs from what was published: {what}.", "重算结果与已发布结果不同：{what}。"},
		Which: Text{"Account {account}, {date}, stage {stage}: first difference {first}.", "账户 {account}，{date}，阶段 {stage}：首个差异 {first}。"},
		Do:    Text{"Keep the recomputation with `tieout replay --date {date} --account {account}` and compare its files with the published ones; the published result stays.", "请用 `tieout replay --date {date} --account {account}` 保留重算文件，并与已发布文件比较；已发布结果保持不变。"},
	},
	{
		ID:    "E-1181",
		What:  Text{"The night cannot be undone: money has moved on since.", "无法撤销该批次：资金已被后续使用。"},
		Which: Text{"Run {run}: {reason}.", "批次 {run}：{reason}。"},
		Do:    Text{"Settle the listed items by hand with `tieout case`.", "请用 `tieout case` 人工处理所列项目。"},
	},
	{
		ID:      "E-13080",
		What:    Text{"Stopped at stage {stage}.", "已在阶段 {stage} 停止。"},
		Which:   Text{"Account {account}, {date}.", "账户 {account}，{date}。"},
		Changed: Text{"finished stages are kept.", "已完成的阶段保留。"},
		Do:      Text{"Run the same command again to continue.", "重新执行同一命令即可继续。"},
	},
	{
		ID:    "E-5082",
		What:  Text{"The demo found something else than was planted.", "演示结果与预设故障不一致。"},
		Which: Text{"Folder {dir}; the lines marked <-- above say what.", "目录 {dir}；详见上方 <-- 标记的行。"},
		Do:    Text{"Send the folder to the maintainers.", "请把该目录发给维护人员。"},
	},
	{
		ID:      "E-4280",
		What:    Text{"A published result is damaged.", "已发布的结果已损坏。"},
		Which:   Text{"{what}: {got}", "{what}：{got}"},
		Changed: Text{"nothing; settle nothing from this day.", "无；该日不得结算。"},
		Do:      Text{"Restore the files from a backup; if the raw statement is whole, `tieout rerun` makes the result anew.", "请从备份恢复文件；若原始账单完好，可用 `tieout rerun` 重新生成结果。"},
	},
	{
		ID:    "E-2181",
		What:  Text{"The statement is empty, but the account usually has rows.", "账单为空，但该账户平时有交易。"},
		Which: Text{"{channel}, account {account}, {date}: 0 rows; our books have {local} successful transactions, the last days had {usual} rows or more.", "{channel}，账户 {account}，{date}：0 行；本地成功交易 {local} 笔，近日至少 {usual} 行。"},
		Do:    Text{"Ask the channel; if the day was really empty, run `tieout run --date {date} --account {account} --accept-empty`.", "请向渠道核实；若当日确无交易，运行 `tieout run --date {date} --account {account} --accept-empty`。"},
	},
	{
		ID:    "E-2182",
		What:  Text{"The balance does not go on where the day before ended.", "期初余额与上一日期末余额不符。"},
		Which: Text{"Account {account}, {date}: closing balance of the day before {want}, opening balance {got}.", "账户 {account}，{date}：上日期末余额 {want}，本日期初余额 {got}。"},
		Do:    Text{"Ask the channel for both fund statements again: `tieout fetch --date {date} --account {account} --again`, and likewise the day before.", "请重新获取两日的资金账单：`tieout fetch --date {date} --account {account} --again`，上一日同理。"},
	},
}
