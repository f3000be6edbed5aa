package store

import (
	"context"
	"database/sql"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/settlement"
)

// settler is one transaction's work on settlement.
type settler struct {
	*books
	now int64 // UTC microseconds
	who string
}

func (db *DB) settle(ctx context.Context, who string, do func(*settler) error) error {
	return db.tx(ctx, func(t *sql.Tx) error {
		return do(&settler{books: db.books(ctx, t), now: db.now().UnixMicro(), who: who})
	})
}

// requiredActor demands the name of a person, or of the machine, where a step
// needs no person.
func requiredActor(who string) error {
	if who == Machine {
		return nil
	}
	return required("who", who, maxName)
}

// BatchEvent is one line of a batch's history.
type BatchEvent struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	What string    `json:"what"` // OPENED, CHECKED, SENT_BACK, SEEN, APPROVED, RELEASED, PAYING, PAID, UNKNOWN, FAILED, RETURNED, REQUEUED, CONFLICT
	Note string    `json:"note,omitempty"`
}

// BatchFile is a batch with all that is known about it.
type BatchFile struct {
	settlement.Batch
	Entries []settlement.Entry  `json:"entries"`
	Payouts []settlement.Payout `json:"payouts"`
	History []BatchEvent        `json:"history"`
}

// BatchFilter selects batches; zero fields select all.
type BatchFilter struct {
	Merchant string
	From, To bizday.Date // bill dates, both included
	Open     bool        // only those that are not paid
}

const batchColumns = `id, merchant, currency, bill_date, due_on, state, items, gross_minor, fee_minor, channel_fee_minor, net_minor,
	carried_minor, pay_minor, debt_minor, bank, payee_name, payee_account, payee_bank, digest, maker, checker, override_act, version, created_us, updated_us`

func scanBatch(row scanner) (b settlement.Batch, err error) {
	var date, due string
	var override sql.NullInt64
	err = row.Scan(&b.ID, &b.Merchant, &b.Currency, &date, &due, &b.State, &b.Items, &b.GrossMinor, &b.FeeMinor, &b.ChannelFeeMinor, &b.NetMinor,
		&b.CarriedMinor, &b.PayMinor, &b.DebtMinor, &b.Bank, &b.Payee.Name, &b.Payee.Account, &b.Payee.Bank, &b.Digest, &b.Maker, &b.Checker,
		&override, &b.Version, &b.CreatedAt, &b.UpdatedAt)
	if err != nil {
		return b, err
	}
	b.Override = override.Int64
	if b.BillDate, err = bizday.Parse(date); err != nil {
		return b, err
	}
	b.DueOn, err = bizday.Parse(due)
	return b, err
}

// Batches lists batches by bill date, merchant and currency.
func (db *DB) Batches(ctx context.Context, f BatchFilter) (list []settlement.Batch, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		list, err = b.batches(f)
		return err
	})
	return list, err
}

func (b *books) batches(f BatchFilter) ([]settlement.Batch, error) {
	s, err := b.stmt(`SELECT ` + batchColumns + ` FROM settlement_batch WHERE bill_date BETWEEN $1 AND $2 AND ($3 = '' OR merchant = $3)
		AND ($4 = 0 OR state <> 'PAID') ORDER BY bill_date, merchant, currency`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, f.From.String(), f.To.String(), f.Merchant, f.Open)
	return scanAll(rows, err, scanBatch, "list batches")
}

// scanAll reads all rows of a query.
func scanAll[T any](rows *sql.Rows, err error, scan func(scanner) (T, error), doing string) ([]T, error) {
	if err != nil {
		return nil, wrap(err, "%s", doing)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, wrap(err, "%s", doing)
		}
		list = append(list, v)
	}
	return list, wrap(rows.Err(), "%s", doing)
}

// Batch returns a batch with its entries, payouts and history; E-6491 if there
// is none.
func (db *DB) Batch(ctx context.Context, id string) (BatchFile, error) {
	var file BatchFile
	err := db.snapshot(ctx, func(b *books) error {
		s := &settler{books: b}
		var err error
		if file.Batch, err = s.mustBatch(id); err != nil {
			return err
		}
		file.Entries = []settlement.Entry{}
		if err := s.eachEntry(id, func(e settlement.Entry) error {
			file.Entries = append(file.Entries, e)
			return nil
		}); err != nil {
			return err
		}
		if file.Payouts, err = s.payouts(`batch = $1`, id); err != nil {
			return err
		}
		file.History, err = s.batchHistory(id)
		return err
	})
	return file, err
}

// batch reads a batch; false if there is none.
func (s *settler) batch(id string) (settlement.Batch, bool, error) {
	q, err := s.stmt(`SELECT ` + batchColumns + ` FROM settlement_batch WHERE id = $1`)
	if err != nil {
		return settlement.Batch{}, false, err
	}
	b, err := scanBatch(q.QueryRowContext(s.ctx, id))
	if err == sql.ErrNoRows {
		return b, false, nil
	}
	return b, err == nil, wrap(err, "read batch %s", id)
}

func (s *settler) mustBatch(id string) (settlement.Batch, error) {
	b, ok, err := s.batch(id)
	if err == nil && !ok {
		err = fault.New("E-6491", fault.V{"batch": id}, nil)
	}
	return b, err
}

// putBatch inserts a batch, or replaces the row of the version that was read.
func (s *settler) putBatch(b *settlement.Batch) error {
	b.Version++
	b.UpdatedAt = s.now
	n, err := s.exec(`INSERT INTO settlement_batch (`+batchColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, items = excluded.items, gross_minor = excluded.gross_minor,
			fee_minor = excluded.fee_minor, channel_fee_minor = excluded.channel_fee_minor, net_minor = excluded.net_minor,
			carried_minor = excluded.carried_minor, pay_minor = excluded.pay_minor, debt_minor = excluded.debt_minor, bank = excluded.bank,
			payee_name = excluded.payee_name, payee_account = excluded.payee_account, payee_bank = excluded.payee_bank, digest = excluded.digest,
			maker = excluded.maker, checker = excluded.checker, override_act = excluded.override_act, version = excluded.version, updated_us = excluded.updated_us
		WHERE settlement_batch.version = excluded.version - 1`,
		b.ID, b.Merchant, b.Currency, b.BillDate.String(), b.DueOn.String(), b.State, b.Items, b.GrossMinor, b.FeeMinor, b.ChannelFeeMinor, b.NetMinor,
		b.CarriedMinor, b.PayMinor, b.DebtMinor, b.Bank, b.Payee.Name, b.Payee.Account, b.Payee.Bank, b.Digest, b.Maker, b.Checker,
		nullable(b.Override, b.Override != 0), b.Version, b.CreatedAt, b.UpdatedAt)
	return wrote(n, err, "batch", b.ID)
}

// moveBatch takes a batch to another state, with a line of history.
func (s *settler) moveBatch(b *settlement.Batch, to settlement.State, note string) error {
	if !b.State.Allows(to) {
		return fault.New("E-6492", fault.V{"batch": b.ID, "state": b.State, "need": "it cannot become " + string(to)}, nil)
	}
	b.State = to
	if err := s.putBatch(b); err != nil {
		return err
	}
	return s.batchEvent(b.ID, string(to), note)
}

func (s *settler) batchEvent(batch, what, note string) error {
	n, err := s.exec(`INSERT INTO settlement_event (batch, at_us, who, what, note) VALUES ($1, $2, $3, $4, $5)`, batch, s.now, s.who, what, note)
	return wrote(n, err, "history of batch", batch)
}

func (s *settler) batchHistory(batch string) ([]BatchEvent, error) {
	q, err := s.stmt(`SELECT at_us, who, what, note FROM settlement_event WHERE batch = $1 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx, batch)
	return scanAll(rows, err, func(row scanner) (e BatchEvent, err error) {
		var at int64
		err = row.Scan(&at, &e.Who, &e.What, &e.Note)
		e.At = time.UnixMicro(at).UTC()
		return e, err
	}, "history of batch "+batch)
}
