package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tieout/internal/control"
	"tieout/internal/fault"
	"tieout/internal/store"
)

// controlCmd compares the systems with each other. What a check finds stays
// until it is gone, or until two people accept it as it is.
type controlCmd struct {
	Run      controlRunCmd      `cmd:"" help:"Make the checks on what moved since the last run; on everything, once a day or with --whole."`
	List     controlListCmd     `cmd:"" help:"List the checks: what each finds, how urgent it is, who acts."`
	Findings controlFindingsCmd `cmd:"" help:"List what was found, the most urgent first."`
	Propose  controlProposeCmd  `cmd:"" help:"Propose to leave a finding as it is."`
	Approve  controlApproveCmd  `cmd:"" help:"Approve what another person proposed."`
	Reject   controlRejectCmd   `cmd:"" help:"Send a proposal back."`
}

type controlRunCmd struct {
	Whole       bool  `help:"Look at everything, not only at what moved."`
	FixCap      int64 `placeholder:"MINOR" help:"Most that machines may fix in a day for one account and currency, in minor units." default:"50000000"`
	PayoutCap   int64 `placeholder:"MINOR" help:"Most that one merchant may be paid in a day in one currency, in minor units." default:"10000000000"`
	SuspendDays int64 `placeholder:"DAYS" help:"How long a case may hold money in suspense." default:"30"`
}

// controlLease keeps two runs from doing the same work, for as long as one may
// take.
const (
	controlLease = "control"
	controlTime  = 10 * time.Minute
)

// Run is called by kong. Open findings end with exit code 10.
func (c *controlRunCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	run, err := site.control(a.ctx, a.now(), c.Whole, control.Caps{FixMinor: c.FixCap, PayoutMinor: c.PayoutCap, SuspendDays: c.SuspendDays})
	if err != nil {
		return err
	}
	open, err := site.db.Findings(a.ctx, false)
	if err != nil {
		return err
	}
	if err := a.printControlRun(run, open); err != nil {
		return err
	}
	if len(open) > 0 {
		a.result.Next = "tieout_control_findings"
		return exitCode(10)
	}
	return nil
}

// control makes one run of the checks, whole if it is the first of its day.
func (s *site) control(ctx context.Context, at time.Time, whole bool, caps control.Caps) (control.Run, error) {
	lease, err := s.db.Acquire(ctx, controlLease, holder(at), controlTime)
	if err != nil {
		return control.Run{}, err
	}
	defer s.db.Release(ctx, lease) //nolint:errcheck // it expires by itself
	last, err := s.db.LastWholeControl(ctx)
	if err != nil {
		return control.Run{}, err
	}
	now := s.bankTime(at)
	today := now.Format(time.DateOnly)
	whole = whole || s.bankTime(last).Format(time.DateOnly) != today
	return s.db.Control(ctx, control.Checks(), control.Scope{Now: now.UnixMicro(), Today: today, Whole: whole, Caps: caps})
}

// controls makes the checks every minute until ctx ends; what they find is in
// the queue of the cases.
func (s *site) controls(ctx context.Context, now func() time.Time) error {
	return every(ctx, time.Minute, func() {
		run, err := s.control(ctx, now(), false, control.DefaultCaps())
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.Error("the controls did not run", "error", err)
		case run.Raised > 0:
			s.log.Warn("the controls found something", "run", run.Seq, "new", run.Raised)
		}
	})
}

// bankTime is the time where the accounts' days end.
func (s *site) bankTime(t time.Time) time.Time {
	if len(s.accounts) > 0 {
		return t.In(s.accounts[0].Definition.Day().Zone)
	}
	return t.UTC()
}

func (a *app) printControlRun(run control.Run, open []control.Finding) error {
	if a.cli.JSON {
		return a.printJSON(struct {
			control.Run
			Open []control.Finding `json:"open"`
		}{run, open})
	}
	what := a.tr("what moved", "变动部分")
	if run.Whole {
		what = a.tr("everything", "全量")
	}
	a.say(fmt.Sprintf("control run %d (%s): %s, %d new, %d gone, %d open", run.Seq, what, counted(run.Checks, "check"), run.Raised, run.Gone, len(open)),
		fmt.Sprintf("第 %d 次核对（%s）：检查 %d 项，新增 %d，消除 %d，未结 %d", run.Seq, what, run.Checks, run.Raised, run.Gone, len(open)))
	if a.cli.Quiet && len(open) == 0 {
		return nil
	}
	return a.printFindings(open)
}

type controlListCmd struct{}

// Run is called by kong.
func (c *controlListCmd) Run(a *app) error {
	checks := control.Checks()
	if a.cli.JSON {
		type shown struct {
			ID       string       `json:"id"`
			Kind     control.Kind `json:"kind"`
			Priority int          `json:"priority"`
			When     string       `json:"when"`
			Name     string       `json:"name"`
			Do       string       `json:"do"`
		}
		list := make([]shown, 0, len(checks))
		for _, c := range checks {
			list = append(list, shown{c.ID, c.Kind, c.Priority, a.checkRuns(&c), a.tr(c.Name.EN, c.Name.ZH), a.tr(c.Do.EN, c.Do.ZH)})
		}
		return a.printJSON(list)
	}
	t := newTable()
	t.add(a.tr("check", "检查项"), a.tr("prio", "优先级"), a.tr("kind", "类别"), a.tr("made", "频率"), a.tr("finds that", "发现"))
	for _, c := range checks {
		t.add(c.ID, "P"+strconv.Itoa(c.Priority), string(c.Kind), a.checkRuns(&c), a.tr(c.Name.EN, c.Name.ZH))
	}
	return t.print(a.out, "")
}

// checkRuns is which runs make a check.
func (a *app) checkRuns(c *control.Check) string {
	if c.Runs(false) {
		return a.tr("minute", "每分钟")
	}
	return a.tr("day", "每日")
}

type controlFindingsCmd struct {
	All bool `help:"Those that have ended too."`
}

// Run is called by kong.
func (c *controlFindingsCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	list, err := site.db.Findings(a.ctx, c.All)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.say("the controls found nothing", "监控未发现问题")
		return nil
	}
	return a.printFindings(list)
}

func (a *app) printFindings(list []control.Finding) error {
	if len(list) == 0 {
		return nil
	}
	t := newTable()
	t.add(a.tr("finding", "编号"), a.tr("prio", "优先级"), a.tr("state", "状态"), a.tr("check", "检查项"), a.tr("number", "单号"), a.tr("facts", "事实"), a.tr("what it is", "说明"), a.tr("what to do", "处理"))
	for _, f := range list {
		c, _ := control.Find(f.Check)
		t.add(f.ID, "P"+strconv.Itoa(f.Priority), string(f.State), f.Check, fault.Safe(f.Ref, 60), fault.Safe(f.Detail, 80), a.tr(c.Name.EN, c.Name.ZH), a.tr(c.Do.EN, c.Do.ZH))
	}
	return t.print(a.out, "")
}

type controlProposeCmd struct {
	ID     string `arg:"" help:"Finding, as control findings shows it."`
	Reason string `required:"" placeholder:"TEXT" help:"Why it may stay as it is."`
	person
}

// Run is called by kong.
func (c *controlProposeCmd) Run(a *app) error {
	return a.onFinding(c.person, func(db *store.DB, who string) (control.Finding, error) {
		return db.ProposeFinding(a.ctx, c.ID, who, c.Reason)
	})
}

type controlApproveCmd struct {
	ID string `arg:"" help:"Finding."`
	person
}

// Run is called by kong.
func (c *controlApproveCmd) Run(a *app) error {
	return a.onFinding(c.person, func(db *store.DB, who string) (control.Finding, error) {
		return db.ApproveFinding(a.ctx, c.ID, who)
	})
}

type controlRejectCmd struct {
	ID string `arg:"" help:"Finding."`
	person
}

// Run is called by kong.
func (c *controlRejectCmd) Run(a *app) error {
	return a.onFinding(c.person, func(db *store.DB, who string) (control.Finding, error) {
		return db.RejectFinding(a.ctx, c.ID, who)
	})
}

// onFinding opens the site for an act of one person.
func (a *app) onFinding(p person, act func(*store.DB, string) (control.Finding, error)) error {
	who, err := p.name()
	if err != nil {
		return err
	}
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	f, err := act(site.db, who)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(f)
	}
	a.say(fmt.Sprintf("%s is %s", f.ID, f.State), fmt.Sprintf("%s 现为 %s", f.ID, f.State))
	return nil
}
