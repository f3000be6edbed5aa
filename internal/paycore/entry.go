package paycore

import (
	"errors"
	"fmt"

	"tieout/internal/money"
)

// Entry is one posting: debit positive, credit negative, never zero.
type Entry struct {
	Account  string
	Currency string
	Minor    int64
}

// The chart of accounts, by name.
//
//	clearing:<channel>:<account>           what the channel owes us (asset)
//	payable:<merchant>                     what we owe the merchant (liability)
//	wallet:<entity>                        balance of a holder (liability)
//	refund_payable:<merchant>              refunds asked for and not yet out (liability)
//	fee_expense:<channel>                  what the channel kept (expense)
//	suspense_received:<channel>:<account>  money that came without a reason we know (liability, 暂收)
//	suspense_paid:<channel>:<account>      money that we booked and the channel does not have (asset, 暂付)
//	interop_clearing:<organisation>        what we owe a clearing organisation for debits of wallets (liability)
//	write_off:<channel>:<account>          what was given up, by two people (expense)
//
// Settlement adds accounts of its own; its package lists them.
func clearing(channel, account string) string { return "clearing:" + channel + ":" + account }
func refundPayable(merchant string) string    { return "refund_payable:" + merchant }
func feeExpense(channel string) string        { return "fee_expense:" + channel }
func writeOff(channel, account string) string { return "write_off:" + channel + ":" + account }

// Payable names the account of what we owe a merchant.
func Payable(merchant string) string { return "payable:" + merchant }

// SuspenseReceived names the account that holds what came without a reason.
func SuspenseReceived(channel, account string) string {
	return "suspense_received:" + channel + ":" + account
}

// SuspensePaid names the account that holds what the channel does not have.
func SuspensePaid(channel, account string) string { return "suspense_paid:" + channel + ":" + account }

// paid books a payment: the channel owes us the amount less its fee, or an
// account of ours is owed less; we owe the merchant the amount.
func paid(p *Payment) []Entry {
	if p.Wallet != "" {
		return []Entry{{p.Wallet, p.Currency, p.AmountMinor}, {Payable(p.Merchant), p.Currency, -p.AmountMinor}}
	}
	c := clearing(p.Channel, p.Account)
	return compact([]Entry{
		{c, p.Currency, p.AmountMinor},
		{Payable(p.Merchant), p.Currency, -p.AmountMinor},
		{feeExpense(p.Channel), p.Currency, p.Fee.minor()},
		{c, p.Currency, -p.Fee.minor()},
	})
}

// refundAsked sets the money aside for the customer.
func refundAsked(r *Refund, merchant string) []Entry {
	return []Entry{{Payable(merchant), r.Currency, r.AmountMinor}, {refundPayable(merchant), r.Currency, -r.AmountMinor}}
}

// refunded books that the channel paid the customer out of what it owes us. A
// fee that comes back is negative.
func refunded(r *Refund, merchant string) []Entry {
	c := clearing(r.Channel, r.Account)
	return compact([]Entry{
		{refundPayable(merchant), r.Currency, r.AmountMinor},
		{c, r.Currency, -r.AmountMinor},
		{feeExpense(r.Channel), r.Currency, r.Fee.minor()},
		{c, r.Currency, -r.Fee.minor()},
	})
}

// feeAdjusted books the change of an accrued fee.
func feeAdjusted(channel, account, currency string, delta int64) []Entry {
	return []Entry{{feeExpense(channel), currency, delta}, {clearing(channel, account), currency, -delta}}
}

// suspended holds a signed amount: + came without a reason, - is booked and
// not there. The clearing account then agrees with the channel.
func suspended(channel, account, currency string, signed int64) []Entry {
	return []Entry{{clearing(channel, account), currency, signed}, {suspense(channel, account, signed), currency, -signed}}
}

// writtenOff moves a signed suspended amount to the write-off account.
func writtenOff(channel, account, currency string, signed int64) []Entry {
	return []Entry{{suspense(channel, account, signed), currency, signed}, {writeOff(channel, account), currency, -signed}}
}

func suspense(channel, account string, signed int64) string {
	if signed > 0 {
		return SuspenseReceived(channel, account)
	}
	return SuspensePaid(channel, account)
}

// Opposite returns the entries that undo e.
func Opposite(e []Entry) []Entry {
	out := make([]Entry, len(e))
	for i, x := range e {
		out[i] = Entry{x.Account, x.Currency, -x.Minor}
	}
	return out
}

func compact(e []Entry) []Entry {
	out := e[:0]
	for _, x := range e {
		if x.Minor != 0 {
			out = append(out, x)
		}
	}
	return out
}

// Balanced refuses entries that are too few, zero, without an account, or
// whose debits and credits differ in any currency.
func Balanced(entries []Entry) error {
	if len(entries) < 2 {
		return errors.New("a journal transaction needs two entries")
	}
	sums := map[string]*money.Sum{}
	for _, e := range entries {
		if e.Minor == 0 || e.Account == "" || len(e.Currency) != 3 {
			return fmt.Errorf("entry on %q of %d %q is not one", e.Account, e.Minor, e.Currency)
		}
		if sums[e.Currency] == nil {
			sums[e.Currency] = &money.Sum{}
		}
		sums[e.Currency].Add(e.Minor)
	}
	for currency, sum := range sums {
		if v, err := sum.Int64(); err != nil || v != 0 {
			return fmt.Errorf("debits and credits differ in %s", currency)
		}
	}
	return nil
}
