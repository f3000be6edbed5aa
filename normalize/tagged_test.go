package normalize_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// taggedBank is an invented bank text of KEY=VALUE lines.
const taggedBank = `
name: taggedbank
title: {en: Tagged Bank, zh: 标签银行}
version: "1"
zone: Asia/Shanghai
currency: CNY
merchant: "[0-9]{8}"
statements: [{kind: BANK, matching: true}]
columns:
  rows:
    TXN: {type: id, digits: true, max: 12, unique: true}
    TIME: {type: time, layout: yyyyMMddHHmmss}
    ORD: {type: id}
    AMT: {type: amount, decimals: 2}
    DC: {type: word, words: [D, C]}
    MEMO: {type: text}
rows:
  rows:
    - {when: {DC: [C]}, kind: PAYMENT, status: SUCCESS, set: {merchant_ref: ORD, channel_ref: TXN, amount: AMT, event_time: TIME, remark: MEMO}, need: [TXN, ORD]}
    - {when: {DC: [D]}, kind: REFUND, status: SUCCESS, set: {refund_ref: ORD, channel_refund_ref: TXN, amount: AMT, event_time: TIME, remark: MEMO}, need: [TXN, ORD]}
totals:
  rows:
    n: {count: true}
    sum: {sum: [AMT]}
formats:
  - name: tagged
    statement: BANK
    shape: tagged
    encoding: gb18030
    bom: none
    date_layout: yyyyMMdd
    preamble: [{pattern: 'MCHT=(?P<merchant>[0-9]{8})'}, {pattern: 'DATE=(?P<date>[0-9]{8})'}]
    tagged: {start: TXN, separator: "=", tags: [TXN, TIME, ORD, AMT, DC, MEMO]}
    columns: rows
    rows: rows
    totals: rows
    day: {column: TIME}
    tail: [{pattern: 'END=(?P<n>[0-9]+),(?P<sum>[0-9]+\.[0-9]{2})'}]
`

const taggedText = `MCHT=12345678
DATE=20261120
TXN=1001
TIME=20261120093000
ORD=A1
AMT=12.30
DC=C
MEMO=货款|a=b

TXN=1002
DC=D
ORD=R1
AMT=1.00
TIME=20261120101500
END=2,13.30
`

// readTagged normalizes a text, given in UTF-8, as the tagged bank sends it.
func readTagged(t testing.TB, text, lineEnd string) (schemas.Statement, *collector, error) {
	t.Helper()
	raw, err := simplifiedchinese.GBK.NewEncoder().String(strings.ReplaceAll(text, "\n", lineEnd))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, taggedInput(t, []byte(raw)))
}

func taggedInput(t testing.TB, raw []byte) normalize.Input {
	t.Helper()
	def, err := channels.Parse("taggedbank.yaml", []byte(taggedBank))
	if err != nil {
		t.Fatal(err)
	}
	return normalize.Input{Definition: def, Date: bizday.None, Files: []normalize.File{file("x", raw)}, Workers: 1}
}

func TestTagged(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		st, c, err := readTagged(t, taggedText, end)
		if f := normalize.Incomplete(st); err != nil || f != nil || len(c.records) != 2 || len(c.rejects) != 0 {
			t.Fatalf("%v, %v, rejects %+v", err, f, c.rejects)
		}
		first, second := c.records[0], c.records[1]
		if first.Kind != schemas.Payment || first.MerchantRef != "A1" || first.ChannelRef != "1001" || first.AmountMinor != 1_230 ||
			first.Remark != "货款|a=b" || first.Line != 3 || first.EventTime != (int64(zmDate)*86_400+9*3600+1800-8*3600)*1_000_000 {
			t.Errorf("first: %+v", first)
		}
		if second.Kind != schemas.Refund || second.RefundRef != "R1" || second.Remark != "" || second.Line != 10 {
			t.Errorf("second: %+v", second)
		}
		if st.Merchant != "12345678" || st.BillDate != zmDate {
			t.Errorf("merchant %s, date %s", st.Merchant, st.BillDate)
		}
	}
}

// A tag of the form ":61" with the separator ":" reads SWIFT-like lines.
func TestTagged_ColonTags(t *testing.T) {
	replace := strings.NewReplacer("start: TXN, separator: \"=\", tags: [TXN, TIME, ORD, AMT, DC, MEMO]", `start: ":61", separator: ":", tags: [":61", TIME, ORD, AMT, DC, MEMO]`,
		"TXN: {type", `":61": {type`, "channel_ref: TXN", `channel_ref: ":61"`, "refund_ref: TXN", `refund_ref: ":61"`, "need: [TXN,", `need: [":61",`,
		"MCHT=", "MCHT:", "DATE=", "DATE:", "END=", "END:")
	def, err := channels.Parse("colon.yaml", []byte(replace.Replace(taggedBank)))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("TXN=", ":61:", "=", ":", "货款|a=b", "a:b").Replace(taggedText)
	st, c, err := read(t, normalize.Input{Definition: def, Date: bizday.None, Files: []normalize.File{file("x", []byte(text))}})
	if f := normalize.Incomplete(st); err != nil || f != nil || len(c.records) != 2 || c.records[0].ChannelRef != "1001" || c.records[0].Remark != "a:b" {
		t.Errorf("%v, %v, %+v, %+v", err, f, c.records, c.rejects)
	}
}

// What is wrong with a row rejects all its lines as one row.
func TestTagged_Rejects(t *testing.T) {
	for _, c := range []struct{ name, from, to, field, reason string }{
		{"unknown tag", "MEMO=", "MEMOX=", "", "without a known tag"},
		{"no separator", "MEMO=货款", "MEMO 货款", "", "without a known tag"},
		{"a tag twice", "DC=C\n", "DC=C\nDC=D\n", "DC", "twice"},
		{"an empty line within", "ORD=A1\n", "ORD=A1\n\n", "", "without a known tag"},
		{"no amount", "AMT=12.30\n", "", "AMT", "empty"},
		{"no order", "ORD=A1\n", "", "ORD", "needed"},
		{"TAB", "货款", "货\t款", "", "control"},
		{"blank in front of a tag", "ORD=A1", " ORD=A1", "", "without a known tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(taggedText, c.from, c.to, 1)
			st, got, err := readTagged(t, text, "\n")
			if err != nil {
				t.Fatal(err)
			}
			if st.Rows != 2 || len(got.records) != 1 || len(got.rejects) != 1 {
				t.Fatalf("%d rows, %d records, rejects %+v", st.Rows, len(got.records), got.rejects)
			}
			if rej := got.rejects[0]; rej.Line != 3 || rej.Field != c.field || !strings.Contains(rej.Reason, c.reason) {
				t.Errorf("got %+v, want %q", rej, c.reason)
			}
		})
	}
	raw, err := simplifiedchinese.GBK.NewEncoder().String(taggedText)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string]string{
		"bad byte":          strings.Replace(raw, "a=b", "a=\xFF", 1),
		"half a character":  strings.Replace(raw, "a=b", "a=\xD6", 1),
		"CR inside":         strings.Replace(raw, "a=b", "a\rb", 1),
		"lines of no row":   strings.Replace(raw, "TXN=1001", "ORD=A9\nTXN=1001", 1),
		"LF among CR LF":    strings.Replace(strings.ReplaceAll(raw, "\n", "\r\n"), "ORD=A1\r\n", "ORD=A1\n", 1),
		"LF at a row's end": strings.Replace(strings.ReplaceAll(raw, "\n", "\r\n"), "101500\r\n", "101500\n", 1),
	} {
		_, c, err := read(t, taggedInput(t, []byte(damaged)))
		if err != nil || len(c.rejects) != 1 {
			t.Errorf("%s: %v, rejects %+v", name, err, c.rejects)
		}
	}
}

func TestFaultC05_TaggedTrailer(t *testing.T) {
	for name, change := range map[string][2]string{
		"count": {"END=2,", "END=3,"}, "sum": {"13.30", "13.31"}, "lost row": {"TXN=1002\nDC=D\nORD=R1\nAMT=1.00\nTIME=20261120101500\n", ""},
		"no trailer": {"END=2,13.30\n", ""},
	} {
		st, _, err := readTagged(t, strings.Replace(taggedText, change[0], change[1], 1), "\n")
		if f := normalize.Incomplete(st); err != nil || f == nil || f.Exit() != 21 {
			t.Errorf("%s: got %v, %v, want exit 21", name, f, err)
		}
	}
}

// Rows that lie across the borders of blocks are read once, whatever the
// number of workers.
func TestTagged_OneAndEightWorkers(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("MCHT=12345678\nDATE=20261120\n")
	const rows = 40_000
	for i := range rows {
		fmt.Fprintf(&b, "TXN=%d\nTIME=20261120%02d%02d00\nORD=A%d\nAMT=0.01\nDC=C\nMEMO=%s\n", i, i%24, i%60, i, strings.Repeat("x", i%31))
	}
	fmt.Fprintf(&b, "END=%d,%d.00\n", rows, rows/100)
	var want []byte
	for _, workers := range []int{1, 8} {
		in := taggedInput(t, b.Bytes())
		in.Workers = workers
		st, c, err := read(t, in)
		if f := normalize.Incomplete(st); err != nil || f != nil || len(c.records) != rows {
			t.Fatalf("%v, %v, %d records", err, f, len(c.records))
		}
		got := canonical(st, c, err)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers give another result", workers)
		}
	}
}

func FuzzTagged(f *testing.F) {
	raw, err := simplifiedchinese.GBK.NewEncoder().String(taggedText)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(raw))
	f.Add([]byte(strings.ReplaceAll(raw, "\n", "\r\n")))
	f.Add([]byte(raw[:60]))
	in := taggedInput(f, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		in := in
		in.Files = []normalize.File{file("x", b)}
		st, c, err := read(t, in)
		if err != nil {
			if f := fault.Of(err); f.Exit() < 21 || f.Exit() > 24 {
				t.Fatal(err)
			}
			return
		}
		// Every line that begins a row is one; lines before the first are one more.
		rows := int64(bytes.Count(b, []byte("\nTXN=")))
		if st.Rows != rows && st.Rows != rows+1 {
			t.Fatalf("%d rows, %d lines begin one", st.Rows, rows)
		}
		checkWhole(t, st, c, st.Rows)
	})
}
