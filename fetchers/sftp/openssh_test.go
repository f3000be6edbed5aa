package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/fetchers/sftp"
)

// TestOpenSSH runs the suite against Debian's sshd and sftp-server on a high
// port, with keys and configuration of its own.
func TestOpenSSH(t *testing.T) {
	sshd := conformance.Program(t, "sshd", "openssh-server")
	files := conformance.Program(t, "sftp-server", "openssh-sftp-server")
	if os.Getuid() != 0 {
		conformance.Missing(t, "sshd needs root to separate its privileges")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd locks its unprivileged child in
		t.Fatal(err)
	}
	conformance.Run(t, func(t *testing.T, p *conformance.Proxy) *conformance.Subject {
		drop := conformance.NewDrop(t, fetchers.Marker{})
		host, hostFile := newKeyFile(t)
		user, _ := newKeyFile(t)
		_, other, _ := hostKeys(t)
		addr := conformance.FreeAddr(t)
		dir := t.TempDir()
		conformance.WriteFile(t, filepath.Join(dir, "authorized"), string(ssh.MarshalAuthorizedKey(user.PublicKey())))
		port := addr[len("127.0.0.1:"):]
		conf := conformance.WriteFile(t, filepath.Join(dir, "sshd_config"),
			"ListenAddress 127.0.0.1", "Port "+port, "HostKey "+hostFile, "PidFile none", "UsePAM no", "StrictModes no",
			"PermitRootLogin prohibit-password", "PasswordAuthentication no", "MaxStartups 100",
			"AuthorizedKeysFile "+filepath.Join(dir, "authorized"), "Subsystem sftp "+files+" -R -d "+drop.Dir)
		conformance.Daemon(t, addr, sshd, "-D", "-e", "-f", conf)
		c := sftp.Config{Addr: addr, User: "root", Key: user, HostKeys: pinned(host), Spec: drop.Spec(),
			Limits: conformance.Limits(), Now: time.Now, Dial: p.DialContext}
		s := drop.Subject(source(t, c))
		s.Slow = true // sshd starts a program for each
		c.HostKeys = pinned(other)
		s.Impostor = source(t, c)
		return s
	})
}

// newKeyFile makes a key and writes it as OpenSSH reads it.
func newKeyFile(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer(t, key), path
}
