package report

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// bom makes spreadsheet programs read the file as UTF-8.
const bom = "\ufeff"

// maxText bounds one text cell, in characters.
const maxText = 2000

// plain makes foreign text fit for a cell of a table: control and invisible
// characters are written as escapes.
func plain(s string) string {
	if printable(s) {
		return s
	}
	return fault.Safe(s, maxText)
}

// printable tells that s is short printable ASCII, which needs no escape.
func printable(s string) bool {
	if len(s) > maxText {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// csvText is plain text that no spreadsheet program takes for a formula: a
// cell that starts with one of = + - @, their full-width forms, a tab or a
// line end gets an apostrophe in front (OWASP, CSV injection).
func csvText(s string) string {
	if formula(s) {
		return "'" + plain(s)
	}
	return plain(s)
}

func formula(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " \u00a0\u3000\ufeff\u200b"))
	switch r {
	case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\u2212':
		return true
	}
	return false
}

// differenceColumns are the columns of differences.csv, in this order for
// ever; new ones are added at the end. Amounts stand in minor units and, for
// people, in the currency's own unit. Times are RFC 3339 in UTC. Only reason
// and fence, which are sentences, are in the language of the workbook.
var differenceColumns = []string{
	"class", "label", "kind", "key", "currency", "delta_minor", "delta", "fee_delta_minor",
	"action", "cell", "priority", "case_id", "reason",
	"local_kind", "local_status", "local_status_raw", "local_currency", "local_amount_minor", "local_amount", "local_fee_minor",
	"local_merchant_ref", "local_refund_ref", "local_channel_ref", "local_channel_refund_ref", "local_event_time", "local_source", "local_line",
	"channel_kind", "channel_status", "channel_status_raw", "channel_currency", "channel_amount_minor", "channel_amount", "channel_fee_minor",
	"channel_merchant_ref", "channel_refund_ref", "channel_channel_ref", "channel_channel_refund_ref", "channel_event_time", "channel_source", "channel_line",
	"nearest_ref", "nearest_amount_minor", "nearest_failed", "candidates",
	"first_seen", "break_on", "pass", "rule", "occurrence", "group", "due_days", "suspend_minor", "fixes", "fence", "account", "bill_date",
}

// differenceWriter writes differences.csv, a row at a time.
type differenceWriter struct {
	tongue
	out *csv.Writer
	row []string
}

func newDifferenceWriter(w io.Writer, t tongue) (*differenceWriter, error) {
	out, err := newCSV(w, differenceColumns)
	if err != nil {
		return nil, err
	}
	return &differenceWriter{tongue: t, out: out, row: make([]string, 0, len(differenceColumns))}, nil
}

// newCSV starts a file of RFC 4180: CRLF line ends, a header line.
func newCSV(w io.Writer, columns []string) (*csv.Writer, error) {
	if _, err := io.WriteString(w, bom); err != nil {
		return nil, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return out, out.Write(columns)
}

func (w *differenceWriter) add(d *schemas.Difference) error {
	w.row = append(w.row[:0], d.Class.String(), string(labelOf(d)), word(d.Kind), csvText(d.Key), csvText(d.Currency),
		digits(d.DeltaMinor), money.Format(d.DeltaMinor, money.Currency(d.Currency)), digits(d.FeeDelta))
	dec := d.Decision
	if dec == nil {
		dec = &schemas.Decision{}
	}
	w.row = append(w.row, string(dec.Action), csvText(dec.Cell), positive(int64(dec.Priority)), csvText(d.CaseID), csvText(w.tell(d.Reason)))
	w.side(d.LocalRow)
	w.side(d.ChannelRow)
	w.nearest(d)
	w.row = append(w.row, d.FirstSeen.String(), d.BreakOn.String(), csvText(d.Pass), csvText(d.Rule), positive(int64(d.Occurrence)), positive(d.Group),
		positive(int64(dec.DueDays)), digits(dec.Suspend), joinFixes(dec.Fixes), csvText(w.tell(dec.Why)), csvText(d.Account), d.BillDate.String())
	if len(w.row) != len(differenceColumns) {
		return fmt.Errorf("a row of %d cells under %d columns", len(w.row), len(differenceColumns))
	}
	return w.out.Write(w.row)
}

func (w *differenceWriter) side(r *schemas.Record) {
	if r == nil {
		w.row = append(w.row, "", "", "", "", "", "", "", "", "", "", "", "", "", "")
		return
	}
	w.row = append(w.row, word(r.Kind), word(r.Status), csvText(r.StatusRaw), csvText(r.Currency), digits(r.AmountMinor),
		money.Format(r.AmountMinor, money.Currency(r.Currency)), nullable(r.FeeMinor), csvText(r.MerchantRef), csvText(r.RefundRef),
		csvText(r.ChannelRef), csvText(r.ChannelRefundRef), utc(r.EventTime), csvText(r.Source), positive(r.Line))
}

func (w *differenceWriter) nearest(d *schemas.Difference) {
	if d.Nearest == nil {
		w.row = append(w.row, "", "", "")
	} else {
		w.row = append(w.row, csvText(numberOf(&d.Nearest.Record)), digits(d.Nearest.Record.AmountMinor), csvText(d.Nearest.Failed))
	}
	w.row = append(w.row, positive(int64(len(d.Candidates))))
}

// close writes what is buffered.
func (w *differenceWriter) close() error {
	w.out.Flush()
	return w.out.Error()
}

// numberOf is the number by which people find a row: ours, else the channel's.
func numberOf(r *schemas.Record) string {
	if key := r.Key(); key != "" {
		return key
	}
	if r.ChannelRefundRef != "" {
		return r.ChannelRefundRef
	}
	return r.ChannelRef
}

var rejectColumns = []string{"file", "line", "offset", "column", "field", "value", "reason", "source"}

// writeRejects writes rejects.csv, and returns how many rows it holds.
func writeRejects(ctx context.Context, w io.Writer, t tongue, r *schemas.RunReport) (int64, error) {
	out, err := newCSV(w, rejectColumns)
	if err != nil {
		return 0, err
	}
	rows := int64(0)
	for r, err := range rejectsOf(r) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return rows, err
		}
		rows++
		err := out.Write([]string{csvText(r.File), digits(r.Line), digits(r.Offset), positive(int64(r.Column)), csvText(r.Field),
			csvText(r.Value), csvText(t.tell(r.Reason)), csvText(r.Source)})
		if err != nil {
			return rows, err
		}
	}
	out.Flush()
	return rows, out.Error()
}

// rejectsOf streams the rejects of a run; one that read no statement has none.
func rejectsOf(r *schemas.RunReport) iter.Seq2[*schemas.Reject, error] {
	if r.EachReject == nil {
		return func(func(*schemas.Reject, error) bool) {}
	}
	return r.EachReject
}

func digits(v int64) string { return strconv.FormatInt(v, 10) }

// positive leaves out what is not set.
func positive(v int64) string {
	if v <= 0 {
		return ""
	}
	return digits(v)
}

func nullable(v schemas.NullInt64) string {
	if !v.Valid {
		return ""
	}
	return digits(v.V)
}

// word leaves out a kind or status that is not set, whatever its type.
func word(v fmt.Stringer) string { return v.String() }

func utc(micros int64) string {
	if micros == schemas.NoTime {
		return ""
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339)
}

func joinFixes(fixes []schemas.FixKind) string {
	words := make([]string, len(fixes))
	for i, f := range fixes {
		words[i] = string(f)
	}
	return strings.Join(words, " ")
}
