// Package control holds the checks between the systems: what must be true of
// orders, payments, refunds, the journal, the fixes and the settlement at the
// same time.
//
// In: nothing; the checks are data. Out: queries that find what breaks them.
// Called by the store, which runs them and keeps what they find, and by cmd.
package control

import (
	"slices"
	"strconv"
	"strings"

	"tieout/internal/fault"
)

// Kind is what a check is about.
type Kind string

// The kinds.
const (
	Consistency Kind = "CONSISTENCY" // two systems tell of the same thing
	Correctness Kind = "CORRECTNESS" // parts = whole, the order of steps, nothing twice
	Timeliness  Kind = "TIMELINESS"  // what is due was done
	Limit       Kind = "LIMIT"       // no more than allowed
)

// Check is one rule. Hits selects what breaks it: ref TEXT, and detail TEXT as
// name=value. Rows of one ref, in two currencies, say, are one hit.
type Check struct {
	ID       string
	Kind     Kind
	Priority int        // 1 = at once
	Name     fault.Text // what a hit is
	Do       fault.Text // who does what about it
	// Hits ends with a condition, so that Moved can be added to it. It may
	// say {now}, epoch microseconds, {today}, and the names of Caps. Text after
	// the account of a posting keeps the planner on the transaction: by account it
	// would walk all that was ever booked there.
	Hits string
	// Moved narrows Hits to what {moved} names, the numbers that moved since
	// the run before, or {accounts}, the accounts that did, and those of open
	// findings. Without it, a run that is not whole leaves the check out,
	// unless Often.
	Moved string
	Often bool // it is cheap: every run makes it whole
}

// Runs tells whether a run makes the check.
func (c *Check) Runs(whole bool) bool { return whole || c.Often || c.Moved != "" }

// Scope is what one run looks at.
type Scope struct {
	Now   int64  // epoch microseconds
	Today string // 2006-01-02, where the banks are
	Since int64  // end of the log at the run before; not used by a whole run
	Whole bool
	Caps  Caps
}

// Caps are what machines may do in a day before people look.
type Caps struct {
	FixMinor    int64 // in a day, by fixes of one account and currency that nobody approved
	PayoutMinor int64 // in a day, to one merchant in one currency
	SuspendDays int64 // how long a case may hold money in suspense
}

// DefaultCaps are for a merchant of middle size; amounts in minor units.
func DefaultCaps() Caps {
	return Caps{FixMinor: 50_000_000, PayoutMinor: 10_000_000_000, SuspendDays: 30}
}

// moved and movedAccounts list what a run that is not whole looks at. An account
// carries the end of the log as it was when its balance moved, and some moves add
// nothing to the log. Those with a long history are added up once a day. UNION
// would merge in order of ref, and read the whole log for it.
const (
	moved         = `SELECT ref FROM order_event WHERE seq > {since}` + found
	movedAccounts = `SELECT account FROM account_balance WHERE log_seq >= {since} AND version <= 100000` + found
	found         = ` UNION ALL SELECT ref FROM control_finding WHERE check_id = {check} AND state IN ('OPEN','PROPOSED')`
)

// Query is the statement of the check and its arguments.
func (c *Check) Query(s Scope) (string, []any) {
	text := c.Hits
	if !s.Whole && c.Moved != "" {
		text += " AND " + strings.NewReplacer("{moved}", moved, "{accounts}", movedAccounts).Replace(c.Moved)
	}
	var args []any
	for _, value := range []struct {
		name string
		is   any
	}{
		{"{now}", s.Now}, {"{today}", s.Today}, {"{since}", s.Since}, {"{check}", c.ID}, {"{fix_cap}", s.Caps.FixMinor},
		{"{payout_cap}", s.Caps.PayoutMinor}, {"{suspend_days}", s.Caps.SuspendDays},
	} {
		if strings.Contains(text, value.name) {
			args = append(args, value.is)
			text = strings.ReplaceAll(text, value.name, "$"+strconv.Itoa(len(args)))
		}
	}
	return text, args
}

// Checks returns all checks, in the order in which they are listed.
func Checks() []Check {
	return slices.Concat(paymentChecks, refundChecks, ledgerChecks, accountChecks, timeChecks, settlementChecks, splitChecks, riskChecks, transferChecks, interopChecks)
}

// Find returns the check of an id.
func Find(id string) (Check, bool) {
	all := Checks()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
	if i < 0 {
		return Check{}, false
	}
	return all[i], true
}
