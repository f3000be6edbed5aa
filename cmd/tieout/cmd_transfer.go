package main

import (
	"crypto/rand"
	"io"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// transferCmd is about bank transfers of payers, and what is sent back to them.
type transferCmd struct {
	List     transferListCmd     `cmd:"" help:"List transfers of which money is left, and transfers back that are not done."`
	Return   transferReturnCmd   `cmd:"" help:"Propose to send back what is left of a transfer."`
	Refund   transferRefundCmd   `cmd:"" help:"Say where the money of a refund goes."`
	Approve  transferApproveCmd  `cmd:"" help:"Approve a transfer back that somebody else proposed."`
	Reject   transferRejectCmd   `cmd:"" help:"Send a proposal back."`
	File     transferFileCmd     `cmd:"" help:"Write the payout file of the approved transfers back of an account."`
	Returned transferReturnedCmd `cmd:"" help:"Say that a transfer back which was paid came back; a second person says the same."`
}

type transferListCmd struct {
	All   bool `help:"Every transfer, and every transfer back."`
	Limit int  `help:"At most so many of each." default:"1000"`
}

// remittanceLine and paybackLine are what is printed of each.
type remittanceLine struct {
	Account     string `json:"account"`
	BankRef     string `json:"bank_ref"`
	Number      string `json:"number"`
	Outcome     string `json:"outcome"`
	AmountMinor int64  `json:"amount_minor"`
	LeftMinor   int64  `json:"left_minor"`
	Currency    string `json:"currency"`
	CameAt      string `json:"came_at"`
}

type paybackLine struct {
	Number      string           `json:"number"`
	Kind        string           `json:"kind"`
	Account     string           `json:"account"`
	BankRef     string           `json:"bank_ref,omitempty"`
	State       string           `json:"state"`
	AmountMinor int64            `json:"amount_minor"`
	Currency    string           `json:"currency"`
	Payee       settlement.Payee `json:"payee"`
	Maker       string           `json:"maker,omitempty"`
	Checker     string           `json:"checker,omitempty"`
	File        string           `json:"file,omitempty"`
	Version     int64            `json:"version"`
}

func paybackLineOf(p *paycore.Payback) paybackLine {
	return paybackLine{p.Number, string(p.Kind), p.Remittance.Account, p.Remittance.BankRef, string(p.State), p.AmountMinor, p.Currency,
		settlement.Payee(p.Payee).Masked(), p.Maker, p.Checker, p.File, p.Version}
}

// Run is called by kong.
func (c *transferListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	in, err := site.db.Remittances(a.ctx, c.All, c.Limit)
	if err != nil {
		return err
	}
	var out []*paycore.Payback
	states := []paycore.State{paycore.Waiting, paycore.Proposed, paycore.Paying, paycore.Returned}
	if c.All {
		states = []paycore.State{""}
	}
	for _, state := range states {
		list, err := site.db.Paybacks(a.ctx, "", state, c.Limit)
		if err != nil {
			return err
		}
		for _, p := range list {
			if c.All || p.State != paycore.Returned || p.Kind == paycore.RefundPayback { // a return that came back is left again
				out = append(out, p)
			}
		}
	}
	page := struct {
		In   []remittanceLine `json:"in"`
		Back []paybackLine    `json:"back"`
	}{[]remittanceLine{}, []paybackLine{}}
	shown := newTable(4, 5)
	for _, r := range in {
		page.In = append(page.In, remittanceLine{r.Account, r.BankRef, r.Number, string(r.Outcome), r.AmountMinor, r.LeftMinor, r.Currency, moment(r.CameAt)})
		shown.add(r.Account, r.BankRef, r.Number, string(r.Outcome), a.amount(r.AmountMinor, r.Currency), a.amount(r.LeftMinor, r.Currency), moment(r.CameAt))
	}
	back := newTable(4)
	for _, p := range out {
		l := paybackLineOf(p)
		page.Back = append(page.Back, l)
		back.add(l.Number, l.Kind, l.Account, l.State, a.amount(l.AmountMinor, l.Currency), l.Payee.Name, l.Payee.Account, l.Maker, l.Checker, l.File)
	}
	if a.cli.JSON {
		return a.printJSON(page)
	}
	if err := shown.print(a.out, ""); err != nil {
		return err
	}
	return back.print(a.out, "")
}

// payeeFlags say where money goes.
type payeeFlags struct {
	Name    string `name:"payee-name" required:"" placeholder:"TEXT" help:"Name of the payee's account."`
	Account string `name:"payee-account" required:"" placeholder:"NUMBER" help:"Its number."`
	Bank    string `name:"payee-bank" required:"" placeholder:"CODE" help:"Code of the payee's bank."`
}

type transferReturnCmd struct {
	Account string `arg:"" help:"Our account, as listed."`
	BankRef string `arg:"" help:"The bank's number of the transfer, as listed."`
	Amount  string `placeholder:"AMOUNT" help:"How much; default all that is left."`
	payeeFlags
	person
}

// Run is called by kong.
func (c *transferReturnCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		key := paycore.RemittanceKey{Account: c.Account, BankRef: c.BankRef}
		r, err := s.db.Remittance(a.ctx, key)
		if err != nil {
			return err
		}
		if r == nil {
			return fault.New("E-6450", fault.V{"number": fault.Quote(c.BankRef), "reason": "no such transfer came to the account"}, nil)
		}
		minor := r.LeftMinor
		if c.Amount != "" {
			if minor, err = money.ParseIn([]byte(c.Amount), money.Currency(r.Currency)); err != nil {
				return fault.New("E-6401", fault.V{"command": "transfer return", "reason": err.Error()}, err)
			}
		}
		return a.payback(s, paycore.ProposePayback{Number: "B" + rand.Text(), Remittance: key, AmountMinor: minor, Payee: paycore.Payee(c.payee()), Maker: who})
	})
}

func (p payeeFlags) payee() settlement.Payee { return settlement.Payee(p) }

type transferRefundCmd struct {
	Number string `arg:"" help:"Number of the refund, as listed."`
	payeeFlags
	person
}

// Run is called by kong.
func (c *transferRefundCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		return a.payback(s, paycore.ProposePayback{Number: c.Number, Payee: paycore.Payee(c.payee()), Maker: who})
	})
}

// judged is the proposal that a second person looked at.
type judged struct {
	Number  string `arg:"" help:"Number, as listed."`
	Version int64  `placeholder:"N" help:"Version that you looked at; default the present one."`
	person
}

func (c *judged) judge(a *app, approve bool) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		version := c.Version
		if version == 0 {
			p, err := s.db.Payback(a.ctx, c.Number)
			if err != nil {
				return err
			}
			if p != nil {
				version = p.Version
			}
		}
		return a.payback(s, paycore.JudgePayback{Number: c.Number, Version: version, Approve: approve, Checker: who})
	})
}

type transferApproveCmd struct{ judged }

// Run is called by kong.
func (c *transferApproveCmd) Run(a *app) error { return c.judge(a, true) }

type transferRejectCmd struct{ judged }

// Run is called by kong.
func (c *transferRejectCmd) Run(a *app) error { return c.judge(a, false) }

// payback runs one command about a transfer back and prints how it stands.
func (a *app) payback(s *site, c paycore.Command) error {
	number := c.Reads().Payback
	if p, ok := c.(paycore.ProposePayback); ok {
		if why := settlement.Payee(p.Payee).Wrong(); why != "" {
			return fault.New("E-6450", fault.V{"number": fault.Quote(number), "reason": why}, nil)
		}
	}
	results, err := s.newCore(a.now).Do(a.ctx, c)
	if err != nil {
		return err
	}
	if results[0].Effect == paycore.Refused {
		return fault.New("E-6450", fault.V{"number": fault.Quote(number), "reason": results[0].Reason}, nil)
	}
	return a.printPayback(s, number)
}

// printPayback prints how a transfer back stands now.
func (a *app) printPayback(s *site, number string) error {
	a.result.Changed = "payback"
	p, err := s.db.Payback(a.ctx, number)
	if err != nil {
		return err
	}
	l := paybackLineOf(p)
	if a.cli.JSON {
		return a.printJSON(l)
	}
	out := newTable(4)
	out.add(l.Number, l.Kind, l.Account, l.State, a.amount(l.AmountMinor, l.Currency), l.Payee.Name, l.Payee.Account, l.Maker, l.Checker)
	return out.print(a.out, "")
}

type transferReturnedCmd struct {
	Number string `arg:"" help:"Number, as listed."`
	Ref    string `placeholder:"TEXT" help:"The bank's number of the money that came back."`
	Reason string `placeholder:"TEXT" help:"Why it came back."`
	person
}

// Run is called by kong.
func (c *transferReturnedCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		done, err := s.db.PaybackCameBack(a.ctx, c.Number, c.Ref, who, c.Reason)
		if err != nil {
			return err
		}
		if !done {
			a.secondPerson(c.Number)
			return exitCode(10)
		}
		return a.printPayback(s, c.Number)
	})
}

type transferFileCmd struct {
	Account  string `arg:"" help:"Our account."`
	Currency string `default:"CNY" help:"Currency of the file."`
	File     string `placeholder:"ID" help:"Write this file again, and nothing else."`
	person
}

// Run is called by kong. What stands in the file is in the books before it is
// written; a crash in between leaves a file that --file writes.
func (c *transferFileCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, _ string) error {
		conf, ok := s.cfg.Account(c.Account)
		if !ok {
			return fault.New("E-7893", fault.V{"account": c.Account, "known": s.known()}, nil)
		}
		id, list, err := s.db.FilePaybacks(a.ctx, c.Account, c.Currency, bizday.Of(a.now(), s.defs[conf.Channel].Day().Zone), c.File)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			a.say("nothing is due", "没有到期的出款")
			return nil
		}
		payouts := make([]settlement.Payout, len(list))
		for i, p := range list {
			payouts[i] = settlement.Payout{Number: p.Number, Payee: settlement.Payee(p.Payee), AmountMinor: p.AmountMinor, Currency: p.Currency, Purpose: "return " + p.Number}
		}
		body, _, err := settlement.Render(payouts)
		if err != nil {
			return err
		}
		path := filepath.Join(s.cfg.Data, "settlement", "payouts", id+".csv")
		a.say(path, path)
		a.result.Changed = "payouts"
		return writePrivate(path, func(w io.Writer) error {
			_, err := w.Write(body)
			return err
		})
	})
}
