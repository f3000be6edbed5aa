package signing

import (
	"crypto/md5" //nolint:gosec // names certificates, protects nothing
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// AlipayTrust says whose signatures are believed: those of one key, or in
// certificate mode those of the key that a message names.
type AlipayTrust struct {
	Key   *rsa.PublicKey // nil in certificate mode
	Certs PublicKeys     // by alipay_cert_sn
}

// Response checks an answer over its exact source bytes.
func (t AlipayTrust) Response(r AlipayResponse) error {
	key, err := t.pick(r.CertSN)
	if err != nil {
		return err
	}
	return r.Verify(key)
}

// Notification checks the decoded fields of a notification. Not every one names
// its certificate: Alipay's sandbox does not, and its own libraries ask for no
// name there. Such a one must fit one of the configured ones; the name of one
// that has it is signed, so nobody takes it out.
func (t AlipayTrust) Notification(params map[string]string) error {
	sn, named := params["alipay_cert_sn"]
	if t.Key == nil && !named {
		return t.anyFits(params)
	}
	key, err := t.pick(sn)
	if err != nil {
		return err
	}
	return VerifyAlipayNotify(key, params)
}

func (t AlipayTrust) anyFits(params map[string]string) error {
	err := ErrUnknownKey
	for _, key := range t.Certs {
		if err = VerifyAlipayNotify(key, params); err == nil {
			return nil
		}
	}
	return err
}

func (t AlipayTrust) pick(sn string) (*rsa.PublicKey, error) {
	if t.Key != nil {
		return t.Key, nil
	}
	return t.Certs.Pick(sn)
}

// AlipaySN is how certificate mode names a certificate: MD5 over its issuer's
// name and its serial number.
func AlipaySN(cert *x509.Certificate) (string, error) {
	return alipaySN(cert.RawIssuer, cert.SerialNumber)
}

func alipaySN(issuer []byte, serial *big.Int) (string, error) {
	var name pkix.RDNSequence // as it stands: pkix.Name would put its parts in order
	if rest, err := asn1.Unmarshal(issuer, &name); err != nil || len(rest) > 0 {
		return "", errors.New("read certificate: its issuer has no name")
	}
	sum := md5.Sum([]byte(name.String() + serial.String()))
	return hex.EncodeToString(sum[:]), nil
}

// rsaSignatures begins the object identifiers of all signatures with RSA.
var rsaSignatures = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1}

// AlipayRootSN joins the numbers of those of Alipay's root certificates, in PEM,
// that are signed with RSA. The others need not be of a kind that is read here.
func AlipayRootSN(text []byte) (string, error) {
	blocks, err := derBlocks(text, "CERTIFICATE")
	if err != nil {
		return "", fmt.Errorf("read root certificates: %w", err)
	}
	var numbers []string
	for i, der := range blocks {
		var cert struct { // its beginning
			TBS struct {
				Version   int `asn1:"optional,explicit,default:0,tag:0"`
				Serial    *big.Int
				Algorithm pkix.AlgorithmIdentifier
				Issuer    asn1.RawValue
			}
			Algorithm pkix.AlgorithmIdentifier
		}
		if _, err := asn1.Unmarshal(der, &cert); err != nil {
			return "", fmt.Errorf("read root certificate %d: %w", i+1, err)
		}
		if a := cert.Algorithm.Algorithm; len(a) <= len(rsaSignatures) || !a[:len(rsaSignatures)].Equal(rsaSignatures) {
			continue
		}
		sn, err := alipaySN(cert.TBS.Issuer.FullBytes, cert.TBS.Serial)
		if err != nil {
			return "", err
		}
		numbers = append(numbers, sn)
	}
	if len(numbers) == 0 {
		return "", errors.New("read root certificates: none is signed with RSA")
	}
	return strings.Join(numbers, "_"), nil
}
