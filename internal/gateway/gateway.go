// Package gateway calls the payment channels: it lets payers pay, closes what
// nobody paid, gives money back, and asks until the channel has answered.
//
// In: payments and refunds that stand in the books, and the channels' answers.
// Out: signed calls in each channel's own protocol, commands to the payment
// core, and what a payer needs to pay. Called by cmd, which hands in the books,
// the HTTP client and the active query of each account.
//
// WeChat, Alipay and UnionPay each speak one protocol and know nothing of the
// books; Desk drives one payment or refund through them: durable intent, call,
// durable answer. An answer that was lost is never taken for a no.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Channel is one merchant account at one channel, in the channel's protocol.
// Every method but Query changes something there and sends one request at most.
// Errors are a *Refusal, ErrUnknown, or what Close names.
type Channel interface {
	// Prepay prepares a payment. The same order again is answered again.
	Prepay(ctx context.Context, o Order) (Prepaid, error)
	// Close makes sure that nobody can pay any more; see ErrEnded, ErrNotThere
	// and ErrNoClose.
	Close(ctx context.Context, payNo string) error
	// Refund asks for money back. The same request again is one refund.
	Refund(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error)
	Inquirer
}

// Voider is a Channel that can void a payment (消费撤销): it gives the whole of
// it back on the settlement day that took it.
type Voider interface {
	// Void asks for that, with the whole amount. The same request again is one
	// void.
	Void(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error)
}

// Inquirer asks how a payment or a refund stands. An answer that was not
// understood has Asked == false; see schemas.QueryAnswer.
type Inquirer interface {
	Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error)
}

// Order is what a payer shall pay.
type Order struct {
	PayNo       string
	AmountMinor int64
	Currency    string
	Method      Method
	Payer       Payer
	CreatedAt   time.Time // UnionPay finds a payment by its number and this time
	ExpiresAt   time.Time // after it the channel takes no money
}

// Payer is what a channel wants to know besides the order.
type Payer struct {
	Subject   string `json:"subject,omitempty"`    // what he sees; "" = the order's number
	OpenID    string `json:"open_id,omitempty"`    // of a JSAPI payer
	ClientIP  string `json:"client_ip,omitempty"`  // of an H5 payer
	ReturnURL string `json:"return_url,omitempty"` // where his browser goes afterwards
	ID        string `json:"id,omitempty"`         // who he is at the merchant: for bank transfer, and for risk as all that follow
	CardBIN   string `json:"card_bin,omitempty"`   // first six to eight digits of his card
	Verified  bool   `json:"verified,omitempty"`   // the merchant has verified him
}

// Method is the way to pay, as a payment's trade type names it.
type Method string

// The methods. The first of each channel is the one that a payment without a
// trade type uses.
const (
	Native    Method = "NATIVE"    // WeChat: a code to scan
	JSAPI     Method = "JSAPI"     // WeChat: within WeChat
	H5        Method = "H5"        // WeChat: from a phone's browser
	Precreate Method = "PRECREATE" // Alipay: a code to scan
	Page      Method = "PAGE"      // Alipay: from a computer's browser
	Wap       Method = "WAP"       // Alipay: from a phone's browser
	Gateway   Method = "GATEWAY"   // UnionPay: from a browser
	Transfer  Method = "TRANSFER"  // bank: to a virtual account
)

// Prepaid is what the payer needs to pay; one field is set.
type Prepaid struct {
	CodeURL string            `json:"code_url,omitempty"` // to be shown as a QR code
	PayURL  string            `json:"pay_url,omitempty"`  // to be opened
	JSAPI   map[string]string `json:"jsapi,omitempty"`    // to be handed to WeChat's script, signed
	Form    *Form             `json:"form,omitempty"`     // to be posted by the payer's browser

	Transfer *TransferTo `json:"transfer,omitempty"` // to be transferred to, exactly the amount
}

// TransferTo is where a payer transfers money to.
type TransferTo struct {
	Bank        string `json:"bank"`
	Holder      string `json:"holder"` // name of the account
	Number      string `json:"number"` // of the virtual account
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

// Form is an HTML form that posts its fields.
type Form struct {
	Action string            `json:"action"`
	Fields map[string]string `json:"fields"`
}

// RefundRequest is money to give back.
type RefundRequest struct {
	RefundNo, PayNo string
	AmountMinor     int64 // of the refund
	TotalMinor      int64 // of the payment
	Currency        string
	ChannelRef      string // of the payment
	CreatedAt       time.Time
}

// Refusal says that the channel said no, for certain: the call had no effect
// and never will.
type Refusal struct {
	Code   string // the channel's
	Reason string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the channel refused with %s: %s", fault.Quote(r.Code), fault.Quote(r.Reason))
}

// What a call can end with besides an answer and a *Refusal.
var (
	// ErrUnknown: the answer was lost, came too late, was not signed or is not
	// understood. The call may have had its effect.
	ErrUnknown = errors.New("the channel's answer is not known")
	// ErrBusy: nothing was sent; the account is sick or has too many calls under
	// way.
	ErrBusy = errors.New("the channel account takes no calls now, try later")
	// ErrEnded: nothing to close, it is paid or closed; a query tells which.
	ErrEnded = errors.New("the payment has ended at the channel")
	// ErrNotThere: nothing to close yet: the channel does not know the number
	// before the payer opens what he was given.
	ErrNotThere = errors.New("the channel does not know the payment")
	// ErrNoClose: the channel closes nothing on request; a payment ends there
	// when its time is over.
	ErrNoClose = errors.New("the channel does not close payments on request")
)

// unknown wraps what happened; text of the channel in it is quoted by the caller.
func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnknown, fmt.Errorf(format, args...))
}

// verdict is what one of a channel's codes means for a call. A code without one
// is unknown: the documentation does not say for certain that nothing happened.
type verdict uint8

const (
	isUnknown verdict = iota
	isRefusal
	isEnded
	isNotThere
)

func (v verdict) err(code, reason string) error {
	switch v {
	case isRefusal:
		return &Refusal{Code: code, Reason: reason}
	case isEnded:
		return ErrEnded
	case isNotThere:
		return ErrNotThere
	}
	return unknown("code %s: %s", fault.Quote(code), fault.Quote(reason))
}

// verdicts makes a table of codes that mean the same.
func verdicts(v verdict, codes ...string) map[string]verdict {
	m := make(map[string]verdict, len(codes))
	for _, c := range codes {
		m[c] = v
	}
	return m
}
