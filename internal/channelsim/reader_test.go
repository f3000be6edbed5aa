package channelsim

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// read is what a small reader of its own finds in a statement; it shares
// nothing with what wrote it, nor with the decoders of the pipeline.
type read struct {
	rows           int
	paid, refunded int // rows
	in, out, fees  *big.Rat
	keys           map[string]int // our number -> rows
}

func newRead() *read {
	return &read{in: new(big.Rat), out: new(big.Rat), fees: new(big.Rat), keys: map[string]int{}}
}

func rat(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is not a number", s)
	}
	return r
}

func (r *read) add(key string, refund bool, amount, fee *big.Rat) {
	r.rows++
	r.keys[key]++
	r.fees.Add(r.fees, fee)
	if refund {
		r.refunded++
		r.out.Add(r.out, amount)
		return
	}
	r.paid++
	r.in.Add(r.in, amount)
}

// same fails unless a printed total is the number that the rows give.
func same(t *testing.T, what, printed string, got *big.Rat) {
	t.Helper()
	if rat(t, printed).Cmp(got) != 0 {
		t.Errorf("%s: the file says %s, its rows give %s", what, printed, got.FloatString(5))
	}
}

func count(n int) *big.Rat { return big.NewRat(int64(n), 1) }

// crlfLines splits a text whose every line ends in CRLF.
func crlfLines(t *testing.T, text string) []string {
	t.Helper()
	if !strings.HasSuffix(text, "\r\n") || strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		t.Fatal("lines do not end in CRLF")
	}
	return strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
}

// readWeChat reads a trade bill by the names of its columns.
func readWeChat(t *testing.T, file []byte) *read {
	t.Helper()
	text, ok := strings.CutPrefix(string(file), "\xef\xbb\xbf")
	if !ok {
		t.Fatal("no BOM")
	}
	lines := crlfLines(t, text)
	header, r := strings.Split(lines[0], ","), newRead()
	cells := func(line string, names []string) map[string]string {
		values := strings.Split(strings.TrimPrefix(line, "`"), ",`")
		if line[0] != '`' || len(values) != len(names) {
			t.Fatalf("%d values for %d columns: %s", len(values), len(names), line)
		}
		m := map[string]string{}
		for i, n := range names {
			m[n] = values[i]
		}
		return m
	}
	for _, line := range lines[1 : len(lines)-2] {
		c := cells(line, header)
		fee := rat(t, c["手续费"])
		if c["交易状态"] == "REFUND" {
			r.add(c["商户退款单号"], true, rat(t, c["申请退款金额"]), fee)
		} else {
			r.add(c["商户订单号"], false, rat(t, c["订单金额"]), fee)
		}
	}
	sums := cells(lines[len(lines)-1], strings.Split(lines[len(lines)-2], ","))
	same(t, "rows", sums["总交易单数"], count(r.rows))
	same(t, "amounts", sums["订单总金额"], r.in)
	same(t, "fees", sums["手续费总金额"], r.fees)
	if v, ok := sums["申请退款总金额"]; ok {
		same(t, "refunds", v, r.out)
		same(t, "refunded", sums["退款总金额"], r.out)
	}
	return r
}

// unzipped returns the entries of a zip by name, decoded from GBK.
func unzipped(t *testing.T, body []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r := must(f.Open())(t)
		raw := must(io.ReadAll(r))(t)
		r.Close()
		files[fromGBK(t, []byte(f.Name))] = fromGBK(t, raw)
	}
	return files
}

func fromGBK(t *testing.T, b []byte) string {
	t.Helper()
	s, err := simplifiedchinese.GBK.NewDecoder().Bytes(b)
	if err != nil || bytes.ContainsRune(s, '\ufffd') {
		t.Fatalf("not GBK: %v", err)
	}
	return string(s)
}

var (
	alipayPaid  = regexp.MustCompile(`#交易合计：(\d+)笔，商家实收共(-?[\d.]+)元`)
	alipayBack  = regexp.MustCompile(`#退款合计：(\d+)笔，商家实收退款共(-?[\d.]+)元`)
	alipayStart = regexp.MustCompile(`#起始日期：\[(\S+) 00:00:00\]   终止日期：\[(\S+) 00:00:00\]`)
)

// readAlipay reads the detail and checks it against its footer and the summary.
func readAlipay(t *testing.T, detail, summary string) *read {
	t.Helper()
	r := newRead()
	lines := crlfLines(t, detail)
	header := strings.Split(lines[4], ",")
	if len(header) != 25 {
		t.Fatalf("%d columns", len(header))
	}
	for _, line := range lines[5:] {
		if strings.HasPrefix(line, "#") {
			break
		}
		c := strings.Split(line, ",")
		if len(c) != 25 {
			t.Fatalf("%d cells: %s", len(c), line)
		}
		for i := range c {
			c[i] = strings.Trim(c[i], "\t")
		}
		if c[2] == "退款" {
			r.add(c[21], true, new(big.Rat).Neg(rat(t, c[12])), rat(t, c[22]))
		} else {
			r.add(c[1], false, rat(t, c[12]), rat(t, c[22]))
		}
	}
	paid, back := alipayPaid.FindStringSubmatch(detail), alipayBack.FindStringSubmatch(detail)
	if paid == nil || back == nil || !strings.Contains(detail, "业务明细列表结束") {
		t.Fatal("no footer")
	}
	same(t, "payments", paid[1], count(r.paid))
	same(t, "received", paid[2], r.in)
	same(t, "refunds", back[1], count(r.refunded))
	same(t, "refunded", back[2], new(big.Rat).Neg(r.out))
	for _, line := range crlfLines(t, summary) {
		if c := strings.Split(line, ","); c[0] == "合计" {
			net := new(big.Rat).Sub(r.in, r.out)
			same(t, "summary rows", fmt.Sprint(c[2]), count(r.paid))
			same(t, "summary refunds", c[3], count(r.refunded))
			same(t, "summary net", c[4], net)
			same(t, "summary fees", c[9], r.fees)
			same(t, "summary settled", c[11], net.Add(net, r.fees))
			return r
		}
	}
	t.Fatal("the summary has no 合计")
	return nil
}

// readZM reads the fixed-width flow by offsets.
func readZM(t *testing.T, file []byte, merchant string) *read {
	t.Helper()
	const record = 607
	if len(file)%(record+2) != 0 {
		t.Fatalf("%d bytes are not whole records", len(file))
	}
	r, queries := newRead(), map[string]bool{}
	for ; len(file) > 0; file = file[record+2:] {
		rec := file[:record]
		if string(file[record:record+2]) != "\r\n" {
			t.Fatal("a record does not end in CRLF")
		}
		for _, at := range []int{3, 15, 27, 34, 45, 65, 78, 83, 86, 108, 111, 144, 147, 154, 165, 179, 193, 198, 214, 217, 220, 227, 230, 235, 268, 270, 292, 308, 310, 326, 359, 373, 387, 396, 429, 443, 457, 470, 473, 475, 508} {
			if rec[at] != ' ' {
				t.Fatalf("no blank at %d: %q", at, rec)
			}
		}
		field := func(from, width int) string { return strings.TrimRight(string(rec[from:from+width]), " ") }
		x := func(from int) *big.Rat {
			v := rat(t, string(rec[from+1:from+13]))
			switch sign := rec[from]; {
			case sign == 'D':
				v.Neg(v)
			case sign == ' ' && v.Sign() != 0, sign != 'C' && sign != ' ':
				t.Fatalf("sign %q before %s", sign, v)
			}
			return v
		}
		amount, fee, settled, txn := rat(t, field(66, 12)), x(166), x(180), field(215, 2)
		signedAmount := new(big.Rat).Set(amount)
		refund := txn == "04" || txn == "31"
		if refund {
			signedAmount.Neg(amount)
		}
		if signedAmount.Add(signedAmount, fee).Cmp(settled) != 0 {
			t.Errorf("%s: amount and fee do not give the settled amount", field(112, 32))
		}
		if field(293, 15) != merchant || queries[field(87, 21)] || len(field(87, 21)) != 21 {
			t.Errorf("merchant %s, queryId %s", field(293, 15), field(87, 21))
		}
		queries[field(87, 21)] = true
		if refund && (field(476, 32) == "" || field(271, 21) == "") {
			t.Errorf("refund %s does not name its payment", field(112, 32))
		}
		fromGBK(t, rec)
		r.add(field(112, 32), refund, amount.Quo(amount, count(100)), fee.Quo(fee, count(100)))
	}
	return r
}

// readBank reads the demo bank's file.
func readBank(t *testing.T, file []byte, merchant, date string) *read {
	t.Helper()
	lines := crlfLines(t, fromGBK(t, file))
	if lines[0] != "H|!"+merchant+"|!"+date+"|!CNY" {
		t.Fatalf("header %q", lines[0])
	}
	r := newRead()
	for i, line := range lines[1 : len(lines)-1] {
		c := strings.Split(line, "|!")
		if len(c) != 14 || c[0] != fmt.Sprint(i+1) || c[1] != merchant || c[2] != date {
			t.Fatalf("row %d: %q", i+1, line)
		}
		if c[8] == "D" {
			r.add(c[6], true, rat(t, c[9]), rat(t, c[10]))
		} else {
			r.add(c[5], false, rat(t, c[9]), rat(t, c[10]))
		}
	}
	c := strings.Split(lines[len(lines)-1], "|!")
	same(t, "rows", c[1], count(r.rows))
	same(t, "rows C", c[2], count(r.paid))
	same(t, "sum C", c[3], r.in)
	same(t, "rows D", c[4], count(r.refunded))
	same(t, "sum D", c[5], r.out)
	same(t, "fees", c[6], r.fees)
	return r
}
