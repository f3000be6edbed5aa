package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// politeBody sends a part and ends in good form as soon as its reader hangs up,
// as a server does that flushes its last chunk on the way out.
type politeBody struct {
	io.Reader
	gone <-chan struct{}
}

func (b politeBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		<-b.gone
	}
	return n, err
}

func (politeBody) Close() error { return nil }

// TestWatch_TheEndAfterHangingUpIsNotTheEnd: what ends because we gave up is not
// taken for a whole file.
func TestWatch_TheEndAfterHangingUpIsNotTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &client{}
	c.opt.Limits = Limits{Idle: time.Millisecond, RateWindow: time.Hour}
	w := c.watch(ctx, cancel, politeBody{bytes.NewReader(make([]byte, 1000)), ctx.Done()})
	defer w.Close()
	data, err := io.ReadAll(w)
	if len(data) != 1000 || !errors.Is(err, errIdle) {
		t.Errorf("%d bytes, %v; want 1000 and %v", len(data), err, errIdle)
	}
}
