package fault

// configRows holds the rows of this area. Ids E-xx90 to E-xx99 of each exit code.
var configRows = []Entry{
	{
		ID:    "E-7890",
		What:  Text{"The configuration has mistakes: {count}.", "配置文件有 {count} 处错误。"},
		Which: Text{"{path}; each is listed above with its line.", "{path}；每处错误及行号见上文。"},
		Do:    Text{"Mend them and run `tieout config check`.", "请修正后运行 `tieout config check`。"},
	},
	{
		ID:    "E-7891",
		What:  Text{"The configuration cannot be read.", "无法读取配置文件。"},
		Which: Text{"{path}.", "{path}。"},
		Do:    Text{"Name it with --config, or make one with `tieout init`.", "请用 --config 指定，或用 `tieout init` 生成。"},
	},
	{
		ID:    "E-7892",
		What:  Text{"A setting, key or secret cannot be used: {reason}.", "配置项或密钥无法使用：{reason}。"},
		Which: Text{"Account {account}, option {option}.", "账户 {account}，配置项 {option}。"},
		Do:    Text{"Mend the setting, or put the right file there; what keys hold is never shown.", "请修正该配置项，或放置正确的文件；密钥内容不会显示。"},
	},
	{
		ID:    "E-7893",
		What:  Text{"There is no such account in the configuration.", "配置中没有该账户。"},
		Which: Text{"Account {account}; known: {known}.", "账户 {account}；已有：{known}。"},
		Do:    Text{"Use one of the names, or leave --account out for all.", "请使用已有名称，或不写 --account 表示全部。"},
	},
	{
		ID:    "E-7895",
		What:  Text{"No account of the configuration is chosen.", "没有选中配置中的任何账户。"},
		Which: Text{"--account {account} --channel {channel}; known: {known}.", "--account {account} --channel {channel}；已有：{known}。"},
		Do:    Text{"Use a channel of one of these accounts, or leave --channel out for all.", "请使用这些账户的渠道，或不写 --channel 表示全部。"},
	},
	{
		ID:    "E-7898",
		What:  Text{"The address cannot be served: {reason}.", "无法监听该地址：{reason}。"},
		Which: Text{"{address}.", "{address}。"},
		Do:    Text{"Stop what serves there, or choose another api.listen.", "请停止占用该地址的程序，或更换 api.listen。"},
	},
	{
		ID:    "E-7899",
		What:  Text{"The database would stand on a network file system ({kind}), where its locks do not hold.", "数据库位于网络文件系统（{kind}）上，其文件锁不可靠。"},
		Which: Text{"{path}.", "{path}。"},
		Do:    Text{"Put the data folder on a disk of this machine; `tieout backup` copies the database elsewhere.", "请把数据目录放在本机磁盘上；异地副本请用 `tieout backup`。"},
	},
	{
		ID:    "E-7894",
		What:  Text{"A channel definition has mistakes.", "渠道定义有误。"},
		Which: Text{"{path}; each is listed above.", "{path}；每处错误见上文。"},
		Do:    Text{"Mend them, then try the definition with `tieout channel describe --definition {path} FILE`.", "请修正后用 `tieout channel describe --definition {path} 文件` 试用该定义。"},
	},
}
