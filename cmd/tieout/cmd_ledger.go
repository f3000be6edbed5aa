package main

import (
	"os"
	"strconv"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/store"
)

// ledgerCmd looks into the books of the payment core.
type ledgerCmd struct {
	Chart   ledgerChartCmd   `cmd:"" help:"Show the chart of accounts."`
	Account ledgerAccountCmd `cmd:"" help:"Show an account: its balances and last postings."`
	Open    ledgerOpenCmd    `cmd:"" help:"Open a wallet: what somebody holds with us, in one currency."`
	Trial   ledgerTrialCmd   `cmd:"" name:"trial-balance" help:"Show a day: opening, debits, credits, closing, per account and subject."`
	Sweep   ledgerSweepCmd   `cmd:"" help:"Take what merchants have above what they keep to the merchants above them, once a day."`
	Seal    ledgerSealCmd    `cmd:"" help:"Give every balance its checksum under the key of the configuration, if it is the sum of its postings."`
}

type ledgerChartCmd struct{}

// Run is called by kong.
func (c *ledgerChartCmd) Run(a *app) error {
	if a.cli.JSON {
		return a.printJSON(paycore.Chart())
	}
	t := newTable()
	for _, s := range paycore.Chart() {
		t.add(s.Code, string(s.Type), s.Kind, a.subject(s))
	}
	return t.print(a.out, "")
}

func (a *app) subject(s paycore.Subject) string { return a.tr(s.NameEN, s.NameZH) }

type ledgerAccountCmd struct {
	Name  string `arg:"" help:"Account, such as payable:M01."`
	Limit int    `default:"20" help:"How many postings."`
}

// ledgerPage is what is shown of an account.
type ledgerPage struct {
	Subject  paycore.Subject       `json:"subject"`
	Balances []store.LedgerBalance `json:"balances"`
	Postings []store.LedgerPosting `json:"postings"`
}

// Run is called by kong.
func (c *ledgerAccountCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	var page ledgerPage
	var known bool
	if page.Subject, known = paycore.SubjectOf(c.Name); !known {
		return fault.New("E-5070", fault.V{"account": c.Name}, nil)
	}
	if page.Balances, page.Postings, err = site.db.LedgerAccount(a.ctx, c.Name, c.Limit); err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(page)
	}
	t := newTable(1, 2)
	t.add(page.Subject.Code+" "+a.subject(page.Subject), a.tr("available", "可用"), a.tr("frozen", "冻结"))
	for _, x := range page.Balances {
		t.add(fault.Safe(x.Account, 80), a.amount(x.AvailableMinor, x.Currency), a.amount(x.FrozenMinor, x.Currency))
	}
	if err := t.print(a.out, ""); err != nil || a.cli.Quiet {
		return err
	}
	p := newTable(1)
	for _, x := range page.Postings {
		p.add(time.UnixMicro(x.At).UTC().Format("2006-01-02 15:04 UTC"), a.signed(x.Minor, x.Currency), fault.Safe(x.Txn, 80), fault.Safe(x.Subject, 40))
	}
	return p.print(a.out, "  ")
}

type ledgerTrialCmd struct {
	Date string `short:"d" placeholder:"DATE" help:"Day, in the zone of the settlement; default yesterday."`
}

// Run is called by kong. Books that do not agree end with exit code 50.
func (c *ledgerTrialCmd) Run(a *app) error {
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
	day := bizday.Day{Zone: zone}.Of(date)
	list, err := site.db.Movements(a.ctx, day.From, day.To)
	if err != nil {
		return err
	}
	trial, err := paycore.Try(list)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		err = a.printJSON(trial)
	} else {
		err = a.printTrial(trial)
	}
	if err != nil || len(trial.Broken) == 0 {
		return err
	}
	m := trial.Broken[0]
	return fault.New("E-5080", fault.V{"proof": "ledger.trial_balance", "want": strconv.FormatInt(m.OpeningMinor+m.DebitMinor-m.CreditMinor, 10),
		"got": strconv.FormatInt(m.ClosingMinor, 10), "note": "opening balance, movements and closing balance agree", "account": m.Account, "date": date.String()}, nil)
}

func (a *app) printTrial(trial paycore.TrialBalance) error {
	t := newTable(2, 3, 4, 5)
	t.add("", "", a.tr("opening", "期初"), a.tr("debit", "借方"), a.tr("credit", "贷方"), a.tr("closing", "期末"))
	names := map[string]string{}
	for _, s := range paycore.Chart() {
		names[s.Code] = a.subject(s)
	}
	row := func(m paycore.Movement, code, name string) {
		t.add(code, name, a.amount(m.OpeningMinor, m.Currency), a.amount(m.DebitMinor, m.Currency), a.amount(m.CreditMinor, m.Currency), a.amount(m.ClosingMinor, m.Currency))
	}
	for _, s := range trial.Subjects {
		row(s, s.Code, names[s.Code])
		for _, m := range trial.Accounts {
			if m.Code == s.Code && m.Currency == s.Currency {
				row(m, "", fault.Safe(m.Account, 80))
			}
		}
	}
	for _, m := range trial.Totals {
		row(m, "", a.tr("total", "合计"))
	}
	return t.print(a.out, "")
}

type ledgerSealCmd struct{}

// Run is called by kong.
func (c *ledgerSealCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	if site.cfg.Ledger.KeyFile == "" {
		return fault.New("E-6401", fault.V{"command": "ledger", "reason": "the configuration names no ledger.key_file"}, nil)
	}
	if err := site.db.SealBalances(a.ctx); err != nil {
		return err
	}
	a.say("sealed", "已加盖校验码")
	return nil
}

// sealKey is the key of the checksums of balances; none if the configuration
// names none.
func (s *site) sealKey() ([]byte, error) {
	if s.cfg.Ledger.KeyFile == "" {
		return nil, nil
	}
	key, err := os.ReadFile(s.cfg.Ledger.KeyFile)
	if err != nil || len(key) < 16 {
		return nil, fault.New("E-7892", fault.V{"account": "-", "option": "ledger.key_file", "reason": "the file does not hold 16 bytes or more"}, nil)
	}
	return key, nil
}
