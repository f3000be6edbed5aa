package merchantapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
)

// The headers of a signed request. The answer has Tieout-Timestamp,
// Tieout-Nonce (of the request) and Tieout-Signature.
const (
	HeaderMerchant  = "Tieout-Merchant"
	HeaderKey       = "Tieout-Key"
	HeaderTimestamp = "Tieout-Timestamp"
	HeaderNonce     = "Tieout-Nonce"
	HeaderSignature = "Tieout-Signature"
	HeaderOnce      = "Idempotency-Key"
)

const (
	maxBody  = 64 << 10
	maxNonce = 64
	// keepNonces is longer than any request of the window can come again.
	keepNonces = 3 * signing.MerchantWindow
)

// call is a request whose signature is good.
type call struct {
	merchant *client
	digest   string // of method, path and body: what an Idempotency-Key stands for
	lang     fault.Lang
	file     *Statement // the answer's body, where it is a file
}

type callKey struct{}

// callOf returns the call that an operation is part of.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// signed lets only requests through that their merchant has signed, and signs
// the answers. Before the signature holds, nothing is kept and nothing is told.
func (s *Server) signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lang := language(r.Header.Get("Accept-Language"))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			w.Header().Set("Connection", "close")
			problem(lang, tooLarge(err)).write(w)
			return
		}
		req := signing.MerchantRequest{Merchant: r.Header.Get(HeaderMerchant), Key: r.Header.Get(HeaderKey), Method: r.Method, Target: r.URL.RequestURI(),
			Timestamp: r.Header.Get(HeaderTimestamp), Nonce: r.Header.Get(HeaderNonce), IdempotencyKey: r.Header.Get(HeaderOnce), Body: body}
		m, key, refused := s.verify(r.Context(), req, r.Header.Get(HeaderSignature))
		if refused != nil {
			s.log.Warn("request refused", "merchant", fault.Safe(req.Merchant, 40), "key", fault.Safe(req.Key, 40), "reason", class(refused), "remote", r.RemoteAddr)
			problem(lang, refused).write(w)
			return
		}
		answer := &recorder{header: http.Header{}, status: http.StatusOK}
		if f := admissible(r, body, m); f != nil {
			problem(lang, f).write(answer)
		} else {
			r.Body = io.NopCloser(bytes.NewReader(body))
			c := &call{merchant: m, lang: lang, digest: digestOf(r.Method, req.Target, body)}
			next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
			answer.explain(lang, r)
			if answer.file = c.file; answer.file != nil {
				defer answer.file.Close()
			}
		}
		s.send(w, answer, req.Nonce, key)
	})
}

func tooLarge(err error) *fault.Error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.New("E-6415", fault.V{"limit": maxBody}, nil)
	}
	return fault.New("E-6413", fault.V{"reason": "the body is cut off", "place": "body"}, nil)
}

// The reasons for which a request is not believed, beside those of signing.
var (
	errNobody   = errors.New("no such merchant or key")
	errNonce    = errors.New("the nonce is missing or too long")
	errReplayed = errors.New("the nonce was used before")
)

// verify finds the merchant who signed a request. The algorithm is that of his
// key in the configuration. A fault other than E-6410 is trouble of our own.
func (s *Server) verify(ctx context.Context, req signing.MerchantRequest, signature string) (*client, Key, *fault.Error) {
	refuse := func(err error) (*client, Key, *fault.Error) {
		return nil, Key{}, fault.New("E-6410", fault.V{}, err)
	}
	m := s.merchants[req.Merchant]
	if m == nil {
		return refuse(errNobody)
	}
	key, ok := m.Keys[req.Key]
	switch {
	case !ok:
		return refuse(errNobody)
	case req.Nonce == "" || len(req.Nonce) > maxNonce:
		return refuse(errNonce)
	}
	if err := req.Within(s.now()); err != nil {
		return refuse(err)
	}
	if err := key.Verify.Verify(req.Text(), signature); err != nil {
		return refuse(err)
	}
	fresh, err := s.books.UseNonce(ctx, m.ID, req.Nonce, keepNonces)
	if err != nil {
		return nil, Key{}, fault.Of(err)
	}
	if !fresh {
		return refuse(errReplayed)
	}
	return m, key, nil
}

// class is what the log says of a refusal: never anything of the request.
func class(err error) string {
	var clock *signing.ClockError
	if errors.As(err, &clock) {
		return clock.Error()
	}
	for _, known := range []error{errNobody, errNonce, errReplayed, signing.ErrUnsigned, signing.ErrSignature, signing.ErrMalformed} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// admissible checks what comes before any operation: how often, and the form of
// the body.
func admissible(r *http.Request, body []byte, m *client) *fault.Error {
	if !m.limit.Allow() {
		return fault.New("E-6412", fault.V{"rate": m.Rate}, nil)
	}
	if len(body) == 0 {
		return nil
	}
	sent := r.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(sent); err != nil || media != "application/json" || r.Header.Get("Content-Encoding") != "" {
		return fault.New("E-6414", fault.V{"type": fault.Quote(sent)}, nil)
	}
	var object map[string]any
	if err := strictjson.Decode(body, &object); err != nil {
		return fault.New("E-6413", fault.V{"reason": err.Error(), "place": "body"}, nil)
	}
	if !lowerCase(object) {
		return fault.New("E-6413", fault.V{"reason": "the names of members are in lower case", "place": "body"}, nil)
	}
	return nil
}

// lowerCase tells whether all members are named as the document names them;
// encoding/json takes them in any case.
func lowerCase(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if name != strings.ToLower(name) || !lowerCase(inner) {
				return false
			}
		}
	case []any:
		for _, inner := range v {
			if !lowerCase(inner) {
				return false
			}
		}
	}
	return true
}

func digestOf(method, target string, body []byte) string {
	h := sha256.New()
	io.WriteString(h, method+" "+target+"\n")
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// send signs an answer and sends it.
func (s *Server) send(w http.ResponseWriter, a *recorder, nonce string, key Key) {
	stamp := strconv.FormatInt(s.now().Unix(), 10)
	said := signing.MerchantAnswer{Nonce: nonce, Timestamp: stamp, Status: a.status, Body: a.body.Bytes()}
	if a.file != nil {
		said.Digest = a.file.SHA256
		w.Header().Set("Content-Length", strconv.FormatInt(a.file.Size, 10))
	}
	signature, err := key.Answer.Sign(said.Text())
	if err != nil {
		s.log.Error("answer not signed", "error", err)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set(HeaderTimestamp, stamp)
	w.Header().Set(HeaderNonce, nonce)
	w.Header().Set(HeaderSignature, signature)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	if a.file != nil {
		io.Copy(w, a.file) //nolint:errcheck // who does not read it asks again
		return
	}
	w.Write(a.body.Bytes()) //nolint:errcheck // who does not read it asks again
}

// recorder holds an answer until it is signed.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	file   *Statement // in place of body
}

func (a *recorder) Header() http.Header         { return a.header }
func (a *recorder) WriteHeader(status int)      { a.status = status }
func (a *recorder) Write(p []byte) (int, error) { return a.body.Write(p) }

// explain says in our words what the mux says in its own.
func (a *recorder) explain(lang fault.Lang, r *http.Request) {
	if a.status < 400 || strings.HasPrefix(a.header.Get("Content-Type"), "application/") {
		return
	}
	a.body.Reset()
	p := problem(lang, fault.New("E-6417", fault.V{"method": r.Method, "path": fault.Quote(r.URL.Path)}, nil))
	p.Status = a.status
	p.write(a)
}
