package resolve

import (
	"fmt"
	"slices"

	"tieout/schemas"
)

// facts is what the table looks at, one small number a dimension: the index of
// its word in dimensions.
type facts [dims]uint8

// The dimensions, in the order of dimensions.
const (
	dimKind = iota
	dimClass
	dimRule
	dimLocal
	dimChannel
	dimAmount
	dimAnswer
	dimRate
	dimLate
	dimRepaid
	dimSplit
	dimBlind
	dims
)

type dimension struct {
	name  string
	words []string
}

var (
	kinds = [...]string{"?", "PAYMENT", "REFUND", "FEE", "PAYOUT", "SPLIT", "SPLIT_RETURN", "ADJUSTMENT", "CHARGEBACK", "TRANSFER"}
	yesNo = []string{"no", "yes"}
)

// dimensions lists the words of each condition. A value that the program does
// not know is word 0 where that is "?".
var dimensions = [dims]dimension{
	dimKind:    {"kind", kinds[:]},
	dimClass:   {"class", classWords()},
	dimRule:    {"rule", ruleWords},
	dimLocal:   {"local", statusWords},
	dimChannel: {"channel", statusWords},
	dimAmount:  {"amount", []string{"n/a", "equal", "differs"}},
	dimAnswer:  {"answer", []string{"unasked", "unavailable", "not_found", "SUCCESS", "UNKNOWN", "FAILED", "CLOSED", "REVERSED"}},
	dimRate:    {"rate", []string{"none", "as_channel", "as_local", "other"}},
	dimLate:    {"late", []string{"manual", "refund"}},
	dimRepaid:  {"repaid", yesNo},
	dimSplit:   {"split", yesNo},
	dimBlind:   {"blind", yesNo},
}

// The values of the dimensions that code names.
const (
	amountNA, amountEqual, amountDiffers                   = 0, 1, 2
	answerUnasked, answerUnavailable, answerNotFound       = 0, 1, 2
	rateNone, rateAsChannel, rateAsLocal, rateOther  uint8 = 0, 1, 2, 3
)

var (
	statusWords = []string{"absent", "SUCCESS", "UNKNOWN", "FAILED", "CLOSED", "REVERSED", "?"}
	// ruleWords are the rules of match that the table tells apart; any other
	// rule is "plain".
	ruleWords = []string{"plain", rulePaidTwice, ruleRepeatedRow, ruleAlreadyMatched, "behind_and_amount", "reversed_at_channel", "over_refund"}
)

// Rules of match, as outcomes name them.
const (
	rulePaidTwice      = "paid_twice"
	ruleRepeatedRow    = "repeated_row"
	ruleAlreadyMatched = "already_matched"
)

// classes is the number of class words, with "?".
const classes = int(schemas.Claimed) + 1

func classWords() []string {
	list := []string{"?"}
	for _, c := range schemas.Classes() {
		list = append(list, c.String())
	}
	return list
}

// set turns words into the set of their indexes.
func (d dimension) set(list []string) (uint32, error) {
	var set uint32
	for _, w := range list {
		i := slices.Index(d.words, w)
		if i < 0 || w == "?" {
			return 0, fmt.Errorf("condition %s has no value %q", d.name, w)
		}
		set |= 1 << i
	}
	if set == 0 {
		return 0, fmt.Errorf("condition %s has no value", d.name)
	}
	return set, nil
}

func factsOf(d *schemas.Difference, ctx Context) facts {
	var f facts
	f[dimKind] = known(uint8(d.Kind), len(kinds))
	f[dimClass] = known(uint8(d.Class), len(dimensions[dimClass].words))
	f[dimRule] = ruleOf(d)
	f[dimLocal] = statusOf(d.LocalRow)
	f[dimChannel] = statusOf(d.ChannelRow)
	f[dimAmount] = amountOf(d)
	f[dimAnswer] = answerOf(ctx.Answer)
	f[dimRate] = rateOf(d, ctx.RateFee)
	f[dimLate] = bit(ctx.Settings.LateSuccess == LateRefund)
	f[dimRepaid] = bit(ctx.Repaid)
	f[dimSplit] = bit(ctx.OrderSplit)
	f[dimBlind] = bit(ctx.BlindSpot)
	return f
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func known(v uint8, n int) uint8 {
	if int(v) >= n {
		return 0
	}
	return v
}

// ruleOf tells a repeated row from a second payment also across days: a row
// that another run has matched is the same transaction when the channel gave
// both the same number.
func ruleOf(d *schemas.Difference) uint8 {
	if d.Rule == ruleAlreadyMatched && sameTransaction(d) {
		return uint8(slices.Index(ruleWords, ruleRepeatedRow))
	}
	return uint8(max(0, slices.Index(ruleWords, d.Rule)))
}

func sameTransaction(d *schemas.Difference) bool {
	if d.ChannelRow == nil {
		return false
	}
	first := d.LocalRow
	if first == nil && d.Nearest != nil {
		first = &d.Nearest.Record
	}
	if first == nil && len(d.Candidates) > 0 {
		first = &d.Candidates[0].Record
	}
	if first == nil {
		return false
	}
	ref := channelNumber(d.ChannelRow)
	return ref != "" && ref == channelNumber(first)
}

// channelNumber is the channel's number of the movement itself: of the refund,
// for refunds.
func channelNumber(r *schemas.Record) string {
	if r.Kind == schemas.Refund && r.ChannelRefundRef != "" {
		return r.ChannelRefundRef
	}
	return r.ChannelRef
}

func statusOf(r *schemas.Record) uint8 {
	switch {
	case r == nil:
		return 0
	case r.Status < schemas.Success || r.Status > schemas.Reversed:
		return uint8(len(statusWords) - 1)
	}
	return uint8(r.Status)
}

func amountOf(d *schemas.Difference) uint8 {
	switch {
	case d.LocalRow == nil || d.ChannelRow == nil:
		return amountNA
	case sameMoney(d.LocalRow, d.ChannelRow):
		return amountEqual
	}
	return amountDiffers
}

func sameMoney(a, b *schemas.Record) bool {
	return a.AmountMinor == b.AmountMinor && a.Currency == b.Currency
}

func answerOf(a *schemas.QueryAnswer) uint8 {
	switch {
	case a == nil:
		return answerUnasked
	case !a.Asked || a.Error != "":
		return answerUnavailable
	case !a.Found:
		return answerNotFound
	case a.Status < schemas.Success || a.Status > schemas.Reversed:
		return answerUnavailable
	}
	return answerNotFound + uint8(a.Status)
}

func rateOf(d *schemas.Difference, rate schemas.NullInt64) uint8 {
	if !rate.Valid {
		return rateNone
	}
	if c := d.ChannelRow; c != nil && c.FeeMinor.Valid && c.FeeMinor.V == rate.V {
		return rateAsChannel
	}
	if l := d.LocalRow; l != nil && l.FeeMinor.Valid && l.FeeMinor.V == rate.V {
		return rateAsLocal
	}
	return rateOther
}
