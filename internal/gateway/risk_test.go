package gateway_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// verdicts is risk as a test wants it, by payment.
type verdicts map[string]error

func (v verdicts) Judge(_ context.Context, p *paycore.Payment, _ gateway.Payer) error {
	return v[p.PayNo]
}

// What risk does not let pass never reaches the channel: a review waits, the
// others fail, and all say so as often as they are asked.
func TestRisk_HoldsPaymentsBackFromTheChannel(t *testing.T) {
	w := newWorld(t, nil)
	says := verdicts{"PAYREVIEW": gateway.ErrReview, "PAYCHALLENGE": gateway.ErrChallenge, "PAYREJECT": gateway.ErrRejected, "PAYTROUBLE": errors.New("no database")}
	w.db.Close()
	w.opt.Risk = says
	w.open()
	for no, want := range map[string]paycore.State{"PAYREVIEW": paycore.Paying, "PAYTROUBLE": paycore.Paying, "PAYCHALLENGE": paycore.Failed, "PAYREJECT": paycore.Failed} {
		w.create("wechat", "O-"+no, no, gateway.Native)
		for range 2 {
			if _, err := w.desk.Pay(t.Context(), no, gateway.Payer{}); !errors.Is(err, says[no]) {
				t.Errorf("%s: %v", no, err)
			}
			w.payment(no, want)
		}
		if _, err := w.sim.PayNow(t.Context(), "wechat", no, channelsim.Delivered, time.Time{}); err == nil {
			t.Errorf("the channel knows %s", no)
		}
	}
	delete(says, "PAYREVIEW") // people have released it
	must(w.desk.Pay(t.Context(), "PAYREVIEW", gateway.Payer{}))(t)
	must(w.sim.PayNow(t.Context(), "wechat", "PAYREVIEW", channelsim.Delivered, time.Time{}))(t)
	w.payment("PAYREVIEW", paycore.Success)
	w.clock.pass(time.Hour)
	w.work(3, time.Minute)
	w.payment("PAYTROUBLE", paycore.Closed) // its time was over
	w.sound()
}

// own is a payment of 123.45 that alice pays by two balances, without a channel.
func (w *world) own(payNo string) {
	w.t.Helper()
	alice := paycore.Part{Means: paycore.Balance, Wallet: paycore.Wallet("alice"), AmountMinor: 2345}
	rest := alice
	rest.AmountMinor = 10000
	c := paycore.CreateCombined{CreatePayment: paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + payNo, PayNo: payNo, AmountMinor: 12345, Currency: "CNY"},
		Parts: []paycore.Part{alice, rest}, Held: true}
	if r := must(w.core.Do(context.Background(), c))(w.t)[0]; r.Effect != paycore.Done && r.Effect != paycore.Already {
		w.t.Fatal(r)
	}
}

// What accounts of ours pay alone waits for risk as well, and nothing of it is
// spent before: what may not go is free again.
func TestRisk_HoldsBackWhatNoChannelPays(t *testing.T) {
	w := newWorld(t, nil)
	w.balance(12345)
	says := verdicts{"PAYREVIEW": gateway.ErrReview, "PAYREJECT": gateway.ErrRejected, "PAYLATE": gateway.ErrReview, "PAYCLOSE": gateway.ErrReview}
	w.db.Close()
	w.opt.Risk = says
	w.open()
	ask := func(no string, want error) {
		t.Helper()
		if _, err := w.desk.Pay(t.Context(), no, gateway.Payer{}); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v", no, err)
		}
	}
	w.own("PAYREJECT")
	ask("PAYREJECT", gateway.ErrRejected)
	ask("PAYREJECT", gateway.ErrRejected)
	w.payment("PAYREJECT", paycore.Failed)
	w.holds(12345, 0)

	w.own("PAYCLOSE")
	ask("PAYCLOSE", gateway.ErrReview)
	w.holds(0, 12345)
	must(0, w.desk.Close(t.Context(), "PAYCLOSE"))(t)
	w.payment("PAYCLOSE", paycore.Closed)

	w.own("PAYLATE")
	ask("PAYLATE", gateway.ErrReview)
	w.work(2, time.Hour)
	w.payment("PAYLATE", paycore.Closed)
	w.holds(12345, 0)

	w.own("PAYREVIEW")
	ask("PAYREVIEW", gateway.ErrReview)
	w.work(1, time.Minute)
	w.payment("PAYREVIEW", paycore.Paying)
	delete(says, "PAYREVIEW") // people have released it
	ask("PAYREVIEW", nil)
	w.payment("PAYREVIEW", paycore.Success)
	w.payment("PAYREVIEW~1", paycore.Success)
	w.holds(0, 0)
	w.work(2, time.Hour)
	if s := w.stuck(); len(s) != 0 {
		t.Errorf("stuck: %+v", s)
	}
	w.sound()
}
