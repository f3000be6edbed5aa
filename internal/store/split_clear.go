package store

import (
	"context"

	"tieout/internal/settlement"
)

// held tells whether an order is held back for splits.
func (b *books) held(merchant, orderNo string) (bool, error) {
	h, known, err := b.readHold(merchant, orderNo)
	return known && h.State == settlement.SplitHeld, err
}

// takeWithSplits clears a payment, and in the same transaction what receivers
// got of it and gave back: a merchant is never paid what is theirs.
func (w *collector) takeWithSplits(payment settlement.Entry) error {
	if taken, err := w.take(payment); err != nil || !taken {
		return err
	}
	splits, err := w.splitsOf(payment.PayNo)
	if err != nil {
		return err
	}
	for i := range splits {
		if s := &splits[i]; s.SettledIn == "" && s.DoneMinor > 0 {
			if _, err := w.take(settlement.ClearSplit(payment, s)); err != nil {
				return err
			}
		}
		returns, err := w.returnsOf(splits[i].Number)
		if err != nil {
			return err
		}
		for j := range returns {
			if r := &returns[j]; r.State == settlement.SplitSuccess && r.SettledIn == "" {
				if _, err := w.take(settlement.ClearReturn(payment, r)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// takeReturn clears a return that came after its payment was settled.
func (w *collector) takeReturn(number string) error {
	r, _, err := w.splitReturn(number)
	if err != nil {
		return err
	}
	split, _, err := w.split(r.Split)
	if err != nil {
		return err
	}
	item := settlement.Item{No: number, Disputed: w.orders[orderKey{split.Merchant, split.OrderNo}]}
	if reason := w.c.WaitsBeside(w.c.Contracts[split.Merchant], item); reason != "" {
		w.leave(reason, number, split.Currency, r.AmountMinor)
		return nil
	}
	payment, ok, err := w.entry(settlement.Payment, split.PayNo)
	if err != nil || !ok {
		return wrap(err, "clear return %s", number) // a payment that became a balance has none
	}
	_, err = w.take(settlement.ClearReturn(payment, &r))
	return err
}

// splitAgrees says what is wrong with the entry of a split or a return; "" if
// nothing is.
func (s *settler) splitAgrees(batch string, e settlement.Entry) (string, error) {
	if e.Kind == settlement.SplitBackIn {
		r, known, err := s.splitReturn(e.Ref)
		if err != nil || !known || r.State != settlement.SplitSuccess || r.AmountMinor != e.GrossMinor || r.SettledIn != batch {
			return "the return in the books is another", err
		}
		return "", nil
	}
	x, known, err := s.split(e.Ref)
	if err != nil || !known || x.State != settlement.SplitFinished || -x.DoneMinor != e.GrossMinor || x.Currency != e.Currency || x.PayNo != e.PayNo || x.SettledIn != batch {
		return "the split in the books is another", err
	}
	return "", nil
}

// splitsOf lists the splits that took from a payment.
func (b *books) splitsOf(payNo string) ([]settlement.Split, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT `+splitColumns+` FROM split_order WHERE pay_no = $1 AND pay_no <> '' ORDER BY created_us, number`, payNo)
	return scanAll(rows, err, scanSplit, "splits of payment "+payNo)
}

func (b *books) returnsOf(split string) ([]settlement.SplitReturn, error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT `+returnColumns+` FROM split_return WHERE split = $1 ORDER BY created_us, number`, split)
	return scanAll(rows, err, scanReturn, "returns of split "+split)
}

// SplitFilter selects splits; zero fields select all.
type SplitFilter struct {
	Merchant, OrderNo string
	Open              bool // only those that are not finished
	Limit             int
}

// Splits lists splits, the newest first.
func (db *DB) Splits(ctx context.Context, f SplitFilter) ([]settlement.Split, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT `+splitColumns+` FROM split_order WHERE ($1 = '' OR merchant = $1) AND ($2 = '' OR order_no = $2)
		AND ($3 = 0 OR state = 'PROCESSING') ORDER BY created_us DESC, number LIMIT $4`, f.Merchant, f.OrderNo, f.Open, f.Limit)
	return scanAll(rows, err, scanSplit, "list splits")
}

// SplitOf returns a split of a merchant with its shares; E-6416 if he has none
// of this number.
func (db *DB) SplitOf(ctx context.Context, merchant, number string) (split settlement.Split, shares []settlement.SplitShare, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		var known bool
		if split, known, err = b.split(number); err != nil {
			return err
		}
		if !known || split.Merchant != merchant {
			return noSplit(number)
		}
		shares, err = b.shares(number, "", settlement.MaxShares)
		return err
	})
	return split, shares, err
}

// SplitReturnOf returns a return of a merchant; E-6416 if he has none of this
// number.
func (db *DB) SplitReturnOf(ctx context.Context, merchant, number string) (r settlement.SplitReturn, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		var known bool
		if r, known, err = b.splitReturn(number); err != nil {
			return err
		}
		split, _, err := b.split(r.Split)
		if err == nil && (!known || split.Merchant != merchant) {
			err = noSplit(number)
		}
		return err
	})
	return r, err
}
