package store

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"tieout/internal/paycore"
	"tieout/internal/risk"
)

const riskRules = `
version: 2
rules:
  - {id: large, decide: REVIEW, above_minor: 100000, currency: CNY}
  - {id: often, decide: REJECT, field: payer, window: 1h, count: 10}
  - {id: much, decide: REJECT, field: ip, window: 24h, sum_minor: 5000, currency: CNY}
`

func riskOf(t *testing.T) *risk.Rules {
	t.Helper()
	r, err := risk.Parse([]byte(riskRules))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Sixty-four payments at once count each other: the limits hold to the payment
// and to the fen.
func TestRisk_NoUpdateIsLostUnderSixtyFourClients(t *testing.T) {
	for name, c := range map[string]struct {
		facts risk.Facts
		pass  int
	}{
		"count": {risk.Facts{Merchant: "M01", Payer: "anna", AmountMinor: 1, Currency: "CNY"}, 10},
		"sum":   {risk.Facts{Merchant: "M01", IP: "198.51.100.7", AmountMinor: 300, Currency: "CNY"}, 16},
	} {
		db, core := testBooks(t)
		rules := riskOf(t)
		var commands []paycore.Command
		for i := range 64 {
			commands = append(commands, pay(fmt.Sprintf("P%d", i), 1))
		}
		do(t, core, paycore.Done, commands...)
		var wait sync.WaitGroup
		var mu sync.Mutex
		passed := 0
		for i := range 64 {
			wait.Go(func() {
				f := c.facts
				f.PayNo = fmt.Sprintf("P%d", i)
				for range 2 { // asked again, it is the same payment
					now, err := db.JudgeRisk(context.Background(), rules, f)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					if now == risk.Pass {
						passed++
					}
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if passed != 2*c.pass {
			t.Errorf("%s: %d passed, want %d", name, passed/2, c.pass)
		}
	}
}

func TestRisk_AReviewIsEndedByPeople(t *testing.T) {
	db, core := testBooks(t)
	ctx, rules := context.Background(), riskOf(t)
	do(t, core, paycore.Done, pay("P1", 200_000), pay("P2", 200_000), pay("P3", 100))
	judge := func(payNo string, minor int64) risk.Outcome {
		t.Helper()
		now, err := db.JudgeRisk(ctx, rules, risk.Facts{PayNo: payNo, Merchant: "M01", AmountMinor: minor, Currency: "CNY"})
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	if a, b, c := judge("P1", 200_000), judge("P2", 200_000), judge("P3", 100); a != risk.Review || b != risk.Review || c != risk.Pass {
		t.Fatal(a, b, c)
	}
	if list, err := db.RiskDecisions(ctx, true, 10); err != nil || len(list) != 2 || list[0].Rule != "large" || list[0].Version != 2 || list[0].Measured != 200_000 || list[0].Limit != 100_000 {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, done, err := db.EndReview(ctx, "P1", true, 150_000, "chen", "known buyer"); err != nil || done {
		t.Fatal("one person released more than the limit", done, err)
	}
	if judge("P1", 200_000) != risk.Review {
		t.Error("half a release lets it through")
	}
	_, _, err := db.EndReview(ctx, "P1", true, 150_000, "Chen", "known buyer")
	wantFault(t, err, "E-6490")
	if d, done, err := db.EndReview(ctx, "P1", true, 150_000, "wang", "I agree"); err != nil || !done || d.Now != risk.Pass || d.Maker != "chen" || d.Checker != "wang" {
		t.Fatalf("%+v, %v, %v", d, done, err)
	}
	if judge("P1", 200_000) != risk.Pass {
		t.Error("it was released and does not pass")
	}
	_, _, err = db.EndReview(ctx, "P1", false, 150_000, "wang", "no")
	wantFault(t, err, "E-6435")
	if d, done, err := db.EndReview(ctx, "P2", false, 150_000, "wang", "stolen card"); err != nil || !done || d.Now != risk.Reject || d.Outcome != risk.Review {
		t.Errorf("%+v, %v, %v", d, done, err)
	}
	_, _, err = db.EndReview(ctx, "P9", true, 0, "wang", "?")
	wantFault(t, err, "E-6416")
}
