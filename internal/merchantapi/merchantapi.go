// Package merchantapi is the HTTPS JSON interface that merchants call: orders,
// payments, refunds, profit splits.
//
// In: signed requests. Out: commands to the payment core, calls of the desk
// that speaks with the channels, and signed answers. Every request that changes
// something has an Idempotency-Key, which is kept in the transaction of its
// effect and stands for it for ever: the same request again gives the same
// answer and carries on what was left undone. Called by cmd, which hands in the
// books, the desk and the merchants of the configuration.
//
// A merchant sees and moves only what is his. The document at /openapi.json is
// made of the types of this package; /docs shows it.
package merchantapi

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/time/rate"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
	"tieout/internal/signing"
)

// Books is what the API reads and keeps. The store implements it.
type Books interface {
	// OrderAndPayments, PaymentOf and RefundOf return nil for what is not the
	// merchant's.
	OrderAndPayments(ctx context.Context, merchant, orderNo string) (*paycore.Order, []*paycore.Payment, error)
	PaymentOf(ctx context.Context, merchant, payNo string) (*paycore.Payment, error)
	RefundOf(ctx context.Context, merchant, refundNo string) (*paycore.Refund, error)
	// DocumentOf returns what the merchant moved under a number.
	DocumentOf(ctx context.Context, merchant, number string) (*paycore.Document, error)
	// Accounts returns an account of the ledger in every currency that it has.
	Accounts(ctx context.Context, name string) ([]*paycore.Account, error)
	// ExecuteOnce runs a request's commands and keeps its answer, unless its key
	// was used before; see paycore.ErrKeyTaken.
	ExecuteOnce(ctx context.Context, r paycore.Request, commands []paycore.Command, answer func([]paycore.Result) (paycore.Answer, error)) (paycore.Answer, error)
	// AnswerRequest keeps the answer of a request whose work is done, and returns
	// the one that stands.
	AnswerRequest(ctx context.Context, r paycore.Request, a paycore.Answer) (paycore.Answer, error)
	OpenRequests(ctx context.Context, limit int) ([]paycore.Request, error)
	// UseNonce keeps the number of a signed request; false if it was used before.
	UseNonce(ctx context.Context, merchant, nonce string, keep time.Duration) (bool, error)
	// Notices lists notices to a merchant, the ones that changed last first.
	Notices(ctx context.Context, merchant string, state paycore.NoticeState, limit int) ([]paycore.NoticeStanding, error)
	// Resend makes a notice due again; false if the merchant has no such one.
	Resend(ctx context.Context, merchant, id string) (bool, error)
	SplitBooks
}

// Core runs commands; *paycore.Core does.
type Core interface {
	Do(ctx context.Context, commands ...paycore.Command) ([]paycore.Result, error)
	Complete(commands ...paycore.Command) ([]paycore.Command, error)
}

// Desk drives payments and refunds of the books through their channels. Each
// call may be repeated; the state in the books says what came of it.
type Desk interface {
	Pay(ctx context.Context, payNo string, payer Payer) (Prepaid, error)
	// Judges tells whether risk is asked before a payment goes out. Then Pay also
	// pays what no channel has a part of.
	Judges() bool
	// Refund returns nil once the refund goes its way by itself.
	Refund(ctx context.Context, refundNo string) error
	Close(ctx context.Context, payNo string) error
	// Route picks the account that a payment goes over, and says why, as JSON. A
	// *NoRoute: none of them takes it.
	Route(w Wish) (Account, string, error)
}

// Statements makes the statements of merchants.
type Statements interface {
	// Statement makes a merchant's own statement of a day; ErrNotProven while the
	// night has not proven the day. The caller closes it.
	Statement(ctx context.Context, merchant string, accounts []Account, date bizday.Date) (*Statement, error)
}

// Statement is a file to read once.
type Statement struct {
	io.ReadCloser
	Size   int64
	SHA256 string // hexadecimal
}

// ErrNotProven says that nothing is told of a day yet.
var ErrNotProven = errors.New("the day is not proven")

// Wish is a payment that looks for an account.
type Wish struct {
	Method      string
	AmountMinor int64
	Accounts    []Account // of the merchant, the preferred first
}

// NoRoute says of each account of the merchant why it takes a payment not.
type NoRoute struct{ Reasons []string }

func (*NoRoute) Error() string { return "no account takes the payment" }

// Permission is one thing that a merchant may do; the configuration lists his.
type Permission string

// The permissions.
const (
	CreateOrder Permission = "create_order"
	Pay         Permission = "pay"
	Query       Permission = "query"
	Close       Permission = "close"
	Refund      Permission = "refund"
	Resend      Permission = "resend"
	Download    Permission = "statement"
	SplitOrder  Permission = "split" // also receivers, hold and release
	ReturnSplit Permission = "return_split"
	TransferOut Permission = "transfer"
	Withdraw    Permission = "withdraw"
)

// Permissions lists them all.
func Permissions() []Permission {
	return []Permission{CreateOrder, Pay, Query, Close, Refund, Resend, Download, SplitOrder, ReturnSplit, TransferOut, Withdraw}
}

// Merchant is one merchant of the configuration.
type Merchant struct {
	ID       string
	Keys     map[string]Key // by name; several side by side are what a rotation looks like
	Allow    []Permission
	Rate     float64 // requests a second
	Burst    int
	Accounts []Account            // that his payments may go over, the preferred first
	Contract *settlement.Contract // what he agreed to; nil: nothing, and no bank pays him
}

// Key verifies requests under one name and signs the answers to them.
type Key struct {
	Verify signing.Verifier
	Answer signing.Signer
}

// Account is one account at a channel.
type Account struct{ Channel, Name string }

// Server answers merchants.
type Server struct {
	books     Books
	core      Core
	desk      Desk
	bills     Statements
	now       func() time.Time
	log       *slog.Logger
	merchants map[string]*client
	api       huma.API
	mux       *http.ServeMux
}

// client is a merchant at work.
type client struct {
	Merchant
	limit *rate.Limiter
}

// New makes a server. log may be nil.
func New(books Books, core Core, desk Desk, bills Statements, merchants []Merchant, now func() time.Time, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{books: books, core: core, desk: desk, bills: bills, now: now, log: log, merchants: map[string]*client{}, mux: http.NewServeMux()}
	for _, m := range merchants {
		s.merchants[m.ID] = &client{Merchant: m, limit: rate.NewLimiter(rate.Limit(m.Rate), m.Burst)}
	}
	s.api = humago.New(s.mux, apiConfig())
	s.registerOrders()
	s.registerPayments()
	s.registerRefunds()
	s.registerSplits()
	s.registerNotices()
	s.registerStatements()
	s.registerTransfers()
	s.registerWallets()
	return s
}

// Handler answers /v1, /openapi.json and /docs.
func (s *Server) Handler() http.Handler {
	all := http.NewServeMux()
	all.Handle("/v1/", s.signed(s.mux))
	all.Handle("GET /openapi.json", s.mux)
	all.HandleFunc("GET /docs", s.page)
	return all
}

// number makes the number of a payment or refund: nobody guesses another's, and
// every channel takes it (letters and digits, 27 of them).
func number(letter string) string { return letter + rand.Text() }
