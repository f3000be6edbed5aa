package store

import (
	"context"
	"database/sql"
	"time"

	"tieout/internal/paycore"
)

// ExecuteOnce runs the commands of a merchant's request, unless its key was
// used before, and keeps what answer makes of their results, in one
// transaction. A key that was used before runs nothing and gives what was
// kept; for another request it is paycore.ErrKeyTaken.
func (db *DB) ExecuteOnce(ctx context.Context, r paycore.Request, commands []paycore.Command,
	answer func([]paycore.Result) (paycore.Answer, error)) (said paycore.Answer, err error) {
	err = db.commands(ctx, func(b *books) error {
		var known bool
		if known, said, err = b.answered(r); known || err != nil {
			return err
		}
		results := make([]paycore.Result, 0, len(commands))
		for _, c := range commands {
			result, err := b.run(c)
			if err != nil {
				return wrap(err, "request %s of %s", r.Key, r.Merchant)
			}
			results = append(results, result)
		}
		if said, err = answer(results); err != nil {
			return err
		}
		said.Subject = r.Subject
		_, err := b.exec(`INSERT INTO api_request (merchant, key, digest, operation, subject, state, status, answer, created_us, updated_us)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
			r.Merchant, r.Key, r.Digest, r.Operation, r.Subject, requestState(said.Done), said.Status, said.Body, r.At)
		return wrap(err, "keep request %s of %s", r.Key, r.Merchant)
	})
	return said, err
}

// answered reads what is kept of a request's key.
func (b *books) answered(r paycore.Request) (known bool, said paycore.Answer, err error) {
	var digest, state string
	known, err = b.one(`SELECT digest, subject, state, status, answer FROM api_request WHERE merchant = $1 AND key = $2`,
		[]any{r.Merchant, r.Key}, &digest, &said.Subject, &state, &said.Status, &said.Body)
	if known && digest != r.Digest {
		err = paycore.ErrKeyTaken
	}
	said.Done = state == requestState(true)
	return known, said, wrap(err, "look for request %s of %s", r.Key, r.Merchant)
}

func requestState(done bool) string {
	if done {
		return "DONE"
	}
	return "OPEN"
}

// AnswerRequest keeps the answer of a request whose work is done, and returns
// the one that stands: the first that was kept.
func (db *DB) AnswerRequest(ctx context.Context, r paycore.Request, a paycore.Answer) (said paycore.Answer, err error) {
	err = db.tx(ctx, func(t *sql.Tx) error {
		b := db.books(ctx, t)
		if _, said, err = b.answered(r); err != nil || said.Done {
			return err
		}
		said.Done, said.Status, said.Body = a.Done, a.Status, a.Body
		n, err := b.exec(`UPDATE api_request SET state = $1, status = $2, answer = $3, updated_us = $4 WHERE merchant = $5 AND key = $6`,
			requestState(a.Done), a.Status, a.Body, db.now().UnixMicro(), r.Merchant, r.Key)
		return wrote(n, err, "request", r.Key)
	})
	return said, err
}

// OpenRequests lists requests that have work left to do, oldest first.
func (db *DB) OpenRequests(ctx context.Context, limit int) ([]paycore.Request, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT merchant, key, digest, operation, subject, created_us FROM api_request
		WHERE state = 'OPEN' ORDER BY created_us LIMIT $1`, limit)
	if err != nil {
		return nil, wrap(err, "list open requests")
	}
	defer rows.Close()
	var list []paycore.Request
	for rows.Next() {
		var r paycore.Request
		if err := rows.Scan(&r.Merchant, &r.Key, &r.Digest, &r.Operation, &r.Subject, &r.At); err != nil {
			return nil, wrap(err, "list open requests")
		}
		list = append(list, r)
	}
	return list, wrap(rows.Err(), "list open requests")
}

// UseNonce keeps the number of a signed request; false if the merchant used it
// before. Numbers older than keep are forgotten.
func (db *DB) UseNonce(ctx context.Context, merchant, nonce string, keep time.Duration) (fresh bool, err error) {
	now := db.now()
	err = db.tx(ctx, func(t *sql.Tx) error {
		b := db.books(ctx, t)
		if _, err := b.exec(`DELETE FROM api_nonce WHERE seen_us < $1`, now.Add(-keep).UnixMicro()); err != nil {
			return wrap(err, "forget old nonces")
		}
		n, err := b.exec(`INSERT INTO api_nonce (merchant, nonce, seen_us) VALUES ($1, $2, $3) ON CONFLICT (merchant, nonce) DO NOTHING`,
			merchant, nonce, now.UnixMicro())
		fresh = n == 1
		return wrap(err, "keep a nonce of %s", merchant)
	})
	return fresh, err
}

// PaymentOf returns a payment of a merchant; nil if he has none of this number.
func (db *DB) PaymentOf(ctx context.Context, merchant, payNo string) (p *paycore.Payment, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		if p, err = b.payment(payNo); p != nil && p.Merchant != merchant {
			p = nil
		}
		return err
	})
	return p, err
}

// RefundOf returns a refund of a merchant; nil if he has none of this number.
func (db *DB) RefundOf(ctx context.Context, merchant, refundNo string) (r *paycore.Refund, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		if r, err = b.refund(refundNo); r == nil || err != nil {
			return err
		}
		p, err := b.payment(r.PayNo)
		if p == nil || p.Merchant != merchant {
			r = nil
		}
		return err
	})
	return r, err
}

// OrderAndPayments returns an order of a merchant and its payments, oldest
// first; nil if he has none of this number.
func (db *DB) OrderAndPayments(ctx context.Context, merchant, orderNo string) (o *paycore.Order, payments []*paycore.Payment, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		if o, err = b.order(merchant, orderNo); o == nil || err != nil {
			return err
		}
		numbers, err := b.paymentsOf(o)
		if err != nil {
			return err
		}
		for _, no := range numbers {
			p, err := b.payment(no)
			if err != nil {
				return err
			}
			payments = append(payments, p)
		}
		return nil
	})
	return o, payments, err
}

func (b *books) paymentsOf(o *paycore.Order) (numbers []string, err error) {
	rows, err := b.t.QueryContext(b.ctx, `SELECT pay_no FROM payment WHERE merchant = $1 AND order_no = $2 ORDER BY created_us, pay_no`, o.Merchant, o.OrderNo)
	if err != nil {
		return nil, wrap(err, "list the payments of order %s", o.OrderNo)
	}
	defer rows.Close()
	for rows.Next() {
		var no string
		if err := rows.Scan(&no); err != nil {
			return nil, err
		}
		numbers = append(numbers, no)
	}
	return numbers, rows.Err()
}
