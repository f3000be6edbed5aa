package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// missedRows are payments that the channel took and nobody told us of.
func missedRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "M%02d  10.00  12:00:%02d  open  paid\n", i, i)
	}
	for i := range 80 {
		fmt.Fprintf(&b, "A%02d  1.00  13:00:%02d  paid  paid\n", i, i%60)
	}
	return b.String()
}

func TestFaultL6_Caps(t *testing.T) {
	for name, c := range map[string]struct {
		limit func(*pipeline.Account)
		fixed int
	}{
		"count":  {func(a *pipeline.Account) { a.Fence.MaxCount = 3 }, 3},
		"amount": {func(a *pipeline.Account) { a.Fence.MaxMinor = map[string]int64{"CNY": 49_99} }, 4},
		"share":  {func(a *pipeline.Account) { a.Fence.ShareFloor, a.Fence.MaxSharePPM = 1, 50_000 }, 4}, // 5 % of 90
		"none":   {func(*pipeline.Account) {}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(day1, missedRows(10))
			c.limit(&w.acct)
			res := w.run(day1, pipeline.Options{}, "")
			fixed, held := 0, 0
			for _, f := range w.appliedFixes(res.Run.ID) {
				switch {
				case strings.HasPrefix(f, "SET_SUCCESS"):
					fixed++
				case strings.HasPrefix(f, "SUSPEND"):
					held++
				}
			}
			wantExit := 11
			if c.fixed == 10 {
				wantExit = 0
			}
			if fixed != c.fixed || held != 10-c.fixed || res.Exit != wantExit {
				t.Errorf("%d fixed, %d held, exit %d; want %d, %d, %d: %s", fixed, held, res.Exit, c.fixed, 10-c.fixed, wantExit, res.Report.Why)
			}
			if c.fixed < 10 && !strings.Contains(res.Report.Why, fmt.Sprintf("held back %d", 10-c.fixed)) {
				t.Errorf("the report says %q", res.Report.Why)
			}
			// Neither a rerun nor a new attempt gets past the caps.
			w.run(day1, pipeline.Options{Force: true}, "")
			again := w.run(day1, pipeline.Options{Force: true}, "")
			if n := len(w.appliedFixes(again.Run.ID)); n != 0 {
				t.Errorf("a rerun made %d fixes: %q", n, w.appliedFixes(again.Run.ID))
			}
			if again.Exit != wantExit {
				t.Errorf("a rerun ends with %d", again.Exit)
			}
			w.verify(day1, day1)
			w.replay(day1)
		})
	}
}

// A question that gets no answer proves nothing: it is never taken for a
// failed payment.
func TestFaultL7_QueryTimesOut(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay+"\nM1  10.00  12:00:00  open  paid")
	w.books.silent = errTimeout
	res := w.run(day1, pipeline.Options{}, "")
	wantList(t, "fixes", w.appliedFixes(res.Run.ID), []string{"SUSPEND M1"})
	wantList(t, "open cases", w.openCases(), []string{"M1 STATUS_MISMATCH_LOCAL_BEHIND - P1"})
	if p, err := w.db.Payment(context.Background(), "M1"); err != nil || p.State != "PAYING" {
		t.Errorf("the payment is %+v, %v", p, err)
	}
	w.replay(day1)

	// The channel answers again: the next attempt asks once more, and fixes.
	w.books.silent = nil
	again := w.run(day1, pipeline.Options{Force: true, From: pipeline.StageExport}, "")
	if p, err := w.db.Payment(context.Background(), "M1"); err != nil || p.State != "SUCCESS" {
		t.Errorf("the payment is %+v, %v: %q", p, err, w.appliedFixes(again.Run.ID))
	}
	wantList(t, "open cases", w.openCases(), []string{})
	w.verify(day1, day1)
	w.replay(day1)
}

// The same missed notification in the statements of two days is fixed once.
func TestFaultL3_MissedTwice(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay+"\nM1  10.00  12:00:00  open  paid")
	w.play(day2, "Q1  1.00  10:00:00  paid  paid")
	w.books.rows[day2] = append(w.books.rows[day2], w.books.rows[day1][len(w.books.rows[day1])-1])
	w.books.rows[day2][1].theirs.at = w.books.rows[day2][1].theirs.at.AddDate(0, 0, 1)
	for _, res := range w.runAll(day1, day2) {
		want := []string{}
		if res.Run.BillDate == day1 {
			want = []string{"SET_SUCCESS M1"}
		}
		got := w.appliedFixes(res.Run.ID)
		got = slices.DeleteFunc(got, func(f string) bool { return strings.HasPrefix(f, "SUSPEND") })
		wantList(t, "fixes of "+res.Run.BillDate.String(), got, want)
	}
	wantList(t, "findings of the second day", w.findings(w.current(day2)), []string{"PAYMENT M1 DUPLICATE_CHANNEL MANUAL"})
	w.verify(day1, day2)
}

// The channel corrects its statement after we fixed what the first one said.
func TestT17_FixContradicted(t *testing.T) {
	for name, c := range map[string]struct {
		correct func(*channelBooks)
		want    string
	}{
		"row_gone":       {func(b *channelBooks) { b.drop(day1, "M1") }, "M1 LOCAL_ONLY FIX_CONTRADICTED P1"},
		"another_amount": {func(b *channelBooks) { b.change(day1, "M1", 900) }, "M1 AMOUNT_MISMATCH FIX_CONTRADICTED P1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.play(day1, cleanDay+"\nM1  10.00  12:00:00  open  paid")
			first := w.run(day1, pipeline.Options{}, "")
			wantList(t, "fixes", w.appliedFixes(first.Run.ID), []string{"SET_SUCCESS M1"})
			c.correct(w.books)
			w.run(day1, pipeline.Options{Again: true}, "E-2280")
			second := w.run(day1, pipeline.Options{AcceptReissue: true}, "")
			wantList(t, "open cases", w.openCases(), []string{c.want})
			if second.Changes == nil || len(second.Changes.Contradicted) != 1 || second.Verdict != schemas.Breaks {
				t.Errorf("verdict %s, changes %+v", second.Verdict, second.Changes)
			}
			if p, err := w.db.Payment(context.Background(), "M1"); err != nil || p.State != "SUCCESS" {
				t.Errorf("the fix did not stay: %+v, %v", p, err)
			}
			// Once more with the same evidence: nothing is new.
			if third := w.run(day1, pipeline.Options{Force: true}, ""); !third.Changes.None() {
				t.Errorf("changes %q", third.Changes.Lines())
			}
			w.verify(day1, day1)
			w.replay(day1)
		})
	}
}

// A night whose suspense was released by a later attempt is not undone, and the
// message says what is missing.
func TestUndoOfWhatMovedOn(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay+"\nM1  10.00  12:00:00  open  paid")
	w.books.silent = errTimeout
	first := w.run(day1, pipeline.Options{}, "")
	w.books.silent = nil
	w.run(day1, pipeline.Options{Force: true, From: pipeline.StageExport}, "")
	before := w.state()
	_, err := w.pipe.Undo(context.Background(), first.Run, "ada", "a drill")
	if idOf(err) != "E-1181" {
		t.Fatal(err)
	}
	if m := fault.Of(err).Message(fault.English); !strings.Contains(m, "has no receipts in suspense") {
		t.Error(m)
	}
	if m := fault.Of(err).Message(fault.Chinese); !strings.Contains(m, "没有挂账收款") {
		t.Error(m)
	}
	wantState(t, "an undo that is refused", before, w.state())
}

// A night is undone once: its case is open again, the books hold, and a second
// time there is nothing to take back.
func TestUndoTwice(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay+"\nM1  10.00  12:00:00  open  paid")
	run := w.run(day1, pipeline.Options{}, "").Run
	for i, want := range []int{1, 0} {
		done, err := w.pipe.Undo(context.Background(), run, "ada", "a drill")
		if err != nil || len(done) != want {
			t.Errorf("undo %d: %d fixes, want %d: %+v, %v", i+1, len(done), want, done, err)
		}
		wantList(t, "open cases", w.openCases(), []string{"M1 STATUS_MISMATCH_LOCAL_BEHIND - P1"})
		w.verify(day1, day1)
	}
}
