package gateway_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/internal/signing"
	"tieout/schemas"
)

// settlementDays are UnionPay's: the one of the world's clock, 17:00 in China,
// ends six hours later.
var settlementDays = bizday.Day{Zone: signing.Beijing, CutOff: 23 * time.Hour, Previous: true}

func voiding(a *gateway.Account) {
	if _, can := a.Channel.(gateway.Voider); can {
		a.VoidDay = &settlementDays
	}
}

// askBack puts a refund of a payment into the books and sends it.
func (w *world) askBack(refundNo, payNo string, minor int64) {
	w.t.Helper()
	w.do(paycore.Done, paycore.CreateRefund{RefundNo: refundNo, PayNo: payNo, AmountMinor: minor, Currency: "CNY"})
	if err := w.desk.Refund(w.t.Context(), refundNo); err != nil {
		w.t.Fatal(err)
	}
}

// given asks the channel's statement and its books what came of a payment.
func (w *world) given(payNo string, refunds int, minor int64) {
	w.t.Helper()
	if _, n, _, back := w.sim.Booked("unionpay", payNo); n != refunds || back != minor {
		w.t.Errorf("the channel gave %d back in %d, want %d in %d", back, n, minor, refunds)
	}
}

// way tells how the channel booked what it gave back under a number of ours.
func (w *world) way(want gateway.Way, refundNo string) {
	w.t.Helper()
	for _, t := range w.tasks() {
		if t.Subject == gateway.ForRefund && t.Number == refundNo && t.Way == want {
			return
		}
	}
	w.t.Errorf("%s went out otherwise than %q: %+v", refundNo, want, w.tasks())
}

func TestVoid_TakesBackTheWholePaymentOnItsDay(t *testing.T) {
	w := newWorld(t, voiding)
	w.paid("unionpay", "PAYVOID01")
	w.askBack("REFVOID01", "PAYVOID01", 12345)
	w.refund("REFVOID01", paycore.Processing) // taken is not done
	w.clock.pass(time.Second)
	if n := must(w.sim.DeliverDue(t.Context(), w.clock.now()))(t); n != 1 {
		t.Fatalf("%d notifications were taken", n)
	}
	r := w.refund("REFVOID01", paycore.Success)
	if n := w.lastHeard(); must(signing.Form(n.body))(t)["txnType"] != "31" || r.SentAs != "" {
		t.Errorf("refund %+v, told by %s", r, n.body)
	}
	for range 2 { // the same notification again changes nothing
		if rec := w.tell(w.lastHeard()); rec.Code != 200 {
			t.Errorf("a copy is answered with %d", rec.Code)
		}
	}
	if again := w.refund("REFVOID01", paycore.Success); again.Version != r.Version {
		t.Errorf("a copy had an effect: %+v", again)
	}
	w.work(2, time.Minute)
	w.way(gateway.Voided, "REFVOID01")
	w.given("PAYVOID01", 1, 12345)
	w.sound()
}

// Parts of a payment, payments of an earlier day, and accounts that were not told
// to void are refunded.
func TestVoid_OnlyTheWholePaymentOfTheDay(t *testing.T) {
	w := newWorld(t, voiding)
	w.paid("unionpay", "PAYVOID01")
	w.askBack("REFPART01", "PAYVOID01", 45)
	w.askBack("REFREST01", "PAYVOID01", 12300)
	w.paid("unionpay", "PAYVOID02")
	w.clock.pass(6*time.Hour + time.Second) // past 23:00
	w.askBack("REFLATE01", "PAYVOID02", 12345)
	w.work(3, 10*time.Minute)
	for _, no := range []string{"REFPART01", "REFREST01", "REFLATE01"} {
		if r := w.refund(no, paycore.Success); r.SentAs != "" {
			t.Errorf("%+v", r)
		}
		w.way("", no)
	}
	untold := newWorld(t, nil)
	untold.paid("unionpay", "PAYVOID01")
	untold.askBack("REFVOID01", "PAYVOID01", 12345)
	untold.work(2, time.Minute)
	untold.refund("REFVOID01", paycore.Success)
	untold.way("", "REFVOID01")
	w.sound()
}

// The day ends between the desk's look at its clock and the channel's answer. The
// refusal is certain, so the money goes back as a refund, under another number.
func TestVoid_RefusedAfterTheCutOff(t *testing.T) {
	w := newWorld(t, voiding)
	w.paid("unionpay", "PAYVOID01")
	w.sim.FailNext("unionpay", channelsim.Refunding, channelsim.RequestLost)
	w.askBack("REFVOID01", "PAYVOID01", 12345)
	w.clock.pass(6*time.Hour + time.Second)
	w.work(1, 0) // the channel does not know the void: sent again as one, and refused
	r := w.refund("REFVOID01", paycore.Processing)
	if r.SentAs != gateway.InsteadNo("REFVOID01") {
		t.Fatalf("%+v", r)
	}
	w.way(gateway.Voided, "REFVOID01")
	w.given("PAYVOID01", 1, 12345)
	must(w.sim.DeliverDue(t.Context(), w.clock.now()))(t)
	w.refund("REFVOID01", paycore.Success)
	w.work(1, time.Minute)
	if s := w.stuck(); len(s) != 0 {
		t.Errorf("stuck: %+v", s)
	}
	q := schemas.LocalQuery{Channel: "unionpay", Account: "unionpay-main", Merchant: "M", To: w.clock.now().Add(time.Hour).UnixMicro()}
	for key, want := range map[string]int{r.SentAs: 1, "REFVOID01": 0} { // records name the number that the statement has
		got := must(w.db.LookupLocal(t.Context(), q, []schemas.LookupKey{{Kind: schemas.Refund, Key: key}}))(t)
		if len(got) != want || want == 1 && got[0].RefundRef != key {
			t.Errorf("looked up %s: %+v", key, got)
		}
	}
	w.sound()
}

// Whatever becomes of the void's answers, the payer gets his money once, and its
// number is never sent as anything but a void.
func TestVoid_AnswerLost(t *testing.T) {
	for name, faults := range map[string][]channelsim.CallFault{
		"answer":    {channelsim.AnswerLost},
		"request":   {channelsim.RequestLost},
		"signature": {channelsim.BadSignature},
		"often":     {channelsim.ServerError, channelsim.RequestLost, channelsim.AnswerLost},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, voiding)
			w.paid("unionpay", "PAYVOID01")
			w.sim.FailNext("unionpay", channelsim.Refunding, faults...)
			w.askBack("REFVOID01", "PAYVOID01", 12345)
			w.refund("REFVOID01", paycore.Processing)
			w.work(8, 10*time.Minute)
			if r := w.refund("REFVOID01", paycore.Success); r.SentAs != "" {
				t.Errorf("a lost answer was taken for a refusal: %+v", r)
			}
			w.way(gateway.Voided, "REFVOID01")
			w.given("PAYVOID01", 1, 12345)
			w.sound()
		})
	}
}

// failing takes every void, and says afterwards that nothing came of it.
type failing struct {
	gateway.Channel
	gateway.Voider
	said *atomic.Int32
}

func (f failing) Void(_ context.Context, r gateway.RefundRequest) (schemas.QueryAnswer, error) {
	return schemas.QueryAnswer{Kind: schemas.Refund, Asked: true, Found: true, Status: schemas.Unknown, AmountMinor: r.AmountMinor, Currency: r.Currency}, nil
}

func (f failing) Query(ctx context.Context, kind schemas.Kind, payNo, refundNo string, at time.Time) (schemas.QueryAnswer, error) {
	if kind == schemas.Refund && refundNo == "REFVOID01" {
		f.said.Add(1)
		return schemas.QueryAnswer{Key: refundNo, Kind: kind, Asked: true, Found: true, Status: schemas.Failed}, nil
	}
	return f.Channel.Query(ctx, kind, payNo, refundNo, at)
}

// A void that was taken and came to nothing goes on as a refund once the channel
// has said so.
func TestVoid_TakenThenFailed(t *testing.T) {
	var said atomic.Int32
	w := newWorld(t, func(a *gateway.Account) {
		if _, can := a.Channel.(gateway.Voider); can {
			voiding(a)
			a.Channel = failing{Channel: a.Channel, said: &said}
		}
	})
	w.paid("unionpay", "PAYVOID01")
	w.askBack("REFVOID01", "PAYVOID01", 12345)
	if r := w.refund("REFVOID01", paycore.Processing); r.SentAs != "" || said.Load() != 0 {
		t.Fatalf("it was given up before the channel was asked: %+v", r)
	}
	w.work(4, 10*time.Minute)
	if r := w.refund("REFVOID01", paycore.Success); r.SentAs != gateway.InsteadNo("REFVOID01") || said.Load() != 1 {
		t.Errorf("asked %d times: %+v", said.Load(), r)
	}
	w.given("PAYVOID01", 1, 12345)
	w.sound()
}

// A void that the books hold for failed waits for a person; on his word it goes on
// as a refund.
func TestVoid_FailedIsTakenUp(t *testing.T) {
	var said atomic.Int32
	w := newWorld(t, func(a *gateway.Account) {
		if _, can := a.Channel.(gateway.Voider); can {
			voiding(a)
			a.Channel = failing{Channel: a.Channel, said: &said}
		}
	})
	w.paid("unionpay", "PAYVOID01")
	w.askBack("REFVOID01", "PAYVOID01", 12345)
	w.do(paycore.Done, paycore.FailRefund{RefundNo: "REFVOID01", By: paycore.ByApproved})
	w.work(3, 10*time.Minute)
	if r := w.refund("REFVOID01", paycore.Failed); r.SentAs != "" || len(w.stuck()) != 1 {
		t.Fatalf("nobody said that it should go on: %+v", r)
	}
	w.given("PAYVOID01", 0, 0)
	if !must(w.db.ReopenTask(t.Context(), gateway.ForRefund, "REFVOID01"))(t) {
		t.Fatal("the task is not taken up")
	}
	w.work(3, 10*time.Minute)
	if r := w.refund("REFVOID01", paycore.Success); r.SentAs != gateway.InsteadNo("REFVOID01") {
		t.Errorf("%+v", r)
	}
	w.given("PAYVOID01", 1, 12345)
	w.sound()
}

// The answer to the refund that follows a refused void is lost too: it is asked
// for, and sent again, by its own number.
func TestVoid_RefusedThenAnswerLost(t *testing.T) {
	for _, fault := range []channelsim.CallFault{channelsim.AnswerLost, channelsim.RequestLost} {
		w := newWorld(t, voiding)
		w.paid("unionpay", "PAYVOID01")
		w.sim.FailNext("unionpay", channelsim.Refunding, channelsim.RequestLost, channelsim.NoCallFault, fault)
		w.askBack("REFVOID01", "PAYVOID01", 12345)
		w.clock.pass(6*time.Hour + time.Second)
		w.work(5, 10*time.Minute)
		if r := w.refund("REFVOID01", paycore.Success); r.SentAs == "" {
			t.Errorf("%+v", r)
		}
		w.given("PAYVOID01", 1, 12345)
		w.sound()
	}
}

func TestVoid_NeedsAChannelThatVoids(t *testing.T) {
	w := newWorld(t, nil)
	a := w.accounts["wechat-main"]
	a.VoidDay = &settlementDays
	if _, err := gateway.NewDesk(w.db, w.core, w.db, map[string]gateway.Account{"wechat-main": a}, w.opt); err == nil {
		t.Error("a channel without voids was taken")
	}
	var no *gateway.Refusal
	u := w.accounts["unionpay-main"].Channel.(gateway.Voider)
	if _, err := u.Void(t.Context(), gateway.RefundRequest{RefundNo: "REFVOID01", PayNo: "PAYVOID01", AmountMinor: 1, TotalMinor: 2, Currency: "CNY", ChannelRef: "1"}); !errors.As(err, &no) {
		t.Errorf("a part was voided: %v", err)
	}
}
