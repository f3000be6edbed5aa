package paycore

import "strings"

// AccountType is one of the kinds of accounts of double-entry books.
type AccountType string

// The types. Assets and expenses grow on the debit side, the others on the
// credit side.
const (
	Asset     AccountType = "ASSET"
	Liability AccountType = "LIABILITY"
	Equity    AccountType = "EQUITY"
	Income    AccountType = "INCOME"
	Expense   AccountType = "EXPENSE"
)

// Normal is the side on which the type grows: 1 debit, -1 credit.
func (t AccountType) Normal() int64 {
	if t == Asset || t == Expense {
		return 1
	}
	return -1
}

// Subject (科目) is a line of the chart of accounts. A second-level subject
// stands below the first-level one whose code begins its own, and takes the
// accounts whose names begin with "<Kind>:".
type Subject struct {
	Code   string      `json:"code"`
	NameEN string      `json:"name_en"`
	NameZH string      `json:"name_zh"`
	Type   AccountType `json:"type"`
	Kind   string      `json:"kind,omitempty"` // "" of first-level subjects: nothing is posted to them
}

// chart is every subject, by code. An account of another kind does not exist.
var chart = []Subject{
	{"1002", "Bank deposits", "银行存款", Asset, ""},
	{"100201", "Banks that pay out", "出款银行", Asset, "bank"},
	{"1122", "Receivables", "应收账款", Asset, ""},
	{"112201", "Channels' clearing", "应收渠道清算款", Asset, "clearing"},
	{"1221", "Other receivables", "其他应收款", Asset, ""},
	{"122101", "Suspense paid", "暂付款", Asset, "suspense_paid"},
	{"2202", "Payables", "应付账款", Liability, ""},
	{"220201", "Merchants", "应付商户款", Liability, "payable"},
	{"220202", "Refunds under way", "应付退款", Liability, "refund_payable"},
	{"220203", "Payouts under way", "在途出款", Liability, "payout_clearing"},
	{"220204", "Clearing organisations", "应付清算机构款", Liability, "interop_clearing"},
	{"2241", "Other payables", "其他应付款", Liability, ""},
	{"224101", "Suspense received", "暂收款", Liability, "suspense_received"},
	{"224102", "Balances of users", "用户余额", Liability, "wallet"},
	{"224109", "Remittances received", "待核销汇款", Liability, "remittance_received"},
	{"4001", "Capital", "实收资本", Equity, ""},
	{"6001", "Operating income", "主营业务收入", Income, ""},
	{"600101", "Fees of merchants", "商户手续费收入", Income, "merchant_fee_income"},
	{"6601", "Selling expenses", "销售费用", Expense, ""},
	{"660101", "Fees of channels", "渠道手续费", Expense, "fee_expense"},
	{"6711", "Non-operating expenses", "营业外支出", Expense, ""},
	{"671101", "Written off", "核销损失", Expense, "write_off"},
}

var subjectByKind = func() map[string]Subject {
	m := make(map[string]Subject, len(chart))
	for _, s := range chart {
		if s.Kind != "" {
			m[s.Kind] = s
		}
	}
	return m
}()

// Chart returns all subjects, by code.
func Chart() []Subject { return append([]Subject(nil), chart...) }

// SubjectOf returns the subject that an account falls into; false if the
// account is not of the chart.
func SubjectOf(account string) (Subject, bool) {
	kind, of, named := strings.Cut(account, ":")
	s, ok := subjectByKind[kind]
	return s, ok && named && of != ""
}

// First is the code of the first-level subject.
func (s Subject) First() string { return s.Code[:4] }
