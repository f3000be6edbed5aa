package normalize_test

import (
	"bytes"
	"fmt"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// collector keeps everything, in the text form of the golden files.
type collector struct {
	records []schemas.Record
	rejects []schemas.Reject
}

func (c *collector) Batch(b *schemas.Batch) error {
	for i := range b.Len() {
		c.records = append(c.records, b.Row(i))
	}
	return nil
}

func (c *collector) Reject(r schemas.Reject) error {
	c.rejects = append(c.rejects, r)
	return nil
}

// definition returns the definition of a channel of the program.
func definition(t testing.TB, name string) *channels.Definition {
	t.Helper()
	defs, err := channels.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no channel %q", name)
	return nil
}

func file(name string, content []byte) normalize.File {
	return normalize.File{Name: name, SHA256: "0123", Size: int64(len(content)), Reader: bytes.NewReader(content)}
}

// read normalizes files in memory.
func read(t testing.TB, in normalize.Input) (schemas.Statement, *collector, error) {
	t.Helper()
	c := &collector{}
	st, err := normalize.Statement(t.Context(), in, c)
	return st, c, err
}

// canonical writes a statement as text, one row a line.
func canonical(st schemas.Statement, c *collector, err error) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "statement %s %s %s account=%s merchant=%s date=%s\n", st.Channel, st.Kind, st.Format, st.Account, st.Merchant, st.BillDate)
	if err != nil {
		fmt.Fprintf(&b, "error %v\n", err)
	} else if f := normalize.Incomplete(st); f != nil {
		fmt.Fprintf(&b, "incomplete %v\n", f)
	}
	for _, r := range c.records {
		fmt.Fprintf(&b, "%d@%d %s %s %s %s", r.Line, r.Offset, r.Kind, r.Status, r.Currency, money.Format(r.AmountMinor, money.Currency(r.Currency)))
		if r.SettleMinor.Valid {
			fmt.Fprintf(&b, " settle=%s", money.Format(r.SettleMinor.V, money.Currency(r.Currency)))
		}
		if r.FeeMinor.Valid {
			fmt.Fprintf(&b, " fee=%d+%d", r.FeeMinor.V, r.FeeSub)
		}
		fmt.Fprintf(&b, " order=%s refund=%s channel=%s channel_refund=%s status=%q at=%d day=%s type=%q bank=%q product=%q remark=%q\n",
			r.MerchantRef, r.RefundRef, r.ChannelRef, r.ChannelRefundRef, r.StatusRaw, r.EventTime, r.BillDate, r.TradeType, r.Bank, r.Product, r.Remark)
	}
	for _, r := range c.rejects {
		fmt.Fprintf(&b, "reject %d@%d column %d %q value %q: %s\n", r.Line, r.Offset, r.Column, r.Field, r.Value, r.Reason)
	}
	for _, t := range st.Totals {
		fmt.Fprintf(&b, "total %s %s rows=%d minor=%d fee=%d\n", t.Kind, t.Currency, t.Rows, t.Minor, t.FeeMinor)
	}
	if st.Opening.Valid {
		fmt.Fprintf(&b, "balance opening=%d closing=%d\n", st.Opening.V, st.Closing.V)
	}
	for _, p := range st.Proofs {
		mark := "ok  "
		if !p.OK {
			mark = "FAIL"
		}
		if p.Advisory && !p.OK {
			mark = "warn"
		}
		fmt.Fprintf(&b, "proof %s %s want %q got %q %s %s\n", mark, p.Name, p.Want, p.Got, p.Currency, p.Note)
	}
	for _, w := range st.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	fmt.Fprintf(&b, "rows=%d records=%d rejects=%d\n", st.Rows, st.Records, st.Rejects)
	return b.Bytes()
}

var _ = bizday.None
