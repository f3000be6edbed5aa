package channelsim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tieout/internal/bizday"
	"tieout/internal/signing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKeys = sync.OnceValues(NewKeys)

// testClock is the channels' clock in a test.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

var beijing = time.FixedZone("", 8*3600)

// billDay is the bill date that most tests play.
var billDay = bizday.Make(2026, 10, 12)

func onDay(h, m, s int) time.Time { return time.Date(2026, 10, 12, h, m, s, 0, beijing) }

// morning is when its statements can be had.
var morning = time.Date(2026, 10, 13, 10, 30, 0, 0, beijing)

func start(t *testing.T, change func(*Options)) (*Sim, *testClock) {
	t.Helper()
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	clock := &testClock{t: morning}
	opt := Options{Now: clock.now, Seed: 7, Keys: keys}
	if change != nil {
		change(&opt)
	}
	s, err := Start(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, clock
}

// shop is a merchant's side with its keys, as a configuration would give them.
type shop struct {
	t      *testing.T
	c      Config
	http   *http.Client
	now    func() time.Time
	skew   time.Duration // of the clock that signs requests
	wechat signing.PublicKeys
	union  signing.UnionPayTrust
}

func newShop(t *testing.T, s *Sim) *shop {
	t.Helper()
	c := s.Config()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.CAPEM)) {
		t.Fatal("the CA is not PEM")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	sh := &shop{t: t, c: c, http: &http.Client{Transport: transport, Timeout: 20 * time.Second}, now: s.opt.Now}
	sh.wechat = signing.PublicKeys{c.WeChat.PlatformSerial: must(signing.ParsePublicKey([]byte(c.WeChat.PlatformKey)))(t)}
	sh.union = signing.UnionPayTrust{Version: signing.UnionPay510, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	sh.union.Roots.AppendCertsFromPEM([]byte(c.UnionPay.RootCert))
	sh.union.Intermediates.AppendCertsFromPEM([]byte(c.UnionPay.MiddleCert))
	return sh
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// get sends a signed WeChat request; the answer is verified when it is signed.
func (sh *shop) get(url string) (status int, body []byte) {
	sh.t.Helper()
	req := must(http.NewRequest(http.MethodGet, url, nil))(sh.t)
	key := must(signing.ParsePrivateKey([]byte(sh.c.WeChat.MerchantKey)))(sh.t)
	auth := must(signing.SignWeChatRequest(key, sh.c.WeChat.MchID, sh.c.WeChat.MerchantSerial, http.MethodGet, req.URL.RequestURI(), nil, sh.now().Add(sh.skew), signing.Nonce()))(sh.t)
	req.Header.Set("Authorization", auth.Header())
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "test")
	resp := must(sh.http.Do(req))(sh.t)
	defer resp.Body.Close()
	body = must(io.ReadAll(resp.Body))(sh.t)
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := signing.WeChatStampOf(resp.Header).Verify(sh.wechat, body, sh.now()); err != nil {
			sh.t.Fatalf("the answer %s is not signed: %v", body, err)
		}
	}
	return resp.StatusCode, body
}

// gateway calls an Alipay method and returns the verified value of the answer.
func (sh *shop) gateway(method, content string) []byte {
	sh.t.Helper()
	p := map[string]string{"app_id": sh.c.Alipay.AppID, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": sh.now().In(beijing).Format("2006-01-02 15:04:05"), "version": "1.0", "biz_content": content}
	key := must(signing.ParsePrivateKey([]byte(sh.c.Alipay.AppKey)))(sh.t)
	p["sign"] = must(signing.SignAlipayRequest(key, p))(sh.t)
	body := must(sh.post(sh.c.Alipay.GatewayURL, p))(sh.t)
	answer := must(signing.ParseAlipayResponse(method, body))(sh.t)
	pub := must(signing.ParsePublicKey([]byte(sh.c.Alipay.AlipayKey)))(sh.t)
	if err := answer.Verify(pub); err != nil {
		sh.t.Fatalf("the answer %s: %v", body, err)
	}
	return answer.Value
}

// unionPay sends a signed UnionPay form and returns the fields of the answer,
// verified.
func (sh *shop) unionPay(url string, fields map[string]string) (map[string]string, error) {
	sh.t.Helper()
	f := map[string]string{"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "accessType": "0", "certId": sh.c.UnionPay.CertID,
		"merId": sh.c.UnionPay.MerID, "txnTime": sh.now().In(beijing).Format("20060102150405")}
	for k, v := range fields {
		f[k] = v
	}
	key := must(signing.ParsePrivateKey([]byte(sh.c.UnionPay.MerchantKey)))(sh.t)
	f["signature"] = must(signing.SignUnionPay(signing.UnionPay510, key, f))(sh.t)
	body, err := sh.post(url, f)
	if err != nil {
		return nil, err
	}
	answer, err := signing.UnionPayAnswer(body)
	if err != nil {
		return nil, err
	}
	return answer, sh.union.Verify(answer, sh.now())
}

func (sh *shop) post(url string, fields map[string]string) ([]byte, error) {
	resp, err := sh.http.Post(url, "application/x-www-form-urlencoded", strings.NewReader(signing.EncodeForm(fields)))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func pay(t *testing.T, s *Sim, rs ...PayRequest) []Result {
	t.Helper()
	return must(s.PayBatch(t.Context(), rs))(t)
}

// receiver takes notifications and answers with the channel's word for yes.
func receiver(t *testing.T, answer func(n int) (int, string)) (url string, received func() []*notification) {
	t.Helper()
	var mu sync.Mutex
	var all []*notification
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		all = append(all, &notification{r.Header, body})
		n := len(all)
		mu.Unlock()
		status, text := answer(n)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() []*notification {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

type notification struct {
	header http.Header
	body   []byte
}

func accept(int) (int, string) { return http.StatusOK, "success" }

func TestStart_RefusesAnAddressThatIsNotLoopback(t *testing.T) {
	keys := must(testKeys())(t)
	for _, host := range []string{"0.0.0.0", "192.168.1.1", "example.com"} {
		if s, err := Start(t.Context(), Options{Now: time.Now, Keys: keys, Host: host}); err == nil {
			s.Close()
			t.Errorf("it listens on %s", host)
		}
	}
}

func TestStart_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := must(Start(ctx, Options{Now: time.Now, Keys: must(testKeys())(t), PlainHTTP: true}))(t)
	cancel()
	s.Close() // waits for the end that the context began
	if _, err := http.Get(s.base + "/"); err == nil {
		t.Error("it still answers")
	}
}

func TestPay_RefusesWhatNoChannelTakes(t *testing.T) {
	s, _ := start(t, nil)
	good := PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0)}
	for name, change := range map[string]func(*PayRequest){
		"channel":       func(r *PayRequest) { r.Channel = "paypal" },
		"no number":     func(r *PayRequest) { r.MerchantRef = "" },
		"long number":   func(r *PayRequest) { r.MerchantRef = strings.Repeat("1", 33) },
		"odd number":    func(r *PayRequest) { r.MerchantRef = "P 1" },
		"zero":          func(r *PayRequest) { r.AmountMinor = 0 },
		"negative":      func(r *PayRequest) { r.AmountMinor = -1 },
		"too large":     func(r *PayRequest) { r.AmountMinor = maxAmount + 1 },
		"currency":      func(r *PayRequest) { r.Currency = "JPY" },
		"no time":       func(r *PayRequest) { r.At = time.Time{} },
		"no URL":        func(r *PayRequest) { r.Delivery = Delivered },
		"late, no time": func(r *PayRequest) { r.Delivery, r.NotifyURL = Late, "http://127.0.0.1/" },
		"bank notifies": func(r *PayRequest) { r.Channel, r.Delivery, r.NotifyURL = Bank, Delivered, "http://127.0.0.1/" },
	} {
		bad := good
		change(&bad)
		// One bad request books none of its batch.
		if _, err := s.PayBatch(t.Context(), []PayRequest{good, bad}); err == nil {
			t.Errorf("%s: taken", name)
		}
		if e := s.bill.find(WeChat, "P1", ""); e != nil {
			t.Fatalf("%s: a part of the batch was booked", name)
		}
	}
}

func TestRefund_NeverMoreThanPaid_AndIdempotent(t *testing.T) {
	s, _ := start(t, nil)
	pay(t, s, PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 1000, At: onDay(9, 0, 0)})
	first := RefundRequest{Channel: WeChat, MerchantRef: "P1", RefundRef: "R1", AmountMinor: 600, At: onDay(10, 0, 0)}
	a := must(s.Refund(t.Context(), first))(t)
	b := must(s.Refund(t.Context(), first))(t)
	if a.ChannelRefundRef != b.ChannelRefundRef {
		t.Errorf("one refund number has two refunds: %s, %s", a.ChannelRefundRef, b.ChannelRefundRef)
	}
	second := RefundRequest{Channel: WeChat, MerchantRef: "P1", RefundRef: "R2", AmountMinor: 401, At: onDay(11, 0, 0)}
	if _, err := s.Refund(t.Context(), second); err == nil {
		t.Error("1001 fen of 1000 were refunded")
	}
	second.AmountMinor = 400
	if _, err := s.Refund(t.Context(), second); err != nil {
		t.Error(err)
	}
	if a.FeeMinor != 4 { // 0.6 % of 600 fen is 3.6
		t.Errorf("fee given back: %d fen, want 4", a.FeeMinor)
	}
	if e := s.bill.find(WeChat, "", "R2"); e.fee != 2 {
		t.Errorf("the last refund gives the rest of the fee back: %d fen, want 6-4", e.fee)
	}
	other := first
	other.AmountMinor = 1
	if _, err := s.Refund(t.Context(), other); err == nil {
		t.Error("a refund number was used for two amounts")
	}
}

func TestFee_RoundsHalfUp(t *testing.T) {
	for _, c := range []struct {
		channel     string
		amount, fee int64
	}{
		{WeChat, 83, 0}, {WeChat, 84, 1}, {WeChat, 250, 2}, {WeChat, 10000, 60},
		{Alipay, 10000, 60}, {UnionPay, 10000, 55}, {UnionPay, 100, 1}, {UnionPay, 90, 0}, {Bank, 1_000_000, 0},
	} {
		if got := feeOf(c.channel, c.amount); got != c.fee {
			t.Errorf("%s of %d fen: %d, want %d", c.channel, c.amount, got, c.fee)
		}
	}
}
