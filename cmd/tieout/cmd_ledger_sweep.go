package main

import (
	"context"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
)

type ledgerSweepCmd struct {
	Date string `short:"d" placeholder:"DATE" help:"Day, in the zone of the settlement; default yesterday."`
}

// Run is called by kong. A rule that could not be carried out ends with exit
// code 10: somebody has to look.
func (c *ledgerSweepCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	zone, err := time.LoadLocation(site.cfg.Settlement.Zone)
	if err != nil {
		return err
	}
	date, err := a.day(c.Date, zone, "one day at a time")
	if err != nil {
		return err
	}
	list, err := site.sweep(a.ctx, a.now, date)
	if err != nil {
		return err
	}
	refused := false
	t := newTable()
	for _, s := range list {
		refused = refused || s.Result.Effect == paycore.Refused
		t.add(fault.Safe(s.Entity, 40), s.Currency, fault.Safe(s.Parent, 40), string(s.Result.Effect), fault.Safe(fault.Translate(a.lang, s.Result.Reason), 120))
	}
	if a.cli.JSON {
		err = a.printJSON(list)
	} else {
		err = t.print(a.out, "")
	}
	if err == nil && refused {
		err = exitCode(10)
	}
	return err
}

// sweep carries out the rules of the configuration that are on.
func (s *site) sweep(ctx context.Context, now func() time.Time, date bizday.Date) ([]paycore.Swept, error) {
	rules := []paycore.SweepRule{}
	for _, r := range s.cfg.Ledger.Sweep {
		if r.Off {
			continue
		}
		keep, err := r.KeepMinor()
		if err != nil {
			return nil, err
		}
		rules = append(rules, paycore.SweepRule{Entity: r.Entity, Currency: r.Currency, KeepMinor: keep})
	}
	return s.newCore(now).SweepDay(ctx, s.db, date.String(), rules)
}

// sweeps carries out the rules when a day has ended, once for each day. A day
// that ended while nothing ran is carried out when it runs again.
func (s *site) sweeps(ctx context.Context, now func() time.Time) error {
	zone, err := time.LoadLocation(s.cfg.Settlement.Zone)
	if err != nil {
		return err
	}
	var done bizday.Date
	return every(ctx, time.Minute, func() {
		yesterday := bizday.Of(now(), zone).Add(-1)
		if yesterday == done || len(s.cfg.Ledger.Sweep) == 0 {
			return
		}
		list, err := s.sweep(ctx, now, yesterday)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("the sweep did not run", "date", yesterday, "error", err)
			}
			return
		}
		done = yesterday
		for _, r := range list {
			if r.Result.Effect == paycore.Refused {
				s.log.Warn("not swept", "date", yesterday, "entity", r.Entity, "currency", r.Currency, "reason", r.Result.Reason)
			}
		}
	})
}
