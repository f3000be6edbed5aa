package http

import (
	"archive/zip"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tieout/fetchers/conformance"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

var alipayRequest = schemas.StatementRequest{Channel: "alipay", Account: "2088000000000001", Date: day, Statement: "TRADE"}

// alipayServer plays the gateway and the download host of Alipay.
type alipayServer struct {
	t      *testing.T
	srv    *httptest.Server
	ca     *conformance.Authority
	answer func(method string, content map[string]any) string // the value of <method>_response; "" answers with the link
	reply  func(w nethttp.ResponseWriter, params map[string]string) bool
	file   func(w nethttp.ResponseWriter, r *nethttp.Request) bool
	bill   []byte
	date   time.Time
	links  int
	asked  []map[string]string // parameters of each call
}

func newAlipayServer(t *testing.T) *alipayServer {
	s := &alipayServer{t: t, ca: conformance.NewAuthority(t), date: noon}
	s.srv = httptest.NewUnstartedServer(s)
	s.srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.srv.TLS = &tls.Config{Certificates: []tls.Certificate{s.ca.Server("127.0.0.1", time.Hour)}}
	s.srv.StartTLS()
	t.Cleanup(s.srv.Close)
	return s
}

func (s *alipayServer) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	w.Header().Set("Date", s.date.UTC().Format(nethttp.TimeFormat))
	if r.URL.Path == "/downloadBillFile.resource" {
		if r.URL.Query().Get("token") != fmt.Sprintf("canary-%d", s.links) || s.file == nil || !s.file(w, r) {
			w.Write(s.bill)
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	params, err := signing.Form(body)
	if err != nil || r.URL.RawQuery != "" || signing.VerifyAlipayRequest(&ourKey().PublicKey, params) != nil {
		s.write(w, params["method"], `{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-signature","sub_msg":"验签出错"}`)
		return
	}
	s.asked = append(s.asked, params)
	if s.reply != nil && s.reply(w, params) {
		return
	}
	var content map[string]any
	if err := json.Unmarshal([]byte(params["biz_content"]), &content); err != nil {
		s.t.Error(err)
	}
	value := ""
	if s.answer != nil {
		value = s.answer(params["method"], content)
	}
	if value == "" {
		s.links++
		value = fmt.Sprintf(`{"code":"10000","msg":"Success","bill_download_url":"%s\/downloadBillFile.resource?bizType=trade&userId=20880000000000010156&downloadFileName=..%%2F..%%2Fetc%%2Fpasswd&token=canary-%d"}`, s.srv.URL, s.links)
	}
	s.write(w, params["method"], value)
}

func (s *alipayServer) write(w nethttp.ResponseWriter, method, value string) {
	out, err := signing.EncodeAlipayResponse(channelKey(), method, []byte(value))
	if err != nil {
		s.t.Error(err)
	}
	w.Write(out)
}

func (s *alipayServer) client(change ...func(*AlipayConfig)) *Alipay {
	s.t.Helper()
	c := AlipayConfig{Options: Options{Channel: "alipay", Account: "2088000000000001", PrivateHosts: []string{s.srv.Listener.Addr().String()}, RootCAs: s.ca.Pool(),
		Retry: Retry{First: time.Millisecond, Last: 5 * time.Millisecond}, Now: func() time.Time { return noon }},
		Gateway: s.srv.URL + "/gateway.do", AppID: "2021000000000001", PID: "2088000000000001", Key: ourKey(), PublicKey: &channelKey().PublicKey}
	for _, f := range change {
		f(&c)
	}
	p, err := NewAlipay(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p
}

func zipped(t *testing.T, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, text := range entries {
		w, err := z.Create(fmt.Sprintf("entry-%d.csv", i))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAlipay_Bill(t *testing.T) {
	s := newAlipayServer(t)
	s.bill = zipped(t, string(bill(300)), string(bill(3)))
	var b box
	got, err := s.client(func(c *AlipayConfig) { c.AppCertSN, c.RootCertSN, c.SMID = "app-sn", "root-sn", "2088000000000009" }).Fetch(t.Context(), alipayRequest, b.keep)
	if err != nil || got.State != schemas.FetchFetched {
		t.Fatalf("%+v, %v", got, err)
	}
	b.wantOnly(t, s.bill)
	for _, name := range []string{"answer.signature", "archive.end", "transfer.bytes"} {
		if p := proof(t, got, name); !p.OK {
			t.Errorf("%+v", p)
		}
	}
	if f := got.Files[0]; f.Place != s.srv.URL+"/downloadBillFile.resource" || f.Name != "20880000000000010156_20261120.csv.zip" || f.Digest != "" {
		t.Errorf("%+v", f)
	}
	asked := s.asked[0]
	for k, want := range map[string]string{"method": alipayBill, "app_id": "2021000000000001", "sign_type": "RSA2", "charset": "utf-8", "format": "JSON", "version": "1.0",
		"timestamp": "2026-11-21 12:00:00", "app_cert_sn": "app-sn", "alipay_root_cert_sn": "root-sn",
		"biz_content": `{"bill_date":"2026-11-20","bill_type":"trade","secure":true,"smid":"2088000000000009"}`} {
		if asked[k] != want {
			t.Errorf("%s = %q, want %q", k, asked[k], want)
		}
	}
}

// TestAlipay_NoBill: one word for "comes later" and "never comes", in all its
// spellings; the clock of the request decides.
func TestAlipay_NoBill(t *testing.T) {
	for _, word := range []string{"BILL_NOT_EXIST", "isp.bill_not_exist", "isv.bill-not-exist", "NO_BILL_DATA"} {
		for _, c := range []struct {
			now  time.Time
			want schemas.FetchState
		}{
			{time.Date(2026, 11, 21, 9, 59, 59, 0, beijing), schemas.FetchNotReady},
			{time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC), schemas.FetchEmptyConfirmed},
			{time.Date(2026, 11, 20, 23, 0, 0, 0, beijing), schemas.FetchNotReady},
		} {
			s := newAlipayServer(t)
			s.date = c.now
			s.answer = func(string, map[string]any) string {
				return `{"code":"40004","msg":"Business Failed","sub_code":"` + word + `","sub_msg":"账单不存在"}`
			}
			var b box
			got, err := s.client(func(o *AlipayConfig) { o.Now = func() time.Time { return c.now } }).Fetch(t.Context(), alipayRequest, b.keep)
			if err != nil || got.State != c.want || got.Detail != word || !proof(t, got, "answer.signature").OK {
				t.Errorf("%s at %s: %+v, %v", word, c.now, got, err)
			}
			b.wantNone(t)
		}
	}
}

func TestAlipay_EmptyDayWithFile(t *testing.T) {
	s := newAlipayServer(t)
	s.bill = zipped(t, "header only")
	s.answer = func(string, map[string]any) string {
		s.links++
		return fmt.Sprintf(`{"code":"10000","msg":"Success","bill_download_url":"%s/downloadBillFile.resource?token=canary-%d","bill_file_code":"EMPTY_DATA_WITH_BILL_FILE"}`, s.srv.URL, s.links)
	}
	var b box
	got, err := s.client().Fetch(t.Context(), alipayRequest, b.keep)
	if err != nil || got.State != schemas.FetchFetched || got.Detail != "EMPTY_DATA_WITH_BILL_FILE" {
		t.Errorf("%+v, %v", got, err)
	}
	b.wantOnly(t, s.bill)
}

func TestAlipay_Refusals(t *testing.T) {
	for _, c := range []struct {
		code, sub string
		fault     fault.ID
	}{
		{"40004", "INVAILID_ARGUMENTS", "E-3015"}, {"40004", "isv.invalid_arguments", "E-3015"}, {"40002", "isv.invalid-arguments", "E-3015"},
		{"40004", "BILL_DATE_BEFORE_REGISTRATION", "E-3015"}, {"40004", "TYPE_NOT_SUPPORTED", "E-3015"}, {"40004", "SOMETHING_NEW", "E-3015"},
		{"40004", "SYSTEM_RATE_LIMIT", "E-3112"}, {"40004", "isp.user-rate-limit", "E-3112"}, {"40004", "UNKNOWN_ERROR", "E-3112"}, {"20000", "isp.unknow-error", "E-3112"},
		{"40002", "isv.invalid-signature", "E-3013"}, {"40002", "isv.invalid-app-id", "E-3013"}, {"40006", "isv.insufficient-isv-permissions", "E-3013"},
		{"40001", "isv.missing-signature", "E-3013"}, {"20001", "aop.invalid-auth-token", "E-3013"},
	} {
		s := newAlipayServer(t)
		s.answer = func(string, map[string]any) string {
			return `{"code":"` + c.code + `","msg":"m","sub_code":"` + c.sub + `","sub_msg":"说明"}`
		}
		got, err := s.client().Fetch(t.Context(), alipayRequest, new(box).keep)
		if got.State != schemas.FetchFailed || len(s.asked) != 1 {
			t.Errorf("%s: state %s after %d calls", c.sub, got.State, len(s.asked))
		}
		wantFault(t, err, c.fault, c.sub, "说明")
	}
}

func TestAlipay_GatewayErrors(t *testing.T) {
	for name, c := range map[string]struct {
		reply func(s *alipayServer, w nethttp.ResponseWriter, method string)
		fault fault.ID
	}{
		"error_response, unsigned": {func(_ *alipayServer, w nethttp.ResponseWriter, _ string) {
			io.WriteString(w, `{"error_response":{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id","sub_msg":"无效的AppID参数"}}`)
		}, "E-3013"},
		"error_response that says success": {func(_ *alipayServer, w nethttp.ResponseWriter, _ string) {
			io.WriteString(w, `{"error_response":{"code":"10000","bill_download_url":"https://x"}}`)
		}, "E-2410"},
		"unsigned success": {func(_ *alipayServer, w nethttp.ResponseWriter, _ string) {
			io.WriteString(w, `{"alipay_data_dataservice_bill_downloadurl_query_response":{"code":"10000","bill_download_url":"https://x"}}`)
		}, "E-3012"},
		"changed after signing": {func(_ *alipayServer, w nethttp.ResponseWriter, method string) {
			out, _ := signing.EncodeAlipayResponse(channelKey(), method, []byte(`{"code":"10000","bill_download_url":"https://x"}`))
			w.Write(bytes.Replace(out, []byte("https://x"), []byte("https://y"), 1))
		}, "E-3012"},
		"answer to another method": {func(s *alipayServer, w nethttp.ResponseWriter, _ string) {
			s.write(w, "alipay.trade.query", `{"code":"10000"}`)
		}, "E-2410"},
		"repeated member": {func(s *alipayServer, w nethttp.ResponseWriter, m string) {
			s.write(w, m, `{"code":"10000","code":"40004"}`)
		}, "E-2410"},
		"html": {func(_ *alipayServer, w nethttp.ResponseWriter, _ string) { io.WriteString(w, `<html>`) }, "E-2410"},
		"502":  {func(_ *alipayServer, w nethttp.ResponseWriter, _ string) { w.WriteHeader(502) }, "E-3112"},
		"404":  {func(_ *alipayServer, w nethttp.ResponseWriter, _ string) { w.WriteHeader(404) }, "E-3015"},
		"link over http": {func(s *alipayServer, w nethttp.ResponseWriter, m string) {
			s.write(w, m, `{"code":"10000","bill_download_url":"http://dwbillcenter.alipay.com/x?token=canary"}`)
		}, "E-3011"},
		"our key refused": {func(s *alipayServer, w nethttp.ResponseWriter, m string) {
			s.write(w, m, `{"code":"40002","sub_code":"isv.invalid-signature","sub_msg":"验签出错"}`)
		}, "E-3013"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAlipayServer(t)
			s.reply = func(w nethttp.ResponseWriter, params map[string]string) bool {
				c.reply(s, w, params["method"])
				return true
			}
			var b box
			_, err := s.client().Fetch(t.Context(), alipayRequest, b.keep)
			wantFault(t, err, c.fault)
			if strings.Contains(everything(err), "canary") || len(s.asked) > 0 && strings.Contains(everything(err), s.asked[0]["sign"]) {
				t.Errorf("a secret is in %v", err)
			}
			b.wantNone(t)
		})
	}
}

func TestAlipay_CertificateMode(t *testing.T) {
	s := newAlipayServer(t)
	s.bill = zipped(t, "x")
	sn := "sn-new"
	s.reply = func(w nethttp.ResponseWriter, p map[string]string) bool {
		s.links++
		value := fmt.Sprintf(`{"code":"10000","bill_download_url":"%s/downloadBillFile.resource?token=canary-%d"}`, s.srv.URL, s.links)
		out, _ := signing.EncodeAlipayResponse(channelKey(), p["method"], []byte(value))
		w.Write(append([]byte(`{"alipay_cert_sn":"`+sn+`",`), out[1:]...))
		return true
	}
	certs := func(c *AlipayConfig) {
		c.PublicKey, c.CertKeys = nil, signing.PublicKeys{"sn-old": &ourKey().PublicKey, "sn-new": &channelKey().PublicKey}
	}
	if _, err := s.client(certs).Fetch(t.Context(), alipayRequest, new(box).keep); err != nil {
		t.Error(err)
	}
	sn = "sn-unknown"
	_, err := s.client(certs).Fetch(t.Context(), alipayRequest, new(box).keep)
	wantFault(t, err, "E-3012", "not known")
}

// TestFaultT4_AlipayClock: the gateway complains about the timestamp, or about a
// signature while its clock is far away.
func TestFaultT4_AlipayClock(t *testing.T) {
	for _, sub := range []string{"isv.invalid-timestamp", "isv.invalid-signature"} {
		s := newAlipayServer(t)
		s.date = noon.Add(-8 * time.Minute)
		s.answer = func(string, map[string]any) string { return `{"code":"40002","sub_code":"` + sub + `"}` }
		_, err := s.client().Fetch(t.Context(), alipayRequest, new(box).keep)
		wantFault(t, err, "E-3014", "is 8 min ahead")
	}
}

// TestFaultD2_AlipayCutZip: no length and no digest; the end record of the
// archive is missing.
func TestFaultD2_AlipayCutZip(t *testing.T) {
	whole := zipped(t, string(bill(3000)), "summary")
	for _, size := range []int{len(whole) - 1, len(whole) / 2, 10, len(whole) - 22} {
		for _, cuts := range []int{1, 3} {
			s := newAlipayServer(t)
			s.bill = whole
			s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
				if s.links > cuts {
					return false
				}
				raw(t, w, "HTTP/1.1 200 OK\r\nConnection: close", whole[:size])
				return true
			}
			var b box
			got, err := s.client().Fetch(t.Context(), alipayRequest, b.keep)
			if cuts == 1 {
				if err != nil || !proof(t, got, "archive.end").OK {
					t.Errorf("size %d: %+v, %v", size, got, err)
				}
				b.wantOnly(t, whole)
				continue
			}
			wantFault(t, err, "E-2112", fmt.Sprintf("%d bytes", size))
			b.wantNone(t)
		}
	}
}

// TestFaultD4_AlipayErrorPage: HTML with status 200, or 4xx, asks for a fresh link.
func TestFaultD4_AlipayErrorPage(t *testing.T) {
	for status, want := range map[int]fault.ID{200: "E-2110", 403: "E-3113"} {
		s := newAlipayServer(t)
		s.bill = zipped(t, "x")
		s.file = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
			w.WriteHeader(status)
			io.WriteString(w, "<html>链接已失效 token=canary-1</html>")
			return true
		}
		var b box
		_, err := s.client().Fetch(t.Context(), alipayRequest, b.keep)
		wantFault(t, err, want, "链接已失效")
		b.wantNone(t)
		if s.links != 3 {
			t.Errorf("%d links", s.links)
		}
	}
}

func TestEndsZip(t *testing.T) {
	whole := zipped(t, "a", "b")
	comment := append(whole[:len(whole)-2:len(whole)-2], 5, 0, 'P', 'K', 5, 6, 'x')
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"whole": {whole, true}, "with a comment that looks like an end": {comment, true}, "empty archive": {zipped(t), true},
		"a byte behind": {append(whole[:len(whole):len(whole)], 0), false}, "nothing": {nil, false}, "a byte short": {whole[:len(whole)-1], false},
		"bytes missing in the middle": {append(whole[:40:40], whole[50:]...), false},
	} {
		if got := endsZip(c.data, int64(len(c.data))); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
