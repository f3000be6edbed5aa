package fetchers_test

import (
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/schemas"
)

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-11-21 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func TestLadder(t *testing.T) {
	ladder := fetchers.Ladder{ReadyAt: at("10:00"), GiveUp: at("12:00")}
	for _, c := range []struct {
		name    string
		now     string
		state   schemas.FetchState
		attempt int
		next    string // "" means none
	}{
		{"first, too early", "03:00", schemas.FetchNotReady, 0, "10:00"},
		{"first, in time", "10:30", schemas.FetchNotReady, 0, "10:30"},
		{"asked too early", "09:50", schemas.FetchNotReady, 1, "10:00"},
		{"after the first", "10:00", schemas.FetchNotReady, 1, "10:05"},
		{"pauses grow", "10:00", schemas.FetchFailed, 3, "10:07"},
		{"up to ten minutes", "10:00", schemas.FetchFailed, 5, "10:10"},
		{"and no further", "10:00", schemas.FetchFailed, 50, "10:10"},
		{"the last one at the give-up time", "11:55", schemas.FetchNotReady, 9, "12:00"},
		{"none after it", "12:00", schemas.FetchNotReady, 10, ""},
		{"none after a long sleep", "18:00", schemas.FetchLate, 10, ""},
		{"none when it is there", "10:00", schemas.FetchFetched, 1, ""},
		{"none when the day was empty", "10:00", schemas.FetchEmptyConfirmed, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, ok := ladder.Next(at(c.now), c.state, c.attempt)
			if ok != (c.next != "") || ok && !next.Truncate(time.Minute).Equal(at(c.next)) {
				t.Errorf("next %v, %t; want %q", next, ok, c.next)
			}
		})
	}
	if next, ok := (fetchers.Ladder{}).Next(at("23:00"), schemas.FetchFailed, 1); !ok || !next.Equal(at("23:05")) {
		t.Errorf("without a give-up time: %v, %t", next, ok)
	}
}

// Between the first attempt and the give-up time the ladder always goes up, and
// it ends.
func TestLadderEnds(t *testing.T) {
	ladder := fetchers.Ladder{Spacing: 5 * time.Minute, ReadyAt: at("10:00"), GiveUp: at("14:00")}
	now, attempt := at("02:00"), 0
	for {
		next, ok := ladder.Next(now, schemas.FetchNotReady, attempt)
		if !ok {
			break
		}
		if attempt > 0 && !next.After(now) || next.Before(ladder.ReadyAt) || next.After(ladder.GiveUp) {
			t.Fatalf("attempt %d at %v after %v", attempt+1, next, now)
		}
		now = next
		if attempt++; attempt > 100 {
			t.Fatal("it does not end")
		}
	}
	if !now.Equal(ladder.GiveUp) || attempt < 24 {
		t.Errorf("%d attempts, the last at %v", attempt, now)
	}
}

func TestLate(t *testing.T) {
	ladder := fetchers.Ladder{GiveUp: at("12:00")}
	for clock, want := range map[string]schemas.FetchState{"11:59": schemas.FetchNotReady, "12:00": schemas.FetchLate} {
		if got := ladder.Name(at(clock), schemas.FetchNotReady); got != want {
			t.Errorf("%s: %s; want %s", clock, got, want)
		}
	}
	if got := ladder.Name(at("13:00"), schemas.FetchFailed); got != schemas.FetchFailed {
		t.Errorf("a failure is not called late, but %s", got)
	}
}
