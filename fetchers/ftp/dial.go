package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"

	"tieout/fetchers"
	"tieout/internal/fault"
)

// tlsConfig verifies the server fully. The session cache is shared by control
// and data connections: servers refuse a data connection that is not the same
// TLS session, so that nobody else can pick up our file.
func tlsConfig(c *Config) *tls.Config {
	return &tls.Config{ServerName: c.ServerName, RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(8)}
}

// dial logs in: AUTH TLS before anything secret is said, then USER, PASS,
// TYPE I, PBSZ 0 and PROT P.
func dial(ctx context.Context, c *Config, secure *tls.Config, place string) (_ *folder, err error) {
	defer recovered(&err)
	w := &wires{ctx: ctx, dial: c.Dial, addr: c.Addr, secure: secure}
	defer w.until(ctx)()
	options := []ftp.DialOption{ftp.DialWithDialFunc(w.connect), ftp.DialWithDisabledUTF8(c.Spec.GBK)}
	if secure != nil {
		options = append(options, ftp.DialWithExplicitTLS(secure))
	}
	conn, err := ftp.Dial(c.Addr, options...)
	if err != nil {
		w.close()
		return nil, refusedDial(err, secure != nil, place)
	}
	if err := conn.Login(c.User, c.Password); err != nil {
		w.close()
		return nil, refusedLogin(err, secure != nil, place)
	}
	return &folder{wires: w, conn: conn, place: place}, nil
}

// recovered makes an error of a panic: the library slices some answers of the
// server without looking.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fetchers.As(fetchers.Temporary, fmt.Errorf("an answer of the server cannot be understood: %v", r))
	}
}

// wires are the TCP connections of one session: the first is the control
// connection, the others carry data.
type wires struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	addr   string
	secure *tls.Config

	mu      sync.Mutex
	ctx     context.Context // of the operation that runs now
	peer    string          // address of the machine at the other end of the control connection
	control net.Conn
	data    net.Conn // the latest
}

// connect is the library's way to the network. Of the address that it asks for
// a data connection, which the server chose, only the port counts.
func (w *wires) connect(network, addr string) (net.Conn, error) {
	w.mu.Lock()
	ctx, peer := w.ctx, w.peer
	w.mu.Unlock()
	if peer == "" {
		conn, err := w.dial(ctx, network, w.addr)
		if err != nil {
			return nil, err
		}
		return conn, w.controlled(conn)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conn, err := w.dial(ctx, network, net.JoinHostPort(peer, port))
	if err != nil {
		return nil, fmt.Errorf("data connection: %w", err)
	}
	w.mu.Lock()
	w.data = conn
	w.mu.Unlock()
	if ctx.Err() != nil { // it ended between the dialling and the line above
		conn.Close()
		return nil, context.Cause(ctx)
	}
	if w.secure != nil {
		conn = tls.Client(conn, w.secure)
	}
	return conn, nil
}

func (w *wires) controlled(conn net.Conn) error {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		conn.Close()
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.control, w.peer = conn, host
	return nil
}

// until makes the end of ctx interrupt whatever waits on the network. The
// connections are not closed under the library's hands; every read and write
// fails from then on, and the session is given up. It returns the function that
// ends the watch.
func (w *wires) until(ctx context.Context) func() {
	w.mu.Lock()
	w.ctx = ctx
	w.mu.Unlock()
	stop := context.AfterFunc(ctx, w.interrupt)
	return func() { stop() }
}

func (w *wires) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	past := time.Unix(1, 0)
	for _, conn := range []net.Conn{w.control, w.data} {
		if conn != nil {
			conn.SetDeadline(past)
		}
	}
}

func (w *wires) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range []net.Conn{w.data, w.control} {
		if conn != nil {
			conn.Close()
		}
	}
}

// refusedDial explains why no session was begun. Once the greeting is over, the
// only command that the library has sent is AUTH TLS.
func refusedDial(err error, secure bool, place string) error {
	var reply *textproto.Error
	if secure && errors.As(err, &reply) && reply.Code >= 500 && reply.Code != ftp.StatusNotLoggedIn {
		return fault.New("E-3024", fault.V{"place": place, "part": "AUTH TLS"}, err)
	}
	return explain(err, place)
}

// refusedLogin explains a failed login. A refused USER comes from the library
// without its code; after PASS only PBSZ and PROT can be refused.
func refusedLogin(err error, secure bool, place string) error {
	explained := explain(err, place)
	var known *fault.Error
	var reply *textproto.Error
	switch {
	case errors.As(explained, &known) || fetchers.ClassOf(explained) == fetchers.Temporary:
		return explained
	case secure && errors.As(err, &reply):
		return fault.New("E-3024", fault.V{"place": place, "part": "PROT P"}, err)
	}
	return fault.New("E-3022", fault.V{"place": place}, err)
}

// noSession is the answer of a server to a data connection that is not of the
// control connection's TLS session (RFC 4217, section 10.2).
const noSession = 522

// explain tells a server that cannot be trusted, or refuses us, from a network
// that fails us. An answer about a file stays as it is.
func explain(err error, place string) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		switch {
		case reply.Code == ftp.StatusNotLoggedIn:
			return fault.New("E-3022", fault.V{"place": place}, err)
		case reply.Code == noSession:
			return fault.New("E-3020", fault.V{"place": place}, err)
		case reply.Code >= 400 && reply.Code < 500: // "come again" (RFC 959, 4.2.1)
			return fetchers.As(fetchers.Temporary, err)
		}
		return err
	}
	if errors.As(err, new(textproto.ProtocolError)) || errors.As(err, new(*strconv.NumError)) { // half an answer
		return fetchers.As(fetchers.Temporary, err)
	}
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	if errors.As(err, &certificate) || errors.As(err, &alert) || errors.As(err, &record) || strings.Contains(err.Error(), "tls: ") {
		return fault.New("E-3020", fault.V{"place": place}, err)
	}
	return err
}
