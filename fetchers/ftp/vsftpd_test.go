package ftp_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/fetchers/ftp"
)

// vsftpd starts Debian's daemon on a high port over the drop's folder. It knows
// only the anonymous user here, so that no account of the machine is needed;
// what matters is how it transfers.
func vsftpd(t *testing.T, drop *conformance.Drop, more ...string) string {
	t.Helper()
	program := conformance.Program(t, "vsftpd", "vsftpd")
	if os.Getuid() != 0 {
		conformance.Missing(t, "vsftpd needs root to separate its privileges")
	}
	for dir := drop.Dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // the daemon reads as another user, and refuses a writable root
			t.Fatal(err)
		}
	}
	empty := t.TempDir()
	addr := conformance.FreeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	conf := conformance.WriteFile(t, filepath.Join(t.TempDir(), "vsftpd.conf"), append([]string{
		"listen=YES", "background=NO", "listen_address=127.0.0.1", "listen_port=" + port, "anonymous_enable=YES", "local_enable=NO",
		"anon_root=" + drop.Dir, "secure_chroot_dir=" + empty, "pasv_address=127.0.0.1", "anon_world_readable_only=NO",
		"xferlog_enable=NO", "connect_from_port_20=NO", "no_anon_password=YES", "ftp_username=ftp", "nopriv_user=nobody",
		"seccomp_sandbox=NO", // it kills the session on newer kernels
	}, more...)...)
	conformance.Daemon(t, addr, program, conf)
	return addr
}

func TestVsftpd(t *testing.T) {
	for _, c := range []struct {
		tls    bool
		marker fetchers.Marker
	}{{false, fetchers.Marker{}}, {true, fetchers.Marker{}}, {true, fetchers.Marker{Kind: fetchers.MarkerMD5}}} {
		t.Run(fmt.Sprintf("tls=%t/marker=%s", c.tls, c.marker.Kind), func(t *testing.T) {
			conformance.Run(t, func(t *testing.T, p *conformance.Proxy) *conformance.Subject {
				drop := conformance.NewDrop(t, c.marker)
				if !c.tls {
					return drop.Subject(source(t, anonymous(vsftpd(t, drop), drop, p)))
				}
				addr, authority := secureVsftpd(t, drop)
				secure := anonymous(addr, drop, p)
				secure.AllowCleartext, secure.RootCAs = false, authority.Pool()
				s := drop.Subject(source(t, secure))
				secure.RootCAs = conformance.NewAuthority(t).Pool()
				s.Impostor = source(t, secure)
				return s
			})
		})
	}
}

// secureVsftpd demands TLS everywhere and the same session on both connections.
func secureVsftpd(t *testing.T, drop *conformance.Drop) (string, *conformance.Authority) {
	authority := conformance.NewAuthority(t)
	cert, key := authority.Files(authority.Server("127.0.0.1", time.Hour))
	return vsftpd(t, drop, "ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_logins_ssl=YES", "force_anon_data_ssl=YES",
		"require_ssl_reuse=YES", "ssl_tlsv1=YES", "ssl_ciphers=HIGH", "rsa_cert_file="+cert, "rsa_private_key_file="+key), authority
}

func anonymous(addr string, drop *conformance.Drop, p *conformance.Proxy) ftp.Config {
	c := config(addr, drop.Spec(), p)
	c.User, c.Password = "anonymous", "test"
	return c
}

// A daemon that demands TLS refuses plain text, and we say so clearly.
func TestVsftpdRefusesCleartext(t *testing.T) {
	drop := conformance.NewDrop(t, fetchers.Marker{})
	drop.Publish([]byte("rows"))
	addr, _ := secureVsftpd(t, drop)
	_, err := source(t, anonymous(addr, drop, nil)).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
	conformance.WantFault(t, err, "E-3022")
}

// Names in GBK go through a real daemon as bytes.
func TestVsftpdGBKName(t *testing.T) {
	drop := conformance.NewDrop(t, fetchers.Marker{})
	name := "\xb6\xd4\xd5\xcb\xb5\xa5_20261120.txt"
	if err := os.WriteFile(filepath.Join(drop.Dir, name), []byte("rows"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := anonymous(vsftpd(t, drop), drop, nil)
	c.Spec.Name, c.Spec.GBK = "对账单_{yyyymmdd}.txt", true
	var kept bytes.Buffer
	if _, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil || kept.String() != "rows" {
		t.Fatalf("error %v, kept %q", err, kept.String())
	}
}
