package store

import (
	"context"
	"slices"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// modelFixes are the fixes that were applied, by key.
type modelFixes struct {
	fixes map[string]*modelFix
}

// modelFix is a fix of the state or the fee of a payment or refund.
type modelFix struct {
	schemas.Fix
	of       *sale
	gift     *gift
	was      paycore.State
	feeThen  int64 // of the channel, when it was applied
	feeWas   int64
	paidAt   int64 // before it
	reversed bool
}

var everyStatus = []schemas.Status{schemas.Success, schemas.Failed, schemas.Closed, schemas.Unknown}

// fix is a fix of the night, by itself or by two people.
func (m *model) fix() act {
	kinds := []schemas.FixKind{schemas.FixSetSuccess, schemas.FixSetSuccess, schemas.FixSetFailed, schemas.FixSetClosed, schemas.FixAdjustFee, schemas.FixReverse, schemas.FixReverse}
	f := &modelFix{Fix: schemas.Fix{Key: m.number("K"), Kind: kinds[m.IntN(len(kinds))], RunID: "run", Channel: "wechat", Account: "wechat-main", BillDate: billDay,
		RecordKind: schemas.Payment, MerchantRef: m.pick("P"), Currency: "CNY", EventTime: schemas.NoTime, Expect: everyStatus, Maker: "lin"}}
	if m.IntN(2) == 0 {
		f.Checker = "mei"
	}
	if m.IntN(10) == 0 {
		f.Expect = nil
	}
	f.ChannelRef = "wx-" + f.MerchantRef
	if m.IntN(4) == 0 {
		f.RecordKind, f.RefundRef = schemas.Refund, m.pick("R")
		f.ChannelRef = "wr-" + f.RefundRef
	}
	f.of, f.gift = m.sales[f.MerchantRef], m.gifts[f.RefundRef]
	switch {
	case f.Kind == schemas.FixReverse:
		return m.reverse(f)
	case f.RecordKind == schemas.Refund && f.gift != nil:
		f.AmountMinor, f.of = f.gift.rows[0].amount, f.gift.of
	case f.RecordKind == schemas.Refund:
		f.of = nil
	case f.of != nil:
		f.AmountMinor = f.of.parts[0].amount
	}
	if m.IntN(10) == 0 {
		f.AmountMinor++
	}
	if f.Kind == schemas.FixAdjustFee {
		f.FeeMinor = int64(m.IntN(4))
	}
	return m.apply(f, func() bool {
		switch {
		case f.of == nil || f.Expect == nil && f.Kind != schemas.FixAdjustFee:
			return false
		case f.gift != nil:
			return m.fixRefund(f)
		}
		return m.fixPayment(f)
	})
}

// apply answers a fix: its key counts once.
func (m *model) apply(f *modelFix, may func() bool) act {
	a := act{kind: string(f.Kind), what: f.Fix, do: func() (string, error) {
		got, err := m.db.ApplyFix(context.Background(), f.Fix)
		return got.State, err
	}}
	before := m.fixes[f.Key]
	switch {
	case before != nil && before.Kind == f.Kind && before.AmountMinor == f.AmountMinor && (f.Kind != schemas.FixAdjustFee || before.FeeMinor == f.FeeMinor):
		a.want, a.idle = alreadyApplied, true
	case before != nil || !may():
		a.want, a.idle = refused, true
	default:
		m.fixes[f.Key] = f
		a.want, a.pays = applied, []string{f.of.no}
	}
	return a
}

func (m *model) fixPayment(f *modelFix) bool {
	s, p, approved := f.of, f.of.parts[0], f.Checker != ""
	if p.wallet != "" || p.channel != "wechat" || f.AmountMinor != p.amount {
		return false
	}
	f.was, f.feeThen, f.feeWas, f.paidAt = p.state, p.fee, p.fee, p.paidAt
	switch f.Kind {
	case schemas.FixSetSuccess:
		if p.state == paycore.Success || p.state == paycore.Closed && !approved || m.owns(f.ChannelRef, p) || s.order.state == paycore.Paid && !approved {
			return false
		}
		m.become(s, func() { m.succeed(s); p.ref, p.byFix = f.ChannelRef, true })
	case schemas.FixSetClosed:
		if p.state != paycore.Paying {
			return false
		}
		m.end(s, paycore.Closed)
		if s.order.state == paycore.Paying && !s.order.live() {
			s.order.state = paycore.Closed
		}
	case schemas.FixSetFailed:
		if p.state != paycore.Paying && (p.state != paycore.Success || !approved || m.used(s)) {
			return false
		}
		m.takeBack(s, paycore.Failed)
	case schemas.FixAdjustFee:
		if p.state != paycore.Success || f.FeeMinor == p.fee {
			return false
		}
		m.become(s, func() { p.fee = f.FeeMinor })
		f.feeThen = f.FeeMinor
	}
	return true
}

// used tells whether something was done with the money of a payment.
func (m *model) used(s *sale) bool {
	return s.parts[0].back != 0 || s.parts[0].batch != nil || s.order.paidBy == s && m.taken(s.order) > 0 || s.taken != "" || slices.ContainsFunc(s.parts[1:], func(p *part) bool { return p.state == paycore.Success })
}

// takeBack makes a payment one that did not succeed, and its order one that is
// to be paid.
func (m *model) takeBack(s *sale, to paycore.State) {
	if s.order.paidBy == s && s.order.state == paycore.Paid {
		s.order.state, s.order.paidBy = paycore.Paying, nil
	}
	m.end(s, to)
}

func (m *model) fixRefund(f *modelFix) bool {
	g, r := f.gift, f.gift.rows[0]
	if r.of.wallet != "" || f.AmountMinor != r.amount || r.of.channel != "wechat" {
		return false
	}
	f.was, f.feeThen, f.feeWas, f.paidAt = r.state, r.fee, r.fee, r.doneAt
	switch f.Kind {
	case schemas.FixSetSuccess:
		if r.state != paycore.Processing && r.state != paycore.Failed {
			return false
		}
		m.become(g, func() {
			r.state, r.ref, r.byFix, r.doneAt, r.doneOp = paycore.Success, f.ChannelRef, true, m.at.UnixMicro(), m.op
		})
	case schemas.FixSetFailed:
		if r.state != paycore.Processing && r.state != paycore.Success {
			return false
		}
		m.become(g, func() { r.state = paycore.Failed })
	case schemas.FixAdjustFee:
		if r.state != paycore.Success || f.FeeMinor == r.fee {
			return false
		}
		m.become(g, func() { r.fee = f.FeeMinor })
		f.feeThen = f.FeeMinor
	default:
		return false
	}
	return true
}

// reverse undoes a fix, if what it changed still is as it left it.
func (m *model) reverse(f *modelFix) act {
	f.Reverses = m.prefer("K", func(no string) bool { e := m.fixes[no]; return e != nil && !e.reversed && e.Kind != schemas.FixReverse })
	e := m.fixes[f.Reverses]
	if e != nil {
		f.RecordKind, f.MerchantRef, f.RefundRef, f.AmountMinor, f.of = e.RecordKind, e.MerchantRef, e.RefundRef, e.AmountMinor, e.of
		if m.IntN(10) == 0 {
			f.AmountMinor++
		}
	}
	return m.apply(f, func() bool {
		if e == nil || e.reversed || e.Kind == schemas.FixReverse || f.AmountMinor != e.AmountMinor {
			return false
		}
		if e.gift != nil {
			e.reversed = m.undoRefund(e)
		} else {
			e.reversed = m.undoPayment(e)
		}
		return e.reversed
	})
}

// after is the state that a fix leaves behind.
func (f *modelFix) after() paycore.State {
	switch f.Kind {
	case schemas.FixSetClosed:
		return paycore.Closed
	case schemas.FixSetFailed:
		return paycore.Failed
	}
	return paycore.Success
}

func (m *model) undoPayment(e *modelFix) bool {
	s, p := e.of, e.of.parts[0]
	switch {
	case p.state != e.after():
		return false
	case e.Kind == schemas.FixAdjustFee:
		if p.fee != e.feeThen {
			return false
		}
		m.become(s, func() { p.fee = e.feeWas })
	case e.Kind == schemas.FixSetSuccess:
		if m.used(s) || p.fee != e.feeThen {
			return false
		}
		m.takeBack(s, e.was)
		p.ref = ""
	case e.was == paycore.Success: // it was taken back
		m.become(s, func() { p.state, p.paidAt, p.paidOp, p.byFix = paycore.Success, e.paidAt, m.op, false })
		if s.order.state == paycore.Paying && len(s.parts) == 1 {
			s.order.state, s.order.paidBy = paycore.Paid, s
		}
	default: // its order waits again
		m.become(s, func() { p.state = e.was })
		if s.order.state == paycore.Closed {
			s.order.state = paycore.Paying
		}
	}
	return true
}

func (m *model) undoRefund(e *modelFix) bool {
	g, r := e.gift, e.gift.rows[0]
	switch {
	case r.state != e.after():
		return false
	case e.Kind == schemas.FixAdjustFee:
		if r.fee != e.feeThen {
			return false
		}
		m.become(g, func() { r.fee = e.feeWas })
		return true
	case r.state == paycore.Success && r.fee != e.feeThen:
		return false
	}
	m.become(g, func() {
		if r.state == paycore.Success {
			r.ref = ""
		}
		r.state, r.byFix = e.was, false
		if e.was == paycore.Success {
			r.doneAt, r.doneOp = e.paidAt, m.op
		}
	})
	return true
}
