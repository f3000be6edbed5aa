package store

import (
	"context"
	"fmt"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// withdrawalsAtOnce bounds one file.
const withdrawalsAtOnce = 10_000

// startWithdrawals puts the withdrawals of a bank that no file has into files,
// one a currency. Their money was set aside when they were asked for. One whose
// payee no bank would take stays, and is named.
func (s *settler) startWithdrawals(bank string, on bizday.Date) (files []settlement.File, blocked []Blocked, err error) {
	due, err := s.withdrawals(`about = $1 AND state = 'PROCESSING' AND NOT EXISTS (SELECT 1 FROM withdrawal_sent w WHERE w.number = d.number)
		ORDER BY currency, number LIMIT $2`, bank, withdrawalsAtOnce)
	if err != nil {
		return nil, nil, err
	}
	byCurrency := map[string][]settlement.Payout{}
	var order []string
	for _, p := range due {
		if p.Payee.Wrong() != "" {
			blocked = append(blocked, Blocked{p.Number, "PAYEE"})
			continue
		}
		if len(byCurrency[p.Currency]) == 0 {
			order = append(order, p.Currency)
		}
		byCurrency[p.Currency] = append(byCurrency[p.Currency], p)
	}
	for _, currency := range order {
		file, err := s.newPayoutFile(bank, currency, on, byCurrency[currency])
		if err != nil {
			return nil, nil, err
		}
		for _, p := range byCurrency[currency] {
			n, err := s.exec(`INSERT INTO withdrawal_sent (number, file) VALUES ($1, $2)`, p.Number, file.ID)
			if err := wrote(n, err, "withdrawal", p.Number); err != nil {
				return nil, nil, err
			}
		}
		files = append(files, file)
	}
	return files, blocked, nil
}

// withdrawals reads withdrawals as payouts that belong to no batch.
func (s *settler) withdrawals(where string, args ...any) ([]settlement.Payout, error) {
	q, err := s.stmt(`SELECT d.number, d.about, d.currency, d.amount_minor, d.payee FROM account_document d WHERE d.kind = 'WITHDRAWAL' AND ` + where)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx, args...)
	return scanAll(rows, err, func(row scanner) (p settlement.Payout, err error) {
		var payee string
		err = row.Scan(&p.Number, &p.Bank, &p.Currency, &p.AmountMinor, &payee)
		p.Payee = settlement.ReadPayee(payee)
		return p, err
	}, "read withdrawals")
}

// withdrawal is a withdrawal with the file that told its bank; "" = none has.
type withdrawal struct {
	*paycore.Document
	file string
}

// withdrawal reads a withdrawal; nil if there is none.
func (s *settler) withdrawal(number string) (*withdrawal, error) {
	d, err := s.document(number)
	if err != nil || d == nil || d.Kind != paycore.WithdrawalDoc {
		return nil, err
	}
	w := &withdrawal{Document: d}
	_, err = s.one(`SELECT file FROM withdrawal_sent WHERE number = $1`, []any{number}, &w.file)
	return w, wrap(err, "read the file of withdrawal %s", number)
}

// hears judges an answer, as Payout.Hear does. UNKNOWN leaves the money set
// aside.
func (w *withdrawal) hears(a settlement.Answer) settlement.Heard {
	paid := a.State == settlement.Paid
	switch {
	case a.AmountMinor != 0 && (a.AmountMinor != w.AmountMinor || a.Currency != w.AccountKey.Currency):
		return settlement.WrongSums
	case a.State == settlement.Unknown && w.State != paycore.Processing:
		return settlement.NotLegal
	case a.State == settlement.Unknown || paid && w.State == paycore.Success || !paid && w.State == paycore.Failed:
		return settlement.Known
	case paid && w.State == paycore.Failed:
		return settlement.Conflict
	}
	return settlement.Moved
}

// hearWithdrawal takes what is said about a withdrawal, and tells its holder at
// his URL, if he has one.
func (s *settler) hearWithdrawal(w *withdrawal, a settlement.Answer, urls map[string]string) (settlement.Heard, error) {
	heard := w.hears(a)
	if heard != settlement.Moved {
		return heard, nil
	}
	result, err := s.run(paycore.AnswerWithdrawal{Number: a.Number, Paid: a.State == settlement.Paid, AmountMinor: w.AmountMinor, BankRef: reference(a), At: s.now})
	if err != nil {
		return "", err
	}
	if result.Effect != paycore.Done {
		return settlement.NotLegal, nil
	}
	holder := strings.TrimPrefix(w.AccountKey.Name, paycore.Wallet(""))
	return heard, s.tellWithdrawal(w, result.State, reference(a), holder, urls[holder])
}

// hearWithdrawalByHand takes an answer that two people have seen. Nobody says
// that a bank paid what no file told it of.
func (s *settler) hearWithdrawalByHand(a settlement.Answer, urls map[string]string, reason string) (heard PayoutAnswer, done bool, err error) {
	w, err := s.withdrawal(a.Number)
	switch {
	case err != nil:
		return heard, false, err
	case w == nil:
		return heard, false, fault.New("E-6494", fault.V{"subject": a.Number}, nil)
	case w.hears(a) != settlement.Moved || w.file == "" && a.State != settlement.Failed:
		return heard, false, fault.New("E-6495", fault.V{"payout": a.Number, "state": w.State, "answer": a.State}, nil)
	}
	if a.Reason, done, err = s.saidByTwo(a, fmt.Sprintf("%d %q", w.Version, w.file), reason); err != nil || !done {
		return heard, false, err
	}
	heard = PayoutAnswer{Number: a.Number, Answer: a.State}
	heard.Heard, err = s.hearWithdrawal(w, a, urls)
	return heard, true, err
}

// withdrawalNotice is the JSON that a merchant gets.
type withdrawalNotice struct {
	ID          string `json:"event_id"`
	Event       string `json:"event"`
	Merchant    string `json:"merchant"`
	Number      string `json:"number"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	BankRef     string `json:"bank_ref,omitempty"` // the bank's number, or why it failed
	At          string `json:"at"`
}

// tellWithdrawal puts the end of a withdrawal in the outbox.
func (s *settler) tellWithdrawal(w *withdrawal, state paycore.State, bankRef, holder, url string) error {
	if url == "" {
		return nil
	}
	event := "withdrawal." + strings.ToLower(string(state))
	id := event + ":" + w.Number
	return s.putNotice(id, holder, url, withdrawalNotice{id, event, holder, w.Number, w.AmountMinor, w.AccountKey.Currency, bankRef, stamp(s.now)}, s.now)
}

// reference is the bank's number, or why it failed.
func reference(a settlement.Answer) string {
	if a.State != settlement.Paid && a.Reason != "" {
		return a.Reason
	}
	return a.BankRef
}

// DocumentOf returns what a merchant moved under a number: of his wallet, or of
// one of his payments; nil if it is not his.
func (db *DB) DocumentOf(ctx context.Context, merchant, number string) (d *paycore.Document, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		if d, err = b.document(number); d == nil || err != nil {
			return err
		}
		his := d.AccountKey.Name == paycore.Wallet(merchant)
		if d.Kind == paycore.DepositDoc {
			p, err := b.payment(d.About)
			if err != nil {
				return err
			}
			his = p != nil && p.Merchant == merchant
		}
		if !his {
			d = nil
		}
		return nil
	})
	return d, err
}
