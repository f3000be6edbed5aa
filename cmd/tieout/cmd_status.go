package main

import (
	"encoding/json"
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/store"
	"tieout/schemas"
)

// statusCmd shows days: what is final, what is missing, what is late, who is at
// work.
type statusCmd struct {
	dates
	accounts
	Days int `help:"How many days back, when no date is given." default:"7"`
}

// statusLine is one account and day.
type statusLine struct {
	Date    bizday.Date     `json:"date"`
	Account string          `json:"account"`
	Run     string          `json:"run,omitempty"`
	State   string          `json:"state"` // FINAL, STALE, MISSING, RUNNING, FAILED
	Verdict schemas.Verdict `json:"verdict"`
	Exit    int             `json:"exit"`
	Error   string          `json:"error,omitempty"`
	Stage   string          `json:"stage,omitempty"`
	Fetch   string          `json:"fetch,omitempty"` // where fetching stands, with the next try
	Open    int64           `json:"breaks"`
	Carried int64           `json:"carried"`
}

// Run is called by kong. A day without a result ends with exit code 20.
func (c *statusCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	var lines []statusLine
	missing := 0
	for _, acct := range accts {
		from, to, err := a.span(c.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		if c.Date == "" {
			from = to.Add(1 - c.Days)
		}
		for date := from; date <= to; date++ {
			line, err := statusOf(a, site, acct, date)
			if err != nil {
				return err
			}
			if line.State != "FINAL" {
				missing++
			}
			lines = append(lines, line)
		}
	}
	if err := a.printStatus(lines); err != nil {
		return err
	}
	if missing > 0 {
		a.result.Next = "run"
		return exitCode(20)
	}
	return nil
}

func statusOf(a *app, site *site, acct pipeline.Account, date bizday.Date) (statusLine, error) {
	line := statusLine{Date: date, Account: acct.Name, State: "MISSING"}
	cur, ok, err := site.db.Current(a.ctx, acct.Name, date)
	if err != nil {
		return line, err
	}
	last, tried, err := site.db.LastAttempt(a.ctx, acct.Name, date)
	if err != nil {
		return line, err
	}
	switch {
	case ok && cur.Stale:
		line.State = "STALE"
	case ok:
		line.State = "FINAL"
	case tried:
		line.State = string(last.State)
	}
	show := last
	if ok {
		show = cur
	}
	if tried {
		line.Run, line.Verdict, line.Exit, line.Error, line.Stage = show.ID, show.Verdict, show.ExitCode, show.ErrorID, show.Stage
		s, err := pipeline.SummaryOf(show)
		if err != nil {
			return line, err
		}
		line.Open, line.Carried = s.Breaks, s.Carried
	}
	if !ok {
		line.Fetch, err = fetchState(a, site.db, acct, date)
	}
	return line, err
}

// fetchState says how fetching stands, for a day without a result.
func fetchState(a *app, db *store.DB, acct pipeline.Account, date bizday.Date) (string, error) {
	for _, spec := range acct.Statements {
		at, ok, err := db.LastFetchAttempt(a.ctx, acct.Name, date, spec.String())
		if err != nil || !ok || at.State == schemas.FetchFetched {
			if err != nil {
				return "", err
			}
			continue
		}
		text := fmt.Sprintf("%s %s after %d tries", spec, at.State, at.Attempt)
		if !at.NextAt.IsZero() {
			text += ", next " + at.NextAt.In(acct.Definition.Day().Zone).Format("2006-01-02 15:04")
		}
		return text, nil
	}
	return "", nil
}

func (a *app) printStatus(lines []statusLine) error {
	if a.cli.JSON {
		body, err := json.MarshalIndent(lines, "", "  ")
		if err != nil {
			return fmt.Errorf("encode the result: %w", err)
		}
		_, err = fmt.Fprintln(a.out, string(body))
		return err
	}
	for _, l := range lines {
		verdict := ""
		if l.Verdict != 0 {
			verdict = l.Verdict.String()
		}
		fmt.Fprintf(a.out, "%s  %-16s %-8s %-11s %4d breaks %4d carried  %s %s %s\n", l.Date, l.Account, l.State, verdict, l.Open, l.Carried, l.Run, l.Error, fault.Safe(l.Fetch, 120))
	}
	return nil
}
