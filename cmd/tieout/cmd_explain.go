package main

import (
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/pipeline"
)

// explainCmd shows where a number stands.
type explainCmd struct {
	Key string `arg:"" help:"Order, payment or refund number, ours or the channel's."`
	dates
	accounts
	Days int `help:"How many days back to look, when no date is given." default:"31"`
}

// Run is called by kong.
func (c *explainCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	var all []pipeline.Explanation
	for _, acct := range accts {
		from, to, err := a.span(c.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		if c.Date == "" {
			from = to.Add(1 - c.Days)
		}
		found, err := c.lookIn(a, site, acct.Name, from, to)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	if a.cli.JSON {
		return a.printJSON(all)
	}
	for _, e := range all {
		a.printExplanation(e)
	}
	if len(all) == 0 {
		a.say("no row of these days carries "+fault.Quote(c.Key)+"; --days N looks further back, --date DATE elsewhere",
			"所查日期内没有流水包含 "+fault.Quote(c.Key)+"；可用 --days N 扩大范围，或用 --date 指定日期")
	}
	return nil
}

func (c *explainCmd) lookIn(a *app, site *site, account string, from, to bizday.Date) ([]pipeline.Explanation, error) {
	runs, err := site.db.Runs(a.ctx, account, from, to)
	if err != nil {
		return nil, err
	}
	var all []pipeline.Explanation
	for _, r := range runs {
		if !r.Current {
			continue
		}
		found, err := site.pipeline.Explain(a.ctx, r, c.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (a *app) printExplanation(e pipeline.Explanation) {
	r := e.Record
	fmt.Fprintf(a.out, "%s %s %-7s %-8s %s %s  %s %s %s\n", e.Date, e.Account, e.Side, r.Kind, fault.Safe(r.MerchantRef, 64), fault.Safe(r.RefundRef, 64), r.Currency,
		money.Format(r.AmountMinor, money.Currency(r.Currency)), r.Status)
	fmt.Fprintf(a.out, a.tr("    %s by pass %s, rule %s; file %s line %d byte %d\n", "    %s，核对步骤 %s，规则 %s；文件 %s 第 %d 行 字节 %d\n"), e.Class, e.Pass, e.Rule, r.Source, r.Line, r.Offset)
	d := e.Difference
	if d == nil {
		return
	}
	fmt.Fprintf(a.out, "    %s\n", a.tell(d.Reason, 400))
	if d.BreakOn != bizday.None {
		fmt.Fprintf(a.out, a.tr("    becomes a break on %s\n", "    转差错日 %s\n"), d.BreakOn)
	}
	if n := d.Nearest; n != nil {
		fmt.Fprintf(a.out, a.tr("    nearest candidate %s %s %s, failed field %s\n", "    最接近的候选 %s %s %s，不符字段 %s\n"), n.Record.Kind, fault.Safe(n.Record.Key(), 64), money.Format(n.Record.AmountMinor, money.Currency(n.Record.Currency)), n.Failed)
	}
	if d.Decision != nil {
		fmt.Fprintf(a.out, a.tr("    decision %s %s priority %d %s case %s\n", "    决策 %s %s 优先级 %d %s 差错单 %s\n"), d.Decision.Cell, d.Decision.Action, d.Decision.Priority, a.tell(d.Decision.Why, 200), d.CaseID)
	}
}
