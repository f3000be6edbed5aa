package schemas

import "tieout/internal/bizday"

// BatchRows is the usual number of rows in a batch between two stages.
const BatchRows = 8192

// Text is a column of byte strings: value i is Bytes[Ends[i-1]:Ends[i]]. An
// empty value means NULL.
type Text struct {
	Ends  []uint32
	Bytes []byte
}

// Append adds a copy of v.
func (t *Text) Append(v []byte) {
	t.Bytes = append(t.Bytes, v...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// AppendString adds a copy of v.
func (t *Text) AppendString(v string) {
	t.Bytes = append(t.Bytes, v...)
	t.Ends = append(t.Ends, uint32(len(t.Bytes)))
}

// At returns value i; it stays valid until Reset.
func (t *Text) At(i int) []byte {
	var start uint32
	if i > 0 {
		start = t.Ends[i-1]
	}
	return t.Bytes[start:t.Ends[i]]
}

// Len returns the number of values.
func (t *Text) Len() int { return len(t.Ends) }

// Reset empties the column and keeps its memory.
func (t *Text) Reset() { t.Ends, t.Bytes = t.Ends[:0], t.Bytes[:0] }

// Batch holds records by column, all of one channel account and one raw file.
// Every column has one value a row. Decoders fill it without an allocation per
// cell; the Parquet writer takes its columns as they are.
type Batch struct {
	Channel, Account string
	Source           string // sha256 of the raw file

	Kind                             []Kind
	MerchantRef, RefundRef           Text
	ChannelRef, ChannelRefundRef     Text
	Status                           []Status
	StatusRaw                        Text
	AmountMinor                      []int64
	Currency                         Text
	SettleMinor                      []int64
	SettleValid                      []bool
	FeeMinor                         []int64
	FeeValid                         []bool
	FeeSub                           []int64
	EventTime                        []int64 // NoTime is NULL
	BillDate                         []bizday.Date
	Line, Offset                     []int64
	TradeType, Bank, Product, Remark Text
}

// Len returns the number of rows.
func (b *Batch) Len() int { return len(b.Kind) }

func (b *Batch) texts() [10]*Text {
	return [...]*Text{&b.MerchantRef, &b.RefundRef, &b.ChannelRef, &b.ChannelRefundRef, &b.StatusRaw,
		&b.Currency, &b.TradeType, &b.Bank, &b.Product, &b.Remark}
}

// Reset empties the batch and keeps its memory and its constants.
func (b *Batch) Reset() {
	for _, t := range b.texts() {
		t.Reset()
	}
	b.Kind, b.Status = b.Kind[:0], b.Status[:0]
	b.AmountMinor, b.SettleMinor, b.SettleValid = b.AmountMinor[:0], b.SettleMinor[:0], b.SettleValid[:0]
	b.FeeMinor, b.FeeValid, b.FeeSub = b.FeeMinor[:0], b.FeeValid[:0], b.FeeSub[:0]
	b.EventTime, b.BillDate = b.EventTime[:0], b.BillDate[:0]
	b.Line, b.Offset = b.Line[:0], b.Offset[:0]
}

// Append adds one record, except its Channel, Account and Source, which belong
// to the batch.
func (b *Batch) Append(r *Record) {
	b.Kind = append(b.Kind, r.Kind)
	b.MerchantRef.AppendString(r.MerchantRef)
	b.RefundRef.AppendString(r.RefundRef)
	b.ChannelRef.AppendString(r.ChannelRef)
	b.ChannelRefundRef.AppendString(r.ChannelRefundRef)
	b.Status = append(b.Status, r.Status)
	b.StatusRaw.AppendString(r.StatusRaw)
	b.AmountMinor = append(b.AmountMinor, r.AmountMinor)
	b.Currency.AppendString(r.Currency)
	b.SettleMinor = append(b.SettleMinor, r.SettleMinor.V)
	b.SettleValid = append(b.SettleValid, r.SettleMinor.Valid)
	b.FeeMinor = append(b.FeeMinor, r.FeeMinor.V)
	b.FeeValid = append(b.FeeValid, r.FeeMinor.Valid)
	b.FeeSub = append(b.FeeSub, r.FeeSub)
	b.EventTime = append(b.EventTime, r.EventTime)
	b.BillDate = append(b.BillDate, r.BillDate)
	b.Line = append(b.Line, r.Line)
	b.Offset = append(b.Offset, r.Offset)
	b.TradeType.AppendString(r.TradeType)
	b.Bank.AppendString(r.Bank)
	b.Product.AppendString(r.Product)
	b.Remark.AppendString(r.Remark)
}

// Row copies row i out of the batch.
func (b *Batch) Row(i int) Record {
	return Record{
		Channel: b.Channel, Account: b.Account, Kind: b.Kind[i],
		MerchantRef: string(b.MerchantRef.At(i)), RefundRef: string(b.RefundRef.At(i)),
		ChannelRef: string(b.ChannelRef.At(i)), ChannelRefundRef: string(b.ChannelRefundRef.At(i)),
		Status: b.Status[i], StatusRaw: string(b.StatusRaw.At(i)),
		AmountMinor: b.AmountMinor[i], Currency: string(b.Currency.At(i)),
		SettleMinor: NullInt64{b.SettleMinor[i], b.SettleValid[i]},
		FeeMinor:    NullInt64{b.FeeMinor[i], b.FeeValid[i]}, FeeSub: b.FeeSub[i],
		EventTime: b.EventTime[i], BillDate: b.BillDate[i],
		Source: b.Source, Line: b.Line[i], Offset: b.Offset[i],
		TradeType: string(b.TradeType.At(i)), Bank: string(b.Bank.At(i)),
		Product: string(b.Product.At(i)), Remark: string(b.Remark.At(i)),
	}
}
