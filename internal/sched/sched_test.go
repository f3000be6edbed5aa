package sched

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tieout/internal/bizday"
)

// fakeStore knows which days are final and when the ladder wants to go on.
type fakeStore struct {
	final  map[string]bool
	next   map[string]time.Time
	gaveUp map[string]bool
}

func key(account string, date bizday.Date) string { return account + " " + date.String() }

func (s *fakeStore) Final(_ context.Context, account string, date bizday.Date) (bool, error) {
	return s.final[key(account, date)], nil
}

func (s *fakeStore) NextTry(_ context.Context, account string, date bizday.Date) (time.Time, bool, error) {
	return s.next[key(account, date)], !s.gaveUp[key(account, date)], nil
}

func shanghai(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestDue(t *testing.T) {
	zone := shanghai(t)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, zone) }
	for _, c := range []struct {
		name  string
		now   time.Time
		store fakeStore
		jobs  string
		next  time.Time
	}{
		{name: "before the statement is due", now: at(21, 9, 0), store: fakeStore{final: map[string]bool{"w 2026-11-18": true, "w 2026-11-19": true}}, next: at(21, 10, 0)},
		{name: "due", now: at(21, 10, 0), store: fakeStore{final: map[string]bool{"w 2026-11-18": true, "w 2026-11-19": true}}, jobs: "w 2026-11-20", next: at(22, 10, 0)},
		{name: "caught up after downtime, oldest first", now: at(21, 12, 0), jobs: "w 2026-11-18, w 2026-11-19, w 2026-11-20", next: at(22, 10, 0)},
		{name: "the ladder waits", now: at(21, 10, 5), store: fakeStore{final: map[string]bool{"w 2026-11-18": true, "w 2026-11-19": true}, next: map[string]time.Time{"w 2026-11-20": at(21, 10, 10)}}, next: at(21, 10, 10)},
		{name: "a held day waits for a person", now: at(21, 10, 5), store: fakeStore{final: map[string]bool{"w 2026-11-18": true, "w 2026-11-19": true}, gaveUp: map[string]bool{"w 2026-11-20": true}}, next: at(22, 10, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Loop{Plans: []Plan{{Account: "w", Zone: zone, ReadyAt: "10:00"}}, CatchUp: 3, Store: &c.store, Now: func() time.Time { return c.now }}
			jobs, next, err := l.Due(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range jobs {
				got = append(got, key(j.Account, j.Date))
			}
			if strings.Join(got, ", ") != c.jobs {
				t.Errorf("due are %v, want %s", got, c.jobs)
			}
			if !next.Equal(c.next) {
				t.Errorf("the next one is at %s, want %s", next, c.next)
			}
		})
	}
}

// The loop runs what is due, sleeps until the next thing, and never spins on a
// night that cannot even start.
func TestLoop(t *testing.T) {
	zone := shanghai(t)
	now := time.Date(2026, 11, 21, 9, 55, 0, 0, zone)
	store := &fakeStore{final: map[string]bool{"w 2026-11-19": true}}
	var story []string
	end := errors.New("end of the test")
	l := Loop{Plans: []Plan{{Account: "w", Zone: zone, ReadyAt: "10:00"}}, CatchUp: 2, Store: store, Now: func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error {
			story = append(story, fmt.Sprintf("sleep %s", d))
			now = now.Add(d)
			if len(story) > 6 {
				return end
			}
			return nil
		},
		Night: func(_ context.Context, j Job) {
			story = append(story, "run "+key(j.Account, j.Date)+" at "+now.Format("15:04:05"))
			if strings.Count(strings.Join(story, " "), "run") == 2 {
				store.final[key(j.Account, j.Date)] = true
			}
		}}
	if err := l.Run(context.Background()); !errors.Is(err, end) {
		t.Fatal(err)
	}
	want := "sleep 5m0s, run w 2026-11-20 at 10:00:00, sleep 15s, run w 2026-11-20 at 10:00:15, sleep 15s, sleep 10m0s, sleep 10m0s"
	if got := strings.Join(story, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClock(t *testing.T) {
	if _, err := Clock(bizday.Make(2026, 11, 20), "25:00", time.UTC); err == nil {
		t.Error("25:00 is no time of the day")
	}
}
