package channelsim

import (
	"fmt"
	"strings"
)

// bankFile writes the demo bank's check file of a day: GBK text, CRLF, "|!"
// between the cells, a header with the account and the day, a trailer with
// counts and sums of both directions. An empty day has header and trailer.
func bankFile(sh sheet) []byte {
	var b strings.Builder
	line := func(cells ...string) { b.WriteString(strings.Join(cells, "|!") + "\r\n") }
	line("H", sh.merchant, sh.date.Compact(), "CNY")
	for i, e := range sh.rows {
		line(bankCells(i+1, sh.merchant, e)...)
	}
	paid, back := sum(sh.payments()), sum(sh.refunds())
	line("T", fmt.Sprint(len(sh.rows)), fmt.Sprint(paid.count), yuan(paid.amount+sh.skew),
		fmt.Sprint(back.count), yuan(back.amount), yuan(paid.fee-back.fee))
	return gbk(b.String())
}

func bankCells(n int, merchant string, e *entry) []string {
	number, refund, original, sign, fee := e.channelRef, "", "", "C", e.fee
	if e.isRefund() {
		number, refund, original, sign, fee = e.channelRefundRef, e.refundRef, e.channelRef, "D", -e.fee
	}
	return []string{fmt.Sprint(n), merchant, e.at.Format("20060102"), e.at.Format("150405"), number, e.merchantRef, refund, original,
		sign, yuan(e.amount), yuan(fee), "00", "示例银行", noComma(e.product)}
}
