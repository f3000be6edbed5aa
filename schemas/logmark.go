package schemas

import (
	"strconv"
	"strings"
)

// LogMark is the last line of the core's log that an export saw, and the hash of
// the chain up to it. Kept apart from the log, it shows later whether the log
// was written anew.
type LogMark struct {
	Seq  int64
	Hash string // hex; "" in what was published before marks had one
}

// String writes a mark as the watermark of an export.
func (m LogMark) String() string { return "event:" + strconv.FormatInt(m.Seq, 10) + ":" + m.Hash }

// ParseLogMark reads a watermark; false: it is of other books than the core's.
func ParseLogMark(watermark string) (LogMark, bool) {
	text, ours := strings.CutPrefix(watermark, "event:")
	seq, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	return LogMark{n, hash}, ours && err == nil
}
