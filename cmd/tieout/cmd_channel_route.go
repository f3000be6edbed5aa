package main

import (
	"fmt"

	"tieout/internal/fault"
	"tieout/internal/gateway"
)

// channelRouteCmd shows why a payment goes over its account.
type channelRouteCmd struct {
	Payment string `arg:"" help:"Payment number."`
}

// Run is called by kong.
func (c *channelRouteCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	account, judged, err := site.db.Choice(a.ctx, c.Payment)
	if err != nil {
		return err
	}
	if account == "" {
		return fault.New("E-6401", fault.V{"command": "channel route", "reason": fmt.Sprintf("no account was chosen for payment %q", c.Payment)}, nil)
	}
	if a.cli.JSON {
		return a.printJSON(struct {
			Account string           `json:"account"`
			Judged  []gateway.Judged `json:"judged"`
		}{account, judged})
	}
	t := newTable(1)
	t.add(a.tr("account", "账户"), a.tr("fee, millionths", "费率（百万分之）"), a.tr("why", "原因"))
	for _, j := range judged {
		t.add(j.Account, fmt.Sprint(j.FeePPM), fault.Translate(a.lang, j.Why))
	}
	return t.print(a.out, "")
}
