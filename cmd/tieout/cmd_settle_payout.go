package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/report"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

type settlePayoutCmd struct {
	Bank string `placeholder:"NAME" help:"Our bank; default every bank of the contracts."`
	File string `placeholder:"ID" help:"Only write this file again; it is the same to the byte, and nothing else happens."`
	person
}

// Run is called by kong. The payouts are in the books before a file is written;
// a crash in between leaves files that --file writes.
func (c *settlePayoutCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		if c.File != "" {
			path, err := s.writePayoutFile(a.ctx, c.File)
			a.say(path, path)
			return err
		}
		zone, err := time.LoadLocation(s.cfg.Settlement.Zone)
		if err != nil {
			return fault.New("E-7897", fault.V{"merchant": "-", "reason": "no such zone"}, err)
		}
		banks := s.banks()
		if c.Bank != "" {
			banks = []string{c.Bank}
		}
		out, err := s.payOut(a.ctx, banks, bizday.Of(a.now(), zone), who)
		if len(out.Files) > 0 {
			a.result.Changed = "payouts"
		}
		if err != nil {
			return err
		}
		return a.printPayouts(out)
	})
}

// payouts is what settle payout did.
type payouts struct {
	Files   []payoutPath    `json:"files"`
	Blocked []store.Blocked `json:"blocked"`
}

type payoutPath struct {
	settlement.File
	Path string `json:"path"`
}

func (a *app) printPayouts(out payouts) error {
	if a.cli.JSON {
		if err := a.printJSON(out); err != nil {
			return err
		}
	}
	for _, f := range out.Files {
		a.say(fmt.Sprintf("%s: %s, %s", f.Path, counted(f.Payouts, "payout"), a.amount(f.TotalMinor, f.Currency)), fmt.Sprintf("%s：%d 笔，%s", f.Path, f.Payouts, a.amount(f.TotalMinor, f.Currency)))
	}
	for _, b := range out.Blocked {
		a.say(fmt.Sprintf("%s is not paid: %s", b.Batch, b.Reason), fmt.Sprintf("%s 暂不出款：%s", b.Batch, report.Word(a.lang, "settle", b.Reason)))
	}
	if len(out.Files)+len(out.Blocked) == 0 {
		a.say("nothing is due", "没有到期的出款")
	}
	if len(out.Blocked) > 0 {
		return exitCode(10)
	}
	return nil
}

// writePayoutFile writes a file for the bank, readable by its owner alone: it
// holds whole account numbers.
func (s *site) writePayoutFile(ctx context.Context, id string) (string, error) {
	_, body, err := s.db.PayoutFile(ctx, id)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.cfg.Data, "settlement", "payouts", id+".csv")
	return path, writePrivate(path, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

// writePrivate writes a file that its owner alone may read, whole or not at
// all.
func writePrivate(path string, fill func(io.Writer) error) error {
	failed := func(err error) error {
		return fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, nil)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return failed(err)
	}
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return failed(err)
	}
	out := bufio.NewWriter(f)
	if err := fill(out); err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(out.Flush(), f.Sync(), f.Close()); err != nil {
		return failed(err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return failed(err)
	}
	return nil
}

func noContract(merchant string) error {
	return fault.New("E-7897", fault.V{"merchant": merchant, "reason": "the configuration has no contract of it"}, nil)
}

type settleResultCmd struct {
	File   string `placeholder:"PATH" help:"The bank's result file."`
	Payout string `placeholder:"NUMBER" help:"By hand: one payout or withdrawal."`
	State  string `enum:"PAID,FAILED,UNKNOWN," default:"" help:"By hand: what the bank says: PAID, FAILED or UNKNOWN."`
	Ref    string `placeholder:"TEXT" help:"By hand: the bank's number."`
	Reason string `placeholder:"TEXT" help:"By hand: where this is from."`
	person
}

// Run is called by kong.
func (c *settleResultCmd) Run(a *app) error {
	byHand := c.Payout != "" && c.State != ""
	if (c.File != "") == byHand {
		return fault.New("E-6401", fault.V{"command": "settle", "reason": "give --file, or --payout and --state"}, nil)
	}
	return a.asPerson(c.person, func(s *site, who string) error {
		if byHand {
			return a.hearByHand(s, settlement.Answer{Number: c.Payout, State: settlement.State(c.State), BankRef: c.Ref}, who, c.Reason)
		}
		return c.hearFile(a, s, who)
	})
}

// hearFile takes a file whose lines are all good, one payout a transaction; the
// same file again changes nothing.
func (c *settleResultCmd) hearFile(a *app, s *site, who string) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fault.New("E-2490", fault.V{"path": c.File, "reason": err.Error()}, nil)
	}
	defer f.Close()
	answers, err := settlement.ReadResults(f)
	if err != nil {
		return fault.New("E-2490", fault.V{"path": c.File, "reason": err.Error()}, nil)
	}
	bar := a.countBar(a.tr("answers", "银行答复"), len(answers))
	defer bar.finish()
	var list []store.PayoutAnswer
	var odd []string
	for _, answer := range answers {
		heard, err := s.db.HearPayout(a.ctx, answer, who, s.notifyURLs())
		if err != nil {
			return err
		}
		if bar.step(); heard.Heard == settlement.Moved {
			a.result.Changed = "payouts"
		} else if heard.Heard != settlement.Known {
			odd = append(odd, fmt.Sprintf("%s %s", answer.Number, heard.Heard))
		}
		heard.Payout.Payee = heard.Payout.Payee.Masked()
		list = append(list, heard)
	}
	bar.finish()
	if err := a.printAnswers(list); err != nil {
		return err
	}
	if len(odd) > 0 {
		return fault.New("E-1191", fault.V{"payouts": strings.Join(odd, "; ")}, nil)
	}
	return nil
}

// notifyURLs is where merchants hear of their payouts.
func (s *site) notifyURLs() map[string]string {
	urls := map[string]string{}
	for _, m := range s.cfg.Settlement.Merchants {
		urls[m.ID] = m.NotifyURL
	}
	return urls
}

func (a *app) printAnswers(list []store.PayoutAnswer) error {
	if a.cli.JSON {
		return a.printJSON(list)
	}
	if a.cli.Quiet {
		return nil
	}
	t := newTable()
	for _, h := range list {
		t.add(h.Number, string(h.Answer), report.Word(a.lang, "settle", string(h.Answer)), string(h.Heard), report.Word(a.lang, "settle", string(h.Heard)))
	}
	return t.print(a.out, "")
}

func (a *app) hearByHand(s *site, answer settlement.Answer, who, reason string) error {
	answer.Reason = reason
	heard, done, err := s.db.HearPayoutByHand(a.ctx, answer, who, s.notifyURLs(), reason)
	if err != nil {
		return err
	}
	if !done {
		a.secondPerson(answer.Number)
		return exitCode(10)
	}
	a.result.Changed = "payouts"
	heard.Payout.Payee = heard.Payout.Payee.Masked()
	return a.printAnswers([]store.PayoutAnswer{heard})
}

type settleReturnedCmd struct {
	Payout string `arg:"" help:"Payout or withdrawal that came back."`
	Ref    string `placeholder:"TEXT" help:"The bank's number."`
	Reason string `placeholder:"TEXT" help:"Why it came back."`
	person
}

// Run is called by kong.
func (c *settleReturnedCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		return a.hearByHand(s, settlement.Answer{Number: c.Payout, State: settlement.Returned, BankRef: c.Ref}, who, c.Reason)
	})
}

type settleRequeueCmd struct {
	ID     string `arg:"" help:"Batch."`
	Reason string `placeholder:"TEXT" help:"Why."`
	person
}

// Run is called by kong.
func (c *settleRequeueCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		file, err := s.db.Batch(a.ctx, c.ID)
		if err != nil {
			return err
		}
		all, err := contracts(s.cfg.Settlement)
		if err != nil {
			return err
		}
		contract := all[file.Merchant]
		if contract == nil {
			return noContract(file.Merchant)
		}
		done, err := s.db.Requeue(a.ctx, c.ID, contract, who, c.Reason)
		if err != nil {
			return err
		}
		if !done {
			payee := contract.Payee.Masked()
			a.say(fmt.Sprintf("to %s, %s", payee.Name, payee.Account), fmt.Sprintf("收款方 %s，%s", payee.Name, payee.Account))
			a.secondPerson(c.ID)
			return exitCode(10)
		}
		a.result.Changed = "batch"
		if file, err = s.db.Batch(a.ctx, c.ID); err != nil {
			return err
		}
		return a.printOneBatch(file.Batch)
	})
}

type settleConfirmCmd struct {
	Payment string `arg:"" help:"Payment number."`
	person
}

// Run is called by kong.
func (c *settleConfirmCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		found, err := s.db.ConfirmReceipt(a.ctx, c.Payment, who)
		if err == nil && !found {
			err = fault.New("E-6494", fault.V{"subject": c.Payment}, nil)
		}
		return err
	})
}
