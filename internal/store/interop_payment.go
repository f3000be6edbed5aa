package store

import (
	"context"
	"database/sql"
	"strconv"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// InteropDays lists what wallets paid through each organisation in a day, what
// they got back, and what we owe for it. day is the date as the banks cut it.
func (db *DB) InteropDays(ctx context.Context, date bizday.Date, day bizday.Interval) (list []settlement.InteropDay, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		s := &settler{books: b}
		if list, err = s.interopDays(date, day); err != nil {
			return err
		}
		for i := range list {
			d := &list[i]
			if d.Payments, err = s.interopPayments(`organisation = $1 AND currency = $2 AND day = $3`, d.Organisation, d.Currency, date.String()); err != nil {
				return err
			}
		}
		return nil
	})
	return list, wrap(err, "day %s of the clearing organisations", date)
}

func (s *settler) interopDays(date bizday.Date, day bizday.Interval) ([]settlement.InteropDay, error) {
	q, err := s.stmt(`SELECT organisation, currency, SUM(debits), SUM(debit_minor), SUM(refunds), SUM(refund_minor), SUM(failed), SUM(owed) FROM (
		SELECT organisation, currency, COUNT(*) AS debits, SUM(amount_minor) AS debit_minor, 0 AS refunds, 0 AS refund_minor, 0 AS failed, 0 AS owed
			FROM interop_debit WHERE state = 'SUCCESS' AND created_us >= $1 AND created_us < $2 GROUP BY organisation, currency
		UNION ALL SELECT organisation, currency, 0, 0, COUNT(*), SUM(amount_minor), 0, 0
			FROM interop_refund WHERE state = 'SUCCESS' AND created_us >= $1 AND created_us < $2 GROUP BY organisation, currency
		UNION ALL SELECT organisation, currency, 0, 0, 0, 0, COUNT(*), 0 FROM interop_debit WHERE state = 'FAILED' AND created_us >= $1 AND created_us < $2 GROUP BY organisation, currency
		UNION ALL SELECT organisation, currency, 0, 0, 0, 0, COUNT(*), 0 FROM interop_refund WHERE state = 'FAILED' AND created_us >= $1 AND created_us < $2 GROUP BY organisation, currency
		UNION ALL SELECT organisation, currency, 0, 0, 0, 0, 0, SUM(amount_minor) FROM interop_debit WHERE state = 'SUCCESS' AND created_us < $2 GROUP BY organisation, currency
		UNION ALL SELECT organisation, currency, 0, 0, 0, 0, 0, -SUM(amount_minor) FROM interop_refund WHERE state = 'SUCCESS' AND created_us < $2 GROUP BY organisation, currency
		UNION ALL SELECT organisation, currency, 0, 0, 0, 0, 0, -SUM(amount_minor) FROM interop_payment WHERE state IN ('PAYING','UNKNOWN','PAID') GROUP BY organisation, currency
		) x GROUP BY organisation, currency ORDER BY organisation, currency`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx, day.From, day.To)
	return scanAll(rows, err, func(row scanner) (d settlement.InteropDay, err error) {
		d.Day = date
		err = row.Scan(&d.Organisation, &d.Currency, &d.Debits, &d.DebitMinor, &d.Refunds, &d.RefundMinor, &d.Failed, &d.OwedMinor)
		return d, err
	}, "sums of the clearing organisations")
}

// interopOwed is what we owe an organisation of all until a time.
func (s *settler) interopOwed(organisation, currency string, date bizday.Date, day bizday.Interval) (settlement.InteropDay, error) {
	list, err := s.interopDays(date, day)
	for _, d := range list {
		if d.Organisation == organisation && d.Currency == currency {
			return d, nil
		}
	}
	return settlement.InteropDay{Organisation: organisation, Currency: currency, Day: date}, err
}

const interopPaymentColumns = `number, organisation, currency, day, try, amount_minor, bank, payee_name, payee_account, payee_bank, state, maker, checker, file,
	bank_ref, reason, version, created_us, updated_us`

func scanInteropPayment(row scanner) (p settlement.InteropPayment, err error) {
	var day string
	var file sql.NullString
	err = row.Scan(&p.Number, &p.Organisation, &p.Currency, &day, &p.Try, &p.AmountMinor, &p.Bank, &p.Payee.Name, &p.Payee.Account, &p.Payee.Bank, &p.State,
		&p.Maker, &p.Checker, &file, &p.BankRef, &p.Reason, &p.Version, &p.CreatedAt, &p.UpdatedAt)
	if err != nil {
		return p, err
	}
	p.File = file.String
	p.Day, err = bizday.Parse(day)
	return p, err
}

// interopPayments reads the payments that a condition selects, by number.
func (s *settler) interopPayments(where string, args ...any) ([]settlement.InteropPayment, error) {
	q, err := s.stmt(`SELECT ` + interopPaymentColumns + ` FROM interop_payment WHERE ` + where + ` ORDER BY currency, number`)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(s.ctx, args...)
	return scanAll(rows, err, scanInteropPayment, "payments to clearing organisations")
}

// interopPayment reads a payment; nil if there is none.
func (s *settler) interopPayment(number string) (*settlement.InteropPayment, error) {
	list, err := s.interopPayments(`number = $1`, number)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// PayInterop proposes to pay an organisation what we owe it at the end of a day,
// or approves that a second time, by another person who asks for the same sum to
// the same payee; another proposal takes the place of one that nobody approved.
func (db *DB) PayInterop(ctx context.Context, organisation, currency string, date bizday.Date, day bizday.Interval, bank string, payee settlement.Payee, who string) (p settlement.InteropPayment, err error) {
	if err := required("who", who, maxName); err != nil {
		return p, err
	}
	err = db.settle(ctx, who, func(s *settler) error {
		d, err := s.interopOwed(organisation, currency, date, day)
		if err != nil {
			return err
		}
		refuse := func(reason string) error {
			return fault.New("E-6451", fault.V{"number": organisation + " " + currency + " " + date.String(), "reason": reason}, nil)
		}
		if s.now < day.To {
			return refuse("the day is not over")
		}
		open, err := s.interopPayments(`organisation = $1 AND currency = $2 AND state IN ('PROPOSED','APPROVED','PAYING','UNKNOWN')`, organisation, currency)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			p = open[0]
			if p.State != settlement.Proposed {
				return refuse("clearing payment " + p.Number + " is " + string(p.State))
			}
			if p.Day == date && p.AmountMinor == d.OwedMinor && p.Bank == bank && p.Payee == payee {
				return s.approveInterop(&p)
			}
			if err := s.moveInterop(&p, settlement.Closed, "another one was proposed"); err != nil {
				return err
			}
		}
		if d.OwedMinor <= 0 {
			return refuse("nothing is owed")
		}
		if why := payee.Wrong(); why != "" {
			return refuse(why)
		}
		p, err = s.proposeInterop(&d, bank, payee)
		return err
	})
	return p, wrap(err, "pay %s", organisation)
}

func (s *settler) proposeInterop(d *settlement.InteropDay, bank string, payee settlement.Payee) (settlement.InteropPayment, error) {
	var tries int
	if _, err := s.one(`SELECT COUNT(*) FROM interop_payment WHERE organisation = $1 AND currency = $2 AND day = $3`,
		[]any{d.Organisation, d.Currency, d.Day.String()}, &tries); err != nil {
		return settlement.InteropPayment{}, wrap(err, "payments of %s", d.Day)
	}
	p := settlement.NewInteropPayment(d, tries+1, bank, payee, s.who)
	p.Version, p.CreatedAt, p.UpdatedAt = 1, s.now, s.now
	n, err := s.exec(`INSERT INTO interop_payment (`+interopPaymentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', NULL, '', '', 1, $13, $13)`,
		p.Number, p.Organisation, p.Currency, p.Day.String(), p.Try, p.AmountMinor, p.Bank, p.Payee.Name, p.Payee.Account, p.Payee.Bank, p.State, p.Maker, s.now)
	return p, wrote(n, err, "payment", p.Number)
}

func (s *settler) approveInterop(p *settlement.InteropPayment) error {
	if paycore.SamePerson(p.Maker, s.who) {
		return fault.New("E-6490", fault.V{"subject": p.Number, "who": p.Maker}, nil)
	}
	p.Checker = s.who
	return s.moveInterop(p, settlement.Approved, "")
}

// moveInterop moves a payment of exactly the version that was read.
func (s *settler) moveInterop(p *settlement.InteropPayment, to settlement.State, reason string) error {
	if !p.State.AllowsInterop(to) {
		return fault.New("E-6451", fault.V{"number": p.Number, "reason": "clearing payment " + p.Number + " is " + string(p.State)}, nil)
	}
	p.State, p.Reason, p.UpdatedAt = to, reason, s.now
	n, err := s.exec(`UPDATE interop_payment SET state = $1, checker = $2, file = $3, bank_ref = $4, reason = $5, updated_us = $6, version = version + 1
		WHERE number = $7 AND version = $8`, p.State, p.Checker, orNull(p.File), p.BankRef, p.Reason, s.now, p.Number, p.Version)
	p.Version++
	return wrote(n, err, "payment", p.Number)
}

// startInterop puts the approved payments of a bank into files, one a currency,
// and takes their money out of what we owe. What refunds have come to since
// stays, and so does what no bank would take.
func (s *settler) startInterop(bank string, on bizday.Date) (files []settlement.File, blocked []Blocked, err error) {
	due, err := s.interopPayments(`state = 'APPROVED' AND bank = $1`, bank)
	for len(due) > 0 && err == nil {
		n := 1
		for n < len(due) && due[n].Currency == due[0].Currency {
			n++
		}
		var list []settlement.InteropPayment
		for _, p := range due[:n] {
			d, err := s.interopOwed(p.Organisation, p.Currency, p.Day, bizday.Interval{To: s.now + 1})
			switch {
			case err != nil:
				return nil, nil, err
			case d.OwedMinor < p.AmountMinor:
				blocked = append(blocked, Blocked{p.Number, "DEBT"})
			default:
				list = append(list, p)
			}
		}
		due = due[n:]
		if len(list) > 0 {
			var file settlement.File
			file, err = s.startInteropFile(bank, on, list)
			files = append(files, file)
		}
	}
	return files, blocked, err
}

func (s *settler) startInteropFile(bank string, on bizday.Date, list []settlement.InteropPayment) (settlement.File, error) {
	file, err := s.newPayoutFile(bank, list[0].Currency, on, inFile(list))
	for i := range list {
		p := &list[i]
		if err != nil {
			return file, err
		}
		if err = s.book(interopTxn(p, "sent"), "", p.Number, settlement.InteropStarted(p)); err == nil {
			crashpoint.Hit("settle.interop.journal")
			p.File = file.ID
			err = s.moveInterop(p, settlement.Paying, "")
		}
	}
	return file, err
}

func inFile(list []settlement.InteropPayment) []settlement.Payout {
	out := make([]settlement.Payout, len(list))
	for i := range list {
		out[i] = list[i].InFile()
	}
	return out
}

func interopTxn(p *settlement.InteropPayment, step string) string {
	return "interop_payment:" + p.Number + ":" + step
}

// hearInterop takes what the bank says about a payment to an organisation. What
// it contradicts itself about is booked on the word of two people; until then no
// bank is told of another one that waits.
func (s *settler) hearInterop(p *settlement.InteropPayment, a settlement.Answer, twoSaid bool) (settlement.Heard, error) {
	heard := p.Hear(a)
	if p.File == "" {
		return settlement.NoPayout, nil
	}
	if heard == settlement.Conflict && !twoSaid {
		waits, err := s.interopPayments(`organisation = $1 AND currency = $2 AND state IN ('PROPOSED','APPROVED')`, p.Organisation, p.Currency)
		for i := range waits {
			if err == nil {
				err = s.moveInterop(&waits[i], settlement.Closed, "the bank says that "+p.Number+" was paid after all")
			}
		}
		return heard, err
	}
	if heard != settlement.Moved && heard != settlement.Conflict {
		return heard, nil
	}
	if err := s.bookInterop(p, a.State); err != nil {
		return heard, err
	}
	crashpoint.Hit("settle.interop.answer")
	if a.BankRef != "" {
		p.BankRef = a.BankRef
	}
	return settlement.Moved, s.moveInterop(p, a.State, a.Reason)
}

// bookInterop posts what an answer means. What is undone is the exact opposite
// of what was posted, and points at it.
func (s *settler) bookInterop(p *settlement.InteropPayment, to settlement.State) error {
	sent, arrived := settlement.InteropStarted(p), settlement.PayoutArrived(&p.Payout)
	found, err := s.one(`SELECT id FROM journal WHERE id = $1`, []any{interopTxn(p, "found")}, new(string))
	if err != nil {
		return wrap(err, "journal of %s", p.Number)
	}
	out := interopTxn(p, "sent")
	if found {
		out = interopTxn(p, "found")
	}
	switch {
	case to == settlement.Paid && p.State == settlement.Failed:
		if err := s.book(interopTxn(p, "found"), "", p.Number, sent); err != nil {
			return err
		}
		return s.book(interopTxn(p, "paid"), "", p.Number, arrived)
	case to == settlement.Paid:
		return s.book(interopTxn(p, "paid"), "", p.Number, arrived)
	case to == settlement.Failed:
		return s.book(interopTxn(p, "failed"), out, p.Number, paycore.Opposite(sent))
	case to == settlement.Returned:
		if err := s.book(interopTxn(p, "unpaid"), interopTxn(p, "paid"), p.Number, paycore.Opposite(arrived)); err != nil {
			return err
		}
		return s.book(interopTxn(p, "returned"), out, p.Number, paycore.Opposite(sent))
	}
	return nil
}

// hearInteropByHand takes an answer that two people have seen.
func (s *settler) hearInteropByHand(p *settlement.InteropPayment, a settlement.Answer, reason string) (heard PayoutAnswer, done bool, err error) {
	if h := p.Hear(a); p.File == "" || h != settlement.Moved && h != settlement.Conflict {
		return heard, false, fault.New("E-6495", fault.V{"payout": p.Number, "state": p.State, "answer": a.State}, nil)
	}
	if a.Reason, done, err = s.saidByTwo(a, strconv.FormatInt(p.Version, 10), reason); err != nil || !done {
		return heard, false, err
	}
	heard = PayoutAnswer{Number: a.Number, Answer: a.State}
	heard.Heard, err = s.hearInterop(p, a, true)
	return heard, true, err
}
