package gateway_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	httpapi "tieout/fetchers/http"
	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/internal/signing"
	"tieout/internal/store"
)

// clock is read by everybody and moved by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a merchant with a store, a core, a desk and the played channels over
// HTTPS on loopback.
type world struct {
	t        *testing.T
	clock    *clock
	sim      *channelsim.Sim
	path     string
	db       *store.DB
	core     *paycore.Core
	accounts map[string]gateway.Account
	desk     *gateway.Desk
	opt      gateway.Options
	alipay   alipay
	notify   string       // where the channels tell us
	http     *http.Client // the payer's browser
	mu       sync.Mutex
	mux      *http.ServeMux // receives notifications
	heard    []heard        // all that came
}

// heard is a notification as it came.
type heard struct {
	path   string
	header http.Header
	body   []byte
}

func (w *world) notified(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	mux := w.mux
	w.mu.Unlock()
	mux.ServeHTTP(rw, r)
}

// tell hands a notification to the core and returns what it answered.
func (w *world) tell(n heard) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, n.path, bytes.NewReader(n.body))
	r.Header = n.header
	rec := httptest.NewRecorder()
	w.notified(rec, r)
	return rec
}

// lastHeard returns the notification that came last.
func (w *world) lastHeard() heard {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard[len(w.heard)-1]
}

// The keys of the channels take a second to make; they are the same for all.
var simKeys = sync.OnceValues(channelsim.NewKeys)

// newWorld starts it all; settings changes the accounts before the desk opens.
func newWorld(t *testing.T, settings func(*gateway.Account)) *world {
	t.Helper()
	return newWorldOf(t, channelsim.Options{}, settings)
}

// newWorldOf starts it with other channels.
func newWorldOf(t *testing.T, played channelsim.Options, settings func(*gateway.Account)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}, path: filepath.Join(t.TempDir(), "core.db"),
		accounts: map[string]gateway.Account{}}
	played.Now, played.Seed, played.Keys = w.clock.now, 7, must(simKeys())(t)
	w.sim = must(channelsim.Start(context.Background(), played))(t)
	w.alipay = alipayOf(t, w.sim.Config().Alipay, played.AlipayCerts)
	t.Cleanup(func() { w.sim.Close() })
	notify := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body := must(io.ReadAll(r.Body))(t)
		w.mu.Lock()
		w.heard = append(w.heard, heard{r.URL.Path, r.Header, body})
		w.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.notified(rw, r)
	}))
	t.Cleanup(notify.Close)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(w.sim.Config().CAPEM))
	w.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(w.http.CloseIdleConnections)
	w.notify = notify.URL
	w.channels(pool, notify.URL)
	for name, a := range w.accounts {
		if settings != nil {
			settings(&a)
			w.accounts[name] = a
		}
	}
	w.opt = gateway.Options{Now: w.clock.now, Call: 5 * time.Second}
	w.open()
	t.Cleanup(func() { w.db.Close() })
	return w
}

// open opens the books and the desk as a new process would.
func (w *world) open() {
	w.t.Helper()
	w.db = must(store.Open(context.Background(), w.path, w.clock.now, true))(w.t)
	w.core = paycore.New(w.db, paycore.Rates{"wechat": {"wechat-main": {PPM: 6000, RefundsReturn: true}}}, w.clock.now)
	w.desk = must(gateway.NewDesk(w.db, w.core, w.db, w.accounts, w.opt))(w.t)
	c := w.sim.Config()
	trust := signing.UnionPayTrust{Version: signing.UnionPay510, Roots: certs(c.UnionPay.RootCert), Intermediates: certs(c.UnionPay.MiddleCert)}
	mux := http.NewServeMux()
	for path, r := range map[string]paycore.Receiver{
		"/wechat": paycore.WeChatReceiver{Account: "wechat-main", MchID: c.WeChat.MchID, AppIDs: []string{c.WeChat.AppID}, APIv3Key: []byte(c.WeChat.APIv3Key),
			Keys: signing.PublicKeys{c.WeChat.PlatformSerial: public(w.t, c.WeChat.PlatformKey)}},
		"/alipay":   paycore.AlipayReceiver{Account: "alipay-main", AppID: c.Alipay.AppID, SellerID: c.Alipay.PID, Key: w.alipay.key, CertKeys: w.alipay.certs},
		"/unionpay": paycore.UnionPayReceiver{Account: "unionpay-main", MerID: c.UnionPay.MerID, Trust: trust},
	} {
		mux.Handle(path, w.core.NotifyHandler(r, nil))
	}
	w.mu.Lock()
	w.mux = mux
	w.mu.Unlock()
}

// channels builds the accounts as cmd would.
func (w *world) channels(pool *x509.CertPool, notify string) {
	t, c := w.t, w.sim.Config()
	base := must(url.Parse(c.WeChat.BaseURL))(t)
	opt := func(channel string) httpapi.Options {
		return httpapi.Options{Channel: channel, Account: channel, PrivateHosts: []string{base.Host}, RootCAs: pool, Now: w.clock.now, Retry: httpapi.Retry{Max: -1}}
	}
	link := func(channel string, ask gateway.Inquirer) gateway.Link {
		return gateway.Link{Client: must(httpapi.Guarded(opt(channel), c.WeChat.BaseURL))(t), Ask: ask, NotifyURL: notify + "/" + channel, Now: w.clock.now}
	}
	wKey, wPlatform := private(t, c.WeChat.MerchantKey), signing.PublicKeys{c.WeChat.PlatformSerial: public(t, c.WeChat.PlatformKey)}
	wAsk := must(httpapi.NewWeChat(httpapi.WeChatConfig{Options: opt("wechat"), BaseURL: c.WeChat.BaseURL, MchID: c.WeChat.MchID, Serial: c.WeChat.MerchantSerial, Key: wKey, PlatformKeys: wPlatform}))(t)
	aKey, a := private(t, c.Alipay.AppKey), w.alipay
	aAsk := must(httpapi.NewAlipay(httpapi.AlipayConfig{Options: opt("alipay"), Gateway: c.Alipay.GatewayURL, AppID: c.Alipay.AppID, PID: c.Alipay.PID, Key: aKey,
		PublicKey: a.key, CertKeys: a.certs, AppCertSN: a.app, RootCertSN: a.root}))(t)
	trust := signing.UnionPayTrust{Version: signing.UnionPay510, Roots: certs(c.UnionPay.RootCert), Intermediates: certs(c.UnionPay.MiddleCert)}
	uKey := private(t, c.UnionPay.MerchantKey)
	uAsk := must(httpapi.NewUnionPay(httpapi.UnionPayConfig{Options: opt("unionpay"), FileURL: c.UnionPay.FileURL, QueryURL: c.UnionPay.QueryURL, MerID: c.UnionPay.MerID, CertID: c.UnionPay.CertID, Key: uKey, Trust: trust}))(t)
	t.Cleanup(func() { wAsk.Close(); aAsk.Close(); uAsk.Close() })
	w.accounts["wechat-main"] = gateway.Account{Channel: must(gateway.NewWeChat(gateway.WeChatConfig{Link: link("wechat", wAsk), BaseURL: c.WeChat.BaseURL,
		MchID: c.WeChat.MchID, AppID: c.WeChat.AppID, Serial: c.WeChat.MerchantSerial, Key: wKey, PlatformKeys: wPlatform}))(t)}
	w.accounts["alipay-main"] = gateway.Account{Channel: must(gateway.NewAlipay(gateway.AlipayConfig{Link: link("alipay", aAsk), Gateway: c.Alipay.GatewayURL,
		AppID: c.Alipay.AppID, Key: aKey, PublicKey: a.key, CertKeys: a.certs, AppCertSN: a.app, RootCertSN: a.root}))(t)}
	w.accounts["unionpay-main"] = gateway.Account{Channel: must(gateway.NewUnionPay(gateway.UnionPayConfig{Link: link("unionpay", uAsk), BaseURL: c.UnionPay.GatewayURL,
		MerID: c.UnionPay.MerID, CertID: c.UnionPay.CertID, Key: uKey, Trust: trust}))(t)}
}

var channels = []string{"wechat", "alipay", "unionpay"}

// create puts a payment into the books.
func (w *world) create(channel, order, payNo string, method gateway.Method) {
	w.t.Helper()
	w.do(paycore.Done, paycore.CreatePayment{Merchant: "M01", OrderNo: order, PayNo: payNo, Channel: channel, Account: channel + "-main",
		AmountMinor: 12345, Currency: "CNY", TradeType: string(method)})
}

func (w *world) do(want paycore.Effect, c paycore.Command) {
	w.t.Helper()
	r := must(w.core.Do(context.Background(), c))(w.t)[0]
	if r.Effect != want {
		w.t.Fatalf("%T: %s %q, want %s", c, r.Effect, r.Reason, want)
	}
}

// shown does what a payer does with what he was given, short of paying.
func (w *world) shown(p gateway.Prepaid) {
	w.t.Helper()
	if status := w.visit(p); status != http.StatusOK {
		w.t.Fatalf("the cashier says %d", status)
	}
}

func (w *world) visit(p gateway.Prepaid) (status int) {
	w.t.Helper()
	var resp *http.Response
	switch {
	case p.Form != nil:
		resp = must(w.http.PostForm(p.Form.Action, values(p.Form.Fields)))(w.t)
	case strings.Contains(p.PayURL, "gateway.do"):
		resp = must(w.http.Get(p.PayURL))(w.t)
	default:
		return http.StatusOK // a code: nothing happens before he pays
	}
	resp.Body.Close()
	return resp.StatusCode
}

func values(fields map[string]string) url.Values {
	v := url.Values{}
	for k, x := range fields {
		v.Set(k, x)
	}
	return v
}

// paid takes a payment all the way to SUCCESS.
func (w *world) paid(channel, payNo string) {
	w.t.Helper()
	w.create(channel, "O-"+payNo, payNo, "")
	w.shown(must(w.desk.Pay(context.Background(), payNo, gateway.Payer{}))(w.t))
	if r := must(w.sim.PayNow(context.Background(), channel, payNo, channelsim.Delivered, time.Time{}))(w.t); r.Acknowledged != 1 {
		w.t.Fatalf("%s was not notified", payNo)
	}
	w.payment(payNo, paycore.Success)
}

func (w *world) payment(payNo string, want paycore.State) *paycore.Payment {
	w.t.Helper()
	p := must(w.db.Payment(context.Background(), payNo))(w.t)
	if p.State != want {
		w.t.Fatalf("payment %s is %s, want %s; tasks %v", payNo, p.State, want, w.tasks())
	}
	return p
}

func (w *world) refund(no string, want paycore.State) *paycore.Refund {
	w.t.Helper()
	r := must(w.db.Refund(context.Background(), no))(w.t)
	if r == nil || r.State != want {
		w.t.Fatalf("refund %s is %+v, want %s; tasks %v", no, r, want, w.tasks())
	}
	return r
}

func (w *world) tasks() []gateway.Task {
	return must(w.db.ListTasks(context.Background(), 100, gateway.Intent, gateway.Sent, gateway.Closing, gateway.Dropping, gateway.Done, gateway.Stuck))(w.t)
}

func (w *world) stuck() []gateway.Task {
	return must(w.db.ListTasks(context.Background(), 100, gateway.Stuck))(w.t)
}

// work lets time pass and the desk work, some times.
func (w *world) work(steps int, pause time.Duration) {
	w.t.Helper()
	for range steps {
		w.clock.pass(pause)
		must(w.desk.Work(context.Background()))(w.t)
	}
}

// sound proves the books.
func (w *world) sound() {
	w.t.Helper()
	for _, p := range must(w.db.VerifyBooks(context.Background()))(w.t) {
		if !p.OK {
			w.t.Errorf("%s: %s, want %s (%s)", p.Name, p.Got, p.Want, p.Note)
		}
	}
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

func certs(text string) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return pool
}

// alipay is how Alipay and the app know each other: by one key, or by
// certificates.
type alipay struct {
	key       *rsa.PublicKey
	certs     signing.PublicKeys
	app, root string
}

func alipayOf(t *testing.T, c channelsim.AlipayConfig, byCerts bool) alipay {
	t.Helper()
	if !byCerts {
		return alipay{key: public(t, c.AlipayKey)}
	}
	sn := func(text string) string {
		return must(signing.AlipaySN(must(signing.ParseCertificates([]byte(text)))(t)[0]))(t)
	}
	return alipay{certs: signing.PublicKeys{sn(c.AlipayCert): public(t, c.AlipayCert)}, app: sn(c.AppCert), root: must(signing.AlipayRootSN([]byte(c.RootCert)))(t)}
}

func public(t *testing.T, text string) (k *rsa.PublicKey) {
	return must(signing.ParsePublicKey([]byte(text)))(t)
}
func private(t *testing.T, text string) (k *rsa.PrivateKey) {
	return must(signing.ParsePrivateKey([]byte(text)))(t)
}
