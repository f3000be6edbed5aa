package paycore

import (
	"cmp"
	"strings"

	"tieout/internal/money"
)

// Entity is who may hold accounts. A merchant may stand below another one.
type Entity struct {
	ID, Kind, Parent, Name string // Kind: MERCHANT, USER, PLATFORM; Parent: "" = none
	CreatedAt              int64
}

// AccountKey names an account: a name of the ledger, in one currency.
type AccountKey struct{ Name, Currency string }

// Controls say what may be done with an account.
type Controls struct {
	Pay, Withdraw           bool // out: for an order, to a bank
	TransferIn, TransferOut bool
	Overdraft               bool // may go below zero
	Active                  bool // false: closed
	Frozen                  bool // nothing goes in or out by a command
}

// Account is an account of an entity. Its balance is what we owe the holder:
// available + frozen.
type Account struct {
	AccountKey
	Entity string
	Controls
	AvailableMinor, FrozenMinor int64
	Version                     int64 // of the controls; 0 before it is stored
	CreatedAt, UpdatedAt        int64
}

// Wallet names the account of an entity's own money.
func Wallet(entity string) string { return "wallet:" + entity }

// OpenEntity makes a holder of accounts known. Its parent never changes.
type OpenEntity struct {
	ID, Kind, Parent, Name string
	At                     int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c OpenEntity) Reads() Reads { return Reads{Entity: c.ID, ParentEntity: c.Parent} }

func (c OpenEntity) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c OpenEntity) Decide(v View) (*Change, Result) {
	if e := v.Entity; e != nil {
		if e.Kind == c.Kind && e.Parent == c.Parent && e.Name == c.Name {
			return nil, Result{Effect: Already}
		}
		return refuse(None, "entity %s exists with other content", c.ID)
	}
	switch {
	case c.ID == "" || c.Name == "" || strings.Contains(c.ID, ":"):
		return refuse(None, "an entity has an id without a colon, and a name")
	case c.Kind != "MERCHANT" && c.Kind != "USER" && c.Kind != "PLATFORM":
		return refuse(None, "an entity is a MERCHANT, a USER or a PLATFORM")
	case c.Parent != "" && v.ParentEntity == nil:
		return refuse(None, "no entity %s in the books", c.Parent)
	case c.Parent != "" && (c.Kind != "MERCHANT" || v.ParentEntity.Kind != "MERCHANT"):
		return refuse(None, "only a merchant stands below a merchant")
	}
	return &Change{Cause: ByCore, At: c.At, Entity: &Entity{c.ID, c.Kind, c.Parent, c.Name, c.At}}, Result{Effect: Done}
}

// OpenAccount gives an entity a wallet in a currency. What is given twice with
// the same holder is Already; controls are changed by ControlAccount.
type OpenAccount struct {
	Entity, Currency string
	Controls         Controls
	At               int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c OpenAccount) Reads() Reads {
	return Reads{Entity: c.Entity, Accounts: []AccountKey{{Wallet(c.Entity), c.Currency}}}
}

func (c OpenAccount) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c OpenAccount) Decide(v View) (*Change, Result) {
	key := AccountKey{Wallet(c.Entity), c.Currency}
	switch _, known := money.Currency(c.Currency).Exponent(); {
	case v.Entity == nil:
		return refuse(None, "no entity %s in the books", c.Entity)
	case !known:
		return refuse(None, "the currency is not known")
	case c.Controls.Overdraft:
		return refuse(None, "a wallet never goes below zero")
	case v.Accounts[key] != nil:
		return nil, Result{Effect: Already}
	}
	a := &Account{AccountKey: key, Entity: c.Entity, Controls: c.Controls, CreatedAt: c.At, UpdatedAt: c.At}
	return &Change{Cause: ByCore, At: c.At, Account: a}, Result{Effect: Done}
}

// ControlAccount sets the controls of a wallet.
type ControlAccount struct {
	AccountKey
	Controls Controls
	At       int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c ControlAccount) Reads() Reads { return Reads{Accounts: []AccountKey{c.AccountKey}} }

func (c ControlAccount) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c ControlAccount) Decide(v View) (*Change, Result) {
	a := v.Accounts[c.AccountKey]
	switch {
	case a == nil:
		return refuse(None, "no account %s in %s", c.Name, c.Currency)
	case c.Controls.Overdraft:
		return refuse(None, "a wallet never goes below zero")
	case !c.Controls.Active && (a.AvailableMinor != 0 || a.FrozenMinor != 0):
		return refuse(None, "account %s is not empty", c.Name)
	case a.Controls == c.Controls:
		return nil, Result{Effect: Already}
	}
	next := *a
	next.Controls, next.UpdatedAt = c.Controls, c.At
	return &Change{Cause: ByCore, At: c.At, Account: &next}, Result{Effect: Done}
}

// refuses says why money may not go this way; "" if it may.
func (a *Account) refuses(key AccountKey, may func(Controls) bool) string {
	switch {
	case a == nil:
		return "no account " + key.Name + " in " + key.Currency
	case !a.Active:
		return "account " + key.Name + " is closed"
	case a.Frozen:
		return "account " + key.Name + " is frozen"
	case !may(a.Controls):
		return "account " + key.Name + " does not allow it"
	}
	return ""
}

// short says that less than an amount is available; "" if it is there.
func (a *Account) short(minor int64) string {
	if minor > a.AvailableMinor {
		return "only " + money.Both(a.AvailableMinor, money.Currency(a.Currency)) + " is available"
	}
	return ""
}

// TakesIn says why money may not come in; "" if it may. The account may be nil:
// there is none.
func (a *Account) TakesIn(key AccountKey) string {
	return a.refuses(key, func(c Controls) bool { return c.TransferIn })
}

// Gives says why so much money may not go out; "" if it may.
func (a *Account) Gives(key AccountKey, minor int64) string {
	if why := a.refuses(key, func(c Controls) bool { return c.TransferOut }); why != "" {
		return why
	}
	return a.short(minor)
}
