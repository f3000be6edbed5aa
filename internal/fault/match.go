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
}
