package fault

// systemPhrases are the words of the operating system and of Go that people
// meet most; the names around them stay as they are.
var systemPhrases = []Text{
	{"no such file or directory", "没有该文件或目录"},
	{"permission denied", "没有权限"},
	{"is a directory", "是目录"},
	{"not a directory", "不是目录"},
	{"file exists", "文件已存在"},
	{"file already exists", "文件已存在"},
	{"file does not exist", "文件不存在"},
	{"directory not empty", "目录非空"},
	{"no space left on device", "磁盘空间不足"},
	{"disk quota exceeded", "超出磁盘配额"},
	{"read-only file system", "文件系统只读"},
	{"input/output error", "读写错误"},
	{"too many open files", "打开的文件过多"},
	{"connection refused", "连接被拒绝"},
	{"connection reset by peer", "连接被对方重置"},
	{"network is unreachable", "网络不可达"},
	{"no route to host", "没有到主机的路由"},
	{"no such host", "找不到该主机"},
	{"broken pipe", "连接已断开"},
	{"i/o timeout", "读写超时"},
	{"unexpected EOF", "内容意外结束"},
	{"context canceled", "已中断"},
	{"context deadline exceeded", "超过时限"},
	{"database is locked", "数据库被锁定"},
	{"database disk image is malformed", "数据库文件已损坏"},
	{"file is not a database", "文件不是数据库"},
}
