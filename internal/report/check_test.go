package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas"
)

func TestSoundReport(t *testing.T) {
	checks, err := Check(write(t, rich(), both...))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range checks {
		names[c.Name] = true
		if !c.OK {
			t.Errorf("%s does not hold: %s ≠ %s %s", c.Name, c.Want, c.Got, c.Note)
		}
	}
	for _, name := range []string{checkListed, checkDelta, checkBridge, checkVerdict, checkCarried, checkRows, checkAmounts, checkFiles} {
		if !names[name] {
			t.Errorf("%s was not looked at", name)
		}
	}
}

// T22: every check fires on a copy of a report that is corrupted in one place.
func TestT22_ChecksFireOnCorruptedFiles(t *testing.T) {
	for _, c := range []struct {
		name, check, file, old, new string
	}{
		{"a class", checkListed, differencesFile, "\r\nLOCAL_ONLY,", "\r\nDUPLICATE_LOCAL,"},
		{"an amount of the list", checkListed, differencesFile, ",120344107,1203441.07,", ",120344108,1203441.08,"},
		{"the text of an amount of the list", checkAmounts, differencesFile, ",120344107,1203441.07,", ",120344107,1203441.70,"},
		{"a delta of the list", checkAmounts, differencesFile, ",-120344107,-1203441.07,", ",120344107,1203441.07,"},
		{"a count", checkListed, jsonFile, "\"class\": \"LOCAL_ONLY\",\n    \"kind\": \"PAYMENT\",\n    \"currency\": \"CNY\",\n    \"outcomes\": 1,", "\"class\": \"LOCAL_ONLY\",\n    \"kind\": \"PAYMENT\",\n    \"currency\": \"CNY\",\n    \"outcomes\": 2,"},
		{"a delta", checkDelta, jsonFile, `"delta_minor": -120344107`, `"delta_minor": -120344106`},
		{"the text of an amount", checkAmounts, jsonFile, `"delta": "-1203441.07"`, `"delta": "-1203441.70"`},
		{"an end of the bridge", checkBridge, jsonFile, `"local_minor": 421814374`, `"local_minor": 421814375`},
		{"a line of the bridge", checkBridge, jsonFile, `"minor": -120344107`, `"minor": -120344108`},
		{"the residual", checkBridge, jsonFile, `"residual_minor": 0`, `"residual_minor": 1`},
		{"the verdict", checkVerdict, jsonFile, `"verdict": "BREAKS"`, `"verdict": "RECONCILED"`},
		{"a carried row", checkCarried, jsonFile, `"side": "LOCAL"`, `"side": "CHANNEL"`},
		{"the rows", checkRows, jsonFile, `"records": 2001`, `"records": 2002`},
		{"a page", checkFiles, "report.zh.html", "888.00", "889.00"},
		{"the workbook", checkFiles, workbookFile, "xl/", "xl_"},
		{"a row of the rejects", checkRejects, rejectsFile, "20260301.csv,1207,220411,,,,该行 27 列，表头 28 列,0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n", ""},
		{"the rejects", checkFiles, rejectsFile, "12.345", "12.34"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, rich(), both...)
			path := filepath.Join(dir, c.file)
			body := content(t, dir, c.file)
			corrupted := strings.Replace(body, c.old, c.new, 1)
			if corrupted == body {
				t.Fatalf("%s does not hold %q: nothing was corrupted", c.file, c.old)
			}
			if err := os.WriteFile(path, []byte(corrupted), 0o600); err != nil {
				t.Fatal(err)
			}
			checks, err := Check(dir)
			if err != nil {
				t.Fatal(err)
			}
			wantFire(t, checks, c.check)
		})
	}
}

func wantFire(t *testing.T, checks []schemas.Proof, name string) {
	t.Helper()
	for _, p := range failing(checks) {
		if p.Name == name {
			if p.Want == p.Got {
				t.Errorf("%s fires with two equal numbers: %q", name, p.Want)
			}
			return
		}
	}
	t.Errorf("%s did not fire; firing: %v", name, failing(checks))
}

// T22: a run that contradicts itself never gives a page that looks sound.
func TestT22_ChecksFireOnCorruptedRuns(t *testing.T) {
	for _, c := range []struct {
		name, check string
		corrupt     func(*schemas.RunReport)
	}{
		{"a difference is missing", checkListed, func(r *schemas.RunReport) { r.Differences = streamOf(richDifferences()[1:]) }},
		{"a difference twice", checkListed, func(r *schemas.RunReport) {
			r.Differences = streamOf(append(richDifferences(), richDifferences()[0]))
		}},
		{"a total one minor unit off", checkDelta, func(r *schemas.RunReport) { r.Totals[3].LocalMinor++ }},
		{"a bridge one minor unit off", checkBridge, func(r *schemas.RunReport) { r.Bridge[0].Channel++ }},
		{"a bridge line left out", checkBridge, func(r *schemas.RunReport) { r.Bridge[0].Lines = r.Bridge[0].Lines[1:] }},
		{"a failed proof under a green verdict", checkVerdict, func(r *schemas.RunReport) { r.Proofs[1].OK = false }},
		{"no verdict", checkVerdict, func(r *schemas.RunReport) { r.Verdict = 0 }},
		{"a note under a quiet verdict", checkVerdict, func(r *schemas.RunReport) { r.Cases, r.Verdict = nil, schemas.Pending }},
		{"carried rows under a reconciled day", checkVerdict, func(r *schemas.RunReport) {
			r.Cases, r.Verdict, r.Proofs = nil, schemas.Reconciled, nil
		}},
		{"a carried row is lost", checkCarried, func(r *schemas.RunReport) { r.Carried = r.Carried[1:] }},
		{"a carried row of another amount", checkCarried, func(r *schemas.RunReport) { r.Carried[0].Record.AmountMinor++ }},
		{"a row that is neither record nor reject", checkRows, func(r *schemas.RunReport) { r.Statement.Rejects++ }},
		{"a reject is lost", checkRejects, func(r *schemas.RunReport) { r.RejectRows++ }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rich()
			c.corrupt(r)
			dir := write(t, r, both...)
			checks, err := Check(dir)
			if err != nil {
				t.Fatal(err)
			}
			wantFire(t, checks, c.check)
			for _, page := range []string{"report.zh.html", "report.en.html"} {
				body := content(t, dir, page)
				if !strings.Contains(body, `class="alarm"`) || !strings.Contains(body, `class="band INCOMPLETE"`) {
					t.Errorf("%s does not say that the report contradicts itself", page)
				}
			}
		})
	}
	if body := content(t, write(t, rich(), both...), "report.en.html"); strings.Contains(body, `class="alarm"`) {
		t.Error("a sound report says that it contradicts itself")
	}
}

// A louder verdict than the report shows is allowed: a run may end as
// INCOMPLETE for a reason outside of the proofs.
func TestLouderVerdictIsSound(t *testing.T) {
	p := checkTheVerdict(&schemas.RunReport{Verdict: schemas.Incomplete, Date: bizday.Make(2026, 3, 1)})
	if !p.OK {
		t.Errorf("%+v", p)
	}
}
