package main

import (
	"cmp"
	"fmt"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
)

// rerunCmd makes a new attempt at a day that has a result.
type rerunCmd struct {
	dates
	accounts
	From          string `help:"Take the stages before this one from the current attempt: normalize, export, match, resolve." enum:",normalize,export,match,query,resolve" default:""`
	DryRun        bool   `help:"Compute and show what would change; apply and publish nothing."`
	AcceptReissue bool   `help:"Use a statement that the channel issued again with other content."`
	AcceptEmpty   bool   `help:"Accept an empty statement although the account usually has rows."`
	Cascade       bool   `help:"Then rebuild the later days whose carried items changed, in order."`
}

// Run is called by kong.
func (c *rerunCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	opt := pipeline.Options{Force: true, Now: true, From: c.From, DryRun: c.DryRun, AcceptReissue: c.AcceptReissue, AcceptEmpty: c.AcceptEmpty}
	var lines []runLine
	for _, acct := range accts {
		from, to, err := a.span(c.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		for date := from; date <= to; date++ {
			line, err := a.rerun(site, acct, date, opt)
			lines = append(lines, line)
			if err != nil && a.ctx.Err() != nil {
				return err
			}
		}
		if c.Cascade && !c.DryRun {
			more, err := a.cascade(site, acct, to)
			lines = append(lines, more...)
			if err != nil {
				return err
			}
		}
	}
	if !c.DryRun {
		if err := site.dayReports(a, lines); err != nil {
			return err
		}
	}
	return a.endOfNight(lines)
}

// rerun runs one day and prints what changed.
func (a *app) rerun(site *site, acct pipeline.Account, date bizday.Date, opt pipeline.Options) (runLine, error) {
	bar := a.progress(acct.Name, date)
	opt.Progress = bar
	res, err := site.pipeline.Run(a.ctx, acct, date, opt)
	bar.finish()
	line := a.lineOf(site, acct, date, res, err)
	if res.Changes != nil && !a.cli.JSON {
		if opt.DryRun {
			a.say("would change:", "将发生的变化：")
		}
		for _, l := range res.Changes.Lines() {
			a.say("  "+l, "  "+a.tell(l, 400))
		}
	}
	line.Changes = res.Changes
	return line, err
}

// cascade reruns the stale days after a date, oldest first, until none is left.
func (a *app) cascade(site *site, acct pipeline.Account, after bizday.Date) ([]runLine, error) {
	var lines []runLine
	runs, err := site.db.Runs(a.ctx, acct.Name, after.Add(1), bizday.Of(a.now(), acct.Definition.Day().Zone))
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if !r.Current {
			continue
		}
		cur, ok, err := site.db.Current(a.ctx, acct.Name, r.BillDate)
		if err != nil {
			return lines, err
		}
		if !ok || !cur.Stale {
			continue
		}
		line, err := a.rerun(site, acct, r.BillDate, pipeline.Options{Force: true, Now: true, From: pipeline.StageMatch})
		lines = append(lines, line)
		if err != nil {
			return lines, err
		}
	}
	return lines, nil
}

// replayCmd computes a published day again.
type replayCmd struct {
	dates
	accounts
	Verify bool `help:"Compare with what was published, and keep nothing: identical, or the first thing that differs. What another version published is compared by content, not by bytes."`
}

// replayed is one day computed again.
type replayed struct {
	Date      bizday.Date              `json:"date"`
	Account   string                   `json:"account"`
	Run       string                   `json:"run"`
	Identical *bool                    `json:"identical,omitempty"` // in content, if the versions differ
	SameBytes *bool                    `json:"same_bytes,omitempty"`
	Versions  []pipeline.VersionChange `json:"versions,omitempty"` // what differs
	First     string                   `json:"first_difference,omitempty"`
	Kept      string                   `json:"kept,omitempty"`
}

// Run is called by kong.
func (c *replayCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	var all []replayed
	codes := []int{0}
	for _, acct := range accts {
		from, to, err := a.span(c.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		for date := from; date <= to; date++ {
			r, err := c.replay(a, site, acct, date)
			if err != nil {
				a.message(fault.Of(err))
				codes = append(codes, fault.Of(err).Exit())
				if a.ctx.Err() != nil {
					return err
				}
			}
			all = append(all, r)
		}
	}
	if a.cli.JSON {
		if err := a.printJSON(all); err != nil {
			return err
		}
	}
	if worst := fault.Worst(codes...); worst != 0 {
		return exitCode(worst)
	}
	return nil
}

// replay computes one day and says what came of it.
func (c *replayCmd) replay(a *app, site *site, acct pipeline.Account, date bizday.Date) (replayed, error) {
	r := replayed{Date: date, Account: acct.Name}
	if !c.Verify {
		dir, run, err := site.pipeline.Recompute(a.ctx, acct, date)
		if r.Run, r.Kept = run.ID, dir; err == nil {
			a.say(fmt.Sprintf("%s %s %s recomputed into %s", date, acct.Name, run.ID, dir), fmt.Sprintf("%s %s %s 已重算，文件在 %s", date, acct.Name, run.ID, dir))
		}
		return r, err
	}
	got, err := site.pipeline.Replay(a.ctx, acct, date)
	r.Run = got.Run.ID
	if err != nil {
		return r, err
	}
	same := got.First == ""
	r.Identical, r.SameBytes, r.Versions, r.First = &same, &got.SameBytes, got.Versions, got.First
	what, day := "not identical", fmt.Sprintf("%s %s %s", date, acct.Name, r.Run)
	if len(got.Versions) > 0 {
		was, is := versionsOf(got.Versions)
		a.say(fmt.Sprintf("%s made with %s; computed again with %s", day, was, is), fmt.Sprintf("%s 由 %s 生成；现由 %s 重算", day, was, is))
		what = "not identical in content, made by another version"
	}
	if !same {
		stage, _, _ := strings.Cut(got.First, "/")
		return r, fault.New("E-5081", fault.V{"what": what, "account": acct.Name, "date": date, "stage": stage, "first": got.First}, nil)
	}
	if got.SameBytes {
		a.say(day+" identical", day+" 完全一致")
		return r, nil
	}
	was, _ := versionsOf(got.Versions)
	a.say(fmt.Sprintf("%s identical in content; made by %s, bytes differ", day, was), fmt.Sprintf("%s 内容一致；由 %s 生成，字节不同", day, was))
	return r, nil
}

// versionsOf names what differs, as it was and as it is.
func versionsOf(changes []pipeline.VersionChange) (was, is string) {
	var old, now []string
	for _, c := range changes {
		old, now = append(old, c.Name+" "+cmp.Or(c.Was, "-")), append(now, c.Name+" "+cmp.Or(c.Is, "-"))
	}
	return strings.Join(old, ", "), strings.Join(now, ", ")
}

// undoCmd takes back the fixes of a run.
type undoCmd struct {
	RunID  string `name:"run" required:"" placeholder:"RUN" help:"The run, as status shows it."`
	By     string `required:"" placeholder:"NAME" help:"Who does it."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
}

// Run is called by kong.
func (c *undoCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	run, ok, err := site.db.RunByID(a.ctx, c.RunID)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New("E-6401", fault.V{"command": "undo", "reason": "there is no run " + c.RunID}, nil)
	}
	done, err := site.pipeline.Undo(a.ctx, run, c.By, c.Reason)
	for _, d := range done {
		a.say(fmt.Sprintf("%s: reversal of %s, %s", d.Result.State, d.Fix.Reverses, a.amount(d.Fix.AmountMinor, d.Fix.Currency)),
			fmt.Sprintf("%s：冲正 %s，%s", d.Result.State, d.Fix.Reverses, a.amount(d.Fix.AmountMinor, d.Fix.Currency)))
	}
	a.result = resultLine{Run: run.ID, Date: run.BillDate.String(), Changed: "none"}
	switch {
	case len(done) > 0:
		a.result.Changed = "fixes"
	case err == nil:
		a.say(run.ID+" has no fix to take back", run.ID+" 没有可撤销的处理")
	}
	return err
}

// diffCmd compares two runs.
type diffCmd struct {
	From string `arg:"" help:"A run, as status shows it."`
	To   string `arg:"" help:"Another run."`
}

// Run is called by kong.
func (c *diffCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	from, okFrom, err := site.db.RunByID(a.ctx, c.From)
	if err != nil {
		return err
	}
	to, okTo, err := site.db.RunByID(a.ctx, c.To)
	if err != nil {
		return err
	}
	if !okFrom || !okTo {
		return fault.New("E-6401", fault.V{"command": "diff", "reason": "there is no such run"}, nil)
	}
	changes, err := site.pipeline.Diff(a.ctx, from, to)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(changes)
	}
	for _, l := range changes.Lines() {
		a.say(l, a.tell(l, 400))
	}
	return nil
}
