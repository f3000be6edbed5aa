package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
)

// channelsimCmd plays the channels, so that a configuration can be tried
// without any of them.
type channelsimCmd struct {
	Out      string `required:"" placeholder:"DIR" help:"Empty folder for the configuration, the keys and our own export."`
	HTTPPort int    `help:"Port of the HTTPS services." default:"18443"`
	FTPPort  int    `help:"Port of the FTP server." default:"18021"`
	SFTPPort int    `help:"Port of the SFTP server." default:"18022"`
	Rows     int    `help:"Payments of yesterday." default:"200"`
	Seed     uint64 `help:"Seed of the traffic." default:"1"`
}

// Run is called by kong. It serves yesterday's statements until it is
// interrupted.
func (c *channelsimCmd) Run(a *app) error {
	dir, err := (&demoCmd{Out: c.Out}).folder()
	if err != nil {
		return err
	}
	sim, err := channelsim.Start(a.ctx, channelsim.Options{Now: a.now, Seed: c.Seed, HTTPPort: c.HTTPPort, FTPPort: c.FTPPort, SFTPPort: c.SFTPPort, ReadyAt: time.Second})
	if err != nil {
		return err
	}
	defer sim.Close()
	if err := writeSite(dir, sim.Config(), "source: csv\n  path: "+filepath.Join("export", "{account}-{date}.csv"), ""); err != nil {
		return err
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return err
	}
	yesterday := bizday.Of(a.now(), zone).Add(-1)
	if err := c.yesterday(a, sim, dir, yesterday); err != nil {
		return err
	}
	a.say(fmt.Sprintf("serving the statements of %s; in another terminal:\n  cd %s\n  tieout channel check\n  tieout run --date %s --now\nstop with Ctrl-C", yesterday, dir, yesterday),
		fmt.Sprintf("正在提供 %s 的账单；请在另一个终端执行：\n  cd %s\n  tieout channel check\n  tieout run --date %s --now\n按 Ctrl-C 停止", yesterday, dir, yesterday))
	<-a.ctx.Done()
	return nil
}

// yesterday plays one day at the channels and writes our side of it.
func (c *channelsimCmd) yesterday(a *app, sim *channelsim.Sim, dir string, date bizday.Date) error {
	plan := channelsim.DefaultPlan(c.Seed, date, 1, c.Rows)
	plan.Files = nil
	days, err := channelsim.NewTraffic(plan)
	if err != nil {
		return err
	}
	day, _ := days.Next()
	if err := os.MkdirAll(filepath.Join(dir, "export"), 0o700); err != nil {
		return fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	side := newExportSide()
	for _, op := range day.Ops {
		if err := side.play(a.ctx, sim, op); err != nil {
			return err
		}
	}
	return side.write(filepath.Join(dir, "export"), date)
}
