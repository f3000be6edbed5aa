package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/pipeline"
	"tieout/internal/store"
	"tieout/ledgerlink"
	"tieout/schemas"
)

// held takes the lease of a day as another process would.
func (w *world) held(date bizday.Date, holder string) store.Lease {
	w.t.Helper()
	l, err := w.db.Acquire(context.Background(), accountName+"|"+date.String(), holder, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func TestFaultR1_SecondRunNamesTheOwner(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	lease := w.held(day1, "otherhost pid 4711")
	if err := w.db.Enter(context.Background(), lease, "", pipeline.StageMatch); err != nil {
		t.Fatal(err)
	}
	_, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
	f := fault.Of(err)
	if f.ID != "E-4080" || f.Exit() != 40 {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"otherhost pid 4711", "stage match", "2026-12-24T01:00:00Z"} {
		if !strings.Contains(f.Message(fault.English), part) {
			t.Errorf("the message does not name %q: %s", part, f.Message(fault.English))
		}
	}
	if w.books.fetched != 0 {
		t.Error("the second run asked the channel")
	}
	if runs, _ := w.db.Runs(context.Background(), accountName, day1, day1); len(runs) != 0 {
		t.Errorf("the second run left %+v", runs)
	}
}

// A holder that was thought dead comes back after its lease ended: the lease
// has a new token, and everything that it writes is refused.
func TestFaultR3_OldHolderCannotWrite(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.play(day1, cleanDay)
	old := w.held(day1, "a dead host")
	run, _, err := w.db.Begin(ctx, old, accountName, day1)
	if err != nil {
		t.Fatal(err)
	}
	w.clock = w.clock.Add(59 * time.Second)
	w.run(day1, pipeline.Options{}, "E-4080")
	w.clock = w.clock.Add(2 * time.Second)
	w.run(day1, pipeline.Options{}, "")
	want := w.state()
	for name, write := range map[string]func() error{
		"begin":   func() error { _, _, err := w.db.Begin(ctx, old, accountName, day1); return err },
		"enter":   func() error { return w.db.Enter(ctx, old, run.ID, "match") },
		"fail":    func() error { return w.db.Fail(ctx, old, run) },
		"publish": func() error { return w.db.Publish(ctx, old, run, true) },
		"renew":   func() error { return w.db.Renew(ctx, old) },
		"accept":  func() error { return w.db.AcceptStatement(ctx, old, accountName, day1, "TRADE:ALL", 1) },
		"findings": func() error {
			_, err := w.db.ApplyFindings(ctx, old, store.Findings{Account: accountName, Date: day1, RunID: run.ID, Findings: nothing})
			return err
		},
		"statement": func() error {
			_, err := w.db.AddStatement(ctx, old, accountName, day1, "TRADE:ALL", "x", schemas.Fetched{}, true)
			return err
		},
		"try": func() error {
			return w.db.AddFetchAttempt(ctx, old, accountName, day1, "TRADE:ALL", schemas.FetchFailed, "", time.Time{})
		},
	} {
		if err := write(); idOf(err) != "E-4081" {
			t.Errorf("%s by the old holder: %v", name, err)
		}
	}
	if err := w.db.Release(ctx, old); err != nil {
		t.Error(err)
	}
	wantState(t, "after the old holder's writes", want, w.state())
}

func nothing(func(*schemas.Finding, error) bool) {}

func TestFaultR2_RerunOfAFinalDay(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	first := w.run(day1, pipeline.Options{}, "")
	want := w.state()
	if res := w.run(day1, pipeline.Options{}, ""); !res.Already || res.Exit != 0 || res.Run.ID != first.Run.ID {
		t.Errorf("%+v", res)
	}
	wantState(t, "run again", want, w.state())

	// By force it is computed again: our books have changed by the fixes, so
	// what was fixed now agrees, and nothing is fixed again.
	books := []string{"payment", "refund", "customer_order", "journal", "posting", "fix", "outbox", "order_event"}
	forced := w.run(day1, pipeline.Options{Force: true}, "")
	wantState(t, "the books after a rerun", results(want, books...), results(w.state(), books...))
	for _, r := range forced.Changes.Rows {
		if r.To != "" || r.From != "STATUS_MISMATCH_LOCAL_BEHIND" {
			t.Errorf("row %+v", r)
		}
	}
	// Once more: the same inputs, the same bytes, and the program says so.
	again := w.run(day1, pipeline.Options{Force: true}, "")
	if !again.Changes.None() || again.Run.Digest != forced.Run.Digest {
		t.Errorf("changes %q, digests %s and %s", again.Changes.Lines(), again.Run.Digest, forced.Run.Digest)
	}
	w.verify(day1, day1)
	w.replay(day1)
}

// Other rules: a dry run shows what would differ and changes nothing; the new
// attempt does what it said, and earlier fixes stay.
func TestFaultR4_OtherRules(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.run(day1, pipeline.Options{}, "")
	w.acct.Rules.WindowBefore = 500 * time.Millisecond // 23:59:59 is no longer near midnight
	before := w.state()
	dry := w.run(day1, pipeline.Options{DryRun: true, Force: true}, "")
	wantState(t, "a dry run", before, w.state())
	if left := w.tempFiles(); len(left) > 0 {
		t.Errorf("a dry run left %q", left)
	}
	moved := false
	for _, r := range dry.Changes.Rows {
		moved = moved || r.Key == "P6" && r.From == "LOCAL_IN_TRANSIT" && r.To == "LOCAL_ONLY"
	}
	if !moved {
		t.Errorf("the dry run does not show P6: %q", dry.Changes.Lines())
	}
	real := w.run(day1, pipeline.Options{Force: true}, "")
	wantList(t, "changes", withoutFixCases(real.Changes.Lines()), withoutFixCases(dry.Changes.Lines()))
	if p, err := w.db.Payment(context.Background(), "P2"); err != nil || p.State != "SUCCESS" {
		t.Errorf("the earlier fix did not stay: %+v, %v", p, err)
	}
	w.verify(day1, day1)
}

// withoutFixCases leaves out what only an attempt that wrote the cases can say.
func withoutFixCases(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !strings.HasPrefix(l, "fix contradicted") {
			out = append(out, l)
		}
	}
	return out
}

// An early day gets other content; the later days are marked, rebuilt in order,
// and end as if the content had been there from the beginning.
func TestCascadeEqualsFreshRuns(t *testing.T) {
	content := func(w *world, corrected bool) {
		late := "-"
		if corrected {
			late = "paid"
		}
		w.play(day1, `
			P1     12.00  10:00:00  paid  paid
			P2     10.00  10:05:00  paid  `+late+`
			P3     4.00   23:59:59  paid  paid@+00:00:01
			P5     6.00   23:59:58  paid  `+late+`
			R1/P1  3.00   12:00:00  paid  `+late)
		w.play(day2, `Q1  10.00  10:00:00  paid  paid
			Q2  3.00  23:59:59  paid@+00:00:01  paid`)
		w.play(day3, `S1  10.00  10:00:00  paid  paid`)
		w.play(day4, `T1  10.00  10:00:00  paid  paid`)
	}
	fresh := newWorld(t)
	content(fresh, true)
	fresh.runAll(day1, day2, day3, day4)

	w := newWorld(t)
	content(w, false)
	w.runAll(day1, day2, day3, day4)
	for d := day2; d <= day4; d++ {
		if w.current(d).Stale {
			t.Errorf("%s is stale although nothing changed", d)
		}
	}
	w.books.rows = fresh.books.rows
	w.run(day1, pipeline.Options{Again: true}, "E-2280")
	if w.current(day2).Stale {
		t.Error("a later day is stale before the re-issue was accepted")
	}
	w.run(day1, pipeline.Options{AcceptReissue: true}, "")
	if !w.current(day2).Stale {
		t.Error("the second day does not know that its carried rows changed")
	}
	w.cascade(day1)
	for d := day1; d <= day4; d++ {
		if w.current(d).Stale {
			t.Errorf("%s is stale after the cascade", d)
		}
		wantList(t, "findings of "+d.String(), w.findings(w.current(d)), fresh.findings(fresh.current(d)))
		if got, want := len(mustReport(w, d).Carried), len(mustReport(fresh, d).Carried); got != want {
			t.Errorf("%s carries %d rows, want %d", d, got, want)
		}
		if got, want := counts(mustReport(w, d)), counts(mustReport(fresh, d)); !mapsEqual(got, want) {
			t.Errorf("%s: outcomes %v, want %v", d, got, want)
		}
	}
	wantList(t, "open cases", w.openCases(), fresh.openCases())
	wantState(t, "money", results(fresh.state(), "payment", "refund", "customer_order"), results(w.state(), "payment", "refund", "customer_order"))
	w.verify(day1, day4)
	w.replay(day1, day2, day3, day4)
}

func mapsEqual(a, b map[schemas.Class]int64) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// Later days and fixes do not change what an earlier day computes to.
func TestReplayAfterLaterDays(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.play(day3, "S1  10.00  10:00:00  paid  paid")
	w.runAll(day1, day2, day3)
	before := w.state()
	w.replay(day1, day2, day3)
	wantState(t, "a replay", before, w.state())
	w.run(day1, pipeline.Options{Force: true}, "")
	w.cascade(day1)
	w.replay(day1, day2, day3)
	if left := w.tempFiles(); len(left) > 0 {
		t.Errorf("replays left %q", left)
	}
}

// Replays of one day at the same time do not disturb each other. What a killed
// one left goes away with the next; what one at work has does not.
func TestReplaysAtOnce(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.runAll(day1)
	alive, free, err := w.lake.Own("replay")
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(w.dir, "lake", "tmp", "replay-killed")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dead, alive.TempDir()} {
		if err := os.WriteFile(filepath.Join(dir, "half"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var replays sync.WaitGroup
	for range 4 {
		replays.Go(func() { w.replay(day1) })
	}
	replays.Wait()
	wantList(t, "temporary files", w.tempFiles(), []string{filepath.Join(filepath.Base(alive.TempDir()), "half")})
	if err := free(); err != nil {
		t.Fatal(err)
	}
	wantList(t, "temporary folders", names(t, filepath.Dir(dead)), nil)
}

// A replay that fails half-way leaves nothing.
func TestReplayThatFailsLeavesNothing(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.runAll(day1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.pipe.Replay(ctx, w.acct, day1); err == nil {
		t.Error("a cancelled replay ends well")
	}
	w.fs = &badDisk{illness: illness{errno: syscall.ENOSPC, forever: true}, k: 30}
	w.restart()
	if _, err := w.pipe.Replay(context.Background(), w.acct, day1); fault.Of(err).Exit() != 41 {
		t.Errorf("a replay on a full disk: %v", err)
	}
	wantList(t, "temporary folders", names(t, filepath.Join(w.dir, "lake", "tmp")), nil)
}

// A recomputation that is kept lies beside the published files, replaces the one
// before, and is what was published.
func TestRecomputationIsKept(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.runAll(day1)
	var kept string
	for range 2 {
		dir, run, err := w.pipe.Recompute(context.Background(), w.acct, day1)
		if err != nil {
			t.Fatal(err)
		}
		if kept = dir; filepath.Dir(dir) != filepath.Join(w.dir, "lake", "runs", "2026-11-20", accountName) || run.ID != w.current(day1).ID {
			t.Fatalf("%s of run %s", dir, run.ID)
		}
	}
	for _, name := range []string{"normalize/records.parquet", "match/differences.jsonl", "resolve/findings.jsonl"} {
		published, err := os.ReadFile(filepath.Join(filepath.Dir(kept), "a0001", name))
		if err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(filepath.Join(kept, name))
		if err != nil || !bytes.Equal(published, again) {
			t.Errorf("%s differs (%v)", name, err)
		}
	}
	wantList(t, "temporary folders", names(t, filepath.Join(w.dir, "lake", "tmp")), nil)
	w.verify(day1, day1)
	w.replay(day1)
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A flipped byte in any file of the lake is found and named.
func TestFaultS4_FlippedByte(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	run := w.run(day1, pipeline.Options{}, "").Run
	raw, err := filepath.Glob(filepath.Join(w.dir, "lake", "raw", "*", "*"))
	if err != nil || len(raw) != 1 {
		t.Fatalf("%q, %v", raw, err)
	}
	files := append(raw, globRun(t, w.lake, run)...)
	if len(files) < 20 {
		t.Fatalf("only %d files", len(files))
	}
	for _, path := range files {
		undo := flipByte(t, path)
		if !w.corrupt(path) {
			t.Errorf("verify says nothing of %s", path)
		}
		if !w.replayNames(path) {
			t.Errorf("replay does not name %s", path)
		}
		undo()
	}
	w.verify(day1, day1)
	w.replay(day1)
}

// deafReporter cannot write a report.
type deafReporter struct{}

func (deafReporter) Write(context.Context, string, *schemas.RunReport, []fault.Lang) ([]schemas.FileUsed, error) {
	return nil, errors.New("no reports today")
}

// A run that goes on after it was stopped ends at the stage at which a whole run
// ends, although it found the stages done.
func TestResumedRunEndsAtTheLastStage(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.pipe.Report = deafReporter{}
	if res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{}); err == nil || res.Run.Stage != pipeline.StageReport {
		t.Fatalf("stage %q, %v", res.Run.Stage, err)
	}
	w.restart()
	if res := w.run(day1, pipeline.Options{}, ""); res.Run.Stage != pipeline.StageReport || res.Run.Attempt != 1 {
		t.Errorf("stage %q of attempt %d", res.Run.Stage, res.Run.Attempt)
	}
}

// A rerun from a stage takes the stages before it as they are, also when another
// version of the program does it: our books are not asked again.
func TestRerunFromAStageTakesTheOnesBefore(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.run(day1, pipeline.Options{}, "")
	w.pipe.Program, w.acct.Local = "newer", lookupOnly{w.acct.Local}
	res := w.run(day1, pipeline.Options{Force: true, From: pipeline.StageMatch}, "")
	for stage, version := range map[string]string{pipeline.StageNormalize: "test", pipeline.StageExport: "test", pipeline.StageMatch: "newer"} {
		body, err := os.ReadFile(filepath.Join(w.lake.RunDir(day1.String(), accountName, res.Run.Attempt, stage), "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var m schemas.Manifest
		if err := json.Unmarshal(body, &m); err != nil || m.Versions["program"] != version {
			t.Errorf("%s is of program %q, want %q (%v)", stage, m.Versions["program"], version, err)
		}
	}
	w.verify(day1, day1)
	// From the stage itself on, everything is done again.
	if _, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{Force: true, From: pipeline.StageExport}); !errors.Is(err, errNoExport) {
		t.Errorf("from export: %v", err)
	}
}

// What is taken over is stored once, and copied where a file system has no links.
func TestRerunFromAStageStoresNothingTwice(t *testing.T) {
	for name, disk := range map[string]lake.FS{"links": lake.OS, "copies": linkless{lake.OS}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			busyDays(w)
			w.fs = disk
			w.restart()
			w.run(day1, pipeline.Options{}, "")
			res := w.run(day1, pipeline.Options{Force: true, From: pipeline.StageMatch}, "")
			var files [2]os.FileInfo
			for i, attempt := range []int{1, res.Run.Attempt} {
				var err error
				if files[i], err = os.Stat(filepath.Join(w.lake.RunDir(day1.String(), accountName, attempt, pipeline.StageExport), "local.parquet")); err != nil {
					t.Fatal(err)
				}
			}
			if once := os.SameFile(files[0], files[1]); once != (name == "links") {
				t.Errorf("stored once: %v", once)
			}
			w.verify(day1, day1)
			w.replay(day1)
		})
	}
}

// linkless is a file system without links.
type linkless struct{ lake.FS }

func (linkless) Link(from, to string) error {
	return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
}

// What is taken over is what was published, or nothing is.
func TestRerunFromAStageRefusesADamagedFile(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.run(day1, pipeline.Options{}, "")
	undo := flipByte(t, w.published(day1, pipeline.StageExport, "local.parquet"))
	w.run(day1, pipeline.Options{Force: true, From: pipeline.StageMatch}, "E-4201")
	undo()
	w.run(day1, pipeline.Options{Force: true, From: pipeline.StageMatch}, "")
}

// lookupOnly is our books without an export.
type lookupOnly struct{ pipeline.Local }

var errNoExport = errors.New("our books were asked for an export")

func (lookupOnly) Export(context.Context, ledgerlink.ExportRequest, func(*schemas.Batch) error) (schemas.Export, error) {
	return schemas.Export{}, errNoExport
}
