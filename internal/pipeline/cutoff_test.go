package pipeline_test

import (
	"context"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// A payment within seconds of midnight stands on two days, one in each book.
func TestT09_AcrossMidnight(t *testing.T) {
	for name, days := range map[string]string{
		"ours_first":   `P1  12.00  23:59:59.9  paid  paid@+00:00:01`,
		"theirs_first": `P1  12.00  23:59:59.9  paid@+00:00:01  paid`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(day1, days+"\nP2  10.00  10:00:00  paid  paid")
			w.play(day2, `P3  10.00  10:00:00  paid  paid`)
			wantNoBreak(t, w.run(day1, pipeline.Options{}, "").Report)
			second := w.run(day2, pipeline.Options{}, "")
			wantNoBreak(t, second.Report)
			if got := len(second.Report.Carried); got != 0 {
				t.Errorf("%d rows are still carried", got)
			}
			wantList(t, "open cases", w.openCases(), []string{})
			w.verify(day1, day2)
			w.replay(day1, day2)

			// The first day again, now that the second has placed the row.
			again := w.run(day1, pipeline.Options{Force: true}, "")
			wantNoBreak(t, again.Report)
			if !again.Changes.None() {
				t.Errorf("the first day changed: %q", again.Changes.Lines())
			}
			w.cascade(day1)
			wantNoBreak(t, mustReport(w, day2))
			w.verify(day1, day2)
			w.replay(day1, day2)
		})
	}
}

// The days are run in the wrong order: the second one first.
func TestT09_SecondDayFirst(t *testing.T) {
	for name, days := range map[string]string{
		"ours_first":   `P1  12.00  23:59:59.9  paid  paid@+00:00:01`,
		"theirs_first": `P1  12.00  23:59:59.9  paid@+00:00:01  paid`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(day1, days+"\nP2  10.00  10:00:00  paid  paid")
			w.play(day2, `P3  10.00  10:00:00  paid  paid`)
			// Before the first day has run, its row may look alone.
			first := w.runAll(day2, day1)[1]
			wantNoBreak(t, first.Report)
			w.cascade(day1)
			wantNoBreak(t, mustReport(w, day2))
			wantList(t, "open cases", w.openCases(), []string{})
			if got := len(mustReport(w, day2).Carried); got != 0 {
				t.Errorf("%d rows are still carried", got)
			}
			w.verify(day1, day2)
			w.replay(day1, day2)
		})
	}
}

func mustReport(w *world, date bizday.Date) *schemas.RunReport {
	w.t.Helper()
	r, err := w.pipe.LoadReport(context.Background(), w.current(date))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func wantNoBreak(t testing.TB, r *schemas.RunReport) {
	t.Helper()
	for class, n := range counts(r) {
		if class.Break() {
			t.Errorf("%s: %d %s", r.Date, n, class)
		}
	}
}

func TestT10_CarriedRowWithAnotherAmount(t *testing.T) {
	w := newWorld(t)
	w.play(day1, `
		P0  1.00   10:00:00  paid  paid
		P1  12.00  23:59:59  paid  paid=12.50@+00:00:01`)
	w.play(day2, `P2  10.00  10:00:00  paid  paid`)
	w.runAll(day1, day2)
	wantList(t, "findings of the second day", w.findings(w.current(day2)), []string{"PAYMENT P1 AMOUNT_MISMATCH MANUAL"})
	wantList(t, "open cases", w.openCases(), []string{"P1 AMOUNT_MISMATCH - P2"})
	w.verify(day1, day2)
}

// What is carried and never met becomes a break on the day that was named when
// it was first seen, once.
func TestFaultM1_CarriedRowBecomesABreakOnce(t *testing.T) {
	w := newWorld(t)
	w.play(day1, `
		P1     12.00  10:00:00  paid  paid
		R1/P1  1.00   12:00:00  paid  -
		P2     2.00   23:59:59  paid  -`)
	for _, d := range []bizday.Date{day2, day3, day4, day4 + 1, day4 + 2} {
		w.play(d, "Q"+d.Compact()+`  10.00  10:00:00  paid  paid`)
	}
	res := w.run(day1, pipeline.Options{}, "")
	wantNoBreak(t, res.Report)
	if res.Verdict != schemas.Pending || len(res.Report.Carried) != 2 {
		t.Errorf("verdict %s with %d carried rows", res.Verdict, len(res.Report.Carried))
	}
	broke := map[string]bizday.Date{}
	for d := day2; d <= day4+2; d++ {
		for _, f := range w.findings(w.run(d, pipeline.Options{}, "").Run) {
			if f == "REFUND R1 LOCAL_ONLY MANUAL" || f == "PAYMENT P2 LOCAL_ONLY MANUAL" {
				if broke[f] != 0 {
					t.Errorf("%s broke on %s and again on %s", f, broke[f], d)
				}
				broke[f] = d
			}
		}
	}
	if broke["PAYMENT P2 LOCAL_ONLY MANUAL"] != day1+1 || broke["REFUND R1 LOCAL_ONLY MANUAL"] != day1+4 {
		t.Errorf("became breaks on %v", broke)
	}
	w.verify(day1, day4+2)
	w.replay(day1, day2, day3, day4)
}
