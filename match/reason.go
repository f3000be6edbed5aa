package match

import (
	"fmt"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// reason says in one English sentence why a difference is one, with the values
// that decided.
func reason(d *schemas.Difference, takenBy string, zone *time.Location) string {
	l, c := d.LocalRow, d.ChannelRow
	switch {
	case l != nil && c != nil:
		return pairReason(d, l, c, zone)
	case l != nil:
		return aloneReason(d, l, "our books have", "the statement", zone)
	}
	if d.Rule == ruleAlreadyMatched.String() {
		by := "another run"
		if takenBy != "" {
			by = "run " + takenBy
		}
		return fmt.Sprintf("The statement lists %s under %s, but %s has already matched our row of that number.", amountOf(c), numberOf(d, c), by)
	}
	return aloneReason(d, c, "the statement has", "our books", zone)
}

func pairReason(d *schemas.Difference, l, c *schemas.Record, zone *time.Location) string {
	switch d.Rule {
	case ruleAmount.String():
		return fmt.Sprintf("Our books say %s, the statement says %s.", amountOf(l), amountOf(c))
	case ruleBehindAmount.String(), ruleAheadAmount.String():
		return fmt.Sprintf("Our books say %s and %s, the statement says %s and %s.", l.Status, amountOf(l), c.Status, amountOf(c))
	case ruleCurrency.String():
		return fmt.Sprintf("Our books say %s, the statement says %s: the currencies differ.", amountOf(l), amountOf(c))
	case ruleFee.String(), ruleFeeRounding.String():
		return fmt.Sprintf("Our books accrue a fee of %s, the channel charged %s.", feeOf(l), feeOf(c))
	case ruleDate.String():
		return fmt.Sprintf("Both sides agree, but our row is of %s and the statement of %s.", timeOf(l, zone), d.BillDate)
	case ruleKeyDiffers.String():
		return fmt.Sprintf("The channel's number %s is the same, but our books name %s and the statement names %s.",
			fault.Quote(channelNumber(c)), fault.Quote(l.Key()), fault.Quote(c.Key()))
	}
	return fmt.Sprintf("Our books say %s, the statement says %s, both %s.", l.Status, c.Status, amountOf(c))
}

// aloneReason is about a row that only one side has, or that one side has once
// more. here is that side with its verb, there the other one.
func aloneReason(d *schemas.Difference, r *schemas.Record, here, there string, zone *time.Location) string {
	row := fmt.Sprintf("%s under %s", amountOf(r), numberOf(d, r))
	switch d.Rule {
	case ruleWindow.String():
		return fmt.Sprintf("Only %s %s; it lies near the cut-off (%s) and waits until %s.", here, row, timeOf(r, zone), d.BreakOn)
	case ruleWaits.String():
		return fmt.Sprintf("Only %s %s; such rows reach the statement late, it waits until %s.", here, row, d.BreakOn)
	case ruleCarriedOn.String():
		return fmt.Sprintf("Only %s %s, since %s; it waits until %s.", here, row, d.FirstSeen, d.BreakOn)
	case ruleOverdue.String():
		return fmt.Sprintf("Only %s %s, since %s; %s did not show it in time.", here, row, d.FirstSeen, there)
	case rulePaidTwice.String():
		return fmt.Sprintf("The statement lists %s once more than our books, under another number of the channel.", row)
	case ruleRepeatedRow.String():
		return fmt.Sprintf("The statement lists %s again, under the same number of the channel.", row)
	case ruleBookedTwice.String():
		return fmt.Sprintf("Our books have %s once more than the statement.", row)
	case ruleSeveral.String():
		return fmt.Sprintf("%s fits %d rows of the other side equally well.", upperFirst(row), len(d.Candidates))
	case ruleConflicting.String():
		return fmt.Sprintf("The statement lists one transaction with several amounts; this row says %s.", row)
	case ruleAmountsDiffer.String():
		return fmt.Sprintf("Several rows share this number and no amounts agree; this row says %s.", row)
	}
	return fmt.Sprintf("Only %s %s (%s, %s); no row of that number is in %s.", here, row, r.Status, timeOf(r, zone), there)
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func amountOf(r *schemas.Record) string {
	return strings.TrimSpace(r.Currency + " " + money.Format(r.AmountMinor, money.Currency(r.Currency)))
}

// feeOf writes a fee with the part below one minor unit, if there is one.
func feeOf(r *schemas.Record) string {
	if !r.FeeMinor.Valid {
		return "nothing"
	}
	text := strings.TrimSpace(r.Currency + " " + money.Format(r.FeeMinor.V, money.Currency(r.Currency)))
	if r.FeeSub != 0 {
		text += fmt.Sprintf(" and %d millionths of a minor unit", r.FeeSub)
	}
	return text
}

func numberOf(d *schemas.Difference, r *schemas.Record) string {
	if d.Key != "" {
		return fault.Quote(d.Key)
	}
	return fault.Quote(channelNumber(r)) + " of the channel"
}

// timeOf writes a time in the channel's zone, in which its bill dates are cut.
func timeOf(r *schemas.Record, zone *time.Location) string {
	if r.EventTime == schemas.NoTime {
		return "no time given"
	}
	return time.UnixMicro(r.EventTime).In(zone).Format("2006-01-02 15:04:05Z07:00")
}
