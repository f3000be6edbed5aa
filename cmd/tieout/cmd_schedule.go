package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tieout/internal/pipeline"
	"tieout/internal/sched"
)

// scheduleCmd starts the nights.
type scheduleCmd struct {
	Print string `help:"Print units instead of running: crontab or systemd." enum:",crontab,systemd" default:""`
	Days  int    `help:"How many days back to catch up after downtime." default:"7"`
}

// Run is called by kong.
func (c *scheduleCmd) Run(a *app) error {
	if _, _, err := a.loadConfig(); err != nil {
		return err
	}
	if c.Print != "" {
		return a.printUnits(c.Print)
	}
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	return site.nights(a, c.Days).Run(a.ctx)
}

// nights is the loop that takes every account through its days.
func (s *site) nights(a *app, days int) *sched.Loop {
	plans := make([]sched.Plan, 0, len(s.accounts))
	for _, acct := range s.accounts {
		conf, _ := s.cfg.Account(acct.Name)
		plans = append(plans, sched.Plan{Account: acct.Name, Zone: acct.Definition.Day().Zone, ReadyAt: conf.Schedule.ReadyAt, Every: conf.Schedule.RetryEvery, GiveUp: conf.Schedule.GiveUp})
	}
	return &sched.Loop{Plans: plans, CatchUp: days, Store: schedStore{s}, Now: a.now, Sleep: sleepContext,
		Night: func(_ context.Context, job sched.Job) {
			// The exit code of one night is in the store and was alerted; the
			// loop lives on.
			a.logNight(job, a.night(dates{job.Date.String()}, accounts{Account: []string{job.Account}}, pipeline.Options{}, false))
		}}
}

func sleepContext(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// printUnits writes what an operator pastes. The nights run every ten minutes
// from ten o'clock; a day that is final costs one look into the database.
func (a *app) printUnits(kind string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	conf, err := filepath.Abs(a.cli.Config)
	if err != nil {
		return fmt.Errorf("find the configuration: %w", err)
	}
	text := systemdUnits(quoteUnit(self), quoteUnit(conf))
	if kind == "crontab" {
		text = crontabLine(quoteCron(self), quoteCron(conf))
	}
	if a.cli.JSON {
		return a.printJSON(map[string]any{kind: text})
	}
	_, err = fmt.Fprint(a.out, text)
	return err
}

func crontabLine(self, conf string) string {
	return fmt.Sprintf("# Every ten minutes from 10:00 to 18:50: a day that is final costs one look into the database.\n"+
		"# Exit code 10 means that items wait for review; see docs/runbook.md.\n"+
		"# A cron that does not know CRON_TZ (Debian's, Ubuntu's) takes these hours in the machine's zone: shift them there.\n"+
		"CRON_TZ=Asia/Shanghai\n*/10 10-18 * * * %s --config %s --quiet run\n", self, conf)
}

func systemdUnits(self, conf string) string {
	return fmt.Sprintf(`# /etc/systemd/system/tieout.service
[Unit]
Description=tieout: reconcile yesterday's payments

[Service]
Type=oneshot
ExecStart=%s --config %s --quiet run
SuccessExitStatus=10
TimeoutStopSec=15

# /etc/systemd/system/tieout.timer
[Unit]
Description=tieout: every ten minutes through the day

[Timer]
OnCalendar=*-*-* 10..18:00/10:00 Asia/Shanghai
Persistent=true

[Install]
WantedBy=timers.target
`, self, conf)
}

// quoteCron keeps a path one word for the shell; % ends a crontab command.
func quoteCron(p string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "%", `\%`).Replace(p) + "'"
}

// quoteUnit keeps a path one word for systemd.
func quoteUnit(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(p) + `"`
}
