package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/resolve"
	"tieout/schemas"
)

// Summary is what the store keeps of a run for status, trend and RESULT lines.
type Summary struct {
	Verdict   schemas.Verdict      `json:"verdict"`
	Why       string               `json:"why,omitempty"`
	Totals    []schemas.ClassTotal `json:"totals"`
	Rows      [2]int64             `json:"rows"` // channel, local
	Matched   int64                `json:"matched"`
	Breaks    int64                `json:"breaks"`
	Carried   int64                `json:"carried"`
	AutoFixed int64                `json:"auto_fixed"`
	Held      int                  `json:"held"`
	CarryOut  string               `json:"carry_out"` // sha256 of what the next day gets
	Reports   []string             `json:"reports,omitempty"`
}

func summaryOf(r *schemas.RunReport) Summary {
	s := Summary{Verdict: r.Verdict, Why: fault.Safe(r.Why, 400), Totals: r.Totals, Carried: int64(len(r.Carried))}
	if r.Statement != nil {
		s.Rows[0] = r.Statement.Rows
	}
	if r.Export != nil {
		s.Rows[1] = r.Export.Rows
	}
	for _, t := range r.Totals {
		switch {
		case t.Class == schemas.Matched:
			s.Matched += t.Outcomes
		case t.Class.Break():
			s.Breaks += t.Outcomes
		}
	}
	for _, f := range r.Fixes {
		if f.Result.State == "APPLIED" && f.Fix.Maker == "auto" && f.Fix.Kind != schemas.FixSuspend && f.Fix.Kind != schemas.FixReleaseSuspense {
			s.AutoFixed++
		}
	}
	return s
}

// publish writes the reports and makes the attempt current.
func (w *work) publish(ctx context.Context) (Result, error) {
	summary := summaryOf(&w.report)
	summary.CarryOut = w.carryOut()
	w.report.Current = true
	if err := w.trend(ctx, summary); err != nil {
		return Result{}, err
	}
	changes, err := w.changes(ctx)
	if err != nil {
		return Result{}, err
	}
	if changes != nil {
		w.report.Changes = changes.Lines()
	}
	w.report.Finished = w.attempt.Started // the same bytes whenever it is written
	if err := w.saveReport(ctx); err != nil {
		return Result{}, err
	}
	w.report.Differences = decided(w.readFindings())
	crashpoint.Hit("report.begin")
	files, err := w.p.Report.Write(ctx, w.acct.ReportDir, &w.report, w.acct.Lang)
	if err != nil {
		return Result{}, fmt.Errorf("write the reports: %w", err)
	}
	crashpoint.Hit("report.written")
	for _, f := range files {
		summary.Reports = append(summary.Reports, f.Name)
	}
	body, err := json.Marshal(summary)
	if err != nil {
		return Result{}, fmt.Errorf("encode summary: %w", err)
	}
	w.attempt.Summary, w.attempt.Verdict, w.attempt.Digest = string(body), w.report.Verdict, w.resultDigest()
	w.attempt.ExitCode = resolve.ExitCode(w.report.Verdict, w.held)
	stale := w.had && summary.CarryOut != carryOutOf(w.previous)
	if !w.had {
		stale = true // a later day may have run without us
	}
	crashpoint.Hit("publish.before")
	if err := w.p.Store.Publish(ctx, w.lease, w.attempt, stale); err != nil {
		return Result{}, err
	}
	crashpoint.Hit("publish.after")
	w.attempt.State, w.attempt.Current = store.RunDone, true
	res := Result{Run: w.attempt, Verdict: w.report.Verdict, Exit: w.attempt.ExitCode, Report: &w.report, Files: files, Changes: changes, Changed: "results"}
	if summary.AutoFixed > 0 {
		res.Changed = "fixes"
	}
	if res.Exit != 0 {
		w.p.Alert.Alert(ctx, &w.report, res.Exit, w.report.Why)
	}
	return res, nil
}

// trend adds the last days of this account for the chart.
func (w *work) trend(ctx context.Context, today Summary) error {
	runs, err := w.p.Store.Runs(ctx, w.acct.Name, w.date.Add(-29), w.date.Add(-1))
	if err != nil {
		return err
	}
	w.report.Trend = nil
	for _, r := range runs {
		if !r.Current {
			continue
		}
		s, err := SummaryOf(r)
		if err != nil {
			return err
		}
		w.report.Trend = append(w.report.Trend, dayTotal(r, s))
	}
	w.report.Trend = append(w.report.Trend, dayTotal(store.Run{BillDate: w.date, Verdict: w.report.Verdict}, today))
	return nil
}

func dayTotal(r store.Run, s Summary) schemas.DayTotal {
	return schemas.DayTotal{Date: r.BillDate, Verdict: r.Verdict, Matched: s.Matched, Breaks: s.Breaks, Carried: s.Carried, AutoFixed: s.AutoFixed}
}

// SummaryOf decodes what the store keeps of a run.
func SummaryOf(r store.Run) (Summary, error) {
	var s Summary
	if r.Summary == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(r.Summary), &s); err != nil {
		return s, fmt.Errorf("summary of run %s: %w", r.ID, err)
	}
	return s, nil
}

func carryOutOf(r store.Run) string {
	s, err := SummaryOf(r)
	if err != nil {
		return ""
	}
	return s.CarryOut
}

// carryOut names what the neighbouring days get from this one.
func (w *work) carryOut() string {
	m := w.manifests[StageMatch]
	h := sha256.New()
	for _, name := range []string{carriedFile, claimsFile} {
		o, _ := outputOf(m, name)
		io.WriteString(h, o.SHA256+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resultDigest names the result: equal digests mean equal bytes of every stage
// that decides anything.
func (w *work) resultDigest() string {
	h := sha256.New()
	for _, stage := range []string{StageNormalize, StageMatch, StageResolve} {
		io.WriteString(h, w.manifests[stage].Digest+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// takeOver puts the finished stages before From of the current attempt into
// this one, so that a rerun from a later stage works on the same inputs.
func (w *work) takeOver() error {
	if w.opt.From == "" || !w.had {
		return nil
	}
	for _, stage := range Stages {
		if stage == w.opt.From {
			return nil
		}
		if err := w.take(stage); err != nil {
			return err
		}
	}
	return fault.New("E-6401", fault.V{"command": "rerun", "reason": "--from " + w.opt.From + " is not a stage"}, nil)
}

// take puts a finished stage of the published attempt into this one. What is
// taken is used as it is, whatever version recorded it (see run).
func (w *work) take(stage string) error {
	from, m, err := w.p.stageOf(w.previous, stage)
	if err != nil {
		return err
	}
	if have, err := readManifest(w.dir(stage)); err == nil && digest(have) == m.Digest && outputsWhole(w.dir(stage), have) == nil {
		w.manifests[stage] = have // taken before a crash
		return nil
	}
	w.manifests[stage], err = w.copyStage(from, m)
	return err
}

// copyStage makes the outputs and the manifest of a stage of another attempt
// this one's too.
func (w *work) copyStage(from string, m *schemas.Manifest) (*schemas.Manifest, error) {
	dir := w.dir(m.Stage)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	out := &output{lake: w.lake, dir: dir, manifest: &schemas.Manifest{Stage: m.Stage, Account: m.Account, Date: m.Date, Versions: m.Versions,
		Inputs: m.Inputs, Counts: m.Counts, Totals: m.Totals, Proofs: m.Proofs}}
	for _, o := range m.Outputs {
		if err := out.share(from, m, o); err != nil {
			return nil, err
		}
	}
	return out.manifest, out.finish()
}

// share makes an output of another attempt, which must be whole, one of this:
// the same file, which never changes, or a copy where that cannot be.
func (o *output) share(dir string, m *schemas.Manifest, file schemas.FileUsed) error {
	src, err := openOutput(dir, m, file.Name)
	if err != nil {
		return err
	}
	defer src.Close()
	crashpoint.Hit(m.Stage + ".before_link")
	if err := o.lake.Link(src.Name(), filepath.Join(o.dir, file.Name)); err != nil {
		return o.copy(src, file.Name)
	}
	o.manifest.Outputs = append(o.manifest.Outputs, file)
	return nil
}

func (o *output) copy(src io.Reader, name string) error {
	f, err := o.create(name)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := io.Copy(f, src); err != nil {
		return errors.Join(fmt.Errorf("copy %s", name), err)
	}
	return f.commit()
}
