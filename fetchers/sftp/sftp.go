// Package sftp fetches statements from an SFTP server.
//
// In: an address, pinned host keys, credentials and the names of the files.
// Out: a fetchers.FileSource. Called by cmd. The server must show one of the
// pinned keys: there is no trust on first use, no agent, no prompt. Only
// algorithms without known weaknesses are offered. Only regular files are read;
// nothing is written, moved or deleted.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tieout/fetchers"
	"tieout/internal/fault"
)

// Config is one account at one server.
type Config struct {
	Addr string // host:port
	User string

	// Password and Key are tried in the order key, password; one is needed. Key
	// is a loaded private key. Neither is ever shown or logged.
	Password string
	Key      ssh.Signer

	HostKeys HostKeys

	Spec      fetchers.FileSpec
	Limits    fetchers.Limits
	Now       func() time.Time
	KeepAlive time.Duration // 0 means 30 s
	// Dial makes the TCP connection; nil means a plain dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New checks the configuration and reads the known_hosts file; it does not
// connect. Mistakes are E-7820, E-7822 and E-7823.
func New(c Config) (*fetchers.FileSource, error) {
	place := "sftp://" + fault.Safe(c.Addr, 200)
	wrong := func(field, reason string) error {
		return fault.New("E-7823", fault.V{"place": place, "field": field, "reason": reason}, nil)
	}
	errs := []error{c.Spec.Check()}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		errs = append(errs, wrong("addr", "it must be host:port"))
	}
	if c.User == "" {
		errs = append(errs, wrong("user", "it is empty"))
	}
	if c.Password == "" && c.Key == nil {
		errs = append(errs, wrong("password", "a password or a key is needed"))
	}
	pins, err := c.HostKeys.load(c.Addr)
	if err != nil {
		errs = append(errs, fault.New("E-7820", fault.V{"place": place, "reason": err.Error()}, nil))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 30 * time.Second
	}
	connect := func(ctx context.Context) (fetchers.Folder, error) { return dial(ctx, &c, pins, place) }
	return &fetchers.FileSource{Spec: c.Spec, Limits: c.Limits, Place: place, Connect: connect, Now: c.Now}, nil
}

// folder is one SFTP session with everything under it.
type folder struct {
	place string
	raw   net.Conn
	conn  *ssh.Client
	files *sftp.Client
	stop  chan struct{}
	alive sync.WaitGroup
}

// within makes the end of ctx cut the connection while do runs: neither ssh nor
// sftp takes a context.
func (f *folder) within(ctx context.Context, do func() error) error {
	stop := context.AfterFunc(ctx, func() { f.raw.Close() })
	defer stop()
	return explain(do(), f.place)
}

func (f *folder) Stat(ctx context.Context, name string) (st fetchers.FileStat, err error) {
	err = f.within(ctx, func() error {
		info, err := f.files.Lstat(name)
		if err != nil {
			return err
		}
		st, err = statOf(info)
		return err
	})
	return st, err
}

// Open compares the open file with what Stat sees by name: SFTP version 3 has
// no way to refuse a link while opening.
func (f *folder) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	var file *sftp.File
	err := f.within(ctx, func() error {
		byName, err := f.files.Lstat(name)
		if err != nil {
			return err
		}
		if _, err := statOf(byName); err != nil {
			return err
		}
		if file, err = f.files.Open(name); err != nil {
			return err
		}
		byHandle, err := file.Stat()
		if err == nil {
			_, err = statOf(byHandle)
		}
		if err == nil && (byName.Size() != byHandle.Size() || !byName.ModTime().Equal(byHandle.ModTime())) {
			err = fetchers.As(fetchers.Temporary, fmt.Errorf("%s was replaced while it was opened", fault.Quote(path.Base(name))))
		}
		if err != nil {
			file.Close()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &stream{file: file, offset: offset, place: f.place}
	s.stop = context.AfterFunc(ctx, func() { f.raw.Close() })
	return s, nil
}

// Close ends the session and waits for its goroutine.
func (f *folder) Close() error {
	close(f.stop)
	f.raw.Close()
	f.alive.Wait()
	f.files.Close()
	return f.conn.Close()
}

// keepAlive asks the server for a sign of life, so that middle boxes keep the
// connection while the other side takes its time; a dead connection is closed.
func (f *folder) keepAlive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
			if _, _, err := f.conn.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				f.raw.Close()
				return
			}
		}
	}
}

func statOf(info fs.FileInfo) (fetchers.FileStat, error) {
	if !info.Mode().IsRegular() {
		return fetchers.FileStat{}, fmt.Errorf("%w: %s %s", fetchers.ErrNotRegular, info.Mode().Type(), fault.Quote(path.Base(info.Name())))
	}
	return fetchers.FileStat{Size: info.Size(), ModTime: info.ModTime()}, nil
}

// stream reads an open file in pieces that are asked for side by side.
type stream struct {
	file   *sftp.File
	offset int64
	buf    []byte // what was read ahead
	ahead  []byte
	stop   func() bool
	place  string
}

const readAhead = 512 << 10

func (s *stream) Read(b []byte) (int, error) {
	if len(s.buf) == 0 {
		if s.ahead == nil {
			s.ahead = make([]byte, readAhead)
		}
		// The library takes an answer that is shorter than asked for the end of
		// the file. Only an answer without a byte is.
		n, err := s.file.ReadAt(s.ahead, s.offset)
		if n == 0 {
			return 0, explain(err, s.place)
		}
		s.offset += int64(n)
		s.buf = s.ahead[:n]
	}
	n := copy(b, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

func (s *stream) Close() error {
	defer s.stop()
	return explain(s.file.Close(), s.place)
}

// explain gives the library's answers a meaning. "Not there" and "not allowed"
// come from it as fs.ErrNotExist and fs.ErrPermission.
func explain(err error, place string) error {
	var status *sftp.StatusError
	switch {
	case errors.Is(err, sftp.ErrSSHFxConnectionLost), errors.Is(err, sftp.ErrSSHFxNoConnection):
		return fetchers.As(fetchers.Temporary, err)
	case errors.As(err, &status):
		return fault.New("E-3025", fault.V{"place": place}, err)
	}
	return err
}
