package normalize

import (
	"bytes"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/personal"
	"tieout/schemas"
)

// hold says that a reject is not only a bad row but makes the file doubtful.
type hold uint8

const (
	holdNone     hold = iota
	holdIntact        // the file was edited, or its structure is broken
	holdCut           // the row is cut off
	holdMerchant      // a row of another merchant
	holdCurrency      // a row in another currency
	holds
)

// badCell is the first thing that is wrong with a row.
type badCell struct {
	col    int // 1-based; 0: the whole row
	at     int // byte offset within the row, for col 0
	value  []byte
	reason string // "": nothing is wrong
	hold   hold
}

// set keeps the first reason.
func (b *badCell) set(col int, value []byte, reason string) {
	if b.reason == "" {
		b.col, b.value, b.reason = col, value, reason
		if reason == whySpreadsheet || reason == whyOpenQuote {
			b.hold = holdIntact
		}
	}
}

// reject writes the row down as it can be shown.
func (r *rowReader) reject(raw []byte, line, offset int64, bad *badCell, b *block) {
	rej := schemas.Reject{Source: r.t.source, Line: line, Offset: offset, Column: bad.col, Reason: bad.reason}
	value := bad.value
	if bad.col > 0 {
		rej.Field = r.p.names[bad.col-1]
	} else if value == nil {
		value = raw[:min(len(raw), 1024)]
	}
	rej.Value = showable(value)
	b.rejects = append(b.rejects, rej)
}

// showable escapes, masks and cuts a value of a file for people.
func showable(value []byte) string {
	v := bytes.Clone(value[:min(len(value), 1024)])
	personal.Hide(v, personal.Numbers{Phone: true, Identity: true})
	return fault.Safe(strings.ReplaceAll(string(v), "\ufffd", `\ufffd`), 80)
}
