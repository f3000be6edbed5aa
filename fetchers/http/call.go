package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	nethttp "net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"tieout/internal/fault"
	"tieout/schemas"
)

// call is one small request to a channel's API: safe to repeat, since every
// call here only asks.
type call struct {
	method string
	url    *url.URL
	header map[string]string
	body   []byte
	// sign sets the credentials before every try, so that a repetition carries
	// its own time and nonce; it returns what must not reach a message. nil: none.
	sign func(r *nethttp.Request) (secrets []string, err error)
	// bulk is for an answer that carries a file: its body is watched for idle
	// time and rate instead of the time limit of a small call.
	bulk  bool
	limit int64
	// finished judges a body of status 200 whose length the server may not have
	// announced; errUnfinished is repeated like a broken connection. nil: no
	// judgement.
	finished func(body []byte, announced bool) error
}

// answer is what came back, whatever its status.
type answer struct {
	status int
	header nethttp.Header
	body   []byte
	at     time.Time // our clock when the answer came
	date   time.Time // the server's clock; zero if it did not say
	sent   []string  // credentials of the last try, for redact
}

var errTooLarge = errors.New("the answer is larger than its limit")

// do makes the call, with bounded repetitions on network trouble, 429 and 5xx.
// The error is a fault; an answer with any status is not an error.
func (c *client) do(ctx context.Context, who subject, k call) (answer, error) {
	var a answer
	if err := c.guard.check(k.url); err != nil {
		return a, who.broken(ctx, err, k.url)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := c.request(ctx, k)
	if err != nil {
		return a, fmt.Errorf("make request to %s: %w", place(k.url), err)
	}
	taken := false
	sign := func(r *nethttp.Request) error {
		taken = false
		r.Header = r.Header.Clone() // a try before may still hold the old one
		if k.sign == nil {
			return nil
		}
		a.sent, err = k.sign(r)
		return err
	}
	if err := sign(req.Request); err != nil {
		return a, fmt.Errorf("sign request to %s: %w", place(k.url), err)
	}
	take := func(resp *nethttp.Response) error {
		taken = true
		defer resp.Body.Close()
		body := io.ReadCloser(resp.Body)
		if k.bulk {
			body = c.watch(ctx, cancel, body)
			defer body.Close()
		}
		a.status, a.header, a.at = resp.StatusCode, resp.Header, c.opt.Now()
		a.date, _ = nethttp.ParseTime(resp.Header.Get("Date"))
		a.body, err = readLimited(body, resp.ContentLength, k.limit)
		if err == nil && k.finished != nil && a.status == nethttp.StatusOK {
			err = k.finished(a.body, resp.ContentLength >= 0)
		}
		return err
	}
	req.SetResponseHandler(take)
	resp, err := c.retrying(k, sign).Do(req)
	switch {
	case errors.Is(err, errTooLarge) && k.bulk:
		return a, who.fault("E-2113", nil, k.url, "limit", k.limit)
	case errors.Is(err, errTooLarge):
		return a, who.fault("E-2410", nil, k.url, "reason", fmt.Sprintf("more than %d bytes", k.limit))
	case errors.Is(err, errUnfinished) && k.bulk:
		return a, who.fault("E-2112", nil, k.url, "want", "a signed answer", "got", fmt.Sprintf("%d bytes without its end", len(a.body)))
	case err != nil:
		return a, who.broken(ctx, err, k.url, a.sent...)
	case !taken: // the tries ended on a status that is repeated
		if err := take(resp); err != nil {
			return a, who.broken(ctx, err, k.url, a.sent...)
		}
	}
	if a.status >= 300 && a.status < 400 {
		return a, who.redirected(k.url, a.status)
	}
	return a, nil
}

func (c *client) request(ctx context.Context, k call) (*retryablehttp.Request, error) {
	var body any
	if k.body != nil {
		body = k.body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, k.method, k.url.String(), body)
	if err != nil {
		return nil, clean(err, k.url)
	}
	for name, value := range k.header {
		req.Header.Set(name, value)
	}
	c.always(req.Request)
	return req, nil
}

// always sets what every request carries.
func (c *client) always(r *nethttp.Request) {
	r.Header.Set("User-Agent", c.opt.UserAgent)
	r.Header.Set("Accept-Encoding", "identity")
}

// retrying makes the client of one call; it holds no connection of its own.
func (c *client) retrying(k call, sign func(*nethttp.Request) error) *retryablehttp.Client {
	hc := c.api
	if k.bulk {
		hc = c.file
	}
	return &retryablehttp.Client{
		HTTPClient:   hc,
		Logger:       nil, // its own lines carry URLs
		RetryMax:     c.opt.Retry.Max,
		CheckRetry:   repeatable,
		Backoff:      func(_, _ time.Duration, try int, resp *nethttp.Response) time.Duration { return c.pause(k, try, resp) },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: sign,
	}
}

// repeatable is the policy: broken connections, 408, 429 and 5xx.
func repeatable(ctx context.Context, resp *nethttp.Response, err error) (bool, error) {
	var no *refused
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.Is(err, errTooLarge), errors.As(err, &no), err != nil && untrusted(err):
		return false, err
	case err != nil:
		return true, nil
	}
	s := resp.StatusCode
	return s == nethttp.StatusRequestTimeout || s == nethttp.StatusTooManyRequests ||
		s >= 500 && s != nethttp.StatusNotImplemented, nil
}

// pause before repetition number try (from 0): what the server asks for, or
// doubled each time with jitter; never longer than Retry.Last, however long a
// server would like us to sleep.
func (c *client) pause(k call, try int, resp *nethttp.Response) time.Duration {
	wait := jitter(c.opt.Retry.First, c.opt.Retry.Last, try)
	status := 0
	if resp != nil {
		status = resp.StatusCode
		if asked, ok := retryAfter(resp.Header.Get("Retry-After"), c.opt.Now()); ok {
			wait = min(asked, c.opt.Retry.Last)
		}
	}
	if c.opt.Log != nil {
		c.opt.Log.Warn("http call is repeated", "channel", c.opt.Channel, "place", place(k.url), "status", status, "try", try+1, "wait_ms", wait.Milliseconds())
	}
	return wait
}

func (c *client) warn(ctx context.Context, text string, u *url.URL, why error) {
	if c.opt.Log != nil {
		c.opt.Log.WarnContext(ctx, text, "channel", c.opt.Channel, "place", place(u), "fault", string(fault.Of(why).ID))
	}
}

// sleep waits before repetition number try (from 0), or until ctx ends.
func (c *client) sleep(ctx context.Context, try int) error {
	t := time.NewTimer(jitter(c.opt.Retry.First, c.opt.Retry.Last, try))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// jitter returns between half and all of first·2^try, at most last.
func jitter(first, last time.Duration, try int) time.Duration {
	d := min(first<<min(try, 16), last)
	if d <= 1 {
		return d
	}
	return d/2 + rand.N(d/2)
}

func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if s, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(s) * time.Second, true
	}
	if at, err := nethttp.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// readLimited reads all, or errTooLarge. size is what the server says, -1 if
// nothing.
func readLimited(r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	b.Grow(int(max(size, 0)) + bytes.MinRead) // no doubling on the way to a large answer
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// maxClockSkew is how far our clock may be from a channel's before people hear
// of it.
const maxClockSkew = time.Minute

// clockProof compares our clock with the Date header of an answer. It is
// advisory; nil when there is nothing to say.
func (a answer) clockProof() []schemas.Proof {
	if a.date.IsZero() {
		return nil
	}
	off := a.at.Sub(a.date).Round(time.Second)
	if off.Abs() <= maxClockSkew {
		return nil
	}
	return []schemas.Proof{{Name: "clock", Advisory: true, Want: "at most " + maxClockSkew.String() + " from the channel's clock",
		Got: off.String(), Note: "positive: the local clock is ahead"}}
}

// clockOff tells whether our clock is so far off that a channel refuses signatures.
func (a answer) clockOff(limit time.Duration) bool {
	return !a.date.IsZero() && a.at.Sub(a.date).Abs() >= limit
}
