package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"tieout/internal/paycore"
)

// Execute runs commands of the payment core in one transaction, in their
// order; see paycore.Book.
func (db *DB) Execute(ctx context.Context, commands []paycore.Command) ([]paycore.Result, error) {
	var results []paycore.Result
	err := db.commands(ctx, func(b *books) (err error) {
		results, err = b.runAll(commands)
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// runAll runs commands in their order.
func (b *books) runAll(commands []paycore.Command) ([]paycore.Result, error) {
	results := make([]paycore.Result, 0, len(commands))
	for i, c := range commands {
		r, err := b.run(c)
		if err != nil {
			return nil, fmt.Errorf("command %d, %T: %w", i, c, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// commands runs one business transaction as tx does. do sees balances through
// b alone: in the database they are behind until the group is committed.
func (db *DB) commands(ctx context.Context, do func(b *books) error) error {
	return db.wait(&member{ctx: ctx, commands: true, do: func(t *sql.Tx) error {
		b := db.books(ctx, t)
		b.behind = b.known.behind
		return do(b)
	}})
}

// books is the payment core's tables within one transaction. It prepares each
// statement once.
type books struct {
	ctx      context.Context
	t        *sql.Tx
	direct   *sql.Conn // that t is on, in the turn of a transaction; nil: t has to be asked
	prepared map[string]*sql.Stmt
	known    *known
	behind   bool   // balances are written at the end of the group
	seal     []byte // the key of the checksums of balances; empty: none
}

// newBooks are those that do not post.
func newBooks(ctx context.Context, t *sql.Tx) *books {
	return &books{ctx: ctx, t: t, prepared: map[string]*sql.Stmt{}, known: newKnown()}
}

// books are those that post, in the turn of a transaction: they seal what they
// write, and know what those before them in the group knew.
func (db *DB) books(ctx context.Context, t *sql.Tx) *books {
	b := newBooks(ctx, t)
	b.seal, b.known, b.direct = db.seal, db.known, db.direct
	return b
}

// stmt prepares a statement; the transaction closes it.
func (b *books) stmt(query string) (*sql.Stmt, error) {
	if s := b.prepared[query]; s != nil {
		return s, nil
	}
	s, err := b.t.PrepareContext(b.ctx, query)
	if err == nil {
		b.prepared[query] = s
	}
	return s, err
}

// exec returns the number of rows that it changed.
func (b *books) exec(query string, args ...any) (n int64, err error) {
	if b.direct != nil {
		err = b.direct.Raw(func(c any) error {
			n, err = c.(*connection).exec(b.ctx, query, args)
			return err
		})
		return n, err
	}
	r, err := b.t.ExecContext(b.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insertRows returns the statements that insert one row, two rows, …, for tables
// without triggers on insert: with one, SQLite first fills a table of its own.
func insertRows(into, onConflict string) (statements [8]string) {
	columns := strings.Count(into, ",") + 1
	var values strings.Builder
	for i := range statements {
		for c := range columns {
			before := ", "
			switch {
			case c == 0 && i == 0:
				before = " VALUES ("
			case c == 0:
				before = "), ("
			}
			fmt.Fprintf(&values, "%s$%d", before, i*columns+c+1)
		}
		statements[i] = "INSERT INTO " + into + values.String() + ")" + onConflict
	}
	return statements
}

// one scans a single row; false means that there is none.
func (b *books) one(query string, args []any, into ...any) (found bool, err error) {
	if b.direct != nil {
		err = b.direct.Raw(func(c any) error {
			found, err = c.(*connection).one(b.ctx, query, args, into)
			return err
		})
		return found, err
	}
	err = b.t.QueryRowContext(b.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// run reads what a command wants to see, lets it decide, and writes the change.
func (b *books) run(c paycore.Command) (paycore.Result, error) {
	v, err := b.view(c.Reads())
	if err != nil {
		return paycore.Result{}, err
	}
	change, result := c.Decide(v)
	if change == nil {
		return result, nil
	}
	return result, b.carryOut(change)
}

// carryOut writes and posts a change, and those that come with it.
func (b *books) carryOut(changes ...*paycore.Change) error {
	for _, ch := range changes {
		if err := b.write(ch); err != nil {
			return err
		}
		if err := b.post(ch, journalRow{id: journalID(ch)}); err != nil {
			return err
		}
		if err := b.carryOut(ch.With...); err != nil {
			return err
		}
	}
	return nil
}

// view reads the rows that are named, and the ones that they point at.
func (b *books) view(r paycore.Reads) (v paycore.View, err error) {
	if r.RefundNo != "" {
		if v.Refund, err = b.refund(r.RefundNo); err != nil {
			return v, err
		}
		if v.Refund != nil && r.PayNo == "" {
			r.PayNo = v.Refund.PayNo
		}
	}
	if r.PayNo != "" {
		if v.Payment, err = b.payment(r.PayNo); err != nil {
			return v, err
		}
	}
	account := r.Account
	if p := v.Payment; p != nil {
		if v.Parts, err = b.parts(p); err != nil {
			return v, err
		}
		if r.OrderNo == "" {
			r.Merchant, r.OrderNo = p.Merchant, p.OrderNo
		}
		account = p.Account
	}
	if r.OrderNo != "" {
		if v.Order, err = b.order(r.Merchant, r.OrderNo); err != nil {
			return v, err
		}
	}
	if r.Attempts && v.Order != nil {
		if v.LiveAttempt, err = b.liveAttempts(v.Order, r.PayNo); err != nil {
			return v, err
		}
	}
	if err := b.interopView(&r, &v); err != nil {
		return v, err
	}
	if err := b.accountView(r, &v); err != nil {
		return v, err
	}
	if err := b.riskView(r, &v); err != nil {
		return v, err
	}
	if r.Split && v.Order != nil {
		if v.Split, err = b.splitOut(v.Order); err != nil {
			return v, err
		}
	}
	if v.CouponOwner, err = b.couponOwners(r.Coupons); err != nil {
		return v, err
	}
	if err := b.remittanceView(r, &v); err != nil {
		return v, err
	}
	v.RefOwner, err = b.refOwner(account, r)
	return v, err
}

// write puts the rows, the log lines and the notices of a change.
func (b *books) write(ch *paycore.Change) error {
	if ch.Order != nil {
		if err := b.putOrder(ch.Order); err != nil {
			return err
		}
	}
	if ch.Payment != nil {
		if err := b.putPayment(ch.Payment); err != nil {
			return err
		}
	}
	if ch.Route != "" {
		if err := b.putChoice(ch); err != nil {
			return err
		}
	}
	if ch.Refund != nil {
		if err := b.putRefund(ch.Refund); err != nil {
			return err
		}
	}
	if err := b.writeAccounts(ch); err != nil {
		return err
	}
	if err := b.writeRemittances(ch); err != nil {
		return err
	}
	if err := b.writeInterop(ch); err != nil {
		return err
	}
	if err := b.log(ch.At, ch.Moves...); err != nil {
		return err
	}
	for _, n := range ch.Notices {
		if err := b.enqueue(n); err != nil {
			return err
		}
	}
	return nil
}

func (b *books) order(merchant, no string) (*paycore.Order, error) {
	o := paycore.Order{Merchant: merchant, OrderNo: no}
	ok, err := b.one(`SELECT amount_minor, currency, state, paid_by, notify_url, version, created_us, updated_us, expires_us
		FROM customer_order WHERE merchant = $1 AND order_no = $2`, []any{merchant, no},
		&o.AmountMinor, &o.Currency, &o.State, &o.PaidBy, &o.NotifyURL, &o.Version, &o.CreatedAt, &o.UpdatedAt, &o.ExpiresAt)
	if !ok || err != nil {
		return nil, wrap(err, "read order %s of %s", no, merchant)
	}
	return &o, nil
}

// putOrder inserts a new order, or moves one of exactly the version that was read.
func (b *books) putOrder(o *paycore.Order) error {
	var n int64
	var err error
	if o.Version == 0 {
		n, err = b.exec(`INSERT INTO customer_order (merchant, order_no, amount_minor, currency, state, paid_by, notify_url,
			version, created_us, updated_us, expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10)`,
			o.Merchant, o.OrderNo, o.AmountMinor, o.Currency, o.State, o.PaidBy, o.NotifyURL, o.CreatedAt, o.UpdatedAt, o.ExpiresAt)
	} else {
		n, err = b.exec(`UPDATE customer_order SET state = $1, paid_by = $2, updated_us = $3, version = version + 1
			WHERE merchant = $4 AND order_no = $5 AND version = $6`,
			o.State, o.PaidBy, o.UpdatedAt, o.Merchant, o.OrderNo, o.Version)
	}
	return wrote(n, err, "order", o.OrderNo)
}

// wrote turns a compare-and-set that hit no row into an error: the transaction
// saw a state that is no longer there.
func wrote(n int64, err error, what, ref string) error {
	if err == nil && n != 1 {
		err = errChanged
	}
	return wrap(err, "write %s %s", what, ref)
}

var errChanged = errors.New("it changed meanwhile")

// wrap adds what was being done; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// Order returns an order as it stands; nil if there is none.
func (db *DB) Order(ctx context.Context, merchant, no string) (o *paycore.Order, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		o, err = b.order(merchant, no)
		return err
	})
	return o, err
}

// snapshot runs reads that all see the same state of the database.
func (db *DB) snapshot(ctx context.Context, do func(*books) error) error {
	t, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer t.Rollback()
	b := newBooks(ctx, t)
	b.seal = db.seal
	return do(b)
}

// EndedOrders lists orders whose time is over; see paycore.Ends.
func (db *DB) EndedOrders(ctx context.Context, now int64, limit int) (list []paycore.OrderKey, err error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT merchant, order_no FROM customer_order o WHERE state = 'PAYING' AND expires_us > 0 AND expires_us <= $1
		AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.merchant = o.merchant AND p.order_no = o.order_no AND p.state = 'PAYING')
		ORDER BY expires_us, merchant, order_no LIMIT $2`, now, limit)
	return scanAll(rows, err, func(row scanner) (k paycore.OrderKey, err error) {
		err = row.Scan(&k.Merchant, &k.OrderNo)
		return k, err
	}, "look for orders whose time is over")
}
