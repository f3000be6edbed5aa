package http

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// guard decides which addresses may be contacted: by name before a request is
// made, and by number when the connection is dialled. The second check is the
// one that a name server in foreign hands cannot get around.
type guard struct {
	hosts   map[string]bool // "host:port" in lower case → may lie at a private address
	plain   bool            // http:// is allowed for private hosts
	connect time.Duration
}

// refused says why an address is not contacted.
type refused struct{ reason string }

func (r *refused) Error() string { return r.reason }

func newGuard(opt Options, base *url.URL) (*guard, error) {
	g := &guard{hosts: map[string]bool{}, plain: opt.PlainHTTP, connect: opt.Limits.Connect}
	g.hosts[hostPort(base)] = false
	for _, h := range slices.Concat(opt.DownloadHosts, opt.PrivateHosts) {
		if strings.ContainsAny(h, "/@?#% ") || h == "" {
			return nil, fmt.Errorf("host %.80q is not of the form host or host:port", h)
		}
	}
	for _, h := range opt.DownloadHosts {
		g.hosts[withPort(h, "443")] = false
	}
	for _, h := range opt.PrivateHosts {
		g.private(h)
	}
	if opt.Proxy != nil {
		g.hosts[hostPort(opt.Proxy)] = true
	}
	return g, nil
}

// private marks a host that may lie inside. Written without a port it means
// every port of that name that is listed, and 443.
func (g *guard) private(host string) {
	g.hosts[withPort(host, "443")] = true
	for listed := range g.hosts {
		if name, port, err := net.SplitHostPort(listed); err == nil && withPort(host, port) == net.JoinHostPort(name, port) {
			g.hosts[listed] = true
		}
	}
}

// check judges a URL before it is used.
func (g *guard) check(u *url.URL) error {
	private, listed := g.hosts[hostPort(u)]
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return &refused{fmt.Sprintf("the scheme %.20q is not https", u.Scheme)}
	case u.User != nil:
		return &refused{"the address holds a user name"}
	case !listed:
		return &refused{fmt.Sprintf("the host %.100q is not listed for this account", u.Host)}
	case u.Scheme == "http" && !(private && g.plain):
		return &refused{"http without TLS"}
	}
	return nil
}

// dial connects to a listed host, if its address is a public one or the host
// may be private.
func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	private, listed := g.hosts[strings.ToLower(addr)]
	if !listed {
		return nil, &refused{fmt.Sprintf("the host %.100q is not listed for this account", addr)}
	}
	d := net.Dialer{Timeout: g.connect, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return &refused{"the address does not parse"}
		}
		if !allowed(to.Addr(), private) {
			return &refused{fmt.Sprintf("%s is not a public address", to.Addr())}
		}
		return nil
	}}
	return d.DialContext(ctx, network, addr)
}

// special lists ranges that are no place of a public server, beside those that
// netip knows by name (RFC 6890 and its registry).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	// IPv6 forms that carry an IPv4 address, which could be any of the above:
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("100::/64"),
}

func allowed(ip netip.Addr, private bool) bool {
	ip = ip.Unmap().WithZone("") // ::ffff:127.0.0.1 is 127.0.0.1
	if ip.IsLoopback() || ip.IsPrivate() {
		return private
	}
	if !ip.IsGlobalUnicast() { // link-local (cloud metadata), multicast, unspecified
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// hostPort gives "host:port" in lower case, with the scheme's own port if none
// is written.
func hostPort(u *url.URL) string {
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func withPort(host, port string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
