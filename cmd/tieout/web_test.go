package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// Reports are read, with the token where there is one; nothing is written, and
// what begins with a dot is not there.
func TestWeb_ReportsForReading(t *testing.T) {
	files := fstest.MapFS{"shop/2025-11-20/day.en.html": {Data: []byte("<html>day</html>")}, "shop/.part": {Data: []byte("half")}, ".secret/x": {Data: []byte("half")}}
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("api")) })
	notices := &noticeDesk{books: &outbox{}}
	h := webHandler(files, api, notices, "the token")
	for _, c := range []struct {
		method, path, token string
		status              int
		body                string
	}{
		{"GET", "/healthz", "", http.StatusNoContent, ""},
		{"GET", "/reports/shop/2025-11-20/day.en.html", "the token", http.StatusOK, "<html>day</html>"},
		{"GET", "/reports/shop/2025-11-20/day.en.html", "another", http.StatusUnauthorized, ""},
		{"GET", "/reports/shop/2025-11-20/day.en.html", "", http.StatusUnauthorized, ""},
		{"GET", "/docs", "", http.StatusUnauthorized, ""},
		{"GET", "/docs", "the token", http.StatusOK, "api"},
		{"GET", "/openapi.json", "the token", http.StatusOK, "api"},
		{"GET", "/v1/orders/O1", "the token", http.StatusNotFound, "404 page not found\n"},
		{"POST", "/reports/shop/2025-11-20/day.en.html", "the token", http.StatusMethodNotAllowed, "Method Not Allowed\n"},
		{"GET", "/reports/shop/.part", "the token", http.StatusNotFound, "404 page not found\n"},
		{"GET", "/reports/.secret/x", "the token", http.StatusNotFound, "404 page not found\n"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
		if c.token != "" {
			r.SetBasicAuth("any", c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s %s with %q: HTTP %d %q", c.method, c.path, c.token, w.Code, w.Body)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/reports/", nil)
	r.Host = "[::1]:8080"
	w := httptest.NewRecorder()
	webHandler(files, api, notices, "").ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "shop/") || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("the list: HTTP %d %s %v", w.Code, w.Body, w.Header())
	}
}
