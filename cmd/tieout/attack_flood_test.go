package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tieout/internal/config"
)

// oneConn is a listener with one connection.
type oneConn struct {
	conn chan net.Conn
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error { l.once.Do(func() { close(l.conn) }); return nil }
func (*oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// A client who sends his request a byte a second, or nothing at all, does not
// hold a connection for longer than the server says.
func TestAttack28_SlowClients(t *testing.T) {
	const head = "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n"
	for name, c := range map[string]struct {
		fast, slow string // sent at once, and a byte a second
		want       time.Duration
		answer     string
	}{
		"header": {"POST /v1/orders HTTP/1.1\r\n", "X-A: " + strings.Repeat("a", 4000), headerTimeout, ""},
		"body":   {head + "\r\n", strings.Repeat("{", 4000), requestTimeout, "HTTP/1.1 408"},
		"silent": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", idleTimeout, "HTTP/1.1 408"},
		"large":  {head + "X-A: " + strings.Repeat("a", 2*maxHeader) + "\r\n\r\n", "", 0, "HTTP/1.1 431"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				l := &oneConn{conn: make(chan net.Conn, 1)}
				l.conn <- server
				ctx, stop := context.WithCancel(t.Context())
				s := &site{cfg: &config.Config{}, log: slog.New(slog.DiscardHandler)}
				ended := make(chan error)
				go func() {
					ended <- s.serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if _, err := io.ReadAll(r.Body); errors.Is(err, os.ErrDeadlineExceeded) {
							w.Header().Set("Connection", "close")
						}
						w.WriteHeader(http.StatusRequestTimeout)
					}))
				}()
				begun := time.Now()
				var sending sync.WaitGroup
				sending.Go(func() {
					_, err := io.WriteString(client, c.fast)
					for _, b := range []byte(c.slow) {
						if err != nil || sleepContext(ctx, time.Second) != nil {
							return
						}
						_, err = client.Write([]byte{b})
					}
				})
				answer, err := io.ReadAll(client)
				if took := time.Since(begun); err != nil || !strings.HasPrefix(string(answer), c.answer) || took < c.want || took > c.want+time.Second {
					t.Errorf("closed after %s with %q, %v; want %s and %q", took, answer, err, c.want, c.answer)
				}
				client.Close()
				sending.Wait()
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// One address gets no more of the server than its share, whatever it asks for;
// the others are served.
func TestAttack28_EveryPathHasItsLimit(t *testing.T) {
	_, w, _ := playedWorld(t)
	merchants, err := w.site.newMerchantAPI(w.clock.now, w.core, w.desk)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/notify/wechat-main", "/notify/alipay-main", "/notify/unionpay-main", "/v1/orders", "/docs", "/openapi.json", "/nothing"} {
		w.site.cfg.API.SourceRate = 1 // and two at once
		h, err := w.site.handler(w.core, merchants, nil)
		if err != nil {
			t.Fatal(err)
		}
		send := func(from string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("not signed"))
			r.RemoteAddr = from
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			return answer.Code
		}
		limited := false
		for range 100 { // as fast as they come: the share grows by one a second
			limited = limited || send("203.0.113.9:1024") == http.StatusTooManyRequests
		}
		if !limited || send("203.0.113.10:1024") == http.StatusTooManyRequests {
			t.Errorf("%s: nothing was refused, or another address was", path)
		}
	}
}
