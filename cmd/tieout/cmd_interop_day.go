package main

import (
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/settlement"
)

type interopDayCmd struct {
	Date string `short:"d" placeholder:"DATE" help:"Day, in the zone of the settlement; default yesterday."`
}

// Run is called by kong.
func (c *interopDayCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	date, day, err := a.interopDay(site, c.Date)
	if err != nil {
		return err
	}
	list, err := site.db.InteropDays(a.ctx, date, day)
	if err != nil {
		return err
	}
	a.result.Date = date.String()
	for i := range list {
		for j := range list[i].Payments {
			p := &list[i].Payments[j]
			p.Payee = p.Payee.Masked()
		}
	}
	if a.cli.JSON {
		return a.printJSON(list)
	}
	sums, payments := newTable(2, 3, 4, 5, 6, 7), newTable(1)
	for _, d := range list {
		sums.add(d.Organisation, d.Currency, counted(int(d.Debits), "debit"), a.amount(d.DebitMinor, d.Currency), counted(int(d.Refunds), "refund"), a.amount(d.RefundMinor, d.Currency),
			a.amount(d.DebitMinor-d.RefundMinor, d.Currency), a.amount(d.OwedMinor, d.Currency))
		for _, p := range d.Payments {
			payments.add(p.Number, a.amount(p.AmountMinor, p.Currency), string(p.State), p.Payee.Name, p.Payee.Account, p.Maker, p.Checker, p.File, p.Reason)
		}
	}
	if err := sums.print(a.out, ""); err != nil {
		return err
	}
	return payments.print(a.out, "")
}

// interopDay is the day of a flag, or yesterday, where the settlement is.
func (a *app) interopDay(s *site, flag string) (bizday.Date, bizday.Interval, error) {
	zone, err := time.LoadLocation(s.cfg.Settlement.Zone)
	if err != nil {
		return 0, bizday.Interval{}, fault.New("E-7897", fault.V{"merchant": "-", "reason": "no such zone"}, err)
	}
	date, err := a.day(flag, zone, "one day at a time")
	return date, bizday.Day{Zone: zone}.Of(date), err
}

type interopSettleCmd struct {
	Date         string `short:"d" placeholder:"DATE" help:"Day, in the zone of the settlement; default yesterday."`
	Organisation string `placeholder:"NAME" help:"Clearing organisation; default the only one."`
	Currency     string `default:"CNY" help:"Currency."`
	person
}

// Run is called by kong. What is approved goes out with `settle payout`.
func (c *interopSettleCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		conf, err := s.interopWith(c.Organisation)
		if err != nil {
			return err
		}
		if conf.Bank == "" {
			return fault.New("E-7892", fault.V{"account": "-", "option": "interop.bank", "reason": "is needed, and payee"}, nil)
		}
		date, day, err := a.interopDay(s, c.Date)
		if err != nil {
			return err
		}
		p, err := s.db.PayInterop(a.ctx, conf.Organisation, c.Currency, date, day, conf.Bank, settlement.Payee(conf.Payee), who)
		if err != nil {
			return err
		}
		a.result.Date, a.result.Changed = date.String(), "payment"
		p.Payee = p.Payee.Masked()
		if a.cli.JSON {
			if err := a.printJSON(p); err != nil {
				return err
			}
		}
		line := p.Number + " " + string(p.State) + ": " + a.amount(p.AmountMinor, p.Currency) + ", " + p.Payee.Name + " " + p.Payee.Account
		a.say(line, line)
		if p.State == settlement.Proposed {
			a.secondPerson(p.Number)
			return exitCode(10)
		}
		return nil
	})
}
