package main

import (
	"crypto/tls"
	"net/http"
	"time"

	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// newInterop makes both ways of the agreement with a clearing organisation: what
// it asks us for, and the tokens that we apply for. Both are nil without one.
func (s *site) newInterop(now func() time.Time, core *paycore.Core) (http.Handler, *interop.Tokens, error) {
	conf := s.cfg.Interop
	if conf.Own == "" {
		return nil, nil, nil
	}
	k := &keys{account: "interop"}
	link := &interop.Link{Own: conf.Own, Other: conf.Organisation, Suite: signing.Suite(conf.Suite), Key: conf.Key, Verify: map[string]signing.Verifier{}, Now: now}
	k.interop(conf, link)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: k.roots(conf.CAFile), MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if err := k.err(); err != nil {
		return nil, nil, err
	}
	limits, err := s.interopLimits()
	if err != nil {
		return nil, nil, err
	}
	return interop.NewServer(link, s.db, limits, s.log), interop.NewTokens(link, interop.NewClient(link, conf.URL, transport), core, s.db), nil
}

// interopLimits are what the configuration allows wallets; a day is one of the
// settlement's zone.
func (s *site) interopLimits() (interop.Limits, error) {
	zone, err := time.LoadLocation(s.cfg.Settlement.Zone)
	if err != nil {
		return interop.Limits{}, fault.New("E-7897", fault.V{"merchant": "-", "reason": "no such zone"}, err)
	}
	limits := interop.Limits{Of: map[string]paycore.DebitLimit{}, Zone: zone}
	for _, l := range s.cfg.Interop.Limits {
		limits.Of[l.Currency] = paycore.DebitLimit{Each: l.DebitMinor, Day: l.DayMinor}
	}
	return limits, nil
}

// interop loads the keys of both sides, of the kind that the suite names.
func (k *keys) interop(conf config.Interop, link *interop.Link) {
	if link.Suite == signing.SuiteRSA {
		link.Sign, link.Unwrap = signing.RSAPrivate{Key: k.private("sign_key_file", conf.SignKeyFile)}, signing.RSAPrivate{Key: k.private("open_key_file", conf.OpenKeyFile)}
		link.Wrap = signing.RSAPublic{Key: k.rsaPublic("wrap_key_file", conf.WrapKeyFile)}
		for id, file := range conf.VerifyKeys {
			link.Verify[id] = signing.RSAPublic{Key: k.rsaPublic("verify_keys."+id, file)}
		}
		return
	}
	link.Sign, link.Unwrap = signing.SM2Private{Key: k.sm2Private("sign_key_file", conf.SignKeyFile)}, signing.SM2Private{Key: k.sm2Private("open_key_file", conf.OpenKeyFile)}
	link.Wrap = signing.SM2Public{Key: k.sm2Public("wrap_key_file", conf.WrapKeyFile)}
	for id, file := range conf.VerifyKeys {
		link.Verify[id] = signing.SM2Public{Key: k.sm2Public("verify_keys."+id, file)}
	}
}
