package merchantapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// NewPayment is one attempt to pay an order.
type NewPayment struct {
	Channel string    `json:"channel,omitempty" maxLength:"40" example:"wechat" doc:"Left out: the method decides, and the account that takes it at the lowest fee."`
	Account string    `json:"account,omitempty" maxLength:"40" doc:"Which of the merchant's accounts; left out: the first at the channel."`
	Method  string    `json:"method,omitempty" maxLength:"16" pattern:"^[A-Z0-9]*$" doc:"How the payer pays: NATIVE, JSAPI, H5, PRECREATE, PAGE, WAP, GATEWAY, TRANSFER; left out: the channel's first."`
	Payer   Payer     `json:"payer,omitempty"`
	Parts   []NewPart `json:"parts,omitempty" maxItems:"10" doc:"What balances, coupons and red packets pay; the channel has the rest, if any is left."`
}

// Payer is what some channels want to know of the payer.
type Payer struct {
	Subject   string `json:"subject,omitempty" maxLength:"120" doc:"What he sees."`
	OpenID    string `json:"open_id,omitempty" maxLength:"128" doc:"Of a JSAPI payer."`
	ClientIP  string `json:"client_ip,omitempty" maxLength:"45" doc:"Of an H5 payer."`
	ReturnURL string `json:"return_url,omitempty" maxLength:"512" doc:"Where his browser goes afterwards."`
	ID        string `json:"id,omitempty" maxLength:"128" doc:"Who he is at the merchant. Risk counts by it; of a bank transfer each payer has a virtual account of his own, and without an id each payment."`
	CardBIN   string `json:"card_bin,omitempty" pattern:"^([0-9]{6,8})?$" doc:"The first six to eight digits of his card."`
	Verified  bool   `json:"verified,omitempty" doc:"The merchant has verified him, by 3-D Secure or a code."`
}

// Payment is an attempt as it stands.
type Payment struct {
	PayNo         string   `json:"pay_no"`
	OrderNo       string   `json:"order_no"`
	Channel       string   `json:"channel"`
	Account       string   `json:"account"`
	Method        string   `json:"method,omitempty"`
	AmountMinor   int64    `json:"amount_minor"`
	RefundedMinor int64    `json:"refunded_minor"`
	Currency      string   `json:"currency"`
	State         string   `json:"state" enum:"PAYING,SUCCESS,FAILED,CLOSED"`
	ChannelRef    string   `json:"channel_ref,omitempty"`
	PartOf        string   `json:"part_of,omitempty" doc:"The payment that leads this part of a combined payment."`
	CreatedAt     string   `json:"created_at" format:"date-time"`
	PaidAt        string   `json:"paid_at,omitempty" format:"date-time"`
	Prepaid       *Prepaid `json:"prepaid,omitempty" doc:"What the payer needs to pay."`
}

// Prepaid is what the payer needs to pay; one field is set.
type Prepaid struct {
	CodeURL string            `json:"code_url,omitempty" doc:"To be shown as a QR code."`
	PayURL  string            `json:"pay_url,omitempty" doc:"To be opened."`
	JSAPI   map[string]string `json:"jsapi,omitempty" doc:"To be handed to the channel's script."`
	Form    *Form             `json:"form,omitempty" doc:"To be posted by the payer's browser."`

	Transfer *TransferTo `json:"transfer,omitempty" doc:"Where to transfer exactly the amount to, in one transfer or in several."`
}

// TransferTo is where a payer transfers money to.
type TransferTo struct {
	Bank        string `json:"bank"`
	Holder      string `json:"holder" doc:"Name of the account."`
	Number      string `json:"number" doc:"Of the virtual account; its last digit is a check digit."`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
}

// Form is an HTML form that posts its fields.
type Form struct {
	Action string            `json:"action"`
	Fields map[string]string `json:"fields"`
}

func (s *Server) registerPayments() {
	huma.Register(s.api, operation("pay", http.MethodPost, "/v1/orders/{order_no}/payments", "Pay an order",
		"Starts a payment of the order at a channel and returns what the payer needs. Parts that balances, coupons and red packets pay are set aside first; "+
			"with the channel's part all of them are paid, or none. Without a rest for a channel the order is paid at once, or as soon as risk lets it."), s.pay)
	huma.Register(s.api, operation("query_payment", http.MethodGet, "/v1/payments/{pay_no}", "Query a payment", "Shows a payment."), s.queryPayment)
}

func (s *Server) pay(ctx context.Context, in *struct {
	Idempotent
	OrderPath
	Body NewPayment
},
) (*reply[Payment], error) {
	c, err := s.admit(ctx, Pay)
	if err != nil {
		return nil, err
	}
	o, err := s.order(ctx, c.merchant.ID, in.OrderNo)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	payNo := number("P")
	parts, rest, err := c.merchant.parts(in.Body, o.AmountMinor)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	var account Account
	var why string
	if rest > 0 {
		account, why, err = s.account(c, in.Body, rest)
	}
	var no *fault.Error
	switch {
	case errors.As(err, &no):
		return do(ctx, s, c, work[Payment]{operation: Pay, key: in.Key, subject: payNo, refused: no})
	case err != nil:
		return nil, s.trouble(c, err)
	}
	create := paycore.CreatePayment{Merchant: c.merchant.ID, OrderNo: o.OrderNo, PayNo: payNo, Channel: account.Channel,
		Account: account.Name, AmountMinor: o.AmountMinor, Currency: o.Currency, TradeType: in.Body.Method, Route: why}
	var command paycore.Command = create
	if len(parts) > 0 {
		command = paycore.CreateCombined{CreatePayment: create, Parts: parts, Held: s.desk.Judges()}
	}
	return do(ctx, s, c, work[Payment]{operation: Pay, key: in.Key, subject: payNo, commands: []paycore.Command{command},
		finish: s.finishPay(c, in.Body.Payer)})
}

// account picks the account that a payment goes over: the one that is named, or
// the one that is chosen, and why.
func (s *Server) account(c *call, p NewPayment, amountMinor int64) (a Account, why string, err error) {
	if p.Channel != "" || p.Account != "" {
		a, err = c.merchant.account(p.Channel, p.Account)
		return a, "", err
	}
	if p.Method == "" {
		return a, "", fault.New("E-6413", fault.V{"reason": "a channel or a method is needed", "place": "body.channel"}, nil)
	}
	a, why, err = s.desk.Route(Wish{Method: p.Method, AmountMinor: amountMinor, Accounts: c.merchant.Accounts})
	var none *NoRoute
	if errors.As(err, &none) {
		err = fault.New("E-6427", fault.V{"method": p.Method, "reasons": strings.Join(none.Reasons, "; ")}, nil)
	}
	return a, why, err
}

// account finds an account by channel, by name, or by both.
func (m *client) account(channel, name string) (Account, error) {
	known := make([]string, 0, len(m.Accounts))
	for _, a := range m.Accounts {
		if (channel == "" || a.Channel == channel) && (name == "" || a.Name == name) {
			return a, nil
		}
		known = append(known, a.Channel+" "+a.Name)
	}
	return Account{}, fault.New("E-6421", fault.V{"channel": fault.Quote(channel), "account": fault.Quote(name), "known": strings.Join(known, ", ")}, nil)
}

// What a desk says of a payment that did not go out, because risk has not let it.
var (
	ErrReview    = errors.New("the payment is held for review")
	ErrChallenge = errors.New("the payer must be verified")
	ErrRejected  = errors.New("risk refuses the payment")
)

// finishPay gets from the channel, if there is one, what the payer needs. The
// books say what came of a call that failed.
func (s *Server) finishPay(c *call, payer Payer) func(context.Context, string) (Payment, error) {
	return func(ctx context.Context, payNo string) (Payment, error) {
		p, err := s.books.PaymentOf(ctx, c.merchant.ID, payNo)
		if err != nil {
			return Payment{}, err
		}
		if p.Wallet != "" && p.State == paycore.Success {
			return paymentView(p), nil
		}
		prepaid, failure := s.desk.Pay(ctx, payNo, payer)
		if p, err = s.books.PaymentOf(ctx, c.merchant.ID, payNo); err != nil {
			return Payment{}, err
		}
		out := paymentView(p)
		switch {
		case failure == nil && p.Wallet == "":
			out.Prepaid = &prepaid
		case errors.Is(failure, ErrReview):
			return Payment{}, fault.New("E-6432", fault.V{"number": payNo}, nil)
		case errors.Is(failure, ErrChallenge):
			return Payment{}, problem(c.lang, fault.New("E-6433", fault.V{"number": payNo, "state": p.State}, nil))
		case errors.Is(failure, ErrRejected):
			return Payment{}, problem(c.lang, fault.New("E-6434", fault.V{"number": payNo, "state": p.State}, nil))
		case p.State == paycore.Paying:
			s.log.Warn("channel not heard", "payment", payNo, "error", failure)
			return Payment{}, fault.New("E-6420", fault.V{"number": payNo}, nil)
		case p.State != paycore.Success:
			return Payment{}, problem(c.lang, fault.New("E-6422", fault.V{"number": payNo, "state": p.State}, nil))
		}
		return out, nil
	}
}

func (s *Server) queryPayment(ctx context.Context, in *PaymentPath) (*reply[Payment], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	p, err := s.payment(ctx, c, in.PayNo)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	return &reply[Payment]{http.StatusOK, paymentView(p)}, nil
}

// PaymentPath names a payment.
type PaymentPath struct {
	PayNo string `path:"pay_no" maxLength:"64"`
}

// payment reads a payment of the merchant.
func (s *Server) payment(ctx context.Context, c *call, payNo string) (*paycore.Payment, error) {
	p, err := s.books.PaymentOf(ctx, c.merchant.ID, payNo)
	if err == nil && p == nil {
		err = fault.New("E-6416", fault.V{"number": fault.Quote(payNo)}, nil)
	}
	return p, err
}

func paymentView(p *paycore.Payment) Payment {
	return Payment{PayNo: p.PayNo, OrderNo: p.OrderNo, Channel: p.Channel, Account: p.Account, Method: p.TradeType, AmountMinor: p.AmountMinor,
		RefundedMinor: p.RefundedMinor, Currency: p.Currency, State: string(p.State), ChannelRef: p.ChannelRef, PartOf: p.PartOf,
		CreatedAt: stamp(p.CreatedAt), PaidAt: stamp(p.PaidAt)}
}
