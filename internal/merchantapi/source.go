package merchantapi

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"tieout/internal/fault"
)

// maxSources bounds how many addresses are remembered; the one that was silent
// longest is forgotten first.
const maxSources = 4096

// LimitSources lets so many requests a second through from each address, before
// anything of them is read: nobody can have signatures checked as fast as he
// can send. The addresses of one IPv6 network (/64) are one source.
func LimitSources(next http.Handler, perSecond float64, burst int) http.Handler {
	s := newSources(perSecond, burst)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.allow(sourceOf(r.RemoteAddr)) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close") // what it would send is not read either
		problem(language(r.Header.Get("Accept-Language")), fault.New("E-6412", fault.V{"rate": perSecond}, nil)).write(w)
	})
}

// sources are the addresses that were heard last.
type sources struct {
	perSecond float64
	burst     int

	mu     sync.Mutex
	known  map[netip.Prefix]*list.Element // of recent
	recent list.List                      // of *source, the latest first
}

type source struct {
	from  netip.Prefix
	limit *rate.Limiter
}

func newSources(perSecond float64, burst int) *sources {
	return &sources{perSecond: perSecond, burst: burst, known: map[netip.Prefix]*list.Element{}}
}

func (s *sources) allow(from netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[from]
	if e == nil {
		if s.recent.Len() >= maxSources {
			delete(s.known, s.recent.Remove(s.recent.Back()).(*source).from)
		}
		e = s.recent.PushFront(&source{from, rate.NewLimiter(rate.Limit(s.perSecond), s.burst)})
		s.known[from] = e
	}
	s.recent.MoveToFront(e)
	return e.Value.(*source).limit.Allow()
}

// sourceOf is who sends: an IPv4 address, or the network of an IPv6 one. What
// is no address is one source together.
func sourceOf(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
