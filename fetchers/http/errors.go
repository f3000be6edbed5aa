package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"net/url"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/schemas"
)

// subject is what a message is about.
type subject struct{ channel, account, date string }

func (c *client) about(req schemas.StatementRequest) subject {
	return subject{req.Channel, req.Account, req.Date.String()}
}

func (c *client) aboutAccount() subject { return subject{c.opt.Channel, c.opt.Account, ""} }

// fault makes a fault of this subject; pairs are name, value, name, value.
func (s subject) fault(id fault.ID, cause error, u *url.URL, pairs ...any) *fault.Error {
	v := fault.V{"channel": s.channel, "account": s.account, "date": s.date, "place": place(u)}
	for i := 0; i+1 < len(pairs); i += 2 {
		v[pairs[i].(string)] = pairs[i+1]
	}
	return fault.New(id, v, cause)
}

// place says where without any secret: no query, no user name.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// Reasons why a body is given up; causes of its context.
var (
	errIdle  = errors.New("no byte came for the idle limit")
	errSlow  = errors.New("fewer bytes a second than the minimum rate")
	errTotal = errors.New("the total time limit passed")
)

// broken turns what the network did into a fault. A call that the caller
// cancelled stays a context error. The text loses every part of the URL's
// query and of the credentials that were sent.
func (s subject) broken(ctx context.Context, err error, u *url.URL, secrets ...string) error {
	for _, reason := range []error{errIdle, errSlow, errTotal} {
		if errors.Is(err, reason) || errors.Is(context.Cause(ctx), reason) {
			return s.fault("E-3111", nil, u, "reason", reason.Error())
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	cause := clean(err, u, secrets...)
	var no *refused
	switch {
	case errors.As(err, &no):
		return s.fault("E-3011", nil, u, "reason", no.reason)
	case untrusted(err):
		return s.fault("E-3010", cause, u)
	}
	return s.fault("E-3110", cause, u)
}

// untrusted tells whether TLS failed for a reason that repeating does not mend.
func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var alert *net.OpError // how crypto/tls gives the other side's alert
	var record tls.RecordHeaderError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &alert) && alert.Op == "remote error":
		return !strings.Contains(alert.Error(), "internal error") // its server is in trouble, not its identity
	case errors.Is(err, nethttp.ErrSchemeMismatch), errors.As(err, &record), errors.As(err, &verify):
		return true
	}
	return errors.As(err, &name) || errors.As(err, &authority) || errors.As(err, &invalid) ||
		strings.Contains(err.Error(), "tls: server selected unsupported protocol")
}

// cleaned is an error whose text holds no secret. What is behind it can be
// asked for with errors.Is and not be reached: its own text holds what was sent.
type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string        { return c.text }
func (c *cleaned) Is(target error) bool { return errors.Is(c.err, target) }

func clean(err error, u *url.URL, secrets ...string) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	return &cleaned{redact(err.Error(), u, secrets...), err}
}

// redact takes the values of a link's query, and the given secrets, out of text
// that a server sent or that an error carries.
func redact(text string, u *url.URL, secrets ...string) string {
	secrets = append(secrets, u.RawQuery)
	for _, values := range u.Query() {
		for _, v := range values {
			secrets = append(secrets, v, url.QueryEscape(v))
		}
	}
	for _, s := range secrets {
		if len(s) >= 6 {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	return text
}

// redirected says that a server wanted to send us elsewhere.
func (s subject) redirected(u *url.URL, status int) error {
	return s.fault("E-3011", nil, u, "reason", fmt.Sprintf("a redirect (HTTP %d) is not followed", status))
}

// distrust turns a failed verification of an answer into a fault.
func (s subject) distrust(err error, u *url.URL, now time.Time) error {
	var skew *signing.ClockError
	if errors.As(err, &skew) {
		return s.clock(now, now.Add(skew.Skew), u)
	}
	return s.fault("E-3012", nil, u, "reason", err.Error())
}

// clock says that our clock is off by so much that signatures are refused.
func (s subject) clock(local, theirs time.Time, u *url.URL) error {
	id, off := fault.ID("E-3014"), local.Sub(theirs)
	if off < 0 {
		id, off = "E-3016", -off
	}
	return s.fault(id, nil, u, "minutes", int(off.Round(time.Minute)/time.Minute),
		"local", local.UTC().Format(time.RFC3339), "theirs", theirs.UTC().Format(time.RFC3339))
}

// again marks a failed download that a fresh link may mend; the fault inside is
// what remains when no try is left.
type again struct{ err error }

func (a *again) Error() string { return a.err.Error() }
func (a *again) Unwrap() error { return a.err }
