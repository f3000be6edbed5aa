package gateway_test

import (
	"bytes"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// yes tells whether an answer is the channel's word for yes.
func yes(channel string, status int, body string) bool {
	return (status == http.StatusOK || status == http.StatusNoContent) && (channel != "alipay" || body == "success")
}

// Ten copies of a notification at once have one effect, and each is answered
// with yes.
func TestFaultA1_TenCopies(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAY00001" + channel
		w.create(channel, "O-"+no, no, "")
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
		must(w.sim.PayNow(t.Context(), channel, no, channelsim.Late, w.clock.now()))(t)
		first := w.payment(no, paycore.Paying)
		if n := must(w.sim.DeliverDue(t.Context(), w.clock.now()))(t); n != 1 {
			t.Fatalf("%s: acknowledged %d times", channel, n)
		}
		notice := w.lastHeard()
		var copies errgroup.Group
		var accepted atomic.Int64
		for range 9 {
			copies.Go(func() error {
				if rec := w.tell(notice); yes(channel, rec.Code, rec.Body.String()) {
					accepted.Add(1)
				}
				return nil
			})
		}
		copies.Wait() //nolint:errcheck // none returns one
		p := w.payment(no, paycore.Success)
		if accepted.Load() != 9 || p.Version != first.Version+1 {
			t.Errorf("%s: %d of 9 copies accepted; the payment moved %d times", channel, accepted.Load(), p.Version-first.Version)
		}
	}
	w.sound()
}

// A notification about a payment that is not in the books yet is not
// acknowledged, and has its effect when the channel sends it again.
func TestFaultA1_BeforeThePayment(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "EARLY001" + channel
		r := must(w.sim.Pay(t.Context(), channelsim.PayRequest{Channel: channel, MerchantRef: no, AmountMinor: 12345, At: w.clock.now(),
			NotifyURL: w.notify + "/" + channel, Delivery: channelsim.Delivered}))(t)
		if r.Acknowledged != 0 {
			t.Errorf("%s: acknowledged", channel)
		}
		w.create(channel, "O-"+no, no, "")
	}
	w.clock.pass(5 * time.Minute)
	must(w.sim.DeliverDue(t.Context(), w.clock.now()))(t)
	for _, channel := range channels {
		w.payment("EARLY001"+channel, paycore.Success)
	}
	w.sound()
}

// capture lets the channel send what is due to an address where nobody
// understands, and returns it.
func (w *world) capture() heard {
	w.t.Helper()
	w.mu.Lock()
	mux := w.mux
	w.mux = http.NewServeMux()
	w.mu.Unlock()
	must(w.sim.DeliverDue(w.t.Context(), w.clock.now()))(w.t)
	w.mu.Lock()
	w.mux = mux
	w.mu.Unlock()
	return w.lastHeard()
}

// A notification that was changed, is not signed, is old or came to another
// channel's address has no effect and is not answered with yes; the genuine one
// has.
func TestAttack23to26_ChangedNotifications(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAY00001" + channel
		w.create(channel, "O-"+no, no, "")
		w.shown(must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t))
		must(w.sim.PayNow(t.Context(), channel, no, channelsim.Late, w.clock.now()))(t)
		genuine := w.capture()
		refused := func(what string, n heard) {
			t.Helper()
			// A form is decoded before its signature is found in it, and may be none.
			if rec := w.tell(n); rec.Code != http.StatusUnauthorized && (channel == "wechat" || rec.Code != http.StatusBadRequest) {
				t.Errorf("%s: %s is answered with %d", channel, what, rec.Code)
			}
		}
		// sign_type names an algorithm; nobody reads it, so it is not signed.
		free := bytes.Index(genuine.body, []byte("sign_type="))
		for at := 0; at < len(genuine.body); at += 1 + len(genuine.body)/60 {
			if free >= 0 && at >= free && at < free+len("sign_type=RSA2") {
				continue
			}
			forged := heard{genuine.path, genuine.header, bytes.Clone(genuine.body)}
			forged.body[at] ^= 1
			refused("another byte at "+string(genuine.body[at:min(at+20, len(genuine.body))]), forged)
		}
		unsigned := heard{genuine.path, http.Header{}, genuine.body}
		if channel != "wechat" {
			unsigned.body = bytes.ReplaceAll(bytes.ReplaceAll(genuine.body, []byte("sign="), []byte("nosign=")), []byte("signature="), []byte("nosignature="))
		}
		refused("one without a signature", unsigned)
		refused("one for another channel", heard{map[string]string{"wechat": "/alipay", "alipay": "/unionpay", "unionpay": "/wechat"}[channel], genuine.header, genuine.body})
		if channel == "wechat" { // which signs a time and names a key
			unknown := heard{genuine.path, genuine.header.Clone(), genuine.body}
			unknown.header.Set("Wechatpay-Serial", "PUB_KEY_ID_0000000000000000000000000000")
			refused("one with an unknown key", unknown)
			w.clock.pass(6 * time.Minute)
			refused("one that is six minutes old", genuine)
			w.clock.pass(-6 * time.Minute)
		}
		w.payment(no, paycore.Paying)
		if rec := w.tell(genuine); !yes(channel, rec.Code, rec.Body.String()) {
			t.Errorf("%s: the genuine one is answered with %d", channel, rec.Code)
		}
		w.payment(no, paycore.Success)
	}
	w.sound()
}

// A well-signed notification about another amount moves nothing.
func TestAttack25_AnotherAmount(t *testing.T) {
	w := newWorld(t, nil)
	for _, channel := range channels {
		no := "PAY00002" + channel
		w.do(paycore.Done, paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: channel, Account: channel + "-main", AmountMinor: 1, Currency: "CNY"})
		r := must(w.sim.Pay(t.Context(), channelsim.PayRequest{Channel: channel, MerchantRef: no, AmountMinor: 12345, At: w.clock.now(),
			NotifyURL: w.notify + "/" + channel, Delivery: channelsim.Delivered}))(t)
		if r.Acknowledged != 0 {
			t.Errorf("%s: acknowledged", channel)
		}
		w.payment(no, paycore.Paying)
	}
	w.sound()
}
