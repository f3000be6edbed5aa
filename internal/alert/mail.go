package alert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// mailer sends an alert by e-mail.
type mailer interface {
	send(ctx context.Context, p *Place, a *Alert) error
}

// smtpMailer sends over TLS only: from the start on port 465, else by STARTTLS,
// which the server must offer.
type smtpMailer struct {
	roots   *x509.CertPool // nil: those of the system
	tlsPort int            // the port that speaks TLS from the start
}

func (m smtpMailer) send(ctx context.Context, p *Place, a *Alert) error {
	msg, err := message(p, a)
	if err != nil {
		return err
	}
	// The client leaves the connection open when the server offers no STARTTLS.
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	client, err := m.client(p, func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return conn, err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errSetUp, err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	return nil
}

func (m smtpMailer) client(p *Place, dial gomail.DialContextFunc) (*gomail.Client, error) {
	host, port, err := net.SplitHostPort(p.SMTP)
	if err != nil {
		return nil, fmt.Errorf("the mail server is not host:port")
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("the mail server's port is not a number")
	}
	options := []gomail.Option{
		gomail.WithPort(number),
		gomail.WithTimeout(10 * time.Second),
		gomail.WithHELO("localhost"), // the name of this machine is nobody's business
		gomail.WithTLSConfig(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: m.roots}),
		gomail.WithTLSPolicy(gomail.TLSMandatory),
	}
	if number == m.tlsPort {
		// The client takes only its own dialer's connections for encrypted.
		options = append(options, gomail.WithSSL())
	} else {
		options = append(options, gomail.WithDialContextFunc(dial))
	}
	if p.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(p.User), gomail.WithPassword(p.Key))
	}
	return gomail.NewClient(host, options...)
}

func message(p *Place, a *Alert) (*gomail.Msg, error) {
	msg := gomail.NewMsg()
	if err := msg.From(p.From); err != nil {
		return nil, fmt.Errorf("%w: the sender's address: %w", errSetUp, err)
	}
	if err := msg.To(p.To...); err != nil {
		return nil, fmt.Errorf("%w: a receiver's address: %w", errSetUp, err)
	}
	msg.Subject("[tieout] " + a.Title())
	msg.SetDateWithValue(a.At)
	msg.SetBodyString(gomail.TypeTextPlain, a.Text()+"\n")
	return msg, nil
}
