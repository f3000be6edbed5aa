package sftp

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tieout/fetchers"
	"tieout/internal/fault"
)

// dial logs in. A server with keys of several kinds shows the one that the
// client asks for, so the kinds of the pins are asked for one after the other;
// the first pinned key wins, and a mismatch of all is E-3023.
func dial(ctx context.Context, c *Config, pins *pins, place string) (*folder, error) {
	var mismatch, last error
	for _, kind := range pins.kinds() {
		f, err := dialKind(ctx, c, pins, place, kind)
		var other *otherKey
		switch {
		case err == nil:
			return f, nil
		case errors.As(err, &other):
			if mismatch == nil {
				mismatch = fault.New("E-3023", fault.V{"place": place, "want": pins.String(), "got": other.Error()}, nil)
			}
		case noCommonHostKey(err):
			last = err
		default:
			return nil, err
		}
	}
	if mismatch != nil {
		return nil, mismatch
	}
	return nil, fault.New("E-3023", fault.V{"place": place, "want": pins.String(), "got": "no key of these kinds"}, last)
}

func noCommonHostKey(err error) bool {
	var none *ssh.AlgorithmNegotiationError
	return errors.As(err, &none) && none.What == "host key"
}

func dialKind(ctx context.Context, c *Config, pins *pins, place string, hostKeys []string) (*folder, error) {
	raw, err := c.Dial(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, err
	}
	f := &folder{place: place, raw: raw, stop: make(chan struct{})}
	err = f.within(ctx, func() error { return f.login(c, pins, hostKeys) })
	if err != nil {
		raw.Close()
		return nil, refusal(err, place)
	}
	f.alive.Go(func() { f.keepAlive(c.KeepAlive) })
	return f, nil
}

func (f *folder) login(c *Config, pins *pins, hostKeys []string) error {
	var seen error // ssh turns the callback's error into text
	config := &ssh.ClientConfig{
		User: c.User, Auth: auth(c), HostKeyAlgorithms: hostKeys, ClientVersion: "SSH-2.0-tieout",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			seen = pins.check(key)
			return seen
		},
	}
	modern := ssh.SupportedAlgorithms()
	config.KeyExchanges, config.Ciphers = modern.KeyExchanges, modern.Ciphers
	config.MACs = slices.DeleteFunc(modern.MACs, func(mac string) bool { return mac == ssh.HMACSHA1 })
	conn, channels, requests, err := ssh.NewClientConn(f.raw, c.Addr, config)
	if err != nil {
		if seen != nil {
			return seen
		}
		return err
	}
	f.conn = ssh.NewClient(conn, channels, requests)
	if f.files, err = sftp.NewClient(f.conn, sftp.UseConcurrentReads(true)); err != nil {
		f.conn.Close()
		return noSFTP(err, f.place)
	}
	return nil
}

// noSFTP explains why a connection that is logged in gives no SFTP: the server
// says no, or the connection is lost, for which the library has many words.
func noSFTP(err error, place string) error {
	var rejected *ssh.OpenChannelError
	if errors.As(err, &rejected) || strings.Contains(err.Error(), "subsystem request failed") {
		return fault.New("E-3025", fault.V{"place": place}, err)
	}
	return fetchers.As(fetchers.Temporary, err)
}

func auth(c *Config) []ssh.AuthMethod {
	var methods []ssh.AuthMethod
	if c.Key != nil {
		methods = append(methods, ssh.PublicKeys(c.Key))
	}
	if c.Password != "" {
		methods = append(methods, ssh.Password(c.Password))
	}
	return methods
}

// refusal tells a server that refuses us from a network that fails us. The
// library has no type for a refused login.
func refusal(err error, place string) error {
	var none *ssh.AlgorithmNegotiationError
	switch {
	case noCommonHostKey(err):
		return err
	case errors.As(err, &none):
		return fault.New("E-3020", fault.V{"place": place}, err)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fault.New("E-3022", fault.V{"place": place}, err)
	}
	return err
}
