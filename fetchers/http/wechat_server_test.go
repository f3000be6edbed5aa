package http

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tieout/fetchers/conformance"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Keys are made once: RSA is slow to make and nothing here depends on which.
var (
	ourKey     = sync.OnceValue(newKey)
	channelKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// noon is the clock of most tests: the day after the bill date, in Beijing.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, beijing)

var day = bizday.Make(2026, 11, 20)

var wechatRequest = schemas.StatementRequest{Channel: "wechat", Account: "1900000001", Date: day, Statement: "TRADE"}

// weChatServer plays the download API of WeChat Pay, with its signatures, its
// links of one use, and whatever a test makes of it.
type weChatServer struct {
	t   *testing.T
	srv *httptest.Server
	ca  *conformance.Authority
	now func() time.Time

	mu        sync.Mutex
	bill      []byte // as sent; gzip if it begins like it
	hash      string // of the unpacked bytes; what the answer announces
	links     map[string]bool
	applied   int
	downloads int
	auths     []string // Authorization headers seen
	tokens    []string

	host       string                                                  // in download_url; the server's own if ""
	apply      func(w nethttp.ResponseWriter, r *nethttp.Request) bool // true: it answered
	file       func(w nethttp.ResponseWriter, r *nethttp.Request) bool
	query      func(w nethttp.ResponseWriter, r *nethttp.Request)
	afterApply func()
}

func newWeChatServer(t *testing.T) *weChatServer {
	s := &weChatServer{t: t, links: map[string]bool{}, now: func() time.Time { return noon }, ca: conformance.NewAuthority(t)}
	s.srv = httptest.NewUnstartedServer(s)
	s.srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.srv.TLS = &tls.Config{Certificates: []tls.Certificate{s.ca.Server("127.0.0.1", time.Hour)}}
	s.srv.StartTLS()
	t.Cleanup(s.srv.Close)
	return s
}

// publish makes the server send data, announcing its digest.
func (s *weChatServer) publish(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bill = data
	plain := data
	if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
		plain = gunzip(s.t, data)
	}
	sum := sha1.Sum(plain)
	s.hash = hex.EncodeToString(sum[:])
}

func (s *weChatServer) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	auth, err := signing.ParseWeChatAuth(r.Header.Get("Authorization"))
	if err == nil {
		err = auth.Verify(&ourKey().PublicKey, r.Method, r.URL.RequestURI(), body, s.now())
	}
	s.mu.Lock()
	s.auths = append(s.auths, r.Header.Get("Authorization"))
	s.mu.Unlock()
	w.Header().Set("Date", s.now().UTC().Format(nethttp.TimeFormat))
	if err != nil {
		s.answer(w, 401, `{"code":"SIGN_ERROR","message":"签名错误","detail":{"sign_information":{"sign_message_length":1}}}`)
		return
	}
	if r.UserAgent() == "" {
		s.answer(w, 400, `{"code":"PARAM_ERROR","message":"User-Agent"}`)
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/v3/billdownload/"):
		s.download(w, r)
	case strings.HasPrefix(r.URL.Path, "/v3/bill/"):
		s.application(w, r)
	case s.query != nil:
		s.query(w, r)
	default:
		w.WriteHeader(404)
	}
}

func (s *weChatServer) application(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	s.applied++
	token := fmt.Sprintf("canary-token-%d-%s", s.applied, signing.Nonce())
	s.links[token] = true
	s.tokens = append(s.tokens, token)
	hash, host := s.hash, s.host
	s.mu.Unlock()
	if s.apply != nil && s.apply(w, r) {
		return
	}
	if host == "" {
		host = "https://" + r.Host
	}
	s.answer(w, 200, fmt.Sprintf(`{"hash_type":"SHA1","hash_value":"%s","download_url":"%s/v3/billdownload/file?token=%s"}`, hash, host, token))
	if s.afterApply != nil {
		s.afterApply()
	}
}

func (s *weChatServer) download(w nethttp.ResponseWriter, r *nethttp.Request) {
	token := r.URL.Query().Get("token")
	s.mu.Lock()
	live := s.links[token]
	data := s.bill
	s.downloads++
	s.mu.Unlock()
	if !live {
		s.answer(w, 400, `{"code":"INVALID_REQUEST","message":"token expired: `+token+`"}`)
		return
	}
	if s.file != nil && s.file(w, r) {
		return
	}
	sum := sha256.Sum256(data)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	nethttp.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// answer signs a body as the platform does.
func (s *weChatServer) answer(w nethttp.ResponseWriter, status int, body string) {
	stamp, err := signing.SignWeChatMessage(channelKey(), "PUB_KEY_ID_1", []byte(body), s.now(), signing.Nonce())
	if err != nil {
		s.t.Error(err)
	}
	stamp.SetHeaders(w.Header())
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// options reach this server: on loopback, with its own authority.
func (s *weChatServer) options() Options {
	return Options{Channel: "wechat", Account: "1900000001", PrivateHosts: []string{s.srv.Listener.Addr().String()}, RootCAs: s.ca.Pool(),
		Retry: Retry{First: time.Millisecond, Last: 5 * time.Millisecond}, Now: func() time.Time { return noon }}
}

func (s *weChatServer) client(change ...func(*WeChatConfig)) *WeChat {
	s.t.Helper()
	c := WeChatConfig{Options: s.options(), BaseURL: s.srv.URL, MchID: "1900000001", Serial: "0A1B2C", Key: ourKey(),
		PlatformKeys: signing.PublicKeys{"PUB_KEY_ID_1": &channelKey().PublicKey}, Plain: true}
	for _, f := range change {
		f(&c)
	}
	w, err := NewWeChat(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(w.Close)
	return w
}

// box is a Keep that remembers.
type box struct {
	files [][]byte
	names []string
	part  []byte // the last one that was not proven whole
}

func (b *box) keep(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		b.part = data
		return schemas.FileUsed{}, err
	}
	b.files, b.names = append(b.files, data), append(b.names, name)
	sum := sha256.Sum256(data)
	return schemas.FileUsed{Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}, nil
}

func (b *box) wantOnly(t *testing.T, want []byte) {
	t.Helper()
	if len(b.files) != 1 || !bytes.Equal(b.files[0], want) {
		t.Fatalf("%d files kept; want one, the statement", len(b.files))
	}
}

func (b *box) wantNone(t *testing.T) {
	t.Helper()
	if len(b.files) != 0 {
		t.Fatalf("kept %d files, the first begins %.60q", len(b.files), b.files[0])
	}
}

// wantFault fails unless err is the fault, with every value of its message, in
// both languages.
func wantFault(t *testing.T, err error, id fault.ID, parts ...string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != id {
		t.Fatalf("error %v; want %s", err, id)
	}
	for _, lang := range []fault.Lang{fault.English, fault.Chinese} {
		text := f.Message(lang)
		if i := strings.IndexByte(text, '{'); i >= 0 && strings.Contains(text[i:], "}") && !strings.Contains(text, `{\"`) && !strings.Contains(text, `{"`) {
			t.Errorf("a value is missing in: %s", text)
		}
		for _, part := range parts {
			if lang == fault.English && !strings.Contains(text, part) {
				t.Errorf("%q is not in: %s", part, text)
			}
		}
	}
}

func proof(t *testing.T, got schemas.Fetched, name string) schemas.Proof {
	t.Helper()
	for _, p := range got.Proofs {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no proof %s among %+v", name, got.Proofs)
	return schemas.Proof{}
}

// bill is a trade bill of a few rows; every call gives the same bytes.
func bill(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("\xef\xbb\xbf交易时间,公众账号ID,商户号\r\n")
	for i := range rows {
		fmt.Fprintf(&b, "`2026-11-20 10:%02d:%02d,`wx%08d,`1900000001\r\n", i/60%60, i%60, i)
	}
	b.WriteString("总交易单数\r\n")
	fmt.Fprintf(&b, "`%d\r\n", rows)
	return b.Bytes()
}

func gzipped(parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		z.Write(p)
		z.Close()
	}
	return b.Bytes()
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func hostOf(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
