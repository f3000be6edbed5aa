package normalize_test

import (
	"strings"
	"testing"

	"tieout/normalize"
	"tieout/schemas/channels"
)

func TestCheck(t *testing.T) {
	defs, err := allChannels()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if err := normalize.Check(d); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	for name, c := range map[string]struct{ from, to, message string }{
		"time layout":  {"HH:mm:ss", "hh:mm:ss", "is no part of a time"},
		"tail":         {"TOTAL,", "[A-Z]+,", "must begin with literal text"},
		"amount scale": {"amount: {type: amount, sign: any}", "amount: {type: amount, sign: any, decimals: 3}", "not in whole minor units"},
	} {
		d, err := channels.Parse("test", []byte(strings.Replace(quotedSource("CNY"), c.from, c.to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := normalize.Check(d); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v, want %q", name, err, c.message)
		}
	}
}
