package store

import (
	"context"

	"tieout/internal/bizday"
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

// hearWithdrawal takes what a bank says about a withdrawal. UNKNOWN leaves its
// money set aside.
func (s *settler) hearWithdrawal(a settlement.Answer) (settlement.Heard, error) {
	d, err := s.document(a.Number)
	switch {
	case err != nil:
		return "", err
	case d == nil || d.Kind != paycore.WithdrawalDoc:
		return settlement.NoPayout, nil
	case a.AmountMinor != d.AmountMinor || a.Currency != d.AccountKey.Currency:
		return settlement.WrongSums, nil
	case a.State == settlement.Unknown && d.State != paycore.Processing:
		return settlement.NotLegal, nil
	case a.State == settlement.Unknown:
		return settlement.Known, nil
	}
	result, err := s.run(paycore.AnswerWithdrawal{Number: a.Number, Paid: a.State == settlement.Paid, AmountMinor: a.AmountMinor, BankRef: reference(a), At: s.now})
	switch {
	case err != nil:
		return "", err
	case result.Effect == paycore.Done:
		return settlement.Moved, nil
	case result.Effect == paycore.Already:
		return settlement.Known, nil
	case d.State == paycore.Failed && a.State == settlement.Paid:
		return settlement.Conflict, nil
	}
	return settlement.NotLegal, nil
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
