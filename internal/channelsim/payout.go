package channelsim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// Terms is what a merchant pays us for his sales, and when he gets the rest.
type Terms struct {
	Merchant string
	BankDays int              // T+N, in days on which banks work
	PPM      map[string]int64 // of a sale, by channel, in millionths, rounded half up to the fen
	Fixed    int64            // fen on top
	Least    int64            // fen
	Returned bool             // a refund gives its part of the fee back
}

func (t *Terms) fee(channel string, amount int64) int64 {
	return min(max((amount*t.PPM[channel]+500_000)/1_000_000+t.Fixed, t.Least), amount)
}

// PayoutTruth is what a merchant must get for the sales up to a bill date: one
// line of the truth file. Amounts are fen.
type PayoutTruth struct {
	Merchant     string      `json:"merchant"`
	BillDate     bizday.Date `json:"bill_date"`
	Currency     string      `json:"currency"`
	DueOn        bizday.Date `json:"due_on"`
	Items        int64       `json:"items"`
	GrossMinor   int64       `json:"gross_minor"` // payments less refunds
	FeeMinor     int64       `json:"fee_minor"`
	CarriedMinor int64       `json:"carried_minor,omitempty"` // debt of the days before, not above zero
	PayMinor     int64       `json:"pay_minor"`
	PaidOn       bizday.Date `json:"paid_on"`        // "": never
	Held         Held        `json:"held,omitempty"` // why it is not paid in the end
}

// Held is why an approved batch is not paid out.
type Held string

// The reasons.
const (
	HeldDisputed Held = "DISPUTED" // an order in it got an open case afterwards
	HeldDebt     Held = "DEBT"     // refunds since have taken what was to be paid
)

// Payouts foretells from traffic alone what merchants get: a sale or refund
// counts from the first night on that finds it in our books, on the statement,
// and without a case.
type Payouts struct {
	plan    Plan
	zone    *time.Location
	terms   map[string]*Terms
	rests   map[bizday.Date]bool
	sales   []*sale
	byRef   map[string]*sale
	batches []*PayoutTruth // in the order in which they are approved
	debt    map[string]int64
	paid    map[string]int64 // fees and payouts
}

// sale is a payment in our books, and its refund.
type sale struct {
	op      Op
	day     bizday.Date // bill date of its success; None: it never succeeds
	fee     int64
	batch   *PayoutTruth
	refund  *sale
	settled bool
	verdict map[bizday.Date]schemas.Action // what the nights decide about it
}

// NewPayouts begins with nothing sold. rests are the days on which banks rest,
// beside weekends.
func NewPayouts(p Plan, terms []Terms, rests []bizday.Date) (*Payouts, error) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, err
	}
	all := &Payouts{plan: p, zone: zone, terms: map[string]*Terms{}, rests: map[bizday.Date]bool{}, byRef: map[string]*sale{}, debt: map[string]int64{}, paid: map[string]int64{}}
	for i := range terms {
		all.terms[terms[i].Merchant] = &terms[i]
	}
	for _, d := range rests {
		all.rests[d] = true
	}
	return all, nil
}

// Add takes a day of traffic; days come in their order.
func (p *Payouts) Add(d Day) {
	for _, op := range d.Ops {
		if op.Local.Step == StepNone {
			continue
		}
		s := &sale{op: op, day: p.succeeds(op)}
		if op.RefundRef == "" {
			s.fee = p.terms[op.Merchant].fee(op.Channel, op.Local.AmountMinor)
			p.sales, p.byRef[op.MerchantRef] = append(p.sales, s), s
		} else {
			p.byRef[op.MerchantRef].refund, p.byRef[op.RefundRef] = s, s
		}
	}
	for _, t := range d.Truth {
		order := p.byRef[t.MerchantRef]
		if t.Kind == 0 || order == nil { // a fault of a file, or of no order of ours
			continue
		}
		for _, s := range []*sale{order, p.byRef[t.RefundRef]} { // a refund takes its payment along
			if s == nil {
				continue
			}
			if s.verdict == nil {
				s.verdict = map[bizday.Date]schemas.Action{}
			}
			for _, e := range t.Expect {
				s.verdict[e.Date] = e.Action
			}
		}
	}
}

// succeeds returns the bill date on which our books say that the money moved.
func (p *Payouts) succeeds(op Op) bizday.Date {
	var at time.Time
	switch {
	case op.Local.Step == StepClose:
		return bizday.None
	case op.Local.Step == StepPaid:
		at = op.Local.At
	case op.Pay != nil:
		at = op.Pay.At.Truncate(time.Second)
	case op.Refund != nil:
		at = op.Refund.At.Truncate(time.Second)
	default:
		return bizday.None // opened here, never paid there
	}
	return day(op.Channel, p.zone).DateOf(at.UnixMicro())
}

// night is when the statements of a bill date are read.
func (p *Payouts) night(d bizday.Date) time.Time {
	year, month, dayOfMonth := d.Add(1).YMD()
	return time.Date(year, month, dayOfMonth, 0, 0, 0, 0, p.zone).Add(p.plan.NightAt)
}

// known tells whether our books say at a night that the money moved.
func (p *Payouts) known(s *sale, night time.Time) bool {
	if s.day == bizday.None || !s.op.At.Before(night) {
		return false
	}
	if !p.night(s.day).After(night) {
		return true // at the latest its own night has set it
	}
	late := s.op.Pay != nil && s.op.Pay.Delivery == Late && s.op.Pay.DeliverAt.After(night)
	return s.op.Local.Step != StepLeave && !late
}

// disputed tells whether a case about the order is open after a night.
func (s *sale) disputed(d bizday.Date) bool {
	last := bizday.None
	for at := range s.verdict {
		if at <= d && (last == bizday.None || at > last) {
			last = at
		}
	}
	return s.verdict[last] == schemas.ActionManual
}

// carried tells whether a night leaves the row to the next one.
func (s *sale) carried(d bizday.Date) bool { return s.verdict[d] == schemas.ActionCarry }

// Truth plays the nights, what is approved after each, and the payouts until
// the last batch is due.
func (p *Payouts) Truth() ([]PayoutTruth, error) {
	last := p.plan.From.Add(p.plan.Days - 1)
	for d := p.plan.From; d <= last; d++ {
		if err := p.collect(d); err != nil {
			return nil, err
		}
		p.payOut(d.Add(1), p.night(d), d)
	}
	for on := last.Add(2); on <= p.LastDue(); on++ {
		p.payOut(on, p.night(on.Add(-1)), last)
	}
	truths := make([]PayoutTruth, len(p.batches))
	for i, b := range p.batches {
		truths[i] = *b
	}
	return truths, nil
}

// LastDue is the day on which the last batch is due.
func (p *Payouts) LastDue() bizday.Date {
	last := bizday.None
	for _, b := range p.batches {
		last = max(last, b.DueOn)
	}
	return last
}

// collect makes the batches of a bill date: payments first, then the refunds of
// payments that are settled.
func (p *Payouts) collect(d bizday.Date) error {
	batches := map[string]*PayoutTruth{}
	take := func(s *sale, merchant string, amount, fee int64) error {
		b := batches[merchant]
		if b == nil {
			due, err := p.due(d, p.terms[merchant].BankDays)
			if err != nil {
				return err
			}
			b = &PayoutTruth{Merchant: merchant, BillDate: d, Currency: "CNY", DueOn: due, PaidOn: bizday.None}
			batches[merchant] = b
		}
		b.Items++
		b.GrossMinor += amount
		b.FeeMinor += fee
		s.settled, s.batch = true, b
		return nil
	}
	night := p.night(d)
	for _, s := range p.sales {
		if s.disputed(d) {
			continue
		}
		refundOpen := s.refund != nil && s.refund.op.At.Before(night) && !p.known(s.refund, night)
		if !s.settled && s.day != bizday.None && s.day <= d && !s.carried(d) && !refundOpen {
			if err := take(s, s.op.Merchant, s.op.Local.AmountMinor, s.fee); err != nil {
				return err
			}
		}
		if r := s.refund; r != nil && s.settled && !r.settled && r.day != bizday.None && r.day <= d && !r.carried(d) {
			if err := take(r, s.op.Merchant, -r.op.Local.AmountMinor, -p.back(s)); err != nil {
				return err
			}
		}
	}
	for _, merchant := range slices.Sorted(maps.Keys(batches)) {
		p.approve(batches[merchant])
	}
	return nil
}

// back is what a refund gives back of the fee.
func (p *Payouts) back(s *sale) int64 {
	if !p.terms[s.op.Merchant].Returned {
		return 0
	}
	paid, refunded := s.op.Local.AmountMinor, s.refund.op.Local.AmountMinor
	return (2*s.fee*refunded + paid) / (2 * paid)
}

// due counts days on which banks work.
func (p *Payouts) due(d bizday.Date, n int) (bizday.Date, error) {
	for tries := 0; n > 0; tries++ {
		if tries > 366 {
			return bizday.None, fmt.Errorf("no day in a year after %s on which banks work", d)
		}
		d++
		if w := d.Weekday(); w != time.Saturday && w != time.Sunday && !p.rests[d] {
			n--
		}
	}
	return d, nil
}

// approve carries the merchant's debt on.
func (p *Payouts) approve(b *PayoutTruth) {
	b.CarriedMinor = p.debt[b.Merchant]
	rest := b.GrossMinor - b.FeeMinor + b.CarriedMinor
	b.PayMinor, p.debt[b.Merchant] = max(rest, 0), min(rest, 0)
	p.paid[b.Merchant] += b.FeeMinor
	p.batches = append(p.batches, b)
}

// payOut pays what is due on a day, unless an order of it is disputed or the
// merchant's balance is too low.
func (p *Payouts) payOut(on bizday.Date, now time.Time, night bizday.Date) {
	for _, b := range p.batches {
		if b.DueOn > on || b.PaidOn != bizday.None || b.PayMinor == 0 {
			continue
		}
		switch {
		case p.holdsDisputed(b, night):
			b.Held = HeldDisputed
		case p.owed(b.Merchant, now)-p.paid[b.Merchant] < b.PayMinor:
			b.Held = HeldDebt
		default:
			b.PaidOn, b.Held = on, ""
			p.paid[b.Merchant] += b.PayMinor
		}
	}
}

func (p *Payouts) holdsDisputed(b *PayoutTruth, night bizday.Date) bool {
	return slices.ContainsFunc(p.sales, func(s *sale) bool {
		return (s.batch == b || s.refund != nil && s.refund.batch == b) && s.disputed(night)
	})
}

// owed is what a merchant has earned by now, before fees and payouts: also what
// is not settled yet.
func (p *Payouts) owed(merchant string, now time.Time) (sum int64) {
	for _, s := range p.sales {
		if s.op.Merchant != merchant || !p.known(s, now) {
			continue
		}
		sum += s.op.Local.AmountMinor
		if s.refund != nil && s.refund.op.At.Before(now) {
			sum -= s.refund.op.Local.AmountMinor
		}
	}
	return sum
}

// WritePayouts writes lines of the truth file: JSON, one payout a line.
func WritePayouts(w io.Writer, truths []PayoutTruth) error {
	enc := json.NewEncoder(w)
	for i := range truths {
		if err := enc.Encode(&truths[i]); err != nil {
			return fmt.Errorf("write payout %d: %w", i+1, err)
		}
	}
	return nil
}
