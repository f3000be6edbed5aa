package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/signing"
)

// demoClients is how many requests of the shops are under way at a time: they
// share the syncs of the disk, and an account's gate lets them all through.
const demoClients = 16

// demoClient is how a shop or a channel calls: as many connections stay open as
// are used at a time, and a disk that others keep busy may take its time.
func demoClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: demoClients}, Timeout: time.Minute}
}

// serveShops opens the merchant API and the address for notifications on the
// listener that the configuration names, and gives each shop its client.
func (w *demoWorld) serveShops(l net.Listener) error {
	w.tasks = &demoTasks{Tasks: w.site.db}
	var err error
	if w.desk, err = w.site.newDesk(w.app, w.core, w.tasks); err != nil {
		return err
	}
	merchants, err := w.site.newMerchantAPI(w.clock.now, w.core, w.desk)
	if err != nil {
		return err
	}
	handler, err := w.site.handler(w.core, merchants, nil)
	if err != nil {
		return err
	}
	w.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go w.server.Serve(l) //nolint:errcheck // ends with Close
	client := demoClient()
	w.shops = map[string]*payclient.Client{}
	for _, m := range w.site.cfg.Merchants {
		secret, err := os.ReadFile(m.Keys[0].SecretFile)
		if err != nil {
			return err
		}
		key := signing.HMACKey(secret)
		c, err := payclient.New(payclient.Options{BaseURL: "http://" + l.Addr().String(), Merchant: m.ID, Key: m.Keys[0].ID, Sign: key, Verify: key,
			HTTP: client, Now: w.clock.now})
		if err != nil {
			return err
		}
		w.shops[m.ID] = c
	}
	w.browser = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: demoClients, TLSClientConfig: &tls.Config{RootCAs: certPool(w.sim.Config().CAPEM), MinVersion: tls.VersionTLS12}}}
	return nil
}

// shopsYAML is the part of the configuration that lets the shops in, with their
// secrets. The played clock stands still while hundreds of requests come, so no
// rate is too high.
func shopsYAML(dir, address string, terms []channelsim.Terms) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "api:\n  listen: %s\n  public_url: http://%s\n  allow_loopback: true\n  source_rate: 1000000\nmerchants:\n", address, address)
	for _, t := range terms {
		name := filepath.Join("secrets", t.Merchant+".key")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(signing.Nonce()+signing.Nonce()), 0o600); err != nil {
			return "", fault.New("E-4101", fault.V{"path": name, "reason": err.Error()}, err)
		}
		fmt.Fprintf(&b, "  - id: %s\n    keys: [{id: k1, algorithm: hmac-sha256, secret_file: %s}]\n    allow: [create_order, pay, query, refund]\n    accounts: [%s]\n    rate: 1000000\n",
			t.Merchant, name, strings.Join([]string{accountNames[channelsim.WeChat], accountNames[channelsim.Alipay], accountNames[channelsim.UnionPay]}, ", "))
	}
	return b.String(), nil
}

// order opens the order of a sale, and the payment at its channel; it returns
// the payment's number. A payer of UnionPay posts the form that he is given.
func (w *demoWorld) order(ctx context.Context, op *channelsim.Op) (payNo string, err error) {
	c := w.shops[op.Merchant]
	orderNo := "O" + op.MerchantRef
	if _, err := c.CreateOrder(ctx, "order-"+op.MerchantRef, merchantapi.NewOrder{OrderNo: orderNo, AmountMinor: op.Local.AmountMinor, Currency: "CNY"}); err != nil {
		return "", err
	}
	if op.Channel == channelsim.Bank || op.Pay == nil { // a card terminal, or a payment that the channel never hears of
		return op.MerchantRef, w.inBooks(ctx, op, orderNo)
	}
	p, err := c.Pay(ctx, "pay-"+op.MerchantRef, orderNo, merchantapi.NewPayment{Channel: op.Channel, Account: w.accountName(op.Channel)})
	if err != nil {
		return "", err
	}
	w.numbers.put(op.MerchantRef, p.PayNo)
	if p.Prepaid == nil || p.Prepaid.Form == nil {
		return p.PayNo, nil
	}
	return p.PayNo, w.post(ctx, p.Prepaid.Form)
}

// post is what the payer's browser does with a form.
func (w *demoWorld) post(ctx context.Context, f *merchantapi.Form) error {
	fields := url.Values{}
	for name, value := range f.Fields {
		fields.Set(name, value)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Action, strings.NewReader(fields.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.browser.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the payer's form was answered with %s", resp.Status)
	}
	return nil
}
