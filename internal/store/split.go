package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// AddReceiver registers who may receive shares of a merchant's orders; a second
// time it changes the relation. The receiver holds accounts of ours.
func (db *DB) AddReceiver(ctx context.Context, merchant, receiver, relation string) error {
	if err := required("relation", relation, maxName); err != nil {
		return err
	}
	err := db.settle(ctx, merchant, func(s *settler) error {
		e, err := s.entity(receiver)
		switch {
		case err != nil:
			return err
		case e == nil:
			return refusedSplit(receiver, "no entity %s in the books", receiver)
		case receiver == merchant:
			return refusedSplit(receiver, "a receiver is somebody else than the merchant")
		}
		_, err = s.exec(`INSERT INTO split_receiver (merchant, receiver, relation, active, created_us, updated_us) VALUES ($1, $2, $3, 1, $4, $4)
			ON CONFLICT (merchant, receiver) DO UPDATE SET relation = excluded.relation, active = 1, updated_us = excluded.updated_us`,
			merchant, receiver, relation, s.now)
		return err
	})
	return wrap(err, "register receiver %s of %s", receiver, merchant)
}

// RemoveReceiver ends a registration: new splits name the receiver no more, and
// what was asked for goes on. False: there is none.
func (db *DB) RemoveReceiver(ctx context.Context, merchant, receiver string) (found bool, err error) {
	err = db.settle(ctx, merchant, func(s *settler) error {
		n, err := s.exec(`UPDATE split_receiver SET active = 0, updated_us = $1 WHERE merchant = $2 AND receiver = $3`, s.now, merchant, receiver)
		found = n == 1
		return err
	})
	return found, wrap(err, "remove receiver %s of %s", receiver, merchant)
}

// HoldForSplit holds an order back for splits before, or after, it is paid. An
// order that is held already stays as it is.
func (db *DB) HoldForSplit(ctx context.Context, merchant, orderNo string, terms settlement.SplitTerms) (h settlement.SplitHold, err error) {
	err = db.settle(ctx, merchant, func(s *settler) error {
		o, err := s.mustOrder(merchant, orderNo)
		if err != nil {
			return err
		}
		h, err = s.hold(o, terms)
		return err
	})
	return h, wrap(err, "hold order %s of %s", orderNo, merchant)
}

// Split takes a split order in, all of it or nothing. It is carried out once the
// order is paid; see WorkSplits. The same request again gives what stands.
func (db *DB) Split(ctx context.Context, r settlement.SplitRequest, contract *settlement.Contract) (split settlement.Split, err error) {
	if why := r.Wrong(); why != "" {
		return split, refusedSplit(r.Number, "%s", why)
	}
	err = db.settle(ctx, r.Merchant, func(s *settler) error {
		split, err = s.takeSplit(r, contract)
		crashpoint.Hit("split.commit")
		return err
	})
	return split, wrap(err, "split order %s of %s", r.OrderNo, r.Merchant)
}

func (s *settler) takeSplit(r settlement.SplitRequest, contract *settlement.Contract) (split settlement.Split, err error) {
	o, err := s.mustOrder(r.Merchant, r.OrderNo)
	if err != nil {
		return split, err
	}
	if split, err = r.New(o.Currency); err != nil {
		return split, err
	}
	old, known, err := s.split(r.Number)
	switch {
	case err != nil:
		return split, err
	case known && old.Digest == split.Digest:
		return old, nil
	case known:
		return split, refusedSplit(r.Number, "number %s exists with other content", r.Number)
	case o.State == paycore.Closed:
		return split, refusedSplit(r.Number, "the order is %s", o.State)
	case contract == nil:
		return split, refusedSplit(r.Number, "the configuration has no contract of it")
	}
	h, err := s.hold(o, contract.Split)
	if err != nil {
		return split, err
	}
	if err := s.registered(r); err != nil {
		return split, err
	}
	funds, p, err := s.splitFunds(o, contract)
	if err != nil {
		return split, err
	}
	if why := funds.Refuses(h.MaxPPM, &split); why != "" {
		return split, refusedSplit(r.Number, "%s", why)
	}
	if p != nil {
		split.PayNo = p.PayNo
	}
	split.CreatedAt, split.UpdatedAt = s.now, s.now
	if err := s.putSplit(&split); err != nil {
		return split, err
	}
	if err := s.insertShares(&split, r.Shares); err != nil {
		return split, err
	}
	return split, s.splitEvent(r.Merchant, r.OrderNo, "SPLIT", r.Number, fmt.Sprintf("%d", split.AmountMinor))
}

// refusedSplit is a no of the rules, in the words of the payment core.
func refusedSplit(number, format string, args ...any) error {
	return fault.New("E-6419", fault.V{"reason": fmt.Sprintf(format, args...), "number": number}, nil)
}

func noSplit(number string) error {
	return fault.New("E-6416", fault.V{"number": fault.Quote(number)}, nil)
}

func (s *settler) mustOrder(merchant, orderNo string) (*paycore.Order, error) {
	o, err := s.order(merchant, orderNo)
	if err == nil && o == nil {
		err = noSplit(orderNo)
	}
	return o, err
}

// hold reads the hold of an order, or begins it while nothing is settled.
func (s *settler) hold(o *paycore.Order, terms settlement.SplitTerms) (settlement.SplitHold, error) {
	h, known, err := s.readHold(o.Merchant, o.OrderNo)
	switch {
	case err != nil:
		return h, err
	case known && h.State == settlement.SplitReleased:
		return h, refusedSplit(o.OrderNo, "the rest of the order was released")
	case known:
		return h, nil
	case o.State == paycore.Closed:
		return h, refusedSplit(o.OrderNo, "the order is %s", o.State)
	}
	var payNo, batch string
	settled, err := s.one(`SELECT pay_no, settled_in FROM payment WHERE merchant = $1 AND order_no = $2 AND settled_in <> '' ORDER BY pay_no LIMIT 1`,
		[]any{o.Merchant, o.OrderNo}, &payNo, &batch)
	if err != nil {
		return h, wrap(err, "payments of order %s", o.OrderNo)
	}
	if settled {
		return h, refusedSplit(o.OrderNo, "payment %s was settled to %s in batch %s", payNo, o.Merchant, batch)
	}
	h = settlement.NewHold(o.Merchant, o.OrderNo, terms, s.now)
	if err := s.putHold(&h); err != nil {
		return h, err
	}
	return h, s.splitEvent(o.Merchant, o.OrderNo, "HELD", "", "")
}

// registered refuses receivers that the merchant has not registered.
func (s *settler) registered(r settlement.SplitRequest) error {
	q, err := s.stmt(`SELECT 1 FROM split_receiver WHERE merchant = $1 AND receiver = $2 AND active = 1`)
	if err != nil {
		return err
	}
	for _, share := range r.Shares {
		var yes int
		err := q.QueryRowContext(s.ctx, r.Merchant, share.Receiver).Scan(&yes)
		if errors.Is(err, sql.ErrNoRows) {
			return refusedSplit(r.Number, "receiver %s is not registered", share.Receiver)
		}
		if err != nil {
			return wrap(err, "read receiver %s", share.Receiver)
		}
	}
	return nil
}

// splitFunds is what an order has for splits, with the payment that paid it;
// nil before that.
func (s *settler) splitFunds(o *paycore.Order, contract *settlement.Contract) (f settlement.SplitFunds, p *paycore.Payment, err error) {
	f.PaidMinor = o.AmountMinor
	if o.PaidBy != "" {
		if p, err = s.payment(o.PaidBy); err != nil {
			return f, nil, err
		}
		f.PaidMinor = p.AmountMinor - p.RefundedMinor
		if contract != nil {
			e, _, err := settlement.ClearPayment(contract, p) // without a rate it is not settled either
			if err != nil {
				return f, nil, err
			}
			f.FeeMinor = e.FeeMinor
		}
	}
	f.TakenMinor, f.Shares, err = s.splitTaken(o.Merchant, o.OrderNo)
	return f, p, err
}

// splitTaken is what receivers of an order have, or are about to get, and how
// many shares that is.
func (b *books) splitTaken(merchant, orderNo string) (minor int64, shares int, err error) {
	_, err = b.one(`SELECT COALESCE(SUM(amount_minor - closed_minor - back_minor), 0), COALESCE(SUM(shares), 0) FROM split_order WHERE merchant = $1 AND order_no = $2`,
		[]any{merchant, orderNo}, &minor, &shares)
	return minor, shares, wrap(err, "splits of order %s", orderNo)
}

// splitOut is what a refund has to know about the splits of an order.
func (b *books) splitOut(o *paycore.Order) (*paycore.SplitOut, error) {
	h, known, err := b.readHold(o.Merchant, o.OrderNo)
	if err != nil || !known {
		return nil, err
	}
	taken, _, err := b.splitTaken(o.Merchant, o.OrderNo)
	return &paycore.SplitOut{Minor: taken, ReturnFirst: h.ReturnFirst}, err
}

const splitColumns = `number, merchant, order_no, pay_no, currency, amount_minor, done_minor, closed_minor, back_minor, shares, pending, release_rest,
	state, digest, settled_in, version, created_us, updated_us, finished_us`

func scanSplit(row scanner) (s settlement.Split, err error) {
	var finished sql.NullInt64
	err = row.Scan(&s.Number, &s.Merchant, &s.OrderNo, &s.PayNo, &s.Currency, &s.AmountMinor, &s.DoneMinor, &s.ClosedMinor, &s.BackMinor, &s.Shares, &s.Pending,
		&s.ReleaseRest, &s.State, &s.Digest, &s.SettledIn, &s.Version, &s.CreatedAt, &s.UpdatedAt, &finished)
	s.FinishedAt = finished.Int64
	return s, err
}

// split reads a split order; false if there is none.
func (b *books) split(number string) (settlement.Split, bool, error) {
	s, err := scanSplit(b.t.QueryRowContext(b.ctx, `SELECT `+splitColumns+` FROM split_order WHERE number = $1`, number))
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	return s, err == nil, wrap(err, "read split %s", number)
}

// putSplit inserts a split, or moves the row of the version that was read.
func (s *settler) putSplit(x *settlement.Split) error {
	finished := nullable(x.FinishedAt, x.State == settlement.SplitFinished)
	var n int64
	var err error
	if x.Version == 0 {
		n, err = s.exec(`INSERT INTO split_order (`+splitColumns+`) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $8, $9, $10, $11, '', 1, $12, $13, NULL)`,
			x.Number, x.Merchant, x.OrderNo, x.PayNo, x.Currency, x.AmountMinor, x.Shares, x.Pending, x.ReleaseRest, x.State, x.Digest, x.CreatedAt, x.UpdatedAt)
	} else {
		n, err = s.exec(`UPDATE split_order SET pay_no = $1, done_minor = $2, closed_minor = $3, back_minor = $4, pending = $5, state = $6, updated_us = $7,
			finished_us = $8, version = version + 1 WHERE number = $9 AND version = $10`,
			x.PayNo, x.DoneMinor, x.ClosedMinor, x.BackMinor, x.Pending, x.State, x.UpdatedAt, finished, x.Number, x.Version)
	}
	if err := wrote(n, err, "split", x.Number); err != nil {
		return err
	}
	x.Version++
	return nil
}

var insertShares = insertRows(`split_share (split, receiver, amount_minor, returned_minor, state, reason)`, ``)

func (s *settler) insertShares(x *settlement.Split, shares []settlement.SplitShare) error {
	for part := range slices.Chunk(shares, len(insertShares)) {
		args := make([]any, 0, 6*len(insertShares))
		for _, share := range part {
			args = append(args, x.Number, share.Receiver, share.AmountMinor, 0, settlement.SplitPending, "")
		}
		q, err := s.stmt(insertShares[len(part)-1])
		if err == nil {
			_, err = q.ExecContext(s.ctx, args...)
		}
		if err != nil {
			return wrap(err, "shares of split %s", x.Number)
		}
	}
	return nil
}

// readHold reads the hold of an order; false if it has none.
func (b *books) readHold(merchant, orderNo string) (settlement.SplitHold, bool, error) {
	h := settlement.SplitHold{Merchant: merchant, OrderNo: orderNo}
	known, err := b.one(`SELECT state, max_ppm, return_first, until_us, warned_days, version, created_us, updated_us FROM split_hold
		WHERE merchant = $1 AND order_no = $2`, []any{merchant, orderNo},
		&h.State, &h.MaxPPM, &h.ReturnFirst, &h.Until, &h.WarnedDays, &h.Version, &h.CreatedAt, &h.UpdatedAt)
	return h, known, wrap(err, "read the hold of order %s", orderNo)
}

// putHold inserts a hold, or moves the row of the version that was read.
func (s *settler) putHold(h *settlement.SplitHold) error {
	var n int64
	var err error
	if h.Version == 0 {
		n, err = s.exec(`INSERT INTO split_hold (merchant, order_no, state, max_ppm, return_first, until_us, warned_days, version, created_us, updated_us)
			VALUES ($1, $2, $3, $4, $5, $6, 0, 1, $7, $7)`, h.Merchant, h.OrderNo, h.State, h.MaxPPM, h.ReturnFirst, h.Until, h.CreatedAt)
	} else {
		n, err = s.exec(`UPDATE split_hold SET state = $1, warned_days = $2, updated_us = $3, version = version + 1 WHERE merchant = $4 AND order_no = $5 AND version = $6`,
			h.State, h.WarnedDays, h.UpdatedAt, h.Merchant, h.OrderNo, h.Version)
	}
	if err := wrote(n, err, "hold of order", h.OrderNo); err != nil {
		return err
	}
	h.Version++
	return nil
}

func (s *settler) splitEvent(merchant, orderNo, what, ref, note string) error {
	n, err := s.exec(`INSERT INTO split_event (merchant, order_no, at_us, who, what, ref, note) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		merchant, orderNo, s.now, s.who, what, ref, note)
	return wrote(n, err, "history of order", orderNo)
}
