package match

import (
	"testing"

	"tieout/schemas"
)

func TestSameTexts(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   bool
	}{
		{nil, true}, {[]string{"CNY"}, true}, {[]string{"CNY", "CNY", "CNY"}, true}, {[]string{"", ""}, true},
		{[]string{"CNY", "USD"}, false}, {[]string{"CNY", "CNY", "CNH"}, false}, {[]string{"", "CNY"}, false},
		{[]string{"CNY", "", "CNYCNY"}, false}, {[]string{"AA", "A", "AAA"}, false},
	} {
		var column schemas.Text
		for _, v := range c.values {
			column.AppendString(v)
		}
		if got := sameTexts(&column); got != c.want {
			t.Errorf("%q: %t", c.values, got)
		}
	}
}

// A prefix is guessed that rows to come have too, and whatever it is, keys are
// told apart by all of their bytes.
func TestUsualPrefix(t *testing.T) {
	for _, c := range []struct {
		rows int64
		keys []string
		want string
	}{
		{3, []string{"M2026112000010001", "M2026112000029999", "M2026112000034444"}, "M20261120000"},
		{3000, []string{"M2026112000010001", "M2026112000029999", "M2026112000034444"}, "M20261120"},
		{1 << 40, []string{"M2026112000010001", "M2026112000029999", "M2026112000034444"}, ""},
		{3, []string{"A1", "B1", "C1"}, ""},
		{3, []string{"A1", "", "A2"}, "A"},
		{1, []string{"A1"}, "A1"},
		{1, []string{""}, ""},
	} {
		var b schemas.Batch
		for _, key := range c.keys {
			b.Append(&schemas.Record{Kind: schemas.Payment, MerchantRef: key})
		}
		if got := string(usualPrefix(&b, c.rows)); got != c.want {
			t.Errorf("%d rows like %q: %q, not %q", c.rows, c.keys, got, c.want)
		}
	}
}
