package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/store"
	"tieout/schemas"
)

func TestWriteOffByTwoPeople(t *testing.T) {
	n := newNight(t)
	n.paid("P1", 10000)
	n.run(day, nil, localOnly("P1", 10000))
	n.apply()
	list := n.resolve("P1", "WRITE_OFF")
	if len(list) != 1 || list[0].Kind != schemas.FixWriteOff || list[0].AmountMinor != -10000 || list[0].Maker != "lin" || list[0].Checker != "mei" {
		t.Fatalf("%+v", list)
	}
	n.want("P1", schemas.CaseProposed, schemas.LocalOnly, -10000) // until the books have it
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.LocalOnly, 0)
	n.run(day, nil, localOnly("P1", 10000)) // the same facts: it stays resolved
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.LocalOnly, 0)

	// A later statement has it after all: the write-off was wrong.
	got := n.run(day+2, []schemas.Explained{{Kind: schemas.Payment, Key: "P1", Reason: "Matched late."}})
	if !slices.Equal(got.Contradicted, []string{caseID("P1")}) {
		t.Errorf("contradicted %v", got.Contradicted)
	}
	n.run(day+2, []schemas.Explained{{Kind: schemas.Payment, Key: "P1", Reason: "Matched late."}})
	if c := n.want("P1", schemas.CaseOpen, schemas.LocalOnly, 0); c.Flag != store.FixContradicted {
		t.Errorf("flag %q", c.Flag)
	}
	n.resolve("P1", "REVERSE")
	if got := n.apply(); got["REVERSE"] == "" || got["RELEASE_SUSPENSE"] == "" {
		t.Errorf("fixes %v", got)
	}
	n.want("P1", schemas.CaseResolved, schemas.LocalOnly, 0)
	if p, err := n.db.Balances(context.Background(), "write_off"); err != nil {
		t.Fatal(err)
	} else {
		for _, b := range p {
			if b.Minor != 0 {
				t.Errorf("%s holds %d", b.Account, b.Minor)
			}
		}
	}
}

func TestApprovedFixIsAppliedOnceAndSuspenseReleasedFirst(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	d := behind("P1", 10000)
	f := n.decide(wide(), d)
	f[0].Decision.Action, f[0].Decision.Why, f[0].Decision.Suspend = schemas.ActionManual, "the channel could not be asked", 10000
	for i := range f[0].Fixes {
		f[0].Fixes[i].Maker = ""
	}
	n.write(day, "run1", nil, f)
	n.apply()
	n.want("P1", schemas.CaseOpen, schemas.LocalBehind, 10000)
	list := n.resolve("P1", "SET_SUCCESS")
	if len(list) != 2 || list[0].Kind != schemas.FixReleaseSuspense || list[1].Kind != schemas.FixSetSuccess || list[1].AmountMinor != 10000 {
		t.Fatalf("%+v", list)
	}
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.LocalBehind, 0)
	if s := n.state("P1"); s != paycore.Success {
		t.Errorf("payment is %s", s)
	}
}

func TestRefusedApprovalOpensTheCaseAgain(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	f := n.decide(wide(), behind("P1", 10000))
	f[0].Decision.Action, f[0].Decision.Suspend = schemas.ActionManual, 10000
	n.write(day, "run1", nil, f)
	n.apply()
	n.resolve("P1", "SET_SUCCESS")
	n.command(paycore.MarkPaid{PayNo: "P1", ChannelRef: "wx-P1", AmountMinor: 10000, Currency: "CNY", By: paycore.ByNotice}) // meanwhile
	if got := n.apply(); got["SET_SUCCESS"] != "REFUSED" {
		t.Errorf("fixes %v", got)
	}
	c := n.want("P1", schemas.CaseOpen, schemas.LocalBehind, 10000)
	if p := c.Proposals[0]; p.State != "FAILED" || p.Answer == "" {
		t.Errorf("%+v", p)
	}
	n.run(day, nil) // the next export has it paid
	n.apply()
	n.want("P1", schemas.CaseWithdrawn, schemas.LocalBehind, 0)
}

func TestAcceptReleasesSuspense(t *testing.T) {
	n := newNight(t)
	n.run(day, nil, channelOnly("P1", 500))
	n.apply()
	n.resolve("P1", store.Accept)
	n.want("P1", schemas.CaseResolved, schemas.ChannelOnly, 500) // its release waits
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.ChannelOnly, 0)

	// Other facts under the same number open it again; no fix is contradicted.
	n.run(day, nil, channelOnly("P1", 600))
	n.apply()
	if c := n.want("P1", schemas.CaseOpen, schemas.ChannelOnly, 600); c.Flag != "" {
		t.Errorf("flag %q", c.Flag)
	}
}

func TestFaultW4_MakerIsNotChecker(t *testing.T) {
	n := newNight(t)
	n.run(day, nil, channelOnly("P1", 500))
	n.apply()
	c := n.propose("P1", store.Accept)
	for _, who := range []string{"lin", "LIN", "Lin"} {
		_, err := n.db.Approve(context.Background(), store.Answered{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Checker: who})
		wantFault(t, err, "E-6470")
	}
	_, err := n.db.Approve(context.Background(), store.Answered{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Checker: "auto"})
	wantFault(t, err, "E-6474")
	n.want("P1", schemas.CaseProposed, schemas.ChannelOnly, 500)

	_, err = n.db.Approve(context.Background(), store.Answered{CaseID: c.ID, Version: c.Version, Checker: "mei"})
	wantFault(t, err, "E-4071") // without having looked
	r, err := n.db.Reject(context.Background(), store.Answered{CaseID: c.ID, Version: c.Version, Checker: "mei", Reason: "ask the channel first"})
	if err != nil || r.State != schemas.CaseOpen {
		t.Fatal(r, err)
	}
	_, err = n.db.Approve(context.Background(), store.Answered{CaseID: c.ID, Version: r.Version, Evidence: c.Evidence, Checker: "mei"})
	wantFault(t, err, "E-6472")
}

// Two people at once: the second hears who was first, and when.
func TestFaultW1_TheSecondHearsWhoWasFirst(t *testing.T) {
	n := newNight(t)
	n.run(day, nil, channelOnly("P1", 500))
	n.apply()
	c := n.caseOf("P1")
	n.propose("P1", store.Accept)
	_, err := n.db.Propose(context.Background(), store.Asked{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Maker: "mei", What: store.Accept, Reason: "r"})
	f := wantFault(t, err, "E-4070")
	if m := f.Message("en"); !strings.Contains(m, "changed by lin at 2026-11-21 10:02 UTC") {
		t.Error(m)
	}
	_, err = n.db.Assign(context.Background(), c.ID, c.Version, "mei", "mei")
	wantFault(t, err, "E-4070")
}

// A rerun that changes the evidence voids a proposal, also an approved one
// that is not in the books yet.
func TestChangedEvidenceVoidsTheProposal(t *testing.T) {
	for _, approved := range []bool{false, true} {
		t.Run(fmt.Sprintf("approved=%v", approved), func(t *testing.T) {
			n := newNight(t)
			n.paid("P1", 10000)
			n.run(day, nil, localOnly("P1", 10000))
			n.apply()
			old := n.propose("P1", "WRITE_OFF")
			if approved {
				if _, err := n.db.Approve(context.Background(), store.Answered{CaseID: old.ID, Version: old.Version, Evidence: old.Evidence, Checker: "mei"}); err != nil {
					t.Fatal(err)
				}
			}
			n.run(day, nil, diff(schemas.AmountMismatch, "P1", record("P1", schemas.Success, 10000), record("P1", schemas.Success, 9999)))
			c := n.caseOf("P1")
			if c.State != schemas.CaseOpen || c.Proposals[0].State != "VOID" {
				t.Errorf("%s, proposal %+v\n%s", c.State, c.Proposals[0], history(c))
			}
			_, err := n.db.Approve(context.Background(), store.Answered{CaseID: old.ID, Version: old.Version, Evidence: old.Evidence, Checker: "mei"})
			wantFault(t, err, "E-4071")
			if got := n.apply(); got["WRITE_OFF"] != "" {
				t.Errorf("fixes %v", got)
			}
			n.want("P1", schemas.CaseOpen, schemas.AmountMismatch, -1)
		})
	}
}

// A rerun that finds the same facts leaves a proposal standing.
func TestSameEvidenceKeepsTheProposal(t *testing.T) {
	n := newNight(t)
	n.paid("P1", 10000)
	n.run(day, nil, localOnly("P1", 10000))
	n.apply()
	c := n.propose("P1", "WRITE_OFF")
	d := localOnly("P1", 10000)
	d.LocalRow.Line, d.LocalRow.Source = 77, "another export"
	n.run(day, nil, d)
	if _, err := n.db.Approve(context.Background(), store.Answered{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Checker: "mei"}); err != nil {
		t.Fatal(err)
	}
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.LocalOnly, 0)
}

func TestWhatPeopleMayNotAsk(t *testing.T) {
	n := newNight(t)
	ctx := context.Background()
	n.run(day, nil, channelOnly("P1", 500))
	n.apply()
	c := n.caseOf("P1")
	asked := store.Asked{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Maker: "lin", What: store.Accept, Reason: "r"}
	for _, x := range []struct {
		id     fault.ID
		change func(*store.Asked)
	}{
		{"E-6471", func(a *store.Asked) { a.CaseID = "C-NONE" }},
		{"E-6473", func(a *store.Asked) { a.What = "SET_SUCCESS" }}, // there is no local payment to set
		{"E-6473", func(a *store.Asked) { a.What = "SUSPEND" }},
		{"E-6474", func(a *store.Asked) { a.Maker = " " }},
		{"E-6474", func(a *store.Asked) { a.Maker = "lin " }},
		{"E-6474", func(a *store.Asked) { a.Reason = "" }},
		{"E-6474", func(a *store.Asked) { a.Reason = strings.Repeat("x", 2001) }},
		{"E-4070", func(a *store.Asked) { a.Version++ }},
		{"E-4071", func(a *store.Asked) { a.Evidence = "" }},
	} {
		a := asked
		x.change(&a)
		_, err := n.db.Propose(ctx, a)
		wantFault(t, err, x.id)
	}
	if now := n.caseOf("P1"); now.Version != c.Version || len(now.Proposals) != 0 {
		t.Errorf("a refused proposal changed the case: %+v", now.Case)
	}
	wantFault(t, n.db.Comment(ctx, "C-NONE", "lin", "hello"), "E-6471")
}

func TestListOfCases(t *testing.T) {
	n := newNight(t)
	ctx := context.Background()
	for i := range 5 {
		n.run(day.Add(-i), nil, channelOnly(fmt.Sprintf("P%d", i), 100))
	}
	n.apply()
	n.resolve("P4", store.Accept)
	n.apply()
	list, err := n.db.Cases(ctx, store.CaseFilter{Account: account})
	if err != nil || len(list) != 4 || list[0].Key != "P3" {
		t.Fatalf("%v, %v", list, err)
	}
	if list, err = n.db.Cases(ctx, store.CaseFilter{All: true, Limit: 2, Urgent: true}); err != nil || len(list) != 2 || list[0].Key != "P4" {
		t.Fatalf("%v, %v", list, err)
	}
	if list, err = n.db.Cases(ctx, store.CaseFilter{States: []schemas.CaseState{schemas.CaseResolved}}); err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if list, err = n.db.Cases(ctx, store.CaseFilter{Owner: "nobody"}); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
}

// Many people at once: one proposal, one approval, one effect.
func TestFaultW1_OnlyOneOfManyWins(t *testing.T) {
	n := newNight(t)
	ctx := context.Background()
	n.paid("P1", 10000)
	n.run(day, nil, localOnly("P1", 10000))
	n.apply()
	c := n.caseOf("P1")
	const people = 16
	race := func(do func(i int) error) (won int) {
		errs := make(chan error, people)
		for i := range people {
			go func() { errs <- do(i) }()
		}
		for range people {
			err := <-errs
			if err == nil {
				won++
				continue
			}
			if id := fault.Of(err).ID; id != "E-4070" && id != "E-6472" {
				t.Error(err)
			}
		}
		return won
	}
	if won := race(func(i int) error {
		_, err := n.db.Propose(ctx, store.Asked{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Maker: fmt.Sprintf("maker%d", i), What: "WRITE_OFF", Reason: "r"})
		return err
	}); won != 1 {
		t.Errorf("%d proposals won", won)
	}
	c = n.caseOf("P1")
	if won := race(func(i int) error {
		_, err := n.db.Approve(ctx, store.Answered{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Checker: fmt.Sprintf("checker%d", i)})
		return err
	}); won != 1 {
		t.Errorf("%d approvals won", won)
	}
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.LocalOnly, 0)
}
