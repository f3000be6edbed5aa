package fault

import "slices"

// fetchRows holds the rows of this area. Ids E-xx10 to E-xx29 of each exit
// code: E-xx10 to E-xx19 in fetch_http.go, E-xx20 to E-xx29 in fileRows.
var fetchRows = slices.Concat(httpRows, fileRows)

// fileRows holds the rows of the sources that read files from a folder: ftp,
// sftp, localdir, and of the retries around all sources.
var fileRows = []Entry{
	// E-xx20 to E-xx29: files over FTP, SFTP and in folders.
	{
		ID:    "E-2120",
		What:  Text{"A statement file was cut short: {got} of {want} bytes came, and the server called it complete.", "对账文件被截断：应为 {want} 字节，只收到 {got} 字节，而服务器称已传完。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Fetch the date again. If it repeats, ask the channel to publish the file anew.", "请重新拉取该日期；若重复出现，请联系渠道重新出具文件。"},
	},
	{
		ID:    "E-2121",
		What:  Text{"A statement file does not have the digest that its marker names, twice in a row.", "对账文件与标记文件中的摘要连续两次不符。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}: {kind} should be {want}, is {got}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}：{kind} 应为 {want}，实为 {got}。"},
		Do:    Text{"Ask the channel which of the two is right and to publish both anew; then fetch the date again.", "请向渠道确认并要求重新出具数据文件和标记文件，然后重新拉取该日期。"},
	},
	{
		ID:    "E-2122",
		What:  Text{"A marker file cannot be understood: {reason}.", "标记文件无法识别：{reason}。"},
		Which: Text{"{channel}, merchant {account}, {date}, marker {marker} of file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上文件 {file} 的标记文件 {marker}。"},
		Do:    Text{"Compare the marker with the channel's definition (kind and name of the marker); ask the channel if it has changed.", "请核对渠道定义中标记文件的类型和命名，并向渠道确认是否有变更。"},
	},
	{
		ID:    "E-2123",
		What:  Text{"The parts of a statement are not complete: expected {want}, found {got}.", "对账文件的分片不完整：应为 {want}，实有 {got}。"},
		Which: Text{"{channel}, merchant {account}, {date}, last part seen {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place}，最后看到的分片 {file}。"},
		Do:    Text{"Ask the channel for the missing part; then fetch the date again.", "请向渠道索取缺失或有误的分片，然后重新拉取该日期。"},
	},
	{
		ID:    "E-2124",
		What:  Text{"A finished statement file changed while it was read, twice in a row.", "已标记完成的对账文件在读取过程中连续两次发生变化。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Ask the channel whether the file is being published anew; fetch the date again when it is done.", "请向渠道确认是否正在重新出具文件，完成后重新拉取该日期。"},
	},
	{
		ID:    "E-2125",
		What:  Text{"A statement file is marked as finished and has no bytes.", "对账文件已标记完成，但内容为空（0 字节）。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Ask the channel. If it says so on a day without transactions, set the empty rule of the account to zero_bytes.", "请向渠道确认；若该渠道以空文件表示当日无交易，请将账户的空文件规则设为 zero_bytes。"},
	},
	{
		ID:    "E-2126",
		What:  Text{"There is a link, a folder or a device where a statement file should be; it was not opened.", "应为对账文件之处是链接、目录或设备，已拒绝打开。"},
		Which: Text{"{channel}, merchant {account}, {date}, {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的 {file}。"},
		Do:    Text{"Ask the channel to publish a regular file; look for who placed it there.", "请要求渠道以普通文件出具，并查明该条目由谁放置。"},
	},
	{
		ID:    "E-2127",
		What:  Text{"A statement file is larger than the limit of {limit} bytes.", "对账文件超过上限 {limit} 字节。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"If the size is plausible, raise the limit of the account; then fetch the date again.", "若文件大小合理，请调高账户的文件大小上限后重新拉取该日期。"},
	},
	{
		ID:    "E-2128",
		What:  Text{"It cannot be known whether a statement file is finished: the server tells no size, and there is no marker.", "无法判断对账文件是否已完成：服务器不提供文件大小，也没有标记文件。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Agree with the channel on a marker file (.ok or .md5) and name it in the account's definition.", "请与渠道约定标记文件（.ok 或 .md5），并写入账户定义。"},
	},
	{
		ID:    "E-2129",
		What:  Text{"The server did not confirm the end of a transfer, twice in a row.", "服务器连续两次未确认文件传输完成。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Fetch the date again. If it repeats, send the server's words above to the channel.", "请重新拉取该日期；若重复出现，请将上面的服务器回复转交渠道。"},
	},
	{
		ID:    "E-3020",
		What:  Text{"The server's certificate is not trusted, or no safe encryption could be agreed.", "服务器证书不受信任，或未能协商出安全的加密方式。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}.", "渠道 {channel}，商户 {account}，{date}，{place}。"},
		Do:    Text{"Do not send anything. Ask the channel whether its certificate changed, and set the authority that issued it.", "请勿继续传输。请向渠道确认证书是否更换，并配置其签发机构证书。"},
	},
	{
		ID:    "E-3021",
		What:  Text{"The server refuses to let us read a statement file.", "服务器拒绝读取对账文件（无权限）。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Ask the channel, or whoever fills the folder, for the right to read it.", "请联系渠道或目录维护方开通读取权限。"},
	},
	{
		ID:    "E-3022",
		What:  Text{"The server refuses the login.", "服务器拒绝登录。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}.", "渠道 {channel}，商户 {account}，{date}，{place}。"},
		Do:    Text{"Check the user, the password or key of the account, and whether this machine's address is allowed there.", "请检查账户的用户名、密码或密钥，以及本机地址是否已加入对方白名单。"},
	},
	{
		ID:    "E-3023",
		What:  Text{"The server shows another host key than the pinned one. It may be another machine.", "服务器主机密钥与预置密钥不一致，对方可能不是原来的服务器。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}: pinned {want}, shown {got}.", "渠道 {channel}，商户 {account}，{date}，{place}：预置 {want}，实际 {got}。"},
		Do:    Text{"Ask the channel by telephone whether it changed the key. Only then pin the new fingerprint.", "请通过电话向渠道核实是否更换了密钥，确认后再更新预置指纹。"},
	},
	{
		ID:    "E-3024",
		What:  Text{"The server offers no encryption for {part}.", "服务器不支持对{part}加密。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}.", "渠道 {channel}，商户 {account}，{date}，{place}。"},
		Do:    Text{"Ask the channel for FTP over TLS or for SFTP. Plain FTP must be allowed for the account, with a reason.", "请要求渠道提供 FTPS 或 SFTP；明文 FTP 须在账户中注明理由后方可启用。"},
	},
	{
		ID:    "E-3025",
		What:  Text{"The server refuses what it is asked, or its answer cannot be understood.", "服务器拒绝执行请求，或其回复无法识别。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Send the server's words above to the channel.", "请将上面的服务器回复转交渠道处理。"},
	},
	{
		ID:    "E-3120",
		What:  Text{"The network failed {tries} times in a row.", "网络连续 {tries} 次失败。"},
		Which: Text{"{channel}, merchant {account}, {date}.", "渠道 {channel}，商户 {account}，{date}。"},
		Do:    Text{"Nothing: the next attempt comes by itself. If it lasts, check the line to the channel.", "无需处理，系统会自动再次尝试；若持续出现，请检查到渠道的网络。"},
	},
	{
		ID:    "E-3121",
		What:  Text{"A transfer stood still for {limit}, again and again.", "传输多次停滞超过 {limit}。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Nothing: the next attempt comes by itself. If it lasts, check the line to the channel.", "无需处理，系统会自动再次尝试；若持续出现，请检查到渠道的网络。"},
	},
	{
		ID:    "E-3122",
		What:  Text{"A transfer was slower than {limit} bytes a second, again and again.", "传输速度多次低于每秒 {limit} 字节。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Nothing: the next attempt comes by itself. If it lasts, check the line to the channel.", "无需处理，系统会自动再次尝试；若持续出现，请检查到渠道的网络。"},
	},
	{
		ID:    "E-3123",
		What:  Text{"Fetching took longer than the total limit of {limit}.", "拉取总时长超过上限 {limit}。"},
		Which: Text{"{channel}, merchant {account}, {date}, file {file} at {place}.", "渠道 {channel}，商户 {account}，{date}，{place} 上的文件 {file}。"},
		Do:    Text{"Nothing: the next attempt comes by itself. If it lasts, check the line, or raise the limit for large files.", "无需处理，系统会自动再次尝试；若持续出现，请检查网络，或为大文件调高时限。"},
	},
	{
		ID:    "E-3124",
		What:  Text{"The folder of the statements is not there.", "对账文件所在目录不存在。"},
		Which: Text{"{channel}, merchant {account}, {date}, {place}.", "渠道 {channel}，商户 {account}，{date}，{place}。"},
		Do:    Text{"If it is a mounted share, mount it; the next attempt comes by itself. Otherwise correct the path.", "若为挂载目录，请重新挂载，系统会自动再次尝试；否则请修正路径。"},
	},
	{
		ID:    "E-7820",
		What:  Text{"An SFTP account has no usable pinned host key: {reason}.", "SFTP 账户没有可用的预置主机密钥：{reason}。"},
		Which: Text{"{place}.", "{place}。"},
		Do:    Text{"Pin at least one fingerprint (SHA256:…) or a known_hosts file, as the channel gave it to you.", "请按渠道提供的信息预置至少一个指纹（SHA256:…）或 known_hosts 文件。"},
	},
	{
		ID:    "E-7821",
		What:  Text{"Plain FTP is switched on without a reason.", "启用了明文 FTP，但未填写理由。"},
		Which: Text{"{place}.", "{place}。"},
		Do:    Text{"Use TLS, or write down why this channel leaves no choice; the reason is shown with each run.", "请使用 TLS；若渠道别无选择，请填写理由，每次运行都会显示。"},
	},
	{
		ID:    "E-7822",
		What:  Text{"The definition of a statement file is wrong: {field} = {value}: {reason}.", "对账文件定义有误：{field} = {value}：{reason}。"},
		Which: Text{"The fetch section of the account.", "账户的 fetch 配置。"},
		Do:    Text{"Correct the definition, then run `tieout config check`.", "请修正后运行 `tieout config check`。"},
	},
	{
		ID:    "E-7823",
		What:  Text{"A connection setting is wrong: {field}: {reason}.", "连接配置有误：{field}：{reason}。"},
		Which: Text{"{place}.", "{place}。"},
		Do:    Text{"Correct the setting, then run `tieout config check`.", "请修正后运行 `tieout config check`。"},
	},
}
