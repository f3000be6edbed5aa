package drill

import (
	"context"
	"slices"
	"testing"
)

// Every kind is found by what must find it, what cannot be found is not, and
// the world itself raises nothing, whatever its amounts are.
func TestDrill_EveryKindIsFoundAndCleanWorldsAreSilent(t *testing.T) {
	r, err := Run(context.Background(), t.TempDir(), 1, Kinds(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Alarms {
		t.Errorf("the clean world raises %s", a)
	}
	planted, soon := 0, map[string]bool{}
	for _, l := range r.Lines {
		if l.Wrong != "" {
			t.Errorf("%s: %s; found %s by %v, refused %v", l.Kind, l.Wrong, l.After, l.FoundBy, l.Refused)
		}
		if l.After != Never {
			planted++
		}
		for _, check := range l.FoundBy {
			soon[l.Kind+" "+check] = l.After == Minute
		}
	}
	for _, k := range Kinds() {
		minute := slices.Contains([]string{"account.balance", "account.frozen", "account.journal", "notification.refused"}, k.Found)
		if minute && !soon[k.ID+" "+k.Found] {
			t.Errorf("%s is not found by %s within a minute", k.ID, k.Found)
		}
	}
	if planted < 30 {
		t.Errorf("only %d kinds are planted and found", planted)
	}
	for seed := uint64(2); seed < 6; seed++ {
		r, err := Run(context.Background(), t.TempDir(), seed, nil, func(string) {})
		if err != nil || len(r.Alarms) > 0 {
			t.Errorf("seed %d: %v %v", seed, r.Alarms, err)
		}
	}
}

// A kind that nothing finds makes the drill fail, and so does one that is said
// to be unseen and is seen.
func TestDrill_WhatIsNotFoundFails(t *testing.T) {
	hidden, seen := blindKinds[0], paymentKinds[0]
	hidden.Blind.EN, hidden.Found = "", "payment.amount"
	seen.Blind = blindKinds[0].Blind
	r, err := Run(context.Background(), t.TempDir(), 1, []Kind{hidden, seen}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed() != 2 {
		t.Errorf("got %+v", r.Lines)
	}
}
