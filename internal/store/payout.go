package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

const payoutColumns = `number, batch, try, file, bank, merchant, currency, amount_minor, payee_name, payee_account, payee_bank, state, bank_ref, reason,
	version, created_us, updated_us`

func scanPayout(row scanner) (p settlement.Payout, err error) {
	err = row.Scan(&p.Number, &p.Batch, &p.Try, &p.File, &p.Bank, &p.Merchant, &p.Currency, &p.AmountMinor, &p.Payee.Name, &p.Payee.Account,
		&p.Payee.Bank, &p.State, &p.BankRef, &p.Reason, &p.Version, &p.CreatedAt, &p.UpdatedAt)
	return p, err
}

// payouts reads the payouts that a condition selects, by number.
func (s *settler) payouts(where string, args ...any) ([]settlement.Payout, error) {
	q, err := s.stmt(`SELECT ` + payoutColumns + ` FROM payout WHERE ` + where + ` ORDER BY number`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx, args...)
	return scanAll(rows, err, scanPayout, "read payouts")
}

// Blocked is an approved batch that is not paid out now.
type Blocked struct {
	Batch  string `json:"batch"`
	Reason string `json:"reason"` // DEBT, DISPUTED
}

// StartPayouts takes every approved batch of a bank that is due, moves its
// money out of what we owe the merchant, and puts its payout into a file, one
// a currency. Nothing is sent here: the files are durable intents, and their
// bytes can be made again at any time. A batch that the merchant's balance does
// not cover, or that has a disputed order, stays where it is. The withdrawals of
// wallets that the bank shall pay go the same way, in files of their own, and so
// does what two people approved for clearing organisations.
func (db *DB) StartPayouts(ctx context.Context, bank string, on bizday.Date, who string) (files []settlement.File, blocked []Blocked, err error) {
	if err := requiredActor(who); err != nil {
		return nil, nil, err
	}
	err = db.settle(ctx, who, func(s *settler) error {
		crashpoint.Hit("settle.payout.begin")
		files, blocked = nil, nil
		due, err := s.dueBatches(bank, on)
		if err != nil {
			return err
		}
		for len(due) > 0 {
			n := 1
			for n < len(due) && due[n].Currency == due[0].Currency {
				n++
			}
			file, stay, err := s.startFile(due[:n], bank, on)
			if err != nil {
				return err
			}
			if file.Payouts > 0 {
				files = append(files, file)
			}
			blocked = append(blocked, stay...)
			due = due[n:]
		}
		withdrawn, stay, err := s.startWithdrawals(bank, on)
		if err != nil {
			return err
		}
		cleared, uncleared, err := s.startInterop(bank, on)
		if err != nil {
			return err
		}
		files, blocked = slices.Concat(files, withdrawn, cleared), slices.Concat(blocked, stay, uncleared)
		crashpoint.Hit("settle.payout.commit")
		return nil
	})
	crashpoint.Hit("settle.payout.done")
	return files, blocked, wrap(err, "start the payouts of %s", bank)
}

// dueBatches lists what may be paid, by currency and then in the order in which
// it was approved.
func (s *settler) dueBatches(bank string, on bizday.Date) ([]settlement.Batch, error) {
	q, err := s.stmt(`SELECT ` + batchColumns + ` FROM settlement_batch WHERE state = 'APPROVED' AND due_on <= $1 AND bank = $2 ORDER BY currency, approved_seq`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx, on.String(), bank)
	return scanAll(rows, err, scanBatch, "read what is due")
}

// startFile makes one file of batches in one currency.
func (s *settler) startFile(due []settlement.Batch, bank string, on bizday.Date) (file settlement.File, blocked []Blocked, err error) {
	orders, err := s.disputed()
	if err != nil {
		return file, nil, err
	}
	id, err := s.nextFile(bank, due[0].Currency, on)
	if err != nil {
		return file, nil, err
	}
	var list []settlement.Payout
	var batches []settlement.Batch
	taken := map[string]int64{} // from merchants by this file
	for _, b := range due {
		why, err := s.blocks(&b, orders, taken[b.Merchant])
		if err != nil {
			return file, nil, err
		}
		if why != "" {
			blocked = append(blocked, Blocked{b.ID, why})
			continue
		}
		var tries int
		if _, err := s.one(`SELECT COUNT(*) FROM payout WHERE batch = $1`, []any{b.ID}, &tries); err != nil {
			return file, nil, wrap(err, "payouts of batch %s", b.ID)
		}
		taken[b.Merchant] += b.PayMinor
		list, batches = append(list, settlement.NewPayout(&b, tries+1, id)), append(batches, b)
	}
	if len(list) == 0 {
		return file, blocked, nil
	}
	if file, err = s.newPayoutFile(bank, due[0].Currency, on, list); err != nil {
		return file, nil, err
	}
	crashpoint.Hit("settle.payout.file")
	for i := range list {
		if err := s.startPayout(&list[i], &batches[i]); err != nil {
			return file, nil, err
		}
	}
	return file, blocked, nil
}

// blocks says why a batch is not paid now; "" if it is.
func (s *settler) blocks(b *settlement.Batch, orders map[orderKey]bool, taken int64) (string, error) {
	for o := range orders {
		if o.merchant != b.Merchant {
			continue
		}
		var n int64
		if _, err := s.one(`SELECT COUNT(*) FROM payment p JOIN clearing_entry e ON e.pay_no = p.pay_no WHERE p.merchant = $1 AND p.order_no = $2 AND e.batch = $3`,
			[]any{o.merchant, o.orderNo, b.ID}, &n); err != nil {
			return "", wrap(err, "disputed orders of batch %s", b.ID)
		}
		if n > 0 {
			return "DISPUTED", nil
		}
	}
	owed, err := s.owed(b.Merchant, b.Currency)
	if err == nil && owed-taken < b.PayMinor {
		return "DEBT", nil
	}
	return "", err
}

// nextFile is the number of the next file of a bank, currency and day.
func (s *settler) nextFile(bank, currency string, on bizday.Date) (string, error) {
	var n int
	if _, err := s.one(`SELECT COUNT(*) FROM payout_file WHERE bank = $1 AND currency = $2 AND pay_date = $3`, []any{bank, currency, on.String()}, &n); err != nil {
		return "", wrap(err, "count the files of %s", bank)
	}
	return settlement.FileID(bank, currency, on, n+1), nil
}

// newPayoutFile keeps the next file of a bank.
func (s *settler) newPayoutFile(bank, currency string, on bizday.Date, list []settlement.Payout) (settlement.File, error) {
	file := settlement.File{Bank: bank, Currency: currency, PayDate: on, Payouts: int64(len(list))}
	var err error
	if file.ID, err = s.nextFile(bank, currency, on); err != nil {
		return file, err
	}
	if _, file.Digest, err = settlement.Render(list); err != nil {
		return file, err
	}
	if file.TotalMinor, err = settlement.Total(list); err != nil {
		return file, err
	}
	return file, s.putPayoutFile(&file)
}

func (s *settler) putPayoutFile(f *settlement.File) error {
	n, err := s.exec(`INSERT INTO payout_file (id, bank, currency, pay_date, payouts, total_minor, digest, who, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		f.ID, f.Bank, f.Currency, f.PayDate.String(), f.Payouts, f.TotalMinor, f.Digest, s.who, s.now)
	return wrote(n, err, "payout file", f.ID)
}

func (s *settler) startPayout(p *settlement.Payout, b *settlement.Batch) error {
	n, err := s.exec(`INSERT INTO payout (`+payoutColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', '', 1, $13, $13)`,
		p.Number, p.Batch, p.Try, p.File, p.Bank, p.Merchant, p.Currency, p.AmountMinor, p.Payee.Name, p.Payee.Account, p.Payee.Bank, p.State, s.now)
	if err := wrote(n, err, "payout", p.Number); err != nil {
		return err
	}
	if err := s.book(payoutTxn(p, "sent"), "", p.Number, settlement.PayoutStarted(p)); err != nil {
		return err
	}
	crashpoint.Hit("settle.payout.journal")
	return s.moveBatch(b, settlement.Paying, p.Number+" in "+p.File)
}

func payoutTxn(p *settlement.Payout, step string) string { return "payout:" + p.Number + ":" + step }

// PayoutFile makes the bytes of a file again, the same as at first; E-4290 if
// the stored payouts give others.
func (db *DB) PayoutFile(ctx context.Context, id string) (file settlement.File, body []byte, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		s := &settler{books: b}
		var date string
		ok, err := s.one(`SELECT id, bank, currency, pay_date, payouts, total_minor, digest FROM payout_file WHERE id = $1`, []any{id},
			&file.ID, &file.Bank, &file.Currency, &date, &file.Payouts, &file.TotalMinor, &file.Digest)
		if err == nil && !ok {
			return fault.New("E-6494", fault.V{"subject": id}, nil)
		}
		if err != nil {
			return wrap(err, "read payout file %s", id)
		}
		if file.PayDate, err = bizday.Parse(date); err != nil {
			return err
		}
		list, err := s.payouts(`file = $1`, id)
		if err == nil && len(list) == 0 {
			list, err = s.withdrawals(`EXISTS (SELECT 1 FROM withdrawal_sent w WHERE w.number = d.number AND w.file = $1) ORDER BY d.number`, id)
		}
		if err == nil && len(list) == 0 {
			var cleared []settlement.InteropPayment
			cleared, err = s.interopPayments(`file = $1`, id)
			list = inFile(cleared)
		}
		if err != nil {
			return err
		}
		var digest string
		if body, digest, err = settlement.Render(list); err == nil && digest != file.Digest {
			err = fault.New("E-4290", fault.V{"file": id}, nil)
		}
		return err
	})
	return file, body, err
}

// PayoutAnswer is what an answer of a bank did.
type PayoutAnswer struct {
	Number string            `json:"number"`
	Answer settlement.State  `json:"answer"`
	Heard  settlement.Heard  `json:"heard"`
	Payout settlement.Payout `json:"payout,omitzero"`
}

// HearPayout takes what a bank says about a payout or a withdrawal, in one
// transaction: the state, the journal, the batch, the notice to the merchant at
// his URL, if urls has one. Hearing it again changes nothing.
func (db *DB) HearPayout(ctx context.Context, a settlement.Answer, who string, urls map[string]string) (heard PayoutAnswer, err error) {
	if err := required("who", who, maxName); err != nil {
		return heard, err
	}
	err = db.settle(ctx, who, func(s *settler) error {
		heard, err = s.hear(a, urls)
		return err
	})
	crashpoint.Hit("settle.result.done")
	return heard, wrap(err, "answer to payout %s", a.Number)
}

// HearPayoutByHand takes an answer that two people have seen, each by the same
// call. False: a second person is needed still.
func (db *DB) HearPayoutByHand(ctx context.Context, a settlement.Answer, who string, urls map[string]string, reason string) (heard PayoutAnswer, done bool, err error) {
	err = db.settle(ctx, who, func(s *settler) error {
		p, err := s.payout(a.Number)
		if err != nil {
			return err
		}
		if p == nil {
			i, err := s.interopPayment(a.Number)
			if err != nil {
				return err
			}
			if i != nil {
				heard, done, err = s.hearInteropByHand(i, a, reason)
				return err
			}
			heard, done, err = s.hearWithdrawalByHand(a, urls, reason)
			return err
		}
		if h := p.Hear(a); h != settlement.Moved && h != settlement.Conflict {
			return fault.New("E-6495", fault.V{"payout": p.Number, "state": p.State, "answer": a.State}, nil)
		}
		if a.Reason, done, err = s.saidByTwo(a, strconv.FormatInt(p.Version, 10), reason); err != nil || !done {
			return err
		}
		heard, err = s.hear(a, urls)
		return err
	})
	return heard, done, wrap(err, "answer to payout %s", a.Number)
}

// saidByTwo lets an answer through when a second person gives the same one,
// having seen the same; why is what the first one said. False: a second person
// is needed still.
func (s *settler) saidByTwo(a settlement.Answer, seen, reason string) (why string, done bool, err error) {
	digest := sha256.Sum256(fmt.Appendf(nil, "%q %q %s %q", a.Number, a.State, seen, a.BankRef))
	act, why, err := s.twoPeople(actResult, a.Number, hex.EncodeToString(digest[:]), reason)
	return why, act != 0, err
}

// payout reads a payout; nil if there is none.
func (s *settler) payout(number string) (*settlement.Payout, error) {
	q, err := s.stmt(`SELECT ` + payoutColumns + ` FROM payout WHERE number = $1`)
	if err != nil {
		return nil, err
	}
	p, err := scanPayout(q.QueryRowContext(s.ctx, number))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &p, wrap(err, "read payout %s", number)
}

func (s *settler) hear(a settlement.Answer, urls map[string]string) (PayoutAnswer, error) {
	out := PayoutAnswer{Number: a.Number, Answer: a.State, Heard: settlement.NoPayout}
	p, err := s.payout(a.Number)
	if err != nil {
		return out, err
	}
	if p == nil {
		w, err := s.withdrawal(a.Number)
		if err == nil && w != nil && w.file != "" {
			out.Heard, err = s.hearWithdrawal(w, a, urls)
		}
		if err != nil || w != nil {
			return out, err
		}
		i, err := s.interopPayment(a.Number)
		if err == nil && i != nil {
			out.Heard, err = s.hearInterop(i, a, false)
		}
		return out, err
	}
	b, err := s.mustBatch(p.Batch)
	if err != nil {
		return out, err
	}
	out.Heard, out.Payout = p.Hear(a), *p
	switch out.Heard {
	case settlement.Moved:
	case settlement.Conflict:
		return out, s.conflict(p, &b, a)
	default:
		return out, nil
	}
	p.State, p.Reason = a.State, a.Reason
	if a.BankRef != "" {
		p.BankRef = a.BankRef
	}
	crashpoint.Hit("settle.result.begin")
	if err := s.bookAnswer(p); err != nil {
		return out, err
	}
	crashpoint.Hit("settle.result.journal")
	n, err := s.exec(`UPDATE payout SET state = $1, bank_ref = $2, reason = $3, updated_us = $4, version = version + 1 WHERE number = $5 AND version = $6`,
		p.State, p.BankRef, p.Reason, s.now, p.Number, p.Version)
	if err := wrote(n, err, "payout", p.Number); err != nil {
		return out, err
	}
	if err := s.follow(p, &b); err != nil {
		return out, err
	}
	crashpoint.Hit("settle.result.commit")
	out.Payout = *p
	return out, s.tellPayout(p, urls[p.Merchant])
}

// bookAnswer posts what an answer means. What is undone is the exact opposite
// of what was posted, and points at it.
func (s *settler) bookAnswer(p *settlement.Payout) error {
	sent, arrived := settlement.PayoutStarted(p), settlement.PayoutArrived(p)
	switch p.State {
	case settlement.Paid:
		return s.book(payoutTxn(p, "paid"), "", p.Number, arrived)
	case settlement.Failed:
		return s.book(payoutTxn(p, "failed"), payoutTxn(p, "sent"), p.Number, paycore.Opposite(sent))
	case settlement.Returned:
		if err := s.book(payoutTxn(p, "unpaid"), payoutTxn(p, "paid"), p.Number, paycore.Opposite(arrived)); err != nil {
			return err
		}
		return s.book(payoutTxn(p, "returned"), payoutTxn(p, "sent"), p.Number, paycore.Opposite(sent))
	}
	return nil
}

// follow moves the batch behind its payout.
func (s *settler) follow(p *settlement.Payout, b *settlement.Batch) error {
	note := p.Number
	if p.Reason != "" {
		note += ": " + p.Reason
	}
	to := p.BatchAfter()
	if to == b.State {
		return s.batchEvent(b.ID, string(p.State), note)
	}
	if to == settlement.Approved {
		note += "; due again"
	}
	return s.moveBatch(b, to, note)
}

// conflict stops a batch whose failed payout the bank now calls paid, before it
// is paid a second time.
func (s *settler) conflict(p *settlement.Payout, b *settlement.Batch, a settlement.Answer) error {
	note := fmt.Sprintf("%s failed, and now the bank says paid: %s", p.Number, a.BankRef)
	if b.State == settlement.Approved {
		return s.moveBatch(b, settlement.Failed, note)
	}
	return s.batchEvent(b.ID, "CONFLICT", note)
}

// payoutNotice is the JSON that a merchant gets.
type payoutNotice struct {
	ID          string `json:"event_id"`
	Event       string `json:"event"`
	Merchant    string `json:"merchant"`
	Batch       string `json:"batch"`
	Payout      string `json:"payout"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Reason      string `json:"reason,omitempty"`
	At          string `json:"at"`
}

var payoutEvents = map[settlement.State]string{settlement.Paid: "payout.paid", settlement.Failed: "payout.failed", settlement.Returned: "payout.returned"}

// tellPayout puts a notice in the outbox; an answer that is no end tells nobody.
func (s *settler) tellPayout(p *settlement.Payout, url string) error {
	event := payoutEvents[p.State]
	if event == "" || url == "" {
		return nil
	}
	id := event + ":" + p.Number
	return s.putNotice(id, p.Merchant, url, payoutNotice{id, event, p.Merchant, p.Batch, p.Number, p.AmountMinor, p.Currency, p.Reason, stamp(s.now)}, s.now)
}
