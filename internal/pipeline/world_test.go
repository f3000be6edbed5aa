package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/paycore"
	"tieout/internal/pipeline"
	"tieout/internal/store"
	"tieout/ledgerlink"
	"tieout/match"
	"tieout/resolve"
	"tieout/schemas"
	"tieout/schemas/channels"
)

const (
	accountName = "wechat-main"
	mchID       = "1900000001"
	ratePPM     = 6000
)

// morning is what the clock of every world shows first: nine o'clock after the
// last day that the tests talk about.
var morning = time.Date(2026, 12, 24, 9, 0, 0, 0, zone)

// world is one merchant with one account: a folder with lake, database and
// reports, what the channel says, and a clock that stands.
type world struct {
	t       testing.TB
	dir     string
	clock   time.Time
	books   *channelBooks
	db      *store.DB
	lake    *lake.Lake
	core    *paycore.Core
	pipe    *pipeline.Pipeline
	acct    pipeline.Account
	alerts  *alerts
	fs      lake.FS
	workers int
	plant   func(*world) // changes what a new process works with
}

// newWorld makes a world in a new folder.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: tempDir(t), clock: morning, books: newChannelBooks(), fs: lake.OS, workers: 2}
	w.open()
	t.Cleanup(w.close)
	return w
}

// tempDir is a folder in memory where the machine has one. Thousands of nights
// sync every commit and every file; nobody cuts the power here.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tieout-test-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// open opens the folder as a new process would.
func (w *world) open() {
	w.t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(w.dir, "tieout.db"), w.now, true)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.lake, err = lake.Open(filepath.Join(w.dir, "lake"), w.fs); err != nil {
		w.t.Fatal(err)
	}
	w.db, w.alerts = db, &alerts{}
	w.core = paycore.New(db, paycore.Rates{"wechat": {accountName: {PPM: ratePPM, RefundsReturn: true}}}, w.now)
	w.pipe = &pipeline.Pipeline{
		Lake: w.lake, Store: db, Table: decisionTable(w.t), Books: ledgerlink.NewLink(db, noPause), Now: w.now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Program: "test", Holder: "host pid 1", Workers: w.workers,
		Report: jsonReport{w}, Alert: w.alerts,
	}
	w.acct = w.account()
	if w.plant != nil {
		w.plant(w)
	}
}

func (w *world) account() pipeline.Account {
	def := weChat(w.t)
	return pipeline.Account{
		Name: accountName, Merchant: mchID, Definition: def, Statements: []pipeline.StatementSpec{{Kind: "TRADE", Variant: "ALL"}},
		Source: w.books, Query: w.books, Local: ledgerlink.OpenCore(w.db), Rules: match.RulesOf(def.Match),
		Fence:   resolve.Limits{MaxCount: 100, MaxMinor: map[string]int64{"CNY": 100_000_00}, MaxSharePPM: 100_000, ShareFloor: 20},
		Breaker: resolve.BreakerRules{MaxSharePPM: 200_000, ShareFloor: 20}, FeePPM: ratePPM,
		Context: resolve.Context{Settings: resolve.Settings{LateSuccess: resolve.LateManual}},
		Ladder: func(d bizday.Date) (fetchers.Ladder, error) {
			ready := time.UnixMicro(def.Day().Of(d).To).Add(9 * time.Hour)
			return fetchers.Ladder{Spacing: 10 * time.Minute, ReadyAt: ready, GiveUp: ready.Add(30 * time.Hour)}, nil
		},
		Lang: []fault.Lang{fault.English}, ReportDir: filepath.Join(w.dir, "reports"),
	}
}

func (w *world) close() {
	if w.db != nil {
		w.db.Close()
		w.db = nil
	}
}

// restart closes everything and opens it again.
func (w *world) restart() {
	w.close()
	w.open()
}

func (w *world) now() time.Time { return w.clock }

// run takes the account through a day; the error must be the fault with this
// id, or nil for "".
func (w *world) run(date bizday.Date, opt pipeline.Options, wantFault fault.ID) pipeline.Result {
	w.t.Helper()
	res, err := w.pipe.Run(context.Background(), w.acct, date, opt)
	if got := idOf(err); got != wantFault {
		w.t.Fatalf("run of %s: fault %q (%v), want %q", date, got, err, wantFault)
	}
	return res
}

// runAll runs days in order, all of them without a fault.
func (w *world) runAll(dates ...bizday.Date) []pipeline.Result {
	w.t.Helper()
	var all []pipeline.Result
	for _, d := range dates {
		all = append(all, w.run(d, pipeline.Options{}, ""))
	}
	return all
}

// cascade rebuilds the stale days after a date, oldest first.
func (w *world) cascade(after bizday.Date) {
	w.t.Helper()
	runs, err := w.db.Runs(context.Background(), accountName, after.Add(1), after.Add(60))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range runs {
		if !r.Current {
			continue
		}
		if cur := w.current(r.BillDate); cur.Stale {
			w.run(r.BillDate, pipeline.Options{Force: true, From: pipeline.StageMatch}, "")
		}
	}
}

func (w *world) current(date bizday.Date) store.Run {
	w.t.Helper()
	r, ok, err := w.db.Current(context.Background(), accountName, date)
	if err != nil || !ok {
		w.t.Fatalf("no current run of %s: %v", date, err)
	}
	return r
}

// verify runs all invariants, with every byte read.
func (w *world) verify(from, to bizday.Date) {
	w.t.Helper()
	proofs, err := w.pipe.Verify(context.Background(), []pipeline.Account{w.acct}, from, to, true)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range proofs {
		if !p.OK {
			w.t.Errorf("invariant %s: want %s, got %s (%s)", p.Name, p.Want, p.Got, p.Note)
		}
	}
}

// replay proves that a published day computes to the same bytes.
func (w *world) replay(dates ...bizday.Date) {
	w.t.Helper()
	for _, d := range dates {
		if r, err := w.pipe.Replay(context.Background(), w.acct, d); err != nil || r.First != "" || !r.SameBytes || len(r.Versions) > 0 {
			w.t.Errorf("replay of %s: %+v, %v", d, r, err)
		}
	}
}

// findings are the differences of a finished run that are not mere carrying, as
// "KIND key CLASS ACTION".
func (w *world) findings(r store.Run) []string {
	w.t.Helper()
	var all []string
	for d, err := range w.pipe.Findings(r) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s", d.Kind, d.Key, d.Class, d.Decision.Action))
	}
	slices.Sort(all)
	return all
}

// openCases are the open cases as "key CLASS flag Ppriority".
func (w *world) openCases() []string {
	w.t.Helper()
	list, err := w.db.Cases(context.Background(), store.CaseFilter{Account: accountName})
	if err != nil {
		w.t.Fatal(err)
	}
	all := make([]string, len(list))
	for i, c := range list {
		all[i] = fmt.Sprintf("%s %s %s P%d", c.Key, c.Class, orDash(c.Flag), c.Priority)
	}
	slices.Sort(all)
	return all
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// appliedFixes are the fixes in the books as "KIND number", in order.
func (w *world) appliedFixes(runID string) []string {
	w.t.Helper()
	list, err := w.db.Fixes(context.Background(), runID)
	if err != nil {
		w.t.Fatal(err)
	}
	all := make([]string, len(list))
	for i, f := range list {
		no := f.MerchantRef
		if f.RefundRef != "" {
			no = f.RefundRef
		}
		all[i] = string(f.Kind) + " " + no
	}
	slices.Sort(all)
	return all
}

// counts are the outcomes by class, of all kinds and currencies.
func counts(r *schemas.RunReport) map[schemas.Class]int64 {
	m := map[schemas.Class]int64{}
	for _, t := range r.Totals {
		m[t.Class] += t.Outcomes
	}
	return m
}

// wantCounts compares the outcomes by class; classes that are not named must be
// absent.
func wantCounts(t testing.TB, r *schemas.RunReport, want map[schemas.Class]int64) {
	t.Helper()
	if got := counts(r); !maps.Equal(got, want) {
		t.Errorf("%s: outcomes %v, want %v", r.Date, got, want)
	}
}

func wantList(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func idOf(err error) fault.ID {
	if err == nil {
		return ""
	}
	return fault.Of(err).ID
}

// jsonReport writes the report as JSON; names are relative to the world, so
// that two worlds can be compared.
type jsonReport struct{ w *world }

// Write implements pipeline.Reporter.
func (j jsonReport) Write(_ context.Context, dir string, r *schemas.RunReport, _ []fault.Lang) ([]schemas.FileUsed, error) {
	name := fmt.Sprintf("%s.%s.json", r.Date, r.Account)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	all := struct {
		*schemas.RunReport
		Listed []*schemas.Difference
	}{RunReport: r}
	if r.Differences != nil {
		for d, err := range r.Differences {
			if err != nil {
				return nil, err
			}
			all.Listed = append(all.Listed, d)
		}
	}
	body, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return nil, err
	}
	return []schemas.FileUsed{{Name: name}}, os.WriteFile(filepath.Join(dir, name), body, 0o600)
}

// alerts remembers what people were told.
type alerts struct{ sent []int }

// Alert implements pipeline.Alerter.
func (a *alerts) Alert(_ context.Context, _ *schemas.RunReport, exit int, _ string) {
	a.sent = append(a.sent, exit)
}

func noPause(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// What every world reads is read once.
var (
	allChannels = sync.OnceValues(channels.All)
	loadTable   = sync.OnceValues(resolve.Load)
)

func weChat(t testing.TB) *channels.Definition {
	t.Helper()
	all, err := allChannels()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Name == "wechat" {
			return d
		}
	}
	t.Fatal("there is no channel wechat")
	return nil
}

func decisionTable(t testing.TB) *resolve.Table {
	t.Helper()
	table, err := loadTable()
	if err != nil {
		t.Fatal(err)
	}
	return table
}
