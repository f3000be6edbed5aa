package paycore

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrialBalance(t *testing.T) {
	day := []Movement{
		{Account: "clearing:wechat:a", Currency: "CNY", OpeningMinor: 100, DebitMinor: 50, CreditMinor: 20, ClosingMinor: 130},
		{Account: "payable:M01", Currency: "CNY", OpeningMinor: -60, DebitMinor: 20, CreditMinor: 50, ClosingMinor: -90},
		{Account: "payable:M02", Currency: "CNY", OpeningMinor: -40, ClosingMinor: -40},
	}
	got, err := Try(day)
	if err != nil {
		t.Fatal(err)
	}
	want := []Movement{
		{Code: "1122", Currency: "CNY", OpeningMinor: 100, DebitMinor: 50, CreditMinor: 20, ClosingMinor: 130},
		{Code: "112201", Currency: "CNY", OpeningMinor: 100, DebitMinor: 50, CreditMinor: 20, ClosingMinor: 130},
		{Code: "2202", Currency: "CNY", OpeningMinor: -100, DebitMinor: 20, CreditMinor: 50, ClosingMinor: -130},
		{Code: "220201", Currency: "CNY", OpeningMinor: -100, DebitMinor: 20, CreditMinor: 50, ClosingMinor: -130},
	}
	if diff := cmp.Diff(want, got.Subjects); diff != "" || len(got.Broken) != 0 {
		t.Errorf("broken %v; subjects:\n%s", got.Broken, diff)
	}
	for name, edit := range map[string]func([]Movement){
		"movements do not explain the closing": func(m []Movement) { m[0].ClosingMinor++ },
		"debits and credits differ":            func(m []Movement) { m[0].DebitMinor++; m[0].ClosingMinor++ },
		"the day before did not balance":       func(m []Movement) { m[0].OpeningMinor++; m[0].ClosingMinor++ },
		"an account of no subject":             func(m []Movement) { m[0].Account = "slush:boss" },
	} {
		wrong := append([]Movement(nil), day...)
		edit(wrong)
		if got, err := Try(wrong); err != nil || len(got.Broken) == 0 {
			t.Errorf("%s: not noticed, %v", name, err)
		}
	}
}
