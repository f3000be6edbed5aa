package recordfile

import (
	"fmt"
	"slices"

	"tieout/internal/bizday"
	"tieout/schemas"
	"tieout/schemas/recordfile/internal/parquet"
)

type date = bizday.Date

// chunkRows is how many rows are encoded at a time. Pages end at multiples of
// it only, so that the caller's batches leave no trace in the file.
const chunkRows = schemas.BatchRows

// chunk is a batch in which channel, account and source may change from row to
// row, as they do where the rows of several raw files meet.
type chunk struct {
	rows                     schemas.Batch
	channel, account, source runs
}

func (c *chunk) reset() {
	c.rows.Reset()
	c.channel, c.account, c.source = c.channel[:0], c.account[:0], c.source[:0]
}

// bounded refuses texts that no reader would take.
func (c *chunk) bounded() error {
	for _, t := range texts(&c.rows) {
		if len(t.Bytes) > parquet.MaxPage/2 {
			return fmt.Errorf("the texts of %d rows exceed %d bytes", t.Len(), parquet.MaxPage/2)
		}
	}
	return nil
}

// runs is a column whose value seldom changes.
type runs []run

type run struct {
	end   int // one past the last row of the run
	value string
}

// add appends n rows with one value.
func (r *runs) add(n int, value []byte) {
	start := 0
	if last := len(*r) - 1; last >= 0 {
		start = (*r)[last].end
		if (*r)[last].value == string(value) {
			(*r)[last].end += n
			return
		}
	}
	*r = append(*r, run{start + n, string(value)})
}

// at returns the value of a row, and the end of its run.
func (r runs) at(row int) run {
	for _, x := range r {
		if row < x.end {
			return x
		}
	}
	return run{end: int(^uint(0) >> 1)}
}

// appendRows copies rows [from, to) of src to the end of dst.
func appendRows(dst, src *schemas.Batch, from, to int) {
	for i, t := range texts(dst) {
		appendText(t, texts(src)[i], from, to)
	}
	dst.Kind = append(dst.Kind, src.Kind[from:to]...)
	dst.Status = append(dst.Status, src.Status[from:to]...)
	dst.AmountMinor = append(dst.AmountMinor, src.AmountMinor[from:to]...)
	dst.SettleMinor = append(dst.SettleMinor, src.SettleMinor[from:to]...)
	dst.SettleValid = append(dst.SettleValid, src.SettleValid[from:to]...)
	dst.FeeMinor = append(dst.FeeMinor, src.FeeMinor[from:to]...)
	dst.FeeValid = append(dst.FeeValid, src.FeeValid[from:to]...)
	dst.FeeSub = append(dst.FeeSub, src.FeeSub[from:to]...)
	dst.EventTime = append(dst.EventTime, src.EventTime[from:to]...)
	dst.BillDate = append(dst.BillDate, src.BillDate[from:to]...)
	dst.Line = append(dst.Line, src.Line[from:to]...)
	dst.Offset = append(dst.Offset, src.Offset[from:to]...)
}

func texts(b *schemas.Batch) [10]*schemas.Text {
	return [...]*schemas.Text{&b.MerchantRef, &b.RefundRef, &b.ChannelRef, &b.ChannelRefundRef, &b.StatusRaw,
		&b.Currency, &b.TradeType, &b.Bank, &b.Product, &b.Remark}
}

// appendText copies values [from, to) as one run of bytes.
func appendText(dst, src *schemas.Text, from, to int) {
	if from == to {
		return
	}
	var start uint32
	if from > 0 {
		start = src.Ends[from-1]
	}
	shift := uint32(len(dst.Bytes)) - start
	dst.Bytes = append(dst.Bytes, src.Bytes[start:src.Ends[to-1]]...)
	if shift == 0 {
		dst.Ends = append(dst.Ends, src.Ends[from:to]...)
		return
	}
	ends := src.Ends[from:to]
	dst.Ends = slices.Grow(dst.Ends, len(ends))
	more := dst.Ends[len(dst.Ends):][:len(ends)]
	for i, end := range ends {
		more[i] = end + shift
	}
	dst.Ends = dst.Ends[:len(dst.Ends)+len(ends)]
}
