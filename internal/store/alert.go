package store

import (
	"context"
	"database/sql"
	"time"

	"tieout/internal/bizday"
)

// AlertRow is one alert to one sink, and what became of it.
type AlertRow struct {
	ID        int64
	Sink      string
	Account   string
	BillDate  bizday.Date // bizday.None if it is about no single day
	Payload   string      // JSON
	State     string      // PENDING, SENT, FAILED
	Tries     int
	LastError string
	Created   time.Time
}

// AddAlert keeps an alert before the first try to send it.
func (db *DB) AddAlert(ctx context.Context, sink, account, billDate, payload string) (id int64, err error) {
	err = db.tx(ctx, func(t *sql.Tx) error {
		now := db.now().UnixMilli()
		return t.QueryRowContext(ctx, `INSERT INTO alert (sink, account, bill_date, payload, state, tries, last_error, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 'PENDING', 0, '', $5, $5) RETURNING id`, sink, account, billDate, payload, now).Scan(&id)
	})
	return id, wrap(err, "keep an alert to %s", sink)
}

// EndAlert notes what became of an alert after so many tries; lastError is ""
// if it was sent.
func (db *DB) EndAlert(ctx context.Context, id int64, tries int, lastError string) error {
	state := "SENT"
	if lastError != "" {
		state = "FAILED"
	}
	err := db.tx(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `UPDATE alert SET state = $1, tries = tries + $2, last_error = $3, updated_at = $4 WHERE id = $5`,
			state, tries, lastError, db.now().UnixMilli(), id)
		return err
	})
	return wrap(err, "note the end of alert %d", id)
}

// UnsentAlerts lists alerts that did not reach their sink, newest first.
func (db *DB) UnsentAlerts(ctx context.Context, limit int) ([]AlertRow, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT id, sink, account, bill_date, payload, state, tries, last_error, created_at FROM alert
		WHERE state <> 'SENT' ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, wrap(err, "list unsent alerts")
	}
	defer rows.Close()
	var list []AlertRow
	for rows.Next() {
		var a AlertRow
		var date string
		var created int64
		if err := rows.Scan(&a.ID, &a.Sink, &a.Account, &date, &a.Payload, &a.State, &a.Tries, &a.LastError, &created); err != nil {
			return nil, wrap(err, "list unsent alerts")
		}
		if err := a.BillDate.UnmarshalText([]byte(date)); err != nil {
			return nil, wrap(err, "list unsent alerts")
		}
		a.Created = time.UnixMilli(created).UTC()
		list = append(list, a)
	}
	return list, wrap(rows.Err(), "list unsent alerts")
}
