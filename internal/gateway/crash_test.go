//go:build crashpoints

package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/crashpoint"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/internal/risk"
	"tieout/internal/store"
)

// business is a merchant's: one payment, paid, partly refunded, and one that is
// closed. Every step may be asked for again, as after a lost answer.
func business(t *testing.T, w *world, channel string) {
	pay, refund, other := "PAY00001"+channel, "REF00001"+channel, "PAY00002"+channel
	command := func(c paycore.Command) {
		if r := must(w.core.Do(t.Context(), c))(t)[0]; r.Effect != paycore.Done && r.Effect != paycore.Already {
			t.Fatalf("%T: %s %s", c, r.Effect, r.Reason)
		}
	}
	create := func(no string) {
		command(paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: channel, Account: channel + "-main", AmountMinor: 12345, Currency: "CNY"})
	}
	settle := func(steps int) {
		for range steps {
			w.clock.pass(4 * time.Minute)
			if err := w.desk.WorkHere(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	create(pay)
	if p, err := w.desk.Pay(t.Context(), pay, gateway.Payer{}); err == nil {
		w.visit(p) // who has paid is shown the door
	} else if !errors.Is(err, gateway.ErrEnded) && !errors.Is(err, gateway.ErrBusy) {
		t.Fatal(err)
	}
	w.sim.PayNow(t.Context(), channel, pay, channelsim.Lost, time.Time{}) //nolint:errcheck // paid before the crash
	settle(3)
	command(paycore.CreateRefund{RefundNo: refund, PayNo: pay, AmountMinor: 45, Currency: "CNY"})
	if err := w.desk.Refund(t.Context(), refund); err != nil {
		t.Fatal(err)
	}
	create(other)
	if p, err := w.desk.Pay(t.Context(), other, gateway.Payer{}); err == nil {
		w.visit(p)
	}
	if err := w.desk.Close(t.Context(), other); err != nil && !errors.Is(err, gateway.ErrPending) {
		t.Fatal(err)
	}
	settle(16)
}

func TestCrashBetweenAnyTwoSteps(t *testing.T) {
	for _, channel := range channels {
		reference := newWorld(t, nil)
		points, _ := crashpoint.Until(-1, func() { business(t, reference, channel) })
		seen := map[string]bool{}
		for _, p := range points {
			seen[p] = true
		}
		for _, p := range []string{"desk.intent", "desk.saved", "desk.called", "desk.booked"} {
			if !seen[p] {
				t.Errorf("%s: the point %s is not there", channel, p)
			}
		}
		for n := range points {
			t.Run(fmt.Sprintf("%s/%d-%s", channel, n, points[n]), func(t *testing.T) {
				w := newWorld(t, nil)
				if _, died := crashpoint.Until(n, func() { business(t, w, channel) }); !died {
					t.Fatal("no crash")
				}
				must(0, w.db.Close())(t)
				w.open()
				business(t, w, channel)
				w.payment("PAY00001"+channel, paycore.Success)
				w.refund("REF00001"+channel, paycore.Success)
				w.payment("PAY00002"+channel, paycore.Closed)
				if s := w.stuck(); len(s) != 0 {
					t.Errorf("stuck: %+v", s)
				}
				_, over := w.sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "PAY00001" + channel, RefundRef: "REFOVER0", AmountMinor: 12301, At: w.clock.now()})
				_, rest := w.sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "PAY00001" + channel, RefundRef: "REFREST0", AmountMinor: 12300, At: w.clock.now()})
				if over == nil || rest != nil {
					t.Errorf("12301 more: %v; 12300 more: %v", over, rest)
				}
				w.sound()
			})
		}
	}
}

// A void is lost, and refused when it is sent again after the day's end: wherever
// the process dies on that way, the payer gets his money back once.
func TestVoid_CrashBetweenAnyTwoSteps(t *testing.T) {
	story := func(t *testing.T, w *world) {
		must(w.core.Do(t.Context(), paycore.CreateRefund{RefundNo: "REFVOID01", PayNo: "PAYVOID01", AmountMinor: 12345, Currency: "CNY"}))(t)
		if err := w.desk.Refund(t.Context(), "REFVOID01"); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(6*time.Hour + time.Second)
		for range 4 {
			w.clock.pass(10 * time.Minute)
			if err := w.desk.WorkHere(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin := func(t *testing.T) *world {
		w := newWorld(t, voiding)
		w.paid("unionpay", "PAYVOID01")
		w.sim.FailNext("unionpay", channelsim.Refunding, channelsim.RequestLost)
		return w
	}
	reference := begin(t)
	points, _ := crashpoint.Until(-1, func() { story(t, reference) })
	if r := reference.refund("REFVOID01", paycore.Success); r.SentAs == "" {
		t.Fatalf("the void was not refused: %+v", r)
	}
	for n := range points {
		t.Run(fmt.Sprintf("%d-%s", n, points[n]), func(t *testing.T) {
			w := begin(t)
			if _, died := crashpoint.Until(n, func() { story(t, w) }); !died {
				t.Fatal("no crash")
			}
			must(0, w.db.Close())(t)
			w.open()
			story(t, w)
			w.refund("REFVOID01", paycore.Success)
			w.given("PAYVOID01", 1, 12345)
			if s := w.stuck(); len(s) != 0 {
				t.Errorf("stuck: %+v", s)
			}
			w.sound()
		})
	}
}

// rules is risk over the books, as cmd has it.
type rules struct {
	db *store.DB
	*risk.Rules
}

func (r rules) Judge(ctx context.Context, p *paycore.Payment, payer gateway.Payer) error {
	now, err := r.db.JudgeRisk(ctx, r.Rules, risk.Facts{PayNo: p.PayNo, Merchant: p.Merchant, Payer: payer.ID, AmountMinor: p.AmountMinor, Currency: p.Currency})
	if err != nil {
		return err
	}
	return map[risk.Outcome]error{risk.Review: gateway.ErrReview, risk.Challenge: gateway.ErrChallenge, risk.Reject: gateway.ErrRejected}[now]
}

// Risk decides in a transaction of its own: wherever the process dies, what went
// out or was paid had its decision, and what is blocked goes nowhere, whether a
// channel has a part of it or not.
func TestRisk_CrashBetweenAnyTwoSteps(t *testing.T) {
	payers := []struct {
		id   string
		ends paycore.State
	}{{"pass", paycore.Success}, {"review", paycore.Paying}, {"reject", paycore.Failed}}
	parsed := must(risk.Parse([]byte("version: 1\nrules:\n  - {id: r1, decide: REVIEW, field: payer, in: [review]}\n  - {id: r2, decide: REJECT, field: payer, in: [reject]}\n")))(t)
	numbers := func(payer string) (byChannel, own string) { return "PAY1" + payer, "PAY2" + payer }
	begin := func(t *testing.T) *world {
		w := newWorld(t, nil)
		w.balance(3 * 12345)
		return w
	}
	// judged has risk look into the books that are open now.
	judged := func(w *world) {
		must(0, w.db.Close())(w.t)
		w.open()
		w.opt.Risk = rules{w.db, parsed}
		w.desk = must(gateway.NewDesk(w.db, w.core, w.db, w.accounts, w.opt))(w.t)
	}
	story := func(t *testing.T, w *world) {
		for _, payer := range payers {
			byChannel, own := numbers(payer.id)
			must(w.core.Do(t.Context(), paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + byChannel, PayNo: byChannel, Channel: "wechat", Account: "wechat-main", AmountMinor: 12345, Currency: "CNY"}))(t)
			w.own(own)
			for _, no := range []string{byChannel, own} {
				w.desk.Pay(t.Context(), no, gateway.Payer{ID: payer.id}) //nolint:errcheck // the books say what came of it
			}
			w.sim.PayNow(t.Context(), "wechat", byChannel, channelsim.Lost, time.Time{}) //nolint:errcheck // only what the channel knows
		}
		for range 2 {
			w.clock.pass(time.Minute)
			must(0, w.desk.WorkHere(t.Context()))(t)
		}
	}
	lawful := func(t *testing.T, w *world, ended bool) {
		t.Helper()
		for _, payer := range payers {
			byChannel, own := numbers(payer.id)
			for _, no := range []string{byChannel, own} {
				p := must(w.db.Payment(t.Context(), no))(t)
				if p == nil { // it died before
					continue
				}
				d, err := w.db.RiskDecision(t.Context(), no)
				if p.State == paycore.Success && (err != nil || d.Now != risk.Pass) || p.State == paycore.Failed && (err != nil || d.Now != risk.Reject) {
					t.Errorf("%s is %s, decided %s, %v", no, p.State, d.Now, err)
				}
				if ended && p.State != payer.ends {
					t.Errorf("%s is %s, want %s", no, p.State, payer.ends)
				}
			}
			if payer.id == "pass" {
				continue
			}
			if _, err := w.sim.PayNow(t.Context(), "wechat", byChannel, channelsim.Lost, time.Time{}); err == nil {
				t.Errorf("the channel knows %s", byChannel)
			}
		}
		w.sound()
	}
	reference := begin(t)
	judged(reference)
	points, _ := crashpoint.Until(-1, func() { story(t, reference) })
	lawful(t, reference, true)
	if !slices.Contains(points, "desk.judged") {
		t.Error("the point desk.judged is not there")
	}
	for n := range points {
		t.Run(fmt.Sprintf("%d-%s", n, points[n]), func(t *testing.T) {
			w := begin(t)
			judged(w)
			crashpoint.Until(n, func() { story(t, w) })
			judged(w)
			lawful(t, w, false)
			story(t, w)
			lawful(t, w, true)
			w.clock.pass(time.Hour)
			w.work(4, time.Minute)
			for _, no := range []string{"PAY1review", "PAY2review"} {
				w.payment(no, paycore.Closed) // nobody released it
			}
			w.holds(2*12345, 0)
		})
	}
}

// The effect is on disk and the answer is not out: the channel sends it again,
// and that changes nothing.
func TestFaultA2_CrashBetweenCommitAndReply(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAY00001" + channel
		w.create(channel, "O-"+no, no, "")
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
		must(w.sim.PayNow(t.Context(), channel, no, channelsim.Late, w.clock.now()))(t)
		crashpoint.Arm(func(name string) {
			if name == "notify.answer" {
				panic(http.ErrAbortHandler)
			}
		})
		n := must(w.sim.DeliverDue(t.Context(), w.clock.now()))(t)
		crashpoint.Arm(nil)
		if n != 0 {
			t.Errorf("%s: acknowledged without an answer", channel)
		}
		must(0, w.db.Close())(t)
		w.open()
		before := w.payment(no, paycore.Success)
		w.clock.pass(5 * time.Minute)
		if n := must(w.sim.DeliverDue(t.Context(), w.clock.now()))(t); n != 1 {
			t.Errorf("%s: sent again, acknowledged %d times", channel, n)
		}
		if after := w.payment(no, paycore.Success); after.Version != before.Version {
			t.Errorf("%s: it had a second effect", channel)
		}
	}
	w.sound()
}
