package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"tieout/internal/paycore"
)

// notice is the JSON that a merchant gets.
type notice struct {
	ID          string `json:"event_id"`
	Event       string `json:"event"`
	Merchant    string `json:"merchant"`
	OrderNo     string `json:"order_no"`
	PayNo       string `json:"pay_no"`
	RefundNo    string `json:"refund_no,omitempty"`
	SplitNo     string `json:"split_no,omitempty"`
	Channel     string `json:"channel"`
	ChannelRef  string `json:"channel_ref,omitempty"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	At          string `json:"at"`
}

// enqueue puts a notice in the outbox; the transaction that causes it carries it.
func (b *books) enqueue(n paycore.Notice) error {
	return b.putNotice(n.ID, n.Merchant, n.URL, notice{n.ID, n.Event, n.Merchant, n.OrderNo, n.PayNo, n.RefundNo, n.SplitNo, n.Channel, n.ChannelRef,
		n.AmountMinor, n.Currency, stamp(n.At)}, n.At)
}

// putNotice keeps the JSON of a notice, due at once.
func (b *books) putNotice(id, merchant, url string, body any, at int64) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = b.exec(`INSERT INTO outbox (id, merchant, url, payload, state, next_us, created_us, updated_us)
		VALUES ($1, $2, $3, $4, 'PENDING', $5, $5, $5)`, id, merchant, url, string(payload), at)
	return wrap(err, "outbox %s", id)
}

// stamp is a time as notices say it.
func stamp(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

// ClaimNotices takes up to limit notices that are due and hides them from other
// senders for the lease. Oldest first.
func (db *DB) ClaimNotices(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]paycore.Outgoing, error) {
	var list []paycore.Outgoing
	err := db.tx(ctx, func(t *sql.Tx) error {
		list = list[:0]
		b := newBooks(ctx, t)
		due, err := b.due(now, limit)
		if err != nil {
			return err
		}
		for _, n := range due {
			changed, err := b.exec(`UPDATE outbox SET next_us = $1 WHERE id = $2 AND state = 'PENDING' AND tries = $3 AND next_us <= $4`,
				now.Add(lease).UnixMicro(), n.ID, n.Tries, now.UnixMicro())
			if err != nil {
				return wrap(err, "claim notice %s", n.ID)
			}
			if changed == 1 {
				list = append(list, n)
			}
		}
		return nil
	})
	return list, err
}

func (b *books) due(now time.Time, limit int) ([]paycore.Outgoing, error) {
	s, err := b.stmt(`SELECT id, merchant, url, payload, tries FROM outbox WHERE state = 'PENDING' AND next_us <= $1
		ORDER BY next_us, id LIMIT $2`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, now.UnixMicro(), limit)
	if err != nil {
		return nil, wrap(err, "read the outbox")
	}
	defer rows.Close()
	var list []paycore.Outgoing
	for rows.Next() {
		var n paycore.Outgoing
		if err := rows.Scan(&n.ID, &n.Merchant, &n.URL, &n.Payload, &n.Tries); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// NoticeTried records one try of a claimed notice: sent, to be tried again at
// next, or dead (neither). A record that comes late, after another sender's,
// changes nothing.
func (db *DB) NoticeTried(ctx context.Context, n paycore.Outgoing, sent bool, next time.Time, reason string) error {
	state, at := "DEAD", db.now().UnixMicro()
	nextUS := at
	switch {
	case sent:
		state = "SENT"
	case !next.IsZero():
		state, nextUS = "PENDING", next.UnixMicro()
	}
	return db.tx(ctx, func(t *sql.Tx) error {
		_, err := newBooks(ctx, t).exec(`UPDATE outbox SET state = $1, tries = tries + 1, next_us = $2, last_error = $3, updated_us = $4
			WHERE id = $5 AND state = 'PENDING' AND tries = $6`, state, nextUS, reason, at, n.ID, n.Tries)
		return wrap(err, "record the try of notice %s", n.ID)
	})
}

// Resend makes a notice due again, with all its tries. False: the merchant has
// no such notice. Merchant "" stands for every one.
func (db *DB) Resend(ctx context.Context, merchant, id string) (found bool, err error) {
	at := db.now().UnixMicro()
	err = db.tx(ctx, func(t *sql.Tx) error {
		n, err := newBooks(ctx, t).exec(`UPDATE outbox SET state = 'PENDING', tries = 0, next_us = $1, updated_us = $1
			WHERE id = $2 AND ($3 = '' OR merchant = $3)`, at, id, merchant)
		found = n == 1
		return wrap(err, "resend %s", id)
	})
	return found, err
}

// Notices lists the notices in a state, those that changed last first. Merchant
// "" stands for every one.
func (db *DB) Notices(ctx context.Context, merchant string, state paycore.NoticeState, limit int) ([]paycore.NoticeStanding, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT id, merchant, payload, state, tries, next_us, last_error, created_us, updated_us FROM outbox
		WHERE state = $1 AND ($2 = '' OR merchant = $2) ORDER BY updated_us DESC, id LIMIT $3`, state, merchant, limit)
	return scanAll(rows, err, func(row scanner) (n paycore.NoticeStanding, err error) {
		err = row.Scan(&n.ID, &n.Merchant, &n.Payload, &n.State, &n.Tries, &n.Next, &n.LastError, &n.CreatedAt, &n.UpdatedAt)
		return n, err
	}, "list notices")
}

// OutboxCounts returns how many notices are in each state.
func (db *DB) OutboxCounts(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{"PENDING": 0, "SENT": 0, "DEAD": 0}
	err := db.snapshot(ctx, func(b *books) error {
		for state := range counts {
			var n int64
			if _, err := b.one(`SELECT COUNT(*) FROM outbox WHERE state = $1`, []any{state}, &n); err != nil {
				return wrap(err, "count the outbox")
			}
			counts[state] = n
		}
		return nil
	})
	return counts, err
}
