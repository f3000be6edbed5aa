package resolve

import (
	"fmt"
	"slices"

	"tieout/internal/fault"
	"tieout/schemas"
)

// legal lists from which local states a fix may move a record by itself. The
// books check the same again in the transaction.
var legal = map[schemas.Kind]map[schemas.FixKind][]schemas.Status{
	schemas.Payment: {
		schemas.FixSetSuccess: {schemas.Unknown, schemas.Failed},
		schemas.FixSetClosed:  {schemas.Unknown},
		schemas.FixAdjustFee:  {schemas.Success},
	},
	schemas.Refund: {
		schemas.FixSetSuccess: {schemas.Unknown, schemas.Failed},
		schemas.FixAdjustFee:  {schemas.Success},
	},
}

// unconfirmed says why the facts do not carry an automatic fix; "" if they do.
func unconfirmed(dec *schemas.Decision, d *schemas.Difference, ans *schemas.QueryAnswer) string {
	if len(dec.Fixes) != 1 {
		return "an automatic fix is exactly one effect"
	}
	kind := dec.Fixes[0]
	if d.LocalRow == nil {
		return "there is no local row to fix"
	}
	if !slices.Contains(legal[d.Kind][kind], d.LocalRow.Status) {
		return fmt.Sprintf("%s is not a legal move for a %s in state %s", kind, d.Kind, d.LocalRow.Status)
	}
	if d.ChannelRow != nil && !sameMoney(d.LocalRow, d.ChannelRow) {
		return "the amounts or currencies of the two sides differ"
	}
	if d.LocalRow.AmountMinor <= 0 {
		return "the amount is not positive"
	}
	switch kind {
	case schemas.FixSetSuccess:
		return notPaid(d, ans)
	case schemas.FixSetClosed:
		return notDead(d, ans)
	case schemas.FixAdjustFee:
		return noFee(d)
	}
	return fmt.Sprintf("%s is never applied by itself", kind)
}

// asked says why an answer is none; "" if the channel has answered about this
// very movement.
func asked(d *schemas.Difference, ans *schemas.QueryAnswer) string {
	switch {
	case ans == nil:
		return "the channel was not asked"
	case !ans.Asked || ans.Error != "":
		return "the channel could not be asked"
	case d.Key == "" || ans.Key != d.Key || ans.Kind != d.Kind:
		return "the channel's answer is about another movement"
	}
	return ""
}

// notPaid says why SET_SUCCESS is not carried by statement and query together.
func notPaid(d *schemas.Difference, ans *schemas.QueryAnswer) string {
	c := d.ChannelRow
	if c == nil || c.Status != schemas.Success {
		return "the statement does not say that it succeeded"
	}
	if why := asked(d, ans); why != "" {
		return why
	}
	switch {
	case !ans.Found:
		return "the channel does not know it"
	case ans.Status != schemas.Success:
		return fmt.Sprintf("the channel says %s", ans.Status)
	case ans.AmountMinor != c.AmountMinor || ans.Currency != c.Currency:
		return fmt.Sprintf("the channel's answer says %d %s, the statement %d %s (minor units)",
			ans.AmountMinor, fault.Safe(ans.Currency, 8), c.AmountMinor, fault.Safe(c.Currency, 8))
	case ans.ChannelRef != "" && channelNumber(c) != "" && ans.ChannelRef != c.ChannelRef && ans.ChannelRef != c.ChannelRefundRef:
		return "the channel's answer names another transaction than the statement"
	}
	return ""
}

// notDead says why SET_CLOSED is not carried: the channel must say that no
// money moved, and so must the statement.
func notDead(d *schemas.Difference, ans *schemas.QueryAnswer) string {
	if c := d.ChannelRow; c != nil && c.Status != schemas.Failed && c.Status != schemas.Closed {
		return fmt.Sprintf("the statement says %s", c.Status)
	}
	if why := asked(d, ans); why != "" {
		return why
	}
	if ans.Found && ans.Status != schemas.Failed && ans.Status != schemas.Closed {
		return fmt.Sprintf("the channel says %s", ans.Status)
	}
	return ""
}

// noFee says why ADJUST_FEE is not carried. No query tells a fee: the two rows
// of a payment that agrees are the proof.
func noFee(d *schemas.Difference) string {
	l, c := d.LocalRow, d.ChannelRow
	switch {
	case c == nil || l.Status != schemas.Success || c.Status != schemas.Success:
		return "the payment itself does not agree"
	case !l.FeeMinor.Valid || !c.FeeMinor.Valid:
		return "a side does not say its fee"
	}
	return ""
}
