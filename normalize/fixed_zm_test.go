package normalize_test

import (
	"fmt"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	zmMerchant = "700000000000001"
	zmName     = "INN26112088ZM_" + zmMerchant
	zmeName    = "INN26112088ZME_" + zmMerchant
)

// zm is one row of the general flow. The byte offsets in row are those of the
// published table, written down a second time: they do not come from the
// definition under test.
type zm struct {
	code, trace, sent, amount, query, order string
	fee, settle, txnType                    string
	origQuery, origOrder, merchant, note    string
	shop                                    string
}

// purchase is a payment with 0.55 % of fee, as the File of the README has them.
func purchase(n int, sent string, fen int64) zm {
	fee := (fen*55 + 5000) / 10000
	r := zm{
		code: "S22", trace: fmt.Sprintf("%06d", 900000+n), sent: sent, amount: fmt.Sprintf("%012d", fen),
		query: fmt.Sprintf("2026%s%07d", sent, n), order: fmt.Sprintf("A20261120%06d", n), txnType: "01",
		fee: cd(-fee), settle: cd(fen - fee), merchant: zmMerchant,
	}
	return r
}

// refund gives fen back for a purchase; no fee comes back.
func refund(n int, sent string, fen int64, of zm) zm {
	r := purchase(n, sent, fen)
	r.order = fmt.Sprintf("R20261120%06d", n)
	r.txnType, r.fee, r.settle, r.origQuery, r.origOrder = "04", cd(0), cd(-fen), of.query, of.order
	return r
}

// cd prints X+n12.
func cd(fen int64) string {
	switch {
	case fen > 0:
		return fmt.Sprintf("C%012d", fen)
	case fen < 0:
		return fmt.Sprintf("D%012d", -fen)
	}
	return " 000000000000"
}

func (r zm) row(t testing.TB) []byte {
	b := blanks(607)
	put := func(offset, width int, value string) { putField(t, b, offset, width, value) }
	put(0, 3, r.code)
	put(4, 11, "48028888")
	put(16, 11, "01040000")
	put(28, 6, r.trace)
	put(35, 10, r.sent)
	put(46, 19, "621483******1234")
	put(66, 12, r.amount)
	put(79, 4, "5411")
	put(84, 2, "07")
	put(87, 21, r.query)
	put(112, 32, r.order)
	put(145, 2, "01")
	put(148, 6, "000000")
	put(155, 10, "0000000000")
	put(166, 13, r.fee)
	put(180, 13, r.settle)
	put(194, 4, "0201")
	put(215, 2, r.txnType)
	put(218, 2, "01")
	put(221, 6, "000201")
	put(271, 21, r.origQuery)
	put(293, 15, r.merchant)
	put(311, 15, "000000000000000")
	put(327, 32, r.shop)
	put(360, 13, cd(0))
	put(374, 13, r.settle)
	put(397, 32, r.note)
	put(430, 13, cd(0))
	put(444, 13, cd(0))
	put(458, 12, " 00000000000")
	put(471, 2, "00")
	put(476, 32, r.origOrder)
	return b
}

// zme is one row of the error flow.
type zme struct{ code, trace, sent, amount, origTrace, origSent, fee, settle string }

func (r zme) row(t testing.TB) []byte {
	b := blanks(339)
	put := func(offset, width int, value string) { putField(t, b, offset, width, value) }
	put(0, 3, r.code)
	put(4, 11, "48028888")
	put(16, 11, "01040000")
	put(28, 6, r.trace)
	put(35, 10, r.sent)
	put(46, 19, "621483******1234")
	put(66, 12, r.amount)
	put(79, 4, "5411")
	put(84, 2, "07")
	put(87, 2, "01")
	put(90, 6, r.origTrace)
	put(97, 10, r.origSent)
	put(108, 4, "1118")
	put(113, 12, r.amount)
	put(126, 13, r.fee)
	put(140, 13, r.settle)
	put(170, 15, zmMerchant)
	put(188, 12, " 00000000000")
	put(201, 2, "00")
	return b
}

func blanks(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = ' '
	}
	return b
}

// putField writes a value, in GBK, into a field; one that does not fit is a
// defect of the test.
func putField(t testing.TB, b []byte, offset, width int, value string) {
	raw, err := simplifiedchinese.GBK.NewEncoder().String(value)
	if err != nil || len(raw) > width {
		t.Fatalf("%q does not fit into %d bytes: %v", value, width, err)
	}
	copy(b[offset:offset+width], raw)
}

// joined puts rows together, each with its line end.
func joined(end string, rows ...[]byte) []byte {
	var b []byte
	for _, r := range rows {
		b = append(append(b, r...), end...)
	}
	return b
}

// zmDay is a small day with each kind of row.
func zmDay(t testing.TB) (flow, errors []byte) {
	first := purchase(1, "1119230201", 1_000)
	second := purchase(2, "1120090000", 123_456_789)
	second.note, second.shop = "备注：亅|测试", "示例商户"
	third := purchase(3, "1120120000", 1)
	third.fee, third.settle = cd(0), cd(1)
	completion := purchase(4, "1120123000", 50_000)
	completion.txnType = "03"
	same := purchase(5, "1120130000", 700)
	same.trace = first.trace
	voided := purchase(6, "1120140000", 8_800)
	void := refund(7, "1120140500", 8_800, voided)
	void.txnType, void.fee, void.settle = "31", "C000000000048", "D000000008752"
	other := purchase(8, "1120150000", 300)
	other.txnType = "02"
	flow = joined("\r\n", first.row(t), second.row(t), third.row(t), completion.row(t), same.row(t), voided.row(t),
		void.row(t), refund(9, "1120160000", 400, first).row(t), other.row(t), purchase(10, "1120230156", 99_999).row(t))
	errors = joined("\r\n",
		zme{"E32", "111111", "1120100000", "000000001000", "900001", "1118230201", cd(6), cd(-994)}.row(t),
		zme{"E22", "111112", "1120100001", "000000000500", "900007", "1118230301", cd(0), cd(500)}.row(t))
	return flow, errors
}
