package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/signing"
)

// serveClock is the clock of the server, its channels and its merchant.
func serveClock() time.Time { return time.Date(2025, 11, 21, 4, 0, 0, 0, time.UTC) }

// freePort returns an address of this machine that nobody serves.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newServeSite writes a site of the simulated channels with one merchant.
func newServeSite(t *testing.T, sim *channelsim.Sim, address string) (dir string, secret signing.HMACKey) {
	t.Helper()
	dir, secret = t.TempDir(), signing.HMACKey("the merchant's secret, "+canary+", 32 bytes and more")
	conf := sim.Config()
	if err := writeSite(dir, conf, "source: core", ""); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets", "m01.key"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tieout.yaml")
	yaml, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(yaml) + fmt.Sprintf(`api:
  listen: %s
  public_url: http://%s
  allow_loopback: true
  source_rate: 1000000
merchants:
  - id: M01
    rate: 1000000
    keys: [{id: k1, algorithm: hmac-sha256, secret_file: secrets/m01.key}]
    allow: [create_order, pay, query, close, refund]
    accounts: [wechat-main, alipay-main, unionpay-main]
`, address, address)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, secret
}

// serverProcess is a tieout serve that runs.
type serverProcess struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	said  strings.Builder
}

// startServer runs tieout serve until the test stops it; stop demands that it
// ends by itself within ten seconds.
func startServer(t *testing.T, dir string) (stop func()) {
	t.Helper()
	p := startServerAt(t, dir, serveClock())
	return func() {
		t.Helper()
		p.stop(t)
	}
}

// startServerAt returns when the server of a site takes requests.
func startServerAt(t *testing.T, dir string, now time.Time) *serverProcess {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "tieout", "--config", filepath.Join(dir, "tieout.yaml"), "serve", "--only", "core") //nolint:gosec // the program itself
	cmd.Env = append(os.Environ(), clockVariable+"="+now.Format(time.RFC3339))
	p := &serverProcess{cmd: cmd}
	cmd.Stderr = &p.said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if !p.lines.Scan() || !strings.HasPrefix(p.lines.Text(), "服务地址") {
		t.Fatalf("it said %q, %q; %v", p.lines.Text(), p.said.String(), cmd.Wait())
	}
	return p
}

func (p *serverProcess) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	for p.lines.Scan() {
	}
	if err := p.cmd.Wait(); err != nil || !late.Stop() {
		t.Errorf("it ended with %v: %s", err, p.said.String())
	}
	if strings.Contains(p.said.String(), canary) {
		t.Error("a secret was printed")
	}
}

// An order is paid through the served API, by the channel's own notification,
// and refunded; the server is stopped and started, and the same request gives
// the same answer.
func TestServe_PayNotifyRefundRestart(t *testing.T) {
	sim, err := channelsim.Start(t.Context(), channelsim.Options{Now: serveClock, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	address := freePort(t)
	dir, secret := newServeSite(t, sim, address)
	stop := startServer(t, dir)
	c, err := payclient.New(payclient.Options{BaseURL: "http://" + address, Merchant: "M01", Key: "k1", Sign: secret, Verify: secret, Now: serveClock})
	if err != nil {
		t.Fatal(err)
	}
	for _, channel := range []string{channelsim.WeChat, channelsim.Alipay, channelsim.UnionPay} {
		order := merchantapi.NewOrder{OrderNo: "O-" + channel, AmountMinor: 8800, Currency: "CNY"}
		if _, err := c.CreateOrder(t.Context(), "create-"+channel, order); err != nil {
			t.Fatal(err)
		}
		p, err := c.Pay(t.Context(), "pay-first-"+channel, order.OrderNo, merchantapi.NewPayment{Channel: channel})
		if err != nil || p.Prepaid == nil || p.Prepaid.CodeURL == "" && p.Prepaid.Form == nil {
			t.Fatalf("%s: got %+v, %v", channel, p, err)
		}
		if channel == channelsim.UnionPay {
			continue // whose payer posts a form in his browser
		}
		if _, err := sim.PayNow(t.Context(), channel, p.PayNo, channelsim.Doubled, serveClock()); err != nil {
			t.Fatal(err)
		}
		if o, err := c.Order(t.Context(), order.OrderNo); err != nil || o.State != "PAID" || o.PaidBy != p.PayNo {
			t.Fatalf("%s: got %+v, %v", channel, o, err)
		}
		r, err := c.Refund(t.Context(), "refund-"+channel, p.PayNo, merchantapi.NewRefund{AmountMinor: 800, Currency: "CNY"})
		if err != nil || r.State != "PROCESSING" && r.State != "SUCCESS" {
			t.Fatalf("%s: got %+v, %v", channel, r, err)
		}
	}
	// The method alone: the account is chosen.
	if _, err := c.CreateOrder(t.Context(), "create-routed", merchantapi.NewOrder{OrderNo: "O-routed", AmountMinor: 8800, Currency: "CNY"}); err != nil {
		t.Fatal(err)
	}
	routed, err := c.Pay(t.Context(), "pay-first-routed", "O-routed", merchantapi.NewPayment{Method: "PRECREATE"})
	if err != nil || routed.Account != "alipay-main" || routed.Prepaid == nil {
		t.Fatalf("got %+v, %v", routed, err)
	}
	if _, err := c.Pay(t.Context(), "pay-again-routed", "O-routed", merchantapi.NewPayment{Method: "CASH"}); err == nil || !strings.Contains(err.Error(), "E-6427") {
		t.Errorf("a method that nobody offers: %v", err)
	}
	stop()
	why := exec.CommandContext(t.Context(), "tieout", "--config", filepath.Join(dir, "tieout.yaml"), "--lang", "zh", "channel", "route", routed.PayNo) //nolint:gosec // the program itself
	why.Env = append(os.Environ(), clockVariable+"="+serveClock().Format(time.RFC3339))
	if said, err := why.Output(); err != nil || !strings.Contains(string(said), "alipay-main") || !strings.Contains(string(said), "选中") || !strings.Contains(string(said), "不提供该支付方式") {
		t.Errorf("the choice is shown as %s, %v", said, err)
	}
	stop = startServer(t, dir)
	defer stop()
	before, err := c.Order(t.Context(), "O-wechat")
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Pay(t.Context(), "pay-first-wechat", "O-wechat", merchantapi.NewPayment{Channel: "wechat"})
	if err != nil || again.PayNo != before.PaidBy || again.Prepaid == nil {
		t.Errorf("got %+v, %v; the payment is %s", again, err, before.PaidBy)
	}
}

// With a certificate nothing but TLS is answered.
func TestServe_TLS(t *testing.T) {
	sim, err := channelsim.Start(t.Context(), channelsim.Options{Now: serveClock, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	address := freePort(t)
	dir, _ := newServeSite(t, sim, address)
	cert, key := selfSigned(t)
	for name, body := range map[string][]byte{"server.pem": cert, "server-key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "tieout.yaml")
	yaml, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(yaml), "\napi:\n", "\napi:\n  cert_file: secrets/server.pem\n  key_file: secrets/server-key.pem\n", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	defer startServer(t, dir)()
	tlsOnly := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it made the certificate a moment ago
	defer tlsOnly.CloseIdleConnections()
	for url, want := range map[string]int{"https://" + address + "/docs": http.StatusOK, "https://" + address + "/v1/orders/O1": http.StatusUnauthorized, "http://" + address + "/docs": http.StatusBadRequest} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tlsOnly.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
}

// selfSigned makes a certificate of this machine.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// A notice goes to no address within our own network, whatever a merchant's
// name leads to.
func TestAttack_NoticeIntoOurNetwork(t *testing.T) {
	for address, public := range map[string]bool{
		"127.0.0.1:443": false, "[::1]:443": false, "10.1.2.3:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "169.254.169.254:80": false,
		"[fe80::1]:443": false, "[fd00::1]:443": false, "0.0.0.0:443": false, "224.0.0.1:443": false, "[::ffff:10.0.0.1]:443": false,
		"203.0.113.9:443": true, "[2001:db8::1]:443": true,
	} {
		if err := publicOnly("tcp", address, nil); (err == nil) != public {
			t.Errorf("%s: got %v", address, err)
		}
	}
}
