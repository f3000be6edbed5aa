package normalize_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/money"
)

// wechatHeader is the current ALL layout; see schemas/channels/wechat.
const wechatHeader = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
	"应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"

const wechatSummary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"

// wechatRow is one row of a generated bill; amounts in fen, fee in 1e-5 yuan.
type wechatRow struct {
	at, merchant, channelRef, orderNo, refundNo, product, status string
	amount, fee                                                  int64
	cells                                                        []string // overrides everything else
}

func (r wechatRow) refund() bool { return r.refundNo != "" }

func (r wechatRow) text() []string {
	if r.cells != nil {
		return r.cells
	}
	yuan := func(v int64) string { return money.FormatScaled(v, 2) }
	fee := money.FormatScaled(r.fee, 5)
	if r.refund() {
		return []string{r.at, "wx8888", r.merchant, "0", "", r.channelRef, r.orderNo, "o1", "JSAPI", "REFUND", "OTHERS", "CNY", "0.00", "0.00",
			"5" + r.channelRef[1:], r.refundNo, yuan(r.amount), "0.00", "ORIGINAL", r.status, r.product, "", fee, "0.60%", "0.00", yuan(r.amount), ""}
	}
	return []string{r.at, "wx8888", r.merchant, "0", "", r.channelRef, r.orderNo, "o1", "JSAPI", r.status, "OTHERS", "CNY", yuan(r.amount), "0.00",
		"0", "0", "0.00", "0.00", "", "", r.product, "", fee, "0.60%", yuan(r.amount), "0.00", ""}
}

// wechatRows makes a seeded day of 2025-11-20 for merchant 1900000109.
func wechatRows(n int, seed uint64) []wechatRow {
	rng := rand.New(rand.NewPCG(seed, 1))
	rows := make([]wechatRow, n)
	for i := range rows {
		s := rng.IntN(86400)
		r := wechatRow{at: fmt.Sprintf("2025-11-20 %02d:%02d:%02d", s/3600, s/60%60, s%60), merchant: "1900000109", status: "SUCCESS",
			channelRef: fmt.Sprintf("4200001820251120%012d", i), orderNo: fmt.Sprintf("T%021d", i), product: "会员月卡", amount: 1 + rng.Int64N(50_000)}
		r.fee = r.amount * 6 // 0.6 % of fen, in 1e-5 yuan
		if rng.IntN(20) == 0 {
			r.refundNo, r.fee = fmt.Sprintf("R%021d", i), -r.fee
		}
		rows[i] = r
	}
	return rows
}

// wechatBill writes a bill in the channel's bytes; the summary is right unless
// a row has overridden cells, which count by what stands in them when they can
// be read.
func wechatBill(rows []wechatRow) []byte {
	var b bytes.Buffer
	b.WriteString("\ufeff" + wechatHeader + "\r\n")
	var settle, refund, fee, amount money.Sum
	for _, r := range rows {
		b.WriteString("`" + strings.Join(r.text(), ",`") + "\r\n")
		if r.refund() {
			refund.Add(r.amount)
		} else {
			settle.Add(r.amount)
			amount.Add(r.amount)
		}
		fee.Add(r.fee)
	}
	show := func(s money.Sum, decimals int) string {
		v, err := s.Int64()
		if err != nil {
			return "overflow"
		}
		return money.FormatScaled(v, decimals)
	}
	fmt.Fprintf(&b, "%s\r\n`%d,`%s,`%s,`0.00,`%s,`%s,`%s\r\n", wechatSummary, len(rows),
		show(settle, 2), show(refund, 2), show(fee, 5), show(amount, 2), show(refund, 2))
	return b.Bytes()
}

// gb encodes text in GB18030.
func gb(s string) []byte {
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(s))
	if err != nil {
		panic(err)
	}
	return b
}
