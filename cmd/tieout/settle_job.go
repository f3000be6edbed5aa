package main

import (
	"context"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/store"
	"tieout/schemas"
)

// The pauses of the settlement job: between two looks, and after a trouble that
// a person has to end.
const (
	settlePause   = time.Minute
	settleTrouble = 15 * time.Minute
)

// settleJob settles by itself as far as no person is needed: what the nights
// have proven is collected and checked, what two people have approved is paid
// out when it is due. What it has done stands in the store; done only spares it
// the work of finding nothing to do.
type settleJob struct {
	*site
	now     func() time.Time
	days    int                    // how far back it looks
	done    map[bizday.Date]string // runs that a bill date was collected by
	rest    time.Time              // after a trouble: not before
	blocked string                 // batches that were not paid the last time
}

func (s *site) settleJob(now func() time.Time, days int) *settleJob {
	return &settleJob{site: s, now: now, days: days, done: map[bizday.Date]string{}}
}

// Run works until ctx ends. Its trouble is logged and tried again: the nights
// go on meanwhile.
func (j *settleJob) Run(ctx context.Context) error {
	return every(ctx, settlePause, func() {
		if j.now().Before(j.rest) {
			return
		}
		if err := j.once(ctx); err != nil && ctx.Err() == nil {
			j.log.Error("settlement did not go on", "error", err)
			j.rest = j.now().Add(settleTrouble)
		}
	})
}

// once looks at the days behind, oldest first, and then at what is due.
func (j *settleJob) once(ctx context.Context) error {
	zone, err := time.LoadLocation(j.cfg.Settlement.Zone)
	if err != nil {
		return err
	}
	today := bizday.Of(j.now(), zone)
	for date := today.Add(-j.days); date < today; date++ {
		runs, err := j.runsOf(ctx, date)
		if err != nil {
			return err
		}
		if runs == "" || j.done[date] == runs {
			continue
		}
		checked, unproven, err := j.settleDay(ctx, date, store.Machine)
		if err != nil {
			return err
		}
		if len(unproven) == 0 {
			j.done[date] = runs
		}
		for _, b := range checked {
			j.log.Info("a batch waits for two people", "batch", b.ID, "pay_minor", b.PayMinor, "currency", b.Currency)
		}
	}
	return j.pay(ctx, today)
}

// runsOf names the runs that prove a bill date; "" while one is missing.
func (j *settleJob) runsOf(ctx context.Context, date bizday.Date) (string, error) {
	var runs []string
	for _, acct := range j.accounts {
		run, ok, err := j.db.Current(ctx, acct.Name, date)
		if err != nil || !ok || run.Stale || run.Verdict == schemas.Incomplete || run.Verdict == 0 {
			return "", err
		}
		runs = append(runs, run.ID)
	}
	return strings.Join(runs, " "), nil
}

// pay starts what is due. A batch that waits is said once.
func (j *settleJob) pay(ctx context.Context, today bizday.Date) error {
	out, err := j.payOut(ctx, j.banks(), today, store.Machine)
	for _, f := range out.Files {
		j.log.Info("a payout file is to be sent to the bank", "file", f.Path, "payouts", f.Payouts, "total_minor", f.TotalMinor, "currency", f.Currency)
	}
	var blocked strings.Builder
	for _, b := range out.Blocked {
		blocked.WriteString(b.Batch + " " + b.Reason + " ")
	}
	if text := blocked.String(); text != j.blocked && text != "" {
		j.log.Warn("approved batches are not paid", "batches", text)
	}
	j.blocked = blocked.String()
	return err
}
