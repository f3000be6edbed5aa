package store

import (
	"context"
	"database/sql"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/risk"
)

// RiskDecision is what was decided about a payment or a debit, and what holds
// now.
type RiskDecision struct {
	risk.Facts
	risk.Decision              // by the rules; Outcome is what they said
	Now           risk.Outcome // what holds: a review ends with PASS or REJECT
	Maker         string
	Checker       string
	Reason        string
	UpdatedAt     int64
}

const riskColumns = `pay_no, merchant, payer, ip, card_bin, amount_minor, currency, at_us, decided, rule, rules_version, measured, most, outcome, maker, checker, reason, updated_us`

func scanRisk(row scanner) (d RiskDecision, err error) {
	err = row.Scan(&d.PayNo, &d.Merchant, &d.Payer, &d.IP, &d.CardBIN, &d.AmountMinor, &d.Currency, &d.At, &d.Outcome, &d.Rule, &d.Version, &d.Measured, &d.Limit,
		&d.Now, &d.Maker, &d.Checker, &d.Reason, &d.UpdatedAt)
	return d, err
}

// JudgeRisk decides about a payment once, and returns what holds: measuring the
// payments before it, deciding and keeping the decision are one transaction, so
// that of payments at the same time each counts the others.
func (db *DB) JudgeRisk(ctx context.Context, rules *risk.Rules, f risk.Facts) (now risk.Outcome, err error) {
	err = db.settle(ctx, "auto", func(s *settler) error {
		known, err := s.one(`SELECT outcome FROM risk_decision WHERE pay_no = $1`, []any{f.PayNo}, &now)
		if err != nil || known {
			return err
		}
		f.At = s.now
		d, err := s.judge(rules, &f)
		if err != nil {
			return err
		}
		now = d.Outcome
		n, err := s.exec(`INSERT INTO risk_decision (`+riskColumns+`, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $9, '', '', '', $8, 1)`,
			f.PayNo, f.Merchant, f.Payer, f.IP, f.CardBIN, f.AmountMinor, f.Currency, f.At, d.Outcome, d.Rule, d.Version, d.Measured, d.Limit)
		return wrote(n, err, "risk decision of", f.PayNo)
	})
	return now, wrap(err, "judge payment %s", f.PayNo)
}

// judge decides by what is measured now.
func (b *books) judge(rules *risk.Rules, f *risk.Facts) (d risk.Decision, err error) {
	before := map[string]risk.Measured{}
	for i := range rules.Rules {
		if r := &rules.Rules[i]; r.Window != 0 {
			if before[r.ID], err = b.measure(r, f); err != nil {
				return d, err
			}
		}
	}
	return rules.Decide(f, before), nil
}

// riskView judges a new debit of a wallet.
func (b *books) riskView(r paycore.Reads, v *paycore.View) (err error) {
	if r.Rules == nil || v.Debit != nil || v.Token == nil || v.Accounts[v.Token.AccountKey()] == nil {
		return nil
	}
	j := risk.Judged{Facts: r.Facts}
	j.Payer = v.Accounts[v.Token.AccountKey()].Entity
	if j.Decision, err = b.judge(r.Rules, &j.Facts); err == nil {
		v.Judged = &j
	}
	return err
}

func (b *books) putJudged(k paycore.InteropKey, j *risk.Judged) error {
	n, err := b.exec(`INSERT INTO interop_risk (organisation, number, merchant, payer, amount_minor, currency, decided, rule, rules_version, measured, most, at_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, k.Organisation, k.Number, j.Merchant, j.Payer, j.AmountMinor, j.Currency, j.Outcome, j.Rule, j.Version, j.Measured, j.Limit, j.At)
	return wrote(n, err, "risk decision of", j.PayNo)
}

// measure adds up the payments and debits before within the window of a rule.
// Those that were rejected count as tries, but moved no money.
func (b *books) measure(r *risk.Rule, f *risk.Facts) (m risk.Measured, err error) {
	value, ok := r.Measures(f)
	if !ok {
		return m, nil
	}
	query := paymentsJudged + `merchant = $3` + debitsJudged + `merchant = $3) y`
	switch r.Field {
	case risk.Payer:
		query = paymentsJudged + `payer = $3 AND payer <> ''` + debitsJudged + `payer = $3) y`
	case risk.IP:
		query = paymentsJudged + `ip = $3 AND ip <> '') y`
	case risk.CardBIN:
		query = paymentsJudged + `card_bin = $3 AND card_bin <> '') y`
	}
	_, err = b.one(query, []any{f.At - r.Window.Microseconds(), r.Currency, value}, &m.Count, &m.SumMinor)
	return m, wrap(err, "measure rule %s", r.ID)
}

const (
	paymentsJudged = `SELECT SUM(tries), SUM(minor) FROM (SELECT COUNT(*) AS tries, COALESCE(SUM(CASE WHEN outcome IN ('PASS','REVIEW') THEN amount_minor ELSE 0 END), 0) AS minor
		FROM risk_decision WHERE at_us > $1 AND ($2 = '' OR currency = $2) AND `
	debitsJudged = ` UNION ALL SELECT COUNT(*), COALESCE(SUM(CASE decided WHEN 'PASS' THEN amount_minor ELSE 0 END), 0)
		FROM interop_risk WHERE at_us > $1 AND ($2 = '' OR currency = $2) AND `
)

// RiskDecisions lists decisions, the newest first; waiting: reviews that nobody
// has decided, the oldest first.
func (db *DB) RiskDecisions(ctx context.Context, waiting bool, limit int) ([]RiskDecision, error) {
	query := `SELECT ` + riskColumns + ` FROM risk_judged ORDER BY at_us DESC, pay_no LIMIT $1`
	if waiting {
		query = `SELECT ` + riskColumns + ` FROM risk_decision WHERE outcome = 'REVIEW' ORDER BY at_us, pay_no LIMIT $1`
	}
	rows, err := db.sql.QueryContext(ctx, query, limit)
	return scanAll(rows, err, scanRisk, "list risk decisions")
}

// RiskDecision returns the decision about a payment, or about a debit (nucc/T1);
// E-6416 if there is none.
func (db *DB) RiskDecision(ctx context.Context, no string) (RiskDecision, error) {
	return oneRisk(db.sql.QueryRowContext(ctx, `SELECT `+riskColumns+` FROM risk_judged WHERE pay_no = $1`, no), no)
}

// riskDecision returns the decision about a payment.
func (b *books) riskDecision(payNo string) (RiskDecision, error) {
	return oneRisk(b.t.QueryRowContext(b.ctx, `SELECT `+riskColumns+` FROM risk_decision WHERE pay_no = $1`, payNo), payNo)
}

func oneRisk(row *sql.Row, no string) (RiskDecision, error) {
	d, err := scanRisk(row)
	if err == sql.ErrNoRows {
		return d, noSplit(no)
	}
	return d, wrap(err, "read the risk decision of %s", no)
}

// EndReview is a person's word on a payment that is held for review. One person
// rejects; a release of more than twoAbove needs two. False: a second person is
// needed still.
func (db *DB) EndReview(ctx context.Context, payNo string, release bool, twoAbove int64, who, reason string) (d RiskDecision, done bool, err error) {
	if err := required("who", who, maxName); err != nil {
		return d, false, err
	}
	if err := required("reason", reason, maxNote); err != nil {
		return d, false, err
	}
	err = db.settle(ctx, who, func(s *settler) error {
		if d, err = s.riskDecision(payNo); err != nil {
			return err
		}
		if d.Now != risk.Review {
			return fault.New("E-6435", fault.V{"number": payNo, "state": d.Now}, nil)
		}
		maker, checker, why, to := who, "", reason, risk.Reject // a transaction may run again
		if release {
			to = risk.Pass
			switch {
			case d.AmountMinor <= twoAbove: // one is enough
			case d.Maker == "":
				done = false
				n, err := s.exec(`UPDATE risk_decision SET maker = $1, reason = $2, updated_us = $3, version = version + 1 WHERE pay_no = $4 AND outcome = 'REVIEW' AND maker = ''`,
					who, reason, s.now, payNo)
				return wrote(n, err, "review of", payNo)
			case paycore.SamePerson(d.Maker, who):
				return fault.New("E-6490", fault.V{"subject": payNo, "who": d.Maker}, nil)
			default:
				maker, checker, why = d.Maker, who, d.Reason
			}
		}
		done = true
		n, err := s.exec(`UPDATE risk_decision SET outcome = $1, maker = $2, checker = $3, reason = $4, updated_us = $5, version = version + 1
			WHERE pay_no = $6 AND outcome = 'REVIEW'`, to, maker, checker, why, s.now, payNo)
		if err := wrote(n, err, "review of", payNo); err != nil {
			return err
		}
		d, err = s.riskDecision(payNo)
		return err
	})
	return d, done, wrap(err, "decide about payment %s", payNo)
}
