// Package channelsim plays the payment channels on loopback: WeChat Pay API v3,
// the Alipay gateway, UnionPay's file and query services, and one bank.
//
// In: payments and refunds that the caller says were made (Pay, Refund) or that
// come through the channels' own APIs and a played payer (PayNow), and faults
// that it asks for (Inject, FailNext). Out: signed notifications to the payment
// core, signed answers to active queries, and each day's statements in the
// channels' own bytes over HTTP(S), FTP and SFTP. Called by `tieout demo`, by
// the end-to-end tests, and by an operator who tries a configuration by hand.
//
// It is the other side of the wire: it shares nothing with the decoders that
// read its statements, and it never touches the local books. What the local
// side of a planned fault must do is data in the traffic plan (Op.Local), for
// the caller to carry out.
//
// Everything but keys, signatures, nonces and tokens follows from the seed and
// the clock: the same calls give the same statement bytes.
package channelsim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"tieout/internal/bizday"
)

// The channels that are played, by their names in a configuration.
const (
	WeChat   = "wechat"
	Alipay   = "alipay"
	UnionPay = "unionpay"
	Bank     = "bankdemo"
)

// Channels lists them in a fixed order.
func Channels() []string { return []string{WeChat, Alipay, UnionPay, Bank} }

// Options says how to play. Only Now is required.
type Options struct {
	Now  func() time.Time // the channels' clock: readiness of statements, signatures, link life
	Seed uint64           // picks the channels' own numbers

	Host      string // loopback address to listen on; "" is 127.0.0.1
	HTTPPort  int    // 0 is any free port; likewise the next two
	FTPPort   int
	SFTPPort  int
	PlainHTTP bool // HTTP instead of HTTPS

	// AlipayCerts puts the merchant's app at Alipay into certificate mode.
	AlipayCerts bool

	Merchants Merchants     // empty fields take the defaults
	Keys      *Keys         // nil makes new ones
	LinkLife  time.Duration // of a download link; 0 is 30 s
	ReadyAt   time.Duration // after midnight of the next day; 0 is 10 h
	Client    *http.Client  // sends notifications; nil is one with a 10 s limit and no proxy
}

// Merchants are our account numbers at the channels.
type Merchants struct {
	WeChat   string // mchid, 8 to 10 digits
	Alipay   string // partner id (PID), 16 digits that begin 2088
	UnionPay string // merId, 15 characters
	Bank     string // merchant number of the demo bank, 12 digits
}

// Of returns the number at one channel, "" for a channel that is not played.
func (m Merchants) Of(channel string) string {
	return map[string]string{WeChat: m.WeChat, Alipay: m.Alipay, UnionPay: m.UnionPay, Bank: m.Bank}[channel]
}

// Sim is the running channels. All methods may be called from several
// goroutines.
type Sim struct {
	opt   Options
	zone  *time.Location
	keys  *Keys
	tls   *tls.Config
	bill  *billing // the channels' books and publications
	links *links
	mail  *mailroom            // notifications that wait to be delivered
	made  map[string]*madeFile // of the channels with a folder

	http *http.Server
	ftp  *ftpServer
	sftp *sftpServer
	base string // URL of the HTTP server

	done      sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Start opens the listeners and serves until Close, or until ctx ends.
func Start(ctx context.Context, opt Options) (*Sim, error) {
	if opt.Now == nil {
		return nil, errors.New("start channelsim: Options.Now is required")
	}
	opt.setDefaults()
	if ip := net.ParseIP(opt.Host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("start channelsim: %q is not a loopback address", opt.Host)
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, fmt.Errorf("start channelsim: %w", err)
	}
	s := &Sim{opt: opt, zone: zone, keys: opt.Keys}
	if s.keys == nil {
		if s.keys, err = NewKeys(); err != nil {
			return nil, fmt.Errorf("start channelsim: make keys: %w", err)
		}
	}
	if s.tls, err = s.keys.serverTLS(opt.Host); err != nil {
		return nil, fmt.Errorf("start channelsim: server certificate: %w", err)
	}
	s.bill = newBilling(opt, zone)
	s.links = newLinks(opt.LinkLife)
	s.mail = newMailroom(s)
	s.made = map[string]*madeFile{UnionPay: {}, Bank: {}}
	if err := s.listen(); err != nil {
		s.Close()
		return nil, fmt.Errorf("start channelsim: %w", err)
	}
	context.AfterFunc(ctx, func() { s.Close() })
	return s, nil
}

func (o *Options) setDefaults() {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.LinkLife == 0 {
		o.LinkLife = 30 * time.Second
	}
	if o.ReadyAt == 0 {
		o.ReadyAt = 10 * time.Hour
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: notifyWorkers}}
	}
	for _, m := range []struct {
		field *string
		value string
	}{
		{&o.Merchants.WeChat, "1604010101"},
		{&o.Merchants.Alipay, "2088000000010101"},
		{&o.Merchants.UnionPay, "898310100010101"},
		{&o.Merchants.Bank, "103100010101"},
	} {
		if *m.field == "" {
			*m.field = m.value
		}
	}
}

// listen opens all ports first and serves afterwards, so that a port that is
// taken leaves nothing running.
func (s *Sim) listen() error {
	web, err := net.Listen("tcp", hostPort(s.opt.Host, s.opt.HTTPPort))
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	scheme := "http"
	if !s.opt.PlainHTTP {
		scheme, web = "https", tls.NewListener(web, s.tls)
	}
	s.base = scheme + "://" + web.Addr().String()
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet()}
	s.done.Go(func() { s.http.Serve(web) }) // returns when Close closes it
	if s.sftp, err = serveSFTP(s); err != nil {
		return fmt.Errorf("listen for SFTP: %w", err)
	}
	if s.ftp, err = serveFTP(s); err != nil {
		return fmt.Errorf("listen for FTP: %w", err)
	}
	return nil
}

// Close stops all servers and waits for them. Notifications that were not
// delivered yet are dropped.
func (s *Sim) Close() error {
	s.closeOnce.Do(func() {
		if s.http != nil {
			s.closeErr = s.http.Close()
		}
		if s.sftp != nil {
			s.closeErr = errors.Join(s.closeErr, s.sftp.close())
		}
		if s.ftp != nil {
			s.closeErr = errors.Join(s.closeErr, s.ftp.close())
		}
		s.done.Wait()
		s.opt.Client.CloseIdleConnections()
	})
	return s.closeErr
}

// day returns how a channel cuts time into bill dates.
func day(channel string, zone *time.Location) bizday.Day {
	if channel == UnionPay {
		return bizday.Day{Zone: zone, CutOff: 23 * time.Hour, Previous: true}
	}
	return bizday.Day{Zone: zone}
}

// BillDate returns the bill date of a channel that holds t.
func (s *Sim) BillDate(channel string, t time.Time) bizday.Date {
	return day(channel, s.zone).DateOf(t.UnixMicro())
}
