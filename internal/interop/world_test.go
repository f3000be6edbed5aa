package interop_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
	"tieout/internal/store"
)

// side holds the keys of one side.
type side struct {
	sign   signing.Signer
	verify signing.Verifier
	wrap   signing.Wrapper
	unwrap signing.Unwrapper
}

var rsaSides = sync.OnceValue(func() [3]side { return [3]side{rsaSide(), rsaSide(), rsaSide()} })

func rsaSide() side {
	sign, err1 := rsa.GenerateKey(rand.Reader, 2048)
	open, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	return side{signing.RSAPrivate{Key: sign}, signing.RSAPublic{Key: &sign.PublicKey}, signing.RSAPublic{Key: &open.PublicKey}, signing.RSAPrivate{Key: open}}
}

func smSide() side {
	sign, err1 := sm2.GenerateKey(rand.Reader)
	open, err2 := sm2.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	return side{signing.SM2Private{Key: sign}, signing.SM2Public{Key: &sign.PublicKey}, signing.SM2Public{Key: &open.PublicKey}, signing.SM2Private{Key: open}}
}

// clock is read by both sides and moved by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is both sides over HTTPS on loopback, and somebody who is neither.
type world struct {
	t        *testing.T
	clock    *clock
	db       *store.DB
	core     *paycore.Core
	own      *interop.Link // ours
	other    *interop.Link // the organisation's
	stranger side
	url      string            // where the organisation calls us
	http     http.RoundTripper // that trusts us
	org      *organisation
	tokens   *interop.Tokens
	ask      *interop.Client // the organisation's
}

func newWorld(t *testing.T, suite signing.Suite) *world {
	w := &world{t: t, clock: &clock{t: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}}
	sides := rsaSides()
	if suite != signing.SuiteRSA {
		sides = [3]side{smSide(), smSide(), smSide()}
	}
	w.stranger = sides[2]
	link := func(own, other string, a, b side) *interop.Link {
		return &interop.Link{Own: own, Other: other, Suite: suite, Key: own + "-1", Sign: a.sign, Unwrap: a.unwrap,
			Verify: map[string]signing.Verifier{other + "-1": b.verify}, Wrap: b.wrap, Now: w.clock.now}
	}
	w.own, w.other = link("tieout", "nucc", sides[0], sides[1]), link("nucc", "tieout", sides[1], sides[0])
	var err error
	if w.db, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "tieout.db"), w.clock.now, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	w.core = paycore.New(w.db, nil, w.clock.now)
	w.fund("alice", 100_000)

	w.url, w.http = w.serve(interop.NewServer(w.own, w.db, interop.Limits{}, nil, nil))
	w.ask = interop.NewClient(w.other, w.url, w.http)
	w.org = &organisation{tokens: map[string]string{}, states: map[string]paycore.State{}}
	url, transport := w.serve(w.org.handler(w.other))
	w.tokens = interop.NewTokens(w.own, interop.NewClient(w.own, url, transport), w.core, w.db)
	return w
}

// serve serves over HTTPS, to who trusts its certificate.
func (w *world) serve(h http.Handler) (string, http.RoundTripper) {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the crashes that a test wants
	s.StartTLS()
	w.t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	w.t.Cleanup(transport.CloseIdleConnections)
	return s.URL, transport
}

// fund opens a wallet with money from a payment.
func (w *world) fund(user string, minor int64) {
	w.t.Helper()
	no := "TOP-" + user
	w.do(paycore.OpenEntity{ID: user, Kind: "USER", Name: user},
		paycore.OpenAccount{Entity: user, Currency: "CNY", Controls: paycore.Controls{Pay: true, TransferIn: true, Active: true}},
		paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: "wechat-main", AmountMinor: minor, Currency: "CNY"},
		paycore.MarkPaid{PayNo: no, ChannelRef: "wx-" + no, AmountMinor: minor, Currency: "CNY", By: paycore.ByNotice},
		paycore.Deposit{Number: "D-" + no, PayNo: no, Account: paycore.Wallet(user)})
}

func (w *world) do(commands ...paycore.Command) {
	w.t.Helper()
	results, err := w.core.Do(w.t.Context(), commands...)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, r := range results {
		if r.Effect != paycore.Done {
			w.t.Fatalf("%T: %s %s", commands[i], r.Effect, r.Reason)
		}
	}
}

func (w *world) wallet() paycore.AccountKey {
	return paycore.AccountKey{Name: "wallet:alice", Currency: "CNY"}
}

// token applies for a token of alice's wallet.
func (w *world) token() string {
	w.t.Helper()
	token, err := w.tokens.Apply(w.t.Context(), "A1", w.wallet())
	if err != nil || token.State != paycore.TokenActive {
		w.t.Fatalf("got %+v, %v", token, err)
	}
	return token.Token
}

// asks has the organisation ask us.
func (w *world) asks(kind string, part any) interop.Answer {
	w.t.Helper()
	var a interop.Answer
	if err := w.ask.Ask(w.t.Context(), kind, part, &a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// holds checks what alice has, and that the books are right.
func (w *world) holds(minor int64) {
	w.t.Helper()
	a, err := w.db.Account(w.t.Context(), w.wallet())
	if err != nil || a.AvailableMinor != minor {
		w.t.Errorf("alice has %+v, %v; want %d", a, err, minor)
	}
	proofs, err := w.db.VerifyBooks(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range proofs {
		if !p.OK {
			w.t.Errorf("%s: want %s, got %s", p.Name, p.Want, p.Got)
		}
	}
}

// organisation plays the other side of tokens.
type organisation struct {
	mu     sync.Mutex
	tokens map[string]string // by our number
	states map[string]paycore.State
	heard  []string // kinds
	broken int      // so many more messages are dealt with and not answered
	deaf   int      // so many more are not even heard
}

var errBroken = errors.New("the line is cut")

func (o *organisation) handler(l *interop.Link) http.Handler {
	return l.Handler(func(_ context.Context, h interop.Heard) ([]byte, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.deaf > 0 {
			o.deaf--
			return nil, errBroken
		}
		o.heard = append(o.heard, h.Kind)
		answer, err := json.Marshal(o.answer(h))
		if o.broken > 0 {
			o.broken--
			return nil, errBroken
		}
		return answer, err
	}, nil)
}

func (o *organisation) answer(h interop.Heard) interop.TokenAnswer {
	var wish interop.TokenWish
	if err := json.Unmarshal(h.Part, &wish); err != nil {
		return interop.TokenAnswer{Result: interop.Refused}
	}
	switch h.Kind {
	case interop.KindTokenApply:
		if o.states[wish.Number] == paycore.None {
			o.states[wish.Number], o.tokens[wish.Number] = paycore.TokenActive, "tok-"+wish.Number
		}
	case interop.KindTokenUnbind:
		o.states[wish.Number] = paycore.TokenUnbound
	}
	if o.states[wish.Number] == paycore.None {
		return interop.TokenAnswer{Result: interop.NotFound}
	}
	return interop.TokenAnswer{Result: string(o.states[wish.Number]), Token: o.tokens[wish.Number]}
}
