package channelsim

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// sftpServer serves the shelves over SFTP, read-only.
type sftpServer struct {
	sim      *Sim
	listener *tracked
	config   *ssh.ServerConfig
}

func serveSFTP(s *Sim) (*sftpServer, error) {
	l, err := net.Listen("tcp", hostPort(s.opt.Host, s.opt.SFTPPort))
	if err != nil {
		return nil, err
	}
	srv := &sftpServer{sim: s, listener: track(l)}
	srv.config = &ssh.ServerConfig{MaxAuthTries: 3, PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if !s.authentic(c.User(), string(password)) {
			return nil, errors.New("wrong user or password")
		}
		return nil, nil
	}}
	srv.config.AddHostKey(s.keys.HostKey)
	s.done.Go(srv.accept)
	return srv, nil
}

func (srv *sftpServer) accept() {
	for {
		conn, err := srv.listener.Accept()
		if err != nil {
			return // closed
		}
		srv.sim.done.Go(func() { srv.session(conn) })
	}
}

func (srv *sftpServer) session(conn net.Conn) {
	defer conn.Close()
	client, channels, requests, err := ssh.NewServerConn(conn, srv.config)
	if err != nil {
		return
	}
	srv.sim.done.Go(func() { ssh.DiscardRequests(requests) })
	for ch := range channels {
		if ch.ChannelType() != "session" {
			ch.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		srv.sim.done.Go(func() { srv.subsystem(channel, requests, shelf{srv.sim, client.User()}) })
	}
}

// subsystem answers the one request that it knows, "subsystem sftp".
func (srv *sftpServer) subsystem(channel ssh.Channel, requests <-chan *ssh.Request, sh shelf) {
	defer channel.Close()
	for r := range requests {
		ok := r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "sftp")
		if r.WantReply {
			r.Reply(ok, nil)
		}
		if !ok {
			continue
		}
		srv.sim.done.Go(func() { ssh.DiscardRequests(requests) })
		files := sftpFiles{sh}
		server := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: files, FilePut: files, FileCmd: files, FileList: files})
		server.Serve() // ends with the connection
		server.Close()
		return
	}
}

func (srv *sftpServer) login(channel string) SFTPConfig {
	key := srv.sim.keys.HostKey.PublicKey()
	return SFTPConfig{Addr: srv.listener.Addr().String(), User: channel, Password: srv.sim.loginOf(channel), Dir: shelfDir,
		HostKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), Fingerprint: ssh.FingerprintSHA256(key)}
}

func (srv *sftpServer) close() error { return srv.listener.closeAll() }

// sftpFiles shows a shelf to the protocol.
type sftpFiles struct{ shelf shelf }

// Fileread opens a file.
func (f sftpFiles) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	file, err := f.shelf.file(r.Filepath, toRead)
	if err != nil || file.dir {
		return nil, sftp.ErrSSHFxNoSuchFile
	}
	return bytes.NewReader(file.readable()), nil
}

// Filewrite and Filecmd refuse: nobody writes here.
func (sftpFiles) Filewrite(*sftp.Request) (io.WriterAt, error) {
	return nil, sftp.ErrSSHFxPermissionDenied
}
func (sftpFiles) Filecmd(*sftp.Request) error { return sftp.ErrSSHFxPermissionDenied }

// Filelist lists a folder or looks at a file.
func (f sftpFiles) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method == "List" {
		files, err := f.shelf.list(r.Filepath)
		if err != nil {
			return nil, sftp.ErrSSHFxNoSuchFile
		}
		return listing(files), nil
	}
	file, err := f.shelf.file(r.Filepath, toLook)
	if err != nil {
		return nil, sftp.ErrSSHFxNoSuchFile
	}
	return listing{file}, nil
}

type listing []*shelfFile

// ListAt copies entries from an offset on.
func (l listing) ListAt(into []fs.FileInfo, offset int64) (int, error) {
	n := 0
	for ; n < len(into) && int(offset)+n < len(l); n++ {
		into[n] = l[int(offset)+n]
	}
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}
