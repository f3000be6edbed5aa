package report

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"tieout/internal/fault"
	"tieout/schemas"
)

var (
	tags   = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)
	quoted = regexp.MustCompile("\"[^\"]*\"|`[^`]*`")
	prose  = regexp.MustCompile(`[A-Za-z]+(?: [A-Za-z]+){2,}`)
)

// Whoever reads Chinese reads no English sentence: not on the page, not in the
// workbook, not in the lists.
func TestChineseReportsHoldNoEnglish(t *testing.T) {
	r := rich()
	r.Changes = []string{"nothing changed against wechat-main_20260301_1", "class AMOUNT_MISMATCH CNY: 1 -> 2 rows, difference 0.01 -> 0.02"}
	dir := write(t, r, both...)
	shown := map[string]string{"report.zh.html": html.UnescapeString(tags.ReplaceAllString(content(t, dir, "report.zh.html"), "\n"))}
	for _, name := range []string{differencesFile, rejectsFile} {
		shown[name] = strings.ReplaceAll(content(t, dir, name), `""`, "")
	}
	for _, row := range sheetRows(t, dir, workbookFile) {
		shown[workbookFile] += strings.Join(row, "\n") + "\n"
	}
	for name, text := range shown {
		if rest := prose.FindString(quoted.ReplaceAllString(text, "")); rest != "" {
			t.Errorf("%s says %q", name, rest)
		}
	}
	if !strings.Contains(shown["report.zh.html"], "小数位数多于该币种") || !strings.Contains(shown[rejectsFile], "该行 27 列，表头 28 列") {
		t.Error("the reasons of the rejects are missing: the test looks at the wrong files")
	}
	if english := content(t, dir, "report.en.html"); !strings.Contains(english, "more decimals than the currency has") || strings.Contains(english, "小数位数") {
		t.Error("the English page does not say its reasons in English")
	}
}

// The message that ended a run stands on the page in the page's language.
func TestChineseReportOfAFailedRun(t *testing.T) {
	r := reportOf(nil)
	r.Differences, r.Totals = nil, nil
	r.Proofs = []schemas.Proof{{Name: "rows.whole", Want: "0 rows that are cut off", Got: "1 rows", Note: "last row: line 4, byte 90"}}
	r.Verdict = schemas.Incomplete
	r.Why = fault.New("E-2130", fault.V{"channel": "wechat", "account": r.Account, "date": r.Date, "proof": "rows.whole", "want": "0 rows that are cut off",
		"got": "1 rows", "note": "last row: line 4, byte 90"}, nil).Message(fault.English)
	page := html.UnescapeString(tags.ReplaceAllString(content(t, write(t, r, both...), "report.zh.html"), "\n"))
	if rest := prose.FindString(quoted.ReplaceAllString(page, "")); rest != "" || !strings.Contains(page, "对账单不完整") {
		t.Errorf("the page says %q", rest)
	}
}
