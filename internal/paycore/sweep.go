package paycore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// SweepRule (资金归集) takes what a merchant has above an amount to the merchant
// above it at day's end.
type SweepRule struct {
	Entity, Currency string
	KeepMinor        int64
}

// Sweep carries out one rule for one day. The number stands for both: whatever
// comes in later, a day moves money once.
type Sweep struct {
	Number         string
	Entity, Parent string
	Currency       string
	KeepMinor      int64
	At             int64 // UTC microseconds; 0 = now
}

func (c Sweep) keys() (from, to AccountKey) {
	return AccountKey{Wallet(c.Entity), c.Currency}, AccountKey{Wallet(c.Parent), c.Currency}
}

// Reads implements Command.
func (c Sweep) Reads() Reads {
	from, to := c.keys()
	return Reads{Document: c.Number, Entity: c.Entity, Accounts: []AccountKey{from, to}}
}

func (c Sweep) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c Sweep) Decide(v View) (*Change, Result) {
	from, to := c.keys()
	if d := v.Document; d != nil {
		if d.Kind == TransferDoc && d.AccountKey == from && d.About == to.Name {
			return nil, Result{Already, d.State, ""}
		}
		return refuse(d.State, "number %s exists with other content", c.Number)
	}
	switch {
	case v.Entity == nil || v.Entity.Parent == "" || v.Entity.Parent != c.Parent:
		return refuse(None, "%s does not stand below another merchant", c.Entity)
	case c.KeepMinor < 0:
		return refuse(None, "an amount is not below zero")
	case v.Accounts[from] == nil:
		return refuse(None, "no account %s in %s", from.Name, c.Currency)
	case v.Accounts[from].AvailableMinor <= c.KeepMinor:
		return nil, Result{Ignored, None, "there is nothing above what it keeps"}
	}
	return Transfer{Number: c.Number, From: from.Name, To: to.Name, AmountMinor: v.Accounts[from].AvailableMinor - c.KeepMinor,
		Currency: c.Currency, At: c.At}.Decide(v)
}

// Entities finds holders of accounts. The store implements it.
type Entities interface {
	Entity(ctx context.Context, id string) (*Entity, error)
}

// Swept is what became of a rule.
type Swept struct {
	SweepRule
	Parent string
	Result Result
}

// SweepDay carries out the rules for a day ("2006-01-02"), the merchants who
// stand lowest first, so that money reaches the top on the same day.
func (c *Core) SweepDay(ctx context.Context, entities Entities, day string, rules []SweepRule) ([]Swept, error) {
	list := make([]Swept, len(rules))
	depth := map[string]int{}
	for i, r := range rules {
		list[i].SweepRule = r
		for id := r.Entity; id != ""; depth[r.Entity]++ { // no circles: an entity stands below one that was there before
			e, err := entities.Entity(ctx, id)
			if err != nil {
				return nil, err
			}
			if id = ""; e != nil {
				id = e.Parent
			}
			if depth[r.Entity] == 0 {
				list[i].Parent = id
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Swept) int { return cmp.Compare(depth[b.Entity], depth[a.Entity]) })
	for i, s := range list {
		results, err := c.Do(ctx, Sweep{Number: fmt.Sprintf("SWEEP-%s-%s-%s", day, s.Entity, s.Currency), Entity: s.Entity, Parent: s.Parent,
			Currency: s.Currency, KeepMinor: s.KeepMinor})
		if err != nil {
			return list, err
		}
		list[i].Result = results[0]
	}
	return list, nil
}
