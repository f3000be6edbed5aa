package signing

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// MinKeyBits is the smallest RSA key that is loaded.
const MinKeyBits = 2048

// PublicKeys finds a channel's public key by the id that a message names: a
// certificate serial number, or WeChat's PUB_KEY_ID_…. Several keys side by
// side are what a key rotation looks like.
type PublicKeys map[string]*rsa.PublicKey

// Pick returns the key with this id, or ErrUnknownKey. Certificate serials in
// hexadecimal are compared without regard to case and leading zeros.
func (k PublicKeys) Pick(id string) (*rsa.PublicKey, error) {
	if pub, ok := k[id]; ok && pub != nil {
		return pub, nil
	}
	want := normalSerial(id)
	for have, pub := range k {
		if pub != nil && want != "" && normalSerial(have) == want {
			return pub, nil
		}
	}
	return nil, fmt.Errorf("%w: id %.64q", ErrUnknownKey, id)
}

func normalSerial(id string) string { return strings.TrimLeft(strings.ToUpper(id), "0") }

// ParsePrivateKey reads an RSA private key: PEM with PKCS #1 or PKCS #8, or the
// bare base64 of the DER bytes as Alipay's key tool writes it. Other PEM blocks
// in front of the key, such as its certificate, are skipped. The error never
// holds any byte of the input.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	blocks, err := derBlocks(text, "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	key, err := privateFromDER(blocks[0])
	if err != nil {
		return nil, err
	}
	if key.N.BitLen() < MinKeyBits {
		return nil, fmt.Errorf("read private key: %d bits, at least %d are needed", key.N.BitLen(), MinKeyBits)
	}
	return key, nil
}

func privateFromDER(der []byte) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("read private key: neither PKCS #1 nor PKCS #8, or encrypted")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("read private key: it is not an RSA key")
	}
	return key, nil
}

// ParsePublicKey reads an RSA public key: PEM with PKIX, PKCS #1 or a
// certificate, or the bare base64 of the DER bytes as Alipay's console shows it.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	blocks, err := derBlocks(text, "PUBLIC KEY", "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	pub, err := publicFromDER(blocks[0])
	if err != nil {
		return nil, err
	}
	if pub.N.BitLen() < MinKeyBits {
		return nil, fmt.Errorf("read public key: %d bits, at least %d are needed", pub.N.BitLen(), MinKeyBits)
	}
	return pub, nil
}

func publicFromDER(der []byte) (*rsa.PublicKey, error) {
	if pub, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return pub, nil
	}
	if parsed, err := x509.ParsePKIXPublicKey(der); err == nil {
		return asRSA(parsed)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("read public key: neither PKIX, nor PKCS #1, nor a certificate")
	}
	return asRSA(cert.PublicKey)
}

func asRSA(key any) (*rsa.PublicKey, error) {
	pub, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("read public key: it is not an RSA key")
	}
	return pub, nil
}

// ParseCertificates reads one or more certificates in PEM.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	blocks, err := derBlocks(text, "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	certs := make([]*x509.Certificate, 0, len(blocks))
	for i, der := range blocks {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read certificate %d: %w", i+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// SerialHex writes a certificate's serial number as WeChat Pay does: upper-case
// hexadecimal.
func SerialHex(cert *x509.Certificate) string {
	return strings.ToUpper(cert.SerialNumber.Text(16))
}

// SerialDecimal writes a certificate's serial number as UnionPay's certId does.
func SerialDecimal(cert *x509.Certificate) string { return cert.SerialNumber.String() }

// derBlocks returns the DER bytes of all PEM blocks whose type ends in one of
// the words, or of the whole text when it is bare base64; at least one.
func derBlocks(text []byte, types ...string) ([][]byte, error) {
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		bare := strings.Join(strings.Fields(string(text)), "")
		der, err := base64.StdEncoding.DecodeString(bare)
		if err != nil || len(der) == 0 {
			return nil, errors.New("neither PEM nor base64")
		}
		return [][]byte{der}, nil
	}
	var blocks [][]byte
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		for _, t := range types {
			if strings.HasSuffix(block.Type, t) {
				blocks = append(blocks, block.Bytes)
			}
		}
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("no PEM block %q", strings.Join(types, " or "))
	}
	return blocks, nil
}
