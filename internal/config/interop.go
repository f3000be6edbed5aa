package config

import (
	"fmt"
	"net"
	"net/url"

	"tieout/internal/money"
	"tieout/internal/signing"
)

// Interop is the agreement with a clearing organisation: payers of ours pay at
// merchants of others. Its messages come to <api.listen>/interop/<organisation>.
type Interop struct {
	Own          string `yaml:"own"`          // our name in messages
	Organisation string `yaml:"organisation"` // theirs
	// Suite is agreed; what a message says of itself decides nothing.
	Suite       string `yaml:"suite"`         // RSA_AES256_GCM, SM2_SM4_GCM, SM2_SM4_CBC
	Key         string `yaml:"key"`           // name of our signing key, as the organisation knows it
	SignKeyFile string `yaml:"sign_key_file"` // ours, private
	OpenKeyFile string `yaml:"open_key_file"` // ours, private: what they encrypt for us
	// VerifyKeys are their public signing keys, by the names that messages give;
	// several while one is replaced.
	VerifyKeys  map[string]string `yaml:"verify_keys"`
	WrapKeyFile string            `yaml:"wrap_key_file"` // theirs, public: what we encrypt for them
	URL         string            `yaml:"url"`           // where we apply for tokens
	CAFile      string            `yaml:"ca_file"`       // trust this authority instead of the machine's
	// AllowLoopback lets url be an address of this machine, for a trial.
	AllowLoopback bool `yaml:"allow_loopback"`
	// Limits bound what a wallet pays through it, by currency.
	Limits []InteropLimit `yaml:"limits"`
	// Bank of ours pays the organisation what we owe it, to Payee; "" = nobody
	// pays by this program.
	Bank  string `yaml:"bank"`
	Payee Payee  `yaml:"payee"`
}

// InteropLimit is in minor units; 0 is no bound.
type InteropLimit struct {
	Currency   string `yaml:"currency"`
	DebitMinor int64  `yaml:"debit_minor"` // one debit
	DayMinor   int64  `yaml:"day_minor"`   // all of a day of the settlement's zone
}

func (k *checker) interop(c *Config) {
	seen := map[string]bool{}
	for n := range c.Interop {
		p, i := fmt.Sprintf("interop.%d.", n), &c.Interop[n]
		if seen[i.Organisation] {
			k.bad(p+"organisation", "%q is used twice", i.Organisation)
		}
		seen[i.Organisation] = true
		k.agreement(p, i)
	}
	if len(c.Interop) > 0 && c.API.Listen == "" {
		k.bad("interop", "api.listen is needed: the organisation calls us there")
	}
}

func (k *checker) agreement(p string, i *Interop) {
	for path, id := range map[string]string{"own": i.Own, "organisation": i.Organisation, "key": i.Key} {
		if !idShape.MatchString(id) {
			k.bad(p+path, "%q holds more than letters, digits, _ and - (at most 40)", id)
		}
	}
	if i.Own == i.Organisation {
		k.bad(p+"organisation", "is our own name")
	}
	suites := make([]string, 0, len(signing.Suites()))
	for _, s := range signing.Suites() {
		suites = append(suites, string(s))
	}
	k.oneOf(p+"suite", i.Suite, suites)
	i.SignKeyFile = k.secret(p+"sign_key_file", i.SignKeyFile, true)
	i.OpenKeyFile = k.secret(p+"open_key_file", i.OpenKeyFile, true)
	if len(i.VerifyKeys) == 0 {
		k.bad(p+"verify_keys", "at least one key is needed")
	}
	for id, file := range i.VerifyKeys {
		i.VerifyKeys[id] = k.regular(p+"verify_keys."+id, file, 0o777)
	}
	if i.WrapKeyFile == "" {
		k.bad(p+"wrap_key_file", "is needed")
	} else {
		i.WrapKeyFile = k.regular(p+"wrap_key_file", i.WrapKeyFile, 0o777)
	}
	i.CAFile = k.optional(p+"ca_file", i.CAFile)
	k.interopLimits(p, i.Limits)
	if i.Bank != "" && !bankShape.MatchString(i.Bank) {
		k.bad(p+"bank", "%q is not of the form a-z 0-9 - (at most 20)", i.Bank)
	}
	if (i.Bank == "") != (i.Payee == Payee{}) || i.Bank != "" && (i.Payee.Name == "" || i.Payee.Account == "" || i.Payee.Bank == "") {
		k.bad(p+"payee", "name, account and bank are all needed")
	}
	if why := httpsOnly(i.URL, i.AllowLoopback); why != "" {
		k.bad(p+"url", "%s", why)
	}
}

func (k *checker) interopLimits(path string, limits []InteropLimit) {
	seen := map[string]bool{}
	for n, l := range limits {
		p := fmt.Sprintf("%slimits.%d", path, n)
		if _, known := money.Currency(l.Currency).Exponent(); !known || seen[l.Currency] {
			k.bad(p+".currency", "%q is no currency, or is there twice", l.Currency)
		}
		if seen[l.Currency] = true; l.DebitMinor < 0 || l.DayMinor < 0 {
			k.bad(p, "a limit is not below zero")
		}
	}
}

// httpsOnly says why an address is none for money; "" if it is one.
func httpsOnly(address string, loopback bool) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "must begin with https://"
	}
	if ip := net.ParseIP(u.Hostname()); !loopback && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return fmt.Sprintf("%s is this machine: allow_loopback is needed", u.Hostname())
	}
	return ""
}
