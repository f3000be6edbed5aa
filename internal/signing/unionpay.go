package signing

import (
	"bufio"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // UnionPay 5.0.0 signs over SHA-1; see UnionPay500
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// UnionPayVersion is the version of the signature rule, by the configuration.
type UnionPayVersion string

// The versions that UnionPay's online gateway has. 5.0.0 signs over SHA-1, which
// no longer resists collisions; it is here only because merchants who were
// never migrated have nothing else.
const (
	UnionPay510 UnionPayVersion = "5.1.0"
	UnionPay500 UnionPayVersion = "5.0.0"
)

// UnionPayOrganisation is the organisation in the common name of UnionPay's
// production signing certificates (third part of CN, separated by "@").
const UnionPayOrganisation = "中国银联股份有限公司"

// UnionPayString is what requests, answers and notifications sign: all
// non-empty fields except signature, sorted, raw values.
func UnionPayString(fields map[string]string) []byte { return canonical(fields, "signature") }

// SignUnionPay returns the signature field. The fields must already hold
// version, certId (or signPubKeyCert) and signMethod: they are signed too.
func SignUnionPay(version UnionPayVersion, key *rsa.PrivateKey, fields map[string]string) (string, error) {
	if key == nil {
		return "", errors.New("no private key is configured")
	}
	hash, sum, err := unionPayDigest(version, fields)
	if err != nil {
		return "", err
	}
	sig, err := rsa.SignPKCS1v15(nil, key, hash, sum)
	if err != nil {
		return "", fmt.Errorf("sign with RSA: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// unionPayDigest hashes twice, as the protocol does: the digest that is signed
// is taken over the lower-case hexadecimal text of the canonical string's one.
func unionPayDigest(version UnionPayVersion, fields map[string]string) (crypto.Hash, []byte, error) {
	var algorithm crypto.Hash
	var newHash func() hash.Hash
	switch version {
	case UnionPay510:
		algorithm, newHash = crypto.SHA256, sha256.New
	case UnionPay500:
		algorithm, newHash = crypto.SHA1, sha1.New
	default:
		return 0, nil, fmt.Errorf("signature version %.20q is not known", string(version))
	}
	inner, outer := newHash(), newHash()
	w := bufio.NewWriter(inner)
	writeCanonical(w, fields, "signature")
	w.Flush()
	outer.Write([]byte(hex.EncodeToString(inner.Sum(nil))))
	return algorithm, outer.Sum(nil), nil
}

// UnionPayTrust says whose signatures are believed.
type UnionPayTrust struct {
	Version UnionPayVersion

	// Keys are UnionPay's public keys by certId, for 5.0.0.
	Keys PublicKeys

	// Roots and Intermediates are UnionPay's installed certificates, and
	// Organisation the one in the signer's common name, for 5.1.0.
	// "" means UnionPayOrganisation.
	Roots, Intermediates *x509.CertPool
	Organisation         string
}

// Verify checks an answer or a notification. The version, and with it the
// algorithm, is the configured one: a message cannot choose a weaker one.
func (t UnionPayTrust) Verify(fields map[string]string, now time.Time) error {
	if fields["signature"] == "" {
		return ErrUnsigned
	}
	if v := fields["version"]; v != string(t.Version) {
		return fmt.Errorf("%w: version %.20q, configured is %q", ErrSignature, v, string(t.Version))
	}
	pub, err := t.signer(fields, now)
	if err != nil {
		return err
	}
	hash, sum, err := unionPayDigest(t.Version, fields)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(fields["signature"])
	if err != nil {
		return fmt.Errorf("%w: it is not base64", ErrSignature)
	}
	if rsa.VerifyPKCS1v15(pub, hash, sum, sig) != nil {
		return ErrSignature
	}
	return nil
}

func (t UnionPayTrust) signer(fields map[string]string, now time.Time) (*rsa.PublicKey, error) {
	if t.Version == UnionPay500 {
		return t.Keys.Pick(fields["certId"])
	}
	return t.certifiedKey(fields["signPubKeyCert"], now)
}

// certifiedKey checks the certificate that a 5.1.0 message brings along: chain,
// validity dates and owner, before its key is used for anything.
func (t UnionPayTrust) certifiedKey(text string, now time.Time) (*rsa.PublicKey, error) {
	if text == "" {
		return nil, fmt.Errorf("%w: no signPubKeyCert", ErrUnsigned)
	}
	if t.Roots == nil { // nil would mean the system's roots
		return nil, fmt.Errorf("%w: no UnionPay root certificate is configured", ErrUnknownKey)
	}
	certs, err := ParseCertificates([]byte(text))
	if err != nil || len(certs) != 1 {
		return nil, fmt.Errorf("%w: signPubKeyCert is not one certificate", ErrMalformed)
	}
	cert := certs[0]
	_, err = cert.Verify(x509.VerifyOptions{Roots: t.Roots, Intermediates: t.Intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("%w: signPubKeyCert: %w", ErrUnknownKey, err)
	}
	want := t.Organisation
	if want == "" {
		want = UnionPayOrganisation
	}
	if got := unionPayOwner(cert); got != want {
		return nil, fmt.Errorf("%w: signPubKeyCert belongs to %.60q", ErrUnknownKey, got)
	}
	pub, err := asRSA(cert.PublicKey)
	if err != nil || pub.N.BitLen() < MinKeyBits {
		return nil, fmt.Errorf("%w: signPubKeyCert holds no RSA key of %d bits", ErrUnknownKey, MinKeyBits)
	}
	return pub, nil
}

// unionPayOwner returns the organisation part of the common name: the third of
// the parts that "@" separates, or the whole name if there are fewer.
func unionPayOwner(cert *x509.Certificate) string {
	parts := strings.Split(cert.Subject.CommonName, "@")
	if len(parts) > 2 {
		return parts[2]
	}
	return cert.Subject.CommonName
}

// UnionPayTime joins the year of the order's time (yyyyMMddHHmmss) and the
// transaction's time without a year (MMddHHmmss), both in China; the
// transaction may lie behind the turn of the year.
func UnionPayTime(ordered, traced string) (time.Time, error) {
	order, err := time.ParseInLocation("20060102150405", ordered, Beijing)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: txnTime is not a time", ErrMalformed)
	}
	if traced == "" {
		return order, nil
	}
	year := order.Year()
	if order.Month() == time.December && len(traced) == 10 && traced[:2] == "01" {
		year++
	}
	t, err := time.ParseInLocation("20060102150405", strconv.Itoa(year)+traced, Beijing)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: traceTime is not a time", ErrMalformed)
	}
	return t, nil
}

// Beijing is the zone of the channels' times without an offset.
var Beijing = time.FixedZone("+08:00", 8*3600)
