package fetchers

import (
	"time"

	"tieout/schemas"
)

// Ladder says when the next attempt for one statement is due. It is the outer
// layer of retries: a pure function over what the caller keeps in its database,
// so a restart loses nothing. The caller computes ReadyAt and GiveUp for the
// statement's date, bank holidays included.
type Ladder struct {
	Spacing time.Duration // pause after the first attempt; 0 means 5 minutes
	ReadyAt time.Time     // the channel publishes from here on; no attempt before it
	GiveUp  time.Time     // the last attempt is made here; zero means never
}

// Next returns the time of the attempt that follows attempt number attempt
// (1-based; 0 asks for the first), which ended at now in state. False means
// that none follows: the statement is there, or the give-up time has passed.
// For an error, state is FAILED, and the caller asks only if ClassOf did not
// say Permanent. The pause grows by a quarter of Spacing an attempt up to twice
// Spacing: 5, 6¼, 7½, 8¾, 10 minutes.
func (l Ladder) Next(now time.Time, state schemas.FetchState, attempt int) (time.Time, bool) {
	switch state {
	case schemas.FetchFetched, schemas.FetchEmptyConfirmed:
		return time.Time{}, false
	}
	due := now
	if attempt > 0 {
		due = now.Add(l.pause(attempt))
	}
	if due.Before(l.ReadyAt) {
		due = l.ReadyAt
	}
	if l.GiveUp.IsZero() || !due.After(l.GiveUp) {
		return due, true
	}
	// The last rung is the give-up time itself, once.
	return l.GiveUp, now.Before(l.GiveUp)
}

func (l Ladder) pause(attempt int) time.Duration {
	spacing := l.Spacing
	if spacing == 0 {
		spacing = 5 * time.Minute
	}
	return spacing + spacing/4*time.Duration(min(attempt-1, 4))
}

// Name gives the state that people see at now: NOT_READY becomes LATE once the
// give-up time is reached.
func (l Ladder) Name(now time.Time, state schemas.FetchState) schemas.FetchState {
	if state == schemas.FetchNotReady && !l.GiveUp.IsZero() && !now.Before(l.GiveUp) {
		return schemas.FetchLate
	}
	return state
}
