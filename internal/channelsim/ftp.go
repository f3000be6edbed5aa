package channelsim

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"strconv"

	"goftp.io/server/v2"
)

// ftpServer serves the shelves over FTP, plain and with explicit TLS.
type ftpServer struct {
	sim      *Sim
	listener *tracked
	server   *server.Server
}

func serveFTP(s *Sim) (*ftpServer, error) {
	l, err := net.Listen("tcp", hostPort(s.opt.Host, s.opt.FTPPort))
	if err != nil {
		return nil, err
	}
	f := &ftpServer{sim: s, listener: track(l)}
	commands := maps.Clone(server.DefaultCommands())
	commands["SIZE"] = sizeCommand{s}
	f.server, err = server.NewServer(&server.Options{
		Commands: commands,
		Name:     "channelsim", WelcomeMessage: "channelsim", Logger: &server.DiscardLogger{},
		Hostname: s.opt.Host, Port: l.Addr().(*net.TCPAddr).Port,
		TLS: true, TLSConfig: s.tls, ExplicitFTPS: true,
		Driver: ftpFiles{s}, Auth: ftpUsers{s}, Perm: server.NewSimplePerm("bank", "bank"),
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	// The library takes over the TLS settings in ListenAndServe alone, which
	// cannot serve on a listener of ours. Our listener holds the address
	// already, so this call sets them up and returns with "address in use".
	if err := f.server.ListenAndServe(); err == nil {
		return nil, errors.Join(errors.New("two listeners on one address"), l.Close())
	}
	s.done.Go(func() { f.server.Serve(f.listener) }) // returns when close closes it
	return f, nil
}

func (f *ftpServer) login(channel string) FTPConfig {
	return FTPConfig{Addr: f.listener.Addr().String(), User: channel, Password: f.sim.loginOf(channel), Dir: shelfDir}
}

// close ends the listener and with it Serve, and all sessions. The library's
// own Shutdown is left alone: it races with Serve's first lines.
func (f *ftpServer) close() error { return f.listener.closeAll() }

// sizeCommand is SIZE of RFC 3659. The library's own writes each file that is
// not there to the program's log.
type sizeCommand struct{ sim *Sim }

func (sizeCommand) IsExtend() bool     { return true }
func (sizeCommand) RequireParam() bool { return true }
func (sizeCommand) RequireAuth() bool  { return true }

// Execute answers one SIZE.
func (c sizeCommand) Execute(sess *server.Session, param string) {
	file, err := shelf{c.sim, sess.LoginUser()}.file(sess.BuildPath(param), toLook)
	if err != nil || file.dir {
		sess.WriteMessage(550, "no such file")
		return
	}
	sess.WriteMessage(213, strconv.FormatInt(file.Size(), 10))
}

type ftpUsers struct{ sim *Sim }

// CheckPasswd lets a user in.
func (u ftpUsers) CheckPasswd(_ *server.Context, user, password string) (bool, error) {
	return u.sim.authentic(user, password), nil
}

// ftpFiles shows the shelves to the protocol.
type ftpFiles struct{ sim *Sim }

func (f ftpFiles) shelf(ctx *server.Context) shelf { return shelf{f.sim, ctx.Sess.LoginUser()} }

// Stat looks at a file.
func (f ftpFiles) Stat(ctx *server.Context, path string) (fs.FileInfo, error) {
	file, err := f.shelf(ctx).file(path, toLook)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// ListDir lists a folder.
func (f ftpFiles) ListDir(ctx *server.Context, path string, each func(fs.FileInfo) error) error {
	files, err := f.shelf(ctx).list(path)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := each(file); err != nil {
			return err
		}
	}
	return nil
}

// GetFile opens a file from an offset on.
func (f ftpFiles) GetFile(ctx *server.Context, path string, offset int64) (int64, io.ReadCloser, error) {
	file, err := f.shelf(ctx).file(path, toRead)
	if err != nil {
		return 0, nil, err
	}
	body := file.readable()
	if file.dir || offset < 0 || offset > int64(len(file.body)) {
		return 0, nil, fs.ErrInvalid
	}
	body = body[min(offset, int64(len(body))):]
	return int64(len(body)), io.NopCloser(bytes.NewReader(body)), nil
}

var errReadOnly = errors.New("read-only")

// The rest of the driver refuses: nobody writes here.
func (ftpFiles) DeleteDir(*server.Context, string) error      { return errReadOnly }
func (ftpFiles) DeleteFile(*server.Context, string) error     { return errReadOnly }
func (ftpFiles) Rename(*server.Context, string, string) error { return errReadOnly }
func (ftpFiles) MakeDir(*server.Context, string) error        { return errReadOnly }

// PutFile refuses too, after it has taken the data: a client that sends them
// over TLS would wait for the handshake for ever.
func (ftpFiles) PutFile(_ *server.Context, _ string, data io.Reader, _ int64) (int64, error) {
	n, err := io.Copy(io.Discard, data)
	return n, errors.Join(errReadOnly, err)
}
