package conformance

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// Kind is what a faulty line does once it has carried enough bytes.
type Kind int

// The kinds of faults.
const (
	None    Kind = iota
	Cut          // ends cleanly, as after a whole file
	Reset        // ends with a TCP reset
	Stall        // stays open and silent
	Trickle      // one byte every few milliseconds from here on
	Delay        // everything takes a few milliseconds more from here on
)

func (k Kind) String() string {
	return [...]string{"none", "cut", "reset", "stall", "trickle", "delay"}[k]
}

// Fault is scripted on every connection to a client: after After bytes towards
// the client, Kind happens.
type Fault struct {
	Kind  Kind
	After int64
	Times int    // on how many connections; 0 means on all
	Then  func() // called when it strikes for the first time; nil is nothing
}

// Proxy is a line between a client and servers on loopback that misbehaves on
// request. It is real TCP, so that deadlines, resets and half-closed
// connections are what they are in the world.
type Proxy struct {
	t testing.TB

	mu     sync.Mutex
	fault  Fault
	struck int
	fronts map[string]net.Listener
	conns  map[net.Conn]bool
	closed bool
	all    sync.WaitGroup
}

// NewProxy starts a line without faults; it ends with the test.
func NewProxy(t testing.TB) *Proxy {
	p := &Proxy{t: t, fronts: map[string]net.Listener{}, conns: map[net.Conn]bool{}}
	t.Cleanup(p.close)
	return p
}

// Set scripts a fault and forgets the one before.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.struck = f, 0
}

// Struck tells on how many connections the fault has happened.
func (p *Proxy) Struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// Front returns an address on loopback behind which target lies.
func (p *Proxy) Front(target string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.fronts[target]; ok {
		return l.Addr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.fronts[target] = l
	p.all.Go(func() { p.serve(l, target) })
	return l.Addr().String()
}

// DialContext is for clients that let one choose how they dial; each target
// gets its front, also the data ports of FTP.
func (p *Proxy) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, p.Front(addr))
}

func (p *Proxy) serve(l net.Listener, target string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", target)
		if err != nil {
			client.Close()
			continue
		}
		if !p.track(client, server) {
			return
		}
		gone := make(chan struct{})
		p.all.Go(func() { p.up(client, server, gone) })
		p.all.Go(func() { p.down(client, server, gone) })
	}
}

// up carries the client's bytes, always faithfully, and closes gone when there
// are no more.
func (p *Proxy) up(client, server net.Conn, gone chan<- struct{}) {
	defer close(gone)
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 {
			if _, err := server.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	server.(*net.TCPConn).CloseWrite()
}

// down carries the server's bytes until the fault strikes.
func (p *Proxy) down(client, server net.Conn, gone <-chan struct{}) {
	defer p.forget(client, server)
	buf := make([]byte, 32<<10)
	var carried int64
	struck, delayed := false, false
	for {
		n, err := server.Read(buf)
		data := buf[:n]
		if delayed {
			<-time.After(4 * time.Millisecond)
		}
		for len(data) > 0 {
			part := data
			f, due := p.due(carried+int64(len(data)), struck)
			if due {
				part = data[:max(0, f.After-carried)]
			}
			if _, err := client.Write(part); err != nil {
				return
			}
			carried += int64(len(part))
			data = data[len(part):]
			if !due {
				continue
			}
			if !p.strike(f) {
				struck = true // others were faster; this line stays good
				continue
			}
			struck = true
			switch f.Kind {
			case Cut:
				return
			case Reset:
				client.(*net.TCPConn).SetLinger(0)
				return
			case Stall:
				<-gone
				return
			case Delay:
				delayed = true
			case Trickle:
				p.trickle(client, server, data)
				return
			}
		}
		if err != nil {
			client.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// due tells whether the fault strikes within the next bytes.
func (p *Proxy) due(upTo int64, struck bool) (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.fault
	return f, !struck && f.Kind != None && upTo > f.After && (f.Times == 0 || p.struck < f.Times)
}

// strike counts one; false means that the fault is used up.
func (p *Proxy) strike(f Fault) bool {
	p.mu.Lock()
	if f.Times > 0 && p.struck >= f.Times {
		p.mu.Unlock()
		return false
	}
	p.struck++
	first := p.struck == 1
	p.mu.Unlock()
	if first && f.Then != nil {
		f.Then()
	}
	return true
}

func (p *Proxy) trickle(client, server net.Conn, data []byte) {
	drip := time.NewTicker(3 * time.Millisecond)
	defer drip.Stop()
	buf := make([]byte, 1)
	for {
		if len(data) == 0 {
			n, err := server.Read(buf)
			if n == 0 || err != nil {
				return
			}
			data = buf[:n]
		}
		<-drip.C
		if _, err := client.Write(data[:1]); err != nil {
			return
		}
		data = data[1:]
	}
}

func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			c.Close()
		} else {
			p.conns[c] = true
		}
	}
	return !p.closed
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.conns, c)
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	for _, l := range p.fronts {
		l.Close()
	}
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.all.Wait()
}
