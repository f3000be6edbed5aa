package channelsim

import (
	"slices"
	"time"

	"tieout/schemas"
)

// place makes one fault of a row and writes down what must be found. A day that
// has no room for it goes without.
func (d *dayMaker) place(f Fault) {
	switch f {
	case CutoffLocalFirst, CutoffChannelFirst:
		d.placeCutoff(f)
	case RefundMissing, RefundConsole, RefundBehind:
		d.placeRefund(f)
	default:
		if op := d.ordinary(f); op != nil {
			d.placePayment(f, op)
		}
	}
}

// ordinary makes an extra payment at a safe time on a channel where the fault
// can happen; nil if there is none.
func (d *dayMaker) ordinary(f Fault) *Op {
	at := d.noon()
	var channels []string
	for _, c := range faultChannels[f] {
		notice := f == LateNotification || f == NoticeAfterFix || f == DoubledNotification
		if d.t.plan.Shares[c] > 0 && !d.closed(c, d.at(at)) && (!notice || d.notifies(c)) {
			channels = append(channels, c)
		}
	}
	if len(channels) == 0 {
		return nil
	}
	op := d.payment(pick(d.rng, channels), at)
	op.Fault = f
	op.Local.Step, op.Pay.Delivery, op.Pay.NotifyURL = StepAnswer, Synchronous, ""
	d.day.Ops = append(d.day.Ops, op)
	return &d.day.Ops[len(d.day.Ops)-1]
}

// placePayment turns an ordinary payment into a faulty one.
func (d *dayMaker) placePayment(f Fault, op *Op) {
	pay := op.Pay
	e := Expectation{Class: schemas.Matched, Action: schemas.ActionMatch, Cell: "P1"}
	notice := func(how Delivery, due time.Time) {
		op.Local.Step, pay.Delivery, pay.DeliverAt, pay.NotifyURL = StepNotice, how, due, d.t.plan.NotifyURL[op.Channel]
	}
	behind := Expectation{Class: schemas.LocalBehind, Action: schemas.ActionAuto, Cell: "P4", Fix: schemas.FixSetSuccess}
	switch f {
	case MissedNotification:
		op.Local.Step, pay.Delivery = StepLeave, Lost
		e = behind
	case LateNotification:
		notice(Late, pay.At.Add(time.Hour+time.Duration(d.rng.IntN(3*3600))*time.Second))
	case NoticeAfterFix:
		notice(Late, d.at(24*time.Hour+d.t.plan.NightAt+time.Hour))
		e = behind
	case DoubledNotification:
		notice(Doubled, time.Time{})
	case LocalOnly:
		op.Local.Step, op.Local.At = StepPaid, pay.At
		op.Pay = nil
		e = Expectation{Class: schemas.LocalOnly, Action: schemas.ActionManual, Cell: "P11n", Delta: -op.Local.AmountMinor}
		if op.Channel == Bank { // there is nobody to ask
			e.Cell = "P11"
		}
	case NeverPaid:
		op.Local.Step, op.Pay = StepLeave, nil
		e = Expectation{Class: schemas.LocalOnly, Action: schemas.ActionAuto, Cell: "P15", Fix: schemas.FixSetClosed, Delta: -op.Local.AmountMinor}
	case ChannelOnly:
		op.MerchantRef = d.number("K", op.Channel)
		pay.MerchantRef = op.MerchantRef
		op.Local = LocalSide{Step: StepNone}
		e = Expectation{Class: schemas.ChannelOnly, Action: schemas.ActionManual, Cell: "P9", Delta: pay.AmountMinor}
	case AmountMismatch:
		pay.AmountMinor = max(1, op.Local.AmountMinor*9/10)
		op.Local.Step, op.Local.At = StepPaid, pay.At
		e = Expectation{Class: schemas.AmountMismatch, Action: schemas.ActionManual, Cell: "P2", Delta: pay.AmountMinor - op.Local.AmountMinor}
	case FeeMismatch:
		op.Local.AmountMinor += 50_000 // so that the fee stays well below the amount
		pay.AmountMinor = op.Local.AmountMinor
		pay.FeeDelta = 20 + d.rng.Int64N(200)
		e = Expectation{Class: schemas.FeeMismatch, Action: schemas.ActionManual, Cell: "F4"}
	case DuplicateRow:
		pay.RepeatRow = true
		e = Expectation{Class: schemas.DuplicateChannel, Rule: "repeated_row", Action: schemas.ActionManual, Cell: "P24", Delta: pay.AmountMinor}
	case DuplicatePayment:
		e = Expectation{Class: schemas.DuplicateChannel, Rule: "paid_twice", Action: schemas.ActionManual, Cell: "P12", Delta: pay.AmountMinor}
	case LateOnClosed:
		op.Local.Step, op.Local.At = StepClose, op.At.Add(30*time.Minute)
		pay.At, pay.Delivery = op.At.Add(31*time.Minute), Lost
		e = Expectation{Class: schemas.LocalBehind, Action: schemas.ActionManual, Cell: "P7"}
	}
	e.Date = d.day.Date
	d.know(*op, e)
	if f == DuplicatePayment {
		second := *op
		again := *pay
		again.At = pay.At.Add(3 * time.Minute)
		again.Delivery = Lost
		second.At, second.Pay, second.Local = op.At.Add(3*time.Minute), &again, LocalSide{Step: StepNone}
		d.day.Ops = append(d.day.Ops, second)
	}
}

// placeCutoff puts a payment on the cut-off of the bill date: each side sees it
// on another day.
func (d *dayMaker) placeCutoff(f Fault) {
	if d.day.Date == d.t.last {
		return
	}
	channels := slices.DeleteFunc(slices.Clone(faultChannels[f]), func(c string) bool {
		return d.t.plan.Shares[c] == 0 || d.t.empty[fileDay{c, d.day.Date}] || d.t.empty[fileDay{c, d.day.Date + 1}]
	})
	if len(channels) == 0 {
		return
	}
	channel := pick(d.rng, channels)
	cut := time.UnixMicro(day(channel, d.t.zone).Of(d.day.Date).To).In(d.t.zone)
	op := d.payment(channel, cut.Sub(d.at(0))-15*time.Second)
	op.Fault, op.Pay.Delivery, op.Pay.NotifyURL = f, Synchronous, ""
	op.Local.Step = StepPaid
	if f == CutoffChannelFirst {
		op.Pay.At, op.Local.At = cut.Add(-time.Second), cut.Add(400*time.Millisecond)
		d.day.Ops = append(d.day.Ops, op)
		d.know(op, Expectation{Date: d.day.Date, Class: schemas.Matched, Action: schemas.ActionMatch, Cell: "P1"})
		return
	}
	op.Pay.At, op.Local.At = cut.Add(time.Duration(d.rng.IntN(3))*time.Second), cut.Add(-100*time.Millisecond)
	d.day.Ops = append(d.day.Ops, op)
	d.know(op, Expectation{Date: d.day.Date, Class: schemas.LocalInTransit, Action: schemas.ActionCarry, Cell: "P10", Delta: -op.Local.AmountMinor},
		Expectation{Date: d.day.Date + 1, Class: schemas.Matched, Action: schemas.ActionMatch, Cell: "P1"})
}

func (d *dayMaker) placeRefund(f Fault) {
	op := d.refund(f)
	if op == nil {
		return
	}
	today := d.day.Date
	switch f {
	case RefundBehind:
		op.Local.Step, op.Refund.Delivery = StepLeave, Lost
		d.know(*op, Expectation{Date: today, Class: schemas.LocalBehind, Action: schemas.ActionAuto, Cell: "R3", Fix: schemas.FixSetSuccess})
	case RefundConsole:
		op.RefundRef = d.number("K", op.Channel)
		op.Refund.RefundRef, op.Local = op.RefundRef, LocalSide{Step: StepNone}
		d.know(*op, Expectation{Date: today, Class: schemas.ChannelOnly, Action: schemas.ActionManual, Cell: "R4", Delta: op.Refund.AmountMinor})
	case RefundMissing:
		op.Local.Step, op.Local.At = StepPaid, op.Refund.At
		op.Refund = nil
		due := today.Add(d.t.refundCarry(op.Channel))
		var expect []Expectation
		for date := today; date < due && date <= d.t.last; date++ {
			expect = append(expect, Expectation{Date: date, Class: schemas.LocalInTransit, Action: schemas.ActionCarry, Cell: "R5", Delta: -op.Local.AmountMinor})
		}
		if due <= d.t.last {
			expect = append(expect, Expectation{Date: due, Class: schemas.LocalOnly, Action: schemas.ActionManual, Cell: "R6n", Delta: -op.Local.AmountMinor})
		}
		d.know(*op, expect...)
	}
}

func (t *Traffic) refundCarry(channel string) int {
	if n, ok := t.plan.RefundCarry[channel]; ok {
		return n
	}
	return 4
}

// know writes down what must be found about an op.
func (d *dayMaker) know(op Op, expect ...Expectation) {
	kind, amount := schemas.Payment, op.Local.AmountMinor
	if op.RefundRef != "" {
		kind = schemas.Refund
	}
	switch {
	case amount == 0 && op.Pay != nil:
		amount = op.Pay.AmountMinor
	case amount == 0 && op.Refund != nil:
		amount = op.Refund.AmountMinor
	}
	d.day.Truth = append(d.day.Truth, Truth{Date: d.day.Date, Channel: op.Channel, Account: op.Account, Fault: op.Fault, Kind: kind,
		MerchantRef: op.MerchantRef, RefundRef: op.RefundRef, AmountMinor: amount, Currency: "CNY", Expect: expect})
}

// planFiles takes over the day's faults of files, with the rows that they
// withhold.
func (d *dayMaker) planFiles() {
	d.day.Files = d.t.files[d.day.Date]
	for _, f := range d.day.Files {
		if f.Kind == Reissue {
			d.withhold(f)
		}
		d.day.Truth = append(d.day.Truth, Truth{Date: f.Date, Channel: f.Channel, Account: d.t.plan.Merchants.Of(f.Channel), Fault: f.Kind,
			Expect: fileExpectations(f)})
	}
}

// withhold makes a payment that only the re-issued file shows.
func (d *dayMaker) withhold(f FileFault) {
	op := d.payment(f.Channel, d.noon())
	op.Fault = Withheld
	op.Local.Step, op.Pay.Delivery, op.Pay.NotifyURL, op.Pay.Withhold = StepAnswer, Synchronous, "", true
	d.day.Ops = append(d.day.Ops, op)
	d.know(op, Expectation{Date: f.Date, Class: schemas.LocalOnly, Action: schemas.ActionManual, Cell: "P11s", Delta: -op.Local.AmountMinor},
		Expectation{Date: f.Date, After: AfterRepublish, Class: schemas.Matched, Action: schemas.ActionMatch, Cell: "P1"})
}

func fileExpectations(f FileFault) []Expectation {
	whole := Expectation{Date: f.Date, State: schemas.FetchFetched}
	again := whole
	again.After = AfterRepublish
	switch f.Kind {
	case EmptyDay:
		whole.State = schemas.FetchEmptyConfirmed
	case NotReadyFirst:
		whole.Tries = f.Times
	case TrailerOff:
		whole.Broken, whole.Exit = true, []int{21}
		return []Expectation{whole, again}
	case WrongDay:
		whole.Broken, whole.Exit = true, []int{23}
		return []Expectation{whole, again}
	case Reissue:
		again.Exit = []int{22} // until somebody accepts it
		return []Expectation{whole, again}
	}
	return []Expectation{whole}
}
