package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/payclient"
	"tieout/internal/paycore"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// demoWorld is a merchant's site, the channels that it uses, and the record of
// what was planted and found.
type demoWorld struct {
	app     *app // reads the played clock
	dir     string
	clock   *demoClock
	zone    *time.Location
	sim     *channelsim.Sim
	site    *site
	core    *paycore.Core
	plan    channelsim.Plan
	days    *channelsim.Traffic
	desk    desk
	tasks   *demoTasks
	server  *http.Server                 // what the shops and the channels call
	shops   map[string]*payclient.Client // by merchant
	browser *http.Client                 // of the payers
	numbers demoNumbers
	truth   []channelsim.Truth
	settles bool
	payouts *channelsim.Payouts
	bank    demoBank
	files   []channelsim.FileFault
	found   *demoFound
	started time.Time
}

// accountNames are the accounts of the demo's configuration.
var accountNames = map[string]string{channelsim.WeChat: "wechat-main", channelsim.Alipay: "alipay-main", channelsim.UnionPay: "unionpay-main", channelsim.Bank: "bank-main"}

func (w *demoWorld) accountName(channel string) string { return accountNames[channel] }

func (w *demoWorld) accountOf(channel string) (pipeline.Account, error) {
	for _, a := range w.site.accounts {
		if a.Definition.Name == channel {
			return a, nil
		}
	}
	return pipeline.Account{}, fmt.Errorf("the demo has no account at %s", channel)
}

// newDemoWorld makes a world that has not begun.
func newDemoWorld(a *app, dir string, c *demoCmd) (*demoWorld, error) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, err
	}
	w := &demoWorld{dir: dir, clock: &demoClock{}, zone: zone, found: newDemoFound(), settles: c.Settle, started: a.now()}
	w.plan = channelsim.DefaultPlan(c.Seed, demoFrom, c.Days, c.Rows)
	w.plan.NotifyPPM = 1_000_000 // nobody asks before the night
	y, m, d := demoFrom.YMD()
	w.clock.set(time.Date(y, m, d, 0, 0, 0, 0, zone))
	if err := w.begin(a); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// begin starts the channels and the site.
func (w *demoWorld) begin(a *app) (err error) {
	terms, rests := demoTerms(), demoRests(demoFrom, w.plan.Days)
	if w.payouts, err = channelsim.NewPayouts(w.plan, terms, rests); err != nil {
		return err
	}
	if w.sim, err = channelsim.Start(a.ctx, channelsim.Options{Now: w.clock.now, Seed: w.plan.Seed, Client: demoClient()}); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(a.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	if err := w.openSite(a, address, terms, rests); err != nil {
		l.Close()
		return err
	}
	w.core = paycore.New(w.site.db, demoRates(w.site), w.clock.now)
	if err := w.serveShops(l); err != nil {
		l.Close()
		return err
	}
	w.plan.NotifyURL = map[string]string{}
	for _, channel := range []string{channelsim.WeChat, channelsim.Alipay, channelsim.UnionPay} {
		w.plan.NotifyURL[channel] = "http://" + address + "/notify/" + w.accountName(channel)
	}
	w.days, err = channelsim.NewTraffic(w.plan)
	return err
}

// openSite writes the configuration that an operator would write, and opens it.
func (w *demoWorld) openSite(a *app, address string, terms []channelsim.Terms, rests []bizday.Date) error {
	if err := os.MkdirAll(filepath.Join(w.dir, "secrets"), 0o700); err != nil {
		return fault.New("E-4101", fault.V{"path": w.dir, "reason": err.Error()}, err)
	}
	shops, err := shopsYAML(w.dir, address, terms)
	if err != nil {
		return err
	}
	if err := writeSite(w.dir, w.sim.Config(), "source: core", settlementYAML(terms, rests)+shops); err != nil {
		return err
	}
	cli := *a.cli
	cli.Config, cli.Quiet, cli.JSON = filepath.Join(w.dir, "tieout.yaml"), true, false
	w.app = &app{cli: &cli, ctx: a.ctx, now: w.clock.now, networkOf: a.networkOf, in: a.in, out: io.Discard, err: io.Discard, lang: a.lang, cmd: a.cmd}
	w.site, err = w.app.open()
	return err
}

// certPool holds the certificates of PEM text.
func certPool(text string) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return pool
}

// demoRates are the fees that the merchant agreed with its channels.
func demoRates(s *site) paycore.Rates {
	rates := paycore.Rates{}
	for _, a := range s.accounts {
		ch := a.Definition.Name
		rates[ch] = map[string]paycore.Rate{a.Name: {PPM: channelsim.FeeRate(ch), RefundsReturn: ch == channelsim.WeChat}}
	}
	return rates
}

func (w *demoWorld) close() {
	if w.server != nil {
		w.server.Close()
	}
	if w.site != nil {
		w.site.close()
	}
	if w.sim != nil {
		w.sim.Close()
	}
}

// writeSite writes the configuration and the keys of a merchant of the
// simulated channels: WeChat Pay and Alipay over HTTPS, UnionPay over SFTP, the
// bank over FTP with TLS. local says where his books are; more is what else the
// configuration has.
func writeSite(dir string, c channelsim.Config, local, more string) error {
	secrets := map[string]string{
		"ca.pem": c.CAPEM, "wechat-key.pem": c.WeChat.MerchantKey, "wechat-apiv3": c.WeChat.APIv3Key, "wechat-platform.pem": c.WeChat.PlatformKey,
		"alipay-key.pem": c.Alipay.AppKey, "alipay-public.pem": c.Alipay.AlipayKey,
		"unionpay-key.pem": c.UnionPay.MerchantKey, "unionpay-root.pem": c.UnionPay.RootCert, "unionpay-middle.pem": c.UnionPay.MiddleCert,
		"unionpay-sftp": c.UnionPay.SFTP.Password, "bank-ftp": c.Bank.FTP.Password,
	}
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	for name, body := range secrets {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(body), 0o600); err != nil {
			return fault.New("E-4101", fault.V{"path": name, "reason": err.Error()}, err)
		}
	}
	yaml := fmt.Sprintf(siteYAML, local, c.WeChat.MchID, c.WeChat.BaseURL, c.WeChat.AppID, c.WeChat.MerchantSerial, c.WeChat.PlatformSerial,
		c.Alipay.PID, c.Alipay.GatewayURL, c.Alipay.AppID,
		c.UnionPay.MerID, c.UnionPay.SFTP.Addr, c.UnionPay.SFTP.User, c.UnionPay.SFTP.Fingerprint, c.UnionPay.SFTP.Dir,
		c.UnionPay.FileURL, c.UnionPay.QueryURL, c.UnionPay.CertID,
		c.Bank.MerID, c.Bank.FTP.Addr, c.Bank.FTP.User, c.Bank.FTP.Dir) + more
	if err := os.WriteFile(filepath.Join(dir, "tieout.yaml"), []byte(yaml), 0o600); err != nil {
		return fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	return nil
}

const siteYAML = `# A merchant of the simulated channels.
version: 1
data: ./data
lang: zh
local:
  %s
accounts:
  - name: wechat-main
    channel: wechat
    merchant: "%s"
    statements: ["TRADE:ALL", "FUND:BASIC"]
    fee_rate: "0.6%%"
    fetch:
      via: api
      base_url: %s
      allow_loopback: true
      ca_file: secrets/ca.pem
      app_id: %s
      private_key_file: secrets/wechat-key.pem
      api_v3_key_file: secrets/wechat-apiv3
      serial: "%s"
      platform_keys: {%s: secrets/wechat-platform.pem}
  - name: alipay-main
    channel: alipay
    merchant: "%s"
    statements: ["TRADE:trade", "FUND:signcustomer"]
    fetch:
      via: api
      base_url: %s
      allow_loopback: true
      ca_file: secrets/ca.pem
      app_id: "%s"
      private_key_file: secrets/alipay-key.pem
      platform_keys: {alipay: secrets/alipay-public.pem}
  - name: unionpay-main
    channel: unionpay
    merchant: "%s"
    statements: ["TRADE"]
    fee_rate: "0.55%%"
    fetch:
      via: sftp
      address: %s
      user: %s
      password_file: secrets/unionpay-sftp
      host_key: "%s"
      dir: %s
      file: "{merchant}_{yyyymmdd}.zip"
      marker: md5
    query:
      via: api
      base_url: %s
      query_url: %s
      allow_loopback: true
      ca_file: secrets/ca.pem
      private_key_file: secrets/unionpay-key.pem
      serial: "%s"
      platform_keys: {root: secrets/unionpay-root.pem, middle: secrets/unionpay-middle.pem}
  - name: bank-main
    channel: bankdemo
    merchant: "%s"
    statements: ["TRADE"]
    fetch:
      via: ftp
      address: %s
      user: %s
      password_file: secrets/bank-ftp
      tls: true
      ca_file: secrets/ca.pem
      dir: %s
      file: "{merchant}_{yyyymmdd}.txt"
      marker: md5
`

// note writes down one run: which codes a day went through.
func (w *demoWorld) note(acct pipeline.Account, date bizday.Date, res pipeline.Result, err error) {
	code := res.Exit
	if err != nil {
		code = fault.Of(err).Exit()
	}
	k := demoDay{acct.Definition.Name, date}
	w.found.codes[k] = append(w.found.codes[k], code)
	if res.Report != nil && res.Report.FetchState != "" {
		w.found.states[k] = res.Report.FetchState
	}
}

// collect reads what a finished attempt found.
func (w *demoWorld) collect(ctx context.Context, acct pipeline.Account, date bizday.Date, run runRef) error {
	k := demoDay{acct.Definition.Name, date}
	diffs := map[demoKey][]schemas.Difference{}
	for d, err := range w.site.pipeline.Findings(run) {
		if err != nil {
			return err
		}
		id := demoKey{d.Kind, d.Key}
		diffs[id] = append(diffs[id], *d)
	}
	w.found.attempts[k] = append(w.found.attempts[k], diffs)
	rep, err := w.site.pipeline.LoadReport(ctx, run)
	if err != nil {
		return err
	}
	for _, f := range rep.Fixes {
		if f.Result.State == "APPLIED" {
			w.found.fixes[demoFix{k, f.Fix.RecordKind, f.Fix.MerchantRef, f.Fix.RefundRef, f.Fix.Kind}] = true
		}
	}
	w.found.matched += summaryMatched(rep)
	return nil
}

func summaryMatched(r *schemas.RunReport) (n int64) {
	for _, t := range r.Totals {
		if t.Class == schemas.Matched {
			n += t.Outcomes
		}
	}
	return n
}
