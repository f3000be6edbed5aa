package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// outbox is an outbox of one dead notice.
type outbox struct{ sent []string }

const deadNotice = `P1<b>:2:payment.success`

func (o *outbox) Notices(_ context.Context, _ string, state paycore.NoticeState, _ int) ([]paycore.NoticeStanding, error) {
	if state != paycore.NoticeDead || len(o.sent) > 0 {
		return nil, nil
	}
	return []paycore.NoticeStanding{{ID: deadNotice, Merchant: "M1", Payload: "{}", State: state, Tries: 10, LastError: "HTTP 500"}}, nil
}

func (o *outbox) Resend(_ context.Context, merchant, id string) (bool, error) {
	if merchant != "" || id != deadNotice {
		return false, nil
	}
	o.sent = append(o.sent, id)
	return true, nil
}

func noticeWeb(books noticeBooks, token string, log io.Writer) http.Handler {
	d := &noticeDesk{books, func(en, _ string) string { return en }, fault.English, "night", slog.New(slog.NewTextHandler(log, nil))}
	return webHandler(fstest.MapFS{}, http.NotFoundHandler(), d, token)
}

// The button of a dead notice sends it again, for the person whose name came
// with the password; nobody else's page can press it.
func TestWeb_NoticeIsSentAgain(t *testing.T) {
	form := url.Values{"event_id": {deadNotice}}.Encode()
	for _, c := range []struct {
		name, who, token, host, site, form string
		status                             int
		by                                 string // in the log; "": nothing was sent
	}{
		{"by name", "chen", "the token", "pay.example", "same-origin", form, http.StatusSeeOther, "by=chen"},
		{"without a name", "", "the token", "pay.example", "same-origin", form, http.StatusUnauthorized, ""},
		{"wrong password", "chen", "another", "pay.example", "same-origin", form, http.StatusUnauthorized, ""},
		{"from another site's page", "chen", "the token", "pay.example", "cross-site", form, http.StatusForbidden, ""},
		{"an unknown notice", "chen", "the token", "pay.example", "same-origin", "event_id=P2", http.StatusNotFound, ""},
		{"too long", "chen", "the token", "pay.example", "same-origin", "x=" + strings.Repeat("y", 8<<10) + "&" + form, http.StatusNotFound, ""},
		{"on this machine", "", "", "127.0.0.1:8080", "same-origin", form, http.StatusSeeOther, "by=night"},
		{"this machine by a foreign name", "", "", "evil.example", "same-origin", form, http.StatusMisdirectedRequest, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			books := &outbox{}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/notices/resend", strings.NewReader(c.form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", c.site)
			r.Host = c.host
			expected := ""
			if c.token != "" {
				expected = "the token"
				r.SetBasicAuth(c.who, c.token)
			}
			w := httptest.NewRecorder()
			noticeWeb(books, expected, &log).ServeHTTP(w, r)
			if w.Code != c.status || (len(books.sent) == 1) != (c.by != "") || !strings.Contains(log.String(), c.by) {
				t.Errorf("HTTP %d, sent %v, log %q", w.Code, books.sent, &log)
			}
		})
	}
}

// The page lists what was given up, as text and nothing else.
func TestWeb_NoticesAreListed(t *testing.T) {
	books := &outbox{}
	h := noticeWeb(books, "", io.Discard)
	get := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host = "localhost:8080"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	page := get("/notices")
	for _, want := range []string{"P1&lt;b&gt;:2:payment.success", "M1", "HTTP 500", "Send again", `aria-current="page">given up`} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page lacks %s:\n%s", want, page.Body)
		}
	}
	if policy := page.Header().Values("Content-Security-Policy"); len(policy) != 1 || !strings.Contains(policy[0], "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	if w := get("/notices?state=PENDING"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<button>") {
		t.Errorf("waiting: HTTP %d %s", w.Code, w.Body)
	}
	if w := get("/notices?state=OTHER"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown state: HTTP %d", w.Code)
	}
}

// A real browser shows the page with its style, and its policy refuses nothing.
func TestWeb_BrowserShowsTheNotices(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("TIEOUT_REQUIRE_BROWSER") != "1" {
		t.Skip("no chromium on this machine")
	}
	server := httptest.NewServer(noticeWeb(&outbox{}, "", io.Discard))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--dump-dom", server.URL+"/notices")
	cmd.WaitDelay = 10 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("browser: %v\n%s", err, &said)
	}
	if !strings.Contains(string(dom), "Send again") || strings.Contains(said.String(), "Content Security Policy") {
		t.Errorf("the browser shows\n%s\n%s", dom, &said)
	}
}
