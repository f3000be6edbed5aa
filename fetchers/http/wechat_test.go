package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

func TestWeChat_GzipBill(t *testing.T) {
	s := newWeChatServer(t)
	sent := gzipped(bill(500))
	s.publish(sent)
	var asked string
	s.apply = func(_ nethttp.ResponseWriter, r *nethttp.Request) bool { asked = r.URL.String(); return false }
	var b box
	got, err := s.client(func(c *WeChatConfig) { c.Plain = false; c.SubMchID = "1900000009" }).Fetch(t.Context(), wechatRequest, b.keep)
	if err != nil || got.State != schemas.FetchFetched {
		t.Fatalf("%+v, %v", got, err)
	}
	b.wantOnly(t, sent)
	if want := "/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL&sub_mchid=1900000009&tar_type=GZIP"; asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
	f := got.Files[0]
	if f.Digest != "sha1:"+s.hash || f.Place != s.srv.URL+"/v3/billdownload/file" || f.Name != "wechat_1900000001_20261120_TRADE_ALL.csv.gz" || !f.At.Equal(noon) {
		t.Errorf("file %+v", f)
	}
	for _, name := range []string{"answer.signature", "digest.sha1", "transfer.bytes"} {
		if p := proof(t, got, name); !p.OK || p.Want != p.Got {
			t.Errorf("proof %+v", p)
		}
	}
}

func TestWeChat_WhatIsAskedFor(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(1))
	var asked string
	s.apply = func(_ nethttp.ResponseWriter, r *nethttp.Request) bool { asked = r.URL.String(); return false }
	for _, c := range []struct{ statement, variant, want string }{
		{"TRADE", "", "/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL"},
		{"TRADE", "REFUND", "/v3/bill/tradebill?bill_date=2026-11-20&bill_type=REFUND"},
		{"FUND", "", "/v3/bill/fundflowbill?account_type=BASIC&bill_date=2026-11-20"},
		{"FUND", "FEES", "/v3/bill/fundflowbill?account_type=FEES&bill_date=2026-11-20"},
		{"FUND", "ALL", ""}, {"TRADE", "all", ""}, {"BANK", "", ""}, {"TRADE", "ALL&x=y", ""},
	} {
		asked = ""
		req := wechatRequest
		req.Statement, req.Variant = c.statement, c.variant
		_, err := s.client().Fetch(t.Context(), req, new(box).keep)
		if asked != c.want {
			t.Errorf("%s %s: asked for %q, want %q", c.statement, c.variant, asked, c.want)
		}
		if c.want == "" {
			wantFault(t, err, "E-3015")
		}
	}
}

// TestFaultD1_AnswersOfTheApplication: each documented code becomes a state or
// a fault of the right kind.
func TestFaultD1_AnswersOfTheApplication(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		state  schemas.FetchState
		fault  fault.ID
		calls  int
	}{
		{400, "NO_STATEMENT_EXIST", schemas.FetchEmptyConfirmed, "", 1},
		{400, "STATEMENT_CREATING", schemas.FetchNotReady, "", 1},
		{400, "INVALID_REQUEST", schemas.FetchFailed, "E-3015", 1},
		{400, "PARAM_ERROR", schemas.FetchFailed, "E-3015", 1},
		{401, "SIGN_ERROR", schemas.FetchFailed, "E-3013", 1},
		{403, "NO_AUTH", schemas.FetchFailed, "E-3013", 1},
		{404, "NOT_FOUND", schemas.FetchFailed, "E-3015", 1},
		{429, "FREQUENCY_LIMITED", schemas.FetchFailed, "E-3112", 4},
		{429, "RATELIMIT_EXCEEDED", schemas.FetchFailed, "E-3112", 4},
		{500, "SYSTEM_ERROR", schemas.FetchFailed, "E-3112", 4},
		{503, "", schemas.FetchFailed, "E-3112", 4},
		{501, "", schemas.FetchFailed, "E-3112", 1},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			s := newWeChatServer(t)
			calls := 0
			s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
				calls++
				s.answer(w, c.status, `{"code":"`+c.code+`","message":"说明"}`)
				return true
			}
			var b box
			got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
			if got.State != c.state || calls != c.calls {
				t.Errorf("state %s after %d calls, want %s after %d", got.State, calls, c.state, c.calls)
			}
			b.wantNone(t)
			if c.fault == "" {
				if err != nil || got.Detail != c.code || !proof(t, got, "answer.signature").OK {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			wantFault(t, err, c.fault)
		})
	}
}

// TestWeChat_UnsignedAnswers: a success must be signed; a refusal that is not
// signed is believed as far as TLS goes, and that is shown.
func TestWeChat_UnsignedAnswers(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(3))
	body, status := "", 200
	s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
	body = `{"hash_type":"SHA1","hash_value":"` + s.hash + `","download_url":"` + s.srv.URL + `/v3/billdownload/file?token=x"}`
	_, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-3012", "no signature")

	status, body = 400, `{"code":"NO_STATEMENT_EXIST"}`
	got, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
	if p := proof(t, got, "answer.signature"); err != nil || got.State != schemas.FetchEmptyConfirmed || p.OK || !p.Advisory {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWeChat_ForgedAnswers(t *testing.T) {
	for name, forge := range map[string]func(*signing.WeChatStamp){
		"another key":   func(p *signing.WeChatStamp) { p.Serial = "PUB_KEY_ID_2" },
		"another nonce": func(p *signing.WeChatStamp) { p.Nonce += "x" },
		"a probe":       func(p *signing.WeChatStamp) { p.Signature = "WECHATPAY/SIGNTEST/" + p.Signature[20:] },
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeChatServer(t)
			s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
				body := []byte(`{"code":"NO_STATEMENT_EXIST"}`)
				stamp, _ := signing.SignWeChatMessage(channelKey(), "PUB_KEY_ID_1", body, s.now(), "n")
				forge(&stamp)
				stamp.SetHeaders(w.Header())
				w.WriteHeader(400)
				w.Write(body)
				return true
			}
			got, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
			if got.State != schemas.FetchFailed {
				t.Errorf("state %s", got.State)
			}
			wantFault(t, err, "E-3012")
		})
	}
}

// raw answers with exactly these bytes and closes, as a server that stops in
// the middle and says nothing of a length.
func raw(t *testing.T, w nethttp.ResponseWriter, head string, body []byte) {
	conn, buf, err := w.(nethttp.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	buf.WriteString(head + "\r\n\r\n")
	buf.Write(body)
	buf.Flush()
	conn.Close()
}

// TestFaultD2_CutWithoutContentLength: the body ends cleanly in the middle; only
// the digest knows.
func TestFaultD2_CutWithoutContentLength(t *testing.T) {
	for _, cuts := range []int{1, 2} {
		s := newWeChatServer(t)
		want := bill(2000)
		s.publish(want)
		done := 0
		s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
			if done++; done > cuts {
				return false
			}
			raw(t, w, "HTTP/1.1 200 OK\r\nConnection: close", want[:30_000])
			return true
		}
		var b box
		got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
		if cuts == 1 {
			if err != nil || got.State != schemas.FetchFetched {
				t.Errorf("%+v, %v", got, err)
			}
			b.wantOnly(t, want)
			continue
		}
		// Twice the same: held, and offered as evidence.
		wantFault(t, err, "E-2111", s.hash, "30000 bytes")
		b.wantNone(t)
		if !bytes.Equal(b.part, want[:30_000]) {
			t.Errorf("%d bytes were offered", len(b.part))
		}
		if got.State != schemas.FetchFailed || len(got.Files) != 0 || proof(t, got, "digest.sha1").OK || s.applied != 2 {
			t.Errorf("%+v after %d applications", got, s.applied)
		}
	}
}

// TestFaultD4_ErrorPageAsFile: status 200 and something that is no statement.
func TestFaultD4_ErrorPageAsFile(t *testing.T) {
	for name, page := range map[string]struct{ contentType, body string }{
		"html":            {"text/html; charset=utf-8", "<!DOCTYPE html><title>502</title>"},
		"html as text":    {"text/plain", "\r\n <html><body>busy\x1b[31m</body>"},
		"json":            {"application/json", `{"code":"SYSTEM_ERROR","message":"系统繁忙"}`},
		"xml, the legacy": {"text/plain", "<xml><return_code><![CDATA[FAIL]]></return_code></xml>"},
		"nothing":         {"text/plain", ""},
		"csv called html": {"text/html", string(bill(1))},
		"bom, then html":  {"text/plain", "\xef\xbb\xbf<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeChatServer(t)
			s.publish(bill(1))
			s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
				w.Header().Set("Content-Type", page.contentType)
				io.WriteString(w, page.body)
				return true
			}
			var b box
			got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
			wantFault(t, err, "E-2110")
			if strings.Contains(err.Error(), "\x1b") {
				t.Error("a terminal escape reaches the message")
			}
			b.wantNone(t)
			if string(b.part) != page.body {
				t.Errorf("offered as evidence: %q", b.part)
			}
			if got.State != schemas.FetchFailed || s.applied != 3 {
				t.Errorf("state %s after %d links", got.State, s.applied)
			}
		})
	}
}

// TestFaultD5_LinkExpired: a dead link is never asked twice; a fresh one is, at
// most three times.
func TestFaultD5_LinkExpired(t *testing.T) {
	for _, dead := range []int{1, 2, 3} {
		s := newWeChatServer(t)
		want := bill(10)
		s.publish(want)
		s.afterApply = func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.applied <= dead {
				clear(s.links)
			}
		}
		var b box
		got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
		if s.applied != min(dead+1, 3) || s.downloads != s.applied {
			t.Errorf("%d dead links: %d applications, %d downloads", dead, s.applied, s.downloads)
		}
		if dead < 3 {
			if err != nil {
				t.Error(err)
			}
			b.wantOnly(t, want)
			continue
		}
		wantFault(t, err, "E-3113", "INVALID_REQUEST")
		b.wantNone(t)
		if got.State != schemas.FetchFailed {
			t.Errorf("state %s", got.State)
		}
	}
}

// TestT20_LinkExpiredAndDigestOverUnpackedBytes: both at once, on a gzip bill.
func TestT20_LinkExpiredAndDigestOverUnpackedBytes(t *testing.T) {
	s := newWeChatServer(t)
	sent := gzipped(bill(300))
	s.publish(sent)
	s.afterApply = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.applied == 1 {
			clear(s.links)
		}
	}
	var b box
	got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
	if err != nil || s.applied != 2 || !proof(t, got, "digest.sha1").OK {
		t.Fatalf("%+v, %v after %d applications", got, err, s.applied)
	}
	b.wantOnly(t, sent)
}

func TestFaultD6_DigestWrongOnce(t *testing.T) {
	s := newWeChatServer(t)
	want := bill(50)
	s.publish(want)
	wrong := bytes.Replace(want, []byte("10:00:07"), []byte("10:00:08"), 1)
	s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		if s.downloads > 1 {
			return false
		}
		w.Write(wrong)
		return true
	}
	var b box
	if _, err := s.client().Fetch(t.Context(), wechatRequest, b.keep); err != nil {
		t.Fatal(err)
	}
	b.wantOnly(t, want)
}

// TestFaultC14_TwoGzipMembers: the rows of the second would come on top.
func TestFaultC14_TwoGzipMembers(t *testing.T) {
	for name, sent := range map[string][]byte{
		"two members":     gzipped(bill(20), bill(20)),
		"bytes behind":    append(gzipped(bill(20)), "x"...),
		"cut":             gzipped(bill(2000))[:800],
		"bad checksum":    func() []byte { z := gzipped(bill(20)); z[len(z)-6] ^= 1; return z }(),
		"a bomb":          gzipped(make([]byte, 20<<20)),
		"not gzip at all": []byte("\x1f\x8bhello, this is not a gzip header"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeChatServer(t)
			s.publish(bill(20))
			s.bill = sent
			var b box
			got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
			wantFault(t, err, "E-2111")
			b.wantNone(t)
			if !bytes.Equal(b.part, sent) || proof(t, got, "digest.sha1").OK {
				t.Errorf("%d bytes offered, proofs %+v", len(b.part), got.Proofs)
			}
		})
	}
}

// TestFaultD7_ResumeGetsOtherContent: what continues must be the same file from
// the byte that we want; anything else starts anew.
func TestFaultD7_ResumeGetsOtherContent(t *testing.T) {
	want := bill(4000)
	const cut = 50_000
	for name, rest := range map[string]func(w nethttp.ResponseWriter, r *nethttp.Request){
		"whole file again": func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.Write(want) },
		"another offset": func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			part(w, `"v1"`, fmt.Sprintf("bytes %d-%d/%d", cut-1, len(want)-1, len(want)), want[cut-1:])
		},
		"another size": func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			part(w, `"v1"`, fmt.Sprintf("bytes %d-%d/%d", cut, len(want), len(want)+1), append(want[cut:len(want):len(want)], 'x'))
		},
		"another version": func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			part(w, `"v2"`, fmt.Sprintf("bytes %d-%d/%d", cut, len(want)-1, len(want)), bytes.ToUpper(want[cut:]))
		},
		"no range named": func(w nethttp.ResponseWriter, _ *nethttp.Request) { part(w, `"v1"`, "", want[cut:]) },
		"gone":           func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(416) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeChatServer(t)
			s.publish(want)
			var ranges []string
			s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				switch rng := r.Header.Get("Range"); {
				case rng != "":
					ranges = append(ranges, rng+" "+r.Header.Get("If-Range"))
					rest(w, r)
				case s.applied == 1:
					raw(t, w, fmt.Sprintf("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: %d", len(want)), want[:cut])
				default:
					return false
				}
				return true
			}
			var b box
			got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
			if err != nil {
				t.Fatal(err)
			}
			b.wantOnly(t, want)
			if len(ranges) != 1 || ranges[0] != fmt.Sprintf(`bytes=%d- "v1"`, cut) || s.applied != 2 || got.Files[0].Resumes != 0 {
				t.Errorf("ranges %q, %d applications, %d resumes", ranges, s.applied, got.Files[0].Resumes)
			}
		})
	}
}

func part(w nethttp.ResponseWriter, etag, contentRange string, data []byte) {
	w.Header().Set("ETag", etag)
	if contentRange != "" {
		w.Header().Set("Content-Range", contentRange)
	}
	w.WriteHeader(206)
	w.Write(data)
}

// TestFaultD7_WeakTagIsNoProof: a weak ETag, or none, never leads to a Range.
func TestFaultD7_WeakTagIsNoProof(t *testing.T) {
	for _, tag := range []string{"", `W/"v1"`, `v1`, `""`} {
		s := newWeChatServer(t)
		want := bill(4000)
		s.publish(want)
		s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
			if r.Header.Get("Range") != "" {
				t.Errorf("ETag %q: asked for a range", tag)
			}
			if s.applied > 1 {
				return false
			}
			raw(t, w, fmt.Sprintf("HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: %d", tag, len(want)), want[:50_000])
			return true
		}
		var b box
		if _, err := s.client().Fetch(t.Context(), wechatRequest, b.keep); err != nil {
			t.Error(err)
		}
		b.wantOnly(t, want)
	}
}

// TestT02_DownloadExhausted: a server that never delivers ends in FAILED and a
// code for cron, after a bounded number of tries.
func TestT02_DownloadExhausted(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(4000))
	s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		raw(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 100000", bill(4000)[:1000])
		return true
	}
	var b box
	got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
	wantFault(t, err, "E-3110", "1000 of 100000 bytes")
	b.wantNone(t)
	if got.State != schemas.FetchFailed || fault.Of(err).Exit() != 31 || s.downloads != 3 {
		t.Errorf("state %s, %d downloads", got.State, s.downloads)
	}

	s.srv.Close()
	got, err = s.client().Fetch(t.Context(), wechatRequest, b.keep)
	wantFault(t, err, "E-3110")
	if got.State != schemas.FetchFailed {
		t.Errorf("state %s", got.State)
	}
}

// TestFaultT4_ClockOff: more than a minute is a warning; a refusal for the
// signature's sake names the clock.
func TestFaultT4_ClockOff(t *testing.T) {
	for _, c := range []struct {
		theirs time.Duration // their clock minus ours
		fault  fault.ID
		shown  bool
	}{
		{0, "", false}, {59 * time.Second, "", false}, {-61 * time.Second, "", true}, {4 * time.Minute, "", true},
		{-7 * time.Minute, "E-3014", false}, {9 * time.Minute, "E-3016", false},
	} {
		s := newWeChatServer(t)
		s.now = func() time.Time { return noon.Add(c.theirs) }
		s.publish(bill(3))
		got, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
		if c.fault != "" {
			wantFault(t, err, c.fault, fmt.Sprintf("is %d min", int(c.theirs.Abs().Minutes())), "local time 2026-11-21T04:00:00Z")
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.theirs, err)
		}
		if c.shown {
			if p := proof(t, got, "clock"); p.OK || !p.Advisory || p.Got != (-c.theirs).String() {
				t.Errorf("%s: %+v", c.theirs, p)
			}
		} else if len(got.Proofs) != 3 {
			t.Errorf("%s: %+v", c.theirs, got.Proofs)
		}
	}
}

// TestFaultT4_OldAnswer: an answer that was signed long ago is refused even if
// it has no Date.
func TestFaultT4_OldAnswer(t *testing.T) {
	s := newWeChatServer(t)
	s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		w.Header()["Date"] = nil
		body := []byte(`{"code":"NO_STATEMENT_EXIST"}`)
		stamp, _ := signing.SignWeChatMessage(channelKey(), "PUB_KEY_ID_1", body, noon.Add(-7*time.Minute), "n")
		stamp.SetHeaders(w.Header())
		w.WriteHeader(400)
		w.Write(body)
		return true
	}
	_, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-3014", "is 7 min ahead")
}

func TestWeChat_TooLarge(t *testing.T) {
	for _, announced := range []bool{true, false} {
		s := newWeChatServer(t)
		s.publish(bill(4000))
		s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
			if announced {
				return false
			}
			raw(t, w, "HTTP/1.1 200 OK", s.bill)
			return true
		}
		var b box
		_, err := s.client(func(c *WeChatConfig) { c.Limits.MaxBytes = 10_000 }).Fetch(t.Context(), wechatRequest, b.keep)
		wantFault(t, err, "E-2113", "10000")
		b.wantNone(t)
		if s.applied != 1 {
			t.Errorf("%d applications for a file that does not become smaller", s.applied)
		}
	}
}

// TestWeChat_RepetitionsAreSignedAnew: a call that is repeated carries its own
// time and nonce.
func TestWeChat_RepetitionsAreSignedAnew(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(2))
	failures := 0
	s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		if failures++; failures > 3 {
			return false
		}
		w.Header().Set("Retry-After", "86400") // clamped, or this test would take a day
		s.answer(w, 503, `{"code":"SYSTEM_ERROR"}`)
		return true
	}
	var b box
	if _, err := s.client().Fetch(t.Context(), wechatRequest, b.keep); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range s.auths {
		auth, err := signing.ParseWeChatAuth(a)
		if err != nil || seen[auth.Nonce] {
			t.Errorf("nonce %q is used twice, or %v", auth.Nonce, err)
		}
		seen[auth.Nonce] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d requests, want 4 applications and a download", len(seen))
	}
}

func TestWeChat_TotalTimeLimit(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(2))
	s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		w.Write(bill(100)[:1000])
		w.(nethttp.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	_, err := s.client(func(c *WeChatConfig) { c.Limits.Total = 200 * time.Millisecond }).Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-3111", "total time limit")
}

// TestFaultD12_Silence: the idle limit alone ends a body that stopped.
func TestFaultD12_Silence(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(2))
	s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		w.Write(bill(100)[:1000])
		w.(nethttp.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	var b box
	_, err := s.client(func(c *WeChatConfig) { c.Limits.Idle, c.Limits.RateWindow = 50*time.Millisecond, time.Hour }).Fetch(t.Context(), wechatRequest, b.keep)
	wantFault(t, err, "E-3111", "idle limit")
	b.wantNone(t)
	if s.applied != 3 {
		t.Errorf("%d links", s.applied)
	}
}

func TestContinues(t *testing.T) {
	for _, c := range []struct {
		status    int
		etag, rng string
		size      int64
		want      bool
	}{
		{206, `"v1"`, "bytes 10-99/100", 100, true}, {206, "", "bytes 10-99/100", 100, true}, {206, `"v1"`, "bytes 10-99/100", -1, true},
		{200, `"v1"`, "bytes 10-99/100", 100, false}, {206, `"v2"`, "bytes 10-99/100", 100, false}, {206, `W/"v1"`, "bytes 10-99/100", 100, false},
		{206, `"v1"`, "bytes 10-100/101", 100, false}, {206, `"v1"`, "bytes 9-99/100", 100, false}, {206, `"v1"`, "bytes 11-99/100", 100, false},
		{206, `"v1"`, "bytes 10-98/100", 100, false}, {206, `"v1"`, "bytes 10-99/*", 100, false}, {206, `"v1"`, "", 100, false}, {206, `"v1"`, "items 10-99/100", 100, false},
	} {
		tr := &transfer{etag: `"v1"`, got: 10, size: c.size}
		resp := &nethttp.Response{StatusCode: c.status, Header: nethttp.Header{"Etag": {c.etag}, "Content-Range": {c.rng}}}
		if got := tr.continues(resp); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestDigest_Limits(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		max  int64
		want string
	}{
		"a ratio of 1000":          {gzipped(make([]byte, 20<<20)), 1 << 40, "too many"},
		"a MiB of anything passes": {gzipped(make([]byte, 1<<20)), 1 << 40, ""},
		"beyond the limit":         {gzipped(bill(5000)), 10_000, "too many"},
		"two members":              {gzipped(bill(1), bill(1)), 1 << 40, "behind the first member"},
	} {
		_, err := sha1OfUnpacked(bytes.NewReader(c.data), c.max)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeChat_DownloadRefusedForOurSignature(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(2))
	s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		s.answer(w, 403, `{"code":"NO_AUTH","message":"another merchant's bill"}`)
		return true
	}
	_, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-3013", "NO_AUTH", "another merchant")
	if s.applied != 1 {
		t.Errorf("%d applications", s.applied)
	}
}

func TestWeChat_Cancelled(t *testing.T) {
	s := newWeChatServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.apply = func(_ nethttp.ResponseWriter, r *nethttp.Request) bool { cancel(); <-r.Context().Done(); return true }
	if _, err := s.client().Fetch(ctx, wechatRequest, new(box).keep); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestNewWeChat_Incomplete(t *testing.T) {
	s := newWeChatServer(t)
	for name, change := range map[string]func(*WeChatConfig){
		"no key":           func(c *WeChatConfig) { c.Key = nil },
		"no platform keys": func(c *WeChatConfig) { c.PlatformKeys = nil },
		"no merchant":      func(c *WeChatConfig) { c.MchID = "" },
		"no clock":         func(c *WeChatConfig) { c.Now = nil },
		"http":             func(c *WeChatConfig) { c.BaseURL = "http://api.mch.weixin.qq.com" },
		"ftp":              func(c *WeChatConfig) { c.BaseURL = "ftp://api.mch.weixin.qq.com" },
		"a password":       func(c *WeChatConfig) { c.BaseURL = "https://a:b@api.mch.weixin.qq.com" },
		"a query":          func(c *WeChatConfig) { c.BaseURL = "https://api.mch.weixin.qq.com?x=y" },
		"a URL as host":    func(c *WeChatConfig) { c.DownloadHosts = []string{"https://x"} },
	} {
		c := WeChatConfig{Options: s.options(), MchID: "1", Serial: "1", Key: ourKey(), PlatformKeys: signing.PublicKeys{"1": &channelKey().PublicKey}}
		if _, err := NewWeChat(c); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := NewWeChat(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
