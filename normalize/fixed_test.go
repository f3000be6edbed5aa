package normalize_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/unpack"
	"tieout/normalize"
	"tieout/schemas"
)

var zmDate = bizday.Make(2026, 11, 20)

// readZM normalizes a general flow file of the test merchant.
func readZM(t testing.TB, flow []byte, files ...normalize.File) (schemas.Statement, *collector, error) {
	t.Helper()
	return read(t, zmInput(t, append([]normalize.File{file(zmName, flow)}, files...)...))
}

func zmInput(t testing.TB, files ...normalize.File) normalize.Input {
	return normalize.Input{
		Definition: definition(t, "unionpay"), Account: "unionpay-a", Merchant: zmMerchant, Date: zmDate,
		Statement: "TRADE", Variant: "ZM", Files: files, Workers: 2,
	}
}

// The definition's fields lie where the published table says.
func TestUnionPay_Offsets(t *testing.T) {
	want := map[string][]int{
		"zm": {0, 4, 16, 28, 35, 46, 66, 79, 84, 87, 109, 112, 145, 148, 155, 166, 180, 194, 199, 215, 218, 221, 228, 231,
			236, 269, 271, 293, 309, 311, 327, 360, 374, 388, 397, 430, 444, 458, 471, 474, 476, 509, 608},
		"zme": {0, 4, 16, 28, 35, 46, 66, 79, 84, 87, 90, 97, 108, 113, 126, 140, 154, 170, 186, 188, 201, 204, 340},
	}
	for _, f := range definition(t, "unionpay").Formats {
		at, got := 0, []int{}
		for _, field := range f.Fixed.Fields {
			got = append(got, at)
			at += field.Width + len(f.Fixed.Separator)
		}
		if got = append(got, at); fmt.Sprint(got) != fmt.Sprint(want[f.Name]) {
			t.Errorf("%s: offsets\n%v, want\n%v", f.Name, got, want[f.Name])
		}
	}
}

func TestUnionPay_Records(t *testing.T) {
	flow, errorFlow := zmDay(t)
	st, c, err := readZM(t, flow, file(zmeName, errorFlow))
	if err != nil {
		t.Fatal(err)
	}
	if f := normalize.Incomplete(st); f != nil {
		t.Error(f)
	}
	if st.Rows != 12 || st.Records != 12 || len(c.rejects) != 0 {
		t.Fatalf("%d rows, %d records, rejects %v", st.Rows, st.Records, c.rejects)
	}
	shanghai := func(day, hour, minute, second int) int64 { // UTC+8, no daylight saving time
		return int64(bizday.Make(2026, 11, day))*86_400_000_000 + int64((hour-8)*3600+minute*60+second)*1_000_000
	}
	base := schemas.Record{
		Channel: "unionpay", Account: "unionpay-a", Status: schemas.Success, StatusRaw: "S22", Currency: "CNY",
		BillDate: zmDate, Source: "0123",
	}
	with := func(change func(*schemas.Record)) schemas.Record { r := base; change(&r); return r }
	want := map[int]schemas.Record{
		0: with(func(r *schemas.Record) { // sent before midnight, but after the cut-off
			r.Kind, r.MerchantRef, r.ChannelRef = schemas.Payment, "A20261120000001", "202611192302010000001"
			r.AmountMinor, r.SettleMinor, r.FeeMinor = 1_000, schemas.Int64(994), schemas.Int64(6)
			r.EventTime, r.Line, r.TradeType = shanghai(19, 23, 2, 1), 1, "01"
		}),
		1: with(func(r *schemas.Record) {
			r.Kind, r.MerchantRef, r.ChannelRef = schemas.Payment, "A20261120000002", "202611200900000000002"
			r.AmountMinor, r.SettleMinor, r.FeeMinor = 123_456_789, schemas.Int64(122_777_777), schemas.Int64(679_012)
			r.EventTime, r.Line, r.Offset, r.TradeType, r.Remark = shanghai(20, 9, 0, 0), 2, 609, "01", "备注：亅|测试"
		}),
		6: with(func(r *schemas.Record) { // a void gives amount and fee back
			r.Kind, r.MerchantRef, r.RefundRef = schemas.Refund, "A20261120000006", "R20261120000007"
			r.ChannelRef, r.ChannelRefundRef = "202611201400000000006", "202611201405000000007"
			r.AmountMinor, r.SettleMinor, r.FeeMinor = 8_800, schemas.Int64(8_752), schemas.Int64(-48)
			r.EventTime, r.Line, r.Offset, r.TradeType = shanghai(20, 14, 5, 0), 7, 6*609, "31"
		}),
		7: with(func(r *schemas.Record) {
			r.Kind, r.MerchantRef, r.RefundRef = schemas.Refund, "A20261120000001", "R20261120000009"
			r.ChannelRef, r.ChannelRefundRef = "202611192302010000001", "202611201600000000009"
			r.AmountMinor, r.SettleMinor, r.FeeMinor = 400, schemas.Int64(400), schemas.Int64(0)
			r.EventTime, r.Line, r.Offset, r.TradeType = shanghai(20, 16, 0, 0), 8, 7*609, "04"
		}),
		8: with(func(r *schemas.Record) { // a type that is no payment: kept apart
			r.Kind, r.MerchantRef, r.ChannelRef = schemas.Adjustment, "A20261120000008", "202611201500000000008"
			r.AmountMinor, r.SettleMinor, r.FeeMinor = 300, schemas.Int64(298), schemas.Int64(2)
			r.EventTime, r.Line, r.Offset, r.TradeType = shanghai(20, 15, 0, 0), 9, 8*609, "02"
		}),
		10: with(func(r *schemas.Record) { // error flow: no key
			r.Kind, r.ChannelRef, r.ChannelRefundRef, r.StatusRaw = schemas.Adjustment, "900001", "111111", "E32"
			r.AmountMinor, r.SettleMinor, r.FeeMinor = 1_000, schemas.Int64(994), schemas.Int64(-6)
			r.EventTime, r.Line, r.TradeType, r.Remark = shanghai(20, 10, 0, 0), 1, "E32", "1118230201"
		}),
	}
	for i, w := range want {
		if got := c.records[i]; got != w {
			t.Errorf("record %d: got\n%+v, want\n%+v", i, got, w)
		}
	}
	if len(st.Warnings) != 2 {
		t.Errorf("warnings %q, want one for the type and one for the error flow", st.Warnings)
	}
	if key := c.records[10].Key(); key != "" {
		t.Errorf("a row of the error flow has the key %q", key)
	}
}

// LF files and files whose last line has no end are read alike.
func TestUnionPay_LineEnds(t *testing.T) {
	flow, _ := zmDay(t)
	_, want, err := readZM(t, flow)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"LF": bytes.ReplaceAll(flow, []byte("\r\n"), []byte("\n")), "no last end": bytes.TrimSuffix(flow, []byte("\r\n")),
		"LF, no last end": bytes.TrimSuffix(bytes.ReplaceAll(flow, []byte("\r\n"), []byte("\n")), []byte("\n")),
	} {
		st, got, err := readZM(t, b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f := normalize.Incomplete(st); f != nil {
			t.Errorf("%s: %v", name, f)
		}
		for i := range got.records {
			got.records[i].Offset = want.records[i].Offset
		}
		if len(got.records) != len(want.records) || fmt.Sprint(got.records) != fmt.Sprint(want.records) {
			t.Errorf("%s: the records differ", name)
		}
	}
}

// The whole way in: base64(zlib(zip)) with files that nobody asked for.
func TestUnionPay_FromFileContent(t *testing.T) {
	flow, errorFlow := zmDay(t)
	var zipped, content bytes.Buffer
	z := zip.NewWriter(&zipped)
	for name, body := range map[string][]byte{zmName: flow, zmeName: errorFlow, "INN26112088PED_" + zmMerchant: []byte("?")} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(body)
	}
	z.Close()
	deflated := zlib.NewWriter(&content)
	deflated.Write(zipped.Bytes())
	deflated.Close()
	raw := []byte(base64.StdEncoding.EncodeToString(content.Bytes()))

	entries, err := unpack.Open(context.Background(), "x.zip", bytes.NewReader(raw), int64(len(raw)), unpack.Auto, unpack.Limits{}, noTemp)
	if err != nil {
		t.Fatal(err)
	}
	defer unpack.Close(entries)
	var files []normalize.File
	for _, e := range entries {
		files = append(files, normalize.File{Name: e.Title(), Size: e.Size, Reader: e.Reader})
	}
	st, c, err := read(t, zmInput(t, files...))
	if err != nil || normalize.Incomplete(st) != nil {
		t.Fatal(err, normalize.Incomplete(st))
	}
	if len(c.records) != 12 || !strings.Contains(fmt.Sprint(st.Warnings), "PED") {
		t.Errorf("%d records, warnings %q", len(c.records), st.Warnings)
	}
}

func noTemp() (*os.File, error) { return nil, errors.New("too small for a temporary file") }

// A cut anywhere is incomplete: through the length, since nothing else shows it.
func TestFaultD02_CutFlowFile(t *testing.T) {
	flow, _ := zmDay(t)
	for _, cut := range []int{1, 3, 100, 608, 610, 1218 + 5} {
		st, _, err := readZM(t, flow[:len(flow)-cut])
		switch f := normalize.Incomplete(st); {
		case err != nil:
			t.Errorf("%d bytes cut off: %v", cut, err)
		case f == nil:
			t.Errorf("%d bytes cut off: accepted", cut)
		case f != nil && f.Exit() != 21:
			t.Errorf("%d bytes cut off: %v", cut, f)
		}
	}
}

// What is wrong in one row rejects that row, with its field, and no other.
func TestUnionPay_Rejects(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *zm)
		patch  func(row []byte)
		field  string
		reason string
	}{
		{name: "blank sign before an amount", change: func(r *zm) { r.fee = " 000000000006" }, field: "商户手续费", reason: "no C or D"},
		{name: "other sign", change: func(r *zm) { r.fee = "X000000000006" }, field: "商户手续费", reason: "neither C nor D"},
		{name: "flipped sign of the fee", change: func(r *zm) { r.fee = "C000000000006" }, field: "结算金额", reason: "not the sum"},
		{name: "flipped sign of the settled amount", change: func(r *zm) { r.settle = "D000000000994" }, field: "结算金额", reason: "not the sum"},
		{name: "fee off by one fen", change: func(r *zm) { r.fee = "D000000000007" }, field: "结算金额", reason: "not the sum"},
		{name: "yuan", change: func(r *zm) { r.amount = "000000010.00" }, field: "交易金额", reason: "not a digit"},
		{name: "plus", change: func(r *zm) { r.amount = "+00000001000" }, field: "交易金额", reason: "not a digit"},
		{name: "number moved to the left", change: func(r *zm) { r.amount = "00000001000" }, field: "交易金额", reason: "not a digit"},
		{name: "number padded with blanks", change: func(r *zm) { r.amount = "        1000" }, field: "交易金额", reason: "not a digit"},
		{name: "no amount", change: func(r *zm) { r.amount = "" }, field: "交易金额", reason: "empty"},
		{name: "no order number", change: func(r *zm) { r.order = "" }, field: "商户订单号", reason: "needed"},
		{name: "no query id", change: func(r *zm) { r.query = "" }, field: "查询流水号", reason: "needed"},
		{name: "query id from a spreadsheet", change: func(r *zm) { r.query = "2.02611E+20" }, field: "查询流水号", reason: "spreadsheet"},
		{name: "letter in the query id", change: func(r *zm) { r.query = "20261120090000000000O" }, field: "查询流水号", reason: "digits"},
		{name: "month 13", change: func(r *zm) { r.sent = "1320090000" }, field: "交易传输时间", reason: "calendar"},
		{name: "hour 24", change: func(r *zm) { r.sent = "1120240000" }, field: "交易传输时间", reason: "calendar"},
		{name: "separator", patch: func(row []byte) { row[3] = '0' }, field: "交易代码", reason: "no separator"},
		{name: "fields moved by one", patch: func(row []byte) { copy(row[86:], row[87:]) }, field: "终端类型", reason: "no separator"},
		{name: "character cut by the border", patch: func(row []byte) { row[428] = 0xD6 }, field: "商户自定义域", reason: "cuts in two"},
		{name: "character over the separator", patch: func(row []byte) { row[428], row[429] = 0xD6, 0xD0 }, field: "商户自定义域", reason: "cuts in two"},
		{name: "bad byte", patch: func(row []byte) { row[400] = 0xFF }, field: "商户自定义域", reason: "begins no character"},
		{name: "NUL", patch: func(row []byte) { row[400] = 0 }, reason: "control character"},
		{name: "TAB", patch: func(row []byte) { row[400] = '\t' }, reason: "control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := purchase(2, "1120090000", 1_000)
			if c.change != nil {
				c.change(&r)
			}
			row := r.row(t)
			if c.patch != nil {
				c.patch(row)
			}
			flow := joined("\r\n", purchase(1, "1120080000", 1_000).row(t), row, purchase(3, "1120100000", 1_000).row(t))
			st, got, err := readZM(t, flow)
			if err != nil {
				t.Fatal(err)
			}
			if st.Rows != 3 || len(got.records) != 2 || len(got.rejects) != 1 {
				t.Fatalf("%d rows, %d records, rejects %+v", st.Rows, len(got.records), got.rejects)
			}
			rej := got.rejects[0]
			if rej.Line != 2 || rej.Offset != 609 || rej.Field != c.field || !strings.Contains(rej.Reason, c.reason) {
				t.Errorf("got %+v, want %q in the field %q", rej, c.reason, c.field)
			}
		})
	}
}

// What stands in the reserve is nobody's business: newer layouts use it.
func TestUnionPay_ReserveIsNotLookedAt(t *testing.T) {
	row := purchase(1, "1120080000", 1_000).row(t)
	copy(row[509:], "00123 \xD6\xD0 00000000000")
	row[606] = 0xD6
	_, c, err := readZM(t, joined("\n", row))
	if err != nil || len(c.records) != 1 {
		t.Errorf("%v, rejects %+v", err, c.rejects)
	}
}

func TestFaultC02_OtherMerchantInFlow(t *testing.T) {
	r := purchase(2, "1120090000", 1_000)
	r.merchant = "700000000000002"
	st, _, err := readZM(t, joined("\r\n", purchase(1, "1120080000", 1_000).row(t), r.row(t)))
	if err != nil {
		t.Fatal(err)
	}
	if f := normalize.Incomplete(st); f == nil || f.Exit() != 23 {
		t.Errorf("got %v, want exit 23", f)
	}
}

func TestFaultC01_FlowOfAnotherDay(t *testing.T) {
	st, _, err := readZM(t, joined("\r\n", purchase(1, "1119120000", 1_000).row(t), purchase(2, "1119130000", 1_000).row(t)))
	if f := normalize.Incomplete(st); err != nil || f == nil || f.Exit() != 23 {
		t.Errorf("right name, wrong day: got %v, %v, want exit 23", f, err)
	}
	flow, _ := zmDay(t)
	_, _, err = read(t, zmInput(t, file(strings.Replace(zmName, "261120", "261119", 1), flow)))
	if f := fault.Of(err); err == nil || f.Exit() != 23 {
		t.Errorf("wrong day in the name: got %v, want exit 23", err)
	}
}

// A file of 1 January holds rows of 31 December.
func TestUnionPay_YearIsNearest(t *testing.T) {
	r := purchase(1, "1231230500", 1_000)
	in := zmInput(t, file("INN27010188ZM_"+zmMerchant, joined("\n", r.row(t))))
	in.Date = bizday.Make(2027, 1, 1)
	_, c, err := read(t, in)
	if err != nil || len(c.records) != 1 {
		t.Fatal(err, c.rejects)
	}
	if day := bizday.Date(c.records[0].EventTime / 86_400_000_000); day != bizday.Make(2026, 12, 31) {
		t.Errorf("the row lies on %s", day)
	}
}

// The second copy of a row stays a record: matching tells it from a second
// payment. The report says it.
func TestFaultC03_DuplicateRowInFlow(t *testing.T) {
	row := purchase(1, "1120080000", 1_000).row(t)
	st, c, err := readZM(t, joined("\r\n", row, row, purchase(2, "1120090000", 5).row(t)))
	if err != nil || normalize.Incomplete(st) != nil || len(c.records) != 3 {
		t.Fatalf("%v, %v, %d records", err, normalize.Incomplete(st), len(c.records))
	}
	for _, p := range st.Proofs {
		if p.Name == "rows.unique" {
			if p.OK || !p.Advisory || p.Got != "1 values" || len(st.Warnings) != 1 {
				t.Errorf("%+v, warnings %q", p, st.Warnings)
			}
			return
		}
	}
	t.Error("no proof of the unique query ids")
}

// An empty general flow proves nothing; an empty error flow is the usual one.
func TestFaultC07_EmptyFlow(t *testing.T) {
	st, _, err := readZM(t, nil)
	if f := normalize.Incomplete(st); err == nil && (f == nil || f.Exit() != 21) {
		t.Errorf("an empty general flow: %v", f)
	}
	flow, _ := zmDay(t)
	st, _, err = readZM(t, flow, file(zmeName, nil))
	empty := func(w string) bool { return strings.Contains(w, "no rows") }
	if err != nil || normalize.Incomplete(st) != nil || slices.ContainsFunc(st.Warnings, empty) {
		t.Errorf("an empty error flow, as on most days: %v, %v, %q", err, normalize.Incomplete(st), st.Warnings)
	}
}

// The result does not depend on the number of workers.
func TestUnionPay_OneAndEightWorkers(t *testing.T) {
	var rows [][]byte
	for i := range 6_000 { // more than three blocks
		r := purchase(i, fmt.Sprintf("1120%02d%02d%02d", i%23, i%60, i%59), int64(i)*37)
		if i%7 == 0 {
			r.note = strings.Repeat("中", 16)
		}
		if i%501 == 3 {
			r.settle = "C000000000001"
		}
		rows = append(rows, r.row(t))
	}
	flow := joined("\r\n", rows...)
	var want []byte
	for _, workers := range []int{1, 2, 8} {
		in := zmInput(t, file(zmName, flow))
		in.Workers = workers
		st, c, err := read(t, in)
		got := canonical(st, c, err)
		if want == nil {
			want = got
			if len(c.rejects) != 12 || len(c.records) != 5_988 {
				t.Errorf("%d records, %d rejects", len(c.records), len(c.rejects))
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers give another result", workers)
		}
	}
}

func FuzzFixed(f *testing.F) {
	flow, _ := zmDay(f)
	f.Add(flow)
	f.Add(flow[:1500])
	f.Add(bytes.ReplaceAll(flow, []byte("\r\n"), []byte("\n")))
	f.Add([]byte("\n\n"))
	in := zmInput(f)
	in.Workers = 1
	f.Fuzz(func(t *testing.T, b []byte) {
		in := in
		in.Files = []normalize.File{file(zmName, b)}
		st, c, err := read(t, in)
		if err != nil {
			if f := fault.Of(err); f.Exit() < 21 || f.Exit() > 24 {
				t.Fatal(err)
			}
			return
		}
		lines := int64(bytes.Count(b, []byte("\n")))
		if len(b) > 0 && b[len(b)-1] != '\n' {
			lines++
		}
		checkWhole(t, st, c, lines)
	})
}

// checkWhole checks that every row is a record or a reject, and that the
// totals are those of the records.
func checkWhole(t testing.TB, st schemas.Statement, c *collector, rows int64) {
	t.Helper()
	if st.Rows != rows || st.Records != int64(len(c.records)) || st.Rejects != int64(len(c.rejects)) || st.Rows != st.Records+st.Rejects {
		t.Fatalf("%d rows: statement says %d rows, %d records, %d rejects; handed over %d and %d", rows, st.Rows, st.Records, st.Rejects, len(c.records), len(c.rejects))
	}
	sums := map[schemas.Kind]schemas.SideTotal{}
	for _, r := range c.records {
		s := sums[r.Kind]
		s.Rows, s.Minor, s.FeeMinor = s.Rows+1, s.Minor+r.AmountMinor, s.FeeMinor+r.FeeMinor.V
		sums[r.Kind] = s
	}
	for _, total := range st.Totals {
		s := sums[total.Kind]
		if s.Rows != total.Rows || s.Minor != total.Minor || s.FeeMinor != total.FeeMinor {
			t.Fatalf("total %+v, the records give %+v", total, s)
		}
		delete(sums, total.Kind)
	}
	if len(sums) > 0 {
		t.Fatalf("no totals for %v", sums)
	}
}

func BenchmarkFixed(b *testing.B) {
	var rows [][]byte
	for i := range 20_000 {
		rows = append(rows, purchase(i, "1120120000", 1_234).row(b))
	}
	flow := joined("\r\n", rows...)
	b.Run("layout=zm/rows=2e4", func(b *testing.B) {
		b.SetBytes(int64(len(flow)))
		b.ReportAllocs()
		in := zmInput(b, file(zmName, flow))
		for b.Loop() {
			if _, err := normalize.Statement(b.Context(), in, discard{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type discard struct{}

func (discard) Batch(*schemas.Batch) error  { return nil }
func (discard) Reject(schemas.Reject) error { return nil }
