package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/schemas"
)

// Random nights: runs and reruns of several days with whatever findings, fixes
// applied whole, in part, or without being noted, people who propose, approve,
// reject and undo. At any time the ledger's suspense is what the cases hold;
// once all is applied each open case holds its exposure.
func TestRandomNights(t *testing.T) {
	seeds := []uint64{5, 38, 71} // each found a defect once
	if !testing.Short() {
		seeds = append(seeds, 0, 1, 2)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := &randomNights{night: newNight(t), Rand: rand.New(rand.NewPCG(seed, 7))}
			for i := range 4 {
				no := fmt.Sprintf("P%d", i)
				r.order(no, 1000)
				r.paid("Q"+no, 1000)
				r.numbers = append(r.numbers, no, "Q"+no)
			}
			for range 60 {
				r.step()
				r.tied()
				if t.Failed() {
					for _, no := range r.numbers {
						if c, err := r.db.Case(context.Background(), caseID(no)); err == nil {
							t.Logf("%s %s\n%s", no, c.State, history(c))
						}
					}
					return
				}
			}
			r.apply()
		})
	}
}

type randomNights struct {
	*night
	*rand.Rand
	numbers []string
}

func (r *randomNights) step() {
	r.Helper()
	switch r.IntN(8) {
	case 0, 1, 2:
		r.rerun(day.Add(r.IntN(3)))
	case 3:
		r.apply()
	case 4:
		r.some()
	case 5:
		r.ask()
	case 6:
		r.answer()
	case 7:
		if r.IntN(3) == 0 {
			r.undo()
		}
	}
}

// rerun finds something else than before on a day.
func (r *randomNights) rerun(date bizday.Date) {
	var diffs []*schemas.Difference
	var explained []schemas.Explained
	for _, no := range r.numbers {
		switch r.IntN(10) {
		case 0, 1:
			diffs = append(diffs, behind(no, 1000))
		case 2:
			diffs = append(diffs, localOnly(no, 1000))
		case 3:
			diffs = append(diffs, channelOnly(no, 1000+int64(r.IntN(3))))
		case 4:
			diffs = append(diffs, diff(schemas.AmountMismatch, no, record(no, schemas.Success, 1000), record(no, schemas.Success, 990)))
		case 5:
			d := diff(schemas.DuplicateChannel, no, nil, record(no, schemas.Success, 1000))
			diffs = append(diffs, d, diff(schemas.DuplicateChannel, no, nil, record(no, schemas.Success, 1000)))
		case 6:
			explained = append(explained, schemas.Explained{Kind: schemas.Payment, Key: no, Reason: "Matched."})
		}
	}
	r.run(date, explained, diffs...)
}

// some applies the first waiting fixes; now and then the process dies before
// the last one is noted.
func (r *randomNights) some() {
	ctx := context.Background()
	list, err := r.db.PendingFixes(ctx, account)
	if err != nil {
		r.Fatal(err)
	}
	for _, f := range list[:r.IntN(len(list)+1)] {
		res, err := r.db.ApplyFix(ctx, f)
		if err != nil {
			r.Fatal(err)
		}
		r.tied()
		if r.IntN(3) == 0 {
			return
		}
		r.mark(res)
	}
}

func (r *randomNights) pick() (store.CaseFile, bool) {
	c, err := r.db.Case(context.Background(), caseID(r.numbers[r.IntN(len(r.numbers))]))
	var f *fault.Error
	if errors.As(err, &f) && f.ID == "E-6471" {
		return c, false
	}
	if err != nil {
		r.Fatal(err)
	}
	return c, true
}

func (r *randomNights) ask() {
	if c, ok := r.pick(); ok && c.State == schemas.CaseOpen {
		_, err := r.db.Propose(context.Background(), store.Asked{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Maker: "lin",
			What: c.Offered[r.IntN(len(c.Offered))], Reason: "r"})
		if err != nil {
			r.Fatal(err)
		}
	}
}

func (r *randomNights) answer() {
	ctx := context.Background()
	for range len(r.numbers) {
		c, ok := r.pick()
		if !ok || c.State != schemas.CaseProposed || c.Proposals[len(c.Proposals)-1].State != "PENDING" {
			continue
		}
		a := store.Answered{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Checker: "mei", Reason: "r"}
		var err error
		if r.IntN(4) == 0 {
			_, err = r.db.Reject(ctx, a)
		} else {
			_, err = r.db.Approve(ctx, a)
		}
		var f *fault.Error
		if err != nil && !(errors.As(err, &f) && f.ID == "E-6472") { // its suspense is being posted, or its fix was applied before
			r.Fatal(err)
		}
		return
	}
}

// undo takes an applied fix back in the books, and notes it or dies before.
func (r *randomNights) undo() {
	ctx := context.Background()
	c, ok := r.pick()
	if !ok {
		return
	}
	for _, f := range c.Fixes {
		if f.State != "APPLIED" || f.Fix.Kind == schemas.FixReverse {
			continue
		}
		u := f.Fix
		u.Kind, u.Reverses, u.Key, u.Maker, u.Checker, u.Expect = schemas.FixReverse, f.Fix.Key, f.Fix.Key+"|REVERSE", "lin", "mei", nil
		res, err := r.db.ApplyFix(ctx, u)
		if err != nil {
			r.Fatal(err)
		}
		if res.State == "APPLIED" && r.IntN(2) == 0 {
			if _, err := r.db.MarkReversed(ctx, f.Fix.Key, "lin", "undo"); err != nil {
				r.Fatal(err)
			}
		}
		return
	}
}
