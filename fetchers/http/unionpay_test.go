package http

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tieout/fetchers/conformance"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

var unionPayRequest = schemas.StatementRequest{Channel: "unionpay", Account: "700000000000001", Date: day, Statement: "TRADE"}

// unionPayTrust is a small authority in the manner of UnionPay's.
var unionPayTrust = sync.OnceValues(func() (*x509.CertPool, string) {
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: noon.Add(-time.Hour),
		NotAfter: noon.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &channelKey().PublicKey, channelKey())
	if err != nil {
		panic(err)
	}
	parent, err := x509.ParseCertificate(rootDER)
	if err != nil {
		panic(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(68759663125), Subject: pkix.Name{CommonName: "041@Z12@中国银联股份有限公司@00040000:SIGN@1"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &channelKey().PublicKey, channelKey())
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parent)
	return pool, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
})

// unionPayServer plays fileTransfer and queryTrans.
type unionPayServer struct {
	t      *testing.T
	srv    *httptest.Server
	ca     *conformance.Authority
	answer func(asked map[string]string) map[string]string
	reply  func(w nethttp.ResponseWriter, asked map[string]string) bool
	date   time.Time
	asked  []map[string]string
}

func newUnionPayServer(t *testing.T) *unionPayServer {
	s := &unionPayServer{t: t, ca: conformance.NewAuthority(t), date: noon}
	s.srv = httptest.NewUnstartedServer(s)
	s.srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.srv.TLS = &tls.Config{Certificates: []tls.Certificate{s.ca.Server("127.0.0.1", time.Hour)}}
	s.srv.StartTLS()
	t.Cleanup(s.srv.Close)
	return s
}

func (s *unionPayServer) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	w.Header().Set("Date", s.date.UTC().Format(nethttp.TimeFormat))
	body, _ := io.ReadAll(r.Body)
	asked, err := signing.Form(body)
	trust := signing.UnionPayTrust{Version: signing.UnionPay500, Keys: signing.PublicKeys{"68000": &ourKey().PublicKey}}
	if asked["version"] == "5.1.0" { // a request names its key by certId in both versions
		sign := asked["signature"]
		want, _ := signing.SignUnionPay(signing.UnionPay510, ourKey(), asked)
		if sign != want || asked["certId"] != "68000" {
			err = fmt.Errorf("signature %s", sign)
		}
	} else if err == nil {
		err = trust.Verify(asked, noon)
	}
	if err != nil {
		s.t.Errorf("request %v: %v", asked, err)
	}
	s.asked = append(s.asked, asked)
	if s.reply != nil && s.reply(w, asked) {
		return
	}
	w.Write(s.signed(asked, s.answer(asked)))
}

// signed writes an answer, with whatever the test wants to say in it.
func (s *unionPayServer) signed(asked, fields map[string]string) []byte {
	_, leaf := unionPayTrust()
	out := map[string]string{"version": asked["version"], "encoding": "UTF-8", "signMethod": "01", "merId": asked["merId"], "settleDate": asked["settleDate"]}
	if asked["version"] == "5.1.0" {
		out["signPubKeyCert"] = leaf
	} else {
		out["certId"] = "68759663125"
	}
	for k, v := range fields {
		out[k] = v
	}
	var err error
	if out["signature"], err = signing.SignUnionPay(signing.UnionPayVersion(asked["version"]), channelKey(), out); err != nil {
		s.t.Error(err)
	}
	return signing.EncodeUnionPayAnswer(out)
}

func (s *unionPayServer) client(change ...func(*UnionPayConfig)) *UnionPay {
	s.t.Helper()
	roots, _ := unionPayTrust()
	c := UnionPayConfig{Options: Options{Channel: "unionpay", Account: "700000000000001", PrivateHosts: []string{s.srv.Listener.Addr().String()}, RootCAs: s.ca.Pool(),
		Retry: Retry{First: time.Millisecond, Last: 5 * time.Millisecond}, Now: func() time.Time { return noon }},
		FileURL: s.srv.URL + "/", QueryURL: s.srv.URL + "/gateway/api/queryTrans.do", MerID: "700000000000001", CertID: "68000", Key: ourKey(),
		Trust: signing.UnionPayTrust{Version: signing.UnionPay510, Roots: roots}}
	for _, f := range change {
		f(&c)
	}
	u, err := NewUnionPay(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(u.Close)
	return u
}

func fileContent(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestUnionPay_File(t *testing.T) {
	content := fileContent(t, zipped(t, strings.Repeat("S22 …\r\n", 40_000)))
	for _, version := range []signing.UnionPayVersion{signing.UnionPay510, signing.UnionPay500} {
		for _, fileName := range []string{"", "../../etc/passwd\x00.zip"} {
			s := newUnionPayServer(t)
			s.answer = func(map[string]string) map[string]string {
				return map[string]string{"respCode": "00", "fileName": fileName, "fileContent": content}
			}
			var b box
			got, err := s.client(func(c *UnionPayConfig) {
				c.Trust.Version, c.Trust.Keys = version, signing.PublicKeys{"68759663125": &channelKey().PublicKey}
			}).Fetch(t.Context(), unionPayRequest, b.keep)
			if err != nil || got.State != schemas.FetchFetched || !proof(t, got, "answer.signature").OK {
				t.Fatalf("%s: %+v, %v", version, got, err)
			}
			b.wantOnly(t, []byte(content))
			want := fault.Safe(fileName, 80)
			if fileName == "" {
				want = "700000000000001_1120.zip"
			}
			if f := got.Files[0]; f.Name != want || f.Place != s.srv.URL+"/" || !f.At.Equal(noon) {
				t.Errorf("%+v", f)
			}
			for k, want := range map[string]string{"txnType": "76", "txnSubType": "01", "bizType": "000000", "fileType": "00", "settleDate": "1120", "merId": "700000000000001",
				"version": string(version), "certId": "68000", "txnTime": "20261121120000", "signMethod": "01", "accessType": "0"} {
				if s.asked[0][k] != want {
					t.Errorf("%s = %q, want %q", k, s.asked[0][k], want)
				}
			}
		}
	}
}

func TestUnionPay_Answers(t *testing.T) {
	good := fileContent(t, []byte("x"))
	for name, c := range map[string]struct {
		fields map[string]string
		state  schemas.FetchState
		fault  fault.ID
	}{
		"no file":             {map[string]string{"respCode": "98", "respMsg": "文件不存在"}, schemas.FetchNotReady, ""},
		"closed for a while":  {map[string]string{"respCode": "02", "respMsg": "系统未开放"}, schemas.FetchFailed, "E-3112"},
		"busy":                {map[string]string{"respCode": "06"}, schemas.FetchFailed, "E-3112"},
		"our signature":       {map[string]string{"respCode": "11", "respMsg": "验证签名失败"}, schemas.FetchFailed, "E-3013"},
		"our merchant number": {map[string]string{"respCode": "31"}, schemas.FetchFailed, "E-3015"},
		"no code":             {map[string]string{}, schemas.FetchFailed, "E-3015"},
		"no content":          {map[string]string{"respCode": "00"}, schemas.FetchFailed, "E-2110"},
		"content not zlib":    {map[string]string{"respCode": "00", "fileContent": "aGVsbG8="}, schemas.FetchFailed, "E-2110"},
		"another merchant":    {map[string]string{"respCode": "00", "fileContent": good, "merId": "700000000000002"}, schemas.FetchFailed, "E-2410"},
		"another day":         {map[string]string{"respCode": "00", "fileContent": good, "settleDate": "1119"}, schemas.FetchFailed, "E-2410"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newUnionPayServer(t)
			s.answer = func(map[string]string) map[string]string { return c.fields }
			var b box
			got, err := s.client().Fetch(t.Context(), unionPayRequest, b.keep)
			b.wantNone(t)
			if got.State != c.state || len(s.asked) != 1 {
				t.Errorf("state %s after %d calls", got.State, len(s.asked))
			}
			if c.fault == "" {
				if err != nil || !strings.HasPrefix(got.Detail, "98") {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			wantFault(t, err, c.fault)
		})
	}
}

func TestUnionPay_Distrust(t *testing.T) {
	content := fileContent(t, []byte("x"))
	for name, c := range map[string]struct {
		change func(answer []byte) []byte
		fault  fault.ID
	}{
		"changed content": {func(a []byte) []byte {
			return bytes.Replace(a, []byte(content), []byte(content[:len(content)-4]+"AAA="), 1)
		}, "E-3012"},
		"unsigned":       {func(a []byte) []byte { return a[:bytes.Index(a, []byte("&signature="))] }, "E-3012"},
		"98 made of 00":  {func(a []byte) []byte { return bytes.Replace(a, []byte("respCode=00"), []byte("respCode=98"), 1) }, "E-3012"},
		"repeated field": {func(a []byte) []byte { return append(a, "&respCode=98"...) }, "E-2110"},
		"html":           {func([]byte) []byte { return []byte("<html>busy</html>") }, "E-2110"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newUnionPayServer(t)
			s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
				w.Write(c.change(s.signed(asked, map[string]string{"respCode": "00", "fileContent": content})))
				return true
			}
			var b box
			_, err := s.client().Fetch(t.Context(), unionPayRequest, b.keep)
			wantFault(t, err, c.fault)
			b.wantNone(t)
			if strings.Contains(everything(err), s.asked[0]["signature"]) {
				t.Error("our signature shows")
			}
		})
	}
}

// TestUnionPay_BlanksForPlus: a form decoder on the way made blanks of "+".
func TestUnionPay_BlanksForPlus(t *testing.T) {
	var content string
	for i := 0; !strings.Contains(content, "+"); i++ {
		content = fileContent(t, fmt.Append(nil, "seed ", i))
	}
	s := newUnionPayServer(t)
	s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
		a := s.signed(asked, map[string]string{"respCode": "00", "fileContent": content})
		w.Write(bytes.ReplaceAll(a, []byte(content), []byte(strings.ReplaceAll(content, "+", " "))))
		return true
	}
	var b box
	if _, err := s.client().Fetch(t.Context(), unionPayRequest, b.keep); err != nil {
		t.Fatal(err)
	}
	b.wantOnly(t, []byte(content))
}

// TestUnionPay_DateWithoutYear: a request cannot say which year it means, so a
// date that could be last year's is not asked for.
func TestUnionPay_DateWithoutYear(t *testing.T) {
	for age, want := range map[int]bool{0: true, 1: true, 330: true, 331: false, 365: false, -1: false} {
		s := newUnionPayServer(t)
		s.answer = func(map[string]string) map[string]string { return map[string]string{"respCode": "98"} }
		req := unionPayRequest
		req.Date = bizday.Of(noon, beijing).Add(-age)
		_, err := s.client().Fetch(t.Context(), req, new(box).keep)
		if asked := len(s.asked) == 1; asked != want {
			t.Errorf("%d days old: asked %t", age, asked)
		}
		if !want {
			wantFault(t, err, "E-3015", fmt.Sprint(age, " days"))
		}
	}
}

func TestFaultT4_UnionPayClock(t *testing.T) {
	s := newUnionPayServer(t)
	s.date = noon.Add(20 * time.Minute)
	s.answer = func(map[string]string) map[string]string { return map[string]string{"respCode": "11"} }
	_, err := s.client().Fetch(t.Context(), unionPayRequest, new(box).keep)
	wantFault(t, err, "E-3016", "is 20 min behind")
}

// TestFaultD12_UnionPayStall: the file is inside an answer; it is watched like a
// download, and repeated a bounded number of times when it breaks.
func TestFaultD12_UnionPayStall(t *testing.T) {
	s := newUnionPayServer(t)
	s.reply = func(w nethttp.ResponseWriter, _ map[string]string) bool {
		io.WriteString(w, "respCode=00&fileContent=eJw")
		w.(nethttp.Flusher).Flush()
		drip := time.NewTicker(5 * time.Millisecond)
		defer drip.Stop()
		for range 2000 {
			<-drip.C
			if _, err := io.WriteString(w, "A"); err != nil {
				return true
			}
			w.(nethttp.Flusher).Flush()
		}
		return true
	}
	_, err := s.client(func(c *UnionPayConfig) {
		c.Limits.Idle, c.Limits.RateWindow, c.Limits.MinRate = 100*time.Millisecond, 150*time.Millisecond, 10_000
	}).Fetch(t.Context(), unionPayRequest, new(box).keep)
	wantFault(t, err, "E-3111", "minimum rate")
}

func TestFaultD13_UnionPayCutAnswer(t *testing.T) {
	s := newUnionPayServer(t)
	content := fileContent(t, zipped(t, strings.Repeat("row\n", 5000)))
	s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
		whole := s.signed(asked, map[string]string{"respCode": "00", "fileContent": content})
		if len(s.asked) < 3 {
			raw(t, w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d", len(whole)), whole[:len(whole)/2])
			return true
		}
		w.Write(whole)
		return true
	}
	var b box
	if _, err := s.client().Fetch(t.Context(), unionPayRequest, b.keep); err != nil || len(s.asked) != 3 {
		t.Fatalf("%v after %d calls", err, len(s.asked))
	}
	b.wantOnly(t, []byte(content))
}

func TestUnionPay_TooLarge(t *testing.T) {
	s := newUnionPayServer(t)
	s.answer = func(map[string]string) map[string]string {
		return map[string]string{"respCode": "00", "fileContent": fileContent(t, bytes.Repeat([]byte{1, 2, 3, 4, 5}, 100_000)) + strings.Repeat("A", 50_000)}
	}
	_, err := s.client(func(c *UnionPayConfig) { c.Limits.MaxBytes = 20_000 }).Fetch(t.Context(), unionPayRequest, new(box).keep)
	wantFault(t, err, "E-2113", "20000 bytes")
}
