package pipeline

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/match"
	"tieout/schemas"
)

// Replayed is what came of computing a published day again.
type Replayed struct {
	Run       store.Run
	Versions  []VersionChange // none: every byte must be the same; else the content must
	First     string          // the first thing that differs, as stage/file:row; "" if nothing does
	SameBytes bool            // of every file
}

// VersionChange is a version that decides a result and is not what it was when
// the result was published.
type VersionChange struct {
	Name string `json:"name"` // program, definition, rules, decisions
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// Replay computes a published day again, from the raw files and the recorded
// export, lookups and answers, in a folder of its own that goes away, and
// compares. The same versions owe the same bytes; other versions may write
// other files, and owe the same content. It never becomes current and touches
// no book.
func (p *Pipeline) Replay(ctx context.Context, acct Account, date bizday.Date) (r Replayed, err error) {
	r.Run, err = p.recompute(ctx, acct, date, func(w *work) error { return w.compare(ctx, &r) })
	return r, err
}

// compare holds what was computed again against what was published.
func (w *work) compare(ctx context.Context, r *Replayed) error {
	var was, is []stageFiles
	r.SameBytes = true
	for _, stage := range []string{StageNormalize, StageMatch, StageResolve} {
		dir, published, err := w.p.stageOf(w.previous, stage)
		if err != nil {
			return err
		}
		again := w.manifests[stage]
		was, is = append(was, stageFiles{dir, published}), append(is, stageFiles{w.dir(stage), again})
		r.Versions = noteVersions(r.Versions, published.Versions, again.Versions)
		r.SameBytes = r.SameBytes && slices.Equal(published.Outputs, again.Outputs)
	}
	for i := range was {
		first, err := firstDifference(was[i].m, is[i].m), error(nil)
		if first != "" && len(r.Versions) > 0 {
			first, err = contentDifference(ctx, was[i], is[i])
		}
		if err != nil {
			return err
		}
		if first != "" {
			r.First = was[i].m.Stage + "/" + first
			return nil
		}
	}
	return nil
}

// noteVersions adds the versions that differ, each once.
func noteVersions(all []VersionChange, was, is map[string]string) []VersionChange {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		c := VersionChange{name, was[name], is[name]}
		if c.Was != c.Is && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
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
		if err := w.take(stage); err != nil {
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
