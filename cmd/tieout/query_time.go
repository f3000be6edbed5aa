package main

import (
	"context"
	"time"

	"tieout/internal/paycore"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// coreBooks are our own books, as far as a question to a channel needs them.
type coreBooks interface {
	Payment(ctx context.Context, payNo string) (*paycore.Payment, error)
	Refund(ctx context.Context, refundNo string) (*paycore.Refund, error)
}

// bookedTime asks a channel with the time at which our books sent the payment
// or refund. UnionPay finds it by nothing else, and a row that has succeeded
// tells only when that was.
type bookedTime struct {
	pipeline.Querier
	books coreBooks
}

// Query implements pipeline.Querier.
func (q bookedTime) Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error) {
	sent, err := q.sent(ctx, kind, merchantRef, refundRef)
	if err != nil {
		return schemas.QueryAnswer{Key: merchantRef, Kind: kind}, err
	}
	if sent != 0 {
		at = time.UnixMicro(sent)
	}
	return q.Querier.Query(ctx, kind, merchantRef, refundRef, at)
}

// sent is when it was sent; 0: our books do not know it.
func (q bookedTime) sent(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string) (int64, error) {
	if kind == schemas.Refund {
		r, err := q.books.Refund(ctx, refundRef)
		if err != nil || r == nil {
			return 0, err
		}
		return r.CreatedAt, nil
	}
	p, err := q.books.Payment(ctx, merchantRef)
	if err != nil || p == nil {
		return 0, err
	}
	return p.CreatedAt, nil
}
