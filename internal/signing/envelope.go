package signing

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
)

// Suite names the algorithms of an envelope. It is agreed with the other side
// and comes from the configuration.
type Suite string

// The suites.
const (
	SuiteRSA   Suite = "RSA_AES256_GCM" // RSA-SHA256, RSA-OAEP over SHA-256, AES-256-GCM
	SuiteSM    Suite = "SM2_SM4_GCM"    // SM2 over SM3, SM2 encryption, SM4-GCM
	SuiteSMCBC Suite = "SM2_SM4_CBC"    // the same with SM4-CBC: what is sealed is proven by the signature alone
)

// Suites lists them all.
func Suites() []Suite { return []Suite{SuiteRSA, SuiteSM, SuiteSMCBC} }

// Wrapper encrypts a fresh key for the receiver; Unwrapper is the receiver.
type (
	Wrapper interface {
		Wrap(key []byte) ([]byte, error)
	}
	Unwrapper interface {
		Unwrap(wrapped []byte) ([]byte, error)
	}
)

// Wrap implements Wrapper with RSA-OAEP.
func (k RSAPublic) Wrap(key []byte) ([]byte, error) {
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, k.Key, key, nil)
}

// Unwrap implements Unwrapper.
func (k RSAPrivate) Unwrap(wrapped []byte) ([]byte, error) {
	return rsa.DecryptOAEP(sha256.New(), nil, k.Key, wrapped, nil)
}

// Wrap implements Wrapper with SM2 encryption (GB/T 32918.4), C1C3C2 as DER.
func (k SM2Public) Wrap(key []byte) ([]byte, error) { return sm2.EncryptASN1(rand.Reader, k.Key, key) }

// Unwrap implements Unwrapper.
func (k SM2Private) Unwrap(wrapped []byte) ([]byte, error) { return sm2.Decrypt(k.Key, wrapped) }

// EnvelopeWindow is how far the sender's clock may be from ours, either way.
const EnvelopeWindow = 5 * time.Minute

// Envelope carries a business part that only its receiver reads, and that
// nobody but its sender can have written. All fields but Signature are signed.
type Envelope struct {
	Suite      Suite  `json:"suite"`
	Sender     string `json:"sender"`
	Receiver   string `json:"receiver"`
	Key        string `json:"key"`        // which of the sender's keys
	MessageID  string `json:"message_id"` // never used again
	ReplyTo    string `json:"reply_to"`   // of an answer: the message that it answers
	SentAt     string `json:"sent_at"`    // seconds since 1970
	Kind       string `json:"kind"`       // what is asked, or answered
	WrappedKey string `json:"wrapped_key"`
	Sealed     string `json:"sealed"`
	Signature  string `json:"signature"`
}

// text is what the signature is made over: eleven lines, each ended.
func (e *Envelope) text() []byte {
	return lines("TIEOUT-ENVELOPE", string(e.Suite), e.Sender, e.Receiver, e.Key, e.MessageID, e.ReplyTo, e.SentAt, e.Kind, e.WrappedKey, e.Sealed)
}

// Digest stands for all that is signed: SHA-256, hexadecimal. Sealed again, the
// same business part has another one.
func (e *Envelope) Digest() string { return digest(e.text()) }

// bound is what the sealed part cannot be taken out of.
func (e *Envelope) bound() []byte {
	return lines(string(e.Suite), e.Sender, e.Receiver, e.MessageID, e.ReplyTo, e.Kind)
}

// Seal encrypts the business part with a fresh key, wraps that for the receiver
// and signs the whole. The other fields of e are set by the caller.
func Seal(e Envelope, plain []byte, sign Signer, to Wrapper) (Envelope, error) {
	for _, field := range []string{e.Sender, e.Receiver, e.Key, e.MessageID, e.ReplyTo, e.SentAt, e.Kind} {
		if strings.ContainsAny(field, "\r\n") {
			return e, ErrMalformed
		}
	}
	key := make([]byte, e.Suite.keySize())
	rand.Read(key) // never fails: the runtime ends the process instead
	sealed, err := e.Suite.seal(key, plain, e.bound())
	if err != nil {
		return e, err
	}
	wrapped, err := to.Wrap(key)
	if err != nil {
		return e, fmt.Errorf("wrap the key: %w", err)
	}
	e.WrappedKey, e.Sealed = base64.StdEncoding.EncodeToString(wrapped), base64.StdEncoding.EncodeToString(sealed)
	e.Signature, err = sign.Sign(e.text())
	return e, err
}

// Open verifies an envelope, and only then decrypts it. Suite, names and keys
// are the configured ones: nothing in the envelope chooses an algorithm. Errors:
// ErrSignature, ErrUnsigned, ErrUnknownKey, ErrMalformed, *ClockError.
func (e Envelope) Open(suite Suite, sender, receiver string, keys map[string]Verifier, own Unwrapper, now time.Time) ([]byte, error) {
	if e.Suite != suite || e.Sender != sender || e.Receiver != receiver {
		return nil, fmt.Errorf("%w: it is of another suite, sender or receiver than agreed", ErrSignature)
	}
	verify, ok := keys[e.Key]
	if !ok {
		return nil, ErrUnknownKey
	}
	if err := verify.Verify(e.text(), e.Signature); err != nil {
		return nil, err
	}
	if err := checkUnix(e.SentAt, now, EnvelopeWindow); err != nil {
		return nil, err
	}
	wrapped, err1 := base64.StdEncoding.Strict().DecodeString(e.WrappedKey)
	sealed, err2 := base64.StdEncoding.Strict().DecodeString(e.Sealed)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%w: it is not base64", ErrMalformed)
	}
	key, err := own.Unwrap(wrapped)
	if err != nil || len(key) != suite.keySize() {
		return nil, fmt.Errorf("%w: its key is not for us", ErrMalformed)
	}
	return suite.open(key, sealed, e.bound())
}

func (s Suite) keySize() int {
	if s == SuiteRSA {
		return 32
	}
	return 16
}

func (s Suite) block(key []byte) (cipher.Block, error) {
	switch s {
	case SuiteRSA:
		return aes.NewCipher(key)
	case SuiteSM, SuiteSMCBC:
		return sm4.NewCipher(key)
	}
	return nil, fmt.Errorf("suite %.40q is not known", string(s))
}

// seal puts the nonce, or the initial vector, in front of what it encrypts.
func (s Suite) seal(key, plain, bound []byte) ([]byte, error) {
	block, err := s.block(key)
	if err != nil {
		return nil, err
	}
	if s == SuiteSMCBC {
		pad := sm4.BlockSize - len(plain)%sm4.BlockSize
		padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
		out := make([]byte, sm4.BlockSize+len(padded))
		rand.Read(out[:sm4.BlockSize])
		cipher.NewCBCEncrypter(block, out[:sm4.BlockSize]).CryptBlocks(out[sm4.BlockSize:], padded)
		return out, nil
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce)
	return gcm.Seal(nonce, nonce, plain, bound), nil
}

var errSealed = fmt.Errorf("%w: what is sealed does not open", ErrMalformed)

func (s Suite) open(key, sealed, bound []byte) ([]byte, error) {
	block, err := s.block(key)
	if err != nil {
		return nil, err
	}
	if s == SuiteSMCBC {
		return openCBC(block, sealed)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(sealed) < gcm.NonceSize() {
		return nil, errSealed
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], bound)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// openCBC takes the padding off. It is only reached by what the sender signed,
// so that nobody learns anything from how it fails.
func openCBC(block cipher.Block, sealed []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(sealed) < 2*size || len(sealed)%size != 0 {
		return nil, errSealed
	}
	plain := make([]byte, len(sealed)-size)
	cipher.NewCBCDecrypter(block, sealed[:size]).CryptBlocks(plain, sealed[size:])
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > size || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errSealed
	}
	return plain[:len(plain)-pad], nil
}
