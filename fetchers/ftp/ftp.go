// Package ftp fetches statements from an FTP server, over TLS unless the
// account says why not.
//
// In: an address, credentials and the names of the files. Out: a
// fetchers.FileSource. Called by cmd. Transfers are binary and passive, and the
// data connection goes to the machine of the control connection whatever the
// server answers (a server could send us elsewhere, or scan our network through
// us). Files are asked for by exact name with SIZE, MDTM and RETR; listings are
// not read. Nothing is written, moved or deleted.
//
// Sources: RFC 959, RFC 3659 (SIZE, MDTM, REST), RFC 4217 (TLS).
package ftp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"tieout/fetchers"
	"tieout/internal/fault"
	"tieout/schemas"
)

// Config is one account at one server.
type Config struct {
	Addr     string // host:port
	User     string
	Password string // never shown nor logged

	// RootCAs replaces the machine's authorities, for channels with their own;
	// nil means the machine's.
	RootCAs *x509.CertPool
	// ServerName is the name in the certificate; "" means the host of Addr.
	ServerName string

	// AllowCleartext switches TLS off. Everyone on the way can then read and
	// change the statement, so each run warns, and Reason says why.
	AllowCleartext bool
	Reason         string

	Spec   fetchers.FileSpec
	Limits fetchers.Limits
	Now    func() time.Time
	// Dial makes the TCP connections; nil means a plain dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New checks the configuration; it does not connect. Mistakes are E-7821,
// E-7822 and E-7823.
func New(c Config) (*fetchers.FileSource, error) {
	place := "ftps://" + fault.Safe(c.Addr, 200)
	if c.AllowCleartext {
		place = "ftp://" + fault.Safe(c.Addr, 200)
	}
	wrong := func(field, reason string) error {
		return fault.New("E-7823", fault.V{"place": place, "field": field, "reason": reason}, nil)
	}
	errs := []error{c.Spec.Check()}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		errs = append(errs, wrong("addr", "it must be host:port"))
	}
	if c.User == "" || strings.ContainsAny(c.User+c.Password, "\r\n\x00") {
		errs = append(errs, wrong("user", "user and password hold no line breaks, and the user is not empty"))
	}
	if c.AllowCleartext && strings.TrimSpace(c.Reason) == "" {
		errs = append(errs, fault.New("E-7821", fault.V{"place": place}, nil))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	src := &fetchers.FileSource{Spec: c.Spec, Limits: c.Limits, Place: place, Now: c.Now}
	var secure *tls.Config
	if c.AllowCleartext {
		src.Notes = []schemas.Proof{cleartext(c.Reason)}
	} else {
		secure = tlsConfig(&c)
	}
	src.Connect = func(ctx context.Context) (fetchers.Folder, error) { return dial(ctx, &c, secure, place) }
	return src, nil
}

// cleartext is the warning of each run without TLS.
func cleartext(reason string) schemas.Proof {
	return schemas.Proof{Name: "transport.encrypted", OK: false, Advisory: true, Want: "TLS", Got: "plain FTP",
		Note: "allowed by the account: " + fault.Safe(reason, 200)}
}

// folder is one FTP session.
type folder struct {
	wires *wires
	conn  *ftp.ServerConn
	place string
}

// Stat asks for size and time. A server that knows neither leaves both unknown,
// and the transfer shows whether the file exists.
func (f *folder) Stat(ctx context.Context, name string) (_ fetchers.FileStat, err error) {
	defer recovered(&err)
	defer f.wires.until(ctx)()
	st := fetchers.FileStat{Size: -1}
	size, err := f.conn.FileSize(name)
	switch {
	case err == nil && size >= 0:
		st.Size = size
	case err == nil || notImplemented(err):
	default:
		return fetchers.FileStat{}, f.fileError(err)
	}
	if !f.conn.IsGetTimeSupported() {
		return st, nil
	}
	at, err := f.conn.GetTime(name)
	switch reply := new(textproto.Error); {
	case err == nil:
		st.ModTime = at
	case errors.As(err, &reply) && st.Size < 0 && !notImplemented(err):
		return fetchers.FileStat{}, f.fileError(err)
	case errors.As(err, &reply):
	case errors.As(err, new(*time.ParseError)):
		// A time that nobody can read is no time, unless the line broke in the
		// middle of the answer: the library takes the rest of it for all.
		if err := f.conn.NoOp(); err != nil {
			return fetchers.FileStat{}, explain(err, f.place)
		}
	default:
		return fetchers.FileStat{}, err
	}
	return st, nil
}

// Open begins a transfer at offset (REST).
func (f *folder) Open(ctx context.Context, name string, offset int64) (_ io.ReadCloser, err error) {
	defer recovered(&err)
	stop := f.wires.until(ctx)
	r, err := f.conn.RetrFrom(name, uint64(offset))
	if err == nil {
		return &stream{r, stop, f.place}, nil
	}
	defer stop()
	err = f.fileError(err)
	if errors.Is(err, fs.ErrNotExist) {
		if _, sizeErr := f.conn.FileSize(name); sizeErr == nil {
			return nil, fs.ErrPermission // the server knows the file and does not give it
		}
	}
	return nil, err
}

// Close says goodbye without waiting for the answer.
func (f *folder) Close() error {
	f.wires.close()
	return nil
}

// stream is a transfer; Close waits for the server to call it complete (226),
// and anything else is an error.
type stream struct {
	r     *ftp.Response
	stop  func()
	place string
}

// Read also meets the TLS handshake of the data connection, with the first byte.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		err = explain(err, s.place)
	}
	return n, err
}

func (s *stream) Close() error {
	defer s.stop()
	err := s.r.Close()
	var reply *textproto.Error
	if err == nil || errors.As(err, &reply) && reply.Code != noSession {
		return err // the server's verdict on this transfer, whatever its number
	}
	return explain(err, s.place)
}

func notImplemented(err error) bool {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return false
	}
	switch reply.Code {
	case ftp.StatusBadCommand, ftp.StatusNotImplemented, ftp.StatusNotImplementedParameter:
		return true
	}
	return false
}

// fileError translates an answer about a file. FTP has one code, 550, for "not
// there" and for "not allowed"; the words tell. Some servers say 450, which
// also means "busy", for a file that is not there.
func (f *folder) fileError(err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return explain(err, f.place)
	}
	text := strings.ToLower(reply.Msg)
	switch {
	case reply.Code == ftp.StatusFileUnavailable && says(text, "denied", "permission", "not allowed"):
		return errors.Join(fs.ErrPermission, err)
	case reply.Code == ftp.StatusFileUnavailable,
		reply.Code == ftp.StatusFileActionIgnored && says(text, "not found", "no such", "not exist", "not available"):
		return errors.Join(fs.ErrNotExist, err)
	case reply.Code < 500, reply.Code == noSession, reply.Code == ftp.StatusNotLoggedIn:
		return explain(err, f.place)
	}
	return fault.New("E-3025", fault.V{"place": f.place}, err)
}

func says(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
