package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// ExportLocal streams the payments and refunds of one account whose event time
// lies in the query's interval, from one snapshot: payments first, each kind in
// the order of time and number. The batch is reused after each call of give.
//
// The answer holds a watermark (the mark of the log of state moves), and
// totals that the database computed in the same snapshot, apart from the rows:
// the caller compares them with what it was given.
func (db *DB) ExportLocal(ctx context.Context, q schemas.LocalQuery, give func(*schemas.Batch) error) (schemas.Export, error) {
	export := schemas.Export{Source: "core"}
	err := db.snapshot(ctx, func(b *books) error {
		var mark schemas.LogMark
		if _, err := b.one(`SELECT seq, hash FROM order_event ORDER BY seq DESC LIMIT 1`, nil, &mark.Seq, &mark.Hash); err != nil {
			return wrap(err, "read the watermark")
		}
		export.Watermark = mark.String()
		sources, err := b.localSources(q.Account)
		if err != nil {
			return err
		}
		if err := b.exportTotals(q, sources, &export); err != nil {
			return err
		}
		x := exporter{q: q, give: give}
		x.batch.Channel, x.batch.Account = q.Channel, q.Merchant
		for _, read := range []localRead{sources.payments, sources.refunds} {
			if err := b.exportRows(&x, read, read.window, q.Account, q.From, q.To); err != nil {
				return err
			}
		}
		return x.flush()
	})
	if err != nil {
		return schemas.Export{}, wrap(err, "export %s", q.Account)
	}
	return export, nil
}

// localSources are the rows of an account that its statement shows.
type localSources struct{ payments, refunds localRead }

// localSources: a bank shows what came to virtual accounts and what was sent
// back, and knows nothing of the payments behind it.
func (b *books) localSources(account string) (localSources, error) {
	virtual, err := b.one(`SELECT 1 FROM virtual_account WHERE account = $1 LIMIT 1`, []any{account}, new(int))
	if virtual {
		return localSources{remittanceRead, paybackRead}, err
	}
	return localSources{paymentRead, refundRead}, wrap(err, "look for virtual accounts")
}

// localRead is how one kind of local row is read.
type localRead struct {
	table   string // that the totals are taken from
	columns string
	window  string
	byNo    string
	byRef   string
	scan    func(*sql.Rows, *schemas.Record) error
}

var paymentRead = localRead{
	table:   "payment",
	columns: `SELECT pay_no, channel_ref, state, amount_minor, currency, fee_minor, event_us, trade_type FROM payment WHERE account = $1 AND `,
	window:  `event_us >= $2 AND event_us < $3 ORDER BY event_us, pay_no`,
	byNo:    `pay_no = $2`,
	byRef:   `channel_ref = $2 AND channel_ref <> ''`,
	scan: func(rows *sql.Rows, r *schemas.Record) error {
		var fee sql.NullInt64
		r.Kind = schemas.Payment
		err := rows.Scan(&r.MerchantRef, &r.ChannelRef, &r.StatusRaw, &r.AmountMinor, &r.Currency, &fee, &r.EventTime, &r.TradeType)
		r.FeeMinor = schemas.NullInt64{V: fee.Int64, Valid: fee.Valid}
		return err
	},
}

var refundRead = localRead{
	table: "refund",
	columns: `SELECT CASE WHEN r.sent_as <> '' THEN r.sent_as ELSE r.refund_no END, r.channel_refund_ref, r.state, r.amount_minor, r.currency, r.fee_minor,
		r.event_us, p.pay_no, p.channel_ref FROM refund r JOIN payment p ON p.pay_no = r.pay_no WHERE r.account = $1 AND `,
	window: `r.event_us >= $2 AND r.event_us < $3 ORDER BY r.event_us, r.refund_no`,
	byNo:   `(r.refund_no = $2 AND r.sent_as = '' OR r.sent_as = $2 AND r.sent_as <> '')`,
	byRef:  `r.channel_refund_ref = $2 AND r.channel_refund_ref <> ''`,
	scan: func(rows *sql.Rows, r *schemas.Record) error {
		var fee sql.NullInt64
		r.Kind = schemas.Refund
		err := rows.Scan(&r.RefundRef, &r.ChannelRefundRef, &r.StatusRaw, &r.AmountMinor, &r.Currency, &fee, &r.EventTime, &r.MerchantRef, &r.ChannelRef)
		r.FeeMinor = schemas.NullInt64{V: fee.Int64, Valid: fee.Valid}
		return err
	},
}

// remittanceRead: several remittances of a payer have his one number.
var remittanceRead = localRead{
	table:   "remittance",
	columns: `SELECT number, bank_ref, 'SUCCESS', amount_minor, currency, fee_minor, event_us, '' FROM remittance WHERE account = $1 AND `,
	window:  `event_us >= $2 AND event_us < $3 ORDER BY event_us, bank_ref`,
	byNo:    `number = $2 ORDER BY event_us, bank_ref`,
	byRef:   `bank_ref = $2`,
	scan:    paymentRead.scan,
}

// sentBack are refunds and returns, as the statement shows both. A refund that
// failed or came back is what the bank said of each time it was sent.
const sentBack = `(SELECT refund_no, channel_refund_ref, state, amount_minor, currency, fee_minor, event_us, pay_no, '' AS bank_ref, account FROM refund
		WHERE state <> 'FAILED' OR NOT EXISTS (SELECT 1 FROM payback_answer a WHERE a.number = refund_no AND a.state <> 'SUCCESS')
	UNION ALL SELECT number, out_ref, CASE WHEN state IN ('WAITING','PROPOSED','PAYING') THEN 'PROCESSING' WHEN state = 'RETURNED' THEN 'SUCCESS' ELSE state END, amount_minor, currency, NULL, event_us, '', bank_ref, account
		FROM payback WHERE kind = 'RETURN'
	UNION ALL SELECT a.number, a.bank_ref, a.state, a.amount_minor, a.currency, NULL, a.event_us, COALESCE(r.pay_no, ''), a.of_ref, a.account
		FROM payback_answer a LEFT JOIN refund r ON r.refund_no = a.number WHERE a.state = 'RETURNED' OR r.refund_no IS NOT NULL AND (a.state = 'FAILED'
			OR EXISTS (SELECT 1 FROM payback_answer x WHERE x.account = a.account AND x.of_ref = a.bank_ref AND x.state = 'RETURNED'))) r`

var paybackRead = localRead{
	table:   sentBack,
	columns: `SELECT refund_no, channel_refund_ref, state, amount_minor, currency, fee_minor, event_us, pay_no, bank_ref FROM ` + sentBack + ` WHERE account = $1 AND `,
	window:  `event_us >= $2 AND event_us < $3 ORDER BY event_us, refund_no`,
	byNo:    `refund_no = $2`,
	byRef:   `channel_refund_ref = $2 AND channel_refund_ref <> ''`,
	scan:    refundRead.scan,
}

// exporter gathers rows into batches.
type exporter struct {
	q     schemas.LocalQuery
	give  func(*schemas.Batch) error
	batch schemas.Batch
	line  int64
}

func (x *exporter) add(r *schemas.Record) error {
	x.line++
	x.complete(r)
	x.batch.Append(r)
	if x.batch.Len() < schemas.BatchRows {
		return nil
	}
	return x.flush()
}

// complete fills in what follows from the query and the row.
func (x *exporter) complete(r *schemas.Record) {
	r.Channel, r.Account, r.Line = x.q.Channel, x.q.Merchant, x.line
	r.Status = paycore.State(r.StatusRaw).Record()
	r.BillDate = bizday.None
	if x.q.Day.Zone != nil {
		r.BillDate = x.q.Day.DateOf(r.EventTime)
	}
}

func (x *exporter) flush() error {
	if x.batch.Len() == 0 {
		return nil
	}
	err := x.give(&x.batch)
	x.batch.Reset()
	return err
}

func (b *books) exportRows(x *exporter, read localRead, where string, args ...any) error {
	s, err := b.stmt(read.columns + where)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(b.ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r schemas.Record
		if err := read.scan(rows, &r); err != nil {
			return err
		}
		if err := x.add(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exportTotals counts and sums by the database, apart from the rows.
func (b *books) exportTotals(q schemas.LocalQuery, from localSources, export *schemas.Export) error {
	for _, table := range []struct {
		name string
		kind schemas.Kind
	}{{from.payments.table, schemas.Payment}, {from.refunds.table, schemas.Refund}} {
		totals, err := b.totals(table.name, table.kind, q.Account, q.From, q.To)
		if err != nil {
			return wrap(err, "sum %s", table.name)
		}
		for _, t := range totals {
			export.Rows += t.Rows
		}
		export.Totals = append(export.Totals, totals...)
	}
	return nil
}

// windowSums is what stands behind the currency in a query of the sums of a
// table's window.
const windowSums = `, COUNT(*), COALESCE(SUM(amount_minor), 0), COALESCE(SUM(fee_minor), 0) FROM %s WHERE account = $1 AND event_us >= $2 AND event_us < $3`

// totals are those of one table in a window, by currency. Nearly every account
// has one: its rows are not sorted by currency first, which costs as much as
// the sums.
func (b *books) totals(table string, kind schemas.Kind, window ...any) (all []schemas.SideTotal, err error) {
	sums := fmt.Sprintf(windowSums, table)
	t, last := schemas.SideTotal{Kind: kind}, ""
	if _, err := b.one(`SELECT COALESCE(MIN(currency), ''), COALESCE(MAX(currency), '')`+sums, window, &t.Currency, &last, &t.Rows, &t.Minor, &t.FeeMinor); err != nil {
		return nil, err
	}
	switch {
	case t.Rows == 0:
		return nil, nil
	case t.Currency == last:
		return []schemas.SideTotal{t}, nil
	}
	s, err := b.stmt(`SELECT currency` + sums + ` GROUP BY currency ORDER BY currency`)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(b.ctx, window...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		t := schemas.SideTotal{Kind: kind}
		if err := rows.Scan(&t.Currency, &t.Rows, &t.Minor, &t.FeeMinor); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// LookupLocal finds local rows by number, whatever their date, in the order of
// the keys. Keys without a row are left out.
func (db *DB) LookupLocal(ctx context.Context, q schemas.LocalQuery, keys []schemas.LookupKey) ([]schemas.Record, error) {
	var found []schemas.Record
	err := db.snapshot(ctx, func(b *books) error {
		x := exporter{q: q}
		x.give = func(batch *schemas.Batch) error {
			for i := range batch.Len() {
				found = append(found, batch.Row(i))
			}
			return nil
		}
		x.batch.Channel, x.batch.Account = q.Channel, q.Merchant
		sources, err := b.localSources(q.Account)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := b.lookup(&x, sources, q.Account, k); err != nil {
				return err
			}
		}
		return x.flush()
	})
	return slices.Clip(found), wrap(err, "look up rows of %s", q.Account)
}

func (b *books) lookup(x *exporter, from localSources, account string, k schemas.LookupKey) error {
	read := from.payments
	switch k.Kind {
	case schemas.Payment:
	case schemas.Refund:
		read = from.refunds
	default:
		return nil // the core keeps payments and refunds only
	}
	if k.Key != "" {
		return b.exportRows(x, read, read.byNo, account, k.Key)
	}
	return b.exportRows(x, read, read.byRef, account, k.ChannelRef)
}

// TrialBalance sums all postings per currency; each sum is 0 in right books.
func (db *DB) TrialBalance(ctx context.Context) (map[string]int64, error) {
	sums := map[string]int64{}
	err := db.snapshot(ctx, func(b *books) error {
		list, err := b.balances("")
		if err != nil {
			return err
		}
		for _, x := range list {
			if sums[x.Currency], err = money.Add(sums[x.Currency], x.Minor); err != nil {
				return fmt.Errorf("trial balance in %s: %w", x.Currency, err)
			}
		}
		return nil
	})
	return sums, err
}
