package channelsim

import (
	"fmt"
	"strings"
)

// bankFile writes the demo bank's statement: GBK text, "|+|" between fields, a
// head with merchant, date and count, and a trailer with the sums of both
// directions.
func bankFile(sh sheet) []byte {
	var b strings.Builder
	line := func(cells ...string) { b.WriteString(strings.Join(cells, "|+|") + "\r\n") }
	paid, back := sum(sh.payments()), sum(sh.refunds())
	line("H", sh.merchant, sh.date.Compact(), fmt.Sprint(len(sh.rows)))
	for _, e := range sh.rows {
		line(bankCells(e)...)
	}
	line("T", fmt.Sprint(paid.count), yuan(paid.amount+sh.skew), fmt.Sprint(back.count), yuan(back.amount))
	return gbk(b.String())
}

func bankCells(e *entry) []string {
	sign, ref, orig := "C", e.merchantRef, ""
	if e.isRefund() {
		sign, ref, orig = "D", e.refundRef, e.merchantRef
	}
	number := e.channelRef
	if e.isRefund() {
		number = e.channelRefundRef
	}
	return []string{number, ref, orig, e.at.Format("20060102"), e.at.Format("150405"), sign, yuan(e.amount), "CNY", "00", e.product}
}
