package paycore

import (
	"cmp"

	"tieout/internal/money"
)

// Freeze sets money of a wallet aside.
type Freeze struct {
	Number string // unique for ever, among all documents
	AccountKey
	AmountMinor int64
	At          int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c Freeze) Reads() Reads {
	return Reads{Document: c.Number, Accounts: []AccountKey{c.AccountKey}}
}

func (c Freeze) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command. A frozen account may be set aside from: that only
// keeps the money where it is.
func (c Freeze) Decide(v View) (*Change, Result) {
	d := Document{Number: c.Number, Kind: FreezeDoc, AccountKey: c.AccountKey, AmountMinor: c.AmountMinor, State: Processing}
	if r, known := v.Document.again(d); known {
		return nil, r
	}
	a := v.Accounts[c.AccountKey]
	if why := d.wrong(); why != "" {
		return refuse(None, "%s", why)
	}
	if a == nil {
		return refuse(None, "no account %s in %s", c.Name, c.Currency)
	}
	if why := a.short(c.AmountMinor); why != "" {
		return refuse(None, "%s", why)
	}
	ch := &Change{Cause: ByCore, At: c.At, Holds: []Hold{{c.AccountKey, c.AmountMinor}}}
	ch.write(d)
	return ch, Result{Done, Processing, ""}
}

// Unfreeze gives back a part of what a freeze set aside, or all of it.
type Unfreeze struct {
	Number, Freeze string
	AmountMinor    int64
	At             int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c Unfreeze) Reads() Reads { return Reads{Document: c.Number, AboutDocument: c.Freeze} }

func (c Unfreeze) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c Unfreeze) Decide(v View) (*Change, Result) {
	f := v.AboutDocument
	if f == nil || f.Kind != FreezeDoc {
		return refuse(None, "no freeze %s in the books", c.Freeze)
	}
	d := Document{Number: c.Number, Kind: UnfreezeDoc, AccountKey: f.AccountKey, About: c.Freeze, AmountMinor: c.AmountMinor, State: Success}
	if r, known := v.Document.again(d); known {
		return nil, r
	}
	if why := d.wrong(); why != "" {
		return refuse(None, "%s", why)
	}
	if left := f.AmountMinor - f.BackMinor; c.AmountMinor > left {
		return refuse(None, "only %s is left frozen", money.Both(left, money.Currency(f.AccountKey.Currency)))
	}
	freeze := *f
	if freeze.BackMinor += c.AmountMinor; freeze.BackMinor == freeze.AmountMinor {
		freeze.State = Success
	}
	ch := &Change{Cause: ByCore, At: c.At, Holds: []Hold{{f.AccountKey, -c.AmountMinor}}}
	ch.write(freeze)
	ch.write(d)
	return ch, Result{Done, Success, ""}
}

// Transfer moves money from one wallet to another of the same currency.
type Transfer struct {
	Number      string
	From, To    string // account names
	AmountMinor int64
	Currency    string
	At          int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c Transfer) Reads() Reads {
	return Reads{Document: c.Number, Accounts: []AccountKey{{c.From, c.Currency}, {c.To, c.Currency}}}
}

func (c Transfer) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c Transfer) Decide(v View) (*Change, Result) {
	from, to := AccountKey{c.From, c.Currency}, AccountKey{c.To, c.Currency}
	d := Document{Number: c.Number, Kind: TransferDoc, AccountKey: from, About: c.To, AmountMinor: c.AmountMinor, State: Success}
	if r, known := v.Document.again(d); known {
		return nil, r
	}
	if why := d.wrong(); why != "" {
		return refuse(None, "%s", why)
	}
	if from == to {
		return refuse(None, "a transfer goes to another account")
	}
	if why := v.Accounts[from].refuses(from, func(c Controls) bool { return c.TransferOut }); why != "" {
		return refuse(None, "%s", why)
	}
	if why := v.Accounts[to].refuses(to, func(c Controls) bool { return c.TransferIn }); why != "" {
		return refuse(None, "%s", why)
	}
	if why := v.Accounts[from].short(c.AmountMinor); why != "" {
		return refuse(None, "%s", why)
	}
	ch := &Change{Cause: ByCore, At: c.At, Entries: []Entry{{c.From, c.Currency, c.AmountMinor}, {c.To, c.Currency, -c.AmountMinor}}}
	ch.write(d)
	return ch, Result{Done, Success, ""}
}

// Deposit turns a payment into the balance of a user. The payment is then
// neither settled to its merchant nor refunded.
type Deposit struct {
	Number, PayNo, Account string
	At                     int64 // UTC microseconds; 0 = now
}

// Reads implements Command. The account's currency is that of the payment,
// which the reader looks up.
func (c Deposit) Reads() Reads {
	return Reads{Document: c.Number, PayNo: c.PayNo, Accounts: []AccountKey{{c.Account, ""}}, Split: true}
}

func (c Deposit) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c Deposit) Decide(v View) (*Change, Result) {
	p := v.Payment
	if p == nil {
		return refuse(None, "no payment %s in the books", c.PayNo)
	}
	key := AccountKey{c.Account, p.Currency}
	d := Document{Number: c.Number, Kind: DepositDoc, AccountKey: key, About: c.PayNo, AmountMinor: p.AmountMinor, State: Success}
	if r, known := v.Document.again(d); known {
		return nil, r
	}
	if why := d.wrong(); why != "" {
		return refuse(None, "%s", why)
	}
	switch {
	case p.State != Success:
		return refuse(None, "payment %s is %s", c.PayNo, p.State)
	case p.SettledIn != "":
		return refuse(None, "payment %s was settled to %s in batch %s", p.PayNo, p.Merchant, p.SettledIn)
	case p.RefundedMinor != 0:
		return refuse(None, "payment %s has refunds", p.PayNo)
	case p.Parts > 0 || p.Wallet != "":
		return refuse(None, "only what a channel alone paid becomes a balance")
	case v.Split != nil:
		return refuse(None, "order %s is or was held back for splits", p.OrderNo)
	}
	if why := v.Accounts[key].refuses(key, func(c Controls) bool { return c.TransferIn }); why != "" {
		return refuse(None, "%s", why)
	}
	taken := *p
	taken.SettledIn = depositPrefix + c.Number
	ch := &Change{Cause: ByCore, At: c.At, Deposited: &taken,
		Entries: []Entry{{Payable(p.Merchant), p.Currency, p.AmountMinor}, {c.Account, p.Currency, -p.AmountMinor}}}
	ch.write(d)
	return ch, Result{Done, Success, ""}
}

// write adds a document as it will be.
func (ch *Change) write(d Document) {
	if d.Version == 0 {
		d.CreatedAt = ch.At
	}
	d.UpdatedAt = ch.At
	ch.Documents, ch.Subject = append(ch.Documents, d), d.Number
}
