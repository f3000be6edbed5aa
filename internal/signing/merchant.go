package signing

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MerchantWindow is how far a merchant's clock may be from ours, either way.
const MerchantWindow = 5 * time.Minute

// Signer signs messages; Verifier checks what its counterpart signed. Which
// algorithm that is was decided when the key was configured.
type (
	Signer interface {
		Sign(message []byte) (string, error)
	}
	Verifier interface {
		Verify(message []byte, signature string) error
	}
)

// HMACKey is a secret that both sides have: HMAC-SHA256, base64.
type HMACKey []byte

// Sign implements Signer.
func (k HMACKey) Sign(message []byte) (string, error) {
	return base64.StdEncoding.EncodeToString(k.mac(message)), nil
}

// Verify implements Verifier, in a time that does not depend on where the
// signatures differ.
func (k HMACKey) Verify(message []byte, signature string) error {
	if signature == "" {
		return ErrUnsigned
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return fmt.Errorf("%w: it is not base64", ErrSignature)
	}
	if !hmac.Equal(sig, k.mac(message)) {
		return ErrSignature
	}
	return nil
}

func (k HMACKey) mac(message []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(message)
	return h.Sum(nil)
}

// RSAPrivate signs with RSA PKCS #1 v1.5 over SHA-256, as the channels do.
type RSAPrivate struct{ Key *rsa.PrivateKey }

// Sign implements Signer.
func (k RSAPrivate) Sign(message []byte) (string, error) { return signSHA256(k.Key, message) }

// RSAPublic verifies what RSAPrivate signed.
type RSAPublic struct{ Key *rsa.PublicKey }

// Verify implements Verifier.
func (k RSAPublic) Verify(message []byte, signature string) error {
	return verifySHA256(k.Key, message, signature)
}

// MerchantRequest is what a merchant signs of a request.
type MerchantRequest struct {
	Merchant, Key  string // Key: which of his keys
	Method, Target string // Target: path and query, as they stand in the request line
	Timestamp      string // seconds since 1970
	Nonce          string // a number that he never uses again
	IdempotencyKey string // "" if the request has none
	Body           []byte
}

// Text is what the signature is made over: eight lines, each ended.
func (r MerchantRequest) Text() []byte {
	return lines("TIEOUT-REQUEST", r.Merchant, r.Key, r.Method+" "+r.Target, r.Timestamp, r.Nonce, r.IdempotencyKey, digest(r.Body))
}

// Within checks the request's time against the clock.
func (r MerchantRequest) Within(now time.Time) error {
	seconds, err := strconv.ParseInt(r.Timestamp, 10, 64)
	if err != nil {
		return ErrMalformed
	}
	skew := time.Unix(seconds, 0).Sub(now)
	if skew > MerchantWindow || skew < -MerchantWindow {
		return &ClockError{skew}
	}
	return nil
}

// MerchantAnswer is what is signed of the answer to a request.
type MerchantAnswer struct {
	Nonce     string // of the request
	Timestamp string
	Status    int
	Body      []byte
	Digest    string // of a body that is not held: its SHA-256, hexadecimal; "" = that of Body
}

// Text is what the signature is made over: five lines, each ended.
func (a MerchantAnswer) Text() []byte {
	if a.Digest == "" {
		a.Digest = digest(a.Body)
	}
	return lines("TIEOUT-ANSWER", a.Nonce, a.Timestamp, strconv.Itoa(a.Status), a.Digest)
}

func lines(l ...string) []byte { return []byte(strings.Join(l, "\n") + "\n") }

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
