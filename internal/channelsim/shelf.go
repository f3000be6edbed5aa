package channelsim

import (
	"crypto/md5" //nolint:gosec // what the marker files of banks hold
	"crypto/subtle"
	"encoding/hex"
	"io/fs"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"tieout/internal/bizday"
)

// shelf is what one login sees over FTP or SFTP: a folder for each bill date,
// /20260131, and in it the statement <merchant>_20260131.txt or .zip with its
// markers .ok and .md5, made when they are asked for.
type shelf struct {
	sim     *Sim
	channel string
}

// shelfDir is the folder of a date as a pattern of names.
const shelfDir = "/{yyyymmdd}"

// shelfFile is a file or the folder.
type shelfFile struct {
	name string
	body []byte
	at   time.Time
	dir  bool
	cut  bool // fault: reading ends at the half
}

func (f *shelfFile) Name() string       { return f.name }
func (f *shelfFile) Size() int64        { return int64(len(f.body)) }
func (f *shelfFile) ModTime() time.Time { return f.at }
func (f *shelfFile) IsDir() bool        { return f.dir }
func (f *shelfFile) Sys() any           { return nil }
func (f *shelfFile) Mode() fs.FileMode {
	if f.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// readable is what a reader gets.
func (f *shelfFile) readable() []byte {
	if f.cut {
		return f.body[:len(f.body)/2]
	}
	return f.body
}

// purpose says why a file is looked at: a wrong digest or a cut body is spent
// by reading only.
type purpose bool

const (
	toLook purpose = false
	toRead purpose = true
)

// file returns the file at a path, or fs.ErrNotExist.
func (sh shelf) file(p string, why purpose) (*shelfFile, error) {
	dir, name := path.Split(path.Clean("/" + p))
	if dir == "/" {
		if _, ok := folderDate(name); !ok && name != "" {
			return nil, fs.ErrNotExist
		}
		return folder(name), nil
	}
	date, ok := folderDate(strings.Trim(dir, "/"))
	if !ok || !strings.HasPrefix(name, sh.sim.opt.Merchants.Of(sh.channel)+"_"+date.Compact()+".") {
		return nil, fs.ErrNotExist
	}
	data, err := sh.statement(date)
	if err != nil || data == nil {
		return nil, fs.ErrNotExist
	}
	marker, isMarker := strings.CutPrefix(name, data.name+".")
	switch {
	case !isMarker && name != data.name, isMarker && marker != "ok" && marker != "md5":
		return nil, fs.ErrNotExist
	case sh.sim.opt.Now().Before(sh.sim.readyAt(date)), sh.sim.bill.late(sh.channel, date, sh.sim.opt.Now()):
		return nil, fs.ErrNotExist
	case !isMarker:
		data.cut = why == toRead && sh.sim.bill.spend(sh.channel, date, TruncatedBody)
		return data, nil
	}
	mark := &shelfFile{name: name, at: data.at}
	if marker == "md5" {
		digest := md5.Sum(data.body) //nolint:gosec // see the import
		if why == toRead && sh.sim.bill.spend(sh.channel, date, BadDigest) {
			digest[0] ^= 0xff
		}
		mark.body = []byte(hex.EncodeToString(digest[:]) + "  " + data.name + "\r\n")
	}
	return mark, nil
}

// statement makes the file of a date; nil means that there is none. One try
// looks at it several times, so the last one of a channel is kept for as long
// as it would be made the same.
func (sh shelf) statement(date bizday.Date) (*shelfFile, error) {
	s := sh.sim.sheet(sh.channel, date)
	if sh.channel == UnionPay && len(s.rows) == 0 {
		return nil, nil
	}
	last := sh.sim.made[sh.channel]
	last.mu.Lock()
	defer last.mu.Unlock()
	if last.date != date || !last.sheet.equal(&s) {
		file, err := sh.write(date, s)
		if err != nil {
			return nil, err
		}
		last.date, last.sheet, last.file = date, s, file
	}
	file := last.file
	return &file, nil
}

// madeFile is the last file that was made of a channel's sheets.
type madeFile struct {
	mu    sync.Mutex
	date  bizday.Date
	sheet sheet
	file  shelfFile
}

func (sh shelf) write(date bizday.Date, s sheet) (shelfFile, error) {
	if sh.channel == Bank {
		return shelfFile{name: s.merchant + "_" + date.Compact() + ".txt", body: bankFile(s), at: s.issued}, nil
	}
	name, body, err := unionPayZip(s)
	return shelfFile{name: name, body: body, at: s.issued}, err
}

// list returns the content of a folder, for people who look around.
func (sh shelf) list(p string) ([]*shelfFile, error) {
	name := strings.Trim(path.Clean("/"+p), "/")
	if name == "" {
		var folders []*shelfFile
		for _, date := range sh.sim.bill.dates(sh.channel) {
			if sh.sim.published(sh.channel, date) {
				folders = append(folders, folder(date.Compact()))
			}
		}
		return folders, nil
	}
	date, ok := folderDate(name)
	if !ok || !sh.sim.published(sh.channel, date) {
		return nil, fs.ErrNotExist
	}
	data, err := sh.statement(date)
	if err != nil || data == nil {
		return nil, err
	}
	return []*shelfFile{data, {name: data.name + ".md5", at: data.at}, {name: data.name + ".ok", at: data.at}}, nil
}

func folder(name string) *shelfFile { return &shelfFile{name: name, dir: true, at: validFrom} }

// folderDate reads the name of a folder.
func folderDate(name string) (bizday.Date, bool) {
	t, err := time.Parse("20060102", name)
	if err != nil {
		return bizday.None, false
	}
	return bizday.Of(t, time.UTC), true
}

// dates returns the bill dates on which a channel has entries.
func (b *billing) dates(channel string) []bizday.Date {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []bizday.Date
	for d := range b.books[channel].days {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// published is ready without spending a try.
func (s *Sim) published(channel string, date bizday.Date) bool {
	if s.opt.Now().Before(s.readyAt(date)) {
		return false
	}
	s.bill.mu.Lock()
	defer s.bill.mu.Unlock()
	return s.bill.publication(channel, date).left[NotReadyFirst] == 0
}

// loginOf returns the password of a user; users are named after the channels.
func (s *Sim) loginOf(user string) (password string) {
	return map[string]string{UnionPay: s.keys.UnionPayPassword, Bank: s.keys.BankPassword}[user]
}

func (s *Sim) authentic(user, password string) bool {
	want := s.loginOf(user)
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1
}

// tracked is a listener that knows its connections, so that all can be ended.
type tracked struct {
	net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
}

func track(l net.Listener) *tracked { return &tracked{Listener: l, conns: map[net.Conn]bool{}} }

func (t *tracked) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		c.Close()
		return nil, net.ErrClosed
	}
	t.conns[c] = true
	return &trackedConn{c, t}, nil
}

func (t *tracked) closeAll() error {
	err := t.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for c := range t.conns {
		c.Close()
	}
	return err
}

type trackedConn struct {
	net.Conn
	of *tracked
}

func (c *trackedConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
