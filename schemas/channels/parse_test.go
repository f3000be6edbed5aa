package channels

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const small = `
name: small
title: {en: Small, zh: 小}
version: "1"
zone: Asia/Shanghai
currency: CNY
statements: [{kind: BANK}]
columns:
  t:
    id: {type: id}
    amount: {type: amount}
    word: {type: word, words: [A, B]}
rows: {t: [{kind: PAYMENT, status_by: word, statuses: {A: SUCCESS, B: FAILED}, set: {merchant_ref: id, amount: amount}}]}
totals: {t: {rows: {count: true}}}
formats:
  - name: f
    statement: BANK
    shape: delimited
    delimited: {delimiter: ","}
    headers: [[id, amount, word]]
    columns: t
    rows: t
    totals: t
    tail: [{pattern: 'T(?P<rows>[0-9]+)'}]
`

func TestParse_Small(t *testing.T) {
	d, err := Parse("small", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if d.Day().Zone.String() != "Asia/Shanghai" || d.Day().CutOff != 0 {
		t.Errorf("day %+v", d.Day())
	}
	if _, ok := d.Statement("TRADE"); ok {
		t.Error("a statement that the definition does not have")
	}
}

// Each mistake is found, and named by where it stands.
func TestParse_Mistakes(t *testing.T) {
	for name, c := range map[string]struct{ from, to, message string }{
		"unknown key":          {"version: \"1\"", "version: \"1\"\ncutoff: x", "line 5: field cutoff not found"},
		"unknown key in a row": {"merchant_ref: id", "order: id", "field order not found"},
		"zone":                 {"Asia/Shanghai", "Asia/Nowhere", `zone "Asia/Nowhere" is not known`},
		"currency":             {"currency: CNY", "currency: XYZ", `currency "XYZ" is not known`},
		"cut-off":              {"zone: Asia/Shanghai", "zone: Asia/Shanghai\ncut_off: 25h", "cut-off"},
		"status not total":     {"{A: SUCCESS, B: FAILED}", "{A: SUCCESS}", `no entry for "B"`},
		"column unknown":       {"[[id, amount, word]]", "[[id, amount, wort]]", `no rule for the column "wort"`},
		"field unknown":        {"merchant_ref: id", "merchant_ref: no", `no column "no"`},
		"field of other type":  {"amount: amount}}]}", "amount: id}}]}", "is a id, and must be one of amount"},
		"total unknown":        {"?P<rows>", "?P<lines>", `no total "lines"`},
		"pattern":              {"[0-9]+", "[0-9+", "missing closing ]"},
		"statement":            {"statement: BANK", "statement: FUND", `no statement "FUND"`},
		"shape":                {"shape: delimited", "shape: csv", `shape is "csv"`},
		"kind":                 {"kind: PAYMENT", "kind: PAYMENTS", "unknown word"},
		"two documents":        {"\nname: small", "\n---\nname: small\n---\nname: small", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(small, c.from) {
				t.Fatalf("nothing to replace: %q", c.from)
			}
			_, err := Parse("small", []byte(strings.Replace(small, c.from, c.to, 1)))
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("error %v, want one with %q", err, c.message)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		bad := strings.NewReplacer("currency: CNY", "currency: XYZ", "Asia/Shanghai", "Nowhere", "merchant_ref: id", "merchant_ref: no").Replace(small)
		_, err := Parse("small", []byte(bad))
		for _, word := range []string{"XYZ", "Nowhere", `"no"`} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("the mistake %s is not named: %v", word, err)
			}
		}
	})
}

func TestLoad(t *testing.T) {
	if _, err := Load(fstest.MapFS{"bank.yaml": {Data: []byte(small)}}, "bank.yaml"); err != nil {
		t.Error(err)
	}
	if _, err := Load(fstest.MapFS{}, "bank.yaml"); err == nil {
		t.Error("a missing file loads")
	}
}

// Every channel folder says where its rules come from, and has samples.
func TestFolders(t *testing.T) {
	for _, name := range list {
		for _, need := range []string{"README.md", "channel.yaml", "testdata/raw", "testdata/golden"} {
			if _, err := os.Stat(name + "/" + need); err != nil {
				t.Error(err)
			}
		}
	}
}
