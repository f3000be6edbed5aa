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
}
