package sftp_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/fetchers/sftp"
	"tieout/internal/fault"
	"tieout/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	for _, marker := range []fetchers.Marker{{}, {Kind: fetchers.MarkerMD5}} {
		t.Run("marker="+string(marker.Kind), func(t *testing.T) {
			conformance.Run(t, func(t *testing.T, p *conformance.Proxy) *conformance.Subject {
				ed, other, _ := hostKeys(t)
				drop := conformance.NewDrop(t, marker)
				srv := start(t, drop.Dir, nil, ed)
				c := config(srv, drop, pinned(ed))
				c.Dial = p.DialContext
				s := drop.Subject(source(t, c))
				s.Deny = func() { srv.mu.Lock(); srv.deny = true; srv.mu.Unlock() }
				c.HostKeys = pinned(other)
				s.Impostor = source(t, c)
				return s
			})
		})
	}
}

func config(s *server, drop *conformance.Drop, keys sftp.HostKeys) sftp.Config {
	return sftp.Config{Addr: s.addr(), User: "bank", Password: "s3cret", HostKeys: keys, Spec: drop.Spec(), Limits: conformance.Limits(), Now: time.Now}
}

func source(t *testing.T, c sftp.Config) *fetchers.FileSource {
	t.Helper()
	src, err := sftp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func pinned(keys ...ssh.Signer) sftp.HostKeys {
	var h sftp.HostKeys
	for _, k := range keys {
		h.Fingerprints = append(h.Fingerprints, ssh.FingerprintSHA256(k.PublicKey()))
	}
	return h
}

func published(t *testing.T, size int) (*conformance.Drop, []byte) {
	t.Helper()
	drop := conformance.NewDrop(t, fetchers.Marker{})
	data := conformance.Statement(1, size)
	drop.Publish(data)
	return drop, data
}

func keepIn(buf *bytes.Buffer) fetchers.Keep {
	return func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		buf.Reset()
		n, err := io.Copy(buf, r)
		return schemas.FileUsed{Name: name, Size: n}, err
	}
}

// A changed host key stops everything, shows both fingerprints, and the
// password is never sent.
func TestAttack18_ChangedHostKey(t *testing.T) {
	ed, ec, rs := hostKeys(t)
	drop, _ := published(t, 1000)
	asked := false
	srv := start(t, drop.Dir, func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { asked = true; return nil, nil }
	}, ec, rs)
	for name, keys := range map[string]sftp.HostKeys{
		"fingerprint":           pinned(ed),
		"fingerprint with kind": {Fingerprints: []string{"ecdsa-sha2-nistp256 " + ssh.FingerprintSHA256(ed.PublicKey())}},
		"known_hosts":           {File: knownHosts(t, srv.addr(), ed)},
		"known_hosts, hashed":   {File: knownHosts(t, "hashed "+srv.addr(), ed)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := source(t, config(srv, drop, keys)).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
			conformance.WantFault(t, err, "E-3023")
			if !strings.Contains(err.Error(), ssh.FingerprintSHA256(ed.PublicKey())) {
				t.Errorf("the pinned fingerprint is not shown: %v", err)
			}
			shown := ssh.FingerprintSHA256(ec.PublicKey())
			if !strings.Contains(err.Error(), shown) && !strings.Contains(err.Error(), "no key of these kinds") {
				t.Errorf("what the server shows is not told: %v", err)
			}
		})
	}
	if asked {
		t.Error("the password went to a server that is not the pinned one")
	}
}

// Whatever kind of key is pinned, the server is asked for that kind.
func TestAttack18_PinnedKeyOfAnyKind(t *testing.T) {
	ed, ec, rs := hostKeys(t)
	drop, want := published(t, 1000)
	srv := start(t, drop.Dir, nil, ed, ec, rs)
	for name, key := range map[string]ssh.Signer{"ed25519": ed, "ecdsa": ec, "rsa": rs} {
		for form, keys := range map[string]sftp.HostKeys{
			"fingerprint": pinned(key),
			"with kind":   {Fingerprints: []string{key.PublicKey().Type() + " " + ssh.FingerprintSHA256(key.PublicKey())}},
			"known_hosts": {File: knownHosts(t, srv.addr(), key)},
			"hashed":      {File: knownHosts(t, "hashed "+srv.addr(), key)},
		} {
			t.Run(name+"/"+form, func(t *testing.T) {
				var kept bytes.Buffer
				_, err := source(t, config(srv, drop, keys)).Fetch(t.Context(), drop.Request(), keepIn(&kept))
				if err != nil || !bytes.Equal(kept.Bytes(), want) {
					t.Fatalf("error %v, %d bytes", err, kept.Len())
				}
			})
		}
	}
}

// knownHosts writes a file with one key; "hashed " before the address hides it
// as OpenSSH does.
func knownHosts(t *testing.T, addr string, key ssh.Signer) string {
	t.Helper()
	plain, hashed := strings.CutPrefix(addr, "hashed ")
	host := knownhosts.Normalize(plain)
	if hashed {
		host = knownhosts.HashHostname(host)
	}
	path := filepath.Join(t.TempDir(), "known_hosts")
	line := knownhosts.Line([]string{"elsewhere.example"}, key.PublicKey()) + "\n" + host + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey()))) + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Without a pin nothing starts: there is no first contact in a night job.
func TestAttack18_NoPinNoStart(t *testing.T) {
	ed, _, _ := hostKeys(t)
	for name, keys := range map[string]sftp.HostKeys{
		"none":              {},
		"not a fingerprint": {Fingerprints: []string{"MD5:aa:bb"}},
		"cut fingerprint":   {Fingerprints: []string{"SHA256:abc"}},
		"other host":        {File: knownHosts(t, "192.0.2.1:22", ed)},
		"no file":           {File: filepath.Join(t.TempDir(), "nothing")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sftp.New(sftp.Config{Addr: "192.0.2.9:22", User: "u", Password: "p", HostKeys: keys, Spec: fetchers.FileSpec{Name: "x"}})
			conformance.WantFault(t, err, "E-7820")
		})
	}
}

// Old algorithms are not agreed to, even if the server knows nothing else.
func TestAttack18_NoWeakAlgorithms(t *testing.T) {
	ed, _, rs := hostKeys(t)
	weak := ssh.InsecureAlgorithms()
	drop, _ := published(t, 1000)
	sha1, err := ssh.NewSignerWithAlgorithms(rs.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		id     fault.ID
		key    ssh.Signer
		adjust func(*ssh.ServerConfig)
	}{
		{"key exchange", "E-3020", ed, func(c *ssh.ServerConfig) { c.KeyExchanges = weak.KeyExchanges }},
		{"cipher", "E-3020", ed, func(c *ssh.ServerConfig) { c.Ciphers = weak.Ciphers }},
		{"HMAC with SHA-1", "E-3020", ed, func(c *ssh.ServerConfig) {
			c.Ciphers, c.MACs = []string{ssh.CipherAES128CTR}, []string{ssh.HMACSHA1}
		}},
		{"RSA with SHA-1", "E-3023", sha1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := start(t, drop.Dir, c.adjust, c.key)
			_, err := source(t, config(srv, drop, pinned(c.key))).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
			conformance.WantFault(t, err, c.id)
		})
	}
}

// A link is refused by look, and a link that takes the file's place between
// look and opening is found out before anything is kept.
func TestAttack03_Symlink(t *testing.T) {
	ed, _, _ := hostKeys(t)
	drop, _ := published(t, 1000)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, bytes.Repeat([]byte("x"), 777), 0o600); err != nil {
		t.Fatal(err)
	}
	toLink := func() {
		os.Remove(drop.Data())
		if err := os.Symlink(secret, drop.Data()); err != nil {
			t.Error(err)
		}
	}
	t.Run("swapped", func(t *testing.T) {
		srv := start(t, drop.Dir, nil, ed)
		srv.swap = toLink
		var kept bytes.Buffer
		done := false
		_, err := source(t, config(srv, drop, pinned(ed))).Fetch(t.Context(), drop.Request(), func(ctx context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
			used, err := keepIn(&kept)(ctx, name, r)
			done = done || err == nil
			return used, err
		})
		if err == nil || done {
			t.Fatalf("it was kept, error %v", err)
		}
	})
	t.Run("there", func(t *testing.T) {
		toLink()
		srv := start(t, drop.Dir, nil, ed)
		_, err := source(t, config(srv, drop, pinned(ed))).Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
		conformance.WantFault(t, err, "E-2126")
	})
}

// An answer that is shorter than asked is not the end of the file.
func TestShortAnswers(t *testing.T) {
	ed, _, _ := hostKeys(t)
	drop, want := published(t, 300_000)
	srv := start(t, drop.Dir, nil, ed)
	srv.chunk = 5000
	c := config(srv, drop, pinned(ed))
	c.Limits.Idle, c.Limits.RateOver, c.Limits.Total = time.Minute, time.Minute, 2*time.Minute // a busy machine is not a stalled server
	var kept bytes.Buffer
	got, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept))
	if err != nil || !bytes.Equal(kept.Bytes(), want) {
		t.Fatalf("error %v, %d bytes", err, kept.Len())
	}
	if got.Files[0].Resumes != 0 {
		t.Errorf("%d resumes", got.Files[0].Resumes)
	}
}

// Nothing at the other side is written, moved, deleted or listed.
func TestFaultD03_OnlyReads(t *testing.T) {
	ed, _, _ := hostKeys(t)
	drop, _ := published(t, 1000)
	srv := start(t, drop.Dir, nil, ed)
	var kept bytes.Buffer
	if _, err := source(t, config(srv, drop, pinned(ed))).Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil {
		t.Fatal(err)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, method := range srv.said {
		if method != "Get" && method != "Stat" && method != "Lstat" {
			t.Errorf("%s was asked for", method)
		}
	}
}

func TestLoginByKey(t *testing.T) {
	ed, user, _ := hostKeys(t)
	drop, want := published(t, 1000)
	srv := start(t, drop.Dir, func(c *ssh.ServerConfig) {
		c.PasswordCallback = nil
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(key.Marshal(), user.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, os.ErrPermission
		}
	}, ed)
	c := config(srv, drop, pinned(ed))
	c.Password, c.Key = "", user
	var kept bytes.Buffer
	if _, err := source(t, c).Fetch(t.Context(), drop.Request(), keepIn(&kept)); err != nil || !bytes.Equal(kept.Bytes(), want) {
		t.Fatalf("error %v, %d bytes", err, kept.Len())
	}
}

// A refused login is not repeated, because that locks accounts.
func TestLoginRefused(t *testing.T) {
	ed, _, _ := hostKeys(t)
	drop, _ := published(t, 1000)
	logins := 0
	srv := start(t, drop.Dir, func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { logins++; return nil, os.ErrPermission }
	}, ed)
	src := fetchers.Retry(source(t, config(srv, drop, pinned(ed))), conformance.Policy())
	_, err := src.Fetch(t.Context(), drop.Request(), conformance.KeepNothing(t))
	conformance.WantFault(t, err, "E-3022")
	if logins != 1 {
		t.Errorf("%d logins", logins)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Error("the password is in the error")
	}
}

func TestConfigMistakes(t *testing.T) {
	_, err := sftp.New(sftp.Config{Addr: "nowhere", Spec: fetchers.FileSpec{Name: "{part}"}})
	for _, want := range []string{"addr", "user", "password", "E-7820", "E-7822"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}
