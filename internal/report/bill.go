package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/internal/settlement"
)

// billColumns begin with those of an export of one's own transactions, so that
// a merchant can feed the bill to a reconciliation as it is.
var billColumns = []string{"kind", "order_no", "refund_no", "channel_txn_id", "status", "amount_minor", "currency", "fee_minor", "created_at", "completed_at",
	"pay_no", "channel", "product", "settled_in", "amount"}

// Bill writes a merchant's own bill of a day: a header, a line a payment or
// refund, a TOTAL line a currency, and last a DIGEST line with the SHA-256 of
// all bytes before it. The same rows give the same bytes.
func Bill(w io.Writer, merchant string, date bizday.Date, rows iter.Seq2[settlement.BillRow, error]) error {
	sum := sha256.New()
	out, err := newCSV(io.MultiWriter(w, sum), billColumns)
	if err != nil {
		return err
	}
	totals := map[string]*billTotal{}
	for r, err := range rows {
		if err != nil {
			return err
		}
		fee := ""
		if r.FeeKnown {
			fee = digits(r.FeeMinor)
		}
		if err := out.Write([]string{r.Kind, csvText(r.OrderNo), csvText(r.RefundNo), csvText(r.ChannelRef), "SUCCESS", digits(r.AmountMinor), r.Currency, fee,
			utc(r.CreatedAt), utc(r.CompletedAt), csvText(r.PayNo), csvText(r.Channel), csvText(r.Product), csvText(r.SettledIn),
			money.Format(r.AmountMinor, money.Currency(r.Currency))}); err != nil {
			return err
		}
		if totals[r.Currency] == nil {
			totals[r.Currency] = &billTotal{}
		}
		totals[r.Currency].add(r)
	}
	for _, currency := range sortedKeys(totals) {
		line, err := totals[currency].line(merchant, date, currency)
		if err != nil {
			return err
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	if out.Flush(); out.Error() != nil {
		return out.Error()
	}
	_, err = fmt.Fprintf(w, "DIGEST,sha256,%s\r\n", hex.EncodeToString(sum.Sum(nil)))
	return err
}

// billTotal adds up one currency.
type billTotal struct {
	payments, refunds   int64
	paid, returned, fee money.Sum
}

func (t *billTotal) add(r settlement.BillRow) {
	if r.FeeKnown {
		t.fee.Add(r.FeeMinor)
	}
	if r.Kind == "refund" {
		t.refunds++
		t.returned.Add(r.AmountMinor)
		return
	}
	t.payments++
	t.paid.Add(r.AmountMinor)
}

// line is as long as a row, for readers that count columns.
func (t *billTotal) line(merchant string, date bizday.Date, currency string) ([]string, error) {
	paid, err1 := t.paid.Int64()
	returned, err2 := t.returned.Int64()
	fee, err3 := t.fee.Int64()
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return nil, err
		}
	}
	line := []string{"TOTAL", csvText(merchant), date.String(), currency, "payments", digits(t.payments), digits(paid), "refunds", digits(t.refunds), digits(returned), "fee", digits(fee)}
	return append(line, slices.Repeat([]string{""}, len(billColumns)-len(line))...), nil
}
