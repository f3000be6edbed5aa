package main

import (
	"io"
	"path/filepath"
	"slices"

	"tieout/internal/config"
	"tieout/internal/report"
	"tieout/internal/store"
)

type settleStatementCmd struct {
	ID string `arg:"" help:"Batch."`
}

// Run is called by kong.
func (c *settleStatementCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	file, err := site.db.Batch(a.ctx, c.ID)
	if err != nil {
		return err
	}
	journal, err := site.db.BatchJournal(a.ctx, c.ID)
	if err != nil {
		return err
	}
	dir := filepath.Join(site.cfg.Data, "settlement", file.BillDate.String(), file.ID)
	files, err := report.WriteSettlement(dir, report.Settlement{Batch: file.Batch, Entries: file.Entries, Payouts: file.Payouts, Journal: journal}, langs(a.lang))
	if err != nil {
		return err
	}
	for i := range files {
		files[i].Name = filepath.Join(dir, files[i].Name)
		a.say(files[i].Name, files[i].Name)
	}
	if a.cli.JSON {
		return a.printJSON(files)
	}
	return nil
}

type settleBillCmd struct {
	Merchant string `required:"" placeholder:"ID" help:"Merchant."`
	Date     string `short:"d" placeholder:"DATE" help:"Day; default yesterday."`
}

// Run is called by kong.
func (c *settleBillCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	date, err := a.billDate(site, c.Date)
	if err != nil {
		return err
	}
	var windows []store.BillWindow
	for _, acct := range site.accounts {
		day := acct.Definition.Day().Of(date)
		windows = append(windows, store.BillWindow{Account: acct.Name, From: day.From, To: day.To})
	}
	if !slices.ContainsFunc(site.cfg.Settlement.Merchants, func(m config.Contract) bool { return m.ID == c.Merchant }) {
		return noContract(c.Merchant)
	}
	path := filepath.Join(site.cfg.Data, "settlement", date.String(), "bill-"+c.Merchant+".csv")
	err = writePrivate(path, func(w io.Writer) error {
		return report.Bill(w, c.Merchant, date, site.db.BillRows(a.ctx, c.Merchant, windows))
	})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(map[string]string{"file": path})
	}
	a.say(path, path)
	return nil
}
