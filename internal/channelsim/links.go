package channelsim

import (
	"sync"
	"time"

	"tieout/internal/bizday"
)

// links are the short-lived addresses of files: each opens once.
type links struct {
	life time.Duration

	mu   sync.Mutex
	open map[string]link
}

// link is a file that waits to be fetched.
type link struct {
	channel string
	date    bizday.Date
	name    string
	body    []byte
	until   time.Time
}

func newLinks(life time.Duration) *links { return &links{life: life, open: map[string]link{}} }

// add gives a file an address, and forgets those that have run out.
func (l *links) add(f link, now time.Time) (token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t, old := range l.open {
		if now.After(old.until) {
			delete(l.open, t)
		}
	}
	token = randomHex(24)
	f.until = now.Add(l.life)
	l.open[token] = f
	return token
}

// take opens an address, once and in time.
func (l *links) take(token string, now time.Time) (link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.open[token]
	delete(l.open, token)
	return f, ok && !now.After(f.until)
}
