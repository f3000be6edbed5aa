package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/report"
	"tieout/schemas"
)

// reportCmd writes reports again, from what the runs kept.
type reportCmd struct {
	dates
	accounts
}

// Run is called by kong.
func (c *reportCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	var lines []runLine
	for _, acct := range accts {
		from, to, err := a.span(c.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		for date := from; date <= to; date++ {
			run, ok, err := site.db.Current(a.ctx, acct.Name, date)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New("E-2083", fault.V{"account": acct.Name, "date": date}, nil)
			}
			rep, err := site.pipeline.LoadReport(a.ctx, run)
			if err != nil {
				return err
			}
			files, err := reporter{}.Write(a.ctx, acct.ReportDir, rep, langs(a.lang))
			if err != nil {
				return err
			}
			for _, f := range files {
				a.say(f.Name, f.Name)
			}
			lines = append(lines, runLine{Date: date, Account: acct.Name})
		}
	}
	return site.dayReports(a, lines)
}

// reporter writes the reports of a run into reports/DATE/ACCOUNT.
type reporter struct{}

// Write implements pipeline.Reporter; the names that it returns are paths.
func (reporter) Write(ctx context.Context, dir string, r *schemas.RunReport, languages []fault.Lang) ([]schemas.FileUsed, error) {
	folder := filepath.Join(dir, r.Date.String(), r.Account)
	files, err := report.Write(ctx, folder, r, languages)
	for i := range files {
		files[i].Name = filepath.Join(folder, files[i].Name)
	}
	return files, err
}

// dayMutex keeps two nights of one process from writing the same day's page.
var dayMutex sync.Mutex

// dayReports writes the page of each date that was touched, over all accounts.
func (s *site) dayReports(a *app, lines []runLine) error {
	dayMutex.Lock()
	defer dayMutex.Unlock()
	var dates []bizday.Date
	for _, l := range lines {
		if !slices.Contains(dates, l.Date) {
			dates = append(dates, l.Date)
		}
	}
	slices.Sort(dates)
	for _, d := range dates {
		day, err := s.day(a.ctx, d)
		if err != nil {
			return err
		}
		if len(day.Runs) == 0 {
			continue
		}
		if _, err := report.WriteDay(a.ctx, filepath.Join(s.cfg.Data, "reports", d.String()), day, langs(a.lang)); err != nil {
			return fmt.Errorf("write the report of %s: %w", d, err)
		}
	}
	return nil
}

// day gathers the current runs of a date.
func (s *site) day(ctx context.Context, date bizday.Date) (*schemas.DayReport, error) {
	day := &schemas.DayReport{Date: date}
	for _, acct := range s.accounts {
		run, ok, err := s.db.Current(ctx, acct.Name, date)
		if err != nil {
			return nil, err
		}
		if !ok {
			day.Missing = append(day.Missing, acct.Name)
			continue
		}
		rep, err := s.pipeline.LoadReport(ctx, run)
		if err != nil {
			return nil, err
		}
		day.Runs = append(day.Runs, rep)
		if day.Verdict == 0 || rep.Verdict < day.Verdict {
			day.Verdict = rep.Verdict
		}
	}
	if len(day.Missing) > 0 {
		day.Verdict = schemas.Incomplete
	}
	return day, nil
}

var _ pipeline.Reporter = reporter{}
