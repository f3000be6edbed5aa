package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/control"
	"tieout/internal/gateway"
	"tieout/internal/settlement"
)

// demoTasks are the desk's tasks, as far as they were due by the end of the
// last bill date that the nights have been through: what the desk would find
// within seconds is left for the nights to find.
type demoTasks struct {
	gateway.Tasks
	until atomic.Int64 // UTC microseconds
}

// ClaimTasks implements gateway.Tasks.
func (t *demoTasks) ClaimTasks(ctx context.Context, account string, now time.Time, lease time.Duration, limit int) ([]gateway.Task, error) {
	if until := time.UnixMicro(t.until.Load()); until.Before(now) {
		now = until
	}
	return t.Tasks.ClaimTasks(ctx, account, now, lease, limit)
}

// midnight is when a date ends.
func (w *demoWorld) midnight(date bizday.Date) time.Time {
	y, m, d := date.Add(1).YMD()
	return time.Date(y, m, d, 0, 0, 0, 0, w.zone)
}

// poll has the desk do what was due by then.
func (w *demoWorld) poll(ctx context.Context, until time.Time) error {
	w.tasks.until.Store(until.UnixMicro())
	for {
		if n, err := w.desk.Work(ctx); n == 0 || err != nil {
			return err
		}
	}
}

// watch makes the controls once more, and lists what they find that nobody
// planted. Money that came for a closed order waits for a person, and a batch
// that is held is late.
func (w *demoWorld) watch(ctx context.Context, payouts []channelsim.PayoutTruth) (unplanted []string, err error) {
	if _, err := w.site.control(ctx, w.clock.now(), true, control.DefaultCaps()); err != nil {
		return nil, err
	}
	open, err := w.site.db.Findings(ctx, false)
	if err != nil {
		return nil, err
	}
	planted := map[string]bool{}
	for _, t := range w.truth {
		if t.Fault == channelsim.LateOnClosed {
			planted["task.stuck "+string(gateway.ForExtra)+":"+t.MerchantRef] = true
		}
	}
	for _, t := range payouts {
		if t.Held != "" {
			planted["batch.late "+settlement.BatchID(t.Merchant, t.Currency, t.BillDate)] = true
		}
	}
	for _, f := range open {
		if !planted[f.Check+" "+f.Ref] {
			unplanted = append(unplanted, fmt.Sprintf("%s %s %s", f.Check, f.Ref, f.Detail))
		}
	}
	slices.Sort(unplanted)
	return unplanted, nil
}
