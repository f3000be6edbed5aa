package fault

// httpRows holds the rows of the downloads over HTTP and of the active
// queries. Ids E-xx10 to E-xx19.
var httpRows = []Entry{
	{
		ID:    "E-2110",
		What:  Text{"The channel sent something that is not a statement file.", "渠道返回的内容不是账单文件。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}: it begins with {head}.", "{channel}，商户 {account}，{date}，{place}：内容开头为 {head}。"},
		Do:    Text{"Run `tieout fetch --date {date} --channel {channel} --again`. If it repeats, show the text above to the channel.", "请运行 `tieout fetch --date {date} --channel {channel} --again`；若重复出现，请把上述内容提供给渠道。"},
	},
	{
		ID:      "E-2111",
		What:    Text{"The statement does not have the digest that the channel announced, twice in a row.", "账单摘要连续两次与渠道公布的不符。"},
		Which:   Text{"{channel}, merchant {account}, {date}, {place}: expected {want}, found {got}; {size} bytes.", "{channel}，商户 {account}，{date}，{place}：应为 {want}，实为 {got}；{size} 字节。"},
		Changed: Text{"nothing; the file is held and no row of it is used.", "无；该文件已隔离，其中任何一行均未使用。"},
		Do:      Text{"Run `tieout fetch --date {date} --channel {channel} --again`. If it repeats, ask the channel to issue the statement again.", "请运行 `tieout fetch --date {date} --channel {channel} --again`；若重复出现，请要求渠道重新出具账单。"},
	},
	{
		ID:    "E-2112",
		What:  Text{"The statement was cut off on the way.", "账单在传输中被截断。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}: expected {want}, received {got}.", "{channel}，商户 {account}，{date}，{place}：应为 {want}，收到 {got}。"},
		Do:    Text{"Run `tieout fetch --date {date} --channel {channel} --again`. If it repeats, ask the channel to issue the statement again.", "请运行 `tieout fetch --date {date} --channel {channel} --again`；若重复出现，请要求渠道重新出具账单。"},
	},
	{
		ID:    "E-2113",
		What:  Text{"The statement is larger than the limit.", "账单超过大小上限。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}: the limit is {limit} bytes.", "{channel}，商户 {account}，{date}，{place}：上限为 {limit} 字节。"},
		Do:    Text{"If the statement can be that large, raise `max_bytes` of the account and run the date again; otherwise show it to the channel.", "若账单确有这么大，请调高该账户的 `max_bytes` 后重跑该日期；否则请联系渠道。"},
	},
	{
		ID:    "E-2410",
		What:  Text{"The channel's answer cannot be understood: {reason}.", "无法理解渠道的应答：{reason}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Send the log to the maintainers: the channel may have changed its interface.", "请把日志发给维护人员：渠道接口可能已变更。"},
	},
	{
		ID:    "E-3010",
		What:  Text{"The server's identity cannot be verified (TLS).", "无法验证服务器身份（TLS）。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Check the address and the clock. For a server with a private certificate authority set `ca_file` of the account. Verification cannot be switched off.", "请检查地址与系统时间；若服务器使用私有证书机构，请设置账户的 `ca_file`。证书校验不可关闭。"},
	},
	{
		ID:    "E-3011",
		What:  Text{"The address is refused: {reason}.", "地址被拒绝：{reason}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"If the address is right, add its host to `download_hosts` (or, inside your own network, to `private_hosts`) of the account. If you do not know it, tell the channel: somebody may be redirecting downloads.", "若地址正确，请将其主机加入账户的 `download_hosts`（内网主机加入 `private_hosts`）；若不认识该地址，请通知渠道：下载可能被人劫持。"},
	},
	{
		ID:    "E-3012",
		What:  Text{"The signature of the channel's answer does not hold: {reason}.", "渠道应答验签失败：{reason}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Compare the channel's public keys in the configuration with those in its merchant console; the channel may have changed its key.", "请核对配置中的渠道公钥与商户平台是否一致；渠道可能已更换密钥。"},
	},
	{
		ID:    "E-3013",
		What:  Text{"The channel refuses our signature or our rights: {code} {message}.", "渠道拒绝了我方签名或权限：{code} {message}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Check merchant number, certificate serial, private key and rights in the channel's merchant console, then run the date again.", "请在渠道商户平台核对商户号、证书序列号、私钥与接口权限，然后重跑该日期。"},
	},
	{
		ID:    "E-3014",
		What:  Text{"The clock is {minutes} min ahead: signed calls are refused.", "本机时钟快 {minutes} 分钟：签名请求被拒绝。"},
		Which: Text{"{channel}, merchant {account}, {place}: local time {local}, the channel's time {theirs}.", "{channel}，商户 {account}，{place}：本机时间 {local}，渠道时间 {theirs}。"},
		Do:    Text{"Set the clock of this machine (NTP), then run the date again.", "请校准本机时钟（NTP），然后重跑该日期。"},
	},
	{
		ID:    "E-3015",
		What:  Text{"The channel refuses the request: {code} {message}.", "渠道拒绝了该请求：{code} {message}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Check merchant number, bill type and date; a channel keeps statements for a limited time. Asking again changes nothing.", "请检查商户号、账单类型与日期；渠道只保留有限时间的账单。重复请求无济于事。"},
	},
	{
		ID:    "E-3016",
		What:  Text{"The clock is {minutes} min behind: signed calls are refused.", "本机时钟慢 {minutes} 分钟：签名请求被拒绝。"},
		Which: Text{"{channel}, merchant {account}, {place}: local time {local}, the channel's time {theirs}.", "{channel}，商户 {account}，{place}：本机时间 {local}，渠道时间 {theirs}。"},
		Do:    Text{"Set the clock of this machine (NTP), then run the date again.", "请校准本机时钟（NTP），然后重跑该日期。"},
	},
	{
		ID:    "E-3110",
		What:  Text{"The connection to the channel failed; all tries are used up.", "与渠道的连接失败，重试次数已用尽。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Nothing for now: it is tried again by the schedule. If it lasts, check network, proxy and the channel's notices.", "暂无需处理：将按计划自动重试。若持续出现，请检查网络、代理与渠道公告。"},
	},
	{
		ID:    "E-3111",
		What:  Text{"The server is too slow: {reason}.", "服务器响应过慢：{reason}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Nothing for now: it is tried again by the schedule. If it lasts, check the network or raise the account's time limits.", "暂无需处理：将按计划自动重试。若持续出现，请检查网络或调高账户的时限。"},
	},
	{
		ID:    "E-3112",
		What:  Text{"The channel is busy: {code} {message}.", "渠道繁忙：{code} {message}。"},
		Which: Text{"{channel}, merchant {account}, {place}.", "{channel}，商户 {account}，{place}。"},
		Do:    Text{"Nothing for now: it is tried again by the schedule.", "暂无需处理：将按计划自动重试。"},
	},
	{
		ID:    "E-3113",
		What:  Text{"The download link did not work, with {tries} fresh links.", "下载链接失效，已换用 {tries} 个新链接。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}: {reason}.", "{channel}，商户 {account}，{date}，{place}：{reason}。"},
		Do:    Text{"Nothing for now: it is tried again by the schedule. If it lasts, ask the channel.", "暂无需处理：将按计划自动重试。若持续出现，请联系渠道。"},
	},
}
