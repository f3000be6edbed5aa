package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
)

// API is the server that merchants and channels call.
type API struct {
	Listen   string `yaml:"listen"`    // host:port
	CertFile string `yaml:"cert_file"` // of the server; without it only addresses of this machine are served
	KeyFile  string `yaml:"key_file"`
	// PublicURL is how channels reach us: notifications come to
	// <public_url>/notify/<account>.
	PublicURL string `yaml:"public_url"`
	// AnswerKeyFile signs the answers to merchants that sign with RSA.
	AnswerKeyFile string `yaml:"answer_key_file"`
	// AnswerSM2KeyFile signs the answers to merchants that sign with SM2.
	AnswerSM2KeyFile string `yaml:"answer_sm2_key_file"`
	// SourceRate is how many requests a second one address may send, whoever
	// signs them; default twice what all merchants together may, at least 100.
	SourceRate int `yaml:"source_rate"`
	// AllowLoopback lets notices go to merchants on this machine, for a trial.
	AllowLoopback bool `yaml:"allow_loopback"`
}

// Web serves the published reports for reading.
type Web struct {
	Listen    string `yaml:"listen"`     // host:port; "" = not served
	TokenFile string `yaml:"token_file"` // the password that browsers ask for, under any name; "" = none, for an address of this machine alone
}

// web checks that reports are not open to others.
func (k *checker) web(c *Config) {
	w := &c.Web
	w.TokenFile = k.secret("web.token_file", w.TokenFile, false)
	if w.Listen == "" {
		return
	}
	host, _, err := net.SplitHostPort(w.Listen)
	if err != nil {
		k.bad("web.listen", "%q is not host:port", w.Listen)
		return
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return
	}
	if w.TokenFile == "" {
		k.bad("web.token_file", "is needed")
	}
	if c.API.CertFile == "" {
		k.bad("api.cert_file", "is needed: without TLS only an address such as 127.0.0.1 is served")
	}
}

// Merchant is one merchant that calls the API.
type Merchant struct {
	ID            string        `yaml:"id"`
	Keys          []MerchantKey `yaml:"keys"`
	Allow         []string      `yaml:"allow"`           // create_order, pay, query, close, refund, resend, statement, split, return_split, transfer, withdraw
	Rate          int           `yaml:"rate"`            // requests a second; default 50
	Burst         int           `yaml:"burst"`           // default twice the rate
	Accounts      []string      `yaml:"accounts"`        // that his payments may go over, the preferred first
	NotifyKeyFile string        `yaml:"notify_key_file"` // secret that signs notices to him; "" = he gets none
	// LateSuccess says what happens to his payments that succeed although their
	// order is closed, or paid already: refund or manual; left out: what the
	// account says.
	LateSuccess string `yaml:"late_success"`
}

// MerchantKey is one key under a name that requests give.
type MerchantKey struct {
	ID            string `yaml:"id"`
	Algorithm     string `yaml:"algorithm"`       // hmac-sha256, rsa-sha256 (PKCS #1 v1.5), sm2-sm3
	SecretFile    string `yaml:"secret_file"`     // hmac-sha256: at least 32 bytes
	PublicKeyFile string `yaml:"public_key_file"` // rsa-sha256, sm2-sm3: the merchant's
}

// The words of Merchant.Allow and MerchantKey.Algorithm.
var (
	permissions = []string{"create_order", "pay", "query", "close", "refund", "resend", "statement", "split", "return_split", "transfer", "withdraw"}
	algorithms  = []string{HMACSHA256, RSASHA256, SM2SM3}
	idShape     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
)

// The algorithms of a merchant's key.
const (
	HMACSHA256 = "hmac-sha256"
	RSASHA256  = "rsa-sha256"
	SM2SM3     = "sm2-sm3"
)

// serving checks what a server needs. Without merchants and an address there is
// none.
func (k *checker) serving(c *Config) {
	if c.API == (API{}) && len(c.Merchants) == 0 {
		return
	}
	a := &c.API
	host, _, err := net.SplitHostPort(a.Listen)
	if err != nil {
		k.bad("api.listen", "%q is not host:port", a.Listen)
	}
	a.CertFile = k.optional("api.cert_file", a.CertFile)
	a.KeyFile = k.secret("api.key_file", a.KeyFile, a.CertFile != "")
	if ip := net.ParseIP(host); err == nil && a.CertFile == "" && (ip == nil || !ip.IsLoopback()) {
		k.bad("api.cert_file", "is needed: without TLS only an address such as 127.0.0.1 is served")
	}
	if a.PublicURL != "" {
		if u, err := url.Parse(a.PublicURL); err != nil || u.Host == "" || u.Scheme != "https" && !a.AllowLoopback {
			k.bad("api.public_url", "must begin with https://")
		}
	}
	a.AnswerKeyFile = k.secret("api.answer_key_file", a.AnswerKeyFile, false)
	a.AnswerSM2KeyFile = k.secret("api.answer_sm2_key_file", a.AnswerSM2KeyFile, false)
	seen, all := map[string]bool{}, 0
	for i := range c.Merchants {
		p := fmt.Sprintf("merchants.%d", i)
		k.merchant(p, c, &c.Merchants[i])
		if id := c.Merchants[i].ID; seen[id] {
			k.bad(p+".id", "%q is used twice", id)
		}
		seen[c.Merchants[i].ID] = true
		all += c.Merchants[i].Rate
	}
	if a.SourceRate == 0 {
		a.SourceRate = max(100, 2*all)
	}
	if a.SourceRate < 0 {
		k.bad("api.source_rate", "must not be negative")
	}
}

func (k *checker) merchant(p string, c *Config, m *Merchant) {
	if !idShape.MatchString(m.ID) {
		k.bad(p+".id", "%q holds more than letters, digits, _ and - (at most 40)", m.ID)
	}
	if len(m.Keys) == 0 {
		k.bad(p+".keys", "at least one key is needed")
	}
	seen := map[string]bool{}
	for i := range m.Keys {
		at := fmt.Sprintf("%s.keys.%d", p, i)
		k.merchantKey(at, c, &m.Keys[i])
		if id := m.Keys[i].ID; seen[id] {
			k.bad(at+".id", "%q is used twice", id)
		}
		seen[m.Keys[i].ID] = true
	}
	if m.LateSuccess != "" {
		k.oneOf(p+".late_success", m.LateSuccess, []string{"refund", "manual"})
	}
	for i, word := range m.Allow {
		k.oneOf(fmt.Sprintf("%s.allow.%d", p, i), word, permissions)
	}
	for i, name := range m.Accounts {
		if _, ok := c.Account(name); !ok {
			k.bad(fmt.Sprintf("%s.accounts.%d", p, i), "there is no account %q", name)
		}
	}
	if m.Rate == 0 {
		m.Rate = 50
	}
	if m.Burst == 0 {
		m.Burst = 2 * m.Rate
	}
	if m.Rate < 0 || m.Burst < 0 {
		k.bad(p+".rate", "must not be negative")
	}
	m.NotifyKeyFile = k.secret(p+".notify_key_file", m.NotifyKeyFile, false)
}

func (k *checker) merchantKey(p string, c *Config, m *MerchantKey) {
	if !idShape.MatchString(m.ID) {
		k.bad(p+".id", "%q holds more than letters, digits, _ and - (at most 40)", m.ID)
	}
	k.oneOf(p+".algorithm", m.Algorithm, algorithms)
	switch m.Algorithm {
	case HMACSHA256:
		m.SecretFile = k.secret(p+".secret_file", m.SecretFile, true)
	case RSASHA256, SM2SM3:
		if m.PublicKeyFile == "" {
			k.bad(p+".public_key_file", "is needed")
		} else {
			m.PublicKeyFile = k.regular(p+".public_key_file", m.PublicKeyFile, 0o777)
		}
		if m.Algorithm == RSASHA256 && c.API.AnswerKeyFile == "" {
			k.bad(p+".algorithm", "api.answer_key_file is needed: answers to this merchant are signed with it")
		}
		if m.Algorithm == SM2SM3 && c.API.AnswerSM2KeyFile == "" {
			k.bad(p+".algorithm", "api.answer_sm2_key_file is needed: answers to this merchant are signed with it")
		}
	}
}
