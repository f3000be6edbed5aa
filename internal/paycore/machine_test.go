package paycore

import "testing"

// The rules that no edit of the tables may break.
func TestMachinesKeepTheirPromises(t *testing.T) {
	for m := range orderMoves {
		if m.from == Closed && m.by != ByReverse {
			t.Errorf("a closed order is reopened: %v", m)
		}
	}
	for m := range paymentMoves {
		switch {
		case m.from == Closed && m.to == Success && m.by != ByApproved && m.by != BySetting, // RefundLate alone asks by setting
			m.from == Failed && m.to == Success && (m.by == ByNotice || m.by == ByAnswer || m.by == ByCore):
			t.Errorf("a payment comes back without the reconciliation: %v", m)
		case m.from == Success && m.by != ByApproved && m.by != ByReverse:
			t.Errorf("a credit is taken back by one alone: %v", m)
		}
	}
	for m := range refundMoves {
		if m.from == Closed {
			t.Errorf("a given-up refund moves: its money is the merchant's again: %v", m)
		}
		if m.to == Closed && m.from != Failed {
			t.Errorf("a refund that may still be paid is given up: %v", m)
		}
	}
	for name, machine := range map[string]machine{"order": orderMoves, "payment": paymentMoves, "refund": refundMoves} {
		for m, legal := range machine {
			if !legal || m.from == m.to || m.to == None {
				t.Errorf("%s: %v is no move", name, m)
			}
		}
	}
}

func TestRateRoundsHalfUp(t *testing.T) {
	for _, c := range []struct{ amount, ppm, want int64 }{
		{10000, 6000, 60}, {83, 6000, 0}, {84, 6000, 1}, {250, 6000, 2}, {1, 1_000_000, 1}, {0, 6000, 0}, {1 << 50, 5500, 6192449487634},
	} {
		if got, err := (Rate{PPM: c.ppm}).of(c.amount); err != nil || got != c.want {
			t.Errorf("%d at %d ppm: got %d, %v, want %d", c.amount, c.ppm, got, err, c.want)
		}
	}
	for _, c := range []struct{ amount, ppm int64 }{{1 << 62, 6000}, {1, -1}, {1, 1_000_001}} {
		if fee, err := (Rate{PPM: c.ppm}).of(c.amount); err == nil {
			t.Errorf("%d at %d ppm: got %d", c.amount, c.ppm, fee)
		}
	}
}

func TestBalancedRefuses(t *testing.T) {
	for name, e := range map[string][]Entry{
		"nothing":     nil,
		"one leg":     {{"a", "CNY", 1}},
		"unequal":     {{"a", "CNY", 1}, {"b", "CNY", -2}},
		"currencies":  {{"a", "CNY", 1}, {"b", "USD", -1}},
		"zero":        {{"a", "CNY", 0}, {"b", "CNY", 0}},
		"overflow":    {{"a", "CNY", 1 << 62}, {"b", "CNY", 1 << 62}, {"c", "CNY", 1 << 62}, {"d", "CNY", 1 << 62}},
		"no account":  {{"", "CNY", 1}, {"b", "CNY", -1}},
		"no currency": {{"a", "", 1}, {"b", "", -1}},
	} {
		if Balanced(e) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := Balanced([]Entry{{"a", "CNY", 3}, {"b", "CNY", -1}, {"c", "CNY", -2}}); err != nil {
		t.Error(err)
	}
}
