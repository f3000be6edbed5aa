package main

import (
	"io"
	"testing"
	"time"

	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/schemas"
)

// A count that is off by one, and a class that nobody planted, are found.
func TestBench_TruthIsExact(t *testing.T) {
	truth := map[planted]int64{agreed: 10, plantings[1]: 2}
	right := []schemas.ClassTotal{{Class: schemas.Matched, Outcomes: 7}, {Class: schemas.Matched, Outcomes: 3}, {Class: schemas.LocalOnly, Outcomes: 2}}
	if err := checkTruth(truth, right); err != nil {
		t.Error(err)
	}
	for name, totals := range map[string][]schemas.ClassTotal{
		"one more":  append([]schemas.ClassTotal{{Class: schemas.LocalOnly, Outcomes: 1}}, right...),
		"one less":  {right[0], right[1], {Class: schemas.LocalOnly, Outcomes: 1}},
		"none":      right[:2],
		"unplanted": append([]schemas.ClassTotal{{Class: schemas.Ambiguous, Outcomes: 1}}, right...),
	} {
		if err := checkTruth(truth, totals); err == nil || fault.Of(err).ID != "E-7002" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Steps that overlap are one, from the first beginning to the last end.
func TestBench_OverlappingStepsAreOne(t *testing.T) {
	at := time.Unix(0, 0)
	m := newMeter(func() time.Time { at = at.Add(time.Second); return at })
	m.Begin("normalize") // 1 s
	m.Begin("export")
	m.End("normalize", nil)
	m.Begin("match")
	m.End("export", nil)
	m.End("match", nil)  // 2 s
	m.Begin("report")    // 3 s
	m.End("report", nil) // 4 s
	steps := m.taken()
	if len(steps) != 2 || steps[0].Name != "normalize ∥ export ∥ match" || steps[1].Name != "report" || steps[0].Wall != time.Second || steps[1].Wall != time.Second {
		t.Errorf("%+v", steps)
	}
}

// A night that took more memory than it was allowed is a failure, however right
// its answer; one that stayed below is none.
func TestBench_MemoryIsHeldToItsLimit(t *testing.T) {
	for limit, want := range map[memory]fault.ID{1 << 20: "E-7003", 64 << 30: ""} {
		a := &app{cli: &CLI{Memory: limit, Quiet: true}, ctx: t.Context(), now: time.Now, networkOf: store.NetworkOf, out: io.Discard, err: io.Discard}
		err := (&benchNightCmd{Rows: 200, Channel: "wechat", Keep: t.TempDir()}).Run(a)
		if got := fault.Of(err); err != nil && got.ID != want || err == nil && want != "" {
			t.Errorf("limit %d: got %v, want %q", limit, err, want)
		}
	}
}
