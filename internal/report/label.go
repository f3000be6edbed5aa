package report

import "tieout/schemas"

// label says in whose favour a difference is, from our company's view of its
// cash. It is shown, never used as an identifier.
type label string

// The labels.
const (
	over  label = "OVER"  // more money than our books say (长款)
	short label = "SHORT" // less money than our books say (短款)
)

// labelOf looks at the money that each book says has moved. Carried rows have
// no label: nothing is wrong with them yet.
func labelOf(d *schemas.Difference) label {
	if d.LocalRow != nil && d.ChannelRow != nil && d.LocalRow.Currency != d.ChannelRow.Currency {
		return "" // two currencies cannot be told apart as more and less
	}
	return labelFor(d.Class, d.Kind, moved(d.LocalRow), moved(d.ChannelRow))
}

// labelFor compares two sums of moved money: what came in but is not in our
// books is over, what is booked but did not come is short; for money that
// leaves us it is the other way round.
func labelFor(class schemas.Class, kind schemas.Kind, local, channel int64) label {
	if !class.Break() {
		return ""
	}
	if leaves(kind) {
		local, channel = channel, local
	}
	switch {
	case channel > local:
		return over
	case channel < local:
		return short
	}
	return ""
}

// moved is the money that a book says has moved by a row.
func moved(r *schemas.Record) int64 {
	if r == nil || r.Status != schemas.Success {
		return 0
	}
	return r.AmountMinor
}

// leaves tells that money of this kind leaves us.
func leaves(k schemas.Kind) bool {
	switch k {
	case schemas.Refund, schemas.Fee, schemas.Payout, schemas.Split, schemas.Chargeback:
		return true
	}
	return false
}
