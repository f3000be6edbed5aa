package settlement

import "time"

// JournalLine is one posting of a transaction.
type JournalLine struct {
	Txn      string
	At       time.Time
	Reverses string
	Account  string
	Currency string
	Minor    int64 // debit positive
}

// BillRow is one payment or refund of a merchant that has happened.
type BillRow struct {
	Kind        string // payment or refund
	OrderNo     string // the merchant's own order number
	PayNo       string
	RefundNo    string
	ChannelRef  string
	Channel     string
	Product     string
	AmountMinor int64 // above zero, also of refunds
	Currency    string
	FeeMinor    int64 // what the merchant is charged; of a refund what comes back, below zero
	FeeKnown    bool  // false until it is cleared
	SettledIn   string
	CreatedAt   int64 // UTC microseconds
	CompletedAt int64
}
