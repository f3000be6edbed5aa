package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"tieout/internal/fault"
	"tieout/internal/gateway"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/risk"
	"tieout/internal/store"
)

// watch is risk as the desk asks it.
type watch struct {
	db    *store.DB
	rules *risk.Rules
}

// watch is risk by the rules of the configuration; nil: there are none.
func (s *site) watch() (gateway.Risk, error) {
	rules, err := s.riskRules()
	if rules == nil || err != nil {
		return nil, err
	}
	return watch{s.db, rules}, nil
}

// riskRules loads the rules of the configuration; nil: there are none.
func (s *site) riskRules() (*risk.Rules, error) {
	if s.cfg.Risk.RulesFile == "" {
		return nil, nil
	}
	body, err := os.ReadFile(s.cfg.Risk.RulesFile)
	if err != nil {
		return nil, fault.New("E-7892", fault.V{"account": "-", "option": "risk.rules_file", "reason": "cannot be read"}, err)
	}
	rules, err := risk.Parse(body)
	if err != nil {
		return nil, fault.New("E-7892", fault.V{"account": "-", "option": "risk.rules_file", "reason": err.Error()}, err)
	}
	return rules, nil
}

// Judge implements gateway.Risk. A combined payment is judged by all of it.
func (w watch) Judge(ctx context.Context, p *paycore.Payment, payer gateway.Payer) error {
	whole := p.AmountMinor
	if p.Parts > 0 {
		o, err := w.db.Order(ctx, p.Merchant, p.OrderNo)
		if err != nil {
			return err
		}
		whole = o.AmountMinor
	}
	who := payer.ID
	if who == "" {
		who = payer.OpenID
	}
	now, err := w.db.JudgeRisk(ctx, w.rules, risk.Facts{PayNo: p.PayNo, Merchant: p.Merchant, Payer: who, IP: payer.ClientIP, CardBIN: payer.CardBIN,
		AmountMinor: whole, Currency: p.Currency, Verified: payer.Verified})
	switch {
	case err != nil:
		return err
	case now == risk.Review:
		return gateway.ErrReview
	case now == risk.Challenge:
		return gateway.ErrChallenge
	case now == risk.Reject:
		return gateway.ErrRejected
	}
	return nil
}

// held says in the words of the merchant API why a payment did not go out.
func held(err error) error {
	for _, x := range []struct{ from, to error }{
		{gateway.ErrReview, merchantapi.ErrReview}, {gateway.ErrChallenge, merchantapi.ErrChallenge}, {gateway.ErrRejected, merchantapi.ErrRejected},
	} {
		if errors.Is(err, x.from) {
			return x.to
		}
	}
	return err
}

// riskCmd is the queue of payments that risk holds for people.
type riskCmd struct {
	List   riskListCmd   `cmd:"" help:"List payments that wait for a person; with --all every decision."`
	Show   riskShowCmd   `cmd:"" help:"Show what was decided about a payment or a debit, by which rule and from what."`
	Decide riskDecideCmd `cmd:"" help:"Release or reject a payment that waits; a large release needs two people."`
}

type riskListCmd struct {
	All   bool `help:"Every decision, the newest first."`
	Limit int  `help:"At most so many." default:"100"`
}

// Run is called by kong. Payments that wait end with exit code 10.
func (c *riskListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	list, err := site.db.RiskDecisions(a.ctx, !c.All, c.Limit)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		err = a.printJSON(list)
	} else {
		err = a.printRisk(list)
	}
	if err == nil && !c.All && len(list) > 0 {
		err = exitCode(10)
	}
	return err
}

func (a *app) printRisk(list []store.RiskDecision) error {
	if a.cli.Quiet {
		return nil
	}
	if len(list) == 0 {
		a.say("no payment", "没有支付")
		return nil
	}
	t := newTable(2, 6, 7)
	t.add(a.tr("payment", "支付单"), a.tr("merchant", "商户"), a.tr("amount", "金额"), a.tr("decided", "规则结论"), a.tr("now", "当前"), a.tr("rule", "规则"),
		a.tr("measured", "测得"), a.tr("limit", "上限"), a.tr("when", "时间"), a.tr("people", "经办/复核"))
	for _, d := range list {
		rule := "-"
		if d.Rule != "" {
			rule = fmt.Sprintf("%s v%d", fault.Safe(d.Rule, 64), d.Version)
		}
		t.add(d.PayNo, fault.Safe(d.Merchant, 60), a.amount(d.AmountMinor, d.Currency), string(d.Outcome), string(d.Now), rule, strconv.FormatInt(d.Measured, 10), strconv.FormatInt(d.Limit, 10),
			time.UnixMicro(d.At).UTC().Format("2006-01-02 15:04 UTC"), fault.Safe(d.Maker+"/"+d.Checker, 80))
	}
	return t.print(a.out, "")
}

type riskShowCmd struct {
	Payment string `arg:"" help:"Payment number; of a debit nucc/T1, with its organisation."`
}

// Run is called by kong.
func (c *riskShowCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	d, err := site.db.RiskDecision(a.ctx, c.Payment)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(d)
	}
	return a.printRisk([]store.RiskDecision{d})
}

type riskDecideCmd struct {
	Payment string `arg:"" help:"Payment number."`
	Release bool   `help:"Let it go to its channel." xor:"word" required:""`
	Reject  bool   `help:"It never goes out, and fails." xor:"word" required:""`
	Reason  string `required:"" placeholder:"TEXT" help:"Why."`
	person
}

// Run is called by kong.
func (c *riskDecideCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		d, done, err := s.db.EndReview(a.ctx, c.Payment, c.Release, s.cfg.Risk.TwoAbove, who, c.Reason)
		if err != nil {
			return err
		}
		if !done {
			a.secondPerson(c.Payment)
			return exitCode(11)
		}
		if d.Now == risk.Reject {
			if _, err := s.newCore(a.now).Do(a.ctx, paycore.FailPayment{PayNo: c.Payment, By: paycore.ByAnswer, Detail: gateway.ErrRejected.Error()}); err != nil {
				return err
			}
		}
		a.result.Changed = "payment"
		return a.printRisk([]store.RiskDecision{d})
	})
}
