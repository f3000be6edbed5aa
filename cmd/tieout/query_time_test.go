package main

import (
	"context"
	"testing"
	"time"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// askedAt notes the time that a question carried.
type askedAt struct{ at time.Time }

func (q *askedAt) Query(_ context.Context, _ schemas.Kind, _, _ string, at time.Time) (schemas.QueryAnswer, error) {
	q.at = at
	return schemas.QueryAnswer{}, nil
}

type twoDocuments struct{}

func (twoDocuments) Payment(_ context.Context, no string) (*paycore.Payment, error) {
	if no != "P1" {
		return nil, nil
	}
	return &paycore.Payment{CreatedAt: 1_000_000}, nil
}

func (twoDocuments) Refund(_ context.Context, no string) (*paycore.Refund, error) {
	if no != "R1" {
		return nil, nil
	}
	return &paycore.Refund{CreatedAt: 2_000_000}, nil
}

// A channel is asked with the time at which the payment or refund was sent, not
// the one at which it succeeded.
func TestQueryCarriesTheTimeOfTheBooks(t *testing.T) {
	event := time.UnixMicro(9_000_000)
	for _, c := range []struct {
		kind        schemas.Kind
		pay, refund string
		want        time.Time
	}{
		{schemas.Payment, "P1", "", time.UnixMicro(1_000_000)},
		{schemas.Refund, "P1", "R1", time.UnixMicro(2_000_000)},
		{schemas.Payment, "K1", "", event}, // no document of ours
		{schemas.Refund, "P1", "K1", event},
	} {
		asked := &askedAt{}
		if _, err := (bookedTime{asked, twoDocuments{}}).Query(t.Context(), c.kind, c.pay, c.refund, event); err != nil {
			t.Fatal(err)
		}
		if !asked.at.Equal(c.want) {
			t.Errorf("%s %s %s: asked with %s, want %s", c.kind, c.pay, c.refund, asked.at, c.want)
		}
	}
}
