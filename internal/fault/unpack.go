package fault

// unpackRows holds the rows of archives. Ids E-xx45 to E-xx49 of each exit code.
var unpackRows = []Entry{
	{
		ID:      "E-2145",
		What:    Text{"The file is cut or damaged and cannot be unpacked.", "文件不完整或已损坏，无法解包。"},
		Which:   Text{"{file}: {reason}.", "{file}：{reason}。"},
		Changed: Text{"nothing; the raw file is kept.", "无；原始文件已保留。"},
		Do:      Text{"Fetch it again with `tieout fetch --again`. If it repeats, ask the channel to publish it anew.", "请用 `tieout fetch --again` 重新下载；如仍出现，请联系渠道重新出具对账单。"},
	},
	{
		ID:      "E-2146",
		What:    Text{"The archive unpacks to more than is allowed.", "压缩包解包后超出允许的上限。"},
		Which:   Text{"{file}: more than {value} {limit}.", "{file}：超过 {value}（{limit}）。"},
		Changed: Text{"nothing; the raw file is kept.", "无；原始文件已保留。"},
		Do:      Text{"Ask the channel whether the file is theirs. A real statement of this size needs a higher limit in the configuration.", "请向渠道确认该文件；如确为正常对账单，请在配置中提高上限。"},
	},
	{
		ID:      "E-2147",
		What:    Text{"The archive holds something that no statement holds.", "压缩包内含有对账单不应出现的内容。"},
		Which:   Text{"{file}: {reason}.", "{file}：{reason}。"},
		Changed: Text{"nothing; the raw file is kept, nothing of it was used.", "无；原始文件已保留，内容未被使用。"},
		Do:      Text{"Ask the channel whether the file is theirs and let them publish it anew.", "请向渠道确认该文件，并要求重新出具。"},
	},
	{
		ID:      "E-2148",
		What:    Text{"The file is not a {want} file.", "文件不是 {want} 格式。"},
		Which:   Text{"{file}, {size} bytes, begins with {head}.", "{file}，{size} 字节，开头为 {head}。"},
		Changed: Text{"nothing; the raw file is kept.", "无；原始文件已保留。"},
		Do:      Text{"If the beginning is an error page, fetch again later; else correct `container` in the channel definition.", "如开头是错误页面，请稍后重新下载；否则请更正渠道定义中的 `container`。"},
	},
	{
		ID:      "E-2445",
		What:    Text{"The file is a workbook or another office document, not the statement as the channel gives it.", "文件是电子表格或其他办公文档，不是渠道提供的原始对账单。"},
		Which:   Text{"{file}.", "{file}。"},
		Changed: Text{"nothing; nothing of the file was read.", "无；未读取文件内容。"},
		Do:      Text{"Take the file as the channel gives it (CSV, TXT or ZIP). Numbers and amounts that a spreadsheet program has saved are never used.", "请使用渠道提供的原始文件（CSV、TXT 或 ZIP）。电子表格程序保存过的编号和金额一律不采用。"},
	},
}
