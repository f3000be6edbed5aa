package fault

// matchRows holds the rows of this area. Ids E-xx60 to E-xx69 of each exit code.
var matchRows = []Entry{
	{
		ID:      "E-4260",
		What:    Text{"A stored file cannot be read as what it should be.", "存储的文件无法按其应有的格式读取。"},
		Which:   Text{"{path}.", "{path}。"},
		Changed: Text{"nothing; the stage that reads it stopped.", "无；读取该文件的阶段已停止。"},
		Do: Text{"Run `tieout verify --read-data`. If the file belongs to a run, rebuild it: `tieout rerun --from normalize` for its date.",
			"请运行 `tieout verify --read-data`；若该文件属于某个批次，请对其日期执行 `tieout rerun --from normalize` 重建。"},
	},
	{
		ID:    "E-4160",
		What:  Text{"There are too many rows for one match.", "单次对账的行数过多。"},
		Which: Text{"{rows} rows; the limit is {limit}.", "{rows} 行；上限为 {limit}。"},
		Do:    Text{"Split the account's statement by sub-merchant, or ask the channel for smaller files.", "请按子商户拆分该账户的对账单，或向渠道申请更小的文件。"},
	},
	{
		ID:    "E-4161",
		What:  Text{"The match needs more memory than it may use.", "对账所需内存超过允许值。"},
		Which: Text{"About {need} bytes; allowed are {limit}.", "约需 {need} 字节；允许 {limit} 字节。"},
		Do:    Text{"Raise `--memory`, or run fewer accounts at the same time.", "请调高 `--memory`，或减少同时运行的账户数。"},
	},
}
