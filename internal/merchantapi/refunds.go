package merchantapi

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// NewRefund is money to give back of one payment.
type NewRefund struct {
	AmountMinor int64  `json:"amount_minor" minimum:"1"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" example:"CNY"`
}

// RefundView is a refund as it stands.
type RefundView struct {
	RefundNo    string `json:"refund_no"`
	PayNo       string `json:"pay_no"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	State       string `json:"state" enum:"PROCESSING,SUCCESS,FAILED,CLOSED"`
	ChannelRef  string `json:"channel_ref,omitempty"`
	CreatedAt   string `json:"created_at" format:"date-time"`
	DoneAt      string `json:"done_at,omitempty" format:"date-time"`
}

func (s *Server) registerRefunds() {
	huma.Register(s.api, operation("refund", http.MethodPost, "/v1/payments/{pay_no}/refunds", "Refund a payment",
		"Gives money of a payment back, in parts as often as wanted, never more than was paid. PROCESSING: the channel has not said how it ended; query it."), s.refund)
	huma.Register(s.api, operation("query_refund", http.MethodGet, "/v1/refunds/{refund_no}", "Query a refund", "Shows a refund."), s.queryRefund)
}

func (s *Server) refund(ctx context.Context, in *struct {
	Idempotent
	PaymentPath
	Body NewRefund
},
) (*reply[RefundView], error) {
	c, err := s.admit(ctx, Refund)
	if err != nil {
		return nil, err
	}
	if _, err := s.payment(ctx, c, in.PayNo); err != nil { // whose it is never changes
		return nil, s.trouble(c, err)
	}
	refundNo := number("R")
	return do(ctx, s, c, work[RefundView]{operation: Refund, key: in.Key, subject: refundNo,
		commands: []paycore.Command{paycore.CreateRefund{RefundNo: refundNo, PayNo: in.PayNo, AmountMinor: in.Body.AmountMinor, Currency: in.Body.Currency}},
		finish:   s.finishRefund(c.merchant.ID)})
}

// finishRefund sends a refund on its way.
func (s *Server) finishRefund(merchant string) func(context.Context, string) (RefundView, error) {
	return func(ctx context.Context, refundNo string) (RefundView, error) {
		r, err := s.books.RefundOf(ctx, merchant, refundNo)
		if err != nil {
			return RefundView{}, err
		}
		if r.Account == paycore.OwnAccount { // nothing of it is a channel's
			return refundView(r), nil
		}
		failure := s.desk.Refund(ctx, refundNo)
		if r, err = s.books.RefundOf(ctx, merchant, refundNo); err != nil {
			return RefundView{}, err
		}
		if failure != nil && r.State == paycore.Processing {
			s.log.Warn("refund not sent", "refund", refundNo, "error", failure)
			return RefundView{}, fault.New("E-6420", fault.V{"number": refundNo}, nil)
		}
		return refundView(r), nil
	}
}

func (s *Server) queryRefund(ctx context.Context, in *struct {
	RefundNo string `path:"refund_no" maxLength:"64"`
},
) (*reply[RefundView], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	r, err := s.books.RefundOf(ctx, c.merchant.ID, in.RefundNo)
	if err == nil && r == nil {
		err = fault.New("E-6416", fault.V{"number": fault.Quote(in.RefundNo)}, nil)
	}
	if err != nil {
		return nil, s.trouble(c, err)
	}
	return &reply[RefundView]{http.StatusOK, refundView(r)}, nil
}

func refundView(r *paycore.Refund) RefundView {
	return RefundView{RefundNo: r.RefundNo, PayNo: r.PayNo, AmountMinor: cmp.Or(r.AskedMinor, r.AmountMinor), Currency: r.Currency, State: string(r.State),
		ChannelRef: r.ChannelRefundRef, CreatedAt: stamp(r.CreatedAt), DoneAt: stamp(r.DoneAt)}
}
