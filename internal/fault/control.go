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
	{
		ID:    "E-7005",
		What:  Text{"The drill failed: a fault that was planted was not found as it must be, or the world as it was played raised an alarm.", "演练失败：植入的资损未按预期发现，或未植入时误报。"},
		Which: Text{"{failed} of {kinds}; the lines above say which.", "共 {kinds} 种，失败 {failed} 项，详见上表。"},
		Do:    Text{"Do not trust this build; send the command line to the maintainers.", "请勿使用此版本，并把命令行发给维护人员。"},
	},
}
