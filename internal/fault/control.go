package fault

// controlRows are those of the controls between the systems.
var controlRows = []Entry{
	{
		ID:    "E-6485",
		What:  Text{"There is no such finding.", "没有该监控发现。"},
		Which: Text{"Finding {finding}.", "监控发现 {finding}。"},
		Do:    Text{"See `tieout control findings --all`.", "请查看 `tieout control findings --all`。"},
	},
	{
		ID:    "E-6486",
		What:  Text{"The finding is not in a state for this.", "监控发现当前状态不允许此操作。"},
		Which: Text{"Finding {finding} is {state}; {need}.", "监控发现 {finding} 当前为 {state}；{need}。"},
		Do:    Text{"See `tieout control findings --all`.", "请查看 `tieout control findings --all`。"},
	},
}
