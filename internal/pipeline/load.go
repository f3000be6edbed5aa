package pipeline

import (
	"context"
	"iter"

	"tieout/internal/store"
	"tieout/schemas"
)

const reportFile = "run.json"

// saveReport keeps what the reports of this attempt show, so that they can be
// written again.
func (w *work) saveReport(ctx context.Context) error {
	_, err := w.run(ctx, StageReport, w.manifests[StageApply].Outputs, func(_ context.Context, out *output) error {
		return out.writeJSON(reportFile, &w.report)
	})
	return err
}

// LoadReport returns what the reports of a finished attempt show.
func (p *Pipeline) LoadReport(_ context.Context, r store.Run) (*schemas.RunReport, error) {
	dir, m, err := p.stageOf(r, StageReport)
	if err != nil {
		return nil, err
	}
	rep, err := readJSON[schemas.RunReport](dir, m, reportFile)
	if err != nil {
		return nil, err
	}
	if dir, m, err = p.stageOf(r, StageNormalize); err != nil {
		return nil, err
	}
	rep.Current = r.Current
	rep.Differences = p.Findings(r)
	rep.RejectRows, rep.EachReject = rejectsIn(dir, m)
	return &rep, nil
}

// Findings streams the differences of a finished attempt, each with its
// decision and case.
func (p *Pipeline) Findings(r store.Run) iter.Seq2[*schemas.Difference, error] {
	return func(yield func(*schemas.Difference, error) bool) {
		dir, m, err := p.stageOf(r, StageResolve)
		if err != nil {
			yield(nil, err)
			return
		}
		decided(readEach[schemas.Finding](dir, m, findingsFile))(yield)
	}
}

// decided puts decision and case into the differences of findings.
func decided(findings iter.Seq2[*schemas.Finding, error]) iter.Seq2[*schemas.Difference, error] {
	return func(yield func(*schemas.Difference, error) bool) {
		for f, err := range findings {
			if err != nil {
				yield(nil, err)
				return
			}
			f.Difference.Decision, f.Difference.CaseID = &f.Decision, f.CaseID
			if !yield(f.Difference, nil) {
				return
			}
		}
	}
}
