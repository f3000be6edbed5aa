package report

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"tieout/internal/fault"
	"tieout/internal/money"
)

func openBook(t testing.TB, dir, name string) *excelize.File {
	t.Helper()
	f, err := excelize.OpenFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// sheetRows gives the rows of all sheets, raw.
func sheetRows(t testing.TB, dir, name string) [][]string {
	t.Helper()
	f := openBook(t, dir, name)
	var all [][]string
	for _, s := range f.GetSheetList() {
		rows, err := f.GetRows(s, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

// Amounts are numbers that read back exactly, or text: never a number that is
// not the amount.
func TestAmountsReadBackExactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minor := rapid.Int64().Draw(rt, "minor")
		if rapid.Bool().Draw(rt, "usual") {
			minor %= exactDigits
		}
		currency := rapid.SampledFrom([]string{"CNY", "JPY", "KWD", "XYZ"}).Draw(rt, "currency")
		want := money.Format(minor, money.Currency(currency))
		switch v := amountValue(minor, currency).(type) {
		case string:
			if v != want {
				rt.Fatalf("text %q, want %q", v, want)
			}
			if _, known := money.Currency(currency).Exponent(); known && minor < exactDigits && minor > -exactDigits {
				rt.Fatalf("%s is text, but a number can hold it", v)
			}
		case int64:
			if strconv.FormatInt(v, 10) != want {
				rt.Fatalf("%d, want %s", v, want)
			}
		case float64:
			exp, _ := money.Currency(currency).Exponent()
			shortest := strconv.FormatFloat(v, 'f', -1, 64) // what the file holds
			back, err := money.Parse([]byte(shortest), exp)
			if err != nil || back != minor {
				rt.Fatalf("%s reads back as %d (%v), want %d", shortest, back, err, minor)
			}
		}
	})
}

func TestWorkbook(t *testing.T) {
	dir := write(t, rich(), fault.English)
	f := openBook(t, dir, "report.xlsx")
	want := "Summary,Proofs of completeness,Bridge to the statement,Results by class,Differences,In transit,Fixes,Open cases,Rejected rows,Checks of this report"
	if got := strings.Join(f.GetSheetList(), ","); got != want {
		t.Errorf("sheets %s\nwant   %s", got, want)
	}
	rows, err := f.GetRows("Differences", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for i, row := range rows {
		if len(row) > 3 && row[3] == "ORD-1002" {
			seen = true
			cell := "F" + strconv.Itoa(i+1)
			if kind, err := f.GetCellType("Differences", cell); err != nil || kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber {
				t.Errorf("%s is of type %v (%v), want a number", cell, kind, err)
			}
			if row[5] != "1203441.07" {
				t.Errorf("%s holds %s, want 1203441.07", cell, row[5])
			}
			if shown, err := f.GetCellValue("Differences", cell); err != nil || shown != "1,203,441.07" {
				t.Errorf("%s shows %s (%v), want 1,203,441.07", cell, shown, err)
			}
		}
	}
	if !seen {
		t.Error("the workbook lacks ORD-1002")
	}
}

// The line of totals holds a formula and the same sum as a number.
func TestWorkbookTotals(t *testing.T) {
	r := rich()
	dir := write(t, r, fault.English)
	f := openBook(t, dir, "report.xlsx")
	rows, err := f.GetRows("Differences", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	var delta money.Sum
	for d := range r.Differences {
		if d.Currency == "CNY" && (d.ChannelRow == nil || d.ChannelRow.Currency == "CNY") {
			delta.Add(d.DeltaMinor)
		}
	}
	sum, err := delta.Int64()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if len(row) > 0 && row[0] == "Total" && row[4] == "CNY" {
			cell := "H" + strconv.Itoa(i+1)
			if row[7] != strings.TrimRight(strings.TrimRight(money.Format(sum, "CNY"), "0"), ".") {
				t.Errorf("%s holds %s, want %s", cell, row[7], money.Format(sum, "CNY"))
			}
			if formula, err := f.GetCellFormula("Differences", cell); err != nil || !strings.HasPrefix(formula, `SUMIFS($H$2:$H$`) {
				t.Errorf("%s has the formula %q (%v)", cell, formula, err)
			}
			return
		}
	}
	t.Error("there is no line of totals in CNY")
}

// A list that is longer than a sheet goes on in the next.
func TestLongListGoesOn(t *testing.T) {
	w, err := newWorkbook()
	if err != nil {
		t.Fatal(err)
	}
	w.limit = 10
	s, err := w.sheet("Rows", []column{{"Name", 10}, {"Currency", 10}, {"Amount", 10}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		if err := s.add("row", "CNY", amount{int64(i), "CNY", true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.totals("Total", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := w.file.SaveAs(filepath.Join(dir, "x.xlsx")); err != nil {
		t.Fatal(err)
	}
	f := openBook(t, dir, "x.xlsx")
	if got := strings.Join(f.GetSheetList(), ","); got != "Rows,Rows 2,Rows 3" {
		t.Fatalf("sheets %s", got)
	}
	n := 0
	for _, row := range sheetRows(t, dir, "x.xlsx") {
		if len(row) == 3 && row[0] == "row" {
			n++
		}
	}
	if n != 25 {
		t.Errorf("%d rows, want 25", n)
	}
	last, err := f.GetRows("Rows 3", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	if end := last[len(last)-1]; end[0] != "Total" || end[2] != "3" {
		t.Errorf("the last row is %v, want the total 3.00 of all sheets", end)
	}
}
