package merchantapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A flood of badly signed requests ends before the signature: the source is told
// to wait, its body is not read, and others are served.
func TestAttack28_FloodFromOneSource(t *testing.T) {
	reached := 0
	h := LimitSources(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }), 0, 5)
	send := func(from string) *httptest.ResponseRecorder {
		body := &unread{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/orders", body)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests && body.read {
			t.Error("the body of a refused request was read")
		}
		return w
	}
	for i := range 1000 {
		w := send(fmt.Sprintf("203.0.113.9:%d", 1024+i)) // another port is no other source
		if want := i >= 5; want != (w.Code == http.StatusTooManyRequests) {
			t.Fatalf("request %d: HTTP %d", i, w.Code)
		}
		var p Problem
		if i == 5 && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Code != "E-6412" || w.Header().Get("Retry-After") != "1") {
			t.Errorf("got %s, Retry-After %q", w.Body, w.Header().Get("Retry-After"))
		}
	}
	if reached != 5 {
		t.Errorf("%d requests were let through", reached)
	}
	if w := send("203.0.113.10:1"); w.Code != http.StatusOK {
		t.Errorf("another source: HTTP %d", w.Code)
	}
}

type unread struct{ read bool }

func (u *unread) Read([]byte) (int, error) { u.read = true; return 0, http.ErrBodyReadAfterClose }

// One who holds a whole IPv6 network is one source, also behind a mapped or a
// scoped address.
func TestAttack28_SourcesOfOneNetwork(t *testing.T) {
	for _, same := range [][2]string{
		{"[2001:db8:1:2:3::4]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:2"},
		{"[::ffff:203.0.113.9]:1", "203.0.113.9:2"},
		{"[fe80::1%eth0]:1", "[fe80::2]:2"},
		{"pipe", "@"},
	} {
		if a, b := sourceOf(same[0]), sourceOf(same[1]); a != b {
			t.Errorf("%s is %s, %s is %s", same[0], a, same[1], b)
		}
	}
	for _, other := range [][2]string{{"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1"}, {"203.0.113.9:1", "203.0.113.10:1"}} {
		if sourceOf(other[0]) == sourceOf(other[1]) {
			t.Errorf("%s and %s are one source", other[0], other[1])
		}
	}
}

// Sources that come and go take bounded memory, and one that keeps sending is
// not forgotten, so that it cannot begin anew.
func TestAttack28_ManySources(t *testing.T) {
	h := LimitSources(http.NotFoundHandler(), 0, 1)
	status := func(from string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(""))
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	const loud = "198.51.100.1:1"
	if got := status(loud); got != http.StatusNotFound {
		t.Fatalf("HTTP %d", got)
	}
	for i := range 3 * maxSources {
		status(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
		if got := status(loud); got != http.StatusTooManyRequests {
			t.Fatalf("after %d others: HTTP %d", i, got)
		}
	}
	s := newSources(0, 1)
	for i := range 3 * maxSources {
		s.allow(sourceOf(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)))
	}
	if len(s.known) != maxSources || s.recent.Len() != maxSources {
		t.Errorf("%d and %d sources are kept", len(s.known), s.recent.Len())
	}
}
