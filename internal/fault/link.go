package fault

// linkRows holds the rows of this area. Ids E-xx50 to E-xx59 of each exit code.
var linkRows = []Entry{
	{
		ID:      "E-2050",
		What:    Text{"Our own transactions are not there yet: {file} is missing.", "我方交易数据尚未就绪：缺少文件 {file}。"},
		Which:   Text{"{path}.", "{path}。"},
		Changed: Text{"nothing.", "无。"},
		Do:      Text{"Let the export program write the file, or mend `local.path`; the next run goes on from here.", "请让导出程序生成该文件，或修正 `local.path`；下次运行会从此处继续。"},
	},
	{
		ID:      "E-2150",
		What:    Text{"The export of our own transactions is not whole: {proof} says {want}, the rows say {got}.", "我方交易导出不完整：{proof} 应为 {want}，实际为 {got}。"},
		Which:   Text{"Account {account}, {date}.", "账户 {account}，{date}。"},
		Changed: Text{"nothing; no statement is compared with half an export.", "无；不会用不完整的导出进行核对。"},
		Do:      Text{"Run the same date again. If it repeats, look for rows that the query shows twice or not at all.", "请重跑同一日期；若重复出现，请检查查询是否重复或遗漏了行。"},
	},
	{
		ID:      "E-2151",
		What:    Text{"The local file has {count} rows that cannot be read; the first: line {line}, column {column} ({field}), value {value}: {reason}.", "本地文件有 {count} 行无法读取；首个：第 {line} 行第 {column} 列（{field}），值 {value}：{reason}。"},
		Which:   Text{"File {file}, sha256 {sha256}.", "文件 {file}，sha256 {sha256}。"},
		Changed: Text{"nothing.", "无。"},
		Do:      Text{"Mend these rows, or the column mapping and the words, and export the file again.", "请修正这些行，或修正列映射与取值对照，然后重新导出该文件。"},
	},
	{
		ID:    "E-2152",
		What:  Text{"The file changed while it was read.", "读取期间文件发生了变化。"},
		Which: Text{"File {file}.", "文件 {file}。"},
		Do:    Text{"Wait until the program that writes it has finished, then run again.", "请等待写入它的程序完成后再运行。"},
	},
	{
		ID:    "E-2450",
		What:  Text{"The local file does not have the columns that are needed: {reason}.", "本地文件缺少所需的列：{reason}。"},
		Which: Text{"File {file}; its columns are {columns}.", "文件 {file}；其列为 {columns}。"},
		Do:    Text{"Export it with the columns kind, order_no, refund_no, channel_txn_id, status, amount_minor, currency, fee_minor, created_at, completed_at, or name your columns in the mapping.", "请按 kind, order_no, refund_no, channel_txn_id, status, amount_minor, currency, fee_minor, created_at, completed_at 各列导出，或在列映射中写明贵方的列名。"},
	},
	{
		ID:    "E-2451",
		What:  Text{"The local file cannot be read as {format}: {reason}.", "本地文件不是可读的 {format}：{reason}。"},
		Which: Text{"File {file}.", "文件 {file}。"},
		Do:    Text{"Export the file again.", "请重新导出该文件。"},
	},
	{
		ID:    "E-3050",
		What:  Text{"The local database refuses us.", "本地数据库拒绝访问。"},
		Which: Text{"Account {account}, database {database}.", "账户 {account}，数据库 {database}。"},
		Do:    Text{"Check user, password and rights; a user that may only read is enough.", "请检查用户名、密码和权限；只读用户即可。"},
	},
	{
		ID:    "E-3150",
		What:  Text{"The local database cannot be read: {reason}.", "无法读取本地数据库：{reason}。"},
		Which: Text{"Account {account}, database {database}.", "账户 {account}，数据库 {database}。"},
		Do:    Text{"Check that it runs and that the query works, then run again.", "请确认数据库在运行且查询可用，然后重新运行。"},
	},
	{
		ID:    "E-7850",
		What:  Text{"The local source is not set up right: {reason}.", "本地数据源配置有误：{reason}。"},
		Which: Text{"Account {account}.", "账户 {account}。"},
		Do:    Text{"Mend the configuration, then run `tieout config check`.", "请修正配置，然后运行 `tieout config check`。"},
	},
}
