package fetchers

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Policy bounds the retries within one attempt. The zero value means five tries
// with pauses from 1 s to 30 s, within five minutes.
type Policy struct {
	Tries uint          // all tries, the first included
	First time.Duration // pause after the first failure; it doubles, with jitter
	Max   time.Duration // longest pause
	Total time.Duration // no try begins later than this after the first
	// OnRetry hears of each failure that will be tried again; nil is silence.
	OnRetry func(req schemas.StatementRequest, err error, wait time.Duration)
}

func (p Policy) withDefaults() Policy {
	if p.Tries == 0 {
		p.Tries = 5
	}
	if p.First == 0 {
		p.First = time.Second
	}
	if p.Max == 0 {
		p.Max = 30 * time.Second
	}
	if p.Total == 0 {
		p.Total = 5 * time.Minute
	}
	return p
}

// Retry repeats what failed with a Temporary error, in seconds; every other
// answer is given back at once. It is the inner layer: minutes between attempts
// are the business of Ladder. When the tries are used up the error is E-3120,
// of class Later, around the last cause.
func Retry(s Source, p Policy) Source { return &retry{s, p.withDefaults()} }

type retry struct {
	source Source
	policy Policy
}

func (r *retry) Fetch(ctx context.Context, req schemas.StatementRequest, keep Keep) (schemas.Fetched, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = r.policy.First, r.policy.Max
	tries := 0
	try := func() (schemas.Fetched, error) {
		tries++
		got, err := r.source.Fetch(ctx, req, keep)
		if err != nil && (ctx.Err() != nil || ClassOf(err) != Temporary) {
			return got, backoff.Permanent(err)
		}
		return got, err
	}
	got, err := backoff.Retry(ctx, try, backoff.WithBackOff(pauses), backoff.WithMaxTries(r.policy.Tries),
		backoff.WithMaxElapsedTime(r.policy.Total), backoff.WithNotify(func(err error, wait time.Duration) {
			if r.policy.OnRetry != nil {
				r.policy.OnRetry(req, err, wait)
			}
		}))
	if err != nil && ctx.Err() == nil && ClassOf(err) == Temporary {
		return got, fault.New("E-3120", with(req, fault.V{"tries": tries}), err)
	}
	return got, unwrapPermanent(err)
}

// unwrapPermanent takes off the wrapper that backoff leaves around an error
// that was permanent at the last try.
func unwrapPermanent(err error) error {
	//nolint:errorlint // only the outermost wrapper is backoff's own
	if p, ok := err.(*backoff.PermanentError); ok {
		return p.Err
	}
	return err
}

// with adds the names that every message of this stage carries.
func with(req schemas.StatementRequest, v fault.V) fault.V {
	v["channel"], v["account"], v["date"] = req.Channel, req.Account, req.Date
	return v
}
