package normalize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/schemas/channels"
)

// rowTemplates are rows in order of one format.
type rowTemplates struct {
	channel, format, merchant string
	rows                      []string
}

var templates = func() []rowTemplates {
	weChat := "`2026-11-20 10:00:00,`wx8888888888888888,`1900000109,`0,`,`4200012345202611200000000001,`M202611200000000000010001,`oUpF8uMuAJO_1,`JSAPI,`SUCCESS," +
		"`OTHERS,`CNY,`88.00,`0.00,`0,`0,`0.00,`0.00,`,`,`商品1号,`,`0.53000,`0.60%,`88.00,`0.00,`"
	weChatRefund := "`2026-11-20 11:00:00,`wx8888888888888888,`1900000109,`0,`,`4200012345202611200000000002,`M202611200000000000010002,`oUpF8uMuAJO_1,`JSAPI,`REFUND," +
		"`CMB_DEBIT,`CNY,`0.00,`0.00,`5030000001,`R1,`12.00,`0.00,`ORIGINAL,`SUCCESS,`商品,13800138000\\ 号,`,`-0.07000,`0.60%,`0.00,`12.00,`"
	alipay := "2026112022001400000000000001\t,M202611200000000000010001\t,交易,商品1号,2026-11-20 09:59:57,2026-11-20 10:00:00,\t,\t,\t,\t,*明(138****0001)\t,88.00,88.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,-0.53,0.00,"
	alipayRefund := "2026112022001400000000000002\t,M202611200000000000010002\t,退款,商品1号,2026-11-20 09:59:57,2026-11-20 10:00:00,\t,\t,\t,\t,*明(138****0001)\t,-88.00,-88.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,R7\t,0.53,0.00,"
	income := "F1\t,B1\t,M1\t,商品,2026-11-20 10:00:00,,12.00,,112.00,,在线支付,"
	outgo := "F2\t,B2\t,M2\t,商品,2026-11-20 10:00:00,,0.00,-2.00,110.00,,转账,备注"
	bank := "1|!104110045678|!20261120|!100000|!20261120000000000002|!M202611200000000000010001|!|!|!C|!88.00|!0.00|!00|!中国银行|!货款1号"
	bankRefund := "1|!104110045678|!20261120|!235959|!20261120000000000003|!M202611200000000000010002|!R8|!20261120000000000002|!D|!8.00|!0.10|!00|!中国银行|!退款"
	skipped := strings.NewReplacer("20261120|", "20260308|", "100000", "023000").Replace(bank) // New York's clocks go on at two
	return []rowTemplates{
		{"wechat", "trade_all_current", "1900000109", []string{weChat, weChatRefund}},
		{"alipay", "", "", []string{alipay, alipayRefund}},
		{"alipay", "", "", []string{income, outgo}},
		{"bankdemo", "", "104110045678", []string{bank, bankRefund, skipped}},
	}
}()

// Rows of which some are damaged become the same records, rejects and totals
// whether they are read together or each alone.
func TestGroup_AgainstRowsAlone(t *testing.T) {
	for _, c := range templates {
		t.Run(fmt.Sprintf("%s/bytes=%d", c.channel, len(c.rows[0])), func(t *testing.T) { groupAgainstAlone(t, c.channel, c.format, c.merchant, c.rows) })
	}
}

func groupAgainstAlone(t *testing.T, channel, format, merchant string, templates []string) {
	p := planOf(t, channel, format, templates[0])
	to := targetOf(p, merchant)
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	reader := func() (*rowReader, *block) {
		cut, err := newCutter(p)
		if err != nil {
			t.Fatal(err)
		}
		r := newRowReader(p, to, cut)
		r.zone.loc = newYork
		return r, &block{body: &body{file: &File{}}, stats: newStats(p)}
	}
	together, got := reader()
	single, want := reader()
	delimiter := p.format.Delimited.Delimiter
	rng := rand.New(rand.NewPCG(12, 12))
	odd, clean := 0, 0
	for at := range int64(12_000) {
		cells := strings.Split(templates[max(0, rng.IntN(6+len(templates))-6)], delimiter)
		if rng.IntN(6) == 0 {
			i := rng.IntN(len(cells))
			cells[i] = damage(rng, cells[i], strings.Split(templates[rng.IntN(len(templates))], delimiter))
		}
		row := appendGB(t, p, strings.Join(cells, delimiter))
		if err := together.take(row, at, at, got, ""); err != nil {
			t.Fatal(err)
		}
		single.row(row, at, at, want, "")
		if at%1000 != 999 {
			continue
		}
		if err := together.flush(got); err != nil {
			t.Fatal(err)
		}
		odd, clean = odd+len(want.rejects), clean+want.batch.Len()
		if g, w := found(got), found(want); g != w {
			t.Fatalf("rows up to %d: together\n%s\nalone\n%s", at, g, w)
		}
		for _, b := range []*block{got, want} {
			b.reset(together)
		}
	}
	if odd < 300 || clean < 8_000 {
		t.Errorf("%d rejects and %d records prove too little", odd, clean)
	}
}

// damage changes a cell: to another row's, to what stands somewhere else, or in
// one byte.
func damage(rng *rand.Rand, cell string, other []string) string {
	values := []string{"", "`", "`0", "0", "0.00", "-0.01", "`-0.01", "`0.01", "12345678901234567890.00", "1.2E+18", "x", "`x", "转账", "充值", "`REFUND", "`PROCESSING", "`REVOKED", "C", " ",
		"`USD", "20261119", "20261131", "`2026-11-22 10:00:00", "`2026-11-20 24:00:00", "236000", strings.Repeat("长", 100), "`" + strings.Repeat("9", 70), "a\x01b", "a\tb", `a"b`}
	switch rng.IntN(3) {
	case 0:
		return values[rng.IntN(len(values))]
	case 1:
		return other[rng.IntN(len(other))]
	}
	b := []byte(cell + "0")
	b[rng.IntN(len(b))] = "0123456789.-+, `|!E\t\x00\xff"[rng.IntN(22)]
	return string(b)
}

// planOf compiles the format whose layout has as many columns as the row.
func planOf(t testing.TB, channel, format, row string) *plan {
	t.Helper()
	defs, err := channels.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range defs {
		for i := range def.Formats {
			f := &def.Formats[i]
			if def.Name != channel || format != "" && f.Name != format || f.Delimited == nil || f.Summary != nil {
				continue
			}
			for _, names := range layouts(f) {
				if len(names) != strings.Count(row, f.Delimited.Delimiter)+1 {
					continue
				}
				p, err := compile(def, f, names)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
		}
	}
	t.Fatalf("no format of %s has the columns of %q", channel, row)
	return nil
}

func found(b *block) string {
	s := b.stats
	s.movement = 0
	s.unique = slices.Sorted(slices.Values(s.unique))
	return fmt.Sprintf("%+v\n%+v\n%+v", b.batch, b.rejects, s)
}

func appendGB(t testing.TB, p *plan, row string) []byte {
	t.Helper()
	if p.format.Encoding != "gb18030" {
		return []byte(row)
	}
	var out bytes.Buffer
	w := simplifiedchinese.GB18030.NewEncoder().Writer(&out)
	if _, err := w.Write([]byte(strings.ToValidUTF8(row, "?"))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
