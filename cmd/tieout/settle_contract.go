package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/paycore"
	"tieout/internal/pipeline"
	"tieout/internal/settlement"
	"tieout/schemas"
)

// contracts turns the configuration's contracts into settlement's.
func contracts(s config.Settlement) (map[string]*settlement.Contract, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, fault.New("E-7897", fault.V{"merchant": "-", "reason": "no such zone"}, err)
	}
	all := map[string]*settlement.Contract{}
	for _, c := range s.Merchants {
		contract := &settlement.Contract{Merchant: c.ID, Cycle: settlement.Cycle{Days: c.Days, BankDays: c.Count == "bank_days"}, HoldDays: c.HoldDays,
			Bank: c.Bank, Payee: settlement.Payee(c.Payee), NotifyURL: c.NotifyURL}
		if contract.Split, err = splitTerms(c.Split); err != nil {
			return nil, fault.New("E-7897", fault.V{"merchant": c.ID, "reason": err.Error()}, nil)
		}
		for _, f := range c.Fees {
			fee, err := feeOf(f, zone)
			if err == nil {
				if why := fee.Wrong(); why != "" {
					err = errors.New(why)
				}
			}
			if err != nil {
				return nil, fault.New("E-7897", fault.V{"merchant": c.ID, "reason": err.Error()}, nil)
			}
			contract.Fees = append(contract.Fees, fee)
		}
		if i, j := contract.Overlap(); i >= 0 {
			return nil, fault.New("E-7897", fault.V{"merchant": c.ID, "reason": fmt.Sprintf("fees %d and %d hold for the same trades", i, j)}, nil)
		}
		all[c.ID] = contract
	}
	return all, nil
}

func splitTerms(c config.Split) (settlement.SplitTerms, error) {
	ppm, err := config.SharePPM(c.MaxPercent)
	return settlement.SplitTerms{MaxPPM: ppm, HoldDays: c.HoldDays, ReturnFirst: c.Refund == "return_first"}, err
}

func feeOf(f config.Fee, zone *time.Location) (fee settlement.Fee, err error) {
	fee = settlement.Fee{Channel: f.Channel, Product: f.Product, Currency: f.Currency}
	fee.Returns = f.Refund == "returned"
	amount := func(text string) (v int64) {
		if text != "" && err == nil {
			v, err = money.ParseIn([]byte(text), money.Currency(f.Currency))
		}
		return v
	}
	share := func(text string) (v int64) {
		if err == nil {
			v, err = config.SharePPM(text)
		}
		return v
	}
	fee.PPM, fee.Fixed, fee.Min, fee.Max = share(f.Percent), amount(f.Fixed), amount(f.Min), amount(f.Max)
	for _, t := range f.Tiers {
		fee.Tiers = append(fee.Tiers, settlement.Tier{From: amount(t.From), PPM: share(t.Percent), Fixed: amount(t.Fixed)})
	}
	if err == nil {
		fee.From, err = config.Moment(f.From, zone)
	}
	if err == nil {
		fee.To, err = config.Moment(f.To, zone)
	}
	return fee, err
}

// collection gathers what settlement must know about a bill date: contracts,
// calendar, and what the nights say about each account. extra are further days
// of items that are looked at again. unproven says what is not proven yet of
// the bill date itself.
func (s *site) collection(ctx context.Context, date bizday.Date, extra map[string][]bizday.Date) (c settlement.Collect, unproven []string, err error) {
	const wrongBooks = "settlement works on the payment core's own books: local.source must be core"
	if s.cfg.Local.Source != "core" {
		return c, nil, fault.New("E-7897", fault.V{"merchant": "-", "reason": wrongBooks}, nil)
	}
	c = settlement.Collect{Date: date, Calendar: settlement.NewCalendar(s.cfg.Calendar.Holidays, s.cfg.Calendar.Workdays)}
	if c.Contracts, err = contracts(s.cfg.Settlement); err != nil {
		return c, nil, err
	}
	for _, acct := range s.accounts {
		proof, why, err := s.accountProof(ctx, acct, date, extra[acct.Name])
		if err != nil {
			return c, nil, err
		}
		if why != "" {
			unproven = append(unproven, why)
		}
		c.Accounts = append(c.Accounts, proof)
	}
	own, err := s.ownProof(ctx, c.Accounts, date, extra[paycore.OwnAccount])
	c.Accounts = append(c.Accounts, own)
	return c, unproven, err
}

// ownProof is the proof of what accounts of ours paid, which no statement shows:
// a day of theirs is proven when every account's is, up to where all of them
// looked. A part waits with the payment that leads it.
func (s *site) ownProof(ctx context.Context, channels []settlement.AccountProof, date bizday.Date, extra []bizday.Date) (settlement.AccountProof, error) {
	zone := s.accounts[0].Definition.Day()
	p := settlement.AccountProof{Account: paycore.OwnAccount, Until: zone.Of(date).To, DateOf: zone.DateOf, Days: map[bizday.Date]settlement.Day{}, Carried: map[string]bool{}}
	for _, c := range channels {
		maps.Copy(p.Carried, c.Carried)
	}
	days, err := s.db.UnsettledDays(ctx, p.Account, p.Until, zone.DateOf)
	if err != nil {
		return p, err
	}
	for _, d := range append(days, extra...) {
		whole, proven := settlement.Day{Watermark: math.MaxInt64}, true
		for _, acct := range s.accounts {
			day, _, why, err := s.provenDay(ctx, acct.Name, d)
			if err != nil {
				return p, err
			}
			proven = proven && why == ""
			whole.Watermark = min(whole.Watermark, day.Watermark)
		}
		if proven {
			p.Days[d] = whole
		}
	}
	return p, nil
}

// accountProof reads the runs of the days whose items are not settled. What the
// latest of them carries to the next statement is in transit; a refund that is
// takes its payment along.
func (s *site) accountProof(ctx context.Context, acct pipeline.Account, date bizday.Date, extra []bizday.Date) (p settlement.AccountProof, unproven string, err error) {
	zone := acct.Definition.Day()
	p = settlement.AccountProof{Account: acct.Name, Until: zone.Of(date).To, DateOf: zone.DateOf, Days: map[bizday.Date]settlement.Day{}, Carried: map[string]bool{}}
	days, err := s.db.UnsettledDays(ctx, acct.Name, p.Until, zone.DateOf)
	if err != nil {
		return p, "", err
	}
	for _, d := range append(append(days, extra...), date) {
		if _, known := p.Days[d]; known {
			continue
		}
		day, report, why, err := s.provenDay(ctx, acct.Name, d)
		if err != nil {
			return p, "", err
		}
		if why == "" {
			p.Days[d] = day
		}
		if d != date {
			continue
		}
		if unproven = why; report != nil {
			for _, carried := range report.Carried {
				p.Carried[carried.Record.RefundRef], p.Carried[carried.Record.MerchantRef] = true, true
			}
		}
	}
	return p, unproven, nil
}

// provenDay judges the current run of a day: it must be there, whole, and built
// on days that have not changed since.
func (s *site) provenDay(ctx context.Context, account string, d bizday.Date) (day settlement.Day, rep *schemas.RunReport, why string, err error) {
	run, ok, err := s.db.Current(ctx, account, d)
	switch {
	case err != nil:
		return day, nil, "", err
	case !ok:
		return day, nil, fmt.Sprintf("%s has no run of %s", account, d), nil
	case run.Verdict == schemas.Incomplete || run.Verdict == 0:
		return day, nil, fmt.Sprintf("the verdict of %s on %s is %s", account, d, run.Verdict), nil
	case run.Stale:
		return day, nil, fmt.Sprintf("%s is built upon a day that changed: %s", account, d), nil
	}
	if rep, err = s.pipeline.LoadReport(ctx, run); err != nil {
		return day, nil, "", err
	}
	day.RunID = run.ID
	if rep.Export != nil {
		mark, ours := schemas.ParseLogMark(rep.Export.Watermark)
		if day.Watermark = mark.Seq; !ours { // a run over other books proves nothing here
			return day, nil, fmt.Sprintf("%s has no run of %s", account, d), nil
		}
	}
	return day, rep, "", nil
}

// batchCollection is a batch, and the collection as it would be made now for it
// when its items are looked at again.
func (s *site) batchCollection(ctx context.Context, id string) (settlement.Batch, settlement.Collect, error) {
	zones := map[string]bizday.Day{paycore.OwnAccount: s.accounts[0].Definition.Day()}
	for _, acct := range s.accounts {
		zones[acct.Name] = acct.Definition.Day()
	}
	b, days, err := s.db.BatchDays(ctx, id, func(account string, at int64) bizday.Date {
		day, ok := zones[account]
		if !ok { // the check says so
			return bizday.None
		}
		return day.DateOf(at)
	})
	if err != nil {
		return b, settlement.Collect{}, err
	}
	collect, _, err := s.collection(ctx, b.BillDate, days)
	return b, collect, err
}
