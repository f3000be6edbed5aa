package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/store"
	"tieout/schemas"
)

// work is one attempt being worked on.
type work struct {
	p         *Pipeline
	acct      Account
	date      bizday.Date
	lease     store.Lease
	attempt   store.Run
	opt       Options
	progress  Progress
	lake      *lake.Lake // with a folder of this attempt's own for half-written files
	root      string     // folder of the attempt; a dry run has its own
	manifests map[string]*schemas.Manifest
	previous  store.Run // what was current before; zero if nothing
	had       bool
	replaying bool // everything from outside comes from the records of the published run
	held      int64
	heldWhy   string
	// contradicted are the fixes that this run's evidence speaks against.
	contradicted []string
	differences  []*schemas.Difference // of the file of match, while others read it; nil: they read the file
	findings     []*schemas.Finding    // and of that of resolve
	report       schemas.RunReport
}

// begin opens the attempt: the unfinished one, or a new one.
func (p *Pipeline) begin(ctx context.Context, acct Account, date bizday.Date, lease store.Lease, opt Options) (*work, error) {
	w := &work{p: p, acct: acct, date: date, lease: lease, opt: opt, progress: opt.Progress, manifests: map[string]*schemas.Manifest{}}
	var err error
	if w.previous, w.had, err = p.Store.Current(ctx, acct.Name, date); err != nil {
		return nil, err
	}
	if opt.DryRun {
		w.attempt = store.Run{ID: store.RunID(acct.Name, date, w.previous.Attempt) + ".dry", Account: acct.Name, BillDate: date, Attempt: w.previous.Attempt}
		w.lake = p.Lake.Scope(w.attempt.ID)
		w.root = filepath.Join(w.lake.TempDir(), "run")
	} else {
		if w.attempt, _, err = p.Store.Begin(ctx, lease, acct.Name, date); err != nil {
			return nil, err
		}
		w.lake = p.Lake.Scope(w.attempt.ID)
		w.root = filepath.Dir(p.Lake.RunDir(date.String(), acct.Name, w.attempt.Attempt, "x"))
	}
	if err := w.lake.CleanTemp(); err != nil { // a crash may have left something
		return nil, err
	}
	crashpoint.Hit("run.begun")
	w.report = schemas.RunReport{
		Channel: acct.Definition.Name, Account: acct.Name, Merchant: acct.Merchant, Date: date, RunID: w.attempt.ID, Attempt: w.attempt.Attempt,
		Zone: acct.Definition.Zone, Versions: w.versions(""),
	}
	return w, nil
}

func (w *work) dir(stage string) string { return filepath.Join(w.root, stage) }

// versions of what decides a stage's result.
func (w *work) versions(stage string) map[string]string {
	v := map[string]string{"program": w.p.Program}
	switch stage {
	case StageNormalize:
		v["definition"] = w.acct.Definition.Version
	case StageMatch:
		v["definition"], v["rules"] = w.acct.Definition.Version, w.acct.Rules.Digest()
	case StageQuery, StageResolve, StageApply, StageReport, "":
		v["definition"], v["rules"], v["decisions"] = w.acct.Definition.Version, w.acct.Rules.Digest(), w.p.Table.Version()
	}
	return v
}

// enter tells the store, and so people, where the run is.
func (w *work) enter(ctx context.Context, stage string) error {
	if w.opt.DryRun {
		return nil
	}
	w.attempt.Stage = stage
	return w.p.Store.Enter(ctx, w.lease, w.attempt.ID, stage)
}

// night is the list of stages.
func (w *work) night(ctx context.Context) (Result, error) {
	if err := w.takeOver(); err != nil {
		return Result{}, err
	}
	for _, stage := range []struct {
		name string
		do   func(context.Context) error
	}{{StageFetch, w.fetch}, {StageNormalize, w.normalize}, {"", w.balances}, {"", w.receive}, {StageExport, w.export}, {"", w.emptyDay}, {StageMatch, w.match}, {StageQuery, w.query}, {StageResolve, w.resolve}} {
		if err := stage.do(ctx); err != nil {
			return Result{}, err
		}
		if w.opt.Until != "" && w.opt.Until == stage.name {
			return Result{Run: w.attempt, Report: &w.report, Changed: "none"}, nil
		}
	}
	if w.opt.DryRun {
		return w.dryResult(ctx)
	}
	if err := w.apply(ctx); err != nil {
		return Result{}, err
	}
	return w.publish(ctx)
}

// dropTemp removes what is left half-written; it is nobody's result.
func (w *work) dropTemp() {
	if err := w.lake.RemoveTemp(); err != nil {
		w.p.Log.Warn("temporary files stay until the next run of the day", "run_id", w.attempt.ID, "error", err)
	}
}

// dryResult says what an attempt would change.
func (w *work) dryResult(ctx context.Context) (Result, error) {
	changes, err := w.changes(ctx)
	if err != nil {
		return Result{}, err
	}
	w.report.Bridge = BridgeOf(w.report.Totals)
	return Result{Run: w.attempt, Report: &w.report, Changes: changes, Changed: "none"}, nil
}

// failed records why the attempt has no result. What was current stays so.
func (w *work) failed(ctx context.Context, err error) (Result, error) {
	f := fault.Of(err)
	told := w.attempt.ErrorID // by the try before, of the same attempt
	w.attempt.ExitCode, w.attempt.ErrorID = f.Exit(), string(f.ID)
	if errors.Is(err, context.Canceled) {
		f = fault.New("E-13080", fault.V{"stage": w.attempt.Stage, "account": w.acct.Name, "date": w.date}, err)
		w.attempt.ExitCode, w.attempt.ErrorID, err = f.Exit(), string(f.ID), f
	}
	switch f.Exit() {
	case 21, 22, 23, 24:
		w.attempt.Verdict = schemas.Incomplete
	}
	w.report.Verdict, w.report.Why, w.report.Finished = w.attempt.Verdict, f.Message(fault.English), w.p.Now()
	res := Result{Run: w.attempt, Verdict: w.attempt.Verdict, Exit: f.Exit(), Report: &w.report, Changed: "none"}
	if w.opt.DryRun {
		return res, err
	}
	if w.attempt.Verdict == schemas.Incomplete && w.report.Statement != nil {
		files, werr := w.p.Report.Write(ctx, w.acct.ReportDir, &w.report, w.acct.Lang)
		if werr != nil {
			err = errors.Join(err, werr)
		}
		res.Files = files
	}
	summary, merr := json.Marshal(summaryOf(&w.report))
	if merr != nil {
		return res, errors.Join(err, fmt.Errorf("encode summary: %w", merr))
	}
	w.attempt.Summary = string(summary)
	// Cron comes back every ten minutes: people are told once. Before the failure
	// is recorded, so that a crash in between tells them twice rather than never.
	if f.Exit() != 40 && f.Exit() != exitInterrupted && told != string(f.ID) {
		w.p.Alert.Alert(ctx, &w.report, f.Exit(), f.Message(w.acct.Lang[0]))
	}
	if serr := w.p.Store.Fail(ctx, w.lease, w.attempt); serr != nil {
		w.p.Log.Error("the failed run could not be recorded", "run_id", w.attempt.ID, "error", serr)
	}
	w.attempt.State = store.RunFailed
	res.Run = w.attempt
	return res, err
}
