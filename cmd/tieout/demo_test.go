package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/store"
)

// playedWorld is a demo of two days, not begun.
func playedWorld(t *testing.T) (*app, *demoWorld, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	a := &app{cli: &CLI{Memory: 1 << 30, Quiet: true}, ctx: t.Context(), now: time.Now, networkOf: store.NetworkOf, in: strings.NewReader(""), out: &out, err: &out, lang: fault.English}
	w, err := newDemoWorld(a, t.TempDir(), &demoCmd{Seed: 3, Days: 2, Rows: 20, Settle: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return a, w, &out
}

// A merchant who is charged another fee than he agreed to gets another payout:
// the plan notices a fen.
func TestDemoFailsOnWrongPayout(t *testing.T) {
	a, w, out := playedWorld(t)
	w.site.cfg.Settlement.Merchants[1].Fees[0].Min = "0.11"
	if err := w.play(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := w.summary(a); fault.Of(err).ID != "E-5082" {
		t.Errorf("the demo ends with %v", err)
	}
	if n := strings.Count(out.String(), "<-- S202610"); n == 0 || strings.Count(out.String(), "-M10002-CNY: expected") != n {
		t.Errorf("it does not say that M10002, and nobody else, was paid wrong:\n%s", out)
	}
}

// The bank pays something else than the file says.
func TestDemoFailsOnWrongTransfer(t *testing.T) {
	a, w, out := playedWorld(t)
	if err := w.play(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := w.summary(a); err != nil || len(w.bank.paid) == 0 {
		t.Fatalf("%d transfers; %v:\n%s", len(w.bank.paid), err, out)
	}
	w.bank.paid[0].minor++
	if err := w.summary(a); fault.Of(err).ID != "E-5082" {
		t.Errorf("the demo ends with %v", err)
	}
}

// A day is settled when the nights of all accounts have proven it, and not
// before.
func TestDemoSettlesProvenDaysAlone(t *testing.T) {
	_, w, _ := playedWorld(t)
	day, _ := w.days.Next()
	w.payouts.Add(day)
	if err := w.traffic(t.Context(), day.Ops); err != nil {
		t.Fatal(err)
	}
	w.clock.set(w.nightOf(day.Date))
	unproven := func() {
		t.Helper()
		if err := w.settle(t.Context(), day.Date); err == nil || !strings.Contains(err.Error(), "is not settled") {
			t.Errorf("settled: %v", err)
		}
		if list, err := w.batches(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("batches: %v, %v", list, err)
		}
	}
	unproven()
	for i, acct := range w.site.accounts {
		if _, err := w.site.pipeline.Run(t.Context(), acct, day.Date, pipeline.Options{}); err != nil {
			t.Fatal(err)
		}
		if i < len(w.site.accounts)-1 {
			unproven()
		}
	}
	if err := w.settle(t.Context(), day.Date); err != nil {
		t.Fatal(err)
	}
	list, err := w.batches(t.Context())
	if err != nil || len(list) != len(demoTerms()) {
		t.Errorf("batches: %v, %v", list, err)
	}
	for _, b := range list {
		if b.Maker != demoMaker || b.Checker != demoChecker {
			t.Errorf("%s: checked by %q, approved by %q", b.ID, b.Maker, b.Checker)
		}
	}
}

// The terms of the plan and the contracts of the configuration are the same.
func TestDemoContracts(t *testing.T) {
	_, w, _ := playedWorld(t)
	all, err := contracts(w.site.cfg.Settlement)
	if err != nil {
		t.Fatal(err)
	}
	for _, terms := range demoTerms() {
		c := all[terms.Merchant]
		if c == nil || c.Cycle.Days != terms.BankDays || !c.Cycle.BankDays || len(c.Fees) != len(channelsim.Channels()) {
			t.Fatalf("%s: %+v", terms.Merchant, c)
		}
		for _, f := range c.Fees {
			if f.PPM != terms.PPM[f.Channel] || f.Fixed != terms.Fixed || f.Min != terms.Least || f.Max != 0 || f.Returns != terms.Returned {
				t.Errorf("%s at %s: %+v, agreed %+v", terms.Merchant, f.Channel, f, terms)
			}
		}
	}
}
