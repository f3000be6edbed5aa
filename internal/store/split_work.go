package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// splitPage is how many shares one transaction carries out: payments wait no
// longer than that for their turn, and memory holds no more.
const splitPage = 200

// splitsAtOnce bounds how many splits, returns and holds one call takes up.
const splitsAtOnce = 200

// What is due, oldest first.
const (
	dueSplits = `SELECT s.merchant, s.number FROM split_order s JOIN customer_order o ON o.merchant = s.merchant AND o.order_no = s.order_no
		WHERE s.state = 'PROCESSING' AND o.state <> 'PAYING' AND $1 > 0 ORDER BY s.created_us, s.number LIMIT $2`
	dueReturns = `SELECT s.merchant, r.number FROM split_return r JOIN split_order s ON s.number = r.split WHERE r.state = 'PROCESSING' AND r.next_us <= $1
		ORDER BY r.next_us, r.number LIMIT $2`
	dueHolds = `SELECT h.merchant, h.order_no FROM split_hold h WHERE h.state = 'HELD' AND h.until_us <= $1
		AND NOT EXISTS (SELECT 1 FROM split_order s WHERE s.merchant = h.merchant AND s.order_no = h.order_no AND s.state = 'PROCESSING')
		ORDER BY h.until_us, h.order_no LIMIT $2`
	dueWarnings = `SELECT h.merchant, h.order_no FROM split_hold h WHERE h.state = 'HELD' AND h.until_us > $1 AND h.until_us <= $1 + 604800000000
		AND (h.warned_days = 0 OR h.warned_days > 1 AND h.until_us <= $1 + 86400000000) ORDER BY h.until_us, h.order_no LIMIT $2`
)

// WorkSplits carries out the splits of orders that are paid, page by page, tries
// returns that wait for their money, warns of holds that end soon, and releases
// those that have ended. It returns how much it did; 0: nothing is due. A crash
// leaves whole pages, and the same call goes on.
func (db *DB) WorkSplits(ctx context.Context, contracts map[string]*settlement.Contract) (done int, err error) {
	done, err = db.eachDue(ctx, dueSplits, func(merchant, number string) (int, error) { return db.workSplit(ctx, number, contracts[merchant]) })
	var n int
	if err == nil {
		n, err = db.eachDue(ctx, dueReturns, func(_, number string) (int, error) { return db.tryReturn(ctx, number) })
		done += n
	}
	if err == nil {
		n, err = db.eachDue(ctx, dueHolds, func(merchant, orderNo string) (int, error) {
			_, err := db.release(ctx, "auto", merchant, orderNo, "its time is over")
			return 1, err
		})
		done += n
	}
	if err == nil {
		n, err = db.eachDue(ctx, dueWarnings, func(merchant, orderNo string) (int, error) { return db.warn(ctx, merchant, orderNo) })
		done += n
	}
	return done, err
}

// eachDue does something with each of what a query says is due now, and adds up
// what that did.
func (db *DB) eachDue(ctx context.Context, query string, do func(merchant, ref string) (int, error)) (done int, err error) {
	type due struct{ merchant, ref string }
	rows, err := db.sql.QueryContext(ctx, query, db.now().UnixMicro(), splitsAtOnce)
	list, err := scanAll(rows, err, func(row scanner) (d due, err error) {
		err = row.Scan(&d.merchant, &d.ref)
		return d, err
	}, "read the splits that are due")
	for _, d := range list {
		n, err := do(d.merchant, d.ref)
		if done += n; err != nil {
			return done, wrap(err, "work on split %s", d.ref)
		}
	}
	return done, err
}

// workSplit takes a split to its end, one page a transaction.
func (db *DB) workSplit(ctx context.Context, number string, contract *settlement.Contract) (pages int, err error) {
	for more := true; more; {
		err := db.settle(ctx, "auto", func(s *settler) error {
			crashpoint.Hit("split.page")
			var err error
			more, err = s.splitPageOf(number, contract)
			crashpoint.Hit("split.page.commit")
			return err
		})
		if err != nil {
			return pages, err
		}
		crashpoint.Hit("split.page.done")
		pages++
	}
	return pages, nil
}

func (s *settler) splitPageOf(number string, contract *settlement.Contract) (more bool, err error) {
	split, known, err := s.split(number)
	if err != nil || !known || split.State != settlement.SplitProcessing {
		return false, err
	}
	o, err := s.order(split.Merchant, split.OrderNo)
	if err != nil || o.State == paycore.Paying {
		return false, err
	}
	h, _, err := s.readHold(split.Merchant, split.OrderNo)
	if err != nil {
		return false, err
	}
	funds, p, err := s.splitFunds(o, contract)
	if err != nil {
		return false, err
	}
	if p != nil && split.PayNo == "" {
		split.PayNo = p.PayNo
	}
	gone := p == nil || p.PayNo != split.PayNo || p.State != paycore.Success || p.SettledIn != "" || funds.Exceeded(h.MaxPPM)
	if err := s.endShares(&split, gone); err != nil {
		return false, err
	}
	if err := s.putSplit(&split); err != nil {
		return false, err
	}
	if split.State != settlement.SplitFinished {
		return true, nil
	}
	return false, s.finished(&split, o, &h)
}

// endShares gives the next page of shares their end, and books those that went
// to their wallets in one transaction of the journal.
func (s *settler) endShares(split *settlement.Split, gone bool) error {
	page, err := s.shares(split.Number, `AND state = 'PENDING'`, splitPage)
	if err != nil {
		return err
	}
	q, err := s.stmt(`UPDATE split_share SET state = $1, reason = $2 WHERE split = $3 AND receiver = $4 AND state = 'PENDING'`)
	if err != nil {
		return err
	}
	for i := range page {
		share := &page[i]
		key := paycore.AccountKey{Name: paycore.Wallet(share.Receiver), Currency: split.Currency}
		wallet, err := s.account(key)
		if err != nil {
			return err
		}
		if err := share.End(wallet, key, gone); err != nil {
			return err
		}
		if err := split.Count(*share, s.now); err != nil {
			return err
		}
		r, err := q.ExecContext(s.ctx, share.State, share.Reason, split.Number, share.Receiver)
		var n int64
		if err == nil {
			n, err = r.RowsAffected()
		}
		if err := wrote(n, err, "share of", share.Receiver); err != nil {
			return err
		}
	}
	return s.bookSplit("split:"+split.Number+":"+strconv.FormatInt(split.Version+1, 10), split.Number, settlement.Shared(split, page))
}

// bookSplit posts entries of a split; none are no transaction.
func (s *settler) bookSplit(id, subject string, entries []paycore.Entry) error {
	return s.post(&paycore.Change{Entries: entries, Subject: subject, Cause: bySettlement, At: s.now}, journalRow{id: id})
}

// finished tells the merchant, and releases the rest if he wanted that.
func (s *settler) finished(split *settlement.Split, o *paycore.Order, h *settlement.SplitHold) error {
	note := fmt.Sprintf("%d done, %d closed", split.DoneMinor, split.ClosedMinor)
	if err := s.splitEvent(split.Merchant, split.OrderNo, "FINISHED", split.Number, note); err != nil {
		return err
	}
	if err := s.tellSplit(o, split.Number, "split.finished", split.PayNo, split.DoneMinor); err != nil {
		return err
	}
	if !split.ReleaseRest || h.State != settlement.SplitHeld {
		return nil
	}
	open, err := s.splitsOpen(split.Merchant, split.OrderNo)
	if err != nil || open {
		return err // the last one releases it
	}
	return s.releaseHold(h, "with split "+split.Number)
}

// tellSplit writes a notice to the merchant of an order, if he wants any.
func (s *settler) tellSplit(o *paycore.Order, number, event, payNo string, minor int64) error {
	if o.NotifyURL == "" {
		return nil
	}
	return s.enqueue(paycore.Notice{ID: strings.Join([]string{number, strconv.FormatInt(s.now, 10), event}, ":"), Merchant: o.Merchant, URL: o.NotifyURL, Event: event,
		OrderNo: o.OrderNo, PayNo: payNo, SplitNo: number, AmountMinor: minor, Currency: o.Currency, At: s.now})
}

func (b *books) splitsOpen(merchant, orderNo string) (bool, error) {
	var n int64
	_, err := b.one(`SELECT COUNT(*) FROM split_order WHERE merchant = $1 AND order_no = $2 AND state = 'PROCESSING'`, []any{merchant, orderNo}, &n)
	return n > 0, wrap(err, "splits of order %s", orderNo)
}

// ReleaseRest makes what is left of an order the merchant's (解冻剩余资金), once.
// While a split of it is not finished it is refused.
func (db *DB) ReleaseRest(ctx context.Context, merchant, orderNo string) (settlement.SplitHold, error) {
	return db.release(ctx, merchant, merchant, orderNo, "")
}

func (db *DB) release(ctx context.Context, who, merchant, orderNo, note string) (h settlement.SplitHold, err error) {
	err = db.settle(ctx, who, func(s *settler) error {
		var known bool
		if h, known, err = s.readHold(merchant, orderNo); err != nil {
			return err
		}
		if !known {
			return noSplit(orderNo)
		}
		if h.State == settlement.SplitReleased {
			return nil
		}
		open, err := s.splitsOpen(merchant, orderNo)
		if err != nil {
			return err
		}
		if open {
			return refusedSplit(orderNo, "a split of the order is not finished")
		}
		return s.releaseHold(&h, note)
	})
	return h, wrap(err, "release order %s of %s", orderNo, merchant)
}

func (s *settler) releaseHold(h *settlement.SplitHold, note string) error {
	if err := h.Release(s.now); err != nil {
		return err
	}
	if err := s.putHold(h); err != nil {
		return err
	}
	return s.splitEvent(h.Merchant, h.OrderNo, "RELEASED", "", note)
}

// warn tells the merchant that a hold ends soon.
func (db *DB) warn(ctx context.Context, merchant, orderNo string) (warned int, err error) {
	err = db.settle(ctx, "auto", func(s *settler) error {
		warned = 0
		h, known, err := s.readHold(merchant, orderNo)
		if err != nil || !known || h.State != settlement.SplitHeld {
			return err
		}
		days := h.Warning(s.now)
		if days == 0 {
			return nil
		}
		warned, h.WarnedDays, h.UpdatedAt = 1, days, s.now
		if err := s.putHold(&h); err != nil {
			return err
		}
		if err := s.splitEvent(merchant, orderNo, "WARNED", "", fmt.Sprintf("%d days", days)); err != nil {
			return err
		}
		o, err := s.order(merchant, orderNo)
		if err != nil {
			return err
		}
		return s.tellSplit(o, orderNo, "split.hold_ends", o.PaidBy, 0)
	})
	return warned, err
}
