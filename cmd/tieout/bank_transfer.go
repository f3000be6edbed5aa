package main

import (
	"tieout/internal/bizday"
	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// bankTransfer makes the way to let payers transfer money to an account.
func (s *site) bankTransfer(conf config.Account, day bizday.Day, core *paycore.Core) (gateway.Channel, error) {
	v := conf.Virtual
	ch, err := gateway.NewBankTransfer(gateway.BankTransferConfig{Books: s.db, Core: core, Prefix: v.Prefix, Bank: v.Bank, Holder: v.Holder, Day: day})
	if err != nil {
		return nil, fault.New("E-7892", fault.V{"account": conf.Name, "option": "virtual_accounts", "reason": err.Error()}, nil)
	}
	return ch, nil
}
