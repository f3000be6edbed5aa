package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/fault"
	"tieout/schemas"
)

var update = flag.Bool("update", false, "write the golden files anew")

var both = []fault.Lang{fault.Chinese, fault.English}

// write writes a report into a new folder and returns the folder.
func write(t testing.TB, r *schemas.RunReport, langs ...fault.Lang) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := Write(t.Context(), dir, r, langs); err != nil {
		t.Fatal(err)
	}
	return dir
}

func content(t testing.TB, dir, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// digest is what a golden file leaves out: the digests of the other files,
// which TestChecksFire looks at.
var digest = regexp.MustCompile(`\s+"sha256": "[0-9a-f]{64}",\s+"size": [0-9]+`)

// golden compares files with those in testdata.
func golden(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		got := digest.ReplaceAllString(content(t, dir, name), "")
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
			t.Errorf("%s (-want +got), rewrite with -update:\n%s", name, d)
		}
	}
}

func TestGoldenRun(t *testing.T) {
	golden(t, write(t, rich(), both...), "report.zh.html", "report.en.html", "report.json", "differences.csv", "rejects.csv")
}

func TestGoldenDay(t *testing.T) {
	dir := t.TempDir()
	quiet := reportOf(nil)
	quiet.Account, quiet.Channel, quiet.Verdict, quiet.Why = "alipay-main", "alipay", schemas.Reconciled, "Every row of both sides agrees."
	d := &schemas.DayReport{Date: day, Verdict: schemas.Incomplete, Runs: []*schemas.RunReport{quiet, rich()}, Missing: []string{"bank-cmb"}}
	files, err := WriteDay(t.Context(), dir, d, both)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if want := []string{"index.zh.html", "index.en.html", "day.xlsx", "day.json"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	golden(t, dir, "index.zh.html", "index.en.html", "day.json")
	if page := content(t, dir, "index.zh.html"); !strings.Contains(page, `href="./wechat-main/report.zh.html"`) {
		t.Error("the day does not link to the account's report")
	}
}

func TestT14_SameInputSameBytes(t *testing.T) {
	a, b := write(t, rich(), both...), write(t, rich(), both...)
	for _, name := range []string{"report.zh.html", "report.en.html", "report.xlsx", "report.json", "differences.csv", "rejects.csv"} {
		if content(t, a, name) != content(t, b, name) {
			t.Errorf("%s differs between two writings of one report", name)
		}
	}
}

// A report that cannot be finished leaves the one before as it was, and no
// drafts.
func TestHalfReportChangesNothing(t *testing.T) {
	dir := write(t, rich(), both...)
	before := content(t, dir, "report.json") + content(t, dir, "differences.csv")
	broken := rich()
	good := broken.Differences
	boom := errors.New("line 3 is cut")
	broken.Differences = func(yield func(*schemas.Difference, error) bool) {
		for d, err := range good {
			if !yield(d, err) {
				return
			}
		}
		yield(nil, boom)
	}
	if _, err := Write(t.Context(), dir, broken, both); !errors.Is(err, boom) {
		t.Fatalf("error %v, want %v", err, boom)
	}
	if content(t, dir, "report.json")+content(t, dir, "differences.csv") != before {
		t.Error("the report before was touched")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 6 {
		t.Errorf("%d files in the folder, want 6: %v", len(entries), entries)
	}
}

// Drafts that a killed process left are gone after the next report.
func TestFaultK01_StaleDraftsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, draftPrefix+"123")
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), dir, rich(), both); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft is still there: %v", err)
	}
}

// The files that Write returns are those in the folder.
func TestReturnedFiles(t *testing.T) {
	dir := t.TempDir()
	files, err := Write(t.Context(), dir, rich(), []fault.Lang{fault.English})
	if err != nil {
		t.Fatal(err)
	}
	if p := checkTheFiles(dir, files); !p.OK {
		t.Errorf("%+v", p)
	}
	if len(files) != 5 {
		t.Errorf("%d files, want 5: one page, because one language was asked for", len(files))
	}
}

// A comparison, and a run that ended early, have only some parts.
func TestMissingPartsAreLeftOut(t *testing.T) {
	for name, r := range map[string]*schemas.RunReport{
		"empty":   {Account: "a", Channel: "c", Date: day},
		"compare": {Account: "a", Channel: "c", Date: day, RunID: compareRun, Verdict: schemas.Reconciled, Differences: streamOf(nil)},
		"failed": {Account: "a", Channel: "c", Date: day, Verdict: schemas.Incomplete, Why: "E-2104 The statement is not whole.\n  Which.\n  Do: fetch it again.",
			Statement: &schemas.Statement{Rows: 3, Records: 3}, Proofs: []schemas.Proof{{Name: "trailer.rows", Want: "4", Got: "3"}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, r, both...)
			checks, err := Check(dir)
			if err != nil {
				t.Fatal(err)
			}
			if name == "empty" {
				return // a report without a verdict is no sound one
			}
			if bad := failing(checks); bad != nil {
				t.Errorf("checks that do not hold: %+v", bad)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	dir := write(t, rich(), both...)
	body := []byte(content(t, dir, "report.json"))
	if !json.Valid(body) {
		t.Fatal("not JSON")
	}
	for _, want := range []string{`"delta_minor": -120344107`, `"delta": "-1203441.07"`, `"id": "c-ORD-1002"`, `"merchant_ref": "ORD-1010"`} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("report.json lacks %s", want)
		}
	}
}

func TestBigListsAreCut(t *testing.T) {
	var many []*schemas.Difference
	for i := range maxShown + 20 {
		many = append(many, difference(schemas.LocalOnly, "outside_window", ours(schemas.Payment, "N"+digits(int64(i)), 100, schemas.Success), nil))
	}
	r := reportOf(many)
	dir := write(t, r, both...)
	page := content(t, dir, "report.en.html")
	if !strings.Contains(page, "20 more rows stand in") || strings.Contains(page, ">N519<") || !strings.Contains(page, ">N499<") {
		t.Error("the page does not show 500 rows and say that 20 more stand in the file")
	}
	if got := strings.Count(content(t, dir, "differences.csv"), "\r\n"); got != maxShown+21 {
		t.Errorf("differences.csv has %d lines, want %d", got, maxShown+21)
	}
}

// A file of nothing but rejects: rejects.csv holds all of them; page and
// workbook show the first, and say how many there are and where.
func TestAllRejectsAreListed(t *testing.T) {
	r := rich()
	many := make([]schemas.Reject, 1_500)
	for i := range many {
		many[i] = schemas.Reject{File: "20260301.csv", Line: int64(i + 1), Reason: "27 cells where the header has 28"}
	}
	reject(r, many)
	dir := write(t, r, both...)
	if got := strings.Count(content(t, dir, "rejects.csv"), "\r\n"); got != 1_501 {
		t.Errorf("rejects.csv has %d lines, want 1501", got)
	}
	page := content(t, dir, "report.en.html")
	if !strings.Contains(page, "Rejected rows <small>1,500</small>") || !strings.Contains(page, `1,000 more rows stand in <span class="mono">rejects.csv`) {
		t.Error("the page does not say that there are 1500 rejects and that 1000 more stand in the file")
	}
	rows, err := openBook(t, dir, "report.xlsx").GetRows("拒收行")
	if err != nil {
		t.Fatal(err)
	}
	if got := rows[len(rows)-1][0]; len(rows) != 1_002 || got != "500 行未在此列出，完整清单见 rejects.csv" {
		t.Errorf("the sheet has %d rows, the last is %q", len(rows), got)
	}
	r.EachReject = func(yield func(*schemas.Reject, error) bool) { yield(nil, errors.New("the file is damaged")) }
	if _, err := Write(t.Context(), dir, r, both); err == nil {
		t.Error("a report is written although its rejects cannot be read")
	}
}

func BenchmarkWrite(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if _, err := Write(b.Context(), dir, rich(), both); err != nil {
			b.Fatal(err)
		}
	}
}
