package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

const taskColumns = `subject, number, account, state, tries, next_us, expires_us, payer, prepaid, note, way, version, created_us, updated_us`

func scanTask(s scanner) (t gateway.Task, err error) {
	err = s.Scan(&t.Subject, &t.Number, &t.Account, &t.State, &t.Tries, &t.Next, &t.ExpiresAt, &t.Payer, &t.Prepaid, &t.Note, &t.Way,
		&t.Version, &t.CreatedAt, &t.UpdatedAt)
	return t, err
}

// Intend writes a task once; see gateway.Tasks.
func (db *DB) Intend(ctx context.Context, t gateway.Task) (gateway.Task, error) {
	at := db.now().UnixMicro()
	var kept gateway.Task
	err := db.tx(ctx, func(tx *sql.Tx) error {
		b := newBooks(ctx, tx)
		if _, err := b.exec(`INSERT INTO channel_task (`+taskColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 1, $11, $11)
			ON CONFLICT (subject, number) DO NOTHING`,
			t.Subject, t.Number, t.Account, t.State, t.Tries, t.Next, t.ExpiresAt, t.Payer, t.Prepaid, t.Note, at); err != nil {
			return wrap(err, "write the task of %s", t.Number)
		}
		var err error
		kept, err = b.task(t.Subject, t.Number)
		return err
	})
	return kept, err
}

func (b *books) task(subject gateway.Subject, number string) (gateway.Task, error) {
	s, err := b.stmt(`SELECT ` + taskColumns + ` FROM channel_task WHERE subject = $1 AND number = $2`)
	if err != nil {
		return gateway.Task{}, err
	}
	t, err := scanTask(s.QueryRowContext(b.ctx, subject, number))
	return t, wrap(err, "read the task of %s", number)
}

// ClaimTasks takes due tasks; see gateway.Tasks.
func (db *DB) ClaimTasks(ctx context.Context, account string, now time.Time, lease time.Duration, limit int) ([]gateway.Task, error) {
	var list []gateway.Task
	err := db.tx(ctx, func(tx *sql.Tx) error {
		b := newBooks(ctx, tx)
		due, err := b.tasks(`WHERE account = $1 AND state IN ('INTENT','SENT','CLOSING','DROPPING') AND next_us <= $2 ORDER BY next_us, number LIMIT $3`,
			account, now.UnixMicro(), limit)
		if err != nil {
			return err
		}
		for i, t := range due {
			if _, err := b.exec(`UPDATE channel_task SET next_us = $1, version = version + 1 WHERE subject = $2 AND number = $3`,
				now.Add(lease).UnixMicro(), t.Subject, t.Number); err != nil {
				return wrap(err, "claim the task of %s", t.Number)
			}
			due[i].Version++
		}
		list = due
		return nil
	})
	return list, err
}

func (b *books) tasks(where string, args ...any) ([]gateway.Task, error) {
	s, err := b.stmt(`SELECT ` + taskColumns + ` FROM channel_task ` + where)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, args...)
	if err != nil {
		return nil, wrap(err, "list tasks")
	}
	defer rows.Close()
	var list []gateway.Task
	for rows.Next() {
		t, err := scanTask(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// SaveTask moves a task by compare-and-set; see gateway.Tasks.
func (db *DB) SaveTask(ctx context.Context, t gateway.Task) (gateway.Task, bool, error) {
	at := db.now().UnixMicro()
	var saved bool
	err := db.tx(ctx, func(tx *sql.Tx) error {
		n, err := newBooks(ctx, tx).exec(`UPDATE channel_task SET state = $1, tries = $2, next_us = $3, payer = $4, note = $5, way = $6, updated_us = $7,
			version = version + 1 WHERE subject = $8 AND number = $9 AND version = $10`, t.State, t.Tries, t.Next, t.Payer, t.Note, t.Way, at, t.Subject, t.Number, t.Version)
		saved = n == 1
		return wrap(err, "save the task of %s", t.Number)
	})
	if saved {
		t.Version, t.UpdatedAt = t.Version+1, at
	}
	return t, saved, err
}

// KeepPrepaid keeps the first one; see gateway.Tasks.
func (db *DB) KeepPrepaid(ctx context.Context, payNo, prepaid string) (string, error) {
	at := db.now().UnixMicro()
	var kept string
	err := db.tx(ctx, func(tx *sql.Tx) error {
		b := newBooks(ctx, tx)
		if _, err := b.exec(`UPDATE channel_task SET prepaid = $1, updated_us = $2, version = version + 1
			WHERE subject = 'PAYMENT' AND number = $3 AND prepaid = ''`, prepaid, at, payNo); err != nil {
			return wrap(err, "keep what the payer of %s was given", payNo)
		}
		ok, err := b.one(`SELECT prepaid FROM channel_task WHERE subject = 'PAYMENT' AND number = $1`, []any{payNo}, &kept)
		if err == nil && !ok {
			err = sql.ErrNoRows
		}
		return wrap(err, "read what the payer of %s was given", payNo)
	})
	return kept, err
}

// Follow turns lines of the log into tasks; see gateway.Tasks. A payment is
// worked on when its time is over, unless somebody asks for it before.
func (db *DB) Follow(ctx context.Context, accounts map[string]time.Duration, limit int) (int, error) {
	at := db.now().UnixMicro()
	read := 0
	err := db.tx(ctx, func(tx *sql.Tx) error {
		b := newBooks(ctx, tx)
		var from, through int64
		if _, err := b.one(`SELECT seq FROM channel_task_log WHERE one = 1`, nil, &from); err != nil {
			return wrap(err, "read how far the log was followed")
		}
		if _, err := b.one(`SELECT COALESCE(MAX(seq), 0) FROM (SELECT seq FROM order_event WHERE seq > $1 ORDER BY seq LIMIT $2) x`,
			[]any{from, limit}, &through); err != nil {
			return wrap(err, "read the log")
		}
		if through <= from {
			return nil
		}
		for account, within := range accounts {
			if err := b.follow(account, within, from, through, at); err != nil {
				return err
			}
		}
		read = int(through - from)
		_, err := b.exec(`UPDATE channel_task_log SET seq = $1 WHERE one = 1`, through)
		return wrap(err, "note how far the log was followed")
	})
	return read, err
}

func (b *books) follow(account string, within time.Duration, from, through, at int64) error {
	const insert = `INSERT INTO channel_task (` + taskColumns + `) `
	failed := "the refund is " + string(paycore.Failed)
	for _, q := range []struct {
		text string
		args []any
	}{
		{insert + `SELECT 'PAYMENT', p.pay_no, p.account, 'INTENT', 0, p.deadline_us, p.deadline_us, '', '', '', '', 1, $2, $2
			FROM order_event e JOIN (SELECT *, CASE WHEN expires_us > 0 AND expires_us < created_us + $1 THEN expires_us ELSE created_us + $1 END AS deadline_us FROM payment) p
				ON p.pay_no = e.ref
			WHERE e.seq > $3 AND e.seq <= $4 AND e.subject = 'PAYMENT' AND e.from_state = '' AND p.account = $5 AND p.state = 'PAYING' AND p.part_of = ''
			ON CONFLICT (subject, number) DO NOTHING`, []any{within.Microseconds(), at, from, through, account}},
		{insert + `SELECT 'REFUND', r.refund_no, r.account, 'INTENT', 0, $1, 0, '', '', '', '', 1, $1, $1
			FROM order_event e JOIN refund r ON r.refund_no = e.ref
			WHERE e.seq > $2 AND e.seq <= $3 AND e.subject = 'REFUND' AND e.from_state = '' AND r.account = $4 AND r.state = 'PROCESSING'
			ON CONFLICT (subject, number) DO NOTHING`, []any{at, from, through, account}},
		// Its payer is owed still: one that was done with waits for a person.
		{insert + `SELECT DISTINCT 'REFUND', r.refund_no, r.account, 'STUCK', 0, $1, 0, '', '', $5, '', 1, $1, $1
			FROM order_event e JOIN refund r ON r.refund_no = e.ref
			WHERE e.seq > $2 AND e.seq <= $3 AND e.subject = 'REFUND' AND e.to_state = 'FAILED' AND r.account = $4 AND r.state = 'FAILED'
			ON CONFLICT (subject, number) DO UPDATE SET state = 'STUCK', tries = 0, note = excluded.note, updated_us = excluded.updated_us, version = channel_task.version + 1
				WHERE channel_task.state = 'DONE'`, []any{at, from, through, account, failed}},
		{insert + `SELECT 'EXTRA', p.pay_no, p.account, 'INTENT', 0, $1, 0, '', '', '', '', 1, $1, $1
			FROM order_event e JOIN payment p ON p.pay_no = e.ref JOIN customer_order o ON o.merchant = p.merchant AND o.order_no = p.order_no
			WHERE e.seq > $2 AND e.seq <= $3 AND e.subject = 'PAYMENT' AND p.account = $4 AND p.part_of = ''
			AND ((e.from_state <> 'SUCCESS' AND e.to_state = 'SUCCESS' AND o.paid_by <> p.pay_no) OR e.detail LIKE 'LATE_SUCCESS:%')
			ON CONFLICT (subject, number) DO NOTHING`, []any{at, from, through, account}},
	} {
		if _, err := b.exec(q.text, q.args...); err != nil {
			return wrap(err, "write the tasks of %s", account)
		}
	}
	return nil
}

// ListTasks returns the tasks in the given states, the ones that changed last
// at the end.
func (db *DB) ListTasks(ctx context.Context, limit int, states ...gateway.State) (list []gateway.Task, err error) {
	args := []any{limit}
	places := make([]string, len(states))
	for i, s := range states {
		args = append(args, s)
		places[i] = fmt.Sprintf("$%d", i+2)
	}
	err = db.snapshot(ctx, func(b *books) error {
		list, err = b.tasks(`WHERE state IN (`+strings.Join(places, ", ")+`) ORDER BY updated_us, number LIMIT $1`, args...)
		return err
	})
	return list, err
}

// ReopenTask takes a stuck task up again, from the bottom of the ladder: the
// channel is asked before anything is sent, but for a refund that has failed,
// which is sent again under its number. False: there is no such stuck task.
func (db *DB) ReopenTask(ctx context.Context, subject gateway.Subject, number string) (found bool, err error) {
	at := db.now().UnixMicro()
	err = db.tx(ctx, func(tx *sql.Tx) error {
		n, err := newBooks(ctx, tx).exec(`UPDATE channel_task SET tries = 0, next_us = $1, updated_us = $1, state = CASE WHEN subject = 'EXTRA'
			OR subject = 'REFUND' AND EXISTS (SELECT 1 FROM refund r WHERE r.refund_no = number AND r.state = 'FAILED') THEN 'INTENT' ELSE 'SENT' END,
			 version = version + 1 WHERE subject = $2 AND number = $3 AND state = 'STUCK'`, at, subject, number)
		found = n == 1
		return wrap(err, "take up the task of %s", number)
	})
	return found, err
}
