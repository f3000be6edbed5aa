package main

import (
	"crypto/tls"
	"net/http"
	"strings"
	"time"

	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// agreement is one with a clearing organisation, both ways: what it asks us for,
// and the tokens that we apply for.
type agreement struct {
	config.Interop
	messages http.Handler
	tokens   *interop.Tokens
}

// newInterop makes the agreements of the configuration, each with keys of its
// own.
func (s *site) newInterop(now func() time.Time, core *paycore.Core) ([]agreement, error) {
	rules, err := s.riskRules()
	if err != nil {
		return nil, err
	}
	all := make([]agreement, len(s.cfg.Interop))
	for i, conf := range s.cfg.Interop {
		k := &keys{account: "interop " + conf.Organisation}
		link := &interop.Link{Own: conf.Own, Other: conf.Organisation, Suite: signing.Suite(conf.Suite), Key: conf.Key, Verify: map[string]signing.Verifier{}, Now: now}
		k.interop(conf, link)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: k.roots(conf.CAFile), MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
		if err := k.err(); err != nil {
			return nil, err
		}
		limits, err := s.interopLimits(conf)
		if err != nil {
			return nil, err
		}
		all[i] = agreement{conf, interop.NewServer(link, s.db, limits, rules, s.log), interop.NewTokens(link, interop.NewClient(link, conf.URL, transport), core, s.db)}
	}
	return all, nil
}

// interopWith is the agreement with an organisation; with "" the only one.
func (s *site) interopWith(organisation string) (config.Interop, error) {
	var known []string
	for _, conf := range s.cfg.Interop {
		if conf.Organisation == organisation || organisation == "" && len(s.cfg.Interop) == 1 {
			return conf, nil
		}
		known = append(known, conf.Organisation)
	}
	reason := "the configuration has no interop"
	if len(known) > 0 {
		reason = "name one of the organisations: " + strings.Join(known, ", ")
	}
	return config.Interop{}, fault.New("E-7892", fault.V{"account": "-", "option": "interop", "reason": reason}, nil)
}

// interopLimits are what the configuration allows wallets; a day is one of the
// settlement's zone.
func (s *site) interopLimits(conf config.Interop) (interop.Limits, error) {
	zone, err := time.LoadLocation(s.cfg.Settlement.Zone)
	if err != nil {
		return interop.Limits{}, fault.New("E-7897", fault.V{"merchant": "-", "reason": "no such zone"}, err)
	}
	limits := interop.Limits{Of: map[string]paycore.DebitLimit{}, Zone: zone}
	for _, l := range conf.Limits {
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
