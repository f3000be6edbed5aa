package report

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Every word that the program has of its own is in the table, in both
// languages.
func TestEveryWordHasBothLanguages(t *testing.T) {
	need := map[string][]string{}
	add := func(area string, values ...any) {
		for _, v := range values {
			need[area] = append(need[area], area+"."+fmt.Sprint(v))
		}
	}
	for _, c := range schemas.Classes() {
		add("class", c)
	}
	for v := schemas.Incomplete; v <= schemas.Reconciled; v++ {
		add("verdict", v)
		add("why", v)
	}
	for k := schemas.Payment; k <= schemas.Transfer; k++ {
		add("kind", k)
	}
	for s := schemas.Success; s <= schemas.Reversed; s++ {
		add("status", s)
	}
	add("side", schemas.Local, schemas.Channel)
	add("label", over, short)
	add("action", schemas.ActionMatch, schemas.ActionCarry, schemas.ActionAuto, schemas.ActionManual)
	add("case", schemas.CaseOpen, schemas.CaseProposed, schemas.CaseResolved, schemas.CaseAutoFixed, schemas.CaseWithdrawn)
	add("fix", schemas.FixSetSuccess, schemas.FixSetClosed, schemas.FixSetFailed, schemas.FixSuspend, schemas.FixReleaseSuspense, schemas.FixAdjustFee,
		schemas.FixWriteOff, schemas.FixReverse)
	add("fetch", schemas.FetchNotReady, schemas.FetchEmptyConfirmed, schemas.FetchLate, schemas.FetchFailed, schemas.FetchFetched)
	add("result", "APPLIED", "ALREADY_APPLIED", "REFUSED")
	add("flag", "FIX_CONTRADICTED")
	for area, keys := range need {
		for _, key := range keys {
			if _, ok := words[key]; !ok {
				t.Errorf("%s: the table lacks %q", area, key)
			}
		}
	}
	for name, table := range map[string]map[string]fault.Text{"words": words, "ruleWords": ruleWords, "proofWords": proofWords} {
		for key, text := range table {
			if text.EN == "" || text.ZH == "" {
				t.Errorf("%s: %q lacks a language: %+v", name, key, text)
			}
			if strings.Count(text.EN, "%") != strings.Count(text.ZH, "%") {
				t.Errorf("%s: %q has other values in the other language: %+v", name, key, text)
			}
		}
	}
}

// Every key that a template or the workbook names is in the table.
func TestEveryNamedWordExists(t *testing.T) {
	named := regexp.MustCompile(`\{\{t "([^"]+)"\}\}`)
	n := 0
	err := fs.WalkDir(sources, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(sources, path)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			n++
			if _, ok := words[m[1]]; !ok {
				t.Errorf("%s: the table lacks %q", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 50 {
		t.Fatalf("only %d words found in the templates: the test looks at the wrong files", n)
	}
	for _, r := range []*schemas.RunReport{rich(), reportOf(nil)} {
		for _, lang := range both {
			dir := write(t, r, lang)
			for _, row := range sheetRows(t, dir, "report.xlsx") {
				for _, cell := range row {
					if regexp.MustCompile(`^[csbk]\.[a-z_]+$`).MatchString(cell) {
						t.Errorf("the workbook shows the key %q", cell)
					}
				}
			}
		}
	}
}

func TestThousands(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "-5": "-5", "999": "999", "1000": "1,000", "-1203441.07": "-1,203,441.07", "0.01": "0.01", "123456.7": "123,456.7"} {
		if got := thousands(in); got != want {
			t.Errorf("thousands(%q) = %q, want %q", in, got, want)
		}
	}
}
