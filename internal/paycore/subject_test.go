package paycore

import "testing"

// TestChart: codes ascend, each second-level subject stands below one of the
// first level and of its type, and no two take the same accounts.
func TestChart(t *testing.T) {
	types, kinds, last := map[string]AccountType{}, map[string]bool{}, ""
	for _, s := range Chart() {
		if s.Code <= last && !(len(last) == 6 && last[:4] < s.Code) {
			t.Errorf("%s stands behind %s", s.Code, last)
		}
		last = s.Code
		switch {
		case len(s.Code) == 4 && s.Kind == "":
			types[s.Code] = s.Type
		case len(s.Code) != 6 || s.Kind == "" || kinds[s.Kind]:
			t.Errorf("%+v is no subject", s)
		case types[s.First()] != s.Type:
			t.Errorf("%s is %s, %s is %s", s.Code, s.Type, s.First(), types[s.First()])
		}
		kinds[s.Kind] = true
		if s.NameEN == "" || s.NameZH == "" {
			t.Errorf("%s has no name", s.Code)
		}
	}
}

func TestSubjectOf(t *testing.T) {
	for account, code := range map[string]string{
		"clearing:wechat:wechat-main": "112201", "payable:M01": "220201", "wallet:U01": "224102", "merchant_fee_income:wechat": "600101",
		"payables:M01": "", "payable": "", "payable:": "", "": "", ":M01": "", "Payable:M01": "",
	} {
		s, ok := SubjectOf(account)
		if ok != (code != "") || ok && s.Code != code {
			t.Errorf("%q: got %q, %v, want %q", account, s.Code, ok, code)
		}
	}
}
