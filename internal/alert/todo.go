package alert

// advice says what to do, by exit code. Codes that are not listed point at the
// message, which says it itself.
var advice = map[int][2]string{
	10: {"Look at the cases: tieout case list.", "查看差错：tieout case list。"},
	11: {"Automatic fixes were held back: look at the cases, approve them or raise the limit.", "自动处理被限额拦截：查看差错后审批，或调高限额。"},
	20: {"The statement or our own export is not there; the next run tries again. Ask who owes it after the deadline.", "对账单或我方导出尚未就绪；下次运行会重试，超过期限请联系提供方。"},
	21: {"The input is incomplete and was held; settlement waits. See the failed proofs in the report.", "数据不完整，已搁置，结算须等待。请查看报告中未通过的校验。"},
	22: {"The channel issued the statement again with other content: compare, then run with --accept-reissue.", "渠道重新出具了内容不同的对账单：比对后用 --accept-reissue 重跑。"},
	23: {"Wrong day, merchant or currency in the statement: it was held. Ask the channel.", "对账单日期、商户或币种不符，已搁置，请联系渠道。"},
	24: {"The statement's layout is not the known one: it was held. See the message.", "对账单格式与已知不符，已搁置，详见消息。"},
	30: {"Login or trust failed: check certificates, keys and host keys.", "登录或信任校验失败：检查证书、密钥与主机指纹。"},
	31: {"The network failed through all retries; the next run tries again.", "网络重试均失败；下次运行会重试。"},
	40: {"Another run holds the day or the database: wait, then run again.", "其他批次正占用该日期或数据库：稍后重跑。"},
	41: {"Disk full or unwritable: make room, then run again.", "磁盘已满或不可写：清理后重跑。"},
	42: {"Stored data does not match its digest; all writes are refused. Restore it, then tieout verify.", "存储数据校验失败，已拒绝一切写入。请恢复数据后运行 tieout verify。"},
	43: {"Program and database differ in version: tieout migrate, or use the newer program.", "程序与数据库版本不一致：运行 tieout migrate 或使用新版程序。"},
	50: {"Our own result breaks an invariant; nothing was applied. Call the maintainers.", "自身结果违反不变式，未应用任何处理。请联系维护人员。"},
	70: {"A defect of the program: send the log to the maintainers; running again is safe.", "程序内部错误：把日志发给维护人员，可安全重跑。"},
	78: {"The configuration is wrong: tieout config check.", "配置有误：tieout config check。"},
}

func whatToDo(exit int) (en, zh string) {
	if a, ok := advice[exit]; ok {
		return a[0], a[1]
	}
	return "See the message.", "详见消息。"
}
