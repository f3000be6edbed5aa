package ftp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	goftp "goftp.io/server/v2"
	"goftp.io/server/v2/driver/file"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/fetchers/ftp"
	"tieout/internal/fault"
	"tieout/schemas"
)

// The library server leaves passive listeners behind when a client goes away.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("goftp.io/server/v2.(*passiveSocket).ListenAndServe.func1"),
		goleak.IgnoreAnyFunction("goftp.io/server/v2.(*Session).Serve"))
}

// announced is a command that FEAT names. The library server knows MDTM and
// keeps silent about it, as some servers in the world do.
type announced struct{ goftp.Command }

func (announced) IsExtend() bool { return true }

func announceTimes(t *testing.T) {
	commands := goftp.DefaultCommands()
	plain := commands["MDTM"]
	commands["MDTM"] = announced{plain}
	t.Cleanup(func() { commands["MDTM"] = plain })
}

// library starts goftp.io's server over the drop's folder.
func library(t *testing.T, dir string, secure *tls.Config, deny *bool) string {
	t.Helper()
	driver, err := file.NewDriver(dir)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	serving := &serving{first: make(chan struct{})}
	srv, err := goftp.NewServer(&goftp.Options{Driver: denying{driver, deny}, Auth: &goftp.SimpleAuth{Name: "bank", Password: "s3cret"},
		Perm: goftp.NewSimplePerm("bank", "bank"), Hostname: "127.0.0.1", PublicIP: "127.0.0.1", Port: port, Logger: serving,
		TLS: secure != nil, ExplicitFTPS: secure != nil, TLSConfig: secure, ForceTLS: secure != nil})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	waitFor(t, addr)
	<-serving.first
	t.Cleanup(func() {
		srv.Shutdown()
		if err := <-ended; !errors.Is(err, goftp.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	return addr
}

// serving notes the first session, after which the server may be shut down: it
// guards its own fields in no other way.
type serving struct {
	goftp.DiscardLogger
	once  sync.Once
	first chan struct{}
}

func (s *serving) Print(string, any) { s.once.Do(func() { close(s.first) }) }

// freePort finds a port that was free a moment ago: this server cannot be given
// a listener when it speaks TLS.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// waitFor returns when something accepts connections at addr.
func waitFor(t *testing.T, addr string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("nothing listens at %s", addr)
		}
	}
}

// denying refuses to read files while *deny is true.
type denying struct {
	goftp.Driver
	deny *bool
}

func (d denying) GetFile(ctx *goftp.Context, path string, offset int64) (int64, io.ReadCloser, error) {
	if *d.deny {
		return 0, nil, os.ErrPermission
	}
	return d.Driver.GetFile(ctx, path, offset)
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		tls, times bool
		marker     fetchers.Marker
	}{
		{false, true, fetchers.Marker{}},
		{false, false, fetchers.Marker{}},
		{true, true, fetchers.Marker{Kind: fetchers.MarkerMD5}},
	} {
		t.Run(fmt.Sprintf("tls=%t/times=%t/marker=%s", c.tls, c.times, c.marker.Kind), func(t *testing.T) {
			if c.times {
				announceTimes(t)
			}
			conformance.Run(t, func(t *testing.T, p *conformance.Proxy) *conformance.Subject {
				return subject(t, p, c.tls, c.times, c.marker)
			})
		})
	}
}

func subject(t *testing.T, p *conformance.Proxy, secure, times bool, marker fetchers.Marker) *conformance.Subject {
	drop := conformance.NewDrop(t, marker)
	authority := conformance.NewAuthority(t)
	deny := false
	var serving *tls.Config
	if secure {
		serving = &tls.Config{Certificates: []tls.Certificate{authority.Server("127.0.0.1", time.Hour)}}
	}
	c := config(library(t, drop.Dir, serving, &deny), drop.Spec(), p)
	if secure {
		c.AllowCleartext, c.RootCAs = false, authority.Pool()
	}
	s := drop.Subject(source(t, c))
	s.Deny = func() { deny = true }
	s.Restarts = !times && marker.Kind != fetchers.MarkerMD5
	if secure {
		c.RootCAs = conformance.NewAuthority(t).Pool()
		s.Impostor = source(t, c)
	}
	return s
}

func config(addr string, spec fetchers.FileSpec, p *conformance.Proxy) ftp.Config {
	c := ftp.Config{Addr: addr, User: "bank", Password: "s3cret", AllowCleartext: true, Reason: "a test on loopback",
		Spec: spec, Limits: conformance.Limits(), Now: time.Now}
	if p != nil {
		c.Dial = p.DialContext
	}
	return c
}

func source(t *testing.T, c ftp.Config) *fetchers.FileSource {
	t.Helper()
	src, err := ftp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// scripted is a published statement on the server that lies on request.
func scripted(t *testing.T, marker fetchers.Marker, size int) (*server, *conformance.Drop, []byte) {
	t.Helper()
	drop := conformance.NewDrop(t, marker)
	data := conformance.Statement(1, size)
	drop.Publish(data)
	return start(t, drop.Dir, nil), drop, data
}

func keepIn(buf *bytes.Buffer) fetchers.Keep {
	return func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		buf.Reset()
		n, err := io.Copy(buf, r)
		return schemas.FileUsed{Name: name, Size: n}, err
	}
}

// The server ends the transfer early and says 226 all the same.
func TestFaultD02_TruncatedWithout226Error(t *testing.T) {
	s, drop, _ := scripted(t, fetchers.Marker{}, 50_000)
	s.data = func(whole []byte, offset int64) ([]byte, string) {
		return whole[min(offset, 20_000):20_000], "226 done"
	}
	var kept bytes.Buffer
	_, err := source(t, config(s.addr(), drop.Spec(), nil)).Fetch(t.Context(), drop.Request(), keepIn(&kept))
	conformance.WantFault(t, err, "E-2120")
	if !strings.Contains(err.Error(), "20000 of 50000") {
		t.Errorf("both numbers are not shown: %v", err)
	}
}

// All bytes came, and the server never says 226: the end is not confirmed.
func TestFaultD09_No226(t *testing.T) {
	for name, after := range map[string]string{"426": "426 connection closed; transfer aborted", "551": "551 error reading the file"} {
		t.Run(name, func(t *testing.T) {
			s, drop, _ := scripted(t, fetchers.Marker{}, 50_000)
			s.data = func(whole []byte, offset int64) ([]byte, string) { return whole[offset:], after }
			var kept bytes.Buffer
			_, err := source(t, config(s.addr(), drop.Spec(), nil)).Fetch(t.Context(), drop.Request(), keepIn(&kept))
			conformance.WantFault(t, err, "E-2129")
			if n := strings.Count(s.commands(), "RETR"); n != 2 {
				t.Errorf("%d transfers; want the first and one from the start", n)
			}
		})
	}
}

// The server hangs up instead of confirming once; the file is fetched again.
func TestFaultD09_HangsUpInsteadOf226(t *testing.T) {
	s, drop, want := scripted(t, fetchers.Marker{}, 50_000)
	times := 0
	s.data = func(whole []byte, offset int64) ([]byte, string) {
		if times++; times == 1 {
			return whole[offset:], ""
		}
		return whole[offset:], "226 done"
	}
	var kept bytes.Buffer
	src := fetchers.Retry(source(t, config(s.addr(), drop.Spec(), nil)), conformance.Policy())
	got, err := src.Fetch(t.Context(), drop.Request(), keepIn(&kept))
	if err != nil || got.State != schemas.FetchFetched || !bytes.Equal(kept.Bytes(), want) {
		t.Fatalf("state %s, error %v, %d bytes", got.State, err, kept.Len())
	}
}

// A listing that nobody can parse hides nothing, because none is asked for.
func TestFaultD10_NoListing(t *testing.T) {
	s, drop, _ := scripted(t, fetchers.Marker{Kind: fetchers.MarkerOK}, 1000)
	var kept bytes.Buffer
	if _, err := source(t, config(s.addr(), drop.Spec(), nil)).Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"LIST", "NLST", "MLSD", "STAT", "CWD", "DELE", "RNFR", "STOR", "APPE", "MKD", "RMD", "SITE", "PORT", "EPRT"} {
		for _, said := range strings.Split(s.commands(), "\n") {
			if command, _, _ := strings.Cut(said, " "); command == forbidden {
				t.Errorf("%s was sent", said)
			}
		}
	}
}

// Every transfer is binary: line ends arrive as they are.
func TestFaultD11_BinaryType(t *testing.T) {
	s, drop, _ := scripted(t, fetchers.Marker{}, 1000)
	var kept bytes.Buffer
	drop.Publish([]byte("a\nb\r\nc\r"))
	if _, err := source(t, config(s.addr(), drop.Spec(), nil)).Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil {
		t.Fatal(err)
	}
	said := s.commands()
	if !strings.Contains(said, "TYPE I") || strings.Index(said, "TYPE I") > strings.Index(said, "RETR") || strings.Contains(said, "TYPE A") {
		t.Errorf("no TYPE I before RETR:\n%s", said)
	}
	if kept.String() != "a\nb\r\nc\r" {
		t.Errorf("the bytes changed: %q", kept.String())
	}
}

// A server without SIZE can prove a file only by its marker.
func TestNoSize(t *testing.T) {
	for _, c := range []struct {
		marker fetchers.MarkerKind
		id     string // "" is success
	}{{fetchers.MarkerNone, "E-2128"}, {fetchers.MarkerOK, ""}, {fetchers.MarkerMD5, ""}} {
		t.Run("marker="+string(c.marker), func(t *testing.T) {
			s, drop, want := scripted(t, fetchers.Marker{Kind: c.marker}, 9000)
			s.answer = func(command, _ string) string {
				if command == "SIZE" {
					return "502 not known"
				}
				return ""
			}
			var kept bytes.Buffer
			got, err := source(t, config(s.addr(), drop.Spec(), nil)).Fetch(t.Context(), drop.Request(), keepIn(&kept))
			if c.id != "" {
				conformance.WantFault(t, err, "E-2128")
				return
			}
			if err != nil || !bytes.Equal(kept.Bytes(), want) {
				t.Fatalf("error %v, %d bytes", err, kept.Len())
			}
			if p := proof(got, "transport.size"); p == nil || p.OK || !p.Advisory {
				t.Errorf("the missing size is not shown: %+v", got.Proofs)
			}
		})
	}
}

func proof(got schemas.Fetched, name string) *schemas.Proof {
	for i := range got.Proofs {
		if got.Proofs[i].Name == name {
			return &got.Proofs[i]
		}
	}
	return nil
}

// Without MDTM nobody can say that the file is still the same, so a broken
// transfer begins again from its first byte.
func TestNoTimeNoResume(t *testing.T) {
	s, drop, want := scripted(t, fetchers.Marker{Kind: fetchers.MarkerOK}, 50_000)
	s.answer = func(command, _ string) string {
		if command == "MDTM" {
			return "502 not known"
		}
		return ""
	}
	times := 0
	s.data = func(whole []byte, offset int64) ([]byte, string) {
		if times++; times == 1 {
			return whole[:20_000], ""
		}
		return whole[offset:], "226 done"
	}
	var kept bytes.Buffer
	src := fetchers.Retry(source(t, config(s.addr(), drop.Spec(), nil)), conformance.Policy())
	if _, err := src.Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil || !bytes.Equal(kept.Bytes(), want) {
		t.Fatalf("error %v, %d bytes", err, kept.Len())
	}
	if strings.Contains(s.commands(), "REST") {
		t.Error("it was continued without a proof that the file is the same")
	}
}

// Names are bytes on the wire.
func TestGBKName(t *testing.T) {
	dir := t.TempDir()
	name := "\xb6\xd4\xd5\xcb\xb5\xa5_20261120.txt" // 对账单 in GBK
	if err := os.WriteFile(filepath.Join(dir, name), []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, nil)
	drop := conformance.NewDrop(t, fetchers.Marker{})
	c := config(s.addr(), fetchers.FileSpec{Name: "对账单_{yyyymmdd}.txt", GBK: true, Poll: time.Millisecond}, nil)
	var kept bytes.Buffer
	got, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept))
	if err != nil || kept.String() != "rows" {
		t.Fatalf("state %s (%s), error %v", got.State, got.Detail, err)
	}
	if got.Files[0].Name != "对账单_20261120.txt" {
		t.Errorf("shown as %q", got.Files[0].Name)
	}
	if strings.Contains(s.commands(), "UTF8") {
		t.Error("the server was asked to speak UTF-8")
	}
}

// Plain FTP needs a reason, and each run warns.
func TestAttack19_Cleartext(t *testing.T) {
	s, drop, _ := scripted(t, fetchers.Marker{}, 1000)
	c := config(s.addr(), drop.Spec(), nil)
	var kept bytes.Buffer
	got, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept))
	if err != nil {
		t.Fatal(err)
	}
	if p := proof(got, "transport.encrypted"); p == nil || p.OK || !p.Advisory || !strings.Contains(p.Note, c.Reason) {
		t.Errorf("the run does not warn: %+v", got.Proofs)
	}
	c.Reason = " "
	_, err = ftp.New(c)
	conformance.WantFault(t, err, "E-7821")
}

// A server without TLS learns neither user nor password.
func TestAttack19_NoDowngrade(t *testing.T) {
	s, drop, _ := scripted(t, fetchers.Marker{}, 1000)
	c := config(s.addr(), drop.Spec(), nil)
	c.AllowCleartext = false
	_, err := source(t, c).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
	conformance.WantFault(t, err, "E-3024")
	if said := s.commands(); strings.Contains(said, "USER") {
		t.Errorf("it went on in plain text:\n%s", said)
	}
}

// The answer to PASV names another machine. The data connection goes to the
// machine of the control connection all the same.
func TestAttack20_PassiveElsewhere(t *testing.T) {
	s, drop, want := scripted(t, fetchers.Marker{}, 1000)
	s.passive = "127.0.0.77" // loopback, so that following it would get somewhere
	c := config(s.addr(), drop.Spec(), nil)
	var dialled []string
	c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled = append(dialled, addr)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	var kept bytes.Buffer
	if _, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil || !bytes.Equal(kept.Bytes(), want) {
		t.Fatalf("error %v, %d bytes", err, kept.Len())
	}
	if len(dialled) < 2 {
		t.Fatalf("no data connection: %v", dialled)
	}
	for _, addr := range dialled {
		if host, _, _ := net.SplitHostPort(addr); host != "127.0.0.1" {
			t.Errorf("dialled %s", addr)
		}
	}
}

// Answers that no server should give end in an error, not in a crash.
func TestNonsenseAnswers(t *testing.T) {
	for name, c := range map[string]struct{ command, answer string }{
		"PASV backwards":      {"PASV", "227 )("},
		"PASV with few parts": {"PASV", "227 (1,2,3)"},
		"PASV with words":     {"PASV", "227 (a,b,c,d,e,f)"},
		"PASV port too large": {"PASV", "227 (127,0,0,1,999,999)"},
		"SIZE negative":       {"SIZE", "213 -5"},
		"SIZE with words":     {"SIZE", "213 many"},
		"no code":             {"SIZE", "hello"},
		"REST and RETR mixed": {"RETR", "226 done already"},
	} {
		t.Run(name, func(t *testing.T) {
			s, drop, _ := scripted(t, fetchers.Marker{}, 1000)
			s.passive = "127.0.0.1"
			s.answer = func(command, _ string) string {
				if command == c.command {
					return c.answer
				}
				return ""
			}
			var kept bytes.Buffer
			src := fetchers.Retry(source(t, config(s.addr(), drop.Spec(), nil)), conformance.Policy())
			got, err := src.Fetch(t.Context(), drop.Request(), keepIn(&kept))
			if err == nil {
				t.Fatalf("state %s", got.State)
			}
			if fault.Of(err).ID == "E-7001" {
				t.Errorf("taken for a defect of ours: %v", err)
			}
		})
	}
}

func secured(t *testing.T, serving *tls.Config, authority *conformance.Authority) (*server, ftp.Config, *conformance.Drop) {
	t.Helper()
	drop := conformance.NewDrop(t, fetchers.Marker{})
	drop.Publish(conformance.Statement(1, 1000))
	s := start(t, drop.Dir, serving)
	c := config(s.addr(), drop.Spec(), nil)
	c.AllowCleartext, c.RootCAs = false, authority.Pool()
	return s, c, drop
}

func TestAttack17_Certificates(t *testing.T) {
	authority := conformance.NewAuthority(t)
	good := authority.Server("127.0.0.1", time.Hour)
	for name, serving := range map[string]*tls.Config{
		"expired":     {Certificates: []tls.Certificate{authority.Server("127.0.0.1", -time.Minute)}},
		"wrong name":  {Certificates: []tls.Certificate{authority.Server("bank.example", time.Hour)}},
		"self-signed": {Certificates: []tls.Certificate{conformance.NewAuthority(t).Server("127.0.0.1", time.Hour)}},
		"TLS 1.1":     {Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, drop := secured(t, serving, authority)
			_, err := source(t, c).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
			conformance.WantFault(t, err, "E-3020")
			if strings.Contains(s.commands(), "USER") {
				t.Error("the user was sent")
			}
		})
	}
}

// The data connection is as well guarded as the control connection.
func TestAttack21_DataChannel(t *testing.T) {
	authority := conformance.NewAuthority(t)
	serving := func() *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{authority.Server("127.0.0.1", time.Hour)}}
	}
	t.Run("PROT P refused", func(t *testing.T) {
		s, c, drop := secured(t, serving(), authority)
		s.answer = func(command, _ string) string {
			if command == "PROT" {
				return "534 not here"
			}
			return ""
		}
		_, err := source(t, c).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
		conformance.WantFault(t, err, "E-3024")
	})
	t.Run("session not reused", func(t *testing.T) {
		s, c, drop := secured(t, serving(), authority)
		s.data = func([]byte, int64) ([]byte, string) { return nil, "522 session reuse required" }
		var kept bytes.Buffer
		_, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept))
		conformance.WantFault(t, err, "E-3020")
	})
	t.Run("plain data", func(t *testing.T) {
		s, c, drop := secured(t, serving(), authority)
		s.answer = func(command, arg string) string { // says yes, and sends plain bytes
			if command == "PROT" {
				return "200 ok"
			}
			return ""
		}
		var kept bytes.Buffer
		_, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept))
		conformance.WantFault(t, err, "E-3020")
	})
}

func TestLoginRefused(t *testing.T) {
	s, drop, _ := scripted(t, fetchers.Marker{}, 1000)
	s.answer = func(command, _ string) string {
		if command == "PASS" {
			return "530 login incorrect"
		}
		return ""
	}
	src := fetchers.Retry(source(t, config(s.addr(), drop.Spec(), nil)), conformance.Policy())
	_, err := src.Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
	conformance.WantFault(t, err, "E-3022")
	if n := strings.Count(s.commands(), "USER"); n != 1 {
		t.Errorf("%d logins: a refused login must not be repeated, it locks accounts", n)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Error("the password is in the error")
	}
}

// 421 asks to come again later.
func TestTooManyConnections(t *testing.T) {
	s, drop, want := scripted(t, fetchers.Marker{}, 1000)
	times := 0
	s.answer = func(command, _ string) string {
		if command == "TYPE" {
			if times++; times == 1 {
				return "421 too many connections"
			}
		}
		return ""
	}
	var kept bytes.Buffer
	src := fetchers.Retry(source(t, config(s.addr(), drop.Spec(), nil)), conformance.Policy())
	if _, err := src.Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil || !bytes.Equal(kept.Bytes(), want) {
		t.Fatalf("error %v, %d bytes", err, kept.Len())
	}
}

func TestConfigMistakes(t *testing.T) {
	_, err := ftp.New(ftp.Config{Addr: "nowhere", User: "a\r\nDELE x", Spec: fetchers.FileSpec{Name: "../{date}"}})
	for _, want := range []string{"addr", "user", "E-7822"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}
