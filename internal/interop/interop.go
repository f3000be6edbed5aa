// Package interop speaks with a clearing organisation (互联互通): payers of ours
// are scanned at merchants of others, and the organisation takes the money of
// their wallets.
//
// In: envelopes, whose business part is encrypted for the receiver and which are
// signed as a whole. Out: commands to the books, and signed answers. A message is
// verified, then decrypted, then read; its id stands for it for ever, and so
// does the number of each debit and refund. The other way, tokens are applied
// for, asked about and unbound; what has no answer is asked for by its number,
// and never taken for a failure. Called by cmd, which hands in keys and books.
//
// The field names are our own profile of such an interface: the organisations
// give theirs to their members only.
package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tieout/internal/money"
	"tieout/internal/signing"
	"tieout/internal/strictjson"
)

// What is asked. The organisation asks for debits and refunds, we for tokens. An
// answer's kind has "answer" appended.
const (
	KindDebit       = "debit"
	KindDebitQuery  = "debit.query"
	KindRefund      = "refund"
	KindRefundQuery = "refund.query"
	KindTokenApply  = "token.apply"
	KindTokenQuery  = "token.query"
	KindTokenUnbind = "token.unbind"

	answered = ".answer"
)

// Results of an answer. Those of tokens are the states of paycore.
const (
	Success    = "SUCCESS"
	Failed     = "FAILED"     // for ever: under this number nothing happens any more
	NotFound   = "NOT_FOUND"  // of a query; what was asked for may still be on its way
	Processing = "PROCESSING" // of a token: ask again
	Refused    = "REFUSED"    // it was not looked at: the message itself is wrong
)

// Debit asks for money of the wallet that a token stands for.
type Debit struct {
	Number      string `json:"number"` // the organisation's, for ever
	Token       string `json:"token"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Payee       string `json:"payee"` // the merchant, as the payer reads it
}

// Refund gives back a debit, or a part of it.
type Refund struct {
	Number      string `json:"number"` // the organisation's, for ever
	Debit       string `json:"debit"`  // number of the debit
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

// Query asks how it stands with a number; of a token, ours.
type Query struct {
	Number string `json:"number"`
}

// Answer is what is said about a debit or a refund.
type Answer struct {
	Result        string `json:"result"`
	Reason        string `json:"reason,omitempty"`
	Number        string `json:"number,omitempty"`
	AmountMinor   int64  `json:"amount_minor,omitempty"`
	RefundedMinor int64  `json:"refunded_minor,omitempty"` // of a debit, so far
	Currency      string `json:"currency,omitempty"`
}

// TokenWish applies for a token, or ends one.
type TokenWish struct {
	Number   string `json:"number"` // ours, for ever
	Currency string `json:"currency,omitempty"`
	Token    string `json:"token,omitempty"` // to unbind
}

// TokenAnswer says how it stands with a token.
type TokenAnswer struct {
	Result string `json:"result"` // ACTIVE, UNBOUND, REFUSED, PROCESSING, NOT_FOUND
	Token  string `json:"token,omitempty"`
}

// Link is what two sides agreed on, seen from one of them. All of it is of the
// configuration, nothing of a message.
type Link struct {
	Own, Other string // names of the sides
	Suite      signing.Suite
	Key        string // name of our signing key
	Sign       signing.Signer
	Unwrap     signing.Unwrapper
	Verify     map[string]signing.Verifier // the other side's signing keys, by name: several while one is replaced
	Wrap       signing.Wrapper
	Now        func() time.Time
}

// seal makes a message to the other side.
func (l *Link) seal(kind, replyTo string, part []byte) (signing.Envelope, error) {
	return signing.Seal(signing.Envelope{Suite: l.Suite, Sender: l.Own, Receiver: l.Other, Key: l.Key, MessageID: signing.Nonce(), ReplyTo: replyTo,
		SentAt: strconv.FormatInt(l.Now().Unix(), 10), Kind: kind}, part, l.Sign, l.Wrap)
}

// open verifies a message of the other side, then decrypts it.
func (l *Link) open(body []byte) (signing.Envelope, []byte, error) {
	var e signing.Envelope
	if err := strictjson.Decode(body, &e); err != nil {
		return e, nil, fmt.Errorf("%w: %w", signing.ErrMalformed, err)
	}
	part, err := e.Open(l.Suite, l.Other, l.Own, l.Verify, l.Unwrap, l.Now())
	if err == nil && !numberShape.MatchString(e.MessageID) {
		err = signing.ErrMalformed
	}
	return e, part, err
}

// read reads a business part. A member that we do not know is an error: it may
// change what the others mean.
func read(part []byte, into any) error {
	if err := strictjson.Decode(part, into); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(part))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

var (
	numberShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	errPart     = errors.New("a field is missing, or not as documented")
)

func (d *Debit) check() error {
	if !numberShape.MatchString(d.Token) || d.Payee == "" || utf8.RuneCountInString(d.Payee) > 100 || strings.ContainsFunc(d.Payee, unicode.IsControl) {
		return errPart
	}
	return checkSum(d.Number, d.AmountMinor, d.Currency)
}

func (r *Refund) check() error {
	if !numberShape.MatchString(r.Debit) {
		return errPart
	}
	return checkSum(r.Number, r.AmountMinor, r.Currency)
}

func (q *Query) check() error {
	if !numberShape.MatchString(q.Number) {
		return errPart
	}
	return nil
}

func checkSum(number string, minor int64, currency string) error {
	if _, known := money.Currency(currency).Exponent(); !known || minor <= 0 || !numberShape.MatchString(number) {
		return errPart
	}
	return nil
}
