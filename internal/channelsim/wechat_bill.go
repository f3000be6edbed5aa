package channelsim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// WeChat Pay API v3, bill format: UTF-8 with BOM, CRLF, comma-separated without
// quoting, every value behind a backtick, one summary at the end.
const (
	weChatHead   = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
	weChatAll    = weChatHead + "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	weChatOK     = weChatHead + "商品名称,商户数据包,手续费,费率,订单金额,费率备注"
	weChatBack   = weChatHead + "退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	weChatSum7   = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
	weChatSum4   = "总交易单数,应结订单总金额,手续费总金额,订单总金额"
	weChatFund   = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
	weChatFundOf = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"

	seconds = "2006-01-02 15:04:05"
	bom     = "\ufeff"
)

// weChatTrade writes a trade bill; billType is ALL, SUCCESS or REFUND. nil
// means that there is no such bill because nothing happened.
func weChatTrade(sh sheet, billType string) []byte {
	rows, header := sh.rows, weChatAll
	switch billType {
	case "SUCCESS":
		rows, header = sh.payments(), weChatOK
	case "REFUND":
		rows, header = sh.refunds(), weChatBack
	}
	if len(rows) == 0 {
		return nil
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, byLastDigits) // the real files are not in the order of time
	var b strings.Builder
	b.WriteString(bom + header + "\r\n")
	for _, e := range rows {
		ticked(&b, weChatCells(sh.merchant, e, billType))
	}
	weChatSummary(&b, rows, billType, sh.skew)
	return []byte(b.String())
}

func weChatCells(merchant string, e *entry, billType string) []string {
	// The bill of refunds shows the time of the payment first.
	at, status, settled, ordered := e.at, "SUCCESS", yuan(e.amount), yuan(e.amount)
	refund := []string{"0", "0", "0.00", "0.00", "", ""}
	fee, asked := yuan(e.fee)+"000", "0.00"
	if e.isRefund() {
		status, settled, ordered, asked = "REFUND", "0.00", "0.00", yuan(e.amount)
		refund = []string{e.channelRefundRef, e.refundRef, yuan(e.amount), "0.00", "ORIGINAL", "SUCCESS"}
		fee = yuan(-e.fee) + "000"
		if billType == "REFUND" {
			at = e.payment.at
		}
	}
	cells := []string{at.Format(seconds), weChatAppID, merchant, "0", "", e.channelRef, e.merchantRef, openID(e),
		e.tradeType, status, "OTHERS", "CNY", settled, "0.00"}
	switch billType {
	case "SUCCESS":
		return append(cells, weChatEscape(e.product), "", fee, "0.60%", ordered, "")
	case "REFUND":
		cells = append(cells, e.at.Format(seconds), e.at.Add(2*time.Second).Format(seconds))
	}
	cells = append(cells, refund...)
	return append(cells, weChatEscape(e.product), "", fee, "0.60%", ordered, asked, "")
}

func weChatSummary(b *strings.Builder, rows []*entry, billType string, skew int64) {
	var paid, back, fees int64
	for _, e := range rows {
		if e.isRefund() {
			back, fees = back+e.amount, fees-e.fee
		} else {
			paid, fees = paid+e.amount, fees+e.fee
		}
	}
	count, fee := fmt.Sprint(len(rows)), yuan(fees)+"000"
	if billType == "SUCCESS" {
		b.WriteString(weChatSum4 + "\r\n")
		ticked(b, []string{count, yuan(paid + skew), fee, yuan(paid)})
		return
	}
	b.WriteString(weChatSum7 + "\r\n")
	ticked(b, []string{count, yuan(paid + skew), yuan(back), "0.00", fee, yuan(paid), yuan(back)})
}

// weChatFundFlow writes the fund-flow bill of the BASIC account: one row a
// movement, with the balance after it.
func weChatFundFlow(sh sheet) []byte {
	if len(sh.rows) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(bom + weChatFund + "\r\n")
	balance := sh.opening
	var n, in, out totals
	move := func(e *entry, number, name, direction string, amount int64, applicant, remark, voucher string) {
		n.count++
		if direction == "收入" {
			balance += amount
			in.count, in.amount = in.count+1, in.amount+amount
		} else {
			balance -= amount
			out.count, out.amount = out.count+1, out.amount+amount
		}
		ticked(&b, []string{e.at.Format(seconds), number, e.channelRef, name, name, direction, yuan(amount), yuan(balance), applicant, remark, voucher})
	}
	for _, e := range sh.moved() {
		if e.isRefund() {
			remark := fmt.Sprintf("退款总金额%s元;含手续费%s元", yuan(e.amount), yuan(e.fee))
			move(e, e.channelRefundRef, "退款", "支出", e.amount-e.fee, sh.merchant+"API", remark, e.refundRef)
			continue
		}
		move(e, e.channelRef, "交易", "收入", e.amount, "system", "", e.merchantRef)
		if e.fee > 0 {
			move(e, e.channelRef, "扣除交易手续费", "支出", e.fee, "system", "", e.merchantRef)
		}
	}
	b.WriteString(weChatFundOf + "\r\n")
	ticked(&b, []string{fmt.Sprint(n.count), fmt.Sprint(in.count), yuan(in.amount + sh.skew), fmt.Sprint(out.count), yuan(out.amount)})
	return []byte(b.String())
}

// ticked writes a line of values, each behind a backtick.
func ticked(b *strings.Builder, cells []string) {
	for i, c := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('`')
		b.WriteString(c)
	}
	b.WriteString("\r\n")
}

// weChatEscape writes free text as the bill does: a comma is lost in it.
func weChatEscape(s string) string { return weChatEscapes.Replace(s) }

var weChatEscapes = strings.NewReplacer("'", `\'`, `"`, `\"`, "`", "\\`", ",", `\ `, "\r", `\r`, "\n", `\n`, "\t", `\t`)

func byLastDigits(x, y *entry) int {
	tail := func(e *entry) string { n := e.channelRef + e.channelRefundRef; return n[len(n)-10:] }
	if c := compareText(tail(x), tail(y)); c != 0 {
		return c
	}
	return byTime(x, y)
}

func openID(e *entry) string { return "o" + digits(27, 0, "payer", e.merchantRef) }
