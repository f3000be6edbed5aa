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
