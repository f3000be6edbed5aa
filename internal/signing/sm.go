package signing

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// SM2Private signs with SM2 over SM3 (GB/T 32918.2) under the default user id
// "1234567812345678"; the signature is DER, in base64.
type SM2Private struct{ Key *sm2.PrivateKey }

// Sign implements Signer.
func (k SM2Private) Sign(message []byte) (string, error) {
	if k.Key == nil {
		return "", errors.New("no private key is configured")
	}
	sig, err := k.Key.Sign(rand.Reader, message, sm2.DefaultSM2SignerOpts)
	if err != nil {
		return "", fmt.Errorf("sign with SM2: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// SM2Public verifies what SM2Private signed.
type SM2Public struct{ Key *ecdsa.PublicKey }

// Verify implements Verifier.
func (k SM2Public) Verify(message []byte, signature string) error {
	if k.Key == nil {
		return ErrUnknownKey
	}
	if signature == "" {
		return ErrUnsigned
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return fmt.Errorf("%w: it is not base64", ErrSignature)
	}
	if !sm2.VerifyASN1WithSM2(k.Key, nil, message, sig) {
		return ErrSignature
	}
	return nil
}

// ParseSM2PrivateKey reads an SM2 private key: PEM with PKCS #8 or SEC 1, or the
// bare base64 of the DER bytes. The error never holds any byte of the input.
func ParseSM2PrivateKey(text []byte) (*sm2.PrivateKey, error) {
	blocks, err := derBlocks(text, "PRIVATE KEY")
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	if key, err := smx509.ParseSM2PrivateKey(blocks[0]); err == nil {
		return key, nil
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(blocks[0])
	if err != nil {
		return nil, errors.New("read private key: neither PKCS #8 nor SEC 1, or encrypted")
	}
	key, ok := parsed.(*sm2.PrivateKey)
	if !ok {
		return nil, errors.New("read private key: it is not an SM2 key")
	}
	return key, nil
}

// ParseSM2PublicKey reads an SM2 public key: PEM with PKIX or a certificate, or
// the bare base64 of the DER bytes.
func ParseSM2PublicKey(text []byte) (*ecdsa.PublicKey, error) {
	blocks, err := derBlocks(text, "PUBLIC KEY", "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	parsed, err := smx509.ParsePKIXPublicKey(blocks[0])
	if err != nil {
		cert, cerr := smx509.ParseCertificate(blocks[0])
		if cerr != nil {
			return nil, errors.New("read public key: neither PKIX nor a certificate")
		}
		parsed = cert.PublicKey
	}
	if !sm2.IsSM2PublicKey(parsed) {
		return nil, errors.New("read public key: it is not an SM2 key")
	}
	return parsed.(*ecdsa.PublicKey), nil
}
