package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/control"
	"tieout/internal/settlement"
	"tieout/schemas"
)

const entryColumns = `kind, ref, merchant, order_no, pay_no, channel, account, product, currency, gross_minor, fee_minor, channel_fee_minor,
	net_minor, fee_returns, terms, at_us`

func scanEntry(row scanner) (e settlement.Entry, err error) {
	err = row.Scan(&e.Kind, &e.Ref, &e.Merchant, &e.OrderNo, &e.PayNo, &e.Channel, &e.Account, &e.Product, &e.Currency, &e.GrossMinor, &e.FeeMinor,
		&e.ChannelFeeMinor, &e.NetMinor, &e.FeeReturns, &e.Terms, &e.At)
	return e, err
}

// putEntry clears an item into a batch: the entry, and the mark on the payment
// or refund that it belongs to this batch and to no other.
func (s *settler) putEntry(batch string, e settlement.Entry) error {
	n, err := s.exec(`INSERT INTO clearing_entry (`+entryColumns+`, batch, cleared_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		e.Kind, e.Ref, e.Merchant, e.OrderNo, e.PayNo, e.Channel, e.Account, e.Product, e.Currency, e.GrossMinor, e.FeeMinor, e.ChannelFeeMinor,
		e.NetMinor, e.FeeReturns, e.Terms, e.At, batch, s.now)
	if err := wrote(n, err, "clearing entry", e.Ref); err != nil {
		return err
	}
	return s.markSettled(e, "", batch)
}

// dropEntry takes an item out of a batch that still collects.
func (s *settler) dropEntry(batch string, e settlement.Entry) error {
	n, err := s.exec(`DELETE FROM clearing_entry WHERE kind = $1 AND ref = $2 AND batch = $3`, e.Kind, e.Ref, batch)
	if err := wrote(n, err, "clearing entry", e.Ref); err != nil {
		return err
	}
	return s.markSettled(e, batch, "")
}

// markSettled moves the mark of an item by compare-and-set. A refund that failed
// since may leave its batch, and enters none.
func (s *settler) markSettled(e settlement.Entry, from, to string) error {
	query := `UPDATE payment SET settled_in = $1, version = version + 1 WHERE pay_no = $2 AND settled_in = $3 AND state = 'SUCCESS'`
	switch e.Kind {
	case settlement.Refund:
		query = `UPDATE refund SET settled_in = $1, version = version + 1 WHERE refund_no = $2 AND settled_in = $3 AND (state = 'SUCCESS' OR $1 = '')`
	case settlement.SplitOut:
		query = `UPDATE split_order SET settled_in = $1, version = version + 1 WHERE number = $2 AND settled_in = $3 AND state = 'FINISHED'`
	case settlement.SplitBackIn:
		query = `UPDATE split_return SET settled_in = $1, version = version + 1 WHERE number = $2 AND settled_in = $3 AND state = 'SUCCESS'`
	}
	n, err := s.exec(query, to, e.Ref, from)
	return wrote(n, err, "settlement of", e.Ref)
}

// entry reads the entry of a payment or refund; false if there is none.
func (s *settler) entry(kind settlement.Kind, ref string) (settlement.Entry, bool, error) {
	q, err := s.stmt(`SELECT ` + entryColumns + ` FROM clearing_entry WHERE kind = $1 AND ref = $2`)
	if err != nil {
		return settlement.Entry{}, false, err
	}
	e, err := scanEntry(q.QueryRowContext(s.ctx, kind, ref))
	if errors.Is(err, sql.ErrNoRows) {
		return e, false, nil
	}
	return e, err == nil, wrap(err, "read the clearing entry of %s", ref)
}

// entryPage is how many entries of a batch are in memory at a time.
const entryPage = 500

// eachEntry calls do with the entries of a batch, by kind and number. do may
// take the entry that it is given out of the batch.
func (s *settler) eachEntry(batch string, do func(settlement.Entry) error) error {
	q, err := s.stmt(`SELECT ` + entryColumns + ` FROM clearing_entry WHERE batch = $1 AND (kind, ref) > ($2, $3) ORDER BY kind, ref LIMIT $4`)
	if err != nil {
		return err
	}
	var last settlement.Entry
	for {
		rows, err := q.QueryContext(s.ctx, batch, last.Kind, last.Ref, entryPage)
		page, err := scanAll(rows, err, scanEntry, "entries of batch "+batch)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := do(e); err != nil {
				return err
			}
		}
		if len(page) < entryPage {
			return nil
		}
		last = page[len(page)-1]
	}
}

// BatchDays returns a batch, and the bill dates of its entries by account.
func (db *DB) BatchDays(ctx context.Context, id string, dateOf func(account string, at int64) bizday.Date) (batch settlement.Batch, days map[string][]bizday.Date, err error) {
	days = map[string][]bizday.Date{}
	err = db.snapshot(ctx, func(b *books) error {
		s := &settler{books: b}
		if batch, err = s.mustBatch(id); err != nil {
			return err
		}
		return s.eachEntry(id, func(e settlement.Entry) error {
			if d := dateOf(e.Account, e.At); !slices.Contains(days[e.Account], d) {
				days[e.Account] = append(days[e.Account], d)
			}
			return nil
		})
	})
	return batch, days, err
}

// orderKey is an order of a merchant.
type orderKey struct{ merchant, orderNo string }

// disputed lists the orders with an open case, and those that its fixes name.
func (s *settler) disputed() (map[orderKey]bool, error) {
	q, err := s.stmt(control.DisputedOrders)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx)
	list, err := scanAll(rows, err, scanOrderKey, "read the disputed orders")
	if err != nil {
		return nil, err
	}
	named, err := s.namedByFixes()
	set := make(map[orderKey]bool, len(list)+len(named))
	for _, k := range append(list, named...) {
		set[k] = true
	}
	return set, err
}

func scanOrderKey(row scanner) (k orderKey, err error) {
	err = row.Scan(&k.merchant, &k.orderNo)
	return k, err
}

// namedByFixes lists the orders of the payments that the findings of open cases
// would change: a refund that only the channel knows names its payment there.
func (s *settler) namedByFixes() ([]orderKey, error) {
	q, err := s.stmt(`SELECT f.fixes FROM recon_case c JOIN case_finding f ON f.case_id = c.id WHERE c.state IN ('OPEN', 'PROPOSED') AND f.fixes <> ''`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx)
	bodies, err := scanAll(rows, err, func(row scanner) (body string, err error) {
		err = row.Scan(&body)
		return body, err
	}, "read the findings of open cases")
	if err != nil {
		return nil, err
	}
	var list []orderKey
	for _, body := range bodies {
		var fixes []schemas.Fix
		if err := json.Unmarshal([]byte(body), &fixes); err != nil {
			return nil, wrap(err, "read the findings of open cases")
		}
		for _, f := range fixes {
			var k orderKey
			ok, err := s.one(`SELECT merchant, order_no FROM payment WHERE pay_no = $1`, []any{f.MerchantRef}, &k.merchant, &k.orderNo)
			if err != nil {
				return nil, wrap(err, "read payment %s", f.MerchantRef)
			}
			if ok {
				list = append(list, k)
			}
		}
	}
	return list, nil
}
