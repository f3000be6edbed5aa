package channelsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"tieout/internal/signing"
)

// Keys are all keys of one set of channels and of the merchant at them. They
// are new each time and worth nothing anywhere else.
type Keys struct {
	CA *Pair // issues the TLS certificates

	WeChatMerchant, WeChatPlatform   *Pair
	AlipayApp, AlipayPlatform        *Pair
	AlipayRoot                       *Pair // issues the two
	UnionPayRoot, UnionPayMiddle     *Pair
	UnionPayMerchant, UnionPaySigner *Pair
	APIv3Key                         string // WeChat's key for notification resources, 32 ASCII characters
	BankPassword, UnionPayPassword   string // logins of FTP and SFTP
	HostKey                          ssh.Signer
}

// Pair is a private key with its certificate.
type Pair struct {
	KeyPEM, CertPEM, PublicPEM string

	signer crypto.Signer
	cert   *x509.Certificate
}

// SerialHex and SerialDecimal write the certificate's serial number as WeChat
// Pay and UnionPay do.
func (p *Pair) SerialHex() string     { return signing.SerialHex(p.cert) }
func (p *Pair) SerialDecimal() string { return signing.SerialDecimal(p.cert) }

// alipaySN names the certificate as Alipay does; that of a root, which issued
// itself, is its part of alipay_root_cert_sn.
func (p *Pair) alipaySN() string {
	sn, err := signing.AlipaySN(p.cert)
	if err != nil {
		panic(fmt.Sprintf("a certificate made here: %v", err))
	}
	return sn
}

func (p *Pair) rsa() *rsa.PrivateKey   { return p.signer.(*rsa.PrivateKey) }
func (p *Pair) public() *rsa.PublicKey { return p.signer.Public().(*rsa.PublicKey) }
func (p *Pair) tlsCert() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.signer}
}

// The certificates are valid on every day that a simulated clock may show.
var (
	validFrom = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
)

// NewKeys makes a new set.
func NewKeys() (*Keys, error) {
	k := &Keys{APIv3Key: randomHex(16), BankPassword: randomHex(8), UnionPayPassword: randomHex(8)}
	var err error
	if k.CA, err = authority("tieout channelsim root"); err != nil {
		return nil, err
	}
	var work errgroup.Group
	rsaPair := func(into **Pair, name string, ca bool) {
		work.Go(func() (err error) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				return err
			}
			*into, err = issue(certificate(name, ca), key, nil)
			return err
		})
	}
	rsaPair(&k.WeChatMerchant, "tieout demo merchant", false)
	rsaPair(&k.WeChatPlatform, "Tenpay.com", false)
	rsaPair(&k.AlipayApp, "tieout demo application", false)
	rsaPair(&k.AlipayPlatform, "Alipay", false)
	rsaPair(&k.UnionPayRoot, "CFCA ACS CA (simulated)", true)
	rsaPair(&k.UnionPayMiddle, "CFCA ACS OCA (simulated)", true)
	rsaPair(&k.UnionPayMerchant, "041@tieout@demo merchant@00000001", false)
	rsaPair(&k.UnionPaySigner, "041@Z12@"+signing.UnionPayOrganisation+"@00000002", false)
	if err := work.Wait(); err != nil {
		return nil, err
	}
	// The chain of UnionPay's signer: root, middle, leaf.
	if k.UnionPayMiddle, err = issue(k.UnionPayMiddle.cert, k.UnionPayMiddle.signer, k.UnionPayRoot); err != nil {
		return nil, err
	}
	if k.UnionPaySigner, err = issue(k.UnionPaySigner.cert, k.UnionPaySigner.signer, k.UnionPayMiddle); err != nil {
		return nil, err
	}
	// Alipay's: a root that shares its key with UnionPay's, which spares making one.
	if k.AlipayRoot, err = issue(certificate("Ant Financial Certification Authority R1 (simulated)", true), k.UnionPayRoot.signer, nil); err != nil {
		return nil, err
	}
	for _, leaf := range []**Pair{&k.AlipayApp, &k.AlipayPlatform} {
		if *leaf, err = issue((*leaf).cert, (*leaf).signer, k.AlipayRoot); err != nil {
			return nil, err
		}
	}
	_, host, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	k.HostKey, err = ssh.NewSignerFromKey(host)
	return k, err
}

func authority(name string) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return issue(certificate(name, true), key, nil)
}

// serverTLS makes the certificate of the listeners.
func (k *Keys) serverTLS(host string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := certificate("channelsim", false)
	cert.IPAddresses = []net.IP{net.ParseIP(host)}
	cert.DNSNames = []string{"localhost"}
	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	pair, err := issue(cert, key, k.CA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair.tlsCert()}}, nil
}

func certificate(name string, ca bool) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(fmt.Sprintf("the system's random source failed: %v", err))
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name, Country: []string{"CN"}},
		NotBefore: validFrom, NotAfter: validTo, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: ca}
	if ca {
		c.KeyUsage |= x509.KeyUsageCertSign
	}
	return c
}

// issue signs a certificate; a nil issuer signs itself.
func issue(template *x509.Certificate, key crypto.Signer, by *Pair) (*Pair, error) {
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.signer
	}
	template.SignatureAlgorithm = x509.UnknownSignatureAlgorithm // the signer's own
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return &Pair{KeyPEM: pemText("PRIVATE KEY", private), CertPEM: pemText("CERTIFICATE", der),
		PublicPEM: pemText("PUBLIC KEY", public), signer: key, cert: cert}, nil
}

func pemText(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
