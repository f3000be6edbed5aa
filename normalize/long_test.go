package normalize_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/normalize"
	"tieout/schemas"
)

// longBill is a bill of many equal-sized rows that exists only while it is
// read: row n stands at its offset, so that millions of rows need no memory.
type longBill struct {
	head, tail []byte
	rows       int64
	width      int64
}

const longRow = "`2026-11-20 12:00:00,`wx0123456789abcdef,`1900000109,`0,`,`42000000000000000000%08d,`L%012d,`o,`JSAPI,`SUCCESS,`OTHERS,`CNY,`1.00,`0.00,`0,`0,`0.00,`0.00,`,`,`goods,`,`0.01000,`0.60%%,`1.00,`0.00,`\r\n"

// newLongBill makes a bill of rows rows whose trailer speaks of stated ones.
func newLongBill(rows, stated int64) *longBill {
	total := money.FormatScaled(stated*100, 2)
	return &longBill{head: []byte("\ufeff" + wechatHeader + "\r\n"), rows: rows, width: int64(len(fmt.Sprintf(longRow, 0, 0))),
		tail: fmt.Appendf(nil, "%s\r\n`%d,`%s,`0.00,`0.00,`%s,`%s,`0.00\r\n", wechatSummary, stated, total, money.FormatScaled(stated*1000, 5), total)}
}

func (b *longBill) Size() int64 { return int64(len(b.head)) + b.rows*b.width + int64(len(b.tail)) }

// ReadAt implements io.ReaderAt.
func (b *longBill) ReadAt(p []byte, off int64) (n int, err error) {
	body, end := int64(len(b.head)), int64(len(b.head))+b.rows*b.width
	for n < len(p) {
		switch {
		case off < body:
			k := copy(p[n:], b.head[off:])
			n, off = n+k, off+int64(k)
		case off < end:
			row := (off - body) / b.width
			line := fmt.Appendf(nil, longRow, row, row)
			k := copy(p[n:], line[(off-body)%b.width:])
			n, off = n+k, off+int64(k)
		case off < b.Size():
			k := copy(p[n:], b.tail[off-end:])
			n, off = n+k, off+int64(k)
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

// counted counts records and keeps nothing.
type counted struct{ rows int64 }

func (c *counted) Batch(b *schemas.Batch) error { c.rows += int64(b.Len()); return nil }
func (c *counted) Reject(schemas.Reject) error  { return nil }

// Two and a half million rows are all read, or the day is INCOMPLETE: no page,
// cap or buffer ends a statement early without a word.
func TestT03_LongStatementIsWholeOrIncomplete(t *testing.T) {
	rows := int64(2_500_000)
	if testing.Short() {
		rows = 100_000
	}
	for _, c := range []struct {
		name         string
		rows, stated int64
		fault        fault.ID
	}{{"whole", rows, rows, ""}, {"one row missing", 99_999, 100_000, "E-2130"}, {"one row more", 100_001, 100_000, "E-2130"}} {
		t.Run(c.name, func(t *testing.T) {
			bill := newLongBill(c.rows, c.stated)
			var sink counted
			st, err := normalize.Statement(context.Background(), normalize.Input{Definition: definition(t, "wechat"), Account: "long", Merchant: "1900000109", Date: bizday.Make(2026, 11, 20),
				Files: []normalize.File{{Name: "long.csv", Size: bill.Size(), Reader: bill}}}, &sink)
			if err != nil {
				t.Fatal(err)
			}
			if sink.rows != c.rows || st.Rows != c.rows {
				t.Errorf("%d rows were read, %d counted, the file has %d", sink.rows, st.Rows, c.rows)
			}
			got := fault.ID("")
			if f := normalize.Incomplete(st); f != nil {
				got = f.ID
			}
			if got != c.fault {
				t.Errorf("the statement is %q, want %q", got, c.fault)
			}
		})
	}
}

// The virtual bill reads alike from any offset.
func TestLongBillReadsAlike(t *testing.T) {
	bill := newLongBill(50, 50)
	whole, err := io.ReadAll(io.NewSectionReader(bill, 0, bill.Size()))
	if err != nil {
		t.Fatal(err)
	}
	for off := int64(0); off < bill.Size(); off += 137 {
		part := make([]byte, min(1000, bill.Size()-off))
		if _, err := bill.ReadAt(part, off); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if !bytes.Equal(part, whole[off:off+int64(len(part))]) {
			t.Fatalf("offset %d reads otherwise", off)
		}
	}
}

// GBK, a byte order mark, back-ticks, lines that end with CR LF, totals behind
// the rows: each channel's bill as it comes.
func TestT19_BillsAsTheyCome(t *testing.T) {
	wechat := wechatBill(wechatRows(40, 19))
	for _, need := range []string{"\ufeff", ",`", "\r\n", wechatSummary} {
		if !bytes.Contains(wechat, []byte(need)) {
			t.Fatalf("the bill has no %q: it proves nothing", need)
		}
	}
	st, got, err := readWechat(t, wechat)
	want(t, st, err, "")
	if len(got.records) != 40 || got.records[0].Product != "会员月卡" {
		t.Errorf("%d records, the first is %+v", len(got.records), got.records[0])
	}
	folder := filepath.Join("..", "schemas", "channels", "alipay", "testdata", "raw", "trade")
	detail, err := os.ReadFile(filepath.Join(folder, "detail.csv"))
	if err != nil {
		t.Fatal(err)
	}
	summary, err := os.ReadFile(filepath.Join(folder, "summary.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if utf8.Valid(detail) || !bytes.Contains(detail, []byte("\r\n")) {
		t.Fatal("the Alipay bill is not GBK with CR LF: it proves nothing")
	}
	st, got, err = read(t, normalize.Input{Definition: definition(t, "alipay"), Account: "alipay-main", Date: bizday.None, Statement: "TRADE",
		Files: []normalize.File{file("detail.csv", detail), file("summary.csv", summary)}})
	want(t, st, err, "")
	for _, r := range got.records {
		if strings.ContainsRune(r.Product+r.Remark, utf8.RuneError) {
			t.Errorf("U+FFFD in %+v", r)
		}
	}
	if len(got.records) == 0 {
		t.Error("no records")
	}
}
