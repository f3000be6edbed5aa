package resolve

import "tieout/schemas"

// Exposure is the money that a break leaves open, signed, minor units of
// d.Currency: what the channel moved less what our books moved. Positive is
// money received that the books do not have (暂收, suspense received);
// negative is money in the books that did not come (暂付, suspense paid). It is
// 0 for everything that is not a break, and where the two amounts have no
// common currency.
func Exposure(d *schemas.Difference) int64 {
	if !d.Class.Break() {
		return 0
	}
	switch d.Class {
	case schemas.CurrencyMismatch:
		return 0
	case schemas.DuplicateChannel:
		// The local row, if shown, is the one that the first channel row has.
		if ruleWords[ruleOf(d)] == ruleRepeatedRow {
			return 0
		}
		return moved(d.ChannelRow)
	case schemas.DuplicateLocal:
		return -moved(d.LocalRow)
	}
	if d.LocalRow != nil && d.ChannelRow != nil && d.LocalRow.Currency != d.ChannelRow.Currency {
		return 0
	}
	// Both are amounts of one currency, and amounts are never negative, so that
	// only rows of opposite direction could overflow; those do not pair.
	return moved(d.ChannelRow) - moved(d.LocalRow)
}

// moved is the money that a row says has moved, from our point of view.
func moved(r *schemas.Record) int64 {
	if r == nil || r.Status != schemas.Success {
		return 0
	}
	switch r.Kind {
	case schemas.Payment, schemas.SplitReturn, schemas.Adjustment:
		return r.AmountMinor
	}
	return -r.AmountMinor
}
