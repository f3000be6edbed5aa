package http

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// watched is a body that is given up when it is silent or too slow: a server
// that hangs never hangs us. Only time spent waiting for the server counts; a
// slow disk on our side is not held against it.
type watched struct {
	body    io.ReadCloser
	ctx     context.Context
	limits  Limits
	idle    *time.Timer
	rate    *time.Timer
	waiting atomic.Bool
	bytes   atomic.Int64 // within the current rate window
	closed  atomic.Bool
}

// watch starts the timers; they end the request through cancel. Close the
// result, which closes body.
func (c *client) watch(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser) *watched {
	w := &watched{body: body, ctx: ctx, limits: c.opt.Limits}
	// Both timers are set going only when their fields are written.
	w.idle = time.AfterFunc(never, func() {
		if w.waiting.Load() && !w.closed.Load() {
			cancel(errIdle)
		}
	})
	need := w.limits.MinRate * int64(w.limits.RateWindow/time.Millisecond) / 1000
	w.rate = time.AfterFunc(never, func() {
		got := w.bytes.Swap(0)
		switch {
		case w.closed.Load():
		case w.waiting.Load() && got < need:
			cancel(errSlow)
		default:
			w.rate.Reset(w.limits.RateWindow)
		}
	})
	w.rate.Reset(w.limits.RateWindow)
	return w
}

const never = 1 << 62 * time.Nanosecond

func (w *watched) Read(p []byte) (int, error) {
	w.waiting.Store(true)
	w.idle.Reset(w.limits.Idle)
	n, err := w.body.Read(p)
	w.waiting.Store(false)
	w.bytes.Add(int64(n))
	// Also instead of io.EOF: a server that sees us hang up may still end its
	// body in good form, and that end would pass for the end of the file.
	if err != nil && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}

func (w *watched) Close() error {
	w.closed.Store(true)
	w.idle.Stop()
	w.rate.Stop()
	return w.body.Close()
}
