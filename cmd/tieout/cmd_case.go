package main

import (
	"fmt"
	"os/user"
	"slices"

	"tieout/internal/control"
	"tieout/internal/fault"
	"tieout/internal/report"
	"tieout/internal/store"
	"tieout/schemas"
)

// caseCmd works on the queue. What one person proposes another approves; both
// look at the same evidence, and a rerun that changes it voids the proposal.
type caseCmd struct {
	List    caseListCmd    `cmd:"" help:"List open cases, the most urgent first."`
	Show    caseShowCmd    `cmd:"" help:"Show a case: both sides, evidence, what may be proposed, history."`
	Propose caseProposeCmd `cmd:"" help:"Propose a fix, or to accept the difference as it is."`
	Approve caseApproveCmd `cmd:"" help:"Approve what another person proposed; it is applied at once."`
	Reject  caseRejectCmd  `cmd:"" help:"Send a proposal back."`
	Comment caseCommentCmd `cmd:"" help:"Add a line to the history."`
	Assign  caseAssignCmd  `cmd:"" help:"Give a case to somebody."`
}

// person is who acts; the default is the user of this machine.
type person struct {
	By string `placeholder:"NAME" help:"Who acts; default the user of this machine." env:"TIEOUT_USER"`
}

func (p person) name() (string, error) {
	if p.By != "" {
		return p.By, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", fault.New("E-6401", fault.V{"command": "case", "reason": "say who acts with --by"}, err)
	}
	return u.Username, nil
}

// seen is what the person looked at; without it, what the case is now.
type seen struct {
	Version  int64  `placeholder:"N" help:"Version of the case that you looked at; default the present one."`
	Evidence string `placeholder:"DIGEST" help:"Evidence digest that you looked at; default the present one."`
}

func (s seen) fill(c schemas.Case) (int64, string) {
	version, evidence := s.Version, s.Evidence
	if version == 0 {
		version = c.Version
	}
	if evidence == "" {
		evidence = c.Evidence
	}
	return version, evidence
}

type caseListCmd struct {
	Account string `short:"a" placeholder:"NAME" help:"Only this account."`
	Owner   string `placeholder:"NAME" help:"Only cases of this person."`
	All     bool   `help:"Closed cases too."`
	Limit   int    `help:"At most so many." default:"200"`
}

// Run is called by kong.
func (c *caseListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	cases, err := site.db.Cases(a.ctx, store.CaseFilter{Account: c.Account, Owner: c.Owner, All: c.All, Limit: c.Limit, Urgent: true})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(cases)
	}
	var found []control.Finding // they belong to no account and to nobody
	if c.Account == "" && c.Owner == "" {
		if found, err = site.db.Findings(a.ctx, c.All); err != nil {
			return err
		}
	}
	if len(cases) == 0 && len(found) == 0 {
		a.say("no case waits", "没有待处理的差错单")
		return nil
	}
	if len(cases) > 0 {
		if err := a.printCases(cases); err != nil {
			return err
		}
	}
	return a.printFindings(found)
}

type caseShowCmd struct {
	ID string `arg:"" help:"Case, as case list shows it."`
}

// Run is called by kong.
func (c *caseShowCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	file, err := site.db.Case(a.ctx, c.ID)
	if err != nil {
		return err
	}
	shown := site.shown(file)
	if a.cli.JSON {
		return a.printJSON(shown)
	}
	return a.printCaseFile(shown)
}

type caseProposeCmd struct {
	ID     string `arg:"" help:"Case."`
	What   string `arg:"" help:"What case show offers: ACCEPT or a kind of fix."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
	person
	seen
}

// Run is called by kong.
func (c *caseProposeCmd) Run(a *app) error {
	return a.onCase(c.ID, c.person, func(s *site, file store.CaseFile, who string) error {
		if kind := schemas.FixKind(c.What); slices.Contains(s.shown(file).Elsewhere, kind) {
			return fault.New("E-6475", fault.V{"case": c.ID, "what": kind, "source": s.cfg.Local.Source, "date": datesOf(file.Case), "account": file.Account}, nil)
		}
		version, evidence := c.fill(file.Case)
		k, err := s.db.Propose(a.ctx, store.Asked{CaseID: c.ID, Version: version, Evidence: evidence, Maker: who, What: c.What, Reason: c.Reason})
		if err != nil {
			return err
		}
		return a.printCase(k)
	})
}

type caseApproveCmd struct {
	ID string `arg:"" help:"Case."`
	person
	seen
}

// Run is called by kong. The fixes are applied at once; a crash in between
// leaves them pending, and the next run or approval applies them.
func (c *caseApproveCmd) Run(a *app) error {
	return a.onCase(c.ID, c.person, func(s *site, file store.CaseFile, who string) error {
		version, evidence := c.fill(file.Case)
		if _, err := s.db.Approve(a.ctx, store.Answered{CaseID: c.ID, Version: version, Evidence: evidence, Checker: who}); err != nil {
			return err
		}
		if err := s.pipeline.ApplyPending(a.ctx, file.Account, func() error { return a.ctx.Err() }); err != nil {
			return err
		}
		a.result.Changed = "fixes"
		after, err := s.db.Case(a.ctx, c.ID)
		if err != nil {
			return err
		}
		return a.printCase(after.Case)
	})
}

type caseRejectCmd struct {
	ID     string `arg:"" help:"Case."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
	person
	seen
}

// Run is called by kong.
func (c *caseRejectCmd) Run(a *app) error {
	return a.onCase(c.ID, c.person, func(s *site, file store.CaseFile, who string) error {
		version, _ := c.fill(file.Case)
		k, err := s.db.Reject(a.ctx, store.Answered{CaseID: c.ID, Version: version, Checker: who, Reason: c.Reason})
		if err != nil {
			return err
		}
		return a.printCase(k)
	})
}

type caseCommentCmd struct {
	ID   string `arg:"" help:"Case."`
	Text string `arg:"" help:"What to write."`
	person
}

// Run is called by kong.
func (c *caseCommentCmd) Run(a *app) error {
	return a.onCase(c.ID, c.person, func(s *site, _ store.CaseFile, who string) error {
		return s.db.Comment(a.ctx, c.ID, who, c.Text)
	})
}

type caseAssignCmd struct {
	ID    string `arg:"" help:"Case."`
	Owner string `arg:"" help:"To whom; - gives it back."`
	person
	seen
}

// Run is called by kong.
func (c *caseAssignCmd) Run(a *app) error {
	return a.onCase(c.ID, c.person, func(s *site, file store.CaseFile, who string) error {
		version, _ := c.fill(file.Case)
		owner := c.Owner
		if owner == "-" {
			owner = ""
		}
		k, err := s.db.Assign(a.ctx, c.ID, version, who, owner)
		if err != nil {
			return err
		}
		return a.printCase(k)
	})
}

// onCase opens the site and the case for an act of one person.
func (a *app) onCase(id string, p person, do func(*site, store.CaseFile, string) error) error {
	who, err := p.name()
	if err != nil {
		return err
	}
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	file, err := site.db.Case(a.ctx, id)
	if err != nil {
		return err
	}
	return do(site, file, who)
}

func (a *app) printCase(k schemas.Case) error {
	if a.cli.JSON {
		return a.printJSON(k)
	}
	a.say(fmt.Sprintf("%s is %s (%s)", k.ID, k.State, report.Word(a.lang, "case", k.State)), fmt.Sprintf("%s 现为 %s（%s）", k.ID, k.State, report.Word(a.lang, "case", k.State)))
	return nil
}
