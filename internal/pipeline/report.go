package pipeline

import (
	"cmp"
	"slices"

	"tieout/schemas"
)

// BridgeOf explains, per currency, how our books become the statement: what
// our books moved, each class of difference with its money, what the channel
// moved. Money out of our pocket counts negative.
func BridgeOf(totals []schemas.ClassTotal) []schemas.Bridge {
	byCurrency := map[string]*schemas.Bridge{}
	for _, t := range totals {
		if t.Class == schemas.OtherDay || t.Class == schemas.Claimed {
			continue
		}
		b := byCurrency[t.Currency]
		if b == nil {
			b = &schemas.Bridge{Currency: t.Currency}
			byCurrency[t.Currency] = b
		}
		sign := direction(t.Kind)
		local, channel := sign*t.LocalMoved, sign*t.ChannelMoved
		b.Local += local
		b.Channel += channel
		if local != channel {
			b.Lines = append(b.Lines, schemas.BridgeLine{Class: t.Class, Kind: t.Kind, Rows: t.Outcomes, Minor: channel - local})
		}
	}
	out := make([]schemas.Bridge, 0, len(byCurrency))
	for _, b := range byCurrency {
		b.Residual = b.Channel - b.Local
		for _, l := range b.Lines {
			b.Residual -= l.Minor
		}
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b schemas.Bridge) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}

// direction is -1 for money that leaves us.
func direction(k schemas.Kind) int64 {
	switch k {
	case schemas.Refund, schemas.Fee, schemas.Payout, schemas.Split, schemas.Chargeback:
		return -1
	}
	return 1
}
