package report

import (
	"tieout/internal/fault"
	"tieout/schemas"
)

// Word gives the word that the pages use for one of the program's own words:
// Word(fault.Chinese, "class", schemas.AmountMismatch) is "金额不符". Areas are
// "class", "kind", "verdict", "state", "action", "status" and "fix". A word that
// the table does not hold is shown as it is.
func Word(lang fault.Lang, area string, v any) string { return tongue{lang}.word(area, v) }

// Reason is the sentence that the pages show for a difference.
func Reason(lang fault.Lang, d *schemas.Difference) string { return tongue{lang}.reason(d) }

// Proof says in words what a proof proves; "" if the table does not know it.
func Proof(lang fault.Lang, name string) string { return tongue{lang}.proof(name) }

// Amount writes minor units for people: "-1,203,441.07".
func Amount(lang fault.Lang, minor int64, currency string) string {
	return tongue{lang}.money(minor, currency)
}

// SignedAmount is Amount with a plus before what is more than zero.
func SignedAmount(lang fault.Lang, minor int64, currency string) string {
	return tongue{lang}.signed(minor, currency)
}
