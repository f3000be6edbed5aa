//go:build crashpoints

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/signing"
)

// trade is what a shopper wants of one order, and every answer that he got:
// what was acknowledged to him stays so for ever.
type trade struct {
	no       string
	channel  string
	minor    int64
	delivery channelsim.Delivery
	parts    []int64 // what he wants back
	closes   bool    // he does not pay, and closes it

	created *merchantapi.Order
	payment *merchantapi.Payment
	closed  *merchantapi.Order
	taken   *channelsim.Result // his money, by the channel
	paid    bool               // he saw that we know
	refunds []*merchantapi.RefundView
	given   int   // refunds that he saw succeed, the first ones of the list
	waits   int64 // since this round, for us to hear of the channel
}

func (t *trade) done() bool {
	return t.closed != nil || t.paid && t.given == len(t.parts)
}

// shopper is one client of the API who does one thing after another.
type shopper struct {
	client *payclient.Client
	sim    *channelsim.Sim
	now    func() time.Time
	name   string

	mu      sync.Mutex
	rnd     *rand.Rand
	trades  []*trade
	touched []*trade // since the last look
	silent  []*trade // the channel has their money, and will not say so by itself
}

func newShopper(sim *channelsim.Sim, now func() time.Time, base string, secret signing.HMACKey, web *http.Client, name string, seed uint64) (*shopper, error) {
	c, err := payclient.New(payclient.Options{BaseURL: base, Merchant: "M01", Key: "k1", Sign: secret, Verify: secret, HTTP: web, Now: now, Tries: 1})
	return &shopper{client: c, sim: sim, now: now, name: name, rnd: rand.New(rand.NewPCG(seed, 0x73686f70))}, err
}

// next is a trade to go on with in this round, or a new one.
func (s *shopper) next(round int64) *trade {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := slices.DeleteFunc(slices.Clone(s.trades), func(t *trade) bool { return t.done() || t.waits >= round })
	if len(open) > 2 || len(open) > 0 && s.rnd.IntN(3) > 0 {
		return s.touch(open[s.rnd.IntN(len(open))])
	}
	t := &trade{no: fmt.Sprintf("%sT%d", s.name, len(s.trades)), minor: 100 + s.rnd.Int64N(100_000)}
	t.channel = []string{channelsim.WeChat, channelsim.Alipay}[s.rnd.IntN(2)]
	t.delivery = []channelsim.Delivery{channelsim.Delivered, channelsim.Delivered, channelsim.Doubled, channelsim.Late, channelsim.Lost}[s.rnd.IntN(5)]
	t.closes = t.channel == channelsim.WeChat && s.rnd.IntN(4) == 0 // Alipay knows nothing of a code that nobody scanned, until it expires
	for left := t.minor; !t.closes && s.rnd.IntN(2) == 0 && left > 1 && len(t.parts) < 3; {
		part := 1 + s.rnd.Int64N(left)
		t.parts, left = append(t.parts, part), left-part
	}
	s.trades = append(s.trades, t)
	return s.touch(t)
}

func (s *shopper) touch(t *trade) *trade {
	if !slices.Contains(s.touched, t) {
		s.touched = append(s.touched, t)
	}
	return t
}

func (s *shopper) take(t *trade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.delivery == channelsim.Lost {
		s.silent = append(s.silent, t)
	}
}

// unheard takes a trade of which nobody told us that it was paid; nil: there is
// none.
func (s *shopper) unheard() *trade {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.silent) == 0 {
		return nil
	}
	t := s.silent[0]
	s.silent = s.silent[1:]
	return t
}

// look takes what was touched since the last look.
func (s *shopper) look() []*trade {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.touched
	s.touched = nil
	return list
}

// step does the next thing of a trade; heard tells whether there was an answer
// that he had not got before. What is refused waits for the next round.
func (s *shopper) step(ctx context.Context, t *trade, round int64) (heard bool, err error) {
	defer func() {
		if err != nil {
			t.waits = round
		}
	}()
	switch {
	case t.created == nil:
		t.created, err = s.create(ctx, t)
	case t.payment == nil:
		t.payment, err = s.pay(ctx, t)
	case t.closes && t.closed == nil:
		t.closed, err = s.close(ctx, t)
	case t.taken == nil:
		r, err := s.sim.PayNow(ctx, t.channel, t.payment.PayNo, t.delivery, s.now().Add(10*time.Second))
		if err == nil {
			t.taken = &r
			s.take(t)
		}
		return false, err
	case !t.paid:
		o, err := s.client.Order(ctx, t.no)
		if err != nil {
			return false, err
		}
		if t.paid = o.State == "PAID"; !t.paid {
			t.waits = round
		}
		return t.paid, nil
	case len(t.refunds) < len(t.parts):
		r, err := s.refund(ctx, t, len(t.refunds))
		if err == nil {
			t.refunds = append(t.refunds, r)
		}
		return err == nil, err
	case t.given < len(t.refunds):
		r, err := s.client.RefundOf(ctx, t.refunds[t.given].RefundNo)
		if err != nil {
			return false, err
		}
		if r.State != "SUCCESS" {
			t.waits = round
			return false, nil
		}
		t.given++
	}
	return err == nil, err
}

// refusals is how often a server that runs may refuse in a row.
const refusals = 20

// shop does one thing after another until it is over; told hears of every
// answer.
func (s *shopper) shop(ctx context.Context, over func() bool, round func() int64, told func()) error {
	for bad := 0; !over(); {
		t := s.next(round())
		heard, err := s.step(ctx, t, round())
		if heard {
			told()
		}
		if bad++; err == nil {
			bad = 0
		}
		if bad == refusals && !over() {
			return fmt.Errorf("%s: %w", t.no, err)
		}
	}
	return nil
}

// goOn does the next thing of each trade that is open, and begins none.
func (s *shopper) goOn(ctx context.Context, round int64) (open int, err error) {
	for _, t := range s.trades {
		if t.done() {
			continue
		}
		open++
		if _, err := s.step(ctx, t, round); err != nil && !errors.As(err, new(*merchantapi.Problem)) {
			return open, fmt.Errorf("%s: %w", t.no, err)
		}
	}
	return open, nil
}

func (s *shopper) create(ctx context.Context, t *trade) (*merchantapi.Order, error) {
	return s.client.CreateOrder(ctx, "create-"+t.no, merchantapi.NewOrder{OrderNo: t.no, AmountMinor: t.minor, Currency: "CNY"})
}

func (s *shopper) pay(ctx context.Context, t *trade) (*merchantapi.Payment, error) {
	return s.client.Pay(ctx, "pay-"+t.no, t.no, merchantapi.NewPayment{Channel: t.channel})
}

func (s *shopper) close(ctx context.Context, t *trade) (*merchantapi.Order, error) {
	return s.client.CloseOrder(ctx, "close-"+t.no, t.no)
}

func (s *shopper) refund(ctx context.Context, t *trade, i int) (*merchantapi.RefundView, error) {
	return s.client.Refund(ctx, fmt.Sprintf("refund-%s-%d", t.no, i), t.payment.PayNo, merchantapi.NewRefund{AmountMinor: t.parts[i], Currency: "CNY"})
}

// kept compares what was acknowledged with what is there now, and asks for
// everything again under the same keys.
func (s *shopper) kept(ctx context.Context, t *trade) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, t.no+": "+fmt.Sprintf(format, args...)) }
	if t.created == nil {
		return nil
	}
	o, err := s.client.Order(ctx, t.no)
	switch {
	case err != nil:
		bad("the order is lost: %v", err)
		return wrong
	case o.AmountMinor != t.minor || len(o.Payments) > 1:
		bad("the order is %+v", o)
	case t.paid && (o.State != "PAID" || o.PaidBy != t.payment.PayNo), t.closed != nil && o.State != "CLOSED":
		bad("the order went back: %+v", o)
	case t.payment != nil && (len(o.Payments) != 1 || o.Payments[0].PayNo != t.payment.PayNo):
		bad("payment %s is lost: %+v", t.payment.PayNo, o)
	}
	for i, first := range t.refunds {
		r, err := s.client.RefundOf(ctx, first.RefundNo)
		if err != nil || r.AmountMinor != t.parts[i] || i < t.given && r.State != "SUCCESS" {
			bad("refund %d is %+v, %v", i, r, err)
		}
	}
	return append(wrong, s.again(ctx, t)...)
}

// again repeats every request that was answered: the answer is the same.
func (s *shopper) again(ctx context.Context, t *trade) (wrong []string) {
	same := func(what string, first, again any, err error) {
		if err != nil || !reflect.DeepEqual(first, again) {
			wrong = append(wrong, fmt.Sprintf("%s: %s was answered %+v, and now %+v, %v", t.no, what, first, again, err))
		}
	}
	o, err := s.create(ctx, t)
	same("create", t.created, o, err)
	if t.payment != nil {
		p, err := s.pay(ctx, t)
		same("pay", t.payment, p, err)
	}
	if t.closed != nil {
		o, err := s.close(ctx, t)
		same("close", t.closed, o, err)
	}
	for i, first := range t.refunds {
		r, err := s.refund(ctx, t, i)
		same("refund", first, r, err)
	}
	return wrong
}

// once compares the trades with what the channel did for them: all have ended.
func (s *shopper) once() (wrong []string) {
	for _, t := range s.trades {
		if !t.done() {
			wrong = append(wrong, fmt.Sprintf("%s did not end: %+v", t.no, t))
			continue
		}
		var back, paid int64
		for _, part := range t.parts {
			back += part
		}
		times := 0
		if !t.closes {
			times, paid = 1, t.minor
		}
		if n, refunds, took, gave := s.sim.Booked(t.channel, t.payment.PayNo); n != times || took != paid || refunds != len(t.parts) || gave != back {
			wrong = append(wrong, fmt.Sprintf("%s: the channel took %d in %d and gave back %d in %d; want %d in %d and %d in %d", t.no, took, n, gave, refunds, paid, times, back, len(t.parts)))
		}
	}
	return wrong
}
