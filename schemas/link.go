package schemas

import "tieout/internal/bizday"

// LocalQuery asks for the local rows of one account whose event time lies in
// [From, To), UTC microseconds.
type LocalQuery struct {
	Channel  string
	Account  string // account name of the configuration: what the books are kept by
	Merchant string // account number at the channel: what records carry
	Date     bizday.Date
	Day      bizday.Day // how the channel cuts days: gives each row its bill date
	From, To int64
}

// LookupKey asks for local rows by number, whatever their date.
type LookupKey struct {
	Kind       Kind
	Key        string // Record.Key(): payment number, or refund number
	ChannelRef string // the channel's number (of the refund, for refunds); used only where Key is ""
}

// Balance of one ledger account in one currency, minor units, debit positive.
type Balance struct {
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Minor    int64  `json:"minor"`
}
