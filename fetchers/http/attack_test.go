package http

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tieout/fetchers/conformance"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
)

// TestAttack13_JSON: what a lenient reader takes one way and a strict one
// another is refused.
func TestAttack13_JSON(t *testing.T) {
	var into struct {
		Total int64  `json:"total"`
		Name  string `json:"name"`
	}
	for name, body := range map[string]string{
		"repeated member":   `{"total":1,"total":2}`,
		"repeated in depth": `{"a":[{"b":1,"b":2}]}`,
		"another case":      `{"total":1,"Total":2}`,
		"Kelvin sign":       "{\"k\":1,\"\u212a\":2}",
		"long s":            "{\"s\":1,\"\u017f\":2}",
		"escaped the same":  `{"total":1,"\u0074otal":2}`,
		"deep":              strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40),
		"deep array":        `{"a":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`,
		"beyond 2^63":       `{"total":9223372036854775808}`,
		"a fraction":        `{"total":1.5}`,
		"an exponent":       `{"total":1e2}`,
		"a text as number":  `{"total":"1"}`,
		"a number as text":  `{"name":1}`,
		"an array":          `[{"total":1}]`,
		"two objects":       `{"total":1}{"total":2}`,
		"behind the object": `{"total":1}x`,
		"cut":               `{"total":1`,
		"not UTF-8":         "{\"name\":\"\xff\"}",
		"nothing":           ``,
		"a BOM":             "\xef\xbb\xbf{}",
		"null":              `null`,
		"a comma too many":  `{"total":1,}`,
		"single quotes":     `{'total':1}`,
		"NaN":               `{"total":NaN}`,
		"control character": "{\"name\":\"\x01\"}",
	} {
		if err := strictjson.Decode([]byte(body), &into); err == nil {
			t.Errorf("%s was taken: %+v", name, into)
		}
	}
	if err := strictjson.Decode([]byte(` {"total":9007199254740993,"name":"a","other":[1.5,{"total":7}]} `), &into); err != nil || into.Total != 9007199254740993 {
		t.Errorf("%+v, %v", into, err)
	}
}

// TestAttack13_HugeAnswer: an answer is read up to its limit and no further.
func TestAttack13_HugeAnswer(t *testing.T) {
	s := newWeChatServer(t)
	sent := 0
	s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		for range 1000 {
			n, err := w.Write(chunk)
			if sent += n; err != nil {
				break
			}
		}
		return true
	}
	_, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-2410", "1048576 bytes")
	s.srv.Close() // waits for the handler
	if sent > 16<<20 {
		t.Errorf("the server could send %d bytes", sent)
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}],"d":null}`))
	f.Add([]byte(`{"a":1,"A":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m map[string]any
		if strictjson.Decode(body, &m) == nil && m == nil {
			t.Errorf("%q is not an object", body)
		}
	})
}

// TestAttack15_DownloadURL: wherever a signed answer sends us, only listed hosts
// over https are asked.
func TestAttack15_DownloadURL(t *testing.T) {
	hits := 0
	inside := httptest.NewServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { hits++ }))
	defer inside.Close()
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	for _, address := range []string{
		"http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/x", "https://127.0.0.1/x", "http://127.0.0.1" + port + "/x",
		"https://10.0.0.1/x", "https://[::ffff:127.0.0.1]/x", "https://[::1]/x", "https://2130706433/x", "https://0x7f.1/x", "https://0/x",
		"file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://api.mch.weixin.qq.com/x", "//api.mch.weixin.qq.com/x", "https:///x", "",
		"https://user@HOST/x", "https://HOST@evil.example/x", "https://HOST.evil.example/x", "http://HOST/x", "https://HOST:1/x", "https://HOST\\\\@evil.example/x",
		"https://evil.example/x?HOST", "https://evil.example#HOST", "javascript:alert(1)", "https://HOST/" + strings.Repeat("x", 5000),
	} {
		t.Run(address[:min(len(address), 40)], func(t *testing.T) {
			s := newWeChatServer(t)
			s.publish(bill(1))
			s.apply = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				s.answer(w, 200, `{"hash_type":"SHA1","hash_value":"`+s.hash+`","download_url":"`+strings.ReplaceAll(address, "HOST", r.Host)+`?token=canary"}`)
				return true
			}
			var b box
			_, err := s.client(func(c *WeChatConfig) { c.DownloadHosts = []string{"api.mch.weixin.qq.com"} }).Fetch(t.Context(), wechatRequest, b.keep)
			wantFault(t, err, "E-3011")
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the token is in %v", err)
			}
			b.wantNone(t)
			if s.downloads != 0 || hits != 0 {
				t.Error("somebody was asked")
			}
		})
	}
}

// TestAttack15_NameThatPointsInside: the host is listed, its address is not a
// public one. The check is made at the dial, so it does not matter when a name
// server began to lie.
func TestAttack15_NameThatPointsInside(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(1))
	s.host = "https://localhost:" + hostPortOf(t, s.srv.URL)
	var b box
	_, err := s.client(func(c *WeChatConfig) { c.DownloadHosts = []string{"localhost:" + hostPortOf(t, s.srv.URL)} }).Fetch(t.Context(), wechatRequest, b.keep)
	wantFault(t, err, "E-3011", "not a public address")
	if s.downloads != 0 {
		t.Error("the server inside was asked")
	}
}

func hostPortOf(t *testing.T, rawURL string) string {
	_, port, err := net.SplitHostPort(hostOf(t, rawURL))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestAttack15_Addresses(t *testing.T) {
	for ip, want := range map[string][2]bool{ // allowed for a public host, for a private host
		"8.8.8.8": {true, true}, "203.205.255.1": {true, true}, "2400:3200::1": {true, true}, "::ffff:8.8.8.8": {true, true},
		"127.0.0.1": {false, true}, "127.8.8.8": {false, true}, "10.0.0.1": {false, true}, "172.16.0.1": {false, true}, "192.168.1.1": {false, true},
		"::1": {false, true}, "fd00::1": {false, true}, "::ffff:127.0.0.1": {false, true}, "::ffff:10.0.0.1": {false, true},
		"169.254.169.254": {false, false}, "fe80::1": {false, false}, "fe80::1%eth0": {false, false}, "::ffff:169.254.169.254": {false, false}, "fd00:ec2::254": {false, true},
		"0.0.0.0": {false, false}, "0.0.0.1": {false, false}, "::": {false, false}, "224.0.0.1": {false, false}, "ff02::1": {false, false}, "255.255.255.255": {false, false},
		"100.64.0.1": {false, false}, "100.100.100.200": {false, false}, "192.0.0.170": {false, false}, "198.18.0.1": {false, false}, "192.0.2.1": {false, false},
		"240.0.0.1": {false, false}, "::ffff:100.64.0.1": {false, false}, "::7f00:1": {false, false}, "64:ff9b::7f00:1": {false, false}, "64:ff9b::a9fe:a9fe": {false, false},
		"2002:7f00:1::1": {false, false}, "2001:0:1::1": {false, false}, "2001:db8::1": {false, false},
	} {
		addr := netip.MustParseAddr(ip)
		if got := [2]bool{allowed(addr, false), allowed(addr, true)}; got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
}

// TestAttack15_Redirect: nobody is followed, neither for the application nor for
// the file.
func TestAttack15_Redirect(t *testing.T) {
	for _, at := range []string{"application", "file"} {
		s := newWeChatServer(t)
		s.publish(bill(1))
		away := func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
			w.Header().Set("Location", s.srv.URL+"/v3/elsewhere")
			w.WriteHeader(302)
			return true
		}
		s.query = func(nethttp.ResponseWriter, *nethttp.Request) { t.Errorf("%s: the redirect was followed", at) }
		if at == "application" {
			s.apply = away
		} else {
			s.file = away
		}
		var b box
		_, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
		wantFault(t, err, "E-3011", "302")
		b.wantNone(t)
	}
}

// TestAttack16_Proxy: variables of the environment send nothing anywhere.
func TestAttack16_Proxy(t *testing.T) {
	asked := 0
	proxy := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) { asked++; w.WriteHeader(502) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	s := newWeChatServer(t)
	s.publish(bill(1))
	if _, err := s.client().Fetch(t.Context(), wechatRequest, new(box).keep); err != nil || asked != 0 {
		t.Errorf("%v, the proxy was asked %d times", err, asked)
	}
	// One that is configured is used, and only as a tunnel.
	u, _ := url.Parse(proxy.URL)
	_, err := s.client(func(c *WeChatConfig) { c.Proxy = u }).Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-3110")
	if asked == 0 {
		t.Error("the configured proxy was not asked")
	}
}

// TestAttack16_CredentialsStayAtTheirHost: a link to another listed host of a
// channel that signs its downloads is signed for that very request, and the
// Authorization of the application is not reused there.
func TestAttack16_CredentialsStayAtTheirHost(t *testing.T) {
	s, other := newWeChatServer(t), newWeChatServer(t)
	want := bill(5)
	s.publish(want)
	other.publish(want)
	s.host = other.srv.URL
	other.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool { w.Write(want); return true }
	s.afterApply = func() { // the link works at the other host
		other.mu.Lock()
		defer other.mu.Unlock()
		for token := range s.links {
			other.links[token] = true
		}
	}
	var b box
	_, err := s.client(func(c *WeChatConfig) {
		c.PrivateHosts = append(c.PrivateHosts, hostOf(t, other.srv.URL))
		c.RootCAs = both(s.srv, other.srv)
	}).Fetch(t.Context(), wechatRequest, b.keep)
	if err != nil {
		t.Fatal(err)
	}
	b.wantOnly(t, want)
	if len(other.auths) != 1 || other.auths[0] == s.auths[0] {
		t.Errorf("the other host saw %d Authorization headers, or the same one", len(other.auths))
	}
}

// both trusts the two servers' own certificates.
func both(servers ...*httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, s := range servers {
		pool.AddCert(s.Certificate())
	}
	return pool
}

// TestAttack17_TLS: each way in which a server's identity does not hold ends
// with exit code 30 after one try, and nothing is sent.
func TestAttack17_TLS(t *testing.T) {
	ca, stranger := conformance.NewAuthority(t), conformance.NewAuthority(t)
	for name, config := range map[string]*tls.Config{
		"expired":     {Certificates: []tls.Certificate{ca.Server("127.0.0.1", -time.Minute)}},
		"wrong name":  {Certificates: []tls.Certificate{ca.Server("api.example.com", time.Hour)}},
		"wrong ip":    {Certificates: []tls.Certificate{ca.Server("127.0.0.2", time.Hour)}},
		"self-signed": {Certificates: []tls.Certificate{stranger.Server("127.0.0.1", time.Hour)}},
		"TLS 1.0":     {Certificates: []tls.Certificate{ca.Server("127.0.0.1", time.Hour)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.1":     {Certificates: []tls.Certificate{ca.Server("127.0.0.1", time.Hour)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"no TLS":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			requests, connections := 0, 0
			srv := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { requests++ }))
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			srv.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
				if state == nethttp.StateNew {
					connections++
				}
			}
			srv.TLS = config
			if config == nil {
				srv.Start()
			} else {
				srv.StartTLS()
			}
			s := newWeChatServer(t)
			w := s.client(func(c *WeChatConfig) {
				c.BaseURL, c.PrivateHosts, c.RootCAs = "https://"+srv.Listener.Addr().String(), []string{srv.Listener.Addr().String()}, ca.Pool()
			})
			_, err := w.Fetch(t.Context(), wechatRequest, new(box).keep)
			srv.Close()
			wantFault(t, err, "E-3010")
			if requests != 0 || connections != 1 {
				t.Errorf("%d requests on %d connections; want none on one", requests, connections)
			}
		})
	}
}

// TestAttack22_ContentEncoding: what the server calls compressed is not unpacked
// on the way; length and digest are those of the bytes as sent.
func TestAttack22_ContentEncoding(t *testing.T) {
	s := newWeChatServer(t)
	sent := gzipped(bill(300))
	s.publish(sent)
	s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("Accept-Encoding %q", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", fmt.Sprint(len(sent)))
		w.Write(sent)
		return true
	}
	var b box
	got, err := s.client().Fetch(t.Context(), wechatRequest, b.keep)
	if err != nil {
		t.Fatal(err)
	}
	b.wantOnly(t, sent)
	if p := proof(t, got, "transfer.bytes"); p.Want != fmt.Sprint(len(sent)) || !p.OK {
		t.Errorf("%+v", p)
	}
}

// TestAttack22_UnpackedByNobody: the transport does not unpack either, should a
// request ever go out that does not ask for the bytes as they are.
func TestAttack22_UnpackedByNobody(t *testing.T) {
	sent := gzipped(bill(300))
	srv := httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(sent)
	}))
	defer srv.Close()
	wechat := newWeChatServer(t).client(func(c *WeChatConfig) {
		c.BaseURL, c.PrivateHosts, c.RootCAs = srv.URL, []string{hostOf(t, srv.URL)}, both(srv)
	})
	defer wechat.Close()
	for name, client := range map[string]*nethttp.Client{"api": wechat.client.api, "file": wechat.client.file} {
		r, err := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !bytes.Equal(got, sent) || answer.Uncompressed {
			t.Errorf("%s: %d bytes of %d, unpacked %t, %v", name, len(got), len(sent), answer.Uncompressed, err)
		}
	}
}

// TestCanary_NoSecretInErrorsOrLogs: all kinds of trouble, and servers that give
// back what we sent them; no token, signature, nonce, header or key shows
// anywhere.
func TestCanary_NoSecretInErrorsOrLogs(t *testing.T) {
	var logs bytes.Buffer
	for name, trouble := range map[string]func(s *weChatServer){
		"fine": func(*weChatServer) {},
		"link dead": func(s *weChatServer) {
			s.afterApply = func() { s.mu.Lock(); clear(s.links); s.mu.Unlock() }
		},
		"file echoes": func(s *weChatServer) {
			s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				w.WriteHeader(404)
				fmt.Fprintf(w, "%s %s %s", r.URL, r.Header, r.URL.Query().Get("token"))
				return true
			}
		},
		"page echoes": func(s *weChatServer) {
			s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				fmt.Fprintf(w, "<html>%s %s", r.URL, r.Header.Get("Authorization"))
				return true
			}
		},
		"application echoes": func(s *weChatServer) {
			s.apply = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				s.answer(w, 400, `{"code":"PARAM_ERROR","message":"`+strings.ReplaceAll(r.Header.Get("Authorization"), `"`, `\"`)+` `+s.tokens[0]+`"}`)
				s.tokens = nil // the server never gave this one away; it may be shown
				return true
			}
		},
		"not HTTP": func(s *weChatServer) {
			s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				raw(t, w, "GARBAGE "+r.URL.String()+" "+r.Header.Get("Authorization"), nil)
				return true
			}
		},
		"cut": func(s *weChatServer) {
			s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
				raw(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 9", nil)
				return true
			}
		},
		"redirect": func(s *weChatServer) {
			s.file = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
				w.Header().Set("Location", r.URL.String())
				w.WriteHeader(307)
				return true
			}
		},
		"elsewhere": func(s *weChatServer) { s.host = "https://evil.example" },
		"busy": func(s *weChatServer) {
			s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool { s.answer(w, 500, `{}`); return true }
		},
	} {
		s := newWeChatServer(t)
		s.publish(bill(3))
		trouble(s)
		var b box
		got, err := s.client(func(c *WeChatConfig) {
			c.Log = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}).Fetch(t.Context(), wechatRequest, b.keep)
		shown := fmt.Sprintf("%+v %#v %s", got, got, strings.Join(b.names, " ")) + everything(err) + logs.String()
		secrets := []string{"PRIVATE KEY", ourKey().D.String(), fmt.Sprintf("%x", ourKey().D)}
		secrets = append(secrets, s.tokens...)
		for _, a := range s.auths {
			auth, err := signing.ParseWeChatAuth(a)
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, auth.Signature, auth.Nonce, auth.Signature[:40])
		}
		for _, secret := range secrets {
			if strings.Contains(shown, secret) || strings.Contains(shown, url.QueryEscape(secret)) {
				t.Errorf("%s: a secret %.20s… shows in:\n%s", name, secret, shown)
			}
		}
	}
	if !strings.Contains(logs.String(), "download is tried again") || !strings.Contains(logs.String(), "http call is repeated") {
		t.Errorf("the log has no line about repetitions: %s", logs.String())
	}
}

// everything writes each layer of an error in each way that a log may.
func everything(err error) string {
	var b strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&b, " %v %+v %#v", err, err, err)
		var f *fault.Error
		if errors.As(err, &f) {
			io.WriteString(&b, f.Message(fault.Chinese))
		}
	}
	return b.String()
}

func TestRetryAfterIsClamped(t *testing.T) {
	s := newWeChatServer(t)
	c := s.client(func(c *WeChatConfig) { c.Retry = Retry{First: time.Second, Last: 20 * time.Second} }).client
	u, _ := url.Parse("https://x/y")
	for header, want := range map[string]time.Duration{"86400": 20 * time.Second, "3": 3 * time.Second, "0": 0,
		noon.Add(7 * time.Second).UTC().Format(nethttp.TimeFormat): 7 * time.Second, noon.Add(time.Hour * 24).UTC().Format(nethttp.TimeFormat): 20 * time.Second,
		noon.Add(-time.Hour).UTC().Format(nethttp.TimeFormat): 0} {
		resp := &nethttp.Response{Header: nethttp.Header{"Retry-After": {header}}}
		if got := c.pause(call{url: u}, 0, resp); got != want {
			t.Errorf("Retry-After %s: %s, want %s", header, got, want)
		}
	}
	for try := range 40 {
		for _, resp := range []*nethttp.Response{nil, {Header: nethttp.Header{"Retry-After": {"soon"}}}} {
			if got := c.pause(call{url: u}, try, resp); got < time.Second/2 || got > 20*time.Second {
				t.Errorf("try %d: %s", try, got)
			}
		}
	}
}
