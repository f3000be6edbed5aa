package fetchers

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// Why a guard ended something.
var (
	errNoAnswer  = errors.New("no answer in time")
	errAbandoned = errors.New("the transfer was given up")
	errStalled   = errors.New("the transfer stood still")
	errTooSlow   = errors.New("the transfer was slower than the minimum rate")
	errTotal     = errors.New("the total time was used up")
)

// paced reads a stream and cancels its context with errStalled when one read
// waits longer than idle, or with errTooSlow when less than the minimum arrives
// within a window. It goes by timers, not by the clock of the business, and the
// time that the consumer takes between two reads is not counted as idle.
type paced struct {
	r       io.ReadCloser
	ctx     context.Context
	cancel  context.CancelCauseFunc
	limits  Limits
	idle    *time.Timer
	rate    *time.Timer
	moved   atomic.Int64
	already int64 // moved at the last look of the rate timer
}

// newPaced guards the stream that open returns for a context that the guard may
// cancel.
func newPaced(ctx context.Context, limits Limits, open func(context.Context) (io.ReadCloser, error)) (*paced, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &paced{ctx: ctx, cancel: cancel, limits: limits}
	answer := time.AfterFunc(limits.Reply, func() { cancel(errNoAnswer) })
	r, err := open(ctx)
	answer.Stop()
	if err != nil {
		err = p.because(err)
		cancel(nil)
		return nil, err
	}
	p.r = r
	p.idle = time.AfterFunc(limits.Idle, func() { cancel(errStalled) })
	p.idle.Stop()
	p.rate = time.AfterFunc(limits.RateOver, p.checkRate)
	return p, nil
}

func (p *paced) checkRate() {
	moved := p.moved.Load()
	if moved-p.already < p.limits.MinRate*int64(p.limits.RateOver/time.Millisecond)/1000 {
		p.cancel(errTooSlow)
		return
	}
	p.already = moved
	p.rate.Reset(p.limits.RateOver)
}

func (p *paced) Read(b []byte) (int, error) {
	p.idle.Reset(p.limits.Idle)
	n, err := p.r.Read(b)
	p.idle.Stop()
	p.moved.Add(int64(n))
	if err != nil && err != io.EOF {
		err = p.because(err)
	}
	return n, err
}

// Close ends the stream and says whether the other side called it complete.
func (p *paced) Close() error {
	p.rate.Stop()
	p.idle.Stop()
	answer := time.AfterFunc(p.limits.Reply, func() { p.cancel(errNoAnswer) })
	err := p.because(p.r.Close())
	answer.Stop()
	p.cancel(nil)
	return err
}

// because gives the guard's reason instead of the noise of a cut connection.
func (p *paced) because(err error) error { return because(p.ctx, err) }

// because replaces err by the cause for which ctx ended, if it did.
func because(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}
