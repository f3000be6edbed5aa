package pipeline

import (
	"context"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/match"
	"tieout/schemas"
)

// Replay computes a published day again, from the raw files and the recorded
// export, lookups and answers, in a folder of its own. It returns the name of
// the first thing that differs, or "" when every byte is the same. It never
// becomes current and touches no book.
func (p *Pipeline) Replay(ctx context.Context, acct Account, date bizday.Date) (first string, run store.Run, err error) {
	run, ok, err := p.Store.Current(ctx, acct.Name, date)
	if err != nil {
		return "", run, err
	}
	if !ok {
		return "", run, fault.New("E-2083", fault.V{"account": acct.Name, "date": date}, nil)
	}
	if err := p.wholeRun(run); err != nil {
		return "", run, err
	}
	own := p.Lake.Scope("replay-" + run.ID)
	if err := own.CleanTemp(); err != nil {
		return "", run, err
	}
	w := &work{p: p, acct: acct, date: date, attempt: run, previous: run, had: true, opt: Options{DryRun: true}, progress: NoProgress{},
		lake: own, root: filepath.Join(own.TempDir(), "run"), manifests: map[string]*schemas.Manifest{}, replaying: true}
	defer w.dropTemp()
	for _, stage := range []string{StageFetch, StageExport, StageQuery} {
		dir, m, err := p.stageOf(run, stage)
		if err != nil {
			return "", run, err
		}
		if err := w.copyStage(dir, stage, m); err != nil {
			return "", run, err
		}
		if w.manifests[stage], err = readManifest(w.dir(stage)); err != nil {
			return "", run, err
		}
	}
	if err := w.noteFetched(w.manifests[StageFetch]); err != nil {
		return "", run, err
	}
	for _, stage := range []func(context.Context) error{w.normalize, w.export, w.match, w.query, w.resolve} {
		if err := stage(ctx); err != nil {
			return "", run, err
		}
	}
	for _, stage := range []string{StageNormalize, StageMatch, StageResolve} {
		_, published, err := p.stageOf(run, stage)
		if err != nil {
			return "", run, err
		}
		if f := firstDifference(published, w.manifests[stage]); f != "" {
			return stage + "/" + f, run, nil
		}
	}
	return "", run, nil
}

// wholeRun checks every output of a finished run against its hash: what a day
// computes to says nothing while the published files are not what was published.
func (p *Pipeline) wholeRun(r store.Run) error {
	for _, stage := range Stages {
		dir, m, err := p.stageOf(r, stage)
		if err != nil {
			return err
		}
		if err := outputsWhole(dir, m); err != nil {
			return err
		}
	}
	return nil
}

// firstDifference names the first output, or else the manifest, that differs.
func firstDifference(published, again *schemas.Manifest) string {
	for _, o := range published.Outputs {
		if got, ok := outputOf(again, o.Name); !ok || got != o {
			return o.Name
		}
	}
	if published.Digest != again.Digest {
		return manifestFile
	}
	return ""
}

// recordedLate answers lookups from what the published run wrote down.
func (w *work) recordedLate() ([]match.LateRow, error) {
	dir, m, err := w.p.stageOf(w.previous, StageMatch)
	if err != nil {
		return nil, err
	}
	return readLines[match.LateRow](dir, m, lateFile)
}
