package interop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

func TestInterop_TokenDebitRefundInEverySuite(t *testing.T) {
	for _, suite := range signing.Suites() {
		t.Run(string(suite), func(t *testing.T) {
			w := newWorld(t, suite)
			token := w.token()
			debit := interop.Debit{Number: "T1", Token: token, AmountMinor: 3000, Currency: "CNY", Payee: "面馆"}
			for range 2 { // another message about the same debit
				if got, want := w.asks(interop.KindDebit, debit), (interop.Answer{Result: interop.Success, Number: "T1", AmountMinor: 3000, Currency: "CNY"}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			other := debit
			other.AmountMinor++
			if got := w.asks(interop.KindDebit, other); got != (interop.Answer{Result: interop.Refused, Reason: "NUMBER"}) {
				t.Errorf("another debit under the number: %+v", got)
			}
			if got := w.asks(interop.KindRefund, interop.Refund{Number: "R1", Debit: "T1", AmountMinor: 1000, Currency: "CNY"}); got.Result != interop.Success {
				t.Errorf("got %+v", got)
			}
			if got := w.asks(interop.KindRefund, interop.Refund{Number: "R2", Debit: "T1", AmountMinor: 2001, Currency: "CNY"}); got.Result != interop.Failed || got.Reason != "AMOUNT" {
				t.Errorf("a refund above the debit: %+v", got)
			}
			if got, want := w.asks(interop.KindDebitQuery, interop.Query{Number: "T1"}), (interop.Answer{Result: interop.Success, Number: "T1", AmountMinor: 3000, RefundedMinor: 1000, Currency: "CNY"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got := w.asks(interop.KindRefundQuery, interop.Query{Number: "R2"}); got.Result != interop.Failed || got.Number != "R2" {
				t.Errorf("got %+v", got)
			}
			if got := w.asks(interop.KindRefundQuery, interop.Query{Number: "T1"}); got != (interop.Answer{Result: interop.NotFound}) {
				t.Errorf("got %+v", got)
			}
			if token, err := w.tokens.Unbind(t.Context(), "A1"); err != nil || token.State != paycore.TokenUnbound {
				t.Errorf("got %+v, %v", token, err)
			}
			debit.Number = "T2"
			if got := w.asks(interop.KindDebit, debit); got.Result != interop.Failed || got.Reason != "TOKEN" {
				t.Errorf("a debit by an unbound token: %+v", got)
			}
			w.holds(98_000)
		})
	}
}

func TestInterop_MessagesThatSayNothingClear(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	token := w.token()
	good := interop.Debit{Number: "T1", Token: token, AmountMinor: 1, Currency: "CNY", Payee: "x"}
	with := func(change func(*interop.Debit)) interop.Debit {
		d := good
		change(&d)
		return d
	}
	for name, m := range map[string]struct {
		kind string
		part any
		want string
	}{
		"kind":     {"withdraw", good, "KIND"},
		"answer":   {"debit.answer", good, "KIND"},
		"zero":     {interop.KindDebit, with(func(d *interop.Debit) { d.AmountMinor = 0 }), "FIELDS"},
		"negative": {interop.KindDebit, with(func(d *interop.Debit) { d.AmountMinor = -1 }), "FIELDS"},
		"currency": {interop.KindDebit, with(func(d *interop.Debit) { d.Currency = "RMB" }), "FIELDS"},
		"number":   {interop.KindDebit, with(func(d *interop.Debit) { d.Number = "T:1" }), "FIELDS"},
		"payee":    {interop.KindDebit, with(func(d *interop.Debit) { d.Payee = "a\x1b[2J" }), "FIELDS"},
		"token":    {interop.KindDebit, with(func(d *interop.Debit) { d.Token = "" }), "FIELDS"},
		"unknown":  {interop.KindDebit, map[string]any{"number": "T1", "token": token, "amount_minor": 1, "currency": "CNY", "payee": "x", "twice": true}, "FIELDS"},
		"fraction": {interop.KindDebit, map[string]any{"number": "T1", "token": token, "amount_minor": 1.5, "currency": "CNY", "payee": "x"}, "FIELDS"},
		"text":     {interop.KindDebit, map[string]any{"number": "T1", "token": token, "amount_minor": "1", "currency": "CNY", "payee": "x"}, "FIELDS"},
		"refund":   {interop.KindRefund, interop.Refund{Number: "R1", AmountMinor: 1, Currency: "CNY"}, "FIELDS"},
		"query":    {interop.KindDebitQuery, interop.Query{}, "FIELDS"},
	} {
		if got := w.asks(m.kind, m.part); got != (interop.Answer{Result: interop.Refused, Reason: m.want}) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	w.holds(100_000)
	if list, err := w.db.Debits(t.Context(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("debits: %v, %v", list, err)
	}
}

// 64 at a time, over HTTPS: one debit under one number, and never more refunds
// than it has money for.
func TestInterop_RacingDebitsAndRefunds(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	token := w.token()
	race := func(kind string, part func(i int) any) map[string]int {
		answers := make([]interop.Answer, 64)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				if err := w.ask.Ask(t.Context(), kind, part(i), &answers[i]); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		count := map[string]int{}
		for _, a := range answers {
			count[a.Result+a.Reason]++
		}
		return count
	}
	if got := race(interop.KindDebit, func(int) any {
		return interop.Debit{Number: "T1", Token: token, AmountMinor: 1000, Currency: "CNY", Payee: "x"}
	}); got["SUCCESS"] != 64 {
		t.Errorf("got %v", got)
	}
	w.holds(99_000)
	if got := race(interop.KindRefund, func(i int) any {
		return interop.Refund{Number: fmt.Sprint("R", i), Debit: "T1", AmountMinor: 30, Currency: "CNY"}
	}); got["SUCCESS"] != 33 || got["FAILEDAMOUNT"] != 31 {
		t.Errorf("got %v", got)
	}
	w.holds(99_990)
}

// A debit above the limit, and one that the wallet's day has no room for, fail
// for ever with a reason; the next day has room again. 64 at a time, no more
// than the day takes.
func TestInterop_Limits(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	token := w.token()
	zone := time.FixedZone("CST", 8*60*60)
	w.clock.pass(6*time.Hour + 30*time.Minute) // 23:30 there
	url, transport := w.serve(interop.NewServer(w.own, w.db, interop.Limits{Of: map[string]paycore.DebitLimit{"CNY": {Each: 500, Day: 1000}}, Zone: zone}, nil, nil))
	w.ask = interop.NewClient(w.other, url, transport)
	debit := func(number string, minor int64) interop.Answer {
		return w.asks(interop.KindDebit, interop.Debit{Number: number, Token: token, AmountMinor: minor, Currency: "CNY", Payee: "x"})
	}
	over := func(number string, minor int64) {
		t.Helper()
		if got := debit(number, minor); got.Result != interop.Failed || got.Reason != "LIMIT" {
			t.Errorf("%s of %d: %+v", number, minor, got)
		}
	}
	over("T0", 501)
	if got := debit("T1", 500); got.Result != interop.Success {
		t.Errorf("got %+v", got)
	}
	w.asks(interop.KindRefund, interop.Refund{Number: "R1", Debit: "T1", AmountMinor: 500, Currency: "CNY"})
	over("T2", 501)
	var group sync.WaitGroup
	var took atomic.Int64
	for i := range 64 {
		group.Go(func() {
			var a interop.Answer
			if err := w.ask.Ask(t.Context(), interop.KindDebit, interop.Debit{Number: fmt.Sprint("P", i), Token: token, AmountMinor: 30, Currency: "CNY", Payee: "x"}, &a); err != nil {
				t.Error(err)
			}
			if a.Result == interop.Success {
				took.Add(1)
			}
		})
	}
	group.Wait()
	if took.Load() != 16 {
		t.Errorf("%d debits of 30 went through where 500 were left of the day", took.Load())
	}
	over("T3", 21)
	w.clock.pass(time.Hour)
	over("T3", 21) // it failed
	if got := debit("T4", 500); got.Result != interop.Success {
		t.Errorf("the next day: %+v", got)
	}
	w.holds(100_000 - 16*30 - 500)
	list, err := w.db.Debits(t.Context(), "", 100)
	if err != nil || !slices.ContainsFunc(list, func(d *paycore.Debit) bool { return d.Number == "T0" && d.Reason == paycore.OverLimit }) {
		t.Errorf("what was refused is not on record: %v", err)
	}
}

// forgetful books do what they are told, and the answer is lost.
type forgetful struct {
	interop.Books
	before, after bool
}

func (f forgetful) AnswerMessage(ctx context.Context, m paycore.Message, c paycore.Command, answer func(paycore.Standing) (string, error)) (string, error) {
	if f.before {
		return "", errBroken
	}
	said, err := f.Books.AnswerMessage(ctx, m, c, answer)
	if f.after {
		return "", errors.Join(err, errBroken)
	}
	return said, err
}

// A crash before the books, and one between the books and the answer: the
// organisation asks by the number, or sends the debit again; money moves once.
func TestInterop_CrashBetweenSteps(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	debit := interop.Debit{Number: "T1", Token: w.token(), AmountMinor: 700, Currency: "CNY", Payee: "x"}
	for _, step := range []struct {
		books forgetful
		kind  string
		part  any
		query string
		want  string // how it stands then
		holds int64
	}{
		{forgetful{w.db, true, false}, interop.KindDebit, debit, interop.KindDebitQuery, interop.NotFound, 100_000},
		{forgetful{w.db, false, true}, interop.KindDebit, debit, interop.KindDebitQuery, interop.Success, 99_300},
		{forgetful{w.db, true, false}, interop.KindRefund, interop.Refund{Number: "T1", Debit: "T1", AmountMinor: 200, Currency: "CNY"}, interop.KindRefundQuery, interop.NotFound, 99_300},
		{forgetful{w.db, false, true}, interop.KindRefund, interop.Refund{Number: "T1", Debit: "T1", AmountMinor: 200, Currency: "CNY"}, interop.KindRefundQuery, interop.Success, 99_500},
	} {
		url, transport := w.serve(interop.NewServer(w.own, step.books, interop.Limits{}, nil, nil))
		if err := interop.NewClient(w.other, url, transport).Ask(t.Context(), step.kind, step.part, new(interop.Answer)); err == nil {
			t.Error("an answer that was lost came")
		}
		if got := w.asks(step.query, interop.Query{Number: "T1"}); got.Result != step.want {
			t.Errorf("%s: got %+v, want %s", step.kind, got, step.want)
		}
		w.holds(step.holds)
	}
	w.asks(interop.KindDebit, debit)
	w.holds(99_500)
}

// What the organisation does not answer stays wanted, and is asked for by its
// number; only what was never heard is sent again, under the same number.
func TestInterop_UnansweredTokens(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	state := func(number string, want paycore.State) {
		t.Helper()
		token, err := w.db.Token(t.Context(), number)
		if err != nil || token == nil || token.State != want {
			t.Fatalf("%s: got %+v, %v; want %s", number, token, err, want)
		}
	}
	var lost *interop.Unanswered
	w.org.deaf = 1
	if _, err := w.tokens.Apply(t.Context(), "A1", w.wallet()); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
	state("A1", paycore.TokenApplying)
	w.org.broken = 1
	if _, err := w.tokens.Apply(t.Context(), "A2", w.wallet()); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
	state("A2", paycore.TokenApplying)
	if err := w.tokens.Work(t.Context()); err != nil {
		t.Error(err)
	}
	state("A1", paycore.TokenActive)
	state("A2", paycore.TokenActive)

	w.org.broken = 1
	if _, err := w.tokens.Unbind(t.Context(), "A1"); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
	w.org.deaf = 1
	if _, err := w.tokens.Unbind(t.Context(), "A2"); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
	state("A1", paycore.TokenUnbinding)
	if got := w.asks(interop.KindDebit, interop.Debit{Number: "T1", Token: "tok-A1", AmountMinor: 1, Currency: "CNY", Payee: "x"}); got.Reason != "TOKEN" {
		t.Errorf("a debit while it is unbound: %+v", got)
	}
	w.org.deaf = 1 // the round goes on past one that fails
	if err := w.tokens.Work(t.Context()); err == nil {
		t.Error("nothing is said about the token that failed")
	}
	if err := w.tokens.Work(t.Context()); err != nil {
		t.Error(err)
	}
	state("A1", paycore.TokenUnbound)
	state("A2", paycore.TokenUnbound)
	if n := len(w.org.heard); w.tokens.Work(t.Context()) != nil || len(w.org.heard) != n {
		t.Error("what is answered is asked again")
	}
	want := []string{"token.apply", "token.query", "token.apply", "token.query", "token.unbind", "token.query", "token.unbind", "token.query"}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(w.org.heard))
	if !slices.Equal(got, want) {
		t.Errorf("the organisation heard %v, want %v", got, want)
	}
	w.org.broken, w.org.heard = 1, nil
	if _, err := w.tokens.Apply(t.Context(), "A4", w.wallet()); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
	if token, err := w.tokens.Apply(t.Context(), "A4", w.wallet()); err != nil || token.State != paycore.TokenActive || !slices.Equal(w.org.heard, []string{"token.apply", "token.query"}) {
		t.Errorf("carried on: %+v, %v; the organisation heard %v", token, err, w.org.heard)
	}
	var unwanted *interop.Unwanted
	if _, err := w.tokens.Apply(t.Context(), "A3", paycore.AccountKey{Name: "wallet:nobody", Currency: "CNY"}); !errors.As(err, &unwanted) {
		t.Errorf("got %v", err)
	}
	w.holds(100_000)
}

func TestInterop_OnlyEnvelopesAreRead(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	for name, r := range map[string]struct {
		method, media, body string
		want                int
	}{
		"get":   {http.MethodGet, "application/json", "", http.StatusBadRequest},
		"form":  {http.MethodPost, "application/x-www-form-urlencoded", "a=b", http.StatusBadRequest},
		"large": {http.MethodPost, "application/json", strings.Repeat(" ", 64<<10+1), http.StatusRequestEntityTooLarge},
		"text":  {http.MethodPost, "application/json", "hello", http.StatusUnauthorized},
		"empty": {http.MethodPost, "application/json", "{}", http.StatusUnauthorized},
		"twice": {http.MethodPost, "application/json", `{"suite":"SM2_SM4_GCM","SUITE":"SM2_SM4_GCM"}`, http.StatusUnauthorized},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, w.url, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", r.media)
		resp, err := w.http.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != r.want {
			t.Errorf("%s: got %d, want %d", name, resp.StatusCode, r.want)
		}
	}
	w.clock.pass(time.Hour)
	w.holds(100_000)
}
