package merchantapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/settlement"
)

// SplitBooks is what the API keeps of profit splits. The store implements it;
// each call may be repeated under the same number.
type SplitBooks interface {
	AddReceiver(ctx context.Context, merchant, receiver, relation string) error
	RemoveReceiver(ctx context.Context, merchant, receiver string) (found bool, err error)
	HoldForSplit(ctx context.Context, merchant, orderNo string, terms settlement.SplitTerms) (settlement.SplitHold, error)
	Split(ctx context.Context, r settlement.SplitRequest, contract *settlement.Contract) (settlement.Split, error)
	SplitOf(ctx context.Context, merchant, number string) (settlement.Split, []settlement.SplitShare, error)
	ReturnSplit(ctx context.Context, merchant, number, split, receiver string, minor int64) (settlement.SplitReturn, error)
	SplitReturnOf(ctx context.Context, merchant, number string) (settlement.SplitReturn, error)
	ReleaseRest(ctx context.Context, merchant, orderNo string) (settlement.SplitHold, error)
}

// NewReceiver is somebody who may receive shares of the merchant's orders.
type NewReceiver struct {
	Receiver string `json:"receiver" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"Who holds the wallet."`
	Relation string `json:"relation" minLength:"1" maxLength:"64" doc:"What he is to the merchant: supplier, store, …"`
}

// ReceiverPath names a receiver.
type ReceiverPath struct {
	Receiver string `path:"receiver" maxLength:"64"`
}

// Receiver is a receiver as registered.
type Receiver struct {
	Receiver string `json:"receiver"`
	Active   bool   `json:"active"`
}

// NewSplit is who gets which amounts of an order.
type NewSplit struct {
	Shares      []NewShare `json:"shares" minItems:"1" maxItems:"1000" doc:"At most 1,000 in a request; an order has at most 20,000 over all its splits."`
	ReleaseRest bool       `json:"release_rest,omitempty" doc:"What is left is the merchant's once every share has its end."`
}

// NewShare is what one receiver shall get.
type NewShare struct {
	Receiver    string `json:"receiver" minLength:"1" maxLength:"64"`
	AmountMinor int64  `json:"amount_minor" minimum:"1"`
}

// Split is a split as it stands.
type Split struct {
	SplitNo       string  `json:"split_no"`
	OrderNo       string  `json:"order_no"`
	PayNo         string  `json:"pay_no,omitempty"`
	Currency      string  `json:"currency"`
	State         string  `json:"state" enum:"PROCESSING,FINISHED"`
	AmountMinor   int64   `json:"amount_minor"`
	DoneMinor     int64   `json:"done_minor" doc:"Of the shares that are SUCCESS."`
	ReturnedMinor int64   `json:"returned_minor" doc:"What receivers gave back."`
	CreatedAt     string  `json:"created_at" format:"date-time"`
	FinishedAt    string  `json:"finished_at,omitempty" format:"date-time"`
	Shares        []Share `json:"shares,omitempty"`
}

// Share is what one receiver gets.
type Share struct {
	Receiver      string `json:"receiver"`
	AmountMinor   int64  `json:"amount_minor"`
	ReturnedMinor int64  `json:"returned_minor"`
	State         string `json:"state" enum:"PENDING,SUCCESS,CLOSED"`
	Reason        string `json:"reason,omitempty" doc:"Why it is CLOSED; its money stays with the order."`
}

// NewSplitReturn takes money back from a receiver.
type NewSplitReturn struct {
	Receiver    string `json:"receiver" minLength:"1" maxLength:"64"`
	AmountMinor int64  `json:"amount_minor" minimum:"1"`
}

// SplitReturn is a return as it stands.
type SplitReturn struct {
	ReturnNo    string `json:"return_no"`
	SplitNo     string `json:"split_no"`
	Receiver    string `json:"receiver"`
	AmountMinor int64  `json:"amount_minor"`
	State       string `json:"state" enum:"PROCESSING,SUCCESS,CLOSED"`
	Reason      string `json:"reason,omitempty" doc:"PROCESSING: why it waits; it is tried again by itself. CLOSED: ask again with another key."`
	CreatedAt   string `json:"created_at" format:"date-time"`
	DoneAt      string `json:"done_at,omitempty" format:"date-time"`
}

// SplitHold is an order that is held back for splits.
type SplitHold struct {
	OrderNo string `json:"order_no"`
	State   string `json:"state" enum:"HELD,RELEASED"`
	Until   string `json:"until" format:"date-time" doc:"Then it is released by itself."`
}

func (s *Server) registerSplits() {
	huma.Register(s.api, operation("add_receiver", http.MethodPost, "/v1/receivers", "Register a receiver",
		"Lets a holder of a wallet receive shares of the merchant's orders."), s.addReceiver)
	huma.Register(s.api, operation("remove_receiver", http.MethodPost, "/v1/receivers/{receiver}/remove", "Remove a receiver",
		"New splits name the receiver no more; what was asked for goes on."), s.removeReceiver)
	huma.Register(s.api, operation("hold_for_split", http.MethodPost, "/v1/orders/{order_no}/hold", "Hold an order back for splits",
		"None of the order is settled before the rest of it is released. A first split does the same."), s.holdForSplit)
	huma.Register(s.api, operation("split", http.MethodPost, "/v1/orders/{order_no}/splits", "Split an order",
		"Gives receivers amounts of an order, before or after it is paid, up to the contract's ceiling. PROCESSING: it is carried out once the order is paid; query it."), s.split)
	huma.Register(s.api, operation("query_split", http.MethodGet, "/v1/splits/{split_no}", "Query a split", "Shows a split and its shares."), s.querySplit)
	huma.Register(s.api, operation("return_split", http.MethodPost, "/v1/splits/{split_no}/returns", "Take a share back",
		"Takes money back from a receiver, never more than he got. PROCESSING: he has not got it now; query it."), s.returnSplit)
	huma.Register(s.api, operation("query_split_return", http.MethodGet, "/v1/split-returns/{return_no}", "Query a return", "Shows a return."), s.querySplitReturn)
	huma.Register(s.api, operation("release_rest", http.MethodPost, "/v1/orders/{order_no}/release", "Release the rest of an order",
		"Makes what is left the merchant's, to be settled. The order cannot be split any more."), s.releaseRest)
}

func (s *Server) addReceiver(ctx context.Context, in *struct {
	Idempotent
	Body NewReceiver
},
) (*reply[Receiver], error) {
	c, err := s.admit(ctx, SplitOrder)
	if err != nil {
		return nil, err
	}
	return do(ctx, s, c, work[Receiver]{operation: SplitOrder, key: in.Key, subject: in.Body.Receiver,
		finish: func(ctx context.Context, receiver string) (Receiver, error) {
			return Receiver{receiver, true}, s.said(c, s.books.AddReceiver(ctx, c.merchant.ID, receiver, in.Body.Relation))
		}})
}

func (s *Server) removeReceiver(ctx context.Context, in *struct {
	Idempotent
	ReceiverPath
},
) (*reply[Receiver], error) {
	c, err := s.admit(ctx, SplitOrder)
	if err != nil {
		return nil, err
	}
	return do(ctx, s, c, work[Receiver]{operation: SplitOrder, key: in.Key, subject: in.Receiver,
		finish: func(ctx context.Context, receiver string) (Receiver, error) {
			_, err := s.books.RemoveReceiver(ctx, c.merchant.ID, receiver)
			return Receiver{receiver, false}, s.said(c, err)
		}})
}

func (s *Server) holdForSplit(ctx context.Context, in *struct {
	Idempotent
	OrderPath
},
) (*reply[SplitHold], error) {
	c, err := s.admit(ctx, SplitOrder)
	if err != nil {
		return nil, err
	}
	return do(ctx, s, c, work[SplitHold]{operation: SplitOrder, key: in.Key, subject: in.OrderNo,
		finish: func(ctx context.Context, orderNo string) (SplitHold, error) {
			terms := settlement.DefaultSplitTerms()
			if c.merchant.Contract != nil {
				terms = c.merchant.Contract.Split
			}
			h, err := s.books.HoldForSplit(ctx, c.merchant.ID, orderNo, terms)
			return holdView(h), s.said(c, err)
		}})
}

func (s *Server) split(ctx context.Context, in *struct {
	Idempotent
	OrderPath
	Body NewSplit
},
) (*reply[Split], error) {
	c, err := s.admit(ctx, SplitOrder)
	if err != nil {
		return nil, err
	}
	r := settlement.SplitRequest{Merchant: c.merchant.ID, OrderNo: in.OrderNo, ReleaseRest: in.Body.ReleaseRest}
	for _, share := range in.Body.Shares {
		r.Shares = append(r.Shares, settlement.SplitShare{Receiver: share.Receiver, AmountMinor: share.AmountMinor})
	}
	return do(ctx, s, c, work[Split]{operation: SplitOrder, key: in.Key, subject: number("S"),
		finish: func(ctx context.Context, splitNo string) (Split, error) {
			r.Number = splitNo
			x, err := s.books.Split(ctx, r, c.merchant.Contract)
			return splitView(x, nil), s.said(c, err)
		}})
}

// SplitPath names a split.
type SplitPath struct {
	SplitNo string `path:"split_no" maxLength:"64"`
}

func (s *Server) querySplit(ctx context.Context, in *SplitPath) (*reply[Split], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	x, shares, err := s.books.SplitOf(ctx, c.merchant.ID, in.SplitNo)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	return &reply[Split]{http.StatusOK, splitView(x, shares)}, nil
}

func (s *Server) returnSplit(ctx context.Context, in *struct {
	Idempotent
	SplitPath
	Body NewSplitReturn
},
) (*reply[SplitReturn], error) {
	c, err := s.admit(ctx, ReturnSplit)
	if err != nil {
		return nil, err
	}
	return do(ctx, s, c, work[SplitReturn]{operation: ReturnSplit, key: in.Key, subject: number("B"),
		finish: func(ctx context.Context, returnNo string) (SplitReturn, error) {
			r, err := s.books.ReturnSplit(ctx, c.merchant.ID, returnNo, in.SplitNo, in.Body.Receiver, in.Body.AmountMinor)
			return returnView(r), s.said(c, err)
		}})
}

// SplitReturnPath names a return.
type SplitReturnPath struct {
	ReturnNo string `path:"return_no" maxLength:"64"`
}

func (s *Server) querySplitReturn(ctx context.Context, in *SplitReturnPath) (*reply[SplitReturn], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	r, err := s.books.SplitReturnOf(ctx, c.merchant.ID, in.ReturnNo)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	return &reply[SplitReturn]{http.StatusOK, returnView(r)}, nil
}

func (s *Server) releaseRest(ctx context.Context, in *struct {
	Idempotent
	OrderPath
},
) (*reply[SplitHold], error) {
	c, err := s.admit(ctx, SplitOrder)
	if err != nil {
		return nil, err
	}
	return do(ctx, s, c, work[SplitHold]{operation: SplitOrder, key: in.Key, subject: in.OrderNo,
		finish: func(ctx context.Context, orderNo string) (SplitHold, error) {
			h, err := s.books.ReleaseRest(ctx, c.merchant.ID, orderNo)
			return holdView(h), s.said(c, err)
		}})
}

// said makes what the rules refused an answer that stands; other trouble leaves
// the request open.
func (s *Server) said(c *call, err error) error {
	if err == nil {
		return nil
	}
	return s.trouble(c, err)
}

func splitView(x settlement.Split, shares []settlement.SplitShare) Split {
	out := Split{SplitNo: x.Number, OrderNo: x.OrderNo, PayNo: x.PayNo, Currency: x.Currency, State: string(x.State), AmountMinor: x.AmountMinor,
		DoneMinor: x.DoneMinor, ReturnedMinor: x.BackMinor, CreatedAt: stamp(x.CreatedAt), FinishedAt: stamp(x.FinishedAt)}
	for _, share := range shares {
		out.Shares = append(out.Shares, Share{share.Receiver, share.AmountMinor, share.ReturnedMinor, string(share.State), share.Reason})
	}
	return out
}

func returnView(r settlement.SplitReturn) SplitReturn {
	return SplitReturn{ReturnNo: r.Number, SplitNo: r.Split, Receiver: r.Receiver, AmountMinor: r.AmountMinor, State: string(r.State), Reason: r.Reason,
		CreatedAt: stamp(r.CreatedAt), DoneAt: stamp(r.DoneAt)}
}

func holdView(h settlement.SplitHold) SplitHold {
	return SplitHold{OrderNo: h.OrderNo, State: string(h.State), Until: stamp(h.Until)}
}
