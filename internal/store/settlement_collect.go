package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// collectPage is how many items one transaction of a collection takes: the
// payments of the day wait no longer than that for their turn.
const collectPage = 500

// Collect puts every payment and refund up to a bill date that the night has
// proven into the batch of its merchant, each into exactly one. It works page
// by page: a crash leaves whole pages, and the same call goes on. progress is
// told of every account that is done.
func (db *DB) Collect(ctx context.Context, c settlement.Collect, who string, progress func(account string)) (settlement.Collected, error) {
	all := collection{Collect: c, due: map[string]bizday.Date{}, left: map[leftKey]*settlement.Left{}}
	for merchant, contract := range c.Contracts {
		due, err := contract.Cycle.Due(c.Date, c.Calendar)
		if err != nil {
			return settlement.Collected{}, fault.New("E-7896", fault.V{"date": c.Date, "merchant": merchant, "reason": err.Error()}, nil)
		}
		all.due[merchant] = due
	}
	for i := range c.Accounts {
		for _, kind := range []settlement.Kind{settlement.Payment, settlement.Refund, settlement.SplitBackIn} {
			if err := db.collect(ctx, &all, &c.Accounts[i], kind, who); err != nil {
				return settlement.Collected{}, wrap(err, "collect %s", c.Date)
			}
		}
		progress(c.Accounts[i].Account)
	}
	batches, err := db.Batches(ctx, BatchFilter{From: c.Date, To: c.Date})
	return settlement.Collected{Items: all.items, Batches: batches, Left: all.list()}, err
}

// collection is what a collection has done so far.
type collection struct {
	settlement.Collect
	due   map[string]bizday.Date // by merchant
	items int64
	left  map[leftKey]*settlement.Left
}

type leftKey struct {
	reason   settlement.Reason
	currency string
}

func (c *collection) list() []settlement.Left {
	list := []settlement.Left{}
	for _, l := range c.left {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b settlement.Left) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Currency, b.Currency))
	})
	return list
}

// collect goes through the items of one kind of an account.
func (db *DB) collect(ctx context.Context, c *collection, a *settlement.AccountProof, kind settlement.Kind, who string) error {
	page := pageOf{kind: kind}
	for first := true; first || page.full; first = false {
		start := page.after
		err := db.settle(ctx, who, func(s *settler) error {
			page = pageOf{kind: kind, after: start}
			crashpoint.Hit("settle.collect.page")
			err := (&collector{settler: s, c: c, account: a, batches: map[string]*settlement.Batch{}, page: &page}).run()
			crashpoint.Hit("settle.collect.commit")
			return err
		})
		if err != nil {
			return err
		}
		crashpoint.Hit("settle.collect.done")
		c.items += page.taken
		for _, l := range page.left {
			c.leave(l)
		}
	}
	return nil
}

func (c *collection) leave(l leftItem) {
	k := leftKey{l.reason, l.currency}
	if c.left[k] == nil {
		c.left[k] = &settlement.Left{Reason: l.reason, Currency: l.currency, First: l.no}
	}
	c.left[k].Items++
	c.left[k].Minor += l.minor
}

// pageOf is one page of items, and where the next one begins.
type pageOf struct {
	kind  settlement.Kind
	after cursor
	full  bool
	taken int64
	left  []leftItem
}

type cursor struct {
	at int64
	no string
}

type leftItem struct {
	reason   settlement.Reason
	no       string
	currency string
	minor    int64
}

// collector is the work on one page.
type collector struct {
	*settler
	c       *collection
	account *settlement.AccountProof
	orders  map[orderKey]bool // disputed
	batches map[string]*settlement.Batch
	page    *pageOf
}

func (w *collector) run() error {
	numbers, err := w.unsettled()
	if err != nil || len(numbers) == 0 {
		return err
	}
	if w.orders, err = w.disputed(); err != nil {
		return err
	}
	for _, at := range numbers {
		switch w.page.kind {
		case settlement.Payment:
			err = w.takePayment(at.no)
		case settlement.Refund:
			err = w.takeRefund(at.no)
		default:
			err = w.takeReturn(at.no)
		}
		if err != nil {
			return err
		}
	}
	for _, b := range w.batches {
		if err := w.putBatch(b); err != nil {
			return err
		}
	}
	w.page.full, w.page.after = len(numbers) == collectPage, numbers[len(numbers)-1]
	return nil
}

// unsettled lists the next items that belong to no batch, in the order in which
// the money moved.
func (w *collector) unsettled() ([]cursor, error) {
	query := `SELECT event_us, pay_no FROM payment WHERE account = $1 AND settled_in = '' AND state = 'SUCCESS'
		AND event_us < $2 AND (event_us, pay_no) > ($3, $4) ORDER BY event_us, pay_no LIMIT $5`
	switch w.page.kind {
	case settlement.Refund:
		query = `SELECT event_us, refund_no FROM refund WHERE account = $1 AND settled_in = '' AND state = 'SUCCESS'
			AND event_us < $2 AND (event_us, refund_no) > ($3, $4) ORDER BY event_us, refund_no LIMIT $5`
	case settlement.SplitBackIn:
		query = `SELECT r.done_us, r.number FROM split_return r JOIN split_order s ON s.number = r.split JOIN payment p ON p.pay_no = s.pay_no
			WHERE p.account = $1 AND r.settled_in = '' AND r.state = 'SUCCESS' AND p.settled_in <> ''
			AND r.done_us < $2 AND (r.done_us, r.number) > ($3, $4) ORDER BY r.done_us, r.number LIMIT $5`
	}
	s, err := w.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(w.ctx, w.account.Account, w.account.Until, w.page.after.at, w.page.after.no, collectPage)
	return scanAll(rows, err, func(row scanner) (c cursor, err error) {
		err = row.Scan(&c.at, &c.no)
		return c, err
	}, "read what is not settled")
}

func (w *collector) takePayment(no string) error {
	p, err := w.payment(no)
	if err != nil {
		return err
	}
	contract := w.c.Contracts[p.Merchant]
	item := settlement.Item{No: no, At: p.PaidAt, Disputed: w.orders[orderKey{p.Merchant, p.OrderNo}]}
	if err := w.succeeded("PAYMENT", &item); err != nil {
		return err
	}
	if p.RefundedMinor > 0 {
		if item.RefundsOpen, err = w.refundsOpen(no); err != nil {
			return err
		}
	}
	if contract != nil && contract.HoldDays > 0 {
		if item.Confirmed, err = w.confirmed(no); err != nil {
			return err
		}
	}
	if item.SplitHeld, err = w.held(p.Merchant, p.OrderNo); err != nil {
		return err
	}
	item.No = cmp.Or(p.PartOf, no) // a part waits with what leads it
	reason := w.c.Waits(w.account, contract, item)
	if reason == "" {
		e, ok, err := settlement.ClearPayment(contract, p)
		if err != nil {
			return err
		}
		if ok {
			return w.takeWithSplits(e)
		}
		reason = settlement.NoRate
	}
	w.leave(reason, no, p.Currency, p.AmountMinor)
	return nil
}

func (w *collector) takeRefund(no string) error {
	r, err := w.refund(no)
	if err != nil {
		return err
	}
	p, err := w.payment(r.PayNo)
	if err != nil {
		return err
	}
	item := settlement.Item{No: no, At: r.DoneAt, Disputed: w.orders[orderKey{p.Merchant, p.OrderNo}], PaymentWaits: p.SettledIn == "", Confirmed: true}
	if err := w.succeeded("REFUND", &item); err != nil {
		return err
	}
	if reason := w.c.Waits(w.account, w.c.Contracts[p.Merchant], item); reason != "" {
		w.leave(reason, no, r.Currency, -r.AmountMinor)
		return nil
	}
	e, err := w.clearRefund(r)
	if err != nil {
		return err
	}
	_, err = w.take(e)
	return err
}

// clearRefund makes the entry of a refund behind those of its payment that are
// cleared already.
func (s *settler) clearRefund(r *paycore.Refund) (settlement.Entry, error) {
	paid, ok, err := s.entry(settlement.Payment, r.PayNo)
	if err != nil || !ok {
		return paid, wrap(cmp.Or(err, errChanged), "clear refund %s", r.RefundNo)
	}
	var before settlement.Cleared
	if _, err := s.one(`SELECT COALESCE(SUM(-gross_minor), 0), COALESCE(SUM(-fee_minor), 0) FROM clearing_entry WHERE pay_no = $1 AND kind = 'REFUND'`,
		[]any{r.PayNo}, &before.Minor, &before.FeeMinor); err != nil {
		return paid, wrap(err, "refunds cleared of payment %s", r.PayNo)
	}
	return settlement.ClearRefund(paid, before, r)
}

// take clears an item into the batch of its merchant; false: the batch takes no
// more.
func (w *collector) take(e settlement.Entry) (bool, error) {
	b, err := w.open(e.Merchant, e.Currency)
	if err != nil {
		return false, err
	}
	if b.State != settlement.Collecting {
		w.leave(settlement.BatchIsClosed, e.Ref, e.Currency, e.GrossMinor)
		return false, nil
	}
	if err := w.putEntry(b.ID, e); err != nil {
		return false, err
	}
	w.page.taken++
	return true, b.Add(e, 1)
}

// open reads the batch of a merchant, or begins it.
func (w *collector) open(merchant, currency string) (*settlement.Batch, error) {
	id := settlement.BatchID(merchant, currency, w.c.Date)
	if b := w.batches[id]; b != nil {
		return b, nil
	}
	b, ok, err := w.batch(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		b = settlement.Batch{ID: id, Merchant: merchant, Currency: currency, BillDate: w.c.Date, DueOn: w.c.due[merchant], State: settlement.Collecting, CreatedAt: w.now}
		if err := w.putBatch(&b); err != nil {
			return nil, err
		}
		if err := w.batchEvent(id, "OPENED", ""); err != nil {
			return nil, err
		}
	}
	if b.State == settlement.Collecting {
		b.Override = cmp.Or(b.Override, w.c.Override)
		w.batches[id] = &b
	}
	return &b, nil
}

func (w *collector) leave(reason settlement.Reason, no, currency string, minor int64) {
	w.page.left = append(w.page.left, leftItem{reason, no, currency, minor})
}

// succeeded finds when and by whom an item became SUCCESS.
func (s *settler) succeeded(subject string, item *settlement.Item) error {
	var cause paycore.Cause
	_, err := s.one(`SELECT seq, cause FROM order_event WHERE ref = $1 AND subject = $2 AND to_state = 'SUCCESS' AND from_state <> 'SUCCESS'
		ORDER BY seq DESC LIMIT 1`, []any{item.No, subject}, &item.LogSeq, &cause)
	item.ByFix = cause == paycore.ByFix || cause == paycore.ByApproved
	return wrap(err, "log of %s", item.No)
}

// refundsOpen tells whether a refund of a payment is neither out nor given up.
func (s *settler) refundsOpen(payNo string) (bool, error) {
	var n int64
	_, err := s.one(`SELECT COUNT(*) FROM refund WHERE pay_no = $1 AND state IN ('PROCESSING', 'FAILED')`, []any{payNo}, &n)
	return n > 0, wrap(err, "refunds of payment %s", payNo)
}

func (s *settler) confirmed(payNo string) (bool, error) {
	var n int64
	_, err := s.one(`SELECT COUNT(*) FROM receipt WHERE pay_no = $1`, []any{payNo}, &n)
	return n > 0, wrap(err, "receipt of payment %s", payNo)
}

// ConfirmReceipt notes that the customer of a payment has the goods; a second
// time changes nothing. False: there is no such payment.
func (db *DB) ConfirmReceipt(ctx context.Context, payNo, who string) (found bool, err error) {
	if err := required("who", who, maxName); err != nil {
		return false, err
	}
	err = db.settle(ctx, who, func(s *settler) error {
		p, err := s.payment(payNo)
		if found = p != nil; err != nil || !found {
			return err
		}
		_, err = s.exec(`INSERT INTO receipt (pay_no, confirmed_us, who) VALUES ($1, $2, $3) ON CONFLICT (pay_no) DO NOTHING`, payNo, s.now, who)
		return wrap(err, "receipt of payment %s", payNo)
	})
	return found, err
}

// UnsettledDays lists the bill dates that have a payment or refund in no batch,
// of an account and before a moment.
func (db *DB) UnsettledDays(ctx context.Context, account string, until int64, dateOf func(int64) bizday.Date) ([]bizday.Date, error) {
	days := map[bizday.Date]bool{}
	err := db.snapshot(ctx, func(b *books) error {
		for _, kind := range []settlement.Kind{settlement.Payment, settlement.Refund} {
			query := `SELECT event_us FROM payment WHERE account = $1 AND settled_in = '' AND state = 'SUCCESS' AND event_us < $2`
			if kind == settlement.Refund {
				query = `SELECT event_us FROM refund WHERE account = $1 AND settled_in = '' AND state = 'SUCCESS' AND event_us < $2`
			}
			rows, err := b.t.QueryContext(ctx, query, account, until)
			if err := eachMoment(rows, err, func(at int64) { days[dateOf(at)] = true }); err != nil {
				return err
			}
		}
		return nil
	})
	list := make([]bizday.Date, 0, len(days))
	for d := range days {
		list = append(list, d)
	}
	slices.Sort(list)
	return list, err
}

func eachMoment(rows *sql.Rows, err error, do func(int64)) error {
	if err != nil {
		return wrap(err, "read what is not settled")
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return wrap(err, "read what is not settled")
		}
		do(at)
	}
	return wrap(rows.Err(), "read what is not settled")
}
