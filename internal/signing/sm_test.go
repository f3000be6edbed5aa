package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"github.com/emmansun/gmsm/smx509"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The key of the examples of GB/T 32918.5.
const gbtKey = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"

func gbtPrivate(t testing.TB) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.NewPrivateKey(unhex(t, gbtKey))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The examples of the standards: GB/T 32905 (SM3), GB/T 32907 (SM4), GB/T
// 32918.5 (SM2).
func TestSM_ExamplesOfTheStandards(t *testing.T) {
	if got := sm3.Sum([]byte("abc")); !bytes.Equal(got[:], unhex(t, "66c7f0f4 62eeedd9 d1f2d46b dc10e4e2 4167c487 5cf2f7a2 297da02b 8f4ba8e0")) {
		t.Errorf("SM3: %x", got)
	}
	block, err := sm4.NewCipher(unhex(t, "0123456789abcdeffedcba9876543210"))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 16)
	block.Encrypt(out, unhex(t, "0123456789abcdeffedcba9876543210"))
	if !bytes.Equal(out, unhex(t, "681edf34 d206965e 86b3e94f 536e4246")) {
		t.Errorf("SM4: %x", out)
	}
	key := gbtPrivate(t)
	if x := key.X.FillBytes(make([]byte, 32)); !bytes.Equal(x, unhex(t, "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020")) {
		t.Errorf("SM2 public key: %x", x)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(unhex(t, "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3")),
		new(big.Int).SetBytes(unhex(t, "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := (SM2Public{&key.PublicKey}).Verify([]byte("message digest"), base64.StdEncoding.EncodeToString(der)); err != nil {
		t.Errorf("SM2 signature: %v", err)
	}
	plain, err := SM2Private{key}.Unwrap(unhex(t, "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"+
		"59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD876621886CA989CA9C7D58087307CA93092D651EFA"))
	if err != nil || string(plain) != "encryption standard" {
		t.Errorf("SM2 encryption: %q %v", plain, err)
	}
}

func TestSM2_SignaturesAndKeys(t *testing.T) {
	key := gbtPrivate(t)
	sig, err := SM2Private{key}.Sign([]byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := SM2Public{&key.PublicKey}
	for _, c := range []struct {
		key  SM2Public
		text string
		sig  string
		want error
	}{{pub, "text", sig, nil}, {pub, "Text", sig, ErrSignature}, {SM2Public{&other.PublicKey}, "text", sig, ErrSignature}, {pub, "text", "", ErrUnsigned},
		{pub, "text", "!" + sig, ErrSignature}, {pub, "text", sig[4:], ErrSignature}, {SM2Public{}, "text", sig, ErrUnknownKey}} {
		if err := c.key.Verify([]byte(c.text), c.sig); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%q %.10q: %v, want %v", c.text, c.sig, err, c.want)
		}
	}
	private, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := smx509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	if got, err := ParseSM2PrivateKey(inPEM("PRIVATE KEY", private)); err != nil || got.D.Cmp(key.D) != 0 {
		t.Errorf("private key: %v", err)
	}
	if got, err := ParseSM2PublicKey(inPEM("PUBLIC KEY", public)); err != nil || !got.Equal(&key.PublicKey) {
		t.Errorf("public key: %v", err)
	}
	nist, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if private, err = x509.MarshalPKCS8PrivateKey(nist); err != nil {
		t.Fatal(err)
	}
	if public, err = x509.MarshalPKIXPublicKey(&nist.PublicKey); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSM2PrivateKey(inPEM("PRIVATE KEY", private)); err == nil {
		t.Error("a key of another curve passes for SM2")
	}
	if _, err := ParseSM2PublicKey(inPEM("PUBLIC KEY", public)); err == nil {
		t.Error("a public key of another curve passes for SM2")
	}
}

// pair is one side of an envelope in a suite.
type pair struct {
	sign   Signer
	verify Verifier
	wrap   Wrapper
	unwrap Unwrapper
}

func pairOf(t testing.TB, suite Suite) pair {
	t.Helper()
	if suite == SuiteRSA {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return pair{RSAPrivate{key}, RSAPublic{&key.PublicKey}, RSAPublic{&key.PublicKey}, RSAPrivate{key}}
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{SM2Private{key}, SM2Public{&key.PublicKey}, SM2Public{&key.PublicKey}, SM2Private{key}}
}

var envelopeAt = time.Unix(1_800_000_000, 0)

func envelope(suite Suite) Envelope {
	return Envelope{Suite: suite, Sender: "ORG", Receiver: "US", Key: "k1", MessageID: "m-1", SentAt: strconv.FormatInt(envelopeAt.Unix(), 10), Kind: "debit"}
}

// What one side seals the other one opens; nothing of it can be changed, taken
// from another message, signed by another, opened by another, sent late or sent
// under weaker algorithms.
func TestAttack23_Envelope(t *testing.T) {
	for _, suite := range Suites() {
		us, them, stranger := pairOf(t, suite), pairOf(t, suite), pairOf(t, suite)
		keys := map[string]Verifier{"k1": them.verify}
		sealed, err := Seal(envelope(suite), []byte(`{"amount":1}`), them.sign, us.wrap)
		if err != nil {
			t.Fatal(err)
		}
		open := func(e Envelope, now time.Time, own Unwrapper) ([]byte, error) {
			return e.Open(suite, "ORG", "US", keys, own, now)
		}
		if plain, err := open(sealed, envelopeAt.Add(4*time.Minute), us.unwrap); err != nil || string(plain) != `{"amount":1}` {
			t.Fatalf("%s: %q %v", suite, plain, err)
		}
		var clock *ClockError
		for _, late := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
			if _, err := open(sealed, envelopeAt.Add(late), us.unwrap); !errors.As(err, &clock) {
				t.Errorf("%s, %s late: %v", suite, late, err)
			}
		}
		other, err := Seal(envelope(suite), []byte(`{"amount":2}`), them.sign, us.wrap)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*Envelope){
			"kind": func(e *Envelope) { e.Kind = "refund" }, "message id": func(e *Envelope) { e.MessageID = "m-2" }, "reply": func(e *Envelope) { e.ReplyTo = "m-0" },
			"time": func(e *Envelope) { e.SentAt = "1800000001" }, "sender": func(e *Envelope) { e.Sender = "OTHER" }, "receiver": func(e *Envelope) { e.Receiver = "OTHER" },
			"sealed": func(e *Envelope) { e.Sealed = other.Sealed }, "wrapped key": func(e *Envelope) { e.WrappedKey = other.WrappedKey },
			"signature": func(e *Envelope) { e.Signature = other.Signature }, "unsigned": func(e *Envelope) { e.Signature = "" },
			"unknown key": func(e *Envelope) { e.Key = "k2" }, "no suite": func(e *Envelope) { e.Suite = "" }, "none": func(e *Envelope) { e.Suite = "NONE" },
			"field border": func(e *Envelope) { e.MessageID, e.ReplyTo = "m-1\n", "" },
		} {
			changed := sealed
			change(&changed)
			if _, err := open(changed, envelopeAt, us.unwrap); err == nil {
				t.Errorf("%s: opens with another %s", suite, name)
			}
		}
		for _, weaker := range Suites() {
			if weaker == suite {
				continue
			}
			changed := sealed
			changed.Suite = weaker
			if _, err := open(changed, envelopeAt, us.unwrap); !errors.Is(err, ErrSignature) {
				t.Errorf("%s opens as %s: %v", suite, weaker, err)
			}
		}
		if _, err := open(sealed, envelopeAt, stranger.unwrap); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: a stranger reads it: %v", suite, err)
		}
		forged, err := Seal(envelope(suite), []byte(`{"amount":1}`), stranger.sign, us.wrap)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open(forged, envelopeAt, us.unwrap); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: a stranger writes it: %v", suite, err)
		}
		// Even its sender cannot have it opened once it is damaged.
		if suite != SuiteSMCBC {
			damaged := sealed
			damaged.Sealed = other.Sealed
			if damaged.Signature, err = them.sign.Sign(damaged.text()); err != nil {
				t.Fatal(err)
			}
			if _, err := open(damaged, envelopeAt, us.unwrap); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: opens what is damaged: %v", suite, err)
			}
		}
	}
	if _, err := Seal(Envelope{Suite: SuiteSM, Kind: "a\nb"}, nil, nil, nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("a line end within a field: %v", err)
	}
}

// Whatever a signed envelope holds, opening it ends with an error or a text, and
// never with a panic.
func FuzzEnvelopeOpen(f *testing.F) {
	us, them := pairOf(f, SuiteSM), pairOf(f, SuiteSM)
	for _, suite := range []Suite{SuiteSM, SuiteSMCBC} {
		e, err := Seal(envelope(suite), []byte(`{}`), them.sign, us.wrap)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(suite), e.WrappedKey, e.Sealed)
	}
	f.Fuzz(func(t *testing.T, suite, wrapped, sealed string) {
		e := envelope(Suite(suite))
		e.WrappedKey, e.Sealed = wrapped, sealed
		var err error
		if e.Signature, err = them.sign.Sign(e.text()); err != nil {
			t.Fatal(err)
		}
		if plain, err := e.Open(Suite(suite), "ORG", "US", map[string]Verifier{"k1": them.verify}, us.unwrap, envelopeAt); err != nil && plain != nil {
			t.Errorf("%q with %v", plain, err)
		}
		SM2Public{us.verify.(SM2Public).Key}.Verify([]byte(wrapped), sealed) //nolint:errcheck // only that it returns
	})
}

func FuzzSM2Keys(f *testing.F) {
	key := gbtPrivate(f)
	der, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		text := []byte(base64.StdEncoding.EncodeToString(der))
		if k, err := ParseSM2PrivateKey(text); err == nil && k == nil {
			t.Error("no key and no error")
		}
		if k, err := ParseSM2PublicKey(text); err == nil && k == nil {
			t.Error("no key and no error")
		}
	})
}
