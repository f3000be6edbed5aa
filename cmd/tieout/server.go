package main

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"tieout/internal/config"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// newCore makes the payment core with the fees of the configuration.
func (s *site) newCore(now func() time.Time) *paycore.Core {
	rates := paycore.Rates{}
	for _, a := range s.accounts {
		if a.FeePPM == 0 {
			continue
		}
		conf, _ := s.cfg.Account(a.Name)
		channel := a.Definition.Name
		if rates[channel] == nil {
			rates[channel] = map[string]paycore.Rate{}
		}
		rates[channel][a.Name] = paycore.Rate{PPM: a.FeePPM, RefundsReturn: conf.RefundFee}
	}
	return paycore.New(s.db, rates, now)
}

// newMerchantAPI makes the server of the merchants of the configuration.
func (s *site) newMerchantAPI(now func() time.Time, core *paycore.Core, desk merchantapi.Desk) (*merchantapi.Server, error) {
	k := &keys{account: "api"}
	answers := map[string]signing.Signer{}
	if file := s.cfg.API.AnswerKeyFile; file != "" {
		answers[config.RSASHA256] = signing.RSAPrivate{Key: k.private("answer_key_file", file)}
	}
	if file := s.cfg.API.AnswerSM2KeyFile; file != "" {
		answers[config.SM2SM3] = signing.SM2Private{Key: k.sm2Private("answer_sm2_key_file", file)}
	}
	agreed, err := contracts(s.cfg.Settlement)
	if err != nil {
		return nil, err
	}
	merchants := make([]merchantapi.Merchant, len(s.cfg.Merchants))
	for i, conf := range s.cfg.Merchants {
		k.account = conf.ID
		merchants[i] = s.merchant(k, conf, answers)
		merchants[i].Contract = agreed[conf.ID]
	}
	return merchantapi.New(s.db, core, desk, statements{s}, merchants, now, s.log), k.err()
}

func (s *site) merchant(k *keys, conf config.Merchant, answers map[string]signing.Signer) merchantapi.Merchant {
	m := merchantapi.Merchant{ID: conf.ID, Rate: float64(conf.Rate), Burst: conf.Burst, Keys: map[string]merchantapi.Key{}}
	for _, p := range conf.Allow {
		m.Allow = append(m.Allow, merchantapi.Permission(p))
	}
	for _, name := range conf.Accounts {
		a, _ := s.cfg.Account(name)
		m.Accounts = append(m.Accounts, merchantapi.Account{Channel: a.Channel, Name: name})
	}
	for _, c := range conf.Keys {
		switch c.Algorithm {
		case config.HMACSHA256:
			secret := k.hmac("keys."+c.ID+".secret_file", c.SecretFile)
			m.Keys[c.ID] = merchantapi.Key{Verify: secret, Answer: secret}
		case config.RSASHA256:
			m.Keys[c.ID] = merchantapi.Key{Verify: signing.RSAPublic{Key: k.public(map[string]string{c.ID: c.PublicKeyFile})[c.ID]}, Answer: answers[c.Algorithm]}
		case config.SM2SM3:
			m.Keys[c.ID] = merchantapi.Key{Verify: signing.SM2Public{Key: k.sm2Public("keys."+c.ID+".public_key_file", c.PublicKeyFile)}, Answer: answers[c.Algorithm]}
		}
	}
	return m
}

// hmac loads a secret that nobody guesses.
func (k *keys) hmac(option, file string) signing.HMACKey {
	secret := k.secret(option, file)
	if len(secret) < 32 {
		k.bad(option, "is shorter than 32 bytes")
	}
	return signing.HMACKey(secret)
}

// newSender sends notices to merchants, and to nobody within our own network.
func (s *site) newSender(now func() time.Time) (*paycore.Sender, error) {
	k := &keys{}
	secrets := map[string][]byte{}
	for _, m := range s.cfg.Merchants {
		if k.account = m.ID; m.NotifyKeyFile != "" {
			secrets[m.ID] = k.hmac("notify_key_file", m.NotifyKeyFile)
		}
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: publicOnly}
	if s.cfg.API.AllowLoopback {
		dialer.Control = nil
	}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	return paycore.NewSender(s.db, transport, func(merchant string) ([]byte, bool) {
		key, ok := secrets[merchant]
		return key, ok
	}, now), k.err()
}

var errPrivate = errors.New("the address is not a public one")

// publicOnly refuses addresses that a merchant cannot mean: the name that he
// gave may lead anywhere.
func publicOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return errPrivate
	}
	return nil
}

// handler is everything that is served: the merchant API, the notifications of
// each account's channel, and the messages of each clearing organisation.
func (s *site) handler(core *paycore.Core, merchants *merchantapi.Server, agreed []agreement) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/", merchants.Handler())
	var wrong []error
	for _, conf := range s.cfg.Accounts {
		receiver, err := receiver(conf)
		if wrong = append(wrong, err); receiver != nil {
			mux.Handle("/notify/"+conf.Name, core.NotifyHandler(receiver, s.log))
		}
	}
	for _, with := range agreed {
		mux.Handle("/interop/"+with.Organisation, with.messages)
	}
	return merchantapi.LimitSources(mux, float64(s.cfg.API.SourceRate), 2*s.cfg.API.SourceRate), errors.Join(wrong...)
}

// receiver understands the notifications of an account; nil if its channel
// sends none, or the configuration has no keys for them.
func receiver(conf config.Account) (paycore.Receiver, error) {
	f := asked(conf)
	k := &keys{account: conf.Name}
	if f.Via != "api" {
		return nil, nil
	}
	switch conf.Channel {
	case "wechat":
		if f.APIv3KeyFile == "" {
			return nil, nil
		}
		return paycore.WeChatReceiver{Account: conf.Name, MchID: conf.Merchant, Keys: k.public(f.PlatformKeys), APIv3Key: []byte(k.secret("api_v3_key_file", f.APIv3KeyFile))}, k.err()
	case "alipay":
		a := k.alipay(f, nil)
		return paycore.AlipayReceiver{Account: conf.Name, AppID: f.AppID, SellerID: conf.Merchant, Key: a.one, CertKeys: a.named}, k.err()
	case "unionpay":
		return paycore.UnionPayReceiver{Account: conf.Name, MerID: conf.Merchant, Trust: unionPayTrust(k, f)}, k.err()
	}
	return nil, k.err()
}

// asked is how an account's API is reached: the one for queries, where
// statements come another way.
func asked(conf config.Account) config.Fetch {
	if conf.Query.Via != "" {
		return conf.Query
	}
	return conf.Fetch
}

func unionPayTrust(k *keys, f config.Fetch) signing.UnionPayTrust {
	return signing.UnionPayTrust{Version: signing.UnionPay510, Roots: k.pool("root", f.PlatformKeys), Intermediates: k.pool("middle", f.PlatformKeys)}
}
