package main

import (
	"os"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

// The server settles by itself what needs no person: nothing before the night
// has proven the day, nothing twice, nothing without two people.
func TestSettleJob(t *testing.T) {
	_, w, _ := playedWorld(t)
	ctx, s := t.Context(), w.site
	day, _ := w.days.Next()
	if err := w.traffic(ctx, day.Ops); err != nil {
		t.Fatal(err)
	}
	w.clock.set(w.nightOf(day.Date))
	job := s.settleJob(w.clock.now, 7)
	once := func(job *settleJob) (batches []settlement.Batch) {
		t.Helper()
		if err := job.once(ctx); err != nil {
			t.Fatal(err)
		}
		batches, err := w.batches(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return batches
	}
	if list := once(job); len(list) != 0 {
		t.Fatalf("a day without a run was settled: %+v", list)
	}
	for _, acct := range s.accounts {
		if _, err := s.pipeline.Run(ctx, acct, day.Date, pipeline.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	first := once(job)
	if len(first) != len(demoTerms()) {
		t.Fatalf("batches: %+v", first)
	}
	restarted := s.settleJob(w.clock.now, 7)
	for _, again := range [][]settlement.Batch{once(job), once(restarted)} {
		for i, b := range again {
			if b != first[i] || b.State != settlement.Checked || b.Maker != store.Machine {
				t.Errorf("the next look changed %+v into %+v", first[i], b)
			}
		}
	}
	approve := func(who string) (settlement.Batch, error) {
		b, collect, err := s.batchCollection(ctx, first[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return s.db.ApproveBatch(ctx, b.ID, first[0].Digest, who, collect)
	}
	if b, err := approve("li.na"); err != nil || b.State != settlement.Checked {
		t.Fatalf("after one person: %s, %v", b.State, err)
	}
	if _, err := approve("Li.Na"); fault.Of(err).ID != "E-6490" {
		t.Errorf("the same person again: %v", err)
	}
	if b, err := approve("wang.fang"); err != nil || b.State != settlement.Approved || b.Maker != "li.na" || b.Checker != "wang.fang" {
		t.Fatalf("after two people: %+v, %v", b, err)
	}
	for range 2 {
		if list := once(job); list[0].State != settlement.Paying || list[1].State != settlement.Checked {
			t.Errorf("after the approval of one: %s, %s", list[0].State, list[1].State)
		}
	}
	file, err := s.db.Batch(ctx, first[0].ID)
	if err != nil || len(file.Payouts) != 1 {
		t.Fatalf("payouts: %+v, %v", file.Payouts, err)
	}
	id := settlement.FileID("demo", "CNY", bizday.Make(2026, 10, 22), 1)
	if _, err := os.Stat(s.cfg.Data + "/settlement/payouts/" + id + ".csv"); err != nil || file.Payouts[0].File != id {
		t.Errorf("the payout stands in %s; %v", file.Payouts[0].File, err)
	}
}
