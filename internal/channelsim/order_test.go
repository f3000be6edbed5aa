package channelsim

import (
	"errors"
	"testing"
	"time"
)

// A payer pays what was prepared for him through the channel's API, and nothing
// else.
func TestPreparedPayments(t *testing.T) {
	now := time.Date(2026, 10, 21, 12, 0, 0, 0, time.UTC)
	made := now.Add(-10 * time.Second)
	b := newBilling(Options{Seed: 1}, time.UTC)
	for _, o := range []order{{merchantRef: "OPEN0001", amount: 100, made: made}, {merchantRef: "CLOSED01", amount: 100, closed: true}, {merchantRef: "LATE0001", amount: 100, expires: now}} {
		if err := b.prepare(UnionPay, o); err != nil {
			t.Fatal(err)
		}
	}
	pay := func(ref string, fen int64) error {
		_, err := b.addPayments([]PayRequest{{Channel: UnionPay, MerchantRef: ref, AmountMinor: fen, At: now, Delivery: Lost, Prepared: true}}, now)
		return err
	}
	for _, c := range []struct {
		ref  string
		fen  int64
		want error
	}{
		{"NOBODY01", 100, errNoOrder}, {"CLOSED01", 100, errClosed}, {"LATE0001", 100, errClosed}, {"OPEN0001", 99, errOtherWish},
		{"OPEN0001", 100, nil}, {"OPEN0001", 100, errPaid},
	} {
		if err := pay(c.ref, c.fen); !errors.Is(err, c.want) {
			t.Errorf("%s %d: %v, want %v", c.ref, c.fen, err, c.want)
		}
	}
	if e := b.find(UnionPay, "OPEN0001", ""); e == nil || !e.ordered.Equal(made) {
		t.Errorf("the payment is not found by the time of its order: %+v", e)
	}
}
