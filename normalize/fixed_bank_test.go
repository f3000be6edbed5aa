package normalize_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

const (
	bankMerchant = "104110045678"
	bankName     = bankMerchant + "_20261120.txt"
)

// bankRow is one row of the demo bank's check file; amounts in fen.
type bankRow struct {
	date, time, serial, order, refund, origSerial string
	side, status, bank, note                      string
	amount, fee                                   int64
}

func bankDay() []bankRow {
	return []bankRow{
		{date: "20261120", time: "000000", serial: "8800000000000001", order: "A1", side: "C", amount: 100_000, fee: 0, status: "00", bank: "中国银行", note: "货款"},
		{date: "20261120", time: "093001", serial: "8800000000000002", order: "A2", side: "C", amount: 123_356_789, fee: 250, status: "00", bank: "亅行", note: "亅!|亅|"},
		{date: "20261120", time: "101500", serial: "8800000000000003", order: "A1", refund: "R1", origSerial: "8800000000000001", side: "D", amount: 30_000, status: "00"},
		{date: "20261120", time: "235959", serial: "8800000000000004", order: "A0", refund: "R2", origSerial: "8799999999999999", side: "D", amount: 5, fee: -1, status: "01", note: "退款中"},
	}
}

// bankFile writes a check file with a header and a right trailer.
func bankFile(rows ...bankRow) []byte {
	var b strings.Builder
	line := func(cells ...string) { b.WriteString(strings.Join(cells, "|!") + "\r\n") }
	line("H", bankMerchant, "20261120", "CNY")
	var counts, sums [2]int64
	var fees int64
	for i, r := range rows {
		side := strings.Index("CD", r.side)
		counts[side]++
		sums[side] += r.amount
		fees += r.fee
		line(fmt.Sprint(i+1), bankMerchant, r.date, r.time, r.serial, r.order, r.refund, r.origSerial, r.side,
			money.FormatScaled(r.amount, 2), money.FormatScaled(r.fee, 2), r.status, r.bank, r.note)
	}
	line("T", fmt.Sprint(len(rows)), fmt.Sprint(counts[0]), money.FormatScaled(sums[0], 2), fmt.Sprint(counts[1]), money.FormatScaled(sums[1], 2), money.FormatScaled(fees, 2))
	raw, err := simplifiedchinese.GBK.NewEncoder().String(b.String())
	if err != nil {
		panic(err) // the test data above is all GBK
	}
	return []byte(raw)
}

func readBank(t testing.TB, content []byte) (schemas.Statement, *collector, error) {
	t.Helper()
	return read(t, normalize.Input{
		Definition: definition(t, "bankdemo"), Account: "bank-a", Merchant: bankMerchant, Date: zmDate, Files: []normalize.File{file(bankName, content)},
	})
}

func TestBankDemo(t *testing.T) {
	st, c, err := readBank(t, bankFile(bankDay()...))
	if err != nil {
		t.Fatal(err)
	}
	if f := normalize.Incomplete(st); f != nil || len(c.rejects) > 0 || len(c.records) != 4 {
		t.Fatalf("%v, rejects %+v", f, c.rejects)
	}
	for i, want := range []struct {
		kind                                 schemas.Kind
		status                               schemas.Status
		order, refund, channelRef, refundRef string
		amount, fee                          int64
		bank, note                           string
	}{
		{schemas.Payment, schemas.Success, "A1", "", "8800000000000001", "", 100_000, 0, "中国银行", "货款"},
		{schemas.Payment, schemas.Success, "A2", "", "8800000000000002", "", 123_356_789, 250, "亅行", "亅!|亅|"},
		{schemas.Refund, schemas.Success, "A1", "R1", "8800000000000001", "8800000000000003", 30_000, 0, "", ""},
		{schemas.Refund, schemas.Unknown, "A0", "R2", "8799999999999999", "8800000000000004", 5, -1, "", "退款中"},
	} {
		r := c.records[i]
		if r.Kind != want.kind || r.Status != want.status || r.MerchantRef != want.order || r.RefundRef != want.refund ||
			r.ChannelRef != want.channelRef || r.ChannelRefundRef != want.refundRef || r.AmountMinor != want.amount ||
			r.FeeMinor != schemas.Int64(want.fee) || r.Bank != want.bank || r.Remark != want.note || r.BillDate != zmDate {
			t.Errorf("record %d: got %+v, want %+v", i, r, want)
		}
	}
	if at := c.records[1].EventTime; at != (int64(zmDate)*86_400+9*3600+30*60+1-8*3600)*1_000_000 {
		t.Errorf("event time %d", at)
	}
}

// Each number of the trailer is proven: one fen, one row off and it does not
// go through.
func TestFaultC05_BankTrailer(t *testing.T) {
	good := string(bankFile(bankDay()...))
	trailer := good[strings.LastIndex(good[:len(good)-2], "\r\n")+2:]
	if trailer != "T|!4|!2|!1234567.89|!2|!300.05|!2.49\r\n" {
		t.Fatalf("trailer %q", trailer)
	}
	for proof, changed := range map[string]string{
		"rows":   "T|!5|!2|!1234567.89|!2|!300.05|!2.49\r\n",
		"rows_c": "T|!4|!3|!1234567.89|!2|!300.05|!2.49\r\n",
		"sum_c":  "T|!4|!2|!1234567.90|!2|!300.05|!2.49\r\n",
		"rows_d": "T|!4|!2|!1234567.89|!1|!300.05|!2.49\r\n",
		"sum_d":  "T|!4|!2|!1234567.89|!2|!300.04|!2.49\r\n",
		"fees":   "T|!4|!2|!1234567.89|!2|!300.05|!2.51\r\n",
	} {
		st, _, err := readBank(t, []byte(strings.Replace(good, trailer, changed, 1)))
		f := normalize.Incomplete(st)
		if err != nil || f == nil || f.Exit() != 21 || f.Values["proof"] != "trailer."+proof {
			t.Errorf("%s: got %v, %v", proof, f, err)
		}
	}
	for name, content := range map[string]string{
		"no trailer": strings.Replace(good, trailer, "", 1), "no rows, no trailer": good[:strings.Index(good, "\r\n")+2],
	} {
		st, _, err := readBank(t, []byte(content))
		if f := normalize.Incomplete(st); err != nil || f == nil || f.Exit() != 21 {
			t.Errorf("%s: got %v, %v", name, f, err)
		}
	}
	row := strings.SplitAfter(good, "\r\n")[1]
	if _, _, err := readBank(t, []byte(good+row)); err == nil {
		t.Error("a row behind the trailer was accepted")
	}
}

func TestFaultC07_EmptyBankDay(t *testing.T) {
	st, c, err := readBank(t, bankFile())
	if f := normalize.Incomplete(st); err != nil || f != nil || st.Rows != 0 || len(c.records) != 0 {
		t.Errorf("got %v, %v, %d rows", f, err, st.Rows)
	}
	if _, _, err := readBank(t, nil); err == nil {
		t.Error("a file of zero bytes was accepted: nothing says that the day was empty")
	}
}

// Bytes of the delimiter inside a Chinese character are text. Were the line cut
// before it is decoded, this row would have more cells than columns.
func TestBankDemo_DelimiterInsideCharacter(t *testing.T) {
	row := bankDay()[:1]
	row[0].note = "亅!亅"
	content := bankFile(row...)
	if bytes.Count(content, []byte("|!")) != 3+13+6+1 {
		t.Fatalf("the sample lost its point: %q", content)
	}
	_, c, err := readBank(t, content)
	if err != nil || len(c.records) != 1 || c.records[0].Remark != "亅!亅" {
		t.Errorf("%v, records %+v, rejects %+v", err, c.records, c.rejects)
	}
}

func TestFaultZ03_BankSides(t *testing.T) {
	good := bankFile(bankDay()...)
	for name, content := range map[string][]byte{
		"another word":              bytes.Replace(good, []byte("|!C|!1000.00"), []byte("|!X|!1000.00"), 1),
		"a negative amount":         bytes.Replace(good, []byte("|!C|!1000.00"), []byte("|!C|!-1000.00"), 1),
		"a payment on its way":      bytes.Replace(good, []byte("|!1000.00|!0.00|!00"), []byte("|!1000.00|!0.00|!01"), 1),
		"a refund without a number": bytes.Replace(good, []byte("|!R1|!"), []byte("|!|!"), 1),
	} {
		if _, c, err := readBank(t, content); err != nil || len(c.rejects) != 1 || len(c.records) != 3 {
			t.Errorf("%s: %v, rejects %+v", name, err, c.rejects)
		}
	}
	// A flipped side with all its numbers shows in the trailer.
	rows := bankDay()
	rows[0].side, rows[0].refund = "D", "R9"
	line := bytes.SplitAfter(bankFile(rows...), []byte("\r\n"))[1]
	flipped := bytes.Replace(good, bytes.SplitAfter(good, []byte("\r\n"))[1], line, 1)
	st, _, err := readBank(t, flipped)
	if f := normalize.Incomplete(st); err != nil || f == nil || f.Exit() != 21 {
		t.Errorf("a flipped side: %v, %v", f, err)
	}
}

// fixedBank is another bank's file: fixed width without separators, blank
// padded numbers with a point, a header and a trailer.
const fixedBank = `
name: fixedbank
title: {en: Fixed Bank, zh: 定长银行}
version: "1"
zone: Asia/Shanghai
currency: CNY
merchant: "[0-9]{8}"
statements: [{kind: BANK, matching: true}]
columns:
  rows:
    流水号: {type: id, digits: true, max: 10, unique: true}
    日期: {type: date, layout: yyyyMMdd}
    借贷: {type: word, words: [借, 贷]}
    金额: {type: amount, decimals: 2}
    户名: {type: text}
    备用: {type: skip}
rows:
  rows:
    - {when: {借贷: [贷]}, kind: PAYMENT, status: SUCCESS, set: {merchant_ref: 流水号, amount: 金额, event_time: 日期, remark: 户名}}
    - {when: {借贷: [借]}, kind: REFUND, status: SUCCESS, set: {refund_ref: 流水号, amount: 金额, event_time: 日期, remark: 户名}}
totals:
  rows:
    n: {count: true}
    sum: {sum: [金额]}
formats:
  - name: fixed
    statement: BANK
    shape: fixed
    encoding: gb18030
    bom: none
    date_layout: yyyyMMdd
    preamble: [{pattern: 'BEGIN (?P<merchant>[0-9]{8}) (?P<date>[0-9]{8})'}]
    fixed:
      length: 45
      fields:
        - {name: 流水号, width: 10}
        - {name: 日期, width: 8}
        - {name: 借贷, width: 2}
        - {name: 金额, width: 12, align: right}
        - {name: 户名, width: 10}
        - {name: 备用, width: 3}
    columns: rows
    rows: rows
    totals: rows
    day: {column: 日期}
    tail: [{pattern: 'TOTAL (?P<n>[0-9]+) (?P<sum>[0-9.]+)'}]
`

func TestFixedBank(t *testing.T) {
	def, err := channels.Parse("fixedbank.yaml", []byte(fixedBank))
	if err != nil {
		t.Fatal(err)
	}
	text := "BEGIN 12345678 20261120\n" +
		"1000000001" + "20261120" + "贷" + "        1.15" + "甲乙丙丁戊" + "   \n" +
		"1000000002" + "20261120" + "借" + "  1234567.89" + "甲        " + "x|\xFF\n" +
		"TOTAL 2 1234569.04\n"
	raw, err := simplifiedchinese.GBK.NewEncoder().String(strings.ReplaceAll(text, "\xFF", "@"))
	if err != nil {
		t.Fatal(err)
	}
	raw = strings.ReplaceAll(raw, "@", "\xFF") // in a field that nobody looks at
	in := normalize.Input{Definition: def, Date: bizday.None, Files: []normalize.File{file("x", []byte(raw))}}
	st, c, err := read(t, in)
	if f := normalize.Incomplete(st); err != nil || f != nil || len(c.records) != 2 {
		t.Fatalf("%v, %v, rejects %+v", err, f, c.rejects)
	}
	if st.Merchant != "12345678" || st.BillDate != zmDate {
		t.Errorf("merchant %s, date %s", st.Merchant, st.BillDate)
	}
	first, second := c.records[0], c.records[1]
	if first.Kind != schemas.Payment || first.AmountMinor != 115 || first.Remark != "甲乙丙丁戊" || first.Line != 2 || first.Offset != 24 {
		t.Errorf("first: %+v", first)
	}
	if second.Kind != schemas.Refund || second.AmountMinor != 123_456_789 || second.Remark != "甲" || second.Key() != "1000000002" {
		t.Errorf("second: %+v", second)
	}

	for name, changed := range map[string]string{
		"cut row":    strings.Replace(raw, "x|\xFF\n", "\n", 1),
		"lost row":   raw[:24] + raw[24+46:],
		"lost tail":  raw[:strings.Index(raw, "TOTAL")],
		"wrong sum":  strings.Replace(raw, "569.04", "569.05", 1),
		"two halves": raw[:40] + "\n" + raw[40:],
	} {
		in.Files = []normalize.File{file("x", []byte(changed))}
		st, _, err := read(t, in)
		if f := normalize.Incomplete(st); err != nil || f == nil || f.Exit() != 21 {
			t.Errorf("%s: got %v, %v, want exit 21", name, f, err)
		}
	}
}

// A definition whose fields cannot lie as it says is refused with all mistakes.
func TestFixedBank_BadDefinition(t *testing.T) {
	bad := strings.NewReplacer("length: 45", "length: 46", "align: right", "align: middle", "width: 8}", "width: 0}").Replace(fixedBank)
	_, err := channels.Parse("bad.yaml", []byte(bad))
	for _, word := range []string{"not 46", "middle", "needs a width"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("the error lacks %q: %v", word, err)
		}
	}
}
