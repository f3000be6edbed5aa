package fault

// transferRows holds the rows of bank transfers and of the clearing
// organisations.
var transferRows = []Entry{
	{
		ID:    "E-6450",
		What:  Text{"The books refuse it: {reason}.", "账务拒绝：{reason}。"},
		Which: Text{"{number}.", "{number}。"},
		Do:    Text{"See how it stands: `tieout transfer list`.", "请查看当前状态：`tieout transfer list`。"},
	},
	{
		ID:    "E-6451",
		What:  Text{"The books refuse it: {reason}.", "账务拒绝：{reason}。"},
		Which: Text{"{number}.", "{number}。"},
		Do:    Text{"See how it stands: `tieout interop list`.", "请查看当前状态：`tieout interop list`。"},
	},
	{
		ID:      "E-6452",
		What:    Text{"The clearing organisation has not answered.", "清算机构未应答。"},
		Which:   Text{"{number}.", "{number}。"},
		Changed: Text{"it stands in the books as {state}, and what became of it is not known yet.", "已记入账簿，状态为 {state}，最终结果未知。"},
		Do:      Text{"`tieout serve` asks again by itself; or repeat the command with this number.", "`tieout serve` 会自动再次查询；也可用同一编号重复此命令。"},
	},
}
