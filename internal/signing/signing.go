// Package signing holds the signatures of the payment channels: WeChat Pay API
// v3, Alipay RSA2 and UnionPay 5.1.0 and 5.0.0.
//
// In: the bytes or fields of a request, an answer or a notification, and keys
// that the caller loaded. Out: canonical strings, signatures, or the reason why
// a signature does not hold. Called by the download clients (fetchers/http), by
// the payment core for notifications, and by channelsim, which plays the other
// side. Nothing here does any input or output or reads a clock.
//
// The algorithm and the key always come from the caller's configuration, never
// from the message that is being verified.
package signing

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Reasons why something that was signed is refused; ask with errors.Is.
var (
	// ErrSignature says that the signature does not fit the bytes and the key.
	ErrSignature = errors.New("the signature does not fit")
	// ErrUnsigned says that there is no signature at all.
	ErrUnsigned = errors.New("there is no signature")
	// ErrUnknownKey says that the named key is not among the configured ones.
	ErrUnknownKey = errors.New("the signing key is not known here")
	// ErrMalformed says that the bytes are not of the form that the channel documents.
	ErrMalformed = errors.New("the message is malformed")
)

// ClockError says that a signed message is too old or too new to be accepted.
type ClockError struct {
	// Skew is the message's time minus our own: positive when our clock is behind.
	Skew time.Duration
}

func (e *ClockError) Error() string {
	word, d := "ahead of", e.Skew
	if d < 0 {
		word, d = "behind", -d
	}
	return fmt.Sprintf("the time in the signed message is %s %s the local clock", d.Round(time.Second), word)
}

// Nonce makes 32 random hexadecimal characters for a request.
func Nonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: the runtime ends the process instead
	return hex.EncodeToString(b[:])
}

// signSHA256 signs with RSA PKCS #1 v1.5 over SHA-256 and returns base64.
func signSHA256(key *rsa.PrivateKey, message []byte) (string, error) {
	if key == nil {
		return "", errors.New("no private key is configured")
	}
	sum := sha256.Sum256(message)
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign with RSA: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// verifySHA256 checks what signSHA256 made.
func verifySHA256(pub *rsa.PublicKey, message []byte, signature string) error {
	if pub == nil {
		return ErrUnknownKey
	}
	if signature == "" {
		return ErrUnsigned
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return fmt.Errorf("%w: it is not base64", ErrSignature)
	}
	sum := sha256.Sum256(message)
	if rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig) != nil {
		return ErrSignature
	}
	return nil
}
