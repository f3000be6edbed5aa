package resolve

import (
	"strings"

	"tieout/schemas"
)

// Auto is the maker of a fix that nobody approved.
const Auto = "auto"

// FixKey names one effect on one movement, for ever: account, kind of the
// movement, its numbers, kind of fix. The same missed notification in two
// statements has one key.
func FixKey(account string, d *schemas.Difference, kind schemas.FixKind) string {
	m, r, c := numbers(d)
	return joinKey(account, d.Kind.String(), m, r, c, string(kind))
}

// joinKey joins parts by '|'. Numbers come from files: a '|' or '\' in them is
// escaped, so that no two lists give one key.
func joinKey(parts ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	for i, p := range parts {
		parts[i] = escape.Replace(p)
	}
	return strings.Join(parts, "|")
}

// numbers of the movement: ours from our row if there is one, the channel's
// from its row.
func numbers(d *schemas.Difference) (merchant, refund, channel string) {
	if c := d.ChannelRow; c != nil {
		merchant, refund, channel = c.MerchantRef, c.RefundRef, channelNumber(c)
	}
	if l := d.LocalRow; l != nil {
		merchant, refund = l.MerchantRef, l.RefundRef
		if channel == "" {
			channel = channelNumber(l)
		}
	}
	return merchant, refund, channel
}

// Fixes makes the instructions of a decision: for AUTO what is applied, for
// MANUAL what people may propose (without maker). Amounts are those of the
// statement, of the query where the statement has none, and of our books only
// where no money moves. Fixes that need a local row are left out when there is
// none. The suspense postings of an open break are not among them: they
// follow from its exposure and from what the case already holds.
func Fixes(dec schemas.Decision, d *schemas.Difference, ans *schemas.QueryAnswer, runID string) []schemas.Fix {
	if d.LocalRow == nil || dec.Action != schemas.ActionAuto && dec.Action != schemas.ActionManual {
		return nil
	}
	var list []schemas.Fix
	for _, kind := range dec.Fixes {
		if f, ok := fixOf(kind, dec, d, ans, runID); ok {
			list = append(list, f)
		}
	}
	return list
}

func fixOf(kind schemas.FixKind, dec schemas.Decision, d *schemas.Difference, ans *schemas.QueryAnswer, runID string) (schemas.Fix, bool) {
	m, r, c := numbers(d)
	f := schemas.Fix{
		Key: FixKey(d.Account, d, kind), Kind: kind, RunID: runID, CaseID: CaseOf(d), Cell: dec.Cell,
		Channel: d.LocalRow.Channel, Account: d.Account, BillDate: d.BillDate, RecordKind: d.Kind,
		MerchantRef: m, RefundRef: r, ChannelRef: c,
		EventTime: schemas.NoTime, Expect: []schemas.Status{d.LocalRow.Status},
	}
	if dec.Action == schemas.ActionAuto {
		f.Maker = Auto
	}
	confirmed := ans != nil && ans.Asked && ans.Error == "" && ans.Found && ans.Status == schemas.Success
	switch {
	case d.ChannelRow != nil:
		f.AmountMinor, f.Currency, f.EventTime = d.ChannelRow.AmountMinor, d.ChannelRow.Currency, d.ChannelRow.EventTime
		f.FeeMinor = d.ChannelRow.FeeMinor.V
	case kind == schemas.FixSetSuccess:
		if !confirmed {
			return f, false
		}
		f.AmountMinor, f.Currency = ans.AmountMinor, ans.Currency
		if f.ChannelRef == "" {
			f.ChannelRef = ans.ChannelRef
		}
	default:
		f.AmountMinor, f.Currency = d.LocalRow.AmountMinor, d.LocalRow.Currency
	}
	if kind == schemas.FixAdjustFee && (d.ChannelRow == nil || !d.ChannelRow.FeeMinor.Valid) {
		return f, false
	}
	return f, true
}
