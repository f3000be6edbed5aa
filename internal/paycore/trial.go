package paycore

import "tieout/internal/money"

// Movement is what a day did to an account, or to a subject. Opening and
// closing are signed, debit positive; debit and credit are not.
type Movement struct {
	Code         string `json:"code"`              // of the subject
	Account      string `json:"account,omitempty"` // "" on a subject
	Currency     string `json:"currency"`
	OpeningMinor int64  `json:"opening_minor"`
	DebitMinor   int64  `json:"debit_minor"`
	CreditMinor  int64  `json:"credit_minor"`
	ClosingMinor int64  `json:"closing_minor"`
}

// TrialBalance (试算平衡表) is a day of the ledger.
type TrialBalance struct {
	Accounts []Movement `json:"accounts"`
	Subjects []Movement `json:"subjects"` // first and second level, in the order of the chart
	Totals   []Movement `json:"totals"`   // one a currency
	Broken   []Movement `json:"broken"`   // accounts and totals that do not agree; none in right books
}

// Try makes the trial balance of the movements of all accounts.
func Try(accounts []Movement) (TrialBalance, error) {
	t := TrialBalance{Accounts: accounts, Subjects: []Movement{}, Totals: []Movement{}, Broken: []Movement{}}
	type key struct{ code, currency string }
	sums := map[key]*Movement{}
	var currencies []string
	for i, m := range accounts {
		if s, known := SubjectOf(m.Account); known {
			accounts[i].Code = s.Code
		} else {
			t.Broken = append(t.Broken, m)
		}
		if sums[key{"", m.Currency}] == nil {
			currencies = append(currencies, m.Currency)
		}
		codes := []string{""} // of the total
		if code := accounts[i].Code; code != "" {
			codes = append(codes, code, code[:4])
		}
		for _, code := range codes {
			k := key{code, m.Currency}
			if sums[k] == nil {
				sums[k] = &Movement{Code: code, Currency: m.Currency}
			}
			if err := sums[k].add(m); err != nil {
				return t, err
			}
		}
		if !m.agrees() {
			t.Broken = append(t.Broken, m)
		}
	}
	for _, currency := range currencies {
		for _, s := range chart {
			if m := sums[key{s.Code, currency}]; m != nil {
				t.Subjects = append(t.Subjects, *m)
			}
		}
		total := *sums[key{"", currency}]
		t.Totals = append(t.Totals, total)
		if total.DebitMinor != total.CreditMinor || total.OpeningMinor != 0 || total.ClosingMinor != 0 {
			t.Broken = append(t.Broken, total)
		}
	}
	return t, nil
}

func (m *Movement) add(o Movement) error {
	for _, x := range [...]struct {
		to *int64
		by int64
	}{{&m.OpeningMinor, o.OpeningMinor}, {&m.DebitMinor, o.DebitMinor}, {&m.CreditMinor, o.CreditMinor}, {&m.ClosingMinor, o.ClosingMinor}} {
		sum, err := money.Add(*x.to, x.by)
		if err != nil {
			return err
		}
		*x.to = sum
	}
	return nil
}

// agrees: opening + debits - credits = closing.
func (m *Movement) agrees() bool {
	var s money.Sum
	s.Add(m.OpeningMinor)
	s.Add(m.DebitMinor)
	s.Add(-m.CreditMinor)
	v, err := s.Int64()
	return err == nil && v == m.ClosingMinor
}
