package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/config"
	"tieout/internal/signing"
)

// keep writes a file of a test and returns its path.
func keep(t *testing.T, text ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, []byte(strings.Join(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAlipayKeys(t *testing.T) {
	made, err := channelsim.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	private, err := signing.ParsePrivateKey([]byte(made.AlipayApp.KeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	sn := func(text string) string { return (&keys{}).alipaySN("", []byte(text)) }
	app, theirs, root := keep(t, made.AlipayApp.CertPEM), keep(t, made.AlipayPlatform.CertPEM, made.AlipayRoot.CertPEM), keep(t, made.AlipayRoot.CertPEM)

	k := &keys{account: "alipay-main"}
	a := k.alipay(config.Fetch{CertFile: app, RootCertFile: root, PlatformKeys: map[string]string{"now": theirs}}, private)
	if a.one != nil || len(a.named) != 1 || a.named[sn(made.AlipayPlatform.CertPEM)] == nil || a.appSN != sn(made.AlipayApp.CertPEM) ||
		a.rootSN != sn(made.AlipayRoot.CertPEM) || k.err() != nil {
		t.Errorf("certificate mode: %+v, %v", a, k.err())
	}
	public := keep(t, made.AlipayPlatform.PublicPEM)
	if a := k.alipay(config.Fetch{PlatformKeys: map[string]string{"k1": public}}, private); a.one == nil || a.named != nil || a.appSN != "" || k.err() != nil {
		t.Errorf("one key: %+v, %v", a, k.err())
	}
	for reason, f := range map[string]config.Fetch{
		"is not the certificate of private_key_file":        {CertFile: theirs, RootCertFile: root},
		"holds no root certificate that is signed with RSA": {CertFile: app, RootCertFile: keep(t, made.CA.CertPEM)},
		"a certificate in PEM is needed":                    {CertFile: app, RootCertFile: root, PlatformKeys: map[string]string{"k1": public}},
		"is not an RSA public key or certificate in PEM":    {CertFile: app, RootCertFile: root, PlatformKeys: map[string]string{"k1": keep(t, "x")}},
	} {
		k := &keys{account: "alipay-main"}
		if k.alipay(f, private); k.err() == nil || !strings.Contains(k.err().Error(), reason) {
			t.Errorf("%s: %v", reason, k.err())
		}
	}
}

// A certificate is warned of from 30 days before its end, and when it has ended,
// wherever the configuration names it; keys and files that are not there have no
// end.
func TestEndings(t *testing.T) {
	ends := time.Date(2026, 12, 4, 9, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := func(serial int64, ends time.Time) string {
		template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: ends.AddDate(-1, 0, 0), NotAfter: ends}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	later := ends.AddDate(1, 0, 0)
	cfg := &config.Config{
		Accounts: []config.Account{{
			Fetch: config.Fetch{CertFile: keep(t, made(0x10, ends)), CAFile: keep(t, "-----BEGIN PUBLIC KEY-----"), PlatformKeys: map[string]string{"gone": "gone.pem"}},
			Query: config.Fetch{PlatformKeys: map[string]string{"two": keep(t, made(0x20, later), made(0x30, ends.Add(time.Second)))}},
		}},
		API:       config.API{CertFile: keep(t, made(0x40, later))},
		Merchants: []config.Merchant{{Keys: []config.MerchantKey{{}, {PublicKeyFile: keep(t, made(0x50, later))}}}},
		Interop:   []config.Interop{{WrapKeyFile: keep(t, made(0x60, later)), VerifyKeys: map[string]string{"k1": keep(t, made(0x70, later))}}},
	}
	const first, second = "accounts.0.fetch.cert_file=10", "accounts.0.query.platform_keys.two=30"
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{ends.Add(-30*24*time.Hour - time.Second), ""},
		{ends.Add(-30 * 24 * time.Hour), first},
		{ends.Add(-30*24*time.Hour + time.Second), first + " " + second},
		{ends.AddDate(0, 6, 0), first + " " + second},
		{later, first + " accounts.0.query.platform_keys.two=20 " + second + " api.cert_file=40 interop.0.verify_keys.k1=70 interop.0.wrap_key_file=60 merchants.0.keys.1.public_key_file=50"},
	} {
		var got []string
		for _, e := range endings(cfg, c.at) {
			got = append(got, e.Option+"="+e.Serial)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("at %s: %s, want %s", c.at, text, c.want)
		}
	}
}
