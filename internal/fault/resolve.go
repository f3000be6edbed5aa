package fault

// resolveRows holds the rows of this area. Ids E-xx70 to E-xx79 of each exit code.
var resolveRows = []Entry{
	{
		ID:      "E-1170",
		What:    Text{"A safety limit stopped automatic fixes.", "安全限额阻止了自动处理。"},
		Which:   Text{"{account}, {date}: {held} held back; {reason}.", "{account}，{date}：拦截 {held} 笔；{reason}。"},
		Changed: Text{"what came before the limit was fixed; the rest waits as cases.", "限额之前的已处理；其余转为人工差错。"},
		Do:      Text{"Look at the held cases (`tieout case list`); approve them there, or raise the limit and run the date again.", "请查看被拦截的差错（`tieout case list`），在其中审批；或调高限额后重跑该日期。"},
	},
	{
		ID:    "E-1171",
		What:  Text{"The day looks like a data fault, not like many breaks.", "当日疑似数据问题，而非大量差错。"},
		Which: Text{"{account}, {date}: {reason}.", "{account}，{date}：{reason}。"},
		Do:    Text{"Check that the statement and the export are whole, then run the date again.", "请确认对账单与导出数据完整，然后重跑该日期。"},
	},
	{
		ID:    "E-4070",
		What:  Text{"The case changed while you looked at it.", "差错在查看期间已被修改。"},
		Which: Text{"Case {case}: changed by {who} at {at}.", "差错 {case}：{who} 于 {at} 修改。"},
		Do:    Text{"Look at it again (`tieout case show {case}`), then decide.", "请重新查看（`tieout case show {case}`）后再处理。"},
	},
	{
		ID:    "E-4071",
		What:  Text{"The evidence of the case is not the one that was shown.", "差错的证据与所示不一致。"},
		Which: Text{"Case {case}: a run found other facts; last change by {who} at {at}.", "差错 {case}：批次得到了不同的事实；最后由 {who} 于 {at} 修改。"},
		Do:    Text{"Look at it again (`tieout case show {case}`), then decide.", "请重新查看（`tieout case show {case}`）后再处理。"},
	},
	{
		ID:    "E-6470",
		What:  Text{"A proposal is approved by a second person.", "须由另一人复核。"},
		Which: Text{"Case {case}: {who} proposed it.", "差错 {case}：由 {who} 经办。"},
		Do:    Text{"Ask somebody else to approve it.", "请由其他人员复核。"},
	},
	{
		ID:    "E-6471",
		What:  Text{"There is no such case.", "没有该差错。"},
		Which: Text{"Case {case}.", "差错 {case}。"},
		Do:    Text{"See `tieout case list --all`.", "请查看 `tieout case list --all`。"},
	},
	{
		ID:    "E-6472",
		What:  Text{"The case is not in a state for this.", "差错当前状态不允许此操作。"},
		Which: Text{"Case {case} is {state}; {need}.", "差错 {case} 当前为 {state}；{need}。"},
		Do:    Text{"Look at its history: `tieout case show {case}`.", "请查看其历史：`tieout case show {case}`。"},
	},
	{
		ID:    "E-6473",
		What:  Text{"This fix is not offered for the case.", "该差错不提供此种处理。"},
		Which: Text{"Case {case}: {what}; offered are {offered}.", "差错 {case}：{what}；可选 {offered}。"},
		Do:    Text{"Choose one of those.", "请从可选项中选择。"},
	},
	{
		ID:    "E-6474",
		What:  Text{"A name or a reason is missing or too long.", "缺少姓名或理由，或内容过长。"},
		Which: Text{"{field}: {need}.", "{field}：{need}。"},
		Do:    Text{"Give it and try again.", "请补充后重试。"},
	},
	{
		ID:    "E-6475",
		What:  Text{"This fix changes books that tieout reads and never writes.", "该处理须修改外部账目，tieout 只读取、不写入。"},
		Which: Text{"Case {case}: {what}; our own transactions come from {source}.", "差错 {case}：{what}；我方流水来自 {source}。"},
		Do:    Text{"Do in your own system what `tieout case show {case}` says, then run `tieout rerun --date {date} --account {account}`: the case closes by itself.", "请按 `tieout case show {case}` 的说明在贵方系统中处理，然后运行 `tieout rerun --date {date} --account {account}`，差错将自动关闭。"},
	},
	{
		ID:    "E-3170",
		What:  Text{"An alert could not be delivered.", "告警未能送达。"},
		Which: Text{"{sink}, {tries} tries: {reason}.", "{sink}，已尝试 {tries} 次：{reason}。"},
		Do:    Text{"Check the address and secret of the sink, then `tieout status`; the run itself is not touched.", "请检查该告警通道的地址与密钥，再查看 `tieout status`；批次结果不受影响。"},
	},
	{
		ID:    "E-7870",
		What:  Text{"An alert sink is not set up rightly.", "告警通道配置有误。"},
		Which: Text{"{sink}: {reason}.", "{sink}：{reason}。"},
		Do:    Text{"Mend the configuration, then `tieout config check`.", "请修正配置，然后运行 `tieout config check`。"},
	},
}
