package gateway

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// followAtOnce bounds the lines of the log that one transaction reads.
const followAtOnce = 2000

// Run works on due tasks until ctx ends. Each account is worked on by itself, so
// that one that hangs holds up no other; half of its calls are left to those
// who wait for an answer now.
func (d *Desk) Run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		return d.repeat(ctx, "follow the log", d.follow)
	})
	for _, l := range d.lines {
		work.Go(func() error {
			return d.repeat(ctx, "work on "+l.name, func(ctx context.Context) (int, error) { return d.workLine(ctx, l) })
		})
	}
	return work.Wait()
}

// repeat does what there is to do, then pauses; trouble is logged and tried
// again after the pause. It ends with ctx.
func (d *Desk) repeat(ctx context.Context, what string, do func(context.Context) (int, error)) error {
	pause := time.NewTicker(d.opt.Poll)
	defer pause.Stop()
	for {
		n, err := do(ctx)
		if err != nil && ctx.Err() == nil {
			d.opt.Log.Error("gateway desk", "what", what, "error", err)
		}
		if n > 0 && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

// Work does what is due now, once, and returns how many tasks it took up.
func (d *Desk) Work(ctx context.Context) (int, error) {
	if _, err := d.follow(ctx); err != nil {
		return 0, err
	}
	var all int
	for _, l := range d.lines {
		n, err := d.workLine(ctx, l)
		if all += n; err != nil {
			return all, err
		}
	}
	return all, nil
}

// follow takes up what came into the books.
func (d *Desk) follow(ctx context.Context) (int, error) {
	within := make(map[string]time.Duration, len(d.lines))
	for name, l := range d.lines {
		within[name] = l.PayWithin
	}
	return d.tasks.Follow(ctx, within, followAtOnce)
}

// workLine takes one step with each of some due tasks of an account.
func (d *Desk) workLine(ctx context.Context, l *line) (int, error) {
	workers := max(1, l.Calls/2)
	tasks, err := d.tasks.ClaimTasks(ctx, l.name, d.opt.Now(), 3*d.opt.Call, workers)
	if err != nil {
		return 0, err
	}
	var work errgroup.Group
	for _, t := range tasks {
		work.Go(func() error { return notMoved(d.step(ctx, &t)) })
	}
	return len(tasks), work.Wait()
}

func (d *Desk) step(ctx context.Context, t *Task) error {
	switch t.Subject {
	case ForPayment:
		return d.workPayment(ctx, t)
	case ForRefund:
		return d.workRefund(ctx, t)
	case ForExtra:
		return d.workExtra(ctx, t)
	}
	return errors.New("no such task: " + string(t.Subject))
}
