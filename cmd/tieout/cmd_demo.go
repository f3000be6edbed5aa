package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
)

// demoCmd plays a month: a merchant takes payments over four channels that
// lose notifications, publish late, cut files and issue them anew; each night
// the statements are fetched over HTTP, FTP and SFTP, matched and fixed. At
// the end every planted fault is looked up in what the nights found.
type demoCmd struct {
	Out  string `placeholder:"DIR" help:"Folder to play in; default a new temporary one."`
	Seed uint64 `help:"Seed of the traffic and its faults." default:"20261120"`
	Days int    `help:"Days to play; a short demo has fewer of the faults." default:"30"`
	Rows int    `help:"Payments a day." default:"250"`

	Settle bool `help:"Settle with the merchants what each night has proven." default:"true" negatable:""`
}

// demoFrom is the first bill date of the demo.
var demoFrom = bizday.Make(2026, 10, 21)

// Run is called by kong.
func (c *demoCmd) Run(a *app) error {
	if c.Days < 1 || c.Rows < 1 {
		return fault.New("E-6401", fault.V{"command": "demo", "reason": "--days and --rows are at least 1"}, nil)
	}
	dir, err := c.folder()
	if err != nil {
		return err
	}
	w, err := newDemoWorld(a, dir, c)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.play(a.ctx, a); err != nil {
		return err
	}
	return w.summary(a)
}

func (c *demoCmd) folder() (string, error) {
	if c.Out == "" {
		return os.MkdirTemp("", "tieout-demo-*")
	}
	dir, err := filepath.Abs(c.Out)
	if err != nil {
		return "", fault.New("E-4101", fault.V{"path": c.Out, "reason": err.Error()}, err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return "", fault.New("E-6401", fault.V{"command": "demo", "reason": dir + " is not empty"}, nil)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	return dir, nil
}

// demoClock is the clock of the played world. It stands still while a night
// works, and is moved by hand between.
type demoClock struct{ micros atomic.Int64 }

func (c *demoClock) now() time.Time  { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *demoClock) set(t time.Time) { c.micros.Store(t.UnixMicro()) }

// play goes through the days: traffic until the statements are read, the night
// of the day before, and the rest of the day's traffic.
func (w *demoWorld) play(ctx context.Context, a *app) error {
	bar := a.countBar("tieout demo", w.plan.Days)
	defer bar.finish()
	for day, ok := w.days.Next(); ok; day, ok = w.days.Next() {
		w.truth = append(w.truth, day.Truth...)
		w.payouts.Add(day)
		night := w.nightOf(day.Date.Add(-1))
		n := 0
		for n < len(day.Ops) && day.Ops[n].At.Before(night) {
			n++
		}
		if err := w.traffic(ctx, day.Ops[:n]); err != nil {
			return err
		}
		if day.Date > w.plan.From {
			if err := w.nights(ctx, day.Date.Add(-1)); err != nil {
				return err
			}
		}
		if err := w.traffic(ctx, day.Ops[n:]); err != nil {
			return err
		}
		for _, f := range day.Files {
			if err := w.sim.Inject(f); err != nil {
				return err
			}
		}
		w.files = append(w.files, day.Files...)
		bar.End(day.Date.String(), nil)
	}
	if err := w.nights(ctx, w.plan.From.Add(w.plan.Days-1)); err != nil {
		return err
	}
	if err := w.payRest(ctx); err != nil {
		return err
	}
	return w.poll(ctx, w.clock.now())
}

// nightOf is when the statements of a bill date are read.
func (w *demoWorld) nightOf(date bizday.Date) time.Time {
	return w.midnight(date).Add(w.plan.NightAt)
}

// nights takes all accounts through one bill date, as cron would: again at the
// next rung of the ladder while a statement is not there, and with a person's
// hand where a statement is held.
func (w *demoWorld) nights(ctx context.Context, date bizday.Date) error {
	at := w.nightOf(date)
	w.clock.set(at)
	if _, err := w.sim.DeliverDue(ctx, at); err != nil {
		return fmt.Errorf("deliver late notifications: %w", err)
	}
	first := w.together(ctx, date)
	var lines []runLine
	for i, acct := range w.site.accounts {
		w.clock.set(at)
		line, err := w.night(ctx, acct, date, first[i])
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	w.clock.set(at)
	if err := w.site.dayReports(w.app, lines); err != nil {
		return err
	}
	if err := w.reissues(ctx, date); err != nil {
		return err
	}
	if err := w.poll(ctx, w.midnight(date)); err != nil {
		return err
	}
	if !w.settles {
		return nil
	}
	return w.settle(ctx, date)
}

// ran is what one run came to.
type ran struct {
	res pipeline.Result
	err error
}

// together makes the first try of all accounts at the same time, as separate
// cron lines would.
func (w *demoWorld) together(ctx context.Context, date bizday.Date) []ran {
	all := make([]ran, len(w.site.accounts))
	var wg sync.WaitGroup
	for i, acct := range w.site.accounts {
		wg.Go(func() { all[i].res, all[i].err = w.site.pipeline.Run(ctx, acct, date, pipeline.Options{}) })
	}
	wg.Wait()
	return all
}

// night goes on with one account until the day has a result.
func (w *demoWorld) night(ctx context.Context, acct pipeline.Account, date bizday.Date, last ran) (runLine, error) {
	for try := 1; ; try++ {
		w.note(acct, date, last.res, last.err)
		if last.err == nil {
			return runLine{Date: date, Account: acct.Name, Channel: acct.Definition.Name, Exit: last.res.Exit, Verdict: last.res.Verdict}, w.collect(ctx, acct, date, last.res.Run)
		}
		opt := pipeline.Options{}
		switch code := fault.Of(last.err).Exit(); {
		case ctx.Err() != nil:
			return runLine{}, ctx.Err()
		case try == 12:
			return runLine{}, fmt.Errorf("%s %s did not come to an end: %w", acct.Name, date, last.err)
		case code == 20 || code == 31:
			w.clock.set(w.clock.now().Add(15 * time.Minute)) // cron comes back
		case code >= 21 && code <= 24:
			// A person sees the held statement and asks the channel for a right one.
			if err := w.sim.Republish(acct.Definition.Name, date); err != nil {
				return runLine{}, err
			}
			opt.Again = true
		default:
			return runLine{}, last.err
		}
		last.res, last.err = w.site.pipeline.Run(ctx, acct, date, opt)
	}
}

// reissues lets the channel issue the statements of the date anew where the
// plan says so: the next fetch finds other bytes, is refused, and a person
// accepts them.
func (w *demoWorld) reissues(ctx context.Context, date bizday.Date) error {
	for _, f := range w.files {
		if f.Kind != channelsim.Reissue || f.Date != date {
			continue
		}
		if err := w.sim.Republish(f.Channel, date); err != nil {
			return err
		}
		acct, err := w.accountOf(f.Channel)
		if err != nil {
			return err
		}
		res, err := w.site.pipeline.Run(ctx, acct, date, pipeline.Options{Again: true})
		w.note(acct, date, res, err)
		if fault.Of(err).ID != "E-2280" {
			return fmt.Errorf("%s %s: the re-issued statement was not noticed: %w", acct.Name, date, err)
		}
		res, err = w.site.pipeline.Run(ctx, acct, date, pipeline.Options{AcceptReissue: true})
		w.note(acct, date, res, err)
		if err != nil {
			return err
		}
		if err := w.collect(ctx, acct, date, res.Run); err != nil {
			return err
		}
	}
	return nil
}
