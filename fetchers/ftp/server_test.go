package ftp_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// server is a small FTP server over a folder that lies on request. The library
// servers are too well-behaved for that.
type server struct {
	t    *testing.T
	l    net.Listener
	dir  string
	tls  *tls.Config // nil: plain
	all  sync.WaitGroup
	mu   sync.Mutex
	said []string // all commands

	// answer, if set, replaces the answer to a command; "" goes on as usual.
	answer func(command, arg string) string
	// data, if set, replaces the bytes of a transfer and the answer after it;
	// an answer of "" closes the control connection instead.
	data func(whole []byte, offset int64) (sent []byte, after string)
	// passive, if set, is the host in the answer to PASV, and EPSV is unknown.
	passive string
}

// start listens; set the behaviour before the first connection.
func start(t *testing.T, dir string, secure *tls.Config) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, l: l, dir: dir, tls: secure}
	s.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() { s.session(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.all.Wait()
	})
	return s
}

func (s *server) addr() string { return s.l.Addr().String() }

// commands returns what clients said so far, without secrets.
func (s *server) commands() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}

// session talks on one control connection.
func (s *server) session(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	var data net.Listener
	var offset int64
	protected := false
	defer func() {
		if data != nil {
			data.Close()
		}
	}()
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	say("220 ready")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		s.mu.Lock()
		if command != "PASS" {
			s.said = append(s.said, strings.TrimSpace(command+" "+arg))
		}
		s.mu.Unlock()
		if s.answer != nil {
			if text := s.answer(command, arg); text != "" {
				say("%s", text)
				continue
			}
		}
		path := filepath.Join(s.dir, filepath.Clean("/"+arg))
		switch command {
		case "AUTH":
			if s.tls == nil {
				say("502 no TLS")
				continue
			}
			say("234 go on")
			conn = tls.Server(conn, s.tls)
			in = bufio.NewReader(conn)
		case "USER":
			say("331 password")
		case "PASS":
			say("230 welcome")
		case "FEAT":
			say("211-\r\n MDTM\r\n SIZE\r\n REST STREAM\r\n UTF8\r\n211 end")
		case "PROT":
			protected = arg == "P"
			say("200 ok")
		case "TYPE", "PBSZ", "OPTS":
			say("200 ok")
		case "SIZE":
			if st, err := os.Stat(path); err == nil {
				say("213 %d", st.Size())
			} else {
				say("550 no such file")
			}
		case "MDTM":
			if st, err := os.Stat(path); err == nil {
				say("213 %s", st.ModTime().UTC().Format("20060102150405"))
			} else {
				say("550 no such file")
			}
		case "EPSV", "PASV":
			if command == "EPSV" && s.passive != "" {
				say("500 unknown")
				continue
			}
			if data != nil {
				data.Close()
			}
			if data, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				say("425 no port")
				continue
			}
			port := data.Addr().(*net.TCPAddr).Port
			if command == "EPSV" {
				say("229 go on (|||%d|)", port)
			} else {
				say("227 go on (%s,%d,%d)", strings.ReplaceAll(s.passive, ".", ","), port/256, port%256)
			}
		case "REST":
			offset, _ = strconv.ParseInt(arg, 10, 64)
			say("350 from there")
		case "RETR":
			whole, err := os.ReadFile(path)
			if err != nil || data == nil {
				say("550 no such file")
				continue
			}
			sent, after := whole[min(offset, int64(len(whole))):], "226 done"
			if s.data != nil {
				sent, after = s.data(whole, offset)
			}
			offset = 0
			say("150 here it comes")
			s.send(data, sent, protected)
			if after == "" {
				return
			}
			say("%s", after)
		case "QUIT":
			return
		default:
			say("502 not known")
		}
	}
}

func (s *server) send(l net.Listener, sent []byte, protected bool) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	var out io.WriteCloser = conn
	if protected {
		out = tls.Server(conn, s.tls)
	}
	out.Write(sent) // a client that went away is its own matter
	out.Close()
}
