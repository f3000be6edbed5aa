package store

import (
	"cmp"
	"context"
	"fmt"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// bySettlement is the cause of settlement's journal transactions.
const bySettlement paycore.Cause = "settlement"

// CheckBatch compares a batch with the documents and the ledger, lets go of
// what may no longer be settled, and shows the rest to people under a digest.
// It returns how many items it let go; a batch that has none left stays as it
// is, collecting. c is the collection of the batch's bill date, as it would be
// made now.
func (db *DB) CheckBatch(ctx context.Context, id, maker string, c settlement.Collect) (b settlement.Batch, released int, err error) {
	if err := requiredActor(maker); err != nil {
		return b, 0, err
	}
	if err := db.payableAgrees(ctx, id); err != nil {
		return b, 0, err
	}
	err = db.settle(ctx, maker, func(s *settler) error {
		crashpoint.Hit("settle.check.begin")
		if b, err = s.mustBatch(id); err != nil {
			return err
		}
		released, err = s.check(&b, &c)
		crashpoint.Hit("settle.check.commit")
		return err
	})
	crashpoint.Hit("settle.check.done")
	return b, released, wrap(err, "check batch %s", id)
}

func (s *settler) check(b *settlement.Batch, c *settlement.Collect) (released int, err error) {
	contract := c.Contracts[b.Merchant]
	if contract == nil {
		return 0, fault.New("E-7897", fault.V{"merchant": b.Merchant, "reason": "the configuration has no contract of it"}, nil)
	}
	if why := contract.Payee.Wrong(); why != "" {
		return 0, fault.New("E-7897", fault.V{"merchant": b.Merchant, "reason": why}, nil)
	}
	if b.State == settlement.Checked {
		if err := s.moveBatch(b, settlement.Collecting, "checked again"); err != nil {
			return 0, err
		}
	}
	if b.State != settlement.Collecting {
		return 0, fault.New("E-6492", fault.V{"batch": b.ID, "state": b.State, "need": "only a batch that collects is checked"}, nil)
	}
	c.Override = b.Override
	waits, err := s.mayNotSettle(b, c)
	if err != nil {
		return 0, err
	}
	for _, w := range waits {
		if err := s.dropEntry(b.ID, w.entry); err != nil {
			return 0, err
		}
		if err := b.Add(w.entry, -1); err != nil {
			return 0, err
		}
		if err := s.batchEvent(b.ID, "RELEASED", fmt.Sprintf("%s %s: %s", w.entry.Kind, w.entry.Ref, w.reason)); err != nil {
			return 0, err
		}
	}
	if b.Items == 0 {
		return len(waits), s.putBatch(b)
	}
	if err := s.documentsAgree(b, contract); err != nil {
		return 0, err
	}
	debt, err := s.debt(b.Merchant, b.Currency)
	if err != nil {
		return 0, err
	}
	if err := b.Carry(debt); err != nil {
		return 0, err
	}
	b.Bank, b.Payee, b.Maker, b.Checker = contract.Bank, contract.Payee, s.who, ""
	if b.Digest, err = s.digest(b); err != nil {
		return 0, err
	}
	return len(waits), s.moveBatch(b, settlement.Checked, b.Digest)
}

// waitingEntry is an entry that may no longer be settled.
type waitingEntry struct {
	entry  settlement.Entry
	reason settlement.Reason
}

// mayNotSettle judges the entries of a batch anew, as a collection would. What
// is about a payment goes with it.
func (s *settler) mayNotSettle(b *settlement.Batch, c *settlement.Collect) ([]waitingEntry, error) {
	orders, err := s.disputed()
	if err != nil {
		return nil, err
	}
	contract, gone := c.Contracts[b.Merchant], map[string]bool{}
	var list []waitingEntry
	err = s.eachEntry(b.ID, func(e settlement.Entry) (err error) {
		p, err := s.payment(e.PayNo)
		if err != nil {
			return err
		}
		waits := e.Kind != settlement.Payment && (gone[e.PayNo] || p.SettledIn == "")
		if e.Kind == settlement.SplitOut || e.Kind == settlement.SplitBackIn {
			item := settlement.Item{Disputed: orders[orderKey{e.Merchant, e.OrderNo}], PaymentWaits: waits}
			if reason := c.WaitsBeside(contract, item); reason != "" {
				list = append(list, waitingEntry{e, reason})
			}
			return nil
		}
		item := settlement.Item{No: e.Ref, At: e.At, Disputed: orders[orderKey{e.Merchant, e.OrderNo}], Confirmed: true, PaymentWaits: waits}
		if err := s.succeeded(string(e.Kind), &item); err != nil {
			return err
		}
		if e.Kind == settlement.Payment {
			if item.RefundsOpen, err = s.refundsOpen(e.PayNo); err != nil {
				return err
			}
			item.No = cmp.Or(p.PartOf, item.No)
		} else {
			r, err := s.refund(e.Ref)
			if err != nil {
				return err
			}
			item.RefundsOpen = r.State != paycore.Success // it failed since
		}
		account := c.Account(e.Account)
		if account == nil {
			return fault.New("E-7897", fault.V{"merchant": b.Merchant, "reason": "account " + e.Account + " is not in the configuration"}, nil)
		}
		if reason := c.Waits(account, contract, item); reason != "" {
			list = append(list, waitingEntry{e, reason})
			gone[e.PayNo] = gone[e.PayNo] || e.Kind == settlement.Payment
		}
		return nil
	})
	return list, err
}

// documentsAgree compares the sums of a batch with its entries, and each entry
// with the payment or refund and with the contract.
func (s *settler) documentsAgree(b *settlement.Batch, contract *settlement.Contract) error {
	sum := settlement.Batch{ID: b.ID}
	err := s.eachEntry(b.ID, func(e settlement.Entry) error {
		if err := sum.Add(e, 1); err != nil {
			return err
		}
		why, err := s.documentAgrees(b.ID, e, contract)
		if err == nil && why != "" {
			err = fault.New("E-5090", fault.V{"batch": b.ID, "reason": e.Ref + ": " + why}, nil)
		}
		return err
	})
	if err != nil {
		return err
	}
	if sum.Items != b.Items || sum.GrossMinor != b.GrossMinor || sum.FeeMinor != b.FeeMinor || sum.NetMinor != b.NetMinor || sum.ChannelFeeMinor != b.ChannelFeeMinor {
		return fault.New("E-5090", fault.V{"batch": b.ID, "reason": "its sums are not those of its entries"}, nil)
	}
	return nil
}

// documentAgrees says what is wrong with one entry; "" if nothing is.
func (s *settler) documentAgrees(batch string, e settlement.Entry, contract *settlement.Contract) (string, error) {
	if e.Kind == settlement.SplitOut || e.Kind == settlement.SplitBackIn {
		return s.splitAgrees(batch, e)
	}
	if e.Kind == settlement.Refund {
		r, err := s.refund(e.Ref)
		if err != nil || r == nil || r.State != paycore.Success || -r.AmountMinor != e.GrossMinor || r.Currency != e.Currency || r.PayNo != e.PayNo {
			return "the refund in the books is another", err
		}
		return "", nil
	}
	p, err := s.payment(e.Ref)
	if err != nil || p == nil || p.State != paycore.Success || p.AmountMinor != e.GrossMinor || p.Currency != e.Currency || p.SettledIn != batch {
		return "the payment in the books is another", err
	}
	now, ok, err := settlement.ClearPayment(contract, p)
	if err != nil {
		return "", err
	}
	if !ok || now.FeeMinor != e.FeeMinor || now.FeeReturns != e.FeeReturns {
		return "", fault.New("E-6493", fault.V{"batch": batch, "ref": e.Ref, "terms": e.Terms}, nil)
	}
	return "", nil
}

// debt is what the batches approved before left to be earned back, not above
// zero.
func (s *settler) debt(merchant, currency string) (minor int64, err error) {
	_, err = s.one(`SELECT debt_minor FROM settlement_batch WHERE merchant = $1 AND currency = $2 AND approved_seq IS NOT NULL
		ORDER BY approved_seq DESC LIMIT 1`, []any{merchant, currency}, &minor)
	return minor, wrap(err, "debt of merchant %s", merchant)
}

func (s *settler) digest(b *settlement.Batch) (string, error) {
	d := settlement.NewDigester(b)
	err := s.eachEntry(b.ID, func(e settlement.Entry) error { d.Entry(e); return nil })
	return d.Sum(), err
}

// payableAgrees proves that what the ledger owes a batch's merchant is what his
// payments, refunds, fees and payouts come to.
func (db *DB) payableAgrees(ctx context.Context, batch string) error {
	return db.snapshot(ctx, func(b *books) error {
		of, err := (&settler{books: b}).mustBatch(batch)
		if err != nil {
			return err
		}
		want, err := b.payableByDocuments(of.Merchant, of.Currency)
		if err != nil {
			return err
		}
		got, err := b.owed(of.Merchant, of.Currency)
		if err == nil && got != want {
			currency := money.Currency(of.Currency)
			err = fault.New("E-5091", fault.V{"merchant": of.Merchant, "want": money.Both(want, currency), "got": money.Both(got, currency)}, nil)
		}
		return err
	})
}

// owed is what the ledger owes a merchant; below zero the merchant owes us.
func (b *books) owed(merchant, currency string) (minor int64, err error) {
	_, err = b.one(`SELECT COALESCE(SUM(-amount_minor), 0) FROM posting WHERE account = $1 AND currency = $2`,
		[]any{paycore.Payable(merchant), currency}, &minor)
	return minor, wrap(err, "balance of merchant %s", merchant)
}

func (b *books) payableByDocuments(merchant, currency string) (minor int64, err error) {
	_, err = b.one(`SELECT
		  COALESCE((SELECT SUM(amount_minor) FROM payment WHERE merchant = $1 AND currency = $2 AND state = 'SUCCESS'), 0)
		- COALESCE((SELECT SUM(r.amount_minor) FROM payment p JOIN refund r ON r.pay_no = p.pay_no WHERE p.merchant = $1 AND r.currency = $2 AND r.state <> 'CLOSED'), 0)
		- COALESCE((SELECT SUM(fee_minor) FROM settlement_batch WHERE merchant = $1 AND currency = $2 AND approved_seq IS NOT NULL), 0)
		- COALESCE((SELECT SUM(amount_minor) FROM payout WHERE merchant = $1 AND currency = $2 AND state IN ('PAYING', 'UNKNOWN', 'PAID')), 0)
		- COALESCE((SELECT SUM(done_minor - back_minor) FROM split_order WHERE merchant = $1 AND currency = $2), 0)
		- COALESCE((SELECT SUM(d.amount_minor) FROM payment p JOIN account_document d ON d.kind = 'DEPOSIT' AND d.about = p.pay_no
			WHERE p.merchant = $1 AND p.currency = $2), 0)`,
		[]any{merchant, currency}, &minor)
	return minor, wrap(err, "documents of merchant %s", merchant)
}

// ApproveBatch is the second person's yes to exactly what the digest stands
// for. It books the fees. A batch that has nothing to pay is done with that. Of
// a batch that no person has checked yet the first yes takes the place of the
// check: it stays CHECKED, now by this person, and waits for another one.
func (db *DB) ApproveBatch(ctx context.Context, id, digest, checker string, c settlement.Collect) (b settlement.Batch, err error) {
	if err := required("checker", checker, maxName); err != nil {
		return b, err
	}
	err = db.settle(ctx, checker, func(s *settler) error {
		crashpoint.Hit("settle.approve.begin")
		if b, err = s.mustBatch(id); err != nil {
			return err
		}
		if err := s.approve(&b, digest, &c); err != nil {
			return err
		}
		crashpoint.Hit("settle.approve.commit")
		return nil
	})
	crashpoint.Hit("settle.approve.done")
	return b, wrap(err, "approve batch %s", id)
}

func (s *settler) approve(b *settlement.Batch, digest string, c *settlement.Collect) error {
	switch {
	case b.State != settlement.Checked:
		return fault.New("E-6492", fault.V{"batch": b.ID, "state": b.State, "need": "only a checked batch is approved"}, nil)
	case paycore.SamePerson(b.Maker, s.who):
		return fault.New("E-6490", fault.V{"subject": b.ID, "who": b.Maker}, nil)
	case digest != b.Digest:
		return fault.New("E-4090", fault.V{"batch": b.ID, "reason": "the digest is another"}, nil)
	}
	if err := s.unchanged(b, c); err != nil {
		return err
	}
	if b.Maker == Machine {
		b.Maker = s.who
		if err := s.putBatch(b); err != nil {
			return err
		}
		return s.batchEvent(b.ID, "SEEN", digest)
	}
	b.Checker = s.who
	if err := s.moveBatch(b, settlement.Approved, digest); err != nil {
		return err
	}
	n, err := s.exec(`UPDATE settlement_batch SET approved_seq = (SELECT COALESCE(MAX(approved_seq), 0) + 1 FROM settlement_batch) WHERE id = $1 AND approved_seq IS NULL`, b.ID)
	if err := wrote(n, err, "approval of batch", b.ID); err != nil {
		return err
	}
	crashpoint.Hit("settle.approve.state")
	byChannel := map[string]int64{}
	if err := s.eachEntry(b.ID, func(e settlement.Entry) (err error) {
		byChannel[e.Channel], err = money.Add(byChannel[e.Channel], e.FeeMinor)
		return err
	}); err != nil {
		return err
	}
	if err := s.book("settlement:"+b.ID+":fee", "", b.ID, settlement.FeesBooked(b, byChannel)); err != nil {
		return err
	}
	if b.PayMinor == 0 {
		return s.moveBatch(b, settlement.Paid, "nothing to pay")
	}
	return nil
}

// unchanged refuses a batch that is no longer what was checked.
func (s *settler) unchanged(b *settlement.Batch, c *settlement.Collect) error {
	c.Override = b.Override
	waits, err := s.mayNotSettle(b, c)
	if err != nil {
		return err
	}
	if len(waits) > 0 {
		return fault.New("E-4090", fault.V{"batch": b.ID, "reason": fmt.Sprintf("%s may not be settled now: %s", waits[0].entry.Ref, waits[0].reason)}, nil)
	}
	debt, err := s.debt(b.Merchant, b.Currency)
	if err != nil {
		return err
	}
	if debt != b.CarriedMinor {
		return fault.New("E-4090", fault.V{"batch": b.ID, "reason": "another batch of the merchant was approved since"}, nil)
	}
	now, err := s.digest(b)
	if err == nil && now != b.Digest {
		err = fault.New("E-5090", fault.V{"batch": b.ID, "reason": "its entries are not those that were checked"}, nil)
	}
	return err
}

// book posts entries of settlement; none are no transaction.
func (s *settler) book(id, reverses, subject string, entries []paycore.Entry) error {
	return s.post(&paycore.Change{Entries: entries, Subject: subject, Cause: bySettlement, At: s.now}, journalRow{id: id, reverses: reverses})
}

// SendBack empties a batch that is not approved: its items are collected anew,
// by the contract as it is then.
func (db *DB) SendBack(ctx context.Context, id, who, reason string) (b settlement.Batch, err error) {
	if err := required("who", who, maxName); err != nil {
		return b, err
	}
	if err := required("reason", reason, maxNote); err != nil {
		return b, err
	}
	err = db.settle(ctx, who, func(s *settler) error {
		if b, err = s.mustBatch(id); err != nil {
			return err
		}
		if b.State == settlement.Checked {
			if err := s.moveBatch(&b, settlement.Collecting, "sent back"); err != nil {
				return err
			}
		}
		if b.State != settlement.Collecting {
			return fault.New("E-6492", fault.V{"batch": id, "state": b.State, "need": "an approved batch is not sent back"}, nil)
		}
		if err := s.eachEntry(id, func(e settlement.Entry) error {
			if err := s.dropEntry(id, e); err != nil {
				return err
			}
			return b.Add(e, -1)
		}); err != nil {
			return err
		}
		b.Digest, b.Maker = "", ""
		if err := b.Carry(0); err != nil {
			return err
		}
		if err := s.putBatch(&b); err != nil {
			return err
		}
		return s.batchEvent(id, "SENT_BACK", reason)
	})
	return b, wrap(err, "send back batch %s", id)
}
