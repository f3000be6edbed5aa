package pipeline_test

import (
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

var (
	day1 = bizday.Make(2026, 11, 20)
	day2 = day1.Add(1)
	day3 = day1.Add(2)
	day4 = day1.Add(3)
)

// A clean day, and the one after it.
const cleanDay = `
	no     amount  at        ours  theirs
	P1     12.00   10:00:00  paid  paid
	P2     10.00   10:05:00  paid  paid
	P3     0.30    11:00:00  paid  paid
	R1/P1  3.00    12:00:00  paid  paid
`

func TestCleanDay(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	res := w.run(day1, pipeline.Options{}, "")
	if res.Verdict != schemas.Reconciled || res.Exit != 0 {
		t.Errorf("verdict %s, exit %d: %s", res.Verdict, res.Exit, res.Report.Why)
	}
	wantCounts(t, res.Report, map[schemas.Class]int64{schemas.Matched: 4})
	w.verify(day1, day1)
	w.replay(day1)
}
