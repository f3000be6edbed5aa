package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// dates is what every command that takes a date takes.
type dates struct {
	Date string `short:"d" placeholder:"DATE" help:"Bill date 2006-01-02, or a range 2006-01-02..2006-01-31. Default: yesterday in the channel's zone."`
}

// accounts selects accounts by name.
type accounts struct {
	Account []string `short:"a" placeholder:"NAME" help:"Account names of the configuration; default all."`
	Channel []string `placeholder:"NAME" help:"Only accounts of these channels."`
}

// runCmd is the night.
type runCmd struct {
	dates
	accounts
	Now           bool `help:"Try at once, although the next try is due later."`
	Force         bool `help:"Compute a day again that is already final."`
	Wait          bool `help:"Stay and try again until the statement is there or its give-up time has passed."`
	AcceptReissue bool `help:"Use a statement that the channel issued again with other content."`
	AcceptEmpty   bool `help:"Accept an empty statement although the account usually has rows."`
}

// Run is called by kong.
func (c *runCmd) Run(a *app) error {
	return a.night(c.dates, c.accounts, pipeline.Options{Now: c.Now, Force: c.Force, AcceptReissue: c.AcceptReissue, AcceptEmpty: c.AcceptEmpty}, c.Wait)
}

// stageCmd stops after the stage that it is named after.
type stageCmd struct {
	dates
	accounts
	Again bool `help:"fetch: ask the channel again although a statement is there."`
	Now   bool `help:"Try at once, although the next try is due later."`
}

// Run is called by kong.
func (c *stageCmd) Run(a *app) error {
	stage := strings.Fields(a.cmd.Command())[0]
	opt := pipeline.Options{Again: c.Again, Now: c.Now, Until: stage, Force: c.Again}
	if stage == pipeline.StageApply {
		opt.Until = ""
	}
	return a.night(c.dates, c.accounts, opt, false)
}

// night takes accounts through dates, in order, and prints a line for each.
func (a *app) night(d dates, sel accounts, opt pipeline.Options, wait bool) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(sel)
	if err != nil {
		return err
	}
	var lines []runLine
	for _, acct := range accts {
		from, to, err := a.span(d.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		for date := from; date <= to; date++ {
			line, err := a.oneRun(site, acct, date, opt, wait)
			lines = append(lines, line)
			if err != nil && a.ctx.Err() != nil {
				return err
			}
		}
	}
	if opt.Until == "" {
		if err := site.dayReports(a, lines); err != nil {
			return err
		}
	}
	return a.endOfNight(lines)
}

// runLine is one account and date of the result.
type runLine struct {
	Date    bizday.Date     `json:"date"`
	Account string          `json:"account"`
	Channel string          `json:"channel"`
	Run     string          `json:"run"`
	Verdict schemas.Verdict `json:"verdict"`
	Exit    int             `json:"exit"`
	Error   string          `json:"error,omitempty"` // id of the fault
	Message string          `json:"message,omitempty"`
	Matched int64           `json:"matched"`
	Breaks  int64           `json:"breaks"`
	Carried int64           `json:"carried"`
	Fixed   int64           `json:"auto_fixed"`
	Open    int64           `json:"open_cases"` // of the account, of all its days
	Rejects int64           `json:"rejects"`    // rows of the statements that could not be read
	Already bool            `json:"already_final"`
	Changed string          `json:"changed"`
	Stage   string          `json:"stage,omitempty"`
	Reports []string        `json:"reports,omitempty"`

	Changes *pipeline.Changes `json:"changes,omitempty"` // of a rerun
}

// oneRun runs one account and date, with its bar, and prints what came out.
func (a *app) oneRun(site *site, acct pipeline.Account, date bizday.Date, opt pipeline.Options, wait bool) (runLine, error) {
	bar := a.progress(acct.Name, date)
	opt.Progress = bar
	res, err := site.pipeline.Run(a.ctx, acct, date, opt)
	for wait && err != nil && fault.Of(err).ID == "E-2080" {
		if !a.sleepUntilNext(site, acct, date) {
			break
		}
		opt.Now = true
		res, err = site.pipeline.Run(a.ctx, acct, date, opt)
	}
	bar.finish()
	return a.lineOf(site, acct, date, res, err), err
}

// lineOf makes the line of one run, and prints it with its message.
func (a *app) lineOf(site *site, acct pipeline.Account, date bizday.Date, res pipeline.Result, err error) runLine {
	line := runLine{Date: date, Account: acct.Name, Channel: acct.Definition.Name, Run: res.Run.ID, Verdict: res.Verdict, Exit: res.Exit,
		Already: res.Already, Changed: res.Changed, Stage: res.Run.Stage}
	s, serr := pipeline.SummaryOf(res.Run)
	line.Matched, line.Breaks, line.Carried, line.Fixed, line.Reports = s.Matched, s.Breaks, s.Carried, s.AutoFixed, s.Reports
	if res.Report != nil {
		line.Rejects = res.Report.RejectRows
	}
	if err == nil { // a count that cannot be read must not look like zero
		line.Open, err = site.db.OpenCases(a.ctx, acct.Name)
		err = errors.Join(serr, err)
	}
	if err != nil {
		f := fault.Of(err)
		line.Exit, line.Error, line.Message = f.Exit(), string(f.ID), f.Message(a.lang)
		for _, f := range faults(err) {
			a.message(f)
		}
	}
	if !a.cli.JSON && !(a.cli.Quiet && line.Exit == 0) {
		fmt.Fprintln(a.out, line.text(a))
	}
	return line
}

// text is the line for people, and where the page of the run is.
func (l runLine) text(a *app) string {
	head := fmt.Sprintf("%s  %s  ", l.Date, l.Account)
	verdict := ""
	if l.Verdict != 0 {
		verdict = a.verdict(l.Verdict)
	}
	switch {
	case l.Error != "":
		return head + l.Error
	case l.Already:
		return head + fmt.Sprintf(a.tr("%s; already final, nothing to do", "%s；已完成，无需处理"), verdict)
	case strings.HasSuffix(l.Run, ".dry"):
		return head + a.tr("dry run: nothing was applied or published", "试运行：未做任何处理或发布")
	case l.Verdict == 0: // stopped after a stage
		return head + fmt.Sprintf(a.tr("done up to stage %s", "已执行至阶段 %s"), l.Stage)
	}
	text := head + fmt.Sprintf(a.tr("%s: matched %d, differences %d, in transit %d, fixed %d; open cases %d", "%s：平账 %d，差错 %d，在途 %d，自动处理 %d；待处理差错单 %d"),
		verdict, l.Matched, l.Breaks, l.Carried, l.Fixed, l.Open)
	if l.Rejects > 0 {
		text += fmt.Sprintf(a.tr("; rows that cannot be read %d", "；无法读取 %d 行"), l.Rejects)
	}
	for _, file := range l.Reports {
		if strings.HasSuffix(file, "."+string(a.lang)+".html") {
			text += "\n  " + file
		}
	}
	return text
}

// endOfNight prints the JSON and gives the exit code: the most severe wins.
func (a *app) endOfNight(lines []runLine) error {
	codes := []int{0}
	changed := "none"
	for _, l := range lines {
		codes = append(codes, l.Exit)
		if l.Changed == "fixes" || (l.Changed == "results" && changed == "none") {
			changed = l.Changed
		}
	}
	worst := fault.Worst(codes...)
	a.result = resultLine{Changed: changed}
	for _, l := range lines {
		if l.Exit == worst {
			a.result.Run, a.result.Date, a.result.Channel, a.result.Stage = l.Run, l.Date.String(), l.Channel, l.Stage
			break
		}
	}
	a.result.Next = nextStep[worst]
	if a.cli.JSON {
		if err := a.printJSON(map[string]any{"code": worst, "runs": lines}); err != nil {
			return err
		}
	}
	if worst == 0 {
		return nil
	}
	return exitCode(worst)
}

// nextStep is the hint of the RESULT line.
var nextStep = map[int]string{10: "case-list", 11: "case-list", 20: "wait", 21: "fetch-again", 22: "accept-reissue", 23: "ask-channel", 24: "ask-channel",
	30: "check-keys", 31: "retry", 40: "retry", 41: "free-disk", 42: "restore", 43: "migrate", 50: "report-defect", 130: "rerun", 143: "rerun"}

// span reads a date or a range; "" is yesterday in the zone.
func (a *app) span(s string, zone *time.Location) (from, to bizday.Date, err error) {
	if s == "" {
		y := bizday.Of(a.now(), zone).Add(-1)
		return y, y, nil
	}
	first, last, isRange := strings.Cut(s, "..")
	if !isRange {
		last = first
	}
	if from, err = bizday.Parse(first); err == nil {
		to, err = bizday.Parse(last)
	}
	if err == nil && to < from {
		err = fmt.Errorf("the range %s ends before it begins", s)
	}
	if err == nil && to > bizday.Of(a.now(), zone) {
		err = fmt.Errorf("%s has not begun yet", to)
	}
	if err != nil {
		return 0, 0, fault.New("E-6401", fault.V{"command": firstOf(a.cmd.Command()), "reason": err.Error()}, nil)
	}
	return from, to, nil
}

// day reads one date, as span does; a range is refused with a reason.
func (a *app) day(s string, zone *time.Location, reason string) (bizday.Date, error) {
	from, to, err := a.span(s, zone)
	if err == nil && from != to {
		err = fault.New("E-6401", fault.V{"command": firstOf(a.cmd.Command()), "reason": reason}, nil)
	}
	return from, err
}

func firstOf(s string) string { return strings.Fields(s + " -")[0] }

// sleepUntilNext waits for the next rung of the ladder; false when there is none.
func (a *app) sleepUntilNext(site *site, acct pipeline.Account, date bizday.Date) bool {
	var next time.Time
	for _, spec := range acct.Statements {
		at, ok, err := site.db.LastFetchAttempt(a.ctx, acct.Name, date, spec.String())
		if err != nil || !ok || at.NextAt.IsZero() {
			continue
		}
		if next.IsZero() || at.NextAt.Before(next) {
			next = at.NextAt
		}
	}
	if next.IsZero() {
		return false
	}
	t := time.NewTimer(next.Sub(a.now()))
	defer t.Stop()
	select {
	case <-a.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// selected returns the accounts by name and channel, in the order of the
// configuration.
func (s *site) selected(sel accounts) ([]pipeline.Account, error) {
	for _, name := range sel.Account {
		if _, ok := s.cfg.Account(name); !ok {
			return nil, fault.New("E-7893", fault.V{"account": name, "known": s.known()}, nil)
		}
	}
	var out []pipeline.Account
	for _, a := range s.accounts {
		if len(sel.Account) > 0 && !slices.Contains(sel.Account, a.Name) {
			continue
		}
		if len(sel.Channel) > 0 && !slices.Contains(sel.Channel, a.Definition.Name) {
			continue
		}
		out = append(out, a)
	}
	if len(out) == 0 { // a night of no account must not look like a good one
		return nil, fault.New("E-7895", fault.V{"account": cmp.Or(strings.Join(sel.Account, ","), "*"), "channel": strings.Join(sel.Channel, ","), "known": s.known()}, nil)
	}
	return out, nil
}

// known lists the accounts with their channels, for messages.
func (s *site) known() string {
	all := make([]string, len(s.accounts))
	for i, a := range s.accounts {
		all[i] = a.Name + " (" + a.Definition.Name + ")"
	}
	return strings.Join(all, ", ")
}
