package channelsim

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Alipay, bill download: a zip of a detail and a summary in GBK, CRLF, with
// "#" lines before and behind the rows and TABs behind some cells.
const (
	alipayTradeHead = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
	alipayTradeSum  = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
	alipayFundHead  = "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注"
	alipayFundSum   = "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）"
)

// alipayZip writes the zip of a bill; billType is trade or signcustomer.
func alipayZip(sh sheet, billType string) (name string, body []byte, err error) {
	stem := sh.merchant + "0156_" + sh.date.Compact()
	files := []struct{ name, text string }{
		{stem + "_业务明细.csv", alipayTrade(sh)},
		{stem + "_业务明细(汇总).csv", alipayTradeSummary(sh)},
	}
	if billType == "signcustomer" {
		moves := alipayMoves(sh)
		files[0].name, files[0].text = stem+"_账务明细.csv", alipayFundDetail(sh, moves)
		files[1].name, files[1].text = stem+"_账务明细(汇总).csv", alipayFundSummary(sh, moves)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		// The names are GBK bytes without the flag for UTF-8.
		w, err := z.CreateHeader(&zip.FileHeader{Name: string(gbk(f.name)), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			return "", nil, err
		}
		if _, err := w.Write(gbk(f.text)); err != nil {
			return "", nil, err
		}
	}
	if err := z.Close(); err != nil {
		return "", nil, err
	}
	return stem + ".csv.zip", out.Bytes(), nil
}

func alipayFrame(sh sheet, kind, list, header string, rows []string, footer ...string) string {
	const zh = "2006年01月02日"
	lines := []string{
		"#支付宝" + kind + "查询",
		"#账号：[" + sh.merchant + "0156]",
		fmt.Sprintf("#起始日期：[%s 00:00:00]   终止日期：[%s 00:00:00]", sh.date.Format(zh), sh.date.Add(1).Format(zh)),
		"#-----------------------------------------" + list + "----------------------------------------",
		header,
	}
	lines = append(lines, rows...)
	lines = append(lines, "#-----------------------------------------"+list+"结束------------------------------------")
	lines = append(lines, footer...)
	lines = append(lines, "#导出时间：["+sh.issued.Format(zh+" 15:04:05")+"]")
	return strings.Join(lines, "\r\n") + "\r\n"
}

func alipayTrade(sh sheet) string {
	var rows []string
	for _, e := range sh.rows {
		rows = append(rows, strings.Join(alipayCells(e), ","))
	}
	paid, back := sum(sh.payments()), sum(sh.refunds())
	return alipayFrame(sh, "业务明细", "业务明细列表", alipayTradeHead, rows,
		fmt.Sprintf("#交易合计：%d笔，商家实收共%s元，商家优惠共0.00元", paid.count, yuan(paid.amount+sh.skew)),
		fmt.Sprintf("#退款合计：%d笔，商家实收退款共%s元，商家优惠退款共0.00元", back.count, yuan(-back.amount)))
}

func alipayCells(e *entry) []string {
	kind, created, amount, fee, request := "交易", e.at, e.amount, -e.fee, ""
	if e.isRefund() {
		kind, created, amount, fee, request = "退款", e.payment.at, -e.amount, e.fee, e.refundRef
	}
	return []string{e.channelRef + "\t", e.merchantRef + "\t", kind, noComma(e.product),
		created.Add(-3 * time.Second).Format(seconds), e.at.Format(seconds), "\t", "\t", "\t", "\t", alipayBuyer(e) + "\t",
		yuan(amount), yuan(amount), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00\t", "0.00",
		request + "\t", yuan(fee), "0.00", ""}
}

func alipayTradeSummary(sh sheet) string {
	paid, back := sum(sh.payments()), sum(sh.refunds())
	net, fees := paid.amount-back.amount, back.fee-paid.fee
	cells := func(store, name string) string {
		return strings.Join([]string{store, name, fmt.Sprint(paid.count), fmt.Sprint(back.count), yuan(net), yuan(net),
			"0.00", "0.00", "0.00", yuan(fees), "0.00", yuan(net + fees)}, ",")
	}
	return alipayFrame(sh, "业务汇总", "业务汇总列表", alipayTradeSum, []string{cells("\t", "\t"), cells("合计", "")})
}

// alipayMove is one movement of the balance.
type alipayMove struct {
	e       *entry
	kind    string
	amount  int64 // signed fen
	balance int64 // after it
}

func alipayMoves(sh sheet) []alipayMove {
	var moves []alipayMove
	balance := sh.opening
	add := func(e *entry, kind string, amount int64) {
		if amount == 0 {
			return
		}
		balance += amount
		moves = append(moves, alipayMove{e, kind, amount, balance})
	}
	for _, e := range sh.moved() {
		if e.isRefund() {
			add(e, "交易退款", -e.amount)
			continue
		}
		add(e, "在线支付", e.amount)
		add(e, "收费", -e.fee)
	}
	return moves
}

func alipayFundDetail(sh sheet, moves []alipayMove) string {
	var rows []string
	var in, out totals
	for i, m := range moves {
		got, gave := "", ""
		if m.amount > 0 {
			got = yuan(m.amount)
			in.count, in.amount = in.count+1, in.amount+m.amount
		} else {
			gave = yuan(m.amount)
			out.count, out.amount = out.count+1, out.amount-m.amount
		}
		number := m.e.date.Compact() + digits(8, 0, "fund", m.e.channelRef, m.e.refundRef, m.kind) + fmt.Sprintf("%08d", i+1)
		rows = append(rows, strings.Join([]string{number + "\t", m.e.channelRef + "\t", m.e.merchantRef + "\t", noComma(m.e.product) + "\t",
			m.e.at.Format(seconds), alipayBuyer(m.e) + "\t", got, gave, yuan(m.balance), "支付宝", m.kind, m.e.refundRef + "\t"}, ","))
	}
	return alipayFrame(sh, "账务明细", "账务明细列表", alipayFundHead, rows,
		fmt.Sprintf("#支出合计：%d笔，共%s元", out.count, yuan(out.amount)),
		fmt.Sprintf("#收入合计：%d笔，共%s元", in.count, yuan(in.amount+sh.skew)))
}

func alipayFundSummary(sh sheet, moves []alipayMove) string {
	kinds := []string{"在线支付", "交易退款", "收费"}
	var rows []string
	var all [2]totals
	for _, k := range kinds {
		var t [2]totals
		for _, m := range moves {
			if m.kind != k {
				continue
			}
			side := 0
			amount := m.amount
			if amount < 0 {
				side, amount = 1, -amount
			}
			t[side].count, t[side].amount = t[side].count+1, t[side].amount+amount
			all[side].count, all[side].amount = all[side].count+1, all[side].amount+amount
		}
		if t[0].count+t[1].count > 0 {
			rows = append(rows, alipaySumCells(k, t))
		}
	}
	return alipayFrame(sh, "账务汇总", "账务汇总列表", alipayFundSum, append(rows, alipaySumCells("合计", all)))
}

func alipaySumCells(name string, t [2]totals) string {
	return strings.Join([]string{name, fmt.Sprint(t[0].count), yuan(t[0].amount), fmt.Sprint(t[1].count), yuan(-t[1].amount), yuan(t[0].amount - t[1].amount)}, ",")
}

func alipayBuyer(e *entry) string { return "*明(138****" + digits(4, 0, "payer", e.merchantRef) + ")" }

// noComma keeps a text in its cell: how the channel escapes a comma is not
// documented, so the simulated one does not print any.
func noComma(s string) string { return commas.Replace(s) }

var commas = strings.NewReplacer(",", "，", "\r", " ", "\n", " ", "\t", " ")

// gbk encodes a text; what GBK does not have becomes a question mark.
func gbk(s string) []byte {
	b, err := encoding.ReplaceUnsupported(simplifiedchinese.GBK.NewEncoder()).Bytes([]byte(s))
	if err != nil { // the replacing encoder takes any text
		panic(fmt.Sprintf("encode %.40q as GBK: %v", s, err))
	}
	return b
}
