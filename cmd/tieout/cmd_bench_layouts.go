package main

import (
	"bytes"
	"fmt"
	"strconv"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/channelsim"
)

// layout writes a night as one channel's statement. Every function appends to
// what it is given; head, row and tail are the text of the file.
type layout interface {
	fileName() string
	entries() []string // names in the zip, the rows first; nil: not packed
	head(b []byte) []byte
	row(b []byte, r *nightRow) []byte
	tail(b []byte) []byte
	beside(entry string) []byte // the text of another entry
	number(b []byte, r *nightRow) []byte
	feeBack() bool // a refund gives its fee back
}

func layoutOf(channel string, n *night) layout {
	switch channel {
	case channelsim.Alipay:
		return newAlipayLayout(n)
	case channelsim.UnionPay:
		return newUnionPayLayout(n)
	case channelsim.Bank:
		return &bankLayout{night: n, remarks: goods("货款%d号", true)}
	}
	return &weChatLayout{night: n, goods: goods("商品%d号", false)}
}

// goods are the free texts of the rows.
func goods(format string, encoded bool) [][]byte {
	all := make([][]byte, 977)
	for i := range all {
		all[i] = fmt.Appendf(nil, format, i)
		if encoded {
			all[i] = gbk(string(all[i]))
		}
	}
	return all
}

// gbk encodes a text of ours, all of which GBK has.
func gbk(s string) []byte {
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
	if err != nil {
		panic(fmt.Sprintf("encode %q as GBK: %v", s, err))
	}
	return b
}

// weChatLayout is the ALL bill: UTF-8 with a mark, CRLF, every value behind a
// back-tick.
type weChatLayout struct {
	*night
	goods [][]byte
}

const (
	weChatMerchant = "1900000109"
	weChatColumns  = "\ufeff交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
		"微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n"
	weChatSums = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
)

var (
	weChatTypes = []string{"JSAPI", "NATIVE", "APP", "MICROPAY"}
	weChatBanks = []string{"CMB_DEBIT", "ICBC_CREDIT", "OTHERS", "CCB_DEBIT", "ABC_DEBIT"}
)

func (l *weChatLayout) fileName() string     { return "statement.csv" }
func (l *weChatLayout) entries() []string    { return nil }
func (l *weChatLayout) beside(string) []byte { return nil }
func (l *weChatLayout) feeBack() bool        { return true }
func (l *weChatLayout) head(b []byte) []byte { return append(b, weChatColumns...) }

// number is 28 digits: 4200… of a payment, 50300… of a refund.
func (l *weChatLayout) number(b []byte, r *nightRow) []byte {
	if r.refund {
		b = zeros(append(b, "50300"...), int64(r.random>>40)%100_000, 5)
	} else {
		b = zeros(append(b, "4200"...), int64(r.random>>40)%1_000_000, 6)
	}
	return zeros(append(b, l.calendar.compact[1]...), r.n, 10)
}

func (l *weChatLayout) row(b []byte, r *nightRow) []byte {
	paid := *r
	paid.refund = false
	b = l.calendar.seconds(append(b, '`'), r.second)
	b = append(b, ",`wx8888888888888888,`"+weChatMerchant+",`0,`,`"...)
	b = l.number(b, &paid)
	b = append(append(b, ",`"...), r.orderNo()...)
	b = zeros(append(b, ",`oUpF8uMuAJO_"...), int64(l.text(r, 1e16)), 16)
	b = append(append(b, ",`"...), weChatTypes[l.text(r, 4)]...)
	if r.refund {
		b = append(b, ",`REFUND,`"...)
	} else {
		b = append(b, ",`SUCCESS,`"...)
	}
	b = append(append(b, weChatBanks[l.text(r, 5)]...), ",`CNY,`"...)
	if r.refund {
		b = l.number(append(b, "0.00,`0.00,`"...), r)
		b = l.refundNo(append(b, ",`"...), r)
		b = yuan(append(b, ",`"...), r.amount)
		b = append(b, ",`0.00,`ORIGINAL,`SUCCESS,`"...)
	} else {
		b = append(yuan(b, r.amount), ",`0.00,`0,`0,`0.00,`0.00,`,`,`"...)
	}
	b = append(append(b, l.goods[l.text(r, 977)]...), ",`,`"...)
	if r.refund {
		b = append(yuan(b, -r.fee), "000,`0.60%,`0.00,`"...)
		return append(yuan(b, r.amount), ",`\r\n"...)
	}
	b = append(yuan(b, r.fee), "000,`0.60%,`"...)
	return append(yuan(b, r.amount), ",`0.00,`\r\n"...)
}

func (l *weChatLayout) tail(b []byte) []byte {
	s := &l.sums
	b = append(b, weChatSums...)
	b = strconv.AppendInt(append(b, '`'), s.rows, 10)
	b = yuan(append(b, ",`"...), s.paid)
	b = yuan(append(b, ",`"...), s.refunded)
	b = yuan(append(b, ",`0.00,`"...), s.fees-s.back)
	b = yuan(append(b, "000,`"...), s.paid)
	b = yuan(append(b, ",`"...), s.refunded)
	return append(b, "\r\n"...)
}

// alipayLayout is the trade bill: a zip of a detail and a summary in GBK.
type alipayLayout struct {
	*night
	goods         [][]byte
	payment, back []byte // words
	buyer         []byte
}

const alipayMerchant = "2088102123456789"

func newAlipayLayout(n *night) *alipayLayout {
	return &alipayLayout{night: n, goods: goods("商品%d号", true), payment: gbk("交易"), back: gbk("退款"), buyer: gbk("*明(138****")}
}

func (l *alipayLayout) stem() string     { return alipayMerchant + "0156_" + l.date.Compact() }
func (l *alipayLayout) fileName() string { return "statement.zip" }
func (l *alipayLayout) feeBack() bool    { return false }

func (l *alipayLayout) entries() []string {
	return []string{l.stem() + "_业务明细.csv", l.stem() + "_业务明细(汇总).csv"}
}

// frame is what stands before the rows of both files.
func (l *alipayLayout) frame(b []byte, kind, columns string) []byte {
	const day = "2006年01月02日"
	return append(b, gbk("#支付宝业务"+kind+"查询\r\n#账号：["+alipayMerchant+"0156]\r\n#起始日期：["+l.date.Format(day)+" 00:00:00]   终止日期：["+
		l.date.Add(1).Format(day)+" 00:00:00]\r\n#-----------------------------------------业务"+kind+"列表----------------------------------------\r\n"+columns+"\r\n")...)
}

// close is what stands behind the rows of both files.
func (l *alipayLayout) close(b []byte, kind, sums string) []byte {
	return append(b, gbk("#-----------------------------------------业务"+kind+"列表结束------------------------------------\r\n"+sums+
		"#导出时间：["+l.date.Add(1).Format("2006年01月02日")+" 09:30:00]\r\n")...)
}

func (l *alipayLayout) head(b []byte) []byte {
	return l.frame(b, "明细", "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"+
		"支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注")
}

func (l *alipayLayout) row(b []byte, r *nightRow) []byte {
	word, amount, created := l.payment, r.amount, r.second
	if r.refund {
		word, amount, created = l.back, -r.amount, r.paidAt
	}
	b = l.trade(b, r)
	b = append(append(b, "\t,"...), r.orderNo()...)
	b = append(append(append(b, "\t,"...), word...), ',')
	b = append(append(b, l.goods[l.text(r, 977)]...), ',')
	b = append(l.calendar.seconds(b, max(created-3, 0)), ',')
	b = l.calendar.seconds(b, r.second)
	b = append(append(b, ",\t,\t,\t,\t,"...), l.buyer...)
	b = zeros(b, int64(l.text(r, 10_000)), 4)
	b = yuan(append(b, ")\t,"...), amount)
	b = yuan(append(b, ','), amount)
	b = append(b, ",0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,"...)
	if r.refund {
		b = l.refundNo(b, r)
	}
	b = append(b, "\t,"...)
	b = yuan(b, -r.fee)
	return append(b, ",0.00,\r\n"...)
}

// trade is Alipay's number of 28 digits, which a refund shares with its payment.
func (l *alipayLayout) trade(b []byte, r *nightRow) []byte {
	return zeros(append(append(b, l.calendar.compact[1]...), "220014"...), r.n, 14)
}

// number of a refund is none: Alipay numbers the trade only.
func (l *alipayLayout) number(b []byte, r *nightRow) []byte {
	if r.refund {
		return b
	}
	return l.trade(b, r)
}

func (l *alipayLayout) tail(b []byte) []byte {
	s := &l.sums
	return l.close(b, "明细", fmt.Sprintf("#交易合计：%d笔，商家实收共%s元，商家优惠共0.00元\r\n#退款合计：%d笔，商家实收退款共%s元，商家优惠退款共0.00元\r\n",
		s.payments, yuan(nil, s.paid), s.refunds, yuan(nil, -s.refunded)))
}

func (l *alipayLayout) beside(string) []byte {
	s := &l.sums
	net := s.paid - s.refunded
	row := func(store, name string) string {
		return fmt.Sprintf("%s,%s,%d,%d,%s,%s,0.00,0.00,0.00,%s,0.00,%s\r\n", store, name, s.payments, s.refunds, yuan(nil, net), yuan(nil, net), yuan(nil, -s.fees), yuan(nil, net-s.fees))
	}
	b := l.frame(nil, "汇总", "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）")
	return l.close(append(b, gbk(row("\t", "\t")+row("合计", ""))...), "汇总", "")
}

// unionPayLayout is the flow file ZM: records of 607 bytes, fields cut by bytes,
// in a zip beside an empty flow of errors.
type unionPayLayout struct {
	*night
	blank [2][]byte // a record of a payment and of a refund without what differs
	goods [][]byte
}

const unionPayMerchant = "700000000000001"

// unionPayFields are the widths of the fields; one blank stands between two.
var unionPayFields = []int{3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98}

func newUnionPayLayout(n *night) *unionPayLayout {
	l := &unionPayLayout{night: n, goods: goods("货款%d号", true)}
	for i, w := range [2][3]string{{"S22", "01", "01"}, {"S30", "04", "00"}} {
		l.blank[i] = bytes.Repeat([]byte{' '}, 607)
		for field, text := range map[int]string{0: w[0], 1: "48270000", 2: "00049993", 5: "621700*********0000", 7: "5311", 8: "07", 12: "01",
			13: "000000", 14: "0000000000", 17: "0201", 19: w[1], 20: w[2], 21: "000201", 22: "01", 27: unionPayMerchant, 29: "000000000000000",
			31: " 000000000000", 35: " 000000000000", 36: " 000000000000", 37: " 00000000000", 38: "00"} {
			copy(unionPayField(l.blank[i], field), text)
		}
		l.blank[i] = append(l.blank[i], "\r\n"...)
	}
	return l
}

// unionPayField is the place of a field in a record.
func unionPayField(record []byte, field int) []byte {
	from := 0
	for _, w := range unionPayFields[:field] {
		from += w + 1
	}
	return record[from : from+unionPayFields[field]]
}

func (l *unionPayLayout) fileName() string     { return "statement.zip" }
func (l *unionPayLayout) feeBack() bool        { return false }
func (l *unionPayLayout) head(b []byte) []byte { return b }
func (l *unionPayLayout) tail(b []byte) []byte { return b }
func (l *unionPayLayout) beside(string) []byte { return nil }

func (l *unionPayLayout) entries() []string {
	stem := "INN" + l.date.Format("060102") + "88"
	return []string{stem + "ZM_" + unionPayMerchant, stem + "ZME_" + unionPayMerchant}
}

// number is the query id of 21 digits.
func (l *unionPayLayout) number(b []byte, r *nightRow) []byte {
	id := 2 * r.n
	if r.refund {
		id++
	}
	return zeros(append(b, l.calendar.compact[1]...), id, 13)
}

func (l *unionPayLayout) row(b []byte, r *nightRow) []byte {
	kind, settle := 0, r.amount-r.fee
	if r.refund {
		kind, settle = 1, -r.amount
	}
	from := len(b)
	b = append(b, l.blank[kind]...)
	record := b[from:]
	put := func(field int) []byte { return unionPayField(record, field)[:0] }
	zeros(put(3), r.n, 6)
	l.time(put(4), r.second)
	zeros(unionPayField(record, 5)[15:15], int64(l.text(r, 10_000)), 4)
	zeros(put(6), r.amount, 12)
	l.number(put(9), r)
	unionPaySigned(put(15), -r.fee)
	unionPaySigned(put(16), settle)
	unionPaySigned(put(32), settle)
	copy(unionPayField(record, 34), l.goods[l.text(r, 977)])
	if !r.refund {
		copy(unionPayField(record, 11), r.orderNo())
		return b
	}
	paid := *r
	paid.refund = false
	l.refundNo(put(11), r)
	zeros(put(13), r.n, 6)
	l.time(put(14), r.paidAt)
	l.number(put(26), &paid)
	copy(unionPayField(record, 40), r.orderNo())
	return b
}

// time is a time without its year.
func (l *unionPayLayout) time(b []byte, second int64) {
	clock(append(b, l.calendar.compact[second/86400][4:]...), second, 0)
}

// unionPaySigned is C (the merchant receives), D (the merchant pays) or a
// blank, and twelve digits.
func unionPaySigned(b []byte, fen int64) {
	switch {
	case fen > 0:
		b = append(b, 'C')
	case fen < 0:
		b, fen = append(b, 'D'), -fen
	default:
		b = append(b, ' ')
	}
	zeros(b, fen, 12)
}

// bankLayout is the demo bank's check file: GBK text, "|!" between the cells,
// a header and a trailer.
type bankLayout struct {
	*night
	remarks [][]byte
}

const bankMerchant = "104110045678"

var (
	bankNames = [][]byte{gbk("中国银行"), gbk("示例银行"), gbk("工商银行")}
	bankSides = [2]string{"C", "D"}
)

func (l *bankLayout) fileName() string     { return bankMerchant + "_" + l.date.Compact() + ".txt" }
func (l *bankLayout) entries() []string    { return nil }
func (l *bankLayout) beside(string) []byte { return nil }
func (l *bankLayout) feeBack() bool        { return false }

func (l *bankLayout) head(b []byte) []byte {
	return append(b, "H|!"+bankMerchant+"|!"+l.date.Compact()+"|!CNY\r\n"...)
}

// number is the bank's serial number of 20 digits.
func (l *bankLayout) number(b []byte, r *nightRow) []byte {
	id := 2 * r.n
	if r.refund {
		id++
	}
	return zeros(append(b, l.calendar.compact[1]...), id, 12)
}

func (l *bankLayout) row(b []byte, r *nightRow) []byte {
	b = strconv.AppendInt(b, l.sums.rows, 10)
	b = append(b, "|!"+bankMerchant+"|!"...)
	b = append(append(b, l.calendar.compact[r.second/86400]...), "|!"...)
	b = append(clock(b, r.second, 0), "|!"...)
	b = append(l.number(b, r), "|!"...)
	b = append(append(b, r.orderNo()...), "|!"...)
	side := bankSides[0]
	if r.refund {
		paid := *r
		paid.refund = false
		b = append(l.refundNo(b, r), "|!"...)
		b = l.number(b, &paid)
		side = bankSides[1]
	} else {
		b = append(b, "|!"...)
	}
	b = append(append(append(b, "|!"...), side...), "|!"...)
	b = append(yuan(b, r.amount), "|!"...)
	fee := r.fee
	if r.refund {
		fee = -fee
	}
	b = append(yuan(b, fee), "|!00|!"...)
	b = append(append(b, bankNames[l.text(r, 3)]...), "|!"...)
	return append(append(b, l.remarks[l.text(r, 977)]...), "\r\n"...)
}

func (l *bankLayout) tail(b []byte) []byte {
	s := &l.sums
	return fmt.Appendf(b, "T|!%d|!%d|!%s|!%d|!%s|!%s\r\n", s.rows, s.payments, yuan(nil, s.paid), s.refunds, yuan(nil, s.refunded), yuan(nil, s.fees-s.back))
}
