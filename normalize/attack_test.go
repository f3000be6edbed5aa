package normalize_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tieout/internal/fault"
	"tieout/normalize"
	"tieout/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// endless is a file of a head and then one byte for ever, up to its size.
type endless struct {
	head []byte
	then byte
	size int64
}

func (e endless) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for ; n < len(p) && at < e.size; n, at = n+1, at+1 {
		p[n] = e.then
		if at < int64(len(e.head)) {
			p[n] = e.head[at]
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestAttack07_LongLine(t *testing.T) {
	header := "\ufeff" + wechatHeader + "\r\n"
	for name, f := range map[string]endless{
		"a line of 4 GiB":             {[]byte(header), 'a', 4 << 30},
		"a line of 4 GiB from byte 0": {nil, 'a', 4 << 30},
		"a field of 100 MiB":          {[]byte(header + "`2025-11-20 00:00:00,`"), 'x', 100 << 20},
		"10^7 columns":                {[]byte(header), ',', 10_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			st, _, err := read(t, normalize.Input{Definition: definition(t, "wechat"), Merchant: merchant, Date: day, Workers: 2,
				Files: []normalize.File{{Name: "bill.csv", Size: f.size, Reader: f}}})
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatalf("passes with %d rows", st.Rows)
			}
			if id := fault.Of(err).ID; id != "E-2432" && id != "E-2430" {
				t.Errorf("ends with %v", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("took %d MiB", used>>20)
			}
		})
	}
}

func TestAttack07_LimitsAreReached(t *testing.T) {
	rows := wechatRows(3, 30)
	rows[1].product = strings.Repeat("x", 64<<10)
	st, c, err := readWechat(t, wechatBill(rows))
	want(t, st, err, "")
	if len(c.records[1].Product) != 256 {
		t.Errorf("a product of %d bytes is kept, want 256", len(c.records[1].Product))
	}
	rows[1].product += "x"
	st, c, err = readWechat(t, wechatBill(rows))
	want(t, st, err, "E-2435")
	oneReject(t, c, "商品名称", "65536 bytes")

	rows[1].cells = make([]string, 513)
	st, c, err = readWechat(t, wechatBill(rows))
	if err != nil || normalize.Incomplete(st) == nil {
		t.Errorf("a row of 513 cells: %v", err)
	}
	oneReject(t, c, "", "more than 512 cells")

	short := []byte("\ufeff" + wechatHeader + "\r\n" + strings.Repeat("x\r\n", 200_000))
	if _, _, err = readWechat(t, short); err == nil || fault.Of(err).ID != "E-2437" {
		t.Errorf("a file of nothing but rejects ends with %v", err)
	}
}

func TestAttack09_ForeignText(t *testing.T) {
	for name, id := range map[string]string{"homoglyph": "Т0001", "zero width": "T\u200b0001", "bidi": "T\u202e0001", "full width": "Ｔ０００１", "combining": "T\u0301"} {
		rows := wechatRows(3, 31)
		rows[1].orderNo = id
		_, c, _ := readWechat(t, wechatBill(rows))
		r := oneReject(t, c, "商户订单号", "character that ids do not have")
		if strings.ContainsAny(r.Value, "\u200b\u202e") {
			t.Errorf("%s: the mark is not shown in %q", name, r.Value)
		}
	}
	rows := wechatRows(3, 31)
	rows[1].product = "好\u202e好" // text keeps its bytes; who shows it makes the mark visible
	_, c, err := readWechat(t, wechatBill(rows))
	if err != nil || c.records[1].Product != "好\u202e好" {
		t.Errorf("product %q, %v", c.records[1].Product, err)
	}
}

func TestAttack36_CardNumbers(t *testing.T) {
	for text, masked := range map[string]string{
		"卡6222021234567890128谢":      "卡622202*********0128谢",
		"4111 1111 1111 1111":        "4111 11** **** 1111",
		"4111-1111-1111-1111, again": "4111-11**-****-1111, again",
		"a 378282246310005 b":        "a 378282*****0005 b",
		"4111111111111112":           "4111111111111112", // Luhn says no
		"41111111111111111111111111": "41111111111111111111111111",
		"12345":                      "12345",
	} {
		rows := wechatRows(2, 32)
		rows[0].product = strings.ReplaceAll(text, ",", `\ `)
		_, c, err := readWechat(t, wechatBill(rows))
		if err != nil || len(c.records) != 2 {
			t.Fatal(err, c.rejects)
		}
		if got := c.records[0].Product; got != masked {
			t.Errorf("%q is kept as %q, want %q", text, got, masked)
		}
	}
	// A reject shows no card number either, wherever it stands.
	rows := wechatRows(2, 32)
	rows[0].orderNo = "order 6222021234567890128"
	rows[1].product = "6222021234567890128\x00"
	_, c, _ := readWechat(t, wechatBill(rows))
	for _, r := range c.rejects {
		if strings.Contains(r.Value, "6222021234567890128") {
			t.Errorf("the reject shows a card number: %q", r.Value)
		}
	}
	if len(c.rejects) != 2 {
		t.Errorf("%d rejects, want 2", len(c.rejects))
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ content, word string }{
		"html":     {"<html><body>expired</body></html>", "HTML"},
		"xml":      {"<xml><return_code><![CDATA[FAIL]]></return_code></xml>", "XML"},
		"json":     {`{"code":"NO_AUTH"}`, "JSON"},
		"personal": {"\ufeff微信支付账单明细,,,,,,,,\r\n微信昵称：[某人],,,,,,,,\r\n", "personal"},
	} {
		_, _, err := readWechat(t, []byte(c.content))
		if err == nil || fault.Of(err).ID != "E-2431" || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatement_WrongType(t *testing.T) {
	bill := wechatBill(wechatRows(3, 33))
	in := normalize.Input{Definition: definition(t, "wechat"), Date: day, Statement: "TRADE", Variant: "REFUND", Files: []normalize.File{file("b", bill)}}
	st, _, err := read(t, in)
	want(t, st, err, "E-2333")
	in.Statement, in.Variant = "FUND", ""
	st, _, err = read(t, in)
	want(t, st, err, "E-2333")
}

func TestStatement_Parts(t *testing.T) {
	def, files := definition(t, "alipay"), rawStatements(t, "alipay")["trade"]
	st, _, err := read(t, normalize.Input{Definition: def, Date: day, Files: files[:1]})
	want(t, st, err, "E-2130") // the summary is missing
	st, _, err = read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{files[0], files[0], files[1]}})
	want(t, st, err, "E-2131")
	st, _, err = read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{files[0], rawStatements(t, "alipay")["fund"][1]}})
	want(t, st, err, "E-2333")
	st, _, err = read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{files[1], files[0]}})
	want(t, st, err, "")
	st, _, err = read(t, normalize.Input{Definition: def, Date: day, Files: []normalize.File{files[0], rawStatements(t, "alipay")["trade-empty"][1]}})
	want(t, st, err, "E-2130") // the summary of another day
}

// The order and the bytes of what is handed over do not depend on the workers.
func TestWorkersDoNotMatter(t *testing.T) {
	rows := wechatRows(40_000, 34)
	for i := 0; i < len(rows); i += 997 {
		rows[i].product = "坏\xff"
	}
	bill := wechatBill(rows)
	var first []byte
	for _, workers := range []int{1, 2, 8, 16} {
		st, c, err := read(t, normalize.Input{Definition: definition(t, "wechat"), Merchant: merchant, Date: day, Workers: workers, Files: []normalize.File{file("b", bill)}})
		want(t, st, err, "")
		if st.Rejects != 41 {
			t.Errorf("%d rejects, want 41", st.Rejects)
		}
		got := canonical(st, c, err)
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("%d workers give another result than 1", workers)
		}
	}
	lines := 1
	_, c, _ := read(t, normalize.Input{Definition: definition(t, "wechat"), Merchant: merchant, Date: day, Workers: 8, Files: []normalize.File{file("b", bill)}})
	for _, r := range c.records {
		if r.Line <= int64(lines) || !bytes.HasPrefix(bill[r.Offset:], []byte("`2025-11-20")) {
			t.Fatalf("record at line %d, byte %d, after line %d", r.Line, r.Offset, lines)
		}
		lines = int(r.Line)
	}
}

// failing is a sink, or a file, that fails after so many calls.
type failing struct {
	after int
	err   error
}

func (f *failing) Batch(*schemas.Batch) error {
	if f.after--; f.after < 0 {
		return f.err
	}
	return nil
}

func (f *failing) Reject(schemas.Reject) error { return nil }

type failingReader struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("disk is gone")

func (f failingReader) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.from {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, at)
}

func TestErrorsComeBackAsTheyAre(t *testing.T) {
	bill := wechatBill(wechatRows(30_000, 35))
	in := normalize.Input{Definition: definition(t, "wechat"), Merchant: merchant, Date: day, Workers: 4, Files: []normalize.File{file("b", bill)}}
	if _, err := normalize.Statement(t.Context(), in, &failing{2, errDisk}); !errors.Is(err, errDisk) {
		t.Errorf("the sink's error came back as %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := normalize.Statement(ctx, in, &collector{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gave %v", err)
	}
	for from := int64(0); from < int64(len(bill)); from += 1 << 20 {
		in.Files[0].Reader = failingReader{bytes.NewReader(bill), from}
		if _, err := normalize.Statement(t.Context(), in, &collector{}); !errors.Is(err, errDisk) {
			t.Errorf("a disk that fails from byte %d gave %v", from, err)
		}
	}
	in.Files[0].Reader, in.Files[0].Size = bytes.NewReader(bill), int64(len(bill))+5
	if _, err := normalize.Statement(t.Context(), in, &collector{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file shorter than its size gave %v", err)
	}
	if _, err := normalize.Statement(t.Context(), normalize.Input{}, &collector{}); err == nil {
		t.Error("no definition and no file pass")
	}
}

func TestDetect(t *testing.T) {
	defs, err := allChannels()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ channel, raw, format, merchant, date string }{
		{"wechat", "all-current.csv", "trade_all_current", "1900000109", "2025-11-20"},
		{"wechat", "all-legacy.csv", "trade_all_legacy", "1900000109", "2025-11-20"},
		{"wechat", "refund-current.csv", "trade_refund_current", "1900000109", "2025-11-20"},
		{"wechat", "fundflow.csv", "fundflow", "", "2025-11-20"},
		{"wechat", "all-current-empty.csv", "trade_all_current", "", ""},
		{"alipay", "trade", "trade_detail", "2088102123456789", "2025-11-20"},
		{"alipay", "fund", "fund_detail", "2088102123456789", "2025-11-20"},
	} {
		def, format, merchant, date, err := normalize.Detect(defs, rawStatements(t, c.channel)[c.raw])
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		if got := fmt.Sprint(def.Name, format, merchant, date); got != fmt.Sprint(c.channel, c.format, c.merchant, c.date) {
			t.Errorf("%s is taken for %s", c.raw, got)
		}
	}
	for name, c := range map[string]struct {
		files []normalize.File
		id    fault.ID
	}{
		"nothing known": {[]normalize.File{file("x", []byte("a,b\n1,2\n"))}, "E-2430"},
		"empty":         {[]normalize.File{file("x", nil)}, "E-2132"},
		"html":          {[]normalize.File{file("x", []byte("<html>"))}, "E-2431"},
		"two channels":  {append(rawStatements(t, "alipay")["trade"], rawStatements(t, "wechat")["all-current.csv"]...), "E-2131"},
		"two days":      {[]normalize.File{rawStatements(t, "alipay")["trade"][0], otherDay(t)}, "E-2330"},
	} {
		if _, _, _, _, err := normalize.Detect(defs, c.files); err == nil || fault.Of(err).ID != c.id {
			t.Errorf("%s: %v, want %s", name, err, c.id)
		}
	}
	if _, _, _, _, err := normalize.Detect(append(defs[:len(defs):len(defs)], definition(t, "wechat")), rawStatements(t, "wechat")["fundflow.csv"]); err == nil || fault.Of(err).ID != "E-2436" {
		t.Errorf("a file that two definitions fit: %v", err)
	}
}

func otherDay(t *testing.T) normalize.File {
	t.Helper()
	b := content(t, rawStatements(t, "alipay")["trade"][1])
	b = bytes.Replace(b, gb("2025年11月20日 00"), gb("2025年11月19日 00"), 1)
	return file("summary.csv", bytes.Replace(b, gb("2025年11月21日 00"), gb("2025年11月20日 00"), 1))
}

// XML is refused by its first character, before anything reads it as XML or as
// a statement: no entity of it is ever looked at.
func TestAttack05_XML(t *testing.T) {
	laughs := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">` + strings.Repeat(`<!ENTITY l "&lol;&lol;&lol;&lol;&lol;">`, 64) + `]><lolz>&l;</lolz>`
	cases := map[string]string{
		"external entity":         `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>`,
		"external DTD":            `<!DOCTYPE x SYSTEM "http://169.254.169.254/x.dtd"><x/>`,
		"billion laughs":          laughs,
		"deep":                    strings.Repeat("<a>", 1<<20),
		"blanks in front":         "\r\n\t " + laughs,
		"mark in front":           "\ufeff" + laughs,
		"legacy answer":           "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[No Bill Exist]]></return_msg><error_code>20002</error_code></xml>",
		"statement in an element": "<xml><![CDATA[" + string(wechatBill(wechatRows(3, 36))) + "]]></xml>",
	}
	defs, err := allChannels()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			for _, def := range defs {
				for _, fileName := range []string{"bill.csv", bankName, "INN26112088ZM_700000000000001"} {
					files := []normalize.File{file(fileName, []byte(text))}
					_, c, err := read(t, normalize.Input{Definition: def, Files: files})
					if err == nil || fault.Of(err).ID != "E-2431" || len(c.records)+len(c.rejects) > 0 {
						t.Errorf("%s, %s: %v, %d records, %d rejects", def.Name, fileName, err, len(c.records), len(c.rejects))
					}
					if strings.Contains(fmt.Sprint(err), "root:") {
						t.Errorf("%s: the entity was followed: %v", def.Name, err)
					}
				}
			}
			_, _, _, _, err := normalize.Detect(defs, []normalize.File{file("bill.csv", []byte(text))})
			if err == nil || fault.Of(err).ID != "E-2431" {
				t.Errorf("without a channel: %v", err)
			}
		})
	}
	// A gigabyte of it costs no more than its first bytes.
	f := endless{[]byte("<a>"), '<', 1 << 30}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, def := range defs {
		if _, _, err := read(t, normalize.Input{Definition: def, Files: []normalize.File{{Name: "bill.csv", Size: f.size, Reader: f}}}); err == nil || fault.Of(err).ID != "E-2431" {
			t.Errorf("%s: %v", def.Name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("took %d KiB", used>>10)
	}
}

// UTF-16 hides the first character; no channel writes it.
func TestAttack05_XMLInUTF16(t *testing.T) {
	text := "\xff\xfe<\x00!\x00D\x00O\x00C\x00T\x00Y\x00P\x00E\x00"
	_, _, err := readWechat(t, []byte(text))
	if err == nil || fault.Of(err).ID != "E-2434" {
		t.Error(err)
	}
}

// No decoder of XML or of workbooks stands between a file and a record, so
// there is nothing in them to attack.
func TestAttack05_06_NoDecoderIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "tieout/normalize", "tieout/internal/unpack", "tieout/fetchers/...", "tieout/match", "tieout/resolve").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if pkg == "encoding/xml" || strings.Contains(pkg, "excelize") {
			t.Errorf("%s is linked", pkg)
		}
	}
}
