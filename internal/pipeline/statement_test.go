package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/store"
	"tieout/schemas"
)

var (
	day1 = bizday.Make(2026, 11, 20)
	day2 = day1.Add(1)
	day3 = day1.Add(2)
	day4 = day1.Add(3)
)

const cleanDay = `
	no     amount  at        ours  theirs
	P1     12.00   10:00:00  paid  paid
	P2     10.00   10:05:00  paid  paid
	P3     0.30    11:00:00  paid  paid
	R1/P1  3.00    12:00:00  paid  paid`

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

func TestT01_FailedThenRerun(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	w.books.answer[day1.String()] = func() (schemas.Fetched, error) {
		return schemas.Fetched{}, fault.New("E-3101", fault.V{}, nil)
	}
	if _, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{}); err == nil {
		t.Fatal("no statement, and no fault")
	}
	if _, ok, _ := w.db.Current(context.Background(), accountName, day1); ok {
		t.Error("a failed run is current")
	}
	delete(w.books.answer, day1.String())
	w.run(day1, pipeline.Options{Now: true}, "")
	runs, err := w.db.Runs(context.Background(), accountName, day1, day1)
	if err != nil || len(runs) != 1 || !runs[0].Current || runs[0].State != store.RunDone {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestT02_DownloadFailsForGood(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	w.books.answer[day1.String()] = func() (schemas.Fetched, error) {
		return schemas.Fetched{}, fetchers.As(fetchers.Permanent, fault.New("E-3001", fault.V{}, nil))
	}
	res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
	if err == nil || res.Exit == 0 || res.Run.State != store.RunFailed || len(w.alerts.sent) != 1 || w.alerts.sent[0] != res.Exit {
		t.Errorf("exit %d, state %s, alerts %v, %v", res.Exit, res.Run.State, w.alerts.sent, err)
	}
	try, ok, err := w.db.LastFetchAttempt(context.Background(), accountName, day1, "TRADE:ALL")
	if err != nil || !ok || try.State != schemas.FetchFailed || !try.NextAt.IsZero() {
		t.Errorf("last try %+v, %v, %v", try, ok, err)
	}
}

// Cron comes back every ten minutes: the same failure is told once, another one
// again.
func TestAlertsAreNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	fails := func(id fault.ID) {
		w.books.answer[day1.String()] = func() (schemas.Fetched, error) {
			return schemas.Fetched{}, fault.New(id, fault.V{}, nil)
		}
		for range 3 {
			w.run(day1, pipeline.Options{Now: true}, id)
		}
	}
	fails("E-3001")
	fails("E-3101")
	fails("E-3001")
	if want := []int{30, 31, 30}; !slices.Equal(w.alerts.sent, want) {
		t.Errorf("told of exit codes %v, want %v", w.alerts.sent, want)
	}
}

// One fen too much in the trailer, and the night stops.
func TestT04_TrailerOffByOneFen(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	body := weChatBill(w.books.rows[day1])
	paid := int64(0)
	for _, tr := range w.books.rows[day1] {
		if tr.of == "" {
			paid += tr.theirs.minor
		}
	}
	at := bytes.Index(body, []byte(billTail)) // not the rows before
	if bytes.Count(body[at:], []byte(yuan(paid))) == 0 {
		t.Fatal("the trailer does not hold the sum")
	}
	w.books.raw[day1] = append(bytes.Clone(body[:at]), bytes.ReplaceAll(body[at:], []byte(yuan(paid)), []byte(yuan(paid+1)))...)
	before := results(w.state(), "payment", "refund", "journal", "posting", "fix", "recon_case", "outbox")
	res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
	if fault.Of(err).Exit() != 21 || res.Verdict != schemas.Incomplete || res.Exit != 21 {
		t.Fatalf("verdict %s, exit %d, %v", res.Verdict, res.Exit, err)
	}
	if w.books.asked != 0 {
		t.Errorf("the channel was asked %d times on a night without a result", w.books.asked)
	}
	wantState(t, "books and cases", before, results(w.state(), "payment", "refund", "journal", "posting", "fix", "recon_case", "outbox"))

	// The channel publishes the right file; the same attempt goes on.
	delete(w.books.raw, day1)
	w.run(day1, pipeline.Options{Again: true}, "")
	if r := w.current(day1); r.Attempt != 1 {
		t.Errorf("attempt %d", r.Attempt)
	}
	w.verify(day1, day1)
}

// The ladder of tries is in the database: a new process goes on where the old
// one stopped, and a cron that fires twice asks once.
func TestFaultD01_LadderSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	w.books.answer[day1.String()] = func() (schemas.Fetched, error) {
		return schemas.Fetched{State: schemas.FetchNotReady, Detail: "NO_STATEMENT_EXIST"}, nil
	}
	y, m, d := day2.YMD()
	w.clock = time.Date(y, m, d, 9, 0, 0, 0, zone)
	spacing := []time.Duration{10 * time.Minute, 12*time.Minute + 30*time.Second, 15 * time.Minute}
	for i, pause := range spacing {
		w.run(day1, pipeline.Options{}, "E-2080")
		w.restart()
		w.run(day1, pipeline.Options{}, "E-2080") // a minute too early: nothing is asked
		if w.books.fetched != i+1 {
			t.Fatalf("asked %d times after %d tries", w.books.fetched, i+1)
		}
		try, _, err := w.db.LastFetchAttempt(context.Background(), accountName, day1, "TRADE:ALL")
		if err != nil || try.Attempt != i+1 || !try.NextAt.Equal(w.clock.Add(pause)) {
			t.Fatalf("try %+v, want the next one %s later", try, pause)
		}
		w.clock = try.NextAt
	}
	delete(w.books.answer, day1.String())
	if res := w.run(day1, pipeline.Options{}, ""); res.Verdict != schemas.Reconciled {
		t.Errorf("verdict %s", res.Verdict)
	}
	if res := w.run(day1, pipeline.Options{}, ""); !res.Already || res.Exit != 0 {
		t.Errorf("a second cron: %+v", res)
	}
}

func TestFaultD01_GivesUp(t *testing.T) {
	w := newWorld(t)
	w.books.answer[day1.String()] = func() (schemas.Fetched, error) {
		return schemas.Fetched{State: schemas.FetchNotReady, Detail: "NO_STATEMENT_EXIST"}, nil
	}
	res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{}) // weeks later
	if idOf(err) != "E-2081" || res.Exit != 20 || res.Report.FetchState != schemas.FetchLate {
		t.Errorf("%v: exit %d, state %s", err, res.Exit, res.Report.FetchState)
	}
}

// The channel issues a statement again with other rows: it is kept beside the
// first, a person sees what would change and accepts it, and only the
// difference moves.
func TestFaultC06_Reissue(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay+`
		P4  5.00  13:00:00  paid  -`)
	first := w.run(day1, pipeline.Options{}, "")
	wantList(t, "open cases", w.openCases(), []string{"P4 LOCAL_ONLY - P1"})
	oldReport := hashOf(w.state(), "file lake/runs/"+day1.String()+"/"+accountName+"/a0001/report/run.json")

	w.books.add(table(t, day1, `P4  5.00  13:00:00  paid  paid`)[0])
	res := w.run(day1, pipeline.Options{Again: true}, "E-2280")
	if res.Exit != 22 {
		t.Errorf("exit %d", res.Exit)
	}
	if w.current(day1).ID != first.Run.ID {
		t.Error("a statement that nobody accepted changed the result")
	}
	w.run(day1, pipeline.Options{Force: true, From: pipeline.StageMatch}, "") // what is accepted stays computable
	dry := w.run(day1, pipeline.Options{AcceptReissue: true, DryRun: true}, "")
	if dry.Changes == nil || len(dry.Changes.Rows) != 1 || dry.Changes.Rows[0].Key != "P4" || len(dry.Changes.Inputs) == 0 {
		t.Fatalf("the dry run shows %+v", dry.Changes)
	}
	if issues, _ := w.db.Statements(context.Background(), accountName, day1, "TRADE:ALL"); len(issues) != 2 || issues[1].Accepted {
		t.Fatalf("a dry run accepted the statement: %+v", issues)
	}
	accepted := w.run(day1, pipeline.Options{AcceptReissue: true}, "")
	if got := fmt.Sprint(accepted.Changes.Rows); got != fmt.Sprint(dry.Changes.Rows) {
		t.Errorf("accepted: %s, the dry run said %v", got, dry.Changes.Rows)
	}
	wantList(t, "open cases", w.openCases(), []string{})
	if got := hashOf(w.state(), "file lake/runs/"+day1.String()+"/"+accountName+"/a0001/report/run.json"); got != oldReport {
		t.Error("the old result did not stay")
	}
	w.verify(day1, day1)
	w.replay(day1)
}

func hashOf(state map[string]string, name string) string { return state[name] }

func TestFaultC07_EmptyDay(t *testing.T) {
	w := newWorld(t)
	if res := w.run(day1, pipeline.Options{}, ""); res.Verdict != schemas.Reconciled || res.Report.FetchState != schemas.FetchEmptyConfirmed {
		t.Errorf("a day on which nothing happened: %s, %s", res.Verdict, res.Report.FetchState)
	}
	w.play(day2, `P1  12.00  10:00:00  paid  -`)
	if res, err := w.pipe.Run(context.Background(), w.acct, day2, pipeline.Options{}); idOf(err) != "E-2181" || res.Exit != 21 {
		t.Errorf("our books have payments: %v, exit %d", err, res.Exit)
	}
	if res := w.run(day2, pipeline.Options{AcceptEmpty: true}, ""); res.Verdict != schemas.Breaks {
		t.Errorf("accepted: %s", res.Verdict)
	}
	w.verify(day1, day2)
}

// A statement of half the usual size is complete, but nothing is fixed by
// itself.
func TestFaultC08_VolumeOutOfBand(t *testing.T) {
	w := newWorld(t)
	days := make([]bizday.Date, 8)
	for i := range days {
		days[i] = day1.Add(i)
		var b strings.Builder
		rows := 8
		if i == 7 {
			rows = 3
		}
		for r := range rows {
			ours := "paid"
			if i == 7 && r == 0 {
				ours = "open"
			}
			fmt.Fprintf(&b, "P%d%d  1.00  10:00:0%d  %s  paid\n", i, r, r, ours)
		}
		w.play(days[i], b.String())
	}
	all := w.runAll(days...)
	last := all[7]
	if last.Exit != 11 || last.Verdict != schemas.Breaks || len(w.appliedFixes(last.Run.ID)) != 1 || w.books.asked != 0 {
		t.Errorf("exit %d, verdict %s, fixes %q, asked %d", last.Exit, last.Verdict, w.appliedFixes(last.Run.ID), w.books.asked)
	}
	wantList(t, "fixes", w.appliedFixes(last.Run.ID), []string{"SUSPEND P70"})
	wantList(t, "open cases", w.openCases(), []string{"P70 STATUS_MISMATCH_LOCAL_BEHIND - P1"})
	w.verify(days[0], days[7])
}

// rejectCount counts the rejects that a report is given.
type rejectCount struct{ shown, said, listed int }

// Write implements pipeline.Reporter.
func (c *rejectCount) Write(_ context.Context, _ string, r *schemas.RunReport, _ []fault.Lang) ([]schemas.FileUsed, error) {
	*c = rejectCount{shown: len(r.Rejects), said: int(r.RejectRows)}
	for _, err := range r.EachReject {
		if err != nil {
			return nil, err
		}
		c.listed++
	}
	return nil, nil
}

// The channel moved money in a row that cannot be read and that our books do not
// know: all sums agree, and still the night is not green.
func TestFaultC10_UnreadRowWaitsForPeople(t *testing.T) {
	w := newWorld(t)
	w.play(day1, `
		P1  12.00  10:00:00  paid  paid
		P2  7.00   11:00:00  -     paid`)
	bill := weChatBill(w.books.rows[day1])
	at := bytes.Index(bill, []byte("P2"))
	w.books.raw[day1] = append(bytes.Clone(bill[:at]), bytes.Replace(bill[at:], []byte("JSAPI"), []byte("JS\xffPI"), 1)...)
	res := w.run(day1, pipeline.Options{}, "")
	wantCounts(t, res.Report, map[schemas.Class]int64{schemas.Matched: 1})
	if res.Report.RejectRows != 1 || res.Verdict != schemas.Breaks || res.Exit != 10 {
		t.Errorf("%d rejects, verdict %s, exit %d: %s", res.Report.RejectRows, res.Verdict, res.Exit, res.Report.Why)
	}
	w.replay(day1)
}

// A bill with more rejects than a report shows: the first 1,000 are in the
// report, and the way to all of them, whether the night ends or is held.
func TestReportIsGivenAllRejects(t *testing.T) {
	const bad = 1_100
	w := newWorld(t)
	w.play(day1, cleanDay)
	bill := weChatBill(w.books.rows[day1])
	at := bytes.Index(bill, []byte(billTail))
	var rows bytes.Buffer
	for range bad {
		tick(&rows, append(strings.Split("never,wx0,"+mchID+",0,,,X,payer,JSAPI,SUCCESS,OTHERS,CNY,0.00,0.00,0,0,0.00,0.00,,,goods,,0.00000,0.60%,0.00,0.00", ","), ""))
	}
	tail := bytes.Replace(bill[at:], []byte("`4,"), fmt.Appendf(nil, "`%d,", bad+4), 1)
	want := rejectCount{shown: 1_000, said: bad, listed: bad}
	given := &rejectCount{}
	w.pipe.Report = given

	w.books.raw[day1] = slices.Concat(bill[:at], rows.Bytes(), bytes.Replace(tail, []byte("22.30"), []byte("22.31"), 1))
	if _, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{}); fault.Of(err).Exit() != 21 {
		t.Fatalf("a trailer that is one fen off: %v", err)
	}
	if *given != want {
		t.Errorf("a night that is held: %+v, want %+v", *given, want)
	}

	*given = rejectCount{}
	w.books.raw[day1] = slices.Concat(bill[:at], rows.Bytes(), tail)
	res := w.run(day1, pipeline.Options{Again: true}, "")
	if *given != want {
		t.Errorf("a night that ends: %+v, want %+v", *given, want)
	}
	again, err := w.pipe.LoadReport(context.Background(), res.Run)
	if err != nil {
		t.Fatal(err)
	}
	*given = rejectCount{}
	if _, err := given.Write(context.Background(), "", again, nil); err != nil || *given != want {
		t.Errorf("a report that is written again: %+v (%v), want %+v", *given, err, want)
	}
}
