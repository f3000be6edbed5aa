package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/fetchers"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// jumping moves the clock of the world while a statement is fetched, once.
type jumping struct {
	fetchers.Source
	w  *world
	by time.Duration
}

func (j *jumping) Fetch(ctx context.Context, req schemas.StatementRequest, keep fetchers.Keep) (schemas.Fetched, error) {
	got, err := j.Source.Fetch(ctx, req, keep)
	j.w.clock = j.w.clock.Add(j.by)
	j.by = 0
	return got, err
}

// The bill date is an argument, fixed when the run starts. A clock that jumps in
// the middle changes nothing of the result; one that jumps past the end of the
// lease stops the run before its next write, and the same command ends it.
func TestFaultT01_ClockJumpsInTheMiddle(t *testing.T) {
	text := cleanDay + "\nM1  10.00  12:00:00  open  paid"
	want := newWorld(t)
	want.play(day1, text)
	want.run(day1, pipeline.Options{}, "")
	for name, by := range map[string]time.Duration{"a day back": -24 * time.Hour, "an hour back": -time.Hour, "half a minute on": 30 * time.Second,
		"an hour on": time.Hour, "a day on": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(day1, text)
			w.acct.Source = &jumping{w.books, w, by}
			res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
			if err != nil {
				if fault.Of(err).ID != "E-4081" || by < time.Minute {
					t.Fatal(err)
				}
				res = w.run(day1, pipeline.Options{}, "")
			}
			if res.Run.BillDate != day1 {
				t.Errorf("the run is about %s", res.Run.BillDate)
			}
			if diff := cmp.Diff(want.findings(want.current(day1)), w.findings(w.current(day1))); diff != "" {
				t.Error(diff)
			}
			w.verify(day1, day1)
			w.replay(day1)
		})
	}
}

// Cron fires twice: the second run finds the day final and asks nobody.
func TestFaultT05_CronFiresTwice(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	w.run(day1, pipeline.Options{}, "")
	want, asked := w.state(), w.books.fetched
	res := w.run(day1, pipeline.Options{}, "")
	if !res.Already || res.Exit != 0 || w.books.fetched != asked {
		t.Errorf("the second run: already %t, exit %d, %d statements fetched", res.Already, res.Exit, w.books.fetched-asked)
	}
	if diff := cmp.Diff(want, w.state()); diff != "" {
		t.Error(diff)
	}
}
