package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/report"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

// settleCmd takes proven days to the merchants' accounts. What one person
// checks another approves; both look at the same digest.
type settleCmd struct {
	Collect   settleCollectCmd   `cmd:"" help:"Put what the night has proven into batches."`
	List      settleListCmd      `cmd:"" help:"List batches."`
	Show      settleShowCmd      `cmd:"" help:"Show a batch: its entries, payouts and history."`
	Check     settleCheckCmd     `cmd:"" help:"Compare a batch with documents and ledger, and show it for approval."`
	Approve   settleApproveCmd   `cmd:"" help:"Approve what another person checked; fees are booked."`
	Reject    settleRejectCmd    `cmd:"" help:"Empty a batch that is not approved, so that it is collected anew."`
	Payout    settlePayoutCmd    `cmd:"" help:"Start the payouts that are due and write the file for the bank."`
	Result    settleResultCmd    `cmd:"" help:"Take the bank's answers from its file, or by hand with two people."`
	Returned  settleReturnedCmd  `cmd:"" help:"Book a payout that came back; with two people."`
	Requeue   settleRequeueCmd   `cmd:"" help:"Pay a failed or returned batch again, to the payee of the contract; with two people."`
	Confirm   settleConfirmCmd   `cmd:"" help:"Note that the customer of a payment has the goods."`
	Statement settleStatementCmd `cmd:"" help:"Write the settlement statement of a batch: HTML, Excel, CSV, journal."`
	Bill      settleBillCmd      `cmd:"" help:"Write a merchant's own bill of a day."`
}

type settleCollectCmd struct {
	Date     string `short:"d" placeholder:"DATE" help:"Bill date; default yesterday."`
	Override bool   `help:"Collect although a day is not proven; with two people."`
	Reason   string `placeholder:"TEXT" help:"Why, for --override."`
	person
}

// Run is called by kong.
func (c *settleCollectCmd) Run(a *app) error {
	who, err := c.name()
	if err != nil {
		return err
	}
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	date, err := a.billDate(site, c.Date)
	if err != nil {
		return err
	}
	collect, unproven, err := site.collection(a.ctx, date, nil)
	if err != nil {
		return err
	}
	if len(unproven) > 0 {
		if collect.Override, err = c.allowed(a, site, date, unproven, who); err != nil {
			return err
		}
	}
	bar := a.countBar(fmt.Sprintf("%s %-16s", date, a.tr("collect", "归集")), len(collect.Accounts))
	got, err := site.db.Collect(a.ctx, collect, who, func(account string) { bar.End(account, nil) })
	bar.finish()
	if err != nil {
		return err
	}
	a.result.Date = date.String()
	if got.Items > 0 {
		a.result.Changed = "batches"
	}
	return a.printCollected(got)
}

// allowed asks for the act of two people that lets an unproven date in.
func (c *settleCollectCmd) allowed(a *app, s *site, date bizday.Date, unproven []string, who string) (int64, error) {
	if !c.Override {
		return 0, fault.New("E-1190", fault.V{"date": date, "reason": unproven[0]}, nil)
	}
	digest := sha256.Sum256([]byte(date.String() + "\n" + strings.Join(unproven, "\n")))
	act, err := s.db.Override(a.ctx, date.String(), hex.EncodeToString(digest[:]), who, c.Reason)
	if err == nil && act == 0 {
		a.secondPerson(date.String())
		err = exitCode(11)
	}
	return act, err
}

// billDate is the date of a flag, or yesterday.
func (a *app) billDate(s *site, flag string) (bizday.Date, error) {
	return a.day(flag, s.accounts[0].Definition.Day().Zone, "one bill date at a time")
}

func (a *app) secondPerson(subject string) {
	a.say(fmt.Sprintf("%s: noted; another person says the same command to carry it out", subject), fmt.Sprintf("%s：已登记；须由另一人执行同一命令后生效", subject))
}

func (a *app) printCollected(got settlement.Collected) error {
	if a.cli.JSON {
		return a.printJSON(got)
	}
	if err := a.printBatches(got.Batches); err != nil || a.cli.Quiet || len(got.Left) == 0 {
		return err
	}
	a.say("left for later", "留待以后结算")
	t := newTable(2, 3)
	for _, l := range got.Left {
		t.add(string(l.Reason), report.Word(a.lang, "settle", string(l.Reason)), strconv.FormatInt(l.Items, 10), a.amount(l.Minor, l.Currency), a.tr("first ", "首笔 ")+fault.Safe(l.First, 40))
	}
	return t.print(a.out, "  ")
}

func (a *app) printBatches(list []settlement.Batch) error {
	if a.cli.Quiet {
		return nil
	}
	if len(list) == 0 {
		a.say("no batch", "没有结算批次")
		return nil
	}
	t := newTable(4, 5, 6, 7)
	t.add(a.tr("batch", "批次"), "", "", a.tr("due", "结算日"), a.tr("items", "笔数"), a.tr("gross", "交易净额"), a.tr("fee", "手续费"), a.tr("to pay", "应付"))
	for _, b := range list {
		t.add(b.ID, string(b.State), report.Word(a.lang, "settle", string(b.State)), b.DueOn.String(), strconv.FormatInt(b.Items, 10), a.amount(b.GrossMinor, b.Currency),
			a.amount(b.FeeMinor, b.Currency), a.amount(b.PayMinor, b.Currency))
	}
	return t.print(a.out, "")
}

type settleListCmd struct {
	Date     string `short:"d" placeholder:"DATE" help:"Bill date, or a range 2026-11-01..2026-11-30; default the last 30 days."`
	Merchant string `placeholder:"ID" help:"Only this merchant."`
	Open     bool   `help:"Only batches that are not paid."`
}

// Run is called by kong.
func (c *settleListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	from, to, err := a.span(c.Date, site.accounts[0].Definition.Day().Zone)
	if err != nil {
		return err
	}
	if c.Date == "" {
		from = to.Add(-29)
	}
	list, err := site.db.Batches(a.ctx, store.BatchFilter{Merchant: c.Merchant, From: from, To: to, Open: c.Open})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(masked(list))
	}
	return a.printBatches(list)
}

// masked hides the payees' accounts from screens; the payout file alone has
// them whole.
func masked(list []settlement.Batch) []settlement.Batch {
	for i := range list {
		list[i].Payee = list[i].Payee.Masked()
	}
	return list
}

type settleShowCmd struct {
	ID string `arg:"" help:"Batch, as settle list shows it."`
}

// Run is called by kong.
func (c *settleShowCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	file, err := site.db.Batch(a.ctx, c.ID)
	if err != nil {
		return err
	}
	file.Payee = file.Payee.Masked()
	for i := range file.Payouts {
		file.Payouts[i].Payee = file.Payouts[i].Payee.Masked()
	}
	if a.cli.JSON {
		return a.printJSON(file)
	}
	return a.printBatchFile(file)
}

func (a *app) printBatchFile(f store.BatchFile) error {
	if err := a.printBatches([]settlement.Batch{f.Batch}); err != nil || a.cli.Quiet {
		return err
	}
	t := newTable()
	t.add(a.tr("debt carried", "结转欠款"), a.amount(f.CarriedMinor, f.Currency))
	t.add(a.tr("debt left", "剩余欠款"), a.amount(f.DebtMinor, f.Currency))
	t.add(a.tr("payee", "收款方"), fault.Safe(strings.TrimSpace(f.Payee.Name+" "+f.Payee.Account+" "+f.Payee.Bank), 120))
	t.add(a.tr("digest", "摘要"), f.Digest)
	for _, p := range f.Payouts {
		t.add(a.tr("payout", "出款"), p.Number, string(p.State), report.Word(a.lang, "settle", string(p.State)), p.File, fault.Safe(p.BankRef+" "+p.Reason, 120))
	}
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	h := newTable()
	for _, e := range f.History {
		h.add(e.At.Format("2006-01-02 15:04 UTC"), fault.Safe(e.Who, 40), e.What, report.Word(a.lang, "settle", e.What), fault.Safe(e.Note, 120))
	}
	return h.print(a.out, "  ")
}

type settleCheckCmd struct {
	ID string `arg:"" help:"Batch."`
	person
}

// Run is called by kong.
func (c *settleCheckCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		_, collect, err := s.batchCollection(a.ctx, c.ID)
		if err != nil {
			return err
		}
		b, released, err := s.db.CheckBatch(a.ctx, c.ID, who, collect)
		if err != nil {
			return err
		}
		a.result.Changed = "batch"
		if a.cli.JSON {
			return a.printJSON(map[string]any{"batch": masked([]settlement.Batch{b})[0], "released": released})
		}
		if released > 0 {
			a.say(counted(released, "item")+" may not be settled any more and left the batch", fmt.Sprintf("%d 笔已不得结算，移出批次", released))
		}
		if err := a.printBatches([]settlement.Batch{b}); err != nil {
			return err
		}
		if b.State == settlement.Checked {
			a.say("digest "+b.Digest, "摘要 "+b.Digest)
		}
		return nil
	})
}

type settleApproveCmd struct {
	ID     string `arg:"" help:"Batch."`
	Digest string `placeholder:"DIGEST" help:"Digest that you looked at; default the present one."`
	person
}

// Run is called by kong.
func (c *settleApproveCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		b, collect, err := s.batchCollection(a.ctx, c.ID)
		if err != nil {
			return err
		}
		if b, err = s.db.ApproveBatch(a.ctx, c.ID, cmp.Or(c.Digest, b.Digest), who, collect); err != nil {
			return err
		}
		if b.State == settlement.Checked { // nobody but the scheduler had seen it
			a.result.Changed = "batch"
			a.secondPerson(c.ID)
			return exitCode(10)
		}
		a.result.Changed = "journal"
		return a.printOneBatch(b)
	})
}

type settleRejectCmd struct {
	ID     string `arg:"" help:"Batch."`
	Reason string `required:"" placeholder:"TEXT" help:"Why."`
	person
}

// Run is called by kong.
func (c *settleRejectCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		b, err := s.db.SendBack(a.ctx, c.ID, who, c.Reason)
		if err != nil {
			return err
		}
		a.result.Changed = "batch"
		return a.printOneBatch(b)
	})
}

func (a *app) printOneBatch(b settlement.Batch) error {
	if a.cli.JSON {
		return a.printJSON(masked([]settlement.Batch{b})[0])
	}
	return a.printBatches([]settlement.Batch{b})
}

// asPerson opens the site for an act of one person.
func (a *app) asPerson(p person, do func(*site, string) error) error {
	who, err := p.name()
	if err != nil {
		return err
	}
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	return do(site, who)
}
