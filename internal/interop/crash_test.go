//go:build crashpoints

package interop_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"tieout/internal/crashpoint"
	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

type crashed struct{ point string }

// dying passes crash points and dies at the n-th (-1: nowhere).
type dying struct {
	mu     sync.Mutex
	points []string
	n      int
}

func (d *dying) hit(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.points = append(d.points, name)
	if len(d.points)-1 == d.n {
		panic(crashed{name})
	}
}

// wants says what it wants until it is so, as a person would whose program died.
func (w *world) wants(state paycore.State, want func() (*paycore.Token, error)) {
	w.t.Helper()
	for range 3 {
		var token *paycore.Token
		var err error
		func() {
			defer func() {
				if r := recover(); r != nil {
					if _, ok := r.(crashed); !ok {
						panic(r)
					}
				}
			}()
			token, err = want()
		}()
		if err != nil {
			w.t.Fatal(err)
		}
		if token != nil && token.State == state {
			return
		}
	}
	w.t.Fatalf("the token is not %s", state)
}

// insists has the organisation ask for money until it is told how that ended:
// by the number first, then anew, under the same number. What it was told once
// stays so.
func (w *world) insists(kind, query, number string, part any) {
	w.t.Helper()
	for range 3 {
		var a interop.Answer
		err := w.ask.Ask(w.t.Context(), kind, part, &a)
		if err != nil && w.ask.Ask(w.t.Context(), query, interop.Query{Number: number}, &a) != nil || a.Result == interop.NotFound {
			continue
		}
		if a.Result != interop.Success {
			w.t.Fatalf("%s %s: %+v", kind, number, a)
		}
		var again interop.Answer
		if err := w.ask.Ask(w.t.Context(), query, interop.Query{Number: number}, &again); err == nil && again.Result != interop.Success {
			w.t.Fatalf("%s %s was acknowledged and is %+v", kind, number, again)
		}
		return
	}
	w.t.Fatalf("%s %s has no end", kind, number)
}

// trade is a token's life, with a debit and a refund of a part of it.
func (w *world) trade() {
	w.t.Helper()
	w.wants(paycore.TokenActive, func() (*paycore.Token, error) { return w.tokens.Apply(w.t.Context(), "A1", w.wallet()) })
	w.insists(interop.KindDebit, interop.KindDebitQuery, "T1", interop.Debit{Number: "T1", Token: "tok-A1", AmountMinor: 700, Currency: "CNY", Payee: "x"})
	w.insists(interop.KindRefund, interop.KindRefundQuery, "R1", interop.Refund{Number: "R1", Debit: "T1", AmountMinor: 200, Currency: "CNY"})
	w.wants(paycore.TokenUnbound, func() (*paycore.Token, error) { return w.tokens.Unbind(w.t.Context(), "A1") })
}

// Wherever we die: no debit and no refund is lost once it was acknowledged,
// none is doubled, and no second token is asked for.
func TestInterop_CrashBetweenAnyTwoSteps(t *testing.T) {
	play := func(t *testing.T, n int) (*world, []string) {
		w := newWorld(t, signing.SuiteSM)
		d := &dying{n: n}
		crashpoint.Arm(d.hit)
		defer crashpoint.Arm(nil)
		w.trade()
		return w, d.points
	}
	_, points := play(t, -1)
	for _, want := range []string{"interop.begin", "interop.command", "interop.commit", "interop.done", "interop.token.wanted", "interop.token.asked", "interop.token.booked"} {
		if !slices.Contains(points, want) {
			t.Errorf("the point %s is not there", want)
		}
	}
	for n, point := range points {
		t.Run(fmt.Sprint(n, "-", point), func(t *testing.T) {
			w, passed := play(t, n)
			if len(passed) <= n {
				t.Fatal("no crash")
			}
			w.holds(99_500)
			debits, err1 := w.db.Debits(t.Context(), "", 10)
			tokens, err2 := w.db.Tokens(t.Context(), "", 10)
			if errors.Join(err1, err2) != nil || len(debits) != 1 || debits[0].RefundedMinor != 200 || len(tokens) != 1 {
				t.Errorf("%d debits, %d tokens, %v", len(debits), len(tokens), errors.Join(err1, err2))
			}
			applied := 0
			for _, kind := range w.org.heard {
				if kind == interop.KindTokenApply {
					applied++
				}
			}
			if applied != 1 {
				t.Errorf("a token was applied for %d times", applied)
			}
		})
	}
}
