package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tieout/internal/alert"
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
	Untold  []string        `json:"untold,omitempty"` // places that an alert about the day did not reach, and why
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
	untold, err := untoldOf(a.ctx, site.db)
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
			line.Untold = untold[told{acct.Name, date, line.Exit}]
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

// told is what an alert was about. A day that has moved on has another exit code:
// its old alerts are no longer news.
type told struct {
	account string
	date    bizday.Date
	exit    int
}

// untoldOf lists what people should have been told and were not.
func untoldOf(ctx context.Context, db *store.DB) (map[told][]string, error) {
	alerts, err := db.UnsentAlerts(ctx, 1000)
	if err != nil {
		return nil, err
	}
	untold := map[told][]string{}
	for _, u := range alerts {
		var said alert.Alert
		if err := json.Unmarshal([]byte(u.Payload), &said); err != nil {
			return nil, fmt.Errorf("read alert %d: %w", u.ID, err)
		}
		of := told{u.Account, u.BillDate, said.Exit}
		untold[of] = append(untold[of], u.Sink+": "+u.LastError)
	}
	return untold, nil
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
	switch {
	case !ok:
		line.Fetch, err = fetchState(a, site.db, acct, date)
	case last.Attempt > cur.Attempt && last.State == store.RunFailed: // the result stands, but something waits
		line.Error = last.ErrorID
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
		return a.printJSON(lines)
	}
	t := newTable(4, 5)
	t.add(a.tr("bill date", "账单日"), a.tr("account", "账户"), a.tr("state", "状态"), a.tr("verdict", "结论"), a.tr("differences", "差错"), a.tr("in transit", "在途"), a.tr("run", "批次"), "")
	for _, l := range lines {
		if l.State == "FINAL" && l.Error == "" && a.cli.Quiet {
			continue
		}
		row := []string{l.Date.String(), l.Account, l.State, "", "", "", l.Run, strings.TrimSpace(l.Error + " " + a.tell(l.Fetch, 120))}
		if len(l.Untold) > 0 {
			row[7] += a.tr(" alert not delivered to ", " 告警未送达 ") + fault.Safe(strings.Join(slices.Compact(slices.Sorted(slices.Values(l.Untold))), "; "), 200)
		}
		if l.Verdict != 0 {
			row[3], row[4], row[5] = a.verdict(l.Verdict), strconv.FormatInt(l.Open, 10), strconv.FormatInt(l.Carried, 10)
		}
		t.add(row...)
	}
	if len(t.rows) == 1 && a.cli.Quiet {
		return nil
	}
	return t.print(a.out, "")
}
