package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"
)

// antRoot has the name and the serial number of the first of Alipay's production
// roots, the one that each request names.
func antRoot() *x509.Certificate {
	return &x509.Certificate{SerialNumber: new(big.Int).SetUint64(0x1fcfa18d6a480d11), NotBefore: signedAt, NotAfter: signedAt.Add(time.Hour),
		Subject: pkix.Name{Country: []string{"CN"}, Organization: []string{"Ant Financial"}, OrganizationalUnit: []string{"Certification Authority"},
			CommonName: "Ant Financial Certification Authority R1"}}
}

const antRootSN = "687b59193f3f462dd5336e5abf83c5d8" // as Alipay publishes it

func certPEM(t *testing.T, template *x509.Certificate, public, key any) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestAlipaySN(t *testing.T) {
	key := testKey(t)
	text := certPEM(t, antRoot(), &key.PublicKey, key)
	certs, err := ParseCertificates(text)
	if err != nil {
		t.Fatal(err)
	}
	if sn, err := AlipaySN(certs[0]); err != nil || sn != antRootSN {
		t.Errorf("%s, %v", sn, err)
	}

	// The issuer's name as it stands in the certificate, last part first.
	odd := antRoot()
	odd.RawSubject, err = hex.DecodeString("3021310f300d06035504030c06e694afe4bb98310e300c060355040a0c054f2c202b62")
	if err != nil {
		t.Fatal(err)
	}
	certs, err = ParseCertificates(certPEM(t, odd, &key.PublicKey, key))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte(`O=O\, \+b,CN=支付` + "2292228364100439313"))
	if sn, err := AlipaySN(certs[0]); err != nil || sn != hex.EncodeToString(sum[:]) {
		t.Errorf("%s, %v", sn, err)
	}
}

// Of the roots only those that are signed with RSA count; a request joins them.
func TestAlipayRootSN(t *testing.T) {
	key := testKey(t)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second := antRoot()
	second.SerialNumber = big.NewInt(7)
	first, other := certPEM(t, antRoot(), &key.PublicKey, key), certPEM(t, second, &key.PublicKey, key)
	ec := certPEM(t, antRoot(), &curve.PublicKey, curve)
	// A curve that is not read here, as SM2 is not.
	block, _ := pem.Decode(ec)
	unread := bytes.Replace(block.Bytes, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, []byte{0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d}, 1)
	if _, err := x509.ParseCertificate(unread); err == nil {
		t.Fatal("the curve is read")
	}
	strange := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: unread})

	sum := md5.Sum([]byte("CN=Ant Financial Certification Authority R1,OU=Certification Authority,O=Ant Financial,C=CN" + "7"))
	want := antRootSN + "_" + hex.EncodeToString(sum[:])
	if got, err := AlipayRootSN(bytes.Join([][]byte{strange, first, ec, other}, nil)); err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for name, bad := range map[string][]byte{"no RSA root": ec, "no certificate": []byte("x"), "empty": nil} {
		if got, err := AlipayRootSN(bad); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAlipayTrust(t *testing.T) {
	key := testKey(t)
	foreign, err := rsa.GenerateKey(rand.Reader, MinKeyBits)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := EncodeAlipayCertResponse(key, antRootSN, "alipay.trade.query", []byte(`{"code":"10000"}`))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := ParseAlipayResponse("alipay.trade.query", answer)
	if err != nil {
		t.Fatal(err)
	}
	form := map[string]string{"notify_id": "1", "alipay_cert_sn": antRootSN}
	if form["sign"], err = SignAlipayNotify(key, form); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		trust AlipayTrust
		want  error
	}{
		"its certificate": {AlipayTrust{Certs: PublicKeys{"other": nil, antRootSN: &key.PublicKey}}, nil},
		"one key":         {AlipayTrust{Key: &key.PublicKey}, nil},
		"another":         {AlipayTrust{Certs: PublicKeys{"0123": &key.PublicKey}}, ErrUnknownKey},
		"none":            {AlipayTrust{}, ErrUnknownKey},
	} {
		if err := c.trust.Response(parts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := c.trust.Notification(form); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	unnamed := map[string]string{"notify_id": "1"}
	if unnamed["sign"], err = SignAlipayNotify(key, unnamed); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		certs PublicKeys
		want  error
	}{
		"one of them": {PublicKeys{"0": &foreign.PublicKey, "1": &key.PublicKey}, nil},
		"another":     {PublicKeys{"0": &foreign.PublicKey}, ErrSignature},
		"none":        {nil, ErrUnknownKey},
	} {
		if err := (AlipayTrust{Certs: c.certs}).Notification(unnamed); !errors.Is(err, c.want) {
			t.Errorf("no name, %s: %v, want %v", name, err, c.want)
		}
	}
	form["alipay_cert_sn"] = "0123" // signed too: another certificate cannot be put in its place
	trust := AlipayTrust{Certs: PublicKeys{"0123": &key.PublicKey}}
	if err := trust.Notification(form); !errors.Is(err, ErrSignature) {
		t.Errorf("a changed number: %v", err)
	}
}
