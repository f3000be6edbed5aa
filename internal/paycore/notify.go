package paycore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"tieout/internal/crashpoint"
	"tieout/internal/signing"
)

// Receiver understands the notifications of one account at one channel.
type Receiver interface {
	// open verifies the raw bytes and says what they ask for. Errors of the
	// signing package mean that nobody may believe them.
	open(h http.Header, body []byte, now time.Time) (opened, error)
	// answer writes the channel's word for yes or for "send it again".
	answer(w http.ResponseWriter, accepted bool)
	// account returns the channel and the account's name in the configuration.
	account() (channel, account string)
}

// opened is a notification whose signature is good.
type opened struct {
	id      string
	command Command
}

// maxNotification bounds a notification's body; real ones have a few KiB.
const maxNotification = 256 << 10

// NotifyHandler receives the notifications of one account. It verifies the raw
// bytes before it parses them, runs their effect and keeps them in one
// transaction, and answers when that is on disk. Ten copies have one effect. A
// notification about a number that is not in the books yet, or that the books
// refuse, is answered so that the channel sends it again. log may be nil.
func (c *Core) NotifyHandler(r Receiver, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	channel, account := r.account()
	log = log.With("channel", channel, "account", account)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxNotification))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		now := c.now()
		n, err := r.open(req.Header, body, now)
		if err != nil {
			log.Warn("notification refused", "reason", reason(err))
			w.WriteHeader(status(err))
			return
		}
		digest := sha256.Sum256(body)
		result, err := c.Receive(req.Context(), Notification{Channel: channel, Account: account, ID: n.id,
			Digest: hex.EncodeToString(digest[:]), Raw: body, ReceivedAt: now.UnixMicro()}, n.command)
		if err != nil {
			log.Error("notification not kept", "id", n.id, "error", err)
			r.answer(w, false)
			return
		}
		crashpoint.Hit("notify.answer")
		if result.Effect == Refused {
			log.Warn("notification refused", "id", n.id, "reason", result.Reason)
		}
		r.answer(w, result.Effect != Refused && result.Effect != Early)
	})
}

// status tells forged from unreadable. Neither has any effect.
func status(err error) int {
	var clock *signing.ClockError
	if errors.Is(err, signing.ErrSignature) || errors.Is(err, signing.ErrUnsigned) || errors.Is(err, signing.ErrUnknownKey) || errors.As(err, &clock) {
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

// reason is what the log says: never any of the body.
func reason(err error) string {
	var clock *signing.ClockError
	switch {
	case errors.As(err, &clock):
		return clock.Error()
	case errors.Is(err, signing.ErrUnsigned):
		return "it is not signed"
	case errors.Is(err, signing.ErrUnknownKey):
		return "its key is not known"
	case errors.Is(err, signing.ErrSignature):
		return "its signature does not hold"
	}
	return "it cannot be read"
}

// Told is a command that a channel's notification asks for. What a channel says
// of another account's numbers is refused, however well it is signed.
type Told struct {
	Command
	Account string // whose notification it is
}

// Decide implements Command.
func (c Told) Decide(v View) (*Change, Result) {
	if p := v.Payment; p != nil && p.Account != c.Account {
		return refuse(p.State, "payment %s is of account %s", p.PayNo, p.Account)
	}
	if r := v.Refund; r != nil && r.Account != c.Account {
		return refuse(r.State, "refund %s is of account %s", r.RefundNo, r.Account)
	}
	return c.Command.Decide(v)
}

// reject is the command of a notification that is well signed and not for us,
// or about nothing that we keep: it is recorded, and moves nothing.
type reject struct {
	effect Effect
	reason string
}

// Reads implements Command.
func (reject) Reads() Reads { return Reads{} }

func (c reject) Complete(int64, Rates) (Command, error) {
	return c, nil
}

// Decide implements Command.
func (c reject) Decide(View) (*Change, Result) { return nil, Result{c.effect, None, c.reason} }

func foreign(what string) Command { return reject{Refused, "it names another " + what} }
