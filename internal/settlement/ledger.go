package settlement

import (
	"cmp"
	"slices"

	"tieout/internal/paycore"
)

// The accounts that settlement adds to the chart, by name.
//
//	merchant_fee_income:<channel>  what merchants pay us (income)
//	payout_clearing:<bank>         payouts that the bank has not answered for good (liability)
//	bank:<bank>                    our money at the bank, as far as payouts took it out (asset)
func feeIncome(channel string) string   { return "merchant_fee_income:" + channel }
func payoutClearing(bank string) string { return "payout_clearing:" + bank }
func atBank(bank string) string         { return "bank:" + bank }

// FeesBooked takes the fees of an approved batch from what we owe the merchant,
// one income account a channel. Fees that come to nothing book nothing.
func FeesBooked(b *Batch, byChannel map[string]int64) []paycore.Entry {
	var list []paycore.Entry
	for channel, fee := range byChannel {
		if fee != 0 {
			list = append(list, paycore.Entry{Account: feeIncome(channel), Currency: b.Currency, Minor: -fee})
		}
	}
	slices.SortFunc(list, func(x, y paycore.Entry) int { return cmp.Compare(x.Account, y.Account) })
	if b.FeeMinor != 0 {
		list = append([]paycore.Entry{{Account: paycore.Payable(b.Merchant), Currency: b.Currency, Minor: b.FeeMinor}}, list...)
	}
	return list
}

// PayoutStarted moves the money out of what we owe the merchant before the bank
// is told.
func PayoutStarted(p *Payout) []paycore.Entry {
	return []paycore.Entry{{Account: paycore.Payable(p.Merchant), Currency: p.Currency, Minor: p.AmountMinor},
		{Account: payoutClearing(p.Bank), Currency: p.Currency, Minor: -p.AmountMinor}}
}

// PayoutArrived books that the bank has paid.
func PayoutArrived(p *Payout) []paycore.Entry {
	return []paycore.Entry{{Account: payoutClearing(p.Bank), Currency: p.Currency, Minor: p.AmountMinor},
		{Account: atBank(p.Bank), Currency: p.Currency, Minor: -p.AmountMinor}}
}
