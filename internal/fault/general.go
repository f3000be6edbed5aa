package fault

// general holds the rows that belong to no single area. Ids E-xx00 to E-xx09.
var general = []Entry{
	{
		ID:    "E-7001",
		What:  Text{"The program has a defect.", "程序内部错误。"},
		Which: Text{"The log holds the details under the run id.", "详细信息在日志中，按批次号查找。"},
		Do:    Text{"Send the log to the maintainers; running the same date again is safe.", "请把日志发给维护人员；同一日期可以安全重跑。"},
	},
	{
		ID:    "E-7002",
		What:  Text{"The night that was written to measure holds other differences than were found.", "性能测试数据中植入的差异与找到的差异不一致。"},
		Which: Text{"Class {class}: planted {planted}, found {found}.", "分类 {class}：植入 {planted}，找到 {found}。"},
		Do:    Text{"Do not trust this build; send the command line to the maintainers.", "请勿使用此版本，并把命令行发给维护人员。"},
	},
	{
		ID:    "E-7003",
		What:  Text{"More memory was taken than was allowed.", "内存占用超过上限。"},
		Which: Text{"Peak {peak} bytes, allowed {limit} bytes.", "峰值 {peak} 字节，上限 {limit} 字节。"},
		Do:    Text{"Give a higher --memory, or send the command line to the maintainers.", "请调高 --memory，或把命令行发给维护人员。"},
	},
	{
		ID:    "E-6401",
		What:  Text{"The command line is not understood: {reason}.", "命令行参数有误：{reason}。"},
		Which: Text{"Command {command}.", "命令 {command}。"},
		Do:    Text{"See `tieout {command} --help`.", "请查看 `tieout {command} --help`。"},
	},
	{
		ID:    "E-6402",
		What:  Text{"The command line is not understood: {reason}.", "命令行有误：{reason}。"},
		Which: Text{"No command of tieout was begun.", "未执行任何命令。"},
		Do:    Text{"See `tieout --help`.", "请查看 `tieout --help`。"},
	},
	{
		ID:    "E-4101",
		What:  Text{"A file cannot be written or read: {reason}.", "文件读写失败：{reason}。"},
		Which: Text{"{path}.", "{path}。"},
		Do:    Text{"Free space on the disk or mend its permissions, then run the same command again.", "请清理磁盘空间或修复权限，然后重新执行同一命令。"},
	},
	{
		ID:      "E-4201",
		What:    Text{"Stored data does not match its digest.", "存储的数据与摘要不符。"},
		Which:   Text{"{path}: expected sha256 {want}, found {got}.", "{path}：应为 sha256 {want}，实为 {got}。"},
		Changed: Text{"nothing; all writes are refused.", "无；已拒绝一切写入。"},
		Do:      Text{"Restore the file from a backup, then run `tieout verify --read-data`.", "请从备份恢复该文件，然后运行 `tieout verify --read-data`。"},
	},
	{
		ID:      "E-4202",
		What:    Text{"The database is damaged: {reason}.", "数据库已损坏：{reason}。"},
		Which:   Text{"{path}.", "{path}。"},
		Changed: Text{"nothing; all writes are refused.", "无；已拒绝一切写入。"},
		Do:      Text{"Stop all runs and restore the data folder from the last backup; the runbook says how.", "请停止所有批次，并从最近的备份恢复数据目录；步骤见运维手册。"},
	},
	{
		ID:    "E-4001",
		What:  Text{"The database is busy.", "数据库繁忙。"},
		Which: Text{"Another program held it through five tries.", "连续五次均被其他程序占用。"},
		Do:    Text{"Run the same command again in a minute.", "请一分钟后重新执行同一命令。"},
	},
	{
		ID:    "E-4301",
		What:  Text{"The database is newer than this program.", "数据库版本高于程序版本。"},
		Which: Text{"{path}: schema {have}, this program knows {want}.", "{path}：库版本 {have}，程序支持 {want}。"},
		Do:    Text{"Use the newer program, or restore the backup that was made before the upgrade.", "请使用新版程序，或恢复升级前的备份。"},
	},
	{
		ID:    "E-4302",
		What:  Text{"The database is older than this program.", "数据库版本低于程序版本。"},
		Which: Text{"{path}: schema {have}, this program needs {want}.", "{path}：库版本 {have}，程序需要 {want}。"},
		Do:    Text{"Run `tieout migrate`; it makes a backup first.", "请运行 `tieout migrate`；升级前会自动备份。"},
	},
}
