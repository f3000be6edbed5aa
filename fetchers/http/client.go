// Package http downloads statements over HTTPS: the download APIs of WeChat
// Pay, Alipay and UnionPay, and their active queries.
//
// In: a statement request, or the number of one payment or refund. Out: the
// statement's bytes as received, handed to a Keep function with the proofs that
// they are whole; or what the channel says about the payment. Called by the
// pipeline through fetchers.Source, and by its active query.
//
// What every request here has in common: only listed hosts at public addresses
// (checked when dialling, so that a name that changes its address gains
// nothing), no redirects, no proxy from the environment, TLS 1.2 or newer with
// full verification, limits on time, rate and size, bounded retries. Links,
// tokens, signatures and keys never reach an error or a log line.
package http

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	nethttp "net/http"
	"net/url"
	"time"
)

// Options are what the three clients have in common. Now is required; the zero
// value of everything else is the strict default.
type Options struct {
	Channel string // names for messages, such as "wechat"
	Account string // the merchant account number at the channel

	// DownloadHosts may be contacted beside the host of the base URL: "host"
	// means port 443, "host:port" that port.
	DownloadHosts []string
	// PrivateHosts may be contacted too, also at loopback or private addresses;
	// the host of the base URL must be named here if it lies at one.
	PrivateHosts []string
	// PlainHTTP allows http:// for PrivateHosts. Everywhere else it is refused.
	PlainHTTP bool

	RootCAs   *x509.CertPool // nil: the system's
	Proxy     *url.URL       // nil: none; variables of the environment are never read
	UserAgent string         // "": tieout

	Limits Limits
	Retry  Retry

	Now func() time.Time
	Log *slog.Logger // nil: silent; lines carry host and path, never a query
}

// Limits bound one call or download. A zero field has the default in brackets.
type Limits struct {
	Connect time.Duration // TCP connect [10 s]
	TLS     time.Duration // TLS handshake [10 s]
	Header  time.Duration // request sent to answer header [60 s]
	Idle    time.Duration // silence within a body [30 s]
	Call    time.Duration // one small call with its answer [60 s]
	Total   time.Duration // everything that one Fetch does [30 min]

	// A body that brings fewer than MinRate bytes a second [1024] over a
	// RateWindow [60 s] is given up.
	MinRate    int64
	RateWindow time.Duration

	MaxAnswer   int64 // bytes of an API answer [1 MiB]
	MaxBytes    int64 // bytes of a statement as received [2 GiB; UnionPay, in memory: 256 MiB]
	MaxUnpacked int64 // bytes that are unpacked to check a digest [16 GiB]
}

// Retry bounds the repetitions of one call. A zero field has the default in
// brackets.
type Retry struct {
	Max   int           // repetitions after the first try [3]; negative: none
	First time.Duration // first pause, doubled each time, with jitter [500 ms]
	Last  time.Duration // longest pause, also when the server asks for a longer one [20 s]
}

// client makes requests under these rules. Safe for concurrent use.
type client struct {
	opt   Options
	guard *guard
	api   *nethttp.Client // small calls: the time limit covers the body
	file  *nethttp.Client // downloads: the body is watched instead
}

func newClient(opt Options, baseURL string) (*client, *url.URL, error) {
	if opt.Now == nil {
		return nil, nil, fmt.Errorf("http client of %s: no clock is given", opt.Channel)
	}
	opt.Limits, opt.Retry = opt.Limits.withDefaults(), opt.Retry.withDefaults()
	if opt.UserAgent == "" {
		opt.UserAgent = "tieout"
	}
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, nil, fmt.Errorf("http client of %s: the base URL is not scheme://host/path", opt.Channel)
	}
	if base.Path == "" {
		base.Path = "/"
	}
	guard, err := newGuard(opt, base)
	if err != nil {
		return nil, nil, err
	}
	if err := guard.check(base); err != nil {
		return nil, nil, fmt.Errorf("http client of %s: base URL: %w", opt.Channel, err)
	}
	transport := &nethttp.Transport{
		DialContext:            guard.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opt.RootCAs},
		TLSHandshakeTimeout:    opt.Limits.TLS,
		ResponseHeaderTimeout:  opt.Limits.Header,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    16,   // as many calls as a gateway account has under way
		DisableCompression:     true, // length and digest are those of the bytes on the wire
	}
	if opt.Proxy != nil {
		transport.Proxy = nethttp.ProxyURL(opt.Proxy)
	}
	stay := func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }
	return &client{
		opt:   opt,
		guard: guard,
		api:   &nethttp.Client{Transport: transport, CheckRedirect: stay, Timeout: opt.Limits.Call},
		file:  &nethttp.Client{Transport: transport, CheckRedirect: stay},
	}, base, nil
}

// Guarded returns an HTTP client that keeps to these rules and may contact the
// host of baseURL alone, for the calls of an account that move money: it
// repeats nothing by itself.
func Guarded(opt Options, baseURL string) (*nethttp.Client, error) {
	c, _, err := newClient(opt, baseURL)
	if err != nil {
		return nil, err
	}
	return c.api, nil
}

// Close closes idle connections.
func (c *client) Close() { c.file.CloseIdleConnections() }

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Connect, 10 * time.Second}, {&l.TLS, 10 * time.Second}, {&l.Header, time.Minute}, {&l.Idle, 30 * time.Second},
		{&l.Call, time.Minute}, {&l.Total, 30 * time.Minute}, {&l.RateWindow, time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int64
		value int64
	}{{&l.MinRate, 1024}, {&l.MaxAnswer, 1 << 20}, {&l.MaxBytes, 2 << 30}, {&l.MaxUnpacked, 16 << 30}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return l
}

func (r Retry) withDefaults() Retry {
	if r.Max == 0 {
		r.Max = 3
	}
	r.Max = max(r.Max, 0)
	if r.First == 0 {
		r.First = 500 * time.Millisecond
	}
	if r.Last == 0 {
		r.Last = 20 * time.Second
	}
	return r
}
