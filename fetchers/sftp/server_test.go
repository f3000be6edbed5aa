package sftp_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// server is an SFTP server over a folder, in this process.
type server struct {
	dir    string
	config *ssh.ServerConfig
	l      net.Listener
	all    sync.WaitGroup

	mu   sync.Mutex
	deny bool     // let files be seen and not read
	said []string // all requests
	open []net.Conn
	// swap, if set, runs between the look at a file and its opening.
	swap func()
	// chunk, if set, is the most bytes of one answer.
	chunk int
}

// start listens with the given host keys; adjust may change the algorithms.
func start(t *testing.T, dir string, adjust func(*ssh.ServerConfig), keys ...ssh.Signer) *server {
	t.Helper()
	s := &server{dir: dir, config: &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == "bank" && string(password) == "s3cret" {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		},
	}}
	if adjust != nil {
		adjust(s.config)
	}
	for _, key := range keys {
		s.config.AddHostKey(key)
	}
	var err error
	if s.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.all.Go(func() {
		for {
			conn, err := s.l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, conn)
			s.mu.Unlock()
			s.all.Go(func() { s.session(conn) })
		}
	})
	t.Cleanup(func() {
		s.l.Close()
		s.mu.Lock()
		for _, conn := range s.open {
			conn.Close()
		}
		s.mu.Unlock()
		s.all.Wait()
	})
	return s
}

func (s *server) addr() string { return s.l.Addr().String() }

func (s *server) session(raw net.Conn) {
	defer raw.Close()
	conn, channels, requests, err := ssh.NewServerConn(raw, s.config)
	if err != nil {
		return
	}
	defer conn.Close()
	s.all.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		s.all.Go(func() {
			for r := range requests {
				r.Reply(r.Type == "subsystem", nil)
			}
		})
		s.all.Go(func() {
			defer channel.Close()
			files := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: s, FilePut: s, FileCmd: s, FileList: s})
			files.Serve() // until the client is gone
			files.Close()
		})
	}
}

func (s *server) path(name string) string { return filepath.Join(s.dir, filepath.Clean("/"+name)) }

func (s *server) note(r *sftp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, r.Method)
}

func (s *server) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	s.note(r)
	s.mu.Lock()
	deny, swap, chunk := s.deny, s.swap, s.chunk
	s.mu.Unlock()
	if deny {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	if swap != nil {
		swap()
	}
	f, err := os.Open(s.path(r.Filepath))
	if err != nil || chunk == 0 {
		return f, err
	}
	return &stingy{f, chunk}, nil
}

// stingy answers with fewer bytes than asked, as some servers do.
type stingy struct {
	*os.File
	most int
}

func (s *stingy) ReadAt(b []byte, off int64) (int, error) {
	return s.File.ReadAt(b[:min(len(b), s.most)], off)
}

func (s *server) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	s.note(r)
	return nil, fs.ErrPermission
}

func (s *server) Filecmd(r *sftp.Request) error {
	s.note(r)
	return fs.ErrPermission
}

func (s *server) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	s.note(r)
	if r.Method != "Stat" {
		return nil, fs.ErrPermission
	}
	info, err := os.Stat(s.path(r.Filepath))
	return one{info}, err
}

func (s *server) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	s.note(r)
	info, err := os.Lstat(s.path(r.Filepath))
	return one{info}, err
}

type one struct{ info fs.FileInfo }

func (o one) ListAt(to []fs.FileInfo, offset int64) (int, error) {
	if offset > 0 || o.info == nil {
		return 0, io.EOF
	}
	return copy(to, []fs.FileInfo{o.info}), io.EOF
}

// hostKeys makes one key of each usual kind.
func hostKeys(t *testing.T) (ed, ec, rs ssh.Signer) {
	t.Helper()
	_, edKey, err1 := ed25519.GenerateKey(rand.Reader)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return signer(t, edKey), signer(t, ecKey), signer(t, rsaKey)
}

func signer(t *testing.T, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
