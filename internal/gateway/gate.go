package gateway

import (
	"errors"
	"sync"
	"time"
)

// gate lets calls through to one account: so many at a time, and none for a
// while after too many in a row had no answer. Then one is let through to try.
// Who is not let through is told at once: nobody waits for a sick channel.
type gate struct {
	slots    chan struct{}
	lostMost int
	cool     time.Duration
	now      func() time.Time

	mu      sync.Mutex
	lost    int       // calls without an answer in a row
	until   time.Time // no call before; zero: the account is well
	probing bool      // the one that tries is under way
}

func newGate(calls, lostMost int, cool time.Duration, now func() time.Time) *gate {
	return &gate{slots: make(chan struct{}, calls), lostMost: lostMost, cool: cool, now: now}
}

// enter lets a call through, or ErrBusy. leave must be called once, with what
// the call ended with.
func (g *gate) enter() (leave func(error), err error) {
	select {
	case g.slots <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	probe := !g.until.IsZero()
	if probe && (g.probing || g.now().Before(g.until)) {
		<-g.slots
		return nil, ErrBusy
	}
	g.probing = probe
	return func(err error) { g.leave(probe, err) }, nil
}

func (g *gate) leave(probe bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	<-g.slots
	if probe {
		g.probing = false
	}
	if !errors.Is(err, ErrUnknown) {
		g.lost, g.until = 0, time.Time{}
		return
	}
	if g.lost++; g.lost >= g.lostMost {
		g.until = g.now().Add(g.cool)
	}
}

// healthy tells whether a call would be let through now: one to try counts.
func (g *gate) healthy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until.IsZero() || !g.probing && !g.now().Before(g.until)
}
