package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	httpapi "tieout/fetchers/http"
	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/gateway"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/pipeline"
)

// desk is the gateway's desk as the merchant API wants it.
type desk struct {
	*gateway.Desk
	routes []gateway.Route
}

// Pay implements merchantapi.Desk.
func (d desk) Pay(ctx context.Context, payNo string, payer merchantapi.Payer) (merchantapi.Prepaid, error) {
	p, err := d.Desk.Pay(ctx, payNo, gateway.Payer(payer))
	out := merchantapi.Prepaid{CodeURL: p.CodeURL, PayURL: p.PayURL, JSAPI: p.JSAPI}
	if p.Form != nil {
		out.Form = &merchantapi.Form{Action: p.Form.Action, Fields: p.Form.Fields}
	}
	if p.Transfer != nil {
		to := merchantapi.TransferTo(*p.Transfer)
		out.Transfer = &to
	}
	return out, held(err)
}

// Route implements merchantapi.Desk.
func (d desk) Route(w merchantapi.Wish) (merchantapi.Account, string, error) {
	wish := gateway.Wish{Method: gateway.Method(w.Method), AmountMinor: w.AmountMinor}
	for _, a := range w.Accounts {
		wish.Contract = append(wish.Contract, a.Name)
	}
	chosen, judged, err := gateway.Choose(d.routes, wish, d.Healthy)
	if errors.Is(err, gateway.ErrNoRoute) {
		none := &merchantapi.NoRoute{}
		for _, j := range judged {
			if j.Why != gateway.NoContract { // what others may use is not told
				none.Reasons = append(none.Reasons, j.Account+" "+j.Why)
			}
		}
		err = none
	}
	if err != nil {
		return merchantapi.Account{}, "", err
	}
	why, err := json.Marshal(judged)
	return merchantapi.Account{Channel: chosen.Channel, Name: chosen.Account}, string(why), err
}

// route is what routing knows of an account.
func route(conf config.Account, feePPM int64) (gateway.Route, error) {
	offered := gateway.MethodsOf(conf.Channel)
	if conf.Virtual.Prefix != "" {
		offered = []gateway.Method{gateway.Transfer}
	}
	r := gateway.Route{Account: conf.Name, Channel: conf.Channel, Methods: offered, FeePPM: feePPM}
	k := &keys{account: conf.Name}
	if len(conf.Pay.Methods) > 0 {
		r.Methods = nil
	}
	for _, m := range conf.Pay.Methods {
		if !slices.Contains(offered, gateway.Method(m)) {
			k.bad("pay.methods", "the channel has no method "+m)
		}
		r.Methods = append(r.Methods, gateway.Method(m))
	}
	r.LeastMinor, r.MostMinor = conf.Pay.Limits()
	return r, k.err()
}

// newDesk makes the desk of the accounts that merchants may pay over, with the
// tasks that it works on.
func (s *site) newDesk(a *app, core *paycore.Core, tasks gateway.Tasks) (desk, error) {
	used := map[string]bool{}
	for _, m := range s.cfg.Merchants {
		for _, name := range m.Accounts {
			used[name] = true
		}
	}
	lines := map[string]gateway.Account{}
	var routes []gateway.Route
	var wrong []error
	for _, acct := range s.accounts {
		if !used[acct.Name] {
			continue
		}
		conf, _ := s.cfg.Account(acct.Name)
		var ch gateway.Channel
		var err error
		if conf.Virtual.Prefix != "" {
			ch, err = s.bankTransfer(conf, acct.Definition.Day(), core)
		} else {
			ch, err = s.channel(a, conf, acct.Query)
		}
		wrong = append(wrong, err)
		r, err := route(conf, acct.FeePPM)
		wrong, routes = append(wrong, err), append(routes, r)
		line := gateway.Account{Channel: ch, RefundExtra: conf.LateSuccess == "refund", PayWithin: conf.Virtual.PayWithin}
		if conf.VoidSameDay {
			day := acct.Definition.Day()
			line.VoidDay = &day
		}
		lines[acct.Name] = line
	}
	if err := errors.Join(wrong...); err != nil {
		return desk{}, err
	}
	refund := map[string]bool{}
	for _, m := range s.cfg.Merchants {
		if m.LateSuccess != "" {
			refund[m.ID] = m.LateSuccess == "refund"
		}
	}
	watched, err := s.watch()
	if err != nil {
		return desk{}, err
	}
	d, err := gateway.NewDesk(s.db, core, tasks, lines, gateway.Options{Now: a.now, Log: s.log, RefundExtra: refund, Risk: watched})
	return desk{d, routes}, err
}

// channel makes the way to let payers pay over an account.
func (s *site) channel(a *app, conf config.Account, ask pipeline.Querier) (gateway.Channel, error) {
	f, k := asked(conf), &keys{account: conf.Name}
	if f.Via != "api" || ask == nil {
		k.bad("fetch.via", "payments need the channel's API")
		return nil, k.err()
	}
	if s.cfg.API.PublicURL == "" {
		k.bad("api.public_url", "is needed")
		return nil, k.err()
	}
	opt := httpapi.Options{Channel: conf.Channel, Account: conf.Merchant, Now: a.now, Log: s.log, RootCAs: k.roots(f.CAFile)}
	if f.AllowLoopback {
		opt.PrivateHosts, opt.PlainHTTP = loopback(f), true
	}
	private := k.private("private_key_file", f.PrivateKeyFile)
	link := gateway.Link{Ask: ask, Now: a.now, NotifyURL: strings.TrimSuffix(s.cfg.API.PublicURL, "/") + "/notify/" + conf.Name}
	client := func(base, standard string) {
		if base == "" {
			base = standard
		}
		c, err := httpapi.Guarded(opt, base)
		if err != nil {
			k.bad("base_url", "is not a URL that may be called")
			return
		}
		c.Timeout = callTimeout
		link.Client = c
	}
	var ch gateway.Channel
	var err error
	switch conf.Channel {
	case "wechat":
		client(f.BaseURL, "https://api.mch.weixin.qq.com")
		ch, err = gateway.NewWeChat(gateway.WeChatConfig{Link: link, BaseURL: f.BaseURL, MchID: conf.Merchant, AppID: f.AppID, Serial: f.Serial, Key: private, PlatformKeys: k.public(f.PlatformKeys)})
	case "alipay":
		client(f.BaseURL, "https://openapi.alipay.com")
		a := k.alipay(f, private)
		ch, err = gateway.NewAlipay(gateway.AlipayConfig{Link: link, Gateway: f.BaseURL, AppID: f.AppID, Key: private,
			PublicKey: a.one, CertKeys: a.named, AppCertSN: a.appSN, RootCertSN: a.rootSN})
	case "unionpay":
		base := origin(f.QueryURL)
		client(base, "https://gateway.95516.com")
		ch, err = gateway.NewUnionPay(gateway.UnionPayConfig{Link: link, BaseURL: base, MerID: conf.Merchant, CertID: f.Serial, Key: private, Trust: unionPayTrust(k, f)})
	default:
		k.bad("channel", "channel "+conf.Channel+" takes no payments")
	}
	if err := k.err(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, fault.New("E-7892", fault.V{"account": conf.Name, "option": "fetch", "reason": err.Error()}, nil)
	}
	return ch, nil
}

// callTimeout bounds one call of a channel while a merchant waits.
const callTimeout = 15 * time.Second

// origin is the scheme and host of an address; "" of none.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
