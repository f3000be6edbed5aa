package fetchers

import (
	"errors"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas"
)

var oneDay = schemas.StatementRequest{Channel: "bank", Account: "80001", Date: bizday.Make(2026, 12, 31), Statement: "BANK", Variant: "ZM"}

func TestExpand(t *testing.T) {
	for pattern, want := range map[string]string{
		"{merchant}_{yyyymmdd}.txt":   "80001_20261231.txt",
		"{yyyy}/{mm}/{dd}/x":          "2026/12/31/x",
		"INN{yymmdd}88{variant}":      "INN26123188ZM",
		"{yyyymmdd+1}.zip":            "20270101.zip",
		"{part}-{part2}-{part3}":      "7-07-007",
		"{statement}.{merchant}.data": "BANK.80001.data",
	} {
		if got, err := expand(pattern, wordsOf(oneDay, 7)); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", pattern, got, err, want)
		}
	}
}

// A name is data: it never leaves its folder, becomes an option, or breaks a
// line of the protocol.
func TestAttack02_Names(t *testing.T) {
	for _, account := range []string{"../../etc/passwd", "a/b", `C:\x`, "a\x00b", "a\r\nDELE x", "$(id)", "a b", "商户"} {
		req := oneDay
		req.Account = account
		if got, err := expand("{merchant}.txt", wordsOf(req, 1)); err == nil {
			t.Errorf("account %q became %q", account, got)
		}
	}
	for _, pattern := range []string{"../x", "a/../../x", "-rf", "x\ny", "{", "{nothing}", "{yyyymmdd+x}", "{yyyymmdd+999}", `..\x`} {
		if got, err := expand(pattern, wordsOf(oneDay, 1)); err == nil {
			t.Errorf("pattern %q became %q", pattern, got)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("{merchant}_{yyyymmdd}.txt", "80001")
	f.Add("{yyyymmdd+1}/{part3}", "..")
	f.Fuzz(func(t *testing.T, pattern, account string) {
		req := oneDay
		req.Account = account
		got, err := expand(pattern, wordsOf(req, 1))
		if err != nil {
			return
		}
		for _, step := range strings.Split(got, "/") {
			if step == ".." {
				t.Fatalf("%q leaves its folder", got)
			}
		}
		if strings.ContainsAny(got, "\r\n\x00") || strings.HasPrefix(got, "-") {
			t.Fatalf("%q", got)
		}
	})
}

func TestSpecMistakesAllAtOnce(t *testing.T) {
	err := FileSpec{Dir: "{x}", Name: "a/{part}", Marker: Marker{Kind: "crc", Name: "{name}/.."}, Empty: EmptyNoFile, Parts: Parts{Count: 5000}}.Check()
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) || len(all.Unwrap()) != 6 {
		t.Errorf("six mistakes, reported: %v", err)
	}
	for _, good := range []FileSpec{
		{Name: "{merchant}.txt"},
		{Name: "{merchant}_{part}.txt", Parts: Parts{Count: 3}, Marker: Marker{Kind: MarkerOK, Name: "{merchant}.ok"}},
		{Dir: "/out/{yyyymmdd}", Name: "x_{part2}", Parts: Parts{Max: 20}, Marker: Marker{Kind: MarkerMD5}},
		{Name: "x", Marker: Marker{Kind: MarkerOK, Name: "{base}.flg"}},
	} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}
