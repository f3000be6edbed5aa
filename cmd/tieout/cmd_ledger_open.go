package main

import (
	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// ledgerOpenCmd opens a wallet, and makes its holder known.
type ledgerOpenCmd struct {
	ID       string `arg:"" help:"Holder: a merchant's id, or a user's."`
	Kind     string `enum:"MERCHANT,USER,PLATFORM" default:"USER" help:"MERCHANT, USER or PLATFORM."`
	Name     string `placeholder:"TEXT" help:"His name; default the id."`
	Parent   string `placeholder:"ID" help:"The merchant above a merchant."`
	Currency string `default:"CNY" help:"Currency of the wallet."`
	person
}

// Run is called by kong. The same command again changes nothing.
func (c *ledgerOpenCmd) Run(a *app) error {
	return a.asPerson(c.person, func(s *site, who string) error {
		if c.Name == "" {
			c.Name = c.ID
		}
		free := paycore.Controls{Pay: true, Withdraw: true, TransferIn: true, TransferOut: true, Active: true}
		results, err := s.newCore(a.now).Do(a.ctx, paycore.OpenEntity{ID: c.ID, Kind: c.Kind, Parent: c.Parent, Name: c.Name},
			paycore.OpenAccount{Entity: c.ID, Currency: c.Currency, Controls: free})
		if err != nil {
			return err
		}
		for _, r := range results {
			if r.Effect == paycore.Refused {
				return fault.New("E-6401", fault.V{"command": "ledger open", "reason": r.Reason}, nil)
			}
			if r.Effect == paycore.Done {
				a.result.Changed = "accounts"
			}
		}
		s.log.Info("open", "wallet", c.ID, "currency", c.Currency, "by", who)
		wallet := paycore.Wallet(c.ID)
		a.say(wallet+" "+c.Currency, wallet+" "+c.Currency)
		return nil
	})
}
