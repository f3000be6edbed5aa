package normalize_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

var day = bizday.Make(2025, 11, 20)

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

const merchant = "1900000109"

// readWechat reads a bill as a run would: day and merchant are asked for.
func readWechat(t testing.TB, bill []byte) (schemas.Statement, *collector, error) {
	t.Helper()
	return read(t, normalize.Input{Definition: definition(t, "wechat"), Account: "wechat-main", Merchant: merchant, Date: day,
		Statement: "TRADE", Variant: "ALL", Files: []normalize.File{file("bill.csv", bill)}})
}

// want checks what a run would end with: "" is a statement that can be used.
func want(t *testing.T, st schemas.Statement, err error, id fault.ID) {
	t.Helper()
	f := normalize.Incomplete(st)
	if err != nil {
		f = fault.Of(err)
	}
	var got fault.ID
	if f != nil {
		got = f.ID
		for _, lang := range []fault.Lang{fault.English, fault.Chinese} {
			if m := f.Message(lang); placeholder.MatchString(m) {
				t.Errorf("a value is missing in the message: %s", m)
			}
		}
	}
	if got != id {
		t.Errorf("ends with %q, want %q (error %v, proofs %s)", got, id, err, failed(st))
	}
	if st.Rows != st.Records+st.Rejects {
		t.Errorf("%d rows are not %d records + %d rejects", st.Rows, st.Records, st.Rejects)
	}
}

// failed lists the proofs that do not hold.
func failed(st schemas.Statement) string {
	var names []string
	for _, p := range st.Proofs {
		if !p.OK {
			names = append(names, fmt.Sprintf("%s want %s got %s (%s)", p.Name, p.Want, p.Got, p.Note))
		}
	}
	return strings.Join(names, "; ")
}

func proof(t *testing.T, st schemas.Statement, name string) schemas.Proof {
	t.Helper()
	for _, p := range st.Proofs {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no proof %s among %d", name, len(st.Proofs))
	return schemas.Proof{}
}

// oneReject checks that exactly one row was rejected, in this column and with
// this reason.
func oneReject(t *testing.T, c *collector, field, reason string) schemas.Reject {
	t.Helper()
	if len(c.rejects) != 1 {
		t.Fatalf("%d rejects, want 1: %+v", len(c.rejects), c.rejects)
	}
	r := c.rejects[0]
	if r.Field != field || !strings.Contains(r.Reason, reason) {
		t.Errorf("reject in %q because %q, want %q because %q", r.Field, r.Reason, field, reason)
	}
	return r
}

func TestClean_WechatDay(t *testing.T) {
	rows := wechatRows(500, 1)
	st, c, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "")
	if st.Records != 500 || len(c.records) != 500 {
		t.Fatalf("%d records, want 500", st.Records)
	}
	for i, r := range c.records {
		w := rows[i]
		kind := schemas.Payment
		if w.refund() {
			kind = schemas.Refund
		}
		if r.Kind != kind || r.MerchantRef != w.orderNo || r.RefundRef != w.refundNo || r.AmountMinor != w.amount || r.Line != int64(i+2) ||
			r.Channel != "wechat" || r.Account != "wechat-main" || r.Source != "0123" || r.BillDate != day {
			t.Fatalf("row %d is %+v, generated from %+v", i, r, w)
		}
		if fee := r.FeeMinor.V*1000 + r.FeeSub/1000; fee != w.fee {
			t.Fatalf("row %d: fee %d and %d millionths, generated %d of 1e-5 yuan", i, r.FeeMinor.V, r.FeeSub, w.fee)
		}
	}
}

func TestFaultC01_WrongDay(t *testing.T) {
	rows := wechatRows(300, 2)
	for i := range rows {
		rows[i].at = "2025-11-19" + rows[i].at[10:]
	}
	st, _, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "E-2334")

	for i := range rows {
		rows[i].at = "2025-11-20" + rows[i].at[10:]
	}
	rows[7].at = "2025-11-21 00:00:00" // three in 300 are 1 %: said, not held
	rows[8].at, rows[9].at = rows[7].at, rows[7].at
	st, _, err = readWechat(t, wechatBill(rows))
	want(t, st, err, "")
	if len(st.Warnings) != 1 {
		t.Errorf("warnings %q, want one about the three rows", st.Warnings)
	}
	rows[10].at = rows[7].at
	st, _, err = readWechat(t, wechatBill(rows))
	want(t, st, err, "E-2334")
}

func TestFaultC01_WrongDayInPreamble(t *testing.T) {
	files := rawStatements(t, "alipay")["trade"]
	st, c, err := read(t, normalize.Input{Definition: definition(t, "alipay"), Date: day.Add(1), Files: files})
	want(t, st, err, "E-2330")
	if len(c.records) != 0 {
		t.Errorf("%d records of another day were handed over", len(c.records))
	}
}

// A file whose name, or whose asked day or merchant, is not what its head says
// is of the wrong day or merchant; it is no unknown layout.
func TestFaultC01_NameAndHeadDiffer(t *testing.T) {
	whole := bankFile(bankDay()...)
	head := []byte("H|!" + bankMerchant + "|!20261120|!")
	for name, c := range map[string]struct {
		file, head, merchant string
		asked                bizday.Date
		id                   fault.ID
	}{
		"yesterday under today's name":    {bankName, "H|!" + bankMerchant + "|!20261119|!", "", zmDate, "E-2336"},
		"today under tomorrow's name":     {bankMerchant + "_20261121.txt", string(head), "", bizday.None, "E-2336"},
		"another day was asked":           {bankName, string(head), "", zmDate.Add(-1), "E-2330"},
		"another merchant under our name": {bankName, "H|!104110099999|!20261120|!", bankMerchant, zmDate, "E-2337"},
		"another merchant was asked":      {bankName, string(head), "104110099999", zmDate, "E-2331"},
		"no day at all":                   {bankName, "H|!" + bankMerchant + "|!20269999|!", "", zmDate, "E-2430"},
	} {
		t.Run(name, func(t *testing.T) {
			files := []normalize.File{file(c.file, bytes.Replace(whole, head, []byte(c.head), 1))}
			in := normalize.Input{Definition: definition(t, "bankdemo"), Account: "bank-a", Merchant: c.merchant, Date: c.asked, Files: files}
			st, got, err := read(t, in)
			want(t, st, err, c.id)
			if len(got.records) != 0 {
				t.Errorf("%d records of it were handed over", len(got.records))
			}
			if c.id != "E-2336" && c.id != "E-2337" {
				return
			}
			_, _, _, _, err = normalize.Detect([]*channels.Definition{definition(t, "wechat"), in.Definition, definition(t, "alipay")}, files)
			if err == nil || fault.Of(err).ID != c.id {
				t.Errorf("without a channel: %v, want %s", err, c.id)
			}
		})
	}
}

// A file of several days is not the file of one.
func TestFaultC01_SeveralDays(t *testing.T) {
	files := slices.Clone(rawStatements(t, "alipay")["trade"])
	for i := range files {
		b := make([]byte, files[i].Size)
		if _, err := files[i].Reader.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		files[i] = file(files[i].Name, bytes.ReplaceAll(b, []byte("2025\xc4\xea11\xd4\xc221\xc8\xd5"), []byte("2025\xc4\xea11\xd4\xc222\xc8\xd5")))
	}
	st, _, err := read(t, normalize.Input{Definition: definition(t, "alipay"), Date: day, Files: files})
	want(t, st, err, "E-2336")
}

func TestFaultC02_AnotherMerchant(t *testing.T) {
	rows := wechatRows(50, 3)
	rows[20].merchant = "1900000200"
	st, c, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "E-2335")
	oneReject(t, c, "商户号", "another merchant")

	for i := range rows {
		rows[i].merchant = "1900000200"
	}
	st, c, err = readWechat(t, wechatBill(rows))
	want(t, st, err, "E-2335")
	if len(c.records) != 0 {
		t.Errorf("%d records of another merchant", len(c.records))
	}

	st, _, err = read(t, normalize.Input{Definition: definition(t, "alipay"), Merchant: "2088999999999999", Date: day, Files: rawStatements(t, "alipay")["trade"]})
	want(t, st, err, "E-2331")
}

// A number that is not of the channel's form is no merchant number, asked for
// or found.
func TestFaultC02_NoMerchantNumber(t *testing.T) {
	rows := wechatRows(3, 3)
	for i := range rows {
		rows[i].merchant = "abc"
	}
	in := normalize.Input{Definition: definition(t, "wechat"), Date: day, Files: []normalize.File{file("b", wechatBill(rows))}}
	st, _, err := read(t, in)
	want(t, st, err, "E-2331")
	in.Merchant = "2088102123456789"
	st, _, err = read(t, in)
	want(t, st, err, "E-2331")
}

// A row that stands twice stands twice in the records and in the totals: which
// copy is one too many is for the match to say.
func TestFaultC03_DuplicateRow(t *testing.T) {
	rows := wechatRows(20, 4)
	rows = append(rows, rows[5])
	st, c, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "")
	if st.Records != 21 || c.records[5].ChannelRef != c.records[20].ChannelRef {
		t.Errorf("%d records, want 21 with the copy at the end", st.Records)
	}
	// A copy that the summary does not know.
	bill := wechatBill(rows[:20])
	line := "`" + strings.Join(rows[5].text(), ",`") + "\r\n"
	st, _, err = readWechat(t, bytes.Replace(bill, []byte(line), []byte(line+line), 1))
	want(t, st, err, "E-2130")
}

func TestFaultC04_SameIDOtherAmount(t *testing.T) {
	rows := wechatRows(20, 5)
	copied := rows[5]
	copied.amount++
	st, c, err := readWechat(t, wechatBill(append(rows, copied)))
	want(t, st, err, "")
	if a, b := c.records[5], c.records[20]; a.ChannelRef != b.ChannelRef || a.AmountMinor+1 != b.AmountMinor {
		t.Errorf("both rows must be handed on as they stand: %+v, %+v", a, b)
	}
}

func TestFaultC05_TrailerDiffers(t *testing.T) {
	rows := wechatRows(100, 6)
	whole := wechatBill(rows)
	lines := bytes.SplitAfter(whole, []byte("\r\n"))
	t.Run("a row is missing", func(t *testing.T) {
		st, _, err := readWechat(t, bytes.Join(slices.Concat(lines[:50], lines[51:]), nil))
		want(t, st, err, "E-2130")
		if p := proof(t, st, "trailer.rows"); p.Want != "100" || p.Got != "99" {
			t.Errorf("the proof must show both numbers: %+v", p)
		}
		for _, part := range []string{"100, CNY ", "99, CNY ", " minor units)", "last row: line 100, byte "} {
			if m := normalize.Incomplete(st).Error(); !strings.Contains(m, part) {
				t.Errorf("the message does not say %q: %s", part, m)
			}
		}
	})
	t.Run("one fen", func(t *testing.T) {
		for _, col := range []int{1, 2, 3, 4, 5, 6} {
			values := strings.Split(strings.TrimSpace(string(lines[102])), ",")
			last := len(values[col]) - 1
			values[col] = values[col][:last] + string('0'+(values[col][last]-'0'+1)%10)
			bad := slices.Clone(lines)
			bad[102] = []byte(strings.Join(values, ",") + "\r\n")
			st, _, err := readWechat(t, bytes.Join(bad, nil))
			want(t, st, err, "E-2130")
		}
	})
	t.Run("cut at every line", func(t *testing.T) {
		for n := 1; n < len(lines)-1; n++ {
			st, _, err := readWechat(t, bytes.Join(lines[:n], nil))
			want(t, st, err, "E-2130")
		}
	})
	t.Run("cut at every byte of the summary", func(t *testing.T) {
		tail := bytes.Index(whole, []byte(wechatSummary))
		for n := tail; n < len(whole)-len("`0.00\r\n"); n++ {
			st, _, err := readWechat(t, whole[:n])
			if err == nil && normalize.Incomplete(st) == nil {
				t.Fatalf("a file cut after %d of %d bytes passes", n, len(whole))
			}
		}
	})
}

func TestFaultC07_Empty(t *testing.T) {
	st, _, err := readWechat(t, wechatBill(nil))
	want(t, st, err, "")
	if st.Rows != 0 {
		t.Errorf("%d rows", st.Rows)
	}
	st, _, err = readWechat(t, nil)
	want(t, st, err, "E-2132")
	st, _, err = readWechat(t, []byte("\ufeff"+wechatHeader+"\r\n"))
	want(t, st, err, "E-2130")
}

func TestFaultC09_HeaderChanged(t *testing.T) {
	bill := string(wechatBill(wechatRows(3, 7)))
	for name, c := range map[string]struct{ header, diff string }{
		"order":   {strings.Replace(wechatHeader, "订单金额,申请退款金额", "申请退款金额,订单金额", 1), "another order: column 25 is 申请退款金额 where 订单金额 is expected"},
		"name":    {strings.Replace(wechatHeader, "手续费", "服务费", 1), "missing columns: 手续费; unknown columns: 服务费"},
		"added":   {wechatHeader + ",新列", "unknown columns: 新列"},
		"removed": {strings.Replace(wechatHeader, ",费率备注", "", 1), "missing columns: 费率备注"},
		"twice":   {wechatHeader + ",费率备注", "a column stands there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			st, _, err := readWechat(t, []byte(strings.Replace(bill, wechatHeader, c.header, 1)))
			want(t, st, err, "E-2430")
			if err != nil && !strings.Contains(err.Error(), c.diff) {
				t.Errorf("the message does not show the difference %q: %v", c.diff, err)
			}
		})
	}
}

// rejectedRows demands that the proof of rows without a reject holds only if
// there is none, and says how many there are.
func rejectedRows(t *testing.T, st schemas.Statement, n int64) {
	t.Helper()
	i := slices.IndexFunc(st.Proofs, func(p schemas.Proof) bool { return p.Name == "rows.rejected" })
	if i < 0 {
		t.Fatal("no proof of rows without a reject")
	}
	if p := st.Proofs[i]; p.OK != (n == 0) || p.Got != fmt.Sprintf("%d rejected rows", n) || !p.Advisory {
		t.Errorf("%+v with %d rejected rows", p, n)
	}
}

func TestFaultC10_Encodings(t *testing.T) {
	rows := wechatRows(5, 8)
	rows[2].product = "坏\xFF字"
	st, c, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "") // the row is rejected, its money is in the totals
	rejectedRows(t, st, 1)
	r := oneReject(t, c, "", "encoding")
	if r.Line != 4 || r.Value == "" {
		t.Errorf("the reject does not say where: %+v", r)
	}
	for name, product := range map[string]string{"overlong": "a\xC0\xAFb", "surrogate": "\xED\xA0\x80", "lost before": "坏\ufffd字"} {
		rows[2].product = product
		st, c, err = readWechat(t, wechatBill(rows))
		want(t, st, err, "")
		rejectedRows(t, st, 1)
		if oneReject(t, c, "", ""); strings.Contains(string(canonical(st, c, err)), "\ufffd") {
			t.Errorf("%s: U+FFFD was stored", name)
		}
	}
	for name, bom := range map[string]string{"UTF-16 LE": "\xFF\xFE", "UTF-16 BE": "\xFE\xFF"} {
		st, _, err = readWechat(t, append([]byte(bom), wechatBill(rows)[3:]...))
		if want(t, st, err, "E-2434"); err == nil {
			t.Error(name)
		}
	}
	st, c, err = readWechat(t, wechatBill(wechatRows(5, 8))[3:]) // without BOM
	want(t, st, err, "")
	rejectedRows(t, st, 0)
	if len(c.records) != 5 {
		t.Errorf("%d records without a byte order mark, want 5", len(c.records))
	}
}

func TestFaultC10_GBKBadByte(t *testing.T) {
	files := rawStatements(t, "alipay")["trade"]
	detail, summary := content(t, files[0]), content(t, files[1])
	for name, bad := range map[string][]byte{"FF": {0xFF}, "lone lead": {0xC4}, "80": {0x80}, "lead and digit": {0xC4, '0'}} {
		t.Run(name, func(t *testing.T) {
			at := bytes.Index(detail, gb("矿泉水"))
			damaged := slices.Concat(detail[:at], bad, detail[at:])
			st, c, err := read(t, normalize.Input{Definition: definition(t, "alipay"), Date: day, Files: []normalize.File{file("d", damaged), file("s", summary)}})
			want(t, st, err, "")
			rejectedRows(t, st, 1)
			r := oneReject(t, c, "", "encoding")
			if r.Line != 7 || len(c.records) != 3 {
				t.Errorf("line %d rejected, %d records", r.Line, len(c.records))
			}
		})
	}
	st, c, err := read(t, normalize.Input{Definition: definition(t, "alipay"), Date: day, Files: files})
	want(t, st, err, "")
	if !strings.Contains(c.records[0].Product, "䶮") { // a character of the four-byte range
		t.Errorf("product %q", c.records[0].Product)
	}
}

func TestFaultC11_UnclosedQuote(t *testing.T) {
	def := quotedBank(t, "CNY")
	rows := quotedRows(10_000)
	rows[17] = strings.Replace(rows[17], `"粤, ""A"""`, `"粤, ""A""`, 1)
	st, c, err := read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{file("bank.csv", quotedFile(rows))}})
	r := oneReject(t, c, "", "a quote that is not closed")
	if r.Line != 19 || len(c.records) != 9_999 {
		t.Errorf("line %d is rejected and %d rows are left; the open quote swallowed rows", r.Line, len(c.records))
	}
	want(t, st, err, "E-2130") // its amount is missing in the trailer's sum

	rows = quotedRows(10)
	for name, cell := range map[string]string{"bare quote": `粤 "A"`, "text behind": `"粤"x`} {
		bad := slices.Clone(rows)
		bad[3] = strings.Replace(bad[3], `"粤, ""A"""`, cell, 1)
		_, c, _ := read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{file("bank.csv", quotedFile(bad))}})
		if oneReject(t, c, "", "quot"); len(c.records) != 9 {
			t.Errorf("%s: %d records, want 9", name, len(c.records))
		}
	}
	st, c, err = read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{file("bank.csv", quotedFile(rows))}})
	want(t, st, err, "")
	if c.records[0].Remark != `粤, "A"` {
		t.Errorf("remark %q", c.records[0].Remark)
	}
}

// A bill without quoting holds any quotes it likes.
func TestFaultC11_QuotesArePlainTextInWechat(t *testing.T) {
	rows := wechatRows(1000, 9)
	rows[10].product = `"`
	rows[500].product = `he said \"x`
	st, c, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "")
	if len(c.records) != 1000 || c.records[10].Product != `"` || c.records[500].Product != `he said "x` {
		t.Errorf("%d records, products %q and %q", len(c.records), c.records[10].Product, c.records[500].Product)
	}
}

func TestFaultC12_ControlCharacters(t *testing.T) {
	for name, c := range map[string]struct{ product, reason string }{
		"NUL": {"a\x00b", "control"},
		"CR":  {"a\rb", "control"},
		"tab": {"a\tb", "control"},
		"ESC": {"a\x1b[31mb", "control"},
		"DEL": {"a\x7fb", "control"},
		"LF":  {"a\nb", "ends LF"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := wechatRows(5, 10)
			rows[1].product = c.product
			st, got, _ := readWechat(t, wechatBill(rows))
			rejectedRows(t, st, int64(len(got.rejects)))
			if len(got.rejects) == 0 || len(got.records) != 4 {
				t.Fatalf("%d records, rejects %+v", len(got.records), got.rejects)
			}
			for _, r := range got.rejects {
				if strings.ContainsAny(r.Value, "\x00\r\t\x1b\x7f\n") {
					t.Errorf("the reject's value is not escaped: %q", r.Value)
				}
			}
			if !strings.Contains(got.rejects[0].Reason, c.reason) {
				t.Errorf("reason %q, want %q", got.rejects[0].Reason, c.reason)
			}
		})
	}
	t.Run("backtick missing", func(t *testing.T) {
		bill := bytes.Replace(wechatBill(wechatRows(5, 10)), []byte(",`JSAPI"), []byte(",JSAPI"), 1)
		_, c, _ := readWechat(t, bill)
		oneReject(t, c, "交易类型", "mark that begins every cell")
	})
	t.Run("blanks are not trimmed where none are documented", func(t *testing.T) {
		rows := wechatRows(5, 10)
		rows[1].orderNo += " "
		_, c, _ := readWechat(t, wechatBill(rows))
		oneReject(t, c, "商户订单号", "character that ids do not have")
	})
	t.Run("line ends differ", func(t *testing.T) {
		bill := wechatBill(wechatRows(5, 10))
		at := bytes.Index(bill, []byte("\r\n`"))
		at += 2 + bytes.Index(bill[at+2:], []byte("\r\n"))
		_, c, _ := readWechat(t, slices.Concat(bill[:at], bill[at+1:]))
		oneReject(t, c, "", "ends LF")
	})
}

func TestFaultC13_Spreadsheet(t *testing.T) {
	rows := wechatRows(20, 11)
	for name, c := range map[string]struct {
		edit  func(*wechatRow)
		field string
	}{
		"id":    {func(r *wechatRow) { r.channelRef = "4.2E+27" }, "微信订单号"},
		"order": {func(r *wechatRow) { r.orderNo = "4.20000092520E+27" }, "商户订单号"},
		"date":  {func(r *wechatRow) { r.at = "2025/11/20 9:07" }, "交易时间"},
		"days":  {func(r *wechatRow) { r.at = "45981.3799" }, "交易时间"},
	} {
		t.Run(name, func(t *testing.T) {
			edited := slices.Clone(rows)
			edited[3].refundNo = ""
			c.edit(&edited[3])
			st, got, err := readWechat(t, wechatBill(edited))
			want(t, st, err, "E-2435")
			oneReject(t, got, c.field, "spreadsheet")
		})
	}
}

// A statement that is not to be trusted may not even say of which day it is.
func TestFaultC13_DayUnknown(t *testing.T) {
	st := schemas.Statement{Channel: "wechat", Account: "shop", BillDate: bizday.None, Proofs: []schemas.Proof{
		{Name: "rows.intact", Want: "0 rows that look edited or broken", Got: "1 rows that look edited or broken"}}}
	for lang, want := range map[fault.Lang]string{fault.English: "wechat, account shop, day unknown: 0 rows", fault.Chinese: "wechat，账户 shop，日期不明：应为"} {
		if m := normalize.Incomplete(st).Message(lang); !strings.Contains(m, want) {
			t.Errorf("%q is not in %s", want, m)
		}
	}
}

func TestFaultC15_TwoFilesInOne(t *testing.T) {
	bill := wechatBill(wechatRows(10, 12))
	tail := bytes.Index(bill, []byte(wechatSummary))
	t.Run("second header", func(t *testing.T) {
		st, _, err := readWechat(t, slices.Concat(bill[:tail], bill[3:]))
		want(t, st, err, "E-2433")
	})
	t.Run("summary in the middle", func(t *testing.T) {
		st, _, err := readWechat(t, slices.Concat(bill, bill[3:]))
		want(t, st, err, "E-2433")
	})
	t.Run("rows behind the summary", func(t *testing.T) {
		st, _, err := readWechat(t, slices.Concat(bill, bytes.SplitAfter(bill, []byte("\r\n"))[1]))
		want(t, st, err, "E-2433")
	})
	t.Run("two summaries", func(t *testing.T) {
		st, _, err := readWechat(t, slices.Concat(bill, bill[tail:]))
		want(t, st, err, "E-2433")
	})
}

func content(t testing.TB, f normalize.File) []byte {
	t.Helper()
	b := make([]byte, f.Size)
	if _, err := f.Reader.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// quotedBank is an invented bank with quoted cells and a trailer.
func quotedBank(t testing.TB, currency string) *channels.Definition {
	t.Helper()
	d, err := channels.Parse("test", []byte(quotedSource(currency)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func quotedSource(currency string) string {
	return `
name: quotedbank
title: {en: Quoted Bank, zh: 引号银行}
version: "1"
zone: Asia/Shanghai
currency: ` + currency + `
statements: [{kind: BANK, matching: true}]
columns:
  t:
    time: {type: time, layout: "yyyy-MM-dd HH:mm:ss"}
    order: {type: id}
    name: {type: text}
    amount: {type: amount, sign: any}
    kind: {type: word, words: [P, R]}
rows:
  t:
    - {when: {kind: [P]}, kind: PAYMENT, status: SUCCESS, set: {merchant_ref: order, amount: amount, remark: name, event_time: time}}
    - {when: {kind: [R]}, kind: REFUND, status: SUCCESS, set: {refund_ref: order, amount: amount, amount_sign: negative, remark: name, event_time: time}}
totals:
  t:
    rows: {count: true}
    net: {sum: [amount]}
formats:
  - name: csv
    statement: BANK
    shape: delimited
    delimited: {delimiter: ",", quoting: rfc4180}
    headers: [[time, order, name, amount, kind]]
    columns: t
    rows: t
    totals: t
    day: {column: time}
    tail: [{pattern: 'TOTAL,(?P<rows>[0-9]+),(?P<net>-?[0-9.]+)'}]
`
}

func quotedRows(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`2025-11-20 12:00:00,Q%08d,"粤, ""A""",1.00,P`, i)
	}
	return rows
}

func quotedFile(rows []string) []byte {
	return fmt.Appendf(nil, "time,order,name,amount,kind\n%s\nTOTAL,%d,%d.00\n", strings.Join(rows, "\n"), len(rows), len(rows))
}
