package store

import (
	"context"
	"database/sql"
	"errors"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// ReturnSplit takes a part of a share back from its receiver, under its own
// number. PROCESSING: the receiver has not got the money now; it is tried again
// under the same number. The same request again gives what stands.
func (db *DB) ReturnSplit(ctx context.Context, merchant, number, splitNo, receiver string, minor int64) (r settlement.SplitReturn, err error) {
	err = db.settle(ctx, merchant, func(s *settler) error {
		split, known, err := s.split(splitNo)
		if err != nil {
			return err
		}
		if !known || split.Merchant != merchant {
			return noSplit(splitNo)
		}
		if r, known, err = s.splitReturn(number); err != nil {
			return err
		}
		if known {
			if r.Split != splitNo || r.Receiver != receiver || r.AmountMinor != minor {
				return refusedSplit(number, "number %s exists with other content", number)
			}
			return nil
		}
		r = settlement.NewReturn(number, splitNo, receiver, minor, s.now)
		share, err := s.share(splitNo, receiver)
		if err != nil {
			return err
		}
		if why := r.Refuses(share, split.Currency); why != "" {
			return refusedSplit(number, "%s", why)
		}
		if err := s.addReturned(&r, minor); err != nil {
			return err
		}
		if err := s.putReturn(&r); err != nil {
			return err
		}
		err = s.try(&r, &split)
		crashpoint.Hit("split.return.commit")
		return err
	})
	return r, wrap(err, "return %s of split %s", number, splitNo)
}

// tryReturn tries a return that waits.
func (db *DB) tryReturn(ctx context.Context, number string) (tried int, err error) {
	err = db.settle(ctx, "auto", func(s *settler) error {
		tried = 0
		r, known, err := s.splitReturn(number)
		if err != nil || !known || r.State != settlement.SplitProcessing || r.Next > s.now {
			return err
		}
		split, _, err := s.split(r.Split)
		if err != nil {
			return err
		}
		tried = 1
		return s.try(&r, &split)
	})
	return tried, err
}

// try makes one try at a return, and writes what came of it.
func (s *settler) try(r *settlement.SplitReturn, split *settlement.Split) error {
	key := paycore.AccountKey{Name: paycore.Wallet(r.Receiver), Currency: split.Currency}
	wallet, err := s.account(key)
	if err != nil {
		return err
	}
	if err := r.Try(wallet, key, s.now); err != nil {
		return err
	}
	switch r.State {
	case settlement.SplitClosed:
		err = s.addReturned(r, -r.AmountMinor)
	case settlement.SplitSuccess:
		split.BackMinor += r.AmountMinor // within DoneMinor, which the database checks
		split.UpdatedAt = s.now
		if err = s.putSplit(split); err == nil {
			err = s.bookSplit("split_return:"+r.Number+":1", r.Number, settlement.GivenBack(split, r))
		}
	}
	if err != nil {
		return err
	}
	if err := s.putReturn(r); err != nil || r.State == settlement.SplitProcessing {
		return err
	}
	if err := s.splitEvent(split.Merchant, split.OrderNo, "RETURN_"+string(r.State), r.Number, r.Reason); err != nil {
		return err
	}
	o, err := s.order(split.Merchant, split.OrderNo)
	if err != nil {
		return err
	}
	return s.tellSplit(o, r.Number, "split_return."+lower(r.State), split.PayNo, r.AmountMinor)
}

func lower(state settlement.SplitState) string {
	if state == settlement.SplitSuccess {
		return "success"
	}
	return "closed"
}

// addReturned changes what a share counts as returned.
func (s *settler) addReturned(r *settlement.SplitReturn, minor int64) error {
	n, err := s.exec(`UPDATE split_share SET returned_minor = returned_minor + $1 WHERE split = $2 AND receiver = $3 AND state = 'SUCCESS'`, minor, r.Split, r.Receiver)
	return wrote(n, err, "share of", r.Receiver)
}

const returnColumns = `number, split, receiver, amount_minor, state, reason, next_us, until_us, settled_in, version, created_us, updated_us, done_us`

func scanReturn(row scanner) (r settlement.SplitReturn, err error) {
	var done sql.NullInt64
	err = row.Scan(&r.Number, &r.Split, &r.Receiver, &r.AmountMinor, &r.State, &r.Reason, &r.Next, &r.Until, &r.SettledIn, &r.Version, &r.CreatedAt, &r.UpdatedAt, &done)
	r.DoneAt = done.Int64
	return r, err
}

// splitReturn reads a return; false if there is none.
func (b *books) splitReturn(number string) (settlement.SplitReturn, bool, error) {
	r, err := scanReturn(b.t.QueryRowContext(b.ctx, `SELECT `+returnColumns+` FROM split_return WHERE number = $1`, number))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, wrap(err, "read return %s", number)
}

// putReturn inserts a return, or moves the row of the version that was read.
func (s *settler) putReturn(r *settlement.SplitReturn) error {
	done := nullable(r.DoneAt, r.State == settlement.SplitSuccess)
	var n int64
	var err error
	if r.Version == 0 {
		n, err = s.exec(`INSERT INTO split_return (`+returnColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', 1, $9, $10, $11)`,
			r.Number, r.Split, r.Receiver, r.AmountMinor, r.State, r.Reason, r.Next, r.Until, r.CreatedAt, r.UpdatedAt, done)
	} else {
		n, err = s.exec(`UPDATE split_return SET state = $1, reason = $2, next_us = $3, updated_us = $4, done_us = $5, version = version + 1
			WHERE number = $6 AND version = $7`, r.State, r.Reason, r.Next, r.UpdatedAt, done, r.Number, r.Version)
	}
	if err := wrote(n, err, "return", r.Number); err != nil {
		return err
	}
	r.Version++
	return nil
}

// share reads what a receiver gets by a split; nil if nothing.
func (b *books) share(split, receiver string) (*settlement.SplitShare, error) {
	list, err := b.shares(split, `AND receiver = $3`, 1, receiver)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// shares lists shares of a split by their receivers.
func (b *books) shares(split, where string, limit int, args ...any) ([]settlement.SplitShare, error) {
	q, err := b.stmt(`SELECT receiver, amount_minor, returned_minor, state, reason FROM split_share WHERE split = $1 ` + where + ` ORDER BY receiver LIMIT $2`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(b.ctx, append([]any{split, limit}, args...)...)
	return scanAll(rows, err, func(row scanner) (s settlement.SplitShare, err error) {
		err = row.Scan(&s.Receiver, &s.AmountMinor, &s.ReturnedMinor, &s.State, &s.Reason)
		return s, err
	}, "shares of split "+split)
}
