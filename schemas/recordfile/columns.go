package recordfile

import "tieout/schemas"

// Columns is a set of column groups; only the columns of the set are read. The
// columns of a batch that were not asked for are empty, so Batch.Row works on
// batches of All only.
type Columns uint32

// The column groups.
const (
	Orders  Columns = 1 << iota // merchant_ref
	Kinds                       // kind, refund_ref
	Refs                        // channel_ref, channel_refund_ref
	Amounts                     // amount_minor, currency
	Fees                        // fee_minor, fee_sub
	Status                      // status
	Times                       // event_time, bill_date
	Place                       // channel, account, source, line, offset
	Wide                        // status_raw, trade_type, bank, product, remark
	Settle                      // settle_minor

	Keys = Orders | Kinds
	All  = Keys | Refs | Amounts | Fees | Status | Times | Place | Wide | Settle
)

// recordColumns is the schema of a record file, in file order. Ids are packed
// by what they have in common with the id before: numbers given out in order
// have most of it. Numbers are bit-packed differences. Words and texts with
// few values are dictionaries.
func recordColumns() []column[chunk] {
	b := func(c *chunk) *schemas.Batch { return &c.rows }
	return []column[chunk]{
		constantColumn("channel", Place, func(c *chunk) *runs { return &c.channel }),
		constantColumn("account", Place, func(c *chunk) *runs { return &c.account }),
		wordColumn("kind", Kinds, func(c *chunk) *[]schemas.Kind { return &b(c).Kind }, (*schemas.Kind).UnmarshalText),
		textColumn("merchant_ref", Orders, (*packer).writeIDs, func(c *chunk) *schemas.Text { return &b(c).MerchantRef }),
		textColumn("refund_ref", Kinds, (*packer).writeIDs, func(c *chunk) *schemas.Text { return &b(c).RefundRef }),
		textColumn("channel_ref", Refs, (*packer).writeIDs, func(c *chunk) *schemas.Text { return &b(c).ChannelRef }),
		textColumn("channel_refund_ref", Refs, (*packer).writeIDs, func(c *chunk) *schemas.Text { return &b(c).ChannelRefundRef }),
		wordColumn("status", Status, func(c *chunk) *[]schemas.Status { return &b(c).Status }, (*schemas.Status).UnmarshalText),
		textColumn("status_raw", Wide, (*packer).writeFewTexts, func(c *chunk) *schemas.Text { return &b(c).StatusRaw }),
		int64Column("amount_minor", Amounts, func(c *chunk) *[]int64 { return &b(c).AmountMinor }),
		textColumn("currency", Amounts, (*packer).writeFewTexts, func(c *chunk) *schemas.Text { return &b(c).Currency }),
		nullableColumn("settle_minor", Settle, func(c *chunk) (*[]int64, *[]bool) { return &b(c).SettleMinor, &b(c).SettleValid }),
		nullableColumn("fee_minor", Fees, func(c *chunk) (*[]int64, *[]bool) { return &b(c).FeeMinor, &b(c).FeeValid }),
		int64Column("fee_sub", Fees, func(c *chunk) *[]int64 { return &b(c).FeeSub }),
		timeColumn("event_time", Times, func(c *chunk) *[]int64 { return &b(c).EventTime }),
		dateColumn("bill_date", Times, func(c *chunk) *[]date { return &b(c).BillDate }),
		constantColumn("source", Place, func(c *chunk) *runs { return &c.source }),
		int64Column("line", Place, func(c *chunk) *[]int64 { return &b(c).Line }),
		int64Column("offset", Place, func(c *chunk) *[]int64 { return &b(c).Offset }),
		textColumn("trade_type", Wide, (*packer).writeFewTexts, func(c *chunk) *schemas.Text { return &b(c).TradeType }),
		textColumn("bank", Wide, (*packer).writeFewTexts, func(c *chunk) *schemas.Text { return &b(c).Bank }),
		textColumn("product", Wide, (*packer).writeFewTexts, func(c *chunk) *schemas.Text { return &b(c).Product }),
		textColumn("remark", Wide, (*packer).writeFewTexts, func(c *chunk) *schemas.Text { return &b(c).Remark }),
	}
}
