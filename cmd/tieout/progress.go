package main

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"tieout/internal/bizday"
	"tieout/internal/pipeline"
)

// bar shows a run's stages on a terminal; under cron it is silent.
type bar struct {
	pool  *mpb.Progress
	bar   *mpb.Bar
	stage atomic.Value // string; stages of compare overlap
}

// progress starts a bar for the stages of one run.
func (a *app) progress(account string, date bizday.Date) *bar {
	return a.countBar(fmt.Sprintf("%s %-16s", date, account), len(pipeline.Stages))
}

// countBar starts a bar of n steps on stderr if that is a terminal.
func (a *app) countBar(name string, n int) *bar {
	f, ok := a.err.(*os.File)
	if !ok || a.cli.JSON || a.cli.Quiet || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	b := &bar{pool: mpb.New(mpb.WithOutput(f), mpb.WithWidth(28))}
	b.stage.Store("")
	b.bar = b.pool.AddBar(int64(n),
		mpb.PrependDecorators(decor.Name(name)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return fmt.Sprint(b.stage.Load()) })),
		mpb.BarRemoveOnComplete())
	return b
}

// Begin shows the stage at work.
func (b *bar) Begin(stage string) { b.stage.Store(stage) }

// Skip counts a stage that was there already.
func (b *bar) Skip(string) { b.step() }

// End counts a finished stage.
func (b *bar) End(stage string, _ map[string]int64) { b.stage.Store(stage); b.step() }

func (b *bar) step() {
	if b.bar != nil {
		b.bar.Increment()
	}
}

// finish removes the bar, also when the run ended early.
func (b *bar) finish() {
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	b.pool.Wait()
}
