package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/ssh"

	"tieout/fetchers"
	"tieout/fetchers/ftp"
	httpapi "tieout/fetchers/http"
	"tieout/fetchers/localdir"
	"tieout/fetchers/sftp"
	"tieout/internal/bizday"
	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/signing"
	"tieout/schemas/channels"
)

// remote builds the way to the channel: the source of statements, and the
// active query where the channel has one (nil where not).
func (s *site) remote(a *app, def *channels.Definition, conf config.Account) (fetchers.Source, pipeline.Querier, func(), error) {
	k := &keys{account: conf.Name}
	var source fetchers.Source
	var query pipeline.Querier
	var closer func()
	var err error
	switch {
	case conf.Fetch.Via == "api":
		source, query, closer, err = api(a, s, k, conf)
	case conf.Fetch.Via == "ftp":
		source, err = ftpSource(a, k, conf, s.spec(def, conf))
	case conf.Fetch.Via == "sftp":
		source, err = sftpSource(a, k, conf, s.spec(def, conf))
	default:
		source, err = localdir.New(localdir.Config{Root: conf.Fetch.Dir, Spec: withoutDir(s.spec(def, conf)), Now: a.now})
	}
	if conf.Query.Via == "api" && err == nil {
		asking := conf
		asking.Fetch = conf.Query
		_, query, closer, err = api(a, s, k, asking)
	}
	return source, query, closer, errors.Join(k.err(), err)
}

// api builds the client of a download API, which also answers active queries.
func api(a *app, s *site, k *keys, conf config.Account) (fetchers.Source, pipeline.Querier, func(), error) {
	f := conf.Fetch
	opt := httpapi.Options{Channel: conf.Channel, Account: conf.Merchant, Now: a.now, Log: s.log, RootCAs: k.roots(f.CAFile), DownloadHosts: f.Hosts}
	if f.AllowLoopback {
		opt.PrivateHosts, opt.PlainHTTP = loopback(f), true
		opt.DownloadHosts = append(opt.DownloadHosts, opt.PrivateHosts...)
	}
	private := k.private("private_key_file", f.PrivateKeyFile)
	var platform signing.PublicKeys
	var known alipayKeys
	switch conf.Channel { // UnionPay's keys come as certificates, with each answer
	case "wechat":
		platform = k.public(f.PlatformKeys)
	case "alipay":
		known = k.alipay(f, private)
	}
	if err := k.err(); err != nil {
		return nil, nil, nil, err
	}
	switch conf.Channel {
	case "wechat":
		c, err := httpapi.NewWeChat(httpapi.WeChatConfig{Options: opt, BaseURL: f.BaseURL, MchID: conf.Merchant, Serial: f.Serial, Key: private, PlatformKeys: platform})
		if err := errors.Join(k.err(), err); err != nil {
			return nil, nil, nil, err
		}
		return c, c, c.Close, nil
	case "alipay":
		c, err := httpapi.NewAlipay(httpapi.AlipayConfig{Options: opt, Gateway: f.BaseURL, AppID: f.AppID, PID: conf.Merchant, Key: private,
			PublicKey: known.one, CertKeys: known.named, AppCertSN: known.appSN, RootCertSN: known.rootSN})
		if err := errors.Join(k.err(), err); err != nil {
			return nil, nil, nil, err
		}
		return c, c, c.Close, nil
	case "unionpay":
		c, err := unionPay(opt, k, conf, private)
		if err := errors.Join(k.err(), err); err != nil {
			return nil, nil, nil, err
		}
		return c, c, c.Close, nil
	}
	return nil, nil, nil, fault.New("E-7892", fault.V{"account": conf.Name, "option": "fetch.via", "reason": "channel " + conf.Channel + " has no download API"}, nil)
}

func unionPay(opt httpapi.Options, k *keys, conf config.Account, private *rsa.PrivateKey) (*httpapi.UnionPay, error) {
	f := conf.Fetch
	return httpapi.NewUnionPay(httpapi.UnionPayConfig{Options: opt, FileURL: f.BaseURL, QueryURL: f.QueryURL, MerID: conf.Merchant, CertID: f.Serial, Key: private,
		Trust: unionPayTrust(k, f)})
}

// loopback lists the hosts of this machine that a simulator's account talks to.
func loopback(f config.Fetch) []string {
	var hosts []string
	for _, u := range []string{f.BaseURL, f.QueryURL} {
		if parsed, err := url.Parse(u); err == nil && parsed.Host != "" {
			hosts = append(hosts, parsed.Host)
		}
	}
	return hosts
}

func ftpSource(a *app, k *keys, conf config.Account, spec fetchers.FileSpec) (fetchers.Source, error) {
	f := conf.Fetch
	return ftp.New(ftp.Config{Addr: f.Address, User: f.User, Password: k.secret("password_file", f.PasswordFile), RootCAs: k.roots(f.CAFile),
		AllowCleartext: !f.TLS, Reason: f.AllowCleartext, Spec: spec, Now: a.now})
}

func sftpSource(a *app, k *keys, conf config.Account, spec fetchers.FileSpec) (fetchers.Source, error) {
	f := conf.Fetch
	c := sftp.Config{Addr: f.Address, User: f.User, HostKeys: sftp.HostKeys{File: f.KnownHostsFile}, Spec: spec, Now: a.now}
	if f.HostKey != "" {
		c.HostKeys.Fingerprints = []string{f.HostKey}
	}
	if f.PasswordFile != "" {
		c.Password = k.secret("password_file", f.PasswordFile)
	}
	if f.PrivateKeyFile != "" {
		signer, err := ssh.ParsePrivateKey(k.bytes("private_key_file", f.PrivateKeyFile))
		if err != nil {
			k.bad("private_key_file", "is not a private key of SSH without a passphrase")
		}
		c.Key = signer
	}
	if err := k.err(); err != nil {
		return nil, err
	}
	return sftp.New(c)
}

// spec says how the files of an account are named and when they are finished.
func (s *site) spec(def *channels.Definition, conf config.Account) fetchers.FileSpec {
	f := conf.Fetch
	ladder := s.ladder(def, conf.Schedule)
	return fetchers.FileSpec{Dir: f.Dir, Name: f.File, GBK: f.GBKNames, Marker: fetchers.Marker{Kind: fetchers.MarkerKind(f.Marker), Name: f.MarkerFor},
		Parts: fetchers.Parts{Count: f.Parts}, Empty: fetchers.EmptyRule(f.EmptyDay), Poll: f.Poll,
		Ready: func(d bizday.Date) time.Time {
			l, err := ladder(d)
			if err != nil {
				return time.Time{} // config has checked the clock
			}
			return l.ReadyAt
		}}
}

func withoutDir(s fetchers.FileSpec) fetchers.FileSpec {
	s.Dir = ""
	return s
}

// keys loads secrets and collects what is wrong with them; a value is never
// part of a message.
type keys struct {
	account string
	errs    []error
}

func (k *keys) bad(option, reason string) {
	k.errs = append(k.errs, fault.New("E-7892", fault.V{"account": k.account, "option": option, "reason": reason}, nil))
}

func (k *keys) err() error { return errors.Join(k.errs...) }

func (k *keys) bytes(option, file string) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		k.bad(option, "the file cannot be read")
	}
	return b
}

// secret is the content of a file without the line end.
func (k *keys) secret(option, file string) string {
	return strings.TrimRight(string(k.bytes(option, file)), "\r\n")
}

func (k *keys) private(option, file string) *rsa.PrivateKey {
	key, err := signing.ParsePrivateKey(k.bytes(option, file))
	if err != nil {
		k.bad(option, "is not an RSA private key in PEM")
	}
	return key
}

func (k *keys) public(files map[string]string) signing.PublicKeys {
	all := signing.PublicKeys{}
	for id, file := range files {
		if pub := k.rsaPublic("platform_keys."+id, file); pub != nil {
			all[id] = pub
		}
	}
	return all
}

func (k *keys) rsaPublic(option, file string) *rsa.PublicKey {
	key, err := signing.ParsePublicKey(k.bytes(option, file))
	if err != nil {
		k.bad(option, "is not an RSA public key or certificate in PEM")
		return nil
	}
	return key
}

func (k *keys) sm2Private(option, file string) *sm2.PrivateKey {
	key, err := signing.ParseSM2PrivateKey(k.bytes(option, file))
	if err != nil {
		k.bad(option, "is not an SM2 private key in PEM")
	}
	return key
}

func (k *keys) sm2Public(option, file string) *ecdsa.PublicKey {
	key, err := signing.ParseSM2PublicKey(k.bytes(option, file))
	if err != nil {
		k.bad(option, "is not an SM2 public key or certificate in PEM")
	}
	return key
}

// roots are the machine's authorities, or those of a file; nil means the
// machine's.
func (k *keys) roots(file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	return k.pool("ca_file", map[string]string{"ca_file": file})
}

func (k *keys) pool(id string, files map[string]string) *x509.CertPool {
	pool := x509.NewCertPool()
	file, ok := files[id]
	if !ok || !pool.AppendCertsFromPEM(k.bytes("platform_keys."+id, file)) {
		k.bad("platform_keys."+id, "a certificate in PEM is needed")
	}
	return pool
}
