package normalize

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/schemas/channels"
)

// BenchmarkSplit cuts one row into its cells, with the checks that go with it.
func BenchmarkSplit(b *testing.B) {
	weChat := "`2026-11-20 10:00:00,`wx8888888888888888,`1900000109,`0,`,`4200012345202611200000000001,`M202611200000000000010001,`oUpF8uMuAJO_0000000000000001,`JSAPI,`SUCCESS," +
		"`OTHERS,`CNY,`88.00,`0.00,`0,`0,`0.00,`0.00,`,`,`商品1号,`,`0.53000,`0.60%,`88.00,`0.00,`"
	alipay := "2026112022001400000000000001\t,M202611200000000000010001\t,交易,商品1号,2026-11-20 09:59:57,2026-11-20 10:00:00,\t,\t,\t,\t,*明(138****0001)\t,88.00,88.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,-0.53,0.00,"
	bank := "1|!104110045678|!20261120|!100000|!20261120000000000002|!M202611200000000000010001|!|!|!C|!88.00|!0.00|!00|!中国银行|!货款1号"
	for _, c := range []struct {
		shape, row string
		format     channels.Format
	}{
		{"ticked", weChat, channels.Format{Encoding: "utf-8", Delimited: &channels.DelimitedShape{Delimiter: ",", CellPrefix: "`"}}},
		{"trimmed-gbk", alipay, channels.Format{Encoding: "gb18030", Delimited: &channels.DelimitedShape{Delimiter: ",", Trim: " \t"}}},
		{"two-bytes-gbk", bank, channels.Format{Encoding: "gb18030", Delimited: &channels.DelimitedShape{Delimiter: "|!"}}},
	} {
		cells := strings.Count(c.row, c.format.Delimited.Delimiter) + 1
		row := []byte(c.row)
		if c.format.Encoding == "gb18030" {
			var err error
			if row, err = simplifiedchinese.GBK.NewEncoder().Bytes(row); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("shape=%s/cells=%d", c.shape, cells), func(b *testing.B) {
			cutter := newDelimitedCutter(&c.format, make([]string, cells))
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				var bad badCell
				if _, got := cutter.cut(row, &bad); len(got) != cells || bad.reason != "" {
					b.Fatal(len(got), bad)
				}
			}
		})
	}
}

// BenchmarkTime reads one time, with all that is strict about it.
func BenchmarkTime(b *testing.B) {
	for _, c := range [][2]string{{"yyyy-MM-dd HH:mm:ss", "2026-11-20 10:00:00"}, {"MMddHHmmss", "1120100000"}, {"yyyyMMdd", "20261120"}} {
		b.Run("layout="+strings.ReplaceAll(c[0], " ", "T"), func(b *testing.B) {
			l, err := newLayout(c[0])
			if err != nil {
				b.Fatal(err)
			}
			text := []byte(c[1])
			b.ReportAllocs()
			for b.Loop() {
				if w, why := l.parse(text); why != "" || w.day != 20 {
					b.Fatal(w, why)
				}
			}
		})
	}
}
