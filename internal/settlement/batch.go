package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"tieout/internal/bizday"
	"tieout/internal/money"
)

// Batch is what one merchant gets for the trades up to a bill date.
type Batch struct {
	ID              string      `json:"id"`
	Merchant        string      `json:"merchant"`
	Currency        string      `json:"currency"`
	BillDate        bizday.Date `json:"bill_date"`
	DueOn           bizday.Date `json:"due_on"`
	State           State       `json:"state"`
	Items           int64       `json:"items"`
	GrossMinor      int64       `json:"gross_minor"`
	FeeMinor        int64       `json:"fee_minor"`
	ChannelFeeMinor int64       `json:"channel_fee_minor"`
	NetMinor        int64       `json:"net_minor"`
	CarriedMinor    int64       `json:"carried_minor"` // debt of the batches before, not above zero
	PayMinor        int64       `json:"pay_minor"`
	DebtMinor       int64       `json:"debt_minor"` // left for the next batch, not above zero
	Bank            string      `json:"bank,omitempty"`
	Payee           Payee       `json:"payee,omitzero"`
	Digest          string      `json:"digest,omitempty"`
	Maker           string      `json:"maker,omitempty"`
	Checker         string      `json:"checker,omitempty"`
	Override        int64       `json:"override,omitempty"` // the act of two people that let it start before the day was proven
	Version         int64       `json:"version"`
	CreatedAt       int64       `json:"created_at"`
	UpdatedAt       int64       `json:"updated_at"`
}

// BatchID names the batch of a merchant, currency and bill date, for ever.
func BatchID(merchant, currency string, date bizday.Date) string {
	return "S" + date.Compact() + "-" + merchant + "-" + currency
}

// Add takes an entry into the sums, or with -1 out of them.
func (b *Batch) Add(e Entry, sign int64) error {
	b.Items += sign
	var err error
	add := func(to *int64, v int64) {
		if err == nil {
			*to, err = money.Add(*to, sign*v)
		}
	}
	add(&b.GrossMinor, e.GrossMinor)
	add(&b.FeeMinor, e.FeeMinor)
	add(&b.ChannelFeeMinor, e.ChannelFeeMinor)
	add(&b.NetMinor, e.NetMinor)
	if err != nil {
		return fmt.Errorf("batch %s: %w", b.ID, err)
	}
	return b.Carry(b.CarriedMinor)
}

// Carry sets the debt of the batches before. What is left above zero is paid,
// what is left below is the debt for the next batch.
func (b *Batch) Carry(debt int64) error {
	sum, err := money.Add(b.NetMinor, debt)
	if err != nil {
		return fmt.Errorf("batch %s: %w", b.ID, err)
	}
	b.CarriedMinor, b.PayMinor, b.DebtMinor = debt, max(sum, 0), min(sum, 0)
	return nil
}

// Digester computes the digest of what a batch shows: its sums, its payee and
// every entry. Two people approve this and nothing else.
type Digester struct{ sum hash.Hash }

// NewDigester starts with the batch; its state, people and version do not count.
func NewDigester(b *Batch) Digester {
	d := Digester{sha256.New()}
	d.line("batch", b.ID, b.Merchant, b.Currency, b.BillDate, b.DueOn, b.Items, b.GrossMinor, b.FeeMinor, b.ChannelFeeMinor, b.NetMinor,
		b.CarriedMinor, b.PayMinor, b.DebtMinor, b.Bank, b.Payee.Name, b.Payee.Account, b.Payee.Bank, b.Override)
	return d
}

// Entry adds the next entry; they come in the order of kind and number.
func (d Digester) Entry(e Entry) {
	d.line("entry", e.Kind, e.Ref, e.OrderNo, e.PayNo, e.Channel, e.Account, e.Product, e.GrossMinor, e.FeeMinor, e.ChannelFeeMinor, e.NetMinor,
		e.FeeReturns, e.Terms, e.At)
}

// Sum is the digest in hex.
func (d Digester) Sum() string { return hex.EncodeToString(d.sum.Sum(nil)) }

// line writes fields so that no two lists of fields read the same.
func (d Digester) line(fields ...any) {
	for _, f := range fields {
		text := fmt.Sprint(f)
		fmt.Fprintf(d.sum, "%d:%s;", len(text), text)
	}
	d.sum.Write([]byte{'\n'})
}
