package ledgerlink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

const csvHeader = "kind,order_no,refund_no,channel_txn_id,status,amount_minor,currency,fee_minor,created_at,completed_at\n"

var shanghai = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return zone
}()

var testRequest = ExportRequest{Channel: "wechat", Account: "wechat-main", Merchant: "1900000109",
	Day: bizday.Day{Zone: shanghai}, Date: bizday.Make(2026, 11, 20)}

func writeFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "local.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readCSV exports a file and returns its rows.
func readCSV(t testing.TB, content string, m Mapping, workers int) (rows []schemas.Record, export schemas.Export, rejects []schemas.Reject, err error) {
	t.Helper()
	c, err := OpenCSV(writeFile(t, content), m)
	if err != nil {
		return nil, export, nil, err
	}
	defer c.Close()
	c.workers = workers
	export, err = c.Export(context.Background(), testRequest, func(b *schemas.Batch) error {
		for i := range b.Len() {
			rows = append(rows, b.Row(i))
		}
		return nil
	})
	rejects, _ = c.Rejects()
	return rows, export, rejects, err
}

func TestCSVRows(t *testing.T) {
	content := "\xef\xbb\xbf" + csvHeader +
		"payment,A1,,4200001,PAID,10000,CNY,60,2026-11-20T09:00:00+08:00,2026-11-20T09:00:05.123456+08:00\r\n" +
		"\n" +
		`refund,A1,"R""1",50300001,REFUNDED,4000,CNY,,2026-11-20T10:00:00Z,` + "\n" +
		"payment,A2,,,PENDING,1,JPY,0,2026-11-21T00:00:00+08:00,"
	rows, export, _, err := readCSV(t, content, Mapping{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) int64 {
		x, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return x.UnixMicro()
	}
	base := schemas.Record{Channel: "wechat", Account: "1900000109", Source: export.Files[0].SHA256}
	one, two, three := base, base, base
	one.Kind, one.MerchantRef, one.ChannelRef, one.Status, one.StatusRaw = schemas.Payment, "A1", "4200001", schemas.Success, "PAID"
	one.AmountMinor, one.Currency, one.FeeMinor = 10000, "CNY", schemas.Int64(60)
	one.EventTime, one.BillDate, one.Line, one.Offset = at("2026-11-20T09:00:05.123456+08:00"), bizday.Make(2026, 11, 20), 2, int64(len(csvHeader)+3)
	two.Kind, two.MerchantRef, two.RefundRef, two.ChannelRefundRef, two.Status, two.StatusRaw = schemas.Refund, "A1", `R"1`, "50300001", schemas.Success, "REFUNDED"
	two.AmountMinor, two.Currency = 4000, "CNY"
	two.EventTime, two.BillDate, two.Line = at("2026-11-20T10:00:00Z"), bizday.Make(2026, 11, 20), 4
	three.Kind, three.MerchantRef, three.Status, three.StatusRaw = schemas.Payment, "A2", schemas.Unknown, "PENDING"
	three.AmountMinor, three.Currency, three.FeeMinor = 1, "JPY", schemas.Int64(0)
	three.EventTime, three.BillDate, three.Line = at("2026-11-20T16:00:00Z"), bizday.Make(2026, 11, 21), 5
	for i := range rows {
		if line := strings.Split(content[rows[i].Offset:], ",")[0]; line != "payment" && line != "refund" {
			t.Errorf("row %d: offset %d does not point at a row", i, rows[i].Offset)
		}
		if i > 0 {
			rows[i].Offset = 0
		}
	}
	if diff := cmp.Diff([]schemas.Record{one, two, three}, rows); diff != "" {
		t.Error(diff)
	}
	want := []schemas.SideTotal{{Kind: schemas.Payment, Currency: "CNY", Rows: 1, Minor: 10000, FeeMinor: 60},
		{Kind: schemas.Payment, Currency: "JPY", Rows: 1, Minor: 1}, {Kind: schemas.Refund, Currency: "CNY", Rows: 1, Minor: 4000}}
	if diff := cmp.Diff(want, export.Totals); diff != "" {
		t.Error(diff)
	}
}

func TestCSVRejectsNameTheCell(t *testing.T) {
	row := "payment,A1,,420,PAID,100,CNY,1,2026-11-20T09:00:00+08:00,"
	for _, c := range []struct {
		name, line, field, reason string
		column                    int
	}{
		{"kind", strings.Replace(row, "payment", "sale", 1), "kind", "none of the kinds", 1},
		{"status", strings.Replace(row, "PAID", "Paid?", 1), "status", "none of the states", 5},
		{"amount with a point", strings.Replace(row, ",100,", ",1.00,", 1), "amount_minor", "decimal point", 6},
		{"amount with an exponent", strings.Replace(row, ",100,", ",1e5,", 1), "amount_minor", "not a digit", 6},
		{"amount negative", strings.Replace(row, ",100,", ",-100,", 1), "amount_minor", "negative", 6},
		{"amount empty", strings.Replace(row, ",100,", ",,", 1), "amount_minor", "no digit", 6},
		{"amount too large", strings.Replace(row, ",100,", ",9223372036854775808,", 1), "amount_minor", "64 bits", 6},
		{"amount full-width", strings.Replace(row, ",100,", ",１,", 1), "amount_minor", "no digit", 6},
		{"currency", strings.Replace(row, "CNY", "RMB", 1), "currency", "not a currency", 7},
		{"time", strings.Replace(row, "09:00:00+08:00", "25:00:00+08:00", 1), "created_at", "not a time", 9},
		{"time without offset", strings.Replace(row, "09:00:00+08:00", "09:00:00", 1), "created_at", "not a time", 9},
		{"30 February", strings.Replace(row, "2026-11-20", "2026-02-30", 1), "created_at", "not a time", 9},
		{"id of a spreadsheet", strings.Replace(row, ",420,", ",4.2E+18,", 1), "channel_txn_id", "spreadsheet", 4},
		{"id with a control character", strings.Replace(row, "A1", "A\x001", 1), "order_no", "printable", 2},
		{"refund without number", strings.Replace(row, "payment", "refund", 1), "refund_no", "empty", 3},
		{"payment without number", strings.Replace(row, "A1", "", 1), "order_no", "empty", 2},
		{"one cell more", row + ",", "", "has 11 cells", 0},
		{"quote not closed", strings.Replace(row, "A1", `"A1`, 1), "", "not closed", 0},
		{"quote in the middle", strings.Replace(row, "A1", `A"1`, 1), "", "quote inside", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, export, rejects, err := readCSV(t, csvHeader+row+"\n"+c.line+"\n"+row+"\n", Mapping{}, 2)
			if fault.Of(err).ID != "E-2151" || len(rejects) != 1 {
				t.Fatalf("got %v and rejects %v", err, rejects)
			}
			r := rejects[0]
			if r.Line != 3 || r.Column != c.column || r.Field != c.field || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("got %+v", r)
			}
			if len(rows) != 2 || export.Rows != 2 {
				t.Errorf("the other rows: got %d", len(rows))
			}
		})
	}
}

func TestFaultC11_UnclosedQuoteSwallowsOneLine(t *testing.T) {
	var b strings.Builder
	b.WriteString(csvHeader)
	for i := range 10_000 {
		quote := ""
		if i == 7 {
			quote = `"`
		}
		fmt.Fprintf(&b, "payment,%sA%d,,,PAID,100,CNY,,2026-11-20T09:00:00Z,\n", quote, i)
	}
	rows, _, rejects, err := readCSV(t, b.String(), Mapping{}, 2)
	if fault.Of(err).ID != "E-2151" || len(rejects) != 1 || rejects[0].Line != 9 || len(rows) != 9999 {
		t.Errorf("got %d rows, rejects %v, %v", len(rows), rejects, err)
	}
}

func TestCSVRejectMasksCardNumbers(t *testing.T) {
	_, _, rejects, _ := readCSV(t, csvHeader+"payment,A1,,,4111111111111111,1,CNY,,,\n", Mapping{}, 1)
	if len(rejects) != 1 || rejects[0].Value != "411111******1111" {
		t.Errorf("got %+v", rejects)
	}
}

func TestCSVMapping(t *testing.T) {
	m := Mapping{
		Columns:  map[string]string{"order_no": "商户单号", "amount_minor": "金额", "fee_minor": "手续费", "status": "状态", "created_at": "时间", "kind": "类型"},
		Kinds:    map[string]schemas.Kind{"支付": schemas.Payment},
		Statuses: map[string]schemas.Status{"成功": schemas.Success},
		Currency: "CNY", Zone: shanghai, Major: true,
	}
	rows, _, _, err := readCSV(t, "备注,商户单号,类型,金额,手续费,状态,时间\nx,A1,支付,1.15,0.01,成功,2026-11-20 23:59:59.9\n", m, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 11, 20, 23, 59, 59, 900_000_000, shanghai).UnixMicro()
	if len(rows) != 1 || rows[0].AmountMinor != 115 || rows[0].FeeMinor != schemas.Int64(1) || rows[0].EventTime != want || rows[0].Currency != "CNY" {
		t.Errorf("got %+v", rows)
	}
	if _, _, _, err := readCSV(t, "备注,商户单号,类型,手续费,状态,时间\n", m, 1); fault.Of(err).ID != "E-2450" || !strings.Contains(err.Error(), "no column 金额") {
		t.Errorf("a missing column: got %v", err)
	}
	if _, err := OpenCSV(writeFile(t, csvHeader), Mapping{Columns: map[string]string{"amount": "x"}}); fault.Of(err).ID != "E-7850" {
		t.Errorf("an unknown field: got %v", err)
	}
}

func TestCSVRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		id      fault.ID
	}{
		"empty":            {"", "E-2450"},
		"UTF-16":           {"\xff\xfek\x00", "E-2451"},
		"column twice":     {"kind,order_no,order_no,status,amount_minor,currency\n", "E-2450"},
		"endless header":   {strings.Repeat("x", 2<<20), "E-2451"},
		"TestAttack07 row": {csvHeader + strings.Repeat("x", 3<<20) + "\n", "E-2451"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, _, err := readCSV(t, c.content, Mapping{}, 2); fault.Of(err).ID != c.id {
				t.Errorf("got %v, want %s", err, c.id)
			}
		})
	}
}

func TestAttack07_ManyColumns(t *testing.T) {
	_, _, rejects, err := readCSV(t, csvHeader+strings.Repeat(",", 100_000)+"\n", Mapping{}, 2)
	if fault.Of(err).ID != "E-2151" || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "512 columns") {
		t.Errorf("got %v %v", rejects, err)
	}
}

func TestCSVSameForAnyWorkerCount(t *testing.T) {
	content := randomCSV(rand.New(rand.NewPCG(1, 2)), 60_000)
	want, wantExport, wantRejects, wantErr := readCSV(t, content, Mapping{}, 1)
	if len(want) == 0 || len(wantRejects) == 0 {
		t.Fatal("the file tests nothing")
	}
	for _, workers := range []int{2, 3, 8} {
		got, export, rejects, err := readCSV(t, content, Mapping{}, workers)
		if !cmp.Equal(got, want) || !cmp.Equal(export, wantExport) || !cmp.Equal(rejects, wantRejects) || err.Error() != wantErr.Error() {
			t.Errorf("%d workers give another result", workers)
		}
	}
}

// randomCSV makes rows of which some are bad.
func randomCSV(r *rand.Rand, rows int) string {
	var b strings.Builder
	b.WriteString(csvHeader)
	for i := range rows {
		status := []string{"PAID", "PENDING", "FAILED", "CLOSED", "what"}[min(r.IntN(300), 4)%5]
		if r.IntN(10) > 0 {
			status = "PAID"
		}
		fmt.Fprintf(&b, "payment,A%d,,%d,%s,%d,CNY,%d,2026-11-%02dT%02d:00:00+08:00,\n", i, r.Uint64(), status, r.IntN(1e6)+1, r.IntN(100), 19+r.IntN(3), r.IntN(24))
	}
	return b.String()
}

func TestCSVStopsWhenTheTakerFails(t *testing.T) {
	c, err := OpenCSV(writeFile(t, randomCSV(rand.New(rand.NewPCG(3, 4)), 60_000)), Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	full := errors.New("disk full")
	if _, err := c.Export(context.Background(), testRequest, func(*schemas.Batch) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Export(ctx, testRequest, func(*schemas.Batch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCSVChangedWhileRead(t *testing.T) {
	path := writeFile(t, csvHeader+"payment,A1,,,PAID,1,CNY,,,\n")
	c, err := OpenCSV(path, Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Export(context.Background(), testRequest, func(*schemas.Batch) error {
		return os.WriteFile(path, []byte(csvHeader), 0o600)
	})
	if fault.Of(err).ID != "E-2152" {
		t.Errorf("got %v", err)
	}
}

// FuzzCSV: no panic; every line that is not empty is a row or a reject; totals
// add up; one worker and three give the same, and so does a plain reader.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("payment,A1,,420,PAID,100,CNY,1,2026-11-20T09:00:00+08:00,\n"))
	f.Add([]byte("refund,A1,\"R,1\",503,REFUNDED,100,CNY,,2026-11-20T09:00:00.5Z,2026-11-20 09:00:00Z\r\n\r\n,,,\n\"\"\"\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		content := csvHeader + string(body)
		rows, export, rejects, err := readCSV(t, content, Mapping{}, 3)
		if id := fault.ID(""); err != nil {
			if id = fault.Of(err).ID; id != "E-2151" && id != "E-2451" {
				t.Fatalf("an error of another kind: %v", err)
			}
			if id == "E-2451" {
				return
			}
		}
		lines := 0
		for _, line := range bytes.Split(body, newline) {
			if len(bytes.TrimSuffix(line, []byte("\r"))) > 0 {
				lines++
			}
		}
		if len(rejects) < keptReject && len(rows)+len(rejects) != lines {
			t.Fatalf("%d lines, %d rows, %d rejects", lines, len(rows), len(rejects))
		}
		sum := int64(0)
		for _, total := range export.Totals {
			sum += total.Rows
		}
		if sum != int64(len(rows)) {
			t.Fatalf("totals say %d rows of %d", sum, len(rows))
		}
		again, _, _, _ := readCSV(t, content, Mapping{}, 1)
		if !cmp.Equal(rows, again) {
			t.Fatal("one worker gives another result")
		}
		for i := range rows {
			rows[i].Channel, rows[i].Account, rows[i].Source = "", "", ""
		}
		if want, _ := plainRead(csvHeader, string(body), Mapping{}); !cmp.Equal(rows, want) {
			t.Fatal(cmp.Diff(want, rows))
		}
	})
}
