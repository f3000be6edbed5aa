package normalize_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/normalize"
	"tieout/schemas"
)

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Batch(*schemas.Batch) error  { return nil }
func (nothing) Reject(schemas.Reject) error { return nil }

// BenchmarkStatement reads a day of each channel. cpu-ns/row is what all
// threads of the process spent, which a busy machine does not stretch.
func BenchmarkStatement(b *testing.B) {
	const rows = 50_000
	for _, c := range []struct {
		channel, shape string
		files          func(testing.TB, int) []normalize.File
		date           bizday.Date
	}{
		{"wechat", "delimited", wechatNight, bizday.Make(2025, 11, 20)},
		{"alipay", "delimited-gbk", alipayNight, bizday.None},
		{"unionpay", "fixed-gbk", unionpayNight, bizday.None},
		{"bankdemo", "delimited2-gbk", bankNight, bizday.None},
	} {
		files := c.files(b, rows)
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("channel=%s/shape=%s/workers=%d", c.channel, c.shape, workers), func(b *testing.B) {
				in := normalize.Input{Definition: definition(b, c.channel), Date: c.date, Files: files, Statement: "TRADE", Workers: workers}
				b.SetBytes(files[0].Size)
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					st, err := normalize.Statement(b.Context(), in, nothing{})
					if err != nil || st.Records != rows {
						b.Fatal(st.Records, st.Rejects, err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*rows), "cpu-ns/row")
			})
		}
	}
}

// cpuTime returns the nanoseconds that the process has spent.
func cpuTime(tb testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func wechatNight(_ testing.TB, n int) []normalize.File {
	rows := wechatRows(n, 1)
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range rows {
		cells := rows[i].text()
		cells[1], cells[7] = "wx8888888888888888", fmt.Sprintf("oUpF8uMuAJO_%016d", rng.Int64N(1e16))
		cells[8] = []string{"JSAPI", "NATIVE", "MICROPAY", "APP"}[rng.IntN(4)]
		cells[10] = []string{"OTHERS", "CMB_DEBIT", "ICBC_CREDIT", "ABC_DEBIT"}[rng.IntN(4)]
		cells[20] = fmt.Sprintf("商品%d号", i%1000)
		rows[i].cells = cells
	}
	return []normalize.File{file("bill.csv", wechatBill(rows))}
}

func alipayNight(_ testing.TB, n int) []normalize.File {
	var b strings.Builder
	rng := rand.New(rand.NewPCG(3, 3))
	b.WriteString("#支付宝业务明细查询\r\n#账号：[20881021234567890156]\r\n" +
		"#起始日期：[2025年11月20日 00:00:00]   终止日期：[2025年11月21日 00:00:00]\r\n#----业务明细列表----\r\n" +
		"支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）," +
		"集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n")
	var sum int64
	for i := range n {
		amount, s := 1+rng.Int64N(200_000), rng.IntN(86_000)
		sum += amount
		yuan, fee := money.FormatScaled(amount, 2), money.FormatScaled(-amount*6/1000, 2)
		at := func(s int) string { return fmt.Sprintf("2025-11-20 %02d:%02d:%02d", s/3600, s/60%60, s%60) }
		fmt.Fprintf(&b, "20251120220010%014d\t,A20251120%010d\t,交易,商品%d号 精装本,%s,%s,S%03d\t,西湖店\t,\t,\t,d**@example.com\t,%s,%s,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,%s,0.00,\r\n",
			i, i, i%1000, at(s), at(s+5), i%7, yuan, yuan, fee)
	}
	fmt.Fprintf(&b, "#----业务明细列表结束----\r\n#交易合计：%d笔，商家实收共%s元，商家优惠共0.00元\r\n"+
		"#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元\r\n#导出时间：[2025年11月21日 10:02:33]\r\n", n, money.FormatScaled(sum, 2))
	return []normalize.File{file("detail.csv", gb(b.String()))}
}

func unionpayNight(tb testing.TB, n int) []normalize.File {
	rng := rand.New(rand.NewPCG(4, 4))
	rows := make([][]byte, n)
	for i := range rows {
		s := rng.IntN(22 * 3600)
		r := purchase(i, fmt.Sprintf("1120%02d%02d%02d", s/3600, s/60%60, s%60), 1+rng.Int64N(200_000))
		if r.shop = "西湖店"; i%8 == 0 {
			r.note = "门店自提"
		}
		rows[i] = r.row(tb)
	}
	return []normalize.File{file(zmName, joined("\r\n", rows...))}
}

func bankNight(_ testing.TB, n int) []normalize.File {
	rng := rand.New(rand.NewPCG(5, 5))
	rows := make([]bankRow, n)
	for i := range rows {
		s := rng.IntN(86400)
		rows[i] = bankRow{date: "20261120", time: fmt.Sprintf("%02d%02d%02d", s/3600, s/60%60, s%60), serial: fmt.Sprintf("880000%010d", i),
			order: fmt.Sprintf("A20261120%010d", i), side: "C", amount: 1 + rng.Int64N(200_000), fee: rng.Int64N(500), status: "00", bank: "中国银行", note: "货款"}
	}
	return []normalize.File{file(bankMerchant+"_20261120.txt", bankFile(rows...))}
}
