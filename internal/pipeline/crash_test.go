//go:build crashpoints

package pipeline_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/pipeline"
	"tieout/internal/store"
)

// crashed is what unwinds the process that died.
type crashed struct{ point string }

// attempt runs do and lets the process die at the n-th crash point; -1 means
// nowhere. It returns the points that were passed.
//
// Death is as sudden as SIGKILL: what lies on the disk at that moment is copied
// away, the copy becomes the world, and only then is the old process unwound,
// in the folder that nobody looks at any more. Then a minute passes, and the
// lease of the dead process ends.
func (w *world) attempt(n int, do func(*world) error) (points []string, died bool, err error) {
	w.t.Helper()
	after := ""
	crashpoint.Arm(func(name string) {
		points = append(points, name)
		if len(points)-1 == n {
			after = filepath.Join(tempDir(w.t), "world")
			copyTree(w.t, w.dir, after)
			panic(crashed{name})
		}
	})
	defer crashpoint.Arm(nil)
	err = func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(crashed); !ok {
					panic(r)
				}
				died = true
			}
		}()
		return do(w)
	}()
	if died {
		crashpoint.Arm(nil)
		w.close()
		w.dir = after
		w.open()
		w.expireLeases()
	}
	return points, died, err
}

// step is one command of the operator.
type step struct {
	name  string
	once  bool // the same command again does its work again
	setup func(*world)
	do    func(*world) error
}

func runDay(date bizday.Date, opt pipeline.Options) func(*world) error {
	return func(w *world) error {
		_, err := w.pipe.Run(context.Background(), w.acct, date, opt)
		return err
	}
}

// steps are the commands that must survive a crash anywhere.
func steps() []step {
	return []step{
		{"first run", false, busyDays, runDay(day1, pipeline.Options{})},
		{"second day", false, func(w *world) { busyDays(w); w.runAll(day1) }, runDay(day2, pipeline.Options{})},
		{"rerun of a final day", true, func(w *world) { busyDays(w); w.runAll(day1, day2) }, runDay(day1, pipeline.Options{Force: true})},
		{"rerun from match", true, func(w *world) { busyDays(w); w.runAll(day1, day2) }, runDay(day2, pipeline.Options{Force: true, From: pipeline.StageMatch})},
		{"corrected statement", true, func(w *world) {
			busyDays(w)
			w.runAll(day1)
			w.books.drop(day1, "P2")
			w.run(day1, pipeline.Options{Again: true}, "E-2280")
		}, runDay(day1, pipeline.Options{AcceptReissue: true})},
		{"undo", false, func(w *world) { busyDays(w); w.runAll(day1) }, func(w *world) error {
			run, _, err := w.db.RunByID(context.Background(), store.RunID(accountName, day1, 1))
			if err != nil {
				return err
			}
			_, err = w.pipe.Undo(context.Background(), run, "ada", "a drill")
			return err
		}},
	}
}

func TestFaultK1_CrashAtEveryPoint(t *testing.T) {
	hit := map[string]bool{}
	for _, s := range steps() {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			base := newWorld(t)
			s.setup(base)
			reference := base.fork()
			points, _, err := reference.attempt(-1, s.do)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range points {
				hit[p] = true
			}
			want := reference.state()
			reference.verify(day1, day2)
			for n := range points {
				checkCrash(t, base, s, want, fmt.Sprintf("crash %d at %s", n, points[n]), n)
			}
		})
	}
	for _, p := range pointsOfThePipeline {
		if !hit[p] {
			t.Errorf("the crash point %s was never reached", p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(hit)) {
		if !slices.Contains(pointsOfThePipeline, p) {
			t.Errorf("the crash point %s is not in the list", p)
		}
	}
}

// pairStride leaves out pairs of crash points: 1 takes all of them, and half an
// hour.
const pairStride = 37

// A process that dies while it recovers from a death, at pairs of points
// of a first run, and three times in a row.
func TestFaultK4_CrashInRecovery(t *testing.T) {
	s := steps()[0]
	base := newWorld(t)
	s.setup(base)
	reference := base.fork()
	points, _, err := reference.attempt(-1, s.do)
	if err != nil {
		t.Fatal(err)
	}
	want := reference.state()
	for n := range points {
		once := base.fork()
		if _, died, _ := once.attempt(n, s.do); !died {
			t.Fatalf("no crash at point %d", n)
		}
		recovery, _, err := once.fork().attempt(-1, s.do)
		if err != nil {
			t.Fatalf("crash at %s: the rerun failed: %v", points[n], err)
		}
		// Not every pair: the second points shift with the first one, so that
		// each point of a recovery is reached several times.
		for m := n % pairStride; m < len(recovery); m += pairStride {
			checkCrash(t, once, s, want, fmt.Sprintf("crash at %s, then at %s", points[n], recovery[m]), m)
		}
	}
	for n := 0; n < len(points); n += 5 {
		checkCrash(t, base, s, want, fmt.Sprintf("three crashes from %s on", points[n]), n, n/2, n/3)
	}
}

// checkCrash lets a copy of the world die at the given points, one run after
// another, and then runs to the end.
func checkCrash(t *testing.T, base *world, s step, want map[string]string, what string, at ...int) {
	t.Helper()
	w := base.fork()
	defer func() { w.close(); os.RemoveAll(w.dir) }()
	done := false
	for _, n := range at {
		points, died, err := w.attempt(n, s.do)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		// What is asked for once is done once it is published: asking again
		// would be another attempt.
		done = done || s.once && (!died || points[len(points)-1] == "publish.after")
		if done {
			break
		}
	}
	if done {
		wantState(t, what, want, w.state())
		return
	}
	if _, _, err := w.attempt(-1, s.do); err != nil {
		t.Errorf("%s: the rerun failed: %v", what, err)
		return
	}
	wantState(t, what, want, w.state())
	if left := w.tempFiles(); len(left) > 0 {
		t.Errorf("%s: half-written files were left: %q", what, left)
	}
	w.verify(day1, day2)
}

// pointsOfThePipeline are all points that the commands above pass.
var pointsOfThePipeline = func() []string {
	all := []string{
		"run.begun", "lake.raw.before_rename", "lake.raw.after_rename", "fetch.before_record", "fetch.recorded",
		"cases.begin", "cases.commit", "cases.done", "cases.mark", "link.apply", "link.applied",
		"apply.findings", "apply.key", "apply.rows", "apply.journal", "apply.commit", "apply.done", "apply.before_mark", "apply.fixed",
		"report.written", "publish.before", "publish.after",
		"fetch.before_link", "normalize.before_link", "export.before_link",
	}
	for _, stage := range pipeline.Stages {
		for _, step := range []string{"begin", "before_rename", "after_rename", "before_manifest", "recorded"} {
			all = append(all, stage+"."+step)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}()

// expireLeases is the minute that a dead holder's lease takes to end.
func (w *world) expireLeases() { w.exec(`UPDATE lease SET expires_at = 0`) }
