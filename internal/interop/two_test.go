package interop_test

import (
	"errors"
	"net/http"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// besides is the same house with an agreement with another organisation, under
// keys and a suite of its own.
func (w *world) besides(name string, suite signing.Suite) *world {
	next := *w
	ours, theirs := smSide(), smSide()
	link := func(own, other string, a, b side) *interop.Link {
		return &interop.Link{Own: own, Other: other, Suite: suite, Key: own + "-1", Sign: a.sign, Unwrap: a.unwrap,
			Verify: map[string]signing.Verifier{other + "-1": b.verify}, Wrap: b.wrap, Now: w.clock.now}
	}
	next.own, next.other = link("tieout", name, ours, theirs), link(name, "tieout", theirs, ours)
	next.url, next.http = w.serve(interop.NewServer(next.own, w.db, interop.Limits{}, nil, nil))
	next.ask = interop.NewClient(next.other, next.url, next.http)
	next.org = &organisation{tokens: map[string]string{}, states: map[string]paycore.State{}}
	url, transport := w.serve(next.org.handler(next.other))
	next.tokens = interop.NewTokens(next.own, interop.NewClient(next.own, url, transport), w.core, w.db)
	return &next
}

// Keys, tokens, numbers and what we owe are apart: nothing of one organisation
// opens, pays, refunds or ends anything of the other.
func TestInterop_TwoOrganisations(t *testing.T) {
	one := newWorld(t, signing.SuiteSM)
	two := one.besides("unionpay", signing.SuiteSM)
	token := one.token()
	debit := interop.Debit{Number: "T1", Token: token, AmountMinor: 700, Currency: "CNY", Payee: "x"}
	if got := two.asks(interop.KindDebit, debit); got.Result != interop.Failed || got.Reason != "TOKEN" {
		t.Errorf("by a token of the other: %+v", got)
	}
	if got := one.asks(interop.KindDebit, debit); got.Result != interop.Success {
		t.Errorf("the same number: %+v", got)
	}
	if got := two.asks(interop.KindDebitQuery, interop.Query{Number: "T1"}); got.Result != interop.Failed {
		t.Errorf("the number of the other: %+v", got)
	}
	if got := two.asks(interop.KindRefund, interop.Refund{Number: "R1", Debit: "T1", AmountMinor: 700, Currency: "CNY"}); got.Result != interop.Failed || got.Reason != "DEBIT" {
		t.Errorf("a refund of the other's debit: %+v", got)
	}
	body := one.envelope("m-1", interop.Debit{Number: "T9", Token: token, AmountMinor: 1, Currency: "CNY", Payee: "x"}, nil)
	if status, _ := two.send(body); status != http.StatusUnauthorized {
		t.Errorf("a message of one organisation at the place of the other: %d", status)
	}

	two.org.deaf = 1
	var lost *interop.Unanswered
	if _, err := two.tokens.Apply(t.Context(), "B1", two.wallet()); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
	heard := len(one.org.heard)
	if err := one.tokens.Work(t.Context()); err != nil || len(one.org.heard) != heard {
		t.Errorf("one organisation is asked about the other's token: %v, %v", one.org.heard[heard:], err)
	}
	if err := two.tokens.Work(t.Context()); err != nil {
		t.Error(err)
	}
	var unwanted *interop.Unwanted
	if _, err := one.tokens.Unbind(t.Context(), "B1"); !errors.As(err, &unwanted) || len(one.org.heard) != heard {
		t.Errorf("the other's token is ended: %v", err)
	}
	if _, err := one.tokens.Apply(t.Context(), "B1", one.wallet()); !errors.As(err, &unwanted) {
		t.Errorf("the other's number: %v", err)
	}
	second := debit
	second.Token, second.Number, second.AmountMinor = "tok-B1", "T2", 40
	if got := two.asks(interop.KindDebit, second); got.Result != interop.Success {
		t.Errorf("got %+v", got)
	}
	list, err := one.db.InteropDays(t.Context(), bizday.Make(2026, 11, 20), bizday.Interval{To: one.clock.now().UnixMicro() + 1})
	if err != nil || len(list) != 2 || list[0].Organisation != "nucc" || list[0].OwedMinor != 700 || list[1].OwedMinor != 40 {
		t.Errorf("owed: %+v %v", list, err)
	}
	one.holds(100_000 - 740)
}
