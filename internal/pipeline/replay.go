package pipeline

import (
	"context"
	"errors"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/match"
	"tieout/schemas"
)

// Replay computes a published day again, from the raw files and the recorded
// export, lookups and answers, in a folder of its own that goes away. It returns
// the name of the first thing that differs, or "" when every byte is the same. It
// never becomes current and touches no book.
func (p *Pipeline) Replay(ctx context.Context, acct Account, date bizday.Date) (first string, run store.Run, err error) {
	run, err = p.recompute(ctx, acct, date, func(w *work) error {
		for _, stage := range []string{StageNormalize, StageMatch, StageResolve} {
			_, published, err := p.stageOf(w.previous, stage)
			if err != nil {
				return err
			}
			if f := firstDifference(published, w.manifests[stage]); f != "" {
				first = stage + "/" + f
				return nil
			}
		}
		return nil
	})
	return first, run, err
}

// Recompute is Replay that keeps its files, beside those of the published run,
// and compares nothing. It returns their folder; an earlier one is replaced.
func (p *Pipeline) Recompute(ctx context.Context, acct Account, date bizday.Date) (dir string, run store.Run, err error) {
	run, err = p.recompute(ctx, acct, date, func(w *work) error {
		dir = filepath.Dir(p.Lake.RunDir(date.String(), acct.Name, w.previous.Attempt, "x")) + ".replay"
		return p.Lake.Keep(w.root, dir)
	})
	return dir, run, err
}

// recompute computes a published day again and hands the result to then.
func (p *Pipeline) recompute(ctx context.Context, acct Account, date bizday.Date, then func(*work) error) (store.Run, error) {
	run, ok, err := p.Store.Current(ctx, acct.Name, date)
	if err != nil {
		return run, err
	}
	if !ok {
		return run, fault.New("E-2083", fault.V{"account": acct.Name, "date": date}, nil)
	}
	if err := p.wholeRun(run); err != nil {
		return run, err
	}
	own, free, err := p.Lake.Own("replay")
	if err != nil {
		return run, err
	}
	w := &work{p: p, acct: acct, date: date, attempt: run, previous: run, had: true, opt: Options{DryRun: true}, progress: NoProgress{},
		lake: own, root: filepath.Join(own.TempDir(), "run"), manifests: map[string]*schemas.Manifest{}, replaying: true}
	err = w.computeAgain(ctx)
	if err == nil {
		err = then(w)
	}
	return run, errors.Join(err, free())
}

// computeAgain takes over what came from outside, and computes the rest.
func (w *work) computeAgain(ctx context.Context) error {
	for _, stage := range []string{StageFetch, StageExport, StageQuery} {
		dir, m, err := w.p.stageOf(w.previous, stage)
		if err != nil {
			return err
		}
		if err := w.copyStage(dir, stage, m); err != nil {
			return err
		}
		if w.manifests[stage], err = readManifest(w.dir(stage)); err != nil {
			return err
		}
	}
	if err := w.noteFetched(w.manifests[StageFetch]); err != nil {
		return err
	}
	for _, stage := range []func(context.Context) error{w.normalize, w.export, w.match, w.query, w.resolve} {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return nil
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
