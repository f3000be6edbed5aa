package interop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/risk"
	"tieout/internal/signing"
)

// maxMessage bounds a message.
const maxMessage = 64 << 10

// Heard is a message whose signature held.
type Heard struct {
	ID     string
	Kind   string
	Digest string // of all that was signed
	Part   []byte // the business part, decrypted
}

// Handler answers messages of the other side. Who cannot be believed is told
// nothing but that; where answer fails, nobody is told what came of it, and the
// other side asks by the number.
func (l *Link) Handler(answer func(context.Context, Heard) ([]byte, error), log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.Method != http.MethodPost || err != nil || media != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
		if err != nil {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		e, part, err := l.open(body)
		if err != nil {
			log.Warn("message refused", "sender", fault.Safe(e.Sender, 40), "key", fault.Safe(e.Key, 40), "reason", class(err), "remote", r.RemoteAddr)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		said, err := answer(r.Context(), Heard{e.MessageID, e.Kind, e.Digest(), part})
		if err == nil {
			e, err = l.seal(e.Kind+answered, e.MessageID, said)
		}
		if err == nil {
			said, err = json.Marshal(e)
		}
		if err != nil {
			log.Error("message not answered", "kind", fault.Safe(e.Kind, 40), "message", e.MessageID, "error", err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(said) //nolint:errcheck // who does not read it asks again
	})
}

// class is what the log says of a refusal: never anything of the message.
func class(err error) string {
	var clock *signing.ClockError
	if errors.As(err, &clock) {
		return clock.Error()
	}
	for _, known := range []error{signing.ErrUnsigned, signing.ErrUnknownKey, signing.ErrSignature, signing.ErrMalformed} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "it does not open"
}

// Books keep debits, refunds and messages. The store implements it.
type Books interface {
	// AnswerMessage runs the command of a message (nil: it only asks) and keeps
	// its answer, unless it was answered before; see paycore.ErrKeyTaken.
	AnswerMessage(ctx context.Context, m paycore.Message, c paycore.Command, answer func(paycore.Standing) (string, error)) (string, error)
}

// Limits bound what wallets pay, by currency; one that is not listed has no
// bound.
type Limits struct {
	Of   map[string]paycore.DebitLimit
	Zone *time.Location // where a day begins
}

// on returns the limit of a currency on the day of a time.
func (l Limits) on(currency string, at time.Time) paycore.DebitLimit {
	limit, ok := l.Of[currency]
	if !ok {
		return limit
	}
	day := bizday.Day{Zone: l.Zone}
	limit.DayFrom = day.Of(bizday.Of(at, l.Zone)).From
	return limit
}

// Server takes debits and refunds of a clearing organisation.
type Server struct {
	link   *Link
	books  Books
	limits Limits
	rules  *risk.Rules
	log    *slog.Logger
}

// NewServer makes a server. rules may be nil: then risk is not asked; so may log.
func NewServer(link *Link, books Books, limits Limits, rules *risk.Rules, log *slog.Logger) *Server {
	return &Server{link, books, limits, rules, log}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.link.Handler(s.answer, s.log).ServeHTTP(w, r)
}

// answer carries a message out. What is wrong with the message itself is an
// answer too, and kept; only one whose id was used before is not.
func (s *Server) answer(ctx context.Context, h Heard) ([]byte, error) {
	m := paycore.Message{Organisation: s.link.Other, ID: h.ID, Digest: h.Digest, Kind: fault.Safe(h.Kind, 40), At: s.link.Now().UnixMicro()}
	c, wrong := s.command(h, &m)
	said, err := s.books.AnswerMessage(ctx, m, c, func(now paycore.Standing) (string, error) {
		a := Answer{Result: Refused, Reason: wrong}
		if wrong == "" {
			a = standing(&m, now)
		}
		text, err := json.Marshal(a)
		return string(text), err
	})
	if errors.Is(err, paycore.ErrKeyTaken) {
		return json.Marshal(Answer{Result: Refused, Reason: "MESSAGE_ID"})
	}
	return []byte(said), err
}

// command is what a message asks for (nil: only how it stands), and notes what
// it is about; or why it cannot be.
func (s *Server) command(h Heard, m *paycore.Message) (c paycore.Command, wrong string) {
	key := func(number string) paycore.InteropKey {
		return paycore.InteropKey{Organisation: s.link.Other, Number: number}
	}
	switch h.Kind {
	case KindDebit:
		var d Debit
		if errors.Join(read(h.Part, &d), d.check()) != nil {
			return nil, "FIELDS"
		}
		m.Debit = d.Number
		return paycore.DebitByToken{InteropKey: key(d.Number), Digest: digestOf(d), Token: d.Token, AmountMinor: d.AmountMinor, Currency: d.Currency, Payee: d.Payee,
			Limit: s.limits.on(d.Currency, time.UnixMicro(m.At)), Rules: s.rules, At: m.At}, ""
	case KindRefund:
		var r Refund
		if errors.Join(read(h.Part, &r), r.check()) != nil {
			return nil, "FIELDS"
		}
		m.Refund = r.Number
		return paycore.RefundDebit{InteropKey: key(r.Number), Digest: digestOf(r), Debit: r.Debit, AmountMinor: r.AmountMinor, Currency: r.Currency, At: m.At}, ""
	case KindDebitQuery, KindRefundQuery:
		var q Query
		if errors.Join(read(h.Part, &q), q.check()) != nil {
			return nil, "FIELDS"
		}
		if m.Debit = q.Number; h.Kind == KindRefundQuery {
			m.Debit, m.Refund = "", q.Number
		}
		return nil, ""
	}
	return nil, "KIND"
}

// standing is how that which a message is about stands.
func standing(m *paycore.Message, now paycore.Standing) Answer {
	switch {
	case now.Result.Effect == paycore.Refused:
		return Answer{Result: Refused, Reason: "NUMBER"} // it stands for something else
	case m.Debit != "" && now.Debit != nil:
		d := now.Debit
		return Answer{string(d.State), string(d.Reason), d.Number, d.AmountMinor, d.RefundedMinor, d.Currency}
	case m.Refund != "" && now.Refund != nil:
		r := now.Refund
		return Answer{string(r.State), string(r.Reason), r.Number, r.AmountMinor, 0, r.Currency}
	}
	return Answer{Result: NotFound}
}

// digestOf stands for what was asked for, however its JSON was written.
func digestOf(part any) string {
	text, err := json.Marshal(part)
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
