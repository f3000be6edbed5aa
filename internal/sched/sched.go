// Package sched decides which nights are due, and runs them in the foreground.
//
// In: a plan per account and what the store knows of past days. Out: jobs, one
// at a time, oldest day first. Called by `tieout schedule`. After downtime the
// days that were missed are caught up, as far back as CatchUp says.
package sched

import (
	"context"
	"fmt"
	"time"

	"tieout/internal/bizday"
)

// Plan says when an account's statement is due.
type Plan struct {
	Account string
	Zone    *time.Location
	ReadyAt string        // "10:00" in Zone, on the day after the bill date
	Every   time.Duration // between attempts
	GiveUp  string        // "18:00"
}

// Job is one night to run.
type Job struct {
	Account string
	Date    bizday.Date
}

// Store is what the schedule asks about past days.
type Store interface {
	// Final tells whether a day has a current, not stale run.
	Final(ctx context.Context, account string, date bizday.Date) (bool, error)
	// NextTry is when the retry ladder of a day wants to try again: zero if
	// nothing was tried yet; again is false if it has given up or must wait
	// for a person.
	NextTry(ctx context.Context, account string, date bizday.Date) (at time.Time, again bool, err error)
}

// Loop runs nights until its context ends.
type Loop struct {
	Plans   []Plan
	CatchUp int // days back
	Store   Store
	Now     func() time.Time
	Sleep   func(context.Context, time.Duration) error
	Night   func(context.Context, Job) // runs one night; its failure is its own business
}

// The bounds of a sleep: a night that cannot even start must not spin, and a
// changed clock or store must be noticed.
const (
	minSleep = 15 * time.Second
	maxSleep = 10 * time.Minute
)

// Run works until ctx ends; then it returns the reason.
func (l *Loop) Run(ctx context.Context) error {
	for {
		jobs, next, err := l.Due(ctx)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.Night(ctx, j)
		}
		wait := min(max(next.Sub(l.Now()), minSleep), maxSleep)
		if len(jobs) > 0 {
			wait = minSleep // what they left behind decides what is due next
		}
		if err := l.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Due returns the nights that are due now, oldest first, and when the next one
// will be.
func (l *Loop) Due(ctx context.Context) ([]Job, time.Time, error) {
	now := l.Now()
	next := now.Add(24 * time.Hour)
	var jobs []Job
	for back := l.CatchUp; back >= 0; back-- {
		for _, p := range l.Plans {
			date := bizday.Of(now, p.Zone).Add(-back)
			at, due, err := l.at(ctx, p, date)
			if err != nil {
				return nil, time.Time{}, err
			}
			switch {
			case !due:
			case !at.After(now):
				jobs = append(jobs, Job{p.Account, date})
			case at.Before(next):
				next = at
			}
		}
	}
	return jobs, next, nil
}

// at returns when a day is to be tried; due is false when it is not.
func (l *Loop) at(ctx context.Context, p Plan, date bizday.Date) (at time.Time, due bool, err error) {
	final, err := l.Store.Final(ctx, p.Account, date)
	if err != nil || final {
		return time.Time{}, false, err
	}
	ready, err := Clock(date.Add(1), p.ReadyAt, p.Zone)
	if err != nil {
		return time.Time{}, false, err
	}
	next, again, err := l.Store.NextTry(ctx, p.Account, date)
	if err != nil || !again {
		return time.Time{}, false, err
	}
	if next.After(ready) {
		return next, true, nil
	}
	return ready, true, nil
}

// Clock is a wall-clock time such as "10:00" on a date in a zone.
func Clock(date bizday.Date, clock string, zone *time.Location) (time.Time, error) {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %.20q is not of the form 15:04", clock)
	}
	y, m, d := date.YMD()
	return time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, zone), nil
}
