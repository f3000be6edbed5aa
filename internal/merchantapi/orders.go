package merchantapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// NewOrder is what a merchant wants to be paid.
type NewOrder struct {
	OrderNo     string `json:"order_no" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"The merchant's own number."`
	AmountMinor int64  `json:"amount_minor" minimum:"0" doc:"In the smallest unit of the currency: fen for CNY. An order about nothing is paid at once."`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" example:"CNY"`
	NotifyURL   string `json:"notify_url,omitempty" maxLength:"512" doc:"Where the merchant wants to hear of it: https."`
	ExpiresAt   string `json:"expires_at,omitempty" format:"date-time" doc:"From then on nobody pays it, and it is closed; left out: never."`
}

// Order is an order as it stands.
type Order struct {
	OrderNo     string    `json:"order_no"`
	AmountMinor int64     `json:"amount_minor"`
	Currency    string    `json:"currency"`
	State       string    `json:"state" enum:"PAYING,PAID,CLOSED"`
	PaidBy      string    `json:"paid_by,omitempty" doc:"The payment that paid it first."`
	CreatedAt   string    `json:"created_at,omitempty" format:"date-time"`
	ExpiresAt   string    `json:"expires_at,omitempty" format:"date-time"`
	Payments    []Payment `json:"payments,omitempty" doc:"Its attempts, oldest first."`
}

func (s *Server) registerOrders() {
	huma.Register(s.api, operation("create_order", http.MethodPost, "/v1/orders", "Open an order",
		"Opens an order. The same number with other content is refused."), s.createOrder)
	huma.Register(s.api, operation("query_order", http.MethodGet, "/v1/orders/{order_no}", "Query an order",
		"Shows an order and its payments."), s.queryOrder)
	huma.Register(s.api, operation("close_order", http.MethodPost, "/v1/orders/{order_no}/close", "Close an order",
		"Closes the order's payments at their channels, then the order. One that is paid meanwhile stays paid."), s.closeOrder)
}

func (s *Server) createOrder(ctx context.Context, in *struct {
	Idempotent
	Body NewOrder
},
) (*reply[Order], error) {
	c, err := s.admit(ctx, CreateOrder)
	if err != nil {
		return nil, err
	}
	n := in.Body
	if n.NotifyURL != "" {
		if u, err := url.Parse(n.NotifyURL); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			return nil, problem(c.lang, fault.New("E-6413", fault.V{"reason": "the address is not https", "place": "body.notify_url"}, nil))
		}
	}
	create := paycore.CreateOrder{Merchant: c.merchant.ID, OrderNo: n.OrderNo, AmountMinor: n.AmountMinor, Currency: n.Currency, NotifyURL: n.NotifyURL}
	if n.ExpiresAt != "" {
		end, err := time.Parse(time.RFC3339, n.ExpiresAt)
		if err != nil || end.Year() < 2000 || end.Year() > 9999 {
			return nil, problem(c.lang, fault.New("E-6413", fault.V{"reason": "it is not a time", "place": "body.expires_at"}, nil))
		}
		create.ExpiresAt = end.UnixMicro()
	}
	return do(ctx, s, c, work[Order]{operation: CreateOrder, key: in.Key, subject: n.OrderNo, commands: []paycore.Command{create},
		ended: func(r []paycore.Result) Order {
			return Order{OrderNo: n.OrderNo, AmountMinor: n.AmountMinor, Currency: n.Currency, State: string(r[0].State), ExpiresAt: stamp(create.ExpiresAt)}
		}})
}

// OrderPath names an order.
type OrderPath struct {
	OrderNo string `path:"order_no" maxLength:"64"`
}

func (s *Server) queryOrder(ctx context.Context, in *OrderPath) (*reply[Order], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	o, err := s.order(ctx, c.merchant.ID, in.OrderNo)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	return &reply[Order]{http.StatusOK, *o}, nil
}

func (s *Server) order(ctx context.Context, merchant, orderNo string) (*Order, error) {
	o, payments, err := s.books.OrderAndPayments(ctx, merchant, orderNo)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, fault.New("E-6416", fault.V{"number": fault.Quote(orderNo)}, nil)
	}
	out := &Order{OrderNo: o.OrderNo, AmountMinor: o.AmountMinor, Currency: o.Currency, State: string(o.State), PaidBy: o.PaidBy,
		CreatedAt: stamp(o.CreatedAt), ExpiresAt: stamp(o.ExpiresAt)}
	for _, p := range payments {
		out.Payments = append(out.Payments, paymentView(p))
	}
	return out, nil
}

func (s *Server) closeOrder(ctx context.Context, in *struct {
	Idempotent
	OrderPath
},
) (*reply[Order], error) {
	c, err := s.admit(ctx, Close)
	if err != nil {
		return nil, err
	}
	if _, err := s.order(ctx, c.merchant.ID, in.OrderNo); err != nil {
		return nil, s.trouble(c, err)
	}
	return do(ctx, s, c, work[Order]{operation: Close, key: in.Key, subject: in.OrderNo, finish: s.finishClose(c.merchant.ID, c.lang)})
}

// finishClose closes the payments that may still succeed, at their channels
// first, then the order.
func (s *Server) finishClose(merchant string, lang fault.Lang) func(context.Context, string) (Order, error) {
	return func(ctx context.Context, orderNo string) (Order, error) {
		o, err := s.order(ctx, merchant, orderNo)
		if err != nil {
			return Order{}, err
		}
		for _, p := range o.Payments {
			if p.State != string(paycore.Paying) || p.PartOf != "" { // a part follows what leads it
				continue
			}
			if err := s.desk.Close(ctx, p.PayNo); err != nil {
				s.log.Warn("payment not closed", "payment", p.PayNo, "error", err) // the books say what came of it
			}
		}
		results, err := s.core.Do(ctx, paycore.CloseOrder{Merchant: merchant, OrderNo: orderNo})
		if err != nil {
			return Order{}, err
		}
		if o, err = s.order(ctx, merchant, orderNo); err != nil {
			return Order{}, err
		}
		switch paycore.State(o.State) {
		case paycore.Paying:
			return Order{}, fault.New("E-6420", fault.V{"number": orderNo}, nil)
		case paycore.Paid:
			return Order{}, problem(lang, fault.New("E-6419", fault.V{"reason": results[0].Reason, "number": orderNo}, nil))
		}
		return *o, nil
	}
}

// stamp writes a time of the books; "" if there is none.
func stamp(us int64) string {
	if us == 0 {
		return ""
	}
	return time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
}
