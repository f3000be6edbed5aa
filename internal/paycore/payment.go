package paycore

// Order is what a customer owes a merchant.
type Order struct {
	Merchant, OrderNo string
	AmountMinor       int64
	Currency          string
	State             State
	PaidBy            string // payment that paid it first; "" before
	NotifyURL         string // where the merchant hears of it; "" = nowhere
	ExpiresAt         int64  // from then on nobody pays it; 0 = never
	Version           int64  // 0 before it is stored
	CreatedAt         int64  // UTC microseconds, as all times here
	UpdatedAt         int64
}

// Payment is one attempt to pay an order, under one number at one channel.
type Payment struct {
	PayNo             string // the number sent to the channel
	Merchant, OrderNo string
	Channel, Account  string // Account: its name in the configuration
	AmountMinor       int64
	Currency          string
	State             State
	ChannelRef        string // the channel's number; "" before
	Fee               Fee    // what we expect the channel to keep
	RefundedMinor     int64  // Σ refunds, except the given-up ones
	SettledIn         string // settlement batch that paid the merchant; "" = none yet
	TradeType         string
	PartOf            string // payment that leads this one; "" = it leads, or is alone
	Parts             int    // payments that it leads
	Wallet            string // account of ours that pays; "" = a channel does
	ExpiresAt         int64  // its order's, when it was made
	Version           int64
	CreatedAt         int64
	PaidAt            int64 // 0 unless SUCCESS
	UpdatedAt         int64
}

// EventAt is when it happened: the payment, else the attempt.
func (p *Payment) EventAt() int64 {
	if p.State == Success {
		return p.PaidAt
	}
	return p.CreatedAt
}

// Refund gives money of one payment back, under its own number.
type Refund struct {
	RefundNo, PayNo  string
	Channel, Account string
	AmountMinor      int64
	Currency         string
	State            State
	ChannelRefundRef string
	Fee              Fee    // what we expect back, negative
	PartOf           string // first row of a refund in parts; "" = it is that, or alone
	AskedMinor       int64  // of the first row: what all parts give back; 0 = it is alone
	SentAs           string // see Number; "" = RefundNo
	SettledIn        string // settlement batch that charged the merchant; "" = none yet
	Version          int64
	CreatedAt        int64
	DoneAt           int64 // 0 unless SUCCESS
	UpdatedAt        int64
}

// Number is the one by which the channel knows the refund.
func (r *Refund) Number() string {
	if r.SentAs != "" {
		return r.SentAs
	}
	return r.RefundNo
}

// EventAt is when it happened: the refund, else the request.
func (r *Refund) EventAt() int64 {
	if r.State == Success {
		return r.DoneAt
	}
	return r.CreatedAt
}

// Fee is an accrued fee in minor units; not Known where no rate says.
type Fee struct {
	Minor int64
	Known bool
}

func (f Fee) minor() int64 {
	if !f.Known {
		return 0
	}
	return f.Minor
}
