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
