package gateway_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// Whatever goes wrong on the way and in whatever order things happen: in the end
// the books say what the channel says, of every payment and refund, and nothing
// waits for a person.
func TestBooksAgreeWithChannels(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, func(a *gateway.Account) {
				a.RefundExtra = true
				voiding(a) // extra payments of the day
			})
			r := rand.New(rand.NewPCG(seed, 31))
			life := &life{w: w, r: r}
			for range 80 {
				life.step(t)
			}
			w.work(80, 10*time.Minute) // no fault lasts so long
			w.sim.DeliverDue(t.Context(), w.clock.now().Add(48*time.Hour))
			w.work(8, 10*time.Minute)
			life.compare(t)
			w.sound()
		})
	}
}

// life is what merchants, payers and bad luck do.
type life struct {
	w        *world
	r        *rand.Rand
	payments []string // by number; its channel is what it ends with
}

var calls = []channelsim.Call{channelsim.Prepaying, channelsim.Querying, channelsim.Closing, channelsim.Refunding, channelsim.QueryingRefund}

func channelOf(payNo string) string { return payNo[len("PAY00000"):] }

// step does one thing. What a channel or the rules refuse is part of life; what
// the desk may not answer with ends the test.
func (l *life) step(t *testing.T) {
	w, ctx := l.w, t.Context()
	expected := func(err error) {
		t.Helper()
		var no *gateway.Refusal
		if err != nil && !errors.Is(err, gateway.ErrUnknown) && !errors.Is(err, gateway.ErrBusy) && !errors.Is(err, gateway.ErrEnded) &&
			!errors.Is(err, gateway.ErrPending) && !errors.As(err, &no) {
			t.Fatal(err)
		}
	}
	channel := channels[l.r.IntN(len(channels))]
	op := l.r.IntN(12)
	if len(l.payments) == 0 {
		op = 0
	}
	switch op {
	case 0, 1: // every third payment is a second one of an order
		no := fmt.Sprintf("PAY%05d%s", len(l.payments), channel)
		must(w.core.Do(ctx, paycore.CreatePayment{Merchant: "M01", OrderNo: fmt.Sprintf("O-%d%s", len(l.payments)*2/3, channel), PayNo: no,
			Channel: channel, Account: channel + "-main", AmountMinor: 12345, Currency: "CNY"}))(t)
		if must(w.db.Payment(ctx, no))(t) == nil {
			return // the order is paid or closed
		}
		l.payments = append(l.payments, no)
		fallthrough
	case 2, 3:
		prepaid, err := w.desk.Pay(ctx, l.any(), gateway.Payer{})
		if expected(err); err == nil {
			w.visit(prepaid)
		}
	case 4, 5, 6:
		no := l.any()
		delivery := []channelsim.Delivery{channelsim.Delivered, channelsim.Doubled, channelsim.Lost, channelsim.Late}[l.r.IntN(4)]
		w.sim.PayNow(ctx, channelOf(no), no, delivery, w.clock.now().Add(time.Hour))
	case 7:
		expected(w.desk.Close(ctx, l.any()))
	case 8:
		no := l.any()
		must(w.core.Do(ctx, paycore.ClosePayment{PayNo: no, Detail: "the merchant gave up"}))(t)
	case 9:
		no, pay := fmt.Sprintf("REF%05d", l.r.IntN(40)), l.any()
		result := must(w.core.Do(ctx, paycore.CreateRefund{RefundNo: no, PayNo: pay, AmountMinor: int64(l.r.IntN(5000)), Currency: "CNY"}))(t)[0]
		if result.Effect == paycore.Done {
			expected(w.desk.Refund(ctx, no))
		}
	case 10:
		fault := channelsim.CallFault(1 + l.r.IntN(5))
		if fault == channelsim.Hang {
			fault = channelsim.NoticeFirst
		}
		w.sim.FailNext(channel, calls[l.r.IntN(len(calls))], fault)
	case 11:
		w.work(1, time.Duration(l.r.IntN(300))*time.Second)
	}
}

func (l *life) any() string { return l.payments[l.r.IntN(len(l.payments))] }

// says asks a channel until no fault that was ordered is left.
func (w *world) says(account string, kind schemas.Kind, payNo, refundNo string, created int64) schemas.QueryAnswer {
	w.t.Helper()
	for range 100 {
		a, err := w.accounts[account].Channel.Query(w.t.Context(), kind, payNo, refundNo, time.UnixMicro(created))
		if err == nil && a.Asked {
			return a
		}
	}
	w.t.Fatalf("%s does not answer", account)
	return schemas.QueryAnswer{}
}

// compare asks the channels about everything in the books.
func (l *life) compare(t *testing.T) {
	w := l.w
	paid := 0
	for _, no := range l.payments {
		p := must(w.db.Payment(t.Context(), no))(t)
		a := w.says(p.Account, schemas.Payment, no, "", p.CreatedAt)
		if (a.Found && a.Status == schemas.Success) != (p.State == paycore.Success) {
			t.Errorf("payment %s is %s, the channel says %+v", no, p.State, a)
		}
		if p.State == paycore.Paying {
			t.Errorf("payment %s is not decided", no)
		}
		if p.State != paycore.Success {
			continue
		}
		paid++
		order := must(w.db.Order(t.Context(), p.Merchant, p.OrderNo))(t)
		if order.PaidBy != no && p.RefundedMinor != p.AmountMinor {
			t.Errorf("payment %s did not pay its order, and %d of it is refunded", no, p.RefundedMinor)
		}
	}
	for _, task := range w.tasks() {
		if task.State != gateway.Done {
			t.Errorf("not done: %+v", task)
		}
		if task.Subject != gateway.ForRefund {
			continue
		}
		refund := must(w.db.Refund(t.Context(), task.Number))(t)
		a := w.says(refund.Account, schemas.Refund, refund.PayNo, refund.Number(), refund.CreatedAt)
		if refund.State != paycore.Success || !a.Found || a.Status != schemas.Success || a.AmountMinor != refund.AmountMinor {
			t.Errorf("refund %s is %s over %d, the channel says %+v", refund.RefundNo, refund.State, refund.AmountMinor, a)
		}
	}
	if paid == 0 {
		t.Error("nothing was paid")
	}
}
