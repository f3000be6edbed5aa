package alert

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// post is a mail server on loopback that knows what one client needs.
type post struct {
	net.Listener
	cert     tls.Certificate
	roots    *x509.CertPool
	startTLS bool
	implicit bool   // TLS from the start
	login    string // expected AUTH PLAIN, base64; "" = none
	letters  chan letter
	done     chan struct{}
}

type letter struct {
	from string
	to   []string
	data string
	tls  bool
}

func newPost(t *testing.T, startTLS, implicit bool, login string) *post {
	t.Helper()
	p := &post{startTLS: startTLS, implicit: implicit, login: login, letters: make(chan letter, 10), done: make(chan struct{})}
	p.cert, p.roots = loopbackCert(t)
	var err error
	if p.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			if p.implicit {
				c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{p.cert}})
			}
			p.serve(c)
		}
	}()
	t.Cleanup(func() { p.Close(); <-p.done })
	return p
}

func loopbackCert(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "loopback"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (p *post) serve(c net.Conn) {
	defer func() { c.Close() }()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 loopback ESMTP")
	l := letter{tls: p.implicit}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		switch {
		case verb == "EHLO":
			say("250-loopback")
			if p.startTLS && !l.tls {
				say("250-STARTTLS")
			}
			if p.login != "" && l.tls {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case verb == "STARTTLS" && p.startTLS:
			say("220 go ahead")
			tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{p.cert}})
			if tc.Handshake() != nil {
				return
			}
			c, r = tc, bufio.NewReader(tc)
			l.tls = true
		case verb == "AUTH":
			if strings.HasSuffix(line, p.login) {
				say("235 welcome")
			} else {
				say("535 no")
			}
		case strings.HasPrefix(strings.ToUpper(line), "MAIL FROM:"):
			l.from = address(line)
			say("250 ok")
		case strings.HasPrefix(strings.ToUpper(line), "RCPT TO:"):
			l.to = append(l.to, address(line))
			say("250 ok")
		case verb == "DATA":
			say("354 send")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			l.data = b.String()
			p.letters <- l
			say("250 kept")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func address(line string) string {
	return line[strings.IndexByte(line, '<')+1 : strings.IndexByte(line, '>')]
}

func mailSender(p *post, k *kept) *Sender {
	place := Place{Name: "mail", Kind: Email, SMTP: p.Addr().String(), User: "ops", Key: "SECRETKEY", From: "tieout@example.com",
		To: []string{"ops@example.com", "finance@example.com"}}
	if p.login == "" {
		place.User = ""
	}
	s := New([]Place{place}, k, func() time.Time { return at }, nil)
	s.mail = smtpMailer{roots: p.roots}
	s.wait = func(context.Context, time.Duration) error { return nil }
	return s
}

func TestMail(t *testing.T) {
	t.Run("STARTTLS", func(t *testing.T) { testMail(t, false) })
	t.Run("TLS from the start", func(t *testing.T) { testMail(t, true) })
}

func testMail(t *testing.T, implicit bool) {
	p := newPost(t, !implicit, implicit, base64.StdEncoding.EncodeToString([]byte("\x00ops\x00SECRETKEY")))
	k := &kept{}
	s := mailSender(p, k)
	if implicit {
		s.mail = smtpMailer{roots: p.roots, tlsPort: p.Addr().(*net.TCPAddr).Port}
	}
	s.Alert(context.Background(), brokenNight(), 21, "Proof failed: 10,482 of 10,311\r\nBcc: evil@example.com")
	if k.rows[0].Error != "" || k.rows[0].Tries != 1 {
		t.Fatalf("%+v", k.rows[0])
	}
	l := <-p.letters
	if !l.tls || l.from != "tieout@example.com" || strings.Join(l.to, ",") != "ops@example.com,finance@example.com" {
		t.Errorf("%+v", l)
	}
	m, err := mail.ReadMessage(strings.NewReader(l.data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "[tieout] wechat-main 2026-11-20: INCOMPLETE (exit 21)" {
		t.Errorf("subject %q, %v", subject, err)
	}
	if m.Header.Get("Bcc") != "" || m.Header.Get("Date") != "Sat, 21 Nov 2026 02:03:04 +0000" {
		t.Errorf("%v", m.Header)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Proof failed: 10,482 of 10,311", advice[21][0], advice[21][1], "run wechat-main.20261120.a0001"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%q is not in %q", want, body)
		}
	}
}

// Mail never goes out in clear, never with a wrong password, never to a server
// that nobody vouches for; and the password is in no message.
func TestMailThatMustNotGo(t *testing.T) {
	good := base64.StdEncoding.EncodeToString([]byte("\x00ops\x00SECRETKEY"))
	for name, p := range map[string]*post{
		"no TLS":         newPost(t, false, false, good),
		"wrong password": newPost(t, true, false, "another"),
		"unknown issuer": newPost(t, true, false, good),
	} {
		t.Run(name, func(t *testing.T) {
			k := &kept{}
			s := mailSender(p, k)
			if name == "unknown issuer" {
				s.mail = smtpMailer{roots: x509.NewCertPool()}
			}
			err := s.Send(context.Background(), Alert{Account: "a", Exit: 31})
			if err == nil || k.rows[0].Error == "" || len(p.letters) != 0 {
				t.Fatalf("%v, %+v", err, k.rows[0])
			}
			noSecret(t, err.Error()+k.rows[0].Error, "nowhere")
			if strings.Contains(err.Error(), good) {
				t.Error("the login is in the message")
			}
		})
	}
}
